/* http_respond_test.c - what a proxy needs of the HTTP server beside plain requests: trailers,
 * interim answers, `Expect` left to the handler, HTTP/1.0, raw upgrades. The client is raw. */
#include <stdio.h>

#include "base/test.h"
#include "net/http_server.h"

struct world {
	struct net_loop *l;
	struct http_server *server;
	struct stream *client;
	struct http_req *req;
	struct buf out, body;
	struct span send, later; /* sent at open; sent by client_more */
	struct net_timer act, stop;
	void (*on_bytes)(struct world *w); /* something came to the client */
	int requests, ends, closed, drains, client_eof, client_closed, server_closed;
	size_t flood, flooded;
	bool leave_expect, proxied, stays, timed_out, acted;
	struct err why, e;
	char trailers[200];
};

static void
stop_loop(void *ctx)
{
	struct world *w = ctx;

	w->timed_out = true;
	net_loop_stop(w->l);
}

/* -- the handler -- */

static void
on_close(struct http_req *r, const struct err *why, void *ctx)
{
	struct world *w = ctx;

	w->closed++;
	w->why = *why;
	w->req = NULL;
}

static void
take_body(struct http_req *r, struct span piece, void *ctx)
{
	struct world *w = ctx;

	buf_add(&w->body, piece);
}

static void
note_trailers(struct http_req *r, void *ctx)
{
	const struct fields *t = http_req_trailers(r);
	struct world *w = ctx;
	struct buf text;

	w->ends++;
	buf_init(&text, sizeof w->trailers - 1);
	for (size_t i = 0; t && i < t->n; i++) {
		buf_add(&text, fields_at(t, i).name);
		buf_add_str(&text, "=");
		buf_add(&text, fields_at(t, i).value);
		buf_add_str(&text, ";");
	}
	snprintf(w->trailers, sizeof w->trailers, "%s", buf_cstr(&text));
	buf_fini(&text);
	http_respond_full(r, 200, NULL, NULL, 0, span_str("ok"));
}

static const struct http_req_ops sink = {
    .on_body = take_body, .on_end = note_trailers, .on_close = on_close};
static const struct http_req_ops quiet = {.on_close = on_close};

static void
answer_with_trailers(struct http_req *r)
{
	struct fields t;

	fields_init(&t);
	fields_add_str(&t, "Grpc-Status", "0");
	fields_add_str(&t, "Content-Length", "9");
	assert_true(http_respond_head(r, 200, NULL, 0, HTTP_LENGTH_UNKNOWN));
	assert_true(http_respond_body(r, span_str("abc")));
	http_respond_end_with(r, &t);
	fields_fini(&t);
}

static void
answer_with_hints(struct http_req *r)
{
	struct http_field link = {span_str("Link"), span_str("</a.css>; rel=preload")};
	struct http_field evil = {span_str("X"), span_str("a\r\nb")};
	struct http_field ours = {span_str("Content-Length"), span_str("7")};

	assert_true(http_respond_interim(r, 103, &link, 1));
	assert_false(http_respond_interim(r, 103, &evil, 1));
	assert_false(http_respond_interim(r, 101, NULL, 0));
	assert_false(http_respond_interim(r, 200, NULL, 0));
	assert_true(http_respond_interim(r, 103, &ours, 1));
	assert_true(http_respond_full(r, 200, NULL, NULL, 0, span_str("page")));
	assert_false(http_respond_interim(r, 103, &link, 1));
}

/* Behind an answer that waits to be sent, too. */
static void
answer_otherwise(struct http_req *r)
{
	assert_false(http_respond_take_back(r));
	assert_true(http_respond_interim(r, 103, NULL, 0));
	assert_true(http_respond_head(r, 200, NULL, 0, HTTP_LENGTH_UNKNOWN));
	assert_true(http_respond_body(r, span_str("half")));
	assert_true(http_respond_take_back(r));
	assert_false(http_respond_take_back(r));
	assert_true(http_respond_full(r, 502, NULL, NULL, 0, span_str("lost")));
	assert_false(http_respond_take_back(r));
}

static void
too_late(void *ctx)
{
	struct world *w = ctx;

	assert_false(http_respond_take_back(w->req));
	http_respond_end(w->req);
}

static void
go_on(void *ctx)
{
	struct world *w = ctx;

	assert_int_equal(w->body.n, 0);
	assert_true(http_respond_interim(w->req, 100, NULL, 0));
}

static void
refuse_body(void *ctx)
{
	struct world *w = ctx;

	http_respond_full(w->req, 413, NULL, NULL, 0, span_str("no"));
}

static void
collected(struct http_req *r, const struct err *e, struct span body, void *ctx)
{
	assert_null(e);
	http_respond_full(r, 200, NULL, NULL, 0, body);
}

static void
on_request(struct http_server *s, struct http_req *r, void *ctx)
{
	struct span p = http_req_path(r);
	struct world *w = ctx;

	w->requests++;
	w->req = r;
	if (w->proxied)
		http_req_set_proxied(r);
	if (span_is(p, "/collect")) {
		http_req_set_ops(r, &quiet, w);
		http_req_collect(r, 100, collected, w);
	} else if (span_is(p, "/trailers")) {
		http_req_set_ops(r, &quiet, w);
		answer_with_trailers(r);
	} else if (span_is(p, "/hints")) {
		http_req_set_ops(r, &quiet, w);
		answer_with_hints(r);
	} else if (span_is(p, "/otherwise")) {
		http_req_set_ops(r, &quiet, w);
		answer_otherwise(r);
	} else if (span_is(p, "/too-late")) {
		http_req_set_ops(r, &quiet, w);
		assert_true(http_respond_head(r, 200, NULL, 0, HTTP_LENGTH_UNKNOWN));
		net_timer_start(w->l, &w->act, 10, too_late, w);
	} else if (span_is(p, "/go-on")) {
		http_req_set_ops(r, &sink, w);
		net_timer_start(w->l, &w->act, 250, go_on, w); /* beyond body_timeout_ms */
	} else if (span_is(p, "/too-big")) {
		http_req_set_ops(r, &sink, w);
		net_timer_start(w->l, &w->act, 10, refuse_body, w);
	} else {
		http_req_set_ops(r, &sink, w);
	}
}

/* -- the client -- */

static void
client_open(struct stream *s, void *ctx)
{
	stream_write(s, ((struct world *)ctx)->send);
}

static void
client_read(struct stream *s, struct span bytes, void *ctx)
{
	struct world *w = ctx;

	buf_add(&w->out, bytes);
	if (w->on_bytes)
		w->on_bytes(w);
}

static void
client_eof(struct stream *s, void *ctx)
{
	struct world *w = ctx;

	w->client_eof++;
	if (!w->stays)
		stream_end(s);
}

static void
client_close(struct stream *s, const struct err *why, void *ctx)
{
	struct world *w = ctx;

	w->client_closed++;
	w->client = NULL;
	net_timer_stop(&w->stop);
	net_timer_stop(&w->act);
	if (w->server)
		http_server_drain(w->server);
}

static const struct stream_ops client_ops = {
    .on_open = client_open, .on_read = client_read, .on_eof = client_eof, .on_close = client_close};

static void
on_server_close(struct http_server *s, void *ctx)
{
	struct world *w = ctx;

	w->server_closed++;
	w->server = NULL;
}

static const struct http_server_ops server_ops = {
    .on_request = on_request, .on_close = on_server_close};

static void
init(struct world *w)
{
	memset(w, 0, sizeof *w);
	buf_init(&w->out, 64u << 20);
	buf_init(&w->body, 64u << 20);
	w->l = net_loop_new(&w->e);
}

static void
run(struct world *w, const struct http_server_ops *ops, const char *send)
{
	struct http_server_opts o = {.listen = {.address = "127.0.0.1"},
	    .head_timeout_ms = 300,
	    .idle_timeout_ms = 60,
	    .body_timeout_ms = 100,
	    .abort_on_eof = true,
	    .leave_expect = w->leave_expect};
	struct stream_dial d = {.host = "127.0.0.1"};

	w->server = http_server_open(w->l, &o, ops, w, &w->e);
	assert_non_null(w->server);
	d.port = http_server_port(w->server);
	w->send = span_str(send);
	w->client = stream_connect(w->l, &d, &client_ops, w, &w->e);
	net_timer_start(w->l, &w->stop, 3000, stop_loop, w);
	net_loop_run(w->l);
	assert_false(w->timed_out);
	assert_int_equal(w->closed, w->requests);
}

static void
fini(struct world *w)
{
	net_loop_free(w->l);
	buf_fini(&w->out);
	buf_fini(&w->body);
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
takes_trailers(void **state)
{
	struct world w;

	init(&w);
	run(&w, &server_ops,
	    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "3\r\nabc\r\n0\r\nX-Sum: 7\r\nHost: b\r\nX-More:\r\n\r\n"
	    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nd");
	assert_int_equal(w.requests, 2);
	assert_true(span_is(buf_span(&w.body), "abcd"));
	assert_string_equal(w.trailers, "");
	fini(&w);
	init(&w);
	run(&w, &server_ops,
	    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "3\r\nabc\r\n0\r\nX-Sum: 7\r\nHost: b\r\nX-More:\r\n\r\n");
	assert_string_equal(w.trailers, "X-Sum=7;X-More=;");
	fini(&w);
	/* one that frames: refused, and nothing behind it is taken for a request */
	init(&w);
	run(&w, &server_ops,
	    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "3\r\nabc\r\n0\r\nContent-Length: 5\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_int_equal(w.requests, 1);
	assert_int_equal(w.ends, 0);
	assert_int_equal(count(&w, "HTTP/1.1 400 "), 1);
	fini(&w);
}

static void
sends_trailers_to_who_takes_them(void **state)
{
	struct world w;

	init(&w);
	run(&w, &server_ops, "GET /trailers HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n\r\n");
	assert_int_equal(count(&w, "3\r\nabc\r\n0\r\nGrpc-Status: 0\r\n\r\n"), 1);
	fini(&w);
	init(&w);
	run(&w, &server_ops,
	    "GET /trailers HTTP/1.1\r\nHost: a\r\n\r\n"
	    "HEAD /trailers HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n\r\n"
	    "GET /trailers HTTP/1.0\r\nTE: trailers\r\n\r\n");
	assert_int_equal(w.requests, 3);
	assert_int_equal(count(&w, "Grpc"), 0);
	assert_int_equal(count(&w, "3\r\nabc\r\n0\r\n\r\n"), 1);
	assert_int_equal(count(&w, "Connection: close\r\n\r\nabc"), 1);
	fini(&w);
}

static void
sends_interim_answers(void **state)
{
	struct world w;

	init(&w);
	run(&w, &server_ops, "GET /hints HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_ptr_equal(strstr(buf_cstr(&w.out),
			     "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"
			     "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n"),
	    w.out.p);
	fini(&w);
	init(&w);
	run(&w, &server_ops, "GET /hints HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	assert_int_equal(count(&w, " 103 "), 0);
	assert_int_equal(count(&w, "page"), 1);
	fini(&w);
}

static void
takes_back_what_has_not_left(void **state)
{
	struct world w;

	init(&w);
	run(&w, &server_ops,
	    "GET /hints HTTP/1.1\r\nHost: a\r\n\r\n"
	    "GET /otherwise HTTP/1.1\r\nHost: a\r\n\r\n"
	    "GET /too-late HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_int_equal(w.requests, 3);
	assert_int_equal(count(&w, "page"), 1);
	assert_int_equal(count(&w, "HTTP/1.1 502 Bad Gateway\r\n"), 1);
	assert_int_equal(count(&w, "half"), 0);
	assert_int_equal(count(&w, "HTTP/1.1 200 OK\r\n"), 2);
	assert_int_equal(count(&w, "\r\n\r\nlostHTTP/1.1 200 OK\r\n"), 1);
	fini(&w);
}

/* Send the body once 100 is there. */
static void
body_after_100(struct world *w)
{
	if (w->acted || !count(w, "HTTP/1.1 100 Continue\r\n\r\n"))
		return;
	w->acted = true;
	stream_write(w->client, span_str("hello"));
}

static void
leaves_expect_to_the_handler(void **state)
{
	struct world w;

	for (int by_request = 0; by_request < 2; by_request++) {
		init(&w);
		w.proxied = by_request;
		w.leave_expect = !by_request;
		w.on_bytes = body_after_100;
		run(&w, &server_ops,
		    "POST /go-on HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
		    "Content-Length: 5\r\n\r\n");
		assert_true(span_is(buf_span(&w.body), "hello"));
		assert_int_equal(count(&w, "HTTP/1.1 100 "), 1);
		assert_int_equal(count(&w, "HTTP/1.1 200 "), 1);
		assert_int_equal(count(&w, "Connection: close"), 0);
		fini(&w);
	}
	/* a body that is gathered is asked for */
	init(&w);
	w.leave_expect = true;
	w.on_bytes = body_after_100;
	run(&w, &server_ops,
	    "POST /collect HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: "
	    "5\r\n\r\n");
	assert_int_equal(count(&w, "HTTP/1.1 100 "), 1);
	assert_int_equal(count(&w, "\r\n\r\nhello"), 1);
	fini(&w);
	/* refused unread: the body may never come, so the connection cannot be kept */
	init(&w);
	w.leave_expect = true;
	run(&w, &server_ops,
	    "POST /too-big HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: "
	    "5\r\n\r\n");
	assert_int_equal(count(&w, "HTTP/1.1 100 "), 0);
	assert_int_equal(count(&w, "HTTP/1.1 413 "), 1);
	assert_int_equal(count(&w, "Connection: close\r\n"), 1);
	fini(&w);
}

static void
serves_http_1_0(void **state)
{
	struct world w;

	init(&w);
	run(&w, &server_ops,
	    "POST /a HTTP/1.0\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nhi"
	    "GET /b HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
	    "GET /c HTTP/1.0\r\n\r\nGET /never HTTP/1.0\r\n\r\n");
	assert_int_equal(w.requests, 3);
	assert_int_equal(count(&w, "Connection: keep-alive\r\n"), 2);
	assert_int_equal(count(&w, "Connection: close\r\n"), 1);
	assert_int_equal(count(&w, "Content-Length: 2\r\n"), 3);
	fini(&w);
}

/* -- raw upgrades -- */

#define UPGRADE                                                                                    \
	"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"             \
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

static void
echo_raw(struct http_req *r, struct span piece, void *ctx)
{
	struct world *w = ctx;

	buf_add(&w->body, piece);
	assert_true(http_respond_body(r, piece));
}

static void
end_raw(struct http_req *r, void *ctx)
{
	struct world *w = ctx;

	if (w->ends++ == 0 || w->flood)
		return; /* the request's own; our side has ended */
	assert_true(http_respond_body(r, span_str("bye")));
	http_respond_end(r);
	assert_false(http_respond_body(r, span_str("more")));
}

static void
flood_raw(struct http_req *r, void *ctx)
{
	static const uint8_t block[16384] = {'f'};
	struct world *w = ctx;

	w->drains++;
	while (w->flooded < w->flood && !http_respond_is_full(r)) {
		assert_true(http_respond_body(r, span_of(block, sizeof block)));
		w->flooded += sizeof block;
	}
	if (w->flooded >= w->flood && w->flood)
		http_respond_end(r);
}

static const struct http_req_ops raw_ops = {
    .on_body = echo_raw, .on_end = end_raw, .on_drain = flood_raw, .on_close = on_close};

static void
switch_raw(void *ctx)
{
	struct http_field f[] = {{span_str("Sec-WebSocket-Protocol"), span_str("chat")},
	    {span_str("Upgrade"), span_str("h2c")}, {span_str("Connection"), span_str("close")}};
	struct world *w = ctx;

	assert_true(http_upgrade_raw(w->req, f, 3, &w->e));
	assert_false(http_upgrade_raw(w->req, f, 3, &w->e));
	if (w->flood)
		flood_raw(w->req, w);
}

static void
on_upgrade_request(struct http_server *s, struct http_req *r, void *ctx)
{
	struct http_field evil = {span_str("X"), span_str("a\r\nb")};
	struct world *w = ctx;

	w->requests++;
	w->req = r;
	http_req_set_ops(r, &raw_ops, w);
	if (!http_req_head(r)->upgrade) {
		assert_false(http_upgrade_raw(r, NULL, 0, &w->e));
		http_respond_full(r, reason_http(w->e.reason), NULL, NULL, 0, span_of(NULL, 0));
		return;
	}
	assert_false(http_upgrade_raw(r, &evil, 1, &w->e));
	/* as it is for a proxy: the answer comes later */
	net_timer_start(w->l, &w->act, 20, switch_raw, w);
}

static const struct http_server_ops upgrade_ops = {
    .on_request = on_upgrade_request, .on_close = on_server_close};

static void
say_and_end(struct world *w)
{
	if (w->acted || !count(w, "early"))
		return;
	w->acted = true;
	stream_write(w->client, span_str(" later"));
	stream_end(w->client);
}

static void
hands_bytes_on_after_an_upgrade(void **state)
{
	struct world w;

	init(&w);
	w.on_bytes = say_and_end;
	run(&w, &upgrade_ops, UPGRADE "early");
	assert_true(span_is(buf_span(&w.body), "early later"));
	assert_ptr_equal(
	    strstr(buf_cstr(&w.out), "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
				     "Connection: Upgrade\r\nSec-WebSocket-Protocol: chat\r\n"
				     "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
				     "early laterbye"),
	    w.out.p);
	assert_int_equal(w.ends, 2);
	assert_int_equal(w.client_eof, 1);
	assert_int_equal(w.why.code, ERR_NONE);
	fini(&w);
	/* nothing that is no WebSocket upgrade gets so far */
	init(&w);
	run(&w, &upgrade_ops, "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n");
	assert_int_equal(count(&w, "HTTP/1.1 426 "), 1);
	fini(&w);
}

static void
bounds_what_an_upgrade_queues(void **state)
{
	struct world w;

	init(&w);
	w.flood = 8u << 20;
	run(&w, &upgrade_ops, UPGRADE);
	assert_true(w.out.n > w.flood);
	assert_true(w.drains > 2);
	assert_int_equal(w.why.code, ERR_NONE);
	fini(&w);
}

static void
stop_reading(struct world *w)
{
	stream_pause(w->client);
}

static void
send_later(void *ctx)
{
	struct world *w = ctx;

	stream_write(w->client, w->later);
}

static void
resume_client(void *ctx)
{
	struct world *w = ctx;

	w->on_bytes = NULL;
	stream_resume(w->client);
}

static void
knows_stalls_of_an_upgrade(void **state)
{
	struct world w;
	struct net_timer t = {0};

	/* silent for longer than any timeout, then alive: a WebSocket may idle */
	init(&w);
	w.on_bytes = say_and_end;
	w.later = span_str("early");
	net_timer_start(w.l, &t, 400, send_later, &w);
	run(&w, &upgrade_ops, UPGRADE);
	assert_int_equal(w.why.code, ERR_NONE);
	assert_true(span_is(buf_span(&w.body), "early later"));
	fini(&w);
	/* does not read what is sent */
	init(&w);
	w.flood = 64u << 20;
	w.on_bytes = stop_reading;
	net_timer_start(w.l, &t, 800, resume_client, &w);
	run(&w, &upgrade_ops, UPGRADE);
	assert_int_equal(w.why.reason, REASON_REQUEST_TIMEOUT);
	fini(&w);
	/* we have ended, the peer says nothing and does not end */
	init(&w);
	w.flood = 1;
	w.stays = true;
	w.later = span_str("x"); /* by which the client learns of it */
	net_timer_start(w.l, &t, 400, send_later, &w);
	run(&w, &upgrade_ops, UPGRADE);
	assert_int_equal(w.why.reason, REASON_REQUEST_TIMEOUT);
	fini(&w);
}

static void
close_server(void *ctx)
{
	struct world *w = ctx;

	http_server_drain(w->server);
	assert_non_null(w->req);
	http_server_close(w->server);
}

static void
ends_upgrades_with_the_server(void **state)
{
	struct world w;
	struct net_timer t = {0};

	init(&w);
	net_timer_start(w.l, &t, 60, close_server, &w);
	run(&w, &upgrade_ops, UPGRADE);
	assert_int_equal(w.why.reason, REASON_DRAINING);
	fini(&w);
	assert_int_equal(w.server_closed, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(takes_trailers),
	    cmocka_unit_test(sends_trailers_to_who_takes_them),
	    cmocka_unit_test(sends_interim_answers),
	    cmocka_unit_test(takes_back_what_has_not_left),
	    cmocka_unit_test(leaves_expect_to_the_handler),
	    cmocka_unit_test(serves_http_1_0),
	    cmocka_unit_test(hands_bytes_on_after_an_upgrade),
	    cmocka_unit_test(bounds_what_an_upgrade_queues),
	    cmocka_unit_test(knows_stalls_of_an_upgrade),
	    cmocka_unit_test(ends_upgrades_with_the_server),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
