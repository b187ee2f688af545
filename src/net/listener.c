#include "net/listener.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/ip.h"
#include "net/stream_impl.h"
#include "os/activation.h"

#define LISTENER_STREAMS 4096u
#define LISTENER_BACKLOG 1024
#define LISTENER_TLS_MS  10000u
#define LISTENER_WAIT_MS 100u /* without memory */

struct listener {
	uv_tcp_t h;
	struct net_item item;
	struct net_timer retry;
	struct net_loop *loop;
	const struct listener_ops *ops;
	void *ctx;
	struct tls_ctx *tls;
	char *proxies; /* whose connections begin with a PROXY protocol header; NULL: nobody's */
	uint64_t tls_timeout_ms, refused;
	uint32_t peer_timeout_ms;
	uint32_t streams, max_streams;
	uint16_t port;
	bool closing, closed; /* asked for; the descriptor is gone */
};

static void
listener_free_if_done(struct listener *l)
{
	if (!l->closed || l->streams > 0)
		return;
	free(l->proxies);
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
	net_timer_stop(&l->retry);
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
on_late(void *ctx)
{
	struct stream *s = ctx;

	stream_fail(s, ERR_IO, REASON_CONNECT_TIMEOUT, "%s",
	    s->preface ? "PROXY protocol header" : "TLS handshake");
}

/* Take a newcomer into `s`. False: it is refused. */
static bool
accept_stream(struct listener *l, struct stream *s)
{
	struct err e = {0};

	s->paused = true;
	s->on_gone = on_stream_gone;
	s->owner = l;
	s->peer_timeout_ms = l->peer_timeout_ms;
	l->streams++;
	if (uv_tcp_init(net_loop_uv(l->loop), &s->io.tcp) < 0)
		goto refuse;
	s->has_io = true;
	s->io.handle.data = s;
	if (uv_accept((uv_stream_t *)&l->h, &s->io.stream) < 0 || l->streams > l->max_streams)
		goto refuse;
	if (l->tls && !(s->tls = tls_session_new(l->tls, NULL, &e)))
		goto refuse;
	stream_note_peer(s);
	return true;
refuse:
	stream_reset(s, NULL);
	return false;
}

/* The stream is its owner's from here on. */
static void
announce(struct listener *l, struct stream *s)
{
	if (s->tls)
		net_timer_start(l->loop, &s->timer, l->tls_timeout_ms, on_late, s);
	l->ops->on_accept(l, s, l->ctx);
}

/* -- newcomers whose PROXY protocol header is waited for -- */

static void
on_preface_read(struct stream *s, struct span bytes, void *ctx)
{
}

static void
on_preface_close(struct stream *s, const struct err *why, void *ctx)
{
	struct listener *l = ctx;

	if (why->code == ERR_NONE || l->closing)
		return;
	l->refused++;
	if (l->ops->on_refused)
		l->ops->on_refused(l, stream_peer(s), why, l->ctx);
}

static const struct stream_ops preface_ops = {
    .on_read = on_preface_read, .on_close = on_preface_close};

static void
on_preface(struct stream *s, const struct proxy_header *h)
{
	struct listener *l = s->owner;

	net_timer_stop(&s->timer);
	stream_set_ops(s, NULL, NULL);
	if (l->closing)
		stream_reset(s, NULL);
	else
		announce(l, s);
}

/* Whether a newcomer is one of the balancers. */
static bool
is_proxy(const struct listener *l, const struct stream *s)
{
	uint8_t ip[16];

	return l->proxies && ip_parse(span_str(s->peer), ip)
	       && ip_list_has(span_str(l->proxies), ip);
}

static void on_retry(void *ctx);

static void
on_connection(uv_stream_t *h, int status)
{
	struct listener *l = h->data;
	struct err e = {0};
	struct stream *s = status < 0 ? NULL : stream_new(l->loop, &e);

	if (status == 0 && !s) {
		/* Without memory newcomers wait: libuv gives the next only when this one is taken. */
		net_timer_start(l->loop, &l->retry, LISTENER_WAIT_MS, on_retry, l);
		return;
	}
	/* Out of descriptors libuv has already accepted and closed the newcomers by its reserve. */
	if (!s || !accept_stream(l, s)) {
		l->refused++;
		return;
	}
	if (!is_proxy(l, s)) {
		stream_start(s);
		announce(l, s);
		return;
	}
	if (!stream_expect_preface(s, on_preface, &e)) {
		l->refused++;
		stream_reset(s, &e);
		return;
	}
	stream_set_ops(s, &preface_ops, l);
	net_timer_start(l->loop, &s->timer, l->tls_timeout_ms, on_late, s);
	stream_start(s);
}

static void
on_retry(void *ctx)
{
	struct listener *l = ctx;

	on_connection((uv_stream_t *)&l->h, 0);
}

/* -- the listening socket -- */

static bool
socket_is(int fd, int option, int want)
{
	int value = -1;
	socklen_t n = sizeof value;

	return getsockopt(fd, SOL_SOCKET, option, &value, &n) == 0 && value == want;
}

/* Take over a descriptor that the program was started with, after a look at what it is. */
static bool
listener_take_over(struct listener *l, int fd, struct err *e)
{
	const char *fault = NULL;
	int rc;

	if (!socket_is(fd, SO_TYPE, SOCK_STREAM) || !socket_is(fd, SO_PROTOCOL, IPPROTO_TCP)
	    || (!socket_is(fd, SO_DOMAIN, AF_INET) && !socket_is(fd, SO_DOMAIN, AF_INET6)))
		fault = "is no TCP socket";
	else if (!socket_is(fd, SO_ACCEPTCONN, 1))
		fault = "does not listen (a unit with Accept=yes?)";
	if (fault) {
		(void)err_set(e, ERR_USAGE, REASON_LISTEN_FAILED, "descriptor %d %s", fd, fault);
		return err_show(e, ACTIVATION_TODO);
	}
	rc = uv_tcp_open(&l->h, fd);
	return rc == 0 || net_err_uv(e, REASON_LISTEN_FAILED, "inherited socket", rc);
}

static bool
listener_bind(struct listener *l, const struct listener_opts *o, struct err *e)
{
	struct sockaddr_storage a = {0};
	int rc;

	if (uv_ip4_addr(o->address, o->port, (struct sockaddr_in *)&a) < 0
	    && uv_ip6_addr(o->address, o->port, (struct sockaddr_in6 *)&a) < 0)
		return err_set(
		    e, ERR_USAGE, REASON_LISTEN_FAILED, "%.60s is no IP address", o->address);
	rc = uv_tcp_bind(&l->h, (struct sockaddr *)&a, 0);
	if (rc < 0)
		return err_set(e, ERR_IO, REASON_LISTEN_FAILED, "%.60s port %u: %s", o->address,
		    o->port, uv_strerror(rc));
	return true;
}

static bool
listener_listen(struct listener *l, const struct listener_opts *o, struct err *e)
{
	struct sockaddr_storage a = {0};
	uv_os_fd_t fd = -1;
	int n = sizeof a, rc;

	if (!(o->inherited > 0 ? listener_take_over(l, o->inherited, e) : listener_bind(l, o, e)))
		return false;
	rc = uv_listen((uv_stream_t *)&l->h, LISTENER_BACKLOG, on_connection);
	if (rc == 0)
		rc = uv_tcp_getsockname(&l->h, (struct sockaddr *)&a, &n);
	if (rc < 0 && o->inherited > 0)
		return net_err_uv(e, REASON_LISTEN_FAILED, "inherited socket", rc);
	if (rc < 0)
		return err_set(e, ERR_IO, REASON_LISTEN_FAILED, "%.60s port %u: %s", o->address,
		    o->port, uv_strerror(rc));
	l->port = ntohs(a.ss_family == AF_INET ? ((struct sockaddr_in *)&a)->sin_port
					       : ((struct sockaddr_in6 *)&a)->sin6_port);
	/* Set once here instead of for every newcomer. */
	if (uv_fileno((uv_handle_t *)&l->h, &fd) == 0)
		stream_set_options(fd, l->peer_timeout_ms);
	return true;
}

static bool
take_options(struct listener *l, const struct listener_opts *o, struct err *e)
{
	l->tls = o->tls;
	l->tls_timeout_ms = o->tls_timeout_ms ? o->tls_timeout_ms : LISTENER_TLS_MS;
	l->peer_timeout_ms = o->peer_timeout_ms < INT32_MAX ? (uint32_t)o->peer_timeout_ms
							    : INT32_MAX;
	l->max_streams = o->max_streams ? o->max_streams : LISTENER_STREAMS;
	if (!o->proxy_protocol_from)
		return true;
	if (!ip_list_ok(span_str(o->proxy_protocol_from)))
		return err_set(e, ERR_USAGE, REASON_BAD_SETTING, "%.60s is no list of addresses",
		    o->proxy_protocol_from);
	l->proxies = strdup(o->proxy_protocol_from);
	return l->proxies || err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "listener");
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
	net_loop_add(loop, &l->item, shut_listener);
	if (!take_options(l, o, e) || !listener_listen(l, o, e)) {
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
