/* Want of memory in a front: each allocation fails once, and all from then on. Whatever happens, the
 * replica's exchange ends, the front goes idle, and no answer that came whole lacks a byte. */
#include "base/nomem.h"

#include "front/front.h"
#include "net/stream.h"

/* One request with a body beyond the credit, trailers and an expectation; then a WebSocket. */
struct world {
	struct net_loop *l;
	struct env env;
	struct front *front;
	struct exchange x;
	struct exchange *live;
	struct net_defer act;
	struct stream *client;
	const char *ask;
	char got[4096], body[64];
	size_t got_n, body_n;
	bool upgrade, late;
	struct net_timer stop;
};

static void
no_line(void *ctx, enum log_level level, struct span line)
{
}

/* -- the replica: 100, then the body comes back -- */

static void
x_act(void *ctx)
{
	struct world *w = ctx;
	struct fields f;

	if (!w->live)
		return;
	fields_init(&f);
	if (w->upgrade)
		w->live->events->head(w->live->ctx, 200, &f);
	else
		w->live->events->interim(w->live->ctx, 100, &f);
	fields_fini(&f);
	if (w->live)
		w->live->events->credit(w->live->ctx, 4);
}

static void
x_body(struct exchange *x, struct span data)
{
	struct world *w = (struct world *)(void *)((char *)x - offsetof(struct world, x));

	assert_true(data.n <= sizeof w->body - w->body_n);
	memcpy(w->body + w->body_n, data.p, data.n);
	w->body_n += data.n;
	x->events->credit(x->ctx, data.n);
}

static void
x_end(struct exchange *x, const struct fields *trailers)
{
	struct world *w = (struct world *)(void *)((char *)x - offsetof(struct world, x));
	struct fields f;

	fields_init(&f);
	if (!w->upgrade)
		x->events->head(x->ctx, 200, &f);
	if (w->live)
		x->events->body(x->ctx, span_of(w->body, w->body_n));
	if (w->live) {
		w->live = NULL;
		x->events->end(x->ctx, trailers);
	}
	fields_fini(&f);
}

static void
x_reset(struct exchange *x)
{
	((struct world *)(void *)((char *)x - offsetof(struct world, x)))->live = NULL;
}

static void
x_credit(struct exchange *x, size_t n)
{
}

static const struct exchange_ops x_ops = {x_body, x_end, x_reset, x_credit};

static struct exchange *
on_open(void *ctx, struct span app, const struct exchange_request *rq,
    const struct exchange_events *events, void *events_ctx, struct err *e)
{
	struct world *w = ctx;

	w->x = (struct exchange){&x_ops, events, events_ctx, 4, rq->expect_continue};
	w->upgrade = rq->upgrade;
	w->live = &w->x;
	net_defer_call(w->l, &w->act, x_act, w);
	return &w->x;
}

/* -- the client -- */

static void
client_open(struct stream *s, void *ctx)
{
	stream_write(s, span_str(((struct world *)ctx)->ask));
}

static void
client_read(struct stream *s, struct span bytes, void *ctx)
{
	struct world *w = ctx;

	assert_true(bytes.n < sizeof w->got - w->got_n);
	memcpy(w->got + w->got_n, bytes.p, bytes.n);
	w->got_n += bytes.n;
	if (strstr(w->got, " 101 "))
		stream_end(s);
}

static void
client_close(struct stream *s, const struct err *why, void *ctx)
{
	struct world *w = ctx;

	w->client = NULL;
	net_loop_stop(w->l);
}

static const struct stream_ops client_ops = {
    .on_open = client_open, .on_read = client_read, .on_close = client_close};

static void
too_late(void *ctx)
{
	struct world *w = ctx;

	w->late = true;
	net_loop_stop(w->l);
}

static bool
ask(struct world *w, const char *text)
{
	struct stream_dial d = {.host = "127.0.0.1", .port = front_port(w->front)};
	struct err e = {0};

	memset(w->got, 0, sizeof w->got);
	w->got_n = w->body_n = 0;
	w->ask = text;
	w->client = stream_connect(w->l, &d, &client_ops, w, &e);
	if (!w->client)
		return false;
	net_timer_start(w->l, &w->stop, 3000, too_late, w);
	net_loop_run(w->l);
	net_timer_stop(&w->stop);
	if (w->late)
		fail_msg("stuck at: %.300s (%.20s)", w->got, w->body);
	return true;
}

#define POST                                                                                       \
	"POST / HTTP/1.1\r\nHost: myapp.x\r\nTE: trailers\r\nConnection: close, TE\r\n"            \
	"Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n"                               \
	"c\r\nhello, hello\r\n0\r\nX-Sum: 7\r\n\r\n"
#define UPGRADE                                                                                    \
	"GET / HTTP/1.1\r\nHost: myapp.x\r\nUpgrade: websocket\r\nConnection: Upgrade, close\r\n"  \
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"         \
	"bytes, bytes"

static bool
two_requests(void *ctx)
{
	static const struct front_ops ops = {on_open, NULL};
	struct front_opts o = {
	    .name = "ee-test", .bind = "127.0.0.1", .timeout_ms = 1000, .access_log = true};
	struct world w = {0};
	struct err e = {0};
	bool ok = false;

	env_init(&w.env, LOG_INFO);
	w.env.log.write = no_line;
	w.l = net_loop_new(&e);
	if (!w.l)
		return false;
	w.front = front_open(w.l, &w.env, &o, &ops, &w, &e);
	if (w.front) {
		bool whole = ask(&w, POST) && strstr(w.got, "\r\n0\r\n") != NULL;

		if (whole && strstr(w.got, " 200 "))
			assert_non_null(strstr(w.got, "c\r\nhello, hello\r\n0\r\n"));
		ok = whole && strstr(w.got, " 200 ") && strstr(w.got, "X-Sum: 7");
		ok = ask(&w, UPGRADE) && strstr(w.got, "\r\n\r\nbytes, bytes") && ok;
	} else {
		assert_int_not_equal(e.code, ERR_NONE);
	}
	front_close(w.front);
	net_loop_free(w.l);
	assert_null(w.live);
	return ok;
}

static void
survives_want_of_memory(void **state)
{
	assert_true(two_requests(NULL));
	assert_true(nomem_each(two_requests, NULL, 2000) > 20);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(survives_want_of_memory)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
