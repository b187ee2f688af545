/* Control planes that break HTTP/2, HTTP or good manners, and visitors who do so through them. */
#include "tunnel/h2_bent.h"

static void
rig_server(struct rig *r, const struct h2_opts *o)
{
	r->p = pair_new(NULL, o);
	asker_init(&r->a, r->p);
	buf_init(&r->in, 64u << 20);
	buf_add_str(&r->in, FRAMES_MAGIC);
	frame(&r->in, F_SETTINGS, 0, 0, span_of(NULL, 0));
	frame(&r->in, F_SETTINGS, FLAG_ACK, 0, span_of(NULL, 0));
	feed(r, false);
	buf_clear(&r->p->down.bytes);
}

/* Find RST_STREAM for a stream in what the server sent: its code, or -1. */
static int64_t
reset_code(const struct pair *p, uint32_t id)
{
	struct span s = buf_span(&p->down.bytes);

	while (s.n >= 9) {
		size_t n = (size_t)s.p[0] << 16 | (size_t)s.p[1] << 8 | s.p[2];
		uint32_t at = (uint32_t)s.p[5] << 24 | (uint32_t)s.p[6] << 16
			      | (uint32_t)s.p[7] << 8 | s.p[8];

		if (s.p[3] == F_RST_STREAM && at == id)
			return (int64_t)s.p[9] << 24 | s.p[10] << 16 | s.p[11] << 8 | s.p[12];
		s = span_from(s, 9 + n);
	}
	return -1;
}

static void
odd_prefaces_are_refused(void **state)
{
	static const char *const cases[] = {"GET / HTTP/1.1\r\n\r\n",
	    "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", FRAMES_MAGIC "GET / HTTP/1.1\r\n\r\n", "\r\n"};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct rig r;

		r.p = pair_new(NULL, NULL);
		asker_init(&r.a, r.p);
		buf_init(&r.in, 1000);
		buf_add_str(&r.in, cases[i]);
		feed(&r, false);
		assert_true(r.p->server_broke);
		assert_int_equal(r.p->server_err.reason, REASON_PROTOCOL_ERROR);
		rig_fini(&r);
	}
}

static void
requests_are_held_to_http(void **state)
{
	static const struct {
		const char *fields;
		const char *told; /* what the backend sees, NULL: nothing */
	} cases[] = {
	    {REQUEST, "GET / Host=a -"},
	    {REQUEST "&host=a", "GET / Host=a -"},
	    {REQUEST "&te=trailers&x=y", "GET / Host=a x=y -"},
	    {":method=GET&:scheme=http&:path=/&host=b:80", "GET / Host=b:80 -"},
	    {":method=OPTIONS&:scheme=http&:authority=a&:path=*", "OPTIONS * Host=a -"},
	    {REQUEST "&cookie=a&cookie=b&x=y&cookie=c", "GET / Host=a x=y cookie=a; b; c -"},
	    {REQUEST "&content-length=0", "GET / Host=a -"},
	    {REQUEST "&expect=100-continue", "GET / Host=a -"},
	    {REQUEST "&expect=something", NULL},
	    {REQUEST "&host=b", NULL},
	    {REQUEST "&host=a&host=a", NULL},
	    {":method=GET&:scheme=https&:authority=a&:path=/", NULL},
	    {":method=GET&:scheme=file&:authority=a&:path=/", NULL},
	    {":method=GET&:scheme=http&:authority=u@a&:path=/", NULL},
	    {":method=GET&:scheme=http&:authority=a/b&:path=/", NULL},
	    {":method=GET&:scheme=http&:authority=a:b&:path=/", NULL},
	    {":method=GET&:scheme=http&:authority=&:path=/", NULL},
	    {":method=GET&:scheme=http&:path=/", NULL},
	    {":method=GET&:scheme=http&:authority=a&:path=", NULL},
	    {":method=GET&:scheme=http&:authority=a&:path=*", NULL},
	    {":method=GET&:scheme=http&:authority=a&:path=http://b/", NULL},
	    {":method=GET&:scheme=http&:authority=a&:path=@b", NULL},
	    {":method=GET&:scheme=http&:authority=a&:path=/ HTTP/1.1", NULL},
	    {":method=GET&:scheme=http&:authority=a&:path=/#f", NULL},
	    {":method=GET&:scheme=http&:authority=a", NULL},
	    {":method=GET&:authority=a&:path=/", NULL},
	    {":scheme=http&:authority=a&:path=/", NULL},
	    {":method=G T&:scheme=http&:authority=a&:path=/", NULL},
	    {":method=TRACE&:scheme=http&:authority=a&:path=/", NULL},
	    {":method=trace&:scheme=http&:authority=a&:path=/", NULL},
	    {":method=CONNECT&:authority=a:80", NULL},
	    {":method=CONNECT&:scheme=http&:authority=a&:path=/", NULL},
	    {":method=connect&:scheme=http&:authority=a&:path=/", NULL},
	    {":method=CONNECT&:protocol=websocket&:scheme=http&:authority=a&:path=/", NULL},
	    {":method=GET&:protocol=websocket&:scheme=http&:authority=a&:path=/", NULL},
	    {":method=MMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMM&:scheme=http&:authority=a&:path=/",
		NULL},
	    {REQUEST "&:path=/b", NULL},
	    {REQUEST "&:status=200", NULL},
	    {REQUEST "&:x=y", NULL},
	    {"a=b&" REQUEST, NULL},
	    {REQUEST "&A=b", NULL},
	    {REQUEST "&a=b\r\nc: d", NULL},
	    {REQUEST "&a b=c", NULL},
	    {REQUEST "&connection=close", NULL},
	    {REQUEST "&transfer-encoding=chunked", NULL},
	    {REQUEST "&upgrade=websocket", NULL},
	    {REQUEST "&te=gzip", NULL},
	    {REQUEST "&content-length=1", NULL},
	    {REQUEST "&content-length=x", NULL},
	    {REQUEST "&content-length=0&content-length=0", NULL},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct rig r;

		rig_server(&r, NULL);
		frame_headers(&r.in, WHOLE, 1, cases[i].fields);
		feed(&r, false);
		if (r.p->server_broke)
			fail_msg("%s: %s", cases[i].fields, r.p->server_err.detail);
		if (!cases[i].told && (r.p->n_backs || reset_code(r.p, 1) < 0))
			fail_msg("%s: passes", cases[i].fields);
		if (cases[i].told && !r.p->n_backs)
			fail_msg("%s: does not pass", cases[i].fields);
		if (cases[i].told)
			expect_told(&pair_back(r.p, 0)->told, cases[i].told);
		/* The tunnel goes on. */
		frame_headers(&r.in, WHOLE, 3, REQUEST);
		feed(&r, false);
		assert_false(r.p->server_broke);
		expect_told(&pair_back(r.p, cases[i].told ? 1 : 0)->told, "GET / Host=a -");
		rig_fini(&r);
	}
}

static void
upgrades_are_of_one_kind(void **state)
{
	static const struct {
		const char *protocol;
		bool ok;
	} cases[] = {{"websocket", true}, {"connect-udp", false}, {"WebSocket", false},
	    {"websocketwebsocketwebsocket", false}};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf block;
		struct rig r;

		rig_server(&r, NULL);
		buf_init(&block, 1000);
		hpack_fields(&block, ":method=CONNECT&:scheme=http&:authority=a&:path=/ws");
		hpack_field(&block, span_str(":protocol"), span_str(cases[i].protocol));
		frame(&r.in, F_HEADERS, NOT_WHOLE, 1, buf_span(&block));
		buf_fini(&block);
		feed(&r, false);
		assert_int_equal(r.p->n_backs, cases[i].ok);
		if (cases[i].ok)
			expect_told(&pair_back(r.p, 0)->told, "GET /ws Host=a UPGRADE");
		else
			assert_true(reset_code(r.p, 1) >= 0);
		rig_fini(&r);
	}
}

static void
request_bodies_are_held_to_http(void **state)
{
	static const struct {
		const char *fields, *body;
		unsigned flags;
		const char *trailers;
		unsigned trailer_flags;
		const char *told;
	} cases[] = {
	    {REQUEST "&content-length=1", "x", FLAG_END_STREAM, NULL, 0, "GET / Host=a #1|x."},
	    {REQUEST "&content-length=2", "x", FLAG_END_STREAM, NULL, 0, "GET / Host=a #2|x!"},
	    {REQUEST "&content-length=1", "xy", FLAG_END_STREAM, NULL, 0, "GET / Host=a #1!"},
	    {REQUEST, "x", 0, "t=1&host=b&content-length=1&expect=100-continue", WHOLE,
		"GET / Host=a|x t=1."},
	    {REQUEST, "x", 0, "t=1", NOT_WHOLE, "GET / Host=a|x!"},
	    {REQUEST, "x", 0, ":path=/b", WHOLE, "GET / Host=a|x!"},
	    {REQUEST, "x", 0, "connection=b", WHOLE, "GET / Host=a|x!"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct rig r;

		rig_server(&r, NULL);
		frame_headers(&r.in, NOT_WHOLE, 1, cases[i].fields);
		frame(&r.in, F_DATA, cases[i].flags, 1, span_str(cases[i].body));
		if (cases[i].trailers)
			frame_headers(&r.in, cases[i].trailer_flags, 1, cases[i].trailers);
		feed(&r, false);
		assert_false(r.p->server_broke);
		expect_told(&pair_back(r.p, 0)->told, cases[i].told);
		rig_fini(&r);
	}
}

static void
on_even_id(struct buf *b)
{
	frame_headers(b, WHOLE, 2, REQUEST);
}

static void
body_above_window(struct buf *b)
{
	static const uint8_t zeros[16384];

	frame_headers(b, NOT_WHOLE, 1, REQUEST);
	/* Until it has acknowledged settings, HTTP/2's own window may be used, too. */
	for (size_t n = 0; n <= LIMIT_H2_STREAM_WINDOW + 65535; n += sizeof zeros)
		frame(b, F_DATA, 0, 1, span_of(zeros, sizeof zeros));
}

static void
too_many_streams(struct buf *b)
{
	for (uint32_t i = 0; i <= LIMIT_H2_STREAMS; i++)
		frame_headers(b, WHOLE, 2 * i + 1, REQUEST);
}

static void
rapid_resets(struct buf *b)
{
	for (uint32_t i = 0; i < 2 * LIMIT_H2_RESETS; i++) {
		frame_headers(b, WHOLE, 2 * i + 1, REQUEST);
		frame_u(b, F_RST_STREAM, 0, 2 * i + 1, 8, 4);
	}
}

static void
self_dependent(struct buf *b)
{
	frame(b, F_PRIORITY, 0, 1, span_of("\0\0\0\1\1", 5));
}

/* RFC 9113 section 5.2: a stream error. Nobody holds more than a window of it. */
static void
body_above_its_window_ends_its_stream(void **state)
{
	struct rig r;

	rig_server(&r, NULL);
	r.p->send_credit = 0;
	body_above_window(&r.in);
	feed(&r, false);
	assert_false(r.p->server_broke);
	assert_int_equal(h2_server_in_flight(r.p->server), 0);
	assert_int_equal(h2_server_stats(r.p->server).unconsumed, 0);
	assert_true(pair_back(r.p, 0)->reset);
	rig_fini(&r);
}

static void
hostile_clients_lose_the_session(void **state)
{
	static void (*const cases[])(struct buf *) = {too_long, push, data_on_0, data_on_idle,
	    on_even_id, too_many_streams, rapid_resets, self_dependent, update_by_0,
	    update_overflow, update_idle, bad_push_setting, bad_window_setting, bad_frame_setting,
	    short_settings, loaded_ack, settings_on_stream, many_settings, continuation_alone,
	    headers_interrupted, continuations, reset_idle, reset_0, ping_short, ping_on_stream,
	    goaway_with_code, goaway_on_stream, bad_index, pings, settings, priorities, updates};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct rig r;

		rig_server(&r, NULL);
		r.p->send_credit = 0;
		cases[i](&r.in);
		feed(&r, false);
		if (!r.p->server_broke)
			fail_msg("case %zu passes", i);
		assert_int_equal(r.p->server_err.reason, REASON_PROTOCOL_ERROR);
		assert_int_equal(h2_server_in_flight(r.p->server), 0);
		for (size_t k = 0; k < r.p->n_backs; k++)
			assert_true(r.p->backs[k]->over);
		rig_fini(&r);
	}
}

/* A crowd that leaves at once is no attack, nor are visitors who leave one after the other. */
static void
leaving_is_no_attack(void **state)
{
	struct pair *p = pair_new(NULL, NULL);
	struct asker *a = calloc(LIMIT_H2_STREAMS, sizeof *a);

	assert_non_null(a);
	for (int round = 0; round < 4; round++) {
		for (size_t i = 0; i < LIMIT_H2_STREAMS; i++) {
			asker_init(&a[i], p);
			ask(&a[i], "GET", "/", false);
		}
		pair_run(p);
		for (size_t i = 0; i < LIMIT_H2_STREAMS; i++) {
			asker_leave(&a[i]);
			asker_fini(&a[i]);
		}
		pair_run(p);
		pair_sweep(p);
		pair_wait(p, 5000);
	}
	for (int i = 0; i < 20000; i++) {
		ask(&a[0], "GET", "/", false);
		pair_run(p);
		if (i % 10 < 3) {
			asker_leave(&a[0]);
		} else {
			back_head(pair_back(p, 0), 204, NULL);
			back_finish(pair_back(p, 0));
		}
		pair_run(p);
		pair_sweep(p);
	}
	pair_expect_quiet(p);
	asker_fini(&a[0]);
	free(a);
	pair_free(p);
}

/* Requests that are refused, by a control plane that does not read the refusals. */
static void
refusals_do_not_pile_up(void **state)
{
	struct h2_opts o = {.max_streams = 10};
	struct rig r;
	uint32_t id = 1;

	r.p = pair_new(NULL, &o);
	asker_init(&r.a, r.p);
	buf_init(&r.in, 1u << 20);
	r.p->down.room = 0;
	/* No acknowledgement of settings: above the limit is refused, not a breach. */
	buf_add_str(&r.in, FRAMES_MAGIC);
	frame(&r.in, F_SETTINGS, 0, 0, span_of(NULL, 0));
	feed(&r, false);
	while (id < 20000 && !r.p->server_broke) {
		struct err e = {0};

		frame_headers(&r.in, WHOLE, id, REQUEST);
		note(h2_server_recv(r.p->server, buf_span(&r.in), r.p->now, &e), &r.p->server_broke,
		    &e, &r.p->server_err);
		buf_clear(&r.in);
		id += 2;
	}
	assert_true(r.p->server_broke);
	assert_int_equal(r.p->n_backs, 10);
	assert_in_range(id, 2000, 3000);
	rig_fini(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(odd_prefaces_are_refused),
	    cmocka_unit_test(requests_are_held_to_http),
	    cmocka_unit_test(upgrades_are_of_one_kind),
	    cmocka_unit_test(request_bodies_are_held_to_http),
	    cmocka_unit_test(body_above_its_window_ends_its_stream),
	    cmocka_unit_test(hostile_clients_lose_the_session),
	    cmocka_unit_test(leaving_is_no_attack),
	    cmocka_unit_test(refusals_do_not_pile_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
