#include "base/test.h"

#include "base/json.h"
#include "control/view.h"

static const struct json_limits lim = {16, 1024};

static void
an_app_is_told_whole(void **state)
{
	static const char *const members[] = {"app_name", "repo", "release_tag", "network",
	    "agent_id", "registered_at", "registration_expires_at", "registration_state", "sealed",
	    "attestation_status", "health_status", "ws_connected", "last_attested_at",
	    "last_health_at", "allowed", "reason", "replicas", "tcb_status", "advisory_ids",
	    "freshness", "lease_expires_at", "trust_root"};
	struct resolve a = {.registration_state = "active",
	    .attestation_status = "valid",
	    .health_status = "fail",
	    .freshness = "bound",
	    .replicas = 2,
	    .reason = REASON_UNHEALTHY,
	    .row = {.name = "myapp", .repo = "org/repo", .registered_at = 1700000000},
	    .advisories = "INTEL-SA-1,INTEL-SA-2"};
	struct json_doc doc;
	struct err e = {0};
	struct buf out;

	buf_init(&out, 65536);
	view_write_resolve(&out, &a, true);
	assert_true(json_parse(&doc, buf_span(&out), lim, &e));
	for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
		assert_non_null(json_get(&doc, json_top(&doc), members[i]));
	assert_true(
	    json_is(json_get(&doc, json_top(&doc), "registered_at"), "2023-11-14T22:13:20Z"));
	assert_true(json_is(json_get(&doc, json_top(&doc), "reason"), "unhealthy"));
	assert_true(json_is(json_get(&doc, json_top(&doc), "trust_root"), "custom"));
	assert_int_equal(json_get(&doc, json_top(&doc), "advisory_ids")->count, 2);
	json_free(&doc);
	buf_fini(&out);
}

static void
a_name_that_is_none_is_not_repeated(void **state)
{
	static const char *const names[] = {"<script>", "..", "", "UPPER", "a%20b",
	    "a234567890123456789012345678901234567890123456789012345678901234"};
	struct json_doc doc;
	struct err e = {0};
	struct buf out;

	buf_init(&out, 65536);
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		buf_clear(&out);
		view_write_unknown(&out, span_str(names[i]), REASON_UNKNOWN_APP, false);
		assert_true(json_parse(&doc, buf_span(&out), lim, &e));
		assert_int_equal(json_get(&doc, json_top(&doc), "app_name")->type, JSON_NULL);
		assert_int_equal(json_get(&doc, json_top(&doc), "allowed")->type, JSON_FALSE);
		json_free(&doc);
	}
	buf_clear(&out);
	view_write_unknown(&out, span_str("ghost"), REASON_UNKNOWN_APP, false);
	assert_true(json_parse(&doc, buf_span(&out), lim, &e));
	assert_true(json_is(json_get(&doc, json_top(&doc), "app_name"), "ghost"));
	assert_true(json_is(json_get(&doc, json_top(&doc), "reason"), "unknown_app"));
	json_free(&doc);
	buf_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_app_is_told_whole),
	    cmocka_unit_test(a_name_that_is_none_is_not_repeated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
