#include "base/test.h"

#include "gate/lookups.h"

#include <stdio.h>

static const uint8_t key[16] = {4, 5, 6};

static unsigned
take_many(struct lookups *l, const char *client, const char *owner, uint64_t now_ms)
{
	unsigned n = 0;

	for (unsigned i = 0; i < 1000; i++) {
		char name[32];

		(void)snprintf(name, sizeof name, "%s/r%u", owner, i);
		n += lookups_take(l, client, span_str(name), now_ms);
	}
	return n;
}

static void
one_address_has_its_budget(void **state)
{
	struct lookups *l = lookups_new(30, key);

	assert_non_null(l);
	assert_int_equal(take_many(l, "192.0.2.1", "o", 1000000), 30);
	assert_int_equal(take_many(l, "192.0.2.2", "p", 1000000), 30);
	/* A minute later, as many again; before, a share. */
	assert_int_equal(take_many(l, "192.0.2.1", "q", 1000000 + 20040), 10);
	assert_int_equal(take_many(l, "192.0.2.1", "s", 1000000 + 20040 + 60000), 30);
	lookups_free(l);
}

static void
one_repository_has_its_budget(void **state)
{
	struct lookups *l = lookups_new(30, key);
	unsigned n = 0;
	char client[32];

	for (unsigned i = 0; i < 250; i++) {
		(void)snprintf(client, sizeof client, "198.51.100.%u", i);
		/* GitHub's names have no case. */
		n += lookups_take(l, client, span_str(i % 2 ? "o/r" : "O/R"), 0);
	}
	assert_int_equal(n, 30);
	lookups_free(l);
}

static void
all_together_have_a_budget(void **state)
{
	struct lookups *l = lookups_new(30, key);
	unsigned n = 0;

	for (unsigned i = 0; i < 1000; i++) {
		char client[32], repo[32];

		(void)snprintf(client, sizeof client, "10.0.%u.%u", i / 250, i % 250);
		(void)snprintf(repo, sizeof repo, "o/r%u", i);
		n += lookups_take(l, client, span_str(repo), 0);
	}
	assert_int_equal(n, 300);
	lookups_free(l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_address_has_its_budget),
	    cmocka_unit_test(one_repository_has_its_budget),
	    cmocka_unit_test(all_together_have_a_budget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
