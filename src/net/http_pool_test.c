#include "net/http_pool.h"

#include <sys/socket.h>

#include "net/http_script.h"
#include "net/http_server.h"
#include "net/stream_impl.h"
#include "net/test_cert.h"

static void
uses_a_connection_again(void **state)
{
	static const struct script s[] = {
	    {.answers = {OK,
		 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
		 OK204}},
	    {.answers = {OK}}};
	struct world w;

	init(&w, s);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(run(&w), REASON_OK);
		assert_int_equal(http_pool_idle(w.pool), 1);
	}
	assert_int_equal(w.connections, 1);
	assert_int_equal(count(&w, 0, "GET / HTTP/1.1\r\n"), 3);
	assert_int_equal(count(&w, 0, "Connection:"), 0);
	assert_int_equal(http_pool_reused(w.pool), 2);
	assert_int_equal(http_pool_dialled(w.pool), 1);
	/* idle for too long */
	rest(&w, 300);
	assert_int_equal(http_pool_idle(w.pool), 0);
	assert_int_equal(run(&w), REASON_OK);
	assert_int_equal(w.connections, 2);
	fini(&w);
}

/* Each of these answers leaves the connection unfit for another request. */
static void
keeps_no_unfit_connection(void **state)
{
	static const char *const answers[] = {
	    "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
	    "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok",
	    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokmore",
	    "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nX"};
	struct world w;

	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
		struct script s[] = {{.answers = {answers[i]}}};

		init(&w, s);
		assert_int_equal(run(&w), REASON_OK);
		assert_int_equal(http_pool_idle(w.pool), 0);
		fini(&w);
	}
	/* until the end; and given up in the middle */
	static const struct script until[] = {
	    {.answers = {"HTTP/1.1 200 OK\r\n\r\nok"}, .then = 'e'}};
	static const struct script half[] = {
	    {.answers = {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"}}};

	init(&w, until);
	assert_int_equal(run(&w), REASON_OK);
	assert_int_equal(http_pool_idle(w.pool), 0);
	fini(&w);
	init(&w, half);
	assert_int_equal(run(&w), REASON_PEER_IDLE);
	assert_int_equal(http_pool_idle(w.pool), 0);
	fini(&w);
}

/* The backend ends the connection, or says something, while it idles: that is seen. */
static void
drops_what_ends_while_idle(void **state)
{
	static const struct script s[] = {
	    {.answers = {OK}, .then = 'e'}, {.answers = {OK}, .then = 'r'}, {.answers = {OK}}};
	struct world w;

	init(&w, s);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(run(&w), REASON_OK);
		rest(&w, 20);
	}
	assert_int_equal(w.connections, 3);
	assert_int_equal(http_pool_idle(w.pool), 1);
	stream_write(w.peers[2].s, span_str("HTTP/1.1 408 Request Timeout\r\n\r\n"));
	rest(&w, 20);
	assert_int_equal(http_pool_idle(w.pool), 0);
	fini(&w);
}

static void
starts_two_at_once(void **state)
{
	static const struct script s[] = {
	    {.answers = {OK, OK}}, {.answers = {OK, OK}}, {.answers = {OK}}, {.answers = {OK}}};
	struct http_pool_opts po = {.dial = {.host = "127.0.0.1"}, .max_idle = 1};
	struct world w;
	struct http_exchange *a, *b;

	init(&w, s);
	http_pool_free(w.pool);
	po.dial.port = listener_port(w.listener);
	w.o.pool = w.pool = http_pool_new(w.l, &po, &w.e);
	a = http_exchange_start(w.l, &w.o, &ops, &w, &w.e);
	b = http_exchange_start(w.l, &w.o, &ops, &w, &w.e);
	assert_true(a && b);
	while (w.closes < 2)
		net_loop_run(w.l);
	assert_int_equal(w.connections, 2);
	/* no more than one may idle */
	assert_int_equal(http_pool_idle(w.pool), 1);
	/* the pool goes while an exchange runs */
	w.x = http_exchange_start(w.l, &w.o, &ops, &w, &w.e);
	http_pool_free(w.pool);
	w.pool = NULL;
	while (w.closes < 3)
		net_loop_run(w.l);
	assert_int_equal(w.why.code, ERR_NONE);
	fini(&w);
}

/* The second request meets a connection that ends without a byte. */
static void
second_on_a_dead_one(struct world *w, const char *method, char how, size_t body)
{
	static struct script s[3];

	memset(s, 0, sizeof s);
	s[0] = (struct script){.answers = {OK, ""}, .then = how};
	s[1] = (struct script){.answers = {OK}};
	init(w, s);
	assert_int_equal(run(w), REASON_OK);
	assert_int_equal(http_pool_idle(w->pool), 1);
	w->o.method = span_str(method);
	w->o.body_length = (int64_t)body;
	w->to_write = body;
	run(w);
}

static void
repeats_what_may_be_repeated(void **state)
{
	static const struct {
		const char *method;
		size_t body;
		bool repeated;
	} rows[] = {{"GET", 0, true}, {"PUT", 0, true}, {"PUT", 10, false}, {"POST", 0, false},
	    {"POST", 10, false}};
	struct world w;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		for (int how = 0; how < 2; how++) {
			second_on_a_dead_one(&w, rows[i].method, how ? 'e' : 'r', rows[i].body);
			assert_int_equal(
			    w.why.reason, rows[i].repeated ? REASON_OK : REASON_PEER_LOST);
			assert_int_equal(w.connections, rows[i].repeated ? 2 : 1);
			assert_int_equal(count(&w, 0, " / HTTP/1.1\r\n"), 2);
			fini(&w);
		}
}

/* Once only, and never after a byte of the answer. */
static void
repeats_once(void **state)
{
	static const struct script twice[] = {
	    {.answers = {OK, ""}, .then = 'e'}, {.answers = {""}, .then = 'e'}};
	static const struct script begun[] = {{.answers = {OK, "H"}, .then = 'e'}};
	struct world w;

	init(&w, twice);
	assert_int_equal(run(&w), REASON_OK);
	assert_int_equal(run(&w), REASON_PEER_LOST);
	assert_int_equal(w.connections, 2);
	fini(&w);
	init(&w, begun);
	assert_int_equal(run(&w), REASON_OK);
	assert_int_equal(run(&w), REASON_PEER_LOST);
	assert_int_equal(w.connections, 1);
	fini(&w);
	/* on a fresh one there is nothing to repeat */
	init(&w, twice + 1);
	assert_int_equal(run(&w), REASON_PEER_LOST);
	assert_int_equal(w.connections, 1);
	fini(&w);
}

/* A request that may not be repeated looks first: the end came, but no round of the loop. */
static void
looks_before_what_may_not_be_repeated(void **state)
{
	static const struct script s[] = {{.answers = {OK}}, {.answers = {OK}}};
	struct world w;
	uv_os_fd_t fd;

	init(&w, s);
	assert_int_equal(run(&w), REASON_OK);
	rest(&w, 10);
	assert_int_equal(uv_fileno(&w.peers[0].s->io.handle, &fd), 0);
	assert_int_equal(shutdown(fd, SHUT_RDWR), 0);
	w.o.method = span_str("POST");
	w.o.body_length = 10;
	w.to_write = 10;
	assert_int_equal(run(&w), REASON_OK);
	assert_int_equal(w.connections, 2);
	assert_int_equal(count(&w, 0, "POST"), 0);
	fini(&w);
}

/* A body that is written between the end of the old connection and the fresh one is kept. */
static void
write_between(void *ctx)
{
	struct world *w = ctx;

	write_more(w->x, w);
}

static void
keeps_the_body_for_the_fresh_connection(void **state)
{
	static const struct script s[] = {
	    {.answers = {OK, ""}, .then = 'r'}, {.answers = {OK}, .late_ms = 30}};
	struct world w;

	for (uint64_t ms = 0; ms < 12; ms++) {
		init(&w, s);
		assert_int_equal(run(&w), REASON_OK);
		w.o.method = span_str("PUT");
		w.o.body_length = HTTP_LENGTH_UNKNOWN;
		w.x = http_exchange_start(w.l, &w.o, &ops, &w, &w.e);
		w.to_write = 20000;
		net_timer_start(w.l, &w.act, ms, write_between, &w);
		net_loop_run(w.l);
		/* written before the end was seen: lost; after it: whole */
		if (w.why.code == ERR_NONE) {
			assert_int_equal(count(&w, 1, "0\r\n\r\n"), 1);
			assert_true(w.peers[1].got.n > 20000);
		} else {
			assert_int_equal(w.connections, 1);
		}
		fini(&w);
	}
}

/* -- TLS, and our own server at the other end -- */

static void
on_request(struct http_server *s, struct http_req *r, void *ctx)
{
	http_respond_full(r, 200, NULL, NULL, 0, span_str("ok"));
}

static const struct http_server_ops server_ops = {.on_request = on_request};

static void
pools_tls(void **state)
{
	static const struct script none[1];
	struct world w;
	struct http_server_opts so = {.listen = {.address = "127.0.0.1"}};
	struct http_pool_opts po = {.dial = {.host = "localhost"}};
	struct http_server *server;

	init(&w, none);
	so.listen.tls = tls_ctx_server(cert_path, key_path, &w.e);
	po.dial.tls = tls_ctx_client(cert_path, &w.e);
	server = http_server_open(w.l, &so, &server_ops, &w, &w.e);
	po.dial.port = http_server_port(server);
	http_pool_free(w.pool);
	w.o.pool = w.pool = http_pool_new(w.l, &po, &w.e);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(run(&w), REASON_OK);
		rest(&w, 5);
	}
	assert_int_equal(http_pool_dialled(w.pool), 1);
	fini(&w);
	tls_ctx_free(so.listen.tls);
	tls_ctx_free(po.dial.tls);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(uses_a_connection_again),
	    cmocka_unit_test(keeps_no_unfit_connection),
	    cmocka_unit_test(drops_what_ends_while_idle),
	    cmocka_unit_test(starts_two_at_once),
	    cmocka_unit_test(repeats_what_may_be_repeated),
	    cmocka_unit_test(repeats_once),
	    cmocka_unit_test(looks_before_what_may_not_be_repeated),
	    cmocka_unit_test(keeps_the_body_for_the_fresh_connection),
	    cmocka_unit_test(pools_tls),
	};

	return cmocka_run_group_tests(tests, make_cert, drop_cert);
}
