/* v1.h - version 1 of the tunnel: a request and its answer as one JSON message each, bodies as
 * base64 inside. The control plane's side keeps the requests that wait for an answer and is an
 * exchange's carrier; the agent's side turns messages into requests and answers into messages.
 * Does no I/O: messages go out through a callback, time comes in as an argument. A body is held
 * whole, up to LIMIT_V1_BODY: what version 2 is for. */
#ifndef TUNNEL_V1_H
#define TUNNEL_V1_H

#include "tunnel/exchange.h"
#include "wire/message.h"

/* -- the control plane's side -- */

struct v1; /* the pending requests of one tunnel */

/* Make the requests' table of one tunnel. `send` queues one text message. NULL without memory. */
struct v1 *v1_new(void (*send)(void *ctx, struct span text), void *ctx);

/* Reset every pending request with `why` and free the table. NULL is taken. No exchange of this
 * tunnel may be used after it. */
void v1_free(struct v1 *v, const struct err *why);

/* Reset every pending request with `why`; the table stays usable. */
void v1_reset_all(struct v1 *v, const struct err *why);

/* Begin an exchange. NULL, with the reason, where it cannot be: an upgrade has no place in
 * version 1 (UPGRADE_NOT_CARRIED). Trailers and expectations end here. The whole credit for the
 * request's body (LIMIT_V1_BODY) is there at once; the message goes out when the request is
 * whole: at once without a body, else with exchange_end. */
struct exchange *v1_open(struct v1 *v, const struct exchange_request *rq,
    const struct exchange_events *events, void *ctx, uint64_t now_ms, struct err *e);

/* An answer came from the agent: `m` is of type MSG_PROXY_RESPONSE. One that no request waits
 * for (any more) is ignored: it timed out, or its asker left. */
void v1_on_response(struct v1 *v, const struct msg *m);

/* Time out what is overdue. Call it about every quarter of a second while v1_in_flight is not 0. */
void v1_tick(struct v1 *v, uint64_t now_ms);

size_t v1_in_flight(const struct v1 *v);

/* -- the agent's side -- */

/* A request for the backend. */
struct v1_request {
	char request_id[MSG_REQUEST_ID_MAX];
	char method[MSG_METHOD_MAX];
	struct buf target;
	struct fields fields; /* cleaned: no hop-by-hop field, no Content-Length */
	struct buf body;
};

/* Read a MSG_PROXY_REQUEST into *out: the path must be in origin-form (it is sent to the backend
 * and nowhere else), the method neither CONNECT nor TRACE. Refusals: INVALID_PROXY_PAYLOAD,
 * BODY_TOO_BIG, NO_MEMORY; request_id is set in either case. The caller calls v1_request_fini
 * in either case. */
MUST_CHECK bool v1_request_read(struct v1_request *out, const struct msg *m, struct err *e);
void v1_request_fini(struct v1_request *r);

/* Read the body of POST /v1/proxy/{app}: the same members without type and request_id (left
 * empty). As v1_request_read otherwise. */
MUST_CHECK bool v1_payload_read(struct v1_request *out, struct span json, struct err *e);

/* Append the proxy_response for a backend's answer, or, where it cannot be carried, the one with
 * `error` body_too_big or invalid_proxy_response. */
void v1_response_write(struct buf *out, const char *request_id, int status,
    const struct http_field *f, size_t n, bool to_head, struct span body);

#endif
