/* The agent in version 2: the control plane's end is the one that ee-control has. */
#include "base/test.h"

#include <stdio.h>

#include "agent/world_test.h"
#include "base/limits.h"

/* One visitor; what it is told is written down: "<status name=value", "|bytes", "." the end,
 * "!reason". */
struct visitor {
	struct world *w;
	struct exchange *x; /* NULL when it is over */
	struct buf told;
	size_t credit, got, to_send;
	bool quiet; /* count bytes only */
	bool stingy; /* grant nothing after the first 64 KiB */
	void (*next)(struct visitor *v); /* when it is over */
	void (*moved)(struct visitor *v); /* at a head, an interim head, a piece */
};

static void
tell_fields(struct visitor *v, const struct fields *f)
{
	for (size_t i = 0; f && i < f->n; i++) {
		struct http_field h = fields_at(f, i);

		if (span_iis(h.name, "date") || span_iis(h.name, "server"))
			continue;
		buf_printf(&v->told, " %.*s=%.*s", (int)h.name.n, (const char *)h.name.p,
		    (int)h.value.n, (const char *)h.value.p);
	}
}

static void
on_head(void *ctx, int status, const struct fields *f)
{
	struct visitor *v = ctx;

	buf_printf(&v->told, "<%d", status);
	tell_fields(v, f);
	if (v->moved)
		v->moved(v);
}

static void
on_interim(void *ctx, int status, const struct fields *f)
{
	struct visitor *v = ctx;

	buf_printf(&v->told, "~%d", status);
	if (v->moved)
		v->moved(v);
}

static void
on_body(void *ctx, struct span piece)
{
	struct visitor *v = ctx;

	v->got += piece.n;
	if (!v->quiet) {
		buf_add_str(&v->told, "|");
		buf_add(&v->told, piece);
	}
	if (!v->stingy)
		exchange_credit(v->x, piece.n);
	if (v->moved)
		v->moved(v);
}

static void
over(struct visitor *v)
{
	v->x = NULL;
	if (v->next)
		v->next(v);
}

static void
on_end(void *ctx, const struct fields *trailers)
{
	struct visitor *v = ctx;

	tell_fields(v, trailers);
	buf_add_str(&v->told, ".");
	over(v);
}

static void
on_reset(void *ctx, const struct err *why)
{
	struct visitor *v = ctx;

	buf_printf(&v->told, "!%s", reason_token(why->reason));
	over(v);
}

/* Send what there is to send, as far as the credit goes. */
static void
push(struct visitor *v)
{
	static const uint8_t zeros[65536];

	while (v->x && v->to_send && v->credit) {
		size_t n = v->to_send < v->credit ? v->to_send : v->credit;

		n = n < sizeof zeros ? n : sizeof zeros;
		v->to_send -= n;
		v->credit -= n;
		exchange_body(v->x, span_of(zeros, n));
		if (!v->to_send)
			exchange_end(v->x, NULL);
	}
}

static void
on_credit(void *ctx, size_t n)
{
	struct visitor *v = ctx;

	v->credit += n;
	push(v);
}

static const struct exchange_events events = {
    on_head, on_interim, on_body, on_end, on_reset, on_credit};

static struct visitor the_visitor;

static struct visitor *
visit(struct world *w, const struct exchange_request *how, const char *path)
{
	struct visitor *v = &the_visitor;
	struct exchange_request rq = *how;
	struct fields f;
	struct err e = {0};

	fields_init(&f);
	fields_add_str(&f, "Host", "app.example");
	fields_add_str(&f, "X-Forwarded-For", "192.0.2.7");
	fields_add_str(&f, "X-Request-Id", "r-2");
	rq.request_id = "r";
	rq.fields = &f;
	rq.timeout_ms = 15000;
	rq.target = span_str(path);
	if (!rq.method.p)
		rq.method = span_str("GET");
	v->w = w;
	v->x = h2_client_open(w->h2, &rq, &events, v, net_loop_now_ms(w->loop), &e);
	fields_fini(&f);
	assert_non_null(v->x);
	v->credit = v->x->send_credit;
	exchange_credit(v->x, 65536);
	return v;
}

static void
finish(struct visitor *v)
{
	world_finish(v->w);
}

static void
stop_agent(void *ctx)
{
	agent_stop(((struct world *)ctx)->agent);
}

/* -- what a control plane does until the app is well -- */

static void (*begin)(struct world *w);

static void
to_begin(struct world *w, const struct msg *m)
{
	if (m->type == MSG_REGISTER) {
		assert_int_equal(m->u.reg.tunnel_version, 2);
		world_challenge(w);
	} else if (m->type == MSG_ATTEST_RESPONSE) {
		world_admit_2(w);
	} else if (m->type == MSG_HEALTH && w->healths == 1) {
		begin(w);
	}
}

static struct world the_world;

/* Run a world whose control plane begins with that; give what the visitor was told. */
static const char *
run(void (*first)(struct world *w), const char *name, const char *value)
{
	static char told[512];

	memset(&the_visitor, 0, sizeof the_visitor);
	buf_init(&the_visitor.told, 1 << 20);
	begin = first;
	world_init(&the_world, to_begin, name, value);
	world_run(&the_world);
	(void)span_cstr(
	    span_first(buf_span(&the_visitor.told), sizeof told - 1), told, sizeof told);
	buf_fini(&the_visitor.told);
	assert_int_equal(the_world.responses, 0);
	return told;
}

/* -- the tests -- */

static void
begin_get(struct world *w)
{
	visit(w, &(struct exchange_request){0}, "/x")->next = finish;
}

static void
test_get(void **state)
{
	assert_string_equal(run(begin_get, NULL, NULL),
	    "<200 content-type=text/plain content-length=23|0 bytes for app.example.");
	assert_non_null(strstr(the_world.log, "tunnel_version=2"));
}

static void
begin_mirror(struct world *w)
{
	struct exchange_request rq = {.method = span_str("PUT"), .has_body = true};
	struct visitor *v = visit(w, &rq, "/mirror");
	struct fields trailers;

	v->next = finish;
	fields_init(&trailers);
	fields_add_str(&trailers, "x-sum", "7");
	exchange_body(v->x, span_str("hello"));
	exchange_end(v->x, &trailers);
	fields_fini(&trailers);
}

static void
test_trailers_and_forwarding_fields(void **state)
{
	assert_string_equal(
	    run(begin_mirror, NULL, NULL), "<200 x-forwarded-for=192.0.2.7|hello x-sum=7.");
}

/* Longer than anything that is held on the way, and than version 1 could carry. */
static void
begin_long(struct world *w)
{
	struct exchange_request rq = {.method = span_str("PUT"), .has_body = true};
	struct visitor *v = visit(w, &rq, "/mirror");

	v->next = finish;
	v->quiet = true;
	v->to_send = LIMIT_V1_BODY + 12345;
	push(v);
}

static void
test_long_bodies(void **state)
{
	assert_string_equal(run(begin_long, NULL, NULL), "<200 x-forwarded-for=192.0.2.7.");
	assert_int_equal(the_visitor.got, LIMIT_V1_BODY + 12345);
}

static void
test_small_windows(void **state)
{
	assert_string_equal(
	    run(begin_long, "EE_TUNNEL_STREAM_WINDOW", "16384"), "<200 x-forwarded-for=192.0.2.7.");
	assert_int_equal(the_visitor.got, LIMIT_V1_BODY + 12345);
}

static void
send_hello(struct visitor *v)
{
	if (span_is(buf_span(&v->told), "~100")) {
		exchange_body(v->x, span_str("hello"));
		exchange_end(v->x, NULL);
	}
}

static void
begin_expect(struct world *w)
{
	struct exchange_request rq = {.method = span_str("POST"),
	    .has_body = true,
	    .body_length = 5,
	    .expect_continue = true};
	struct visitor *v = visit(w, &rq, "/x");

	v->moved = send_hello;
	v->next = finish;
}

static void
test_expect_continue(void **state)
{
	assert_string_equal(run(begin_expect, NULL, NULL),
	    "~100<200 content-type=text/plain content-length=23|5 bytes for app.example.");
}

static void
speak(struct visitor *v)
{
	if (v->got == 4) {
		exchange_end(v->x, NULL);
		return;
	}
	assert_true(v->credit >= 4 || v->got == 0);
	if (v->got == 0)
		exchange_body(v->x, span_str("ping"));
}

static void
begin_socket(struct world *w)
{
	struct exchange_request rq = {.has_body = true, .upgrade = true};
	struct visitor *v = visit(w, &rq, "/socket");

	v->moved = speak;
	v->next = finish;
}

static void
test_websocket(void **state)
{
	const char *told = run(begin_socket, NULL, NULL);

	assert_int_equal(strncmp(told, "<200", 4), 0);
	assert_non_null(strstr(told, "|ping."));
}

/* The visitor leaves: the backend hears of it. */
static void
leave(struct visitor *v)
{
	if (v->got) {
		exchange_reset(v->x);
		v->x = NULL;
		v->moved = NULL;
	}
}

static void
look_for_leaver(void *ctx)
{
	struct world *w = ctx;

	if (w->left)
		world_finish(w);
	else
		net_timer_start(w->loop, &w->later, 5, look_for_leaver, w);
}

static void
begin_leave(struct world *w)
{
	struct visitor *v = visit(w, &(struct exchange_request){0}, "/endless");

	v->quiet = true;
	v->moved = leave;
	look_for_leaver(w);
}

static void
test_cancellation_reaches_the_backend(void **state)
{
	assert_string_equal(run(begin_leave, NULL, NULL), "<200");
	assert_null(strstr(the_world.log, "request_failed"));
	assert_int_equal(the_world.left, 1);
}

/* A visitor who takes nothing stops the backend, and no other visitor. */
static void
second_is_served(void *ctx, const struct fields *trailers)
{
	world_finish(ctx);
}

static void
second_ignores(void *ctx, struct span piece)
{
}

static void
second_head(void *ctx, int status, const struct fields *f)
{
	assert_int_equal(status, 200);
}

static void
second_reset(void *ctx, const struct err *why)
{
	fail_msg("%s", reason_token(why->reason));
}

static void
second_credit(void *ctx, size_t n)
{
}

static void
visit_second(void *ctx)
{
	static const struct exchange_events second = {.head = second_head,
	    .body = second_ignores,
	    .end = second_is_served,
	    .reset = second_reset,
	    .credit = second_credit};
	struct world *w = ctx;
	struct fields f;
	struct exchange_request rq = {.request_id = "2",
	    .method = span_str("GET"),
	    .target = span_str("/x"),
	    .fields = &f,
	    .timeout_ms = 15000};
	struct exchange *x;
	struct err e = {0};

	fields_init(&f);
	fields_add_str(&f, "Host", "app.example");
	x = h2_client_open(w->h2, &rq, &second, w, net_loop_now_ms(w->loop), &e);
	fields_fini(&f);
	assert_non_null(x);
	exchange_credit(x, 65536);
}

static void
begin_stingy(struct world *w)
{
	struct visitor *v = visit(w, &(struct exchange_request){0}, "/endless");

	v->quiet = v->stingy = true;
	net_timer_start(w->loop, &w->later, 500, visit_second, w);
}

static void
test_slow_visitor(void **state)
{
	assert_string_equal(run(begin_stingy, NULL, NULL), "<200!tunnel_lost");
	/* What his window has grown to, of the 65536 that he granted. */
	assert_in_range(the_visitor.got, 32768, 65536);
	/* What the sockets hold, mostly. */
	assert_true(the_world.endless_n < 32u * 1024 * 1024);
}

static void
begin_cut(struct world *w)
{
	visit(w, &(struct exchange_request){0}, "/cut")->next = finish;
}

static void
begin_slow(struct world *w)
{
	visit(w, &(struct exchange_request){0}, "/slow")->next = finish;
}

static void
test_failures(void **state)
{
	assert_non_null(strstr(run(begin_cut, NULL, NULL), "!invalid_proxy_response"));
	assert_non_null(strstr(the_world.log, "event=request_failed reason=peer_lost detail="));
	assert_non_null(strstr(the_world.log, " request_id=r-2\n"));
	assert_string_equal(run(begin_slow, "EE_BACKEND_TIMEOUT_SEC", "1"), "!proxy_timeout");
	assert_string_equal(
	    run(begin_get, "EE_BACKEND_URL", "unix:/nonexistent/app.sock"), "!backend_unreachable");
}

/* An idle session ends, and the next request begins another one. */
static void
look_for_end(void *ctx)
{
	struct world *w = ctx;

	if (w->ends == 1)
		visit(w, &(struct exchange_request){0}, "/x")->next = finish;
	else
		net_timer_start(w->loop, &w->later, 5, look_for_end, w);
}

static void
wait_for_end(struct visitor *v)
{
	look_for_end(v->w);
}

static void
begin_twice(struct world *w)
{
	visit(w, &(struct exchange_request){0}, "/elsewhere")->next = wait_for_end;
}

static void
test_idle_session_ends(void **state)
{
	const char *told = run(begin_twice, NULL, NULL);

	assert_int_equal(the_world.ends, 1);
	assert_non_null(strstr(told, "<302"));
	assert_non_null(strstr(told, "<200"));
	assert_int_equal(the_world.tunnels, 1);
}

/* -- leaving -- */

static void
begin_later(struct world *w)
{
	visit(w, &(struct exchange_request){0}, "/later");
	net_timer_start(w->loop, &w->later, 100, stop_agent, w);
}

/* Told by GOAWAY and as unwell; what runs is finished. */
static void
test_leaves_after_requests(void **state)
{
	const char *told = run(begin_later, "EE_GRACE_SEC", "30");

	assert_non_null(strstr(told, "<200"));
	assert_non_null(strstr(told, "|at last."));
	assert_true(the_world.draining);
	assert_int_equal(the_world.healths, 2);
	assert_false(the_world.last_pass);
	assert_int_equal(the_world.close_code, 1001);
	assert_null(strstr(the_world.log, "requests_cut"));
}

static void
begin_never(struct world *w)
{
	visit(w, &(struct exchange_request){0}, "/slow");
	net_timer_start(w->loop, &w->later, 100, stop_agent, w);
}

static void
test_grace_ends(void **state)
{
	assert_string_equal(run(begin_never, "EE_GRACE_SEC", "1"), "!tunnel_lost");
	assert_int_equal(the_world.close_code, 1001);
	assert_non_null(strstr(the_world.log, "event=requests_cut requests=1"));
}

static void
test_no_grace(void **state)
{
	assert_string_equal(run(begin_later, "EE_GRACE_SEC", "0"), "!tunnel_lost");
	assert_false(the_world.draining);
	assert_int_equal(the_world.healths, 1);
}

/* A request that crosses the leave of an idle agent is refused, and another replica may be asked. */
static void
cross(void *ctx)
{
	struct world *w = ctx;

	agent_stop(w->agent);
	visit(w, &(struct exchange_request){0}, "/x");
}

static void
begin_crossing(struct world *w)
{
	net_timer_start(w->loop, &w->later, 100, cross, w);
}

static void
test_request_that_crosses_the_leave(void **state)
{
	assert_string_equal(run(begin_crossing, "EE_GRACE_SEC", "30"), "!agent_draining");
	assert_true(the_world.draining);
}

/* -- what breaks it -- */

static void
say_nonsense(struct world *w, const struct msg *m)
{
	if (m->type != MSG_REGISTER)
		return;
	if (w->tunnels == 1)
		assert_true(ws_conn_send_binary(w->ws, span_str("PRI * HTTP/2.0")));
	else
		world_finish(w);
}

static void
test_binary_before_admission(void **state)
{
	world_init(&the_world, say_nonsense, NULL, NULL);
	world_run(&the_world);
	assert_int_equal(the_world.tunnels, 2);
	assert_non_null(strstr(the_world.log, "event=tunnel_broken reason=protocol_error"));
}

static void
begin_nonsense(struct world *w)
{
	if (w->tunnels == 1)
		assert_true(ws_conn_send_binary(w->ws, span_str("no HTTP/2 preface, surely")));
}

static void
break_once(struct world *w, const struct msg *m)
{
	if (m->type == MSG_REGISTER && w->tunnels == 2)
		world_finish(w);
	else
		to_begin(w, m);
}

static void
test_broken_session(void **state)
{
	begin = begin_nonsense;
	world_init(&the_world, break_once, NULL, NULL);
	world_run(&the_world);
	assert_int_equal(the_world.tunnels, 2);
	assert_non_null(strstr(the_world.log, "event=tunnel_broken reason=protocol_error"));
}

/* A control plane that says 2 where 1 was offered is not followed. */
static void
offer_1(struct world *w, const struct msg *m)
{
	if (m->type == MSG_REGISTER) {
		assert_int_equal(m->u.reg.tunnel_version, 1);
		world_challenge(w);
	} else if (m->type == MSG_ATTEST_RESPONSE) {
		world_say(w, "{\"type\":\"status\",\"state\":\"ok\",\"reason\":\"attested\","
			     "\"tunnel_version\":\"2\"}");
	} else if (m->type == MSG_HEALTH) {
		world_say(w, "{\"type\":\"proxy_request\",\"request_id\":\"1\",\"method\":\"GET\","
			     "\"path\":\"/x\",\"headers\":{\"Host\":\"a\"}}");
	} else {
		world_finish(w);
	}
}

static void
test_version_1_by_setting(void **state)
{
	world_init(&the_world, offer_1, "EE_TUNNEL_VERSION", "1");
	world_run(&the_world);
	assert_int_equal(the_world.last_status, 200);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_get),
	    cmocka_unit_test(test_trailers_and_forwarding_fields),
	    cmocka_unit_test(test_long_bodies),
	    cmocka_unit_test(test_small_windows),
	    cmocka_unit_test(test_expect_continue),
	    cmocka_unit_test(test_websocket),
	    cmocka_unit_test(test_cancellation_reaches_the_backend),
	    cmocka_unit_test(test_slow_visitor),
	    cmocka_unit_test(test_failures),
	    cmocka_unit_test(test_idle_session_ends),
	    cmocka_unit_test(test_leaves_after_requests),
	    cmocka_unit_test(test_grace_ends),
	    cmocka_unit_test(test_no_grace),
	    cmocka_unit_test(test_request_that_crosses_the_leave),
	    cmocka_unit_test(test_binary_before_admission),
	    cmocka_unit_test(test_broken_session),
	    cmocka_unit_test(test_version_1_by_setting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
