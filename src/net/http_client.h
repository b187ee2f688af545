/* http_client.h - one HTTP/1.1 request over TCP, TLS or a unix socket, bodies streamed both ways.
 * Owns its connection, which it does not reuse. Judges the answer by wire/http1's strict rules;
 * follows no redirect; answers of 1xx are dropped.
 * Rules of lifetime: loop.h. The exchange frees itself after on_close. */
#ifndef NET_HTTP_CLIENT_H
#define NET_HTTP_CLIENT_H

#include "net/stream.h"
#include "wire/http1.h"

struct http_exchange;

struct http_exchange_ops {
	/* The final head; spans valid until the callback returns. */
	void (*on_head)(struct http_exchange *x, const struct http_head *h, void *ctx);
	/* A piece of the body, de-chunked; valid until the callback returns. */
	void (*on_body)(struct http_exchange *x, struct span piece, void *ctx);
	/* The answer is whole. on_close follows. */
	void (*on_end)(struct http_exchange *x, void *ctx);
	/* The request's queue was full and is not any more. May be NULL. */
	void (*on_drain)(struct http_exchange *x, void *ctx);
	/* The end. why->code is ERR_NONE after on_end; else CONNECT_FAILED, CONNECT_TIMEOUT,
	 * PROXY_TIMEOUT (no first byte in time), INVALID_PROXY_RESPONSE, PEER_IDLE, PEER_LOST. */
	void (*on_close)(struct http_exchange *x, const struct err *why, void *ctx);
};

struct http_exchange_opts {
	struct stream_dial dial;
	struct span method, target; /* target is sent as given, after a check of its grammar */
	/* Fields, Host among them. Content-Length, Transfer-Encoding, Connection, Expect, Upgrade
	 * are the exchange's: such fields are left out. */
	const struct http_field *fields;
	size_t n_fields;
	int64_t body_length; /* 0: none; HTTP_LENGTH_UNKNOWN: not known */
	uint64_t first_byte_ms; /* from the request's last byte to the head; 0: 15 s */
	uint64_t idle_ms; /* between bytes, either way, while one is waited for; 0: 60 s */
};

#ifndef HTTP_LENGTH_UNKNOWN
#define HTTP_LENGTH_UNKNOWN (-1)
#endif

/* Dial and send. Everything in o is copied. */
MUST_CHECK struct http_exchange *http_exchange_start(struct net_loop *l,
    const struct http_exchange_opts *o, const struct http_exchange_ops *ops, void *ctx,
    struct err *e);

/* Queue a piece of the request's body; false when closing or more than was announced. */
bool http_exchange_write(struct http_exchange *x, struct span piece);
bool http_exchange_is_full(const struct http_exchange *x);

/* End the request's body (not needed with body_length 0). */
void http_exchange_end(struct http_exchange *x);

/* Stop and start on_body. The idle timeout rests meanwhile. */
void http_exchange_pause(struct http_exchange *x);
void http_exchange_resume(struct http_exchange *x);

/* Give up. Idempotent; on_close comes later. */
void http_exchange_close(struct http_exchange *x, const struct err *why);

#endif
