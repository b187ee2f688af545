#include "base/test.h"

#include "wire/prom.h"

static void
writes_families(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 4096);
	prom_family(&b, "ee_tunnels", PROM_GAUGE, "Open tunnels.");
	prom_sample(&b, "ee_tunnels", 3, NULL);
	prom_family(&b, "ee_refused_total", PROM_COUNTER, "Refusals.");
	prom_sample(&b, "ee_refused_total", 1, "reason", "a \"b\\\nc", "of", "x", NULL);
	assert_string_equal(buf_cstr(&b),
	    "# HELP ee_tunnels Open tunnels.\n# TYPE ee_tunnels gauge\nee_tunnels 3\n"
	    "# HELP ee_refused_total Refusals.\n# TYPE ee_refused_total counter\n"
	    "ee_refused_total{reason=\"a \\\"b\\\\\\nc\",of=\"x\"} 1\n");
	buf_fini(&b);
}

static void
sums_up_times(void **state)
{
	struct prom_times t = {0};
	struct buf b;

	(void)state;
	prom_times_add(&t, 0);
	prom_times_add(&t, 1); /* a bound counts to its bucket */
	prom_times_add(&t, 2);
	prom_times_add(&t, 10001);
	buf_init(&b, 4096);
	prom_histogram(&b, "ee_x_seconds", &t, "X.");
	assert_non_null(strstr(buf_cstr(&b), "# TYPE ee_x_seconds histogram\n"));
	assert_non_null(strstr(buf_cstr(&b), "ee_x_seconds_bucket{le=\"0.001\"} 2\n"
					     "ee_x_seconds_bucket{le=\"0.002\"} 3\n"));
	assert_non_null(strstr(buf_cstr(&b), "ee_x_seconds_bucket{le=\"10\"} 3\n"
					     "ee_x_seconds_bucket{le=\"+Inf\"} 4\n"
					     "ee_x_seconds_sum 10.004\nee_x_seconds_count 4\n"));
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(writes_families),
	    cmocka_unit_test(sums_up_times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
