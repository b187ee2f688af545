/* listener.h - accept TCP connections on one address, or on a socket that the program was started
 * with (os/activation.h). Owns the listening descriptor and the count of its streams. From
 * balancers that it is told of it wants a PROXY protocol header first, and believes it. Out of descriptors it refuses newcomers and does not spin (libuv keeps one in
 * reserve for that). Rules of lifetime: loop.h; freed after on_close and its last stream. */
#ifndef NET_LISTENER_H
#define NET_LISTENER_H

#include "net/stream.h"

struct listener;

struct listener_opts {
	const char *address; /* IPv4 or IPv6 literal; `::` takes both families */
	uint16_t port; /* 0: the system chooses */
	/* A descriptor to take over in place of address and port; 0: none. It must be a TCP socket
	 * that listens, and is the listener's once listener_open has given one. */
	int inherited;
	uint32_t max_streams; /* newcomers above it are reset; 0: 4096 */
	struct tls_ctx *tls; /* NULL: plain */
	uint64_t tls_timeout_ms; /* for the handshake, and for a PROXY protocol header; 0: 10 s */
	uint64_t peer_timeout_ms; /* of newcomers, as stream_set_peer_timeout */
	/* Addresses and prefixes, with commas between (base/ip.h), whose connections begin with a
	 * PROXY protocol header of version 2: what it says is then the peer's address. There it is
	 * mandatory, so that nobody behind that address passes for it; from others it is not
	 * looked for. NULL: nobody's. Copied. */
	const char *proxy_protocol_from;
};

struct listener_ops {
	/* A newcomer, paused and with no ops: call stream_set_ops and stream_resume, or
	 * stream_close. A TLS newcomer is announced before its handshake; it is open at on_open. */
	void (*on_accept)(struct listener *l, struct stream *s, void *ctx);
	/* A newcomer was turned away before on_accept (BAD_PROXY_HEADER, CONNECT_TIMEOUT, ...): for
	 * log and counters. May be NULL. */
	void (*on_refused)(struct listener *l, const char *peer, const struct err *why, void *ctx);
	/* The end, after listener_close. May be NULL. */
	void (*on_close)(struct listener *l, void *ctx);
};

/* Listen. NULL, and e set: LISTEN_FAILED when the address cannot be had or the inherited
 * descriptor is none to accept TCP from; BAD_SETTING for a list that breaks its grammar. */
MUST_CHECK struct listener *listener_open(struct net_loop *loop, const struct listener_opts *o,
    const struct listener_ops *ops, void *ctx, struct err *e);

/* Stop listening; accepted streams go on. */
void listener_close(struct listener *l);

/* The port that is listened on. */
uint16_t listener_port(const struct listener *l);

/* Streams that are open now; newcomers refused so far (no descriptor, max_streams, no PROXY
 * protocol header). */
uint32_t listener_streams(const struct listener *l);
uint64_t listener_refused(const struct listener *l);

#endif
