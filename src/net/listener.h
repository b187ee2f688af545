/* listener.h - accept TCP connections on one address. Owns the listening descriptor and the count
 * of its streams. Out of descriptors it refuses newcomers and does not spin (libuv keeps one in
 * reserve for that). Rules of lifetime: loop.h; freed after on_close and its last stream. */
#ifndef NET_LISTENER_H
#define NET_LISTENER_H

#include "net/stream.h"

struct listener;

struct listener_opts {
	const char *address; /* IPv4 or IPv6 literal; `::` takes both families */
	uint16_t port; /* 0: the system chooses */
	uint32_t max_streams; /* newcomers above it are reset; 0: 4096 */
	struct tls_ctx *tls; /* NULL: plain */
	uint64_t tls_timeout_ms; /* for the handshake; 0: 10 s */
};

struct listener_ops {
	/* A newcomer, paused and with no ops: call stream_set_ops and stream_resume, or
	 * stream_close. A TLS newcomer is announced before its handshake; it is open at on_open. */
	void (*on_accept)(struct listener *l, struct stream *s, void *ctx);
	/* The end, after listener_close. May be NULL. */
	void (*on_close)(struct listener *l, void *ctx);
};

/* Listen. NULL, and e set (LISTEN_FAILED), when the address cannot be had. */
MUST_CHECK struct listener *listener_open(struct net_loop *loop, const struct listener_opts *o,
    const struct listener_ops *ops, void *ctx, struct err *e);

/* Stop listening; accepted streams go on. */
void listener_close(struct listener *l);

/* The port that is listened on. */
uint16_t listener_port(const struct listener *l);

/* Streams that are open now; newcomers refused so far (no descriptor, or max_streams). */
uint32_t listener_streams(const struct listener *l);
uint64_t listener_refused(const struct listener *l);

#endif
