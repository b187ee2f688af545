/* Through ee-proxy: a front whose carrier is the upstream, which asks another front by way of its
 * API's listener, which asks the fake replica. */
#include "front/front_fake.h"
#include "front/upstream.h"

struct chain {
	struct fake w; /* first: callbacks get a pointer to it */
	struct http_server *api;
	struct front *far;
	struct upstream *upstream;
};

static void
grant(void *ctx)
{
	struct fake *w = ctx;

	/* Not a byte of the body before the replica has said so. */
	assert_int_equal(w->got_body, 0);
	if (w->live)
		fake_interim(w, 100, NULL, NULL);
}

static void
lose_tunnel(void *ctx)
{
	fake_reset(ctx, REASON_TUNNEL_LOST);
}

void
fake_act(struct fake *w)
{
	if (fake_path(w, "/hints")) {
		fake_interim(w, 103, "Link", "</a>; rel=preload");
		fake_head(w, 200, NULL, NULL);
		fake_say(w, "page");
		fake_end(w, "X-Sum", "7");
	} else if (fake_path(w, "/expect")) {
		net_timer_start(w->l, &w->later, 1300, grant, w); /* beyond a carrier's own wait */
	} else if (fake_path(w, "/expect-no")) {
		fake_head(w, 413, NULL, NULL);
		fake_end(w, NULL, NULL);
	} else if (fake_path(w, "/echo")) {
		fake_head(w, 200, NULL, NULL);
	} else if (fake_path(w, "/cut")) {
		fake_head(w, 200, NULL, NULL);
		fake_say(w, "half");
		net_timer_start(w->l, &w->later, 30, lose_tunnel, w);
	} else if (fake_path(w, "/too-much")) {
		fake_head(w, 200, "Content-Length", "3");
		fake_say(w, "more than that");
	} else if (fake_path(w, "/ws")) {
		fake_head(w, 200, "Sec-WebSocket-Protocol", "chat");
		w->live->events->credit(w->live->ctx, 100);
		fake_say(w, "hi!");
	} else if (fake_path(w, "/ws-no")) {
		fake_head(w, 403, NULL, NULL);
		fake_say(w, "forbidden");
		fake_end(w, NULL, NULL);
	}
}

void
fake_on_body(struct fake *w, struct span data)
{
	if ((fake_path(w, "/echo") || fake_path(w, "/ws")) && w->live)
		w->live->events->body(w->live->ctx, data);
}

void
fake_on_end(struct fake *w)
{
	if (fake_path(w, "/expect") || fake_path(w, "/sum"))
		fake_head(w, 200, NULL, NULL);
	fake_end(w, fake_path(w, "/sum") ? "X-Sum" : NULL, "7");
}

static void
on_api_request(struct http_server *s, struct http_req *r, void *ctx)
{
	struct chain *c = ctx;
	struct span rest = span_from(http_req_path(r), strlen("/v1/forward/"));
	const uint8_t *slash = memchr(rest.p, '/', rest.n);
	size_t n = slash ? (size_t)(slash - rest.p) : rest.n;

	(void)s;
	front_forward(c->w.front, r, span_first(rest, n), span_from(rest, n));
}

static const struct http_server_ops api_ops = {.on_request = on_api_request};

static struct exchange *
far_open(void *ctx, struct span app, const struct exchange_request *rq,
    const struct exchange_events *events, void *events_ctx, struct err *e)
{
	return upstream_open(((struct chain *)ctx)->upstream, app, rq, events, events_ctx, e);
}

static void
chain_init(struct chain *c)
{
	static const struct front_ops ops = {far_open, NULL};
	struct http_server_opts ao = {.listen = {.address = "127.0.0.1"}};
	struct front_opts fo = {.name = "ee-far",
	    .bind = "127.0.0.1",
	    .timeout_ms = 5000,
	    .rules = {NULL, "127.0.0.1"}};
	struct front_opts near = {
	    .token = "secret", .access_log = true, .rules = {NULL, "127.0.0.1"}};
	char url[64];
	struct err e = {0};

	fake_init(&c->w, &near);
	c->api = http_server_open(c->w.l, &ao, &api_ops, c, &e);
	assert_non_null(c->api);
	snprintf(url, sizeof url, "http://127.0.0.1:%u", (unsigned)http_server_port(c->api));
	c->upstream = upstream_new(c->w.l, url, "secret", &e);
	assert_non_null(c->upstream);
	c->far = front_open(c->w.l, &c->w.env, &fo, &ops, c, &e);
	assert_non_null(c->far);
}

static void
chain_fini(struct chain *c)
{
	assert_true(front_is_idle(c->far));
	front_close(c->far);
	fake_fini(&c->w);
	upstream_free(c->upstream);
}

static const char *
play(struct chain *c, const struct client_step *steps)
{
	return fake_play_on(&c->w, front_port(c->far), steps);
}

static const char *
ask(struct chain *c, const char *text)
{
	struct client_step steps[] = {{text, NULL}};

	return play(c, steps);
}

static void
carries_what_stands_around_bodies(void **state)
{
	struct chain c;
	const char *got;

	(void)state;
	chain_init(&c);
	got = ask(&c, "POST /sum HTTP/1.1\r\nHost: myapp.x\r\nTE: trailers\r\n"
		      "Transfer-Encoding: chunked\r\nConnection: close, TE\r\n\r\n"
		      "5\r\nhello\r\n0\r\nX-Check: 1\r\n\r\n");
	has(got, "\r\n0\r\nX-Sum: 7\r\n\r\n");
	has(buf_cstr(&c.w.heard), "[hello]|end X-Check=1");
	got = ask(&c, "GET /hints HTTP/1.1\r\nHost: myapp.x\r\n" FAKE_END);
	has(got, "HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\nHTTP/1.1 200 OK\r\n");
	has(got, "page");
	has(buf_cstr(&c.w.lines), " status=200 ");
	/* Who asked is in the control plane's log, too. */
	got = ask(&c, "GET /hints HTTP/1.1\r\nHost: myapp.x\r\n" FAKE_END);
	lacks(buf_cstr(&c.w.lines), " client="); /* it is the peer's own address */
	got = ask(&c, "GET /hints HTTP/1.1\r\nHost: myapp.x\r\n"
		      "X-Forwarded-For: 6.6.6.6, 192.0.2.7\r\n" FAKE_END);
	has(buf_cstr(&c.w.lines), " cut=false client=192.0.2.7\n");
	chain_fini(&c);
}

#define EXPECTS                                                                                    \
	" HTTP/1.1\r\nHost: myapp.x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n" FAKE_END

static void
carries_expectations_end_to_end(void **state)
{
	static const struct client_step granted[] = {
	    {"POST /expect" EXPECTS, "HTTP/1.1 100 Continue\r\n\r\n"}, {"hello", NULL}};
	struct chain c;
	const char *got;

	(void)state;
	chain_init(&c);
	got = play(&c, granted);
	has(got, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n");
	assert_memory_equal(buf_cstr(&c.w.heard), "be ", 3);
	has(buf_cstr(&c.w.heard), "[hello]|end");
	got = ask(&c, "POST /expect-no" EXPECTS);
	assert_memory_equal(got, "HTTP/1.1 413 ", 13);
	lacks(buf_cstr(&c.w.heard), "[");
	chain_fini(&c);
}

#define UP                                                                                         \
	" HTTP/1.1\r\nHost: myapp.x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"              \
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"

static void
end_side(void *ctx)
{
	struct fake *w = ctx;

	if (w->client)
		stream_end(w->client);
}

static void
carries_websockets(void **state)
{
	static const struct client_step steps[] = {
	    {"GET /ws" UP "\r\n", "hi!"}, {"and back", "and back"}, {NULL, NULL}};
	struct chain c;
	const char *got;

	(void)state;
	chain_init(&c);
	net_timer_start(c.w.l, &c.w.later, 150, end_side, &c.w);
	got = play(&c, steps);
	has(got, "HTTP/1.1 101 Switching Protocols\r\n");
	has(got, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n");
	has(got, "Sec-WebSocket-Protocol: chat\r\n");
	has(got, "\r\n\r\nhi!and back");
	assert_memory_equal(buf_cstr(&c.w.heard), "bu ", 3);
	lacks(buf_cstr(&c.w.heard), "Sec-WebSocket-Key");
	has(buf_cstr(&c.w.heard), "|end");
	got = ask(&c, "GET /ws-no" UP FAKE_END);
	has(got, "HTTP/1.1 403 Forbidden\r\n");
	has(got, "forbidden");
	chain_fini(&c);
}

static void
leave(void *ctx)
{
	struct fake *w = ctx;

	if (w->client)
		stream_close(w->client, NULL);
}

static void
tells_of_cuts_in_both_directions(void **state)
{
	struct chain c;
	const char *got;

	(void)state;
	chain_init(&c);
	got = ask(&c, "GET /cut HTTP/1.1\r\nHost: myapp.x\r\n" FAKE_END);
	lacks(got, "0\r\n\r\n");
	assert_true(c.w.reset);
	/* A carrier that says more than it announced is not made to look right. */
	got = fake_ask(&c.w, "GET /too-much HTTP/1.1\r\nHost: myapp.x\r\n" FAKE_END);
	has(buf_cstr(&c.w.heard), "|reset");
	lacks(got, "more");
	assert_true(c.w.reset);
	net_timer_start(c.w.l, &c.w.later, 50, leave, &c.w);
	(void)ask(&c, "GET /silent HTTP/1.1\r\nHost: myapp.x\r\n\r\n");
	has(buf_cstr(&c.w.heard), "|reset");
	net_timer_start(c.w.l, &c.w.later, 50, leave, &c.w);
	/* Of a WebSocket each side ends alone: the replica is told of this one's end. */
	(void)ask(&c, "GET /ws" UP "\r\n");
	has(buf_cstr(&c.w.heard), "|end");
	chain_fini(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(carries_what_stands_around_bodies),
	    cmocka_unit_test(carries_expectations_end_to_end),
	    cmocka_unit_test(carries_websockets),
	    cmocka_unit_test(tells_of_cuts_in_both_directions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
