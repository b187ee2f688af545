#include "base/test.h"
#include "dcap/when.h"

static void
test_dates_that_are(void **state)
{
	static const struct {
		const char *text;
		int64_t t;
	} cases[] = {
	    {"1970-01-01T00:00:00Z", 0},
	    {"2000-02-29T12:34:56Z", 951827696},
	    {"2026-11-23T11:32:28Z", 1795433548},
	    {"2038-01-19T03:14:08Z", 2147483648},
	    {"1969-12-31T23:59:59Z", -1},
	    {"9999-12-31T23:59:59Z", 253402300799},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		int64_t t = 0;

		assert_true(when_parse(span_str(cases[i].text), &t));
		assert_int_equal(t, cases[i].t);
	}
}

static void
test_dates_that_are_not(void **state)
{
	static const char *const cases[] = {"2026-02-30T00:00:00Z", "2025-02-29T00:00:00Z",
	    "2100-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z",
	    "2026-01-00T00:00:00Z", "2026-04-31T00:00:00Z", "2026-01-01T24:00:00Z",
	    "2026-01-01T00:60:00Z", "2026-12-31T23:59:60Z", "2026-01-01 00:00:00Z",
	    "2026-01-01T00:00:00", "2026-01-01T00:00:00z", "2026-01-01T00:00:00.0Z",
	    "2026-01-01T00:00:00+00:00", "99999-01-01T00:00:00Z", "0000-01-01T00:00:00Z",
	    "2026-1-01T00:00:00Z", "", "Z"};
	int64_t t;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_false(when_parse(span_str(cases[i]), &t));
}

static void
test_asn1(void **state)
{
	int64_t t;

	assert_true(when_parse_asn1(span_str("491231235959Z"), true, &t));
	assert_int_equal(t, 2524607999);
	assert_true(when_parse_asn1(span_str("500101000000Z"), true, &t));
	assert_int_equal(t, -631152000);
	assert_true(when_parse_asn1(span_str("20491231235959Z"), false, &t));
	assert_int_equal(t, 2524607999);
	assert_false(when_parse_asn1(span_str("20491231235959Z"), true, &t));
	assert_false(when_parse_asn1(span_str("4912312359Z"), true, &t));
	assert_false(when_parse_asn1(span_str("491231235959+"), true, &t));
}

static void
test_windows(void **state)
{
	struct window w = WINDOW_ALWAYS;

	window_narrow(&w, (struct window){10, 20});
	window_narrow(&w, (struct window){5, 15});
	assert_int_equal(w.start, 10);
	assert_int_equal(w.end, 15);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_dates_that_are),
	    cmocka_unit_test(test_dates_that_are_not),
	    cmocka_unit_test(test_asn1),
	    cmocka_unit_test(test_windows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
