#include "tunnel/h2_conn.h"

#include <stdarg.h>
#include <stdio.h>

/* Frames that wait, above four for each stream: far more than either end has reason for. */
#define BACKLOG_MORE 1000
/* Noise and resets are forgotten in steps of this. */
#define LEAK_EVERY_MS 100

void
h2_conn_fail(struct h2_conn *c, enum err_code code, enum reason r, const char *fmt, ...)
{
	char detail[sizeof c->live->why.detail];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(detail, sizeof detail, fmt, ap);
	va_end(ap);
	err_set(&c->live->why, code, r, "%s", detail);
	c->failed = true;
	h2_conn_wake(c);
}

bool
h2_conn_ok(struct h2_conn *c, int rv, const char *what)
{
	if (rv >= 0)
		return true;
	if (rv == NGHTTP2_ERR_NOMEM)
		h2_conn_fail(c, ERR_NOMEM, REASON_NO_MEMORY, "%s", what);
	else if (!c->failed)
		h2_conn_fail(c, ERR_MALFORMED, REASON_PROTOCOL_ERROR, "HTTP/2, %s: %s", what,
		    nghttp2_strerror(rv));
	return false;
}

/* For callbacks: the peer broke the protocol; nghttp2 stops there. */
static int
breach(struct h2_conn *c, const char *how)
{
	h2_conn_fail(c, ERR_MALFORMED, REASON_PROTOCOL_ERROR, "HTTP/2: %s", how);
	return NGHTTP2_ERR_CALLBACK_FAILURE;
}

int
h2_conn_verdict(const struct h2_conn *c)
{
	return c->failed ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

void
h2_conn_reset(struct h2_conn *c, int32_t id, uint32_t code)
{
	(void)h2_conn_ok(
	    c, nghttp2_submit_rst_stream(c->ng, NGHTTP2_FLAG_NONE, id, code), "RST_STREAM");
	h2_conn_wake(c);
}

void
h2_conn_wake(struct h2_conn *c)
{
	/* Inside a flush the flush itself goes on; while it is full, nothing can. */
	if (c->woken || c->out || (c->full && !c->failed))
		return;
	c->woken = true;
	c->role->wake(c);
}

size_t
h2_conn_backlog(const struct h2_conn *c)
{
	return c->ng ? nghttp2_session_get_outbound_queue_size(c->ng) : 0;
}

/* -- floods -- */

static void
leak(size_t *level, uint64_t n)
{
	*level = *level > n ? *level - (size_t)n : 0;
}

void
h2_conn_at(struct h2_conn *c, uint64_t now_ms)
{
	uint64_t passed = now_ms - c->leaked_ms;

	if (passed < LEAK_EVERY_MS)
		return;
	leak(&c->noise, passed * LIMIT_H2_NOISE_PER_S / 1000);
	leak(&c->resets, passed * LIMIT_H2_RESETS_PER_S / 1000);
	c->leaked_ms = now_ms;
}

void
h2_conn_worked(struct h2_conn *c)
{
	leak(&c->noise, 4);
}

static bool
carries(const struct h2_conn *c, const nghttp2_frame_hd *hd)
{
	if (hd->type == NGHTTP2_DATA && !hd->length && !(hd->flags & NGHTTP2_FLAG_END_STREAM))
		return false;
	if (hd->type == NGHTTP2_HEADERS && c->role->server)
		return true;
	return (hd->type == NGHTTP2_HEADERS || hd->type == NGHTTP2_DATA)
	       && nghttp2_session_get_stream_user_data(c->ng, hd->stream_id);
}

static int
on_begin_frame(nghttp2_session *ng, const nghttp2_frame_hd *hd, void *user)
{
	struct h2_conn *c = user;
	bool padding = hd->type == NGHTTP2_HEADERS || hd->type == NGHTTP2_DATA;

	if (hd->type == NGHTTP2_PUSH_PROMISE)
		return breach(c, "a push");
	/* Padding is body that nobody granted credit for; neither end has a use for it. */
	if (padding && (hd->flags & NGHTTP2_FLAG_PADDED))
		return breach(c, "padding");
	if (carries(c, hd))
		h2_conn_worked(c);
	else if (++c->noise > LIMIT_H2_NOISE)
		return breach(c, "a flood of frames that carry nothing");
	return 0;
}

static int
on_reset_recv(struct h2_conn *c, const struct h2_stream *s)
{
	if (c->role->server && s && !s->local_ended && ++c->resets > LIMIT_H2_RESETS)
		return breach(c, "a flood of requests that were given up");
	return 0;
}

/* -- what comes -- */

static int
on_begin_headers(nghttp2_session *ng, const nghttp2_frame *frame, void *user)
{
	struct h2_conn *c = user;

	h2_head_clear(&c->live->head);
	return 0;
}

static int
on_header(nghttp2_session *ng, const nghttp2_frame *frame, const uint8_t *name, size_t namelen,
    const uint8_t *value, size_t valuelen, uint8_t flags, void *user)
{
	struct h2_conn *c = user;

	if (h2_head_add(&c->live->head, span_of(name, namelen), span_of(value, valuelen)))
		return 0;
	return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

/* nghttp2 would leave such a field out; what breaks the grammar is refused here. */
static int
on_invalid_header(nghttp2_session *ng, const nghttp2_frame *frame, const uint8_t *name,
    size_t namelen, const uint8_t *value, size_t valuelen, uint8_t flags, void *user)
{
	return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static int
on_headers_recv(struct h2_conn *c, const nghttp2_frame *frame, struct h2_stream *s)
{
	bool last = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;

	if (!h2_head_end(&c->live->head)) {
		h2_conn_reset(c, frame->hd.stream_id, NGHTTP2_INTERNAL_ERROR);
	} else if (c->role->server && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
		c->role->request(c, frame->hd.stream_id, last);
	} else if (s) {
		if (last)
			h2_stream_came_whole(s);
		c->role->head(s, last);
	}
	h2_head_clear(&c->live->head);
	return h2_conn_verdict(c);
}

static int
on_settings_recv(struct h2_conn *c, const nghttp2_frame *frame)
{
	if ((frame->hd.flags & NGHTTP2_FLAG_ACK) || c->settled)
		return 0;
	c->settled = true;
	if (c->role->settings)
		c->role->settings(c);
	return h2_conn_verdict(c);
}

static int
on_goaway_recv(struct h2_conn *c, const nghttp2_frame *frame)
{
	if (frame->goaway.error_code != NGHTTP2_NO_ERROR) {
		h2_conn_fail(c, ERR_IO, REASON_PROTOCOL_ERROR, "the peer ended HTTP/2: %s",
		    nghttp2_http2_strerror(frame->goaway.error_code));
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	}
	if (c->role->goaway)
		c->role->goaway(c);
	return h2_conn_verdict(c);
}

static int
on_frame_recv(nghttp2_session *ng, const nghttp2_frame *frame, void *user)
{
	struct h2_conn *c = user;
	struct h2_stream *s = frame->hd.stream_id
				  ? nghttp2_session_get_stream_user_data(ng, frame->hd.stream_id)
				  : NULL;

	switch (frame->hd.type) {
	case NGHTTP2_HEADERS:
		return on_headers_recv(c, frame, s);
	case NGHTTP2_DATA:
		if (!s || !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
			return 0;
		h2_stream_came_whole(s);
		c->role->end(s);
		return h2_conn_verdict(c);
	case NGHTTP2_SETTINGS:
		return on_settings_recv(c, frame);
	case NGHTTP2_GOAWAY:
		return on_goaway_recv(c, frame);
	case NGHTTP2_RST_STREAM:
		return on_reset_recv(c, s);
	default:
		return 0;
	}
}

static int
on_data(nghttp2_session *ng, uint8_t flags, int32_t id, const uint8_t *p, size_t n, void *user)
{
	struct h2_conn *c = user;
	struct h2_stream *s = nghttp2_session_get_stream_user_data(ng, id);

	if (s) {
		h2_stream_came(s, n);
		c->role->body(s, span_of(p, n));
	}
	if (!c->failed)
		h2_conn_arrived(c, n);
	return h2_conn_verdict(c);
}

static int
on_stream_close(nghttp2_session *ng, int32_t id, uint32_t code, void *user)
{
	struct h2_conn *c = user;
	struct h2_stream *s = nghttp2_session_get_stream_user_data(ng, id);

	if (!s)
		return 0;
	if (s->local_ended && code == NGHTTP2_NO_ERROR)
		leak(&c->resets, 1);
	s->id = 0;
	s->open = false;
	c->role->closed(s, code);
	return h2_conn_verdict(c);
}

void
h2_conn_recv(struct h2_conn *c, struct span bytes)
{
	ssize_t n;

	n = nghttp2_session_mem_recv(c->ng, bytes.p, bytes.n);
	if (!h2_conn_ok(c, n < 0 ? (int)n : 0, "receiving"))
		return;
	/* A peer that makes us answer and does not read the answers. */
	if (h2_conn_backlog(c) > 4 * c->o.max_streams + BACKLOG_MORE)
		h2_conn_fail(c, ERR_LIMIT, REASON_PROTOCOL_ERROR, "HTTP/2: answers pile up");
	if (nghttp2_session_want_write(c->ng))
		h2_conn_wake(c);
}

void
h2_conn_set_recv(nghttp2_session_callbacks *k)
{
	nghttp2_session_callbacks_set_on_begin_frame_callback(k, on_begin_frame);
	nghttp2_session_callbacks_set_on_begin_headers_callback(k, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(k, on_header);
	nghttp2_session_callbacks_set_on_invalid_header_callback(k, on_invalid_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(k, on_frame_recv);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(k, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(k, on_stream_close);
}
