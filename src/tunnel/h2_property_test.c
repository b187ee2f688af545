/* Many exchanges of random sizes, credits and endings, over pipes that cut anywhere and fill up:
 * every byte arrives once and in order, nothing comes above its credit, all counters return to 0,
 * whatever the order of things. Each seed is a world of its own. */
#include "tunnel/h2_pair.h"

#include <stdio.h>

#define CALLS 24
#define STEPS 600
#define SEEDS 80

/* One exchange, as both ends should see it. */
struct talk {
	struct asker a;
	struct backend *b; /* NULL before it came, and when it is over */
	unsigned id;
	size_t up, down; /* sizes of the bodies */
	size_t sent_up, got_up, sent_down; /* got_down: a.got */
	bool has_body, finished, headed;
	bool cut; /* by either end */
};

struct world {
	struct pair *p;
	struct talk talks[CALLS];
	unsigned last_id;
	size_t whole, cut;
	struct h2_opts control, agent;
};

static uint8_t
byte_of(unsigned id, bool up, size_t at)
{
	uint64_t x = (uint64_t)at * 0x9e3779b97f4a7c15u + id * 2u + up;

	return (uint8_t)(x >> 29);
}

static void
check(struct span data, unsigned id, bool up, size_t at)
{
	for (size_t i = 0; i < data.n; i++)
		if (data.p[i] != byte_of(id, up, at + i))
			fail_msg("talk %u: byte %zu is another", id, at + i);
}

static void
got_down(struct asker *a, struct span data)
{
	struct talk *t = a->ctx;

	check(data, t->id, false, a->got - data.n);
	assert_true(a->got <= t->down);
}

static void
got_up(struct backend *b, struct span data)
{
	struct talk *t = b->ctx;

	if (!t)
		return;
	check(data, t->id, true, t->got_up);
	t->got_up += data.n;
	assert_true(t->got_up <= t->up);
}

/* The talk whose number the target holds; an asker may have left long ago. */
static void
on_back(struct backend *b, const struct exchange_request *rq)
{
	struct world *w = b->p->ctx;
	unsigned long id = 0;

	for (size_t i = 1; i < rq->target.n; i++)
		id = id * 10 + (unsigned long)(rq->target.p[i] - '0');
	b->count_only = true;
	b->on_body = got_up;
	for (size_t k = 0; k < CALLS; k++)
		if (w->talks[k].id == id && w->talks[k].a.x) {
			b->ctx = &w->talks[k];
			w->talks[k].b = b;
		}
}

/* -- steps -- */

static void
begin(struct world *w, struct talk *t)
{
	struct pair *p = w->p;
	char target[16];

	asker_fini(&t->a);
	memset(t, 0, sizeof *t);
	asker_init(&t->a, p);
	t->a.count_only = true;
	t->a.on_body = got_down;
	t->a.ctx = t;
	t->id = ++w->last_id;
	t->has_body = pair_random(p, 2);
	t->up = t->has_body ? pair_random(p, pair_random(p, 4) ? 5000 : 300000) : 0;
	t->down = pair_random(p, pair_random(p, 4) ? 5000 : 300000);
	snprintf(target, sizeof target, "/%u", t->id);
	p->send_credit = pair_random(p, 3) ? pair_random(p, 100000) : 0;
	p->waits = false;
	ask(&t->a, t->has_body ? "POST" : "GET", target, t->has_body);
}

static void
send_up(struct world *w, struct talk *t)
{
	static uint8_t piece[70000];
	size_t n = 1 + pair_random(w->p, 70000);

	n = n < t->a.credit ? n : t->a.credit;
	n = n < t->up - t->sent_up ? n : t->up - t->sent_up;
	for (size_t i = 0; i < n; i++)
		piece[i] = byte_of(t->id, true, t->sent_up + i);
	t->sent_up += n;
	if (n)
		asker_send(&t->a, span_of(piece, n));
	if (t->a.x && t->sent_up == t->up && !t->finished) {
		struct fields trailers;

		t->finished = true;
		fields_init(&trailers);
		fields_add_str(&trailers, "T", "1");
		exchange_end(t->a.x, pair_random(w->p, 2) ? &trailers : NULL);
		fields_fini(&trailers);
	}
}

static void
send_down(struct world *w, struct talk *t)
{
	static uint8_t piece[70000];
	struct backend *b = t->b;
	size_t n = 1 + pair_random(w->p, 70000);

	if (!t->headed) {
		t->headed = true;
		if (!pair_random(w->p, 4))
			back_head(b, 103, "Link=x");
		back_head(b, 200, "A=b");
	}
	n = n < b->credit ? n : b->credit;
	n = n < t->down - t->sent_down ? n : t->down - t->sent_down;
	for (size_t i = 0; i < n; i++)
		piece[i] = byte_of(t->id, false, t->sent_down + i);
	t->sent_down += n;
	if (n)
		back_send(b, span_of(piece, n));
	/* Mostly after the request, sometimes before it came whole. */
	if (!b->over && t->sent_down == t->down
	    && (b->ended || !t->has_body || !pair_random(w->p, 50))) {
		t->b = NULL;
		back_finish(b);
	}
}

static void
grant(struct world *w, struct talk *t)
{
	static const uint32_t most[] = {10, 1000, 70000, 300000};

	if (t->a.x && t->a.granted < LIMIT_H2_STREAM_WINDOW)
		asker_grant(&t->a, 1 + pair_random(w->p, most[pair_random(w->p, 4)]));
	if (t->b && !t->b->over) {
		size_t n = 1 + pair_random(w->p, most[pair_random(w->p, 4)]);

		t->b->granted += n;
		t->b->x.events->credit(t->b->x.ctx, n);
	}
}

static void
cut(struct world *w, struct talk *t)
{
	struct backend *b = t->b;

	t->cut = true;
	t->b = NULL;
	if (b)
		b->ctx = NULL;
	if (b && !b->over && pair_random(w->p, 2))
		back_fail(b, REASON_PEER_LOST);
	else if (t->a.x)
		asker_leave(&t->a);
}

static void
move(struct world *w)
{
	struct pair *p = w->p;

	for (uint32_t i = pair_random(p, 6); i > 0; i--)
		switch (pair_random(p, 4)) {
		case 0:
			deliver_up(p, 1 + pair_random(p, 40000));
			break;
		case 1:
			deliver_down(p, 1 + pair_random(p, 40000));
			break;
		default:
			pair_flush(p);
		}
}

static void
judge(struct world *w)
{
	struct h2_stats a = h2_client_stats(w->p->client), b = h2_server_stats(w->p->server);

	if (w->p->client_broke || w->p->server_broke)
		fail_msg("broke: %s / %s", w->p->client_err.detail, w->p->server_err.detail);
	assert_true(a.unconsumed <= w->control.tunnel_window);
	assert_true(b.unconsumed <= w->agent.tunnel_window);
	for (size_t i = 0; i < CALLS; i++) {
		struct talk *t = &w->talks[i];

		if (t->b && t->b->over && t->b->reset) {
			t->b->ctx = NULL;
			t->b = NULL;
		}
		if (!t->id || t->a.x)
			continue;
		if (t->a.ended)
			assert_int_equal(t->a.got, t->down);
		else
			assert_true(t->cut);
		w->whole += t->a.ended;
		w->cut += !t->a.ended;
		if (t->b)
			t->b->ctx = NULL;
		t->b = NULL;
		t->id = 0;
	}
}

static void
step(struct world *w, bool more)
{
	struct pair *p = w->p;
	struct talk *t = &w->talks[pair_random(p, CALLS)];
	uint32_t what = pair_random(p, more ? 60 : 59);

	if (!t->id && more)
		begin(w, t);
	else if (t->id && what == 59)
		cut(w, t);
	else if (t->a.x && t->has_body && what < 20)
		send_up(w, t);
	else if (t->b && !t->b->over && what < 40)
		send_down(w, t);
	else if (t->id)
		grant(w, t);
	judge(w);
	move(w);
	judge(w);
}

static void
finish(struct world *w)
{
	struct pair *p = w->p;

	p->up.room = p->down.room = SIZE_MAX;
	for (int i = 0; h2_client_in_flight(p->client) || h2_server_in_flight(p->server); i++) {
		if (i > 100000)
			fail_msg("stuck: %zu", h2_client_in_flight(p->client));
		step(w, false);
		if (i % 64 == 0) {
			pair_wait(p, 1);
			p->now -= 250; /* nothing is overdue yet */
		}
	}
	pair_run(p);
	judge(w);
	pair_expect_quiet(p);
}

static void
play(uint32_t seed, size_t *whole, size_t *was_cut)
{
	static const size_t windows[] = {1000, 20000, 70000, LIMIT_H2_STREAM_WINDOW};
	struct world *w = calloc(1, sizeof *w);
	struct pair *p;

	assert_non_null(w);
	w->control.stream_window = windows[seed % 4];
	w->agent.stream_window = windows[seed / 4 % 4];
	w->control.tunnel_window = w->agent.tunnel_window = seed % 3 ? 1u << 18 : 1u << 24;
	w->control.max_requests = 40;
	w->p = p = pair_new(&w->control, &w->agent);
	p->ctx = w;
	p->seed = seed * 7919 + 1;
	p->split = true;
	p->on_back = on_back;
	if (seed % 2)
		p->up.room = p->down.room = 1 + pair_random(p, 50000);
	for (int i = 0; i < STEPS; i++) {
		step(w, true);
		/* Now and then all rest, and the session ends. */
		if (i % 200 == 199) {
			finish(w);
			pair_wait(p, 11000);
			assert_false(h2_client_wants_tick(p->client));
			pair_sweep(p);
		}
	}
	finish(w);
	*whole += w->whole;
	*was_cut += w->cut;
	pair_free(p);
	for (size_t i = 0; i < CALLS; i++)
		asker_fini(&w->talks[i].a);
	free(w);
}

static void
keeps_every_promise(void **state)
{
	size_t whole = 0, was_cut = 0;

	for (uint32_t seed = 0; seed < SEEDS; seed++)
		play(seed, &whole, &was_cut);
	assert_true(whole > 10 * SEEDS);
	assert_true(was_cut > SEEDS / 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(keeps_every_promise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
