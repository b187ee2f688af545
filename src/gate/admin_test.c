#include "base/test.h"

#include "gate/admin.h"

static struct admin_request
local(void)
{
	struct admin_request q = {.peer = "127.0.0.1"};

	q.host = span_str("localhost:8088");
	return q;
}

static bool
allowed(const struct admin_rule *r, const struct admin_request *q, enum reason want)
{
	struct err e = {0};
	bool ok = admin_allow(r, q, &e);

	if (!ok)
		assert_int_equal(e.reason, want);
	return ok;
}

static void
a_token_is_asked_for_where_one_is_set(void **state)
{
	static const char *const wrong[] = {"", "Bearer", "Bearer ", "Bearer s3cre",
	    "Bearer s3crett", "Basic s3cret", "s3cret", "Bearer S3CRET", "Bearer s3cret "};
	struct admin_request q = local();
	struct admin_rule r;

	admin_rule_init(&r, "s3cret", "");
	assert_false(allowed(&r, &q, REASON_UNAUTHORIZED));
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		q.authorization = span_str(wrong[i]);
		assert_false(allowed(&r, &q, REASON_UNAUTHORIZED));
	}
	q.authorization = span_str("Bearer s3cret");
	assert_true(allowed(&r, &q, REASON_OK));
	q.authorization = span_str("Basic YWRtaW46czNjcmV0");
	assert_false(allowed(&r, &q, REASON_UNAUTHORIZED));
	assert_true(admin_allow_page(&r, &q, &(struct err){0}));
	q.authorization = span_str("Basic YWRtaW46czNjcmV");
	assert_false(admin_allow_page(&r, &q, &(struct err){0}));
	q.authorization = span_str("Basic YWRtaW4=");
	assert_false(admin_allow_page(&r, &q, &(struct err){0}));
	q.authorization = span_str("bearer s3cret");
	q.peer = "203.0.113.9";
	q.via = span_str("1.1 x");
	assert_true(allowed(&r, &q, REASON_OK));
}

static void
without_one_only_this_machine_is_let_in(void **state)
{
	static const char *const here[] = {"127.0.0.1", "127.8.8.8", "::1"};
	static const char *const away[] = {"203.0.113.9", "10.0.0.1", "2001:db8::1", "unix", ""};
	static const char *const hosts[] = {"localhost", "127.0.0.1:8088", "[::1]:8088"};
	static const char *const strange[] = {"", "evil.example", "127.0.0.1.evil.example", "a b"};
	struct admin_request q = local();
	struct admin_rule r;

	admin_rule_init(&r, NULL, "http://localhost:8088, http://127.0.0.1:8088");
	for (size_t i = 0; i < sizeof here / sizeof here[0]; i++) {
		q.peer = here[i];
		assert_true(allowed(&r, &q, REASON_OK));
	}
	for (size_t i = 0; i < sizeof away / sizeof away[0]; i++) {
		q.peer = away[i];
		assert_false(allowed(&r, &q, REASON_FORBIDDEN));
	}
	q = local();
	for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
		q.host = span_str(hosts[i]);
		assert_true(allowed(&r, &q, REASON_OK));
	}
	for (size_t i = 0; i < sizeof strange / sizeof strange[0]; i++) {
		q.host = span_str(strange[i]);
		assert_false(allowed(&r, &q, REASON_FORBIDDEN));
	}
}

static void
a_proxy_or_another_site_is_not_this_machine(void **state)
{
	struct admin_request q;
	struct admin_rule r;

	admin_rule_init(&r, "", "");
	q = local();
	q.via = span_str("1.1 nginx");
	assert_false(allowed(&r, &q, REASON_FORBIDDEN));
	q = local();
	q.x_forwarded_for = span_str("");
	q.x_forwarded_for.p = (const uint8_t *)"";
	assert_false(allowed(&r, &q, REASON_FORBIDDEN));
	q = local();
	q.forwarded = span_str("for=1.2.3.4");
	assert_false(allowed(&r, &q, REASON_FORBIDDEN));
	q = local();
	q.origin = span_str("https://evil.example");
	assert_false(allowed(&r, &q, REASON_FORBIDDEN));
	q.origin = span_str("null");
	assert_false(allowed(&r, &q, REASON_FORBIDDEN));
	q.origin = span_str("http://localhost:3000");
	assert_false(allowed(&r, &q, REASON_FORBIDDEN));
	q.origin = span_str("http://localhost:8088");
	assert_true(allowed(&r, &q, REASON_OK));
	q.sec_fetch_site = span_str("cross-site");
	assert_false(allowed(&r, &q, REASON_FORBIDDEN));
	q = local();
	admin_rule_init(&r, "", "https://cp.example.com");
	assert_false(allowed(&r, &q, REASON_FORBIDDEN));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_token_is_asked_for_where_one_is_set),
	    cmocka_unit_test(without_one_only_this_machine_is_let_in),
	    cmocka_unit_test(a_proxy_or_another_site_is_not_this_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
