/* reconnect.h - when to dial again: exponential back-off with full jitter, so that a thousand
 * agents whose control plane restarts do not come back in one wave. Pure: time and randomness are
 * arguments. Owns the count of failures only. */
#ifndef AGENT_RECONNECT_H
#define AGENT_RECONNECT_H

#include <stdbool.h>
#include <stdint.h>

/* The first wait is drawn from [0, 1 s], each further one from a range twice as wide, up to this. */
#define RECONNECT_FIRST_MS 1000u
#define RECONNECT_CAP_MS   60000u
/* A tunnel that stood attested this long was a success: the next failure is a first one again. */
#define RECONNECT_STABLE_MS 60000u
/* A control plane may say when to come back; no longer than this is obeyed. */
#define RECONNECT_TOLD_MAX_S 3600

/* A replaced agent waits this long, so that two agents of one id do not take turns for ever. */
#define RECONNECT_REPLACED_MS 60000u

struct reconnect {
	unsigned failures; /* in a row */
	bool attested;
	uint64_t attested_ms; /* since when, where attested */
};

/* Start with no failure. */
void reconnect_init(struct reconnect *r);

/* Note that the tunnel is attested; the first note of a connection counts. */
void reconnect_note_attested(struct reconnect *r, uint64_t now_ms);

/* Note that the control plane took leave: that is no failure. */
void reconnect_note_leave(struct reconnect *r);

/* Note that the connection ended, or could not be made; say how long to wait before the next.
 * `random` is uniform over 64 bits; the wait is drawn from [at_least_ms, at_least_ms + range]. */
uint64_t reconnect_next(
    struct reconnect *r, uint64_t now_ms, uint64_t random, uint64_t at_least_ms);

#endif
