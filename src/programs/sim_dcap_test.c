/* sim_dcap_test.c - the verifier judges what the simulator makes: the two are written apart from
 * one another, each from the specification, and meet here. */
#include "base/test.h"
#include "eedcap.h"
#include "sim/platform.h"

#include <stdio.h>

#define NOW ((int64_t)1790000000)
#define DAY ((int64_t)86400)

static const uint8_t seed[SIM_SEED_SIZE] = {7};
static const uint8_t report_data[SIM_REPORT_DATA_SIZE] = {1, 2, 3};

struct bench {
	struct sim_platform p;
	struct eedcap_context *ctx;
};

static int
setup(void **state)
{
	static struct bench b;
	struct buf pem;
	struct err e = {0};
	struct eedcap_error why;
	uint8_t root[EEDCAP_ROOT_KEY_SIZE];

	assert_true(sim_platform_init(&b.p, seed, "http://127.0.0.1:8099", NOW, &e));
	buf_init(&pem, 16384);
	assert_true(sim_pki_chain_pem(&b.p.pki, SIM_ROOT, &pem, &e));
	assert_true(eedcap_root_key(pem.p, pem.n, root, &why));
	b.ctx = eedcap_context_new(root, 8, &why);
	assert_non_null(b.ctx);
	buf_fini(&pem);
	*state = &b;
	return 0;
}

static int
teardown(void **state)
{
	struct bench *b = *state;

	sim_platform_fini(&b->p);
	eedcap_context_free(b->ctx);
	return 0;
}

static struct eedcap_collateral *
collateral_of(struct bench *b, struct eedcap_error *why)
{
	struct buf bundle;
	struct err e = {0};
	struct eedcap_collateral *c;

	buf_init(&bundle, 8u * 1024 * 1024);
	assert_true(sim_platform_bundle(&b->p, NOW, &bundle, &e));
	c = eedcap_collateral_parse(b->ctx, bundle.p, bundle.n, why);
	buf_fini(&bundle);
	return c;
}

static struct eedcap_verdict *
judge(struct bench *b, const char *vm_json, int64_t now_s)
{
	struct buf quote;
	struct err e = {0};
	struct eedcap_error why = {0};
	struct eedcap_collateral *c;
	struct eedcap_verdict *v;

	assert_true(sim_platform_put_vm(&b->p, span_str("vm"), span_str(vm_json), NOW, &e));
	buf_init(&quote, 65536);
	assert_true(sim_platform_quote(
	    &b->p, sim_platform_find_vm(&b->p, span_str("vm")), report_data, &quote, &e));
	c = collateral_of(b, &why);
	if (!c)
		print_message("collateral: %s %s\n", why.reason, why.detail);
	assert_non_null(c);
	v = eedcap_verify(b->ctx, quote.p, quote.n, c, now_s, NULL);
	assert_non_null(v);
	eedcap_collateral_free(c);
	buf_fini(&quote);
	return v;
}

/* Judge a machine and expect a class, a reason and a status (NULL: none). */
static void
expect(struct bench *b, const char *vm_json, int64_t now_s, enum eedcap_class kind,
    const char *reason, const char *status)
{
	struct eedcap_verdict *v = judge(b, vm_json, now_s);
	const struct eedcap_error *why = eedcap_verdict_error(v);
	const char *got = eedcap_status_name(eedcap_verdict_status(v));

	if (why->kind != kind || strcmp(why->reason, reason) != 0)
		print_message("%s: %s %s %s\n", vm_json, why->reason, got ? got : "", why->detail);
	assert_int_equal(why->kind, kind);
	assert_string_equal(why->reason, reason);
	assert_int_equal(eedcap_verdict_accepted(v), kind == EEDCAP_OK);
	if (status)
		assert_string_equal(got ? got : "", status);
	eedcap_verdict_free(v);
}

static void
genuine_quotes_are_accepted(void **state)
{
	struct eedcap_verdict *v;
	const struct eedcap_quote *q;
	const uint8_t *p;
	size_t n;
	struct bench *b = *state;

	expect(b, "{}", NOW, EEDCAP_OK, "ok", "UpToDate");
	expect(b, "{\"version\":5}", NOW, EEDCAP_OK, "ok", "UpToDate");
	v = judge(b, "{}", NOW);
	q = eedcap_verdict_quote(v);
	assert_non_null(q);
	assert_memory_equal(eedcap_quote_report_data(q), report_data, sizeof report_data);
	assert_true(eedcap_quote_register(q, "mrtd", &p, &n));
	assert_memory_equal(
	    p, sim_platform_find_vm(&b->p, span_str("vm"))->td.mrtd, SIM_REGISTER_SIZE);
	assert_int_equal(eedcap_verdict_evaluation_number(v), 18);
	eedcap_verdict_free(v);
}

/* Each item says its own: the dates of its own document, and whom it is for. */
static void
items_speak_for_themselves(void **state)
{
	struct bench *b = *state;
	struct eedcap_error why = {0};
	struct eedcap_collateral *c = collateral_of(b, &why);
	int64_t first = INT64_MAX, last = INT64_MIN;

	assert_non_null(c);
	for (int i = 0; i < EEDCAP_ITEMS; i++) {
		bool document = i == EEDCAP_TCB_INFO || i == EEDCAP_QE_IDENTITY;
		struct eedcap_item_facts f;

		eedcap_collateral_item(c, (enum eedcap_item)i, &f);
		assert_int_equal(f.issued, NOW);
		assert_int_equal(f.expiry, NOW + 30 * 86400);
		assert_int_equal(f.evaluation_number, document ? 18 : 0);
		assert_int_equal(f.tee_known, document);
		assert_int_equal(f.tee, document ? EEDCAP_TDX : 0);
		assert_int_equal(f.ca, i == EEDCAP_PCK_CRL ? EEDCAP_CA_PLATFORM : 0);
		first = f.expiry < first ? f.expiry : first;
		last = f.issued > last ? f.issued : last;
	}
	assert_int_equal(first, eedcap_collateral_expiry(c));
	assert_int_equal(last, eedcap_collateral_start(c));
	eedcap_collateral_free(c);
}

static void
statuses_are_as_chosen(void **state)
{
	static const char *const names[] = {"SWHardeningNeeded", "ConfigurationNeeded",
	    "ConfigurationAndSWHardeningNeeded", "OutOfDate", "OutOfDateConfigurationNeeded"};
	char json[100];

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		snprintf(json, sizeof json, "{\"tcb\":\"%s\"}", names[i]);
		expect(*state, json, NOW, EEDCAP_TCB, "tcb_status_rejected", names[i]);
	}
	expect(
	    *state, "{\"tdx_module_svn\":3}", NOW, EEDCAP_TCB, "tcb_status_rejected", "OutOfDate");
	expect(*state, "{\"qe_svn\":2}", NOW, EEDCAP_TCB, "tcb_status_rejected", "OutOfDate");
}

static void
revoked_levels_and_no_levels_are_refused(void **state)
{
	struct eedcap_verdict *v = judge(*state, "{\"tcb\":\"Revoked\"}", NOW);

	assert_false(eedcap_verdict_accepted(v));
	assert_int_equal(eedcap_verdict_error(v)->kind, EEDCAP_TCB);
	eedcap_verdict_free(v);
	v = judge(*state, "{\"tcb\":\"NotSupported\"}", NOW);
	assert_false(eedcap_verdict_accepted(v));
	assert_int_equal(eedcap_verdict_error(v)->kind, EEDCAP_TCB);
	eedcap_verdict_free(v);
}

static void
a_recovery_makes_a_platform_out_of_date(void **state)
{
	struct bench *b = *state;
	struct buf quote;
	struct err e = {0};
	struct eedcap_error why;
	struct eedcap_collateral *c;
	struct eedcap_verdict *v;

	assert_true(sim_platform_put_vm(&b->p, span_str("vm"), span_str(""), NOW, &e));
	buf_init(&quote, 65536);
	assert_true(sim_platform_quote(
	    &b->p, sim_platform_find_vm(&b->p, span_str("vm")), report_data, &quote, &e));
	sim_platform_recover(&b->p, 1);
	c = collateral_of(b, &why);
	assert_non_null(c);
	v = eedcap_verify(b->ctx, quote.p, quote.n, c, NOW, NULL);
	assert_int_equal(eedcap_verdict_status(v), EEDCAP_OUT_OF_DATE);
	assert_string_equal(eedcap_verdict_advisory(v, 0), "INTEL-SA-01245");
	eedcap_verdict_free(v);
	eedcap_collateral_free(c);
	buf_fini(&quote);
	expect(b, "{}", NOW, EEDCAP_OK, "ok", "UpToDate");
}

static void
debug_is_refused(void **state)
{
	expect(*state, "{\"debug\":true}", NOW, EEDCAP_POLICY, "debug_td", NULL);
}

static void
forgeries_are_refused(void **state)
{
	struct eedcap_verdict *v = judge(*state, "{\"forge\":\"throwaway-key\"}", NOW);

	assert_false(eedcap_verdict_authentic(v));
	assert_int_equal(eedcap_verdict_error(v)->kind, EEDCAP_UNTRUSTED);
	eedcap_verdict_free(v);
	v = judge(*state, "{\"forge\":\"self-made-chain\"}", NOW);
	assert_false(eedcap_verdict_authentic(v));
	assert_int_equal(eedcap_verdict_error(v)->kind, EEDCAP_UNTRUSTED);
	eedcap_verdict_free(v);
}

static void
revoked_certificates_are_refused(void **state)
{
	struct bench *b = *state;
	struct eedcap_verdict *v;
	struct eedcap_collateral *c;
	struct eedcap_error why;

	expect(b, "{\"revoked\":true}", NOW, EEDCAP_UNTRUSTED, "pck_revoked", NULL);
	expect(b, "{}", NOW, EEDCAP_OK, "ok", "UpToDate");
	sim_platform_revoke(&b->p, SIM_PLATFORM_CA, true);
	v = judge(b, "{}", NOW);
	assert_false(eedcap_verdict_authentic(v));
	assert_int_equal(eedcap_verdict_error(v)->kind, EEDCAP_UNTRUSTED);
	eedcap_verdict_free(v);
	sim_platform_revoke(&b->p, SIM_PLATFORM_CA, false);
	sim_platform_revoke(&b->p, SIM_TCB_SIGNING, true);
	c = collateral_of(b, &why);
	assert_null(c);
	assert_int_equal(why.kind, EEDCAP_UNTRUSTED);
}

static void
time_is_an_argument(void **state)
{
	struct eedcap_verdict *v = judge(*state, "{}", NOW + 31 * DAY);

	assert_int_equal(eedcap_verdict_error(v)->kind, EEDCAP_EXPIRED);
	eedcap_verdict_free(v);
	v = judge(*state, "{}", NOW - 2 * DAY);
	assert_int_equal(eedcap_verdict_error(v)->kind, EEDCAP_EXPIRED);
	eedcap_verdict_free(v);
	expect(*state, "{}", NOW + 29 * DAY, EEDCAP_OK, "ok", "UpToDate");
}

static void
intels_root_knows_nothing_of_it(void **state)
{
	struct buf bundle;
	struct err e = {0};
	struct eedcap_error why;
	struct bench *b = *state;

	buf_init(&bundle, 8u * 1024 * 1024);
	assert_true(sim_platform_bundle(&b->p, NOW, &bundle, &e));
	assert_null(eedcap_collateral_parse(NULL, bundle.p, bundle.n, &why));
	assert_int_equal(why.kind, EEDCAP_UNTRUSTED);
	buf_fini(&bundle);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(genuine_quotes_are_accepted),
	    T(items_speak_for_themselves),
	    T(statuses_are_as_chosen),
	    T(revoked_levels_and_no_levels_are_refused),
	    T(a_recovery_makes_a_platform_out_of_date),
	    T(debug_is_refused),
	    T(forgeries_are_refused),
	    T(revoked_certificates_are_refused),
	    T(time_is_an_argument),
	    T(intels_root_knows_nothing_of_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
