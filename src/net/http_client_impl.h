/* http_client_impl.h - inside of an exchange, for http_client.c, http_client_send.c and
 * http_client_take.c. */
#ifndef NET_HTTP_CLIENT_IMPL_H
#define NET_HTTP_CLIENT_IMPL_H

#include "net/http_client.h"
#include "wire/ws.h"

struct http_exchange {
	struct net_loop *loop;
	struct stream *stream; /* NULL once the pool has it again */
	struct http_pool *pool; /* NULL: the connection is ours alone */
	const struct http_exchange_ops *ops;
	void *ctx;
	struct net_timer timer, grace;
	struct net_defer more, over;
	struct buf head; /* the request's, as long as it may be sent once more */
	struct buf held; /* of the request's body, framed, until 100 */
	size_t read_max; /* of the answer, at once */
	struct buf in; /* the head while it comes; the body's bytes while paused */
	struct http1_scan scan;
	struct http1_body body;
	int64_t left; /* of the request's announced length; -1: chunked */
	uint64_t first_byte_ms, idle_ms, expect_ms;
	uint64_t sent_ms, active_ms, taken; /* request sent; last byte either way */
	uint64_t taken_before; /* of a pooled connection, before the request */
	char accept[WS_ACCEPT_MAX]; /* what a 101 has to say; "": none was asked for */
	bool to_head, idempotent;
	/* The request. */
	bool reused; /* on a pooled connection, and no byte of the answer has come */
	bool wrote_body, waits; /* some of its body went out; it waits for 100 */
	bool ended, dropped; /* its body: the caller's end came; none of the rest is sent */
	/* The answer. */
	bool got_head, keep, piped; /* keep: the server keeps the connection; piped: a 101 came */
	bool paused, done, got_eof;
	bool open, closing, again; /* again: on a fresh connection */
};

/* Close with a fresh cause. */
void http_exchange_fail(struct http_exchange *x, enum err_code c, enum reason r, const char *what);

/* -- http_client_send.c -- */

/* Write the request's head to x->head. */
MUST_CHECK bool http_exchange_write_head(
    struct http_exchange *x, const struct http_exchange_opts *o, struct err *e);

/* Say whether all of the request was handed to the connection. */
bool http_exchange_is_sent(const struct http_exchange *x);

/* The body need not be held back any more: send it, or drop it. */
void http_exchange_go(struct http_exchange *x, bool send);

/* Send what was kept. */
void http_exchange_send_held(struct http_exchange *x);

/* -- http_client_take.c -- */

/* Take bytes of the answer, or its end. */
void http_exchange_take(struct http_exchange *x, struct span bytes);
void http_exchange_take_eof(struct http_exchange *x);

/* Take what a pause has kept. */
void http_exchange_take_more(void *ctx);

/* -- http_client.c -- */

/* Say whether the request may be sent once more: see http_client.h. */
bool http_exchange_may_repeat(const struct http_exchange *x);

/* The answer is whole and `rest` bytes follow it: call on_end, give the connection back or close
 * it. */
void http_exchange_finish(struct http_exchange *x, size_t rest);

#endif
