#include "base/test.h"

#include "agent/readiness.h"

#define STEP_MS 1000u

/* A row: the rules, results one a second (p, f), and the state after each (u, p, f). */
static const struct {
	unsigned failures, successes;
	uint64_t grace_ms;
	const char *results, *states;
} rows[] = {
    /* The first word of a backend that is well comes with its first probe, */
    {2, 1, 0, "ppp", "ppp"},
    {2, 3, 0, "ppp", "ppp"},
    /* and a single failure says nothing. */
    {2, 1, 0, "pfpfp", "ppppp"},
    {2, 1, 0, "pffp", "ppfp"},
    {3, 1, 0, "pfffpff", "pppfppp"},
    {1, 1, 0, "pfpf", "pfpf"},
    /* Recovery may have to be proven. */
    {1, 3, 0, "pfpppp", "pfffpp"},
    {1, 3, 0, "pfppfppp", "pffffffp"},
    {2, 2, 0, "pfpp", "pppp"},
    /* Without grace a backend that never answered is a fail like any other. */
    {2, 1, 0, "fffp", "uffp"},
    {2, 2, 0, "fpp", "uup"},
    /* With it nothing is told before it ends (3 s: probes at 0, 1 and 2), */
    {2, 1, 3000, "ffff", "uuuf"},
    {2, 1, 3000, "ffpp", "uupp"},
    /* and the first success ends it. */
    {2, 1, 9000, "fpfff", "uppff"},
    {1, 2, 9000, "fpfpp", "uuffp"},
};

static void
test_rows(void **state)
{
	static const char names[] = {'u', 'p', 'f'};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct readiness_rules rules = {
		    rows[i].failures, rows[i].successes, rows[i].grace_ms, 30000};
		struct readiness r;

		readiness_init(&r, &rules, 500000);
		for (size_t k = 0; rows[i].results[k]; k++) {
			char got = names[readiness_note(
			    &r, rows[i].results[k] == 'p', 500000 + k * STEP_MS)];

			if (got != rows[i].states[k])
				fail_msg("row %zu, result %zu: %c", i, k, got);
		}
	}
}

static void
test_waits(void **state)
{
	struct readiness_rules rules = {2, 2, 0, 30000};
	struct readiness r;

	readiness_init(&r, &rules, 0);
	assert_int_equal(readiness_note(&r, true, 0), READINESS_PASS);
	assert_int_equal(readiness_wait_ms(&r), 30000);
	/* One failure is no fail yet, but worth another look soon. */
	assert_int_equal(readiness_note(&r, false, 0), READINESS_PASS);
	assert_int_equal(readiness_wait_ms(&r), READINESS_AGAIN_MS);
	assert_int_equal(readiness_note(&r, false, 0), READINESS_FAIL);
	assert_int_equal(readiness_wait_ms(&r), READINESS_AGAIN_MS);
	assert_int_equal(readiness_note(&r, true, 0), READINESS_FAIL);
	assert_int_equal(readiness_wait_ms(&r), READINESS_AGAIN_MS);
	assert_int_equal(readiness_note(&r, true, 0), READINESS_PASS);
	assert_int_equal(readiness_wait_ms(&r), 30000);

	/* Never less often than was asked for. */
	rules.interval_ms = 200;
	readiness_init(&r, &rules, 0);
	assert_int_equal(readiness_note(&r, false, 0), READINESS_UNKNOWN);
	assert_int_equal(readiness_wait_ms(&r), 200);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rows),
	    cmocka_unit_test(test_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
