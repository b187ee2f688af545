#include "base/test.h"

#include <stdint.h>

#include "agent/budget.h"

/* How many requests a share gets before it is refused. */
static size_t
take_all(struct budget_share *s)
{
	size_t n = 0;

	while (budget_take_request(s))
		n++;
	return n;
}

static void
test_one_has_all(void **state)
{
	struct budget b;
	struct budget_share s;

	budget_init(&b, 64, 1000, 1);
	budget_join(&b, &s);
	assert_int_equal(take_all(&s), 64);
	assert_true(budget_take_bytes(&s, 1000));
	assert_false(budget_take_bytes(&s, 1));
	assert_true(budget_take_bytes(&s, 0));
	budget_give_request(&s);
	assert_int_equal(take_all(&s), 1);
}

static void
test_a_flood_takes_no_promise(void **state)
{
	struct budget b;
	struct budget_share s[8];

	budget_init(&b, 64, 8000, 8);
	for (size_t i = 0; i < 8; i++)
		budget_join(&b, &s[i]);
	assert_int_equal(take_all(&s[0]), 4 + 32);
	for (size_t i = 1; i < 8; i++)
		assert_int_equal(take_all(&s[i]), 4);
	/* What it gives back is anybody's again. */
	budget_give_request(&s[0]);
	assert_int_equal(take_all(&s[3]), 1);
	assert_false(budget_take_request(&s[0]));

	assert_false(budget_take_bytes(&s[0], 4501));
	assert_true(budget_take_bytes(&s[0], 4500));
	assert_false(budget_take_bytes(&s[1], 501));
	assert_true(budget_take_bytes(&s[1], 500));
}

/* Whatever is taken and given in between, nothing is lost and nothing is too much. */
static void
test_counts_balance(void **state)
{
	struct budget b;
	struct budget_share s[3];
	size_t held[3] = {0};
	uint32_t random = 1;

	budget_init(&b, 10, 1000, 3);
	for (size_t i = 0; i < 3; i++)
		budget_join(&b, &s[i]);
	for (int i = 0; i < 100000; i++) {
		size_t who, n;

		random = random * 1103515245u + 12345u;
		who = (random >> 16) % 3;
		n = (random >> 18) % 400;
		if (random & 0x8000 && held[who] >= n) {
			budget_give_bytes(&s[who], n);
			held[who] -= n;
		} else if (budget_take_bytes(&s[who], n)) {
			held[who] += n;
		}
		assert_true(held[0] + held[1] + held[2] <= 1000);
	}
	for (size_t i = 0; i < 3; i++)
		budget_give_bytes(&s[i], held[i]);
	assert_int_equal(b.bytes.common, 0);
}

static void
test_no_overflow(void **state)
{
	struct budget b;
	struct budget_share s;

	budget_init(&b, 1, 1000, 1);
	budget_join(&b, &s);
	assert_true(budget_take_bytes(&s, 10));
	assert_false(budget_take_bytes(&s, SIZE_MAX));
	assert_false(budget_take_bytes(&s, SIZE_MAX - 9));
	assert_int_equal(s.bytes, 10);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_one_has_all),
	    cmocka_unit_test(test_a_flood_takes_no_promise),
	    cmocka_unit_test(test_counts_balance),
	    cmocka_unit_test(test_no_overflow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
