#include "base/test.h"

#include "base/rfc3339.h"

static void
known_times_go_both_ways(void **state)
{
	static const struct {
		int64_t s;
		const char *text;
	} pairs[] = {
	    {0, "1970-01-01T00:00:00Z"},
	    {-1, "1969-12-31T23:59:59Z"},
	    {951782399, "2000-02-28T23:59:59Z"},
	    {951782400, "2000-02-29T00:00:00Z"},
	    {951868800, "2000-03-01T00:00:00Z"},
	    {4107542400, "2100-03-01T00:00:00Z"},
	    {1735689599, "2024-12-31T23:59:59Z"},
	    {-62167219200, "0000-01-01T00:00:00Z"},
	    {253402300799, "9999-12-31T23:59:59Z"},
	};

	for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
		char text[RFC3339_SIZE];
		int64_t s;

		assert_string_equal(rfc3339_write(pairs[i].s, text), pairs[i].text);
		assert_true(rfc3339_read(span_str(pairs[i].text), &s));
		assert_int_equal(s, pairs[i].s);
	}
}

static void
every_day_of_four_centuries(void **state)
{
	for (int64_t d = -150000; d < 150000; d++) {
		char text[RFC3339_SIZE];
		int64_t s;

		rfc3339_write(d * 86400 + 12345, text);
		assert_true(rfc3339_read(span_str(text), &s));
		assert_int_equal(s, d * 86400 + 12345);
	}
}

static void
refuses_what_is_no_time(void **state)
{
	static const char *const bad[] = {"", "2026-01-01", "2026-01-01T00:00:00",
	    "2026-01-01T00:00:00+00:00", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z",
	    "2026-02-29T00:00:00Z", "2100-02-29T00:00:00Z", "2026-04-31T00:00:00Z",
	    "2026-01-00T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z",
	    "2026-01-01T00:00:60Z", "2026-01-01t00:00:00Z", "2026-01-01T00:00:00z",
	    "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00.1", "2026-01-01T00:00:00ZZ",
	    "-026-01-01T00:00:00Z", "2026-01-01T0 :00:00Z"};
	int64_t s;

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (rfc3339_read(span_str(bad[i]), &s))
			fail_msg("accepted: %s", bad[i]);
	assert_true(rfc3339_read(span_str("1970-01-01T00:00:01.999Z"), &s) && s == 1);
}

static void
far_times_are_clamped(void **state)
{
	char text[RFC3339_SIZE];

	assert_string_equal(rfc3339_write(INT64_MAX, text), "9999-12-31T23:59:59Z");
	assert_string_equal(rfc3339_write(INT64_MIN, text), "0000-01-01T00:00:00Z");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(known_times_go_both_ways),
	    cmocka_unit_test(every_day_of_four_centuries),
	    cmocka_unit_test(refuses_what_is_no_time),
	    cmocka_unit_test(far_times_are_clamped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
