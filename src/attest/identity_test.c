#include "base/test.h"

#include "attest/attest.h"

static const struct attest_identity GOOD = {"org/repo.x", "v0.1.3", "my-app", "forge-1", "a:1"};

static enum reason
check(const struct attest_identity *id)
{
	struct err e = {0};

	return attest_identity_check(id, &e) ? REASON_OK : e.reason;
}

static void
members_keep_their_grammar(void **state)
{
	static const char *const repos[] = {"org", "/r", "org/", "org/..", "org/.", "a/b/c",
	    "o_g/r", "org/r r", "../../user", "org/r?x", "org/r#x", "org/r%2f", "org\\r",
	    "a123456789012345678901234567890123456789/r"};
	static const char *const tags[] = {"/v", "v/", "v..1", "v.", ".v", "v 1", "v~1", "v^",
	    "v:1", "v?", "v*", "v[", "v\\", "a//b", "a/.b", "v.lock", "a.lock/b", "@", "v@{1}",
	    "v\n", "v\x7f", "-v"};
	static const char *const good_tags[] = {
	    "v1", "release/1.0", "v1-rc.1+x", "a@b", "x.locks", "v\xc3\xa9"};
	static const char *const labels[] = {
	    "A", "-a", "a-", "a.b", "a_b", "a b", "\xc3\xa9", "a\n"};
	struct attest_identity id = GOOD;

	assert_int_equal(check(&id), REASON_OK);
	for (size_t i = 0; i < sizeof repos / sizeof *repos; i++) {
		id = GOOD;
		id.repo = repos[i];
		assert_int_equal(check(&id), REASON_INVALID_FIELD);
	}
	for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
		id = GOOD;
		id.release_tag = tags[i];
		assert_int_equal(check(&id), REASON_INVALID_FIELD);
	}
	for (size_t i = 0; i < sizeof good_tags / sizeof *good_tags; i++) {
		id = GOOD;
		id.release_tag = good_tags[i];
		assert_int_equal(check(&id), REASON_OK);
	}
	for (size_t i = 0; i < sizeof labels / sizeof *labels; i++) {
		id = GOOD;
		id.app_name = labels[i];
		assert_int_equal(check(&id), REASON_INVALID_FIELD);
		id = GOOD;
		id.network = labels[i];
		assert_int_equal(check(&id), REASON_INVALID_FIELD);
	}
}

static void
nothing_may_be_empty(void **state)
{
	for (int i = 0; i < 5; i++) {
		struct attest_identity id = GOOD;
		const char **const members[] = {
		    &id.repo, &id.release_tag, &id.app_name, &id.network, &id.agent_id};

		*members[i] = "";
		assert_int_equal(check(&id), REASON_MISSING_FIELDS);
		assert_false(attest_identity_eq(&id, &GOOD));
	}
}

static void
a_copy_stands_on_its_own(void **state)
{
	char app[] = "my-app";
	struct attest_identity id = GOOD, *copy;

	id.app_name = app;
	copy = attest_identity_copy(&id);
	assert_non_null(copy);
	app[0] = 'x';
	assert_false(attest_identity_eq(copy, &id));
	assert_true(attest_identity_eq(copy, &GOOD));
	free(copy);
}

static void
agent_ids_are_plain_words(void **state)
{
	char longest[ATTEST_AGENT_ID_MAX + 2];

	memset(longest, 'x', sizeof longest);
	assert_true(attest_agent_id_ok(span_str("0b0e9a3c-3f6c-4b7e-9a55-0d8f1f6f0e11")));
	assert_true(attest_agent_id_ok(span_of(longest, ATTEST_AGENT_ID_MAX)));
	assert_false(attest_agent_id_ok(span_of(longest, ATTEST_AGENT_ID_MAX + 1)));
	assert_false(attest_agent_id_ok(span_str("")));
	assert_false(attest_agent_id_ok(span_str("a/b")));
	assert_false(attest_agent_id_ok(span_str("<script>")));
	assert_false(attest_agent_id_ok(span_of("a\0b", 3)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(members_keep_their_grammar),
	    cmocka_unit_test(nothing_may_be_empty),
	    cmocka_unit_test(a_copy_stands_on_its_own),
	    cmocka_unit_test(agent_ids_are_plain_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
