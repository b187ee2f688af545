/* http_client_test.c - what a streaming proxy needs of an exchange: interim answers, trailers,
 * Expect, early answers, upgrades. client_test.c has plain requests. */
#include "net/http_script.h"

static void
tells_interim_answers_and_trailers(void **state)
{
	static const struct script s[] = {
	    {.answers = {
		 "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n"
		 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n"
		 "Grpc-Status: 0\r\nHost: b\r\n\r\n"}}};
	struct fields t;
	struct world w;

	init(&w, s);
	w.o.takes_trailers = true;
	w.o.body_length = HTTP_LENGTH_UNKNOWN;
	w.o.method = span_str("POST");
	w.x = http_exchange_start(w.l, &w.o, &ops, &w, &w.e);
	fields_init(&t);
	fields_add_str(&t, "X-Sum", "7");
	fields_add_str(&t, "Transfer-Encoding", "chunked");
	assert_true(http_exchange_write(w.x, span_str("in")));
	http_exchange_end_with(w.x, &t);
	fields_fini(&t);
	net_loop_run(w.l);
	assert_int_equal(w.interims, 2);
	assert_string_equal(w.interim_fields, "</a>");
	assert_string_equal(w.trailers, "Grpc-Status=0;");
	assert_int_equal(w.status, 200);
	assert_int_equal(count(&w, 0, "TE: trailers\r\nConnection: TE\r\n"), 1);
	assert_int_equal(count(&w, 0, "2\r\nin\r\n0\r\nX-Sum: 7\r\n\r\n"), 1);
	assert_int_equal(http_pool_idle(w.pool), 1);
	fini(&w);
}

static void
refuses_bad_ends(void **state)
{
	static const char *const answers[] = {
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 2\r\n\r\nok",
	    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
	    "HTTP/1.1 100 Continue\r\nTransfer-Encoding: chunked\r\n\r\n"};
	struct world w;

	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
		struct script s[] = {{.answers = {answers[i]}}};

		init(&w, s);
		assert_int_equal(run(&w), REASON_INVALID_PROXY_RESPONSE);
		fini(&w);
	}
}

/* The second answer goes out once the body came, since that ends in what looks like a head's end. */
static void
waits_for_100(void **state)
{
	static const struct {
		struct script s;
		bool sent;
		int status;
		uint64_t least_ms;
	} rows[] = {
	    {{.answers = {"HTTP/1.1 100 Continue\r\n\r\n", OK}}, true, 200, 0},
	    {{.answers = {"HTTP/1.1 103 Early Hints\r\n\r\n", OK}}, true, 200, 80},
	    /* does not know it */
	    {{.answers = {"", OK}}, true, 200, 80},
	    /* does not want it */
	    {{.answers = {"HTTP/1.1 417 Expectation Failed\r\nContent-Length: 2\r\n\r\nno"}}, false,
		417, 0},
	    {{.answers = {"HTTP/1.1 413 Too Large\r\nConnection: close\r\n\r\nno"}, .then = 'e'},
		false, 413, 0},
	    /* answers, and goes on reading */
	    {{.answers = {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
		  "2\r\nok\r\n0\r\n\r\n"}},
		true, 200, 0},
	};
	struct world w;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		uint64_t t;

		init(&w, &rows[i].s);
		w.o.method = span_str("POST");
		w.o.body_length = HTTP_LENGTH_UNKNOWN;
		w.o.expect_continue = true;
		w.o.expect_ms = 80;
		w.to_write = 600000; /* more than may be held */
		t = net_loop_now_ms(w.l);
		assert_int_equal(run(&w), REASON_OK);
		assert_int_equal(w.status, rows[i].status);
		assert_int_equal(count(&w, 0, "Expect: 100-continue\r\n"), 1);
		assert_int_equal(count(&w, 0, "0\r\n\r\n"), rows[i].sent);
		assert_true(net_loop_now_ms(w.l) - t + 5 >= rows[i].least_ms);
		assert_int_equal(http_pool_idle(w.pool), rows[i].sent);
		fini(&w);
	}
}

/* The whole answer comes before the body was sent, and the backend goes with bytes unread: its
 * reset must not cost us its answer. */
static void
takes_an_early_answer(void **state)
{
	static const struct script s[] = {
	    {.answers = {"HTTP/1.1 413 Too Large\r\nContent-Length: 6\r\n\r\nno way"},
		.then = 'r',
		.once = true},
	    {.answers = {"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nno way"}, .once = true}};
	struct world w;

	for (int i = 0; i < 3; i++) {
		init(&w, &s[i / 2]);
		w.o.method = span_str("POST");
		w.o.body_length = 20000000;
		w.to_write = 20000000;
		w.pause_ms = i == 0 ? 60 : 0; /* the reset is there before the answer is read */
		assert_int_equal(run(&w), REASON_OK);
		assert_int_equal(w.status, i == 2 ? 200 : 413);
		assert_true(span_is(buf_span(&w.got), "no way"));
		assert_true(w.to_write > 0);
		assert_int_equal(http_pool_idle(w.pool), 0);
		fini(&w);
	}
}

/* -- upgrades -- */

#define GRANT                                                                                      \
	"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"        \
	"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"

static void
end_ours(void *ctx)
{
	struct world *w = ctx;

	assert_true(http_exchange_write(w->x, span_str("from us")));
	http_exchange_end(w->x);
	assert_false(http_exchange_write(w->x, span_str("more")));
}

static void
passes_an_upgrade(void **state)
{
	static const struct http_field f[] = {
	    {{(const uint8_t *)"Host", 4}, {(const uint8_t *)"a", 1}},
	    {{(const uint8_t *)"Sec-WebSocket-Key", 17},
		{(const uint8_t *)"dGhlIHNhbXBsZSBub25jZQ==", 24}}};
	static const struct script s[] = {
	    {.answers = {GRANT "early"}}, {.answers = {GRANT "x"}, .then = 'e'}};
	struct world w;

	/* we end first; longer than the idle time nothing is said */
	init(&w, s);
	w.o.fields = f;
	w.o.n_fields = 2;
	w.o.upgrade = true;
	w.x = http_exchange_start(w.l, &w.o, &ops, &w, &w.e);
	rest(&w, 300);
	assert_int_equal(w.status, 101);
	assert_true(span_is(buf_span(&w.got), "early"));
	assert_int_equal(w.closes, 0);
	stream_write(w.peers[0].s, span_str(" and late"));
	net_timer_start(w.l, &w.act, 10, end_ours, &w);
	/* the backend's stream writes its rest and closes when it sees our end */
	net_loop_run(w.l);
	assert_int_equal(w.why.code, ERR_NONE);
	assert_int_equal(w.ends, 1);
	assert_true(span_is(buf_span(&w.got), "early and late"));
	assert_int_equal(count(&w, 0, "from us"), 1);
	assert_int_equal(count(&w, 0, "Upgrade: websocket\r\nConnection: Upgrade\r\n"), 1);
	assert_int_equal(count(&w, 0, "Sec-WebSocket-Version: 13\r\n"), 1);
	assert_int_equal(http_pool_idle(w.pool), 0);
	fini(&w);
	/* the backend ends first, and then waits in vain for us */
	init(&w, s + 1);
	w.o.fields = f;
	w.o.n_fields = 2;
	w.o.upgrade = true;
	w.x = http_exchange_start(w.l, &w.o, &ops, &w, &w.e);
	rest(&w, 40);
	assert_int_equal(w.ends, 1);
	assert_int_equal(w.closes, 0);
	net_loop_run(w.l);
	assert_int_equal(w.why.reason, REASON_PEER_IDLE);
	fini(&w);
}

static void
checks_upgrades(void **state)
{
	static const struct {
		const char *answer;
		enum reason reason;
		int status;
	} rows[] = {
	    /* right, but for another key than the one made up */
	    {GRANT, REASON_INVALID_PROXY_RESPONSE, 0},
	    {"HTTP/1.1 101 x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
		REASON_INVALID_PROXY_RESPONSE, 0},
	    {"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno", REASON_OK, 403},
	};
	struct world w;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct script s[] = {{.answers = {rows[i].answer}}};

		init(&w, s);
		w.o.upgrade = true;
		assert_int_equal(run(&w), rows[i].reason);
		assert_int_equal(w.status, rows[i].status);
		assert_int_equal(count(&w, 0, "Sec-WebSocket-Key: "), 1);
		w.o.method = span_str("POST");
		assert_null(http_exchange_start(w.l, &w.o, &ops, &w, &w.e));
		fini(&w);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(tells_interim_answers_and_trailers),
	    cmocka_unit_test(refuses_bad_ends),
	    cmocka_unit_test(waits_for_100),
	    cmocka_unit_test(takes_an_early_answer),
	    cmocka_unit_test(passes_an_upgrade),
	    cmocka_unit_test(checks_upgrades),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
