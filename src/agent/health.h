/* health.h - is the backend well? Probes it from the agent's start to its end, whatever becomes of
 * the tunnels, and says so: at every change, and again at an interval, since control planes believe
 * a word for a while only. Owns the probe that runs. */
#ifndef AGENT_HEALTH_H
#define AGENT_HEALTH_H

#include "agent/backend_address.h"
#include "agent/readiness.h"
#include "base/log.h"

/* A word is said again at the interval of the probes, and at least this often: a quarter of what
 * ee-control waits by default (EE_HEALTH_TIMEOUT_SEC). */
#define HEALTH_SAY_MS 30000u

struct health_opts {
	const struct backend_address *address; /* must outlive the prober, as host and path */
	const char *host; /* Host of the probe; NULL: the address's */
	const char *path; /* NULL: a TCP connect */
	uint64_t timeout_ms; /* of one probe; no longer than the interval counts */
	struct readiness_rules rules;
	const char *backend; /* its name in the log */
	struct log *log;
	void (*say)(void *ctx, bool pass);
	void *ctx;
};

struct health;

/* Make a prober; the first probe begins when the loop runs, and the start's grace now. */
MUST_CHECK struct health *health_new(
    struct net_loop *l, const struct health_opts *o, struct err *e);

/* What is known now. */
enum readiness_state health_state(const struct health *h);

/* Stop and free; nothing is said any more. Takes NULL. */
void health_free(struct health *h);

#endif
