/* stream_dial.c - making the connection of a dialled stream: name, then one address after
 * another, within one deadline. */
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>

#include "net/stream_impl.h"

#define DIAL_TIMEOUT_MS 10000u
#define DIAL_ADDRESSES  8

struct stream_dialling {
	uv_getaddrinfo_t names;
	uv_connect_t connect;
	struct stream *s; /* NULL: dropped while the name is looked up */
	struct net_timer attempt; /* one address must not use up the time of the others */
	uint64_t timeout_ms;
	struct sockaddr_storage address[DIAL_ADDRESSES];
	size_t n, next;
	int last_error;
	bool looking_up;
};

void
stream_dial_drop(struct stream *s)
{
	struct stream_dialling *d = s->dialling;

	if (!d)
		return;
	s->dialling = NULL;
	net_timer_stop(&d->attempt);
	if (!d->looking_up) {
		free(d);
		return;
	}
	d->s = NULL;
	(void)uv_cancel((uv_req_t *)&d->names);
}

static void
on_dial_late(void *ctx)
{
	struct stream *s = ctx;

	stream_fail(s, ERR_IO, REASON_CONNECT_TIMEOUT, "%s", s->connected ? "TLS" : "TCP");
}

/* The descriptor of a failed attempt is closed. */
static void
on_attempt_closed(uv_handle_t *h)
{
	struct stream *s = h->data;

	s->has_io = false;
	/* Nobody else ends a stream that was closed meanwhile. */
	if (s->closing)
		stream_kick(s);
	else
		stream_dial_next(s);
}

static void
attempt_failed(struct stream *s, int error)
{
	s->dialling->last_error = error;
	net_timer_stop(&s->dialling->attempt);
	if (!uv_is_closing(&s->io.handle))
		uv_close(&s->io.handle, on_attempt_closed);
}

static void
on_attempt_late(void *ctx)
{
	struct stream *s = ctx;

	if (!s->closing)
		attempt_failed(s, UV_ETIMEDOUT);
}

static void
on_connect(uv_connect_t *req, int status)
{
	struct stream *s = req->data;
	uv_os_fd_t fd;

	if (s->closing || uv_is_closing(&s->io.handle))
		return;
	if (status < 0) {
		attempt_failed(s, status);
		return;
	}
	stream_dial_drop(s);
	if (!s->tls) {
		net_timer_stop(&s->timer);
		s->announce = true;
	}
	if (!s->is_pipe && uv_fileno(&s->io.handle, &fd) == 0)
		stream_set_options(fd, s->peer_timeout_ms);
	stream_note_peer(s);
	stream_start(s);
}

void
stream_dial_next(struct stream *s)
{
	struct stream_dialling *d = s->dialling;
	const struct sockaddr *a;
	int rc;

	if (d->next >= d->n) {
		stream_fail(s, ERR_IO, REASON_CONNECT_FAILED, "%s", uv_strerror(d->last_error));
		return;
	}
	a = (const struct sockaddr *)&d->address[d->next++];
	rc = uv_tcp_init(net_loop_uv(s->loop), &s->io.tcp);
	if (rc < 0) {
		stream_fail(s, ERR_IO, REASON_CONNECT_FAILED, "%s", uv_strerror(rc));
		return;
	}
	s->has_io = true;
	s->io.handle.data = s;
	d->connect.data = s;
	rc = uv_tcp_connect(&d->connect, &s->io.tcp, a, on_connect);
	if (rc < 0)
		attempt_failed(s, rc);
	else if (d->next < d->n)
		net_timer_start(s->loop, &d->attempt, d->timeout_ms / 3, on_attempt_late, s);
}

static void
on_names(uv_getaddrinfo_t *req, int status, struct addrinfo *list)
{
	struct stream_dialling *d = req->data;
	struct stream *s = d->s;

	d->looking_up = false;
	for (struct addrinfo *a = list; a && d->n < DIAL_ADDRESSES; a = a->ai_next)
		if (a->ai_addrlen <= sizeof d->address[0])
			memcpy(&d->address[d->n++], a->ai_addr, a->ai_addrlen);
	uv_freeaddrinfo(list);
	if (!s) {
		free(d);
		return;
	}
	if (s->closing)
		return;
	d->last_error = status < 0 ? status : UV_EAI_NODATA;
	stream_dial_next(s);
}

/* Begin to dial a unix socket; errors come to on_connect. */
static bool
dial_unix(struct stream *s, const char *path, struct err *e)
{
	struct sockaddr_un un;

	if (strlen(path) >= sizeof un.sun_path)
		return err_set(e, ERR_USAGE, REASON_CONNECT_FAILED, "path of a socket too long");
	if (uv_pipe_init(net_loop_uv(s->loop), &s->io.pipe, 0) < 0)
		return err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "pipe");
	s->has_io = s->is_pipe = true;
	s->io.handle.data = s;
	s->dialling->connect.data = s;
	uv_pipe_connect(&s->dialling->connect, &s->io.pipe, path, on_connect);
	return true;
}

static void
on_first_attempt(void *ctx)
{
	struct stream *s = ctx;

	if (!s->closing)
		stream_dial_next(s);
}

/* Begin with a number, which needs no look-up, or a name. */
static bool
dial_tcp(struct stream *s, const char *host, uint16_t port, struct err *e)
{
	struct stream_dialling *d = s->dialling;
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	char service[8];
	int rc;

	if (uv_ip4_addr(host, port, (struct sockaddr_in *)&d->address[0]) == 0
	    || uv_ip6_addr(host, port, (struct sockaddr_in6 *)&d->address[0]) == 0) {
		d->n = 1;
		/* Later, so that no callback comes from inside stream_connect. */
		net_timer_start(s->loop, &d->attempt, 0, on_first_attempt, s);
		return true;
	}
	snprintf(service, sizeof service, "%u", port);
	d->names.data = d;
	rc = uv_getaddrinfo(net_loop_uv(s->loop), &d->names, on_names, host, service, &hints);
	if (rc < 0)
		return net_err_uv(e, REASON_CONNECT_FAILED, "getaddrinfo", rc);
	d->looking_up = true;
	return true;
}

struct stream *
stream_connect(struct net_loop *l, const struct stream_dial *o, const struct stream_ops *ops,
    void *ctx, struct err *e)
{
	struct stream *s = stream_new(l, e);
	struct stream_dialling *d = s ? calloc(1, sizeof *d) : NULL;
	uint64_t timeout = o->timeout_ms ? o->timeout_ms : DIAL_TIMEOUT_MS;

	if (!s)
		return NULL;
	if (!d) {
		err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "dial");
		goto refuse;
	}
	s->dialling = d;
	d->s = s;
	d->timeout_ms = timeout;
	if (o->tls && !(s->tls = tls_session_new(o->tls, o->host, e)))
		goto refuse;
	if (!(o->unix_path ? dial_unix(s, o->unix_path, e) : dial_tcp(s, o->host, o->port, e)))
		goto refuse;
	net_timer_start(l, &s->timer, timeout, on_dial_late, s);
	stream_set_ops(s, ops, ctx);
	return s;
refuse:
	/* Nobody was told of it: it goes without a word. */
	stream_close(s, NULL);
	return NULL;
}
