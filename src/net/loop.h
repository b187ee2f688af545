/* loop.h - the one event loop of a program, around libuv's, with timers, signals and deferred
 * calls. Owns every handle that the rest of net/ opens on it. Not thread-safe: everything in
 * net/ belongs to the thread that runs the loop, except wake_send (worker.h).
 *
 * Rules of lifetime, the same for every object of net/ that says so:
 *  - x_close() may be called at any time, any number of times, from any callback;
 *  - on_close comes exactly once, later, from the loop, never from inside a call of yours;
 *    it is the last callback of the object, which is freed when it returns;
 *  - no callback ever comes from inside a call of yours, so state may be set after the call. */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include "base/err.h"
#include <stdint.h>

struct net_loop;
struct uv_loop_s;

/* Make a loop. SIGPIPE is ignored from here on. NULL, and e set, when the system refuses. */
MUST_CHECK struct net_loop *net_loop_new(struct err *e);

/* Run until net_loop_stop, or until nothing is left that could call back. */
void net_loop_run(struct net_loop *l);

/* Make net_loop_run return after the current round. */
void net_loop_stop(struct net_loop *l);

/* Close every object that is still open (their on_close callbacks are called, so what those use
 * must still be alive), wait for the worker jobs that run, and free the loop. Takes NULL. */
void net_loop_free(struct net_loop *l);

/* Monotonic milliseconds, as of the start of this round of the loop. */
uint64_t net_loop_now_ms(const struct net_loop *l);

/* Call cb for every delivery of a signal (SIGTERM, SIGINT, SIGHUP), on the loop. A second call
 * for the same signal replaces the callback. Signals alone do not keep the loop running. */
MUST_CHECK bool net_loop_on_signal(struct net_loop *l, int signo,
    void (*cb)(struct net_loop *l, int signo, void *ctx), void *ctx, struct err *e);

/* A timer lives inside its owner's struct, zero-initialised. Stopping is at once: after
 * net_timer_stop, or inside its own callback, the owner may be freed. Starting cannot fail. */
struct net_timer {
	struct net_loop *loop; /* set while it runs */
	struct net_timer *child, *next, *prev; /* heap's links */
	uint64_t due_ms, seq;
	uint64_t every_ms;
	void (*cb)(void *ctx);
	void *ctx;
};

/* Call cb(ctx) once, after_ms from now; a running timer is moved to the new time. */
void net_timer_start(
    struct net_loop *l, struct net_timer *t, uint64_t after_ms, void (*cb)(void *ctx), void *ctx);

/* Call cb(ctx) every `every_ms` (> 0), the first time after that long. */
void net_timer_repeat(
    struct net_loop *l, struct net_timer *t, uint64_t every_ms, void (*cb)(void *ctx), void *ctx);

/* Stop a timer; one that does not run (or was zeroed) is left alone. */
void net_timer_stop(struct net_timer *t);

/* Say whether the timer will still call. */
static inline bool
net_timer_is_running(const struct net_timer *t)
{
	return t->loop != NULL;
}

/* A deferred call lives inside its owner's struct, zero-initialised: cb(ctx) once, before the
 * loop next waits. Asking again while it is pending changes nothing. */
struct net_defer {
	struct net_loop *loop; /* set while it is pending */
	struct net_defer *next, *prev;
	void (*cb)(void *ctx);
	void *ctx;
};

void net_defer_call(struct net_loop *l, struct net_defer *d, void (*cb)(void *ctx), void *ctx);

/* Forget a pending call. */
void net_defer_stop(struct net_defer *d);

/* -- for the other modules of net/ only -- */

/* What net_loop_free closes when its owner has not. */
struct net_item {
	struct net_item *next, *prev;
	void (*shut)(struct net_item *self);
};

void net_loop_add(struct net_loop *l, struct net_item *i, void (*shut)(struct net_item *self));
void net_loop_remove(struct net_item *i);

struct uv_loop_s *net_loop_uv(struct net_loop *l);

/* 64 KiB that any read callback may use until it returns. */
#define NET_SCRATCH 65536u
uint8_t *net_loop_scratch(struct net_loop *l);

/* Record a libuv error number as an I/O failure; returns false. */
bool net_err_uv(struct err *e, enum reason r, const char *what, int uv_error);

#endif
