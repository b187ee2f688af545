/* Tables of what a network asks, over statuses, advisories, dates, platforms and repositories. */
#include "base/test.h"

#include <stdio.h>
#include <string.h>

#include "core/policy.h"

#define DAY 86400
#define NOW (INT64_C(20000) * DAY)

static struct networks nets;

static const struct network *
network(const char *members)
{
	char text[1024];
	struct err e = {0};

	networks_free(&nets);
	snprintf(text, sizeof text, "{\"networks\":{\"n\":{%s}}}", members);
	if (!networks_parse(&nets, span_str(text), &e))
		fail_msg("%s: %s", text, e.detail);
	return &nets.v[0];
}

/* A platform overtaken ten days ago, of evaluation 18, with one advisory. */
static struct quote_view
view(enum tcb_status s)
{
	struct quote_view q = {.tcb = s,
	    .verdict = {.evaluation_number = 18,
		.tcb_date = NOW - 100 * DAY,
		.judged_at = NOW,
		.advisories = s == TCB_UP_TO_DATE ? "" : "INTEL-SA-00615",
		.has_platform = true,
		.has_piid = true,
		.fmspc = {0x00, 0xa0, 0xb0, 0xc0, 0xd0, 0xe0}}};

	if (s == TCB_OUT_OF_DATE || s >= TCB_OUT_OF_DATE_CONFIGURATION_NEEDED)
		q.verdict.outdated_since = NOW - 10 * DAY;
	memset(q.verdict.piid, 0x11, 16);
	memset(q.verdict.ppid_sha256, 0x22, 32);
	return q;
}

static const char *
judge(const char *members, const struct quote_view *q)
{
	static char token[ERR_TOKEN_MAX];
	struct err e = {0};

	return policy_judge_quote(network(members), q, &e) ? "" : err_token(&e, token);
}

/* Each status against each rule: u, s, c, b (both), o, p (OutOfDate and configuration), r, q
 * (relaunch, and configuration), x (revoked), ? (unknown) as far as they pass. */
static void
every_status_against_every_rule(void **state)
{
	static const char letters[] = "uscboprqx?";
	static const struct {
		const char *members, *pass;
	} rows[] = {
	    {"", "u"},
	    {"\"tcb\":{}", "u"},
	    {"\"tcb\":{\"accept\":[\"SWHardeningNeeded\"]}", "s"},
	    {"\"tcb\":{\"accept\":[\"UpToDate\",\"OutOfDate\"]}", "uo"},
	    {"\"tcb\":{\"advisories_accept\":[\"INTEL-SA-00615\"]}", "uscboprq"},
	    {"\"tcb\":{\"advisories_accept\":[\"INTEL-SA-00657\"]}", "u"},
	    {"\"tcb\":{\"accept\":[\"UpToDate\",\"SWHardeningNeeded\"],"
	     "\"advisories_deny\":[\"INTEL-SA-00615\"]}",
		"u"},
	    {"\"tcb\":{\"accept\":[\"UpToDate\",\"SWHardeningNeeded\"],"
	     "\"advisories_deny\":[\"INTEL-SA-00657\"]}",
		"us"},
	    {"\"tcb\":{\"grace_days\":10}", "u"}, /* the end is not within */
	    {"\"tcb\":{\"grace_days\":11}", "uor"},
	    {"\"tcb\":{\"grace_days\":11,\"accept\":[\"UpToDate\",\"ConfigurationNeeded\"]}",
		"ucoprq"},
	    {"\"tcb\":{\"grace_days\":11,\"advisories_deny\":[\"INTEL-SA-00615\"]}", "u"},
	    {"\"tcb\":{\"grace_days\":11,\"accept\":[\"SWHardeningNeeded\"]}", "s"},
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		for (unsigned s = 0; s <= TCB_UNKNOWN; s++) {
			struct quote_view q = view((enum tcb_status)s);
			bool passes = judge(rows[i].members, &q)[0] == '\0';

			if (passes != (strchr(rows[i].pass, letters[s]) != NULL))
				fail_msg("%s: %s %s", rows[i].members,
				    tcb_status_name((enum tcb_status)s),
				    passes ? "passes" : "is refused");
		}
	}
}

static void
each_refusal_has_its_name(void **state)
{
	struct quote_view q = view(TCB_SW_HARDENING_NEEDED);

	assert_string_equal(judge("", &q), "tcb_status_rejected:SWHardeningNeeded");
	assert_string_equal(judge("\"tcb\":{\"accept\":[\"SWHardeningNeeded\"],"
				  "\"advisories_deny\":[\"INTEL-SA-00615\"]}",
				&q),
	    "advisory_denied:INTEL-SA-00615");
	q = view(TCB_UP_TO_DATE);
	assert_string_equal(judge("\"tcb\":{\"min_evaluation_number\":18}", &q), "");
	assert_string_equal(
	    judge("\"tcb\":{\"min_evaluation_number\":19}", &q), "collateral_outdated");
	q.verdict.tcb_date = 1747180800; /* 2025-05-14 */
	assert_string_equal(judge("\"tcb\":{\"min_date\":\"2025-05-14T00:00:00Z\"}", &q), "");
	assert_string_equal(
	    judge("\"tcb\":{\"min_date\":\"2025-05-14T00:00:01Z\"}", &q), "tcb_date_rejected");
	q = view(TCB_OUT_OF_DATE);
	assert_string_equal(
	    judge("\"tcb\":{\"grace_days\":10}", &q), "tcb_status_rejected:OutOfDate");
}

/* One advisory more than are accepted is one too many, and none at all is no reason to pass. */
static void
every_advisory_must_be_accepted(void **state)
{
	static const char rule[] =
	    "\"tcb\":{\"advisories_accept\":[\"INTEL-SA-00615\",\"INTEL-SA-00657\"]}";
	struct quote_view q = view(TCB_SW_HARDENING_NEEDED);

	q.verdict.advisories = "INTEL-SA-00615,INTEL-SA-00657";
	assert_string_equal(judge(rule, &q), "");
	q.verdict.advisories = "INTEL-SA-00615,INTEL-SA-00657,INTEL-SA-00960";
	assert_string_equal(judge(rule, &q), "tcb_status_rejected:SWHardeningNeeded");
	q.verdict.advisories = "";
	assert_string_equal(judge(rule, &q), "tcb_status_rejected:SWHardeningNeeded");
	q.verdict.advisories = NULL;
	assert_string_equal(judge(rule, &q), "tcb_status_rejected:SWHardeningNeeded");
}

/* Where it is not known since when, no grace is given. */
static void
grace_counts_from_a_known_date(void **state)
{
	struct quote_view q = view(TCB_OUT_OF_DATE);

	assert_int_equal(
	    policy_grace_end(network("\"tcb\":{\"grace_days\":3}"), &q), NOW - 7 * DAY);
	assert_int_equal(policy_grace_end(network(""), &q), 0);
	/* Who is taken without it does not lean on it. */
	assert_int_equal(
	    policy_leans_until(network("\"tcb\":{\"grace_days\":3}"), &q), NOW - 7 * DAY);
	assert_int_equal(policy_leans_until(network("\"tcb\":{\"grace_days\":3,\"accept\":"
						    "[\"UpToDate\",\"OutOfDate\"]}"),
			     &q),
	    0);
	assert_int_equal(policy_leans_until(network(""), &q), 0);
	q.verdict.outdated_since = 0;
	assert_int_equal(policy_grace_end(network("\"tcb\":{\"grace_days\":730}"), &q), 0);
	assert_string_equal(
	    judge("\"tcb\":{\"grace_days\":730}", &q), "tcb_status_rejected:OutOfDate");
}

#define PIID  "{\"piid\":\"11111111111111111111111111111111\"}"
#define FMSPC "{\"fmspc\":\"00A0B0C0D0E0\"}"
#define OTHER "{\"fmspc\":\"00a0b0c0d0e1\"}"
#define PPID                                                                                       \
	"{\"ppid_sha256\":\"2222222222222222222222222222222222222222222222222222222222222222\"}"

static void
platforms_are_listed_by_any_of_their_names(void **state)
{
	static const struct {
		const char *members, *said;
	} rows[] = {
	    {"\"platforms\":{}", ""},
	    {"\"platforms\":{\"allow\":[]}", "platform_not_allowed"},
	    {"\"platforms\":{\"allow\":[" OTHER "]}", "platform_not_allowed"},
	    {"\"platforms\":{\"allow\":[" OTHER "," PIID "]}", ""},
	    {"\"platforms\":{\"allow\":[" FMSPC "]}", ""},
	    {"\"platforms\":{\"allow\":[" PPID "]}", ""},
	    {"\"platforms\":{\"deny\":[" OTHER "]}", ""},
	    {"\"platforms\":{\"deny\":[" PIID "]}", "platform_denied"},
	    {"\"platforms\":{\"deny\":[" OTHER "," PPID "]}", "platform_denied"},
	    {"\"platforms\":{\"deny\":[" FMSPC "]}", "platform_denied"},
	    {"\"platforms\":{\"allow\":[" FMSPC "],\"deny\":[" PIID "]}", "platform_denied"},
	};
	struct quote_view q = view(TCB_UP_TO_DATE);

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_string_equal(judge(rows[i].members, &q), rows[i].said);
	/* A platform without an instance id is not the one whose id is all zero. */
	q.verdict.has_piid = false;
	memset(q.verdict.piid, 0, 16);
	assert_string_equal(
	    judge(
		"\"platforms\":{\"allow\":[{\"piid\":\"00000000000000000000000000000000\"}]}", &q),
	    "platform_not_allowed");
	/* What is not known is on no list of those allowed; nor does a list of denied ones take it. */
	q.verdict.has_platform = false;
	assert_string_equal(
	    judge("\"platforms\":{\"allow\":[" FMSPC "]}", &q), "platform_not_allowed");
	assert_string_equal(
	    judge("\"platforms\":{\"deny\":[" FMSPC "]}", &q), "platform_not_allowed");
}

static void
repositories_by_owner_name_and_number(void **state)
{
	static const struct {
		const char *members, *repo;
		int64_t id;
		bool taken;
	} rows[] = {
	    {"", "any/thing", 1, true},
	    {"\"owners\":[\"org\"]", "org/repo", 1, true},
	    {"\"owners\":[\"Org\"]", "oRG/repo", 1, true},
	    {"\"owners\":[\"org\"]", "org-2/repo", 1, false},
	    {"\"owners\":[\"org-2\"]", "org/repo", 1, false},
	    {"\"repos\":[\"org/repo\"]", "ORG/Repo", 1, true},
	    {"\"repos\":[\"org/repo\"]", "org/repo2", 1, false},
	    {"\"repos\":[\"org/repo\"]", "org/rep", 1, false},
	    {"\"repos\":[{\"name\":\"org/repo\",\"id\":7}]", "org/repo", 7, true},
	    {"\"repos\":[{\"name\":\"org/repo\",\"id\":7}]", "org/repo", 8, false},
	    {"\"repos\":[{\"name\":\"org/repo\",\"id\":7}]", "org/other", 7, false},
	    {"\"owners\":[\"a\"],\"repos\":[\"b/c\"]", "a/x", 1, true},
	    {"\"owners\":[\"a\"],\"repos\":[\"b/c\"]", "b/c", 1, true},
	    {"\"repos\":[\"b/c\"],\"owners\":[\"a\"]", "b/d", 1, false},
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct err e = {0};
		bool taken = policy_judge_repo(
		    network(rows[i].members), rows[i].repo, rows[i].id, &e);

		if (taken != rows[i].taken)
			fail_msg("%s: %s", rows[i].members, rows[i].repo);
		if (!taken)
			assert_int_equal(e.reason, REASON_REPO_NOT_ALLOWED);
	}
}

static void
a_release_must_not_change_where_that_is_asked(void **state)
{
	struct err e = {0};

	assert_true(policy_judge_release(network(""), false, &e));
	assert_true(policy_judge_release(network("\"immutable_releases\":false"), false, &e));
	assert_true(policy_judge_release(network("\"immutable_releases\":true"), true, &e));
	assert_false(policy_judge_release(network("\"immutable_releases\":true"), false, &e));
	assert_int_equal(e.reason, REASON_RELEASE_MUTABLE);
}

/* What an admission keeps refuses only what no quote could cure. */
static void
what_is_kept_leaves_the_rest_to_the_quote(void **state)
{
	struct admission a = {
	    .measured = true, .claims_sealed = true, .tcb = TCB_OUT_OF_DATE, .list_accept = 0xffff};
	struct err e = {0};

	assert_false(policy_judge_admission(network(""), &a, &e));
	assert_int_equal(e.reason, REASON_TCB_STATUS_REJECTED);
	assert_true(policy_judge_admission(network("\"tcb\":{\"grace_days\":1}"), &a, &e));
	assert_true(policy_judge_admission(
	    network("\"tcb\":{\"advisories_accept\":[\"INTEL-SA-00001\"]}"), &a, &e));
	a.tcb = TCB_REVOKED;
	assert_false(policy_judge_admission(
	    network("\"tcb\":{\"advisories_accept\":[\"INTEL-SA-00001\"]}"), &a, &e));
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
	    cmocka_unit_test(every_status_against_every_rule),
	    cmocka_unit_test(each_refusal_has_its_name),
	    cmocka_unit_test(every_advisory_must_be_accepted),
	    cmocka_unit_test(grace_counts_from_a_known_date),
	    cmocka_unit_test(platforms_are_listed_by_any_of_their_names),
	    cmocka_unit_test(repositories_by_owner_name_and_number),
	    cmocka_unit_test(a_release_must_not_change_where_that_is_asked),
	    cmocka_unit_test(what_is_kept_leaves_the_rest_to_the_quote),
	};

	return cmocka_run_group_tests(tests, NULL, forget);
}
