#include "net/http_server.h"

#include <stdlib.h>

#include "net/http_impl.h"

#define HEAD_MS 10000u
#define IDLE_MS 60000u
#define BODY_MS 60000u

void
http_server_end_if_done(struct http_server *s)
{
	if (s->listener || s->conns)
		return;
	if (s->ops->on_close)
		s->ops->on_close(s, s->ctx);
	free(s->name);
	buf_fini(&s->head);
	free(s->spare);
	free(s);
}

static void
on_accept(struct listener *l, struct stream *stream, void *ctx)
{
	http_conn_begin(ctx, stream);
}

static void
on_listener_close(struct listener *l, void *ctx)
{
	struct http_server *s = ctx;

	s->listener = NULL;
	http_server_end_if_done(s);
}

static void
on_newcomer_refused(struct listener *l, const char *peer, const struct err *why, void *ctx)
{
	struct http_server *s = ctx;

	if (s->ops->on_newcomer_refused)
		s->ops->on_newcomer_refused(s, peer, why, s->ctx);
	else if (s->ops->on_refused)
		s->ops->on_refused(s, peer, why, s->ctx);
}

static const struct listener_ops listener_ops = {
    .on_accept = on_accept, .on_refused = on_newcomer_refused, .on_close = on_listener_close};

struct http_server *
http_server_open(struct net_loop *l, const struct http_server_opts *o,
    const struct http_server_ops *ops, void *ctx, struct err *e)
{
	struct http_server *s = calloc(1, sizeof *s);

	if (!s || (o->server_name && !(s->name = strdup(o->server_name)))) {
		free(s);
		err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "HTTP server");
		return NULL;
	}
	s->loop = l;
	s->ops = ops;
	s->ctx = ctx;
	buf_init(&s->head, 2 * LIMIT_HEAD);
	s->head_ms = o->head_timeout_ms ? o->head_timeout_ms : HEAD_MS;
	s->idle_ms = o->idle_timeout_ms ? o->idle_timeout_ms : IDLE_MS;
	s->body_ms = o->body_timeout_ms ? o->body_timeout_ms : BODY_MS;
	s->abort_on_eof = o->abort_on_eof;
	s->leave_expect = o->leave_expect;
	s->proxy_name = o->proxy_name;
	s->listener = listener_open(l, &o->listen, &listener_ops, s, e);
	if (s->listener)
		return s;
	free(s->name);
	buf_fini(&s->head);
	free(s);
	return NULL;
}

void
http_server_drain(struct http_server *s)
{
	if (s->draining)
		return;
	s->draining = true;
	if (s->listener)
		listener_close(s->listener);
	for (struct http_conn *c = s->conns; c; c = c->next)
		http_conn_kick(c);
}

void
http_server_close(struct http_server *s)
{
	struct err e = {0};

	http_server_drain(s);
	err_set(&e, ERR_NOT_NOW, REASON_DRAINING, "the server stops");
	for (struct http_conn *c = s->conns; c; c = c->next)
		if (c->stream) {
			c->stopped = true;
			stream_close(c->stream, &e);
		}
}

uint16_t
http_server_port(const struct http_server *s)
{
	return s->listener ? listener_port(s->listener) : 0;
}

struct listener *
http_server_listener(const struct http_server *s)
{
	return s->listener;
}
