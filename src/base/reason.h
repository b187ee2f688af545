/* reason.h - the closed set of reasons: why something was refused, in one lower-case word that
 * is the same on the wire, in the log, in the audit trail and on the dashboard. The rows stand in
 * reason.def; docs/reasons.md is made from it (`eectl explain --all`). */
#ifndef BASE_REASON_H
#define BASE_REASON_H

#include <stddef.h>

enum reason {
#define REASON(id, token, parent, http, ws, proxy_status, what, todo) REASON_##id,
#include "base/reason.def"
#undef REASON
	REASON_COUNT
};

/* The token, as it stands on the wire. */
const char *reason_token(enum reason r);

/* The row whose token the tunnel protocol carries in place of this one; r itself for most. */
enum reason reason_parent(enum reason r);

/* HTTP status of an answer refused for this reason. */
int reason_http(enum reason r);

/* WebSocket close code (RFC 6455 section 7.4.1), or 0 where the reason does not end a tunnel. */
int reason_ws(enum reason r);

/* Proxy-Status error type (RFC 9209 section 2.3), or "". */
const char *reason_proxy_status(enum reason r);

/* One sentence: what happened. One sentence: what a person can do. */
const char *reason_what(enum reason r);
const char *reason_todo(enum reason r);

/* Find a row by the n bytes of its token (an argument after ':' is cut off first). REASON_COUNT
 * when there is none. */
enum reason reason_find(const char *token, size_t n);

#endif
