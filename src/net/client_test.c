/* client_test.c - fetch and http_client against a server of our own. */
#include <stdio.h>

#include "base/test.h"
#include "net/fetch.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "net/test_cert.h"

struct world {
	struct net_loop *l;
	struct http_server *server;
	struct fetcher *fetcher;
	struct fetch *fetch;
	struct http_exchange *x;
	struct http_req *waiting;
	struct buf got, seen;
	struct net_timer timer, stop;
	int asked, done, heads, ends, closes, aborts, status, drains;
	size_t left, sent;
	char location[64];
	struct err why, e;
	bool pause_first, timed_out;
};

static void
req_close(struct http_req *r, const struct err *why, void *ctx)
{
	struct world *w = ctx;

	w->aborts += why->code != ERR_NONE;
	if (w->waiting == r)
		w->waiting = NULL;
}

static void
flood_more(struct http_req *r, void *ctx)
{
	static const uint8_t block[16384];
	struct world *w = ctx;

	while (w->left > 0 && !http_respond_is_full(r)) {
		w->left -= sizeof block;
		if (!http_respond_body(r, span_of(block, sizeof block)))
			return;
	}
	if (w->left == 0)
		http_respond_end(r);
}

static const struct http_req_ops quiet = {.on_drain = flood_more, .on_close = req_close};

static void
collected(struct http_req *r, const struct err *e, struct span body, void *ctx)
{
	struct world *w = ctx;

	if (e)
		return;
	buf_add(&w->seen, body);
	http_respond_full(r, 201, "text/plain", NULL, 0, span_str("made"));
}

static void
piece_back(struct http_req *r, struct span piece, void *ctx)
{
	assert_true(http_respond_body(r, piece));
}

static void
end_back(struct http_req *r, void *ctx)
{
	http_respond_end(r);
}

static const struct http_req_ops echo = {
    .on_body = piece_back, .on_end = end_back, .on_close = req_close};

static void
on_request(struct http_server *s, struct http_req *r, void *ctx)
{
	struct http_field f = {span_str("Location"), span_str("http://elsewhere/")};
	struct span p = http_req_path(r);
	struct world *w = ctx;

	w->asked++;
	http_req_set_ops(r, span_is(p, "/echo") ? &echo : &quiet, w);
	if (span_is(p, "/move")) {
		http_respond_full(r, 302, NULL, &f, 1, span_str("gone"));
	} else if (span_is(p, "/post")) {
		assert_true(span_is(http_req_field(r, "x-test"), "yes"));
		http_req_collect(r, 1u << 20, collected, w);
	} else if (span_is(p, "/never")) {
		w->waiting = r;
	} else if (span_is(p, "/big")) {
		w->left = 8u << 20;
		http_respond_head(r, 200, NULL, 0, HTTP_LENGTH_UNKNOWN);
		flood_more(r, w);
	} else if (span_is(p, "/echo")) {
		http_respond_head(r, 200, NULL, 0, HTTP_LENGTH_UNKNOWN);
	} else if (span_is(p, "/cut")) {
		http_respond_head(r, 200, NULL, 0, 100);
		http_respond_body(r, span_str("half"));
		w->waiting = r;
	} else {
		http_respond_full(r, 200, NULL, NULL, 0, span_str("hello"));
	}
}

static const struct http_server_ops server_ops = {.on_request = on_request};

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
	struct http_server_opts o = {.listen = {.address = "127.0.0.1"}, .abort_on_eof = true};

	memset(w, 0, sizeof *w);
	buf_init(&w->got, 64u << 20);
	buf_init(&w->seen, 64u << 20);
	w->l = net_loop_new(&w->e);
	w->server = http_server_open(w->l, &o, &server_ops, w, &w->e);
	w->fetcher = fetcher_new(w->l, NULL, &w->e);
	assert_non_null(w->fetcher);
	net_timer_start(w->l, &w->stop, 5000, time_out, w);
}

static void
world_fini(struct world *w)
{
	assert_false(w->timed_out);
	net_loop_free(w->l);
	buf_fini(&w->got);
	buf_fini(&w->seen);
}

static void
on_fetched(const struct fetch_result *r, const struct err *e, void *ctx)
{
	struct world *w = ctx;
	struct span at = fetch_header(r, "LOCATION");

	w->done++;
	if (e)
		w->why = *e;
	w->status = r->status;
	buf_add(&w->got, r->body);
	(void)span_cstr(at, w->location, sizeof w->location);
	assert_null(fetch_header(r, "x-no-such-field").p);
	if (!e)
		assert_non_null(fetch_header(r, "date").p);
	net_loop_stop(w->l);
}

static void
fetch(struct world *w, const char *path, struct fetch_request q)
{
	char url[64];

	world_init(w);
	snprintf(url, sizeof url, "http://127.0.0.1:%u%s", http_server_port(w->server), path);
	q.url = url;
	w->fetch = fetch_start(w->fetcher, &q, on_fetched, w, &w->e);
	assert_non_null(w->fetch);
	assert_int_equal(w->done, 0);
	net_loop_run(w->l);
	assert_int_equal(w->done, 1);
	world_fini(w);
}

static void
test_fetch(void **state)
{
	static const char *const headers[] = {"X-Test: yes", "Content-Type: text/plain"};
	struct world w;

	fetch(&w, "/", (struct fetch_request){0});
	assert_int_equal(w.why.code, ERR_NONE);
	assert_int_equal(w.status, 200);
	fetch(&w, "/move", (struct fetch_request){0});
	assert_int_equal(w.status, 302);
	assert_string_equal(w.location, "http://elsewhere/");
	fetch(&w, "/post",
	    (struct fetch_request){.headers = headers, .n_headers = 2, .body = span_str("quote")});
	assert_int_equal(w.status, 201);
	fetch(&w, "/big", (struct fetch_request){.max_body = 1u << 20});
	assert_int_equal(w.why.reason, REASON_FETCH_TOO_BIG);
	fetch(&w, "/big", (struct fetch_request){.max_body = 8u << 20});
	assert_int_equal(w.why.code, ERR_NONE);
	fetch(&w, "/never", (struct fetch_request){.timeout_ms = 100});
	assert_int_equal(w.why.reason, REASON_FETCH_TIMEOUT);
	fetch(&w, "/cut", (struct fetch_request){.timeout_ms = 100});
	assert_int_equal(w.why.reason, REASON_FETCH_TIMEOUT);
}

static void
stop_loop(void *ctx)
{
	net_loop_stop(ctx);
}

static void
test_fetch_over_tls(void **state)
{
	struct err e = {0};
	struct http_server_opts o = {.listen = {.address = "127.0.0.1"}};
	struct fetch_request q = {.timeout_ms = 3000};
	struct fetcher *knows;
	struct world w;
	char url[64];

	world_init(&w);
	o.listen.tls = tls_ctx_server(cert_path, key_path, &e);
	http_server_close(w.server);
	w.server = http_server_open(w.l, &o, &server_ops, &w, &e);
	knows = fetcher_new(w.l, cert_path, &e);
	snprintf(url, sizeof url, "https://localhost:%u/", http_server_port(w.server));
	q.url = url;
	assert_non_null(fetch_start(knows, &q, on_fetched, &w, &e));
	net_loop_run(w.l);
	assert_int_equal(w.status, 200);
	assert_true(span_is(buf_span(&w.got), "hello"));
	/* nobody has told this one of the CA */
	assert_non_null(fetch_start(w.fetcher, &q, on_fetched, &w, &e));
	net_loop_run(w.l);
	assert_int_equal(w.done, 2);
	assert_int_equal(w.status, 0);
	assert_int_equal(w.why.reason, REASON_FETCH_FAILED);
	world_fini(&w);
	tls_ctx_free(o.listen.tls);
}

static void
fetch_guarded(struct world *w, const char *host, bool guarded)
{
	struct fetch_request q = {.public_only = guarded, .timeout_ms = 3000};
	char url[64];

	snprintf(url, sizeof url, "http://%s:%u/", host, http_server_port(w->server));
	q.url = url;
	memset(&w->why, 0, sizeof w->why);
	assert_non_null(fetch_start(w->fetcher, &q, on_fetched, w, &w->e));
	net_loop_run(w->l);
}

/* By its number, by a name, and by a connection that lies open from before. */
static void
test_public_only(void **state)
{
	static const char *const hosts[] = {"127.0.0.1", "localhost", "[::ffff:127.0.0.1]"};
	struct world w;

	world_init(&w);
	for (size_t i = 0; i < 3; i++) {
		fetch_guarded(&w, hosts[i], true);
		assert_int_equal(w.why.reason, REASON_FETCH_PRIVATE);
		assert_int_equal(w.why.code, ERR_POLICY);
	}
	assert_int_equal(w.asked, 0);
	fetch_guarded(&w, "127.0.0.1", false);
	assert_int_equal(w.status, 200);
	fetch_guarded(&w, "127.0.0.1", true);
	assert_int_equal(w.why.reason, REASON_FETCH_PRIVATE);
	assert_int_equal(w.asked, 1);
	world_fini(&w);
}

static void
test_fetch_refusals_and_cancel(void **state)
{
	static const char *const split[] = {"X-Test: yes\r\nX-Evil: yes"};
	struct fetch_request q = {.url = "file:///etc/passwd"};
	struct world w;
	char url[64];

	world_init(&w);
	q.headers = split;
	q.n_headers = 1;
	q.url = "http://127.0.0.1:9/";
	assert_null(fetch_start(w.fetcher, &q, on_fetched, &w, &w.e));
	q.n_headers = 0;
	q.url = "file:///etc/passwd";
	if (fetch_start(w.fetcher, &q, on_fetched, &w, &w.e)) {
		net_loop_run(w.l);
		assert_int_equal(w.why.reason, REASON_FETCH_FAILED);
		assert_int_equal(w.got.n, 0);
	}
	w.done = 0;
	snprintf(url, sizeof url, "http://127.0.0.1:%u/never", http_server_port(w.server));
	q.url = url;
	w.fetch = fetch_start(w.fetcher, &q, on_fetched, &w, &w.e);
	net_timer_start(w.l, &w.timer, 30, stop_loop, w.l);
	net_loop_run(w.l);
	assert_non_null(w.waiting);
	fetch_cancel(w.fetch);
	/* one that runs when the fetcher closes, one when the loop ends */
	assert_non_null(fetch_start(w.fetcher, &q, on_fetched, &w, &w.e));
	net_timer_start(w.l, &w.timer, 30, stop_loop, w.l);
	net_loop_run(w.l);
	assert_int_equal(w.aborts, 1);
	fetcher_close(w.fetcher);
	w.fetcher = fetcher_new(w.l, NULL, &w.e);
	assert_non_null(fetch_start(w.fetcher, &q, on_fetched, &w, &w.e));
	net_timer_start(w.l, &w.timer, 30, stop_loop, w.l);
	net_loop_run(w.l);
	world_fini(&w);
	assert_int_equal(w.done, 0);
}

static void
on_head(struct http_exchange *x, const struct http_head *h, void *ctx)
{
	struct world *w = ctx;

	w->heads++;
	w->status = h->status;
}

static void
resume(void *ctx)
{
	struct world *w = ctx;

	http_exchange_resume(w->x);
}

static void
on_body(struct http_exchange *x, struct span piece, void *ctx)
{
	struct world *w = ctx;

	buf_add(&w->got, piece);
	if (w->pause_first) {
		w->pause_first = false;
		http_exchange_pause(x);
		net_timer_start(w->l, &w->timer, 50, resume, w);
	}
}

static void
on_end(struct http_exchange *x, void *ctx)
{
	struct world *w = ctx;

	w->ends++;
}

static void
on_close(struct http_exchange *x, const struct err *why, void *ctx)
{
	struct world *w = ctx;

	w->closes++;
	w->why = *why;
	net_loop_stop(w->l);
}

static void
send_more(struct http_exchange *x, void *ctx)
{
	static const uint8_t block[10000];
	struct world *w = ctx;

	w->drains++;
	while (w->sent > 0 && !http_exchange_is_full(x)) {
		w->sent -= sizeof block;
		assert_true(http_exchange_write(x, span_of(block, sizeof block)));
	}
	if (w->sent == 0)
		http_exchange_end(x);
}

static const struct http_exchange_ops exchange_ops = {.on_head = on_head,
    .on_body = on_body,
    .on_end = on_end,
    .on_drain = send_more,
    .on_close = on_close};

static struct http_exchange_opts
opts_of(struct world *w, const char *method, const char *target)
{
	static const struct http_field host = {
	    {(const uint8_t *)"Host", 4}, {(const uint8_t *)"a", 1}};

	return (struct http_exchange_opts){
	    .dial = {.host = "127.0.0.1", .port = http_server_port(w->server)},
	    .method = span_str(method),
	    .target = span_str(target),
	    .fields = &host,
	    .n_fields = 1};
}

static void
exchange(struct world *w, const struct http_exchange_opts *o)
{
	w->x = http_exchange_start(w->l, o, &exchange_ops, w, &w->e);
	assert_non_null(w->x);
	if (w->sent > 0)
		send_more(w->x, w);
	net_loop_run(w->l);
	assert_int_equal(w->closes, 1);
}

static void
test_exchange(void **state)
{
	struct http_exchange_opts o;
	struct world w;

	world_init(&w);
	o = opts_of(&w, "GET", "/");
	exchange(&w, &o);
	assert_true(span_is(buf_span(&w.got), "hello"));
	assert_int_equal(w.ends, 1);
	assert_int_equal(w.why.code, ERR_NONE);
	world_fini(&w);
	world_init(&w);
	o = opts_of(&w, "HEAD", "/");
	exchange(&w, &o);
	assert_int_equal(w.ends, 1);
	assert_int_equal(w.got.n, 0);
	world_fini(&w);
	/* both ways at once, with credit both ways, of known and of unknown length */
	for (int chunked = 0; chunked < 2; chunked++) {
		world_init(&w);
		o = opts_of(&w, "POST", "/echo");
		w.sent = 6000000;
		w.pause_first = true;
		o.body_length = chunked ? HTTP_LENGTH_UNKNOWN : (int64_t)w.sent;
		exchange(&w, &o);
		assert_int_equal(w.got.n, 6000000);
		assert_int_equal(w.ends, 1);
		assert_true(w.drains > 1);
		world_fini(&w);
	}
}

static void
test_exchange_failures(void **state)
{
	struct http_exchange_opts o;
	struct world w;

	world_init(&w);
	o = opts_of(&w, "GET", "/never");
	o.first_byte_ms = 60;
	exchange(&w, &o);
	assert_int_equal(w.why.reason, REASON_PROXY_TIMEOUT);
	world_fini(&w);
	world_init(&w);
	o = opts_of(&w, "GET", "/cut");
	o.idle_ms = 60;
	exchange(&w, &o);
	assert_int_equal(w.heads, 1);
	assert_int_equal(w.why.reason, REASON_PEER_IDLE);
	world_fini(&w);
	world_init(&w);
	o = opts_of(&w, "GET", "/a b");
	assert_null(http_exchange_start(w.l, &o, &exchange_ops, &w, &w.e));
	assert_int_equal(w.e.reason, REASON_BAD_REQUEST);
	err_clear(&w.e);
	o = opts_of(&w, "GET", "/");
	o.dial.host = NULL;
	o.dial.unix_path = "/nonexistent/backend";
	exchange(&w, &o);
	assert_int_equal(w.why.reason, REASON_CONNECT_FAILED);
	/* given up by the caller */
	w.closes = 0;
	o = opts_of(&w, "GET", "/never");
	w.x = http_exchange_start(w.l, &o, &exchange_ops, &w, &w.e);
	http_exchange_close(w.x, NULL);
	http_exchange_close(w.x, NULL);
	assert_int_equal(w.closes, 0);
	net_loop_run(w.l);
	assert_int_equal(w.closes, 1);
	assert_int_equal(w.why.reason, REASON_PEER_LOST);
	world_fini(&w);
}

/* -- a backend that says what a script says -- */

struct backend {
	struct world *w;
	const char *script;
};

static void
backend_read(struct stream *s, struct span bytes, void *ctx)
{
	struct backend *b = ctx;

	stream_write(s, span_str(b->script));
	stream_finish(s);
}

static void
backend_close(struct stream *s, const struct err *why, void *ctx)
{
}

static const struct stream_ops backend_ops = {.on_read = backend_read, .on_close = backend_close};

static void
backend_accept(struct listener *l, struct stream *s, void *ctx)
{
	stream_set_ops(s, &backend_ops, ctx);
	stream_resume(s);
}

static const struct listener_ops backend_listener = {.on_accept = backend_accept};

static void
test_exchange_answers(void **state)
{
	static const struct {
		const char *script;
		enum reason reason;
		const char *body;
	} rows[] = {
	    {"HTTP/1.1 200 OK\r\n\r\nuntil close", REASON_OK, "until close"},
	    {"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 204 No\r\n\r\n", REASON_OK,
		""},
	    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
		REASON_OK, "abc"},
	    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", REASON_PEER_LOST,
		"abc"},
	    {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", REASON_PEER_LOST, "abc"},
	    {"HTTP/1.1 101 Switching\r\n\r\n", REASON_INVALID_PROXY_RESPONSE, ""},
	    {"HTTP/1.1 200 OK\nA: b\n\n", REASON_INVALID_PROXY_RESPONSE, ""},
	    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
		REASON_INVALID_PROXY_RESPONSE, ""},
	    {"", REASON_PEER_LOST, ""},
	};
	struct listener_opts lo = {.address = "127.0.0.1"};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct world w;
		struct backend b = {&w, rows[i].script};
		struct http_exchange_opts o;
		struct listener *l;

		world_init(&w);
		l = listener_open(w.l, &lo, &backend_listener, &b, &w.e);
		o = opts_of(&w, "GET", "/");
		o.dial.port = listener_port(l);
		exchange(&w, &o);
		assert_int_equal(w.why.reason, rows[i].reason);
		assert_true(span_is(buf_span(&w.got), rows[i].body));
		assert_int_equal(w.ends, rows[i].reason == REASON_OK);
		world_fini(&w);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_fetch),
	    cmocka_unit_test(test_public_only),
	    cmocka_unit_test(test_fetch_over_tls),
	    cmocka_unit_test(test_fetch_refusals_and_cancel),
	    cmocka_unit_test(test_exchange),
	    cmocka_unit_test(test_exchange_failures),
	    cmocka_unit_test(test_exchange_answers),
	};

	return cmocka_run_group_tests(tests, make_cert, drop_cert);
}
