#include "base/test.h"

#include <stdio.h>

#include "agent/claims.h"
#include "base/limits.h"

static const struct claims_own own = {"00ff", "https://control.example", "system", "loopback"};

static bool
build(const char *file, struct buf *out, struct err *e)
{
	memset(e, 0, sizeof *e);
	buf_init(out, 2 * LIMIT_CLAIMS);
	return claims_build(span_str(file), &own, out, e);
}

static void
expect(const char *file, const char *want)
{
	struct buf out;
	struct err e;

	assert_true(build(file, &out, &e));
	assert_string_equal(buf_cstr(&out), want);
	buf_fini(&out);
}

static void
refuse(const char *file, enum reason r)
{
	struct buf out;
	struct err e;

	assert_false(build(file, &out, &e));
	assert_string_equal(reason_token(e.reason), reason_token(r));
	buf_fini(&out);
}

#define OWN                                                                                        \
	"\"agent_config\":{\"backend\":\"loopback\",\"ca\":\"system\","                            \
	"\"control\":\"https://control.example\"},\"agent_sha256\":\"00ff\""

static void
test_members_join(void **state)
{
	expect("", "{" OWN "}");
	expect("{}", "{" OWN "}");
	expect("{\"vm_image_id\":\"i-1\", \"sealed\":true}",
	    "{" OWN ",\"sealed\":true,\"vm_image_id\":\"i-1\"}");
	expect("{\"zero\":{\"b\":[1,null,\"\\u0041\"],\"a\":0}}\n",
	    "{" OWN ",\"zero\":{\"a\":0,\"b\":[1,null,\"A\"]}}");
	/* An escaped name is the name that it spells. */
	expect("{\"\\u0061a\":\"x\"}", "{\"aa\":\"x\"," OWN "}");
}

static void
test_file_cannot_speak_for_agent(void **state)
{
	refuse("{\"agent_sha256\":\"11\"}", REASON_BAD_SETTING);
	refuse("{\"agent_config\":{}}", REASON_BAD_SETTING);
	refuse("{\"agent\\u005fsha256\":\"11\"}", REASON_BAD_SETTING);
}

static void
test_bad_files(void **state)
{
	refuse("[]", REASON_INVALID_JSON);
	refuse("\"x\"", REASON_INVALID_JSON);
	refuse("{", REASON_INVALID_JSON);
	refuse("{}x", REASON_INVALID_JSON);
	refuse(" ", REASON_INVALID_JSON);
	refuse("{\"a\":1,\"a\":2}", REASON_INVALID_JSON);
	refuse("{\"a\":1.5}", REASON_CLAIMS_NOT_CANONICAL);
	refuse("{\"a\":-0}", REASON_CLAIMS_NOT_CANONICAL);
	refuse("{\"\xc3\xa9\":1}", REASON_CLAIMS_NOT_CANONICAL);
	refuse("{\"a\":{\"b\":1,\"b\":2}}", REASON_CLAIMS_NOT_CANONICAL);
}

/* The profile allows 64 members, the agent's two among them. */
static void
test_member_count(void **state)
{
	for (int members = 62; members <= 63; members++) {
		struct buf file, out;
		struct err e;

		buf_init(&file, 8192);
		buf_add_str(&file, "{");
		for (int i = 0; i < members; i++)
			buf_printf(&file, "%s\"m%d\":%d", i ? "," : "", i, i);
		buf_add_str(&file, "}");
		assert_int_equal(build(buf_cstr(&file), &out, &e), members == 62);
		buf_fini(&out);
		buf_fini(&file);
	}
}

static void
test_every_prefix(void **state)
{
	static const char text[] = "{\"vm_image_id\":\"i-1\",\"sealed\":true,\"x\":{\"y\":[1,2]}}";

	for (size_t n = 1; n < sizeof text - 1; n++) {
		char *copy = strndup(text, n);

		refuse(copy, REASON_INVALID_JSON);
		free(copy);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_members_join),
	    cmocka_unit_test(test_file_cannot_speak_for_agent),
	    cmocka_unit_test(test_bad_files),
	    cmocka_unit_test(test_member_count),
	    cmocka_unit_test(test_every_prefix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
