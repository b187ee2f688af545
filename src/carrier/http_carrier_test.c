#include "carrier/http_carrier.h"
#include "net/http_script.h"

/* An asker that writes down what it is told, in one line. */
struct asker {
	struct world *w;
	struct exchange *x;
	struct buf said;
	const char *body; /* of the request */
	bool sent, end_after_head;
	enum reason why;
};

static void
send_body(struct asker *a)
{
	if (a->sent || !a->x || !a->body)
		return;
	a->sent = true;
	if (a->body[0])
		exchange_body(a->x, span_str(a->body));
	if (a->x)
		exchange_end(a->x, NULL);
}

static void
say_fields(struct asker *a, const struct fields *f)
{
	for (size_t i = 0; f && i < f->n; i++)
		buf_printf(&a->said, " %.*s=%.*s", (int)fields_at(f, i).name.n,
		    (const char *)fields_at(f, i).name.p, (int)fields_at(f, i).value.n,
		    (const char *)fields_at(f, i).value.p);
}

static void
asker_head(void *ctx, int status, const struct fields *fields)
{
	struct asker *a = ctx;

	buf_printf(&a->said, "%d", status);
	say_fields(a, fields);
	buf_add_str(&a->said, "|");
	if (a->end_after_head)
		exchange_end(a->x, NULL);
}

static void
asker_interim(void *ctx, int status, const struct fields *fields)
{
	struct asker *a = ctx;

	buf_printf(&a->said, "(%d", status);
	say_fields(a, fields);
	buf_add_str(&a->said, ")");
	if (status == 100)
		send_body(a);
}

static void
asker_body(void *ctx, struct span data)
{
	struct asker *a = ctx;

	buf_add(&a->said, data);
	exchange_credit(a->x, data.n);
}

static void
asker_over(struct asker *a)
{
	a->x = NULL;
	net_loop_stop(a->w->l);
}

static void
asker_end(void *ctx, const struct fields *trailers)
{
	struct asker *a = ctx;

	buf_add_str(&a->said, "|end");
	say_fields(a, trailers);
	asker_over(a);
}

static void
asker_reset(void *ctx, const struct err *why)
{
	struct asker *a = ctx;

	a->why = why->reason;
	buf_printf(&a->said, "|%s", reason_token(why->reason));
	asker_over(a);
}

static void
asker_credit(void *ctx, size_t n)
{
	struct asker *a = ctx;

	if (a->body && !a->x->waits)
		send_body(a);
}

static const struct exchange_events events = {.head = asker_head,
    .interim = asker_interim,
    .body = asker_body,
    .end = asker_end,
    .reset = asker_reset,
    .credit = asker_credit};

/* One exchange with a backend of that script; gives what the asker was told. */
static const char *
ask(struct world *w, struct asker *a, struct exchange_request *rq)
{
	struct carrier_opts o = {.pool = w->pool, .first_byte_ms = 3000, .idle_ms = 500};
	struct fields f;
	struct err e = {0};

	a->w = w;
	fields_init(&f);
	fields_add_str(&f, "Host", "a.example");
	if (rq->upgrade)
		fields_add_str(&f, "Sec-WebSocket-Version", "13");
	rq->fields = &f;
	if (!rq->method.p)
		rq->method = span_str("GET");
	if (!rq->target.p)
		rq->target = span_str("/x");
	a->x = carrier_open(w->l, &o, rq, &events, a, &e);
	fields_fini(&f);
	assert_non_null(a->x);
	assert_int_equal(a->x->waits, rq->expect_continue);
	exchange_credit(a->x, 1 << 20);
	if (rq->has_body && a->x->send_credit && !a->x->waits)
		send_body(a);
	net_loop_run(w->l);
	return buf_cstr(&a->said);
}

static void
begin(struct world *w, struct asker *a, const struct script *scripts)
{
	init(w, scripts);
	*a = (struct asker){0};
	buf_init(&a->said, 1 << 20);
}

static void
finish(struct world *w, struct asker *a)
{
	rest(w, 20);
	buf_fini(&a->said);
	fini(w);
}

static void
test_carries_answers(void **state)
{
	static const struct script scripts[] = {
	    {.answers = {"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n"
			 "HTTP/1.1 200 OK\r\nX-EE-Lie: 1\r\nConnection: X-Own\r\nX-Own: "
			 "1\r\nContent-Length: 2\r\n\r\nok",
		 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n"
		 "grpc-status: 0\r\nContent-Length: 9\r\n\r\n"}}};
	struct exchange_request first = {0}, second = {.has_body = true};
	struct asker a;
	struct world w;

	begin(&w, &a, scripts);
	assert_string_equal(ask(&w, &a, &first), "(103 Link=<a>)200 Content-Length=2|ok|end");
	rest(&w, 20);
	buf_clear(&a.said);
	a.body = "hello";
	/* A Content-Length behind the body contradicts the framing just used. */
	assert_string_equal(ask(&w, &a, &second), "200|abc|invalid_proxy_response");
	assert_int_equal(w.connections, 1);
	assert_int_equal(count(&w, 0, "Host: a.example\r\n"), 2);
	assert_int_equal(count(&w, 0, "5\r\nhello\r\n0\r\n\r\n"), 1);
	finish(&w, &a);
}

static void
test_trailers_come_through(void **state)
{
	static const struct script scripts[] = {
	    {.answers = {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n"
			 "grpc-status: 0\r\nX-EE-Lie: 1\r\n\r\n"}}};
	struct exchange_request rq = {0};
	struct asker a;
	struct world w;

	begin(&w, &a, scripts);
	assert_string_equal(ask(&w, &a, &rq), "200|abc|end grpc-status=0");
	finish(&w, &a);
}

static void
test_body_waits_for_100(void **state)
{
	static const struct script scripts[] = {{.answers = {"HTTP/1.1 100 Continue\r\n\r\n", OK}},
	    {.answers = {"HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n"}}};
	struct exchange_request rq = {
	    .method = span_str("PUT"), .has_body = true, .body_length = 5, .expect_continue = true};
	struct asker a;
	struct world w;

	begin(&w, &a, scripts);
	a.body = "hello";
	assert_non_null(strstr(ask(&w, &a, &rq), "(100)"));
	assert_int_equal(count(&w, 0, "Expect: 100-continue\r\n"), 1);
	assert_int_equal(count(&w, 0, "\r\n\r\nhello"), 1);
	finish(&w, &a);
	begin(&w, &a, scripts + 1);
	a.body = "hello";
	assert_string_equal(ask(&w, &a, &rq), "417 Content-Length=0||end");
	assert_int_equal(count(&w, 0, "hello"), 0);
	finish(&w, &a);
}

/* A server that does not know the expectation waits for the body, and we for it. */
static void
test_silence_is_100(void **state)
{
	static const struct script scripts[] = {{.answers = {OK}, .late_ms = 1300}};
	struct exchange_request rq = {
	    .method = span_str("PUT"), .has_body = true, .body_length = 5, .expect_continue = true};
	struct asker a;
	struct world w;

	begin(&w, &a, scripts);
	a.body = "hello";
	assert_string_equal(ask(&w, &a, &rq), "(100)200 Content-Length=2|ok|end");
	assert_int_equal(count(&w, 0, "hello"), 1);
	finish(&w, &a);
}

static void
test_websockets(void **state)
{
	static const struct script scripts[] = {
	    {.answers = {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"}},
	    {.answers = {"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno"}},
	    {.answers = {"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
			 "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n"}},
	};
	static const char *const said[] = {
	    "|invalid_proxy_response", "403 Content-Length=2|no|end", "|invalid_proxy_response"};

	for (size_t i = 0; i < 3; i++) {
		struct exchange_request rq = {.has_body = true, .upgrade = true};
		struct asker a;
		struct world w;

		begin(&w, &a, scripts + i);
		assert_string_equal(ask(&w, &a, &rq), said[i]);
		assert_int_equal(count(&w, 0, "Upgrade: websocket\r\n"), 1);
		assert_int_equal(count(&w, 0, "Sec-WebSocket-Key: "), 1);
		finish(&w, &a);
	}
}

static void
test_says_that_nobody_is_there(void **state)
{
	struct net_loop *l;
	struct http_pool_opts po = {.dial = {.host = "127.0.0.1", .port = 1}};
	struct carrier_opts o = {.unreachable = REASON_BACKEND_UNREACHABLE};
	struct exchange_request rq = {.method = span_str("GET"), .target = span_str("/")};
	struct asker a = {0};
	struct world w = {0};
	struct fields f;
	struct err e = {0};

	l = w.l = net_loop_new(&e);
	a.w = &w;
	buf_init(&a.said, 1000);
	o.pool = http_pool_new(l, &po, &e);
	fields_init(&f);
	fields_add_str(&f, "Host", "a");
	rq.fields = &f;
	a.x = carrier_open(l, &o, &rq, &events, &a, &e);
	net_loop_run(l);
	assert_string_equal(buf_cstr(&a.said), "|backend_unreachable");
	fields_fini(&f);
	http_pool_free(o.pool);
	net_loop_free(l);
	buf_fini(&a.said);
}

/* The target and fields of the hop stand instead of the request's. */
static void
test_fields_of_the_hop(void **state)
{
	static const struct script scripts[] = {{.answers = {OK}}};
	struct http_field own[] = {
	    {span_str("Host"), span_str("hop")}, {span_str("X-Hop"), span_str("1")}};
	struct carrier_opts o = {.target = span_str("/hop/x"), .fields = own, .n_fields = 2};
	struct exchange_request rq = {.method = span_str("GET"), .target = span_str("/x")};
	struct fields f;
	struct asker a;
	struct world w;
	struct err e = {0};

	begin(&w, &a, scripts);
	a.w = &w;
	o.pool = w.pool;
	fields_init(&f);
	fields_add_str(&f, "host", "visitor");
	fields_add_str(&f, "Accept", "*/*");
	rq.fields = &f;
	a.x = carrier_open(w.l, &o, &rq, &events, &a, &e);
	exchange_credit(a.x, 1 << 20);
	net_loop_run(w.l);
	assert_int_equal(
	    count(&w, 0, "GET /hop/x HTTP/1.1\r\nHost: hop\r\nX-Hop: 1\r\nAccept: */*\r\n"), 1);
	assert_int_equal(count(&w, 0, "visitor"), 0);
	fields_fini(&f);
	finish(&w, &a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_carries_answers),
	    cmocka_unit_test(test_trailers_come_through),
	    cmocka_unit_test(test_body_waits_for_100),
	    cmocka_unit_test(test_silence_is_100),
	    cmocka_unit_test(test_websockets),
	    cmocka_unit_test(test_says_that_nobody_is_there),
	    cmocka_unit_test(test_fields_of_the_hop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
