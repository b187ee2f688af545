/* timer.c - timers and deferred calls of the loop: a pairing heap of timers that live in their
 * owners, so that starting cannot fail and stopping is at once. */
#include "net/loop_impl.h"

static bool
timer_before(const struct net_timer *a, const struct net_timer *b)
{
	return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->seq < b->seq;
}

/* Make the later of two roots the first child of the earlier. */
static struct net_timer *
heap_merge(struct net_timer *a, struct net_timer *b)
{
	if (!a || !b)
		return a ? a : b;
	if (timer_before(b, a)) {
		struct net_timer *t = a;

		a = b;
		b = t;
	}
	b->prev = a;
	b->next = a->child;
	if (a->child)
		a->child->prev = b;
	a->child = b;
	a->next = a->prev = NULL;
	return a;
}

/* Make one heap of a list of siblings: pairs from the left, then all from the right. */
static struct net_timer *
heap_merge_list(struct net_timer *list)
{
	struct net_timer *pairs = NULL, *root = NULL;

	while (list) {
		struct net_timer *a = list, *b = a->next;

		list = b ? b->next : NULL;
		a->next = a->prev = NULL;
		if (b)
			b->next = b->prev = NULL;
		a = heap_merge(a, b);
		a->next = pairs;
		pairs = a;
	}
	while (pairs) {
		struct net_timer *a = pairs;

		pairs = a->next;
		a->next = NULL;
		root = heap_merge(root, a);
	}
	return root;
}

static struct net_timer *
heap_remove(struct net_timer *root, struct net_timer *t)
{
	struct net_timer *rest = heap_merge_list(t->child);

	t->child = NULL;
	if (t == root)
		return rest;
	if (t->prev->child == t)
		t->prev->child = t->next;
	else
		t->prev->next = t->next;
	if (t->next)
		t->next->prev = t->prev;
	t->next = t->prev = NULL;
	return heap_merge(root, rest);
}

static void loop_arm(struct net_loop *l);

static void
on_clock(uv_timer_t *h)
{
	struct net_loop *l = h->data;
	uint64_t now = uv_now(&l->uv), first_new = l->seq;

	l->armed_ms = 0;
	/* A timer that a callback starts for "now" waits for the next round. */
	while (l->timers && l->timers->due_ms <= now && l->timers->seq < first_new) {
		struct net_timer *t = l->timers;
		void (*cb)(void *) = t->cb;
		void *ctx = t->ctx;

		if (t->every_ms > 0)
			net_timer_repeat(l, t, t->every_ms, cb, ctx);
		else
			net_timer_stop(t);
		cb(ctx);
	}
	loop_arm(l);
}

/* Set libuv's one timer to the earliest of ours. */
static void
loop_arm(struct net_loop *l)
{
	uint64_t now = uv_now(&l->uv);

	if (l->freeing)
		return;
	if (!l->timers) {
		uv_timer_stop(&l->clock);
		l->armed_ms = 0;
		return;
	}
	/* An alarm that comes too early costs one empty round; moving it costs every time. */
	if (l->armed_ms != 0 && l->armed_ms <= l->timers->due_ms)
		return;
	l->armed_ms = l->timers->due_ms ? l->timers->due_ms : 1;
	uv_timer_start(
	    &l->clock, on_clock, l->timers->due_ms > now ? l->timers->due_ms - now : 0, 0);
}

static void
timer_set(struct net_loop *l, struct net_timer *t, uint64_t after_ms, uint64_t every_ms,
    void (*cb)(void *ctx), void *ctx)
{
	if (t->loop)
		t->loop->timers = heap_remove(t->loop->timers, t);
	*t = (struct net_timer){.loop = l, .every_ms = every_ms, .cb = cb, .ctx = ctx};
	t->due_ms = uv_now(&l->uv) + after_ms;
	t->seq = l->seq++;
	l->timers = heap_merge(l->timers, t);
	loop_arm(l);
}

void
net_timer_start(
    struct net_loop *l, struct net_timer *t, uint64_t after_ms, void (*cb)(void *ctx), void *ctx)
{
	timer_set(l, t, after_ms, 0, cb, ctx);
}

void
net_timer_repeat(
    struct net_loop *l, struct net_timer *t, uint64_t every_ms, void (*cb)(void *ctx), void *ctx)
{
	timer_set(l, t, every_ms, every_ms > 0 ? every_ms : 1, cb, ctx);
}

void
net_timer_stop(struct net_timer *t)
{
	struct net_loop *l = t->loop;

	if (!l)
		return;
	l->timers = heap_remove(l->timers, t);
	t->loop = NULL;
	/* The loop runs on while libuv's timer does. */
	if (!l->timers)
		loop_arm(l);
}

void
net_defer_call(struct net_loop *l, struct net_defer *d, void (*cb)(void *ctx), void *ctx)
{
	if (d->loop)
		return;
	*d = (struct net_defer){l, &l->defers, l->defers.prev, cb, ctx};
	d->prev->next = d;
	l->defers.prev = d;
}

void
net_defer_stop(struct net_defer *d)
{
	if (!d->loop)
		return;
	d->prev->next = d->next;
	d->next->prev = d->prev;
	d->loop = NULL;
}

void
net_loop_run_deferred(struct net_loop *l)
{
	while (l->defers.next != &l->defers) {
		struct net_defer *d = l->defers.next;

		net_defer_stop(d);
		d->cb(d->ctx);
	}
}
