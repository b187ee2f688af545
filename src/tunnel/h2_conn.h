/* h2_conn.h - one HTTP/2 session of a tunnel and its streams: what h2_client.c and h2_server.c have
 * in common, and nobody else's business. Owns the nghttp2 session, the list of streams, what they
 * have queued and counted, and the message that is being filled. Never owns a stream's memory: the
 * role embeds struct h2_stream in a struct of its own and frees that in role->free.
 *
 * The rule of lifetime: a role calls h2_stream_enter before it calls out for a stream that it will
 * touch afterwards, and h2_stream_leave after it, which says whether the stream is still there.
 * Between the two, h2_stream_drop only marks it. Calls into nghttp2 that may call back
 * (recv, flush) never nest; everything else only adds to what the next flush sends. */
#ifndef TUNNEL_H2_CONN_H
#define TUNNEL_H2_CONN_H

#include <nghttp2/nghttp2.h>

#include "tunnel/h2.h"
#include "tunnel/h2_head.h"

struct h2_conn;

struct h2_stream {
	struct h2_conn *conn; /* NULL once dropped */
	const struct h2_role *role;
	void *owner; /* the role's struct around it */
	struct h2_stream *next, **at; /* in conn->first's list, oldest first */
	struct h2_stream *due_next, **due_at; /* in conn->due's list, or due_at is NULL */
	int32_t id; /* 0 before it begins, and after HTTP/2 has forgotten it */
	bool open; /* its HEADERS are on their way */
	bool local_ended, remote_ended; /* END_STREAM was sent, came */
	unsigned busy;
	bool dead; /* dropped while busy */
	/* what comes */
	size_t credit; /* bytes of the body that are welcome */
	int64_t window; /* bytes of it that the peer knows of */
	size_t owed; /* bytes that came and nobody consumed */
	size_t promised; /* that, and what may still come of the window */
	size_t grown; /* of a window, what its use has earned */
	size_t fresh; /* bytes that came since it grew or shrank, at fresh_ms */
	uint64_t fresh_ms;
	size_t peak; /* the most credit, up to a window, that whoever gets them had */
	/* what goes */
	struct buf queue; /* from `sent` on, it waits */
	size_t sent;
	struct fields *trailers;
	bool finished; /* nothing follows what is queued */
	bool deferred; /* nghttp2 waits for h2_stream_body or h2_stream_finish */
	bool moved; /* bytes were sent since the role looked */
	size_t ahead; /* credit that was given for what goes: queued, or not yet made use of */
};

struct h2_role {
	bool server;
	/* Server: a request came (live->head). */
	void (*request)(struct h2_conn *c, int32_t id, bool last);
	/* An answer's head, an interim head, or trailers came (live->head). */
	void (*head)(struct h2_stream *s, bool last);
	void (*body)(struct h2_stream *s, struct span data);
	/* END_STREAM came behind the body. */
	void (*end)(struct h2_stream *s);
	/* HTTP/2 has forgotten the stream: drop it. */
	void (*closed)(struct h2_stream *s, uint32_t code);
	/* n bytes of its queue were sent: more are welcome. */
	void (*credit)(struct h2_stream *s, size_t n);
	void (*free)(struct h2_stream *s);
	/* Client: the server's first settings came; it takes no new stream. */
	void (*settings)(struct h2_conn *c);
	void (*goaway)(struct h2_conn *c);
	/* To the owner of the tunnel: as h2_client_ops. */
	bool (*send)(struct h2_conn *c, struct span message);
	void (*wake)(struct h2_conn *c);
};

struct h2_conn {
	const struct h2_role *role;
	void *owner;
	struct h2_opts o;
	/* NULL between sessions, which most tunnels are most of the time. */
	nghttp2_session *ng;
	struct h2_live *live;
	struct h2_stream *first, **last, *due, **due_last;
	size_t n, unconsumed, queued;
	size_t promised, ahead; /* of all streams */
	size_t withheld; /* bytes whose window of the connection is not given back yet */
	bool settled; /* the peer's first settings came */
	bool woken; /* the owner was asked for a flush */
	bool full; /* it said that nothing more may be sent */
	uint8_t *out; /* the message that is being filled, inside a flush; else NULL */
	size_t out_n;
	uint64_t leaked_ms;
	size_t noise, resets;
	bool failed; /* live->why says how */
};

/* What only a session needs. */
struct h2_live {
	struct h2_head head;
	struct err why;
};

/* -- the session -- */

void h2_conn_init(
    struct h2_conn *c, const struct h2_role *role, void *owner, const struct h2_opts *o);

/* Begin a session: the settings go out first. NO_MEMORY. */
MUST_CHECK bool h2_conn_begin(struct h2_conn *c, struct err *e);
/* Forget it. Streams that are there stay, without a session, to be dropped. */
void h2_conn_end(struct h2_conn *c);

/* Take bytes. Afterwards look at c->failed. */
void h2_conn_recv(struct h2_conn *c, struct span bytes);
/* Send what there is until the owner says that it is full. Afterwards look at c->failed. */
void h2_conn_flush(struct h2_conn *c);
/* Let time pass: floods are measured by it. */
void h2_conn_at(struct h2_conn *c, uint64_t now_ms);

/* The peer broke the protocol, or memory was short: the first reason stands. */
PRINTF(4, 5)
void h2_conn_fail(struct h2_conn *c, enum err_code code, enum reason r, const char *fmt, ...);
/* As that, for a result of nghttp2's. True where rv is no failure. */
bool h2_conn_ok(struct h2_conn *c, int rv, const char *what);

/* RST_STREAM. */
void h2_conn_reset(struct h2_conn *c, int32_t id, uint32_t code);

/* Ask the owner for a flush, once until it comes. */
void h2_conn_wake(struct h2_conn *c);

/* Frames that wait; bodies do not count. */
size_t h2_conn_backlog(const struct h2_conn *c);

/* -- a stream -- */

/* Add it to the connection. `window`: what the peer knows that it may send. */
void h2_stream_init(struct h2_stream *s, struct h2_conn *c, void *owner, size_t window);
/* Take it out; with RST_STREAM(code) where the peer believes that it lives. */
void h2_stream_drop(struct h2_stream *s, uint32_t code);
static inline void
h2_stream_enter(struct h2_stream *s)
{
	s->busy++;
}
/* False when it was dropped meanwhile: it is gone. */
MUST_CHECK bool h2_stream_leave(struct h2_stream *s);

/* Whoever gets the body has credit for `left` bytes more, and `held` bytes wait here: what came and
 * was not consumed is what is held, and what is missing of the credit that there was. Credit above a
 * window does not count, so that who grants much at once owes nothing. */
void h2_stream_owe(struct h2_stream *s, size_t left, size_t held);
/* Tell the peer of credit, where it is worth a frame. */
void h2_stream_update(struct h2_stream *s);

/* Where nghttp2 finds a stream's body. */
nghttp2_data_provider h2_stream_source(void);
/* Queue body bytes; the end. False: no memory, or more than the credit was. */
MUST_CHECK bool h2_stream_body(struct h2_stream *s, struct span data);
MUST_CHECK bool h2_stream_finish(struct h2_stream *s, const struct fields *trailers);
/* Give the first credit for its body: that many bytes may be queued. */
MUST_CHECK size_t h2_stream_ahead(struct h2_stream *s);
/* Look, before the next message goes, whether whoever fills the queue is due more credit. */
void h2_stream_due(struct h2_stream *s);

/* -- between h2_conn.c (what comes), h2_out.c (what goes), h2_stream.c and h2_session.c -- */

void h2_conn_set_recv(nghttp2_session_callbacks *k);
void h2_conn_set_send(nghttp2_session_callbacks *k);
/* What a callback of nghttp2's returns: it stops where the session failed. */
int h2_conn_verdict(const struct h2_conn *c);
/* A frame that carries something of a request's came or went: it pays for four that do not. For a
 * body's frame, its reader sends a window update for the stream and one for the connection. */
void h2_conn_worked(struct h2_conn *c);

/* Bytes of the queue that wait. */
static inline size_t
h2_stream_queued(const struct h2_stream *s)
{
	return s->queue.n - s->sent;
}
/* n bytes of the body came; nothing more of it comes. */
void h2_stream_came(struct h2_stream *s, size_t n);
void h2_stream_came_whole(struct h2_stream *s);
/* The window that a stream begins with. */
size_t h2_window_first(const struct h2_opts *o);
/* Body bytes came, and were given to whom they are for: give their window back, or not yet. */
void h2_conn_arrived(struct h2_conn *c, size_t n);
/* Take n bytes off the queue. */
void h2_stream_pop(struct h2_stream *s, size_t n);
/* Give credit that is due; false when there was none to give. */
bool h2_conn_give(struct h2_conn *c);

#endif
