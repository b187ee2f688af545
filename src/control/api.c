#include "control/api.h"

#include "control/audit.h"
#include "control/rejudge.h"
#include "control/dashboard/page.h"
#include "control/evidence.h"
#include "control/resolve.h"
#include "control/tunnel_endpoint.h"
#include "wire/problem.h"
#include "wire/message.h"
#include "wire/url.h"

#include <stdio.h>

#define API_CSP  "default-src 'none'; frame-ancestors 'none'"
#define BODY_MAX (4u * 1024 * 1024)

static size_t
add_security(struct http_field f[static 4], const char *csp)
{
	f[0] = (struct http_field){span_str("Cache-Control"), span_str("no-store")};
	f[1] = (struct http_field){span_str("X-Content-Type-Options"), span_str("nosniff")};
	f[2] = (struct http_field){span_str("Referrer-Policy"), span_str("no-referrer")};
	f[3] = (struct http_field){span_str("Content-Security-Policy"), span_str(csp)};
	return 4;
}

static void
answer_with(struct http_req *r, int status, const char *type, const char *csp,
    const struct http_field *more, size_t n_more, const struct buf *body)
{
	struct http_field f[8];
	size_t n = add_security(f, csp);

	for (size_t i = 0; i < n_more && n < 8; i++)
		f[n++] = more[i];
	if (body && !buf_ok(body)) {
		(void)http_respond_full(r, 500, NULL, f, n, span_of(NULL, 0));
		return;
	}
	(void)http_respond_full(r, status, type, f, n, body ? buf_span(body) : span_of(NULL, 0));
}

size_t
api_security(struct http_field f[static API_SECURITY])
{
	return add_security(f, API_CSP);
}

void
api_answer(struct http_req *r, int status, const char *type, const struct buf *body)
{
	answer_with(r, status, type, API_CSP, NULL, 0, body);
}

static size_t
add_retry(struct http_field *f, char text[static 16], const struct err *e)
{
	unsigned wait = problem_retry_after(e);

	if (!wait)
		return 0;
	(void)snprintf(text, 16, "%u", wait);
	f[0] = (struct http_field){span_str("Retry-After"), span_str(text)};
	return 1;
}

/* Name this hop (RFC 9209), where a client asked for an app and may take the answer for the app's. */
static size_t
add_proxy_status(struct http_req *r, struct http_field *f, struct buf *text, const struct err *e)
{
	struct span path = http_req_path(r);

	if (!span_starts(path, "/v1/proxy/") && !span_starts(path, "/v1/forward/"))
		return 0;
	proxy_status_write(text, CONTROL_NAME, e);
	f[0] = (struct http_field){span_str("Proxy-Status"), buf_span(text)};
	return buf_ok(text);
}

void
api_refuse(struct http_req *r, const struct err *e, const char *allow, const char *challenge)
{
	struct http_field f[4];
	char retry[16];
	size_t n = add_retry(f, retry, e);
	struct buf b, status;

	buf_init(&status, 1024);
	n += add_proxy_status(r, f + n, &status, e);
	if (allow)
		f[n++] = (struct http_field){span_str("Allow"), span_str(allow)};
	if (challenge)
		f[n++] = (struct http_field){span_str("WWW-Authenticate"), span_str(challenge)};
	buf_init(&b, 8192);
	problem_write(&b, e, span_of(NULL, 0));
	answer_with(r, reason_http(e->reason), PROBLEM_CONTENT_TYPE, API_CSP, f, n, &b);
	buf_fini(&b);
	buf_fini(&status);
}

void
api_refuse_proxy(struct http_req *r, const struct err *e)
{
	struct http_field f[2];
	char retry[16];
	size_t n = add_retry(f, retry, e);
	struct buf body, status;

	buf_init(&status, 1024);
	proxy_status_write(&status, CONTROL_NAME, e);
	if (status.n && buf_ok(&status))
		f[n++] = (struct http_field){span_str("Proxy-Status"), buf_span(&status)};
	buf_init(&body, 8192);
	refusal_write(&body, e);
	answer_with(r, reason_http(e->reason), "application/json", API_CSP, f, n, &body);
	buf_fini(&body);
	buf_fini(&status);
}

/* The member's value as it came; p NULL where there is none. */
static struct span
query_member(struct http_req *r, const char *name)
{
	struct span left = http_req_query(r);
	size_t n = strlen(name);

	while (left.n) {
		const uint8_t *amp = memchr(left.p, '&', left.n);
		struct span one = span_first(left, amp ? (size_t)(amp - left.p) : left.n);

		left = span_from(left, one.n + 1);
		if (one.n > n && span_starts(one, name) && one.p[n] == '=')
			return span_from(one, n + 1);
	}
	return span_of(NULL, 0);
}

bool
api_query_has(struct http_req *r, const char *name)
{
	return query_member(r, name).p != NULL;
}

bool
api_query(struct http_req *r, const char *name, char *dst, size_t size)
{
	struct span value = query_member(r, name);
	struct buf b;
	bool ok;

	if (!value.p)
		return false;
	buf_init(&b, size);
	ok = url_decode(value, &b) && span_cstr(buf_span(&b), dst, size);
	buf_fini(&b);
	return ok;
}

static void
health(struct control *c, struct http_req *r)
{
	struct buf b;
	struct jw w;

	buf_init(&b, 1024);
	w = jw_of(&b);
	jw_object(&w, NULL);
	jw_str(&w, "status", "ok");
	jw_str(&w, "trust_root", c->custom_root ? "custom" : "intel");
	jw_end_object(&w);
	api_answer(r, 200, "application/json", &b);
	buf_fini(&b);
}

static bool
add_app(void *ctx, const struct resolve *app)
{
	page_add_app(ctx, app);
	return true;
}

static void
dashboard(struct control *c, struct http_req *r)
{
	struct page_about about = {.now_s = env_now_s(c->env),
	    .custom_root = c->custom_root,
	    .open_admin = !c->admin.has_token,
	    .draining = c->draining,
	    .tunnels = c->tunnel_n,
	    .unattested = c->unattested_n,
	    .coming = c->forecast.last.number,
	    .coming_worse = c->forecast.last.worse,
	    .coming_refused = c->forecast.last.refused,
	    .version = CONTROL_VERSION};
	struct page *p = page_new(&about);
	struct err e = {0};
	char csp[PAGE_CSP_MAX];
	struct buf b;

	if (!p) {
		(void)err_set(&e, ERR_NOMEM, REASON_NO_MEMORY, "page");
		api_refuse(r, &e, NULL, NULL);
		return;
	}
	(void)registry_each(c->registry, "", 10000, control_now(c), add_app, p);
	for (uint64_t i = 0; i < CONTROL_REFUSALS && i < c->refused_n; i++) {
		const struct refusal *f = &c->refusals[(c->refused_n - 1 - i) % CONTROL_REFUSALS];
		struct page_refusal row = {
		    f->at_s, f->app_name, f->agent_id, f->repo, f->reason, f->detail};

		page_add_refusal(p, &row);
	}
	buf_init(&b, BODY_MAX);
	page_write(p, &b);
	page_free(p);
	answer_with(r, 200, "text/html; charset=utf-8", page_csp(csp), NULL, 0, &b);
	buf_fini(&b);
}

static void
openapi(struct http_req *r)
{
	struct buf b;

	buf_init(&b, 256 * 1024);
	routes_write_openapi(&b, CONTROL_VERSION);
	api_answer(r, 200, "application/json", &b);
	buf_fini(&b);
}

static void
root(struct http_req *r)
{
	struct http_field f = {span_str("Location"), span_str("/dashboard")};

	answer_with(r, 302, NULL, API_CSP, &f, 1, NULL);
}

static bool
may(struct control *c, struct http_req *r, const struct route *route, struct err *e)
{
	if (route->auth != ROUTE_ADMIN)
		return true;
	struct admin_request q = {.authorization = http_req_field(r, "Authorization"),
	    .host = http_req_host(r),
	    .origin = http_req_field(r, "Origin"),
	    .via = http_req_field(r, "Via"),
	    .forwarded = http_req_field(r, "Forwarded"),
	    .x_forwarded_for = http_req_field(r, "X-Forwarded-For"),
	    .x_forwarded_host = http_req_field(r, "X-Forwarded-Host"),
	    .x_real_ip = http_req_field(r, "X-Real-IP"),
	    .sec_fetch_site = http_req_field(r, "Sec-Fetch-Site"),
	    .peer = http_req_peer(r)};

	return route->id == ROUTE_DASHBOARD ? admin_allow_page(&c->admin, &q, e)
					    : admin_allow(&c->admin, &q, e);
}

static void
dispatch(struct control *c, struct http_req *r, const struct route_match *m)
{
	switch (m->route->id) {
	case ROUTE_HEALTH:
		health(c, r);
		break;
	case ROUTE_READY:
		ready_answer(c, r);
		break;
	case ROUTE_METRICS:
		metrics_answer(c, r);
		break;
	case ROUTE_TUNNEL:
		tunnel_accept(c, r);
		break;
	case ROUTE_RESOLVE:
		resolve_answer(c, r, m->app);
		break;
	case ROUTE_PROXY_JSON:
		proxy_json(c, r, m->app);
		break;
	case ROUTE_EVIDENCE:
		evidence_get(c, r, m->app);
		break;
	case ROUTE_EVIDENCE_FRESH:
		fresh_ask(c, r, m->app);
		break;
	case ROUTE_APPS:
		apps_list(c, r);
		break;
	case ROUTE_APP:
		apps_get(c, r, m->app);
		break;
	case ROUTE_APP_DELETE:
		apps_delete(c, r, m->app);
		break;
	case ROUTE_APP_ATTEST:
		apps_attest(c, r, m->app);
		break;
	case ROUTE_APP_BAN:
		apps_ban(c, r, m->app);
		break;
	case ROUTE_APP_UNBAN:
		apps_unban(c, r, m->app);
		break;
	case ROUTE_BANS:
		bans_list(c, r);
		break;
	case ROUTE_PIN_ACCEPT:
		pins_accept(c, r);
		break;
	case ROUTE_AUDIT:
		audit_list(c, r);
		break;
	case ROUTE_EVENTS:
		events_open(c, r);
		break;
	case ROUTE_BACKUP:
		backup_start(c, r);
		break;
	case ROUTE_POLICY_DIFF:
		policy_diff(c, r);
		break;
	case ROUTE_FORWARD:
		front_forward(c->front, r, m->app, m->rest);
		break;
	case ROUTE_DASHBOARD:
		dashboard(c, r);
		break;
	case ROUTE_DASHBOARD_ROOT:
		root(r);
		break;
	case ROUTE_OPENAPI:
		openapi(r);
		break;
	}
}

void
api_on_request(struct http_server *s, struct http_req *r, void *ctx)
{
	struct control *c = ctx;
	struct route_match m;
	struct err e = {0};

	switch (routes_find(http_req_method(r), http_req_path(r), &m)) {
	case ROUTE_NO_PATH:
		(void)err_set(&e, ERR_NOTFOUND, REASON_NOT_FOUND, "no such path");
		api_refuse(r, &e, NULL, NULL);
		return;
	case ROUTE_NO_METHOD:
		(void)err_set(&e, ERR_USAGE, REASON_METHOD_NOT_ALLOWED, "not for this path");
		api_refuse(r, &e, m.allow, NULL);
		return;
	case ROUTE_FOUND:
		break;
	}
	if (!may(c, r, m.route, &e)) {
		bool page = m.route->id == ROUTE_DASHBOARD;

		if (control_may_log(c))
			log_failure(&c->env->log, LOG_WARN, "admin_refused", &e, "peer",
			    http_req_peer(r), "route", m.route->operation, NULL);
		api_refuse(r, &e, NULL,
		    e.reason != REASON_UNAUTHORIZED ? NULL
		    : page ? "Basic realm=\"ee-control\", charset=\"UTF-8\""
			   : "Bearer realm=\"ee-control\"");
		return;
	}
	dispatch(c, r, &m);
}

void
api_on_refused(struct http_server *s, const char *peer, const struct err *why, void *ctx)
{
	struct control *c = ctx;

	if (control_may_log(c))
		log_failure(&c->env->log, LOG_INFO, "request_refused", why, "peer", peer, NULL);
}
