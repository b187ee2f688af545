#include "carrier/http_carrier.h"

#include "net/loop.h"
#include <stdlib.h>

/* Credit for the answer that a read is worth: no asker grants less for long. What came with the
 * answer's head, before there was credit, is not more either. */
#define READ_MIN 4096u
/* What may wait to be sent; granted anew as it goes out. */
#define SEND_AHEAD (256u * 1024)
/* A server that does not know `Expect: 100-continue` says nothing; the client of net/ sends the body
 * after its own wait of the same length (RFC 9110 section 10.1.1). */
#define EXPECT_MS 1000u

struct carried {
	struct exchange x; /* first: ops get a pointer to it */
	struct http_exchange *http;
	enum reason unreachable;
	bool upgrade, switched; /* a WebSocket was asked for; it stands */
	bool ended; /* the asker's side of it, before it stood */
	bool over; /* the asker was told the end, or left */
	size_t credit; /* of the answer's body */
	bool paused;
	size_t owed; /* request's bytes not granted anew while the connection is slow */
	struct net_timer expect;
	void (*failed)(void *ctx, const char *request_id, const struct err *why);
	void *failed_ctx;
	char request_id[];
};

/* -- the asker's calls -- */

static void
on_body(struct exchange *x, struct span data)
{
	struct carried *c = (struct carried *)x;

	if (!http_exchange_write(c->http, data))
		return; /* it is closing: on_close will say why */
	if (http_exchange_is_full(c->http))
		c->owed += data.n;
	else
		c->x.events->credit(c->x.ctx, data.n);
}

static void
on_end(struct exchange *x, const struct fields *trailers)
{
	struct carried *c = (struct carried *)x;

	if (c->upgrade && !c->switched)
		c->ended = true;
	else
		http_exchange_end_with(c->http, trailers);
}

static void
on_reset(struct exchange *x)
{
	struct carried *c = (struct carried *)x;

	c->over = true;
	net_timer_stop(&c->expect);
	http_exchange_close(c->http, NULL);
}

/* A read hands out what there is credit for; less than READ_MIN is not worth one. */
static void
mind_credit(struct carried *c)
{
	bool enough = c->credit >= READ_MIN;

	if (c->over)
		return;
	http_exchange_set_read_max(c->http, enough ? c->credit : READ_MIN);
	if (c->paused != enough)
		return;
	c->paused = !enough;
	if (enough)
		http_exchange_resume(c->http);
	else
		http_exchange_pause(c->http);
}

static void
on_credit(struct exchange *x, size_t n)
{
	struct carried *c = (struct carried *)x;

	c->credit = c->credit > SIZE_MAX - n ? SIZE_MAX : c->credit + n;
	mind_credit(c);
}

static const struct exchange_ops ops = {on_body, on_end, on_reset, on_credit};

/* -- the connection's events -- */

static void
break_off(struct carried *c, const char *why)
{
	struct err e = {0};

	err_set(&e, ERR_MALFORMED, REASON_INVALID_PROXY_RESPONSE, "%s", why);
	http_exchange_close(c->http, &e);
}

static void
go_on(void *ctx)
{
	struct carried *c = ctx;
	struct fields none;

	c->x.waits = false;
	fields_init(&none);
	if (!c->over && c->x.events->interim)
		c->x.events->interim(c->x.ctx, 100, &none);
	fields_fini(&none);
}

static void
on_answer_interim(struct http_exchange *h, const struct http_head *head, void *ctx)
{
	struct carried *c = ctx;
	struct fields f;

	if (c->over || !c->x.events->interim)
		return;
	if (head->status == 100) {
		net_timer_stop(&c->expect);
		c->x.waits = false;
	}
	fields_init(&f);
	headers_forward_response(&f, head->fields, head->n, false, NULL);
	if (fields_ok(&f)) /* one that does not fit is nobody's loss */
		c->x.events->interim(c->x.ctx, head->status, &f);
	fields_fini(&f);
}

/* Nothing could be sent before: now either side may, and may end. */
static void
begin_websocket(struct carried *c)
{
	if (c->ended)
		http_exchange_end(c->http);
	else
		c->x.events->credit(c->x.ctx, SEND_AHEAD);
}

static void
on_answer_head(struct http_exchange *h, const struct http_head *head, void *ctx)
{
	struct carried *c = ctx;
	int status = head->status;
	struct fields f;

	if (c->over)
		return;
	net_timer_stop(&c->expect);
	c->switched = status == 101;
	if (c->switched)
		status = 200;
	else if (c->upgrade && status < 300) {
		break_off(c, "the server did not switch protocols");
		return;
	}
	mind_credit(c);
	fields_init(&f);
	headers_forward_response(&f, head->fields, head->n, !c->switched, NULL);
	if (c->switched) /* it answers the key of this hop */
		fields_drop(&f, "Sec-WebSocket-Accept");
	if (fields_ok(&f))
		c->x.events->head(c->x.ctx, status, &f);
	else
		break_off(c, "head too large");
	fields_fini(&f);
	if (c->switched && !c->over)
		begin_websocket(c);
}

static void
on_answer_body(struct http_exchange *h, struct span piece, void *ctx)
{
	struct carried *c = ctx;

	if (c->over)
		return;
	c->credit -= piece.n < c->credit ? piece.n : c->credit;
	c->x.events->body(c->x.ctx, piece);
	mind_credit(c);
}

static void
on_answer_end(struct http_exchange *h, void *ctx)
{
	struct carried *c = ctx;

	if (c->over)
		return;
	c->over = true;
	c->x.events->end(c->x.ctx, http_exchange_trailers(h));
	/* The exchange is over for both sides; of a WebSocket the other direction would go on. */
	if (c->switched)
		http_exchange_close(h, NULL);
}

static void
on_drain(struct http_exchange *h, void *ctx)
{
	struct carried *c = ctx;
	size_t n = c->owed;

	c->owed = 0;
	if (!c->over && n)
		c->x.events->credit(c->x.ctx, n);
}

static void
on_close(struct http_exchange *h, const struct err *why, void *ctx)
{
	struct carried *c = ctx;
	const struct exchange_events *events = c->x.events;
	void *asker = c->x.ctx;
	bool over = c->over;
	struct err e = *why;

	if (why->code == ERR_NONE)
		err_set(&e, ERR_IO, REASON_PEER_LOST, "closed before the answer's end");
	else if (c->unreachable
		 && (e.reason == REASON_CONNECT_FAILED || e.reason == REASON_CONNECT_TIMEOUT))
		e.reason = c->unreachable;
	net_timer_stop(&c->expect);
	if (!over && c->failed)
		c->failed(c->failed_ctx, c->request_id, &e);
	free(c);
	if (!over)
		events->reset(asker, &e);
}

static const struct http_exchange_ops http_ops = {.on_head = on_answer_head,
    .on_body = on_answer_body,
    .on_end = on_answer_end,
    .on_drain = on_drain,
    .on_close = on_close,
    .on_interim = on_answer_interim};

/* -- opening -- */

static uint64_t
expect_ms(const struct carrier_opts *o)
{
	return o->expect_ms ? o->expect_ms : EXPECT_MS;
}

/* The hop's own fields, then those of the request that they do not replace. */
static size_t
gather(const struct carrier_opts *o, const struct fields *in,
    struct http_field out[static LIMIT_HEAD_FIELDS + CARRIER_FIELDS_MAX])
{
	size_t n = 0;

	for (; n < o->n_fields; n++)
		out[n] = o->fields[n];
	for (size_t i = 0; i < in->n; i++) {
		struct http_field f = fields_at(in, i);
		bool replaced = false;

		for (size_t k = 0; k < o->n_fields && !replaced; k++)
			replaced = span_ieq(o->fields[k].name, f.name);
		if (!replaced)
			out[n++] = f;
	}
	return n;
}

static struct http_exchange *
start(struct net_loop *l, const struct carrier_opts *o, const struct exchange_request *rq,
    struct carried *c, struct err *e)
{
	struct http_field f[LIMIT_HEAD_FIELDS + CARRIER_FIELDS_MAX];
	struct http_exchange_opts h = {
	    .pool = o->pool,
	    .method = rq->method,
	    .target = o->target.p ? o->target : rq->target,
	    .fields = f,
	    .n_fields = gather(o, rq->fields, f),
	    .body_length = !rq->has_body || rq->upgrade ? 0
			   : rq->body_length            ? (int64_t)rq->body_length
							: HTTP_LENGTH_UNKNOWN,
	    .first_byte_ms = o->first_byte_ms,
	    .idle_ms = o->idle_ms,
	    .expect_continue = rq->expect_continue,
	    .expect_ms = expect_ms(o),
	    .takes_trailers = !rq->upgrade,
	    .upgrade = rq->upgrade,
	};

	return http_exchange_start(l, &h, &http_ops, c, e);
}

struct exchange *
carrier_open(struct net_loop *l, const struct carrier_opts *o, const struct exchange_request *rq,
    const struct exchange_events *events, void *ctx, struct err *e)
{
	size_t id_n = o->failed ? o->request_id.n : 0;
	struct carried *c = calloc(1, sizeof *c + id_n + 1);

	if (!c) {
		err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "exchange");
		return NULL;
	}
	c->x = (struct exchange){.ops = &ops,
	    .events = events,
	    .ctx = ctx,
	    .send_credit = rq->upgrade ? 0 : SEND_AHEAD,
	    .waits = rq->expect_continue};
	c->upgrade = rq->upgrade;
	c->unreachable = o->unreachable;
	c->failed = o->failed;
	c->failed_ctx = o->failed_ctx;
	(void)span_cstr(span_first(o->request_id, id_n), c->request_id, id_n + 1);
	c->http = start(l, o, rq, c, e);
	if (!c->http) {
		free(c);
		return NULL;
	}
	http_exchange_set_read_max(c->http, READ_MIN);
	if (rq->expect_continue)
		net_timer_start(l, &c->expect, expect_ms(o), go_on, c);
	return &c->x;
}
