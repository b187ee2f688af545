#include "tunnel/v1.h"

#include <stdio.h>
#include <stdlib.h>

struct pending {
	struct exchange x; /* first: ops get a pointer to it */
	struct v1 *v;
	struct pending *next, **at; /* in v->first's list */
	char request_id[MSG_REQUEST_ID_MAX];
	struct buf method, target, body; /* the request's; body later the answer's */
	struct fields fields;
	bool is_head;
	bool sent;
	bool answered;
	bool busy; /* inside a callback of the asker */
	bool dead; /* reset by the asker while busy */
	uint64_t timeout_ms, deadline_ms; /* deadline 0: not running yet */
	size_t credit, delivered; /* of the answer's body */
};

struct v1 {
	void (*send)(void *ctx, struct span text);
	void *ctx;
	struct pending *first;
	size_t n;
};

/* An answer may need this many bytes: base64 of the largest message. */
#define ANSWER_MAX LIMIT_TEXT_ATTESTED

struct v1 *
v1_new(void (*send)(void *ctx, struct span text), void *ctx)
{
	struct v1 *v = calloc(1, sizeof *v);

	if (!v)
		return NULL;
	v->send = send;
	v->ctx = ctx;
	return v;
}

size_t
v1_in_flight(const struct v1 *v)
{
	return v->n;
}

static void
unlink_pending(struct pending *p)
{
	if (!p->at)
		return;
	*p->at = p->next;
	if (p->next)
		p->next->at = p->at;
	p->at = NULL;
	p->v->n--;
}

static void
pending_free(struct pending *p)
{
	unlink_pending(p);
	buf_fini(&p->method);
	buf_fini(&p->target);
	buf_fini(&p->body);
	fields_fini(&p->fields);
	free(p);
}

/* Tell the asker that it is over, and free. */
static void
fail(struct pending *p, const struct err *why)
{
	const struct exchange_events *events = p->x.events;
	void *ctx = p->x.ctx;

	pending_free(p);
	events->reset(ctx, why);
}

void
v1_reset_all(struct v1 *v, const struct err *why)
{
	while (v->first)
		fail(v->first, why);
}

void
v1_free(struct v1 *v, const struct err *why)
{
	if (!v)
		return;
	v1_reset_all(v, why);
	free(v);
}

void
v1_tick(struct v1 *v, uint64_t now_ms)
{
	struct pending *p = v->first;

	while (p) {
		struct err e = {0};

		if (p->sent && !p->answered && !p->deadline_ms)
			p->deadline_ms = now_ms + p->timeout_ms;
		if (!p->sent || p->answered || now_ms < p->deadline_ms) {
			p = p->next;
			continue;
		}
		err_set(&e, ERR_IO, REASON_PROXY_TIMEOUT, "no answer in %llu ms",
		    (unsigned long long)p->timeout_ms);
		fail(p, &e);
		/* The asker may have reset others of the list: begin anew. */
		p = v->first;
	}
}

/* -- the request -- */

static bool
send_request(struct pending *p)
{
	struct buf text;
	bool ok;

	buf_init(&text, LIMIT_TEXT_ATTESTED);
	msg_write_proxy_request(&text, p->request_id, buf_span(&p->method), buf_span(&p->target),
	    &p->fields, buf_span(&p->body));
	ok = buf_ok(&text);
	if (ok)
		p->v->send(p->v->ctx, buf_span(&text));
	buf_fini(&text);
	p->sent = ok;
	/* What was sent is not needed again; the body's room will hold the answer's. */
	buf_fini(&p->body);
	buf_init(&p->body, ANSWER_MAX);
	return ok;
}

static void
on_body(struct exchange *x, struct span data)
{
	struct pending *p = (struct pending *)x;
	struct err e = {0};

	if (p->sent)
		return;
	buf_add(&p->body, data);
	if (buf_ok(&p->body))
		return;
	err_set(&e, ERR_LIMIT, REASON_BODY_TOO_BIG, "above what a message can carry");
	fail(p, &e);
}

static void
on_end(struct exchange *x, const struct fields *trailers)
{
	struct pending *p = (struct pending *)x;
	struct err e = {0};

	if (p->sent || send_request(p))
		return;
	err_set(&e, ERR_NOMEM, REASON_NO_MEMORY, "proxy_request");
	fail(p, &e);
}

static void
on_reset(struct exchange *x)
{
	struct pending *p = (struct pending *)x;

	if (p->busy)
		p->dead = true;
	else
		pending_free(p);
}

/* -- the answer -- */

/* Hand on what credit allows. May free p. */
static void
pump(struct pending *p)
{
	const struct exchange_events *events = p->x.events;
	void *ctx = p->x.ctx;

	p->busy = true;
	while (!p->dead && p->delivered < p->body.n && p->credit) {
		struct span left = span_from(buf_span(&p->body), p->delivered);
		struct span piece = span_first(left, p->credit);

		p->credit -= piece.n;
		p->delivered += piece.n;
		events->body(ctx, piece);
	}
	p->busy = false;
	if (!p->dead && p->delivered < p->body.n)
		return;
	bool dead = p->dead;
	pending_free(p);
	if (!dead)
		events->end(ctx, NULL);
}

static void
on_credit(struct exchange *x, size_t n)
{
	struct pending *p = (struct pending *)x;

	p->credit = p->credit > SIZE_MAX - n ? SIZE_MAX : p->credit + n;
	if (p->answered && !p->busy)
		pump(p);
}

static const struct exchange_ops ops = {on_body, on_end, on_reset, on_credit};

struct exchange *
v1_open(struct v1 *v, const struct exchange_request *rq, const struct exchange_events *events,
    void *ctx, uint64_t now_ms, struct err *e)
{
	struct pending *p;

	if (rq->upgrade) {
		err_set(e, ERR_UNSUPPORTED, REASON_UPGRADE_NOT_CARRIED, "tunnel of version 1");
		return NULL;
	}
	if (rq->body_length > LIMIT_V1_BODY) {
		err_set(e, ERR_LIMIT, REASON_BODY_TOO_BIG, "above what a message can carry");
		return NULL;
	}
	p = calloc(1, sizeof *p);
	if (!p) {
		err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "pending request");
		return NULL;
	}
	/* One byte more than fits: so a body that is too big says so, instead of waiting for credit
	 * that never comes. */
	p->x = (struct exchange){
	    .ops = &ops, .events = events, .ctx = ctx, .send_credit = LIMIT_V1_BODY + 1};
	p->v = v;
	p->timeout_ms = rq->timeout_ms;
	p->is_head = span_is(rq->method, "HEAD");
	snprintf(p->request_id, sizeof p->request_id, "%s", rq->request_id);
	buf_init(&p->method, MSG_METHOD_MAX);
	buf_init(&p->target, LIMIT_HEAD);
	buf_init(&p->body, LIMIT_V1_BODY);
	fields_init(&p->fields);
	buf_add(&p->method, rq->method);
	buf_add(&p->target, rq->target);
	for (size_t i = 0; i < rq->fields->n; i++)
		fields_add(
		    &p->fields, fields_at(rq->fields, i).name, fields_at(rq->fields, i).value);
	if (!buf_ok(&p->method) || !buf_ok(&p->target) || !fields_ok(&p->fields)
	    || (!rq->has_body && !send_request(p))) {
		pending_free(p);
		err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "request");
		return NULL;
	}
	if (p->sent)
		p->deadline_ms = now_ms + p->timeout_ms;
	p->next = v->first;
	p->at = &v->first;
	if (p->next)
		p->next->at = &p->next;
	v->first = p;
	v->n++;
	return &p->x;
}

/* What the agent says in place of an answer, as one of our reasons: 502, or 504. */
static void
judge_error(const char *error, struct err *e)
{
	enum reason r = reason_find(error, strlen(error));

	if (r != REASON_PROXY_TIMEOUT && r != REASON_BACKEND_UNREACHABLE)
		r = REASON_INVALID_PROXY_RESPONSE;
	err_set(e, ERR_IO, r, "the agent says %s", error);
}

/* Clean the answer's fields and give Content-Length its one right value. */
static bool
answer_fields(const struct pending *p, int status, const struct fields *raw, struct fields *out)
{
	struct http_field f[LIMIT_HEAD_FIELDS];
	bool bodiless = p->is_head || status == 204 || status == 304;
	char length[24];

	for (size_t i = 0; i < raw->n; i++)
		f[i] = fields_at(raw, i);
	headers_forward_response(out, f, raw->n, p->is_head || status == 304, NULL);
	if (!bodiless) {
		snprintf(length, sizeof length, "%zu", p->body.n);
		fields_add_str(out, "Content-Length", length);
	} else if (http_field_count(f, raw->n, "content-length") > 1) {
		return false;
	}
	return fields_ok(out);
}

static bool
read_answer(struct pending *p, const struct msg *m, struct fields *out, struct err *e)
{
	const struct msg_proxy_response *r = &m->u.proxy_response;
	struct fields raw;
	bool ok;

	if (r->status < 200 || r->status > 599)
		return err_set(e, ERR_MALFORMED, REASON_INVALID_PROXY_RESPONSE, "status %lld",
		    (long long)r->status);
	if (!msg_body(r->body, &p->body))
		return err_set(e, ERR_MALFORMED, REASON_INVALID_PROXY_RESPONSE, "body_b64");
	if (p->is_head || r->status == 204 || r->status == 304)
		buf_clear(&p->body);
	fields_init(&raw);
	ok = msg_headers(&m->doc, r->headers, &raw) && answer_fields(p, (int)r->status, &raw, out);
	fields_fini(&raw);
	return ok || err_set(e, ERR_MALFORMED, REASON_INVALID_PROXY_RESPONSE, "headers");
}

/* Deliver the head, then what credit allows. May free p. */
static void
deliver(struct pending *p, int status, const struct fields *f)
{
	p->answered = true;
	p->busy = true;
	p->x.events->head(p->x.ctx, status, f);
	p->busy = false;
	pump(p);
}

void
v1_on_response(struct v1 *v, const struct msg *m)
{
	struct pending *p = v->first;
	struct err e = {0};
	struct fields f;

	while (p && strcmp(p->request_id, m->u.proxy_response.request_id) != 0)
		p = p->next;
	if (!p || !p->sent || p->answered)
		return;
	if (m->u.proxy_response.error[0]) {
		judge_error(m->u.proxy_response.error, &e);
		fail(p, &e);
		return;
	}
	fields_init(&f);
	if (read_answer(p, m, &f, &e))
		deliver(p, (int)m->u.proxy_response.status, &f);
	else
		fail(p, &e);
	fields_fini(&f);
}
