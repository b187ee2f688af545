#include "base/lru.h"

#include "base/test.h"

/* A key: the bucket is chosen by the first bytes, so `where` decides who collides. */
static const uint8_t *
key_of(uint32_t where, uint32_t what)
{
	static uint8_t key[LRU_KEY];

	memcpy(key, &where, 4);
	memcpy(key + 4, &what, 4);
	return key;
}

static void
put(struct lru *l, uint32_t where, uint32_t what)
{
	uint32_t *v = lru_put(l, key_of(where, what));

	assert_non_null(v);
	*v = what;
}

static bool
holds(struct lru *l, uint32_t where, uint32_t what)
{
	uint32_t *v = lru_find(l, key_of(where, what));

	assert_true(!v || *v == what);
	return v != NULL;
}

static void
test_forgets_the_oldest(void **state)
{
	struct lru l;

	assert_true(lru_init(&l, 3, sizeof(uint32_t)));
	for (uint32_t i = 0; i < 3; i++)
		put(&l, i, i);
	assert_true(holds(&l, 0, 0)); /* used, so newer than 1 */
	put(&l, 3, 3);
	assert_false(holds(&l, 1, 1));
	assert_true(holds(&l, 0, 0) && holds(&l, 2, 2) && holds(&l, 3, 3));
	put(&l, 2, 2); /* there already: nobody makes room */
	assert_true(holds(&l, 0, 0) && holds(&l, 3, 3));
	lru_fini(&l);
}

static void
test_keys_of_one_bucket(void **state)
{
	struct lru l;

	assert_true(lru_init(&l, 5, sizeof(uint32_t)));
	for (uint32_t i = 0; i < 50; i++) {
		put(&l, 7, i);
		for (uint32_t k = 0; k < 50; k++)
			if (k + 5 <= i || k > i)
				assert_false(holds(&l, 7, k));
		for (uint32_t k = i < 5 ? 0 : i - 4; k <= i; k++)
			assert_true(holds(&l, 7, k));
	}
	lru_fini(&l);
}

/* Against a list that is searched from end to end. */
static void
test_against_a_plain_list(void **state)
{
	uint32_t list[16], n = 0, seed = 1;
	struct lru l;

	assert_true(lru_init(&l, 16, sizeof(uint32_t)));
	for (uint32_t i = 0; i < 20000; i++) {
		uint32_t what, at = 0;
		bool there;

		seed = seed * 1103515245 + 12345;
		what = (seed >> 16) % 40;
		while (at < n && list[at] != what)
			at++;
		there = holds(&l, what % 3, what);
		assert_int_equal(there, at < n);
		if (!there)
			put(&l, what % 3, what);
		if (at == n && n < 16)
			n++;
		for (at = at < n ? at : n - 1; at > 0; at--)
			list[at] = list[at - 1];
		list[0] = what;
	}
	lru_fini(&l);
}

static void
test_holds_nothing(void **state)
{
	struct lru l;

	assert_true(lru_init(&l, 0, 4));
	assert_null(lru_put(&l, key_of(0, 0)));
	assert_null(lru_find(&l, key_of(0, 0)));
	lru_fini(&l);
	assert_false(lru_init(&l, UINT32_MAX, 4));
	lru_fini(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_forgets_the_oldest),
	    cmocka_unit_test(test_keys_of_one_bucket),
	    cmocka_unit_test(test_against_a_plain_list),
	    cmocka_unit_test(test_holds_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
