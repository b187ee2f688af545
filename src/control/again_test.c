#include "base/test.h"

#include "control/again.h"

static struct fields fields;

static struct exchange_request
request(const char *method)
{
	return (struct exchange_request){.request_id = "id-1",
	    .method = span_str(method),
	    .target = span_str("/a?b"),
	    .fields = &fields,
	    .expect_continue = false,
	    .timeout_ms = 1000};
}

static int
set_up(void **state)
{
	fields_init(&fields);
	fields_add_str(&fields, "Host", "app.x");
	fields_add_str(&fields, "X-A", "1");
	fields_add_str(&fields, "x-a", "2");
	return 0;
}

static int
tear_down(void **state)
{
	fields_fini(&fields);
	return 0;
}

static void
keeps_the_request(void **state)
{
	struct exchange_request rq = request("GET"), copy;
	struct again *a = again_of(&rq, 5000);

	assert_non_null(a);
	/* Whoever asked is gone by the time that it is needed. */
	fields_clear(&fields);
	copy = again_request(a, 5400);
	assert_string_equal(copy.request_id, "id-1");
	assert_true(span_is(copy.method, "GET"));
	assert_true(span_is(copy.target, "/a?b"));
	assert_int_equal(copy.fields->n, 3);
	assert_true(span_is(fields_at(copy.fields, 1).value, "1"));
	assert_true(span_is(fields_at(copy.fields, 2).value, "2"));
	assert_int_equal(copy.timeout_ms, 600);
	assert_false(copy.has_body);
	again_free(a);
}

static void
keeps_no_body(void **state)
{
	struct exchange_request rq = request("PUT");

	rq.has_body = true;
	assert_null(again_of(&rq, 0));
	again_free(NULL);
}

static bool
may(const char *method, enum reason why, bool lost, uint64_t now_ms)
{
	struct exchange_request rq = request(method);
	struct again *a = again_of(&rq, 0);
	struct err e = {.reason = why};
	bool ok = again_may(a, &e, lost, now_ms);

	again_free(a);
	return ok;
}

static void
repeats_what_does_no_harm(void **state)
{
	static const char *const idempotent[] = {"GET", "HEAD", "OPTIONS", "PUT", "DELETE"};

	for (size_t i = 0; i < sizeof idempotent / sizeof idempotent[0]; i++) {
		assert_true(may(idempotent[i], REASON_TUNNEL_LOST, true, 999));
		assert_false(may(idempotent[i], REASON_PROXY_TIMEOUT, false, 999));
		assert_false(may(idempotent[i], REASON_TUNNEL_LOST, true, 1000));
	}
	assert_false(may("POST", REASON_TUNNEL_LOST, true, 0));
	assert_false(may("PATCH", REASON_TUNNEL_LOST, true, 0));
	assert_false(may("get", REASON_TUNNEL_LOST, true, 0));
	/* Whoever refused it did nothing of it. */
	assert_true(may("POST", REASON_AGENT_BUSY, false, 0));
	assert_true(may("POST", REASON_AGENT_DRAINING, false, 0));
	assert_false(may("POST", REASON_AGENT_BUSY, false, 1000));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(keeps_the_request, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(keeps_no_body, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(repeats_what_does_no_harm, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
