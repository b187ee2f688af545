/* http_impl.h - inside of the HTTP server, for http_server.c, http_conn.c, http_req.c,
 * http_respond.c and http_upgrade.c. */
#ifndef NET_HTTP_IMPL_H
#define NET_HTTP_IMPL_H

#include "net/http_server.h"

struct http_conn;

struct http_server {
	struct net_loop *loop;
	struct listener *listener; /* NULL once closed */
	const struct http_server_ops *ops;
	void *ctx;
	struct http_conn *conns;
	uint64_t head_ms, idle_ms, body_ms;
	char *name;
	const char *proxy_name;
	int64_t date_s; /* of `date` */
	char date[32];
	struct buf head; /* the one that is being written */
	struct http_req *spare; /* one that is over, for the next: most are over before it begins */
	bool abort_on_eof, leave_expect, draining;
};

struct http_req {
	struct http_conn *conn;
	struct buf raw;
	struct http1_body body;
	const struct http_req_ops *ops;
	void *ctx;
	struct buf gathered;
	void (*collect)(struct http_req *r, const struct err *e, struct span body, void *ctx);
	void *collect_ctx;
	struct span path, query;
	uint64_t dropped; /* body bytes that came after the answer */
	int64_t left; /* of the answer's announced length; -1: not announced */
	bool body_done, end_told, paused, continued;
	bool answered, chunked, no_body; /* head queued; how its body goes */
	uint64_t said; /* bytes of the answer, its head's too, that were queued */
	bool answer_done, keep;
	bool piped; /* upgraded: bytes, both ways */
	struct http_req_stats stats;
	struct err *refused; /* where stats.refused; NULL without memory */
	bool abort_on_eof, leave_expect; /* as the server's options, or set for this one */
	/* Spans into raw. Last, and of its fields as many as there are: most have few of the many that
	 * there is room for. */
	struct http_head head;
};

struct http_conn {
	struct http_server *server;
	struct http_conn *next, *prev;
	struct stream *stream; /* NULL after an upgrade */
	struct buf in; /* received and not yet used */
	struct http1_scan scan;
	struct net_timer timer;
	struct net_defer work;
	struct http_req *req;
	uint64_t due_ms; /* when the timer is meant to end; it may run out before */
	uint64_t active_ms, taken; /* when a byte moved last, and the count then */
	char peer[46];
	bool tls, served, got_eof, stopped; /* stopped: nothing more is read as HTTP */
};

/* Serve an accepted stream. */
void http_conn_begin(struct http_server *s, struct stream *stream);

/* Free a server that is closed once its last connection is. */
void http_server_end_if_done(struct http_server *s);

/* Go on as far as possible; from the loop only. */
void http_conn_advance(struct http_conn *c);

/* Go on before the loop waits. */
void http_conn_kick(struct http_conn *c);

/* Answer for a request that cannot be handed to the handler, then close. */
void http_conn_refuse(struct http_conn *c, const struct err *why);

/* Feed the request's body from the first of `in`; returns the bytes used. */
size_t http_req_feed(struct http_req *r, struct span in);

/* Say whether body bytes may be taken now. */
bool http_req_wants(const struct http_req *r);

/* Tell of the end of the body where it is due. */
void http_req_tell_end(struct http_req *r);

/* Note that the answer's head is queued. */
void http_req_note_answer(struct http_req *r, int status);

/* Call the last callbacks and free. why NULL: in good order. */
void http_req_finish(struct http_req *r, const struct err *why);

/* Say whether anything may be written as an answer. */
bool http_req_can_answer(const struct http_req *r);

/* Write the fields that are not the server's own; the buffer fails where one breaks the grammar. */
void http_respond_fields(
    const struct http_server *s, struct buf *b, const struct http_field *fields, size_t n);

/* Cut the connection: nothing was answered, or too little. */
void http_req_cut(struct http_req *r, enum err_code c, enum reason reason, const char *what);

#endif
