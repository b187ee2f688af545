#include "base/test.h"

#include "gate/gate.h"

#include <stdio.h>

static const uint8_t key[16] = {1, 2, 3};

static void
a_burst_and_then_the_rate(void **state)
{
	struct gate *a = gate_new(2, 5, key);

	assert_non_null(a);
	for (int i = 0; i < 5; i++)
		assert_true(gate_take(a, "192.0.2.1", 1000));
	assert_false(gate_take(a, "192.0.2.1", 1000));
	assert_true(gate_take(a, "192.0.2.2", 1000));
	assert_false(gate_take(a, "192.0.2.1", 1499));
	assert_true(gate_take(a, "192.0.2.1", 1500));
	assert_false(gate_take(a, "192.0.2.1", 1600));
	/* Long after, and with a clock that stands still or goes back. */
	assert_true(gate_take(a, "192.0.2.1", UINT64_MAX - 1));
	for (int i = 0; i < 4; i++)
		assert_true(gate_take(a, "192.0.2.1", 5));
	assert_false(gate_take(a, "192.0.2.1", 5));
	gate_free(a);
}

static void
ipv6_counts_by_its_network(void **state)
{
	struct gate *a = gate_new(1, 1, key);

	assert_true(gate_take(a, "2001:db8::1", 0));
	assert_false(gate_take(a, "2001:db8::2", 0));
	assert_true(gate_take(a, "2001:db8:0:1::1", 0));
	gate_free(a);
}

static void
a_flood_of_addresses_changes_no_limit(void **state)
{
	struct gate *a = gate_new(1, 2, key);
	char address[32];

	assert_true(gate_take(a, "192.0.2.1", 0));
	assert_true(gate_take(a, "192.0.2.1", 0));
	/* A newcomer takes the place of the fullest bucket, so the empty one stays known. */
	for (int i = 0; i < 50000; i++) {
		(void)snprintf(address, sizeof address, "10.%d.%d.7", i / 250, i % 250);
		assert_true(gate_take(a, address, 0));
	}
	assert_false(gate_take(a, "192.0.2.1", 0));
	gate_free(a);
}

static void
rate_zero_lets_everyone_in(void **state)
{
	struct gate *a = gate_new(0, 0, key);

	for (int i = 0; i < 1000; i++)
		assert_true(gate_take(a, "192.0.2.1", 0));
	gate_free(a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_burst_and_then_the_rate),
	    cmocka_unit_test(ipv6_counts_by_its_network),
	    cmocka_unit_test(a_flood_of_addresses_changes_no_limit),
	    cmocka_unit_test(rate_zero_lets_everyone_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
