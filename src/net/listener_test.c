/* listener_test.c - what a listener does before a stream is its owner's: PROXY protocol headers,
 * inherited sockets, the options that newcomers inherit. */
#include "net/listener.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/test.h"
#include "net/http_server.h"
#include "net/stream_impl.h"
#include "net/test_cert.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define S(text)   span_of(text, sizeof(text) - 1)

static const char tcp4[] = SIGNATURE
    "\x21\x11\x00\x0c\xc0\x00\x02\x07\x7f\x00\x00\x01\x10\x92\x01\xbb";

struct world {
	struct net_loop *l;
	struct listener *listener;
	struct stream *client;
	struct buf got;
	struct span head, rest; /* sent raw; sent when open */
	size_t piece; /* bytes of the head sent at once */
	struct net_timer step, stop;
	int accepted, refused, closed, client_closed;
	char peer[46];
	uint16_t peer_port;
	struct err why, e;
	struct tls_ctx *tls;
};

static void
stop_loop(void *ctx)
{
	net_loop_stop(ctx);
}

static void
server_read(struct stream *s, struct span bytes, void *ctx)
{
	struct world *w = ctx;

	buf_add(&w->got, bytes);
	net_loop_stop(w->l);
}

static void
server_close(struct stream *s, const struct err *why, void *ctx)
{
	((struct world *)ctx)->closed++;
}

static const struct stream_ops server_ops = {.on_read = server_read, .on_close = server_close};

static void
on_accept(struct listener *l, struct stream *s, void *ctx)
{
	struct world *w = ctx;

	w->accepted++;
	snprintf(w->peer, sizeof w->peer, "%s", stream_peer(s));
	w->peer_port = stream_peer_port(s);
	stream_set_ops(s, &server_ops, w);
	stream_resume(s);
}

static void
on_refused(struct listener *l, const char *peer, const struct err *why, void *ctx)
{
	struct world *w = ctx;

	w->refused++;
	w->why = *why;
	assert_string_equal(peer, "127.0.0.1");
	net_loop_stop(w->l);
}

static const struct listener_ops listener_ops = {.on_accept = on_accept, .on_refused = on_refused};

static void
send_piece(void *ctx)
{
	struct world *w = ctx;
	struct span piece = span_first(w->head, w->piece);

	stream_write(w->client, piece);
	w->head = span_from(w->head, piece.n);
	if (w->head.n)
		net_timer_start(w->l, &w->step, 1, send_piece, w);
	else if (!w->tls)
		stream_write(w->client, w->rest);
}

static void
client_open(struct stream *s, void *ctx)
{
	send_piece(ctx);
}

static void
client_read(struct stream *s, struct span bytes, void *ctx)
{
}

static void
client_close(struct stream *s, const struct err *why, void *ctx)
{
	struct world *w = ctx;

	w->client_closed++;
	net_timer_stop(&w->step);
}

static const struct stream_ops client_ops = {
    .on_open = client_open, .on_read = client_read, .on_close = client_close};

/* Listen with o, dial, send head and rest; run until something was read or refused. */
static void
run(struct world *w, struct listener_opts o, struct span head, size_t piece, const char *rest)
{
	struct stream_dial d = {.host = "127.0.0.1"};

	memset(w, 0, sizeof *w);
	w->head = head;
	w->piece = piece;
	w->rest = span_str(rest);
	buf_init(&w->got, 100000);
	w->l = net_loop_new(&w->e);
	o.address = "127.0.0.1";
	w->listener = listener_open(w->l, &o, &listener_ops, w, &w->e);
	assert_non_null(w->listener);
	d.port = listener_port(w->listener);
	w->client = stream_connect(w->l, &d, &client_ops, w, &w->e);
	assert_non_null(w->client);
	net_timer_start(w->l, &w->stop, 1000, stop_loop, w->l);
	net_loop_run(w->l);
}

static void
fini(struct world *w)
{
	net_loop_free(w->l);
	assert_int_equal(w->client_closed, 1);
	assert_int_equal(w->closed, w->accepted);
	buf_fini(&w->got);
}

static void
believes_balancers(void **state)
{
	static const char tcp6[] = SIGNATURE "\x21\x21\x00\x24\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0"
					     "\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01"
					     "\x10\x92\x01\xbb";
	static const char mapped[] = SIGNATURE "\x21\x21\x00\x24\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0"
					       "\x00\x02\x07\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01"
					       "\x10\x92\x01\xbb";
	static const char unix_stream[16 + 216] = SIGNATURE "\x21\x31\x00\xd8/run/a";
	const struct {
		struct span head;
		const char *peer;
	} rows[] = {
	    {S(tcp4), "192.0.2.7"},
	    {S(tcp6), "2001:db8::1"},
	    {S(mapped), "192.0.2.7"},
	    {S(SIGNATURE "\x20\x00\x00\x00"), "127.0.0.1"},
	    {S(SIGNATURE "\x21\x00\x00\x00"), "unknown"},
	    {span_of(unix_stream, sizeof unix_stream), "unix"},
	};
	struct listener_opts o = {.proxy_protocol_from = "192.0.2.0/24, 127.0.0.0/8"};
	struct world w;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		for (size_t piece = 1; piece < 300; piece += 7) {
			if (i == 5 && piece < 50)
				continue;
			run(&w, o, rows[i].head, piece, "hello");
			assert_string_equal(w.peer, rows[i].peer);
			assert_true(span_is(buf_span(&w.got), "hello"));
			if (i < 3)
				assert_int_equal(w.peer_port, 4242);
			fini(&w);
		}
}

/* The header is mandatory from who is listed, and mere bytes from who is not. */
static void
looks_for_headers_where_told_only(void **state)
{
	struct listener_opts o = {.proxy_protocol_from = "127.0.0.1", .tls_timeout_ms = 50};
	struct world w;

	run(&w, o, S("GET / HTTP/1.1\r\n"), 100, "");
	assert_int_equal(w.refused, 1);
	assert_int_equal(w.why.reason, REASON_BAD_PROXY_HEADER);
	fini(&w);
	assert_int_equal(w.accepted, 0);
	/* begins, and stops in the middle */
	run(&w, o, S(SIGNATURE), 100, "");
	assert_int_equal(w.why.reason, REASON_CONNECT_TIMEOUT);
	fini(&w);
	/* from a stranger: the first bytes of a request like any others */
	o.proxy_protocol_from = "192.0.2.7";
	run(&w, o, S(tcp4), 100, "");
	assert_int_equal(w.accepted, 1);
	assert_string_equal(w.peer, "127.0.0.1");
	assert_true(span_eq(buf_span(&w.got), S(tcp4)));
	fini(&w);
}

static void
refuses_bad_options(void **state)
{
	struct listener_opts o = {.address = "127.0.0.1", .proxy_protocol_from = "10.0.0.0/99"};
	struct err e = {0};
	struct net_loop *l = net_loop_new(&e);

	assert_null(listener_open(l, &o, &listener_ops, NULL, &e));
	assert_int_equal(e.reason, REASON_BAD_SETTING);
	net_loop_free(l);
}

/* A balancer connects to look whether we listen, and goes: nothing to report. */
static void
leaves_probes_alone(void **state)
{
	struct listener_opts o = {.address = "127.0.0.1", .proxy_protocol_from = "127.0.0.1"};
	struct stream_dial d = {.host = "127.0.0.1"};
	struct world w = {0};

	w.l = net_loop_new(&w.e);
	w.listener = listener_open(w.l, &o, &listener_ops, &w, &w.e);
	d.port = listener_port(w.listener);
	w.client = stream_connect(w.l, &d, &client_ops, &w, &w.e);
	net_timer_start(w.l, &w.stop, 20, stop_loop, w.l);
	net_loop_run(w.l);
	assert_int_equal(listener_streams(w.listener), 1);
	stream_close(w.client, NULL);
	net_timer_start(w.l, &w.stop, 20, stop_loop, w.l);
	net_loop_run(w.l);
	assert_int_equal(listener_streams(w.listener), 0);
	assert_int_equal(w.refused + w.accepted, 0);
	/* a listener that goes while a header is waited for, and a loop */
	for (int i = 0; i < 2; i++) {
		w.client = stream_connect(w.l, &d, &client_ops, &w, &w.e);
		net_timer_start(w.l, &w.stop, 20, stop_loop, w.l);
		net_loop_run(w.l);
	}
	assert_int_equal(listener_streams(w.listener), 2);
	listener_close(w.listener);
	net_loop_free(w.l);
	assert_int_equal(w.refused + w.accepted, 0);
	assert_int_equal(w.client_closed, 3);
}

/* -- the header in front of TLS, and of HTTP -- */

static void
on_request(struct http_server *s, struct http_req *r, void *ctx)
{
	struct world *w = ctx;

	w->accepted++;
	snprintf(w->peer, sizeof w->peer, "%s", http_req_peer(r));
	assert_true(http_req_is_tls(r));
	http_respond_full(r, 200, NULL, NULL, 0, span_of(NULL, 0));
}

static const struct http_server_ops http_ops = {.on_request = on_request};

/* A client over a raw socket, since a stream of ours sends nothing ahead of TLS. */
static void
goes_before_tls(void **state)
{
	struct err e = {0};
	struct tls_ctx *server = tls_ctx_server(cert_path, key_path, &e);
	struct tls_ctx *client = tls_ctx_client(cert_path, &e);
	struct http_server_opts o = {
	    .listen = {.address = "127.0.0.1", .tls = server, .proxy_protocol_from = "127.0.0.1"}};
	struct tls_session *t = tls_session_new(client, "localhost", &e);
	struct sockaddr_in a = {.sin_family = AF_INET};
	struct world w = {0};
	struct http_server *s;
	struct buf out;
	bool asked = false;
	uint8_t in[4096];
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	w.l = net_loop_new(&e);
	s = http_server_open(w.l, &o, &http_ops, &w, &e);
	assert_non_null(s);
	assert_non_null(t);
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	a.sin_port = htons(http_server_port(s));
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	buf_init(&out, 100000);
	buf_add(&out, S(tcp4));
	for (int i = 0; i < 200 && !w.accepted; i++) {
		enum tls_step step = tls_session_handshake(t, &e);
		ssize_t n;

		if (step == TLS_DONE && !asked) {
			asked = true;
			assert_true(tls_session_write(
			    t, span_str("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), &e));
		}
		assert_true(tls_session_output(t, &e));
		buf_add(&out, buf_span(tls_session_queue(t)));
		buf_clear(tls_session_queue(t));
		assert_int_equal(write(fd, out.p, out.n), out.n);
		buf_clear(&out);
		net_timer_start(w.l, &w.step, 1, stop_loop, w.l);
		net_loop_run(w.l);
		n = read(fd, in, sizeof in);
		if (n > 0)
			assert_true(tls_session_feed(t, span_of(in, (size_t)n), &e));
	}
	assert_int_equal(w.accepted, 1);
	assert_string_equal(w.peer, "192.0.2.7");
	close(fd);
	net_loop_free(w.l);
	tls_session_free(t);
	tls_ctx_free(server);
	tls_ctx_free(client);
	buf_fini(&out);
}

/* -- sockets that were there before us -- */

static int
make_socket(int family, int type, bool listening)
{
	struct sockaddr_storage a = {.ss_family = (sa_family_t)family};
	int fd = socket(family, type | SOCK_CLOEXEC, 0);

	assert_true(fd > 0);
	if (family == AF_INET)
		((struct sockaddr_in *)&a)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&a,
			     family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(sa_family_t)),
	    0);
	if (listening)
		assert_int_equal(listen(fd, 5), 0);
	return fd;
}

static void
takes_over_sockets(void **state)
{
	int fds[] = {make_socket(AF_INET, SOCK_STREAM, false),
	    make_socket(AF_INET, SOCK_DGRAM, false), make_socket(AF_UNIX, SOCK_STREAM, true),
	    open("/dev/null", O_RDWR | O_CLOEXEC), 999};
	struct stream_dial d = {.host = "127.0.0.1"};
	struct listener_opts o = {0};
	struct world w = {0};

	w.l = net_loop_new(&w.e);
	for (size_t i = 0; i < sizeof fds / sizeof *fds; i++) {
		memset(&w.e, 0, sizeof w.e);
		o.inherited = fds[i];
		assert_null(listener_open(w.l, &o, &listener_ops, &w, &w.e));
		assert_int_equal(w.e.reason, REASON_LISTEN_FAILED);
		assert_non_null(
		    strstr(w.e.detail, i == 0 ? "does not listen" : "is no TCP socket"));
		if (fds[i] != 999)
			assert_int_equal(close(fds[i]), 0); /* still ours */
	}
	o.inherited = make_socket(AF_INET, SOCK_STREAM, true);
	w.listener = listener_open(w.l, &o, &listener_ops, &w, &w.e);
	assert_non_null(w.listener);
	d.port = listener_port(w.listener);
	assert_int_not_equal(d.port, 0);
	w.rest = w.head = span_str("x");
	w.piece = 1;
	buf_init(&w.got, 100);
	w.client = stream_connect(w.l, &d, &client_ops, &w, &w.e);
	net_timer_start(w.l, &w.stop, 1000, stop_loop, w.l);
	net_loop_run(w.l);
	assert_true(w.got.n > 0);
	fini(&w);
	assert_int_equal(fcntl(o.inherited, F_GETFD), -1);
}

/* -- options -- */

static int
option(const struct stream *s, int level, int name)
{
	int value = -1;
	socklen_t n = sizeof value;
	uv_os_fd_t fd;

	assert_int_equal(uv_fileno(&s->io.handle, &fd), 0);
	assert_int_equal(getsockopt(fd, level, name, &value, &n), 0);
	return value;
}

static void
look_at_options(struct listener *l, struct stream *s, void *ctx)
{
	struct world *w = ctx;

	w->accepted++;
	assert_true(option(s, IPPROTO_TCP, TCP_NODELAY));
	assert_true(option(s, SOL_SOCKET, SO_KEEPALIVE));
	assert_int_equal(option(s, IPPROTO_TCP, TCP_USER_TIMEOUT), 10000);
	assert_int_equal(option(s, IPPROTO_TCP, TCP_KEEPIDLE), 4);
	assert_int_equal(option(s, IPPROTO_TCP, TCP_KEEPINTVL), 2);
	stream_set_peer_timeout(s, 0);
	assert_int_equal(option(s, IPPROTO_TCP, TCP_USER_TIMEOUT), 0);
	assert_int_equal(option(s, IPPROTO_TCP, TCP_KEEPIDLE), 60);
	assert_true(option(s, IPPROTO_TCP, TCP_NODELAY));
	stream_set_ops(s, &server_ops, w);
}

static const struct listener_ops look_ops = {.on_accept = look_at_options};

static void
sets_options(void **state)
{
	struct listener_opts o = {.address = "127.0.0.1", .peer_timeout_ms = 10000};
	struct stream_dial d = {.host = "127.0.0.1"};
	struct world w = {0};

	w.l = net_loop_new(&w.e);
	w.listener = listener_open(w.l, &o, &look_ops, &w, &w.e);
	d.port = listener_port(w.listener);
	w.client = stream_connect(w.l, &d, &client_ops, &w, &w.e);
	stream_set_peer_timeout(w.client, 3000);
	net_timer_start(w.l, &w.stop, 50, stop_loop, w.l);
	net_loop_run(w.l);
	assert_int_equal(w.accepted, 1);
	/* and on the dialled side, asked for before the connection was there */
	assert_int_equal(option(w.client, IPPROTO_TCP, TCP_USER_TIMEOUT), 3000);
	assert_int_equal(option(w.client, IPPROTO_TCP, TCP_KEEPIDLE), 1);
	assert_true(option(w.client, IPPROTO_TCP, TCP_NODELAY));
	fini(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(believes_balancers),
	    cmocka_unit_test(looks_for_headers_where_told_only),
	    cmocka_unit_test(refuses_bad_options),
	    cmocka_unit_test(leaves_probes_alone),
	    cmocka_unit_test(goes_before_tls),
	    cmocka_unit_test(takes_over_sockets),
	    cmocka_unit_test(sets_options),
	};

	return cmocka_run_group_tests(tests, make_cert, drop_cert);
}
