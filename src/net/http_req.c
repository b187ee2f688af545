/* http_req.c - the request's side of the HTTP server: what the handler reads. */
#include <stdlib.h>

#include "net/http_impl.h"

struct span
http_req_method(const struct http_req *r)
{
	return r->head.method;
}

struct span
http_req_target(const struct http_req *r)
{
	return r->head.target;
}

struct span
http_req_path(const struct http_req *r)
{
	return r->path;
}

struct span
http_req_query(const struct http_req *r)
{
	return r->query;
}

struct span
http_req_host(const struct http_req *r)
{
	return r->head.host;
}

struct span
http_req_field(const struct http_req *r, const char *name)
{
	return http_head_get(&r->head, name);
}

const struct http_head *
http_req_head(const struct http_req *r)
{
	return &r->head;
}

const char *
http_req_peer(const struct http_req *r)
{
	return r->conn->peer;
}

bool
http_req_is_tls(const struct http_req *r)
{
	return r->conn->tls;
}

bool
http_req_has_body(const struct http_req *r)
{
	return r->head.framing == HTTP_CHUNKED
	       || (r->head.framing == HTTP_LENGTH && r->head.length > 0);
}

struct http_server *
http_req_server(const struct http_req *r)
{
	return r->conn->server;
}

const struct fields *
http_req_trailers(const struct http_req *r)
{
	return r->body_done ? r->body.trailers : NULL;
}

const struct http_req_stats *
http_req_stats(const struct http_req *r)
{
	return &r->stats;
}

void
http_req_note_answer(struct http_req *r, int status)
{
	r->stats.status = status;
	r->stats.answered_ms = net_loop_now_ms(r->conn->server->loop);
}

bool
http_req_is_answered(const struct http_req *r)
{
	return r->answered;
}

void
http_req_set_ops(struct http_req *r, const struct http_req_ops *ops, void *ctx)
{
	r->ops = ops;
	r->ctx = ctx;
	http_conn_kick(r->conn);
}

void
http_req_set_proxied(struct http_req *r)
{
	r->abort_on_eof = r->leave_expect = true;
}

void
http_req_pause(struct http_req *r)
{
	r->paused = true;
}

void
http_req_resume(struct http_req *r)
{
	r->paused = false;
	http_conn_kick(r->conn);
}

void
http_req_collect(struct http_req *r, size_t max,
    void (*cb)(struct http_req *r, const struct err *e, struct span body, void *ctx), void *ctx)
{
	buf_fini(&r->gathered);
	buf_init(&r->gathered, max);
	r->collect = cb;
	r->collect_ctx = ctx;
	http_conn_kick(r->conn);
}

void
http_req_cut(struct http_req *r, enum err_code c, enum reason reason, const char *what)
{
	struct err e = {0};

	err_set(&e, c, reason, "%s", what);
	http_req_abort(r, &e);
}

void
http_req_abort(struct http_req *r, const struct err *why)
{
	struct err e = {0};

	if (!r->conn->stream)
		return;
	if (!why || why->code == ERR_NONE) {
		err_set(&e, ERR_IO, REASON_PEER_LOST, "aborted");
		why = &e;
	}
	r->conn->stopped = true;
	stream_reset(r->conn->stream, why);
}

bool
http_req_wants(const struct http_req *r)
{
	return (r->answer_done && !r->piped) || (!r->paused && (r->collect || r->ops));
}

/* Call the collector, once. */
static void
collect_tell(struct http_req *r, const struct err *e)
{
	void (*cb)(struct http_req *, const struct err *, struct span, void *) = r->collect;

	r->collect = NULL;
	r->end_told = true;
	cb(r, e, e ? span_of(NULL, 0) : buf_span(&r->gathered), r->collect_ctx);
}

static void
collect_too_big(struct http_req *r)
{
	struct err e = {0};

	err_set(&e, ERR_LIMIT, REASON_BODY_TOO_BIG, "more than %zu bytes", r->gathered.max);
	collect_tell(r, &e);
}

/* Hand on a piece of the body. */
static void
deliver(struct http_req *r, struct span piece)
{
	r->stats.bytes_in += piece.n;
	if (r->answer_done && !r->piped) {
		r->dropped += piece.n;
		return;
	}
	if (r->collect) {
		buf_add(&r->gathered, piece);
		if (!buf_ok(&r->gathered))
			collect_too_big(r);
		return;
	}
	if (r->ops && r->ops->on_body)
		r->ops->on_body(r, piece, r->ctx);
}

/* RFC 9110 section 10.1.1: say once that the body is wanted, before any of it is read. */
static void
say_continue(struct http_req *r)
{
	if (r->continued || !r->head.expect_continue || r->answered
	    || (r->leave_expect && !r->collect))
		return;
	r->continued = true;
	stream_write(r->conn->stream, span_str("HTTP/1.1 100 Continue\r\n\r\n"));
}

size_t
http_req_feed(struct http_req *r, struct span in)
{
	struct http_conn *c = r->conn;
	size_t off = 0;

	if (r->collect && r->head.framing == HTTP_LENGTH && r->head.length > r->gathered.max)
		collect_too_big(r);
	say_continue(r);
	while (off < in.n && !r->body_done && !c->stopped && http_req_wants(r)) {
		struct span piece = span_of(NULL, 0);
		struct err e = {0};
		size_t used = 0;
		enum step step = http1_body_feed(&r->body, span_from(in, off), &used, &piece, &e);

		off += used;
		if (step == STEP_BAD) {
			if (r->answered)
				http_req_abort(r, &e);
			else
				http_conn_refuse(c, &e);
			return in.n;
		}
		r->body_done = step == STEP_DONE;
		if (piece.n > 0)
			deliver(r, piece);
		else if (step == STEP_MORE)
			break;
	}
	return off;
}

void
http_req_tell_end(struct http_req *r)
{
	if (r->end_told || r->paused || r->conn->stopped)
		return;
	if (r->collect) {
		collect_tell(r, NULL);
	} else if (r->ops) {
		r->end_told = true;
		if (r->ops->on_end)
			r->ops->on_end(r, r->ctx);
	}
}

void
http_req_finish(struct http_req *r, const struct err *why)
{
	static const struct err none;
	struct err e = {0};

	struct http_server *s = r->conn->server;

	r->conn->req = NULL;
	if (r->collect) {
		if (why && why->code != ERR_NONE)
			e = *why;
		else
			err_set(&e, ERR_NOT_NOW, REASON_PEER_LOST, "answered before the body came");
		collect_tell(r, &e);
	}
	if (r->ops && r->ops->on_close)
		r->ops->on_close(r, why ? why : &none, r->ctx);
	http1_body_fini(&r->body);
	buf_fini(&r->raw);
	buf_fini(&r->gathered);
	free(r->refused);
	if (s->spare)
		free(r);
	else
		s->spare = r;
}
