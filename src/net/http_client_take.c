/* http_client_take.c - the answer's side of an exchange: interim heads, the head, the body, and the
 * bytes behind a 101. */
#include "net/http_client_impl.h"

/* Feed the answer's body; keeps what a pause leaves over. */
static void
take_body(struct http_exchange *x, struct span in)
{
	while (!x->closing && !x->done) {
		struct span piece = span_of(NULL, 0);
		struct err e = {0};
		size_t used = 0;
		enum step step;

		if (x->paused) {
			buf_add(&x->in, in);
			if (!buf_ok(&x->in))
				http_exchange_fail(x, ERR_NOMEM, REASON_NO_MEMORY, "body");
			return;
		}
		step = http1_body_feed(&x->body, in, &used, &piece, &e);
		in = span_from(in, used);
		if (step == STEP_BAD) {
			http_exchange_fail(
			    x, ERR_MALFORMED, REASON_INVALID_PROXY_RESPONSE, e.detail);
			return;
		}
		if (piece.n > 0)
			x->ops->on_body(x, piece, x->ctx);
		if (step == STEP_DONE && !x->closing)
			http_exchange_finish(x, in.n);
		if (step == STEP_MORE && piece.n == 0)
			return;
	}
}

/* The final head, or a 101 that was asked for, is whole: its spans lie in the first bytes of
 * x->in, and `used` says where what follows begins. */
static void
take_head(struct http_exchange *x, const struct http_head *h, size_t used)
{
	struct buf in = x->in;
	struct span rest = span_from(buf_span(&in), used);

	buf_init(&x->in, in.max);
	x->got_head = true;
	x->piped = h->status == 101;
	x->keep = h->keep_alive && h->minor >= 1;
	http1_body_init(&x->body, x->piped ? HTTP_UNTIL_CLOSE : h->framing, h->length);
	http1_body_heed(&x->body, h);
	if (x->piped)
		x->ended = false; /* the request's body is over, not our side of the new protocol */
	x->ops->on_head(x, h, x->ctx);
	/* Section 10.1.1 of RFC 9110: the server has said what it thinks of the request without its
	 * body. Only one that goes on with it is sent it. */
	http_exchange_go(x, h->status < 300);
	if (!x->closing && !x->piped
	    && (h->framing == HTTP_NO_BODY || (h->framing == HTTP_LENGTH && !h->length)))
		http_exchange_finish(x, rest.n);
	else
		take_body(x, rest);
	buf_fini(&in);
}

/* Say whether a 101 is what was asked for (RFC 9110 section 7.8, RFC 6455 section 4.1). */
static bool
is_granted(const struct http_exchange *x, const struct http_head *h)
{
	return x->accept[0] && h->upgrade
	       && http_field_count(h->fields, h->n, "sec-websocket-accept") == 1
	       && span_is(http_head_get(h, "sec-websocket-accept"), x->accept);
}

/* What a whole head means. False: it was interim, go on with the next. */
static bool
judge_head(struct http_exchange *x, const struct http_head *h, size_t used)
{
	if (h->status == 101 && !is_granted(x, h)) {
		http_exchange_fail(x, ERR_MALFORMED, REASON_INVALID_PROXY_RESPONSE,
		    "switches protocols, or not to what was asked for");
		return true;
	}
	if (h->status >= 200 || h->status == 101) {
		take_head(x, h, used);
		return true;
	}
	if (x->ops->on_interim)
		x->ops->on_interim(x, h, x->ctx);
	if (h->status == 100)
		http_exchange_go(x, true);
	return false;
}

static void
take_heads(struct http_exchange *x)
{
	size_t at = 0;

	while (!x->closing) {
		struct http_head h;
		struct err e = {0};
		size_t used = 0;

		switch (http1_response(
		    &x->scan, span_from(buf_span(&x->in), at), x->to_head, &h, &used, &e)) {
		case STEP_MORE:
			buf_drop(&x->in, at);
			return;
		case STEP_BAD:
			http_exchange_close(x, &e);
			return;
		default:
			break;
		}
		at += used;
		if (judge_head(x, &h, at))
			return;
		x->scan = (struct http1_scan){0};
	}
}

void
http_exchange_take(struct http_exchange *x, struct span bytes)
{
	x->reused = false; /* the server has seen the request */
	buf_fini(&x->head);
	if (x->got_head && x->in.n > 0) {
		buf_add(&x->in, bytes);
		http_exchange_take_more(x);
		return;
	}
	if (x->got_head) {
		take_body(x, bytes);
		return;
	}
	buf_add(&x->in, bytes);
	if (!buf_ok(&x->in))
		http_exchange_fail(
		    x, ERR_MALFORMED, REASON_INVALID_PROXY_RESPONSE, "head too long");
	else
		take_heads(x);
}

void
http_exchange_take_eof(struct http_exchange *x)
{
	if (x->closing || x->done)
		return;
	if (x->piped) {
		x->active_ms = net_loop_now_ms(x->loop);
		x->done = true;
		if (x->ops->on_end)
			x->ops->on_end(x, x->ctx);
	} else if (x->got_head && http1_body_ends_at_close(&x->body)) {
		http_exchange_finish(x, 0);
	} else {
		http_exchange_fail(
		    x, ERR_IO, REASON_PEER_LOST, "ended before the answer was whole");
	}
}

void
http_exchange_take_more(void *ctx)
{
	struct http_exchange *x = ctx;
	struct buf in = x->in;

	if (x->paused || x->closing)
		return;
	buf_init(&x->in, in.max);
	take_body(x, buf_span(&in));
	buf_fini(&in);
	if (x->got_eof && x->in.n == 0)
		http_exchange_take_eof(x);
}

const struct fields *
http_exchange_trailers(const struct http_exchange *x)
{
	return x->done && !x->piped ? x->body.trailers : NULL;
}
