/* http_server.h - an HTTP/1.1 server: connections, heads, bodies in and out, keep-alive. Owns its
 * connections and requests; judges grammar and limits by wire/http1, answers 400, 408 and 431 by
 * itself, and leaves everything else to the handler. Pipelined requests are handled one after
 * another. Never buffers a body (http_req_collect does, up to its cap). A peer of HTTP/1.0 is
 * served, too: its connection lasts where it says keep-alive, and gets no chunks, no interim
 * answers and no upgrade.
 * Rules of lifetime: loop.h. A request frees itself after its on_close. */
#ifndef NET_HTTP_SERVER_H
#define NET_HTTP_SERVER_H

#include "net/listener.h"
#include "net/ws_conn.h"
#include "wire/http1.h"

struct http_server;
struct http_req;

struct http_server_opts {
	struct listener_opts listen;
	uint64_t head_timeout_ms; /* from first byte (or accept) to whole head; 0: 10 s */
	uint64_t idle_timeout_ms; /* between requests; 0: 60 s */
	uint64_t body_timeout_ms; /* no byte read or written while one is waited for; 0: 60 s */
	bool abort_on_eof; /* a peer that ends its side while it waits has gone away (proxies) */
	/* `Expect: 100-continue` is the handler's to answer, by http_respond_interim or a final head
	 * (proxies, RFC 9110 section 10.1.1); else, and to http_req_collect, it is answered when the
	 * body is wanted. */
	bool leave_expect;
	const char *server_name; /* `Server` field; NULL: none */
	/* Name in the Proxy-Status field (RFC 9209) of answers that the server gives by itself; NULL:
	 * no such field. Must outlive the server. */
	const char *proxy_name;
};

struct http_server_ops {
	/* A head came. Answer, or set callbacks with http_req_set_ops and answer later. */
	void (*on_request)(struct http_server *s, struct http_req *r, void *ctx);
	/* Called when a request was refused before on_request, or a connection before its first (for
	 * log and counters); also for one refused later, by its body, that nobody's ops hear of.
	 * May be NULL. */
	void (*on_refused)(
	    struct http_server *s, const char *peer, const struct err *why, void *ctx);
	/* Called for a connection refused before it could ask (no PROXY protocol header, ...); nothing
	 * was answered. NULL: on_refused is. */
	void (*on_newcomer_refused)(
	    struct http_server *s, const char *peer, const struct err *why, void *ctx);
	/* The end, after http_server_close and its last connection. May be NULL. */
	void (*on_close)(struct http_server *s, void *ctx);
};

MUST_CHECK struct http_server *http_server_open(struct net_loop *l,
    const struct http_server_opts *o, const struct http_server_ops *ops, void *ctx, struct err *e);

/* Stop accepting; connections that wait for a request close, those that handle one close after it
 * (`Connection: close`), raw upgrades too. WebSocket connections are not the server's any more. */
void http_server_drain(struct http_server *s);

/* Drain, and abort the requests that still run. Idempotent. */
void http_server_close(struct http_server *s);

uint16_t http_server_port(const struct http_server *s);
struct listener *http_server_listener(const struct http_server *s);

/* -- the request; every span is valid until its on_close -- */

struct span http_req_method(const struct http_req *r);
struct span http_req_target(const struct http_req *r); /* as received, with query */
struct span http_req_path(const struct http_req *r); /* up to '?' */
struct span http_req_query(const struct http_req *r); /* after '?', or empty */
struct span http_req_host(const struct http_req *r); /* the Host field's value */
/* Value of the first field of that name (any case); p NULL when there is none. */
struct span http_req_field(const struct http_req *r, const char *name);
const struct http_head *http_req_head(const struct http_req *r);
const char *http_req_peer(const struct http_req *r);
bool http_req_is_tls(const struct http_req *r);
/* Say whether a body follows (Content-Length above 0, or chunked). */
bool http_req_has_body(const struct http_req *r);
struct http_server *http_req_server(const struct http_req *r);
/* What a request has come to so far, for its line in a log. */
struct http_req_stats {
	int status; /* of the answer; 0: none yet */
	uint64_t bytes_in, bytes_out; /* of the bodies, or of an upgrade's two sides */
	uint64_t began_ms, answered_ms; /* the loop's time: head came, answer's head queued */
	bool refused; /* for its body's sake, by the server itself */
};
const struct http_req_stats *http_req_stats(const struct http_req *r);
/* What came behind the body (http1.h says what passes), from on_end on; NULL where nothing did. */
const struct fields *http_req_trailers(const struct http_req *r);

struct http_req_ops {
	/* A piece of the body, de-chunked; valid until the callback returns. NULL: dropped. */
	void (*on_body)(struct http_req *r, struct span piece, void *ctx);
	/* The body was read whole. Also for requests without a body. May be NULL. */
	void (*on_end)(struct http_req *r, void *ctx);
	/* The answer's queue was full and is not any more. May be NULL. */
	void (*on_drain)(struct http_req *r, void *ctx);
	/* The end, exactly once, if ops were set: why->code is ERR_NONE when the answer was queued
	 * whole; else the peer left, timed out, or the request was aborted or refused by its body
	 * (the server has answered it then). */
	void (*on_close)(struct http_req *r, const struct err *why, void *ctx);
};

/* Say who is called for this request. Setting on_body says that the body is wanted: `Expect:
 * 100-continue` is then answered, unless paused or left to the handler. Callbacks begin after on_request returned. */
void http_req_set_ops(struct http_req *r, const struct http_req_ops *ops, void *ctx);

/* Say that this request goes on to another server: abort_on_eof and leave_expect hold for it,
 * whatever the server's options say. To be called before http_req_set_ops. */
void http_req_set_proxied(struct http_req *r);

/* Stop and start on_body/on_end: credit for the sender. */
void http_req_pause(struct http_req *r);
void http_req_resume(struct http_req *r);

/* Gather the whole body, at most max bytes, then call cb once: with e NULL and the body (valid
 * until cb returns), or with e (BODY_TOO_BIG: answer 413; or the peer left: answering does
 * nothing). Use instead of on_body/on_end; on_drain and on_close of set_ops still come, on_close
 * after cb. */
void http_req_collect(struct http_req *r, size_t max,
    void (*cb)(struct http_req *r, const struct err *e, struct span body, void *ctx), void *ctx);

/* -- the answer -- */

/* For the length of a body: chunked (to a peer of HTTP/1.0, until close). */
#ifndef HTTP_LENGTH_UNKNOWN
#define HTTP_LENGTH_UNKNOWN (-1)
#endif

/* Queue an interim head (RFC 9110 section 15.2), before the answer's own: 100, or 103 with its
 * fields; any of 1xx but 101. A peer of HTTP/1.0 gets none (true). False when the request is
 * closed or answered, or a field breaks the grammar: nothing is queued. */
bool http_respond_interim(
    struct http_req *r, int status, const struct http_field *fields, size_t n);

/* Queue the head. length: bytes of the body, or HTTP_LENGTH_UNKNOWN. Date, Server, Content-Length,
 * Transfer-Encoding and Connection are the server's: such fields are left out of what is given. A
 * second head is refused (false), as is a field with bytes that would break the grammar (INTERNAL:
 * nothing is queued). 1xx is refused. Connection names Upgrade where that is among the fields (RFC
 * 9110 section 7.8). */
bool http_respond_head(
    struct http_req *r, int status, const struct http_field *fields, size_t n, int64_t length);

/* Queue a piece of the body. Dropped for HEAD, 204 and 304. False when the request is closed, the
 * piece is more than was announced, or the queue is above its maximum. */
bool http_respond_body(struct http_req *r, struct span piece);

/* Say whether the producer should wait for on_drain. */
bool http_respond_is_full(const struct http_req *r);

/* End the body. Less than was announced cuts the connection. */
void http_respond_end(struct http_req *r);

/* As http_respond_end, with trailers (NULL: none). They go out where the body is chunked and the
 * request said `TE: trailers`; others may not look behind a body (RFC 9110 section 6.5.1), so there
 * they are dropped. */
void http_respond_end_with(struct http_req *r, const struct fields *trailers);

/* Head, body and end at once. content_type NULL: none. */
bool http_respond_full(struct http_req *r, int status, const char *content_type,
    const struct http_field *fields, size_t n, struct span body);

/* Take back an answer that has not ended and of which no byte has left: another may be given. False
 * where one may have. */
bool http_respond_take_back(struct http_req *r);

/* Cut the connection now, so that nobody takes what was sent for whole. */
void http_req_abort(struct http_req *r, const struct err *why);

/* Say whether a head was queued. */
bool http_req_is_answered(const struct http_req *r);

/* Answer 101 and make the connection a WebSocket. NULL, and e set (UPGRADE_REQUIRED 426 when no
 * upgrade was asked for, BAD_REQUEST 400 when it is not well made): answer it yourself. On success
 * the request ends (its on_close comes) and ops get the messages. */
MUST_CHECK struct ws_conn *http_upgrade_ws(struct http_req *r, const struct ws_conn_opts *o,
    const struct ws_conn_ops *ops, void *ctx, struct err *e);

/* Say whether a request is a well made WebSocket handshake (RFC 6455 section 4.2.1). False, with
 * e as above. */
MUST_CHECK bool http_upgrade_check(const struct http_req *r, struct err *e);

/* Answer 101 to a WebSocket upgrade (RFC 6455 section 4.2.2) and hand the connection's bytes on as
 * they are, for a proxy that passes them through. Connection and Upgrade are the server's; the
 * other fields are the backend's, and Sec-WebSocket-Accept is made where it is not among them.
 * False, with e set as by http_upgrade_ws and nothing sent: answer it yourself. From here on
 * on_body gets the peer's bytes (pause, resume), on_end its end (though it may have told of the
 * request's before), http_respond_body writes (is_full, on_drain) and http_respond_end ends our
 * side; each side may end alone. on_close comes when both
 * have, or by http_req_abort. A peer that writes nothing is not idle, one that reads nothing is
 * (body_timeout_ms), as is one that says nothing once either side has ended. */
MUST_CHECK bool http_upgrade_raw(
    struct http_req *r, const struct http_field *fields, size_t n, struct err *e);

#endif
