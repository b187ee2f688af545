#include "base/test.h"

#include "agent/backend_address.h"

static void
test_addresses(void **state)
{
	struct backend_address a;
	struct err e = {0};

	assert_true(backend_address_parse(&a, "http://127.0.0.1:8080", &e));
	assert_string_equal(a.host, "127.0.0.1");
	assert_int_equal(a.port, 8080);
	assert_string_equal(a.authority, "127.0.0.1:8080");
	assert_string_equal(backend_address_claim(&a), "loopback");
	assert_true(backend_address_parse(&a, "http://[::1]/", &e));
	assert_int_equal(a.port, 80);
	assert_string_equal(backend_address_claim(&a), "loopback");
	assert_true(backend_address_parse(&a, "http://app.internal:3000", &e));
	assert_string_equal(backend_address_claim(&a), "app.internal");
	assert_true(backend_address_parse(&a, "unix:/run/app.sock", &e));
	assert_string_equal(a.unix_path, "/run/app.sock");
	assert_string_equal(a.authority, "localhost");
	assert_string_equal(backend_address_claim(&a), "unix");
}

static void
test_bad_addresses(void **state)
{
	static const char *const bad[] = {"", "app", "127.0.0.1:80", "https://app", "ws://app",
	    "http://", "http://user@app", "http://app/path", "http://app?q", "http://app#f",
	    "http://app:0x50", "http://app:99999", "http://a pp", "unix:", "unix:app.sock"};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct backend_address a;
		struct err e = {0};

		if (backend_address_parse(&a, bad[i], &e))
			fail_msg("taken: %s", bad[i]);
		assert_int_equal(e.reason, REASON_BAD_SETTING);
	}
}

/* A path that fills sockaddr_un to the last byte is taken, with its NUL; one byte more is not. */
static void
test_longest_path(void **state)
{
	for (size_t n = 107; n <= 108; n++) {
		struct backend_address a;
		struct err e = {0};
		char url[128] = "unix:/";

		memset(&url[6], 'x', n - 1);
		assert_int_equal(backend_address_parse(&a, url, &e), n == 107);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_addresses),
	    cmocka_unit_test(test_bad_addresses),
	    cmocka_unit_test(test_longest_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
