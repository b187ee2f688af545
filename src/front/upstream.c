#include "front/upstream.h"

#include "carrier/http_carrier.h"
#include "front/front.h"
#include "wire/url.h"
#include <stdlib.h>

/* The control plane's own timeout comes first, so that its reason reaches the visitor. */
#define TIMEOUT_MARGIN_MS 2000
/* Connections that wait: one visitor after another on each, and ee-control keeps them a minute. */
#define IDLE_MAX 256
#define IDLE_MS  30000

struct upstream {
	struct net_loop *loop;
	struct url url;
	struct buf prefix; /* the URL's path without a slash at its end */
	struct buf text; /* the URL, which url points into */
	char authority[URL_ORIGIN_MAX];
	const char *token;
	struct tls_ctx *tls;
	struct http_pool *pool;
};

static bool
make_pool(struct upstream *u, struct err *e)
{
	struct http_pool_opts o = {
	    .dial = {.host = u->url.host.name, .port = u->url.host.port, .tls = u->tls},
	    .max_idle = IDLE_MAX,
	    .idle_ms = IDLE_MS};

	u->pool = http_pool_new(u->loop, &o, e);
	return u->pool != NULL;
}

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
	return (!url_is_tls(&u->url) || u->tls) && make_pool(u, e);
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
	http_pool_free(u->pool);
	tls_ctx_free(u->tls);
	buf_fini(&u->text);
	buf_fini(&u->prefix);
	free(u);
}

struct exchange *
upstream_open(void *ctx, struct span app, const struct exchange_request *rq,
    const struct exchange_events *events, void *events_ctx, struct err *e)
{
	const struct upstream *u = ctx;
	/* Its own Host, the visitor's beside it. */
	struct http_field f[] = {{span_str("Host"), span_str(u->authority)},
	    {span_str(FRONT_HOST_FIELD), fields_get(rq->fields, "host")},
	    {span_str(FRONT_TOKEN_FIELD), span_str(u->token ? u->token : "")}};
	struct carrier_opts o = {.pool = u->pool,
	    .fields = f,
	    .n_fields = u->token ? 3 : 2,
	    .first_byte_ms = rq->timeout_ms + TIMEOUT_MARGIN_MS,
	    .idle_ms = CARRIER_SILENT_MS,
	    /* It knows Expect, and says 100 itself where no replica can. */
	    .expect_ms = rq->timeout_ms + TIMEOUT_MARGIN_MS};
	struct exchange *x = NULL;
	struct buf target;

	buf_init(&target, 2 * LIMIT_HEAD);
	buf_add(&target, buf_span(&u->prefix));
	buf_add_str(&target, "/v1/forward/");
	buf_add(&target, app);
	buf_add(&target, rq->target);
	o.target = buf_span(&target);
	if (span_is(rq->target, "*"))
		err_set(e, ERR_UNSUPPORTED, REASON_BAD_REQUEST, "target * is not forwarded");
	else if (!buf_ok(&target))
		err_set(e, ERR_LIMIT, REASON_HEADER_TOO_BIG, "target");
	else
		x = carrier_open(u->loop, &o, rq, events, events_ctx, e);
	buf_fini(&target);
	return x;
}
