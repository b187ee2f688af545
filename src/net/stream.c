#include "net/stream.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "net/stream_impl.h"

#define STREAM_HIGH      (256u * 1024)
#define STREAM_MAX       (4u * 1024 * 1024)
#define STREAM_LINGER_MS 2000u
#define TLS_PART_IN      4096u
/* A finish whose last bytes the peer does not take within this time is given up. */
#define STREAM_FINISH_MS 30000u

static void on_work(void *ctx);

static void
shut_stream(struct net_item *self)
{
	struct stream *s = (struct stream *)((char *)self - offsetof(struct stream, item));

	stream_fail(s, ERR_IO, REASON_DRAINING, "the loop ends");
}

struct stream *
stream_new(struct net_loop *l, struct err *e)
{
	struct stream *s = calloc(1, sizeof *s);

	if (!s) {
		err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "stream");
		return NULL;
	}
	s->loop = l;
	buf_init(&s->plain, STREAM_MAX);
	stream_set_queue(s, STREAM_HIGH, STREAM_MAX);
	net_loop_add(l, &s->item, shut_stream);
	return s;
}

static void
stream_gone(struct stream *s)
{
	static const struct err none;

	net_timer_stop(&s->timer);
	net_defer_stop(&s->work);
	stream_dial_drop(s);
	if (s->ops)
		s->ops->on_close(s, s->why ? s->why : &none, s->ctx);
	if (s->on_gone)
		s->on_gone(s->owner);
	tls_session_free(s->tls);
	buf_fini(&s->plain);
	if (s->preface)
		buf_fini(&s->preface->bytes);
	free(s->preface);
	free(s->why);
	free(s);
}

static void
on_handle_closed(uv_handle_t *h)
{
	stream_gone(h->data);
}

/* Begin the end. False when it had begun. */
static bool
closing_begin(struct stream *s, const struct err *why)
{
	if (s->closing)
		return false;
	s->closing = true;
	if (why && why->code != ERR_NONE && !s->why && (s->why = malloc(sizeof *s->why)))
		*s->why = *why;
	net_loop_remove(&s->item);
	net_timer_stop(&s->timer);
	net_defer_stop(&s->work);
	if (!s->has_io)
		net_defer_call(s->loop, &s->work, on_work, s);
	return true;
}

void
stream_close(struct stream *s, const struct err *why)
{
	if (!closing_begin(s, why) || !s->has_io || uv_is_closing(&s->io.handle))
		return;
	uv_close(&s->io.handle, on_handle_closed);
}

void
stream_reset(struct stream *s, const struct err *why)
{
	if (!closing_begin(s, why) || !s->has_io || uv_is_closing(&s->io.handle))
		return;
	if (s->is_pipe || uv_tcp_close_reset(&s->io.tcp, on_handle_closed) < 0)
		uv_close(&s->io.handle, on_handle_closed);
}

void
stream_fail(struct stream *s, enum err_code c, enum reason r, const char *fmt, ...)
{
	struct err e = {0};
	char text[160];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	err_set(&e, c, r, "%s", text);
	stream_close(s, &e);
}

void
stream_set_ops(struct stream *s, const struct stream_ops *ops, void *ctx)
{
	s->ops = ops;
	s->ctx = ctx;
}

void
stream_kick(struct stream *s)
{
	net_defer_call(s->loop, &s->work, on_work, s);
}

static void
tell_eof(struct stream *s)
{
	s->eof_told = true;
	stream_update_reading(s);
	if (!s->finishing && s->ops && s->ops->on_eof)
		s->ops->on_eof(s, s->ctx);
	else
		stream_finish(s);
	if (s->ended)
		stream_close(s, NULL);
}

static void
tls_shake(struct stream *s)
{
	struct err e = {0};

	switch (tls_session_handshake(s->tls, &e)) {
	case TLS_DONE:
		s->is_open = s->announce = true;
		net_timer_stop(&s->timer);
		stream_update_reading(s);
		break;
	case TLS_MORE:
		break;
	default:
		/* The peer deserves the alert that says why. */
		stream_flush(s);
		stream_close(s, &e);
	}
}

/* What a read may hand out of n bytes. */
static size_t
least(const struct stream *s, size_t n)
{
	return s->read_max && s->read_max < n ? s->read_max : n;
}

/* Hand on the plaintext that is there. */
static void
tls_pump(struct stream *s)
{
	uint8_t *scratch = net_loop_scratch(s->loop);

	while (!s->paused && !s->closing && !s->finishing && !s->got_eof) {
		struct err e = {0};
		size_t n = 0;

		switch (tls_session_read(s->tls, scratch, least(s, NET_SCRATCH / 2), &n, &e)) {
		case TLS_DONE:
			s->ops->on_read(s, span_of(scratch, n), s->ctx);
			break;
		case TLS_MORE:
			return;
		case TLS_END:
			s->got_eof = true;
			break;
		default:
			stream_flush(s);
			stream_close(s, &e);
		}
	}
}

/* Everything that may be due towards the owner. */
static void
stream_pump(struct stream *s)
{
	if (!s->connected || s->closing || s->preface)
		return;
	if (s->tls && !s->is_open)
		tls_shake(s);
	if (s->announce && !s->closing) {
		s->announce = false;
		if (s->ops && s->ops->on_open)
			s->ops->on_open(s, s->ctx);
	}
	if (s->tls && s->is_open && s->ops)
		tls_pump(s);
	if (s->got_eof && !s->eof_told && !s->closing && (!s->paused || s->finishing))
		tell_eof(s);
}

static void
on_work(void *ctx)
{
	struct stream *s = ctx;

	if (s->closing) {
		stream_gone(s);
		return;
	}
	stream_pump(s);
	stream_flush(s);
	stream_tell_drain(s);
}

static void
on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *b)
{
	struct stream *s = h->data;
	uint8_t *scratch = net_loop_scratch(s->loop);
	size_t max = least(s, NET_SCRATCH);

	if (s->preface)
		*b = uv_buf_init(
		    (char *)scratch, (unsigned)(s->preface->want - s->preface->bytes.n));
	/* TLS: ciphertext lies in the second half while its plaintext goes through the first. */
	else if (s->tls)
		*b = uv_buf_init((char *)scratch + NET_SCRATCH / 2, NET_SCRATCH / 2);
	else
		*b = uv_buf_init((char *)scratch, (unsigned)max);
}

static void
on_bytes(struct stream *s, struct span bytes)
{
	struct err e = {0};

	if (s->finishing)
		return;
	if (s->preface) {
		stream_take_preface(s, bytes);
		return;
	}
	if (!s->tls) {
		s->ops->on_read(s, bytes, s->ctx);
		return;
	}
	/* In small parts, so that what an idle session keeps stays small. */
	while (bytes.n > 0 && !s->closing && !s->finishing) {
		if (!tls_session_feed(s->tls, span_first(bytes, TLS_PART_IN), &e)) {
			stream_close(s, &e);
			return;
		}
		bytes = span_from(bytes, TLS_PART_IN);
		stream_pump(s);
	}
	stream_flush(s);
}

static void
on_read(uv_stream_t *h, ssize_t n, const uv_buf_t *b)
{
	struct stream *s = h->data;

	if (s->closing || n == 0)
		return;
	if (n > 0) {
		on_bytes(s, span_of(b->base, (size_t)n));
		return;
	}
	if (s->write_failed) {
		/* After a reset even the end is none in good order. */
		stream_close(s, NULL);
		return;
	}
	if (s->preface) {
		if (s->preface->bytes.n == 0)
			stream_close(s, NULL); /* a balancer that only looks whether we listen */
		else
			stream_fail(s, ERR_IO, REASON_BAD_PROXY_HEADER, "ended within the header");
		return;
	}
	if (n != UV_EOF) {
		if (s->ended)
			stream_close(s, NULL);
		else
			stream_fail(s, ERR_IO, REASON_PEER_LOST, "read: %s", uv_strerror((int)n));
		return;
	}
	/* RFC 8446 section 6.1: without close_notify the end may be an attacker's. */
	if (s->tls && !s->got_eof && !s->finishing) {
		stream_fail(s, ERR_IO, REASON_TLS_FAILED, "cut without close_notify");
		return;
	}
	s->got_eof = true;
	tell_eof(s);
}

void
stream_update_reading(struct stream *s)
{
	bool shaking = s->tls && !s->is_open;
	bool want = s->connected && !s->closing && !s->got_eof
		    && (s->finishing || shaking || s->preface || (!s->paused && s->ops));

	if (want == s->reading || !s->connected || s->closing)
		return;
	s->reading = want;
	if (want)
		uv_read_start(&s->io.stream, on_alloc, on_read);
	else
		uv_read_stop(&s->io.stream);
}

void
stream_set_read_max(struct stream *s, size_t n)
{
	s->read_max = n;
}

void
stream_pause(struct stream *s)
{
	s->paused = true;
	stream_update_reading(s);
}

void
stream_resume(struct stream *s)
{
	if (!s->paused || s->closing)
		return;
	s->paused = false;
	stream_update_reading(s);
	/* Plaintext may wait inside TLS, or an end that nobody was told of. */
	stream_kick(s);
}

void
stream_start(struct stream *s)
{
	s->connected = true;
	if (!s->tls)
		s->is_open = true;
	stream_update_reading(s);
	stream_kick(s);
}

static void
on_finish_late(void *ctx)
{
	struct stream *s = ctx;

	if (s->ended) {
		stream_close(s, NULL);
	} else if (stream_taken(s) != s->finish_taken) {
		/* Slow, but it reads. */
		s->finish_taken = stream_taken(s);
		net_timer_start(s->loop, &s->timer, STREAM_FINISH_MS, on_finish_late, s);
	} else {
		stream_fail(s, ERR_IO, REASON_QUEUE_FULL, "the peer did not read to the end");
	}
}

void
stream_end(struct stream *s)
{
	if (s->closing || s->end_asked)
		return;
	s->end_asked = true;
	stream_kick(s);
}

void
stream_finish(struct stream *s)
{
	if (s->closing || s->finishing)
		return;
	if (!s->is_open || s->write_failed) {
		stream_close(s, NULL);
		return;
	}
	s->finishing = true;
	s->finish_taken = stream_taken(s);
	net_timer_start(
	    s->loop, &s->timer, s->ended ? STREAM_LINGER_MS : STREAM_FINISH_MS, on_finish_late, s);
	stream_end(s);
	stream_update_reading(s);
	/* Both ends may be there already. */
	if (s->ended && s->got_eof)
		stream_close(s, NULL);
}

bool
stream_is_writable(const struct stream *s)
{
	return !s->closing && !s->end_asked && !s->write_failed;
}

struct net_loop *
stream_loop(const struct stream *s)
{
	return s->loop;
}

bool
stream_is_tls(const struct stream *s)
{
	return s->tls != NULL;
}

bool
stream_tls_exporter(const struct stream *s, uint8_t out[static TLS_EXPORTER_SIZE])
{
	return s->tls && s->is_open && tls_session_exporter(s->tls, out);
}
