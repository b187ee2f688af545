#include "base/test.h"

#include <stdio.h>

#include "core/registry.h"

static struct networks nets;
static struct registry *reg;

static int
begin(void **state)
{
	static const struct registry_settings set = {.ttl_s = 86400};
	struct err e = {0};

	networks_default(&nets);
	return registry_new(&reg, &set, &nets, &e) ? 0 : -1;
}

static int
end(void **state)
{
	registry_free(reg);
	return 0;
}

static void
pins_hold(void **state)
{
	static const uint8_t a[32] = {1}, b[32] = {2};
	struct pin_row row;
	struct err e = {0};
	bool known;

	assert_true(registry_pin_check(reg, "Org/Repo", "v1", a, &known, &e));
	assert_false(known);
	assert_true(registry_pin_put(reg, "Org/Repo", "v1", a, 7, &row, &e));
	assert_string_equal(row.repo, "org/repo");
	assert_int_equal(row.pinned_at, 7);
	for (int i = 0; i < 40; i++) {
		char tag[8];

		snprintf(tag, sizeof tag, "t%d", (i * 17) % 40);
		assert_true(registry_pin_put(reg, "org/repo", tag, b, 7, &row, &e));
	}
	assert_true(registry_pin_check(reg, "org/REPO", "v1", a, &known, &e));
	assert_true(known);
	assert_true(registry_pin_check(reg, "org/repo", "t33", b, &known, &e));
	assert_true(known);
	assert_true(registry_pin_check(reg, "org/repo", "V1", b, &known, &e)); /* tags have case */
	assert_false(known);
	assert_false(registry_pin_check(reg, "org/repo", "v1", b, &known, &e));
	assert_int_equal(e.reason, REASON_ALLOWLIST_CHANGED);
	err_clear(&e);
	assert_false(registry_pin_put(reg, "org/repo", "v1", b, 9, &row, &e));
	assert_int_equal(e.reason, REASON_ALLOWLIST_CHANGED);
	assert_true(registry_pin_put(reg, "org/repo", "v1", a, 9, &row, &e));
	assert_int_not_equal(row.pinned_at, 9); /* the first acceptance's time stays */
	assert_true(registry_load_pin(reg, &row, &e));
}

static void
a_pin_is_told_once(void **state)
{
	static const uint8_t a[32] = {1};
	struct pin_row row;
	struct err e = {0};

	assert_false(registry_pin_tell(reg, "org/repo", "v1"));
	assert_true(registry_pin_put(reg, "org/repo", "v1", a, 7, &row, &e));
	assert_true(registry_pin_tell(reg, "Org/Repo", "v1"));
	assert_false(registry_pin_tell(reg, "org/repo", "v1")); /* somebody is at it */
	registry_pin_told(reg, "org/repo", "v1", false);
	assert_true(registry_pin_put(reg, "org/repo", "v1", a, 8, &row, &e));
	assert_true(registry_pin_tell(reg, "org/repo", "v1"));
	registry_pin_told(reg, "org/repo", "v1", true);
	assert_true(registry_pin_put(reg, "org/repo", "v1", a, 9, &row, &e));
	assert_false(registry_pin_tell(reg, "org/repo", "v1"));
	memcpy(row.release_tag, "v2", 3);
	row.told = PIN_NOT_TOLD;
	assert_true(registry_load_pin(reg, &row, &e));
	assert_false(registry_pin_tell(reg, "org/repo", "v2")); /* it was on disk */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(pins_hold, begin, end),
	    cmocka_unit_test_setup_teardown(a_pin_is_told_once, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
