#include "base/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "core/network.h"
#include "core/policy.h"
#include "core/quote_view.h"

static struct networks nets;

/* "" where the text is taken, else what a person is told. */
static const char *
read_file(const char *text)
{
	static struct err e;

	memset(&e, 0, sizeof e);
	networks_free(&nets);
	if (networks_parse(&nets, span_str(text), &e))
		return "";
	assert_int_equal(e.reason, REASON_BAD_SETTING);
	assert_int_equal(nets.n, 0);
	return e.shown;
}

static void
the_example_is_what_stands_without_a_file(void **state)
{
	struct networks def;

	assert_string_equal(
	    read_file(
		"{\"networks\":{\"forge-1\":{\"sealed_only\":true,\"tcb_accept\":[\"UpToDate\"],"
		"\"debug\":false,\"legacy_agents\":false,\"allow_unmeasured\":false},"
		"\"sandbox-1\":{\"sealed_only\":false,\"tcb_accept\":[\"UpToDate\"],"
		"\"debug\":false,\"legacy_agents\":false,\"allow_unmeasured\":true}}}"),
	    "");
	networks_default(&def);
	assert_int_equal(nets.n, def.n);
	for (size_t i = 0; i < def.n; i++) {
		assert_string_equal(nets.v[i].name, def.v[i].name);
		assert_int_equal(nets.v[i].sealed_only, def.v[i].sealed_only);
		assert_int_equal(nets.v[i].tcb_accept, def.v[i].tcb_accept);
		assert_false(
		    nets.v[i].allow_debug || nets.v[i].allow_sgx || nets.v[i].legacy_agents);
		assert_false(def.v[i].allow_debug || def.v[i].allow_sgx || def.v[i].legacy_agents);
		assert_int_equal(nets.v[i].sealed_only || nets.v[i].needs_pins,
		    def.v[i].sealed_only || def.v[i].needs_pins);
	}
}

static void
what_is_left_out_is_strict(void **state)
{
	assert_string_equal(read_file("{\"networks\":{\"lab\":{}}}"), "");
	assert_int_equal(nets.n, 1);
	assert_true(nets.v[0].sealed_only && nets.v[0].needs_pins);
	assert_int_equal(nets.v[0].tcb_accept, TCB_BIT(TCB_UP_TO_DATE));
	assert_string_equal(
	    read_file("{\"networks\":{\"lab\":{\"sealed_only\":false,\"debug\":true,"
		      "\"tcb_accept\":[\"OutOfDate\",\"UpToDate\"],\"legacy_agents\":true,"
		      "\"allow_unmeasured\":true}}}"),
	    "");
	assert_true(nets.v[0].allow_debug && nets.v[0].legacy_agents);
	assert_false(nets.v[0].sealed_only || nets.v[0].needs_pins);
	assert_int_equal(nets.v[0].tcb_accept, TCB_BIT(TCB_UP_TO_DATE) | TCB_BIT(TCB_OUT_OF_DATE));
}

#define N(members) "{\"networks\":{\"a\":{" members "}}}"

static const struct {
	const char *text, *said;
} wrong[] = {
    {"", "no JSON: "},
    {"{\"networks\":{}", "no JSON: "},
    {"[]", "line 1: the file: must be an object"},
    {"{}", "line 1: networks: is missing"},
    {"{\"network\":{}}", "line 1: network: no such member"},
    {"{\"networks\":{\"a\":{}},\n\"networks\":{}}", "line 2: networks: occurs twice"},
    {"{\"networks\":{}}", "line 1: networks: holds no network"},
    {"{\"networks\":[]}", "line 1: networks: must be an object"},
    {"{\"networks\":{\"a\":1}}", "line 1: networks.a: must be an object"},
    {"{\"networks\":{\"A\":{}}}", "line 1: networks.A: a network's name is a DNS label"},
    {"{\"networks\":{\"\":{}}}", "line 1: networks: a network's name"},
    {"{\"networks\":{\"a\":{},\n\n\"a\":{}}}", "line 3: networks.a: occurs twice"},
    {"{\"networks\":{\n\"a\":{\n\"sealed\":true}}}", "line 3: networks.a.sealed: no such member"},
    {"{\"networks\":{\"a\":{\"debug\":false,\"debug\":false}}}",
	"line 1: networks.a.debug: occurs twice"},
    {"{\"networks\":{\"a\":{\"\\u0064ebug\":true}}}",
	"line 1: networks.a.\\u0064ebug: a name is written without escapes"},
    {"{\"networks\":{\"a\":{\"sealed_only\":\"false\"}}}",
	"line 1: networks.a.sealed_only: must be true or false"},
    {"{\"networks\":{\"a\":{\"legacy_agents\":0}}}",
	"line 1: networks.a.legacy_agents: must be true or false"},
    {"{\"networks\":{\"a\":{\"allow_unmeasured\":null}}}",
	"line 1: networks.a.allow_unmeasured: must be true or false"},
    {"{\"networks\":{\"a\":{\"tcb_accept\":[]}}}",
	"line 1: networks.a.tcb_accept: must be an array of TCB statuses"},
    {"{\"networks\":{\"a\":{\"tcb_accept\":\"UpToDate\"}}}",
	"line 1: networks.a.tcb_accept: must be an array of TCB statuses"},
    {"{\"networks\":{\"a\":{\"tcb_accept\":[\n\"uptodate\"]}}}",
	"line 2: networks.a.tcb_accept: no such status"},
    {"{\"networks\":{\"a\":{\"tcb_accept\":[7]}}}",
	"line 1: networks.a.tcb_accept: no such status"},
    {"{\"networks\":{\"a\":{\"tcb_accept\":[\"UpToDate\",\"Revoked\"]}}}",
	"line 1: networks.a.tcb_accept: Revoked is never accepted"},
    {"{\"networks\":{\"a\":{\"tcb_accept\":[\"UpToDate\",\"UpToDate\"]}}}",
	"line 1: networks.a.tcb_accept: a status occurs twice"},
    {N("\"tcb\":{\"acept\":[]}"), "line 1: networks.a.tcb.acept: no such member"},
    {N("\"tcb\":[]"), "line 1: networks.a.tcb: must be an object"},
    {N("\"tcb\":{\"grace_days\":1,\"grace_days\":1}"),
	"line 1: networks.a.tcb.grace_days: occurs twice"},
    {N("\"tcb_accept\":[\"UpToDate\"],\"tcb\":{\"accept\":[\"UpToDate\"]}"),
	"line 1: networks.a.tcb.accept: tcb_accept and tcb.accept are one"},
    {N("\"tcb\":{\"accept\":[\"UpToDate\"]},\"tcb_accept\":[\"UpToDate\"]"),
	"line 1: networks.a.tcb_accept: tcb_accept and tcb.accept are one"},
    {N("\"tcb\":{\"accept\":[\"Revoked\"]}"),
	"line 1: networks.a.tcb.accept: Revoked is never accepted"},
    {N("\"tcb\":{\"advisories_accept\":[]}"),
	"line 1: networks.a.tcb.advisories_accept: must be an array of advisory ids"},
    {N("\"tcb\":{\"advisories_accept\":[\"INTEL-SA-0615\"]}"),
	"line 1: networks.a.tcb.advisories_accept: no advisory id"},
    {N("\"tcb\":{\"advisories_deny\":[\"INTEL-SA-00615\",\"INTEL-SA-00615\"]}"),
	"line 1: networks.a.tcb.advisories_deny: an advisory occurs twice"},
    {N("\"tcb\":{\"advisories_deny\":[\"INTEL-SA-00615\"],"
       "\"advisories_accept\":[\"INTEL-SA-00615\"]}"),
	"line 1: networks.a.tcb: an advisory is accepted and denied"},
    {N("\"tcb\":{\"min_evaluation_number\":0}"),
	"line 1: networks.a.tcb.min_evaluation_number: must be a number from 1 on"},
    {N("\"tcb\":{\"min_date\":\"2025-02-30T00:00:00Z\"}"),
	"line 1: networks.a.tcb.min_date: must be a time"},
    {N("\"tcb\":{\"grace_days\":3651}"),
	"line 1: networks.a.tcb.grace_days: must be a number from 0 to 3650"},
    {N("\"owners\":[]"), "line 1: networks.a.owners: must be an array, and not empty"},
    {N("\"owners\":[\"o/r\"]"), "line 1: networks.a.owners: no owner's name"},
    {N("\"owners\":[{\"name\":\"o\",\"id\":1}]"), "line 1: networks.a.owners: no owner's name"},
    {N("\"repos\":[\"o\"]"), "line 1: networks.a.repos: no repository"},
    {N("\"repos\":[\"o/..\"]"), "line 1: networks.a.repos: no repository"},
    {N("\"repos\":[\"o/r/s\"]"), "line 1: networks.a.repos: no repository"},
    {N("\"repos\":[\"-_/r\"]"), "line 1: networks.a.repos: no repository"},
    {N("\"repos\":[{\"name\":\"o/r\"}]"), "line 1: networks.a.repos: no repository"},
    {N("\"repos\":[{\"name\":\"o/r\",\"id\":0}]"), "line 1: networks.a.repos: no repository"},
    {N("\"platforms\":{\"allow\":{}}"), "line 1: networks.a.platforms.allow: must be an array"},
    {N("\"platforms\":{\"allowed\":[]}"), "line 1: networks.a.platforms.allowed: no such member"},
    {N("\"platforms\":{\"deny\":[{\"ppid\":\"00\"}]}"),
	"line 1: networks.a.platforms.deny: an entry is an object of one member"},
    {N("\"platforms\":{\"deny\":[{\"fmspc\":\"00a0b0c0d0\"}]}"),
	"line 1: networks.a.platforms.fmspc: must be hex"},
    {N("\"platforms\":{\"deny\":[{\"fmspc\":\"00A0B0C0D0E0\"},"
       "{\"fmspc\":\"00a0b0c0d0e0\"}]}"),
	"line 1: networks.a.platforms.deny: an entry occurs twice"},
    {N("\"immutable_releases\":1"), "line 1: networks.a.immutable_releases: must be true or false"},
    {"{\"networks\":{\"a\":{\"debug\":true}}}",
	"line 1: networks.a: debug contradicts sealed_only"},
    {"{\"networks\":{\"a\":{\"legacy_agents\":true}}}",
	"line 1: networks.a: legacy_agents contradicts sealed_only"},
    {"{\"networks\":{\"a\":{\"allow_unmeasured\":true,\"sealed_only\":true}}}",
	"line 1: networks.a: allow_unmeasured contradicts sealed_only"},
};

static void
a_wrong_file_is_refused_by_name_and_place(void **state)
{

	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		const char *said = read_file(wrong[i].text);

		if (strncmp(said, wrong[i].said, strlen(wrong[i].said)) != 0)
			fail_msg("%s\nsaid %s\nwant %s", wrong[i].text, said, wrong[i].said);
	}
}

static void
there_is_an_end_to_networks(void **state)
{
	char text[4096], name[64];
	struct err e = {0};
	char *big = calloc(1, LIMIT_NETWORKS_FILE + 1);
	size_t n;

	for (int many = 16; many <= 17; many++) {
		n = (size_t)snprintf(text, sizeof text, "{\"networks\":{");
		for (int i = 0; i < many; i++)
			n += (size_t)snprintf(
			    text + n, sizeof text - n, "%s\"n%d\":{}", i ? "," : "", i);
		snprintf(text + n, sizeof text - n, "}}");
		assert_int_equal(read_file(text)[0] == '\0', many == 16);
	}
	memset(name, 'a', 63);
	name[63] = '\0';
	snprintf(text, sizeof text, "{\"networks\":{\"%s\":{}}}", name);
	assert_string_equal(read_file(text), "");
	assert_string_equal(nets.v[0].name, name);
	snprintf(text, sizeof text, "{\"networks\":{\"%sa\":{}}}", name);
	assert_string_not_equal(read_file(text), "");
	memset(big, ' ', LIMIT_NETWORKS_FILE + 1);
	assert_false(networks_parse(&nets, span_of(big, LIMIT_NETWORKS_FILE + 1), &e));
	free(big);
}

/* Every cut of a good file is refused, and leaves what was there. */
static void
no_prefix_is_a_file(void **state)
{
	static const char text[] =
	    "{\"networks\":{\"lab\":{\"sealed_only\":false,\"tcb_accept\":"
	    "[\"UpToDate\"],\"legacy_agents\":true,\"repos\":[{\"name\":\"o/r\",\"id\":7}],"
	    "\"platforms\":{\"deny\":[{\"fmspc\":\"00a0b0c0d0e0\"}]}}}}";

	for (size_t n = 0; n < sizeof text - 1; n++) {
		struct networks out = {.n = 7};
		struct err e = {0};
		uint8_t *p = malloc(n ? n : 1);

		memcpy(p, text, n);
		assert_false(networks_parse(&out, span_of(p, n), &e));
		assert_int_equal(out.n, 7);
		free(p);
	}
}

static const char *
judge(const char *network, struct admission a)
{
	static char token[ERR_TOKEN_MAX];
	char text[256];
	struct err e = {0};

	snprintf(text, sizeof text, "{\"networks\":{\"n\":%s}}", network);
	assert_string_equal(read_file(text), "");
	return policy_judge_admission(&nets.v[0], &a, &e) ? "" : err_token(&e, token);
}

#define OPEN "\"sealed_only\":false"

/* What is kept of an admission is enough to judge it by any network's rules. */
static void
an_admission_is_judged_again(void **state)
{
	const struct admission good = {.sealed = true, .measured = true, .claims_sealed = true};
	struct admission a = good;

	assert_string_equal(judge("{}", good), "");
	a.claims_sealed = false;
	assert_string_equal(judge("{}", a), "sealed_required");
	assert_string_equal(judge("{" OPEN "}", a), "");
	a = good;
	a.measured = false;
	assert_string_equal(judge("{}", a), "allowlist_unmeasured");
	assert_string_equal(judge("{" OPEN "}", a), "allowlist_unmeasured");
	assert_string_equal(judge("{" OPEN ",\"allow_unmeasured\":true}", a), "");
	a = good;
	a.config_fault = "is not claimed";
	assert_string_equal(judge("{}", a), "agent_config_rejected");
	assert_string_equal(judge("{" OPEN "}", a), "");
	a = good;
	a.debug = true;
	assert_string_equal(judge("{" OPEN "}", a), "debug_td");
	assert_string_equal(judge("{" OPEN ",\"debug\":true}", a), "");
	a = good;
	a.tcb = TCB_OUT_OF_DATE;
	assert_string_equal(judge("{" OPEN "}", a), "tcb_status_rejected:OutOfDate");
	assert_string_equal(judge("{\"tcb_accept\":[\"OutOfDate\"]}", a), "");
	a = good;
	a.unbound = true;
	assert_string_equal(judge("{" OPEN "}", a), "freshness_missing");
	assert_string_equal(judge("{" OPEN ",\"legacy_agents\":true}", a), "");
	assert_string_equal(judge("{}", a), "freshness_missing");
	a = good;
	a.tee = TEE_SGX;
	assert_string_equal(judge("{" OPEN "}", a), "tee_not_allowed");
}

static int
forget(void **state)
{
	networks_free(&nets);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_example_is_what_stands_without_a_file),
	    cmocka_unit_test(what_is_left_out_is_strict),
	    cmocka_unit_test(a_wrong_file_is_refused_by_name_and_place),
	    cmocka_unit_test(there_is_an_end_to_networks),
	    cmocka_unit_test(no_prefix_is_a_file),
	    cmocka_unit_test(an_admission_is_judged_again),
	};

	return cmocka_run_group_tests(tests, NULL, forget);
}
