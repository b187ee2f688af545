#include "net/stream.h"

#include <dirent.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/test.h"
#include "net/listener.h"
#include "net/test_cert.h"

/* One test's world: a listener, the last accepted stream, one dialled stream. */
struct world {
	struct net_loop *l;
	struct listener *listener;
	struct stream *client, *server;
	struct buf got_client, got_server;
	struct err client_why, server_why;
	int opened, accepted, client_closed, server_closed, eof_client, eof_server, drained;
	size_t flood; /* bytes the server still has to send */
	bool echo, hold; /* answer what comes; do not read at first */
	bool exporter_same;
	struct net_timer timer;
	struct err e;
};

static size_t
count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	size_t n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void
flood_more(struct world *w)
{
	static const uint8_t block[8192] = "flood";

	while (w->flood > 0 && !stream_is_full(w->server)) {
		size_t n = w->flood < sizeof block ? w->flood : sizeof block;

		w->flood -= n;
		assert_true(stream_write(w->server, span_of(block, n)));
	}
	if (w->flood == 0)
		stream_finish(w->server);
}

static void
server_read(struct stream *s, struct span bytes, void *ctx)
{
	struct world *w = ctx;

	buf_add(&w->got_server, bytes);
	if (w->flood)
		flood_more(w);
	else if (w->echo)
		assert_true(stream_write(s, bytes));
}

static void
server_eof(struct stream *s, void *ctx)
{
	struct world *w = ctx;

	w->eof_server++;
	stream_write(s, span_str("bye"));
	stream_end(s);
}

static void
server_drain(struct stream *s, void *ctx)
{
	struct world *w = ctx;

	w->drained++;
	flood_more(w);
}

static void
server_close(struct stream *s, const struct err *why, void *ctx)
{
	struct world *w = ctx;

	w->server_why = *why;
	w->server_closed++;
	w->server = NULL;
}

static const struct stream_ops server_ops = {.on_read = server_read,
    .on_eof = server_eof,
    .on_drain = server_drain,
    .on_close = server_close};

static void
on_accept(struct listener *l, struct stream *s, void *ctx)
{
	struct world *w = ctx;

	w->accepted++;
	w->server = s;
	stream_set_ops(s, &server_ops, w);
	if (!w->hold)
		stream_resume(s);
}

static const struct listener_ops listener_ops = {.on_accept = on_accept};

static void
client_open(struct stream *s, void *ctx)
{
	struct world *w = ctx;
	uint8_t a[TLS_EXPORTER_SIZE], b[TLS_EXPORTER_SIZE];

	w->opened++;
	if (stream_is_tls(s)) {
		assert_true(stream_tls_exporter(s, a));
		/* the server's side may still wait for our Finished */
		if (w->server && stream_tls_exporter(w->server, b))
			w->exporter_same = memcmp(a, b, sizeof a) == 0;
	}
}

static void
client_read(struct stream *s, struct span bytes, void *ctx)
{
	struct world *w = ctx;
	uint8_t a[TLS_EXPORTER_SIZE], b[TLS_EXPORTER_SIZE];

	buf_add(&w->got_client, bytes);
	if (stream_is_tls(s) && w->server && stream_tls_exporter(s, a)
	    && stream_tls_exporter(w->server, b))
		w->exporter_same = memcmp(a, b, sizeof a) == 0;
	if (w->echo && w->got_client.n == 5)
		stream_end(s);
}

static void
client_eof(struct stream *s, void *ctx)
{
	struct world *w = ctx;

	w->eof_client++;
	stream_finish(s);
}

static void
client_close(struct stream *s, const struct err *why, void *ctx)
{
	struct world *w = ctx;

	w->client_why = *why;
	w->client_closed++;
	if (w->listener)
		listener_close(w->listener);
	w->listener = NULL;
}

static const struct stream_ops client_ops = {
    .on_open = client_open, .on_read = client_read, .on_eof = client_eof, .on_close = client_close};

static void
world_init(struct world *w, struct tls_ctx *tls, const char *address)
{
	struct listener_opts o = {.address = address, .tls = tls, .tls_timeout_ms = 200};

	memset(w, 0, sizeof *w);
	buf_init(&w->got_client, 64u << 20);
	buf_init(&w->got_server, 64u << 20);
	w->l = net_loop_new(&w->e);
	assert_non_null(w->l);
	w->listener = listener_open(w->l, &o, &listener_ops, w, &w->e);
	assert_non_null(w->listener);
}

static void
world_dial(struct world *w, struct tls_ctx *tls, const char *host)
{
	struct stream_dial d = {
	    .host = host, .port = listener_port(w->listener), .tls = tls, .timeout_ms = 3000};

	w->client = stream_connect(w->l, &d, &client_ops, w, &w->e);
	assert_non_null(w->client);
	assert_int_equal(w->client_closed, 0);
}

static void
world_fini(struct world *w)
{
	net_loop_free(w->l);
	buf_fini(&w->got_client);
	buf_fini(&w->got_server);
}

static void
echo_round(struct tls_ctx *server, struct tls_ctx *client, const char *bind, const char *host)
{
	struct world w;

	world_init(&w, server, bind);
	w.echo = true;
	world_dial(&w, client, host);
	assert_true(stream_write(w.client, span_str("hello")));
	net_loop_run(w.l);
	assert_int_equal(w.opened, 1);
	assert_int_equal(w.client_closed, 1);
	assert_int_equal(w.server_closed, 1);
	assert_int_equal(w.client_why.code, ERR_NONE);
	assert_int_equal(w.server_why.code, ERR_NONE);
	assert_int_equal(w.eof_server, 1);
	assert_int_equal(w.eof_client, 1);
	/* half-closed: the answer still came after our end */
	assert_true(span_is(buf_span(&w.got_client), "hellobye"));
	if (server)
		assert_true(w.exporter_same);
	world_fini(&w);
}

static void
test_echo(void **state)
{
	size_t fds;

	/* libuv's own pipes are made once and stay */
	echo_round(NULL, NULL, "127.0.0.1", "127.0.0.1");
	fds = count_fds();
	echo_round(NULL, NULL, "127.0.0.1", "localhost");
	assert_int_equal(count_fds(), fds);
}

static void
flood_round(struct tls_ctx *server, struct tls_ctx *client)
{
	struct world w;

	world_init(&w, server, "127.0.0.1");
	w.flood = 24u << 20;
	world_dial(&w, client, "127.0.0.1");
	stream_write(w.client, span_str("go"));
	net_loop_run(w.l);
	assert_int_equal(w.got_client.n, 24u << 20);
	assert_true(w.drained > 0);
	assert_int_equal(w.client_why.code, ERR_NONE);
	assert_int_equal(w.server_why.code, ERR_NONE);
	world_fini(&w);
}

static void
test_flood_with_backpressure(void **state)
{
	flood_round(NULL, NULL);
}

static void
stop_loop(void *ctx)
{
	net_loop_stop(ctx);
}

static void
test_paused_reader_bounds_the_queue(void **state)
{
	static const uint8_t block[65536];
	struct world w;
	int refused = 0;

	world_init(&w, NULL, "127.0.0.1");
	w.hold = true;
	world_dial(&w, NULL, "127.0.0.1");
	stream_set_queue(w.client, 1u << 16, 1u << 20);
	for (int i = 0; i < 400 && !refused; i++) {
		net_timer_start(w.l, &w.timer, 1, stop_loop, w.l);
		net_loop_run(w.l);
		if (w.opened)
			refused = !stream_write(w.client, span_of(block, sizeof block));
	}
	assert_int_equal(refused, 1);
	net_loop_run(w.l);
	assert_int_equal(w.client_closed, 1);
	assert_int_equal(w.client_why.reason, REASON_QUEUE_FULL);
	assert_int_equal(w.got_server.n, 0);
	world_fini(&w);
	assert_int_equal(w.server_closed, 1);
}

static void
test_refused_and_bad_dials(void **state)
{
	struct world w;
	struct stream_dial d = {.host = "127.0.0.1", .timeout_ms = 2000};
	struct stream_dial u = {.unix_path = "/nonexistent/socket"};

	world_init(&w, NULL, "127.0.0.1");
	d.port = listener_port(w.listener);
	listener_close(w.listener);
	listener_close(w.listener);
	w.listener = NULL;
	net_loop_run(w.l);
	assert_non_null(stream_connect(w.l, &d, &client_ops, &w, &w.e));
	net_loop_run(w.l);
	assert_int_equal(w.client_closed, 1);
	assert_int_equal(w.client_why.reason, REASON_CONNECT_FAILED);
	assert_non_null(stream_connect(w.l, &u, &client_ops, &w, &w.e));
	net_loop_run(w.l);
	assert_int_equal(w.client_closed, 2);
	assert_int_equal(w.client_why.reason, REASON_CONNECT_FAILED);
	d.host = "no-such-host.invalid";
	assert_non_null(stream_connect(w.l, &d, &client_ops, &w, &w.e));
	net_loop_run(w.l);
	assert_int_equal(w.client_closed, 3);
	/* closed at once, and with the loop */
	w.client = stream_connect(w.l, &d, &client_ops, &w, &w.e);
	stream_close(w.client, NULL);
	stream_close(w.client, NULL);
	net_loop_run(w.l);
	assert_int_equal(w.client_closed, 4);
	assert_non_null(stream_connect(w.l, &d, &client_ops, &w, &w.e));
	d.host = "127.0.0.1";
	assert_non_null(stream_connect(w.l, &d, &client_ops, &w, &w.e));
	world_fini(&w);
	assert_int_equal(w.client_closed, 6);
}

static void
test_bad_listen(void **state)
{
	struct world w;
	struct listener_opts o = {.address = "localhost"};

	world_init(&w, NULL, "::1");
	assert_null(listener_open(w.l, &o, &listener_ops, &w, &w.e));
	assert_int_equal(w.e.reason, REASON_LISTEN_FAILED);
	err_clear(&w.e);
	o.address = "::1";
	o.port = listener_port(w.listener);
	assert_null(listener_open(w.l, &o, &listener_ops, &w, &w.e));
	assert_int_equal(w.e.reason, REASON_LISTEN_FAILED);
	world_fini(&w);
}

/* Connect without the loop. */
static int
raw_connect(uint16_t port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
	return fd;
}

/* Out of descriptors: newcomers are refused, the loop does not spin, and it recovers. */
static void
test_out_of_descriptors(void **state)
{
	struct world w;
	struct rlimit old, low;
	char byte;
	int fd;

	world_init(&w, NULL, "127.0.0.1");
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	fd = raw_connect(listener_port(w.listener));
	/* the lowest free descriptor is above the limit */
	low = old;
	low.rlim_cur = (rlim_t)dup(fd);
	close((int)low.rlim_cur);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	net_timer_start(w.l, &w.timer, 100, stop_loop, w.l);
	net_loop_run(w.l);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(w.accepted, 0);
	assert_true(listener_refused(w.listener) <= 2);
	assert_true(read(fd, &byte, 1) <= 0);
	close(fd);
	fd = raw_connect(listener_port(w.listener));
	net_timer_start(w.l, &w.timer, 50, stop_loop, w.l);
	net_loop_run(w.l);
	assert_int_equal(w.accepted, 1);
	close(fd);
	world_fini(&w);
}

static void
test_too_many_streams(void **state)
{
	struct err e = {0};
	struct world w;
	struct listener_opts o = {.address = "127.0.0.1", .max_streams = 1};
	struct stream_dial d = {.host = "127.0.0.1"};

	world_init(&w, NULL, "127.0.0.1");
	listener_close(w.listener);
	w.listener = listener_open(w.l, &o, &listener_ops, &w, &e);
	d.port = listener_port(w.listener);
	for (int i = 0; i < 3; i++)
		assert_non_null(stream_connect(w.l, &d, &client_ops, &w, &e));
	net_timer_start(w.l, &w.timer, 100, stop_loop, w.l);
	net_loop_run(w.l);
	assert_int_equal(w.accepted, 1);
	assert_int_equal(w.client_closed, 2);
	world_fini(&w);
	assert_int_equal(w.client_closed, 3);
	assert_int_equal(w.server_closed, 1);
}

static void
test_tls(void **state)
{
	struct err e = {0};
	struct tls_ctx *server = tls_ctx_server(cert_path, key_path, &e);
	struct tls_ctx *client = tls_ctx_client(cert_path, &e);
	struct tls_ctx *stranger = tls_ctx_client(NULL, &e);
	struct world w;

	assert_non_null(server);
	assert_non_null(client);
	assert_non_null(stranger);
	echo_round(server, client, "127.0.0.1", "localhost");
	echo_round(server, client, "127.0.0.1", "127.0.0.1");
	flood_round(server, client);
	/* unknown CA */
	world_init(&w, server, "127.0.0.1");
	world_dial(&w, stranger, "localhost");
	net_loop_run(w.l);
	assert_int_equal(w.opened, 0);
	assert_int_equal(w.client_why.reason, REASON_TLS_FAILED);
	assert_int_equal(w.client_why.code, ERR_UNTRUSTED);
	world_fini(&w);
	/* wrong name: ::1 is not in the certificate */
	world_init(&w, server, "::1");
	world_dial(&w, client, "::1");
	net_loop_run(w.l);
	assert_int_equal(w.opened, 0);
	assert_int_equal(w.client_why.code, ERR_UNTRUSTED);
	world_fini(&w);
	/* a server that speaks no TLS, and a client that speaks none */
	world_init(&w, NULL, "127.0.0.1");
	w.echo = true;
	world_dial(&w, client, "localhost");
	net_loop_run(w.l);
	assert_int_equal(w.client_why.reason, REASON_TLS_FAILED);
	world_fini(&w);
	world_init(&w, server, "127.0.0.1");
	world_dial(&w, NULL, "127.0.0.1");
	net_loop_run(w.l);
	assert_int_equal(w.client_closed, 1);
	assert_int_equal(w.server_why.reason, REASON_CONNECT_TIMEOUT);
	world_fini(&w);
	tls_ctx_free(server);
	tls_ctx_free(client);
	tls_ctx_free(stranger);
	assert_null(tls_ctx_client("/nonexistent", &e));
	assert_int_equal(e.reason, REASON_BAD_SETTING);
}

/* A pair that cannot be used leaves what was there; connections that are open know of nothing. */
static void
test_tls_reload(void **state)
{
	struct err e = {0};
	struct tls_ctx *server = tls_ctx_server(cert_path, key_path, &e);
	struct tls_ctx *client = tls_ctx_client(cert_path, &e);

	assert_non_null(server);
	assert_non_null(client);
	assert_false(tls_ctx_reload(server, cert_path, "/nonexistent", &e));
	assert_int_equal(e.reason, REASON_BAD_SETTING);
	err_clear(&e);
	assert_false(tls_ctx_reload(server, key_path, key_path, &e));
	err_clear(&e);
	echo_round(server, client, "127.0.0.1", "localhost");
	assert_true(tls_ctx_reload(server, cert_path, key_path, &e));
	echo_round(server, client, "127.0.0.1", "localhost");
	tls_ctx_free(server);
	tls_ctx_free(client);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_echo),
	    cmocka_unit_test(test_flood_with_backpressure),
	    cmocka_unit_test(test_paused_reader_bounds_the_queue),
	    cmocka_unit_test(test_refused_and_bad_dials),
	    cmocka_unit_test(test_bad_listen),
	    cmocka_unit_test(test_out_of_descriptors),
	    cmocka_unit_test(test_too_many_streams),
	    cmocka_unit_test(test_tls),
	    cmocka_unit_test(test_tls_reload),
	};

	return cmocka_run_group_tests(tests, make_cert, drop_cert);
}
