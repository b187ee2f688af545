/* Each allocation of both ends fails once, nghttp2's included, then all from it on: nothing crashes
 * or leaks, every asker hears an end, and who broke says so. Linked with --wrap. */
#include "base/nomem.h"

#include "tunnel/h2_pair.h"

/* Room for everything, before memory gets short. */
static void
reserve(struct buf *b, size_t n)
{
	assert_non_null(buf_grow(b, n));
}

static bool
ask_with(struct asker *a, struct exchange_request rq)
{
	struct fields f;
	struct err e = {0};

	fields_init(&f);
	fields_add_str(&f, "Host", "a");
	fields_add_str(&f, "Cookie", "a=b");
	rq.request_id = "r";
	rq.fields = &f;
	rq.timeout_ms = 15000;
	if (fields_ok(&f) && !asker_open(a, &rq, &e)) {
		assert_true(e.code != ERR_NONE);
		a->why = e.reason;
	} else if (!fields_ok(&f)) {
		a->why = REASON_NO_MEMORY;
	}
	fields_fini(&f);
	if (a->x)
		asker_grant(a, 100000);
	return a->x != NULL;
}

static void
trailers(struct asker *a, struct backend *b)
{
	struct fields t;

	fields_init(&t);
	fields_add_str(&t, "T", "1");
	if (a && a->x)
		exchange_end(a->x, &t);
	if (b && !b->over) {
		b->over = true;
		b->x.events->end(b->x.ctx, &t);
	}
	fields_fini(&t);
}

/* A request and its answer, if things go that far. */
static void
talk(struct pair *p, struct asker *a)
{
	static uint8_t zeros[40000];
	struct backend *b;

	if (a->x && a->credit >= sizeof zeros)
		asker_send(a, span_of(zeros, sizeof zeros));
	trailers(a, NULL);
	pair_run(p);
	b = p->n_backs ? p->backs[p->n_backs - 1] : NULL;
	if (!b || b->over)
		return;
	b->regrant = LIMIT_H2_MESSAGE;
	b->granted += 50000;
	b->x.events->credit(b->x.ctx, 50000);
	if (!b->over)
		back_head(b, 103, NULL);
	if (!b->over)
		back_head(b, 200, NULL);
	if (!b->over && b->credit >= sizeof zeros)
		back_send(b, span_of(zeros, sizeof zeros));
	trailers(NULL, b);
	pair_run(p);
}

static bool
whole(struct pair *p, struct asker *a)
{
	struct h2_stats s;
	struct err gone = {0};

	/* An agent that broke closes the WebSocket. */
	err_set(&gone, ERR_IO, REASON_TUNNEL_LOST, "closed");
	if (p->server_broke)
		h2_client_reset_all(p->client, &gone);
	s = h2_client_stats(p->client);
	/* An end in every case, and a reason where it is not the right one. */
	assert_null(a->x);
	assert_true(a->ended || a->why != REASON_OK);
	assert_int_equal(s.streams + s.waiting + s.unconsumed + s.queued, 0);
	return a->ended && a->got == 40000;
}

static bool
run_all(struct pair *p, struct asker *a)
{
	const struct exchange_request post = {
	    .method = span_str("POST"), .target = span_str("/"), .has_body = true};
	const struct exchange_request upgrade = {
	    .method = span_str("GET"), .target = span_str("/"), .has_body = true, .upgrade = true};
	struct err e = {0};
	bool ok;

	/* An upgrade waits for settings; both share the first session. */
	if (ask_with(&a[0], upgrade))
		pair_run(p);
	talk(p, &a[0]);
	ok = whole(p, &a[0]);
	ask_with(&a[1], post);
	talk(p, &a[1]);
	ok = whole(p, &a[1]) && ok;
	/* The session ends; one waits for the next. */
	for (int i = 0; i < 2; i++, p->now += 11000)
		note(h2_client_tick(p->client, p->now, &e), &p->client_broke, &e, &p->client_err);
	if (ask_with(
		&a[2], (struct exchange_request){
			   .method = span_str("PUT"), .target = span_str("/"), .has_body = true}))
		pair_run(p);
	talk(p, &a[2]);
	return whole(p, &a[2]) && ok;
}

static bool
run(void *ctx)
{
	long left = nomem.left;
	struct pair *p;
	struct asker a[3];
	bool ok;

	nomem.left = -1;
	p = pair_new(NULL, NULL);
	p->send_credit = 20000;
	reserve(&p->up.bytes, 1u << 18);
	reserve(&p->down.bytes, 1u << 18);
	for (int i = 0; i < 3; i++) {
		asker_init(&a[i], p);
		a[i].count_only = true;
		reserve(&a[i].told, 1000);
	}
	nomem.left = left;
	ok = run_all(p, a);
	if (p->client_broke)
		assert_true(p->client_err.code != ERR_NONE);
	pair_free(p);
	for (int i = 0; i < 3; i++)
		asker_fini(&a[i]);
	return ok;
}

static void
survives_every_failed_allocation(void **state)
{
	size_t before = nomem.now;
	long n = nomem_each(run, NULL, 5000);

	assert_true(n > 50);
	assert_int_equal(nomem.now, before);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(survives_every_failed_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
