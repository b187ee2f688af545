#include "base/test.h"

#include <stdio.h>

#include "core/evidence_check.h"

#define HEX48(c)                                                                                   \
	c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c  \
	    c c c
#define LIST                                                                                       \
	"{\"measurements\":{\"mrtd\":\"" HEX48("a1") "\",\"rtmr1\":\"" HEX48(                      \
	    "b2") "\",\"rtmr2\":\"" HEX48("c3") "\",\"vm_image_id\":\"img\"}}"
#define CLAIMS                                                                                     \
	"{\"sealed\":true,\"vm_image_id\":\"img\",\"agent_config\":{\"control\":"                  \
	"\"https://cp.example\",\"ca\":\"system\",\"backend\":\"loopback\"}}"
#define COLLATERAL "{\"tcb_info\":\"x\"}"

static const uint8_t NONCE[ATTEST_NONCE] = {7, 8, 9};

/* One replica's evidence, and the quote that it was made from, as eedcap would show it. */
struct scene {
	struct evidence v;
	struct evidence_row row;
	struct quote_view q;
	uint8_t regs[3][48], data[64];
	struct buf record, text;
	struct evidence_demands d;
	struct err refused;
};

static void
bind_to(struct scene *s)
{
	struct attest_binding b = {.purpose = s->v.purpose,
	    .id = &s->v.id,
	    .audience = s->v.audience,
	    .channel = s->v.channel};
	struct json_doc doc;
	struct err e = {0};

	memcpy(b.nonce, s->v.nonce, sizeof b.nonce);
	assert_true(json_parse(&doc, s->v.claims, (struct json_limits){8, 100}, &e));
	assert_true(attest_report_data(&doc, json_top(&doc), &b, s->data, &e));
	json_free(&doc);
}

static void
scene_init(struct scene *s)
{
	struct networks nets;
	struct err e = {0};

	memset(s, 0, sizeof *s);
	networks_default(&nets);
	s->v = (struct evidence){.id = {"org/repo", "v1", "app", "forge-1", "a-1"},
	    .bound = true,
	    .purpose = ATTEST_FOR_EVIDENCE,
	    .audience = "https://cp.example",
	    .claims = span_str(CLAIMS),
	    .net = nets.v[0],
	    .verified_at = 1767322800,
	    .sealed = true,
	    .tcb = TCB_UP_TO_DATE,
	    .advisories = "INTEL-SA-1,INTEL-SA-2"};
	memcpy(s->v.nonce, NONCE, sizeof NONCE);
	assert_true(attest_sha256(span_str(COLLATERAL), s->v.collateral_sha256, &e));
	assert_true(attest_sha256(span_str(LIST), s->v.allowlist_sha256, &e));
	memset(s->regs[0], 0xa1, 48);
	memset(s->regs[1], 0xb2, 48);
	memset(s->regs[2], 0xc3, 48);
	s->q.tcb = TCB_UP_TO_DATE;
	s->q.reg[REG_MRTD] = span_of(s->regs[0], 48);
	s->q.reg[REG_RTMR1] = span_of(s->regs[1], 48);
	s->q.reg[REG_RTMR2] = span_of(s->regs[2], 48);
	s->q.report_data = span_of(s->data, 64);
	s->d = (struct evidence_demands){
	    .quote = &s->q, .advisories = "INTEL-SA-1,INTEL-SA-2", .refused = &s->refused};
	bind_to(s);
	buf_init(&s->record, 65536);
	buf_init(&s->text, 1 << 20);
}

static void
scene_write(struct scene *s)
{
	evidence_write_record(&s->record, &s->v);
	assert_true(buf_ok(&s->record));
	s->row = (struct evidence_row){.record = buf_span(&s->record),
	    .quote = span_str("quote"),
	    .collateral = span_str(COLLATERAL),
	    .allowlist = s->v.secret ? span_str("") : span_str(LIST)};
	memcpy(s->row.collateral_sha256, s->v.collateral_sha256, ATTEST_DIGEST);
	memcpy(s->row.allowlist_sha256, s->v.allowlist_sha256, ATTEST_DIGEST);
	evidence_write(&s->text, s->v.id.app_name, s->v.custom_root, &s->row, 1, NULL);
	assert_true(buf_ok(&s->text));
}

static void
scene_fini(struct scene *s)
{
	buf_fini(&s->record);
	buf_fini(&s->text);
}

/* The first fault of the document with one thing in it changed: `step: reason`, `whole` for none. */
static const char *
fault(struct scene *s, const char *from, const char *to)
{
	static char out[200];
	struct evidence_report report;
	struct evidence_file f;
	struct err e = {0};
	struct buf bent;
	size_t at = from ? span_find(buf_span(&s->text), from) : 0;

	buf_init(&bent, 2 << 20);
	buf_add(&bent, span_first(buf_span(&s->text), at));
	if (from) {
		assert_true(at < s->text.n);
		buf_add_str(&bent, to);
		at += strlen(from);
	}
	buf_add(&bent, span_from(buf_span(&s->text), at));
	if (!evidence_read(&f, buf_span(&bent), &e)) {
		snprintf(out, sizeof out, "%s", reason_token(e.reason));
	} else {
		evidence_check(&f, &f.items[0], &s->d, &report);
		enum evidence_step k = evidence_fault(&report);

		snprintf(out, sizeof out, "%s", "whole");
		if (k < EVIDENCE_STEPS)
			snprintf(out, sizeof out, "%s: %s", evidence_step_name(k),
			    reason_token(report.why[k].reason));
		evidence_file_free(&f);
	}
	buf_fini(&bent);
	return out;
}

static void
what_is_written_is_read_and_holds(void **state)
{
	struct evidence_file f;
	struct scene s;
	struct err e = {0};

	scene_init(&s);
	scene_write(&s);
	if (!evidence_read(&f, buf_span(&s.text), &e))
		fail_msg("%s", e.detail);
	assert_int_equal(f.n, 1);
	assert_string_equal(f.app_name, "app");
	assert_false(f.more);
	const struct evidence *v = &f.items[0].v;

	assert_true(attest_identity_eq(&v->id, &s.v.id));
	assert_memory_equal(v->nonce, NONCE, sizeof NONCE);
	assert_string_equal(v->audience, s.v.audience);
	assert_string_equal(v->advisories, s.v.advisories);
	assert_int_equal(v->verified_at, s.v.verified_at);
	assert_int_equal(v->tcb, s.v.tcb);
	assert_int_equal(v->net.tcb_accept, s.v.net.tcb_accept);
	assert_true(v->net.sealed_only && v->net.needs_pins && !v->net.allow_debug);
	assert_true(span_is(buf_span(&f.items[0].quote), "quote"));
	assert_true(span_is(f.items[0].collateral, COLLATERAL));
	assert_true(span_is(buf_span(&f.items[0].allowlist), LIST));
	evidence_file_free(&f);
	assert_string_equal(fault(&s, NULL, NULL), "whole");
	s.d.nonce = NONCE;
	s.d.app_name = "app";
	assert_string_equal(fault(&s, NULL, NULL), "whole");
	scene_fini(&s);
}

/* A network's TCB rules are part of what was judged by, so whoever repeats it judges by them. */
static void
tcb_rules_are_repeated(void **state)
{
	struct scene s;

	scene_init(&s);
	s.v.net.tcb = (struct tcb_rules){.advisories_accept = "INTEL-SA-00615,INTEL-SA-00657",
	    .advisories_deny = "INTEL-SA-00960",
	    .min_evaluation_number = 18,
	    .min_date = 1747180800,
	    .grace_days = 30};
	snprintf(s.v.advisories, sizeof s.v.advisories, "INTEL-SA-00615");
	s.v.tcb = s.q.tcb = TCB_SW_HARDENING_NEEDED;
	s.d.advisories = s.q.verdict.advisories = "INTEL-SA-00615";
	s.q.verdict.evaluation_number = 18;
	s.q.verdict.tcb_date = 1747180800;
	scene_write(&s);
	assert_string_equal(fault(&s, NULL, NULL), "whole");
	assert_string_equal(fault(&s, "\"INTEL-SA-00657\"],\"advisories_deny\":[",
				"\"INTEL-SA-00657\"],\"advisories_deny\":[\"INTEL-SA-00615\","),
	    "network: advisory_denied");
	assert_string_equal(fault(&s, "[\"INTEL-SA-00615\",", "["), "network: tcb_status_rejected");
	assert_string_equal(
	    fault(&s, "number\":18", "number\":19"), "network: collateral_outdated");
	assert_string_equal(fault(&s, "2025-05-14T00:00:00Z", "2025-05-14T00:00:01Z"),
	    "network: tcb_date_rejected");
	assert_string_equal(fault(&s, "2025-05-14T00", "2025-05-14x00"), "evidence_malformed");
	assert_string_equal(
	    fault(&s, "grace_days\":30", "grace_days\":3651"), "evidence_malformed");
	assert_string_equal(fault(&s, "\"tcb\":{", "\"tcb\":[{"), "evidence_malformed");
	scene_fini(&s);
}

/* Each part changed in the text is told by the step that it belongs to. */
static void
tampering_is_named(void **state)
{
	static const struct {
		const char *from, *to, *fault;
	} cases[] = {
	    {"\"tcb_info\":\"x\"", "\"tcb_info\":\"y\"", "collateral_digest: evidence_differs"},
	    {"\"sealed\":true,\"vm_image", "\"sealed\":false,\"vm_image",
		"claims: claims_mismatch"},
	    {"\"nonce\":\"07", "\"nonce\":\"17", "binding: binding_mismatch"},
	    {"\"audience\":\"https://cp", "\"audience\":\"https://qp", "binding: binding_mismatch"},
	    {"\"channel\":\"\"", "\"channel\":\"00\"", "binding: binding_mismatch"},
	    {"easy-enclave/evidence/1", "easy-enclave/attest/2", "binding: binding_mismatch"},
	    {"\"agent_id\":\"a-1\",\"claims\"", "\"agent_id\":\"a-2\",\"claims\"",
		"binding: binding_mismatch"},
	    {"\"agent_id\":\"a-1\"}", "\"agent_id\":\"a-2\"}", "identity: evidence_differs"},
	    {"\"app_name\":\"app\"", "\"app_name\":\"apq\"", "identity: evidence_differs"},
	    {"\"policy\":{\"network\":\"forge-1\"", "\"policy\":{\"network\":\"forge-2\"",
		"identity: evidence_differs"},
	    {"\"allowlists\":{\"", "\"allowlists\":{\"x", "allowlist_digest: evidence_incomplete"},
	    {"\"collateral\":{\"", "\"collateral\":{\"x", "collateral_digest: evidence_incomplete"},
	    {"\"collateral_sha256\":\"", "\"collateral_sha256\":\"x", "evidence_malformed"},
	    {"\"tcb_status\":\"UpToDate\"", "\"tcb_status\":\"OutOfDate\"",
		"record: evidence_differs"},
	    {"INTEL-SA-2", "INTEL-SA-3", "record: evidence_differs"},
	    {"\"sealed\":true,\"repo", "\"sealed\":false,\"repo", "record: evidence_differs"},
	    {"\"tcb_accept\":[\"UpToDate\"]", "\"tcb_accept\":[\"OutOfDate\"]",
		"network: tcb_status_rejected"},
	    {"\"verdict\":\"accepted\"", "\"verdict\":\"refused\"", "evidence_malformed"},
	    {"\"freshness\":\"bound\"", "\"freshness\":\"none\"", "evidence_malformed"},
	    {"document/1", "document/2", "evidence_malformed"},
	    {"\"verified_at\":\"20", "\"verified_at\":\"x0", "evidence_malformed"},
	    {"\"replicas\":[{", "\"replicas\":[],\"more\":[{", "evidence_malformed"},
	    {"\"quote\":\"", "\"quote\":\"*", "evidence_malformed"},
	    {"\"quote\":", "\"quite\":", "evidence_malformed"},
	    {"\"allowlist_private\":false", "\"allowlist_private\":0", "evidence_malformed"},
	    {"\"repo\":", "\"repo\":\"o/r\",\"repo\":", "evidence_malformed"},
	    {"\"repo\":\"org/repo\"", "\"repo\":\"../x\"", "evidence_malformed"},
	    {"\"v\":", "\"v\":1,\"v\":", "evidence_malformed"},
	    {"\"binding\":", "\"bonding\":", "evidence_malformed"},
	    {"\"advisory_ids\":[", "\"advisory_ids\":[1,", "evidence_malformed"},
	    {"\"next\":null", "\"next\"", "evidence_malformed"},
	};
	struct scene s;

	scene_init(&s);
	scene_write(&s);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		if (strcmp(fault(&s, cases[i].from, cases[i].to), cases[i].fault) != 0)
			fail_msg("%s -> %s: %s", cases[i].from, cases[i].to,
			    fault(&s, cases[i].from, cases[i].to));
	for (size_t n = 0; n < s.text.n; n += 7) {
		struct evidence_file f;
		struct err e = {0};

		assert_false(evidence_read(&f, span_first(buf_span(&s.text), n), &e));
		assert_int_equal(e.reason, REASON_EVIDENCE_MALFORMED);
	}
	scene_fini(&s);
}

/* What the quote itself says, against a document that is as it was. */
static void
another_quote_is_named(void **state)
{
	struct scene s;

	scene_init(&s);
	scene_write(&s);
	s.regs[0][0] ^= 1;
	assert_string_equal(fault(&s, NULL, NULL), "allowlist: measurement_mismatch");
	s.regs[0][0] ^= 1;
	s.q.tcb = TCB_OUT_OF_DATE;
	assert_string_equal(fault(&s, NULL, NULL), "network: tcb_status_rejected");
	s.q.tcb = TCB_UP_TO_DATE;
	s.q.debug = true;
	assert_string_equal(fault(&s, NULL, NULL), "network: debug_td");
	s.q.debug = false;
	s.d.advisories = "";
	assert_string_equal(fault(&s, NULL, NULL), "record: evidence_differs");
	s.d.quote = NULL;
	err_set(&s.refused, ERR_UNTRUSTED, REASON_QUOTE_SIGNATURE, "bent");
	assert_string_equal(fault(&s, NULL, NULL), "quote: quote_signature");
	scene_fini(&s);
}

static void
a_demanded_nonce_must_be_bound(void **state)
{
	static const uint8_t other[ATTEST_NONCE] = {1};
	struct scene s;

	scene_init(&s);
	scene_write(&s);
	s.d.nonce = other;
	assert_string_equal(fault(&s, NULL, NULL), "nonce: nonce_mismatch");
	s.d.nonce = NULL;
	s.d.app_name = "another";
	assert_string_equal(fault(&s, NULL, NULL), "identity: evidence_differs");
	scene_fini(&s);
	/* An answer to the control plane's challenge is none to a visitor, whatever its nonce. */
	scene_init(&s);
	s.v.purpose = ATTEST_FOR_ADMISSION;
	bind_to(&s);
	scene_write(&s);
	assert_string_equal(fault(&s, NULL, NULL), "whole");
	s.d.nonce = NONCE;
	assert_string_equal(fault(&s, NULL, NULL), "nonce: nonce_mismatch");
	scene_fini(&s);
}

static void
a_private_list_is_asked_for(void **state)
{
	struct scene s;

	scene_init(&s);
	s.v.secret = true;
	scene_write(&s);
	assert_true(span_find(buf_span(&s.text), "\"allowlists\":{}") < s.text.n);
	assert_string_equal(fault(&s, NULL, NULL), "allowlist_digest: evidence_incomplete");
	s.d.allowlist = span_str("{\"measurements\":{\"vm_image_id\":\"img\"}}");
	assert_string_equal(fault(&s, NULL, NULL), "allowlist_digest: evidence_differs");
	s.d.allowlist = span_str(LIST);
	assert_string_equal(fault(&s, NULL, NULL), "whole");
	scene_fini(&s);
}

static void
the_first_agents_form_is_told(void **state)
{
	static const char claims[] = "{\"agent_dir_sha256\":\"aa\",\"agent_py_sha256\":\"bb\","
				     "\"vm_image_id\":\"img\",\"sealed\":true}";
	struct json_doc doc;
	struct scene s;
	struct err e = {0};

	scene_init(&s);
	s.v.bound = false;
	s.v.claims = span_str(claims);
	s.v.net.sealed_only = false;
	s.v.net.legacy_agents = true;
	assert_true(json_parse(&doc, s.v.claims, (struct json_limits){8, 100}, &e));
	memset(s.data, 0, sizeof s.data);
	assert_true(attest_legacy_digest(&doc, json_top(&doc), s.data, &e));
	json_free(&doc);
	scene_write(&s);
	assert_string_equal(fault(&s, NULL, NULL), "whole");
	assert_string_equal(fault(&s, "\"legacy_agents\":true", "\"legacy_agents\":false"),
	    "network: freshness_missing");
	s.d.nonce = NONCE;
	assert_string_equal(fault(&s, NULL, NULL), "nonce: freshness_missing");
	s.d.nonce = NULL;
	s.data[63] = 1;
	assert_string_equal(fault(&s, NULL, NULL), "binding: binding_mismatch");
	scene_fini(&s);
}

static void
shared_parts_stand_once(void **state)
{
	struct evidence_row rows[3];
	struct evidence_file f;
	struct scene s;
	struct err e = {0};
	struct buf out;

	scene_init(&s);
	scene_write(&s);
	rows[0] = rows[1] = rows[2] = s.row;
	buf_init(&out, 1 << 20);
	evidence_write(&out, "app", true, rows, 3, "a-3");
	assert_true(evidence_read(&f, buf_span(&out), &e));
	assert_int_equal(f.n, 3);
	assert_true(f.more);
	assert_ptr_equal(f.items[0].collateral.p, f.items[2].collateral.p);
	evidence_file_free(&f);
	buf_fini(&out);
	scene_fini(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_written_is_read_and_holds),
	    cmocka_unit_test(tcb_rules_are_repeated),
	    cmocka_unit_test(tampering_is_named),
	    cmocka_unit_test(another_quote_is_named),
	    cmocka_unit_test(a_demanded_nonce_must_be_bound),
	    cmocka_unit_test(a_private_list_is_asked_for),
	    cmocka_unit_test(the_first_agents_form_is_told),
	    cmocka_unit_test(shared_parts_stand_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
