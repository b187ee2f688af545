#include "tunnel/h2_server.h"

#include <assert.h>
#include <stdlib.h>

#include "tunnel/h2_conn.h"
#include "wire/http1.h"

/* What a client may send before it has read our settings (RFC 9113 section 6.9.2). */
#define FIRST_WINDOW 65535u

/* A request, on its way to the backend and back. */
struct job {
	struct h2_server *server;
	struct h2_stream s;
	struct exchange *x; /* NULL once the backend has ended */
	/* the request */
	size_t credit; /* of its body, as the backend granted it */
	struct buf held; /* what came above that; up to `fed` it has gone */
	size_t fed;
	bool waits; /* for 100, before the backend gets body */
	bool body_over; /* it came whole */
	bool ended; /* and so it went */
	bool feeding;
	struct fields *trailers; /* its own */
	/* the answer */
	bool is_head, upgrade;
	bool answered, bodiless;
	unsigned interims;
};

struct h2_server {
	struct h2_conn conn;
	const struct h2_server_ops *ops;
	void *ctx;
	bool draining, broken;
	unsigned depth;
	bool doomed;
};

/* -- endings -- */

/* Forget the stream and what the backend does for it. */
static void
job_drop(struct job *j, uint32_t code)
{
	struct exchange *x = j->x;

	j->x = NULL;
	h2_stream_drop(&j->s, code);
	if (x)
		exchange_reset(x);
}

/* Only here: the backend may still look at a piece while it resets. */
static void
job_free(struct h2_stream *s)
{
	struct job *j = s->owner;

	buf_fini(&j->held);
	h2_fields_free(j->trailers);
	free(j);
}

static void
drop_all(struct h2_server *s)
{
	while (s->conn.first)
		job_drop(s->conn.first->owner, NGHTTP2_CANCEL);
}

static void
break_off(struct h2_server *s)
{
	s->broken = true;
	h2_conn_end(&s->conn);
	drop_all(s);
}

static void
leave(struct h2_server *s)
{
	if (--s->depth || !s->doomed)
		return;
	h2_conn_end(&s->conn);
	free(s);
}

static bool
settle(struct h2_server *s, struct err *e)
{
	bool ok = s->doomed || s->broken || !s->conn.failed;

	if (!ok) {
		*e = s->conn.live->why;
		break_off(s);
	}
	leave(s);
	return ok;
}

void
h2_server_free(struct h2_server *s)
{
	if (!s || s->doomed)
		return;
	s->doomed = s->conn.failed = true;
	s->depth++;
	drop_all(s);
	leave(s);
}

/* -- the request's body -- */

static size_t
may_feed(const struct job *j)
{
	return j->x && !j->waits ? j->credit : 0;
}

static size_t
held_n(const struct job *j)
{
	return j->held.n - j->fed;
}

/* What may be held: a window, or the first one. */
static size_t
held_max(const struct job *j)
{
	size_t window = j->server->conn.o.stream_window;

	return window > FIRST_WINDOW ? window : FIRST_WINDOW;
}

static bool
hold(struct job *j, struct span data)
{
	if (j->fed >= held_max(j)) {
		buf_drop(&j->held, j->fed);
		j->fed = 0;
	}
	buf_add(&j->held, data);
	return buf_ok(&j->held);
}

/* Hand on what is held, as far as the backend's credit goes, and the end behind it. May free j. */
static void
feed(struct job *j)
{
	size_t window = j->server->conn.o.stream_window;
	struct h2_stream *s = &j->s;

	if (j->feeding)
		return; /* the backend granted credit from inside */
	h2_stream_enter(s);
	j->feeding = true;
	while (held_n(j) && may_feed(j)) {
		struct span left = span_from(buf_span(&j->held), j->fed);
		struct span piece = span_first(left, j->credit);

		j->credit -= piece.n;
		j->fed += piece.n;
		exchange_body(j->x, piece);
	}
	j->feeding = false;
	if (j->x && j->body_over && !held_n(j) && !j->ended) {
		j->ended = true;
		exchange_end(j->x, j->trailers);
	}
	if (!h2_stream_leave(s))
		return;
	if (!held_n(j)) {
		buf_fini(&j->held);
		j->fed = 0;
	}
	h2_stream_owe(s, j->credit, held_n(j));
	/* More than a window may be held of what came before the client knew of it. */
	s->credit = held_n(j) < window ? window - held_n(j) : 0;
	h2_stream_update(s);
}

static void
on_request_body(struct h2_stream *s, struct span data)
{
	struct job *j = s->owner;
	struct span now = span_first(data, held_n(j) ? 0 : may_feed(j));
	struct span later = span_from(data, now.n);

	/* The answer is whole: nobody wants the rest, and no more is granted. */
	if (!j->x)
		return;
	if (later.n > held_max(j) - held_n(j)) {
		h2_conn_fail(s->conn, ERR_MALFORMED, REASON_PROTOCOL_ERROR,
		    "HTTP/2: more body than was granted");
		return;
	}
	if (!hold(j, later)) {
		job_drop(j, NGHTTP2_INTERNAL_ERROR);
		return;
	}
	h2_stream_enter(s);
	j->feeding = true;
	if (now.n) {
		j->credit -= now.n;
		exchange_body(j->x, now);
	}
	j->feeding = false;
	if (h2_stream_leave(s))
		feed(j);
}

static void
on_request_end(struct h2_stream *s)
{
	struct job *j = s->owner;

	j->body_over = true;
	feed(j);
}

static void
on_request_trailers(struct h2_stream *s, bool last)
{
	struct job *j = s->owner;
	struct err e = {0};

	j->trailers = h2_trailers_of(&s->conn->live->head.fields, &e);
	if (e.code != ERR_NONE)
		job_drop(j, NGHTTP2_INTERNAL_ERROR);
	else
		on_request_end(s);
}

/* -- the backend's answer -- */

static void
send_interim(struct job *j, int status, const struct fields *f)
{
	struct h2_conn *c = &j->server->conn;
	struct h2_block b;

	if (++j->interims > LIMIT_H2_INTERIMS || !c->ng)
		return;
	h2_block_response(&b, status, f, false);
	(void)h2_conn_ok(c,
	    nghttp2_submit_headers(c->ng, NGHTTP2_FLAG_NONE, j->s.id, NULL, b.v, b.n, NULL),
	    "interim head");
	h2_conn_wake(c);
}

static void
stop_waiting(struct job *j)
{
	if (!j->waits)
		return;
	j->waits = false;
	feed(j);
}

static void
on_interim(void *ctx, int status, const struct fields *f)
{
	struct job *j = ctx;

	/* 101 is HTTP/1.1's: the carrier says 200 for an upgrade. */
	if (j->answered || status < 100 || status > 199 || status == 101)
		return;
	send_interim(j, status, f);
	if (status == 100)
		stop_waiting(j);
}

static void
on_head(void *ctx, int status, const struct fields *f)
{
	struct job *j = ctx;
	struct h2_conn *c = &j->server->conn;
	nghttp2_data_provider source = h2_stream_source();
	struct h2_block b;

	if (!c->ng || j->answered || status < 200 || status > 599) {
		job_drop(j, h2_code_of(REASON_INVALID_PROXY_RESPONSE));
		return;
	}
	j->answered = true;
	j->bodiless = j->is_head || status == 204 || status == 304;
	h2_block_response(&b, status, f, status != 204 && !j->upgrade);
	(void)h2_conn_ok(c,
	    nghttp2_submit_response(c->ng, j->s.id, b.v, b.n, j->bodiless ? NULL : &source),
	    "head");
	h2_conn_wake(c);
	stop_waiting(j);
}

static void
on_body(void *ctx, struct span data)
{
	struct job *j = ctx;

	if (!j->answered || (!j->bodiless && data.n && !h2_stream_body(&j->s, data)))
		job_drop(j, NGHTTP2_INTERNAL_ERROR);
}

static void
on_end(void *ctx, const struct fields *trailers)
{
	struct job *j = ctx;

	j->x = NULL;
	if (!j->answered || (!j->bodiless && !h2_stream_finish(&j->s, trailers)))
		job_drop(j, NGHTTP2_INTERNAL_ERROR);
}

static void
on_reset(void *ctx, const struct err *why)
{
	struct job *j = ctx;

	j->x = NULL;
	job_drop(j, h2_code_of(why->reason));
}

static void
on_credit(void *ctx, size_t n)
{
	struct job *j = ctx;

	j->credit = j->credit > SIZE_MAX - n ? SIZE_MAX : j->credit + n;
	feed(j);
}

static const struct exchange_events events = {.head = on_head,
    .interim = on_interim,
    .body = on_body,
    .end = on_end,
    .reset = on_reset,
    .credit = on_credit};

static void
on_sent(struct h2_stream *s, size_t n)
{
	struct job *j = s->owner;

	if (j->x)
		exchange_credit(j->x, n);
}

static void
on_closed(struct h2_stream *s, uint32_t code)
{
	job_drop(s->owner, code);
}

/* -- the request's head -- */

static bool
method_ok(const struct h2_head *h, bool last)
{
	struct span m = span_str(h->method);

	/* Of CONNECT only RFC 8441's form, for WebSocket. */
	if (span_iis(m, "CONNECT"))
		return span_is(span_str(h->protocol), "websocket") && !last;
	return http_token_ok(m) && !span_iis(m, "TRACE");
}

/* Whatever could name another place than the backend. */
static bool
place_ok(const struct h2_head *h)
{
	struct span target = buf_span(&h->target);
	struct err ignored = {0};
	struct host host;

	return span_is(span_str(h->scheme), "http") && http1_target_ok(target)
	       && (!span_is(target, "*") || strcmp(h->method, "OPTIONS") == 0)
	       && host_parse(&host, span_str(h->authority), &ignored);
}

static struct job *
job_new(struct h2_server *server, int32_t id, const struct exchange_request *rq)
{
	struct h2_conn *c = &server->conn;
	struct job *j = calloc(1, sizeof *j);

	if (!j)
		return NULL;
	j->server = server;
	/* Twice: what has gone is dropped only now and then. */
	buf_init(&j->held, 2 * held_max(j));
	h2_stream_init(&j->s, c, j, h2_window_first(&c->o));
	j->s.id = id;
	j->s.open = true;
	if (!rq->has_body)
		h2_stream_came_whole(&j->s);
	j->s.credit = c->o.stream_window;
	j->is_head = span_is(rq->method, "HEAD");
	j->upgrade = rq->upgrade;
	j->body_over = j->ended = !rq->has_body;
	(void)nghttp2_session_set_stream_user_data(c->ng, id, &j->s);
	return j;
}

static void
job_begin(struct h2_server *server, int32_t id, const struct exchange_request *rq)
{
	struct job *j = job_new(server, id, rq);
	struct err e = {0};
	struct fields none;

	if (!j) {
		h2_conn_reset(&server->conn, id, NGHTTP2_REFUSED_STREAM);
		return;
	}
	j->x = server->ops->open(server->ctx, rq, &events, j, &e);
	if (!j->x) {
		job_drop(j,
		    e.reason == REASON_NO_MEMORY ? NGHTTP2_REFUSED_STREAM : h2_code_of(e.reason));
		return;
	}
	j->credit = j->x->send_credit;
	h2_stream_owe(&j->s, j->credit, 0);
	h2_stream_update(&j->s);
	j->waits = rq->expect_continue && j->x->waits;
	if (rq->expect_continue && !j->waits) {
		fields_init(&none);
		send_interim(j, 100, &none);
	}
	exchange_credit(j->x, h2_stream_ahead(&j->s));
}

static void
on_request(struct h2_conn *c, int32_t id, bool last)
{
	struct h2_server *server = c->owner;
	const struct h2_head *h = &c->live->head;
	bool upgrade = h->protocol[0] != '\0';
	char request_id[MSG_REQUEST_ID_MAX];
	struct exchange_request rq = {.request_id = request_id,
	    .method = span_str(upgrade ? "GET" : h->method),
	    .target = buf_span(&h->target),
	    .fields = &h->fields,
	    .has_body = !last,
	    .upgrade = upgrade,
	    .expect_continue = h->expect && !last,
	    .body_length = last || upgrade ? 0 : h->length};

	(void)span_cstr(fields_get(&h->fields, "x-request-id"), request_id, sizeof request_id);
	if (!method_ok(h, last) || !place_ok(h))
		h2_conn_reset(c, id, NGHTTP2_PROTOCOL_ERROR);
	else if (server->draining || server->doomed)
		h2_conn_reset(c, id, NGHTTP2_REFUSED_STREAM);
	else
		job_begin(server, id, &rq);
}

static bool
to_owner(struct h2_conn *conn, struct span message)
{
	struct h2_server *s = conn->owner;

	return !s->doomed && s->ops->send(s->ctx, message);
}

static void
wake_owner(struct h2_conn *conn)
{
	struct h2_server *s = conn->owner;

	if (!s->doomed)
		s->ops->wake(s->ctx);
}

static const struct h2_role role = {.server = true,
    .request = on_request,
    .head = on_request_trailers,
    .body = on_request_body,
    .end = on_request_end,
    .closed = on_closed,
    .credit = on_sent,
    .free = job_free,
    .send = to_owner,
    .wake = wake_owner};

/* -- the owner's calls -- */

struct h2_server *
h2_server_new(const struct h2_opts *o, const struct h2_server_ops *ops, void *ctx)
{
	struct h2_server *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	h2_conn_init(&s->conn, &role, s, o);
	s->ops = ops;
	s->ctx = ctx;
	return s;
}

static void
say_goaway(struct h2_server *s, int32_t last)
{
	(void)h2_conn_ok(&s->conn,
	    nghttp2_submit_goaway(s->conn.ng, NGHTTP2_FLAG_NONE, last, NGHTTP2_NO_ERROR, NULL, 0),
	    "GOAWAY");
	h2_conn_wake(&s->conn);
}

/* A session begins with the first bytes. */
static bool
session_need(struct h2_server *s, struct err *e)
{
	if (s->conn.ng)
		return true;
	if (!h2_conn_begin(&s->conn, e))
		return false;
	if (s->draining)
		say_goaway(s, 0);
	return true;
}

bool
h2_server_recv(struct h2_server *s, struct span message, uint64_t now_ms, struct err *e)
{
	assert(!s->depth);
	if (s->broken)
		return true;
	if (!session_need(s, e)) {
		s->broken = true;
		return false;
	}
	s->depth++;
	h2_conn_at(&s->conn, now_ms);
	h2_conn_recv(&s->conn, message);
	return settle(s, e);
}

bool
h2_server_flush(struct h2_server *s, struct err *e)
{
	if (s->depth || s->broken) {
		s->conn.woken = false;
		return true;
	}
	s->depth++;
	h2_conn_flush(&s->conn);
	return settle(s, e);
}

bool
h2_server_end(struct h2_server *s, struct err *e)
{
	assert(!s->depth);
	if (s->conn.ng && !s->conn.n) {
		h2_conn_end(&s->conn);
		return true;
	}
	err_set(e, ERR_MALFORMED, REASON_PROTOCOL_ERROR, "h2_end with %zu streams", s->conn.n);
	break_off(s);
	return false;
}

void
h2_server_drain(struct h2_server *s)
{
	if (s->draining)
		return;
	s->draining = true;
	if (s->conn.ng && !s->conn.failed)
		say_goaway(s, nghttp2_session_get_last_proc_stream_id(s->conn.ng));
}

size_t
h2_server_in_flight(const struct h2_server *s)
{
	return s->conn.n;
}

struct h2_stats
h2_server_stats(const struct h2_server *s)
{
	return (struct h2_stats){
	    .streams = s->conn.n, .unconsumed = s->conn.unconsumed, .queued = s->conn.queued};
}
