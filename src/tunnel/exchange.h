/* exchange.h - one request on its way to a replica and its answer on the way back: the interface
 * between whoever asks (front, API) and whatever carries (version 1's JSON messages, HTTP/2, plain
 * HTTP). Everything runs on the loop's thread. Streams in both directions under credit: neither
 * side sends a body byte that the other has not granted. Owns nothing: the carrier owns the
 * exchange, from a successful open until `end` or `reset` was called in either direction; after
 * that neither side touches it. */
#ifndef TUNNEL_EXCHANGE_H
#define TUNNEL_EXCHANGE_H

#include "base/err.h"
#include "wire/headers.h"

struct exchange;

/* The request as it goes to the replica: fields cleaned already (headers_forward_request). All
 * borrowed for the call only. */
struct exchange_request {
	const char *request_id;
	struct span method, target;
	const struct fields *fields;
	bool has_body; /* false: there will be no body and no exchange_end is due */
	/* A WebSocket (RFC 6455 by way of RFC 8441): has_body is set; once the answer's head says
	 * 200, bodies are the connection's bytes, both ways, until either side ends or resets. */
	bool upgrade;
	/* The visitor waits for 100 before it sends the body (RFC 9110 section 10.1.1). */
	bool expect_continue;
	uint64_t timeout_ms; /* until the answer's head; the carrier resets with PROXY_TIMEOUT */
	uint64_t body_length; /* where it is known beforehand, else 0 */
};

/* What the asker is told. Calls may come from inside a call of its own to exchange_*, but never
 * from inside open. After `end` or `reset` no more come and the exchange is gone. */
struct exchange_events {
	/* The answer's head: once, before body and end. Fields cleaned, borrowed for the call. A
	 * Content-Length among them is right: the length of the body that follows (of an answer
	 * to HEAD, and of 304, that of the body there would be). */
	void (*head)(void *ctx, int status, const struct fields *fields);
	/* An interim head (100, 103), before the answer's own. May be NULL: dropped. */
	void (*interim)(void *ctx, int status, const struct fields *fields);
	/* A run of the answer's body; counts against the credit granted. */
	void (*body)(void *ctx, struct span data);
	/* The answer is whole. trailers: fields that came behind the body, borrowed for the call;
	 * NULL where there are none. */
	void (*end)(void *ctx, const struct fields *trailers);
	/* No answer, or no more of it. */
	void (*reset)(void *ctx, const struct err *why);
	/* The asker may send n more bytes of the request's body. */
	void (*credit)(void *ctx, size_t n);
};

/* What a carrier implements. */
struct exchange_ops {
	void (*body)(struct exchange *x, struct span data);
	void (*end)(struct exchange *x, const struct fields *trailers);
	void (*reset)(struct exchange *x);
	void (*credit)(struct exchange *x, size_t n);
};

/* The head of every carrier's own struct. */
struct exchange {
	const struct exchange_ops *ops;
	const struct exchange_events *events;
	void *ctx; /* of the events */
	size_t send_credit; /* bytes of the request's body that may be sent right after open */
	/* With expect_continue: the expectation goes on to the backend, so send none of the body
	 * before `interim` said 100, or `head` came. Else it may be sent right after open. */
	bool waits;
};

/* Send a run of the request's body, within the credit that was granted. */
static inline void
exchange_body(struct exchange *x, struct span data)
{
	x->ops->body(x, data);
}

/* The request's body is whole. trailers: fields behind it, borrowed for the call; or NULL. */
static inline void
exchange_end(struct exchange *x, const struct fields *trailers)
{
	x->ops->end(x, trailers);
}

/* The asker went away: no more events come and the exchange is gone. */
static inline void
exchange_reset(struct exchange *x)
{
	x->ops->reset(x);
}

/* Say whether a reset, or an open that failed, means that the replica did nothing of the request:
 * another replica may be asked for the same. */
static inline bool
exchange_was_refused(const struct err *why)
{
	return why->reason == REASON_AGENT_BUSY || why->reason == REASON_AGENT_DRAINING;
}

/* Grant n more bytes of the answer's body. What was consumed must be granted anew at once: what is
 * not counts as held by a reader who stalls, and a carrier may send no more of what was granted
 * before until it is. */
static inline void
exchange_credit(struct exchange *x, size_t n)
{
	x->ops->credit(x, n);
}

#endif
