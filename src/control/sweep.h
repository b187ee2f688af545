/* sweep.h - what ends by the wall clock: registrations, and what verdicts rest on (standing.h). Looks
 * every half minute, and at the second in which the next of those that are connected ends. Owns
 * nothing. */
#ifndef CONTROL_SWEEP_H
#define CONTROL_SWEEP_H

#include <stdint.h>

struct control;

/* Begin. */
void sweep_begin(struct control *c);

/* A registration with a replica, or what its verdict rests on, ends at that moment (wall clock). */
void sweep_note_end(struct control *c, int64_t at_s);

#endif
