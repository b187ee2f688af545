/* worker.h - work off the loop: jobs on libuv's pool, and a wake-up of the loop from another
 * thread. Owns the job's bookkeeping, never the job. */
#ifndef NET_WORKER_H
#define NET_WORKER_H

#include "net/loop.h"

/* Run work(job) on a pool thread, then done(job, ran) on the loop, exactly once. `ran` is false
 * when the loop was freed before a thread took the job. work may touch the job only. */
MUST_CHECK bool worker_run(struct net_loop *l, void (*work)(void *job),
    void (*done)(void *job, bool ran), void *job, struct err *e);

struct wake;

/* Make a wake-up: each wake_send leads to at least one cb(ctx) on the loop after it (several may
 * become one). An open wake-up keeps the loop running. */
MUST_CHECK struct wake *wake_new(
    struct net_loop *l, void (*cb)(void *ctx), void *ctx, struct err *e);

/* Wake the loop. The one call of net/ that any thread may make; not after wake_close. */
void wake_send(struct wake *w);

/* Close; no cb comes after this returns. Freed later by the loop. Takes NULL. The caller forgets
 * the pointer: unlike other objects, a wake-up is closed once. */
void wake_close(struct wake *w);

#endif
