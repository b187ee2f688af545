#include "agent/jobs.h"

#include <stdlib.h>

#include "base/limits.h"

/* Pieces in which a request's body is handed to the exchange, so that its queue stays short. */
#define PIECE 65536u

/* One request. It is in its tunnel's list until its answer is sent or dropped. */
struct job {
	struct jobs *jobs; /* NULL: dropped, and only waiting for on_close */
	struct job *next, **link;
	struct http_exchange *x; /* NULL before the start and after on_close */
	struct v1_request rq;
	size_t written; /* of the request's body */
	int status;
	struct fields fields; /* of the answer */
	struct buf body;
	struct err failed;
	bool whole;
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
job_unlink(struct job *j)
{
	struct jobs *b = j->jobs;

	*j->link = j->next;
	if (j->next)
		j->next->link = j->link;
	b->n--;
	budget_give_request(b->o.share);
	budget_give_bytes(b->o.share, j->counted);
	j->jobs = NULL;
}

static void
job_free(struct job *j)
{
	if (j->jobs)
		job_unlink(j);
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

/* The exchange is over: make the answer and let go of everything else. */
static void
job_finish(struct job *j, const struct err *why)
{
	if (!j->jobs) {
		job_free(j);
		return;
	}
	if (j->failed.code != ERR_NONE)
		write_error(&j->answer, j->rq.request_id, &j->failed);
	else if (j->whole)
		answer_response(j);
	else
		write_error(&j->answer, j->rq.request_id, why);
	if (!buf_ok(&j->answer)) {
		static const struct err none = {.code = ERR_NOMEM, .reason = REASON_NO_MEMORY};

		buf_clear(&j->answer);
		write_error(&j->answer, j->rq.request_id, &none);
	}
	buf_fini(&j->body);
	buf_fini(&j->rq.body);
	j->answered = true;
	job_flush(j);
}

/* Give up on an answer that cannot be carried; job_finish tells why. */
static void
job_fail(struct job *j, enum err_code c, enum reason r, const char *what)
{
	err_set(&j->failed, c, r, "%s", what);
	http_exchange_close(j->x, &j->failed);
}

static void
on_head(struct http_exchange *x, const struct http_head *h, void *ctx)
{
	struct job *j = ctx;

	if (!j->jobs)
		return;
	j->status = h->status;
	for (size_t i = 0; i < h->n; i++)
		fields_add(&j->fields, h->fields[i].name, h->fields[i].value);
	if (!fields_ok(&j->fields))
		job_fail(
		    j, ERR_LIMIT, REASON_INVALID_PROXY_RESPONSE, "the answer's head is too large");
	else if (h->framing == HTTP_LENGTH && h->length > LIMIT_V1_BODY)
		job_fail(
		    j, ERR_LIMIT, REASON_BODY_TOO_BIG, "the answer is too large for version 1");
}

static void
on_body(struct http_exchange *x, struct span piece, void *ctx)
{
	struct job *j = ctx;

	if (!j->jobs || j->failed.code != ERR_NONE)
		return;
	if (piece.n > LIMIT_V1_BODY - j->body.n)
		job_fail(
		    j, ERR_LIMIT, REASON_BODY_TOO_BIG, "the answer is too large for version 1");
	else if (!job_count(j, piece.n))
		job_fail(j, ERR_LIMIT, REASON_AGENT_BUSY, "too many bytes in flight");
	else
		buf_add(&j->body, piece);
	if (!buf_ok(&j->body))
		job_fail(j, ERR_NOMEM, REASON_NO_MEMORY, "no memory for the answer");
}

static void
on_end(struct http_exchange *x, void *ctx)
{
	struct job *j = ctx;

	j->whole = true;
}

/* Hand on the request's body as far as the exchange takes it. */
static void
on_drain(struct http_exchange *x, void *ctx)
{
	struct job *j = ctx;
	struct span body = buf_span(&j->rq.body);

	while (j->written < body.n && !http_exchange_is_full(x)) {
		struct span piece = span_first(span_from(body, j->written), PIECE);

		if (!http_exchange_write(x, piece))
			return;
		j->written += piece.n;
		if (j->written == body.n)
			http_exchange_end(x);
	}
}

static void
on_close(struct http_exchange *x, const struct err *why, void *ctx)
{
	struct job *j = ctx;

	j->x = NULL;
	job_finish(j, why);
}

static const struct http_exchange_ops exchange_ops = {.on_head = on_head,
    .on_body = on_body,
    .on_end = on_end,
    .on_drain = on_drain,
    .on_close = on_close};

static MUST_CHECK bool
job_start(struct job *j, struct err *e)
{
	struct backend *backend = j->jobs->o.backend;
	struct http_field f[LIMIT_HEAD_FIELDS];
	struct http_exchange_opts o = {
	    .method = span_str(j->rq.method),
	    .target = buf_span(&j->rq.target),
	    .fields = f,
	    .body_length = (int64_t)j->rq.body.n,
	};

	backend_set_host(backend, &j->rq.fields);
	if (!fields_ok(&j->rq.fields))
		return err_set(e, ERR_LIMIT, REASON_INVALID_PROXY_PAYLOAD, "the head is too large");
	if (!job_count(j, j->rq.body.n))
		return err_set(e, ERR_LIMIT, REASON_AGENT_BUSY, "too many bytes in flight");
	for (o.n_fields = 0; o.n_fields < j->rq.fields.n; o.n_fields++)
		f[o.n_fields] = fields_at(&j->rq.fields, o.n_fields);
	j->x = backend_ask(backend, &o, &exchange_ops, j, e);
	if (j->x && j->rq.body.n > 0)
		on_drain(j->x, j);
	return j->x != NULL;
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
		struct job *j = b->first;

		job_unlink(j);
		if (j->x)
			http_exchange_close(j->x, NULL);
		else
			job_free(j);
	}
	free(b);
}
