#include "net/ws_conn.h"

#include <openssl/rand.h>
#include <stdlib.h>

#include "base/limits.h"
#include "net/ws_conn_impl.h"

#define CLOSE_DEADLINE_MS 5000u
#define QUEUE_HIGH        (256u * 1024)
#define QUEUE_SPARE       (4u * 1024 * 1024)

static void on_held(void *ctx);

struct ws_conn *
ws_conn_new(struct net_loop *l, enum ws_role role, const struct ws_conn_opts *o,
    const struct ws_conn_ops *ops, void *ctx, struct err *e)
{
	struct ws_conn *w = calloc(1, sizeof *w);

	if (!w) {
		err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "WebSocket");
		return NULL;
	}
	w->loop = l;
	w->role = role;
	w->ops = ops;
	w->ctx = ctx;
	w->ping_every_ms = o->ping_every_ms;
	w->ping_deadline_ms = o->ping_deadline_ms ? o->ping_deadline_ms : WS_PING_DEADLINE_MS;
	w->peer_timeout_ms = o->peer_timeout_ms ? o->peer_timeout_ms : WS_PEER_TIMEOUT_MS;
	w->close_deadline_ms = o->close_deadline_ms ? o->close_deadline_ms : CLOSE_DEADLINE_MS;
	w->max = o->max_message ? o->max_message : LIMIT_TEXT_UNATTESTED;
	ws_decoder_init(&w->decoder, role, w->max);
	buf_init(&w->message, w->max);
	buf_init(&w->held, SIZE_MAX / 2);
	return w;
}

void
ws_conn_free(struct ws_conn *w)
{
	net_timer_stop(&w->timer);
	net_defer_stop(&w->more);
	buf_fini(&w->message);
	buf_fini(&w->held);
	ws_decoder_fini(&w->decoder);
	free(w->dial);
	free(w->end);
	free(w);
}

static bool
send_frame(struct ws_conn *w, enum ws_opcode op, struct span payload)
{
	uint8_t mask[4];
	struct buf b;
	bool ok;

	/* Section 5.3: each frame of a client has an unpredictable mask. */
	if (w->role == WS_CLIENT && RAND_bytes(mask, sizeof mask) != 1)
		return false;
	buf_init(&b, payload.n + 64);
	ws_encode(&b, op, true, payload, w->role == WS_CLIENT ? mask : NULL);
	ok = buf_ok(&b) && stream_write(w->stream, buf_span(&b));
	buf_fini(&b);
	return ok;
}

static void
send_close(struct ws_conn *w, uint16_t code, struct span reason)
{
	uint8_t mask[4];
	struct buf b;

	if (w->role == WS_CLIENT && RAND_bytes(mask, sizeof mask) != 1)
		return;
	buf_init(&b, 256);
	ws_encode_close(&b, code, reason, w->role == WS_CLIENT ? mask : NULL);
	if (buf_ok(&b))
		stream_write(w->stream, buf_span(&b));
	buf_fini(&b);
}

bool
ws_conn_send_text(struct ws_conn *w, struct span text)
{
	return w->state == WS_OPEN && send_frame(w, WS_TEXT, text);
}

bool
ws_conn_send_binary(struct ws_conn *w, struct span bytes)
{
	return w->state == WS_OPEN && send_frame(w, WS_BINARY, bytes);
}

void
ws_conn_send_ping(struct ws_conn *w)
{
	send_frame(w, WS_PING, span_of(NULL, 0));
}

void
ws_conn_on_timer(void *ctx)
{
	struct ws_conn *w = ctx;
	struct err e = {0};

	switch (w->state) {
	case WS_CONNECTING:
		err_set(&e, ERR_IO, REASON_CONNECT_TIMEOUT, "upgrade");
		ws_conn_abort(w, &e);
		return;
	case WS_CLOSING:
		err_set(&e, ERR_IO, REASON_PEER_IDLE, "no close frame came back");
		ws_conn_abort(w, &e);
		return;
	case WS_OPEN:
		ws_ping_on_timer(w);
		return;
	default:
		return;
	}
}

/* Keep what on_close will say; the first of each stands. Without memory it says less. */
static void
note_end(struct ws_conn *w, struct span reason, const struct err *why)
{
	if (!w->end && !(w->end = calloc(1, sizeof *w->end)))
		return;
	if (why && w->end->why.code == ERR_NONE)
		w->end->why = *why;
	if (w->end->reason_n > 0 || reason.n == 0)
		return;
	reason = span_first(reason, sizeof w->end->reason);
	w->end->reason_n = (uint8_t)reason.n;
	memcpy(w->end->reason, reason.p, reason.n);
}

/* Enter the last state but the end: the close frames are exchanged, or never will be. */
static void
finish(struct ws_conn *w, uint16_t code, struct span reason, const struct err *why)
{
	w->state = WS_DONE;
	w->code = code;
	note_end(w, reason, why);
	net_timer_stop(&w->timer);
	stream_finish(w->stream);
}

/* RFC 6455 section 7.1.7: fail the connection. */
static void
fail(struct ws_conn *w, const struct err *e)
{
	int code = reason_ws(e->reason);
	uint16_t c = (uint16_t)(code ? code : 1002);

	if (w->state == WS_OPEN)
		send_close(w, c, span_str(reason_token(e->reason)));
	finish(w, c, span_str(reason_token(e->reason)), e);
}

static void
on_close_frame(struct ws_conn *w, const struct ws_event *ev)
{
	if (w->state == WS_CLOSING) {
		finish(w, w->code, span_of(NULL, 0), NULL);
		return;
	}
	/* Section 5.5.1: answer with the same code. */
	send_close(w, ev->code, span_of(NULL, 0));
	finish(w, ev->code, ev->data, NULL);
}

/* A piece of a message: hand on what is whole, keep what is not. */
static void
on_data(struct ws_conn *w, const struct ws_event *ev)
{
	void (*cb)(struct ws_conn *, struct span, void *) = ev->op == WS_TEXT ? w->ops->on_text
									      : w->ops->on_binary;
	struct err e = {0};

	if (w->state != WS_OPEN)
		return;
	if (ev->end && w->message.n == 0) {
		cb(w, ev->data, w->ctx);
		return;
	}
	buf_add(&w->message, ev->data);
	if (!buf_ok(&w->message)) {
		err_set(&e, ERR_LIMIT, REASON_MESSAGE_TOO_BIG, "over %zu bytes", w->message.max);
		fail(w, &e);
		return;
	}
	if (!ev->end)
		return;
	cb(w, buf_span(&w->message), w->ctx);
	buf_fini(&w->message);
}

static void
on_event(struct ws_conn *w, const struct ws_event *ev)
{
	switch (ev->op) {
	case WS_TEXT:
	case WS_BINARY:
		on_data(w, ev);
		break;
	case WS_PING:
		if (w->state == WS_OPEN)
			send_frame(w, WS_PONG, ev->data);
		break;
	case WS_CLOSE:
		on_close_frame(w, ev);
		break;
	default:
		break;
	}
}

/* Decode the n bytes at p, which are ours to change. */
static void
take(struct ws_conn *w, uint8_t *p, size_t n)
{
	size_t off = 0;

	ws_ping_heard(w);
	while (w->state == WS_OPEN || w->state == WS_CLOSING) {
		struct ws_event ev;
		struct err e = {0};
		size_t used = 0;
		enum step step;

		if (w->paused) {
			buf_add(&w->held, span_of(p + off, n - off));
			if (!buf_ok(&w->held))
				ws_conn_abort(w, NULL);
			return;
		}
		w->decoder.max = w->max;
		step = ws_decode(&w->decoder, p + off, n - off, &used, &ev, &e);
		off += used;
		if (step == STEP_BAD) {
			fail(w, &e);
			return;
		}
		if (step == STEP_MORE)
			return;
		on_event(w, &ev);
	}
}

/* Bytes that waited for a resume, or came with the upgrade. */
static void
on_held(void *ctx)
{
	struct ws_conn *w = ctx;
	struct buf b = w->held;

	if (w->paused || w->stream == NULL)
		return;
	buf_init(&w->held, b.max);
	take(w, b.p, b.n);
	buf_fini(&b);
}

void
ws_conn_take(struct ws_conn *w, struct span bytes)
{
	if (w->held.n > 0) {
		/* In order: behind what waits for its turn. */
		buf_add(&w->held, bytes);
		if (!buf_ok(&w->held))
			ws_conn_abort(w, NULL);
		net_defer_call(w->loop, &w->more, on_held, w);
		return;
	}
	take(w, (uint8_t *)bytes.p, bytes.n);
}

/* Room for a message of the largest size behind others. */
static void
set_default_queue(struct ws_conn *w)
{
	stream_set_queue(w->stream, QUEUE_HIGH, w->max + QUEUE_SPARE);
}

void
ws_conn_opened(struct ws_conn *w)
{
	w->state = WS_OPEN;
	stream_set_peer_timeout(w->stream, w->peer_timeout_ms);
	ws_ping_begin(w);
	if (!w->queue_set)
		set_default_queue(w);
}

void
ws_conn_begin(struct ws_conn *w, struct span came)
{
	ws_conn_opened(w);
	if (came.n > 0) {
		buf_add(&w->held, came);
		net_defer_call(w->loop, &w->more, on_held, w);
	}
	stream_resume(w->stream);
}

static void
server_read(struct stream *s, struct span bytes, void *ctx)
{
	ws_conn_take(ctx, bytes);
}

void
ws_conn_on_eof(struct stream *s, void *ctx)
{
	struct ws_conn *w = ctx;
	struct err e = {0};

	if (w->state == WS_DONE)
		return;
	err_set(&e, ERR_IO, REASON_PEER_LOST, "ended without a close frame");
	ws_conn_abort(w, &e);
}

void
ws_conn_on_drain(struct stream *s, void *ctx)
{
	struct ws_conn *w = ctx;

	if (w->state == WS_OPEN && w->ops->on_drain)
		w->ops->on_drain(w, w->ctx);
}

void
ws_conn_on_close(struct stream *s, const struct err *why, void *ctx)
{
	struct ws_conn *w = ctx;
	bool shaken = w->state == WS_DONE && w->code != 0;
	struct span reason = span_of(NULL, 0);
	static const struct err none;

	if (shaken)
		why = &none; /* how the descriptor ended after that does not matter */
	else
		note_end(w, reason, why);
	if (w->end) {
		why = &w->end->why;
		if (shaken)
			reason = span_of(w->end->reason, w->end->reason_n);
	}
	w->state = WS_DONE;
	net_timer_stop(&w->timer);
	w->ops->on_close(w, shaken ? w->code : 1006, reason, why, w->ctx);
	ws_conn_free(w);
}

static const struct stream_ops server_ops = {.on_read = server_read,
    .on_eof = ws_conn_on_eof,
    .on_drain = ws_conn_on_drain,
    .on_close = ws_conn_on_close};

struct ws_conn *
ws_conn_adopt(struct stream *s, const struct ws_conn_opts *o, const struct ws_conn_ops *ops,
    void *ctx, struct err *e)
{
	struct ws_conn *w = ws_conn_new(stream_loop(s), WS_SERVER, o, ops, ctx, e);

	if (!w)
		return NULL;
	w->stream = s;
	stream_set_ops(s, &server_ops, w);
	return w;
}

void
ws_conn_set_queue(struct ws_conn *w, size_t high, size_t max)
{
	w->queue_set = true;
	stream_set_queue(w->stream, high, max);
}

bool
ws_conn_is_full(const struct ws_conn *w)
{
	return stream_is_full(w->stream);
}

size_t
ws_conn_queued(const struct ws_conn *w)
{
	return stream_queued(w->stream);
}

void
ws_conn_set_max(struct ws_conn *w, size_t max_message)
{
	w->max = max_message;
	w->message.max = max_message;
	if (!w->queue_set && w->stream)
		set_default_queue(w);
}

void
ws_conn_set_ping(struct ws_conn *w, uint64_t every_ms, uint64_t deadline_ms)
{
	w->ping_every_ms = every_ms;
	w->ping_deadline_ms = deadline_ms ? deadline_ms : WS_PING_DEADLINE_MS;
	ws_ping_begin(w);
}

void
ws_conn_pause(struct ws_conn *w)
{
	w->paused = true;
	stream_pause(w->stream);
}

void
ws_conn_resume(struct ws_conn *w)
{
	if (!w->paused)
		return;
	w->paused = false;
	ws_ping_heard(w);
	stream_resume(w->stream);
	if (w->held.n > 0)
		net_defer_call(w->loop, &w->more, on_held, w);
}

void
ws_conn_close(struct ws_conn *w, uint16_t code, struct span reason)
{
	if (w->state == WS_CONNECTING) {
		ws_conn_abort(w, NULL);
		return;
	}
	if (w->state != WS_OPEN)
		return;
	send_close(w, code, reason);
	w->state = WS_CLOSING;
	w->code = code;
	note_end(w, reason, NULL);
	/* The peer's close frame has to be read. */
	ws_conn_resume(w);
	net_timer_start(w->loop, &w->timer, w->close_deadline_ms, ws_conn_on_timer, w);
}

void
ws_conn_abort(struct ws_conn *w, const struct err *why)
{
	if (w->state == WS_DONE)
		return;
	w->state = WS_DONE;
	w->code = 0;
	note_end(w, span_of(NULL, 0), why);
	net_timer_stop(&w->timer);
	stream_close(w->stream, why);
}

bool
ws_conn_is_open(const struct ws_conn *w)
{
	return w->state == WS_OPEN && stream_is_writable(w->stream);
}

void
ws_conn_set_ops(struct ws_conn *w, const struct ws_conn_ops *ops, void *ctx)
{
	w->ops = ops;
	w->ctx = ctx;
}

void *
ws_conn_ctx(const struct ws_conn *w)
{
	return w->ctx;
}

const char *
ws_conn_peer(const struct ws_conn *w)
{
	return stream_peer(w->stream);
}

bool
ws_conn_is_tls(const struct ws_conn *w)
{
	return stream_is_tls(w->stream);
}

struct net_loop *
ws_conn_loop(const struct ws_conn *w)
{
	return w->loop;
}

bool
ws_conn_tls_exporter(const struct ws_conn *w, uint8_t out[static TLS_EXPORTER_SIZE])
{
	return stream_tls_exporter(w->stream, out);
}
