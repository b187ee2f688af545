/* http_client.h - one HTTP/1.1 request over TCP, TLS or a unix socket, bodies streamed both ways.
 * Owns its connection: dials it, or takes it from a pool (http_pool.h) and gives it back. Judges
 * the answer by wire/http1's strict rules; follows no redirect. An answer may come before the
 * request's body was sent: then the rest of the body is dropped with it.
 *
 * A pooled connection that ends before any byte of the answer came may have ended before the
 * request reached it. Then the request is sent once more, on a fresh connection, where that does no
 * harm: none of its body was written, and either its method is idempotent (RFC 9110 section 9.2.2)
 * or the system has taken nothing of it.
 * Rules of lifetime: loop.h. The exchange frees itself after on_close. */
#ifndef NET_HTTP_CLIENT_H
#define NET_HTTP_CLIENT_H

#include "net/http_pool.h"
#include "net/stream.h"
#include "wire/http1.h"

struct http_exchange;

struct http_exchange_ops {
	/* The final head, or the 101 that was asked for; spans valid until the callback returns. */
	void (*on_head)(struct http_exchange *x, const struct http_head *h, void *ctx);
	/* A piece of the body, de-chunked; valid until the callback returns. */
	void (*on_body)(struct http_exchange *x, struct span piece, void *ctx);
	/* The answer is whole; http_exchange_trailers says what came behind it. on_close follows. */
	void (*on_end)(struct http_exchange *x, void *ctx);
	/* The request's queue was full and is not any more. May be NULL. */
	void (*on_drain)(struct http_exchange *x, void *ctx);
	/* The end. why->code is ERR_NONE after on_end; else CONNECT_FAILED, CONNECT_TIMEOUT,
	 * PROXY_TIMEOUT (no first byte in time), INVALID_PROXY_RESPONSE, PEER_IDLE, PEER_LOST. */
	void (*on_close)(struct http_exchange *x, const struct err *why, void *ctx);
	/* An interim head: any of 1xx but 101 (RFC 9110 section 15.2). May be NULL. */
	void (*on_interim)(struct http_exchange *x, const struct http_head *h, void *ctx);
};

struct http_exchange_opts {
	struct stream_dial dial; /* not looked at where there is a pool */
	struct http_pool *pool; /* NULL: dial, and say `Connection: close` */
	struct span method, target; /* target is sent as given, after a check of its grammar */
	/* Fields, Host among them. Content-Length, Transfer-Encoding, Connection, Expect, Upgrade
	 * and TE are the exchange's: such fields are left out. */
	const struct http_field *fields;
	size_t n_fields;
	int64_t body_length; /* 0: none; HTTP_LENGTH_UNKNOWN: not known */
	uint64_t first_byte_ms; /* from the request's last byte to the head; 0: 15 s */
	uint64_t idle_ms; /* between bytes, either way, while one is waited for; 0: 60 s */
	/* Say `Expect: 100-continue` and hold the body back until 100 or a final head comes, or
	 * expect_ms (0: 1 s) have passed, since a server may not know it (RFC 9110 section 10.1.1).
	 * After a final head of 300 or more none of it is sent. */
	bool expect_continue;
	uint64_t expect_ms;
	bool takes_trailers; /* say `TE: trailers`, which gRPC servers want to hear */
	/* Ask for a WebSocket (RFC 6455 section 4.1); GET, without a body. Sec-WebSocket-Key and
	 * -Version are made where they are not among the fields. After on_head with 101, whose
	 * Sec-WebSocket-Accept was checked, on_body gets the peer's bytes, on_end its end,
	 * http_exchange_write and _end are our side's: each side may end alone, and on_close comes
	 * when both have. A peer that says nothing is then not idle before either side has ended.
	 * Any other answer is one as usual. A 101 that was not asked for, or is not well made, is
	 * INVALID_PROXY_RESPONSE. */
	bool upgrade;
};

#ifndef HTTP_LENGTH_UNKNOWN
#define HTTP_LENGTH_UNKNOWN (-1)
#endif

/* Send a request, on a pooled connection or a fresh one. Everything in o is copied, but the pool.
 * NULL, and e set: BAD_REQUEST for what breaks the grammar, or no memory. */
MUST_CHECK struct http_exchange *http_exchange_start(struct net_loop *l,
    const struct http_exchange_opts *o, const struct http_exchange_ops *ops, void *ctx,
    struct err *e);

/* Queue a piece of the request's body; false when closing or more than was announced. What is not
 * sent any more, since the answer came, is dropped (true). */
bool http_exchange_write(struct http_exchange *x, struct span piece);
bool http_exchange_is_full(const struct http_exchange *x);

/* End the request's body (not needed with body_length 0). */
void http_exchange_end(struct http_exchange *x);

/* As http_exchange_end, with trailers (NULL: none), which go out where the length was unknown and
 * headers_is_trailer lets them pass. */
void http_exchange_end_with(struct http_exchange *x, const struct fields *trailers);

/* What came behind the answer's body, from on_end on; NULL where nothing did. */
const struct fields *http_exchange_trailers(const struct http_exchange *x);

/* Stop and start on_body. The idle timeout rests meanwhile. */
void http_exchange_pause(struct http_exchange *x);
void http_exchange_resume(struct http_exchange *x);

/* As stream_set_read_max: what waits of the answer when it is paused is never more. */
void http_exchange_set_read_max(struct http_exchange *x, size_t n);

/* Give up. Idempotent; on_close comes later. */
void http_exchange_close(struct http_exchange *x, const struct err *why);

#endif
