#include "base/test.h"

#include "wire/message.h"
#include "wire/problem.h"

#define REGISTER                                                                                   \
	"{\"type\":\"register\",\"repo\":\"org/repo\",\"release_tag\":\"v0.1.3\","                 \
	"\"app_name\":\"myapp\",\"network\":\"forge-1\",\"agent_id\":\"uuid\"}"

#define REGISTER_AS(version)                                                                       \
	"{\"type\":\"register\",\"repo\":\"org/repo\",\"release_tag\":\"v0.1.3\","                 \
	"\"app_name\":\"myapp\",\"network\":\"forge-1\",\"agent_id\":\"uuid\","                    \
	"\"tunnel_version\":" version "}"

static enum reason
parse(const char *text, enum msg_from from)
{
	struct msg m;
	struct err e = {0};

	if (!msg_parse(&m, span_str(text), from, &e))
		return e.reason;
	msg_fini(&m);
	return REASON_OK;
}

static void
judges_agents_messages(void **state)
{
	static const struct {
		const char *text;
		enum reason reason;
	} cases[] = {
	    {REGISTER, REASON_OK},
	    {"{\"type\":\"health\",\"status\":\"pass\",\"more\":[1]}", REASON_OK},
	    {"{\"type\":\"health\",\"status\":\"odd\"}", REASON_OK},
	    {"{\"type\":\"attest_response\",\"nonce\":\"00\",\"quote\":\"AAAA\","
	     "\"report_data\":\"00\",\"measurements\":{}}",
		REASON_OK},
	    {"{\"type\":\"proxy_response\",\"request_id\":\"1\",\"status\":200,\"headers\":{},"
	     "\"body_b64\":\"\"}",
		REASON_OK},
	    {"{\"type\":\"proxy_response\",\"request_id\":\"1\",\"error\":\"proxy_timeout\"}",
		REASON_OK},
	    {"{\"type\":\"evidence_response\",\"request_id\":\"1\",\"quote\":\"AAAA\","
	     "\"report_data\":\"00\",\"measurements\":{}}",
		REASON_OK},
	    {"{\"type\":\"evidence_response\",\"request_id\":\"1\",\"error\":\"agent_busy\"}",
		REASON_OK},
	    {"{\"type\":\"evidence_response\",\"request_id\":\"1\",\"error\":7}",
		REASON_INVALID_JSON},
	    {"{\"type\":\"evidence_response\",\"error\":\"agent_busy\"}", REASON_MISSING_FIELDS},
	    {"{\"type\":\"evidence_response\",\"request_id\":\"1\",\"quote\":\"AAAA\"}",
		REASON_MISSING_QUOTE},
	    {"{\"type\":\"evidence_response\",\"request_id\":\"1\",\"quote\":\"AAAA\","
	     "\"report_data\":\"00\",\"measurements\":\"x\"}",
		REASON_INVALID_JSON},
	    {"{\"type\":\"evidence_request\",\"request_id\":\"1\",\"nonce\":\"00\",\"deadline_s\":"
	     "1}",
		REASON_UNKNOWN_MESSAGE},
	    {"{\"type\":\"h2_end\"}", REASON_OK},
	    {"{\"type\":\"h2_end\",\"type\":\"h2_end\"}", REASON_INVALID_JSON},
	    {REGISTER_AS("\"1\""), REASON_OK},
	    {REGISTER_AS("\"2\""), REASON_OK},
	    {REGISTER_AS("null"), REASON_OK},
	    {REGISTER_AS("\"3\""), REASON_INVALID_FIELD},
	    {REGISTER_AS("2"), REASON_INVALID_JSON},
	    {"", REASON_INVALID_JSON},
	    {"[]", REASON_INVALID_JSON},
	    {"{", REASON_INVALID_JSON},
	    {"{\"type\":1}", REASON_INVALID_JSON},
	    {"{}", REASON_MISSING_FIELDS},
	    {"{\"type\":\"nope\"}", REASON_UNKNOWN_MESSAGE},
	    {"{\"type\":\"status\",\"state\":\"ok\"}", REASON_UNKNOWN_MESSAGE},
	    {"{\"type\":\"health\",\"type\":\"health\",\"status\":\"pass\"}", REASON_INVALID_JSON},
	    {"{\"type\":\"health\",\"status\":\"pass\",\"x\":1,\"x\":2}", REASON_INVALID_JSON},
	    {"{\"type\":\"health\"}", REASON_MISSING_FIELDS},
	    {"{\"type\":\"health\",\"status\":true}", REASON_INVALID_JSON},
	    {"{\"type\":\"register\"}", REASON_MISSING_FIELDS},
	    {"{\"type\":\"register\",\"repo\":\"\"}", REASON_MISSING_FIELDS},
	    {"{\"type\":\"register\",\"repo\":7}", REASON_INVALID_JSON},
	    {"{\"type\":\"attest_response\",\"nonce\":\"00\",\"quote\":null,"
	     "\"report_data\":\"00\",\"measurements\":{}}",
		REASON_MISSING_QUOTE},
	    {"{\"type\":\"attest_response\",\"nonce\":\"00\",\"quote\":\"AAAA\","
	     "\"report_data\":\"00\",\"measurements\":[]}",
		REASON_INVALID_JSON},
	    {"{\"type\":\"attest_response\"}", REASON_MISSING_FIELDS},
	    {"{\"type\":\"proxy_response\",\"request_id\":\"1\"}", REASON_MISSING_FIELDS},
	    {"{\"type\":\"proxy_response\",\"request_id\":\"1\",\"status\":200.5}",
		REASON_INVALID_JSON},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (parse(cases[i].text, MSG_FROM_AGENT) != cases[i].reason)
			fail_msg("%s: %s", cases[i].text,
			    reason_token(parse(cases[i].text, MSG_FROM_AGENT)));
	for (size_t n = 0; n < sizeof REGISTER - 1; n++) {
		struct msg m;
		struct err e = {0};

		assert_false(msg_parse(&m, span_of(REGISTER, n), MSG_FROM_AGENT, &e));
		assert_int_equal(e.reason, REASON_INVALID_JSON);
	}
}

static void
knows_the_grammars(void **state)
{
	static const char *const tags[] = {"v0.1.3", "a/b", "release-1_2", "\xc3\xbc", "a@b"};
	static const char *const bad_tags[] = {"", "..", "a..b", ".a", "a/.b", "a.", "a/", "/a",
	    "a//b", "a b", "a~", "a^", "a:b", "a?", "a*", "a[", "a\\b", "@", "a@{b", "a.lock",
	    "a.lock/b", "-a", "a\x7f", "a\n", "../../user"};
	static const char *const repos[] = {"a/b", "Org-1/re.po_x", "a/.github"};
	static const char *const bad_repos[] = {"", "a", "/b", "a/", "a/..", "a/.", "a/b/c",
	    "a b/c", "a_b/c", "a/b?c", "a/b#c", "a/b%2f", "../../user",
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/b"};

	(void)state;
	for (size_t i = 0; i < sizeof tags / sizeof *tags; i++)
		assert_true(msg_tag_ok(span_str(tags[i])));
	for (size_t i = 0; i < sizeof bad_tags / sizeof *bad_tags; i++)
		if (msg_tag_ok(span_str(bad_tags[i])))
			fail_msg("accepted: %s", bad_tags[i]);
	for (size_t i = 0; i < sizeof repos / sizeof *repos; i++)
		assert_true(msg_repo_ok(span_str(repos[i])));
	for (size_t i = 0; i < sizeof bad_repos / sizeof *bad_repos; i++)
		if (msg_repo_ok(span_str(bad_repos[i])))
			fail_msg("accepted: %s", bad_repos[i]);
	assert_true(msg_agent_id_ok(span_str("3f2a-x:1._")));
	assert_false(msg_agent_id_ok(span_str("")));
	assert_false(msg_agent_id_ok(span_str("a b")));
	assert_false(msg_agent_id_ok(span_str("<x>")));
}

static void
reads_what_it_writes(void **state)
{
	struct msg_register r = {"o/r", "v1", "app", "sandbox-1", "id", 2};
	struct msg_attest_request q = {"00ff", 30, "periodic", true};
	struct msg_evidence_request ev = {"7", "00ff", 5};
	struct msg_status s = {"invalid", "measurement_mismatch:mrtd", "", "a \"b\"", "", 1, 57};
	struct buf out, body;
	struct fields f, back;
	struct msg m;
	struct err e = {0};

	(void)state;
	buf_init(&out, 10000);
	msg_write_register(&out, &r);
	assert_true(msg_parse(&m, buf_span(&out), MSG_FROM_AGENT, &e));
	assert_string_equal(m.u.reg.app_name, "app");
	assert_int_equal(m.u.reg.tunnel_version, 2);
	msg_fini(&m);
	buf_clear(&out);
	msg_write_attest_request(&out, &q);
	assert_true(msg_parse(&m, buf_span(&out), MSG_FROM_CONTROL, &e));
	assert_true(m.u.attest_request.channel);
	assert_int_equal(m.u.attest_request.deadline_s, 30);
	msg_fini(&m);
	buf_clear(&out);
	msg_write_evidence_request(&out, &ev);
	assert_true(msg_parse(&m, buf_span(&out), MSG_FROM_CONTROL, &e));
	assert_string_equal(m.u.evidence_request.request_id, "7");
	assert_string_equal(m.u.evidence_request.nonce, "00ff");
	assert_int_equal(m.u.evidence_request.deadline_s, 5);
	msg_fini(&m);
	buf_clear(&out);
	msg_write_evidence_response(
	    &out, "7", span_of("\0\1\2", 3), span_of("\xff", 1), span_str("{\"a\":true}"));
	assert_true(msg_parse(&m, buf_span(&out), MSG_FROM_AGENT, &e));
	assert_string_equal(m.u.evidence_response.request_id, "7");
	assert_true(span_is(m.u.evidence_response.proof.quote, "AAEC"));
	assert_true(span_is(m.u.evidence_response.proof.report_data, "ff"));
	assert_true(span_is(m.u.evidence_response.proof.measurements->text, "{\"a\":true}"));
	assert_string_equal(m.u.evidence_response.error, "");
	msg_fini(&m);
	buf_clear(&out);
	msg_write_evidence_error(&out, "7", "agent_busy");
	assert_true(msg_parse(&m, buf_span(&out), MSG_FROM_AGENT, &e));
	assert_string_equal(m.u.evidence_response.error, "agent_busy");
	msg_fini(&m);
	buf_clear(&out);
	msg_write_status(&out, &s);
	assert_true(msg_parse(&m, buf_span(&out), MSG_FROM_CONTROL, &e));
	assert_string_equal(m.u.status.detail, "a \"b\"");
	assert_int_equal(m.u.status.tunnel_version, 1);
	assert_int_equal(m.u.status.retry_after_s, 57);
	msg_fini(&m);
	buf_clear(&out);
	msg_write_attest_response(
	    &out, "00", span_of("\0\1\2", 3), span_of("\xff", 1), span_str("{\"a\":true}"));
	assert_true(msg_parse(&m, buf_span(&out), MSG_FROM_AGENT, &e));
	assert_true(span_is(m.u.attest_response.proof.quote, "AAEC"));
	assert_true(span_is(m.u.attest_response.proof.report_data, "ff"));
	assert_true(span_is(m.u.attest_response.proof.measurements->text, "{\"a\":true}"));
	msg_fini(&m);
	buf_clear(&out);
	fields_init(&f);
	fields_init(&back);
	buf_init(&body, 100);
	fields_add_str(&f, "Set-Cookie", "a");
	fields_add_str(&f, "X", "y");
	fields_add_str(&f, "set-cookie", "b");
	msg_write_proxy_response(&out, "7", 201, &f, span_str("hi"));
	assert_true(msg_parse(&m, buf_span(&out), MSG_FROM_AGENT, &e));
	assert_int_equal(m.u.proxy_response.status, 201);
	assert_true(msg_headers(&m.doc, m.u.proxy_response.headers, &back));
	assert_int_equal(back.n, 3);
	assert_true(span_is(fields_at(&back, 1).value, "b"));
	assert_true(msg_body(m.u.proxy_response.body, &body));
	assert_true(span_is(buf_span(&body), "hi"));
	msg_fini(&m);
	fields_fini(&f);
	fields_fini(&back);
	buf_fini(&body);
	buf_fini(&out);
}

static void
says_the_tunnels_version(void **state)
{
	struct msg_register r = {"o/r", "v1", "app", "sandbox-1", "id", 1};
	struct msg m;
	struct err e = {0};
	struct buf out;

	(void)state;
	/* Absent is version 1: so an agent of version 1 writes what it always wrote. */
	buf_init(&out, 10000);
	msg_write_register(&out, &r);
	assert_int_equal(span_find(buf_span(&out), "tunnel_version"), out.n);
	assert_true(msg_parse(&m, buf_span(&out), MSG_FROM_AGENT, &e));
	assert_int_equal(m.u.reg.tunnel_version, 1);
	msg_fini(&m);
	buf_fini(&out);
}

static void
ends_http2_both_ways(void **state)
{
	struct msg m;
	struct err e = {0};
	struct buf out;

	(void)state;
	buf_init(&out, 100);
	msg_write_h2_end(&out);
	assert_true(span_is(buf_span(&out), "{\"type\":\"h2_end\"}"));
	for (int from = MSG_FROM_AGENT; from <= MSG_FROM_CONTROL; from++) {
		assert_true(msg_parse(&m, buf_span(&out), (enum msg_from)from, &e));
		assert_int_equal(m.type, MSG_H2_END);
		msg_fini(&m);
	}
	buf_fini(&out);
}

static void
carries_long_names(void **state)
{
	char name[1001] = "";
	struct fields f, back;
	struct err e = {0};
	struct buf out;
	struct msg m;

	(void)state;
	memset(name, 'x', sizeof name - 1);
	fields_init(&f);
	fields_init(&back);
	buf_init(&out, 100000);
	fields_add_str(&f, name, "a");
	fields_add_str(&f, "Y", "b");
	fields_add_str(&f, name, "c");
	msg_write_proxy_response(&out, "7", 200, &f, span_str(""));
	assert_true(buf_ok(&out));
	assert_true(msg_parse(&m, buf_span(&out), MSG_FROM_AGENT, &e));
	assert_true(msg_headers(&m.doc, m.u.proxy_response.headers, &back));
	assert_int_equal(back.n, 3);
	assert_true(span_is(fields_at(&back, 1).name, name));
	assert_true(span_is(fields_at(&back, 1).value, "c"));
	msg_fini(&m);
	fields_fini(&f);
	fields_fini(&back);
	buf_fini(&out);
}

static void
refuses_bad_headers(void **state)
{
	static const char *const bad[] = {"{\"a b\":\"c\"}", "{\"a\":\"b\\r\\nc: d\"}", "{\"a\":1}",
	    "{\"a\":[1]}", "{\"a\":\"b\",\"a\":\"c\"}", "{\"a\":{}}", "{\"\":\"c\"}",
	    "{\"a\":\" b\"}", "{\"a\":\"\\u0000\"}"};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct json_doc doc;
		struct err e = {0};
		struct fields f;

		fields_init(&f);
		assert_true(json_parse(&doc, span_str(bad[i]), (struct json_limits){8, 100}, &e));
		if (msg_headers(&doc, json_top(&doc), &f))
			fail_msg("accepted: %s", bad[i]);
		json_free(&doc);
		fields_fini(&f);
	}
}

static void
says_no_in_two_forms(void **state)
{
	struct err e = {0};
	struct buf out;

	(void)state;
	buf_init(&out, 1000);
	err_set(&e, ERR_POLICY, REASON_NO_TUNNEL, "x");
	refusal_write(&out, &e);
	assert_true(span_is(buf_span(&out), "{\"allowed\":false,\"reason\":\"no_tunnel\"}"));
	buf_clear(&out);
	problem_write(&out, &e, span_str("r1"));
	assert_true(span_is(buf_span(&out),
	    "{\"type\":\"about:blank\",\"title\":\"Service Unavailable\",\"status\":503,"
	    "\"reason\":\"no_tunnel\",\"request_id\":\"r1\"}"));
	buf_clear(&out);
	proxy_status_write(&out, "ee", &e);
	assert_true(
	    span_is(buf_span(&out), "ee; error=destination_unavailable; details=\"no_tunnel\""));
	assert_int_equal(problem_retry_after(&e), 5);
	e.retry_s = 57;
	assert_int_equal(problem_retry_after(&e), 57);
	buf_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(judges_agents_messages),
	    cmocka_unit_test(knows_the_grammars),
	    cmocka_unit_test(reads_what_it_writes),
	    cmocka_unit_test(says_the_tunnels_version),
	    cmocka_unit_test(ends_http2_both_ways),
	    cmocka_unit_test(carries_long_names),
	    cmocka_unit_test(refuses_bad_headers),
	    cmocka_unit_test(says_no_in_two_forms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
