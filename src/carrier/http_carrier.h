/* http_carrier.h - carries exchanges (tunnel/exchange.h) over HTTP/1.1 connections: from an agent to
 * its backend, from ee-proxy to the control plane. Streams both ways under credit, interim answers,
 * trailers and WebSockets included. An answer of 101 is told as 200, and 200 to a WebSocket that the
 * server did not begin is a broken answer: a tunnel cannot say one for the other. Owns its exchanges;
 * everything runs on the loop. */
#ifndef CARRIER_HTTP_CARRIER_H
#define CARRIER_HTTP_CARRIER_H

#include "net/http_client.h"
#include "tunnel/exchange.h"

struct carrier_opts {
	struct http_pool *pool; /* of the connections; outlives the call */
	struct span target; /* instead of the request's; p NULL: its own */
	/* Fields that go before the request's own, whose fields of these names are left out; Host
	 * among them where the server wants another. At most CARRIER_FIELDS_MAX. */
	const struct http_field *fields;
	size_t n_fields;
	uint64_t first_byte_ms, idle_ms; /* as http_exchange_opts; 0: its defaults */
	uint64_t
	    expect_ms; /* longest wait for a server's 100; 0: a second, as it may not know it */
	/* What is reported where no connection can be made, instead of CONNECT_FAILED and
	 * CONNECT_TIMEOUT; 0 (REASON_OK): those. */
	enum reason unreachable;
	/* Told of an answer that fails before its end, before the asker is, for a log; NULL: nobody.
	 * Not of one whose asker has left. failed_ctx outlives the exchange. */
	void (*failed)(void *ctx, const char *request_id, const struct err *why);
	void *failed_ctx;
	struct span request_id; /* copied for it */
};

#define CARRIER_FIELDS_MAX 4
/* idle_ms of an answer that may be silent, once it has begun, for as long as its ends like: whoever
 * waits for it decides when to leave, and a peer that is gone is found by its connection
 * (stream_set_peer_timeout). */
#define CARRIER_SILENT_MS (365ull * 24 * 3600 * 1000)

/* Open an exchange. Everything in o is borrowed for the call, but the pool. NULL, with the reason:
 * BAD_REQUEST, HEADER_TOO_BIG, NO_MEMORY. */
MUST_CHECK struct exchange *carrier_open(struct net_loop *l, const struct carrier_opts *o,
    const struct exchange_request *rq, const struct exchange_events *events, void *ctx,
    struct err *e);

#endif
