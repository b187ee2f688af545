/* http_client_send.c - the request's side of an exchange: its head, and its body, which may be held
 * back until the server asks for it. */
#include <stdio.h>

#include "base/limits.h"
#include "net/http_client_impl.h"
#include "net/ws_impl.h"

/* Held back: full at, and at most, as a stream's queue. */
#define HELD_HIGH (256u * 1024)
#define HELD_MAX  (4u * 1024 * 1024)

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
write_framing(struct buf *b, const struct http_exchange_opts *o)
{
	if (o->body_length > 0)
		buf_printf(b, "Content-Length: %lld\r\n", (long long)o->body_length);
	else if (o->body_length < 0)
		http1_write_field(b, "Transfer-Encoding", span_str("chunked"));
	else if (span_is(o->method, "POST") || span_is(o->method, "PUT")
		 || span_is(o->method, "PATCH"))
		http1_write_field(b, "Content-Length", span_str("0")); /* RFC 9110 section 8.6 */
	if (o->expect_continue && o->body_length != 0)
		http1_write_field(b, "Expect", span_str("100-continue"));
}

/* Connection, and what it has to name (RFC 9110 sections 7.6.1 and 10.1.4). */
static void
write_connection(struct buf *b, const struct http_exchange_opts *o)
{
	const char *options = o->upgrade ? "Upgrade" : o->pool ? "" : "close";

	if (o->upgrade)
		http1_write_field(b, "Upgrade", span_str("websocket"));
	if (o->takes_trailers)
		http1_write_field(b, "TE", span_str("trailers"));
	if (options[0] || o->takes_trailers)
		buf_printf(b, "Connection: %s%s%s\r\n", options,
		    options[0] && o->takes_trailers ? ", " : "", o->takes_trailers ? "TE" : "");
}

/* Add what a WebSocket's opening handshake needs and the fields lack; note what 101 must say. */
static bool
write_websocket(struct http_exchange *x, const struct http_exchange_opts *o, struct err *e)
{
	size_t keys = http_field_count(o->fields, o->n_fields, "sec-websocket-key");
	const struct http_field *given = http_field_find(
	    o->fields, o->n_fields, "sec-websocket-key");
	char made[WS_KEY_SIZE];
	struct span key;

	if (!span_is(o->method, "GET") || o->body_length != 0)
		return err_set(e, ERR_USAGE, REASON_BAD_REQUEST, "only GET can ask for an upgrade");
	if (keys > 1 || (given && !ws_key_ok(given->value)))
		return err_set(e, ERR_MALFORMED, REASON_BAD_REQUEST, "bad Sec-WebSocket-Key");
	if (!given && !ws_make_key(made, e))
		return false;
	key = given ? given->value : span_str(made);
	if (!given)
		http1_write_field(&x->head, "Sec-WebSocket-Key", key);
	if (!http_field_find(o->fields, o->n_fields, "sec-websocket-version"))
		http1_write_field(&x->head, "Sec-WebSocket-Version", span_str("13"));
	return ws_accept(key, x->accept) || err_set(e, ERR_IO, REASON_INTERNAL, "SHA-1");
}

bool
http_exchange_write_head(struct http_exchange *x, const struct http_exchange_opts *o, struct err *e)
{
	struct buf *b = &x->head;

	buf_init(b, 2 * LIMIT_HEAD);
	buf_init(&x->held, HELD_MAX);
	http1_write_request_line(b, o->method, o->target);
	for (size_t i = 0; i < o->n_fields; i++)
		if (!is_ours(o->fields[i].name))
			http1_write_field_of(b, o->fields[i]);
	if (o->upgrade && !write_websocket(x, o, e))
		return false;
	write_framing(b, o);
	write_connection(b, o);
	http1_write_end(b);
	return buf_ok(b)
	       || err_set(e, ERR_MALFORMED, REASON_BAD_REQUEST, "the head breaks HTTP's grammar");
}

bool
http_exchange_is_sent(const struct http_exchange *x)
{
	return x->ended && !x->waits;
}

/* -- the body -- */

/* Say whether the body is kept here: until 100, or until a fresh connection is dialled. */
static bool
is_held(const struct http_exchange *x)
{
	return x->waits || (!stream_is_writable(x->stream) && http_exchange_may_repeat(x));
}

/* Queue bytes as they are, or keep them. */
static bool
put(struct http_exchange *x, struct span bytes)
{
	if (!is_held(x) && x->piped)
		return stream_write(x->stream, bytes);
	if (!is_held(x)) {
		x->wrote_body = true;
		/* A server that reads no more may have answered: its answer, or the end, comes. */
		x->dropped = !stream_write(x->stream, bytes);
		return true;
	}
	buf_add(&x->held, bytes);
	if (buf_ok(&x->held))
		return true;
	http_exchange_fail(x, ERR_LIMIT, REASON_QUEUE_FULL, "body before 100");
	return false;
}

bool
http_exchange_write(struct http_exchange *x, struct span piece)
{
	char size[24];
	int n;

	if (x->closing || x->ended)
		return false;
	if (piece.n == 0 || x->dropped)
		return true;
	if (x->left >= 0 && !x->piped) {
		if (piece.n > (uint64_t)x->left)
			return false;
		x->left -= (int64_t)piece.n;
	}
	if (x->left >= 0 || x->piped)
		return put(x, piece);
	n = snprintf(size, sizeof size, "%zx\r\n", piece.n);
	return n > 0 && put(x, span_of(size, (size_t)n)) && put(x, piece)
	       && put(x, span_str("\r\n"));
}

bool
http_exchange_is_full(const struct http_exchange *x)
{
	if (!x->stream)
		return false;
	return is_held(x) ? x->held.n >= HELD_HIGH : stream_is_full(x->stream);
}

void
http_exchange_end(struct http_exchange *x)
{
	http_exchange_end_with(x, NULL);
}

static void
end_chunks(struct http_exchange *x, const struct fields *trailers)
{
	struct buf b;

	buf_init(&b, 2 * LIMIT_HEAD);
	http1_write_last_chunk(&b, trailers);
	if (buf_ok(&b))
		(void)put(x, buf_span(&b));
	else
		http_exchange_fail(x, ERR_NOMEM, REASON_NO_MEMORY, "trailers");
	buf_fini(&b);
}

void
http_exchange_end_with(struct http_exchange *x, const struct fields *trailers)
{
	if (x->closing || x->ended)
		return;
	if (x->piped) {
		x->ended = true;
		x->active_ms = net_loop_now_ms(x->loop);
		stream_end(x->stream);
		return;
	}
	if (x->left > 0 && !x->dropped) {
		http_exchange_fail(x, ERR_IO, REASON_INTERNAL, "less body than was announced");
		return;
	}
	if (x->left < 0 && !x->dropped)
		end_chunks(x, trailers);
	x->ended = true;
}

void
http_exchange_send_held(struct http_exchange *x)
{
	bool was_full = x->held.n >= HELD_HIGH;

	x->waits = false;
	net_timer_stop(&x->grace);
	if (x->held.n > 0 && !x->dropped)
		(void)put(x, buf_span(&x->held));
	buf_fini(&x->held);
	/* A stream tells of its own queue only. */
	if (was_full && !http_exchange_is_full(x) && x->ops->on_drain)
		x->ops->on_drain(x, x->ctx);
}

void
http_exchange_go(struct http_exchange *x, bool send)
{
	if (!x->waits || x->closing)
		return;
	x->dropped = !send;
	http_exchange_send_held(x);
}
