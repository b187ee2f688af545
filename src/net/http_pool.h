/* http_pool.h - connections to one HTTP/1.1 server that wait for their next request (RFC 9112
 * section 9.3). Owns those that idle; an exchange (http_client.h) takes one, or dials where none
 * is there, and gives it back after an answer that was read whole, to the last byte and no further.
 * Idle connections are read all the time, so that one which the server ends is gone before
 * somebody takes it. Everything runs on the loop. */
#ifndef NET_HTTP_POOL_H
#define NET_HTTP_POOL_H

#include "net/stream.h"

struct http_pool;

struct http_pool_opts {
	struct stream_dial dial; /* strings are copied; tls must outlive the pool */
	uint32_t max_idle; /* more are closed, the oldest first; 0: 16 */
	/* An idle connection is closed after this; 0: 4 s, shorter than the 5 s after which many a
	 * server hangs up, perhaps just when the next request goes out. */
	uint64_t idle_ms;
};

/* Make a pool. It dials nothing by itself. NULL without memory. */
MUST_CHECK struct http_pool *http_pool_new(
    struct net_loop *l, const struct http_pool_opts *o, struct err *e);

/* Close what idles. Exchanges that run go on, and close their connections at their end; the memory
 * goes with the last of them. Takes NULL. May be called before or after net_loop_free. */
void http_pool_free(struct http_pool *p);

/* Connections that idle now; exchanges that found one, and that had to dial, so far. */
size_t http_pool_idle(const struct http_pool *p);
uint64_t http_pool_reused(const struct http_pool *p);
uint64_t http_pool_dialled(const struct http_pool *p);

/* -- for http_client.c only -- */

/* Keep the pool's memory while an exchange may use it. */
void http_pool_hold(struct http_pool *p);
void http_pool_drop(struct http_pool *p);

/* Take the connection that was used last, with ops and ctx set, reading; NULL where none idles.
 * `surely`: look whether it has ended meanwhile, since the request could not be repeated. */
struct stream *http_pool_take(
    struct http_pool *p, bool surely, const struct stream_ops *ops, void *ctx);

/* Dial a fresh one. */
MUST_CHECK struct stream *http_pool_dial(
    struct http_pool *p, const struct stream_ops *ops, void *ctx, struct err *e);

/* Take a connection over that is fit for another request. */
void http_pool_give(struct http_pool *p, struct stream *s);

#endif
