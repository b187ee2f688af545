/* h2_server.h - version 2 of the tunnel on the agent's side: HTTP/2's server. Turns streams into
 * exchanges (exchange.h) with the backend, whose carrier it is given: it is an asker as the front
 * is one on the other side. Owns the session and the streams; the carrier owns its exchanges.
 * Does no I/O, owns no clock.
 *
 * What the owner of the tunnel does:
 *
 *  on status ok with "tunnel_version":"2"  h2_server_new
 *  on a binary message                   h2_server_recv
 *  on the text {"type":"h2_end"}         h2_server_end; true: send the echo, msg_write_h2_end
 *  on ops->send                          ws_conn_send_binary; return !ws_conn_is_full
 *  on ops->wake                          net_defer_call of h2_server_flush
 *  on the WebSocket's on_drain           h2_server_flush
 *  when recv, end or flush says false    close the WebSocket with reason_ws(e->reason), 1002 for
 *                                        PROTOCOL_ERROR. All exchanges were reset already, every
 *                                        later call does nothing
 *  on the WebSocket's on_close           h2_server_free with the reason
 *  when the agent stops                  h2_server_drain; h2_server_in_flight says when to close
 *
 * From inside an event of an exchange and from inside open everything below may be called but recv
 * and end. There is no timer. Which requests come to the carrier: method neither CONNECT nor TRACE, target
 * in origin-form (or * of OPTIONS), scheme http, an authority that is a host, the same in Host if
 * both are there; for an upgrade the method is GET and has_body is set. Anything else is reset and
 * never seen. fields: Host first (none where the control plane had none), in lower case, no field
 * that ends at this hop, no Content-Length (body_length has it), no Expect (expect_continue). */
#ifndef TUNNEL_H2_SERVER_H
#define TUNNEL_H2_SERVER_H

#include "tunnel/exchange.h"
#include "tunnel/h2.h"

struct h2_server;

struct h2_server_ops {
	/* As h2_client_ops: the message is taken in any case; false: full now. */
	bool (*send)(void *ctx, struct span message);
	/* As h2_client_ops: call h2_server_flush before the loop next waits. */
	void (*wake)(void *ctx);
	/* Open an exchange with the backend, by exchange.h's rules: its events may come from inside
	 * exchange_* but not from inside open. timeout_ms is 0: how long to wait for the backend is
	 * the carrier's to know. NULL with the reason refuses: AGENT_BUSY and NO_MEMORY where
	 * nothing was done. A carrier whose x->waits is false although the visitor waits for 100 gets
	 * the body at once: the server sends 100 itself.
	 * Where send_credit is below stream_window, the difference may be held here. */
	struct exchange *(*open)(void *ctx, const struct exchange_request *rq,
	    const struct exchange_events *events, void *events_ctx, struct err *e);
};

/* Make one side of a tunnel; no session yet. o is copied; NULL: the defaults. NULL without
 * memory. */
struct h2_server *h2_server_new(
    const struct h2_opts *o, const struct h2_server_ops *ops, void *ctx);

/* Reset every exchange with the backend and free. NULL is taken. From inside an event or open it
 * frees later, and the owner hears nothing more. */
void h2_server_free(struct h2_server *s);

/* A binary message came. False once, when the session broke: PROTOCOL_ERROR or NO_MEMORY. */
MUST_CHECK bool h2_server_recv(
    struct h2_server *s, struct span message, uint64_t now_ms, struct err *e);

/* The text h2_end came: the session is over, echo it. False, and broken, when there is none, or it
 * has streams; false again when it was broken before. */
MUST_CHECK bool h2_server_end(struct h2_server *s, struct err *e);

/* Send what there is to send. False as recv. */
MUST_CHECK bool h2_server_flush(struct h2_server *s, struct err *e);

/* Take no more requests: GOAWAY, so that the control plane asks other replicas. Those that came
 * go on. */
void h2_server_drain(struct h2_server *s);

size_t h2_server_in_flight(const struct h2_server *s);
struct h2_stats h2_server_stats(const struct h2_server *s);

#endif
