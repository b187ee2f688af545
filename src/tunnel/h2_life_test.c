/* A tunnel's life: sessions that come and go, time, stopping, and owners who leave in the middle. */
#include "tunnel/h2_pair.h"

static void
answer(struct pair *p, size_t i)
{
	back_head(pair_back(p, i), 200, NULL);
	back_finish(pair_back(p, i));
	pair_run(p);
}

static bool
has_session(const struct pair *p)
{
	return h2_client_wants_tick(p->client);
}

static void
holds_no_session_when_idle(void **state)
{
	struct pair *p = pair_new(NULL, NULL);
	struct asker a;

	asker_init(&a, p);
	assert_false(has_session(p));
	for (size_t i = 0; i < 3; i++) {
		ask(&a, "GET", "/", false);
		assert_true(has_session(p));
		pair_run(p);
		pair_wait(p, 14000); /* an exchange is not idleness */
		assert_true(has_session(p));
		answer(p, i);
		assert_true(a.ended);
		pair_wait(p, 9750);
		assert_true(has_session(p));
		pair_wait(p, 500);
		assert_false(has_session(p));
		pair_expect_quiet(p);
	}
	asker_fini(&a);
	pair_free(p);
}

/* What comes between h2_end and its echo waits, and goes first into the next session. */
static void
waits_for_the_echo(void **state)
{
	struct pair *p = pair_new(NULL, NULL);
	struct asker a, b;
	struct err e = {0};

	asker_init(&a, p);
	asker_init(&b, p);
	ask(&a, "GET", "/", false);
	pair_run(p);
	answer(p, 0);
	p->now += 250;
	assert_true(h2_client_tick(p->client, p->now, &e));
	p->now += 10000;
	assert_true(h2_client_tick(p->client, p->now, &e));
	assert_true(p->up.end_at != SIZE_MAX);
	ask(&a, "POST", "/a", true);
	assert_int_equal(a.credit, 0);
	ask(&b, "GET", "/b", false);
	asker_leave(&b);
	ask(&b, "GET", "/b", false);
	assert_int_equal(h2_client_stats(p->client).waiting, 2);
	exchange_end(a.x, NULL);
	pair_run(p);
	assert_int_equal(h2_client_stats(p->client).waiting, 0);
	expect_told(&pair_back(p, 1)->told, "POST /a Host=a.");
	expect_told(&pair_back(p, 2)->told, "GET /b Host=a -");
	answer(p, 1);
	answer(p, 2);
	assert_true(a.ended && b.ended);
	pair_expect_quiet(p);
	asker_fini(&a);
	asker_fini(&b);
	pair_free(p);
}

/* An upgrade that waits for the echo waits for the new session's settings, too. */
static void
upgrades_wait_twice(void **state)
{
	struct pair *p = pair_new(NULL, NULL);
	struct asker a;
	struct fields f;
	struct exchange_request rq = {.request_id = "r",
	    .method = span_str("GET"),
	    .target = span_str("/ws"),
	    .fields = &f,
	    .has_body = true,
	    .upgrade = true};
	struct err e = {0};

	asker_init(&a, p);
	fields_init(&f);
	ask(&a, "GET", "/", false);
	pair_run(p);
	answer(p, 0);
	for (int i = 0; i < 2; i++, p->now += 11000)
		assert_true(h2_client_tick(p->client, p->now, &e));
	assert_true(asker_open(&a, &rq, &e));
	pair_run(p);
	expect_told(&pair_back(p, 1)->told, "GET /ws UPGRADE");
	answer(p, 1);
	assert_true(a.ended);
	pair_expect_quiet(p);
	fields_fini(&f);
	asker_fini(&a);
	pair_free(p);
}

static void
does_not_wait_for_ever(void **state)
{
	struct pair *p = pair_new(NULL, NULL);
	struct asker a;
	struct err e = {0};

	asker_init(&a, p);
	ask(&a, "GET", "/", false);
	pair_run(p);
	answer(p, 0);
	p->now += 250;
	assert_true(h2_client_tick(p->client, p->now, &e));
	p->now += 10000;
	assert_true(h2_client_tick(p->client, p->now, &e));
	ask(&a, "GET", "/", false);
	/* Bytes of the old session mean nothing. */
	assert_true(h2_client_recv(p->client, span_str("anything"), p->now, &e));
	p->now += 15000;
	assert_true(h2_client_tick(p->client, p->now, &e));
	assert_int_equal(a.why, REASON_PROXY_TIMEOUT);
	ask(&a, "GET", "/", false);
	p->now += 15000;
	assert_false(h2_client_tick(p->client, p->now, &e));
	assert_int_equal(e.reason, REASON_PEER_IDLE);
	assert_null(a.x);
	assert_false(h2_client_wants_tick(p->client));
	assert_null(h2_client_open(p->client,
	    &(struct exchange_request){.method = span_str("GET"), .target = span_str("/")},
	    &asker_events, &a, p->now, &e));
	/* The text was never handed on: there is nothing for the agent to echo. */
	p->up.end_at = SIZE_MAX;
	asker_fini(&a);
	pair_free(p);
}

static void
refuses_unasked_ends(void **state)
{
	for (int with_session = 0; with_session < 2; with_session++) {
		struct pair *p = pair_new(NULL, NULL);
		struct asker a;
		struct err e = {0};

		asker_init(&a, p);
		if (with_session) {
			ask(&a, "GET", "/", false);
			pair_run(p);
		}
		assert_false(h2_client_end(p->client, p->now, &e));
		assert_int_equal(e.reason, REASON_PROTOCOL_ERROR);
		assert_int_equal(reason_ws(e.reason), 1002);
		if (with_session)
			assert_int_equal(a.why, REASON_TUNNEL_LOST);
		memset(&e, 0, sizeof e);
		assert_false(h2_server_end(p->server, &e));
		assert_int_equal(e.reason, REASON_PROTOCOL_ERROR);
		assert_int_equal(h2_server_in_flight(p->server), 0);
		/* And from then on nothing happens any more. */
		assert_true(h2_client_end(p->client, p->now, &e));
		assert_true(h2_client_recv(p->client, span_str("x"), p->now, &e));
		assert_true(h2_client_tick(p->client, p->now, &e));
		assert_true(h2_server_recv(p->server, span_str("x"), p->now, &e));
		asker_fini(&a);
		pair_free(p);
	}
}

static void
refuses_bytes_without_a_session(void **state)
{
	struct pair *p = pair_new(NULL, NULL);
	struct err e = {0};

	assert_false(h2_client_recv(p->client, span_str("x"), p->now, &e));
	assert_int_equal(e.reason, REASON_PROTOCOL_ERROR);
	pair_free(p);
}

/* Stream ids are used up: the next session takes over, at the latest after a while. */
static void
renews_worn_sessions(void **state)
{
	struct h2_opts o = {.max_requests = 3};
	struct pair *p = pair_new(&o, NULL);
	struct asker a[5];

	for (int i = 0; i < 5; i++) {
		asker_init(&a[i], p);
		ask(&a[i], "GET", "/", false);
	}
	pair_run(p);
	assert_int_equal(p->n_backs, 3);
	assert_int_equal(h2_client_stats(p->client).waiting, 2);
	for (size_t i = 0; i < 3; i++)
		answer(p, i);
	pair_wait(p, 250);
	assert_int_equal(p->n_backs, 5);
	answer(p, 3);
	answer(p, 4);
	for (int i = 0; i < 5; i++)
		assert_true(a[i].ended);
	pair_expect_quiet(p);
	/* One that does not end is cut, so that the others need not wait for ever. */
	ask(&a[0], "GET", "/", false);
	pair_run(p);
	ask(&a[1], "GET", "/", false);
	back_head(pair_back(p, 5), 200, NULL);
	pair_wait(p, 10000);
	assert_non_null(a[0].x);
	assert_int_equal(p->n_backs, 6);
	pair_wait(p, 500);
	assert_int_equal(a[0].why, REASON_TUNNEL_LOST);
	assert_int_equal(p->n_backs, 7);
	answer(p, 6);
	assert_true(a[1].ended);
	pair_expect_quiet(p);
	for (int i = 0; i < 5; i++)
		asker_fini(&a[i]);
	pair_free(p);
}

static void
keeps_time(void **state)
{
	struct pair *p = pair_new(NULL, NULL);
	struct asker a;
	struct backend *b;

	asker_init(&a, p);
	ask(&a, "GET", "/", false);
	pair_wait(p, 14750);
	assert_non_null(a.x);
	pair_wait(p, 500);
	assert_int_equal(a.why, REASON_PROXY_TIMEOUT);
	assert_true(pair_back(p, 0)->reset);
	/* A head in time, a body at leisure. */
	ask(&a, "GET", "/", false);
	pair_run(p);
	b = pair_back(p, 1);
	back_head(b, 200, NULL);
	pair_wait(p, 60000);
	assert_non_null(a.x);
	back_finish(b);
	pair_run(p);
	assert_true(a.ended);
	/* A slow visitor is not the agent's fault; nor is a long upload that moves. */
	p->send_credit = 10;
	ask(&a, "PUT", "/", true);
	pair_wait(p, 60000);
	assert_non_null(a.x);
	for (int i = 0; i < 10; i++) {
		asker_send(&a, span_str("0123456789"));
		pair_wait(p, 10000);
		assert_non_null(a.x);
	}
	exchange_end(a.x, NULL);
	pair_wait(p, 14500);
	assert_non_null(a.x);
	pair_wait(p, 1000);
	assert_int_equal(a.why, REASON_PROXY_TIMEOUT);
	pair_expect_quiet(p);
	asker_fini(&a);
	pair_free(p);
}

/* Whoever is waited for: here the backend, which does not read, then does not say 100, then says
 * nothing to a WebSocket. */
static void
keeps_time_of_uploads(void **state)
{
	struct pair *p = pair_new(NULL, NULL);
	struct asker a;
	struct fields f;
	struct exchange_request rq = {.request_id = "r",
	    .method = span_str("PUT"),
	    .target = span_str("/"),
	    .fields = &f,
	    .has_body = true,
	    .expect_continue = true,
	    .timeout_ms = 15000};
	struct err e = {0};

	asker_init(&a, p);
	p->send_credit = 10;
	ask(&a, "PUT", "/", true);
	pair_run(p);
	for (int i = 0; i < 100 && a.credit; i++) {
		static uint8_t zeros[LIMIT_H2_SEND_AHEAD];

		asker_send(&a, span_of(zeros, a.credit));
		pair_run(p);
	}
	pair_wait(p, 14500);
	assert_non_null(a.x);
	pair_wait(p, 1000);
	assert_int_equal(a.why, REASON_PROXY_TIMEOUT);
	p->waits = true;
	fields_init(&f);
	for (int i = 0; i < 2; i++) {
		assert_true(asker_open(&a, &rq, &e));
		pair_wait(p, 14500);
		assert_non_null(a.x);
		pair_wait(p, 1000);
		assert_int_equal(a.why, REASON_PROXY_TIMEOUT);
		rq.method = span_str("GET");
		rq.upgrade = true;
		rq.expect_continue = false;
	}
	fields_fini(&f);
	pair_expect_quiet(p);
	asker_fini(&a);
	pair_free(p);
}

static void
refuses_when_busy(void **state)
{
	enum { N = 10 };
	struct h2_opts few = {.max_streams = N}, fewer = {.max_streams = N / 2};
	struct pair *p = pair_new(&few, &fewer);
	struct asker a[N + 1];
	struct err e = {0};
	size_t busy = 0;

	for (int i = 0; i < N; i++) {
		asker_init(&a[i], p);
		ask(&a[i], "GET", "/", false);
	}
	struct fields f;
	fields_init(&f);
	struct exchange_request rq = {
	    .request_id = "r", .method = span_str("GET"), .target = span_str("/"), .fields = &f};
	asker_init(&a[N], p);
	assert_false(asker_open(&a[N], &rq, &e));
	assert_int_equal(e.reason, REASON_AGENT_BUSY);
	assert_true(exchange_was_refused(&e));
	/* The agent takes fewer, which is not known before its settings came. */
	pair_run(p);
	for (int i = 0; i < N; i++)
		busy += a[i].why == REASON_AGENT_BUSY;
	assert_int_equal(busy, N / 2);
	assert_int_equal(h2_client_in_flight(p->client), N / 2);
	memset(&e, 0, sizeof e);
	assert_false(asker_open(&a[N], &rq, &e));
	assert_int_equal(e.reason, REASON_AGENT_BUSY);
	fields_fini(&f);
	for (size_t i = 0; i < N / 2; i++)
		answer(p, i);
	pair_expect_quiet(p);
	for (int i = 0; i <= N; i++)
		asker_fini(&a[i]);
	pair_free(p);
}

static void
drains_on_our_side(void **state)
{
	struct pair *p = pair_new(NULL, NULL);
	struct asker a;
	struct err e = {0};
	struct fields f;

	asker_init(&a, p);
	fields_init(&f);
	ask(&a, "GET", "/", false);
	pair_run(p);
	h2_client_drain(p->client);
	assert_null(h2_client_open(p->client,
	    &(struct exchange_request){
		.method = span_str("GET"), .target = span_str("/"), .fields = &f},
	    &asker_events, NULL, p->now, &e));
	assert_int_equal(e.reason, REASON_DRAINING);
	assert_int_equal(h2_client_in_flight(p->client), 1);
	answer(p, 0);
	assert_true(a.ended);
	assert_int_equal(h2_client_in_flight(p->client), 0);
	pair_expect_quiet(p);
	fields_fini(&f);
	asker_fini(&a);
	pair_free(p);
}

/* The agent stops: what it began goes on, what it did not may be asked elsewhere. */
static void
drains_on_the_agents_side(void **state)
{
	struct pair *p = pair_new(NULL, NULL);
	struct asker begun, late, later;
	struct err e = {0};
	struct fields f;

	asker_init(&begun, p);
	asker_init(&late, p);
	asker_init(&later, p);
	ask(&begun, "GET", "/", false);
	pair_run(p);
	ask(&late, "POST", "/", true);
	h2_server_drain(p->server);
	h2_server_drain(p->server);
	pair_run(p);
	assert_true(p->draining);
	assert_int_equal(late.why, REASON_AGENT_DRAINING);
	assert_int_equal(p->n_backs, 1);
	fields_init(&f);
	assert_null(h2_client_open(p->client,
	    &(struct exchange_request){
		.method = span_str("GET"), .target = span_str("/"), .fields = &f},
	    &asker_events, NULL, p->now, &e));
	assert_int_equal(e.reason, REASON_AGENT_DRAINING);
	assert_true(exchange_was_refused(&e));
	assert_int_equal(h2_server_in_flight(p->server), 1);
	answer(p, 0);
	assert_true(begun.ended);
	assert_int_equal(h2_server_in_flight(p->server), 0);
	pair_wait(p, 11000);
	pair_expect_quiet(p);
	fields_fini(&f);
	asker_fini(&begun);
	asker_fini(&late);
	asker_fini(&later);
	pair_free(p);
}

/* An agent that stops while no session is there says so in the next one. */
static void
drains_without_a_session(void **state)
{
	struct pair *p = pair_new(NULL, NULL);
	struct asker a[3];

	h2_server_drain(p->server);
	for (int i = 0; i < 3; i++) {
		asker_init(&a[i], p);
		ask(&a[i], i ? "POST" : "GET", "/", i > 0);
	}
	pair_run(p);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(a[i].why, REASON_AGENT_DRAINING);
		asker_fini(&a[i]);
	}
	assert_int_equal(p->n_backs, 0);
	pair_expect_quiet(p);
	pair_free(p);
}

static void
resets_all(void **state)
{
	struct pair *p = pair_new(NULL, NULL);
	struct asker a[5];
	struct err e = {0};

	for (int i = 0; i < 5; i++) {
		asker_init(&a[i], p);
		ask(&a[i], "POST", "/", true);
		asker_send(&a[i], span_str("x"));
		if (i == 3)
			pair_run(p);
	}
	err_set(&e, ERR_EXPIRED, REASON_VERIFY_TIMEOUT, "lease");
	h2_client_reset_all(p->client, &e);
	for (int i = 0; i < 5; i++)
		assert_int_equal(a[i].why, REASON_VERIFY_TIMEOUT);
	pair_run(p);
	assert_int_equal(p->n_backs, 4);
	for (size_t i = 0; i < 4; i++)
		assert_true(pair_back(p, i)->reset);
	pair_expect_quiet(p);
	/* The tunnel is usable. */
	ask(&a[0], "GET", "/", false);
	pair_run(p);
	answer(p, 4);
	assert_true(a[0].ended);
	for (int i = 0; i < 5; i++)
		asker_fini(&a[i]);
	pair_free(p);
}

/* -- inside events -- */

static void
leave_on_head(struct asker *a, int status)
{
	asker_leave(a);
}

static void
leave_on_body(struct asker *a, struct span data)
{
	asker_leave(a);
}

static void
reset_all_on_head(struct asker *a, int status)
{
	struct err e = {0};

	err_set(&e, ERR_EXPIRED, REASON_VERIFY_TIMEOUT, "lease");
	h2_client_reset_all(a->p->client, &e);
}

static void
free_on_head(struct asker *a, int status)
{
	struct err e = {0}, ignored = {0};
	struct h2_client *c = a->p->client;

	err_set(&e, ERR_IO, REASON_TUNNEL_LOST, "gone");
	assert_true(h2_client_flush(c, &ignored));
	h2_client_free(c, &e);
	a->p->client = NULL;
}

static void
ask_again_on_reset(struct asker *a)
{
	a->on_reset = NULL;
	ask(a, "GET", "/again", false);
}

static void
takes_calls_from_inside_events(void **state)
{
	static void (*const on_head[])(struct asker *, int) = {
	    leave_on_head, reset_all_on_head, free_on_head, NULL};

	for (size_t i = 0; i < sizeof on_head / sizeof *on_head; i++) {
		struct pair *p = pair_new(NULL, NULL);
		struct asker a, b;

		asker_init(&a, p);
		asker_init(&b, p);
		a.on_head = on_head[i];
		a.on_body = leave_on_body;
		ask(&a, "GET", "/", false);
		ask(&b, "POST", "/", true);
		asker_grant(&a, 100);
		pair_flush(p);
		deliver_up(p, SIZE_MAX);
		back_head(pair_back(p, 0), 200, NULL);
		back_send(pair_back(p, 0), span_str("body"));
		back_finish(pair_back(p, 0));
		pair_flush(p);
		deliver_down(p, SIZE_MAX);
		assert_null(a.x);
		assert_false(a.ended);
		assert_true((b.x == NULL) == (i == 1 || i == 2));
		if (i != 2) {
			pair_run(p);
			if (b.x)
				asker_leave(&b);
			pair_run(p);
			pair_expect_quiet(p);
		}
		asker_fini(&a);
		asker_fini(&b);
		pair_free(p);
	}
}

static void
may_be_asked_again_inside_a_reset(void **state)
{
	struct pair *p = pair_new(NULL, NULL);
	struct asker a;

	asker_init(&a, p);
	a.on_reset = ask_again_on_reset;
	ask(&a, "GET", "/", false);
	pair_run(p);
	back_fail(pair_back(p, 0), REASON_AGENT_BUSY);
	pair_run(p);
	expect_told(&pair_back(p, 1)->told, "GET /again Host=a -");
	answer(p, 1);
	assert_true(a.ended);
	pair_expect_quiet(p);
	asker_fini(&a);
	pair_free(p);
}

/* Both ends freed with everything in flight. */
static void
frees_what_is_in_flight(void **state)
{
	struct pair *p = pair_new(NULL, NULL);
	struct asker a[6];
	struct err e = {0};

	for (int i = 0; i < 6; i++) {
		asker_init(&a[i], p);
		ask(&a[i], "POST", "/", true);
		asker_send(&a[i], span_str("x"));
		asker_grant(&a[i], 10);
		if (i != 4)
			pair_run(p);
		if (i < 3) {
			back_head(pair_back(p, (size_t)i), 200, NULL);
			back_send(pair_back(p, (size_t)i), span_str("y"));
		}
	}
	err_set(&e, ERR_IO, REASON_TUNNEL_LOST, "gone");
	h2_client_free(p->client, &e);
	p->client = NULL;
	for (int i = 0; i < 6; i++) {
		assert_int_equal(a[i].why, REASON_TUNNEL_LOST);
		asker_fini(&a[i]);
	}
	h2_server_free(p->server);
	p->server = NULL;
	for (size_t i = 0; i < p->n_backs; i++)
		assert_true(pair_back(p, i)->reset);
	pair_free(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(holds_no_session_when_idle),
	    cmocka_unit_test(waits_for_the_echo),
	    cmocka_unit_test(upgrades_wait_twice),
	    cmocka_unit_test(does_not_wait_for_ever),
	    cmocka_unit_test(refuses_unasked_ends),
	    cmocka_unit_test(refuses_bytes_without_a_session),
	    cmocka_unit_test(renews_worn_sessions),
	    cmocka_unit_test(keeps_time),
	    cmocka_unit_test(keeps_time_of_uploads),
	    cmocka_unit_test(refuses_when_busy),
	    cmocka_unit_test(drains_on_our_side),
	    cmocka_unit_test(drains_on_the_agents_side),
	    cmocka_unit_test(drains_without_a_session),
	    cmocka_unit_test(resets_all),
	    cmocka_unit_test(takes_calls_from_inside_events),
	    cmocka_unit_test(may_be_asked_again_inside_a_reset),
	    cmocka_unit_test(frees_what_is_in_flight),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
