/* routes.h - the one table of paths: which method and path leads to which handler, who may call
 * it, and what GET /openapi.json says of it. Finds a row for a request; calls nothing. Owns
 * nothing: rows are constants, matches borrow the path that was given. */
#ifndef CONTROL_ROUTES_H
#define CONTROL_ROUTES_H

#include "base/buf.h"
#include "base/span.h"

/* Who may call. */
enum route_auth {
	ROUTE_PUBLIC,
	ROUTE_ADMIN, /* the admin token, or this machine (admin.h) */
	ROUTE_PROXY /* the proxy token, or this machine */
};

enum route_id {
	ROUTE_HEALTH,
	ROUTE_READY,
	ROUTE_METRICS,
	ROUTE_TUNNEL,
	ROUTE_RESOLVE,
	ROUTE_PROXY_JSON,
	ROUTE_EVIDENCE,
	ROUTE_EVIDENCE_FRESH,
	ROUTE_APPS,
	ROUTE_APP,
	ROUTE_APP_DELETE,
	ROUTE_APP_ATTEST,
	ROUTE_APP_BAN,
	ROUTE_APP_UNBAN,
	ROUTE_BANS,
	ROUTE_PIN_ACCEPT,
	ROUTE_AUDIT,
	ROUTE_EVENTS,
	ROUTE_BACKUP,
	ROUTE_POLICY_DIFF,
	ROUTE_FORWARD,
	ROUTE_DASHBOARD,
	ROUTE_DASHBOARD_ROOT,
	ROUTE_OPENAPI
};

struct route {
	enum route_id id;
	const char *method; /* NULL: any but CONNECT and TRACE */
	const char
	    *pattern; /* `{app_name}` takes one segment, a last `{path}` takes all the rest */
	enum route_auth auth;
	int status; /* of the answer when all is well */
	const char *type; /* its content type; NULL: none, or the backend's */
	const char *operation; /* the name of the operation in the document */
	const char *summary;
	const char *query; /* names of query members, divided by blanks; NULL: none */
	const char *body; /* schema of the JSON body that it takes; NULL: none */
};

enum route_found {
	ROUTE_FOUND,
	ROUTE_NO_PATH, /* nothing has that path: 404 */
	ROUTE_NO_METHOD /* the path is there, the method is not: 405, with Allow */
};

struct route_match {
	const struct route *route; /* set with ROUTE_FOUND */
	struct span app; /* the segment for `{app_name}`, percent-escapes as they came */
	struct span rest; /* what `{path}` stands for, from its slash on */
	char allow[64]; /* the methods that the path takes; with ROUTE_NO_METHOD */
};

/* Find the row for a request. `path` is the target up to its '?'. HEAD is taken as GET. */
enum route_found routes_find(struct span method, struct span path, struct route_match *m);

/* The i-th row, or NULL past the last. */
const struct route *routes_at(size_t i);

/* Append the OpenAPI 3.1 document that the table makes. */
void routes_write_openapi(struct buf *out, const char *version);

#endif
