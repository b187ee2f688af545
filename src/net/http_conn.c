/* http_conn.c - a connection of the HTTP server: one head after another, each request moved on until
 * its answer and its body are over. */
#include <stdio.h>
#include <stdlib.h>

#include "net/http_impl.h"
#include "wire/problem.h"
#include "wire/url.h"

/* What a connection may send ahead of the request that is being handled. */
#define AHEAD_MAX LIMIT_HEAD
/* A body that nobody wants is read so far, so that the connection can be kept. */
#define DROP_MAX (256u * 1024)

static void on_conn_timer(void *ctx);

static void
conn_free(struct http_conn *c)
{
	struct http_server *s = c->server;

	net_timer_stop(&c->timer);
	net_defer_stop(&c->work);
	if (c->prev)
		c->prev->next = c->next;
	else
		s->conns = c->next;
	if (c->next)
		c->next->prev = c->prev;
	buf_fini(&c->in);
	free(c);
	http_server_end_if_done(s);
}

static void
on_work(void *ctx)
{
	http_conn_advance(ctx);
}

void
http_conn_kick(struct http_conn *c)
{
	net_defer_call(c->server->loop, &c->work, on_work, c);
}

/* Read on unless the handler's pause, or what came ahead, says no. */
static void
conn_update_reading(struct http_conn *c)
{
	struct http_req *r = c->req;

	if (c->in.n >= AHEAD_MAX || (r && !r->body_done && !http_req_wants(r)))
		stream_pause(c->stream);
	else
		stream_resume(c->stream);
}

/* Have on_conn_timer called in that time. Each request puts it off several times: a timer that runs
 * is left to run, and started again where it finds that it came too early. */
static void
conn_set_timer(struct http_conn *c, uint64_t ms)
{
	c->active_ms = net_loop_now_ms(c->server->loop);
	c->due_ms = c->active_ms + ms;
	if (!c->timer.loop || c->timer.due_ms > c->due_ms)
		net_timer_start(c->server->loop, &c->timer, ms, on_conn_timer, c);
}

/* Tell the owner: by the request's on_close, where somebody waits for that. */
static void
tell_refused(struct http_conn *c, int status, const struct err *why)
{
	struct http_server *s = c->server;
	struct http_req *r = c->req;

	if (r && r->ops && r->ops->on_close && !r->collect) {
		http_req_note_answer(r, status);
		r->stats.refused = true;
		r->refused = malloc(sizeof *why);
		if (r->refused)
			*r->refused = *why;
		/* Not from here: the request is in somebody's hands now. */
		http_conn_kick(c);
	} else if (s->ops->on_refused) {
		s->ops->on_refused(s, c->peer, why, s->ctx);
	}
}

void
http_conn_refuse(struct http_conn *c, const struct err *why)
{
	const char *token = reason_token(why->reason);
	int status = reason_http(why->reason);
	struct buf b;

	if (c->stopped)
		return;
	c->stopped = true;
	tell_refused(c, status, why);
	buf_init(&b, 1024);
	http1_write_status_line(&b, status);
	buf_printf(&b, "Content-Type: text/plain\r\nContent-Length: %zu\r\n", strlen(token) + 1);
	if (c->server->proxy_name) {
		buf_add_str(&b, "Proxy-Status: ");
		proxy_status_write(&b, c->server->proxy_name, why);
		buf_add_str(&b, "\r\n");
	}
	buf_printf(&b, "Connection: close\r\n\r\n%s\n", token);
	if (buf_ok(&b))
		stream_write(c->stream, buf_span(&b));
	buf_fini(&b);
	stream_finish(c->stream);
}

/* Say whether the peer rightly sends nothing: it waits for the handler's 100. */
static bool
peer_waits_for_100(const struct http_req *r)
{
	return r->head.expect_continue && r->leave_expect && !r->collect && !r->continued
	       && !r->answered;
}

/* Say whether the peer is what we wait for: its body, or its reading. */
static bool
conn_waits_for_peer(const struct http_conn *c)
{
	const struct http_req *r = c->req;

	if (stream_queued(c->stream) > 0)
		return true;
	if (r && r->piped)
		return (r->answer_done || c->got_eof) && !r->paused;
	return r && !r->body_done && http_req_wants(r) && !peer_waits_for_100(r);
}

static void
on_conn_timer(void *ctx)
{
	struct http_conn *c = ctx;
	struct http_server *s = c->server;
	uint64_t now = net_loop_now_ms(s->loop);
	struct err e = {0};

	if (c->stopped)
		return;
	if (now < c->due_ms) {
		net_timer_start(s->loop, &c->timer, c->due_ms - now, on_conn_timer, c);
		return;
	}
	if (!c->req && stream_queued(c->stream) > 0 && stream_taken(c->stream) != c->taken) {
		/* The last answer is still being read. */
		c->taken = stream_taken(c->stream);
		conn_set_timer(c, s->idle_ms);
		return;
	}
	if (!c->req) {
		/* RFC 9110 section 15.5.9: 408 only to one that has begun to ask. */
		if (c->in.n > 0) {
			err_set(&e, ERR_EXPIRED, REASON_REQUEST_TIMEOUT, "head");
			http_conn_refuse(c, &e);
		} else {
			c->stopped = true;
			stream_finish(c->stream);
		}
		return;
	}
	if (stream_taken(c->stream) != c->taken || !conn_waits_for_peer(c)) {
		c->taken = stream_taken(c->stream);
		c->active_ms = now;
	}
	if (now - c->active_ms < s->body_ms) {
		net_timer_start(
		    s->loop, &c->timer, s->body_ms - (now - c->active_ms), on_conn_timer, c);
		return;
	}
	err_set(&e, ERR_EXPIRED, REASON_REQUEST_TIMEOUT, "body");
	if (c->req->answered)
		http_req_cut(c->req, e.code, e.reason, "the peer was silent");
	else
		http_conn_refuse(c, &e);
}

/* Begin a request whose head is the first `used` bytes of c->in. */
static bool
conn_begin(struct http_conn *c, const struct http_head *h, size_t used)
{
	struct http_server *s = c->server;
	struct http_req *r = s->spare ? s->spare : malloc(sizeof *r);
	struct buf rest;

	s->spare = NULL;
	buf_init(&rest, c->in.max);
	buf_add(&rest, span_from(buf_span(&c->in), used));
	if (!r || !buf_ok(&rest)) {
		free(r);
		buf_fini(&rest);
		return false;
	}
	memset(r, 0, offsetof(struct http_req, head));
	memcpy(&r->head, h, offsetof(struct http_head, fields));
	memcpy(r->head.fields, h->fields, h->n * sizeof *h->fields);
	r->head.n = h->n;
	/* The head's spans stay where they are: the request takes the buffer over. */
	r->raw = c->in;
	c->in = rest;
	c->scan = (struct http1_scan){0};
	r->conn = c;
	r->left = -1;
	r->stats.began_ms = net_loop_now_ms(c->server->loop);
	r->abort_on_eof = c->server->abort_on_eof;
	r->leave_expect = c->server->leave_expect;
	buf_init(&r->gathered, 0);
	http1_body_init(&r->body, h->framing, h->length);
	http1_body_heed(&r->body, h);
	r->body_done = h->framing == HTTP_NO_BODY || (h->framing == HTTP_LENGTH && h->length == 0);
	url_split_target(h->target, &r->path, &r->query);
	c->req = r;
	c->served = true;
	return true;
}

/* Parse what came, as the head of a request. STEP_DONE: a request has begun. STEP_BAD: it was
 * refused. */
static enum step
conn_parse(struct http_conn *c)
{
	struct err e = {0};
	struct http_head h;
	size_t used = 0;
	enum step step = http1_request(&c->scan, buf_span(&c->in), &h, &used, &e);

	if (step == STEP_DONE && !conn_begin(c, &h, used)) {
		err_set(&e, ERR_NOMEM, REASON_NO_MEMORY, "request");
		step = STEP_BAD;
	}
	if (step == STEP_BAD)
		http_conn_refuse(c, &e);
	return step;
}

/* Go over to the next request. True when one has begun. */
static bool
conn_next(struct http_conn *c)
{
	struct http_server *s = c->server;
	enum step step;

	if (stream_is_full(c->stream))
		return false; /* on_drain goes on: nobody piles up answers that he does not read */
	step = c->in.n > 0 ? conn_parse(c) : STEP_MORE;
	if (step == STEP_DONE) {
		conn_set_timer(c, s->body_ms);
		s->ops->on_request(s, c->req, s->ctx);
		return true;
	}
	if (step == STEP_BAD)
		return false;
	/* Who was let in and has not asked yet may: he cannot know, and need not be turned away. */
	if (c->got_eof || (s->draining && c->served && c->in.n == 0)) {
		c->stopped = true;
		stream_finish(c->stream);
	}
	return false;
}

/* The request is over: wait for the next, or close. */
static void
conn_request_over(struct http_conn *c)
{
	struct http_server *s = c->server;
	bool keep = c->req->keep;

	http_req_finish(c->req, NULL);
	if (!keep) {
		c->stopped = true;
		stream_finish(c->stream);
		return;
	}
	conn_set_timer(c, c->in.n > 0 ? s->head_ms : s->idle_ms);
}

/* An upgraded request: bytes in; the stream closes by itself once both sides have ended. */
static void
conn_advance_piped(struct http_conn *c)
{
	struct http_req *r = c->req;

	if (c->in.n > 0 && http_req_wants(r))
		buf_drop(&c->in, http_req_feed(r, buf_span(&c->in)));
	if (c->got_eof && c->in.n == 0 && !c->stopped) {
		r->body_done = true;
		http_req_tell_end(r);
	}
}

/* Move the request on. False when there is nothing more to do for now. */
static bool
conn_advance_request(struct http_conn *c)
{
	struct http_req *r = c->req;

	if (!r->body_done && c->in.n > 0 && http_req_wants(r))
		buf_drop(&c->in, http_req_feed(r, buf_span(&c->in)));
	if (!c->stream || c->stopped)
		return false;
	if (r->body_done)
		http_req_tell_end(r);
	else if (http_req_wants(r) && !r->answered)
		(void)http_req_feed(r, span_of(NULL, 0)); /* 100 Continue, where due */
	if (!c->stream || c->stopped || r->piped)
		return false;
	if (r->answer_done && !r->body_done && (r->dropped > DROP_MAX || !r->keep)) {
		r->keep = false;
		conn_request_over(c);
		return false;
	}
	if (!r->answer_done || !r->body_done)
		return false;
	conn_request_over(c);
	return true;
}

/* Whoever works on it need not wait until the peer has read why, and left. */
static void
finish_refused(struct http_conn *c)
{
	struct err e = {0};

	err_set(&e, ERR_MALFORMED, REASON_BAD_REQUEST, "the request's body");
	if (c->req->refused)
		e = *c->req->refused;
	http_req_finish(c->req, &e);
}

void
http_conn_advance(struct http_conn *c)
{
	if (c->req && c->req->stats.refused) {
		finish_refused(c);
		return;
	}
	if (!c->stream) {
		/* Upgraded: the stream has a new owner. */
		http_req_finish(c->req, NULL);
		conn_free(c);
		return;
	}
	while (!c->stopped) {
		if (c->req && c->req->piped) {
			conn_advance_piped(c);
			break;
		}
		if (!(c->req ? conn_advance_request(c) : conn_next(c)))
			break;
	}
	if (c->in.n == 0)
		buf_fini(&c->in);
	if (c->stream && !c->stopped)
		conn_update_reading(c);
}

static void
on_read(struct stream *stream, struct span bytes, void *ctx)
{
	struct http_conn *c = ctx;

	if (c->stopped)
		return;
	c->active_ms = net_loop_now_ms(c->server->loop);
	if (!c->req && c->in.n == 0 && c->served)
		conn_set_timer(c, c->server->head_ms);
	/* A body goes straight from the wire to the handler. */
	if (c->req && c->in.n == 0 && !c->req->body_done && http_req_wants(c->req))
		bytes = span_from(bytes, http_req_feed(c->req, bytes));
	if (c->stream && !c->stopped) {
		buf_add(&c->in, bytes);
		if (!buf_ok(&c->in)) {
			stream_close(stream, NULL);
			return;
		}
	}
	http_conn_advance(c);
}

static void
on_eof(struct stream *stream, void *ctx)
{
	struct http_conn *c = ctx;

	c->got_eof = true;
	if (c->stopped)
		return;
	if (c->req && !c->req->piped && (!c->req->body_done || c->req->abort_on_eof))
		http_req_cut(c->req, ERR_IO, REASON_PEER_LOST, "the peer left");
	else
		http_conn_advance(c);
}

static void
on_drain(struct stream *stream, void *ctx)
{
	struct http_conn *c = ctx;
	struct http_req *r = c->req;

	if (r && !r->answer_done && r->ops && r->ops->on_drain)
		r->ops->on_drain(r, r->ctx);
	if (!r)
		http_conn_advance(c);
}

static void
on_close(struct stream *stream, const struct err *why, void *ctx)
{
	struct http_conn *c = ctx;
	struct err e = {0};

	c->stopped = true;
	if (c->req && c->req->stats.refused) {
		finish_refused(c);
	} else if (c->req) {
		if (why->code != ERR_NONE)
			e = *why;
		else if (!c->req->answer_done)
			err_set(&e, ERR_IO, REASON_PEER_LOST, "the connection closed");
		http_req_finish(c->req, &e);
	}
	conn_free(c);
}

static const struct stream_ops conn_ops = {
    .on_read = on_read, .on_eof = on_eof, .on_drain = on_drain, .on_close = on_close};

void
http_conn_begin(struct http_server *s, struct stream *stream)
{
	struct http_conn *c = calloc(1, sizeof *c);

	if (!c) {
		stream_close(stream, NULL);
		return;
	}
	c->server = s;
	c->stream = stream;
	c->tls = stream_is_tls(stream);
	snprintf(c->peer, sizeof c->peer, "%s", stream_peer(stream));
	buf_init(&c->in, AHEAD_MAX + NET_SCRATCH);
	c->next = s->conns;
	if (c->next)
		c->next->prev = c;
	s->conns = c;
	stream_set_ops(stream, &conn_ops, c);
	conn_set_timer(c, s->head_ms);
	stream_resume(stream);
}
