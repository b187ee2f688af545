#include "net/http_server.h"

#include <stdio.h>

#include "base/test.h"

/* A server whose handler is chosen by the path, and one raw client. */
struct world {
	struct net_loop *l;
	struct http_server *server;
	struct stream *client;
	struct buf out, body;
	struct span send; /* sent at open, split at `cut` */
	size_t cut, wrote;
	struct net_timer later, rest, stop, slow;
	struct http_req *waiting;
	int requests, closed, aborted, refused, ended, server_closed, client_closed;
	int collects, collect_errors;
	struct err refusal, abort_why;
	size_t left;
	bool end_client, timed_out;
	struct err e;
};

static void
body_piece(struct http_req *r, struct span piece, void *ctx)
{
	struct world *w = ctx;

	buf_add(&w->body, piece);
	assert_true(http_respond_body(r, piece));
}

static void
body_end(struct http_req *r, void *ctx)
{
	struct world *w = ctx;

	w->ended++;
	http_respond_end(r);
}

static void
req_close(struct http_req *r, const struct err *why, void *ctx)
{
	struct world *w = ctx;

	w->closed++;
	if (why->code != ERR_NONE) {
		w->aborted++;
		w->abort_why = *why;
	}
	if (w->waiting == r)
		w->waiting = NULL;
}

static const struct http_req_ops echo_ops = {
    .on_body = body_piece, .on_end = body_end, .on_close = req_close};
static const struct http_req_ops quiet_ops = {.on_close = req_close};

static void
collected(struct http_req *r, const struct err *e, struct span body, void *ctx)
{
	struct world *w = ctx;

	w->collects++;
	if (e) {
		w->collect_errors++;
		http_respond_full(r, reason_http(e->reason), NULL, NULL, 0, span_str("too big"));
		return;
	}
	http_respond_full(r, 200, "text/plain", NULL, 0, body);
}

static void
answer_late(void *ctx)
{
	struct world *w = ctx;

	if (w->waiting)
		http_respond_full(w->waiting, 200, NULL, NULL, 0, span_str("late"));
}

static void
big_more(struct http_req *r, void *ctx)
{
	static const uint8_t block[16384];
	struct world *w = ctx;

	while (w->left > 0 && !http_respond_is_full(r)) {
		size_t n = w->left < sizeof block ? w->left : sizeof block;

		w->left -= n;
		assert_true(http_respond_body(r, span_of(block, n)));
	}
	if (w->left == 0)
		http_respond_end(r);
}

static const struct http_req_ops big_ops = {.on_drain = big_more, .on_close = req_close};

static void
resume_slow(void *ctx)
{
	struct world *w = ctx;

	http_req_resume(w->waiting);
}

static void
on_request(struct http_server *s, struct http_req *r, void *ctx)
{
	struct world *w = ctx;
	struct span p = http_req_path(r);
	struct http_field evil = {span_str("X-A"), span_str("b\r\nX-C: d")};
	struct http_field fine = {span_str("Content-Length"), span_str("77")};

	w->requests++;
	if (span_is(p, "/echo")) {
		http_req_set_ops(r, &echo_ops, w);
		assert_true(http_respond_head(r, 200, NULL, 0, HTTP_LENGTH_UNKNOWN));
	} else if (span_is(p, "/collect")) {
		http_req_set_ops(r, &quiet_ops, w);
		http_req_collect(r, 10, collected, w);
	} else if (span_is(p, "/late")) {
		http_req_set_ops(r, &quiet_ops, w);
		w->waiting = r;
		net_timer_start(w->l, &w->later, 30, answer_late, w);
	} else if (span_is(p, "/slow")) {
		http_req_set_ops(r, &echo_ops, w);
		http_respond_head(r, 200, NULL, 0, HTTP_LENGTH_UNKNOWN);
		http_req_pause(r);
		w->waiting = r;
		net_timer_start(w->l, &w->slow, 30, resume_slow, w);
	} else if (span_is(p, "/never")) {
		http_req_set_ops(r, &quiet_ops, w);
		w->waiting = r;
	} else if (span_is(p, "/big")) {
		w->left = 20u << 20;
		http_req_set_ops(r, &big_ops, w);
		assert_true(http_respond_head(r, 200, NULL, 0, (int64_t)w->left));
		big_more(r, w);
	} else if (span_is(p, "/short")) {
		http_req_set_ops(r, &quiet_ops, w);
		assert_true(http_respond_head(r, 200, NULL, 0, 100));
		assert_true(http_respond_body(r, span_str("half")));
		http_respond_end(r);
	} else if (span_is(p, "/evil")) {
		assert_false(http_respond_head(r, 200, &evil, 1, 0));
		assert_false(http_req_is_answered(r));
		assert_true(http_respond_full(r, 500, NULL, &fine, 1, span_str("no")));
		assert_false(http_respond_full(r, 500, NULL, NULL, 0, span_str("again")));
	} else {
		assert_true(http_respond_full(r, 200, "text/plain", NULL, 0, http_req_query(r)));
	}
}

static void
on_refused(struct http_server *s, const char *peer, const struct err *why, void *ctx)
{
	struct world *w = ctx;

	assert_string_equal(peer, "127.0.0.1");
	w->refused++;
	w->refusal = *why;
}

static void
on_server_close(struct http_server *s, void *ctx)
{
	struct world *w = ctx;

	w->server_closed++;
	w->server = NULL;
}

static const struct http_server_ops server_ops = {
    .on_request = on_request, .on_refused = on_refused, .on_close = on_server_close};

static void
send_rest(void *ctx)
{
	struct world *w = ctx;

	stream_write(w->client, span_from(w->send, w->cut));
	if (w->end_client)
		stream_end(w->client);
}

static void
client_open(struct stream *s, void *ctx)
{
	struct world *w = ctx;

	stream_write(s, span_first(w->send, w->cut));
	if (w->cut < w->send.n)
		net_timer_start(w->l, &w->rest, 3, send_rest, w);
	else if (w->end_client)
		stream_end(s);
}

static void
client_read(struct stream *s, struct span bytes, void *ctx)
{
	struct world *w = ctx;

	buf_add(&w->out, bytes);
}

static void
client_close(struct stream *s, const struct err *why, void *ctx)
{
	struct world *w = ctx;

	w->client_closed++;
	w->client = NULL;
	if (w->server)
		http_server_close(w->server);
	net_timer_stop(&w->stop);
	net_timer_stop(&w->later);
	net_timer_stop(&w->rest);
}

static const struct stream_ops client_ops = {
    .on_open = client_open, .on_read = client_read, .on_close = client_close};

static void
time_out(void *ctx)
{
	struct world *w = ctx;

	w->timed_out = true;
	net_loop_stop(w->l);
}

static void
world_init(struct world *w)
{
	struct http_server_opts o = {.listen = {.address = "127.0.0.1"},
	    .head_timeout_ms = 150,
	    .idle_timeout_ms = 100,
	    .body_timeout_ms = 200,
	    .server_name = "test"};

	memset(w, 0, sizeof *w);
	buf_init(&w->out, 64u << 20);
	buf_init(&w->body, 64u << 20);
	w->l = net_loop_new(&w->e);
	w->server = http_server_open(w->l, &o, &server_ops, w, &w->e);
	assert_non_null(w->server);
}

static void
world_fini(struct world *w)
{
	net_loop_free(w->l);
	assert_int_equal(w->server_closed, 1);
	assert_int_equal(w->client_closed, 1);
	assert_null(w->waiting);
	buf_fini(&w->out);
	buf_fini(&w->body);
}

/* Send bytes, cut at one place; run until the connection is closed. */
static void
run(struct world *w, struct span send, size_t cut, bool end)
{
	struct stream_dial d = {.host = "127.0.0.1"};

	world_init(w);
	d.port = http_server_port(w->server);
	w->send = send;
	w->cut = cut < send.n ? cut : send.n;
	w->end_client = end;
	w->client = stream_connect(w->l, &d, &client_ops, w, &w->e);
	net_timer_start(w->l, &w->stop, 3000, time_out, w);
	net_loop_run(w->l);
	assert_false(w->timed_out);
}

static void
run_str(struct world *w, const char *s)
{
	run(w, span_str(s), SIZE_MAX, false);
}

static size_t
count(struct world *w, const char *needle)
{
	const char *p = buf_cstr(&w->out);
	size_t n = 0;

	for (; (p = strstr(p, needle)); p += strlen(needle))
		n++;
	return n;
}

static void
test_simple(void **state)
{
	struct world w;

	run_str(&w, "GET /x?abc HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_int_equal(count(&w, "HTTP/1.1 200 OK\r\n"), 1);
	assert_int_equal(count(&w, "Content-Length: 3\r\n"), 1);
	assert_int_equal(count(&w, "Server: test\r\n"), 1);
	assert_int_equal(count(&w, "Date: "), 1);
	assert_int_equal(count(&w, " GMT\r\n"), 1);
	assert_int_equal(count(&w, "\r\n\r\nabc"), 1);
	world_fini(&w);
	run_str(&w, "HEAD /x?abc HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_int_equal(count(&w, "Content-Length: 3\r\n"), 1);
	assert_int_equal(count(&w, "abc"), 0);
	world_fini(&w);
	run_str(&w, "GET /x?abc HTTP/1.0\r\n\r\n");
	assert_int_equal(count(&w, "Connection: close\r\n"), 1);
	assert_int_equal(count(&w, "\r\n\r\nabc"), 1);
	world_fini(&w);
	run_str(&w, "GET /evil HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_int_equal(count(&w, "HTTP/1.1 500 "), 1);
	assert_int_equal(count(&w, "HTTP/1.1 "), 1);
	assert_int_equal(count(&w, "X-C"), 0);
	assert_int_equal(count(&w, "77"), 0);
	world_fini(&w);
}

static void
test_pipelining_in_order_at_every_cut(void **state)
{
	static const char in[] =
	    "GET /late HTTP/1.1\r\nHost: a\r\n\r\n"
	    "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\n\r\n"
	    "POST /collect HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
	    "GET /z?last HTTP/1.1\r\nHost: a\r\n\r\n";
	struct world w;

	for (size_t cut = 1; cut < sizeof in; cut += 5) {
		const char *late, *hello, *last;

		run(&w, span_str(in), cut, (cut & 1) != 0);
		assert_int_equal(w.requests, 4);
		assert_int_equal(count(&w, "HTTP/1.1 200 OK\r\n"), 4);
		assert_true(span_is(buf_span(&w.body), "abcdefg"));
		late = strstr(buf_cstr(&w.out), "late");
		hello = strstr(buf_cstr(&w.out), "hello");
		last = strstr(buf_cstr(&w.out), "last");
		assert_true(late && hello && last && late < hello && hello < last);
		assert_int_equal(count(&w, "\r\n0\r\n\r\n"), 1);
		assert_int_equal(w.closed, 3);
		assert_int_equal(w.aborted, 0);
		world_fini(&w);
	}
}

static void
test_collect_cap(void **state)
{
	struct world w;

	run_str(&w, "POST /collect HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nhello world");
	assert_int_equal(w.collect_errors, 1);
	assert_int_equal(count(&w, "HTTP/1.1 413 "), 1);
	world_fini(&w);
	run_str(&w, "POST /collect HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
		    "6\r\nhello \r\n5\r\nworld\r\n0\r\n\r\nGET /?n HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_int_equal(w.collect_errors, 1);
	assert_int_equal(w.requests, 2);
	assert_int_equal(count(&w, "HTTP/1.1 413 "), 1);
	assert_int_equal(count(&w, "HTTP/1.1 200 "), 1);
	world_fini(&w);
	/* the peer leaves in the middle */
	run(&w, span_str("POST /collect HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhel"),
	    SIZE_MAX, true);
	assert_int_equal(w.collects, 1);
	assert_int_equal(w.collect_errors, 1);
	assert_int_equal(w.closed, 1);
	assert_int_equal(w.aborted, 1);
	world_fini(&w);
}

static void
test_expect_continue(void **state)
{
	static const char in[] = "POST /collect HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
				 "Expect: 100-continue\r\n\r\nhello";
	struct world w;

	run(&w, span_str(in), sizeof in - 6, false);
	assert_int_equal(count(&w, "HTTP/1.1 100 Continue\r\n\r\n"), 1);
	assert_int_equal(count(&w, "HTTP/1.1 200 OK\r\n"), 1);
	world_fini(&w);
	/* too big by its own word: refused before the body, and closed */
	run_str(&w, "POST /collect HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n"
		    "Expect: 100-continue\r\n\r\n");
	assert_int_equal(count(&w, "100 Continue"), 0);
	assert_int_equal(count(&w, "HTTP/1.1 413 "), 1);
	assert_int_equal(count(&w, "Connection: close\r\n"), 1);
	world_fini(&w);
}

static void
test_credit(void **state)
{
	struct world w;

	run_str(&w, "POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
	assert_true(span_is(buf_span(&w.body), "hello"));
	assert_int_equal(w.ended, 1);
	world_fini(&w);
	run_str(&w, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_true(w.out.n > 20u << 20);
	assert_int_equal(w.aborted, 0);
	world_fini(&w);
}

static void
test_refusals(void **state)
{
	static const char *bad[] = {"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", "garbage\r\n\r\n",
	    "\x16\x03\x01\x02\x00\x01\x00\x01", "GET / HTTP/1.1\nHost: a\n\n",
	    "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
	    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
	    "GET / HTTP/1.1\r\nHost : a\r\n\r\n"};
	struct world w;
	struct buf b;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		run_str(&w, bad[i]);
		assert_int_equal(w.refused, 1);
		assert_int_equal(w.refusal.reason, REASON_BAD_REQUEST);
		assert_int_equal(count(&w, "HTTP/1.1 400 "), 1);
		assert_int_equal(w.requests, 0);
		world_fini(&w);
	}
	/* a chunk that is none, in the middle of a collected body */
	run_str(
	    &w, "POST /collect HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n");
	assert_int_equal(count(&w, "HTTP/1.1 400 "), 1);
	assert_int_equal(w.collect_errors, 1);
	world_fini(&w);
	/* ten thousand fields */
	buf_init(&b, 1u << 20);
	buf_add_str(&b, "GET / HTTP/1.1\r\nHost: a\r\n");
	for (int i = 0; i < 10000; i++)
		buf_printf(&b, "x-%d: y\r\n", i);
	buf_add_str(&b, "\r\n");
	run(&w, buf_span(&b), SIZE_MAX, false);
	assert_int_equal(w.refusal.reason, REASON_HEADER_TOO_BIG);
	world_fini(&w);
	buf_clear(&b);
	buf_add_str(&b, "GET /");
	for (int i = 0; i < 60000; i++)
		buf_add_u8(&b, 'a');
	run(&w, buf_span(&b), SIZE_MAX, false);
	assert_int_equal(w.refusal.reason, REASON_URI_TOO_LONG);
	world_fini(&w);
	buf_fini(&b);
}

static void
test_slow_peers(void **state)
{
	struct world w;

	/* half a head, silence, silence after an answer, half a body */
	run_str(&w, "GET / HTTP/1.1\r\nHos");
	assert_int_equal(count(&w, "HTTP/1.1 408 "), 1);
	world_fini(&w);
	run_str(&w, "");
	assert_int_equal(w.out.n, 0);
	world_fini(&w);
	run_str(&w, "POST /collect HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhel");
	assert_int_equal(count(&w, "HTTP/1.1 408 "), 1);
	assert_int_equal(w.collect_errors, 1);
	world_fini(&w);
	run_str(&w, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhel");
	assert_int_equal(w.aborted, 1);
	assert_int_equal(w.abort_why.reason, REASON_REQUEST_TIMEOUT);
	assert_int_equal(count(&w, "\r\n0\r\n\r\n"), 0);
	world_fini(&w);
}

static void
test_too_short_an_answer_cuts(void **state)
{
	struct world w;

	run_str(&w, "GET /short HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_int_equal(w.aborted, 1);
	assert_int_equal(w.abort_why.reason, REASON_INTERNAL);
	world_fini(&w);
}

static void
drain(void *ctx)
{
	struct world *w = ctx;

	http_server_drain(w->server);
	http_server_drain(w->server);
}

static void
test_drain_and_close(void **state)
{
	struct stream_dial d = {.host = "127.0.0.1"};
	struct world w;
	struct net_timer t = {0};

	world_init(&w);
	d.port = http_server_port(w.server);
	w.send = span_str(
	    "GET /late HTTP/1.1\r\nHost: a\r\n\r\nGET /?never HTTP/1.1\r\nHost: a\r\n\r\n");
	w.cut = w.send.n;
	w.client = stream_connect(w.l, &d, &client_ops, &w, &w.e);
	net_timer_start(w.l, &t, 10, drain, &w);
	net_loop_run(w.l);
	assert_int_equal(count(&w, "late"), 1);
	assert_int_equal(count(&w, "never"), 0);
	assert_int_equal(count(&w, "Connection: close\r\n"), 1);
	world_fini(&w);
	/* the loop is freed while a request waits */
	world_init(&w);
	d.port = http_server_port(w.server);
	w.send = span_str("GET /never HTTP/1.1\r\nHost: a\r\n\r\n");
	w.cut = w.send.n;
	w.client = stream_connect(w.l, &d, &client_ops, &w, &w.e);
	net_timer_start(w.l, &w.stop, 30, time_out, &w);
	net_loop_run(w.l);
	assert_non_null(w.waiting);
	world_fini(&w);
	assert_int_equal(w.aborted, 1);
}

static void
ask_late(void *ctx)
{
	struct world *w = ctx;

	stream_write(w->client, span_str("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
}

/* Who was let in before the drain and had not asked yet is answered, and then let go. */
static void
test_drain_serves_who_was_let_in(void **state)
{
	struct stream_dial d = {.host = "127.0.0.1"};
	struct net_timer t = {0}, late = {0};
	struct world w;

	world_init(&w);
	d.port = http_server_port(w.server);
	w.client = stream_connect(w.l, &d, &client_ops, &w, &w.e);
	net_timer_start(w.l, &t, 20, drain, &w);
	net_timer_start(w.l, &late, 60, ask_late, &w);
	net_loop_run(w.l);
	assert_int_equal(count(&w, "HTTP/1.1 200"), 1);
	assert_int_equal(count(&w, "Connection: close\r\n"), 1);
	world_fini(&w);
}

static void
test_garbage(void **state)
{
	struct world w;
	uint8_t noise[3000];
	uint32_t x = 12345;

	for (int round = 0; round < 20; round++) {
		for (size_t i = 0; i < sizeof noise; i++) {
			x = x * 1664525u + 1013904223u;
			noise[i] = (uint8_t)(x >> 24);
		}
		run(&w, span_of(noise, sizeof noise), 100, true);
		assert_int_equal(w.requests, 0);
		world_fini(&w);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_simple),
	    cmocka_unit_test(test_pipelining_in_order_at_every_cut),
	    cmocka_unit_test(test_collect_cap),
	    cmocka_unit_test(test_expect_continue),
	    cmocka_unit_test(test_credit),
	    cmocka_unit_test(test_refusals),
	    cmocka_unit_test(test_slow_peers),
	    cmocka_unit_test(test_too_short_an_answer_cuts),
	    cmocka_unit_test(test_drain_and_close),
	    cmocka_unit_test(test_drain_serves_who_was_let_in),
	    cmocka_unit_test(test_garbage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
