/* ws_conn.h - a WebSocket connection (RFC 6455): a server's, from an HTTP upgrade
 * (http_server.h), or a client's, dialled. Owns its stream, the message that is being put
 * together, pings and the closing handshake. Checks framing, masking, UTF-8 and sizes; a breach
 * closes with the code that the RFC names. Memory of an idle connection is a few hundred bytes.
 * Rules of lifetime: loop.h. The connection frees itself after on_close. */
#ifndef NET_WS_CONN_H
#define NET_WS_CONN_H

#include "net/stream.h"

struct ws_conn;

struct ws_conn_ops {
	/* Client: the upgrade was accepted. Server: not called (open from the start). May be NULL. */
	void (*on_open)(struct ws_conn *w, void *ctx);
	/* A whole message; valid until the callback returns. Text is UTF-8. */
	void (*on_text)(struct ws_conn *w, struct span text, void *ctx);
	void (*on_binary)(struct ws_conn *w, struct span bytes, void *ctx);
	/* The queue was full and is not any more. May be NULL. */
	void (*on_drain)(struct ws_conn *w, void *ctx);
	/* The end. code is what the peer's close frame said, or ours when we closed first and the
	 * peer confirmed; 1005 for a close frame without a code; what we sent (1002, 1007, 1009)
	 * when the peer broke the protocol, and why says how; 1006 when there was no closing
	 * handshake (dead peer, refused upgrade, lost connection): then why says more. */
	void (*on_close)(
	    struct ws_conn *w, uint16_t code, struct span reason, const struct err *why, void *ctx);
};

/* With these a frozen program is found within 9.2 s, an unplugged machine too. */
#define WS_PING_EVERY_MS    4000u
#define WS_PING_DEADLINE_MS 5000u
#define WS_PEER_TIMEOUT_MS  10000u

struct ws_conn_opts {
	size_t max_message; /* 0: LIMIT_TEXT_UNATTESTED */
	uint64_t ping_every_ms; /* 0: no pings; jittered by a tenth, the first by a half */
	/* 0: WS_PING_DEADLINE_MS. No byte by then since the peer's system had the ping: the peer is
	 * dead (PEER_IDLE); a system that takes nothing for as long is dead, too. */
	uint64_t ping_deadline_ms;
	uint64_t peer_timeout_ms; /* stream_set_peer_timeout; 0: WS_PEER_TIMEOUT_MS */
	uint64_t close_deadline_ms; /* for the closing handshake; 0: 5 s */
};

struct ws_dial {
	const char *url; /* ws:// or wss://host[:port]/path */
	struct tls_ctx *tls; /* for wss; NULL with wss is refused */
	const char *user_agent; /* may be NULL */
	uint64_t timeout_ms; /* until on_open; 0: 15 s */
};

/* Dial. The answer must be 101 with the right Upgrade, Connection and Sec-WebSocket-Accept, and no
 * extension or subprotocol; else on_close with 1006 and why (UPGRADE_REFUSED). */
MUST_CHECK struct ws_conn *ws_conn_dial(struct net_loop *l, const struct ws_dial *d,
    const struct ws_conn_opts *o, const struct ws_conn_ops *ops, void *ctx, struct err *e);

/* Queue one message, unfragmented. False when closing, or when the queue would pass its maximum:
 * then the connection is lost with QUEUE_FULL. Not before on_open. */
bool ws_conn_send_text(struct ws_conn *w, struct span text);
bool ws_conn_send_binary(struct ws_conn *w, struct span bytes);

/* Marks of the queue, as stream_set_queue. Unset, it holds 4 MiB more than the largest message that
 * is taken from the peer. */
void ws_conn_set_queue(struct ws_conn *w, size_t high, size_t max);
bool ws_conn_is_full(const struct ws_conn *w);
size_t ws_conn_queued(const struct ws_conn *w);

/* Change the largest message that is taken, from the next frame on. */
void ws_conn_set_max(struct ws_conn *w, size_t max_message);

/* Change the ping schedule (0: none). */
void ws_conn_set_ping(struct ws_conn *w, uint64_t every_ms, uint64_t deadline_ms);

/* Stop and start reading. A paused connection answers no ping, so a peer that pings holds us dead
 * after its deadline. Our own pings go on: the peer's answer is seen by the bytes that wait in the
 * system. Where those may have left the peer no room to answer, its silence does not count; a
 * machine that is gone is found all the same. */
void ws_conn_pause(struct ws_conn *w);
void ws_conn_resume(struct ws_conn *w);

/* Send a close frame and wait for the peer's, at most close_deadline_ms; messages that come
 * meanwhile are dropped. The reason is cut to 123 bytes at a character. The first call stands. */
void ws_conn_close(struct ws_conn *w, uint16_t code, struct span reason);

/* Close without a handshake: on_close comes with 1006 and why (may be NULL). */
void ws_conn_abort(struct ws_conn *w, const struct err *why);

/* Say whether messages can be sent. */
bool ws_conn_is_open(const struct ws_conn *w);

/* Change who is called (static const ops). */
void ws_conn_set_ops(struct ws_conn *w, const struct ws_conn_ops *ops, void *ctx);
void *ws_conn_ctx(const struct ws_conn *w);

const char *ws_conn_peer(const struct ws_conn *w);
bool ws_conn_is_tls(const struct ws_conn *w);
struct net_loop *ws_conn_loop(const struct ws_conn *w);

/* As stream_tls_exporter. */
MUST_CHECK bool ws_conn_tls_exporter(
    const struct ws_conn *w, uint8_t out[static TLS_EXPORTER_SIZE]);

#endif
