/* loop_impl.h - inside of a loop, for loop.c and timer.c only. */
#ifndef NET_LOOP_IMPL_H
#define NET_LOOP_IMPL_H

#include "net/loop.h"
#include <uv.h>

#define LOOP_SIGNALS 4

struct loop_signal {
	uv_signal_t h;
	struct net_loop *loop;
	void (*cb)(struct net_loop *l, int signo, void *ctx);
	void *ctx;
	int signo; /* 0: free */
};

struct net_loop {
	uv_loop_t uv;
	uv_timer_t clock; /* rings for the earliest of `timers` */
	uv_prepare_t prepare; /* runs what was deferred before the loop waits */
	struct net_timer *timers;
	uint64_t seq, armed_ms;
	struct net_defer defers; /* ring's head */
	struct net_item items; /* ring's head */
	struct loop_signal signals[LOOP_SIGNALS];
	uint8_t *scratch;
	bool freeing, stopped;
};

void net_loop_run_deferred(struct net_loop *l);

#endif
