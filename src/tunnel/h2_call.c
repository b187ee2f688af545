#include "tunnel/h2_call.h"

#include <stdlib.h>

/* -- endings -- */

static void
held_free(struct h2_held *h)
{
	buf_fini(&h->method);
	buf_fini(&h->target);
	fields_fini(&h->fields);
	free(h);
}

void
h2_call_drop(struct h2_call *call, uint32_t code)
{
	if (call->held) {
		held_free(call->held);
		call->held = NULL;
		call->c->waiting--;
	}
	h2_stream_drop(&call->s, code);
}

void
h2_call_free(struct h2_stream *s)
{
	free(s->owner);
}

/* Tell the asker that it is over. */
void
h2_call_fail(struct h2_call *call, const struct err *why, uint32_t code)
{
	const struct exchange_events *events = call->x.events;
	void *ctx = call->x.ctx;

	h2_call_drop(call, code);
	events->reset(ctx, why);
}

void
h2_call_fail_as(
    struct h2_call *call, enum err_code c, enum reason r, const char *detail, uint32_t code)
{
	struct err e = {0};

	err_set(&e, c, r, "%s", detail);
	h2_call_fail(call, &e, code);
}

/* The answer is whole. What is left of the request is of no use (RFC 9113 section 8.1). */
static void
call_complete(struct h2_call *call, const struct fields *trailers)
{
	const struct exchange_events *events = call->x.events;
	void *ctx = call->x.ctx;

	h2_call_drop(call, NGHTTP2_NO_ERROR);
	events->end(ctx, trailers);
}

/* -- the asker's calls -- */

static void
on_body(struct exchange *x, struct span data)
{
	struct h2_call *call = (struct h2_call *)x;

	if (data.n && !h2_stream_body(&call->s, data))
		h2_call_fail_as(
		    call, ERR_NOMEM, REASON_NO_MEMORY, "request body", NGHTTP2_INTERNAL_ERROR);
}

static void
on_end(struct exchange *x, const struct fields *trailers)
{
	struct h2_call *call = (struct h2_call *)x;

	call->ended = true;
	if (!h2_stream_finish(&call->s, trailers))
		h2_call_fail_as(
		    call, ERR_NOMEM, REASON_NO_MEMORY, "trailers", NGHTTP2_INTERNAL_ERROR);
}

static void
on_reset(struct exchange *x)
{
	h2_call_drop((struct h2_call *)x, NGHTTP2_CANCEL);
}

static void
on_credit(struct exchange *x, size_t n)
{
	struct h2_stream *s = &((struct h2_call *)x)->s;

	s->credit = s->credit > SIZE_MAX - n ? SIZE_MAX : s->credit + n;
	h2_stream_owe(s, s->credit, 0);
	h2_stream_update(s);
}

static const struct exchange_ops exchange_ops = {on_body, on_end, on_reset, on_credit};

/* -- the answer -- */

/* Clean the fields. A Content-Length that is there is the body's: nghttp2 sees to it, but for
 * upgrades. */
static bool
answer_fields(const struct h2_call *call, const struct fields *raw, struct fields *out)
{
	struct http_field f[LIMIT_HEAD_FIELDS];

	for (size_t i = 0; i < raw->n; i++)
		f[i] = fields_at(raw, i);
	headers_forward_response(out, f, raw->n, !call->upgrade, NULL);
	return fields_ok(out);
}

static void
answer_trailers(struct h2_call *call, const struct fields *raw)
{
	struct err e = {0};
	struct fields *trailers = h2_trailers_of(raw, &e);

	if (e.code != ERR_NONE)
		h2_call_fail(call, &e, NGHTTP2_INTERNAL_ERROR);
	else
		call_complete(call, trailers);
	h2_fields_free(trailers);
}

static void
answer_head(struct h2_call *call, int status, const struct fields *f, bool last)
{
	bool interim = status < 200;

	if (interim && ++call->interims > LIMIT_H2_INTERIMS) {
		h2_call_fail_as(call, ERR_LIMIT, REASON_INVALID_PROXY_RESPONSE,
		    "too many interim heads", NGHTTP2_ENHANCE_YOUR_CALM);
		return;
	}
	h2_stream_enter(&call->s);
	call->answered = !interim;
	if (status == 100)
		call->x.waits = false;
	if (!interim)
		call->x.events->head(call->x.ctx, status, f);
	else if (call->x.events->interim)
		call->x.events->interim(call->x.ctx, status, f);
	if (h2_stream_leave(&call->s) && last)
		call_complete(call, NULL);
}

void
h2_call_on_head(struct h2_stream *s, bool last)
{
	const struct h2_head *h = &s->conn->live->head;
	struct h2_call *call = s->owner;
	struct fields f;

	if (!h->status) {
		answer_trailers(call, &h->fields);
		return;
	}
	fields_init(&f);
	if (answer_fields(call, &h->fields, &f))
		answer_head(call, h->status, &f, last);
	else
		h2_call_fail_as(
		    call, ERR_NOMEM, REASON_NO_MEMORY, "answer's head", NGHTTP2_INTERNAL_ERROR);
	fields_fini(&f);
}

void
h2_call_on_body(struct h2_stream *s, struct span data)
{
	struct h2_call *call = s->owner;

	if (data.n > s->credit) {
		h2_conn_fail(s->conn, ERR_MALFORMED, REASON_PROTOCOL_ERROR,
		    "HTTP/2: %zu body bytes above the credit", data.n - s->credit);
		return;
	}
	s->credit -= data.n;
	h2_stream_owe(s, s->credit, 0);
	h2_stream_enter(s);
	call->x.events->body(call->x.ctx, data);
	if (h2_stream_leave(s))
		h2_stream_update(s);
}

void
h2_call_on_end(struct h2_stream *s)
{
	call_complete(s->owner, NULL);
}

void
h2_call_on_closed(struct h2_stream *s, uint32_t code)
{
	struct h2_call *call = s->owner;
	enum reason r = h2_reason_of(code);
	struct err e = {0};

	if (r == REASON_AGENT_BUSY && call->c->leaving)
		r = REASON_AGENT_DRAINING;
	err_set(&e, ERR_IO, r, "stream ended: %s", nghttp2_http2_strerror(code));
	h2_call_fail(call, &e, code);
}

void
h2_call_on_credit(struct h2_stream *s, size_t n)
{
	struct h2_call *call = s->owner;

	call->x.events->credit(call->x.ctx, n);
}

/* -- beginning -- */

struct h2_call *
h2_call_new(struct h2_client *c, const struct exchange_request *rq)
{
	struct h2_call *call = calloc(1, sizeof *call);

	if (!call)
		return NULL;
	call->c = c;
	call->x.ops = &exchange_ops;
	call->x.waits = rq->expect_continue && rq->has_body;
	call->timeout_ms = rq->timeout_ms;
	call->has_body = rq->has_body;
	call->upgrade = rq->upgrade;
	h2_stream_init(&call->s, &c->conn, call, 0);
	return call;
}

bool
h2_call_start(struct h2_call *call, const struct h2_block *b, struct err *e)
{
	struct h2_client *c = call->c;
	nghttp2_data_provider source = h2_stream_source();
	int32_t id;

	id = nghttp2_submit_request(
	    c->conn.ng, NULL, b->v, b->n, call->has_body ? &source : NULL, &call->s);
	if (id < 0)
		return err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "request: %s", nghttp2_strerror(id));
	call->s.id = id;
	c->opened++;
	h2_conn_wake(&c->conn);
	return true;
}

static struct h2_held *
held_new(const struct exchange_request *rq)
{
	struct h2_held *h = calloc(1, sizeof *h);

	if (!h)
		return NULL;
	buf_init(&h->method, MSG_METHOD_MAX);
	buf_init(&h->target, rq->target.n);
	fields_init(&h->fields);
	buf_add(&h->method, rq->method);
	buf_add(&h->target, rq->target);
	for (size_t i = 0; i < rq->fields->n; i++)
		fields_add(
		    &h->fields, fields_at(rq->fields, i).name, fields_at(rq->fields, i).value);
	h->rq = *rq;
	h->rq.request_id = NULL;
	h->rq.method = buf_span(&h->method);
	h->rq.target = buf_span(&h->target);
	h->rq.fields = &h->fields;
	if (buf_ok(&h->method) && buf_ok(&h->target) && fields_ok(&h->fields))
		return h;
	held_free(h);
	return NULL;
}

bool
h2_call_hold(struct h2_call *call, const struct exchange_request *rq, struct err *e)
{
	call->held = held_new(rq);
	if (!call->held)
		return err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "request");
	call->c->waiting++;
	return true;
}

bool
h2_call_start_held(struct h2_call *call, struct err *e)
{
	struct h2_block b;

	if (!h2_block_request(&b, &call->held->rq, call->c->conn.o.head_max, e)
	    || !h2_call_start(call, &b, e))
		return false;
	held_free(call->held);
	call->held = NULL;
	call->c->waiting--;
	if (call->has_body)
		h2_stream_due(&call->s);
	return true;
}
