#include "agent/probe.h"

#include <stdlib.h>

#include "net/http_client.h"

/* A stream or an exchange. It outlives its owner's interest until its on_close. */
struct probe {
	void (*done)(void *ctx, const struct err *why); /* NULL: nobody listens any more */
	void *ctx;
	struct stream *s;
	struct http_exchange *x;
	struct net_timer timeout;
	bool pass;
	struct err why;
};

static void
probe_close(struct probe *p)
{
	if (p->x)
		http_exchange_close(p->x, NULL);
	else
		stream_close(p->s, NULL);
}

static void
probe_end(struct probe *p, const struct err *why)
{
	net_timer_stop(&p->timeout);
	if (!p->pass && p->why.code == ERR_NONE)
		p->why = *why;
	if (!p->pass && p->why.code == ERR_NONE)
		err_set(&p->why, ERR_IO, REASON_BACKEND_UNREACHABLE, "it closed at once");
	if (p->done)
		p->done(p->ctx, p->pass ? NULL : &p->why);
	free(p);
}

static void
on_timeout(void *ctx)
{
	struct probe *p = ctx;

	if (!p->pass)
		err_set(&p->why, ERR_EXPIRED, REASON_PROXY_TIMEOUT, "no answer in time");
	probe_close(p);
}

/* -- a connect -- */

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

/* -- a request -- */

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
begin(struct net_loop *l, struct probe *p, const struct probe_opts *o, struct err *e)
{
	struct stream_dial dial = backend_address_dial(o->address, o->timeout_ms);
	struct http_field fields[] = {
	    {span_str("Host"), span_str(o->host ? o->host : o->address->authority)},
	    {span_str("User-Agent"), span_str("ee-agent")},
	};
	struct http_exchange_opts x = {.dial = dial,
	    .method = span_str("GET"),
	    .target = span_str(o->path),
	    .fields = fields,
	    .n_fields = 2,
	    .first_byte_ms = o->timeout_ms,
	    .idle_ms = o->timeout_ms};

	if (o->path)
		p->x = http_exchange_start(l, &x, &exchange_ops, p, e);
	else
		p->s = stream_connect(l, &dial, &stream_ops, p, e);
	return p->x || p->s;
}

struct probe *
probe_start(struct net_loop *l, const struct probe_opts *o, struct err *e)
{
	struct probe *p = calloc(1, sizeof *p);

	if (!p) {
		err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "no memory for a probe");
		return NULL;
	}
	p->done = o->done;
	p->ctx = o->ctx;
	if (!begin(l, p, o, e)) {
		free(p);
		return NULL;
	}
	/* Name, connection and answer have their times; this is the one for all together. */
	net_timer_start(l, &p->timeout, o->timeout_ms, on_timeout, p);
	return p;
}

void
probe_cancel(struct probe *p)
{
	if (!p)
		return;
	p->done = NULL;
	net_timer_stop(&p->timeout);
	probe_close(p);
}
