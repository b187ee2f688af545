/* stream_write.c - the way out of a stream: what is queued in one round of the loop is handed to
 * the system at once; what the system does not take flies as one libuv request at a time. */
#include <stdlib.h>

#include "net/stream_impl.h"

#define STREAM_LINGER_MS 2000u
#define FIRST_ROOM       1024u
/* Plaintext of the largest record (RFC 8446 section 5.1). */
#define TLS_RECORD 16384u

struct flight {
	uv_write_t req;
	struct stream *s;
	struct buf bytes;
};

size_t
stream_waiting(const struct stream *s)
{
	return s->plain.n + (s->tls ? tls_session_queue(s->tls)->n : 0);
}

size_t
stream_queued(const struct stream *s)
{
	return stream_waiting(s) + s->flying;
}

uint64_t
stream_taken(const struct stream *s)
{
	return s->handed - (s->connected ? uv_stream_get_write_queue_size(&s->io.stream) : 0);
}

bool
stream_is_full(const struct stream *s)
{
	return stream_queued(s) >= s->high;
}

void
stream_set_queue(struct stream *s, size_t high, size_t max)
{
	s->high = high;
	s->max = max;
	s->plain.max = max;
	s->was_full = s->was_full || stream_is_full(s);
}

bool
stream_write(struct stream *s, struct span bytes)
{
	if (!stream_is_writable(s))
		return false;
	if (bytes.n == 0)
		return true;
	if (bytes.n > s->max || stream_queued(s) > s->max - bytes.n) {
		stream_fail(s, ERR_LIMIT, REASON_QUEUE_FULL, "%zu bytes queued, %zu more",
		    stream_queued(s), bytes.n);
		return false;
	}
	/* The head and the body of a small answer go into one piece of memory. */
	if (!s->plain.p && bytes.n < FIRST_ROOM && FIRST_ROOM <= s->max)
		(void)buf_grow(&s->plain, FIRST_ROOM);
	buf_add(&s->plain, bytes);
	if (!buf_ok(&s->plain)) {
		stream_fail(s, ERR_NOMEM, REASON_NO_MEMORY, "queue of a stream");
		return false;
	}
	s->was_full = s->was_full || stream_is_full(s);
	stream_kick(s);
	return true;
}

bool
stream_take_back(struct stream *s, size_t n)
{
	if (n > s->plain.n || !stream_is_writable(s))
		return false;
	s->plain.n -= n;
	return true;
}

void
stream_tell_drain(struct stream *s)
{
	if (!s->was_full || s->closing || s->write_failed || stream_queued(s) > s->high / 2)
		return;
	s->was_full = false;
	if (s->ops && s->ops->on_drain && stream_is_writable(s))
		s->ops->on_drain(s, s->ctx);
}

void
stream_read_on(struct stream *s)
{
	s->read_on = true;
}

static void
write_failed(struct stream *s, int error)
{
	struct err e = {0};

	err_set(&e, ERR_IO, REASON_PEER_LOST, "write: %s", uv_strerror(error));
	if (!s->read_on || s->got_eof || !s->is_open) {
		stream_close(s, &e);
		return;
	}
	s->write_failed = true;
	if (!s->why && (s->why = malloc(sizeof *s->why)))
		*s->why = e;
	buf_fini(&s->plain);
	if (s->tls)
		buf_fini(tls_session_queue(s->tls));
}

static void
on_written(uv_write_t *req, int status)
{
	struct flight *f = (struct flight *)req;
	struct stream *s = f->s;

	s->flying = 0;
	buf_fini(&f->bytes);
	free(f);
	if (s->closing)
		return;
	if (status < 0) {
		write_failed(s, status);
		return;
	}
	stream_flush(s);
	stream_tell_drain(s);
}

/* Send q's bytes off: at once as far as the socket takes them, the rest as a request. */
static void
send_off(struct stream *s, struct buf *q)
{
	uv_buf_t b = uv_buf_init((char *)q->p, (unsigned)q->n);
	int n = uv_try_write(&s->io.stream, &b, 1);
	size_t max = q->max;
	struct flight *f;

	if (n == UV_EAGAIN)
		n = 0;
	if (n < 0) {
		write_failed(s, n);
		return;
	}
	s->handed += q->n;
	if ((size_t)n == q->n) {
		/* An idle connection keeps no buffer. */
		buf_fini(q);
		return;
	}
	f = calloc(1, sizeof *f);
	if (!f) {
		stream_fail(s, ERR_NOMEM, REASON_NO_MEMORY, "write");
		return;
	}
	f->s = s;
	f->bytes = *q;
	buf_init(q, max);
	b = uv_buf_init((char *)f->bytes.p + n, (unsigned)(f->bytes.n - (size_t)n));
	s->flying = b.len;
	n = uv_write(&f->req, &s->io.stream, &b, 1, on_written);
	if (n < 0) {
		s->flying = 0;
		buf_fini(&f->bytes);
		free(f);
		write_failed(s, n);
	}
}

static void
on_linger_over(void *ctx)
{
	stream_close(ctx, NULL);
}

static void
on_shutdown(uv_shutdown_t *req, int status)
{
	struct stream *s = req->data;

	free(req);
	if (s->closing)
		return;
	s->ended = true;
	if (s->got_eof && s->eof_told)
		stream_close(s, NULL);
	else if (s->finishing)
		net_timer_start(s->loop, &s->timer, STREAM_LINGER_MS, on_linger_over, s);
}

static void
send_end(struct stream *s)
{
	uv_shutdown_t *req = calloc(1, sizeof *req);

	s->end_sent = true;
	if (req)
		req->data = s;
	if (req && uv_shutdown(req, &s->io.stream, on_shutdown) == 0)
		return;
	free(req);
	stream_close(s, NULL);
}

/* Encrypt what was written, and TLS's own words. */
static bool
seal(struct stream *s)
{
	struct err e = {0};

	if (s->is_open && s->plain.n > 0) {
		for (size_t at = 0; at < s->plain.n; at += TLS_RECORD)
			if (!tls_session_write(s->tls,
				span_first(span_from(buf_span(&s->plain), at), TLS_RECORD), &e)
			    || !tls_session_output(s->tls, &e))
				goto bad;
		buf_fini(&s->plain);
	}
	if (s->is_open && s->end_asked && !s->end_told) {
		s->end_told = true;
		tls_session_end(s->tls);
	}
	if (tls_session_output(s->tls, &e))
		return true;
bad:
	stream_close(s, &e);
	return false;
}

void
stream_flush(struct stream *s)
{
	struct buf *q = s->tls ? tls_session_queue(s->tls) : &s->plain;

	if (!s->connected || s->closing || s->write_failed || s->flying > 0)
		return;
	if (s->tls && !seal(s))
		return;
	if (q->n > 0)
		send_off(s, q);
	if (s->end_asked && !s->end_sent && s->is_open && !s->closing && stream_queued(s) == 0)
		send_end(s);
}
