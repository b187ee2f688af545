#include "base/test.h"

#include "core/names.h"

static bool
ok(const char *name)
{
	struct err e = {0};

	if (names_check(name, &e))
		return true;
	assert_int_equal(e.reason, REASON_APP_NAME_RESERVED);
	return false;
}

static void
hosts_of_the_operator_are_kept(void **state)
{
	static const char *const kept[] = {"www", "api", "health", "admin", "localhost", "wpad",
	    "autodiscover", "mta-sts", "xn--80ak6aa92e", "ab--c", "v1"};
	static const char *const free_names[] = {
	    "myapp", "a", "www2", "apis", "my-api", "a-b", "a-b-c--d", "ab-", "health-1"};

	for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
		assert_false(ok(kept[i]));
	for (size_t i = 0; i < sizeof free_names / sizeof free_names[0]; i++)
		assert_true(ok(free_names[i]));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(hosts_of_the_operator_are_kept)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
