#include "base/test.h"

#include <stdio.h>
#include <unistd.h>

#include "agent/identity.h"

static const uint8_t random_bytes[16] = {
    0xff, 1, 2, 3, 4, 5, 0xff, 7, 0xff, 9, 10, 11, 12, 13, 14, 15};

static void
test_uuid(void **state)
{
	char id[IDENTITY_UUID_SIZE];

	identity_uuid(random_bytes, id);
	assert_string_equal(id, "ff010203-0405-4f07-bf09-0a0b0c0d0e0f");
}

static void
test_stays_the_same(void **state)
{
	static const uint8_t other[16] = {1};
	char dir[] = "/tmp/ee-id-XXXXXX", first[IDENTITY_ID_SIZE], again[IDENTITY_ID_SIZE];
	char path[64];
	struct err e = {0};

	assert_non_null(mkdtemp(dir));
	assert_true(identity_load(dir, random_bytes, first, &e));
	assert_string_equal(first, "ff010203-0405-4f07-bf09-0a0b0c0d0e0f");
	assert_true(identity_load(dir, other, again, &e));
	assert_string_equal(first, again);
	snprintf(path, sizeof path, "%s/agent_id", dir);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0); /* and nothing else was left there */
}

static void
test_refuses_what_is_no_id(void **state)
{
	static const char *bad[] = {"", "\n", "a b\n", "a\nb\n", "a\n\n"};
	char dir[] = "/tmp/ee-id-XXXXXX", id[IDENTITY_ID_SIZE], path[64];

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/agent_id", dir);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct err e = {0};
		FILE *f = fopen(path, "we");

		assert_non_null(f);
		fputs(bad[i], f);
		fclose(f);
		assert_false(identity_load(dir, random_bytes, id, &e));
		assert_int_equal(e.reason, REASON_BAD_SETTING);
		assert_int_equal(unlink(path), 0);
	}
	assert_int_equal(rmdir(dir), 0);
}

static void
test_no_directory(void **state)
{
	char id[IDENTITY_ID_SIZE];
	struct err e = {0};

	assert_false(identity_load("/nonexistent/ee", random_bytes, id, &e));
	assert_non_null(strstr(e.detail, "/nonexistent/ee"));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_uuid),
	    cmocka_unit_test(test_stays_the_same),
	    cmocka_unit_test(test_refuses_what_is_no_id),
	    cmocka_unit_test(test_no_directory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
