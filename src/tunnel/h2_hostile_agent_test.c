/* Agents that break HTTP/2, HTTP or good manners: what each breach costs them, and nobody else. */
#include "tunnel/h2_bent.h"

/* A client whose request is stream 1, with 100 bytes of credit, and settings exchanged. */
static void
rig_client(struct rig *r)
{
	r->p = pair_new(NULL, NULL);
	asker_init(&r->a, r->p);
	buf_init(&r->in, 64u << 20);
	ask(&r->a, "GET", "/", false);
	asker_grant(&r->a, 100);
	pair_flush(r->p);
	frame(&r->in, F_SETTINGS, 0, 0, span_of(NULL, 0));
	frame(&r->in, F_SETTINGS, FLAG_ACK, 0, span_of(NULL, 0));
	feed(r, true);
}

static void
empty_data(struct buf *b)
{
	frame_headers(b, NOT_WHOLE, 1, ":status=200");
	repeat(b, LIMIT_H2_NOISE + 10, F_DATA, 0, 1, 0);
}

static void
bad_huffman(struct buf *b)
{
	frame(b, F_HEADERS, WHOLE, 1, span_of("\x08\x84\xff\xff\xff\xff", 6));
}

static void
reset_short(struct buf *b)
{
	frame_u(b, F_RST_STREAM, 0, 1, 8, 3);
}

static void
enables_push(struct buf *b)
{
	frame_setting(b, 2, 1);
}

static void
update_stream_by_0(struct buf *b)
{
	frame_u(b, F_WINDOW_UPDATE, 0, 1, 0, 4);
}

static void
padded_headers(struct buf *b)
{
	frame(b, F_HEADERS, FLAG_PADDED | WHOLE, 1, span_of("\1\x88\0", 3));
}

static void
padded_data(struct buf *b)
{
	frame_headers(b, NOT_WHOLE, 1, ":status=200");
	frame(b, F_DATA, FLAG_PADDED, 1, span_of("\3xyz\0\0\0", 7));
}

static void
body_above_credit(struct buf *b)
{
	char body[101] = {0};

	frame_headers(b, NOT_WHOLE, 1, ":status=200");
	frame(b, F_DATA, 0, 1, span_of(body, sizeof body));
}

static void
data_first(struct buf *b)
{
	frame(b, F_DATA, FLAG_END_STREAM, 1, span_str("x"));
}

static void
headers_on_even(struct buf *b)
{
	frame_headers(b, WHOLE, 2, ":status=200");
}

static void
headers_on_idle(struct buf *b)
{
	frame_headers(b, WHOLE, 3, ":status=200");
}

static void
breaches_end_the_session(void **state)
{
	static void (*const cases[])(struct buf *) = {too_long, push, data_on_0, data_on_idle,
	    headers_on_idle, headers_on_even, data_first, body_above_credit, padded_data,
	    padded_headers, update_by_0, update_stream_by_0, update_overflow, update_idle,
	    bad_push_setting, enables_push, bad_window_setting, bad_frame_setting, short_settings,
	    loaded_ack, settings_on_stream, many_settings, continuation_alone, headers_interrupted,
	    continuations, reset_idle, reset_0, reset_short, ping_short, ping_on_stream,
	    goaway_with_code, goaway_on_stream, bad_index, bad_huffman, pings, settings, empty_data,
	    priorities, updates};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct rig r;

		rig_client(&r);
		cases[i](&r.in);
		feed(&r, true);
		if (!r.p->client_broke)
			fail_msg("case %zu passes", i);
		if (r.p->client_err.reason != REASON_PROTOCOL_ERROR)
			fail_msg("case %zu: %s", i, reason_token(r.p->client_err.reason));
		assert_int_equal(r.a.why, REASON_TUNNEL_LOST);
		assert_int_equal(h2_client_in_flight(r.p->client), 0);
		rig_fini(&r);
	}
}

/* The same floods, slower, or between frames that carry something. */
static void
slow_noise_is_borne(void **state)
{
	struct rig r;

	rig_client(&r);
	frame_headers(&r.in, NOT_WHOLE, 1, ":status=200");
	feed(&r, true);
	for (int i = 0; i < 100; i++) {
		repeat(&r.in, 90, F_PING, 0, 0, 8);
		r.p->now += 1000;
		feed(&r, true);
	}
	assert_false(r.p->client_broke);
	asker_grant(&r.a, 1u << 20);
	for (int i = 0; i < 10000; i++) {
		frame_u(&r.in, F_WINDOW_UPDATE, 0, 0, 1, 4);
		frame_u(&r.in, F_WINDOW_UPDATE, 0, 1, 1, 4);
		frame(&r.in, F_DATA, 0, 1, span_str("x"));
		feed(&r, true);
	}
	assert_false(r.p->client_broke);
	assert_int_equal(r.a.got, 10000);
	rig_fini(&r);
}

static void
unknown_frames_are_passed_over(void **state)
{
	struct rig r;

	rig_client(&r);
	frame(&r.in, 0xa, 0, 1, span_of("\0\0x", 3)); /* ALTSVC */
	frame(&r.in, 0xc, 0, 0, span_str("origin"));
	frame(&r.in, 0x10, 0, 0, span_str("priority update"));
	frame(&r.in, 0xee, 0xff, 77, span_str("whatever"));
	frame_setting(&r.in, 0xeeee, 1);
	frame_headers(&r.in, WHOLE, 1, ":status=200");
	feed(&r, true);
	expect_told(&r.a.told, "<200.");
	rig_fini(&r);
}

static void
answers_are_held_to_http(void **state)
{
	static const struct {
		const char *fields, *told;
	} cases[] = {
	    {":status=200&a=b", "<200 a=b."},
	    {":status=200&a=", "<200 a=."},
	    {"a=b", "!invalid_proxy_response"},
	    {"", "!invalid_proxy_response"},
	    {":status=", "!invalid_proxy_response"},
	    {":status=20", "!invalid_proxy_response"},
	    {":status=2000", "!invalid_proxy_response"},
	    {":status=2x0", "!invalid_proxy_response"},
	    {":status=099", "!invalid_proxy_response"},
	    {":status=600", "!invalid_proxy_response"},
	    {":status=101", "!invalid_proxy_response"},
	    {":status=100", "!invalid_proxy_response"}, /* and the end of the stream */
	    {":status=200&:status=200", "!invalid_proxy_response"},
	    {"a=b&:status=200", "!invalid_proxy_response"},
	    {":status=200&:path=/", "!invalid_proxy_response"},
	    {":status=200&:x=y", "!invalid_proxy_response"},
	    {":status=200&A=b", "!invalid_proxy_response"},
	    {":status=200&a b=c", "!invalid_proxy_response"},
	    {":status=200&a=b\r\nc: d", "!invalid_proxy_response"},
	    {":status=200&a=b\nc", "!invalid_proxy_response"},
	    {":status=200&a= b", "!invalid_proxy_response"},
	    {":status=200&a=b\t", "!invalid_proxy_response"},
	    {":status=200&a=b\x7f", "!invalid_proxy_response"},
	    {":status=200&a=\x01", "!invalid_proxy_response"},
	    {":status=200&=b", "!invalid_proxy_response"},
	    {":status=200&connection=close", "!invalid_proxy_response"},
	    {":status=200&keep-alive=1", "!invalid_proxy_response"},
	    {":status=200&proxy-connection=1", "!invalid_proxy_response"},
	    {":status=200&transfer-encoding=chunked", "!invalid_proxy_response"},
	    {":status=200&upgrade=h2c", "!invalid_proxy_response"},
	    {":status=200&te=gzip", "!invalid_proxy_response"},
	    {":status=200&content-length=1", "!invalid_proxy_response"},
	    {":status=200&content-length=-1", "!invalid_proxy_response"},
	    {":status=200&content-length=", "!invalid_proxy_response"},
	    {":status=200&content-length=0&content-length=0", "!invalid_proxy_response"},
	    {":status=204&content-length=0", "<204."},
	    {":status=204&content-length=1", "!invalid_proxy_response"},
	    {":status=200&x-ee-app=other&x_ee_app=other&proxy-authenticate=x&trailer=a", "<200."},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct rig r;

		rig_client(&r);
		frame_headers(&r.in, WHOLE, 1, cases[i].fields);
		feed(&r, true);
		if (r.p->client_broke)
			fail_msg("%s: %s", cases[i].fields, r.p->client_err.detail);
		if (!span_is(buf_span(&r.a.told), cases[i].told))
			fail_msg("%s: %s", cases[i].fields, buf_cstr(&r.a.told));
		rig_fini(&r);
	}
}

static void
what_follows_a_head_is_held_to_http(void **state)
{
	static const struct {
		const char *head;
		const char *body; /* DATA, or NULL */
		unsigned body_flags;
		const char *trailers; /* or NULL */
		unsigned trailer_flags;
		const char *told;
	} cases[] = {
	    {":status=200", "x", 0, "t=1", WHOLE, "<200|x t=1."},
	    {":status=200", NULL, 0, "t=1", WHOLE, "<200 t=1."},
	    {":status=200", NULL, 0, "", WHOLE, "<200."},
	    {":status=200", "x", 0, "content-length=1", WHOLE, "<200|x."},
	    {":status=200", "x", 0, "content-length=2", WHOLE, "<200|x!invalid_proxy_response"},
	    {":status=200", "x", 0, "host=b&x-ee-y=1&t=1", WHOLE, "<200|x t=1."},
	    {":status=200", "x", 0, ":status=200", WHOLE, "<200|x!invalid_proxy_response"},
	    {":status=200", "x", 0, "connection=x", WHOLE, "<200|x!invalid_proxy_response"},
	    {":status=200", "x", 0, "T=1", WHOLE, "<200|x!invalid_proxy_response"},
	    {":status=200", "x", 0, "t=1", NOT_WHOLE, "<200|x!invalid_proxy_response"},
	    {":status=200&content-length=1", "x", FLAG_END_STREAM, NULL, 0,
		"<200 content-length=1|x."},
	    {":status=200&content-length=2", "x", FLAG_END_STREAM, NULL, 0,
		"<200 content-length=2|x!invalid_proxy_response"},
	    {":status=200&content-length=1", "xy", FLAG_END_STREAM, NULL, 0,
		"<200 content-length=1!invalid_proxy_response"},
	    {":status=200&content-length=2", "x", 0, "t=1", WHOLE,
		"<200 content-length=2|x!invalid_proxy_response"},
	    {":status=204", "x", FLAG_END_STREAM, NULL, 0, "<204!invalid_proxy_response"},
	    {":status=304", "x", FLAG_END_STREAM, NULL, 0, "<304!invalid_proxy_response"},
	    {":status=103", "x", FLAG_END_STREAM, NULL, 0, "~103!invalid_proxy_response"},
	    {":status=103", NULL, 0, ":status=200", WHOLE, "~103<200."},
	    {":status=103", NULL, 0, "t=1", WHOLE, "~103!invalid_proxy_response"},
	    {":status=103&content-length=1", NULL, 0, ":status=200", WHOLE,
		"!invalid_proxy_response"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct rig r;

		rig_client(&r);
		frame_headers(&r.in, NOT_WHOLE, 1, cases[i].head);
		if (cases[i].body)
			frame(&r.in, F_DATA, cases[i].body_flags, 1, span_str(cases[i].body));
		if (cases[i].trailers)
			frame_headers(&r.in, cases[i].trailer_flags, 1, cases[i].trailers);
		feed(&r, true);
		if (r.p->client_broke)
			fail_msg("case %zu: %s", i, r.p->client_err.detail);
		if (!span_is(buf_span(&r.a.told), cases[i].told))
			fail_msg("case %zu: %s", i, buf_cstr(&r.a.told));
		rig_fini(&r);
	}
}

/* The stream's own faults stay its own. */
static void
resets_are_told_by_code(void **state)
{
	static const enum reason heard[] = {REASON_INVALID_PROXY_RESPONSE,
	    REASON_INVALID_PROXY_RESPONSE, REASON_INVALID_PROXY_RESPONSE,
	    REASON_INVALID_PROXY_RESPONSE, REASON_INVALID_PROXY_RESPONSE,
	    REASON_INVALID_PROXY_RESPONSE, REASON_INVALID_PROXY_RESPONSE, REASON_AGENT_BUSY,
	    REASON_PROXY_TIMEOUT, REASON_INVALID_PROXY_RESPONSE, REASON_BACKEND_UNREACHABLE,
	    REASON_INVALID_PROXY_RESPONSE, REASON_INVALID_PROXY_RESPONSE,
	    REASON_INVALID_PROXY_RESPONSE, REASON_INVALID_PROXY_RESPONSE};

	for (uint32_t code = 0; code < sizeof heard / sizeof *heard; code++) {
		struct rig r;

		rig_client(&r);
		frame_u(&r.in, F_RST_STREAM, 0, 1, code == 14 ? 0xee0000ee : code, 4);
		feed(&r, true);
		assert_false(r.p->client_broke);
		assert_int_equal(r.a.why, heard[code]);
		rig_fini(&r);
	}
}

static void
interim_heads_are_counted(void **state)
{
	struct rig r;

	rig_client(&r);
	for (unsigned i = 0; i < LIMIT_H2_INTERIMS; i++)
		frame_headers(&r.in, NOT_WHOLE, 1, ":status=103");
	feed(&r, true);
	assert_non_null(r.a.x);
	frame_headers(&r.in, NOT_WHOLE, 1, ":status=103");
	feed(&r, true);
	assert_int_equal(r.a.why, REASON_INVALID_PROXY_RESPONSE);
	assert_false(r.p->client_broke);
	rig_fini(&r);
}

/* A field of 4 KB, put into the table once and referred to ten thousand times. */
static void
bombs_are_cut_short(void **state)
{
	char value[3900];
	struct buf block;
	struct rig r;

	rig_client(&r);
	memset(value, 'v', sizeof value);
	buf_init(&block, 65536);
	buf_add_u8(&block, 0x88); /* :status 200 */
	buf_add_u8(&block, 0x40);
	hpack_string(&block, span_str("n"));
	hpack_string(&block, span_of(value, sizeof value));
	for (int i = 0; i < 10000; i++)
		buf_add_u8(&block, 0xbe);
	frame(&r.in, F_HEADERS, WHOLE, 1, buf_span(&block));
	buf_fini(&block);
	feed(&r, true);
	assert_false(r.p->client_broke);
	assert_int_equal(r.a.why, REASON_INVALID_PROXY_RESPONSE);
	/* The table is intact: the next answer may use it. */
	ask(&r.a, "GET", "/", false);
	pair_flush(r.p);
	frame(&r.in, F_HEADERS, WHOLE, 3, span_str("\x88\xbe"));
	feed(&r, true);
	assert_true(r.a.ended);
	rig_fini(&r);
}

/* More fields than a head may have. */
static void
fields_are_counted(void **state)
{
	struct buf block;
	struct rig r;

	rig_client(&r);
	buf_init(&block, 65536);
	hpack_fields(&block, ":status=200");
	for (int i = 0; i < 200; i++)
		hpack_fields(&block, "a=b");
	frame(&r.in, F_HEADERS, WHOLE, 1, buf_span(&block));
	buf_fini(&block);
	feed(&r, true);
	assert_false(r.p->client_broke);
	assert_int_equal(r.a.why, REASON_INVALID_PROXY_RESPONSE);
	rig_fini(&r);
}

/* An agent that lets nothing out and makes us answer. */
static void
answers_do_not_pile_up(void **state)
{
	struct rig r;
	size_t before;

	rig_client(&r);
	r.p->up.room = 0;
	r.p->up.woken = true;
	frame_u(&r.in, F_PING, 0, 0, 1, 8);
	feed(&r, true); /* full from here on */
	before = r.p->up.messages;
	for (int i = 0; i < 2000 && !r.p->client_broke; i++) {
		struct err e = {0};

		frame_u(&r.in, F_PING, 0, 0, 1, 8);
		note(h2_client_recv(r.p->client, buf_span(&r.in), r.p->now, &e), &r.p->client_broke,
		    &e, &r.p->client_err);
		buf_clear(&r.in);
	}
	assert_true(r.p->client_broke);
	assert_int_equal(r.p->client_err.reason, REASON_PROTOCOL_ERROR);
	assert_int_equal(r.p->up.messages, before);
	rig_fini(&r);
}

/* Visitors who come and go while the agent does not read. */
static void
requests_do_not_pile_up(void **state)
{
	struct h2_opts o = {.max_streams = 50};
	struct pair *p = pair_new(&o, NULL);
	struct asker a;
	struct fields f;
	struct exchange_request rq = {
	    .request_id = "r", .method = span_str("GET"), .target = span_str("/"), .fields = &f};
	struct err e = {0};
	int opened = 0;

	asker_init(&a, p);
	fields_init(&f);
	p->up.room = 0;
	ask(&a, "GET", "/", false);
	pair_flush(p);
	while (
	    opened < 10000 && (a.x == NULL || (asker_leave(&a), true)) && asker_open(&a, &rq, &e))
		opened++;
	assert_int_equal(e.reason, REASON_AGENT_BUSY);
	assert_in_range(opened, 50, 110);
	p->up.room = SIZE_MAX;
	pair_run(p);
	ask(&a, "GET", "/", false);
	pair_run(p);
	asker_leave(&a);
	pair_run(p);
	pair_expect_quiet(p);
	fields_fini(&f);
	asker_fini(&a);
	pair_free(p);
}

/* An agent whose HTTP/2 does not take WebSocket. */
static void
upgrades_need_a_setting(void **state)
{
	struct rig r;
	struct fields f;
	struct exchange_request rq = {.request_id = "r",
	    .method = span_str("GET"),
	    .target = span_str("/"),
	    .fields = &f,
	    .has_body = true,
	    .upgrade = true};
	struct err e = {0};

	r.p = pair_new(NULL, NULL);
	asker_init(&r.a, r.p);
	buf_init(&r.in, 1000);
	fields_init(&f);
	assert_true(asker_open(&r.a, &rq, &e));
	pair_flush(r.p);
	frame(&r.in, F_SETTINGS, 0, 0, span_of(NULL, 0));
	feed(&r, true);
	assert_int_equal(r.a.why, REASON_UPGRADE_NOT_CARRIED);
	assert_false(asker_open(&r.a, &rq, &e));
	assert_int_equal(e.reason, REASON_UPGRADE_NOT_CARRIED);
	fields_fini(&f);
	rig_fini(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(breaches_end_the_session),
	    cmocka_unit_test(slow_noise_is_borne),
	    cmocka_unit_test(unknown_frames_are_passed_over),
	    cmocka_unit_test(answers_are_held_to_http),
	    cmocka_unit_test(what_follows_a_head_is_held_to_http),
	    cmocka_unit_test(resets_are_told_by_code),
	    cmocka_unit_test(interim_heads_are_counted),
	    cmocka_unit_test(bombs_are_cut_short),
	    cmocka_unit_test(fields_are_counted),
	    cmocka_unit_test(answers_do_not_pile_up),
	    cmocka_unit_test(requests_do_not_pile_up),
	    cmocka_unit_test(upgrades_need_a_setting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
