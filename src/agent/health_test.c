#include "base/test.h"

#include <stdio.h>
#include <string.h>

#include "agent/health.h"
#include "net/http_server.h"

/* A backend whose answers to probes are a row: p (204), f (503), s (none at all); the last one
 * stands for all that follow. */
struct world {
	struct net_loop *loop;
	struct http_server *server;
	struct backend_address address;
	struct health *health;
	struct net_timer guard;
	const char *answers;
	size_t probes;
	/* What was said, and what ends the run where it stands in that. */
	char said[64];
	size_t said_n;
	const char *until;
	char log[16384];
	size_t log_n;
	struct log sink;
};

static int64_t
fake_wall_ms(void *ctx)
{
	return 0;
}

static void
fake_write(void *ctx, enum log_level level, struct span line)
{
	struct world *w = ctx;

	assert_true(line.n < sizeof w->log - w->log_n - 2);
	memcpy(&w->log[w->log_n], line.p, line.n);
	w->log_n += line.n;
	w->log[w->log_n++] = '\n';
}

static void
on_request(struct http_server *s, struct http_req *r, void *ctx)
{
	struct world *w = ctx;
	char c = *w->answers;

	w->probes++;
	if (w->answers[1])
		w->answers++;
	assert_true(span_is(http_req_path(r), "/well"));
	if (c != 's')
		http_respond_full(r, c == 'p' ? 204 : 503, NULL, NULL, 0, span_of(NULL, 0));
}

static void
on_say(void *ctx, bool pass)
{
	struct world *w = ctx;

	assert_true(w->said_n < sizeof w->said - 1);
	w->said[w->said_n++] = pass ? 'p' : 'f';
	if (w->until && strstr(w->said, w->until))
		net_loop_stop(w->loop);
}

static void
on_guard(void *ctx)
{
	struct world *w = ctx;

	fail_msg("it took too long; said: %s", w->said);
}

static void
world_init(struct world *w, const char *answers)
{
	static const struct http_server_ops ops = {.on_request = on_request};
	struct http_server_opts o = {.listen = {.address = "127.0.0.1"}};
	struct err e = {0};
	char url[64];

	memset(w, 0, sizeof *w);
	w->answers = answers;
	w->sink = (struct log){LOG_DEBUG, fake_wall_ms, fake_write, w};
	w->loop = net_loop_new(&e);
	w->server = http_server_open(w->loop, &o, &ops, w, &e);
	assert_non_null(w->server);
	snprintf(url, sizeof url, "http://127.0.0.1:%u", http_server_port(w->server));
	assert_true(backend_address_parse(&w->address, url, &e));
	net_timer_start(w->loop, &w->guard, 10000, on_guard, w);
}

static void
world_watch(struct world *w, const char *path, struct readiness_rules rules)
{
	struct health_opts o = {.address = &w->address,
	    .path = path,
	    .timeout_ms = 5000,
	    .rules = rules,
	    .backend = "the app",
	    .log = &w->sink,
	    .say = on_say,
	    .ctx = w};
	struct err e = {0};

	w->health = health_new(w->loop, &o, &e);
	assert_non_null(w->health);
	assert_int_equal(health_state(w->health), READINESS_UNKNOWN);
	net_loop_run(w->loop);
}

static void
world_fini(struct world *w)
{
	net_timer_stop(&w->guard);
	health_free(w->health);
	http_server_close(w->server);
	net_loop_free(w->loop);
}

static void
test_says_changes_and_repeats(void **state)
{
	static const struct readiness_rules rules = {2, 1, 0, 50};
	struct world w;

	world_init(&w, "ppffp");
	w.until = "fp"; /* it passes, is said again, fails twice, recovers */
	world_watch(&w, "/well", rules);
	assert_memory_equal(w.said, "pp", 2);
	assert_int_equal(health_state(w.health), READINESS_PASS);
	assert_non_null(strstr(w.log, "event=backend_unhealthy reason=unhealthy"));
	assert_non_null(strstr(w.log, "event=backend_healthy backend=\"the app\""));
	world_fini(&w);
}

/* A start that takes its time: nothing is said before the first pass, whatever the thresholds. */
static void
test_grace(void **state)
{
	static const struct readiness_rules rules = {1, 1, 60000, 20};
	struct world w;

	world_init(&w, "ffffffp");
	w.until = "pp";
	world_watch(&w, "/well", rules);
	assert_string_equal(w.said, "pp");
	assert_true(w.probes >= 7);
	/* The line that says what is waited for comes once. */
	assert_non_null(strstr(w.log, "level=info event=probe_failed"));
	assert_null(strstr(
	    strstr(w.log, "level=info event=probe_failed") + 1, "level=info event=probe_failed"));
	world_fini(&w);
}

/* A backend that accepts and is silent fails after the probe's time. */
static void
test_silence_is_a_failure(void **state)
{
	static const struct readiness_rules rules = {1, 1, 0, 100};
	struct world w;

	world_init(&w, "s");
	w.until = "f";
	world_watch(&w, "/well", rules);
	assert_string_equal(w.said, "f");
	assert_non_null(strstr(w.log, "event=backend_unhealthy reason=proxy_timeout"));
	world_fini(&w);
}

static void
test_connect_alone(void **state)
{
	static const struct readiness_rules rules = {1, 1, 0, 50};
	struct world w;

	world_init(&w, "f");
	w.until = "pp";
	world_watch(&w, NULL, rules);
	assert_string_equal(w.said, "pp");
	assert_int_equal(w.probes, 0);
	world_fini(&w);

	world_init(&w, "f");
	assert_true(
	    backend_address_parse(&w.address, "unix:/nonexistent/app.sock", &(struct err){0}));
	w.until = "f";
	world_watch(&w, NULL, rules);
	assert_string_equal(w.said, "f");
	assert_non_null(strstr(w.log, "event=backend_unhealthy reason=connect_failed"));
	world_fini(&w);
}

/* Freed while a probe runs: nobody is called, nothing is lost. */
static void
test_freed_early(void **state)
{
	static const struct readiness_rules rules = {1, 1, 0, 20};
	struct world w;

	world_init(&w, "ps");
	w.until = "ppp";
	world_watch(&w, "/well", rules);
	health_free(w.health);
	w.health = NULL;
	w.said_n = 0;
	net_timer_start(w.loop, &w.guard, 50, (void (*)(void *))net_loop_stop, w.loop);
	net_loop_run(w.loop);
	assert_int_equal(w.said_n, 0);
	world_fini(&w);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_says_changes_and_repeats),
	    cmocka_unit_test(test_grace),
	    cmocka_unit_test(test_silence_is_a_failure),
	    cmocka_unit_test(test_connect_alone),
	    cmocka_unit_test(test_freed_early),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
