/* A visitor byte by byte on one side of the front, a carrier that says what it is told to on the
 * other: order, credit, and who ends whom. */
#include "base/test.h"

#include "front/front.h"
#include "net/stream.h"
#include <stddef.h>
#include <stdio.h>

struct world {
	struct net_loop *l;
	struct env env;
	struct front *front;
	/* the carrier */
	struct exchange x;
	bool open;
	size_t send_credit; /* what the next exchange begins with */
	bool waits; /* whether it does */
	bool generous; /* grants what it gets from inside the call */
	struct buf told; /* what the front did: request, |body, . the end, ! a reset */
	size_t granted;
	/* the visitor */
	struct stream *client;
	bool eof;
	struct buf got;
	/* what is waited for */
	const struct buf *in;
	const char *part;
	struct net_timer poll, stop;
	bool late;
};

/* -- the carrier -- */

static struct world *
world_of(struct exchange *x)
{
	return (struct world *)((char *)x - offsetof(struct world, x));
}

static void
x_body(struct exchange *x, struct span data)
{
	struct world *w = world_of(x);

	buf_add_str(&w->told, "|");
	buf_add(&w->told, data);
	if (w->generous)
		x->events->credit(x->ctx, data.n);
}

static void
tell_fields(struct world *w, const struct fields *f)
{
	for (size_t i = 0; f && i < f->n; i++)
		buf_printf(&w->told, " %.*s=%.*s", (int)fields_at(f, i).name.n,
		    (const char *)fields_at(f, i).name.p, (int)fields_at(f, i).value.n,
		    (const char *)fields_at(f, i).value.p);
}

static void
x_end(struct exchange *x, const struct fields *trailers)
{
	buf_add_str(&world_of(x)->told, ".");
	tell_fields(world_of(x), trailers);
}

static void
x_reset(struct exchange *x)
{
	buf_add_str(&world_of(x)->told, "!");
	world_of(x)->open = false;
}

static void
x_credit(struct exchange *x, size_t n)
{
	world_of(x)->granted += n;
}

static const struct exchange_ops ops = {x_body, x_end, x_reset, x_credit};

static struct exchange *
on_open(void *ctx, struct span app, const struct exchange_request *rq,
    const struct exchange_events *events, void *events_ctx, struct err *e)
{
	struct world *w = ctx;

	(void)app;
	(void)e;
	assert_false(w->open);
	w->open = true;
	w->granted = 0;
	w->x = (struct exchange){.ops = &ops,
	    .events = events,
	    .ctx = events_ctx,
	    .send_credit = w->send_credit,
	    .waits = w->waits && rq->expect_continue};
	buf_printf(&w->told, "<%.*s %.*s%s%s%s", (int)rq->method.n, (const char *)rq->method.p,
	    (int)rq->target.n, (const char *)rq->target.p, rq->has_body ? " body" : "",
	    rq->upgrade ? " upgrade" : "", rq->expect_continue ? " expect" : "");
	tell_fields(w, rq->fields);
	buf_add_str(&w->told, ">");
	return &w->x;
}

/* "Name=value Name=value": no spaces inside. */
static void
read_fields(struct fields *f, const char *text)
{
	fields_init(f);
	while (text && *text) {
		size_t n = strcspn(text, "="), v = strcspn(text + n, " ");

		fields_add(f, span_of(text, n), span_of(text + n + 1, v - 1));
		text += n + v + (text[n + v] == ' ');
	}
	assert_true(fields_ok(f));
}

static void
say_head(struct world *w, int status, const char *text)
{
	struct fields f;

	read_fields(&f, text);
	if (status < 200)
		w->x.events->interim(w->x.ctx, status, &f);
	else
		w->x.events->head(w->x.ctx, status, &f);
	fields_fini(&f);
}

static void
say_body(struct world *w, const char *text)
{
	w->x.events->body(w->x.ctx, span_str(text));
}

static void
say_end(struct world *w, const char *trailers)
{
	struct fields f;

	read_fields(&f, trailers);
	w->open = false;
	w->x.events->end(w->x.ctx, trailers ? &f : NULL);
	fields_fini(&f);
}

static void
grant(struct world *w, size_t n)
{
	w->x.events->credit(w->x.ctx, n);
}

/* -- the visitor -- */

static void
client_read(struct stream *s, struct span bytes, void *ctx)
{
	(void)s;
	buf_add(&((struct world *)ctx)->got, bytes);
}

static void
client_eof(struct stream *s, void *ctx)
{
	struct world *w = ctx;

	(void)s;
	w->eof = true;
	buf_add_str(&w->got, "<eof>");
}

static void
client_close(struct stream *s, const struct err *why, void *ctx)
{
	struct world *w = ctx;

	(void)s;
	(void)why;
	w->client = NULL;
	buf_add_str(&w->got, "<closed>");
}

static const struct stream_ops client_ops = {
    .on_read = client_read, .on_eof = client_eof, .on_close = client_close};

static void
say(struct world *w, const char *text)
{
	struct stream_dial d = {.host = "127.0.0.1", .port = front_port(w->front)};
	struct err e = {0};

	if (!w->client) {
		buf_clear(&w->got);
		buf_clear(&w->told);
		w->eof = false;
		w->client = stream_connect(w->l, &d, &client_ops, w, &e);
	}
	assert_non_null(w->client);
	assert_true(stream_write(w->client, span_str(text)));
}

/* -- running -- */

static void
on_poll(void *ctx)
{
	struct world *w = ctx;

	if (w->part && strstr(buf_cstr((struct buf *)w->in), w->part))
		net_loop_stop(w->l);
}

static void
on_stop(void *ctx)
{
	struct world *w = ctx;

	w->late = true;
	net_loop_stop(w->l);
}

static void
run(struct world *w, const struct buf *in, const char *part, uint64_t ms)
{
	w->in = in;
	w->part = part;
	w->late = false;
	net_timer_repeat(w->l, &w->poll, 1, on_poll, w);
	net_timer_start(w->l, &w->stop, ms, on_stop, w);
	net_loop_run(w->l);
	net_timer_stop(&w->poll);
	net_timer_stop(&w->stop);
}

static void
until(struct world *w, struct buf *in, const char *part)
{
	run(w, in, part, 5000);
	if (w->late)
		fail_msg("no %s in: %.900s", part, buf_cstr(in));
}

/* Let whatever would happen happen. */
static void
rest(struct world *w)
{
	run(w, NULL, NULL, 20);
}

static void
lacks(struct world *w, struct buf *in, const char *part)
{
	rest(w);
	if (strstr(buf_cstr(in), part))
		fail_msg("%s in: %.900s", part, buf_cstr(in));
}

static void
hang_up(struct world *w)
{
	if (!w->client)
		return;
	stream_close(w->client, NULL);
	until(w, &w->got, "<closed>");
	rest(w);
	assert_false(w->open);
}

static void
no_line(void *ctx, enum log_level level, struct span line)
{
	(void)ctx;
	(void)level;
	(void)line;
}

static void
setup(struct world *w)
{
	static const struct front_ops front_ops = {on_open, NULL};
	struct front_opts o = {.name = "ee-test", .bind = "127.0.0.1", .timeout_ms = 1000};
	struct err e = {0};

	memset(w, 0, sizeof *w);
	env_init(&w->env, LOG_ERROR);
	w->env.log.write = no_line;
	w->send_credit = 1000;
	buf_init(&w->told, 1 << 20);
	buf_init(&w->got, 1 << 20);
	w->l = net_loop_new(&e);
	assert_non_null(w->l);
	w->front = front_open(w->l, &w->env, &o, &front_ops, w, &e);
	assert_non_null(w->front);
}

static void
teardown(struct world *w)
{
	hang_up(w);
	assert_true(front_is_idle(w->front));
	front_close(w->front);
	net_loop_free(w->l);
	buf_fini(&w->told);
	buf_fini(&w->got);
}

#define POST    "POST /x HTTP/1.1\r\nHost: myapp.x\r\n"
#define GET     "GET /x HTTP/1.1\r\nHost: myapp.x\r\n"
#define CHUNKED "Transfer-Encoding: chunked\r\n"
#define UPGRADE                                                                                    \
	"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"               \
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define ACCEPT "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"

static void
passes_trailers(void **state)
{
	struct world w;

	(void)state;
	setup(&w);
	say(&w,
	    POST CHUNKED "TE: trailers\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 7\r\nHost: evil\r\n\r\n");
	until(&w, &w.told, "|hello. X-Sum=7");
	lacks(&w, &w.told, "evil");
	say_head(&w, 200, "X-A=b Via=1.1_far");
	say_body(&w, "world");
	say_end(&w, "X-Check=8");
	until(&w, &w.got, "5\r\nworld\r\n0\r\nX-Check: 8\r\n\r\n");
	assert_non_null(strstr(buf_cstr(&w.got), "\r\nVia: 1.1_far, 1.1 ee-test\r\n"));
	/* one who did not say TE, one who cannot */
	say(&w, GET "\r\n");
	until(&w, &w.told, "<GET /x Host");
	say_head(&w, 200, "");
	say_body(&w, "again");
	say_end(&w, "X-Check=9");
	until(&w, &w.got, "5\r\nagain\r\n0\r\n\r\n");
	hang_up(&w);
	say(&w, "GET /x HTTP/1.0\r\nHost: myapp.x\r\nTE: trailers\r\n\r\n");
	until(&w, &w.told, "<GET /x Host");
	say_head(&w, 103, "Link=</a>");
	say_head(&w, 200, "");
	say_body(&w, "plain");
	say_end(&w, "X-Check=9");
	until(&w, &w.got, "\r\n\r\nplain<eof>");
	lacks(&w, &w.got, " 103 ");
	teardown(&w);
}

static void
passes_interim_heads(void **state)
{
	struct world w;

	(void)state;
	setup(&w);
	say(&w, GET "\r\n");
	until(&w, &w.told, "<GET /x Host");
	say_head(&w, 103, "Link=</a>");
	until(&w, &w.got, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
	say_head(&w, 103, "Link=</b>");
	say_head(&w, 200, "Content-Length=2");
	until(&w, &w.got, "Link: </b>\r\n\r\nHTTP/1.1 200 OK\r\n");
	say_body(&w, "ok");
	say_end(&w, NULL);
	until(&w, &w.got, "\r\n\r\nok");
	teardown(&w);
}

static size_t
count(struct buf *in, const char *part)
{
	size_t n = 0;

	for (const char *p = buf_cstr(in); (p = strstr(p, part)); p++)
		n++;
	return n;
}

static void
passes_expect_on(void **state)
{
	struct world w;

	(void)state;
	setup(&w);
	w.waits = true;
	say(&w, POST "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n");
	until(&w, &w.told, "<POST /x body expect");
	lacks(&w, &w.got, "HTTP/1.1");
	say_head(&w, 100, "");
	say_head(&w, 100, "");
	until(&w, &w.got, "HTTP/1.1 100 Continue\r\n\r\n");
	say(&w, "hello");
	until(&w, &w.told, "|hello.");
	assert_int_equal(count(&w.got, " 100 "), 1);
	say_head(&w, 200, "Content-Length=0");
	say_end(&w, NULL);
	/* one who does not wait: nothing goes on before 100 all the same */
	until(&w, &w.got, " 200 OK");
	buf_clear(&w.told);
	say(&w, POST "Content-Length: 7\r\nExpect: 100-continue\r\n\r\nat once");
	until(&w, &w.told, "<POST");
	lacks(&w, &w.told, "|");
	say_head(&w, 100, "");
	until(&w, &w.told, "|at once.");
	say_head(&w, 200, "Content-Length=0");
	say_end(&w, NULL);
	hang_up(&w);
	/* a final head instead */
	say(&w, POST "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n");
	until(&w, &w.told, "<POST");
	say_head(&w, 417, "Content-Length=0");
	say_end(&w, NULL);
	until(&w, &w.got, "HTTP/1.1 417 ");
	until(&w, &w.got, "Connection: close\r\n");
	lacks(&w, &w.told, "|");
	hang_up(&w);
	/* a carrier that does not wait */
	w.waits = false;
	say(&w, POST "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n");
	until(&w, &w.got, "HTTP/1.1 100 Continue\r\n\r\n");
	say(&w, "hello");
	until(&w, &w.told, "|hello.");
	teardown(&w);
}

static void
heeds_credit(void **state)
{
	struct world w;

	(void)state;
	setup(&w);
	w.send_credit = 3;
	say(&w, POST CHUNKED "\r\nb\r\nhello world\r\n0\r\nX-T: t\r\n\r\n");
	until(&w, &w.told, "|hel");
	lacks(&w, &w.told, "|hel|");
	grant(&w, 2);
	until(&w, &w.told, "|hel|lo");
	lacks(&w, &w.told, "|lo|");
	w.generous = true;
	grant(&w, 2);
	until(&w, &w.told, "|hel|lo| w|or|ld. X-T=t");
	lacks(&w, &w.told, "X-T=t.");
	/* an answer before the request is over */
	buf_clear(&w.told);
	say_head(&w, 200, "Content-Length=2");
	say_body(&w, "ok");
	say_end(&w, NULL);
	until(&w, &w.got, "\r\n\r\nok");
	w.generous = false;
	w.send_credit = 0;
	say(&w, POST "Content-Length: 6\r\n\r\nabc");
	until(&w, &w.told, "<POST");
	say_head(&w, 403, "Content-Length=2");
	say_body(&w, "no");
	say_end(&w, NULL);
	until(&w, &w.got, "\r\n\r\nno");
	say(&w, "def" GET "\r\n");
	until(&w, &w.told, "<GET");
	lacks(&w, &w.told, "|");
	teardown(&w);
}

static void
cancels(void **state)
{
	static const char *const asks[] = {GET "\r\n", POST CHUNKED "\r\n5\r\nhello\r\n",
	    POST "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n", GET UPGRADE "\r\n"};
	struct err gone = {0};
	struct world w;

	(void)state;
	setup(&w);
	w.waits = true;
	err_set(&gone, ERR_IO, REASON_TUNNEL_LOST, "test");
	for (size_t i = 0; i < sizeof asks / sizeof *asks; i++) {
		say(&w, asks[i]);
		until(&w, &w.told, ">");
		stream_close(w.client, NULL);
		until(&w, &w.told, "!");
		rest(&w);
		/* the other end: before the head, and behind it */
		say(&w, asks[i]);
		until(&w, &w.told, ">");
		w.open = false;
		w.x.events->reset(w.x.ctx, &gone);
		until(&w, &w.got, "HTTP/1.1 502 ");
		hang_up(&w);
		/* ... and behind it, while it is still here; an upgrade's is handed on at once */
		if (i < 3) {
			say(&w, asks[i]);
			until(&w, &w.told, ">");
			say_head(&w, 200, "");
			w.open = false;
			w.x.events->reset(w.x.ctx, &gone);
			until(&w, &w.got, "HTTP/1.1 502 ");
			hang_up(&w);
		}
		say(&w, asks[i]);
		until(&w, &w.told, ">");
		say_head(&w, 200, "");
		until(&w, &w.got, "HTTP/1.1 ");
		w.open = false;
		w.x.events->reset(w.x.ctx, &gone);
		until(&w, &w.got, "<closed>");
	}
	teardown(&w);
}

static void
passes_websockets(void **state)
{
	struct world w;

	(void)state;
	setup(&w);
	w.send_credit = 0;
	say(&w, GET UPGRADE "Sec-WebSocket-Protocol: chat\r\n\r\nearly");
	until(&w, &w.told, "<GET /x body upgrade");
	until(&w, &w.told, "Sec-WebSocket-Version=13 Sec-WebSocket-Protocol=chat");
	lacks(&w, &w.told, "Sec-WebSocket-Key");
	grant(&w, 3);
	lacks(&w, &w.told, "|");
	say_head(&w, 200,
	    "Sec-WebSocket-Accept=evil Sec-WebSocket-Protocol=chat Content-Length=5 "
	    "Sec-WebSocket-Extensions=x");
	until(&w, &w.got, "HTTP/1.1 101 Switching Protocols\r\n");
	until(&w, &w.got, ACCEPT);
	until(&w, &w.got, "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Extensions: x\r\n");
	lacks(&w, &w.got, "evil");
	lacks(&w, &w.got, "Content-Length");
	until(&w, &w.told, "|ear");
	lacks(&w, &w.told, "|ear|");
	grant(&w, 100);
	until(&w, &w.told, "|ear|ly");
	say_body(&w, "hi there");
	until(&w, &w.got, "\r\n\r\nhi there");
	assert_true(w.granted >= 8);
	stream_end(w.client);
	until(&w, &w.told, "|ear|ly.");
	say_body(&w, ", bye");
	say_end(&w, NULL);
	until(&w, &w.got, "hi there, bye<");
	hang_up(&w);
	/* the other end first, with bytes of the visitor's in hand */
	say(&w, GET UPGRADE "\r\nstuck");
	until(&w, &w.told, ">");
	say_head(&w, 200, "");
	until(&w, &w.got, "101 Switching");
	rest(&w);
	say_end(&w, NULL);
	until(&w, &w.got, "<eof>");
	assert_false(front_is_idle(w.front));
	stream_end(w.client);
	until(&w, &w.got, "<closed>");
	rest(&w);
	teardown(&w);
}

static void
judges_handshakes(void **state)
{
	static const struct {
		const char *ask, *got;
	} bad[] = {
	    {GET "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 8\r\n"
		 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
		"HTTP/1.1 426 "},
	    {GET "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 8\r\n\r\n",
		"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"},
	    {GET "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
		"\r\nConnection: Upgrade\r\n"},
	    {GET "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
		 "Sec-WebSocket-Key: short\r\n\r\n",
		"HTTP/1.1 400 "},
	    {GET UPGRADE "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", "HTTP/1.1 400 "},
	    {GET UPGRADE "Sec-WebSocket-Version: 13\r\n\r\n", "HTTP/1.1 400 "},
	};
	static const char *const plain[] = {
	    GET "Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
	    GET "Upgrade: websocket\r\n\r\n",
	    POST UPGRADE "Content-Length: 5\r\n\r\nhello",
	    "GET /x HTTP/1.0\r\nHost: myapp.x\r\n" UPGRADE "\r\n",
	};
	struct world w;

	(void)state;
	setup(&w);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		say(&w, bad[i].ask);
		until(&w, &w.got, bad[i].got);
		lacks(&w, &w.told, "<");
		hang_up(&w);
	}
	for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
		say(&w, plain[i]);
		until(&w, &w.told, ">");
		lacks(&w, &w.told, "pgrade");
		hang_up(&w);
	}
	/* the backend says no: an answer as any other, and the connection goes on */
	say(&w, GET UPGRADE "\r\n");
	until(&w, &w.told, ">");
	say_head(&w, 403, "Content-Length=2");
	say_body(&w, "no");
	say_end(&w, NULL);
	until(&w, &w.got, "HTTP/1.1 403 Forbidden\r\n");
	until(&w, &w.got, "\r\n\r\nno");
	lacks(&w, &w.got, "Sec-WebSocket");
	buf_clear(&w.told);
	say(&w, GET "\r\n");
	until(&w, &w.told, "<GET /x Host");
	teardown(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(passes_trailers),
	    cmocka_unit_test(passes_interim_heads),
	    cmocka_unit_test(passes_expect_on),
	    cmocka_unit_test(heeds_credit),
	    cmocka_unit_test(cancels),
	    cmocka_unit_test(passes_websockets),
	    cmocka_unit_test(judges_handshakes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
