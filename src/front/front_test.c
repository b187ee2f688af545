#include "base/test.h"

#include "front/front.h"
#include "front/upstream.h"
#include "net/stream.h"
#include "tunnel/v1.h"
#include <stdio.h>

/* A front with one replica behind it, "myapp", whose agent says what it was asked; and the API's
 * listener with front_forward. One raw client asks and reads until the end. */
struct world {
	struct net_loop *l;
	struct env env;
	struct front *front;
	struct http_server *api;
	struct front *far; /* ee-proxy's front, with the API's listener behind it */
	struct upstream *upstream;
	struct v1 *v1;
	struct net_defer answer;
	struct net_timer tick, stop;
	struct buf sent; /* the last proxy_request */
	struct stream *client;
	struct buf got;
	struct span ask;
	size_t asked;
	bool timed_out;
	struct buf lines; /* of the log */
};

static void
keep_line(void *ctx, enum log_level level, struct span line)
{
	struct world *w = ctx;

	(void)level;
	buf_add(&w->lines, line);
	buf_add_str(&w->lines, "\n");
}

static int64_t
any_time(void *ctx)
{
	(void)ctx;
	return 0;
}

/* The agent: answers by the path. */
static void
agent_answer(void *ctx)
{
	struct world *w = ctx;
	struct v1_request r;
	struct buf out, body;
	struct msg m;
	struct err e = {0};
	static const struct http_field f[] = {
	    {{(const uint8_t *)"X-Seen", 6}, {(const uint8_t *)"yes", 3}}};

	assert_true(msg_parse(&m, buf_span(&w->sent), MSG_FROM_CONTROL, &e));
	assert_true(v1_request_read(&r, &m, &e));
	msg_fini(&m);
	buf_init(&out, LIMIT_TEXT_ATTESTED);
	buf_init(&body, LIMIT_V1_BODY);
	buf_printf(&body, "%s ", r.method);
	buf_add(&body, buf_span(&r.target));
	for (size_t i = 0; i < r.fields.n; i++) {
		struct http_field h = fields_at(&r.fields, i);

		buf_printf(&body, "\n%.*s=%.*s", (int)h.name.n, (const char *)h.name.p,
		    (int)h.value.n, (const char *)h.value.p);
	}
	buf_add_str(&body, "\n\n");
	buf_add(&body, buf_span(&r.body));
	if (span_is(buf_span(&r.target), "/error"))
		msg_write_proxy_error(&out, r.request_id, "backend_unreachable");
	else if (span_is(buf_span(&r.target), "/big"))
		while (body.n < 3000000)
			buf_add_str(&body, "0123456789abcdef0123456789abcdef");
	if (!out.n)
		v1_response_write(
		    &out, r.request_id, 200, f, 1, strcmp(r.method, "HEAD") == 0, buf_span(&body));
	assert_true(msg_parse(&m, buf_span(&out), MSG_FROM_AGENT, &e));
	if (!span_is(buf_span(&r.target), "/silent"))
		v1_on_response(w->v1, &m);
	msg_fini(&m);
	v1_request_fini(&r);
	buf_fini(&out);
	buf_fini(&body);
}

static void
agent_send(void *ctx, struct span text)
{
	struct world *w = ctx;

	buf_clear(&w->sent);
	buf_add(&w->sent, text);
	net_defer_call(w->l, &w->answer, agent_answer, w);
}

static struct exchange *
on_open(void *ctx, struct span app, const struct exchange_request *rq,
    const struct exchange_events *events, void *events_ctx, struct err *e)
{
	struct world *w = ctx;

	if (span_is(app, "myapp"))
		return v1_open(w->v1, rq, events, events_ctx, net_loop_now_ms(w->l), e);
	err_set(e, ERR_NOTFOUND, REASON_UNKNOWN_APP, "test");
	return NULL;
}

static struct exchange *
on_far_open(void *ctx, struct span app, const struct exchange_request *rq,
    const struct exchange_events *events, void *events_ctx, struct err *e)
{
	struct world *w = ctx;

	return upstream_open(w->upstream, app, rq, events, events_ctx, e);
}

static void
on_tick(void *ctx)
{
	struct world *w = ctx;

	v1_tick(w->v1, net_loop_now_ms(w->l));
}

/* -- the API's listener: /v1/forward/{app}{rest} -- */

static void
on_api_request(struct http_server *s, struct http_req *r, void *ctx)
{
	struct world *w = ctx;
	struct span rest = span_from(http_req_path(r), strlen("/v1/forward/"));
	const uint8_t *slash = memchr(rest.p, '/', rest.n);
	size_t n = slash ? (size_t)(slash - rest.p) : rest.n;

	(void)s;
	front_forward(w->front, r, span_first(rest, n), span_from(rest, n));
}

static const struct http_server_ops api_ops = {.on_request = on_api_request};

/* -- the client -- */

/* Queue as much of the request as the stream takes. */
static void
client_write(struct stream *s, void *ctx)
{
	struct world *w = ctx;

	while (w->asked < w->ask.n && !stream_is_full(s)) {
		struct span piece = span_first(span_from(w->ask, w->asked), 60000);

		if (!stream_write(s, piece))
			return;
		w->asked += piece.n;
	}
}

static void
client_read(struct stream *s, struct span bytes, void *ctx)
{
	struct world *w = ctx;

	(void)s;
	buf_add(&w->got, bytes);
}

static void
client_close(struct stream *s, const struct err *why, void *ctx)
{
	struct world *w = ctx;

	(void)s;
	(void)why;
	w->client = NULL;
	net_loop_stop(w->l);
}

static const struct stream_ops client_ops = {.on_open = client_write,
    .on_read = client_read,
    .on_drain = client_write,
    .on_close = client_close};

static void
on_stop(void *ctx)
{
	struct world *w = ctx;

	w->timed_out = true;
	net_loop_stop(w->l);
}

/* Ask on a port and give everything that came back. */
static const char *
ask(struct world *w, uint16_t port, struct span text)
{
	struct stream_dial d = {.host = "127.0.0.1", .port = port};
	struct err e = {0};

	buf_clear(&w->got);
	w->ask = text;
	w->asked = 0;
	w->client = stream_connect(w->l, &d, &client_ops, w, &e);
	assert_non_null(w->client);
	net_timer_start(w->l, &w->stop, 10000, on_stop, w);
	net_loop_run(w->l);
	net_timer_stop(&w->stop);
	assert_false(w->timed_out);
	return buf_cstr(&w->got);
}

static void
setup(struct world *w, const char *trusted, const char *token)
{
	static const struct front_ops ops = {on_open, NULL};
	struct front_opts o = {.name = "ee-test",
	    .bind = "127.0.0.1",
	    .rules = {NULL, trusted},
	    .timeout_ms = 200,
	    .access_log = true,
	    .token = token};
	struct http_server_opts ao = {.listen = {.address = "127.0.0.1"}};
	struct err e = {0};

	memset(w, 0, sizeof *w);
	env_init(&w->env, LOG_INFO);
	w->env.log.write = keep_line;
	w->env.log.wall_ms = any_time;
	w->env.log.ctx = w;
	buf_init(&w->lines, 1000000);
	buf_init(&w->sent, LIMIT_TEXT_ATTESTED);
	buf_init(&w->got, 20000000);
	w->l = net_loop_new(&e);
	assert_non_null(w->l);
	w->v1 = v1_new(agent_send, w);
	w->front = front_open(w->l, &w->env, &o, &ops, w, &e);
	assert_non_null(w->front);
	w->api = http_server_open(w->l, &ao, &api_ops, w, &e);
	assert_non_null(w->api);
	net_timer_repeat(w->l, &w->tick, 50, on_tick, w);
}

/* Put an ee-proxy before the world: its token is given apart, so that it can be wrong. */
static void
setup_far(struct world *w, const char *url, const char *token)
{
	static const struct front_ops ops = {on_far_open, NULL};
	struct front_opts o = {.name = "ee-far", .bind = "127.0.0.1", .timeout_ms = 2000};
	char text[64];
	struct err e = {0};

	snprintf(text, sizeof text, "http://127.0.0.1:%u", (unsigned)http_server_port(w->api));
	w->upstream = upstream_new(w->l, url ? url : text, token, &e);
	assert_non_null(w->upstream);
	w->far = front_open(w->l, &w->env, &o, &ops, w, &e);
	assert_non_null(w->far);
}

static void
teardown(struct world *w)
{
	struct err gone = {0};

	err_set(&gone, ERR_IO, REASON_TUNNEL_LOST, "test");
	net_timer_stop(&w->tick);
	front_close(w->front);
	front_close(w->far);
	net_loop_free(w->l);
	upstream_free(w->upstream);
	v1_free(w->v1, &gone);
	buf_fini(&w->sent);
	buf_fini(&w->got);
	buf_fini(&w->lines);
}

static void
has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("no %s in: %.600s", part, text);
}

static void
lacks(const char *text, const char *part)
{
	if (strstr(text, part))
		fail_msg("%s in: %.600s", part, text);
}

#define END "Connection: close\r\n\r\n"

static void
forwards_requests(void **state)
{
	struct world w;
	const char *got;

	(void)state;
	setup(&w, NULL, NULL);
	got = ask(&w, front_port(w.front),
	    span_str("GET /x?y=1 HTTP/1.1\r\nHost: MyApp.example:9090\r\nX-EE-App: other\r\n"
		     "X-Forwarded-For: 6.6.6.6\r\nX-Hop: 1\r\nConnection: X-Hop, close\r\n\r\n"));
	has(got, "HTTP/1.1 200 OK\r\n");
	has(got, "X-Seen: yes\r\n");
	has(got, "Via: 1.1 ee-test\r\n");
	has(got, "X-Request-Id: ");
	has(got, "\r\n\r\nGET /x?y=1\nHost=MyApp.example:9090\nX-Forwarded-For=127.0.0.1\n");
	has(got, "X-Forwarded-Host=MyApp.example:9090");
	lacks(got, "X-EE-");
	lacks(got, "X-Hop");
	got = ask(&w, front_port(w.front),
	    span_str("POST / HTTP/1.1\r\nHost: myapp.x\r\nTransfer-Encoding: chunked\r\n"
		     "X-Request-Id: mine-1\r\nExpect: 100-continue\r\n" END
		     "5;a=b\r\nhello\r\n6\r\n world\r\n0\r\nT: x\r\n\r\n"));
	has(got, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n");
	has(got, "X-Request-Id: mine-1\r\n");
	has(got, "\n\nhello world");
	got = ask(&w, front_port(w.front), span_str("HEAD /h HTTP/1.1\r\nHost: myapp.x\r\n" END));
	has(got, "HTTP/1.1 200 OK\r\n");
	lacks(got, "HEAD /h");
	/* Two on one connection, the second pipelined. */
	got = ask(&w, front_port(w.front),
	    span_str("GET /1 HTTP/1.1\r\nHost: myapp.x\r\n\r\n"
		     "GET /2 HTTP/1.1\r\nHost: myapp.x\r\n" END));
	has(got, "GET /1\n");
	has(got, "GET /2\n");
	got = ask(&w, front_port(w.front), span_str("GET /big HTTP/1.1\r\nHost: myapp.x\r\n" END));
	assert_true(strlen(got) > 3000000);
	teardown(&w);
}

static void
refuses_by_name(void **state)
{
	static const struct {
		const char *text, *status, *reason;
	} cases[] = {
	    {"GET / HTTP/1.1\r\nHost: other.x\r\nX-Request-Id: r-1\r\n" END,
		"X-Request-Id: r-1\r\n", "\"unknown_app\""},
	    {"GET / HTTP/1.1\r\nHost: other.x\r\n" END, "404 Not Found", "\"unknown_app\""},
	    {"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" END, "421 Misdirected Request",
		"\"misdirected_request\""},
	    {"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-EE-App: myapp\r\n" END,
		"421 Misdirected Request", "\"misdirected_request\""},
	    {"CONNECT myapp.x:80 HTTP/1.1\r\nHost: myapp.x\r\n" END, "405 Method Not Allowed",
		"\"method_not_allowed\""},
	    {"TRACE / HTTP/1.1\r\nHost: myapp.x\r\n" END, "405 Method Not Allowed",
		"\"method_not_allowed\""},
	    {"GET /silent HTTP/1.1\r\nHost: myapp.x\r\n" END, "504 Gateway Timeout",
		"\"proxy_timeout\""},
	    {"GET /error HTTP/1.1\r\nHost: myapp.x\r\n" END, "502 Bad Gateway",
		"\"backend_unreachable\""},
	    {"PUT / HTTP/1.1\r\nHost: myapp.x\r\nContent-Length: 99999999\r\n"
	     "Expect: 100-continue\r\n" END,
		"413 Content Too Large", "\"body_too_big\""},
	};
	struct world w;

	(void)state;
	setup(&w, NULL, NULL);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *got = ask(&w, front_port(w.front), span_str(cases[i].text));

		has(got, cases[i].status);
		has(got, "{\"allowed\":false,\"reason\":");
		has(got, cases[i].reason);
		has(got, "Proxy-Status: ee-test; error=");
		has(got, "X-Request-Id: ");
		lacks(got, "100 Continue");
	}
	/* What the server under the front refuses by itself names the front, too. */
	static const struct {
		const char *text, *status;
	} unread[] = {
	    {"GET / HTTP/1.1\nHost: myapp.x\n\n", "400 Bad Request"},
	    {"POST / HTTP/1.1\r\nHost: myapp.x\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n",
		"400 Bad Request"},
	    {"GET / HTTP/1.1\r\nHost: myapp.x\r\nTransfer-Encoding: gzip\r\n\r\n", "HTTP/1.1 "},
	};
	for (size_t i = 0; i < sizeof unread / sizeof *unread; i++) {
		const char *got = ask(&w, front_port(w.front), span_str(unread[i].text));

		has(got, unread[i].status);
		has(got, "\r\nProxy-Status: ee-test; error=http_request_error; details=\"");
	}
	teardown(&w);
}

/* The log since the last call. */
static const char *
lines(struct world *w)
{
	static char text[8192];

	assert_true(w->lines.n < sizeof text);
	memcpy(text, buf_cstr(&w->lines), w->lines.n);
	text[w->lines.n] = 0;
	buf_clear(&w->lines);
	return text;
}

/* A head that is full as it comes has no room for the proxy's own fields; the answer has an id all
 * the same, by which the log is searched. */
static void
names_requests_without_room(void **state)
{
	struct world w;
	const char *got, *line;
	char want[64];
	struct buf text;

	(void)state;
	setup(&w, NULL, NULL);
	buf_init(&text, LIMIT_HEAD);
	buf_add_str(&text, "GET / HTTP/1.1\r\nHost: myapp.x\r\n");
	for (int i = 0; i < LIMIT_HEAD_FIELDS - 2; i++)
		buf_printf(&text, "X-%d: x\r\n", i);
	buf_add_str(&text, END);
	got = ask(&w, front_port(w.front), buf_span(&text));
	has(got, "HTTP/1.1 431 ");
	has(got, "\r\nX-Request-Id: ");
	snprintf(
	    want, sizeof want, " request_id=%.32s app=myapp ", strstr(got, "X-Request-Id: ") + 14);
	line = lines(&w);
	has(line, want);
	has(line, " status=431 reason=header_too_big ");
	buf_fini(&text);
	teardown(&w);
}

static void
logs_requests(void **state)
{
	struct world w;
	const char *line;
	struct buf text;

	(void)state;
	setup(&w, NULL, "secret");
	(void)ask(&w, front_port(w.front),
	    span_str("POST /a?key=hidden HTTP/1.1\r\nHost: myapp.x\r\nX-Request-Id: r-1\r\n"
		     "Cookie: hidden\r\nContent-Length: 6\r\n" END "hidden"));
	line = lines(&w);
	has(line, "event=request request_id=r-1 app=myapp peer=127.0.0.1 method=POST path=/a "
		  "status=200 bytes_in=6 bytes_out=");
	has(line, " first_byte_ms=");
	has(line, " cut=false\n");
	lacks(line, "hidden");
	lacks(line, "reason=");
	assert_null(strstr(strstr(line, "event=request") + 1, "event=request"));
	/* Refused: by name, by what came of it, by the head, by the body. */
	(void)ask(&w, front_port(w.front), span_str("GET /?a HTTP/1.1\r\nHost: other.x\r\n" END));
	has(lines(&w),
	    " app=other peer=127.0.0.1 method=GET path=/ status=404 reason=unknown_app ");
	(void)ask(&w, front_port(w.front), span_str("GET /b HTTP/1.1\r\nHost: 127.0.0.1\r\n" END));
	line = lines(&w);
	has(line, "event=request request_id=");
	has(line, " peer=127.0.0.1 method=GET path=/b status=421 reason=misdirected_request ");
	(void)ask(
	    &w, front_port(w.front), span_str("GET /error HTTP/1.1\r\nHost: myapp.x\r\n" END));
	line = lines(&w);
	has(line, " status=502 reason=backend_unreachable ");
	has(line, " cut=false");
	assert_null(strstr(strstr(line, "event=request") + 1, "event=request"));
	(void)ask(&w, front_port(w.front), span_str("GET /?hidden HTTP/1.1\nHost: myapp.x\n\n"));
	line = lines(&w);
	has(line, "event=request peer=127.0.0.1 status=400 reason=bad_request cut=false");
	lacks(line, "hidden");
	(void)ask(&w, front_port(w.front),
	    span_str(
		"POST /c HTTP/1.1\r\nHost: myapp.x\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n"));
	/* The client is gone before the server has heard of it: one more. */
	(void)ask(&w, front_port(w.front), span_str("GET /\n\n"));
	line = lines(&w);
	has(line, " app=myapp peer=127.0.0.1 method=POST path=/c status=400 reason=bad_request ");
	has(line, " cut=false");
	assert_null(strstr(strstr(line, "path=/c") + 1, "path=/c"));
	(void)ask(&w, http_server_port(w.api),
	    span_str(
		"GET /v1/forward/myapp/ HTTP/1.1\r\nHost: a\r\nX-EE-Proxy-Token: hidden\r\n" END));
	line = lines(&w);
	has(line, " app=myapp peer=127.0.0.1 method=GET path=/v1/forward/myapp/ status=403 "
		  "reason=forbidden ");
	lacks(line, "hidden");
	/* As long as they come, a line is not cut. */
	buf_init(&text, 65536);
	buf_add_str(&text, "AVERYLONGMETHOD /");
	for (int i = 0; i < 4000; i++)
		buf_add_str(&text, "\"");
	buf_add_str(&text, " HTTP/1.1\r\nX-Request-Id: ");
	for (int i = 0; i < 128; i++)
		buf_add_str(&text, "r");
	buf_add_str(&text, "\r\nHost: o");
	for (int i = 0; i < 62; i++)
		buf_add_str(&text, "t");
	buf_add_str(&text, ".x\r\n" END);
	(void)ask(&w, front_port(w.front), buf_span(&text));
	line = lines(&w);
	has(line, " status=404 reason=unknown_app ");
	has(line, " cut=false detail=test\n");
	assert_true(strlen(line) < 1100);
	buf_fini(&text);
	teardown(&w);
}

static void
cuts_bodies_above_the_ceiling(void **state)
{
	struct world w;
	struct buf text;

	(void)state;
	setup(&w, NULL, NULL);
	buf_init(&text, 20000000);
	buf_add_str(&text, "PUT / HTTP/1.1\r\nHost: myapp.x\r\nTransfer-Encoding: chunked\r\n\r\n");
	for (int i = 0; i < 200; i++) {
		uint8_t *p;

		buf_add_str(&text, "10000\r\n");
		p = buf_grow(&text, 65536);
		memset(p, 'x', 65536);
		buf_grow_commit(&text, 65536);
		buf_add_str(&text, "\r\n");
	}
	has(ask(&w, front_port(w.front), buf_span(&text)), "413 Content Too Large");
	buf_fini(&text);
	teardown(&w);
}

static void
believes_trusted_peers(void **state)
{
	struct world w;
	const char *got;

	(void)state;
	setup(&w, "127.0.0.1", NULL);
	got = ask(&w, front_port(w.front),
	    span_str("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-EE-App: myapp\r\n"
		     "X-Forwarded-For: 6.6.6.6\r\n" END));
	has(got, "200 OK");
	has(got, "X-Forwarded-For=6.6.6.6, 127.0.0.1");
	lacks(got, "X-EE-");
	got = ask(&w, front_port(w.front),
	    span_str("GET / HTTP/1.1\r\nHost: other.x\r\nX-EE-App: myapp\r\n" END));
	has(got, "421 Misdirected");
	got = ask(&w, front_port(w.front),
	    span_str("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-EE-App: myapp\r\n"
		     "X-EE-App: other\r\n" END));
	has(got, "400 Bad Request");
	teardown(&w);
}

#define FORWARD "GET /v1/forward/myapp/a/b?c HTTP/1.1\r\nHost: 127.0.0.1\r\n"

static void
serves_ee_proxy(void **state)
{
	struct world w;
	const char *got;

	(void)state;
	setup(&w, NULL, "secret");
	got = ask(&w, http_server_port(w.api),
	    span_str(FORWARD "X-EE-Proxy-Token: secret\r\nX-EE-Host: myapp.x\r\n"
			     "X-Forwarded-For: 6.6.6.6\r\n" END));
	has(got, "200 OK");
	has(got, "\r\n\r\nGET /a/b?c\nHost=myapp.x\n");
	has(got, "X-Forwarded-For=6.6.6.6, 127.0.0.1");
	lacks(got, "X-EE-");
	lacks(got, "secret");
	got = ask(&w, http_server_port(w.api),
	    span_str(FORWARD "X-EE-Proxy-Token: secreT\r\nX-EE-Host: myapp.x\r\n" END));
	has(got, "403 Forbidden");
	got = ask(&w, http_server_port(w.api), span_str(FORWARD "X-EE-Host: myapp.x\r\n" END));
	has(got, "403 Forbidden");
	has(got, "Proxy-Status: ee-test; error=http_request_denied; details=\"forbidden\"");
	/* A visitor's beside the proxy's: nobody can say which is which. */
	got = ask(&w, http_server_port(w.api),
	    span_str(FORWARD "X-EE-Proxy-Token: secret\r\nX-EE-Host: evil.x\r\n"
			     "X-EE-Host: myapp.x\r\n" END));
	has(got, "400 Bad Request");
	teardown(&w);
	setup(&w, NULL, NULL);
	got = ask(&w, http_server_port(w.api), span_str(FORWARD "X-EE-Host: myapp.x\r\n" END));
	has(got, "200 OK");
	got = ask(&w, http_server_port(w.api), span_str(FORWARD END));
	has(got, "403 Forbidden");
	teardown(&w);
}

static void
goes_through_ee_proxy(void **state)
{
	struct world w;
	const char *got;
	struct buf text;

	(void)state;
	setup(&w, NULL, "secret");
	setup_far(&w, NULL, "secret");
	got = ask(&w, front_port(w.far),
	    span_str("GET /a/b?c HTTP/1.1\r\nHost: myapp.x\r\nX-EE-Host: evil.x\r\n"
		     "X-EE-Proxy-Token: secret\r\nX-Forwarded-For: 6.6.6.6\r\n"
		     "X-Request-Id: mine-2\r\n" END));
	has(got, "HTTP/1.1 200 OK\r\n");
	has(got, "Via: 1.1 ee-test, 1.1 ee-far\r\n");
	has(got, "X-Request-Id: mine-2\r\n");
	has(got, "\r\n\r\nGET /a/b?c\nHost=myapp.x\n");
	has(got, "X-Forwarded-For=127.0.0.1, 127.0.0.1\n");
	has(got, "X-Forwarded-Host=myapp.x\n");
	has(got, "Via=1.1 ee-far, 1.1 ee-test\n");
	lacks(got, "X-EE-");
	lacks(got, "secret");
	got = ask(&w, front_port(w.far), span_str("GET /big HTTP/1.1\r\nHost: myapp.x\r\n" END));
	assert_true(strlen(got) > 3000000);
	/* A path is the app's: neither joined, nor normalised, nor decoded. */
	got = ask(&w, front_port(w.far),
	    span_str("GET //evil/../apps/%2e%2e%2fx HTTP/1.1\r\nHost: myapp.x\r\n" END));
	has(got, "\r\n\r\nGET //evil/../apps/%2e%2e%2fx\n");
	got = ask(&w, front_port(w.far), span_str("HEAD / HTTP/1.1\r\nHost: myapp.x\r\n" END));
	has(got, "200 OK");
	buf_init(&text, 10000000);
	buf_add_str(&text, "PUT /up HTTP/1.1\r\nHost: myapp.x\r\nContent-Length: 5000000\r\n" END);
	while (text.n < 5000000 + 90)
		buf_add_u8(&text, 'x');
	got = ask(&w, front_port(w.far), buf_span(&text));
	has(got, "200 OK");
	assert_true(strlen(got) > 5000000);
	buf_fini(&text);
	/* The control plane's reasons come through as they are. */
	got = ask(&w, front_port(w.far), span_str("GET / HTTP/1.1\r\nHost: other.x\r\n" END));
	has(got, "404 Not Found");
	has(got, "Proxy-Status: ee-test; error=destination_not_found");
	has(got, "\"unknown_app\"");
	got = ask(&w, front_port(w.far), span_str("GET /silent HTTP/1.1\r\nHost: myapp.x\r\n" END));
	has(got, "504 Gateway Timeout");
	has(got, "Proxy-Status: ee-test; error=connection_read_timeout");
	teardown(&w);
}

static void
says_when_the_control_plane_is_out_of_reach(void **state)
{
	struct world w;
	const char *got;

	(void)state;
	setup(&w, NULL, "secret");
	setup_far(&w, NULL, "wrong");
	got = ask(&w, front_port(w.far), span_str("GET / HTTP/1.1\r\nHost: myapp.x\r\n" END));
	has(got, "403 Forbidden");
	teardown(&w);
	setup(&w, NULL, NULL);
	setup_far(&w, "http://127.0.0.1:1/", NULL);
	got = ask(&w, front_port(w.far), span_str("GET / HTTP/1.1\r\nHost: myapp.x\r\n" END));
	has(got, "502 Bad Gateway");
	has(got, "\"connect_failed\"");
	has(got, "Proxy-Status: ee-far; error=connection_refused");
	teardown(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(forwards_requests),
	    cmocka_unit_test(refuses_by_name),
	    cmocka_unit_test(names_requests_without_room),
	    cmocka_unit_test(logs_requests),
	    cmocka_unit_test(cuts_bodies_above_the_ceiling),
	    cmocka_unit_test(believes_trusted_peers),
	    cmocka_unit_test(serves_ee_proxy),
	    cmocka_unit_test(goes_through_ee_proxy),
	    cmocka_unit_test(says_when_the_control_plane_is_out_of_reach),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
