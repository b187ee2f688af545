/* h2.h - version 2 of the tunnel: HTTP/2 (RFC 9113) inside binary WebSocket messages. The control
 * plane is HTTP/2's client (h2_client.h), the agent its server (h2_server.h). This file is what
 * both share: settings, counters, and how a reason crosses the tunnel.
 *
 * Both do no I/O and own no clock: bytes of binary messages go in, messages come out through a
 * callback, time is an argument. Neither holds a body: a piece goes to whoever granted the credit
 * for it, or waits for the tunnel within the credit that was granted to whoever sent it. */
#ifndef TUNNEL_H2_H
#define TUNNEL_H2_H

#include "base/err.h"
#include <stdint.h>

/* A zero stands for the default. Both ends of a tunnel may have settings of their own. */
struct h2_opts {
	/* Body bytes of one stream that the peer may send ahead; LIMIT_H2_STREAM_WINDOW. */
	size_t stream_window;
	/* Body bytes of all streams that came and were not consumed; LIMIT_H2_TUNNEL_WINDOW. Not
	 * below 128 KiB, which HTTP/2's own first window needs. */
	size_t tunnel_window;
	/* Exchanges at once; LIMIT_H2_STREAMS. One more is refused with AGENT_BUSY. */
	size_t max_streams;
	/* Bytes of names and values of one head, target included; LIMIT_HEAD. */
	size_t head_max;
	/* A session without streams ends after this; 10 s. Client only. */
	uint64_t idle_ms;
	/* The agent must echo h2_end within this; 30 s. Client only. */
	uint64_t echo_ms;
	/* Requests of one session, before it is ended for a new one; LIMIT_H2_REQUESTS. Client
	 * only. */
	uint32_t max_requests;
};

/* Give o with its defaults filled in; NULL is all of them. */
struct h2_opts h2_opts_of(const struct h2_opts *o);

/* One tunnel, now. All are 0 when nothing is in flight. */
struct h2_stats {
	size_t streams; /* exchanges in flight, those that wait included */
	size_t waiting; /* exchanges that wait for a session */
	size_t unconsumed; /* body bytes that came and were not granted anew; <= tunnel_window */
	size_t queued; /* body bytes that wait to be sent */
};

/* Which RST_STREAM code says the reason to the control plane, and back. HTTP/2's own codes only:
 *   REFUSED_STREAM  agent_busy: nothing was done of the request
 *   CONNECT_ERROR   backend_unreachable
 *   CANCEL          proxy_timeout: the agent gave up waiting for its backend
 *   any other       invalid_proxy_response */
uint32_t h2_code_of(enum reason r);
enum reason h2_reason_of(uint32_t code);

#endif
