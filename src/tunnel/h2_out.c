#include "tunnel/h2_conn.h"

static void
emit(struct h2_conn *c)
{
	size_t n = c->out_n;

	c->out_n = 0;
	if (n && !c->role->send(c, span_of(c->out, n)))
		c->full = true;
}

/* Add to the message, which goes when it is full: a frame that fits one message stays whole. */
static void
put(struct h2_conn *c, struct span frame)
{
	if (frame.n > LIMIT_H2_MESSAGE - c->out_n && frame.n <= LIMIT_H2_MESSAGE)
		emit(c);
	while (frame.n) {
		struct span piece = span_first(frame, LIMIT_H2_MESSAGE - c->out_n);

		memcpy(c->out + c->out_n, piece.p, piece.n);
		c->out_n += piece.n;
		frame = span_from(frame, piece.n);
		if (c->out_n == LIMIT_H2_MESSAGE)
			emit(c);
	}
}

static int
on_send_data(nghttp2_session *ng, nghttp2_frame *frame, const uint8_t *head, size_t n,
    nghttp2_data_source *source, void *user)
{
	struct h2_conn *c = user;
	struct h2_stream *s = nghttp2_session_get_stream_user_data(ng, frame->hd.stream_id);

	if (!s || h2_stream_queued(s) < n)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	if (9 + n > LIMIT_H2_MESSAGE - c->out_n)
		emit(c);
	put(c, span_of(head, 9));
	put(c, span_first(span_from(buf_span(&s->queue), s->sent), n));
	if (n)
		h2_stream_pop(s, n);
	h2_conn_worked(c);
	return 0;
}

/* Our last frame of a stream is out. RFC 9113 section 8.1: a server that needs no more of the
 * request says so. */
static int
on_last_frame(struct h2_conn *c, struct h2_stream *s)
{
	s->local_ended = true;
	if (c->role->server && !s->remote_ended)
		h2_conn_reset(c, s->id, NGHTTP2_NO_ERROR);
	return h2_conn_verdict(c);
}

static int
on_frame_send(nghttp2_session *ng, const nghttp2_frame *frame, void *user)
{
	struct h2_conn *c = user;
	struct h2_stream *s;

	if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
		return 0;
	s = nghttp2_session_get_stream_user_data(ng, frame->hd.stream_id);
	if (!s)
		return 0;
	if (frame->hd.type == NGHTTP2_HEADERS && !s->open) {
		h2_conn_worked(c);
		s->open = true;
		h2_stream_update(s);
	}
	if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
		return on_last_frame(c, s);
	return h2_conn_verdict(c);
}

/* nghttp2 has found a breach: its GOAWAY goes out, then the session is over. */
static int
before_frame_send(nghttp2_session *ng, const nghttp2_frame *frame, void *user)
{
	const nghttp2_goaway *g = &frame->goaway;

	if (frame->hd.type == NGHTTP2_GOAWAY && g->error_code != NGHTTP2_NO_ERROR)
		h2_conn_fail(user, ERR_MALFORMED, REASON_PROTOCOL_ERROR, "HTTP/2, %s: %.*s",
		    nghttp2_http2_strerror(g->error_code), (int)g->opaque_data_len,
		    g->opaque_data ? (const char *)g->opaque_data : "");
	return 0;
}

static void
pump(struct h2_conn *c)
{
	const uint8_t *p = NULL;
	ssize_t n = 1;

	while (n > 0 && !c->full && !c->failed) {
		n = nghttp2_session_mem_send(c->ng, &p);
		if (n > 0)
			put(c, span_of(p, (size_t)n));
		else
			(void)h2_conn_ok(c, (int)n, "sending");
	}
}

void
h2_conn_flush(struct h2_conn *c)
{
	uint8_t message[LIMIT_H2_MESSAGE];

	c->woken = false;
	c->full = false;
	if (!c->ng || c->failed)
		return;
	c->out = message;
	do
		pump(c);
	while (!c->full && h2_conn_give(c));
	emit(c);
	c->out = NULL;
}

void
h2_conn_set_send(nghttp2_session_callbacks *k)
{
	nghttp2_session_callbacks_set_send_data_callback(k, on_send_data);
	nghttp2_session_callbacks_set_on_frame_send_callback(k, on_frame_send);
	nghttp2_session_callbacks_set_before_frame_send_callback(k, before_frame_send);
}
