#include "base/test.h"

#include <stdio.h>
#include <string.h>

#include "agent/backend.h"
#include "net/http_server.h"

/* A backend behind a server of its own, asked one request after another. */
struct world {
	struct net_loop *loop;
	struct http_server *server;
	struct backend_address address;
	struct backend backend;
	struct net_timer guard, rest;
	int status;
	bool silent; /* the server never answers */
	struct err why;
	struct log log;
	size_t lines, counts; /* of the log: about a request; how many were left out */
	char line[LOG_LINE_MAX + 1]; /* the last one */
	/* What the server saw last. */
	char host[64], forwarded[64], proto[16];
};

static void
keep(char *dst, size_t size, struct span value)
{
	assert_true(span_cstr(value, dst, size));
}

static void
on_request(struct http_server *s, struct http_req *r, void *ctx)
{
	struct world *w = ctx;

	keep(w->host, sizeof w->host, http_req_host(r));
	keep(w->forwarded, sizeof w->forwarded, http_req_field(r, "X-Forwarded-For"));
	keep(w->proto, sizeof w->proto, http_req_field(r, "X-Forwarded-Proto"));
	if (!w->silent)
		http_respond_full(r, 200, NULL, NULL, 0, span_str("ok"));
}

static void
on_guard(void *ctx)
{
	fail_msg("it took too long");
}

static int64_t
fake_wall_ms(void *ctx)
{
	return 0;
}

static void
on_line(void *ctx, enum log_level level, struct span line)
{
	struct world *w = ctx;

	keep(w->line, sizeof w->line, line);
	w->lines += strstr(w->line, "event=request_failed ") != NULL;
	w->counts += strstr(w->line, "event=lines_left_out ") != NULL;
	assert_int_equal(level, LOG_WARN);
}

static void
world_init(struct world *w, const char *host)
{
	static const struct http_server_ops ops = {.on_request = on_request};
	struct http_server_opts o = {.listen = {.address = "127.0.0.1"}};
	struct backend_opts b = {
	    .address = &w->address, .host = host, .timeout_ms = 300, .shares = 1, .log = &w->log};
	struct err e = {0};
	char url[64];

	memset(w, 0, sizeof *w);
	w->log = (struct log){LOG_INFO, fake_wall_ms, on_line, w};
	w->loop = net_loop_new(&e);
	assert_non_null(w->loop);
	w->server = http_server_open(w->loop, &o, &ops, w, &e);
	assert_non_null(w->server);
	snprintf(url, sizeof url, "http://127.0.0.1:%u", http_server_port(w->server));
	assert_true(backend_address_parse(&w->address, url, &e));
	assert_true(backend_init(&w->backend, w->loop, &b, &e));
	net_timer_start(w->loop, &w->guard, 10000, on_guard, w);
}

static void
world_fini(struct world *w)
{
	net_timer_stop(&w->guard);
	if (w->server)
		http_server_close(w->server);
	backend_fini(&w->backend);
	net_loop_free(w->loop);
}

static void
on_head(void *ctx, int status, const struct fields *f)
{
	((struct world *)ctx)->status = status;
}

static void
on_body(void *ctx, struct span piece)
{
}

static void
on_end(void *ctx, const struct fields *trailers)
{
	net_loop_stop(((struct world *)ctx)->loop);
}

static void
on_reset(void *ctx, const struct err *why)
{
	struct world *w = ctx;

	w->why = *why;
	net_loop_stop(w->loop);
}

static void
on_credit(void *ctx, size_t n)
{
}

/* Ask with these fields, and what Host comes to. */
static void
ask(struct world *w, struct fields *f)
{
	static const struct exchange_events events = {.head = on_head,
	    .body = on_body,
	    .end = on_end,
	    .reset = on_reset,
	    .credit = on_credit};
	struct exchange_request rq = {
	    .request_id = "r", .method = span_str("GET"), .target = span_str("/"), .fields = f};
	struct exchange *x;
	struct err e = {0};

	w->status = 0;
	x = backend_open(&w->backend, &rq, 1000, &events, w, &e);
	assert_non_null(x);
	exchange_credit(x, SIZE_MAX);
	net_loop_run(w->loop);
}

static void
on_rest(void *ctx)
{
	net_loop_stop(((struct world *)ctx)->loop);
}

/* Let connections go back to the pool, or time pass. */
static void
rest(struct world *w, uint64_t ms)
{
	net_timer_start(w->loop, &w->rest, ms, on_rest, w);
	net_loop_run(w->loop);
}

static void
test_keeps_connections(void **state)
{
	struct world w;
	struct fields f;

	world_init(&w, NULL);
	for (int i = 0; i < 5; i++) {
		fields_init(&f);
		fields_add_str(&f, "Host", "app.example");
		fields_add_str(&f, "X-Forwarded-For", "192.0.2.1");
		fields_add_str(&f, "X-Forwarded-Proto", "https");
		ask(&w, &f);
		fields_fini(&f);
		rest(&w, 5);
		assert_int_equal(w.status, 200);
		assert_int_equal(w.why.code, ERR_NONE);
		assert_string_equal(w.host, "app.example");
		assert_string_equal(w.forwarded, "192.0.2.1");
		assert_string_equal(w.proto, "https");
	}
	assert_int_equal(http_pool_dialled(w.backend.pool), 1);
	assert_int_equal(http_pool_reused(w.backend.pool), 4);
	world_fini(&w);
}

static void
test_host(void **state)
{
	struct world w;
	struct fields f;

	/* None came: the address. */
	world_init(&w, NULL);
	fields_init(&f);
	ask(&w, &f);
	assert_string_equal(w.host, w.address.authority);
	fields_fini(&f);
	world_fini(&w);

	/* The setting goes before what came. */
	world_init(&w, "inner.example:81");
	fields_init(&f);
	fields_add_str(&f, "Host", "app.example");
	ask(&w, &f);
	assert_string_equal(w.host, "inner.example:81");
	fields_fini(&f);
	world_fini(&w);
}

static void
test_silent_backend(void **state)
{
	struct world w;
	struct fields f;

	world_init(&w, NULL);
	w.silent = true;
	fields_init(&f);
	ask(&w, &f);
	fields_fini(&f);
	assert_int_equal(w.status, 0);
	assert_int_equal(w.why.reason, REASON_PROXY_TIMEOUT);
	assert_int_equal(http_pool_idle(w.backend.pool), 0);
	world_fini(&w);
}

static void
test_absent_backend(void **state)
{
	struct world w;
	struct fields f;

	world_init(&w, NULL);
	http_server_close(w.server);
	w.server = NULL;
	rest(&w, 5);
	fields_init(&f);
	ask(&w, &f);
	fields_fini(&f);
	assert_int_equal(w.why.reason, REASON_BACKEND_UNREACHABLE);
	world_fini(&w);
}

/* Each failure is told under the id that the visitor knows; of many a few, and how many more. */
static void
test_tells_of_failures(void **state)
{
	struct world w;
	struct fields f;

	world_init(&w, NULL);
	http_server_close(w.server);
	w.server = NULL;
	rest(&w, 5);
	fields_init(&f);
	ask(&w, &f);
	assert_non_null(strstr(w.line, "event=request_failed reason=backend_unreachable detail="));
	assert_non_null(strstr(w.line, " request_id=r"));
	fields_add_str(&f, "X-Request-Id", "the-visitors");
	ask(&w, &f);
	assert_non_null(strstr(w.line, " request_id=the-visitors"));
	for (int i = 0; i < 40; i++)
		ask(&w, &f);
	assert_true(w.lines >= BACKEND_LINES_MAX && w.lines <= 2 * BACKEND_LINES_MAX);
	w.lines = w.counts = 0;
	rest(&w, 1010);
	ask(&w, &f);
	assert_int_equal(w.lines, 1);
	assert_int_equal(w.counts, 1);
	fields_fini(&f);
	world_fini(&w);
}

/* A request that cannot be written is told, too. */
static void
test_tells_of_requests_that_cannot_be_sent(void **state)
{
	struct exchange_request rq = {
	    .request_id = "r", .method = span_str("GET"), .target = span_str("not a target")};
	struct world w;
	struct fields f;
	struct err e = {0};

	world_init(&w, NULL);
	fields_init(&f);
	rq.fields = &f;
	assert_null(backend_open(&w.backend, &rq, 1000, NULL, NULL, &e));
	assert_non_null(strstr(w.line, "event=request_failed reason=bad_request "));
	fields_fini(&f);
	world_fini(&w);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_keeps_connections),
	    cmocka_unit_test(test_host),
	    cmocka_unit_test(test_silent_backend),
	    cmocka_unit_test(test_absent_backend),
	    cmocka_unit_test(test_tells_of_failures),
	    cmocka_unit_test(test_tells_of_requests_that_cannot_be_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
