#include "base/test.h"

#include "tunnel/v1.h"

/* What the tunnel sent last, and what the asker was told, as text. */
struct seen {
	struct buf sent, told;
	struct exchange *x;
	size_t grant_in_head; /* credit granted from inside the head event */
	bool reset_in_head;
};

static void
on_send(void *ctx, struct span text)
{
	struct seen *s = ctx;

	buf_clear(&s->sent);
	buf_add(&s->sent, text);
}

static void
on_head(void *ctx, int status, const struct fields *f)
{
	struct seen *s = ctx;

	buf_printf(&s->told, "%d", status);
	for (size_t i = 0; i < f->n; i++) {
		struct http_field h = fields_at(f, i);

		buf_printf(&s->told, " %.*s=%.*s", (int)h.name.n, (const char *)h.name.p,
		    (int)h.value.n, (const char *)h.value.p);
	}
	if (s->reset_in_head)
		exchange_reset(s->x);
	else if (s->grant_in_head)
		exchange_credit(s->x, s->grant_in_head);
}

static void
on_body(void *ctx, struct span data)
{
	struct seen *s = ctx;

	buf_add_str(&s->told, "|");
	buf_add(&s->told, data);
}

static void
on_end(void *ctx, const struct fields *trailers)
{
	struct seen *s = ctx;

	buf_add_str(&s->told, ".");
}

static void
on_reset(void *ctx, const struct err *why)
{
	struct seen *s = ctx;

	buf_printf(&s->told, "!%s", reason_token(why->reason));
}

static void
on_credit(void *ctx, size_t n)
{
	(void)ctx;
	(void)n;
}

static const struct exchange_events events = {
    .head = on_head, .body = on_body, .end = on_end, .reset = on_reset, .credit = on_credit};

static struct v1 *
setup(struct seen *s)
{
	memset(s, 0, sizeof *s);
	buf_init(&s->sent, LIMIT_TEXT_ATTESTED);
	buf_init(&s->told, 100000);
	return v1_new(on_send, s);
}

static void
teardown(struct seen *s, struct v1 *v)
{
	struct err gone = {0};

	err_set(&gone, ERR_IO, REASON_TUNNEL_LOST, "test");
	v1_free(v, &gone);
	buf_fini(&s->sent);
	buf_fini(&s->told);
}

static void
open_request(struct seen *s, struct v1 *v, const char *method, bool has_body)
{
	struct fields f;
	struct exchange_request rq = {.request_id = "r1",
	    .method = span_str(method),
	    .target = span_str("/x?y"),
	    .fields = &f,
	    .has_body = has_body,
	    .timeout_ms = 1000};
	struct err e = {0};

	fields_init(&f);
	fields_add_str(&f, "Host", "a");
	s->x = v1_open(v, &rq, &events, s, 5000, &e);
	assert_non_null(s->x);
	fields_fini(&f);
}

static void
answer(struct v1 *v, const char *text)
{
	struct msg m;
	struct err e = {0};

	assert_true(msg_parse(&m, span_str(text), MSG_FROM_AGENT, &e));
	v1_on_response(v, &m);
	msg_fini(&m);
}

#define RESPONSE(rest) "{\"type\":\"proxy_response\",\"request_id\":\"r1\"," rest "}"

static void
carries_a_request(void **state)
{
	struct seen s;
	struct v1 *v = setup(&s);

	(void)state;
	open_request(&s, v, "POST", true);
	assert_int_equal(s.sent.n, 0);
	exchange_body(s.x, span_str("hel"));
	exchange_body(s.x, span_str("lo"));
	exchange_end(s.x, NULL);
	assert_true(span_is(buf_span(&s.sent),
	    "{\"type\":\"proxy_request\",\"request_id\":\"r1\",\"method\":\"POST\","
	    "\"path\":\"/x?y\",\"headers\":{\"Host\":\"a\"},\"body_b64\":\"aGVsbG8=\"}"));
	answer(v, RESPONSE("\"status\":200,\"headers\":{\"A\":\"b\",\"Connection\":\"C\","
			   "\"C\":\"d\",\"Content-Length\":\"99\"},\"body_b64\":\"aGk=\""));
	assert_true(span_is(buf_span(&s.told), "200 A=b Content-Length=2"));
	exchange_credit(s.x, 1);
	assert_true(span_is(buf_span(&s.told), "200 A=b Content-Length=2|h"));
	exchange_credit(s.x, 10);
	assert_true(span_is(buf_span(&s.told), "200 A=b Content-Length=2|h|i."));
	assert_int_equal(v1_in_flight(v), 0);
	teardown(&s, v);
}

static void
takes_calls_from_inside_events(void **state)
{
	struct seen s;
	struct v1 *v = setup(&s);

	(void)state;
	open_request(&s, v, "GET", false);
	s.grant_in_head = 100;
	answer(v, RESPONSE("\"status\":200,\"body_b64\":\"aGk=\""));
	assert_true(span_is(buf_span(&s.told), "200 Content-Length=2|hi."));
	buf_clear(&s.told);
	open_request(&s, v, "GET", false);
	s.reset_in_head = true;
	answer(v, RESPONSE("\"status\":200,\"body_b64\":\"aGk=\""));
	assert_true(span_is(buf_span(&s.told), "200 Content-Length=2"));
	assert_int_equal(v1_in_flight(v), 0);
	teardown(&s, v);
}

static void
judges_answers(void **state)
{
	static const struct {
		const char *text, *told;
	} cases[] = {
	    {RESPONSE("\"status\":100"), "!invalid_proxy_response"},
	    {RESPONSE("\"status\":101"), "!invalid_proxy_response"},
	    {RESPONSE("\"status\":600"), "!invalid_proxy_response"},
	    {RESPONSE("\"status\":-1"), "!invalid_proxy_response"},
	    {RESPONSE("\"status\":200,\"headers\":{\"a\\r\\nb\":\"c\"}"),
		"!invalid_proxy_response"},
	    {RESPONSE("\"status\":200,\"headers\":{\"a\":\"b\\r\\n\\r\\nc\"}"),
		"!invalid_proxy_response"},
	    {RESPONSE("\"status\":200,\"body_b64\":\"a\""), "!invalid_proxy_response"},
	    {RESPONSE("\"error\":\"proxy_timeout\""), "!proxy_timeout"},
	    {RESPONSE("\"error\":\"backend_unreachable\""), "!backend_unreachable"},
	    {RESPONSE("\"error\":\"attested\""), "!invalid_proxy_response"},
	    {RESPONSE("\"status\":204,\"body_b64\":\"aGk=\""), "204."},
	    {RESPONSE("\"status\":304,\"headers\":{\"Content-Length\":\"7\"}"),
		"304 Content-Length=7."},
	    {"{\"type\":\"proxy_response\",\"request_id\":\"r2\",\"status\":200}", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct seen s;
		struct v1 *v = setup(&s);

		open_request(&s, v, "GET", false);
		answer(v, cases[i].text);
		if (!span_is(buf_span(&s.told), cases[i].told))
			fail_msg("%s: %s", cases[i].text, buf_cstr(&s.told));
		teardown(&s, v);
	}
}

static void
keeps_time(void **state)
{
	struct seen s;
	struct v1 *v = setup(&s);

	(void)state;
	open_request(&s, v, "GET", false);
	v1_tick(v, 5999);
	assert_int_equal(s.told.n, 0);
	v1_tick(v, 6000);
	assert_true(span_is(buf_span(&s.told), "!proxy_timeout"));
	answer(v, RESPONSE("\"status\":200"));
	assert_true(span_is(buf_span(&s.told), "!proxy_timeout"));
	buf_clear(&s.told);
	/* With a body the clock starts once the request was whole. */
	open_request(&s, v, "PUT", true);
	v1_tick(v, 60000);
	exchange_end(s.x, NULL);
	v1_tick(v, 60000);
	v1_tick(v, 60999);
	assert_int_equal(s.told.n, 0);
	v1_tick(v, 61000);
	assert_true(span_is(buf_span(&s.told), "!proxy_timeout"));
	teardown(&s, v);
}

static void
ends_with_its_tunnel(void **state)
{
	struct seen s;
	struct v1 *v = setup(&s);

	(void)state;
	open_request(&s, v, "GET", false);
	open_request(&s, v, "PUT", true);
	exchange_reset(s.x);
	assert_int_equal(v1_in_flight(v), 1);
	struct err gone = {0};
	err_set(&gone, ERR_IO, REASON_TUNNEL_LOST, "test");
	v1_reset_all(v, &gone);
	assert_true(span_is(buf_span(&s.told), "!tunnel_lost"));
	teardown(&s, v);
}

static void
bounds_bodies(void **state)
{
	struct seen s;
	struct v1 *v = setup(&s);
	uint8_t *big = calloc(1, LIMIT_V1_BODY);

	(void)state;
	open_request(&s, v, "PUT", true);
	exchange_body(s.x, span_of(big, LIMIT_V1_BODY));
	assert_int_equal(s.told.n, 0);
	exchange_end(s.x, NULL);
	assert_true(s.sent.n > LIMIT_V1_BODY);
	open_request(&s, v, "PUT", true);
	exchange_body(s.x, span_of(big, LIMIT_V1_BODY));
	exchange_body(s.x, span_str("x"));
	assert_true(span_is(buf_span(&s.told), "!body_too_big"));
	free(big);
	teardown(&s, v);
}

static void
refuses_upgrades(void **state)
{
	struct seen s;
	struct v1 *v = setup(&s);
	struct fields f;
	struct exchange_request rq = {.request_id = "r1",
	    .method = span_str("GET"),
	    .target = span_str("/"),
	    .fields = &f,
	    .has_body = true,
	    .upgrade = true};
	struct err e = {0};

	(void)state;
	fields_init(&f);
	assert_null(v1_open(v, &rq, &events, &s, 0, &e));
	assert_int_equal(e.reason, REASON_UPGRADE_NOT_CARRIED);
	assert_int_equal(v1_in_flight(v), 0);
	fields_fini(&f);
	teardown(&s, v);
}

static void
reads_payloads(void **state)
{
	static const struct {
		const char *text;
		bool ok;
	} cases[] = {
	    {"{\"method\":\"GET\",\"path\":\"/a?b\",\"headers\":{\"A\":[\"b\",\"c\"]},"
	     "\"body_b64\":\"aGk=\"}",
		true},
	    {"{\"method\":\"GET\",\"path\":\"/\"}", true},
	    {"{\"method\":\"GET\",\"path\":\"/http://169.254.169.254/\"}", true},
	    {"{\"method\":\"GET\",\"path\":\"http://169.254.169.254/\"}", false},
	    {"{\"method\":\"GET\",\"path\":\"@evil\"}", false},
	    {"{\"method\":\"GET\",\"path\":\"\"}", false},
	    {"{\"method\":\"GET\",\"path\":\"/ HTTP/1.1\\r\\nX: y\"}", false},
	    {"{\"method\":\"CONNECT\",\"path\":\"/\"}", false},
	    {"{\"method\":\"TRACE\",\"path\":\"/\"}", false},
	    {"{\"method\":\"G T\",\"path\":\"/\"}", false},
	    {"{\"path\":\"/\"}", false},
	    {"{\"method\":\"GET\"}", false},
	    {"{\"method\":1,\"path\":\"/\"}", false},
	    {"{\"method\":\"GET\",\"path\":\"/\",\"headers\":[]}", false},
	    {"{\"method\":\"GET\",\"path\":\"/\",\"headers\":{\"Host\":[\"a\",\"b\"]}}", false},
	    {"{\"method\":\"GET\",\"path\":\"/\",\"body_b64\":\"a\"}", false},
	    {"{\"method\":\"GET\",\"method\":\"PUT\",\"path\":\"/\"}", false},
	    {"[]", false},
	    {"", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct v1_request r;
		struct err e = {0};

		if (v1_payload_read(&r, span_str(cases[i].text), &e) != cases[i].ok)
			fail_msg("%s", cases[i].text);
		if (!cases[i].ok)
			assert_int_equal(e.reason, REASON_INVALID_PROXY_PAYLOAD);
		v1_request_fini(&r);
	}
}

static void
meets_in_the_middle(void **state)
{
	static const struct http_field f[] = {
	    {{(const uint8_t *)"Transfer-Encoding", 17}, {(const uint8_t *)"chunked", 7}},
	    {{(const uint8_t *)"X", 1}, {(const uint8_t *)"y", 1}}};
	struct seen s;
	struct v1 *v = setup(&s);
	struct v1_request r;
	struct msg m;
	struct err e = {0};
	struct buf out;

	(void)state;
	buf_init(&out, LIMIT_TEXT_ATTESTED);
	open_request(&s, v, "GET", false);
	exchange_credit(s.x, 100);
	assert_true(msg_parse(&m, buf_span(&s.sent), MSG_FROM_CONTROL, &e));
	assert_true(v1_request_read(&r, &m, &e));
	assert_string_equal(r.request_id, "r1");
	assert_true(span_is(buf_span(&r.target), "/x?y"));
	v1_response_write(&out, r.request_id, 200, f, 2, false, span_str("body"));
	v1_request_fini(&r);
	msg_fini(&m);
	assert_true(msg_parse(&m, buf_span(&out), MSG_FROM_AGENT, &e));
	v1_on_response(v, &m);
	msg_fini(&m);
	assert_true(span_is(buf_span(&s.told), "200 X=y Content-Length=4|body."));
	buf_fini(&out);
	teardown(&s, v);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(carries_a_request),
	    cmocka_unit_test(takes_calls_from_inside_events),
	    cmocka_unit_test(judges_answers),
	    cmocka_unit_test(keeps_time),
	    cmocka_unit_test(ends_with_its_tunnel),
	    cmocka_unit_test(bounds_bodies),
	    cmocka_unit_test(refuses_upgrades),
	    cmocka_unit_test(reads_payloads),
	    cmocka_unit_test(meets_in_the_middle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
