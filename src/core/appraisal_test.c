#include "base/test.h"

#include <stdio.h>

#include "base/hex.h"
#include "core/appraisal.h"

#define HEX48(c)                                                                                   \
	c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c  \
	    c c c
#define PINS                                                                                       \
	"\"mrtd\":\"" HEX48("a1") "\",\"rtmr1\":\"" HEX48("b2") "\",\"rtmr2\":\"" HEX48("c3") "\""
#define CONFIG                                                                                     \
	"\"agent_config\":{\"control\":\"https://"                                                 \
	"cp.example\",\"ca\":\"system\",\"backend\":\"loopback\"}"
#define CLAIMS "{\"sealed\":true,\"vm_image_id\":\"img\"," CONFIG "}"
#define LIST   "{\"measurements\":{" PINS ",\"vm_image_id\":\"img\"}}"

static const struct attest_identity ID = {"org/repo", "v1", "app", "forge-1", "a-1"};
static const char *const AUDIENCES[] = {"https://other.example", "https://cp.example"};

/* One right answer, each part of which a test may spoil. */
struct scene {
	struct attest_identity id;
	struct appraisal_challenge c;
	struct appraisal_answer a;
	struct quote_view q;
	struct json_doc doc;
	uint8_t regs[3][48], data[64];
	char nonce[65], report_data[129];
};

static void
set(struct scene *s, const char *claims, const char *audience, const char *channel)
{
	struct attest_binding b = {.id = &s->id, .audience = audience, .channel = channel};
	struct err e = {0};

	memset(s, 0, sizeof *s);
	s->id = ID;
	s->c = (struct appraisal_challenge){.id = &s->id,
	    .nonce = {7},
	    .channel = channel,
	    .audiences = AUDIENCES,
	    .audience_n = 2};
	memcpy(b.nonce, s->c.nonce, 32);
	assert_true(json_parse(
	    &s->doc, span_str(claims), (struct json_limits){.depth = 8, .nodes = 100}, &e));
	if (!attest_report_data(&s->doc, json_top(&s->doc), &b, s->data, &e))
		memset(s->data, 0, 64);
	memset(s->regs[0], 0xa1, 48);
	memset(s->regs[1], 0xb2, 48);
	memset(s->regs[2], 0xc3, 48);
	s->q.tcb = TCB_UP_TO_DATE;
	s->q.reg[REG_MRTD] = span_of(s->regs[0], 48);
	s->q.reg[REG_RTMR1] = span_of(s->regs[1], 48);
	s->q.reg[REG_RTMR2] = span_of(s->regs[2], 48);
	s->q.report_data = span_of(s->data, 64);
	s->a = (struct appraisal_answer){
	    .nonce = span_str(hex_encode(span_of(s->c.nonce, 32), s->nonce)),
	    .report_data = span_str(hex_encode(span_of(s->data, 64), s->report_data)),
	    .doc = &s->doc,
	    .measurements = json_top(&s->doc)};
}

static const char *
judge(struct scene *s, const char *network, const char *list, struct admission *adm, struct err *e)
{
	static char token[ERR_TOKEN_MAX];
	struct networks nets;
	const struct network *net;
	struct appraisal_offline off;
	struct allowlist *al = NULL;
	bool ok;

	memset(e, 0, sizeof *e);
	networks_default(&nets);
	ok = networks_get(&nets, network, &net, e) && appraise_offline(&s->c, &s->a, &s->q, &off, e)
	     && allowlist_parse(&al, span_str(list), "v1", e)
	     && appraise_full(net, &s->c, &s->a, &off, &s->q, al, false, adm, e);
	allowlist_free(al);
	json_free(&s->doc);
	return ok ? "" : err_token(e, token);
}

static void
a_right_answer_is_admitted(void **state)
{
	struct admission adm;
	struct scene s;
	struct err e;

	set(&s, CLAIMS, "https://cp.example", "");
	assert_string_equal(judge(&s, "forge-1", LIST, &adm, &e), "");
	assert_true(adm.sealed && adm.measured);
	assert_int_equal(adm.tcb, TCB_UP_TO_DATE);
	set(&s, "{\"vm_image_id\":\"img\"}", "https://other.example", "00ff");
	assert_string_equal(
	    judge(&s, "sandbox-1", "{\"measurements\":{\"vm_image_id\":\"img\"}}", &adm, &e), "");
	assert_false(adm.sealed || adm.measured);
	/* A claim that no measured code makes is only a word. */
	set(&s, "{\"sealed\":true}", "https://cp.example", "");
	assert_string_equal(
	    judge(&s, "sandbox-1", "{\"measurements\":{\"sealed\":true}}", &adm, &e), "");
	assert_false(adm.sealed);
}

static void
an_answer_binds_this_challenge_only(void **state)
{
	struct admission adm;
	struct scene s;
	struct err e;
	char tok[ERR_TOKEN_MAX];

	set(&s, CLAIMS, "https://cp.example", "");
	s.c.nonce[0] ^= 1;
	assert_string_equal(judge(&s, "forge-1", LIST, &adm, &e), "nonce_mismatch");
	/* The nonce's member put right: a replayed quote still shows. */
	set(&s, CLAIMS, "https://cp.example", "");
	s.c.nonce[0] ^= 1;
	hex_encode(span_of(s.c.nonce, 32), s.nonce);
	assert_string_equal(judge(&s, "forge-1", LIST, &adm, &e), "binding_mismatch");
	assert_string_equal(err_wire(&e, tok), "report_data_mismatch");
	assert_string_equal(err_cause(&e), "binding_mismatch");
	set(&s, CLAIMS, "https://evil.example", "");
	assert_string_equal(judge(&s, "forge-1", LIST, &adm, &e), "binding_mismatch");
	set(&s, CLAIMS, "https://cp.example", "aa");
	s.c.channel = "bb";
	assert_string_equal(judge(&s, "forge-1", LIST, &adm, &e), "binding_mismatch");
	set(&s, CLAIMS, "https://cp.example", "");
	s.c.channel = "bb";
	assert_string_equal(judge(&s, "forge-1", LIST, &adm, &e), "binding_mismatch");
	set(&s, CLAIMS, "https://cp.example", "");
	s.c.audience_n = 0;
	assert_string_equal(judge(&s, "forge-1", LIST, &adm, &e), "binding_mismatch");
	for (int i = 0; i < 5; i++) {
		set(&s, CLAIMS, "https://cp.example", "");
		const char **const members[] = {
		    &s.id.repo, &s.id.release_tag, &s.id.app_name, &s.id.network, &s.id.agent_id};

		*members[i] = "another";
		assert_string_equal(judge(&s, "forge-1", LIST, &adm, &e), "binding_mismatch");
	}
}

static void
malformed_answers_are_named(void **state)
{
	static const char *const nonces[] = {"", "07", "zz"};
	struct admission adm;
	struct scene s, other;
	struct err e;

	for (int i = 0; i < 3; i++) {
		set(&s, CLAIMS, "https://cp.example", "");
		s.a.nonce = span_str(nonces[i]);
		assert_string_equal(judge(&s, "forge-1", LIST, &adm, &e), "nonce_mismatch");
	}
	set(&s, CLAIMS, "https://cp.example", "");
	s.a.measurements = NULL;
	assert_string_equal(judge(&s, "forge-1", LIST, &adm, &e), "missing_quote_or_measurements");
	set(&s, "[]", "https://cp.example", "");
	assert_string_equal(judge(&s, "forge-1", LIST, &adm, &e), "missing_quote_or_measurements");
	set(&s, "{\"a\":1.5}", "https://cp.example", "");
	assert_string_equal(judge(&s, "forge-1", LIST, &adm, &e), "claims_not_canonical");
	set(&s, CLAIMS, "https://cp.example", "");
	s.report_data[127] = s.report_data[127] == '0' ? '1' : '0';
	assert_string_equal(judge(&s, "forge-1", LIST, &adm, &e), "report_data_mismatch");
	assert_null(err_cause(&e));
	set(&s, CLAIMS, "https://cp.example", "");
	s.a.report_data.n--;
	assert_string_equal(judge(&s, "forge-1", LIST, &adm, &e), "report_data_mismatch");
	/* Other claims than the quote binds. */
	set(&s, CLAIMS, "https://cp.example", "");
	set(&other, "{\"sealed\":true}", "https://cp.example", "");
	s.a.doc = &other.doc;
	s.a.measurements = json_top(&other.doc);
	assert_string_equal(judge(&s, "forge-1", LIST, &adm, &e), "claims_mismatch");
	json_free(&other.doc);
}

static void
the_quote_must_suit_the_network(void **state)
{
	struct admission adm;
	struct scene s;
	struct err e;

	set(&s, CLAIMS, "https://cp.example", "");
	assert_string_equal(judge(&s, "prod", LIST, &adm, &e), "invalid_network");
	set(&s, CLAIMS, "https://cp.example", "");
	s.q.tee = TEE_SGX;
	assert_string_equal(judge(&s, "sandbox-1", LIST, &adm, &e), "tee_not_allowed");
	set(&s, CLAIMS, "https://cp.example", "");
	s.q.debug = true;
	assert_string_equal(judge(&s, "sandbox-1", LIST, &adm, &e), "debug_td");
	/* Every status but UpToDate, and a list cannot widen what the network says. */
	for (int t = TCB_UP_TO_DATE + 1; t <= TCB_UNKNOWN; t++) {
		char want[ERR_TOKEN_MAX];

		set(&s, CLAIMS, "https://cp.example", "");
		s.q.tcb = (enum tcb_status)t;
		snprintf(want, sizeof want, "tcb_status_rejected:%s",
		    tcb_status_name((enum tcb_status)t));
		assert_string_equal(
		    judge(&s, "sandbox-1",
			"{\"measurements\":{\"sealed\":true},\"tcb\":{\"accept\":[\"OutOfDate\","
			"\"SWHardeningNeeded\"]}}",
			&adm, &e),
		    want);
		assert_int_equal(tcb_status_find(span_str(tcb_status_name((enum tcb_status)t))), t);
	}
	/* But it may narrow. */
	set(&s, CLAIMS, "https://cp.example", "");
	assert_string_equal(
	    judge(&s, "sandbox-1",
		"{\"measurements\":{\"sealed\":true},\"tcb\":{\"accept\":[\"OutOfDate\"]}}", &adm,
		&e),
	    "tcb_status_rejected:UpToDate");
}

static void
sealed_networks_take_sealed_code(void **state)
{
	static const char *const unsealed[] = {"{\"sealed\":false}", "{\"sealed\":\"true\"}",
	    "{\"sealed\":1}", "{\"sealed\":[true]}", "{\"x\":1}"};
	struct admission adm;
	struct scene s;
	struct err e;

	for (size_t i = 0; i < sizeof unsealed / sizeof *unsealed; i++) {
		set(&s, unsealed[i], "https://cp.example", "");
		assert_string_equal(judge(&s, "forge-1", "{\"measurements\":{" PINS "}}", &adm, &e),
		    "sealed_required");
		set(&s, unsealed[i], "https://cp.example", "");
		assert_string_equal(
		    judge(&s, "sandbox-1", "{\"measurements\":{" PINS "}}", &adm, &e), "");
		assert_false(adm.sealed);
	}
	set(&s, CLAIMS, "https://cp.example", "");
	assert_string_equal(judge(&s, "forge-1", "{\"measurements\":{\"sealed\":true}}", &adm, &e),
	    "allowlist_unmeasured");
	set(&s, CLAIMS, "https://cp.example", "");
	assert_string_equal(
	    judge(&s, "forge-1",
		"{\"measurements\":{\"mrtd\":\"" HEX48("a1") "\",\"rtmr1\":\"" HEX48("b2") "\"}}",
		&adm, &e),
	    "allowlist_unmeasured");
	set(&s, CLAIMS, "https://cp.example", "");
	assert_string_equal(
	    judge(
		&s, "forge-1", "{\"measurements\":{" PINS ",\"vm_image_id\":\"other\"}}", &adm, &e),
	    "measurement_mismatch:vm_image_id");
}

static void
agent_config_keeps_traffic_home(void **state)
{
#define AC(control, ca, backend)                                                                   \
	"{\"sealed\":true,\"agent_config\":{\"control\":\"" control "\",\"ca\":\"" ca              \
	"\",\"backend\":\"" backend "\"}}"
	static const struct {
		const char *claims, *channel, *list, *token;
	} rows[] = {
	    {"{\"sealed\":true}", "", "", "agent_config_rejected"},
	    {"{\"sealed\":true,\"agent_config\":\"x\"}", "", "", "agent_config_rejected"},
	    {"{\"sealed\":true,\"agent_config\":{}}", "", "", "agent_config_rejected"},
	    {AC("https://evil.example", "system", "loopback"), "", "", "agent_config_rejected"},
	    /* Accepted as an audience, but not the one that the quote binds. */
	    {AC("https://other.example", "system", "loopback"), "", "", "agent_config_rejected"},
	    {AC("https://cp.example", "00ff", "loopback"), "", "", "agent_config_rejected"},
	    {AC("https://cp.example", "00ff", "loopback"), "ab", "", ""},
	    {AC("https://cp.example", "system", "10.0.0.1"), "", "", "agent_config_rejected"},
	    {AC("https://cp.example", "system", "10.0.0.1"), "ab", "", "agent_config_rejected"},
	    {AC("https://cp.example", "system", "unix"), "", "", ""},
	    {AC("https://cp.example", "system", "10.0.0.1"), "",
		",\"agent_config\":{\"backend\":\"10.0.0.1\",\"ca\":\"system\","
		"\"control\":\"https://cp.example\"}",
		""},
	    {AC("https://cp.example", "system", "loopback"), "", ",\"agent_config\":{\"ca\":\"x\"}",
		"measurement_mismatch:agent_config"},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct admission adm;
		struct scene s;
		struct err e;
		char list[800];

		snprintf(list, sizeof list, "{\"measurements\":{" PINS "%s}}", rows[i].list);
		set(&s, rows[i].claims, "https://cp.example", rows[i].channel);
		assert_string_equal(judge(&s, "forge-1", list, &adm, &e), rows[i].token);
	}
}

/* The same scene in the first agents' form: the claims' lines, then zeros. */
static void
set_legacy(struct scene *s, const char *claims)
{
	struct err e = {0};

	set(s, claims, "https://cp.example", "");
	memset(s->data, 0, sizeof s->data);
	assert_true(attest_legacy_digest(&s->doc, json_top(&s->doc), s->data, &e));
	hex_encode(span_of(s->data, 64), s->report_data);
	s->c.legacy = true;
}

static const char *
judge_legacy(struct scene *s, bool allowed, const char *list, struct admission *adm, struct err *e)
{
	static char token[ERR_TOKEN_MAX];
	const struct network net = {
	    .name = "old", .tcb_accept = TCB_BIT(TCB_UP_TO_DATE), .legacy_agents = allowed};
	struct appraisal_offline off;
	struct allowlist *al = NULL;
	bool ok;

	memset(e, 0, sizeof *e);
	ok = appraise_offline(&s->c, &s->a, &s->q, &off, e)
	     && allowlist_parse(&al, span_str(list), "v1", e)
	     && appraise_full(&net, &s->c, &s->a, &off, &s->q, al, false, adm, e);
	allowlist_free(al);
	json_free(&s->doc);
	return ok ? "" : err_token(e, token);
}

#define FIRST                                                                                      \
	"{\"agent_dir_sha256\":\"aa\",\"agent_py_sha256\":\"bb\",\"vm_image_id\":\"img\","         \
	"\"sealed\":true,\"extra\":\"x\"}"

static void
the_first_agents_form_is_taken_where_asked_for(void **state)
{
	struct admission adm;
	struct scene s;
	struct err e;
	char tok[ERR_TOKEN_MAX];

	set_legacy(&s, FIRST);
	assert_string_equal(judge_legacy(&s, true, LIST, &adm, &e), "");
	assert_true(adm.unbound && adm.sealed && adm.config_fault);
	/* A claim that is in none of the four lines is nobody's. */
	set_legacy(&s, FIRST);
	assert_string_equal(
	    judge_legacy(&s, true, "{\"measurements\":{" PINS ",\"extra\":\"x\"}}", &adm, &e),
	    "measurement_mismatch:extra");
	set_legacy(&s, FIRST);
	assert_string_equal(
	    judge_legacy(&s, true, "{\"measurements\":{\"agent_py_sha256\":\"b0\"}}", &adm, &e),
	    "measurement_mismatch:agent_py_sha256");
	set_legacy(&s, FIRST);
	s.data[0] ^= 1;
	hex_encode(span_of(s.data, 64), s.report_data);
	assert_string_equal(judge_legacy(&s, true, LIST, &adm, &e), "claims_mismatch");
	/* The rules changed while it was judged. */
	set_legacy(&s, FIRST);
	assert_string_equal(judge_legacy(&s, false, LIST, &adm, &e), "freshness_missing");
	assert_string_equal(err_wire(&e, tok), "report_data_mismatch");
	/* Not asked for: told so, whatever the claims. */
	set_legacy(&s, FIRST);
	s.c.legacy = false;
	assert_string_equal(judge_legacy(&s, true, LIST, &adm, &e), "freshness_missing");
	/* An agent that binds a nonce is judged by that, there too. */
	set(&s, CLAIMS, "https://cp.example", "");
	s.c.legacy = true;
	assert_string_equal(judge_legacy(&s, true, LIST, &adm, &e), "");
	assert_false(adm.unbound);
	set(&s, CLAIMS, "https://evil.example", "");
	s.c.legacy = true;
	assert_string_equal(judge_legacy(&s, true, LIST, &adm, &e), "binding_mismatch");
	/* Nor does a right nonce member help a quote that binds none. */
	set_legacy(&s, FIRST);
	s.c.nonce[0] ^= 1;
	assert_string_equal(judge_legacy(&s, true, LIST, &adm, &e), "nonce_mismatch");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_right_answer_is_admitted),
	    cmocka_unit_test(an_answer_binds_this_challenge_only),
	    cmocka_unit_test(malformed_answers_are_named),
	    cmocka_unit_test(the_quote_must_suit_the_network),
	    cmocka_unit_test(sealed_networks_take_sealed_code),
	    cmocka_unit_test(agent_config_keeps_traffic_home),
	    cmocka_unit_test(the_first_agents_form_is_taken_where_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
