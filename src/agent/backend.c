#include "agent/backend.h"

#include <stdlib.h>

#include "base/limits.h"
#include "wire/url.h"

/* Pieces in which a request's body is handed to the exchange, so that its queue stays short. */
#define PIECE 65536u

/* One request. It is in its backend's list until its answer is sent or dropped. */
struct job {
	struct backend *b;
	struct job *next, **link;
	struct http_exchange *x; /* NULL before the start and after on_close */
	struct v1_request rq;
	size_t written; /* of the request's body */
	int status;
	struct fields fields; /* of the answer */
	struct buf body;
	struct err failed;
	bool whole, dropped;
	size_t counted; /* bytes of the backend's budget */
	struct buf answer; /* the message, once it is made */
	bool answered;
};

struct backend {
	struct net_loop *loop;
	struct backend_opts o;
	struct job *jobs;
	size_t n, bytes;
	bool closing;
};

bool
backend_address_parse(struct backend_address *a, const char *url, struct err *e)
{
	struct span s = span_str(url);
	struct url u;

	*a = (struct backend_address){0};
	if (span_starts(s, "unix:")) {
		if (!span_starts(s, "unix:/")
		    || !span_cstr(span_from(s, 5), a->unix_path, sizeof a->unix_path))
			return err_set(e, ERR_USAGE, REASON_BAD_SETTING,
			    "EE_BACKEND_URL: unix: wants an absolute path of at most 107 bytes");
		(void)span_cstr(span_str("localhost"), a->authority, sizeof a->authority);
		return true;
	}
	if (!url_parse(&u, s, e))
		return false;
	if (u.scheme != URL_HTTP)
		return err_set(e, ERR_USAGE, REASON_BAD_SETTING,
		    "EE_BACKEND_URL: http://host:port or unix:/path is taken, not %.60s", url);
	if (!span_is(u.target, "/"))
		return err_set(e, ERR_USAGE, REASON_BAD_SETTING,
		    "EE_BACKEND_URL: has a path; requests bring their own");
	a->port = u.host.port;
	a->loopback = host_is_loopback(&u.host);
	url_authority(&u, a->authority);
	return span_cstr(span_str(u.host.name), a->host, sizeof a->host);
}

const char *
backend_address_claim(const struct backend_address *a)
{
	if (a->unix_path[0])
		return "unix";
	return a->loopback ? "loopback" : a->host;
}

struct stream_dial
backend_address_dial(const struct backend_address *a, uint64_t timeout_ms)
{
	struct stream_dial d = {.timeout_ms = timeout_ms};

	if (a->unix_path[0])
		d.unix_path = a->unix_path;
	else
		d.host = a->host;
	d.port = a->port;
	return d;
}

struct backend *
backend_new(struct net_loop *l, const struct backend_opts *o, struct err *e)
{
	struct backend *b = calloc(1, sizeof *b);

	if (!b) {
		err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "no memory for the backend");
		return NULL;
	}
	b->loop = l;
	b->o = *o;
	return b;
}

size_t
backend_in_flight(const struct backend *b)
{
	return b->n;
}

static struct job *
job_new(struct backend *b)
{
	struct job *j = calloc(1, sizeof *j);

	if (!j)
		return NULL;
	j->b = b;
	fields_init(&j->fields);
	buf_init(&j->body, LIMIT_V1_BODY);
	buf_init(&j->answer, LIMIT_TEXT_ATTESTED);
	j->next = b->jobs;
	j->link = &b->jobs;
	if (b->jobs)
		b->jobs->link = &j->next;
	b->jobs = j;
	b->n++;
	return j;
}

static void
job_free(struct job *j)
{
	struct backend *b = j->b;

	*j->link = j->next;
	if (j->next)
		j->next->link = j->link;
	b->n--;
	b->bytes -= j->counted;
	v1_request_fini(&j->rq);
	fields_fini(&j->fields);
	buf_fini(&j->body);
	buf_fini(&j->answer);
	free(j);
	if (b->closing && b->n == 0)
		free(b);
}

/* Take n bytes of the budget, or say that there are not that many. */
static bool
job_count(struct job *j, size_t n)
{
	if (n > BACKEND_BYTES_MAX - j->b->bytes)
		return false;
	j->b->bytes += n;
	j->counted += n;
	return true;
}

/* Send the answer, if it may go now; the job is gone then. */
static void
job_flush(struct job *j)
{
	if (j->b->o.send(j->b->o.ctx, buf_span(&j->answer), false))
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
send_error(struct backend *b, const char *request_id, const struct err *why)
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
	if (j->dropped) {
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

	if (j->dropped)
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

	if (j->dropped || j->failed.code != ERR_NONE)
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

/* The visitor's Host is kept, so that the backend sees the name that was asked for; a backend that
 * wants another has EE_BACKEND_HOST. */
static void
set_host(struct backend *b, struct fields *f)
{
	if (b->o.host && b->o.host[0])
		fields_set(f, "Host", span_str(b->o.host));
	else if (!fields_get(f, "Host").p)
		fields_set(f, "Host", span_str(b->o.address->authority));
}

static MUST_CHECK bool
job_start(struct job *j, struct err *e)
{
	struct backend *b = j->b;
	struct http_field f[LIMIT_HEAD_FIELDS];
	struct http_exchange_opts o = {
	    .dial = backend_address_dial(b->o.address, b->o.timeout_ms),
	    .method = span_str(j->rq.method),
	    .target = buf_span(&j->rq.target),
	    .fields = f,
	    .body_length = (int64_t)j->rq.body.n,
	    .first_byte_ms = b->o.timeout_ms,
	    .idle_ms = b->o.timeout_ms,
	};

	set_host(b, &j->rq.fields);
	if (!fields_ok(&j->rq.fields))
		return err_set(e, ERR_LIMIT, REASON_INVALID_PROXY_PAYLOAD, "the head is too large");
	if (!job_count(j, j->rq.body.n))
		return err_set(e, ERR_LIMIT, REASON_AGENT_BUSY, "too many bytes in flight");
	for (o.n_fields = 0; o.n_fields < j->rq.fields.n; o.n_fields++)
		f[o.n_fields] = fields_at(&j->rq.fields, o.n_fields);
	j->x = http_exchange_start(b->loop, &o, &exchange_ops, j, e);
	if (j->x && j->rq.body.n > 0)
		on_drain(j->x, j);
	return j->x != NULL;
}

void
backend_request(struct backend *b, const struct msg *m)
{
	struct err e = {0};
	struct job *j = b->n < BACKEND_REQUESTS_MAX ? job_new(b) : NULL;

	if (!j) {
		err_set(&e, ERR_LIMIT, REASON_AGENT_BUSY, "%zu requests in flight", b->n);
		send_error(b, m->u.proxy_request.request_id, &e);
		return;
	}
	if (v1_request_read(&j->rq, m, &e) && job_start(j, &e))
		return;
	send_error(b, m->u.proxy_request.request_id, &e);
	job_free(j);
}

void
backend_flush(struct backend *b)
{
	struct job *next;

	for (struct job *j = b->jobs; j; j = next) {
		next = j->next;
		if (j->answered)
			job_flush(j);
	}
}

void
backend_drop(struct backend *b)
{
	struct job *next;

	for (struct job *j = b->jobs; j; j = next) {
		next = j->next;
		j->dropped = true;
		if (j->x)
			http_exchange_close(j->x, NULL);
		else
			job_free(j);
	}
}

void
backend_close(struct backend *b)
{
	if (!b)
		return;
	if (b->n == 0) {
		free(b);
		return;
	}
	/* Raised after the last job that goes at once, so that none of them frees the list's head. */
	backend_drop(b);
	if (b->n == 0)
		free(b);
	else
		b->closing = true;
}
