#include "front/upstream.h"

#include "front/front.h"
#include "wire/url.h"
#include <stdlib.h>

/* The control plane's own timeout comes first, so that its reason reaches the visitor. */
#define TIMEOUT_MARGIN_MS 2000
/* What may wait to be sent; granted anew as it goes out. */
#define SEND_AHEAD (256u * 1024)

struct upstream {
	struct net_loop *loop;
	struct url url;
	struct buf prefix; /* the URL's path without a slash at its end */
	struct buf text; /* the URL, which url points into */
	char authority[URL_ORIGIN_MAX];
	const char *token;
	struct tls_ctx *tls;
};

struct carried {
	struct exchange x; /* first: ops get a pointer to it */
	struct http_exchange *http;
	bool over; /* the asker was told the end, or left */
	size_t credit; /* of the answer's body */
	bool paused;
	size_t owed; /* request's bytes not granted anew while the connection is slow */
};

static bool
prepare(struct upstream *u, const char *control_url, struct err *e)
{
	struct span path, query;

	buf_init(&u->text, 2048);
	buf_init(&u->prefix, 2048);
	buf_add_str(&u->text, control_url);
	if (!buf_ok(&u->text) || !url_parse(&u->url, buf_span(&u->text), e))
		return err_set(e, ERR_USAGE, REASON_BAD_SETTING, "EE_CONTROL_URL");
	url_split_target(u->url.target, &path, &query);
	if (query.p || u->url.scheme == URL_WS || u->url.scheme == URL_WSS)
		return err_set(e, ERR_USAGE, REASON_BAD_SETTING,
		    "EE_CONTROL_URL must be http or https, without a query");
	while (path.n && path.p[path.n - 1] == '/')
		path.n--;
	buf_add(&u->prefix, path);
	url_authority(&u->url, u->authority);
	if (url_is_tls(&u->url))
		u->tls = tls_ctx_client(NULL, e);
	return !url_is_tls(&u->url) || u->tls;
}

struct upstream *
upstream_new(struct net_loop *l, const char *control_url, const char *token, struct err *e)
{
	struct upstream *u = calloc(1, sizeof *u);

	if (!u) {
		err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "upstream");
		return NULL;
	}
	u->loop = l;
	u->token = token;
	if (prepare(u, control_url, e))
		return u;
	upstream_free(u);
	return NULL;
}

void
upstream_free(struct upstream *u)
{
	if (!u)
		return;
	tls_ctx_free(u->tls);
	buf_fini(&u->text);
	buf_fini(&u->prefix);
	free(u);
}

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
	http_exchange_end(((struct carried *)x)->http);
}

static void
on_reset(struct exchange *x)
{
	struct carried *c = (struct carried *)x;

	c->over = true;
	http_exchange_close(c->http, NULL);
}

/* A read hands out NET_SCRATCH bytes at most: with that much credit the next one fits. */
static void
mind_credit(struct carried *c)
{
	if (c->over)
		return;
	if (!c->paused && c->credit < NET_SCRATCH) {
		c->paused = true;
		http_exchange_pause(c->http);
	} else if (c->paused && c->credit >= NET_SCRATCH) {
		c->paused = false;
		http_exchange_resume(c->http);
	}
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
on_answer_head(struct http_exchange *h, const struct http_head *head, void *ctx)
{
	struct carried *c = ctx;
	struct fields f;
	struct err e = {0};

	if (c->over)
		return;
	mind_credit(c);
	fields_init(&f);
	headers_forward_response(&f, head->fields, head->n, true, NULL);
	if (fields_ok(&f)) {
		c->x.events->head(c->x.ctx, head->status, &f);
	} else {
		err_set(&e, ERR_LIMIT, REASON_INVALID_PROXY_RESPONSE, "head too large");
		http_exchange_close(h, &e);
	}
	fields_fini(&f);
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
	c->x.events->end(c->x.ctx, NULL);
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
	struct err e = {0};

	free(c);
	if (over)
		return;
	if (why->code == ERR_NONE)
		err_set(&e, ERR_IO, REASON_PEER_LOST, "closed before the answer's end");
	events->reset(asker, why->code == ERR_NONE ? &e : why);
}

static const struct http_exchange_ops http_ops = {.on_head = on_answer_head,
    .on_body = on_answer_body,
    .on_end = on_answer_end,
    .on_drain = on_drain,
    .on_close = on_close};

/* -- opening -- */

/* The fields as they go to the control plane: its own Host, ours beside it. */
static size_t
own_fields(const struct upstream *u, const struct fields *in,
    struct http_field out[static LIMIT_HEAD_FIELDS + 3])
{
	size_t n = 0;

	out[n++] = (struct http_field){span_str("Host"), span_str(u->authority)};
	out[n++] = (struct http_field){span_str(FRONT_HOST_FIELD), fields_get(in, "host")};
	if (u->token)
		out[n++] = (struct http_field){span_str(FRONT_TOKEN_FIELD), span_str(u->token)};
	for (size_t i = 0; i < in->n; i++) {
		struct http_field f = fields_at(in, i);

		if (!span_iis(f.name, "host"))
			out[n++] = f;
	}
	return n;
}

static struct http_exchange *
start(const struct upstream *u, struct span target, const struct exchange_request *rq,
    struct carried *c, struct err *e)
{
	struct http_field f[LIMIT_HEAD_FIELDS + 3];
	struct http_exchange_opts o = {
	    .dial = {.host = u->url.host.name, .port = u->url.host.port, .tls = u->tls},
	    .method = rq->method,
	    .target = target,
	    .fields = f,
	    .n_fields = own_fields(u, rq->fields, f),
	    .body_length = !rq->has_body     ? 0
			   : rq->body_length ? (int64_t)rq->body_length
					     : HTTP_LENGTH_UNKNOWN,
	    .first_byte_ms = rq->timeout_ms + TIMEOUT_MARGIN_MS,
	};

	return http_exchange_start(u->loop, &o, &http_ops, c, e);
}

struct exchange *
upstream_open(void *ctx, struct span app, const struct exchange_request *rq,
    const struct exchange_events *events, void *events_ctx, struct err *e)
{
	const struct upstream *u = ctx;
	struct carried *c = calloc(1, sizeof *c);
	struct buf target;

	if (!c) {
		err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "exchange");
		return NULL;
	}
	c->x = (struct exchange){
	    .ops = &ops, .events = events, .ctx = events_ctx, .send_credit = SEND_AHEAD};
	buf_init(&target, 2 * LIMIT_HEAD);
	buf_add(&target, buf_span(&u->prefix));
	buf_add_str(&target, "/v1/forward/");
	buf_add(&target, app);
	buf_add(&target, rq->target);
	if (span_is(rq->target, "*"))
		err_set(e, ERR_UNSUPPORTED, REASON_BAD_REQUEST, "target * is not forwarded");
	else if (!buf_ok(&target))
		err_set(e, ERR_LIMIT, REASON_HEADER_TOO_BIG, "target");
	else
		c->http = start(u, buf_span(&target), rq, c, e);
	buf_fini(&target);
	if (c->http)
		return &c->x;
	free(c);
	return NULL;
}
