/* ws_conn_impl.h - inside of a WebSocket connection, for ws_*.c only. */
#ifndef NET_WS_CONN_IMPL_H
#define NET_WS_CONN_IMPL_H

#include "base/buf.h"
#include "net/ws_impl.h"

struct ws_dialling;

enum ws_state {
	WS_CONNECTING,
	WS_OPEN,
	WS_CLOSING, /* our close frame is out, the peer's is waited for */
	WS_DONE /* nothing is sent or handed on any more */
};

/* How a connection ended; made when it does, since most of them idle for days. */
struct ws_end {
	struct err why;
	uint8_t reason[123], reason_n;
};

struct ws_conn {
	struct stream *stream;
	struct net_loop *loop;
	const struct ws_conn_ops *ops;
	void *ctx;
	struct ws_decoder decoder;
	struct buf message; /* of a message that came in pieces; of the answer to a dial */
	struct buf held; /* received while paused */
	struct net_timer timer; /* ping, closing handshake, or dial */
	struct net_defer more;
	struct ws_dialling *dial;
	struct ws_end *end; /* NULL until there is something to say */
	uint64_t ping_every_ms, ping_deadline_ms, close_deadline_ms, peer_timeout_ms;
	uint64_t ping_end, ping_acked; /* where the ping ends on the wire; acknowledged so far */
	size_t ping_unread; /* what waited in the system when the ping went out */
	size_t max;
	uint8_t ping_silent; /* slices of the deadline */
	uint16_t code; /* 0: no closing handshake */
	enum ws_role role;
	enum ws_state state;
	bool paused, pinging, queue_set;
};

MUST_CHECK struct ws_conn *ws_conn_new(struct net_loop *l, enum ws_role role,
    const struct ws_conn_opts *o, const struct ws_conn_ops *ops, void *ctx, struct err *e);
void ws_conn_free(struct ws_conn *w);

/* The upgrade is done: messages may be sent. */
void ws_conn_opened(struct ws_conn *w);

/* Decode bytes, which may be changed. */
void ws_conn_take(struct ws_conn *w, struct span bytes);

/* The timer rang: a ping or a deadline is due. */
void ws_conn_on_timer(void *ctx);

void ws_conn_send_ping(struct ws_conn *w);

/* Begin to ping, or begin anew; a byte came; the timer of an open connection rang. */
void ws_ping_begin(struct ws_conn *w);
void ws_ping_heard(struct ws_conn *w);
void ws_ping_on_timer(struct ws_conn *w);

/* Callbacks of the stream that both roles share. */
void ws_conn_on_eof(struct stream *s, void *ctx);
void ws_conn_on_drain(struct stream *s, void *ctx);
void ws_conn_on_close(struct stream *s, const struct err *why, void *ctx);

#endif
