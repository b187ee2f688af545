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

static bool
pin(const char *repo, const char *tag, const uint8_t sha256[static 32], int64_t now_s,
    struct pin_row *row, struct err *e)
{
	const struct pin_new new = {.repo = repo,
	    .release_tag = tag,
	    .sha256 = sha256,
	    .repo_id = 5,
	    .secret = true,
	    .immutable = true};

	return registry_pin_put(reg, &new, now_s, row, e);
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
	assert_true(pin("Org/Repo", "v1", a, 7, &row, &e));
	assert_string_equal(row.repo, "org/repo");
	assert_int_equal(row.pinned_at, 7);
	assert_true(row.immutable && registry_pin_find(reg, "org/repo", "v1")->immutable);
	for (int i = 0; i < 40; i++) {
		char tag[8];

		snprintf(tag, sizeof tag, "t%d", (i * 17) % 40);
		assert_true(pin("org/repo", tag, b, 7, &row, &e));
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
	assert_false(pin("org/repo", "v1", b, 9, &row, &e));
	assert_int_equal(e.reason, REASON_ALLOWLIST_CHANGED);
	assert_true(pin("org/repo", "v1", a, 9, &row, &e));
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
	assert_true(pin("org/repo", "v1", a, 7, &row, &e));
	assert_true(registry_pin_tell(reg, "Org/Repo", "v1"));
	assert_false(registry_pin_tell(reg, "org/repo", "v1")); /* somebody is at it */
	registry_pin_told(reg, "org/repo", "v1", false);
	assert_true(pin("org/repo", "v1", a, 8, &row, &e));
	assert_true(registry_pin_tell(reg, "org/repo", "v1"));
	registry_pin_told(reg, "org/repo", "v1", true);
	assert_true(pin("org/repo", "v1", a, 9, &row, &e));
	assert_false(registry_pin_tell(reg, "org/repo", "v1"));
	memcpy(row.release_tag, "v2", 3);
	row.told = PIN_NOT_TOLD;
	assert_true(registry_load_pin(reg, &row, &e));
	assert_false(registry_pin_tell(reg, "org/repo", "v2")); /* it was on disk */
}

static void
an_admin_accepts_other_bytes(void **state)
{
	static const uint8_t a[32] = {1}, b[32] = {2};
	struct pin_row row;
	struct err e = {0};
	bool known;

	assert_false(registry_pin_moved(reg, "org/repo", "v1", b, 9, &row, &e));
	assert_int_equal(e.reason, REASON_NOT_FOUND);
	err_clear(&e);
	assert_true(pin("org/repo", "v1", a, 7, &row, &e));
	assert_true(registry_pin_moved(reg, "Org/Repo", "v1", b, 9, &row, &e));
	assert_true(row.repo_id == 5 && row.secret && row.used_at == 7 && row.pinned_at == 9);
	assert_false(row.immutable);
	/* Not before it is on disk. */
	assert_true(registry_pin_check(reg, "org/repo", "v1", a, &known, &e));
	registry_pin_move(reg, &row);
	assert_true(registry_pin_check(reg, "org/repo", "v1", b, &known, &e));
	assert_false(registry_pin_check(reg, "org/repo", "v1", a, &known, &e));
	assert_memory_equal(registry_pin_find(reg, "org/repo", "v1")->sha256, b, 32);
	assert_false(registry_pin_find(reg, "org/repo", "v1")->immutable);
	assert_null(registry_pin_find(reg, "org/repo", "v2"));
}

/* A renamed repository answers to its old name, too: the same number, and one pin for each name. */
static void
another_name_is_no_way_around_a_pin(void **state)
{
	static const uint8_t a[32] = {1}, b[32] = {2};
	struct pin_row row;
	struct err e = {0};

	assert_true(pin("org/now", "v1", a, 7, &row, &e));
	assert_false(pin("org/before", "v1", b, 8, &row, &e));
	assert_int_equal(e.reason, REASON_ALLOWLIST_CHANGED);
	assert_null(registry_pin_find(reg, "org/before", "v1"));
	err_clear(&e);
	assert_true(pin("org/before", "v2", b, 8, &row, &e)); /* a tag of its own */
	assert_true(pin("org/before", "v1", a, 8, &row, &e));
	/* What an admin accepted under one name may be pinned under a third. */
	assert_true(registry_pin_moved(reg, "org/now", "v1", b, 9, &row, &e));
	registry_pin_move(reg, &row);
	assert_true(pin("org/third", "v1", b, 10, &row, &e));
}

/* A commit of the old bytes behind the acceptance would be the disk's last word. */
static void
nothing_is_pinned_beside_an_acceptance(void **state)
{
	static const uint8_t a[32] = {1}, b[32] = {2};
	struct pin_row moved, row;
	struct err e = {0};

	assert_true(pin("org/repo", "v1", a, 7, &row, &e));
	assert_true(registry_pin_moved(reg, "org/repo", "v1", b, 9, &moved, &e));
	registry_pin_moving(reg, "org/repo", "v1", true);
	registry_pin_moving(reg, "Org/repo", "v1", true); /* two admins */
	assert_false(pin("org/repo", "v1", a, 10, &row, &e));
	assert_int_equal(e.reason, REASON_ALLOWLIST_CHANGED);
	err_clear(&e);
	registry_pin_moving(reg, "org/repo", "v1", false);
	assert_false(pin("org/repo", "v1", a, 10, &row, &e));
	err_clear(&e);
	registry_pin_moving(reg, "org/repo", "v1", false);
	registry_pin_move(reg, &moved);
	assert_true(pin("org/repo", "v1", b, 10, &row, &e));
	registry_pin_moving(reg, "org/other", "v1", true); /* not known: nothing */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(pins_hold, begin, end),
	    cmocka_unit_test_setup_teardown(another_name_is_no_way_around_a_pin, begin, end),
	    cmocka_unit_test_setup_teardown(nothing_is_pinned_beside_an_acceptance, begin, end),
	    cmocka_unit_test_setup_teardown(a_pin_is_told_once, begin, end),
	    cmocka_unit_test_setup_teardown(an_admin_accepts_other_bytes, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
