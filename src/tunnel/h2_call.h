/* h2_call.h - one exchange of the control plane's side and the table that it stands in: what
 * h2_client.c (sessions, time, the owner's calls) and h2_call.c (the asker's calls, the answer) share,
 * and nobody else's business. A call is freed when it is dropped, or by h2_stream_leave. */
#ifndef TUNNEL_H2_CALL_H
#define TUNNEL_H2_CALL_H

#include "tunnel/h2_client.h"
#include "tunnel/h2_conn.h"

/* A request that waits for a session. */
struct h2_held {
	struct exchange_request rq; /* its spans point below */
	struct buf method, target;
	struct fields fields;
};

struct h2_call {
	struct exchange x; /* first: ops get a pointer to it */
	struct h2_client *c;
	struct h2_stream s;
	struct h2_held *held; /* NULL once it has begun */
	uint64_t timeout_ms, deadline_ms; /* deadline 0: not running */
	bool has_body, upgrade;
	bool ended; /* the asker has sent the whole request */
	bool answered; /* the head was delivered */
	unsigned interims;
};

enum h2_state { H2_NO_SESSION, H2_UP, H2_ENDING, H2_BROKEN };

struct h2_client {
	struct h2_conn conn;
	const struct h2_client_ops *ops;
	void *ctx;
	enum h2_state state;
	size_t waiting; /* of the streams, those that wait */
	uint32_t opened; /* requests of this session */
	bool upgrades; /* the agent carries them; known once settled */
	bool draining; /* we stop */
	bool leaving; /* the agent stops */
	bool idle, worn; /* since_ms runs */
	uint64_t since_ms, echo_due_ms;
	unsigned depth; /* inside calls that use it after an event */
	bool doomed; /* freed from inside one */
};

/* Add one. NULL without memory. */
struct h2_call *h2_call_new(struct h2_client *c, const struct exchange_request *rq);
/* Send the request's head in the session that is there. NO_MEMORY. */
MUST_CHECK bool h2_call_start(struct h2_call *call, const struct h2_block *b, struct err *e);
/* Keep the request until it can start; start it. NO_MEMORY. */
MUST_CHECK bool h2_call_hold(
    struct h2_call *call, const struct exchange_request *rq, struct err *e);
MUST_CHECK bool h2_call_start_held(struct h2_call *call, struct err *e);

/* Forget it; with RST_STREAM(code) where the agent knows of it. */
void h2_call_drop(struct h2_call *call, uint32_t code);
/* Tell the asker that it is over, and forget it. */
void h2_call_fail(struct h2_call *call, const struct err *why, uint32_t code);
void h2_call_fail_as(
    struct h2_call *call, enum err_code c, enum reason r, const char *detail, uint32_t code);

/* The stream's part of struct h2_role. */
void h2_call_on_head(struct h2_stream *s, bool last);
void h2_call_on_body(struct h2_stream *s, struct span data);
void h2_call_on_end(struct h2_stream *s);
void h2_call_on_closed(struct h2_stream *s, uint32_t code);
void h2_call_on_credit(struct h2_stream *s, size_t n);
void h2_call_free(struct h2_stream *s);

#endif
