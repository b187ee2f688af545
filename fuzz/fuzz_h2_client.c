/* Any agent, any visitors, in any order: nothing is read out of bounds, no asker hears what
 * exchange.h rules out, nothing is left over. */
#include "h2_input.h"

#include "tunnel/h2_client.h"

#define ASKERS 8

struct asker {
	struct exchange *x;
	size_t credit, granted;
	bool has_body, ended, headed, waits;
};

struct world {
	struct h2_client *c;
	struct asker askers[ASKERS];
	bool full;
	size_t sent;
};

static void
on_head(void *ctx, int status, const struct fields *f)
{
	struct asker *a = ctx;

	must(a->x && !a->headed && status >= 200 && status <= 599 && fields_ok(f));
	a->headed = true;
}

static void
on_interim(void *ctx, int status, const struct fields *f)
{
	struct asker *a = ctx;

	must(a->x && !a->headed && status >= 100 && status <= 199 && fields_ok(f));
	a->waits = false;
}

static void
on_body(void *ctx, struct span data)
{
	struct asker *a = ctx;

	must(a->x && a->headed && data.n && data.n <= a->granted);
	a->granted -= data.n;
}

static void
on_end(void *ctx, const struct fields *trailers)
{
	struct asker *a = ctx;

	must(a->x && a->headed);
	a->x = NULL;
}

static void
on_reset(void *ctx, const struct err *why)
{
	struct asker *a = ctx;

	must(a->x && why->code != ERR_NONE);
	a->x = NULL;
}

static void
on_credit(void *ctx, size_t n)
{
	struct asker *a = ctx;

	must(a->x && a->has_body && !a->ended);
	a->credit += n;
}

static const struct exchange_events events = {
    on_head, on_interim, on_body, on_end, on_reset, on_credit};

static bool
on_send(void *ctx, struct span message)
{
	struct world *w = ctx;

	must(message.n > 0 && message.n <= LIMIT_H2_MESSAGE);
	w->sent += message.n;
	return !w->full;
}

static void
on_nothing(void *ctx)
{
}

static const struct h2_client_ops ops = {on_send, on_nothing, on_nothing, on_nothing};

static void
begin(struct world *w, struct asker *a, unsigned op, uint64_t now)
{
	struct fields f;
	struct err e = {0};
	struct exchange_request rq = {.request_id = "r",
	    .method = span_str(op == 8 ? "HEAD" : "POST"),
	    .target = span_str("/x"),
	    .fields = &f,
	    .has_body = op != 8,
	    .upgrade = op == 10,
	    .expect_continue = op == 11,
	    .timeout_ms = 15000};

	if (a->x)
		return;
	fields_init(&f);
	fields_add_str(&f, "Host", "a");
	memset(a, 0, sizeof *a);
	a->has_body = rq.has_body;
	a->x = h2_client_open(w->c, &rq, &events, a, now, &e);
	must(a->x || e.code != ERR_NONE);
	a->credit = a->x ? a->x->send_credit : 0;
	fields_fini(&f);
}

static void
act(struct world *w, struct asker *a, unsigned op, unsigned arg)
{
	static const uint8_t zeros[65536];
	size_t n = a->credit < arg * 256 ? a->credit : arg * 256;

	if (!a->x)
		return;
	if (op == 12) {
		a->granted += arg * 64 + 1;
		exchange_credit(a->x, arg * 64 + 1);
	} else if (op == 13 && a->has_body && !a->ended && n) {
		a->credit -= n;
		exchange_body(a->x, span_of(zeros, n));
	} else if (op == 14 && a->has_body && !a->ended) {
		a->ended = true;
		exchange_end(a->x, NULL);
	} else if (op == 15) {
		struct exchange *x = a->x;

		a->x = NULL;
		exchange_reset(x);
	}
}

/* False when the session broke. */
static bool
turn(struct world *w, unsigned arg, uint64_t *now, struct err *e)
{
	struct err gone = {.code = ERR_IO, .reason = REASON_TUNNEL_LOST};

	switch (arg % 8) {
	case 0:
		w->full = !w->full;
		return true;
	case 1:
		return h2_client_end(w->c, *now, e);
	case 2:
		h2_client_reset_all(w->c, &gone);
		return true;
	case 3:
		if (arg == 3)
			h2_client_drain(w->c);
		return true;
	default:
		*now += arg * 50;
		return h2_client_tick(w->c, *now, e);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	const struct h2_opts o = {.stream_window = 4096,
	    .tunnel_window = 1u << 17,
	    .max_streams = ASKERS - 1,
	    .idle_ms = 500,
	    .max_requests = 6};
	struct err e = {0}, gone = {.code = ERR_IO, .reason = REASON_TUNNEL_LOST};
	struct input in = {p, n};
	struct world w = {0};
	uint64_t now = 0;
	struct buf bytes;
	bool ok = true;

	buf_init(&bytes, 4096);
	w.c = h2_client_new(&o, &ops, &w);
	must(w.c != NULL);
	while (in.n && ok) {
		unsigned op = take(&in), what = op & 15;
		struct asker *a = &w.askers[op >> 4 & (ASKERS - 1)];

		if (what < 8) {
			take_bytes(&in, what, &bytes);
			ok = h2_client_recv(w.c, buf_span(&bytes), now, &e);
		} else if (op & 128) {
			ok = turn(&w, take(&in), &now, &e) && h2_client_flush(w.c, &e);
		} else if (what < 12) {
			begin(&w, a, what, now);
		} else {
			act(&w, a, what, take(&in));
		}
		must(h2_client_stats(w.c).unconsumed <= o.tunnel_window);
	}
	must(ok || (e.code != ERR_NONE && h2_client_in_flight(w.c) == 0));
	h2_client_free(w.c, &gone);
	for (int i = 0; i < ASKERS; i++)
		must(!w.askers[i].x);
	buf_fini(&bytes);
	return 0;
}
