#include "front/visit.h"

#include "base/hex.h"
#include "front/access_log.h"
#include "wire/problem.h"
#include "wire/trace.h"
#include <stdio.h>
#include <stdlib.h>

/* Granted beforehand, so that the carrier need not wait for each piece. */
#define CREDIT_AHEAD (256u * 1024)

struct visit {
	struct front *f;
	struct http_req *r;
	struct exchange *x; /* NULL before and after */
	char app[CHOOSE_APP_MAX];
	char id[33]; /* ours: unique; what X-Request-Id says may be the visitor's */
	char shown_id[129]; /* X-Request-Id */
	uint8_t trace[TRACE_RANDOM];
	size_t credit; /* of the request's body */
	struct buf held; /* body that came beyond it */
	bool body_over; /* the request was read whole */
	size_t owed; /* answer's bytes not granted anew while the visitor is slow */
	bool answering;
	bool refused; /* and so logged */
};

bool
visit_refuse(
    struct front *f, struct http_req *r, const char *app, const char *id, const struct err *why)
{
	struct http_field fields[5];
	struct buf body, status;
	char retry[16];
	unsigned retry_after = problem_retry_after(why);
	size_t n = 0;
	bool sent;

	buf_init(&body, 4096);
	buf_init(&status, 512);
	refusal_write(&body, why);
	proxy_status_write(&status, f->o.name, why);
	fields[n++] = (struct http_field){span_str("Cache-Control"), span_str("no-store")};
	if (status.n)
		fields[n++] = (struct http_field){span_str("Proxy-Status"), buf_span(&status)};
	if (retry_after) {
		snprintf(retry, sizeof retry, "%u", retry_after);
		fields[n++] = (struct http_field){span_str("Retry-After"), span_str(retry)};
	}
	if (why->reason == REASON_METHOD_NOT_ALLOWED)
		fields[n++] = (struct http_field){
		    span_str("Allow"), span_str("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")};
	if (id && id[0])
		fields[n++] = (struct http_field){span_str("X-Request-Id"), span_str(id)};
	sent = http_respond_full(
	    r, reason_http(why->reason), "application/json", fields, n, buf_span(&body));
	if (sent)
		access_log_refused(f, r, app, id, why);
	buf_fini(&body);
	buf_fini(&status);
	return sent;
}

/* -- the answer -- */

static bool
read_length(struct span v, int64_t *out)
{
	int64_t n = 0;

	if (!v.n || v.n > 18)
		return false;
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] < '0' || v.p[i] > '9')
			return false;
		n = n * 10 + (v.p[i] - '0');
	}
	*out = n;
	return true;
}

/* No byte more of this answer: before its head a refusal, after it a cut that shows. */
static void
break_off(struct visit *v, const struct err *why)
{
	v->x = NULL;
	if (!v->answering) {
		v->answering = true;
		v->refused = visit_refuse(v->f, v->r, v->app, v->shown_id, why);
		return;
	}
	log_failure(&v->f->env->log, LOG_WARN, "proxy_cut", why, "app", v->app, "request_id",
	    v->shown_id, NULL);
	http_req_abort(v->r, why);
}

static void
on_head(void *ctx, int status, const struct fields *fields)
{
	struct visit *v = ctx;
	struct http_field f[LIMIT_HEAD_FIELDS + 1];
	struct fields out;
	int64_t length = HTTP_LENGTH_UNKNOWN;
	bool ok;

	(void)read_length(fields_get(fields, "content-length"), &length);
	for (size_t i = 0; i < fields->n; i++)
		f[i] = fields_at(fields, i);
	fields_init(&out);
	headers_forward_response(&out, f, fields->n, false, v->f->o.name);
	fields_set(&out, "X-Request-Id", span_str(v->shown_id));
	for (size_t i = 0; i < out.n; i++)
		f[i] = fields_at(&out, i);
	v->answering = true;
	ok = fields_ok(&out) && http_respond_head(v->r, status, f, out.n, length);
	fields_fini(&out);
	if (!ok) {
		struct exchange *x = v->x;
		struct err e = {0};

		err_set(&e, ERR_MALFORMED, REASON_INVALID_PROXY_RESPONSE, "head cannot be sent on");
		v->answering = http_req_is_answered(v->r);
		exchange_reset(x);
		break_off(v, &e);
	}
}

static void
on_answer_body(void *ctx, struct span data)
{
	struct visit *v = ctx;

	(void)http_respond_body(v->r, data);
	if (http_respond_is_full(v->r))
		v->owed += data.n;
	else
		exchange_credit(v->x, data.n);
}

static void
on_answer_end(void *ctx, const struct fields *trailers)
{
	struct visit *v = ctx;

	v->x = NULL;
	http_respond_end(v->r);
}

static void
on_answer_reset(void *ctx, const struct err *why)
{
	break_off(ctx, why);
}

/* -- the request's body -- */

/* Send what is held as far as credit goes; end the request once everything is sent. */
static void
send_held(struct visit *v)
{
	struct span piece = span_first(buf_span(&v->held), v->credit);

	if (piece.n) {
		struct buf taken = v->held;

		/* The carrier may call back from inside: keep nothing of it in v meanwhile. */
		buf_init(&v->held, NET_SCRATCH * 2);
		buf_add(&v->held, span_from(buf_span(&taken), piece.n));
		v->credit -= piece.n;
		exchange_body(v->x, piece);
		buf_fini(&taken);
	}
	if (!v->x || v->held.n)
		return;
	if (v->body_over)
		exchange_end(v->x, NULL);
	else
		http_req_resume(v->r);
}

static void
on_credit(void *ctx, size_t n)
{
	struct visit *v = ctx;

	v->credit = v->credit > SIZE_MAX - n ? SIZE_MAX : v->credit + n;
	if (v->held.n)
		send_held(v);
}

static const struct exchange_events events = {.head = on_head,
    .body = on_answer_body,
    .end = on_answer_end,
    .reset = on_answer_reset,
    .credit = on_credit};

static void
on_request_body(struct http_req *r, struct span piece, void *ctx)
{
	struct visit *v = ctx;
	struct span now = span_first(piece, v->credit);

	/* Answered or cut already: the rest of the request is of no use to anybody. */
	if (!v->x)
		return;
	if (now.n < piece.n) {
		buf_add(&v->held, span_from(piece, now.n));
		http_req_pause(r);
	}
	v->credit -= now.n;
	if (now.n)
		exchange_body(v->x, now);
}

static void
on_request_end(struct http_req *r, void *ctx)
{
	struct visit *v = ctx;

	if (!http_req_has_body(r))
		return;
	v->body_over = true;
	if (v->x && !v->held.n)
		exchange_end(v->x, NULL);
}

static void
on_drain(struct http_req *r, void *ctx)
{
	struct visit *v = ctx;
	size_t n = v->owed;

	v->owed = 0;
	if (v->x && n)
		exchange_credit(v->x, n);
}

static void
on_close(struct http_req *r, const struct err *why, void *ctx)
{
	struct visit *v = ctx;
	struct front *f = v->f;

	if (v->x)
		exchange_reset(v->x);
	if (!v->refused)
		access_log_ended(f, r, v->app, v->shown_id, why);
	buf_fini(&v->held);
	free(v);
	front_visit_ended(f);
}

static const struct http_req_ops req_ops = {on_request_body, on_request_end, on_drain, on_close};

/* -- beginning -- */

static struct visit *
visit_new(struct front *f, struct http_req *r, const char *app)
{
	struct visit *v = calloc(1, sizeof *v);
	uint8_t id[16];

	if (!v)
		return NULL;
	v->f = f;
	v->r = r;
	snprintf(v->app, sizeof v->app, "%s", app);
	env_random(f->env, id, sizeof id);
	hex_encode(span_of(id, sizeof id), v->id);
	env_random(f->env, v->trace, sizeof v->trace);
	buf_init(&v->held, NET_SCRATCH * 2);
	f->visits++;
	return v;
}

static bool
open_exchange(struct visit *v, const struct visit_start *s, struct err *e)
{
	const struct http_head *h = http_req_head(v->r);
	struct headers_hop hop = {span_str(http_req_peer(v->r)), s->trusted,
	    http_req_is_tls(v->r) ? "https" : "http", s->host, span_str(v->id), v->f->o.name,
	    v->trace};
	struct exchange_request rq = {.request_id = v->id,
	    .method = http_req_method(v->r),
	    .target = s->target,
	    .has_body = http_req_has_body(v->r),
	    .timeout_ms = v->f->o.timeout_ms,
	    .body_length = h->framing == HTTP_LENGTH ? h->length : 0};
	struct fields out;
	bool ok;

	fields_init(&out);
	headers_forward_request(&out, h->fields, h->n, &hop);
	rq.fields = &out;
	ok = fields_ok(&out);
	if (!ok)
		err_set(e, ERR_LIMIT, REASON_HEADER_TOO_BIG, "no room for the proxy's own fields");
	(void)span_cstr(fields_get(&out, "x-request-id"), v->shown_id, sizeof v->shown_id);
	if (ok) {
		v->x = v->f->ops.open(v->f->ctx, span_str(v->app), &rq, &events, v, e);
		ok = v->x != NULL;
	}
	fields_fini(&out);
	return ok;
}

void
visit_begin(struct front *f, struct http_req *r, const struct visit_start *s)
{
	struct visit *v = visit_new(f, r, s->app);
	struct err e = {0};

	if (!v) {
		err_set(&e, ERR_NOMEM, REASON_NO_MEMORY, "visit");
		(void)visit_refuse(f, r, s->app, NULL, &e);
		return;
	}
	if (!open_exchange(v, s, &e)) {
		v->answering = true;
		/* Without an interest in the body: who waits for 100 sees the refusal first. */
		(void)visit_refuse(f, r, v->app, v->shown_id, &e);
		free(v);
		front_visit_ended(f);
		return;
	}
	v->credit = v->x->send_credit;
	http_req_set_ops(r, &req_ops, v);
	exchange_credit(v->x, CREDIT_AHEAD);
}
