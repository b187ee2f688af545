#include "net/loop.h"

#include <signal.h>
#include <unistd.h>

#include "base/test.h"
#include "net/worker.h"

struct trace {
	struct net_loop *l;
	struct net_timer t[64];
	struct net_defer d;
	int order[128], n;
	int ticks, done, ran, woken, signals;
	struct wake *wake;
};

struct step_ctx {
	struct trace *t;
	int id;
};

static void
note(void *ctx)
{
	struct step_ctx *c = ctx;

	c->t->order[c->t->n++] = c->id;
}

static void
test_timers_in_order(void **state)
{
	struct err e = {0};
	struct trace t = {.l = net_loop_new(&e)};
	struct step_ctx c[64];
	int last = -1;

	assert_non_null(t.l);
	for (int i = 0; i < 64; i++) {
		c[i] = (struct step_ctx){&t, i * 37 % 64};
		net_timer_start(t.l, &t.t[i], (uint64_t)(i * 37 % 64) / 2, note, &c[i]);
	}
	for (int i = 0; i < 64; i += 3)
		net_timer_stop(&t.t[i]);
	net_timer_stop(&t.t[0]);
	net_timer_start(t.l, &t.t[1], 40, note, &c[1]);
	c[1].id = 1000;
	net_loop_run(t.l);
	assert_int_equal(t.n, 64 - 22);
	for (int i = 0; i < t.n; i++) {
		assert_true(t.order[i] / 2 >= last / 2);
		last = t.order[i];
	}
	assert_int_equal(last, 1000);
	net_loop_free(t.l);
}

static void
tick(void *ctx)
{
	struct trace *t = ctx;

	if (++t->ticks == 5)
		net_timer_stop(&t->t[0]);
}

static void
deferred(void *ctx)
{
	struct trace *t = ctx;

	t->done++;
}

static void
test_repeat_and_defer(void **state)
{
	struct err e = {0};
	struct trace t = {.l = net_loop_new(&e)};
	struct trace left = {0};

	net_timer_repeat(t.l, &t.t[0], 1, tick, &t);
	net_defer_call(t.l, &t.d, deferred, &t);
	net_defer_call(t.l, &t.d, deferred, &t);
	net_loop_run(t.l);
	assert_int_equal(t.ticks, 5);
	assert_int_equal(t.done, 1);
	net_defer_call(t.l, &t.d, deferred, &t);
	net_defer_stop(&t.d);
	net_timer_start(t.l, &left.t[0], 100000, tick, &left);
	net_loop_free(t.l);
	assert_int_equal(t.done, 1);
	/* a timer outlives its loop harmlessly */
	net_timer_stop(&left.t[0]);
	assert_false(net_timer_is_running(&left.t[0]));
}

static void
on_signal(struct net_loop *l, int signo, void *ctx)
{
	struct trace *t = ctx;

	t->signals += signo;
	net_loop_stop(l);
}

static void
never(void *ctx)
{
	fail();
}

static void
test_signals(void **state)
{
	struct err e = {0};
	struct trace t = {.l = net_loop_new(&e)};

	assert_true(net_loop_on_signal(t.l, SIGHUP, on_signal, &t, &e));
	assert_true(net_loop_on_signal(t.l, SIGTERM, on_signal, &t, &e));
	assert_true(net_loop_on_signal(t.l, SIGHUP, on_signal, &t, &e));
	/* signals alone do not keep it running */
	net_loop_run(t.l);
	assert_int_equal(t.signals, 0);
	net_timer_start(t.l, &t.t[0], 60000, never, NULL);
	kill(getpid(), SIGTERM);
	net_loop_run(t.l);
	assert_int_equal(t.signals, SIGTERM);
	kill(getpid(), SIGHUP);
	net_loop_run(t.l);
	assert_int_equal(t.signals, SIGTERM + SIGHUP);
	net_loop_free(t.l);
}

static void
work(void *job)
{
	struct trace *t = job;

	t->ran++;
	if (t->wake)
		wake_send(t->wake);
}

static void
done(void *job, bool ran)
{
	struct trace *t = job;

	t->done += ran;
}

static void
woken(void *ctx)
{
	struct trace *t = ctx;

	t->woken++;
	wake_close(t->wake);
	t->wake = NULL;
}

static void
test_worker_and_wake(void **state)
{
	struct err e = {0};
	struct trace t = {.l = net_loop_new(&e)};
	struct trace waiting[16] = {0};

	t.wake = wake_new(t.l, woken, &t, &e);
	assert_non_null(t.wake);
	assert_true(worker_run(t.l, work, done, &t, &e));
	net_loop_run(t.l);
	assert_int_equal(t.ran, 1);
	assert_int_equal(t.done, 1);
	assert_int_equal(t.woken, 1);
	/* freed while jobs wait: each is told, run or not */
	for (int i = 0; i < 16; i++)
		assert_true(worker_run(t.l, work, done, &waiting[i], &e));
	t.wake = wake_new(t.l, woken, &t, &e);
	net_loop_free(t.l);
	for (int i = 0; i < 16; i++)
		assert_int_equal(waiting[i].ran, waiting[i].done);
	assert_int_equal(t.woken, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_timers_in_order),
	    cmocka_unit_test(test_repeat_and_defer),
	    cmocka_unit_test(test_signals),
	    cmocka_unit_test(test_worker_and_wake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
