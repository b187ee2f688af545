#include "net/listener.h"

#include <netinet/in.h>
#include <stdlib.h>

#include "net/stream_impl.h"

#define LISTENER_STREAMS 4096u
#define LISTENER_BACKLOG 1024
#define LISTENER_TLS_MS  10000u

struct listener {
	uv_tcp_t h;
	struct net_item item;
	struct net_loop *loop;
	const struct listener_ops *ops;
	void *ctx;
	struct tls_ctx *tls;
	uint64_t tls_timeout_ms, refused;
	uint32_t streams, max_streams;
	uint16_t port;
	bool closing, closed; /* asked for; the descriptor is gone */
};

static void
listener_free_if_done(struct listener *l)
{
	if (l->closed && l->streams == 0)
		free(l);
}

static void
on_closed(uv_handle_t *h)
{
	struct listener *l = h->data;

	l->closed = true;
	if (l->ops && l->ops->on_close)
		l->ops->on_close(l, l->ctx);
	listener_free_if_done(l);
}

void
listener_close(struct listener *l)
{
	if (l->closing)
		return;
	l->closing = true;
	net_loop_remove(&l->item);
	uv_close((uv_handle_t *)&l->h, on_closed);
}

static void
shut_listener(struct net_item *self)
{
	listener_close((struct listener *)((char *)self - offsetof(struct listener, item)));
}

static void
on_stream_gone(void *owner)
{
	struct listener *l = owner;

	l->streams--;
	listener_free_if_done(l);
}

static void
on_handshake_late(void *ctx)
{
	stream_fail(ctx, ERR_IO, REASON_CONNECT_TIMEOUT, "TLS handshake");
}

/* Give a newcomer its state. NULL: it must be refused. */
static struct stream *
accept_stream(struct listener *l)
{
	struct err e = {0};
	struct stream *s = stream_new(l->loop, &e);

	if (!s)
		return NULL;
	s->paused = true;
	s->on_gone = on_stream_gone;
	s->owner = l;
	l->streams++;
	if (uv_tcp_init(net_loop_uv(l->loop), &s->io.tcp) < 0)
		goto refuse;
	s->has_io = true;
	s->io.handle.data = s;
	if (uv_accept((uv_stream_t *)&l->h, &s->io.stream) < 0 || l->streams > l->max_streams)
		goto refuse;
	if (l->tls && !(s->tls = tls_session_new(l->tls, NULL, &e)))
		goto refuse;
	return s;
refuse:
	stream_reset(s, NULL);
	return NULL;
}

static void
on_connection(uv_stream_t *h, int status)
{
	struct listener *l = h->data;
	struct stream *s;

	/* Out of descriptors libuv has already accepted and closed the newcomers by its reserve. */
	if (status < 0 || !(s = accept_stream(l))) {
		l->refused++;
		return;
	}
	if (s->tls)
		net_timer_start(l->loop, &s->timer, l->tls_timeout_ms, on_handshake_late, s);
	stream_start(s);
	l->ops->on_accept(l, s, l->ctx);
}

static bool
listener_bind(struct listener *l, const struct listener_opts *o, struct err *e)
{
	struct sockaddr_storage a = {0};
	int n = sizeof a, rc;

	if (uv_ip4_addr(o->address, o->port, (struct sockaddr_in *)&a) < 0
	    && uv_ip6_addr(o->address, o->port, (struct sockaddr_in6 *)&a) < 0)
		return err_set(
		    e, ERR_USAGE, REASON_LISTEN_FAILED, "%.60s is no IP address", o->address);
	rc = uv_tcp_bind(&l->h, (struct sockaddr *)&a, 0);
	if (rc == 0)
		rc = uv_listen((uv_stream_t *)&l->h, LISTENER_BACKLOG, on_connection);
	if (rc == 0)
		rc = uv_tcp_getsockname(&l->h, (struct sockaddr *)&a, &n);
	if (rc < 0)
		return err_set(e, ERR_IO, REASON_LISTEN_FAILED, "%.60s port %u: %s", o->address,
		    o->port, uv_strerror(rc));
	l->port = ntohs(a.ss_family == AF_INET ? ((struct sockaddr_in *)&a)->sin_port
					       : ((struct sockaddr_in6 *)&a)->sin6_port);
	return true;
}

struct listener *
listener_open(struct net_loop *loop, const struct listener_opts *o, const struct listener_ops *ops,
    void *ctx, struct err *e)
{
	struct listener *l = calloc(1, sizeof *l);
	int rc;

	if (!l) {
		err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "listener");
		return NULL;
	}
	rc = uv_tcp_init(net_loop_uv(loop), &l->h);
	if (rc < 0) {
		free(l);
		net_err_uv(e, REASON_LISTEN_FAILED, "uv_tcp_init", rc);
		return NULL;
	}
	l->h.data = l;
	l->loop = loop;
	l->tls = o->tls;
	l->tls_timeout_ms = o->tls_timeout_ms ? o->tls_timeout_ms : LISTENER_TLS_MS;
	l->max_streams = o->max_streams ? o->max_streams : LISTENER_STREAMS;
	net_loop_add(loop, &l->item, shut_listener);
	if (!listener_bind(l, o, e)) {
		listener_close(l);
		return NULL;
	}
	l->ops = ops;
	l->ctx = ctx;
	return l;
}

uint16_t
listener_port(const struct listener *l)
{
	return l->port;
}

uint32_t
listener_streams(const struct listener *l)
{
	return l->streams;
}

uint64_t
listener_refused(const struct listener *l)
{
	return l->refused;
}
