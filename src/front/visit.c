#include "front/visit.h"

#include "base/hex.h"
#include "front/access_log.h"
#include "front/answer_head.h"
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
	struct span host; /* what the visitor asked for; in the request's head */
	uint8_t trace[TRACE_RANDOM];
	size_t credit; /* of the request's body */
	struct buf held; /* body that came beyond it, or too early; mostly there is none */
	size_t held_at; /* so much of it was sent */
	size_t owed; /* answer's bytes not granted anew while the visitor is slow */
	bool expects; /* the visitor may wait for 100, which nobody has said yet */
	bool waits; /* none of its body goes on before 100 or the answer's head */
	bool sending; /* inside exchange_body: whoever called it uses the credit that comes */
	bool trusted; /* the peer's word on who asked it counts */
	bool answering;
	bool refused; /* and so logged */
	bool upgrade, switched; /* a WebSocket was asked for; it stands */
};

static void
count(struct front *f, const struct http_req *r)
{
	const struct http_req_stats *s = http_req_stats(r);

	f->figures.status[s->status / 100 % 6]++;
	if (s->status)
		prom_times_add(&f->figures.first_byte, s->answered_ms - s->began_ms);
	prom_times_add(&f->figures.whole, net_loop_now_ms(f->loop) - s->began_ms);
}

bool
visit_refuse(struct front *f, struct http_req *r, bool believed, const char *app, const char *id,
    const struct err *why)
{
	struct http_field fields[7];
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
	if (why->reason == REASON_UPGRADE_REQUIRED) {
		fields[n++] = (struct http_field){span_str("Upgrade"), span_str("websocket")};
		fields[n++] = (struct http_field){
		    span_str("Sec-WebSocket-Version"), span_str("13")};
	}
	if (id && id[0])
		fields[n++] = (struct http_field){span_str("X-Request-Id"), span_str(id)};
	sent = buf_ok(&body) && buf_ok(&status)
	       && http_respond_full(
		   r, reason_http(why->reason), "application/json", fields, n, buf_span(&body));
	if (sent) {
		f->figures.refused[why->reason]++;
		count(f, r);
		access_log_refused(f, r, believed, app, id, why);
	} else /* nobody is left waiting for an answer that there was no memory for */
		http_req_abort(r, why);
	buf_fini(&body);
	buf_fini(&status);
	return sent;
}

/* -- the answer -- */

/* No byte more of this answer: while its head is here a refusal, after that a cut that shows. */
static void
break_off(struct visit *v, const struct err *why)
{
	v->x = NULL;
	if (!v->answering || http_respond_take_back(v->r)) {
		v->answering = true;
		v->refused = visit_refuse(v->f, v->r, v->trusted, v->app, v->shown_id, why);
		return;
	}
	log_failure(&v->f->env->log, LOG_WARN, "proxy_cut", why, "app", v->app, "request_id",
	    v->shown_id, NULL);
	http_req_abort(v->r, why);
}

static void send_held(struct visit *v);

static void
on_head(void *ctx, int status, const struct fields *fields)
{
	struct visit *v = ctx;
	struct answer_hop hop = {v->f->o.name, v->shown_id, v->host};
	struct exchange *x = v->x;
	struct err e = {0};

	v->answering = true;
	v->switched = v->upgrade && status == 200;
	if (v->switched ? answer_switch(v->r, &hop, fields)
			: answer_head(v->r, &hop, status, fields)) {
		v->expects = v->waits = false;
		send_held(v);
		return;
	}
	err_set(&e, ERR_MALFORMED, REASON_INVALID_PROXY_RESPONSE, "head cannot be sent on");
	v->answering = http_req_is_answered(v->r);
	exchange_reset(x);
	break_off(v, &e);
}

/* The exchange cannot go on: reset it and break off. */
static void
give_up(struct visit *v, enum err_code c, enum reason reason, const char *what)
{
	struct exchange *x = v->x;
	struct err e = {0};

	err_set(&e, c, reason, "%s", what);
	exchange_reset(x);
	break_off(v, &e);
}

static void
on_interim(void *ctx, int status, const struct fields *fields)
{
	struct visit *v = ctx;
	struct answer_hop hop = {v->f->o.name, v->shown_id, v->host};

	/* Once is enough: a hop that was tired of waiting may have said it before the backend. */
	if (status == 100 && http_req_head(v->r)->expect_continue && !v->expects)
		return;
	if (!answer_interim(v->r, &hop, status, fields) && status == 100) {
		give_up(v, ERR_NOMEM, REASON_NO_MEMORY, "100 cannot be sent on");
		return;
	}
	if (status != 100)
		return;
	v->expects = v->waits = false;
	send_held(v);
}

/* A body that cannot go on: more than was announced, or to a visitor who is leaving, whose end then
 * has its own reason. */
static void
stop(struct visit *v)
{
	struct exchange *x = v->x;
	struct err e = {0};

	v->x = NULL;
	exchange_reset(x);
	err_set(&e, ERR_MALFORMED, REASON_INVALID_PROXY_RESPONSE, "body cannot be sent on");
	http_req_abort(v->r, &e);
}

static void
on_answer_body(void *ctx, struct span data)
{
	struct visit *v = ctx;

	if (!http_respond_body(v->r, data))
		stop(v);
	else if (http_respond_is_full(v->r))
		v->owed += data.n;
	else
		exchange_credit(v->x, data.n);
}

static void
on_answer_end(void *ctx, const struct fields *trailers)
{
	struct visit *v = ctx;

	v->x = NULL;
	http_respond_end_with(v->r, trailers);
	/* What a WebSocket's visitor still says is of no use; that he leaves is to be seen. */
	if (v->switched)
		http_req_resume(v->r);
}

static void
on_answer_reset(void *ctx, const struct err *why)
{
	break_off(ctx, why);
}

/* -- the request's body -- */

/* Send as much of a piece as may be sent now; gives how much that was. */
static size_t
send_piece(struct visit *v, struct span piece)
{
	size_t sent = 0;

	v->sending = true;
	while (v->x && !v->waits && v->credit && sent < piece.n) {
		struct span now = span_first(span_from(piece, sent), v->credit);

		v->credit -= now.n;
		sent += now.n;
		exchange_body(v->x, now);
	}
	v->sending = false;
	return sent;
}

/* Send what is held as far as may be; once nothing is, read on. */
static void
send_held(struct visit *v)
{
	if (!v->held.n || v->sending)
		return;
	v->held_at += send_piece(v, span_from(buf_span(&v->held), v->held_at));
	if (!v->x || v->held_at < v->held.n)
		return;
	buf_fini(&v->held);
	v->held_at = 0;
	http_req_resume(v->r);
}

static void
on_credit(void *ctx, size_t n)
{
	struct visit *v = ctx;

	v->credit = v->credit > SIZE_MAX - n ? SIZE_MAX : v->credit + n;
	send_held(v);
}

static const struct exchange_events events = {.head = on_head,
    .interim = on_interim,
    .body = on_answer_body,
    .end = on_answer_end,
    .reset = on_answer_reset,
    .credit = on_credit};

static void
hold(struct visit *v, struct span piece)
{
	buf_add(&v->held, piece);
	http_req_pause(v->r);
	if (!buf_ok(&v->held))
		give_up(v, ERR_NOMEM, REASON_NO_MEMORY, "request's body");
}

static void
on_request_body(struct http_req *r, struct span piece, void *ctx)
{
	struct visit *v = ctx;

	piece = span_from(piece, send_piece(v, piece));
	/* Answered or cut already: the rest of the request is of no use to anybody. */
	if (v->x && piece.n)
		hold(v, piece);
}

/* Of an upgrade the first end is the request's own, which has no body. */
static void
on_request_end(struct http_req *r, void *ctx)
{
	struct visit *v = ctx;

	if (v->upgrade ? !v->switched : !http_req_has_body(r))
		return;
	/* Nothing is held: while something is, the request is paused, and tells of no end. */
	if (v->x)
		exchange_end(v->x, http_req_trailers(r));
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
	if (!v->refused) {
		count(f, r);
		access_log_ended(f, r, v->trusted, v->app, v->shown_id, why);
	}
	buf_fini(&v->held);
	free(v);
	front_visit_ended(f);
}

static const struct http_req_ops req_ops = {on_request_body, on_request_end, on_drain, on_close};

/* -- beginning -- */

static void
take_random(struct front *f, void *dst, size_t n)
{
	if (f->random_n < n) {
		f->random_n = sizeof f->random;
		env_random(f->env, f->random, f->random_n);
	}
	f->random_n -= n;
	memcpy(dst, f->random + f->random_n, n);
}

static struct visit *
visit_new(struct front *f, struct http_req *r, const struct visit_start *s)
{
	struct visit *v = calloc(1, sizeof *v);
	uint8_t id[16];

	if (!v)
		return NULL;
	v->f = f;
	v->r = r;
	v->trusted = s->trusted;
	v->host = s->trusted ? http_req_field(r, "x-forwarded-host") : s->host;
	if (!v->host.n)
		v->host = s->host;
	snprintf(v->app, sizeof v->app, "%s", s->app);
	take_random(f, id, sizeof id);
	hex_encode(span_of(id, sizeof id), v->id);
	snprintf(v->shown_id, sizeof v->shown_id, "%s", v->id);
	take_random(f, v->trace, sizeof v->trace);
	buf_init(&v->held, NET_SCRATCH * 2);
	f->visits++;
	return v;
}

/* A WebSocket's key is answered hop by hop; Host and all else go through. */
static bool
make_fields(struct visit *v, const struct visit_start *s, struct fields *out, struct err *e)
{
	const struct http_head *h = http_req_head(v->r);
	struct headers_hop hop = {span_str(http_req_peer(v->r)), s->trusted,
	    http_req_is_tls(v->r) ? "https" : "http", s->host, span_str(v->id), v->f->o.name,
	    v->trace};
	struct span shown;

	headers_forward_request(out, h->fields, h->n, &hop);
	shown = fields_get(out, "x-request-id");
	if (shown.n) /* it is among those that may not fit */
		(void)span_cstr(shown, v->shown_id, sizeof v->shown_id);
	if (v->upgrade)
		fields_drop(out, "Sec-WebSocket-Key");
	return fields_ok(out)
	       || err_set(
		   e, ERR_LIMIT, REASON_HEADER_TOO_BIG, "no room for the proxy's own fields");
}

static bool
open_exchange(struct visit *v, const struct visit_start *s, struct err *e)
{
	const struct http_head *h = http_req_head(v->r);
	bool has_body = http_req_has_body(v->r);
	struct exchange_request rq = {.request_id = v->id,
	    .method = http_req_method(v->r),
	    .target = s->target,
	    .has_body = has_body || h->upgrade,
	    .upgrade = h->upgrade,
	    .expect_continue = has_body && h->expect_continue,
	    .timeout_ms = v->f->o.timeout_ms,
	    .body_length = h->framing == HTTP_LENGTH ? h->length : 0};
	struct fields out;

	fields_init(&out);
	rq.fields = &out;
	v->upgrade = rq.upgrade;
	v->expects = rq.expect_continue;
	if (make_fields(v, s, &out, e) && (!v->upgrade || http_upgrade_check(v->r, e)))
		v->x = v->f->ops.open(v->f->ctx, span_str(v->app), &rq, &events, v, e);
	fields_fini(&out);
	return v->x != NULL;
}

void
visit_begin(struct front *f, struct http_req *r, const struct visit_start *s)
{
	struct visit *v = visit_new(f, r, s);
	struct err e = {0};

	if (!v) {
		err_set(&e, ERR_NOMEM, REASON_NO_MEMORY, "visit");
		(void)visit_refuse(f, r, s->trusted, s->app, NULL, &e);
		return;
	}
	/* Before any answer: who waits for 100 sees a refusal first. */
	http_req_set_proxied(r);
	if (!open_exchange(v, s, &e)) {
		v->answering = true;
		(void)visit_refuse(f, r, v->trusted, v->app, v->shown_id, &e);
		free(v);
		front_visit_ended(f);
		return;
	}
	v->credit = v->x->send_credit;
	v->waits = v->expects && v->x->waits;
	http_req_set_ops(r, &req_ops, v);
	if (v->expects && !v->waits) {
		v->expects = false;
		if (!http_respond_interim(r, 100, NULL, 0))
			give_up(v, ERR_NOMEM, REASON_NO_MEMORY, "100 cannot be sent");
	}
	if (v->x)
		exchange_credit(v->x, CREDIT_AHEAD);
}
