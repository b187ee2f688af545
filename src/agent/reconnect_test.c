#include "base/test.h"

#include "agent/reconnect.h"

/* With the largest random value that a range gives back unchanged, the wait is the range itself. */
static uint64_t
range_of(struct reconnect *r, uint64_t now_ms)
{
	static const uint64_t ranges[] = {1000, 2000, 4000, 8000, 16000, 32000, 60000};
	struct reconnect before = *r;

	for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
		struct reconnect a = before, b = before;

		if (reconnect_next(&a, now_ms, ranges[i], 0) == ranges[i]
		    && reconnect_next(&b, now_ms, ranges[i] + 1, 0) == 0) {
			*r = a;
			return ranges[i];
		}
	}
	return 0;
}

static void
test_doubles_up_to_cap(void **state)
{
	static const uint64_t want[] = {1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000, 60000};
	struct reconnect r;

	reconnect_init(&r);
	for (size_t i = 0; i < sizeof want / sizeof *want; i++)
		assert_int_equal(range_of(&r, 0), want[i]);
	for (int i = 0; i < 1000; i++)
		assert_true(reconnect_next(&r, 0, (uint64_t)i * 0x9e3779b97f4a7c15u, 0)
			    <= RECONNECT_CAP_MS);
}

static void
test_jitter_is_full(void **state)
{
	uint64_t low = UINT64_MAX, high = 0, sum = 0;

	for (uint64_t i = 1; i <= 1000; i++) {
		struct reconnect r = {.failures = 10};
		uint64_t ms = reconnect_next(&r, 0, i * 0x9e3779b97f4a7c15u, 0);

		low = ms < low ? ms : low;
		high = ms > high ? ms : high;
		sum += ms;
	}
	assert_true(low < 1000 && high > 59000);
	assert_true(sum / 1000 > 27000 && sum / 1000 < 33000);
}

static void
test_stable_period_resets(void **state)
{
	struct reconnect r = {.failures = 9};

	reconnect_note_attested(&r, 5000);
	reconnect_note_attested(&r, 50000); /* a renewal does not restart the period */
	assert_int_equal(range_of(&r, 5000 + RECONNECT_STABLE_MS), 1000);
}

static void
test_short_success_does_not_reset(void **state)
{
	struct reconnect r = {.failures = 3};

	reconnect_note_attested(&r, 5000);
	assert_int_equal(range_of(&r, 5000 + RECONNECT_STABLE_MS - 1), 8000);
	/* And the note was of that connection only. */
	assert_int_equal(range_of(&r, 500000), 16000);
}

static void
test_replaced_waits(void **state)
{
	struct reconnect r;

	reconnect_init(&r);
	assert_int_equal(reconnect_next(&r, 0, 0, RECONNECT_REPLACED_MS), 60000);
	assert_int_equal(reconnect_next(&r, 0, 2000, RECONNECT_REPLACED_MS), 62000);
}

static void
test_leave_is_no_failure(void **state)
{
	struct reconnect r;

	reconnect_init(&r);
	assert_int_equal(range_of(&r, 0), 1000);
	assert_int_equal(range_of(&r, 0), 2000);
	reconnect_note_leave(&r);
	assert_int_equal(range_of(&r, 0), 1000);
	assert_int_equal(range_of(&r, 0), 2000);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_doubles_up_to_cap),
	    cmocka_unit_test(test_leave_is_no_failure),
	    cmocka_unit_test(test_jitter_is_full),
	    cmocka_unit_test(test_stable_period_resets),
	    cmocka_unit_test(test_short_success_does_not_reset),
	    cmocka_unit_test(test_replaced_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
