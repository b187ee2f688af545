/* ws_dial.c - the client's opening handshake (RFC 6455 section 4.1), checked strictly. */
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "net/ws_conn_impl.h"
#include "wire/http1.h"
#include "wire/url.h"

#define DIAL_MS 15000u

struct ws_dialling {
	struct http1_scan scan;
	char key[WS_KEY_SIZE];
	struct buf request;
};

static bool
refuse(struct err *e, const char *what)
{
	return err_set(e, ERR_IO, REASON_UPGRADE_REFUSED, "%s", what);
}

/* Section 4.1, what the client must validate. */
static bool
check_answer(const struct http_head *h, const char *key, struct err *e)
{
	char accept[WS_ACCEPT_MAX];

	if (h->status != 101)
		return err_set(e, ERR_IO, REASON_UPGRADE_REFUSED, "HTTP status %d", h->status);
	if (!span_iis(http_head_get(h, "upgrade"), "websocket"))
		return refuse(e, "no Upgrade: websocket");
	if (!http_list_has(http_head_get(h, "connection"), "upgrade"))
		return refuse(e, "no Connection: Upgrade");
	if (http_field_count(h->fields, h->n, "sec-websocket-accept") != 1
	    || !ws_accept(span_str(key), accept)
	    || !span_is(http_head_get(h, "sec-websocket-accept"), accept))
		return refuse(e, "wrong Sec-WebSocket-Accept");
	if (http_head_get(h, "sec-websocket-extensions").p
	    || http_head_get(h, "sec-websocket-protocol").p)
		return refuse(e, "an extension or protocol that was not asked for");
	return true;
}

/* Gather the answer's head; what follows it are frames. */
static void
read_answer(struct ws_conn *w, struct span bytes)
{
	struct http_head h;
	struct err e = {0};
	struct buf answer;
	size_t used = 0;

	buf_add(&w->message, bytes);
	if (!buf_ok(&w->message)) {
		refuse(&e, "the answer is too long");
		ws_conn_abort(w, &e);
		return;
	}
	switch (http1_response(&w->dial->scan, buf_span(&w->message), false, &h, &used, &e)) {
	case STEP_MORE:
		return;
	case STEP_DONE:
		if (check_answer(&h, w->dial->key, &e))
			break;
		/* fall through */
	default:
		ws_conn_abort(w, &e);
		return;
	}
	free(w->dial);
	w->dial = NULL;
	answer = w->message;
	buf_init(&w->message, w->max);
	ws_conn_opened(w);
	if (w->ops->on_open)
		w->ops->on_open(w, w->ctx);
	if (used < answer.n)
		ws_conn_take(w, span_from(buf_span(&answer), used));
	buf_fini(&answer);
}

static void
on_open(struct stream *s, void *ctx)
{
	struct ws_conn *w = ctx;

	stream_write(s, buf_span(&w->dial->request));
	buf_fini(&w->dial->request);
}

static void
on_read(struct stream *s, struct span bytes, void *ctx)
{
	struct ws_conn *w = ctx;

	if (w->state == WS_CONNECTING)
		read_answer(w, bytes);
	else
		ws_conn_take(w, bytes);
}

static void
on_close(struct stream *s, const struct err *why, void *ctx)
{
	struct ws_conn *w = ctx;

	if (w->dial)
		buf_fini(&w->dial->request);
	ws_conn_on_close(s, why, w);
}

static const struct stream_ops client_ops = {.on_open = on_open,
    .on_read = on_read,
    .on_eof = ws_conn_on_eof,
    .on_drain = ws_conn_on_drain,
    .on_close = on_close};

bool
ws_make_key(char key[static WS_KEY_SIZE], struct err *e)
{
	uint8_t random[16];

	if (RAND_bytes(random, sizeof random) != 1)
		return err_set(e, ERR_IO, REASON_INTERNAL, "no randomness");
	EVP_EncodeBlock((unsigned char *)key, random, sizeof random);
	return true;
}

static bool
write_request(struct ws_dialling *d, const struct url *u, const struct ws_dial *o, struct err *e)
{
	char authority[URL_ORIGIN_MAX];
	struct buf *b = &d->request;

	if (!ws_make_key(d->key, e))
		return false;
	url_authority(u, authority);
	buf_init(b, LIMIT_HEAD);
	http1_write_request_line(b, span_str("GET"), u->target);
	http1_write_field(b, "Host", span_str(authority));
	http1_write_field(b, "Upgrade", span_str("websocket"));
	http1_write_field(b, "Connection", span_str("Upgrade"));
	http1_write_field(b, "Sec-WebSocket-Key", span_str(d->key));
	http1_write_field(b, "Sec-WebSocket-Version", span_str("13"));
	if (o->user_agent)
		http1_write_field(b, "User-Agent", span_str(o->user_agent));
	http1_write_end(b);
	return buf_ok(b) || err_set(e, ERR_USAGE, REASON_BAD_SETTING, "URL of the tunnel");
}

static void
on_late(void *ctx)
{
	struct ws_conn *w = ctx;
	struct err e = {0};

	err_set(&e, ERR_IO, REASON_CONNECT_TIMEOUT, "WebSocket upgrade");
	ws_conn_abort(w, &e);
}

struct ws_conn *
ws_conn_dial(struct net_loop *l, const struct ws_dial *o, const struct ws_conn_opts *opts,
    const struct ws_conn_ops *ops, void *ctx, struct err *e)
{
	uint64_t ms = o->timeout_ms ? o->timeout_ms : DIAL_MS;
	struct stream_dial dial = {.timeout_ms = ms};
	struct ws_conn *w;
	struct url u;

	if (!url_parse(&u, span_str(o->url), e))
		return NULL;
	if (u.scheme == URL_HTTP || u.scheme == URL_HTTPS || (url_is_tls(&u) && !o->tls)) {
		err_set(e, ERR_USAGE, REASON_BAD_SETTING, "not a URL for this WebSocket client");
		return NULL;
	}
	w = ws_conn_new(l, WS_CLIENT, opts, ops, ctx, e);
	if (!w)
		return NULL;
	w->dial = calloc(1, sizeof *w->dial);
	if (!w->dial) {
		err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "dial");
		goto refuse;
	}
	buf_fini(&w->message);
	buf_init(&w->message, LIMIT_HEAD + NET_SCRATCH);
	dial.host = u.host.name;
	dial.port = u.host.port;
	dial.tls = url_is_tls(&u) ? o->tls : NULL;
	if (!write_request(w->dial, &u, o, e))
		goto refuse;
	w->stream = stream_connect(l, &dial, &client_ops, w, e);
	if (!w->stream)
		goto refuse;
	net_timer_start(l, &w->timer, ms, on_late, w);
	return w;
refuse:
	if (w->dial)
		buf_fini(&w->dial->request);
	ws_conn_free(w);
	return NULL;
}
