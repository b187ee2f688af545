#include "base/test.h"

#include "agent/backend.h"

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
	    "http://app:0x50", "http://app:99999", "http://a pp", "unix:", "unix:app.sock",
	    "unix:/0123456789012345678901234567890123456789012345678901234567890123456789"
	    "0123456789012345678901234567890123456789"};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct backend_address a;
		struct err e = {0};

		if (backend_address_parse(&a, bad[i], &e))
			fail_msg("taken: %s", bad[i]);
		assert_int_equal(e.reason, REASON_BAD_SETTING);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_addresses),
	    cmocka_unit_test(test_bad_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
