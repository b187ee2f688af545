/* Any control plane, any backend, in any order: nothing is read out of bounds, the backend sees no
 * request that could name another place and hears nothing that exchange.h rules out. */
#include "h2_input.h"

#include "tunnel/h2_server.h"
#include "wire/http1.h"

#define BACKENDS 8

struct backend {
	struct exchange x; /* first */
	bool live, headed, ended;
	size_t credit, granted;
};

struct world {
	struct h2_server *s;
	struct backend backends[BACKENDS];
	bool full, waits;
	unsigned send_credit;
};

static void
on_body(struct exchange *x, struct span data)
{
	struct backend *b = (struct backend *)x;

	must(b->live && !b->ended && data.n && data.n <= b->granted);
	b->granted -= data.n;
}

static void
on_end(struct exchange *x, const struct fields *trailers)
{
	struct backend *b = (struct backend *)x;

	must(b->live && !b->ended);
	b->ended = true;
}

static void
on_reset(struct exchange *x)
{
	struct backend *b = (struct backend *)x;

	must(b->live);
	b->live = false;
}

static void
on_credit(struct exchange *x, size_t n)
{
	struct backend *b = (struct backend *)x;

	must(b->live);
	b->credit += n;
}

static const struct exchange_ops exchange_ops = {on_body, on_end, on_reset, on_credit};

static struct exchange *
on_open(void *ctx, const struct exchange_request *rq, const struct exchange_events *events,
    void *events_ctx, struct err *e)
{
	struct world *w = ctx;

	must(http1_target_ok(rq->target) && http_token_ok(rq->method) && fields_ok(rq->fields));
	must(!span_iis(rq->method, "CONNECT") && !span_iis(rq->method, "TRACE"));
	must(!rq->upgrade || (rq->has_body && span_is(rq->method, "GET")));
	for (int i = 0; i < BACKENDS; i++) {
		struct backend *b = &w->backends[i];

		if (b->live)
			continue;
		*b = (struct backend){.live = true,
		    .ended = !rq->has_body,
		    .granted = w->send_credit,
		    .x = {.ops = &exchange_ops,
			.events = events,
			.ctx = events_ctx,
			.send_credit = w->send_credit,
			.waits = w->waits}};
		return &b->x;
	}
	err_set(e, ERR_LIMIT, REASON_AGENT_BUSY, "all busy");
	return NULL;
}

static bool
on_send(void *ctx, struct span message)
{
	struct world *w = ctx;

	must(message.n > 0 && message.n <= LIMIT_H2_MESSAGE);
	return !w->full;
}

static void
on_wake(void *ctx)
{
}

static const struct h2_server_ops ops = {on_send, on_wake, on_open};

/* What the backend does. */
static void
act(struct backend *b, unsigned op, unsigned arg)
{
	static const uint8_t zeros[65536];
	const struct exchange_events *ev = b->x.events;
	size_t n = b->credit < arg * 256 ? b->credit : arg * 256;
	struct err e = {.code = ERR_IO, .reason = (enum reason)(arg % REASON_COUNT)};
	struct fields f;

	if (!b->live)
		return;
	fields_init(&f);
	fields_add_str(&f, "Content-Length", "300");
	if (op == 8 && !b->headed) {
		int status = arg % 4 ? 200 + (int)(arg % 8) : 100 + (int)arg % 100;

		b->headed = status >= 200;
		if (b->headed)
			ev->head(b->x.ctx, status, &f);
		else
			ev->interim(b->x.ctx, status, &f);
	} else if (op == 9 && b->headed && n) {
		b->credit -= n;
		ev->body(b->x.ctx, span_of(zeros, n));
	} else if (op == 10 && b->headed) {
		b->live = false;
		ev->end(b->x.ctx, arg & 1 ? &f : NULL);
	} else if (op == 11) {
		b->live = false;
		ev->reset(b->x.ctx, &e);
	} else if (op == 12) {
		b->granted += arg * 64 + 1;
		ev->credit(b->x.ctx, arg * 64 + 1);
	}
	fields_fini(&f);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	const struct h2_opts o = {
	    .stream_window = 4096, .tunnel_window = 1u << 17, .max_streams = BACKENDS - 1};
	struct input in = {p, n};
	struct world w = {.send_credit = take(&in) * 64};
	struct err e = {0};
	uint64_t now = 0;
	struct buf bytes;
	bool ok;

	buf_init(&bytes, 4096);
	w.s = h2_server_new(&o, &ops, &w);
	must(w.s != NULL);
	ok = h2_server_recv(w.s, span_str(FRAMES_MAGIC), now, &e);
	while (in.n && ok) {
		unsigned op = take(&in), what = op & 15;

		if (what < 8) {
			take_bytes(&in, what, &bytes);
			ok = h2_server_recv(w.s, buf_span(&bytes), now, &e);
		} else if (what < 13) {
			act(&w.backends[op >> 4 & (BACKENDS - 1)], what, take(&in));
		} else if (what == 13) {
			w.full = op & 16;
			w.waits = op & 32;
			ok = h2_server_flush(w.s, &e);
		} else if (what == 14) {
			now += take(&in) * 50;
			if (op == 0xee)
				h2_server_drain(w.s);
		} else if (op == 0xff) {
			ok = h2_server_end(w.s, &e);
		}
		must(h2_server_stats(w.s).unconsumed <= o.tunnel_window);
	}
	must(ok || (e.code != ERR_NONE && h2_server_in_flight(w.s) == 0));
	h2_server_free(w.s);
	for (int i = 0; i < BACKENDS; i++)
		must(!w.backends[i].live);
	buf_fini(&bytes);
	return 0;
}
