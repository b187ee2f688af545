#include "net/http_client.h"

#include <stdlib.h>

#include "base/limits.h"
#include "net/http_client_impl.h"

#define FIRST_BYTE_MS 15000u
#define IDLE_MS       60000u
#define EXPECT_MS     1000u

void
http_exchange_fail(struct http_exchange *x, enum err_code c, enum reason r, const char *what)
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
	net_timer_stop(&x->grace);
	net_defer_stop(&x->more);
	if (x->stream)
		stream_close(x->stream, why);
}

static void
exchange_free(struct http_exchange *x)
{
	net_timer_stop(&x->timer);
	net_timer_stop(&x->grace);
	net_defer_stop(&x->more);
	net_defer_stop(&x->over);
	http1_body_fini(&x->body);
	buf_fini(&x->head);
	buf_fini(&x->held);
	buf_fini(&x->in);
	if (x->pool)
		http_pool_drop(x->pool);
	free(x);
}

/* The pool has the connection, so no stream's end tells of ours. */
static void
on_over(void *ctx)
{
	static const struct err none;
	struct http_exchange *x = ctx;

	x->ops->on_close(x, &none, x->ctx);
	exchange_free(x);
}

void
http_exchange_finish(struct http_exchange *x, size_t rest)
{
	struct stream *s = x->stream;

	x->done = true;
	/* RFC 9112 section 9.3: both messages were whole, and not a byte is left in between. */
	if (x->pool && x->keep && rest == 0 && http_exchange_is_sent(x) && !x->dropped
	    && !x->got_eof && stream_queued(s) == 0 && stream_is_writable(s)) {
		x->stream = NULL;
		net_timer_stop(&x->timer);
		net_defer_call(x->loop, &x->over, on_over, x);
		http_pool_give(x->pool, s);
	}
	if (x->ops->on_end)
		x->ops->on_end(x, x->ctx);
	http_exchange_close(x, NULL);
}

/* Say whether a byte of the peer's, or its reading, is what the exchange waits for. */
static bool
waits_for_peer(const struct http_exchange *x)
{
	if (stream_queued(x->stream) > 0)
		return true;
	if (x->piped)
		return (x->ended || x->got_eof) && !x->paused;
	return http_exchange_is_sent(x) && !x->paused;
}

/* Ticks while the exchange lives, an eighth of the shorter time apart. */
static void
on_tick(void *ctx)
{
	struct http_exchange *x = ctx;
	uint64_t now = net_loop_now_ms(x->loop);

	if (stream_taken(x->stream) != x->taken || !waits_for_peer(x)) {
		x->taken = stream_taken(x->stream);
		x->active_ms = now;
	}
	if (http_exchange_is_sent(x) && stream_queued(x->stream) == 0 && !x->got_head) {
		if (x->sent_ms == 0)
			x->sent_ms = now;
		if (now - x->sent_ms >= x->first_byte_ms)
			http_exchange_fail(x, ERR_IO, REASON_PROXY_TIMEOUT, "no first byte");
		return;
	}
	if (now - x->active_ms >= x->idle_ms)
		http_exchange_fail(x, ERR_IO, REASON_PEER_IDLE, "silence");
}

static void
on_grace_over(void *ctx)
{
	http_exchange_go(ctx, true);
}

/* The connection is there: the clocks run. */
static void
begin(struct http_exchange *x)
{
	uint64_t shorter = x->first_byte_ms < x->idle_ms ? x->first_byte_ms : x->idle_ms;

	x->open = true;
	x->active_ms = net_loop_now_ms(x->loop);
	x->taken = stream_taken(x->stream);
	net_timer_repeat(x->loop, &x->timer, shorter / 8 + 1, on_tick, x);
	if (x->waits)
		net_timer_start(x->loop, &x->grace, x->expect_ms, on_grace_over, x);
}

static void
on_open(struct stream *s, void *ctx)
{
	begin(ctx);
}

static void
on_read(struct stream *s, struct span bytes, void *ctx)
{
	struct http_exchange *x = ctx;

	if (x->closing)
		return;
	x->active_ms = net_loop_now_ms(x->loop);
	http_exchange_take(x, bytes);
}

bool
http_exchange_may_repeat(const struct http_exchange *x)
{
	return x->reused && !x->closing && !x->wrote_body
	       && (x->idempotent || stream_taken(x->stream) == x->taken_before);
}

static void
on_eof(struct stream *s, void *ctx)
{
	struct http_exchange *x = ctx;

	if (http_exchange_may_repeat(x)) {
		x->again = true;
		stream_close(s, NULL);
		return;
	}
	x->got_eof = true;
	if (!x->got_head || x->in.n == 0)
		http_exchange_take_eof(x);
}

static void
on_drain(struct stream *s, void *ctx)
{
	struct http_exchange *x = ctx;

	if (!x->closing && x->ops->on_drain)
		x->ops->on_drain(x, x->ctx);
}

static bool dial_again(struct http_exchange *x, struct err *e);

static void
on_close(struct stream *s, const struct err *why, void *ctx)
{
	static const struct err none;
	struct http_exchange *x = ctx;
	struct err lost = {0};

	if ((x->again || http_exchange_may_repeat(x)) && !x->closing) {
		if (dial_again(x, &lost))
			return;
		why = &lost;
	}
	if (x->done && !x->piped)
		why = &none; /* whole, whatever became of the rest of the request */
	if (!x->done && why->code == ERR_NONE) {
		err_set(&lost, ERR_IO, REASON_PEER_LOST, "closed before the answer was whole");
		why = &lost;
	}
	x->closing = true;
	x->ops->on_close(x, why, x->ctx);
	exchange_free(x);
}

static const struct stream_ops exchange_ops = {.on_open = on_open,
    .on_read = on_read,
    .on_eof = on_eof,
    .on_drain = on_drain,
    .on_close = on_close};

/* A request on its way: a server may answer, and go away, before it has read it whole. */
static void
send_head(struct http_exchange *x)
{
	stream_read_on(x->stream);
	stream_write(x->stream, buf_span(&x->head));
}

/* The pooled connection had ended: send the request on a fresh one. */
static bool
dial_again(struct http_exchange *x, struct err *e)
{
	x->again = x->reused = x->open = false;
	x->sent_ms = 0;
	net_timer_stop(&x->timer);
	net_timer_stop(&x->grace);
	x->stream = http_pool_dial(x->pool, &exchange_ops, x, e);
	if (!x->stream)
		return false;
	stream_set_read_max(x->stream, x->read_max);
	if (x->paused)
		stream_pause(x->stream);
	send_head(x);
	buf_fini(&x->head);
	if (!x->waits)
		http_exchange_send_held(x);
	return true;
}

static bool
connect_exchange(struct http_exchange *x, const struct http_exchange_opts *o, struct err *e)
{
	bool surely = !x->idempotent || o->body_length != 0;

	if (x->pool)
		x->stream = http_pool_take(x->pool, surely, &exchange_ops, x);
	x->reused = x->stream != NULL;
	if (!x->stream && x->pool)
		x->stream = http_pool_dial(x->pool, &exchange_ops, x, e);
	else if (!x->stream)
		x->stream = stream_connect(x->loop, &o->dial, &exchange_ops, x, e);
	if (!x->stream)
		return false;
	x->taken_before = stream_taken(x->stream);
	send_head(x);
	if (x->reused)
		begin(x);
	else
		buf_fini(&x->head);
	return true;
}

/* RFC 9110 section 9.2.2. */
static bool
is_idempotent(struct span method)
{
	static const char *const all[] = {"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (span_is(method, all[i]))
			return true;
	return false;
}

struct http_exchange *
http_exchange_start(struct net_loop *l, const struct http_exchange_opts *o,
    const struct http_exchange_ops *ops, void *ctx, struct err *e)
{
	struct http_exchange *x = calloc(1, sizeof *x);

	if (!x) {
		err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "exchange");
		return NULL;
	}
	buf_init(&x->in, LIMIT_HEAD + 2 * NET_SCRATCH);
	x->loop = l;
	x->ops = ops;
	x->ctx = ctx;
	x->left = o->body_length;
	x->ended = o->body_length == 0;
	x->waits = o->expect_continue && !x->ended;
	x->to_head = span_is(o->method, "HEAD");
	x->idempotent = is_idempotent(o->method);
	x->first_byte_ms = o->first_byte_ms ? o->first_byte_ms : FIRST_BYTE_MS;
	x->idle_ms = o->idle_ms ? o->idle_ms : IDLE_MS;
	x->expect_ms = o->expect_ms ? o->expect_ms : EXPECT_MS;
	x->pool = o->pool;
	if (x->pool)
		http_pool_hold(x->pool);
	if (http_exchange_write_head(x, o, e) && connect_exchange(x, o, e))
		return x;
	exchange_free(x);
	return NULL;
}

void
http_exchange_pause(struct http_exchange *x)
{
	x->paused = true;
	if (x->stream)
		stream_pause(x->stream);
}

void
http_exchange_set_read_max(struct http_exchange *x, size_t n)
{
	x->read_max = n;
	if (x->stream)
		stream_set_read_max(x->stream, n);
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
		net_defer_call(x->loop, &x->more, http_exchange_take_more, x);
}
