/* stream_peer.c - what a stream knows of its peer: the address, from the socket or a balancer's
 * header, and whether it is still there. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/limits.h"
#include "net/stream_impl.h"

/* Probes of a connection that nobody asked to watch closely. */
#define PROBE_IDLE_S  60
#define PROBE_EVERY_S 10
#define PROBES        3

static int
stream_fd(const struct stream *s)
{
	uv_os_fd_t fd = -1;

	if (!s->connected || uv_fileno(&s->io.handle, &fd) < 0)
		return -1;
	return fd;
}

/* -- the address -- */

static void
note_ip4(struct stream *s, const void *ip)
{
	inet_ntop(AF_INET, ip, s->peer, sizeof s->peer);
}

static void
note_ip6(struct stream *s, const uint8_t ip[static 16])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	if (memcmp(ip, mapped, sizeof mapped) == 0)
		note_ip4(s, ip + sizeof mapped);
	else
		inet_ntop(AF_INET6, ip, s->peer, sizeof s->peer);
}

void
stream_note_peer(struct stream *s)
{
	struct sockaddr_storage a = {0};
	int n = sizeof a;

	if (s->is_pipe) {
		snprintf(s->peer, sizeof s->peer, "unix");
		return;
	}
	if (uv_tcp_getpeername(&s->io.tcp, (struct sockaddr *)&a, &n) < 0)
		return;
	if (a.ss_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)&a;

		note_ip4(s, &in->sin_addr);
		s->peer_port = ntohs(in->sin_port);
	} else {
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&a;

		note_ip6(s, in6->sin6_addr.s6_addr);
		s->peer_port = ntohs(in6->sin6_port);
	}
}

void
stream_note_proxied(struct stream *s, const struct proxy_header *h)
{
	/* Only the balancer's own connection may pass for the balancer: rights hang on addresses. */
	if (h->source == PROXY_SOURCE_SELF)
		return;
	s->peer_port = h->src_port;
	if (h->source == PROXY_SOURCE_IP)
		note_ip6(s, h->src);
	else
		snprintf(
		    s->peer, sizeof s->peer, h->source == PROXY_SOURCE_UNIX ? "unix" : "unknown");
}

const char *
stream_peer(const struct stream *s)
{
	return s->peer;
}

uint16_t
stream_peer_port(const struct stream *s)
{
	return s->peer_port;
}

/* -- the header in front -- */

bool
stream_expect_preface(
    struct stream *s, void (*on_done)(struct stream *, const struct proxy_header *), struct err *e)
{
	s->preface = calloc(1, sizeof *s->preface);
	if (!s->preface)
		return err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "PROXY protocol header");
	buf_init(&s->preface->bytes, LIMIT_PROXY_HEADER);
	s->preface->want = PROXY_HEADER_FIXED;
	s->preface->on_done = on_done;
	return true;
}

void
stream_take_preface(struct stream *s, struct span bytes)
{
	struct stream_preface *p = s->preface;
	struct proxy_header h;
	struct err e = {0};

	buf_add(&p->bytes, bytes);
	if (!buf_ok(&p->bytes)) {
		stream_fail(s, ERR_NOMEM, REASON_NO_MEMORY, "PROXY protocol header");
		return;
	}
	switch (proxy_header_parse(buf_span(&p->bytes), &h, &p->want, &e)) {
	case STEP_MORE:
		return;
	case STEP_BAD:
		stream_close(s, &e);
		return;
	default:
		break;
	}
	s->preface = NULL;
	stream_note_proxied(s, &h);
	stream_update_reading(s);
	p->on_done(s, &h);
	buf_fini(&p->bytes);
	free(p);
}

/* -- whether it is there -- */

static void
set_option(int fd, int level, int name, int value)
{
	/* A socket that does not know the option works without it. */
	(void)setsockopt(fd, level, name, &value, sizeof value);
}

void
stream_set_options(int fd, uint32_t peer_timeout_ms)
{
	/* Probes begin early enough for the last to fall within the time (tcp(7)). */
	int idle = peer_timeout_ms ? (int)(peer_timeout_ms / 2500) : PROBE_IDLE_S;
	int every = peer_timeout_ms ? (int)(peer_timeout_ms / 5000) : PROBE_EVERY_S;

	set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, idle ? idle : 1);
	set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, every ? every : 1);
	set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, PROBES);
	if (peer_timeout_ms)
		set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, (int)peer_timeout_ms);
}

void
stream_set_peer_timeout(struct stream *s, uint64_t ms)
{
	int fd = stream_fd(s);

	s->peer_timeout_ms = ms < INT32_MAX ? (uint32_t)ms : INT32_MAX;
	if (fd < 0 || s->is_pipe)
		return;
	stream_set_options(fd, s->peer_timeout_ms);
	if (ms == 0)
		set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 0);
}

uint64_t
stream_written(const struct stream *s)
{
	return s->handed + stream_waiting(s);
}

uint64_t
stream_acked(const struct stream *s)
{
	uint64_t taken = stream_taken(s);
	int fd = stream_fd(s), waits = 0;

	if (fd < 0 || ioctl(fd, SIOCOUTQ, &waits) != 0 || waits < 0)
		return taken;
	return (uint64_t)waits < taken ? taken - (uint64_t)waits : 0;
}

size_t
stream_unread(const struct stream *s)
{
	int fd = stream_fd(s), n = 0;

	return fd >= 0 && ioctl(fd, FIONREAD, &n) == 0 && n > 0 ? (size_t)n : 0;
}

bool
stream_is_stale(const struct stream *s)
{
	int fd = stream_fd(s);
	char byte;

	if (!stream_is_writable(s) || s->got_eof || fd < 0)
		return true;
	return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0
	       || (errno != EAGAIN && errno != EINTR);
}
