/* h2_client.h - version 2 of the tunnel on the control plane's side: HTTP/2's client. Carries
 * exchanges (exchange.h) as streams; a session is made at the first one and ended when none has
 * been there for a while. Owns the session and the exchanges. Does no I/O, owns no clock.
 *
 * What the owner of the tunnel does:
 *
 *  on admission (status ok said "tunnel_version":"2")  h2_client_new
 *  on a binary message                   h2_client_recv; also after a drain, until the tunnel ends
 *  on the text {"type":"h2_end"}         h2_client_end
 *  on ops->send                          ws_conn_send_binary; return !ws_conn_is_full
 *  on ops->send_end                      ws_conn_send_text of msg_write_h2_end
 *  on ops->wake                          net_defer_call of h2_client_flush
 *  on the WebSocket's on_drain           h2_client_flush
 *  every 250 ms while h2_client_wants_tick: h2_client_tick. It begins to want it inside
 *                                        h2_client_open only, so look there and start a timer
 *  when recv, end, flush or tick says false: close the WebSocket with reason_ws(e->reason), 1002
 *                                        for PROTOCOL_ERROR. All exchanges were reset already,
 *                                        every later call does nothing, opens fail: TUNNEL_LOST
 *  when the lease ends                   h2_client_reset_all with the reason
 *  on the WebSocket's on_close           h2_client_free with the reason
 *  when the control plane stops          h2_client_drain; h2_client_in_flight says when to close
 *
 * Events of exchanges come from inside recv, end, flush, tick, reset_all and free, and as exchange.h
 * says from inside exchange_*; never from inside open. From inside an event everything below may be
 * called but recv, end and tick; flush then does nothing, since what runs will, and free frees
 * later. */
#ifndef TUNNEL_H2_CLIENT_H
#define TUNNEL_H2_CLIENT_H

#include "tunnel/exchange.h"
#include "tunnel/h2.h"

struct h2_client;

struct h2_client_ops {
	/* Queue one binary message of 1 to LIMIT_H2_MESSAGE bytes. It is taken in any case. False:
	 * the queue is full now; the carrier ends the frame that it has begun (two messages more at
	 * most) and waits for h2_client_flush. */
	bool (*send)(void *ctx, struct span message);
	/* Queue the text h2_end, behind every message so far. */
	void (*send_end)(void *ctx);
	/* There is something to send: call h2_client_flush before the loop next waits, and not
	 * from inside this call. What is opened and sent in one round of the loop shares messages. */
	void (*wake)(void *ctx);
	/* The agent takes no new requests (it stops): choose another replica. The tunnel goes on for
	 * the exchanges that are in flight. May be NULL. */
	void (*draining)(void *ctx);
};

/* Make one side of a tunnel; no session yet: a few hundred bytes. o is copied; NULL: the defaults.
 * NULL without memory. */
struct h2_client *h2_client_new(
    const struct h2_opts *o, const struct h2_client_ops *ops, void *ctx);

/* Reset every exchange with `why` and free. NULL is taken. */
void h2_client_free(struct h2_client *c, const struct err *why);

/* Reset every exchange with `why`; the tunnel stays usable. */
void h2_client_reset_all(struct h2_client *c, const struct err *why);

/* Begin an exchange. NULL with the reason: AGENT_BUSY (max_streams), AGENT_DRAINING, DRAINING,
 * TUNNEL_LOST, HEADER_TOO_BIG, METHOD_NOT_ALLOWED, UPGRADE_NOT_CARRIED, NO_MEMORY. One that comes between h2_end and
 * its echo waits for it, as does an upgrade for the agent's settings: its send_credit is 0 then,
 * and credit comes. timeout_ms runs while the agent owes something: not while the asker has sent
 * all it gave and is not at the end.
 * A reset says what the agent said (h2.h), or PROXY_TIMEOUT, INVALID_PROXY_RESPONSE (the answer
 * breaks HTTP), TUNNEL_LOST. Where exchange_was_refused holds, nothing was done of the request. */
struct exchange *h2_client_open(struct h2_client *c, const struct exchange_request *rq,
    const struct exchange_events *events, void *ctx, uint64_t now_ms, struct err *e);

/* A binary message came. False once, when the session broke: PROTOCOL_ERROR or NO_MEMORY. */
MUST_CHECK bool h2_client_recv(
    struct h2_client *c, struct span message, uint64_t now_ms, struct err *e);

/* The text h2_end came. False as recv: nobody had asked for it. */
MUST_CHECK bool h2_client_end(struct h2_client *c, uint64_t now_ms, struct err *e);

/* Send what there is to send. False as recv. */
MUST_CHECK bool h2_client_flush(struct h2_client *c, struct err *e);

/* Time passed: resets what is overdue, ends an idle session. False as recv, or PEER_IDLE when the
 * echo of h2_end did not come. */
MUST_CHECK bool h2_client_tick(struct h2_client *c, uint64_t now_ms, struct err *e);
bool h2_client_wants_tick(const struct h2_client *c);

/* Take no more exchanges: opens fail with DRAINING. Those in flight go on. */
void h2_client_drain(struct h2_client *c);

size_t h2_client_in_flight(const struct h2_client *c);
struct h2_stats h2_client_stats(const struct h2_client *c);

#endif
