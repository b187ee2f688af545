#include "base/hex.h"
#include "control/api.h"
#include "control/relay.h"
#include "wire/trace.h"
#include "wire/url.h"

#include <stdlib.h>

/* So much of an answer may be on its way to a slow reader. */
#define WINDOW (256u * 1024)

/* One POST /v1/proxy. Ends with the HTTP request, which resets the exchange if it still runs. */
struct call {
	struct control *c;
	struct http_req *r;
	char app[ATTEST_APP_MAX + 1];
	struct exchange *x; /* while it runs */
	struct buf body;
	size_t sent;
	bool body_done;
	size_t owed; /* answer bytes read and not yet granted again */
	bool granting;
};

static void
grant(struct call *call)
{
	/* A grant may bring body bytes before it returns: a loop, so that it cannot recurse. */
	if (call->granting)
		return;
	call->granting = true;
	while (call->x && call->owed && !http_respond_is_full(call->r)) {
		size_t n = call->owed;

		call->owed = 0;
		exchange_credit(call->x, n);
	}
	call->granting = false;
}

/* The carrier has made sure that a Content-Length is right. */
static int64_t
length_of(const struct fields *fields)
{
	struct span text = fields_get(fields, "Content-Length");
	int64_t n = 0;

	if (text.n == 0 || text.n > 18)
		return HTTP_LENGTH_UNKNOWN;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return HTTP_LENGTH_UNKNOWN;
		n = n * 10 + (text.p[i] - '0');
	}
	return n;
}

static void
on_head(void *ctx, int status, const struct fields *fields)
{
	struct call *call = ctx;
	struct http_field f[LIMIT_HEAD_FIELDS];
	size_t n = 0;

	for (; n < fields->n; n++)
		f[n] = fields_at(fields, n);
	if (!http_respond_head(call->r, status, f, n, length_of(fields))) {
		struct err e = {0};
		struct exchange *x = call->x;

		(void)err_set(&e, ERR_MALFORMED, REASON_INVALID_PROXY_RESPONSE, "head");
		call->x = NULL;
		exchange_reset(x);
		api_refuse_proxy(call->r, &e);
	}
}

static void
on_body(void *ctx, struct span data)
{
	struct call *call = ctx;

	(void)http_respond_body(call->r, data);
	call->owed += data.n;
	grant(call);
}

static void
on_end(void *ctx, const struct fields *trailers)
{
	struct call *call = ctx;

	call->x = NULL;
	http_respond_end(call->r);
}

static void
on_reset(void *ctx, const struct err *why)
{
	struct call *call = ctx;

	call->x = NULL;
	/* What was begun is cut, so that nobody takes it for whole. */
	if (http_req_is_answered(call->r))
		http_req_abort(call->r, why);
	else
		api_refuse_proxy(call->r, why);
}

static void
on_credit(void *ctx, size_t n)
{
	struct call *call = ctx;
	struct span piece = span_first(span_from(buf_span(&call->body), call->sent), n);

	if (call->body_done)
		return;
	call->sent += piece.n;
	call->body_done = call->sent == call->body.n;
	if (piece.n)
		exchange_body(call->x, piece);
	if (call->body_done && call->x)
		exchange_end(call->x, NULL);
}

static const struct exchange_events events = {
    .head = on_head, .body = on_body, .end = on_end, .reset = on_reset, .credit = on_credit};

static bool
bad(struct err *e, const char *what)
{
	(void)err_show(e, "%s", what);
	return err_set(e, ERR_MALFORMED, REASON_INVALID_PROXY_PAYLOAD, "%s", what);
}

/* What a request is made of; spans point into the buffers. */
struct payload {
	struct json_doc doc;
	struct buf target;
	char method[MSG_METHOD_MAX];
	struct fields given, sent;
};

/* The Host that the backend gets is held to what a listener takes; where there is none, the app's
 * name stands in. */
static bool
is_host_ok(const struct fields *given)
{
	struct span text = fields_get(given, "Host");
	struct host host;
	struct err ignored = {0};
	size_t n = 0;

	for (size_t i = 0; i < given->n; i++)
		n += span_iis(fields_at(given, i).name, "host");
	return n <= 1 && (text.n == 0 || host_parse(&host, text, &ignored));
}

static bool
read_payload(struct call *call, struct payload *p, struct span text, struct err *e)
{
	struct json_limits lim = {LIMIT_JSON_DEPTH, LIMIT_JSON_NODES};
	const struct json_node *top, *path, *headers, *body;

	if (!json_parse(&p->doc, text, lim, &(struct err){0}))
		return bad(e, "the body is no JSON");
	top = json_top(&p->doc);
	path = json_get(&p->doc, top, "path");
	headers = json_get(&p->doc, top, "headers");
	body = json_get(&p->doc, top, "body_b64");
	if (top->type != JSON_OBJECT || json_has_dup(top))
		return bad(e, "the body is no JSON object, or has a member twice");
	if (!json_cstr(json_get(&p->doc, top, "method"), p->method, sizeof p->method)
	    || !http_token_ok(span_str(p->method)))
		return bad(e, "method is missing or no method");
	if (strcmp(p->method, "CONNECT") == 0 || strcmp(p->method, "TRACE") == 0)
		return err_set(e, ERR_USAGE, REASON_METHOD_NOT_ALLOWED, "%s", p->method);
	if (!path || !json_string(path, &p->target) || !http1_target_ok(buf_span(&p->target))
	    || p->target.n == 0 || p->target.p[0] != '/')
		return bad(e, "path is missing or does not begin with a slash");
	if (headers && headers->type != JSON_NULL
	    && (!msg_headers(&p->doc, headers, &p->given) || !fields_ok(&p->given)))
		return bad(e, "headers is no object of names and values");
	if (!is_host_ok(&p->given))
		return bad(e, "Host is there twice or no host");
	if (body && body->type != JSON_NULL && !msg_body(body, &call->body))
		return call->body.failed
			   ? err_set(e, ERR_LIMIT, REASON_BODY_TOO_BIG, "above %u", LIMIT_V1_BODY)
			   : bad(e, "body_b64 is no base64");
	return true;
}

static void
make_fields(struct call *call, struct payload *p, const char *request_id, const uint8_t *trace)
{
	struct http_field f[LIMIT_HEAD_FIELDS];
	struct headers_hop hop = {.peer = span_str(http_req_peer(call->r)),
	    .proto = http_req_is_tls(call->r) ? "https" : "http",
	    .host = fields_get(&p->given, "Host"),
	    .request_id = span_str(request_id),
	    .via = CONTROL_NAME,
	    .trace = trace};

	if (!hop.host.n)
		hop.host = span_str(call->app);
	for (size_t i = 0; i < p->given.n; i++)
		f[i] = fields_at(&p->given, i);
	headers_forward_request(&p->sent, f, p->given.n, &hop);
}

static bool
send(struct call *call, struct payload *p, struct span text, struct err *e)
{
	struct exchange_request rq;
	uint8_t random[16 + TRACE_RANDOM];
	char id[2 * 16 + 1];

	if (!read_payload(call, p, text, e))
		return false;
	env_random(call->c->env, random, sizeof random);
	hex_encode(span_of(random, 16), id);
	make_fields(call, p, id, random + 16);
	if (!fields_ok(&p->sent))
		return bad(e, "headers are too many or too large");
	rq = (struct exchange_request){.request_id = id,
	    .method = span_str(p->method),
	    .target = buf_span(&p->target),
	    .fields = &p->sent,
	    .has_body = call->body.n > 0,
	    .body_length = call->body.n,
	    .timeout_ms = (uint64_t)call->c->set->proxy_timeout_sec * 1000};
	call->body_done = !rq.has_body;
	call->x = relay_open(call->c, span_str(call->app), &rq, &events, call, e);
	if (!call->x)
		return false;
	on_credit(call, call->x->send_credit);
	if (call->x)
		exchange_credit(call->x, WINDOW);
	return true;
}

static void
got_body(struct http_req *r, const struct err *why, struct span text, void *ctx)
{
	struct call *call = ctx;
	struct payload p;
	struct err e = {0};

	if (why) {
		api_refuse_proxy(r, why);
		return;
	}
	memset(&p, 0, sizeof p);
	buf_init(&p.target, LIMIT_HEAD);
	fields_init(&p.given);
	fields_init(&p.sent);
	if (!send(call, &p, text, &e))
		api_refuse_proxy(r, &e);
	fields_fini(&p.sent);
	fields_fini(&p.given);
	buf_fini(&p.target);
	json_free(&p.doc);
}

static void
on_drain(struct http_req *r, void *ctx)
{
	grant(ctx);
}

static void
on_close(struct http_req *r, const struct err *why, void *ctx)
{
	struct call *call = ctx;
	struct exchange *x = call->x;

	call->x = NULL;
	if (x)
		exchange_reset(x);
	buf_fini(&call->body);
	free(call);
}

static const struct http_req_ops ops = {.on_drain = on_drain, .on_close = on_close};

void
proxy_json(struct control *c, struct http_req *r, struct span app)
{
	struct err e = {0};
	struct call *call;

	if (!msg_app_name_ok(app)) {
		(void)err_set(&e, ERR_NOTFOUND, REASON_UNKNOWN_APP, "no app's name");
		api_refuse_proxy(r, &e);
		return;
	}
	call = calloc(1, sizeof *call);
	if (!call) {
		(void)err_set(&e, ERR_NOMEM, REASON_NO_MEMORY, "request");
		api_refuse_proxy(r, &e);
		return;
	}
	call->c = c;
	call->r = r;
	(void)span_cstr(app, call->app, sizeof call->app);
	buf_init(&call->body, LIMIT_V1_BODY);
	http_req_set_ops(r, &ops, call);
	http_req_collect(r, LIMIT_TEXT_ATTESTED, got_body, call);
}
