#include "sim/http.h"
#include "sim/state.h"

#include <stdlib.h>

/* One request, from its head to the end of its answer. */
struct exchange {
	struct sim_http *http;
	struct http_req *req;
	struct sim_answer answer;
	struct net_timer timer;
};

/* Once what there is of the body has left. */
static void
break_off(void *ctx)
{
	struct exchange *x = ctx;
	struct err e = {0};

	(void)err_set(&e, ERR_IO, REASON_INTERNAL, "switched fault");
	http_req_abort(x->req, &e);
}

/* Less than was announced cuts the connection. */
static void
respond_in_pieces(struct exchange *x, const struct http_field *fields)
{
	const struct sim_answer *a = &x->answer;
	struct span body = buf_span(&a->body);
	size_t n = a->cut ? body.n / 2 : body.n, step = n / 3 + 1;

	if (!http_respond_head(x->req, a->status, fields, a->n_fields,
		a->chunked ? HTTP_LENGTH_UNKNOWN : (int64_t)body.n))
		return;
	for (size_t at = 0; at < n; at += step)
		(void)http_respond_body(
		    x->req, span_between(body, at, at + step < n ? at + step : n));
	if (a->cut && a->chunked)
		net_timer_start(x->http->loop, &x->timer, 50, break_off, x);
	else
		http_respond_end(x->req);
}

static void
respond(void *ctx)
{
	struct exchange *x = ctx;
	struct sim_answer *a = &x->answer;
	struct http_field fields[SIM_FIELDS_MAX];

	for (size_t i = 0; i < a->n_fields; i++) {
		fields[i].name = span_str(a->field_name[i]);
		fields[i].value = buf_span(&a->field_value[i]);
	}
	if (a->cut || a->chunked)
		respond_in_pieces(x, fields);
	else
		http_respond_full(
		    x->req, a->status, a->content_type, fields, a->n_fields, buf_span(&a->body));
}

/* Make what changed outlive a restart. That it could not be is told, and the answer stands. */
static void
keep(struct sim_http *h, const struct sim_request *rq, const struct sim_answer *a)
{
	struct err e = {0};

	if (a->keep && !sim_state_keep(h->state_dir, rq, &e))
		log_failure(&h->env->log, LOG_WARN, "not_kept", &e, NULL);
	if (a->drop && !sim_state_drop(h->state_dir, rq->path, &e))
		log_failure(&h->env->log, LOG_WARN, "not_dropped", &e, NULL);
}

static void
on_body(struct http_req *r, const struct err *e, struct span body, void *ctx)
{
	struct exchange *x = ctx;
	struct sim_http *h = x->http;
	struct sim_request rq = {
	    .method = http_req_method(r),
	    .path = http_req_path(r),
	    .query = http_req_query(r),
	    .accept = http_req_field(r, "Accept"),
	    .if_none_match = http_req_field(r, "If-None-Match"),
	    .body = body,
	};
	struct log_line line;

	if (e) {
		http_respond_full(r, reason_http(e->reason), NULL, NULL, 0, span_str(NULL));
		return;
	}
	sim_serve(h->sim, &rq, env_now_s(h->env), &x->answer);
	keep(h, &rq, &x->answer);
	log_begin(&line, "request");
	log_span(&line, "method", rq.method);
	log_span(&line, "path", rq.path);
	log_int(&line, "status", x->answer.status);
	log_end(&h->env->log, LOG_DEBUG, &line);
	if (x->answer.delay_ms)
		net_timer_start(h->loop, &x->timer, x->answer.delay_ms, respond, x);
	else
		respond(x);
}

static void
on_close(struct http_req *r, const struct err *why, void *ctx)
{
	struct exchange *x = ctx;

	(void)r;
	(void)why;
	net_timer_stop(&x->timer);
	sim_answer_fini(&x->answer);
	free(x);
}

static void
on_request(struct http_server *s, struct http_req *r, void *ctx)
{
	static const struct http_req_ops ops = {.on_close = on_close};
	struct exchange *x = calloc(1, sizeof *x);

	(void)s;
	if (!x) {
		http_respond_full(r, 503, NULL, NULL, 0, span_str(NULL));
		return;
	}
	x->http = ctx;
	x->req = r;
	http_req_set_ops(r, &ops, x);
	http_req_collect(r, SIM_BODY_MAX, on_body, x);
}

const struct http_server_ops sim_http_ops = {.on_request = on_request};
