#include "net/http_client.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"

#define FIRST_BYTE_MS 15000u
#define IDLE_MS       60000u

struct http_exchange {
	struct net_loop *loop;
	struct stream *stream;
	const struct http_exchange_ops *ops;
	void *ctx;
	struct net_timer timer;
	struct net_defer more;
	struct buf in; /* the head while it comes; the body's bytes while paused */
	struct http1_scan scan;
	struct http1_body body;
	int64_t left; /* of the request's announced length; -1: chunked */
	uint64_t first_byte_ms, idle_ms;
	uint64_t sent_ms, active_ms, taken; /* request sent; last byte either way */
	bool to_head, open, sent, got_head, paused, done, closing, got_eof;
};

static void on_more(void *ctx);

static void
exchange_fail(struct http_exchange *x, enum err_code c, enum reason r, const char *what)
{
	struct err e = {0};

	err_set(&e, c, r, "%s", what);
	http_exchange_close(x, &e);
}

void
http_exchange_close(struct http_exchange *x, const struct err *why)
{
	if (x->closing)
		return;
	x->closing = true;
	net_timer_stop(&x->timer);
	net_defer_stop(&x->more);
	stream_close(x->stream, why);
}

/* Ticks while the exchange lives, an eighth of the shorter time apart. */
static void
on_tick(void *ctx)
{
	struct http_exchange *x = ctx;
	uint64_t now = net_loop_now_ms(x->loop);
	bool sending = stream_queued(x->stream) > 0;

	if (!x->open)
		return;
	if (stream_taken(x->stream) != x->taken || (!sending && (!x->sent || x->paused))) {
		x->taken = stream_taken(x->stream);
		x->active_ms = now;
	}
	if (x->sent && !sending && !x->got_head) {
		if (x->sent_ms == 0)
			x->sent_ms = now;
		if (now - x->sent_ms >= x->first_byte_ms)
			exchange_fail(x, ERR_IO, REASON_PROXY_TIMEOUT, "no first byte");
		return;
	}
	if (now - x->active_ms >= x->idle_ms)
		exchange_fail(x, ERR_IO, REASON_PEER_IDLE, "silence");
}

static void
on_open(struct stream *s, void *ctx)
{
	struct http_exchange *x = ctx;
	uint64_t shorter = x->first_byte_ms < x->idle_ms ? x->first_byte_ms : x->idle_ms;

	x->open = true;
	x->active_ms = net_loop_now_ms(x->loop);
	net_timer_repeat(x->loop, &x->timer, shorter / 8 + 1, on_tick, x);
}

static void
finish(struct http_exchange *x)
{
	x->done = true;
	if (x->ops->on_end)
		x->ops->on_end(x, x->ctx);
	http_exchange_close(x, NULL);
}

/* Feed the answer's body; keeps what a pause leaves over. */
static void
take_body(struct http_exchange *x, struct span in)
{
	while (!x->closing) {
		struct span piece = span_of(NULL, 0);
		struct err e = {0};
		size_t used = 0;
		enum step step;

		if (x->paused) {
			buf_add(&x->in, in);
			if (!buf_ok(&x->in))
				exchange_fail(x, ERR_NOMEM, REASON_NO_MEMORY, "body");
			return;
		}
		step = http1_body_feed(&x->body, in, &used, &piece, &e);
		in = span_from(in, used);
		if (step == STEP_BAD) {
			exchange_fail(x, ERR_MALFORMED, REASON_INVALID_PROXY_RESPONSE, e.detail);
			return;
		}
		if (piece.n > 0)
			x->ops->on_body(x, piece, x->ctx);
		if (step == STEP_DONE && !x->closing) {
			finish(x);
			return;
		}
		if (step == STEP_MORE && piece.n == 0)
			return;
	}
}

/* The final head is whole: its spans lie in the first bytes of x->in. */
static void
take_head(struct http_exchange *x, const struct http_head *h, size_t used)
{
	struct buf in = x->in;

	buf_init(&x->in, in.max);
	x->got_head = true;
	http1_body_init(&x->body, h->framing, h->length);
	x->ops->on_head(x, h, x->ctx);
	if (!x->closing
	    && (h->framing == HTTP_NO_BODY || (h->framing == HTTP_LENGTH && !h->length)))
		finish(x);
	else
		take_body(x, span_from(buf_span(&in), used));
	buf_fini(&in);
}

static void
take_heads(struct http_exchange *x)
{
	while (!x->closing && !x->got_head) {
		struct http_head h;
		struct err e = {0};
		size_t used = 0;

		switch (http1_response(&x->scan, buf_span(&x->in), x->to_head, &h, &used, &e)) {
		case STEP_MORE:
			return;
		case STEP_BAD:
			http_exchange_close(x, &e);
			return;
		default:
			break;
		}
		if (h.status >= 200) {
			take_head(x, &h, used);
			return;
		}
		/* RFC 9110 section 7.8: nobody asked to switch. */
		if (h.status == 101) {
			exchange_fail(
			    x, ERR_MALFORMED, REASON_INVALID_PROXY_RESPONSE, "switches protocols");
			return;
		}
		buf_drop(&x->in, used);
		x->scan = (struct http1_scan){0};
	}
}

static void
take(struct http_exchange *x, struct span bytes)
{
	if (x->got_head) {
		take_body(x, bytes);
		return;
	}
	buf_add(&x->in, bytes);
	if (!buf_ok(&x->in))
		exchange_fail(x, ERR_MALFORMED, REASON_INVALID_PROXY_RESPONSE, "head too long");
	else
		take_heads(x);
}

static void
take_eof(struct http_exchange *x)
{
	if (x->closing)
		return;
	if (x->got_head && http1_body_ends_at_close(&x->body))
		finish(x);
	else
		exchange_fail(x, ERR_IO, REASON_PEER_LOST, "ended before the answer was whole");
}

/* What waited for a resume. */
static void
on_more(void *ctx)
{
	struct http_exchange *x = ctx;
	struct buf in = x->in;

	if (x->paused || x->closing)
		return;
	buf_init(&x->in, in.max);
	take_body(x, buf_span(&in));
	buf_fini(&in);
	if (x->got_eof && x->in.n == 0)
		take_eof(x);
}

static void
on_read(struct stream *s, struct span bytes, void *ctx)
{
	struct http_exchange *x = ctx;

	if (x->closing)
		return;
	x->active_ms = net_loop_now_ms(x->loop);
	if (x->got_head && x->in.n > 0) {
		buf_add(&x->in, bytes);
		on_more(x);
		return;
	}
	take(x, bytes);
}

static void
on_eof(struct stream *s, void *ctx)
{
	struct http_exchange *x = ctx;

	x->got_eof = true;
	if (!x->got_head || x->in.n == 0)
		take_eof(x);
}

static void
on_drain(struct stream *s, void *ctx)
{
	struct http_exchange *x = ctx;

	if (!x->closing && x->ops->on_drain)
		x->ops->on_drain(x, x->ctx);
}

static void
on_close(struct stream *s, const struct err *why, void *ctx)
{
	struct http_exchange *x = ctx;
	struct err lost = {0};

	x->closing = true;
	net_timer_stop(&x->timer);
	net_defer_stop(&x->more);
	if (!x->done && why->code == ERR_NONE) {
		err_set(&lost, ERR_IO, REASON_PEER_LOST, "closed before the answer was whole");
		why = &lost;
	}
	x->ops->on_close(x, why, x->ctx);
	http1_body_fini(&x->body);
	buf_fini(&x->in);
	free(x);
}

static const struct stream_ops exchange_ops = {.on_open = on_open,
    .on_read = on_read,
    .on_eof = on_eof,
    .on_drain = on_drain,
    .on_close = on_close};

static bool
is_ours(struct span name)
{
	static const char *const ours[] = {"content-length", "transfer-encoding", "connection",
	    "keep-alive", "expect", "upgrade", "te", "proxy-connection"};

	for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
		if (span_iis(name, ours[i]))
			return true;
	return false;
}

static void
write_head(struct buf *b, const struct http_exchange_opts *o)
{
	http1_write_request_line(b, o->method, o->target);
	for (size_t i = 0; i < o->n_fields; i++) {
		const struct http_field *f = &o->fields[i];

		if (is_ours(f->name))
			continue;
		b->failed = b->failed || !http_token_ok(f->name) || !http_value_ok(f->value);
		buf_add(b, f->name);
		buf_add_str(b, ": ");
		buf_add(b, f->value);
		buf_add_str(b, "\r\n");
	}
	if (o->body_length > 0)
		buf_printf(b, "Content-Length: %lld\r\n", (long long)o->body_length);
	else if (o->body_length < 0)
		buf_add_str(b, "Transfer-Encoding: chunked\r\n");
	else if (span_is(o->method, "POST") || span_is(o->method, "PUT")
		 || span_is(o->method, "PATCH"))
		buf_add_str(b, "Content-Length: 0\r\n"); /* RFC 9110 section 8.6 */
	buf_add_str(b, "Connection: close\r\n\r\n");
}

struct http_exchange *
http_exchange_start(struct net_loop *l, const struct http_exchange_opts *o,
    const struct http_exchange_ops *ops, void *ctx, struct err *e)
{
	struct http_exchange *x = calloc(1, sizeof *x);
	struct buf head;

	buf_init(&head, 2 * LIMIT_HEAD);
	if (!x) {
		err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "exchange");
		return NULL;
	}
	buf_init(&x->in, LIMIT_HEAD + 2 * NET_SCRATCH);
	x->loop = l;
	x->ops = ops;
	x->ctx = ctx;
	x->left = o->body_length;
	x->sent = o->body_length == 0;
	x->to_head = span_is(o->method, "HEAD");
	x->first_byte_ms = o->first_byte_ms ? o->first_byte_ms : FIRST_BYTE_MS;
	x->idle_ms = o->idle_ms ? o->idle_ms : IDLE_MS;
	write_head(&head, o);
	if (!buf_ok(&head))
		err_set(e, ERR_MALFORMED, REASON_BAD_REQUEST, "the head breaks HTTP's grammar");
	else
		x->stream = stream_connect(l, &o->dial, &exchange_ops, x, e);
	if (x->stream)
		stream_write(x->stream, buf_span(&head));
	buf_fini(&head);
	if (x->stream)
		return x;
	free(x);
	return NULL;
}

bool
http_exchange_write(struct http_exchange *x, struct span piece)
{
	char size[24];
	int n;

	if (x->closing || x->sent)
		return false;
	if (piece.n == 0)
		return true;
	if (x->left >= 0) {
		if (piece.n > (uint64_t)x->left)
			return false;
		x->left -= (int64_t)piece.n;
		return stream_write(x->stream, piece);
	}
	n = snprintf(size, sizeof size, "%zx\r\n", piece.n);
	return n > 0 && stream_write(x->stream, span_of(size, (size_t)n))
	       && stream_write(x->stream, piece) && stream_write(x->stream, span_str("\r\n"));
}

bool
http_exchange_is_full(const struct http_exchange *x)
{
	return stream_is_full(x->stream);
}

void
http_exchange_end(struct http_exchange *x)
{
	if (x->closing || x->sent)
		return;
	if (x->left > 0) {
		exchange_fail(x, ERR_IO, REASON_INTERNAL, "less body than was announced");
		return;
	}
	if (x->left < 0)
		stream_write(x->stream, span_str("0\r\n\r\n"));
	x->sent = true;
}

void
http_exchange_pause(struct http_exchange *x)
{
	x->paused = true;
	stream_pause(x->stream);
}

void
http_exchange_resume(struct http_exchange *x)
{
	if (!x->paused || x->closing)
		return;
	x->paused = false;
	x->active_ms = net_loop_now_ms(x->loop);
	stream_resume(x->stream);
	if (x->got_head && x->in.n > 0)
		net_defer_call(x->loop, &x->more, on_more, x);
}
