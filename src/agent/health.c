#include "agent/health.h"

#include <stdlib.h>

/* A backend that needs longer for its own health page is not well. */
#define PROBE_MAX_MS 10000u

/* A backend that is not well (it may just be starting) is looked at more often. */
#define AGAIN_MS 2000u

/* One probe: a stream or an exchange. It outlives its prober until its on_close. */
struct probe {
	struct health *h; /* NULL: nobody listens any more */
	struct stream *s;
	struct http_exchange *x;
	bool pass;
	struct err why;
};

struct health {
	struct net_loop *loop;
	struct health_opts o;
	struct net_timer timer;
	struct probe *probe;
};

static void on_timer(void *ctx);

/* Tell the result, and set out for the next probe. */
static void
health_tell(struct health *h, const struct err *why)
{
	uint64_t ms = h->o.interval_ms;

	if (why && ms > AGAIN_MS)
		ms = AGAIN_MS;
	net_timer_start(h->loop, &h->timer, ms, on_timer, h);
	h->o.result(h->o.ctx, why);
}

static void
probe_end(struct probe *p, const struct err *why)
{
	struct health *h = p->h;

	if (h) {
		h->probe = NULL;
		if (!p->pass && p->why.code == ERR_NONE)
			p->why = *why;
		if (!p->pass && p->why.code == ERR_NONE)
			err_set(&p->why, ERR_IO, REASON_BACKEND_UNREACHABLE, "it closed at once");
		health_tell(h, p->pass ? NULL : &p->why);
	}
	free(p);
}

static void
on_connect(struct stream *s, void *ctx)
{
	struct probe *p = ctx;

	p->pass = true;
	stream_close(s, NULL);
}

static void
on_bytes(struct stream *s, struct span bytes, void *ctx)
{
}

static void
on_stream_close(struct stream *s, const struct err *why, void *ctx)
{
	probe_end(ctx, why);
}

static const struct stream_ops stream_ops = {
    .on_open = on_connect, .on_read = on_bytes, .on_close = on_stream_close};

static void
on_head(struct http_exchange *x, const struct http_head *head, void *ctx)
{
	struct probe *p = ctx;

	p->pass = head->status >= 200 && head->status < 300;
	if (!p->pass)
		err_set(&p->why, ERR_IO, REASON_UNHEALTHY, "it answered %d", head->status);
	http_exchange_close(x, NULL);
}

static void
on_body(struct http_exchange *x, struct span piece, void *ctx)
{
}

static void
on_end(struct http_exchange *x, void *ctx)
{
}

static void
on_exchange_close(struct http_exchange *x, const struct err *why, void *ctx)
{
	probe_end(ctx, why);
}

static const struct http_exchange_ops exchange_ops = {
    .on_head = on_head, .on_body = on_body, .on_end = on_end, .on_close = on_exchange_close};

static MUST_CHECK bool
probe_start(struct health *h, struct probe *p, struct err *e)
{
	uint64_t ms = h->o.interval_ms < PROBE_MAX_MS ? h->o.interval_ms : PROBE_MAX_MS;
	struct stream_dial dial = backend_address_dial(h->o.address, ms);
	struct http_field fields[] = {
	    {span_str("Host"), span_str(h->o.host ? h->o.host : h->o.address->authority)},
	    {span_str("User-Agent"), span_str("ee-agent")},
	};
	struct http_exchange_opts o = {.dial = dial,
	    .method = span_str("GET"),
	    .target = span_str(h->o.path),
	    .fields = fields,
	    .n_fields = 2,
	    .first_byte_ms = ms,
	    .idle_ms = ms};

	if (h->o.path)
		p->x = http_exchange_start(h->loop, &o, &exchange_ops, p, e);
	else
		p->s = stream_connect(h->loop, &dial, &stream_ops, p, e);
	return p->x || p->s;
}

static void
on_timer(void *ctx)
{
	struct health *h = ctx;
	struct err e = {0};
	struct probe *p = calloc(1, sizeof *p);

	if (p)
		p->h = h;
	if (p && probe_start(h, p, &e)) {
		h->probe = p;
		return;
	}
	free(p);
	if (e.code == ERR_NONE)
		err_set(&e, ERR_NOMEM, REASON_NO_MEMORY, "no memory for a probe");
	health_tell(h, &e);
}

struct health *
health_new(struct net_loop *l, const struct health_opts *o, struct err *e)
{
	struct health *h = calloc(1, sizeof *h);

	if (!h) {
		err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "no memory for the health probe");
		return NULL;
	}
	h->loop = l;
	h->o = *o;
	return h;
}

void
health_start(struct health *h)
{
	health_stop(h);
	on_timer(h);
}

void
health_stop(struct health *h)
{
	struct probe *p = h->probe;

	net_timer_stop(&h->timer);
	h->probe = NULL;
	if (!p)
		return;
	p->h = NULL;
	if (p->x)
		http_exchange_close(p->x, NULL);
	else
		stream_close(p->s, NULL);
}

void
health_close(struct health *h)
{
	if (!h)
		return;
	health_stop(h);
	free(h);
}
