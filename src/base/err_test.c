#include "base/err.h"
#include "base/test.h"

static void
first_error_wins(void **state)
{
	struct err e = {0};
	char tok[ERR_TOKEN_MAX];

	assert_false(err_set_arg(&e, ERR_POLICY, REASON_MEASUREMENT_MISMATCH, "mrtd", "at %d", 7));
	assert_false(err_set(&e, ERR_IO, REASON_INTERNAL, "later"));
	assert_string_equal(err_token(&e, tok), "measurement_mismatch:mrtd");
	assert_string_equal(e.detail, "at 7");
	assert_int_equal(e.code, ERR_POLICY);
	err_clear(&e);
	assert_int_equal(e.code, ERR_NONE);
}

static void
wire_shows_parent_and_cause(void **state)
{
	struct err e = {0};
	char tok[ERR_TOKEN_MAX];

	err_set(&e, ERR_UNTRUSTED, REASON_BINDING_MISMATCH, "digest differs");
	assert_string_equal(err_wire(&e, tok), "report_data_mismatch");
	assert_string_equal(err_cause(&e), "binding_mismatch");
	err_clear(&e);
	err_set(&e, ERR_UNTRUSTED, REASON_NONCE_MISMATCH, "other nonce");
	assert_string_equal(err_wire(&e, tok), "nonce_mismatch");
	assert_null(err_cause(&e));
}

/* Each token is a lower-case word, stands once, and each row says what and what to do. */
static void
table_is_sound(void **state)
{
	for (unsigned i = 0; i < REASON_COUNT; i++) {
		const char *t = reason_token((enum reason)i);

		assert_int_equal(reason_find(t, strlen(t)), i);
		assert_int_equal(strspn(t, "abcdefghijklmnopqrstuvwxyz0123456789_"), strlen(t));
		assert_true(reason_http((enum reason)i) >= 200);
		assert_true(strlen(reason_what((enum reason)i)) > 10);
		assert_true(strlen(reason_todo((enum reason)i)) > 5);
		enum reason p = reason_parent((enum reason)i);
		assert_int_equal(reason_parent(p), p);
	}
	assert_int_equal(reason_find("measurement_mismatch:mrtd", 25), REASON_MEASUREMENT_MISMATCH);
	assert_int_equal(reason_find("nonsense", 8), REASON_COUNT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(first_error_wins),
	    cmocka_unit_test(wire_shows_parent_and_cause),
	    cmocka_unit_test(table_is_sound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
