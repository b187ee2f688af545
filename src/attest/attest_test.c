#include "base/test.h"

#include "attest/attest.h"
#include "base/hex.h"

static const struct attest_identity ID = {
    .repo = "org/repo",
    .release_tag = "v0.1.3",
    .app_name = "myapp",
    .network = "forge-1",
    .agent_id = "a-1",
};

static struct attest_binding
binding(void)
{
	struct attest_binding b = {.id = &ID, .audience = "https://cp.example", .channel = ""};

	for (unsigned i = 0; i < ATTEST_NONCE; i++)
		b.nonce[i] = (uint8_t)i;
	return b;
}

static bool
claims_digest(const char *json, uint8_t out[static ATTEST_DIGEST], struct err *e)
{
	struct json_doc d;
	bool ok;

	assert_true(
	    json_parse(&d, span_str(json), (struct json_limits){.depth = 32, .nodes = 1000}, e));
	ok = attest_claims_digest(&d, json_top(&d), out, e);
	json_free(&d);
	return ok;
}

/* Digests made with Python's json and hashlib. */
static void
digests_are_the_known_ones(void **state)
{
	struct attest_binding b = binding();
	uint8_t out[ATTEST_DIGEST];
	struct err e = {0};
	char hex[65];

	assert_true(claims_digest("{\"vm_image_id\":\"img-1\", \"sealed\":true,\"n\":7,"
				  "\"agent_config\":{\"control\":\"https://cp.example\","
				  "\"ca\":\"system\",\"backend\":\"loopback\"}}",
	    out, &e));
	assert_string_equal(hex_encode(span_of(out, 32), hex),
	    "5105df4ae94918243968d4241271feb3dcd8f702162598d2efd0c9b5865f2390");
	assert_true(attest_binding_digest(&b, out, &e));
	assert_string_equal(hex_encode(span_of(out, 32), hex),
	    "341c4a80694c9a8b296363e19b76faf92225ba516de059521d807243f730a2c1");
	b.purpose = ATTEST_FOR_EVIDENCE;
	assert_true(attest_binding_digest(&b, out, &e));
	assert_string_equal(hex_encode(span_of(out, 32), hex),
	    "d91ceeb8dd4e93843263a897e8bb2c17cd57675ea04e1ab5e197ae9e9e2f6c71");
}

static bool
legacy_digest(const char *json, uint8_t out[static ATTEST_DIGEST], struct err *e)
{
	struct json_doc d;
	bool ok;

	memset(e, 0, sizeof *e);
	assert_true(
	    json_parse(&d, span_str(json), (struct json_limits){.depth = 32, .nodes = 1000}, e));
	ok = attest_legacy_digest(&d, json_top(&d), out, e);
	json_free(&d);
	return ok;
}

#define FIRST(dir, image, sealed)                                                                  \
	"{\"agent_dir_sha256\":" dir ",\"agent_py_sha256\":\"bb\",\"vm_image_id\":" image          \
	",\"sealed\":" sealed ",\"more\":1}"

/* Digests made with Python's hashlib from the text of lines. */
static void
the_first_agents_digest_is_the_known_one(void **state)
{
	static const char *const odd[] = {"{}", "[]", "7",
	    "{\"agent_dir_sha256\":\"aa\",\"agent_py_sha256\":\"bb\",\"sealed\":true}",
	    FIRST("\"aa\"", "\"img-1\"", "\"true\""), FIRST("\"aa\"", "\"img-1\"", "null"),
	    FIRST("7", "\"img-1\"", "true"), FIRST("\"aa\"", "null", "true"),
	    FIRST("\"aa\"", "\"img-1\\nsealed=true\"", "false"),
	    FIRST("\"aa\\u0000\"", "\"img-1\"", "true"),
	    FIRST("\"aa\"", "\"img-1\",\"vm_image_id\":\"img-2\"", "true")};
	uint8_t out[ATTEST_DIGEST];
	struct err e;
	char hex[65];

	assert_true(legacy_digest(FIRST("\"aa\"", "\"img-1\"", "true"), out, &e));
	assert_string_equal(hex_encode(span_of(out, 32), hex),
	    "c212d79982f031a7879569b999d25f07042378eae1570c9cb35498c7402cec02");
	assert_true(legacy_digest(FIRST("\"aa\"", "\"im\\u00fc\\\"\"", "false"), out, &e));
	assert_string_equal(hex_encode(span_of(out, 32), hex),
	    "0c2b67e9b05edb55f153fe24367bf2efb51b55e9bbb95aae9cb93cc1f8a0f2d2");
	for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
		assert_false(legacy_digest(odd[i], out, &e));
		assert_int_equal(e.reason, REASON_MISSING_QUOTE);
	}
}

static void
report_data_is_both_digests(void **state)
{
	struct attest_binding b = binding();
	uint8_t claims[ATTEST_DIGEST], bound[ATTEST_DIGEST], both[ATTEST_REPORT_DATA];
	struct json_doc d;
	struct err e = {0};

	assert_true(json_parse(
	    &d, span_str("{\"a\":1}"), (struct json_limits){.depth = 8, .nodes = 8}, &e));
	assert_true(attest_claims_digest(&d, json_top(&d), claims, &e));
	assert_true(attest_binding_digest(&b, bound, &e));
	assert_true(attest_report_data(&d, json_top(&d), &b, both, &e));
	assert_memory_equal(both, claims, 32);
	assert_memory_equal(both + 32, bound, 32);
	json_free(&d);
}

/* Each member of the binding counts. */
static void
every_member_binds(void **state)
{
	uint8_t seen[10][ATTEST_DIGEST];
	struct err e = {0};

	for (unsigned i = 0; i < 10; i++) {
		struct attest_identity id = ID;
		struct attest_binding b = binding();
		const char **const members[] = {
		    &id.repo, &id.release_tag, &id.app_name, &id.network, &id.agent_id};

		b.id = &id;
		if (i < 5)
			*members[i] = "x";
		else if (i == 5)
			b.nonce[31] ^= 1;
		else if (i == 6)
			b.audience = "http://cp.example";
		else if (i == 7)
			b.channel = "00";
		else if (i == 8)
			b.purpose = ATTEST_FOR_EVIDENCE;
		assert_true(attest_binding_digest(&b, seen[i], &e));
		assert_int_equal(attest_identity_eq(&id, &ID), i >= 5);
		for (unsigned k = 0; k < i; k++)
			assert_memory_not_equal(seen[i], seen[k], ATTEST_DIGEST);
	}
}

static void
claims_outside_the_profile_are_refused(void **state)
{
	static const char *const bad[] = {
	    "[]",
	    "\"x\"",
	    "{\"a\":1.5}",
	    "{\"a\":-0}",
	    "{\"a\":9007199254740992}",
	    "{\"a\":1,\"a\":2}",
	    "{\"\xc3\xa9\":1}",
	    "{\"a\":\"\\u0000\"}",
	    "{\"a\":[[[[[[[[1]]]]]]]]}",
	};
	uint8_t out[ATTEST_DIGEST];

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct err e = {0};

		assert_false(claims_digest(bad[i], out, &e));
		assert_int_equal(e.reason, REASON_CLAIMS_NOT_CANONICAL);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(digests_are_the_known_ones),
	    cmocka_unit_test(the_first_agents_digest_is_the_known_one),
	    cmocka_unit_test(report_data_is_both_digests),
	    cmocka_unit_test(every_member_binds),
	    cmocka_unit_test(claims_outside_the_profile_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
