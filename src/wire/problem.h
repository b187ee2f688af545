/* problem.h - bodies that say no: problem+json (RFC 9457) for the API, {"allowed":false,...} for
 * resolve and proxy, and the Proxy-Status field (RFC 9209) beside the latter. Turns a struct err
 * into bytes; decides nothing. */
#ifndef WIRE_PROBLEM_H
#define WIRE_PROBLEM_H

#include "base/buf.h"
#include "base/err.h"

#define PROBLEM_CONTENT_TYPE "application/problem+json"

/* Append the problem body: type, title, status, reason, cause and detail where there are any,
 * request_id where it is not empty. */
void problem_write(struct buf *out, const struct err *e, struct span request_id);

/* Append {"allowed":false,"reason":"…"} with cause and detail where there are any. */
void refusal_write(struct buf *out, const struct err *e);

/* Append the value of Proxy-Status for an answer that the proxy `name` makes itself. */
void proxy_status_write(struct buf *out, const char *name, const struct err *e);

/* Seconds for Retry-After where the reason is one that passes by itself, else 0. */
unsigned problem_retry_after(const struct err *e);

#endif
