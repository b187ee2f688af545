#include "control/routes.h"

#include "base/jcs.h"

#include <stdio.h>

#define JSON "application/json"
#define HTML "text/html"

/* They are tried in this order, and the first is asked for each request that a proxy routes. */
static const struct route table[] = {
    {ROUTE_RESOLVE, NULL, "/v1/resolve/{app_name}", ROUTE_PUBLIC, 200, JSON, "resolveApp",
	"Say whether an app may be reached: 200 if so, 403 if not", NULL, NULL},
    {ROUTE_HEALTH, "GET", "/health", ROUTE_PUBLIC, 200, JSON, "getHealth",
	"Say that the process answers", NULL, NULL},
    {ROUTE_READY, "GET", "/ready", ROUTE_PUBLIC, 200, JSON, "getReady",
	"Say whether tunnels are taken, and why not; with verbose, what stands behind that",
	"verbose", NULL},
    {ROUTE_METRICS, "GET", "/metrics", ROUTE_ADMIN, 200, "text/plain", "getMetrics",
	"Give figures in Prometheus' text format", NULL, NULL},
    {ROUTE_TUNNEL, "GET", "/v1/tunnel", ROUTE_PUBLIC, 101, NULL, "openTunnel",
	"Open an agent's tunnel (WebSocket upgrade)", NULL, NULL},
    {ROUTE_PROXY_JSON, "POST", "/v1/proxy/{app_name}", ROUTE_PUBLIC, 200, NULL, "proxyRequest",
	"Send one request to an app through its tunnel", NULL, "ProxyRequest"},
    {ROUTE_EVIDENCE, "GET", "/v1/evidence/{app_name}", ROUTE_PUBLIC, 200, JSON, "getEvidence",
	"Give the last verification of each replica, whole, so that anyone can repeat it",
	"agent_id after limit", NULL},
    {ROUTE_EVIDENCE_FRESH, "POST", "/v1/evidence/{app_name}", ROUTE_PUBLIC, 200, JSON,
	"makeEvidence", "Have a replica make a quote for a nonce of the caller's", NULL,
	"EvidenceRequest"},
    {ROUTE_APPS, "GET", "/v1/apps", ROUTE_ADMIN, 200, JSON, "listApps",
	"List the registered apps by name, page by page", "limit after", NULL},
    {ROUTE_APP, "GET", "/v1/apps/{app_name}", ROUTE_ADMIN, 200, JSON, "getApp",
	"Show one app with its replicas", NULL, NULL},
    {ROUTE_APP_DELETE, "DELETE", "/v1/apps/{app_name}", ROUTE_ADMIN, 204, NULL, "deleteApp",
	"Free a name: close its tunnels and forget its binding", NULL, NULL},
    {ROUTE_APP_ATTEST, "POST", "/v1/apps/{app_name}/attest", ROUTE_ADMIN, 202, JSON, "attestApp",
	"Challenge every replica of an app now", NULL, NULL},
    {ROUTE_APP_BAN, "POST", "/v1/apps/{app_name}/ban", ROUTE_ADMIN, 204, NULL, "banApp",
	"Close an app's tunnels and let nobody register its name", NULL, NULL},
    {ROUTE_APP_UNBAN, "DELETE", "/v1/apps/{app_name}/ban", ROUTE_ADMIN, 204, NULL, "unbanApp",
	"Lift the ban of a name", NULL, NULL},
    {ROUTE_BANS, "GET", "/v1/bans", ROUTE_ADMIN, 200, JSON, "listBans",
	"List the banned names, page by page", "limit after", NULL},
    {ROUTE_PIN_ACCEPT, "POST", "/v1/pins", ROUTE_ADMIN, 200, JSON, "acceptPin",
	"Accept other bytes, by their SHA-256, as the allowlist of a release that is pinned", NULL,
	"PinAcceptance"},
    {ROUTE_AUDIT, "GET", "/v1/audit", ROUTE_ADMIN, 200, JSON, "listAudit",
	"List rows of the audit trail in their order, page by page", "app after limit", NULL},
    {ROUTE_EVENTS, "GET", "/v1/events", ROUTE_ADMIN, 200, "text/event-stream", "streamAudit",
	"Stream rows of the audit trail as they come (server-sent events; Last-Event-ID goes on)",
	"after", NULL},
    {ROUTE_BACKUP, "POST", "/v1/backup", ROUTE_ADMIN, 200, "application/vnd.sqlite3", "getBackup",
	"Give a consistent copy of the registry", NULL, NULL},
    {ROUTE_POLICY_DIFF, "POST", "/v1/policy/diff", ROUTE_ADMIN, 200, JSON, "diffPolicy",
	"Judge the live fleet by a networks file before it is in force: who would be refused, and "
	"why",
	NULL, "Networks"},
    {ROUTE_FORWARD, NULL, "/v1/forward/{app_name}/{path}", ROUTE_PROXY, 200, NULL, "forwardRequest",
	"Forward a request as it is to an app (for ee-proxy)", NULL, NULL},
    {ROUTE_DASHBOARD, "GET", "/dashboard", ROUTE_ADMIN, 200, HTML, "getDashboard",
	"Show the state of every app to a person", NULL, NULL},
    {ROUTE_DASHBOARD_ROOT, "GET", "/", ROUTE_PUBLIC, 302, NULL, "getRoot",
	"Lead a browser to the dashboard", NULL, NULL},
    {ROUTE_OPENAPI, "GET", "/openapi.json", ROUTE_PUBLIC, 200, JSON, "getOpenapi",
	"Give this document", NULL, NULL},
};

#define ROUTES (sizeof table / sizeof table[0])

const struct route *
routes_at(size_t i)
{
	return i < ROUTES ? &table[i] : NULL;
}

/* Compare a path with a pattern, segment by segment. Nothing is decoded or normalised, so that
 * no spelling of a path (`..`, `//`, `%2f`) leads to a row that its plain text does not name. */
static bool
pattern_matches(const char *pattern, struct span path, struct route_match *m)
{
	struct span left = path;

	m->app = m->rest = span_of(path.p, 0);
	for (;;) {
		size_t n = strcspn(pattern, "{");
		const uint8_t *slash;

		if (left.n < n || memcmp(left.p, pattern, n) != 0)
			return false;
		pattern += n;
		if (strcmp(pattern, "{path}") == 0) {
			/* The slash in front of it belongs to what it stands for. */
			m->rest = span_of(left.p + n - 1, left.n - n + 1);
			return true;
		}
		left = span_from(left, n);
		if (!*pattern || !left.n)
			return !*pattern && !left.n;
		slash = memchr(left.p, '/', left.n);
		m->app = span_first(left, slash ? (size_t)(slash - left.p) : left.n);
		if (!m->app.n)
			return false;
		left = span_from(left, m->app.n);
		pattern += strlen("{app_name}");
	}
}

static bool
method_matches(const struct route *r, struct span method)
{
	if (!r->method)
		return !span_is(method, "CONNECT") && !span_is(method, "TRACE");
	return span_is(method, r->method)
	       || (span_is(method, "HEAD") && strcmp(r->method, "GET") == 0);
}

static void
allow_add(char allow[static 64], const char *method)
{
	size_t n = strlen(allow);

	if (n + strlen(method) + 3 < 64)
		(void)snprintf(allow + n, 64 - n, "%s%s", n ? ", " : "", method);
}

enum route_found
routes_find(struct span method, struct span path, struct route_match *m)
{
	enum route_found found = ROUTE_NO_PATH;
	struct route_match here;

	memset(m, 0, sizeof *m);
	memset(&here, 0, sizeof here);
	for (size_t i = 0; i < ROUTES; i++) {
		const struct route *r = &table[i];

		if (!pattern_matches(r->pattern, path, &here))
			continue;
		if (method_matches(r, method)) {
			m->route = r;
			m->app = here.app;
			m->rest = here.rest;
			return ROUTE_FOUND;
		}
		found = ROUTE_NO_METHOD;
		if (!r->method) {
			allow_add(m->allow, "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
			continue;
		}
		allow_add(m->allow, r->method);
		if (strcmp(r->method, "GET") == 0)
			allow_add(m->allow, "HEAD");
	}
	return found;
}

static void
lower(const char *s, char *dst, size_t size)
{
	size_t i = 0;

	for (; s[i] && i + 1 < size; i++)
		dst[i] = (char)ascii_lower((uint8_t)s[i]);
	dst[i] = '\0';
}

static void
write_parameter(struct jw *w, const char *name, const char *in, bool required)
{
	jw_object(w, NULL);
	jw_str(w, "name", name);
	jw_str(w, "in", in);
	jw_bool(w, "required", required);
	jw_object(w, "schema");
	jw_str(w, "type", strcmp(name, "limit") == 0 ? "integer" : "string");
	jw_end_object(w);
	jw_end_object(w);
}

static void
write_parameters(struct jw *w, const struct route *r)
{
	struct span q = span_str(r->query);
	size_t start = 0;
	char name[32];

	jw_array(w, "parameters");
	if (strstr(r->pattern, "{app_name}"))
		write_parameter(w, "app_name", "path", true);
	if (strstr(r->pattern, "{path}"))
		write_parameter(w, "path", "path", true);
	for (size_t i = 0; i <= q.n && q.n; i++) {
		if (i < q.n && q.p[i] != ' ')
			continue;
		if (span_cstr(span_between(q, start, i), name, sizeof name))
			write_parameter(w, name, "query", false);
		start = i + 1;
	}
	jw_end_array(w);
}

static void
write_content(struct jw *w, const char *type, const char *schema)
{
	char ref[64];

	jw_object(w, "content");
	jw_object(w, type);
	jw_object(w, "schema");
	if (schema) {
		(void)snprintf(ref, sizeof ref, "#/components/schemas/%s", schema);
		jw_str(w, "$ref", ref);
	} else {
		jw_str(w, "type", strcmp(type, JSON) == 0 ? "object" : "string");
	}
	jw_end_object(w);
	jw_end_object(w);
	jw_end_object(w);
}

static void
write_responses(struct jw *w, const struct route *r)
{
	char status[16];

	(void)snprintf(status, sizeof status, "%d", r->status);
	jw_object(w, "responses");
	jw_object(w, status);
	jw_str(w, "description", r->summary);
	if (r->type)
		write_content(w, r->type, r->id == ROUTE_RESOLVE ? "Resolve" : NULL);
	jw_end_object(w);
	if (r->id == ROUTE_RESOLVE) {
		jw_object(w, "403");
		jw_str(w, "description", "The app may not be reached; `reason` says why");
		write_content(w, JSON, "Resolve");
		jw_end_object(w);
	} else {
		jw_object(w, "default");
		jw_str(w, "description", "A refusal; `reason` stands in docs/reasons.md");
		write_content(w, "application/problem+json", "Problem");
		jw_end_object(w);
	}
	jw_end_object(w);
}

static void
write_operation(struct jw *w, const struct route *r)
{
	char method[16];

	lower(r->method ? r->method : "GET", method, sizeof method);
	jw_object(w, method);
	jw_str(w, "operationId", r->operation);
	jw_str(w, "summary", r->summary);
	if (!r->method)
		jw_str(w, "description", "Takes any method but CONNECT and TRACE.");
	write_parameters(w, r);
	if (r->body) {
		jw_object(w, "requestBody");
		jw_bool(w, "required", true);
		write_content(w, JSON, r->body);
		jw_end_object(w);
	}
	if (r->auth != ROUTE_PUBLIC) {
		jw_array(w, "security");
		jw_object(w, NULL);
		jw_array(w, r->auth == ROUTE_ADMIN ? "adminToken" : "proxyToken");
		jw_end_array(w);
		jw_end_object(w);
		jw_end_array(w);
	}
	write_responses(w, r);
	jw_end_object(w);
}

static void
write_schema(struct jw *w, const char *name, const char *const *required, const char *const *more)
{
	jw_object(w, name);
	jw_str(w, "type", "object");
	jw_array(w, "required");
	for (size_t i = 0; required[i]; i += 2)
		jw_str(w, NULL, required[i]);
	jw_end_array(w);
	jw_object(w, "properties");
	for (int k = 0; k < 2; k++) {
		const char *const *m = k ? more : required;

		for (size_t i = 0; m[i]; i += 2) {
			jw_object(w, m[i]);
			jw_str(w, "type", m[i + 1]);
			jw_end_object(w);
		}
	}
	jw_end_object(w);
	jw_end_object(w);
}

static void
write_components(struct jw *w)
{
	static const char *const proxy[] = {"method", "string", "path", "string", NULL};
	static const char *const proxy_more[] = {"headers", "object", "body_b64", "string", NULL};
	static const char *const evidence[] = {"nonce", "string", NULL};
	static const char *const evidence_more[] = {"agent_id", "string", NULL};
	static const char *const pin[] = {
	    "repo", "string", "release_tag", "string", "sha256", "string", NULL};
	static const char *const none[] = {NULL};
	static const char *const networks[] = {"networks", "object", NULL};
	static const char *const problem[] = {
	    "title", "string", "status", "integer", "reason", "string", NULL};
	static const char *const problem_more[] = {
	    "type", "string", "cause", "string", "detail", "string", NULL};
	static const char *const resolve[] = {"app_name", "string", "allowed", "boolean", NULL};
	static const char *const resolve_more[] = {"reason", "string", "repo", "string",
	    "release_tag", "string", "network", "string", "agent_id", "string",
	    "registration_state", "string", "attestation_status", "string", "health_status",
	    "string", "ws_connected", "boolean", "sealed", "boolean", NULL};

	jw_object(w, "components");
	jw_object(w, "schemas");
	write_schema(w, "ProxyRequest", proxy, proxy_more);
	write_schema(w, "EvidenceRequest", evidence, evidence_more);
	write_schema(w, "PinAcceptance", pin, none);
	write_schema(w, "Networks", networks, none);
	write_schema(w, "Problem", problem, problem_more);
	write_schema(w, "Resolve", resolve, resolve_more);
	jw_end_object(w);
	jw_object(w, "securitySchemes");
	jw_object(w, "adminToken");
	jw_str(w, "type", "http");
	jw_str(w, "scheme", "bearer");
	jw_end_object(w);
	jw_object(w, "proxyToken");
	jw_str(w, "type", "apiKey");
	jw_str(w, "in", "header");
	jw_str(w, "name", "X-EE-Proxy-Token");
	jw_end_object(w);
	jw_end_object(w);
	jw_end_object(w);
}

void
routes_write_openapi(struct buf *out, const char *version)
{
	struct jw w = jw_of(out);

	jw_object(&w, NULL);
	jw_str(&w, "openapi", "3.1.0");
	jw_object(&w, "info");
	jw_str(&w, "title", "Easy Enclave control plane");
	jw_str(&w, "version", version);
	jw_end_object(&w);
	jw_object(&w, "paths");
	for (size_t i = 0; i < ROUTES; i++) {
		/* Rows of one path stand side by side in the table. */
		if (i && strcmp(table[i].pattern, table[i - 1].pattern) == 0)
			continue;
		jw_object(&w, table[i].pattern);
		for (size_t k = i; k < ROUTES; k++)
			if (strcmp(table[k].pattern, table[i].pattern) == 0)
				write_operation(&w, &table[k]);
		jw_end_object(&w);
	}
	jw_end_object(&w);
	write_components(&w);
	jw_end_object(&w);
}
