#include "agent/jobs.h"

#include <stdlib.h>

#include "base/limits.h"

/* One request. It is in its tunnel's list until its answer is sent or dropped. */
struct job {
	struct jobs *jobs;
	struct job *next, **link;
	struct exchange *x; /* NULL before the start and after the end */
	struct v1_request rq;
	size_t written, credit; /* of the request's body: went out, may go out */
	bool sending;
	int status;
	struct fields fields; /* of the answer */
	struct buf body;
	size_t counted; /* bytes of the share */
	struct buf answer; /* the message, once it is made */
	bool answered;
};

struct jobs {
	struct jobs_opts o;
	struct job *first;
	size_t n;
};

struct jobs *
jobs_new(const struct jobs_opts *o, struct err *e)
{
	struct jobs *b = calloc(1, sizeof *b);

	if (!b) {
		err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "no memory for the requests");
		return NULL;
	}
	b->o = *o;
	return b;
}

size_t
jobs_in_flight(const struct jobs *b)
{
	return b->n;
}

/* Off the list, and out of the budget. */
static void
job_free(struct job *j)
{
	struct jobs *b = j->jobs;

	*j->link = j->next;
	if (j->next)
		j->next->link = j->link;
	b->n--;
	budget_give_request(b->o.share);
	budget_give_bytes(b->o.share, j->counted);
	v1_request_fini(&j->rq);
	fields_fini(&j->fields);
	buf_fini(&j->body);
	buf_fini(&j->answer);
	free(j);
}

static struct job *
job_new(struct jobs *b, struct err *e)
{
	struct job *j;

	if (!budget_take_request(b->o.share)) {
		err_set(e, ERR_LIMIT, REASON_AGENT_BUSY, "%zu requests in flight", b->n);
		return NULL;
	}
	j = calloc(1, sizeof *j);
	if (!j) {
		budget_give_request(b->o.share);
		err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "no memory for a request");
		return NULL;
	}
	j->jobs = b;
	fields_init(&j->fields);
	buf_init(&j->body, LIMIT_V1_BODY);
	buf_init(&j->answer, LIMIT_TEXT_ATTESTED);
	j->next = b->first;
	j->link = &b->first;
	if (b->first)
		b->first->link = &j->next;
	b->first = j;
	b->n++;
	return j;
}

/* Take n bytes of the share, or say that there are not that many. */
static bool
job_count(struct job *j, size_t n)
{
	if (!budget_take_bytes(j->jobs->o.share, n))
		return false;
	j->counted += n;
	return true;
}

/* Send the answer, if it may go now; the job is gone then. */
static void
job_flush(struct job *j)
{
	if (j->jobs->o.send(j->jobs->o.ctx, buf_span(&j->answer), false))
		job_free(j);
}

/* What went wrong between agent and backend, in the words of the tunnel. */
static enum reason
tunnel_reason(enum reason r)
{
	switch (r) {
	case REASON_BODY_TOO_BIG:
	case REASON_INVALID_PROXY_PAYLOAD:
	case REASON_AGENT_BUSY:
	case REASON_NO_MEMORY:
	case REASON_PROXY_TIMEOUT:
	case REASON_INVALID_PROXY_RESPONSE:
		return r;
	case REASON_PEER_IDLE:
		return REASON_PROXY_TIMEOUT;
	case REASON_PEER_LOST:
		return REASON_INVALID_PROXY_RESPONSE;
	default:
		return REASON_BACKEND_UNREACHABLE;
	}
}

static void
write_error(struct buf *out, const char *request_id, const struct err *why)
{
	msg_write_proxy_error(out, request_id, reason_token(tunnel_reason(why->reason)));
}

static void
send_error(struct jobs *b, const char *request_id, const struct err *why)
{
	struct buf text;

	buf_init(&text, 1024);
	write_error(&text, request_id, why);
	/* An error is short: it need not wait behind long answers. */
	if (buf_ok(&text))
		(void)b->o.send(b->o.ctx, buf_span(&text), true);
	buf_fini(&text);
}

static void
answer_response(struct job *j)
{
	struct http_field f[LIMIT_HEAD_FIELDS];

	for (size_t i = 0; i < j->fields.n; i++)
		f[i] = fields_at(&j->fields, i);
	v1_response_write(&j->answer, j->rq.request_id, j->status, f, j->fields.n,
	    span_is(span_str(j->rq.method), "HEAD"), buf_span(&j->body));
}

/* The exchange is over, whole or with why: make the answer and let go of everything else. */
static void
job_finish(struct job *j, const struct err *why)
{
	j->x = NULL;
	if (why)
		write_error(&j->answer, j->rq.request_id, why);
	else
		answer_response(j);
	if (!buf_ok(&j->answer)) {
		static const struct err none = {.code = ERR_NOMEM, .reason = REASON_NO_MEMORY};

		buf_clear(&j->answer);
		write_error(&j->answer, j->rq.request_id, &none);
	}
	buf_fini(&j->body);
	buf_fini(&j->rq.body);
	j->answered = true;
	if (!j->sending)
		job_flush(j);
}

/* Give up on an answer that cannot be carried. */
static void
job_fail(struct job *j, enum err_code c, enum reason r, const char *what)
{
	struct exchange_request rq = {.request_id = j->rq.request_id, .fields = &j->rq.fields};
	struct err e = {0};

	err_set(&e, c, r, "%s", what);
	backend_note_failure(j->jobs->o.backend, &rq, &e);
	exchange_reset(j->x);
	job_finish(j, &e);
}

/* -- what the backend says -- */

static bool
is_too_long(const struct fields *f)
{
	uint64_t n;

	return http_length_parse(fields_get(f, "Content-Length"), &n) && n > LIMIT_V1_BODY;
}

static void
on_head(void *ctx, int status, const struct fields *fields)
{
	struct job *j = ctx;

	j->status = status;
	for (size_t i = 0; i < fields->n; i++)
		fields_add(&j->fields, fields_at(fields, i).name, fields_at(fields, i).value);
	if (!fields_ok(&j->fields))
		job_fail(
		    j, ERR_LIMIT, REASON_INVALID_PROXY_RESPONSE, "the answer's head is too large");
	else if (!span_is(span_str(j->rq.method), "HEAD") && status != 304 && is_too_long(fields))
		job_fail(
		    j, ERR_LIMIT, REASON_BODY_TOO_BIG, "the answer is too large for version 1");
}

static void
on_body(void *ctx, struct span piece)
{
	struct job *j = ctx;

	if (piece.n > LIMIT_V1_BODY - j->body.n) {
		job_fail(
		    j, ERR_LIMIT, REASON_BODY_TOO_BIG, "the answer is too large for version 1");
		return;
	}
	if (!job_count(j, piece.n)) {
		job_fail(j, ERR_LIMIT, REASON_AGENT_BUSY, "too many bytes in flight");
		return;
	}
	buf_add(&j->body, piece);
	if (!buf_ok(&j->body))
		job_fail(j, ERR_NOMEM, REASON_NO_MEMORY, "no memory for the answer");
}

static void
on_end(void *ctx, const struct fields *trailers)
{
	job_finish(ctx, NULL);
}

static void
on_reset(void *ctx, const struct err *why)
{
	job_finish(ctx, why);
}

/* Hand on the request's body as far as the backend's credit goes, and the end behind it. */
static void
job_send(struct job *j)
{
	struct span body = buf_span(&j->rq.body);

	j->sending = true;
	while (j->x && j->credit && j->written < body.n) {
		struct span piece = span_first(span_from(body, j->written), j->credit);

		j->credit -= piece.n;
		j->written += piece.n;
		exchange_body(j->x, piece);
	}
	j->sending = false;
	if (j->answered)
		job_flush(j);
	else if (j->written == body.n)
		exchange_end(j->x, NULL);
}

static void
on_credit(void *ctx, size_t n)
{
	struct job *j = ctx;

	j->credit = j->credit > SIZE_MAX - n ? SIZE_MAX : j->credit + n;
	/* The end is said once: with the last byte. */
	if (!j->sending && j->written < j->rq.body.n)
		job_send(j);
}

static const struct exchange_events events = {
    .head = on_head, .body = on_body, .end = on_end, .reset = on_reset, .credit = on_credit};

static MUST_CHECK bool
job_start(struct job *j, struct err *e)
{
	struct exchange_request rq = {.request_id = j->rq.request_id,
	    .method = span_str(j->rq.method),
	    .target = buf_span(&j->rq.target),
	    .fields = &j->rq.fields,
	    .has_body = j->rq.body.n > 0,
	    .body_length = j->rq.body.n};

	if (!fields_ok(&j->rq.fields))
		return err_set(e, ERR_LIMIT, REASON_INVALID_PROXY_PAYLOAD, "the head is too large");
	if (!job_count(j, j->rq.body.n))
		return err_set(e, ERR_LIMIT, REASON_AGENT_BUSY, "too many bytes in flight");
	j->x = backend_open(
	    j->jobs->o.backend, &rq, j->jobs->o.backend->o.timeout_ms, &events, j, e);
	if (!j->x)
		return false;
	/* The answer is bounded by the budget, as it comes. */
	exchange_credit(j->x, SIZE_MAX);
	j->credit = j->x->send_credit;
	if (rq.has_body)
		job_send(j);
	return true;
}

void
jobs_request(struct jobs *b, const struct msg *m)
{
	struct err e = {0};
	struct job *j = job_new(b, &e);

	if (j && v1_request_read(&j->rq, m, &e) && job_start(j, &e))
		return;
	send_error(b, m->u.proxy_request.request_id, &e);
	if (j)
		job_free(j);
}

void
jobs_flush(struct jobs *b)
{
	struct job *next;

	for (struct job *j = b->first; j; j = next) {
		next = j->next;
		if (j->answered)
			job_flush(j);
	}
}

void
jobs_free(struct jobs *b)
{
	if (!b)
		return;
	while (b->first) {
		if (b->first->x)
			exchange_reset(b->first->x);
		job_free(b->first);
	}
	free(b);
}
