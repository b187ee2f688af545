#include "front/visit.h"

#include "base/hex.h"
#include "base/ip.h"
#include "front/access_log.h"
#include "wire/url.h"
#include <stdlib.h>
#include <sys/resource.h>

static void
on_gone(void *ctx)
{
	struct front *f = ctx;
	void (*on_close)(void *) = f->ops.on_close;
	void *owner = f->ctx;

	free(f);
	if (on_close)
		on_close(owner);
}

static void
free_when_idle(struct front *f)
{
	if (f->closing && !f->server && !f->visits)
		net_defer_call(f->loop, &f->gone, on_gone, f);
}

void
front_visit_ended(struct front *f)
{
	f->visits--;
	free_when_idle(f);
}

/* Refuse a request before its visit begins, under an id by which the log is searched. */
static void
refuse(struct front *f, struct http_req *r, const char *app, const struct err *why)
{
	const struct http_head *h = http_req_head(r);
	struct span given = http_head_get(h, "x-request-id");
	uint8_t random[16];
	char id[129];

	if (http_field_count(h->fields, h->n, "x-request-id") != 1 || !headers_request_id_ok(given)
	    || !span_cstr(given, id, sizeof id)) {
		env_random(f->env, random, sizeof random);
		hex_encode(span_of(random, sizeof random), id);
	}
	(void)visit_refuse(f, r, false, app, id, why);
}

static bool
method_ok(struct front *f, struct http_req *r)
{
	struct span m = http_req_method(r);
	struct err e = {0};

	if (!span_is(m, "CONNECT") && !span_is(m, "TRACE"))
		return true;
	err_set(
	    &e, ERR_UNSUPPORTED, REASON_METHOD_NOT_ALLOWED, "%.*s", (int)m.n, (const char *)m.p);
	refuse(f, r, NULL, &e);
	return false;
}

static void
on_request(struct http_server *s, struct http_req *r, void *ctx)
{
	struct front *f = ctx;
	const struct http_head *h = http_req_head(r);
	bool trusted = choose_is_trusted(&f->o.rules, http_req_peer(r));
	struct span host = http_req_host(r);
	char app[CHOOSE_APP_MAX];
	struct err e = {0};

	if (!method_ok(f, r))
		return;
	if (trusted && http_field_count(h->fields, h->n, "x-ee-app") > 1)
		err_set(&e, ERR_MALFORMED, REASON_BAD_REQUEST, "more than one X-EE-App");
	else if (choose_app(&f->o.rules, host, http_head_get(h, "x-ee-app"), trusted, app, &e)) {
		visit_begin(f, r, &(struct visit_start){app, http_req_target(r), host, trusted});
		return;
	}
	refuse(f, r, NULL, &e);
}

static void
on_refused(struct http_server *s, const char *peer, const struct err *why, void *ctx)
{
	access_log_unread(ctx, peer, why);
}

static void
on_newcomer_refused(struct http_server *s, const char *peer, const struct err *why, void *ctx)
{
	struct front *f = ctx;
	/* The others are a balancer's looks at whether the port is open. */
	bool ours = why->reason == REASON_BAD_PROXY_HEADER;

	log_failure(&f->env->log, ours ? LOG_WARN : LOG_DEBUG, "connection_refused", why, "peer",
	    peer, NULL);
}

static void
on_server_close(struct http_server *s, void *ctx)
{
	struct front *f = ctx;

	f->server = NULL;
	f->closing = true;
	free_when_idle(f);
}

static const struct http_server_ops server_ops = {.on_request = on_request,
    .on_refused = on_refused,
    .on_newcomer_refused = on_newcomer_refused,
    .on_close = on_server_close};

/* Every visitor may take a second descriptor, of a tunnel's or of the way to the control plane; who
 * lets a WebSocket stand is not to keep the others out. */
static uint32_t
max_visitors(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) != 0 || r.rlim_cur > 1u << 21)
		return 1u << 20;
	return (uint32_t)(r.rlim_cur / 2) + 1;
}

struct front *
front_open(struct net_loop *l, struct env *env, const struct front_opts *o,
    const struct front_ops *ops, void *ctx, struct err *e)
{
	struct http_server_opts so = {
	    .listen = {.address = o->bind,
		.port = o->port,
		.inherited = o->inherited,
		.max_streams = max_visitors(),
		.proxy_protocol_from = o->proxy_protocol_from},
	    .abort_on_eof = true,
	    .proxy_name = o->name,
	};
	struct front *f = calloc(1, sizeof *f);

	if (!f) {
		err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "front");
		return NULL;
	}
	f->loop = l;
	f->env = env;
	f->o = *o;
	f->ops = *ops;
	f->ctx = ctx;
	f->server = http_server_open(l, &so, &server_ops, f, e);
	if (!f->server) {
		free(f);
		return NULL;
	}
	return f;
}

uint16_t
front_port(const struct front *f)
{
	return f->server ? http_server_port(f->server) : 0;
}

void
front_drain(struct front *f)
{
	if (f->server)
		http_server_drain(f->server);
}

const struct front_figures *
front_figures(const struct front *f)
{
	return &f->figures;
}

bool
front_is_idle(const struct front *f)
{
	return f->visits == 0;
}

void
front_close(struct front *f)
{
	if (!f || f->closing)
		return;
	f->closing = true;
	if (f->server)
		http_server_close(f->server);
	free_when_idle(f);
}

/* -- what ee-proxy sends to the control plane -- */

/* Compare without telling by time where the first difference is; the length is no secret. */
static bool
same_secret(struct span given, const char *token)
{
	struct span want = span_str(token);
	unsigned diff = 0;

	if (given.n != want.n)
		return false;
	for (size_t i = 0; i < want.n; i++)
		diff |= (unsigned)(given.p[i] ^ want.p[i]);
	return diff == 0;
}

static bool
may_forward(const struct front *f, const struct http_req *r, struct err *e)
{
	const struct http_head *h = http_req_head(r);
	uint8_t ip[16];

	if (f->o.token) {
		if (http_field_count(h->fields, h->n, FRONT_TOKEN_FIELD) == 1
		    && same_secret(http_head_get(h, FRONT_TOKEN_FIELD), f->o.token))
			return true;
		return err_set(e, ERR_POLICY, REASON_FORBIDDEN, "no valid " FRONT_TOKEN_FIELD);
	}
	/* Behind another proxy on this machine everybody's peer is loopback: there a token is needed
	 * (docs/operations.md). X-EE-Host keeps web pages out: no browser sends it to another site
	 * without asking first. */
	if (ip_parse(span_str(http_req_peer(r)), ip) && ip_is_loopback(ip)
	    && http_field_count(h->fields, h->n, FRONT_HOST_FIELD) == 1)
		return true;
	return err_set(e, ERR_POLICY, REASON_FORBIDDEN, "not from ee-proxy on this machine");
}

/* A caller that passed its visitor's field on, too, would leave it to chance whose counts. */
static bool
one_host(const struct http_head *h, struct err *e)
{
	return http_field_count(h->fields, h->n, FRONT_HOST_FIELD) < 2
	       || err_set(e, ERR_MALFORMED, REASON_BAD_REQUEST, "more than one " FRONT_HOST_FIELD);
}

/* Put the target together: what stands behind /v1/forward/{app}, and the query. */
static bool
forward_target(const struct http_req *r, struct span rest, struct buf *out, struct err *e)
{
	struct span path, query;

	url_split_target(http_req_target(r), &path, &query);
	buf_add(out, rest.n ? rest : span_str("/"));
	if (query.p) {
		buf_add_str(out, "?");
		buf_add(out, query);
	}
	return (buf_ok(out) && http1_target_ok(buf_span(out)))
	       || err_set(e, ERR_MALFORMED, REASON_BAD_REQUEST, "bad path");
}

void
front_forward(struct front *f, struct http_req *r, struct span app, struct span rest)
{
	const struct http_head *h = http_req_head(r);
	struct span host = http_head_get(h, FRONT_HOST_FIELD);
	char name[CHOOSE_APP_MAX] = "";
	struct err e = {0};
	struct host parsed;
	struct buf target;

	if (!method_ok(f, r))
		return;
	if (!host.p)
		host = http_req_host(r);
	buf_init(&target, LIMIT_HEAD);
	if (!url_label_ok(app) || !span_cstr(app, name, sizeof name))
		err_set(&e, ERR_NOTFOUND, REASON_UNKNOWN_APP, "no app name");
	else if (may_forward(f, r, &e) && one_host(h, &e) && host_parse(&parsed, host, &e)
		 && forward_target(r, rest, &target, &e)) {
		/* The caller proved to be our own proxy, so what it says of its peer counts. */
		visit_begin(f, r, &(struct visit_start){name, buf_span(&target), host, true});
		buf_fini(&target);
		return;
	}
	refuse(f, r, name[0] ? name : NULL, &e);
	buf_fini(&target);
}
