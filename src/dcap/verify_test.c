/* What a verification accepts, says and leaves to the policy, and what bytes it survives. What it
 * refuses stands in refusals_test.c. */
#include "base/test.h"
#include "dcap/testkit.h"

/* -- accepted -- */

static void
test_accepts_every_kind(void **state)
{
	static const struct {
		bool tdx;
		unsigned version, body_type;
	} kinds[] = {{false, 3, 1}, {false, 4, 1}, {false, 5, 1}, {true, 4, 2}, {true, 5, 2},
	    {true, 5, 3}, {true, 5, 4}};

	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		struct kit k;
		struct kit_result r;

		kit_init(&k, kinds[i].tdx, kinds[i].version);
		k.body_type = kinds[i].body_type;
		kit_build(&k);
		r = kit_verify(&k);
		assert_string_equal(r.reason, "ok");
		assert_string_equal(r.status, "UpToDate");
		kit_fini(&k);
	}
}

static void
test_verdict_says_what_was_verified(void **state)
{
	struct eedcap_context *ctx;
	struct eedcap_collateral *c;
	struct eedcap_verdict *v;
	enum eedcap_status status;
	const uint8_t *p;
	int64_t date;
	struct kit k;
	size_t n;

	kit_init(&k, true, 4);
	k.pcesvn = 8; /* below the upper level */
	k.qe_report[258] = 3;
	k.body[0] = 3; /* module 1.3 */
	kit_build(&k);
	ctx = kit_context(&k, 4);
	c = kit_collateral(&k, ctx);
	assert_int_equal(eedcap_collateral_tee(c), EEDCAP_TDX);
	assert_int_equal(eedcap_collateral_evaluation_number(c), 20);
	assert_memory_equal(eedcap_collateral_fmspc(c), "\x00\x80\x6f\x05\x00\x00", 6);
	v = eedcap_verify(ctx, k.quote.p, k.quote.n, c, KIT_NOW, NULL);
	assert_false(eedcap_verdict_accepted(v));
	assert_true(eedcap_verdict_authentic(v));
	assert_string_equal(eedcap_verdict_error(v)->reason, "tcb_status_rejected");
	assert_int_equal(eedcap_verdict_error(v)->kind, EEDCAP_TCB);
	assert_int_equal(eedcap_verdict_status(v), EEDCAP_OUT_OF_DATE);
	assert_true(eedcap_verdict_level(v, EEDCAP_MODULE, &status, &date));
	assert_int_equal(status, EEDCAP_OUT_OF_DATE);
	assert_int_equal(date, 1717200000); /* 2024-06-01 */
	assert_string_equal(eedcap_verdict_level_advisory(v, EEDCAP_QE, 0), "INTEL-SA-00001");
	assert_null(eedcap_verdict_level_advisory(v, EEDCAP_QE, 1));
	assert_false(eedcap_verdict_level(v, EEDCAP_CURRENT_PLATFORM, &status, &date));
	assert_int_equal(eedcap_verdict_current_status(v), EEDCAP_STATUS_NONE);
	assert_string_equal(eedcap_verdict_advisory(v, 0), "INTEL-SA-00001");
	assert_string_equal(eedcap_verdict_advisory(v, 1), "INTEL-SA-00002");
	assert_string_equal(eedcap_verdict_advisory(v, 2), "INTEL-SA-00003");
	assert_null(eedcap_verdict_advisory(v, 3));
	assert_int_equal(eedcap_verdict_tcb_date(v), 1704067200); /* the QE's level */
	assert_int_equal(eedcap_verdict_earliest_expiry(v), 1790812800);
	assert_int_equal(eedcap_verdict_latest_start(v), 1788220800);
	assert_int_equal(eedcap_verdict_platform(v)->ca, EEDCAP_CA_PLATFORM);
	assert_true(eedcap_quote_register(eedcap_verdict_quote(v), "rtmr0", &p, &n));
	assert_int_equal(n, 48);
	assert_int_equal(p[0], 0x22);
	assert_false(eedcap_quote_register(eedcap_verdict_quote(v), "mrservicetd", &p, &n));
	assert_false(eedcap_quote_register(eedcap_verdict_quote(v), "mrenclave", &p, &n));
	eedcap_verdict_free(v);
	eedcap_collateral_free(c);
	eedcap_context_free(ctx);
	kit_fini(&k);
}

static struct eedcap_verdict *
verdict_of(struct kit *k)
{
	struct eedcap_context *ctx;
	struct eedcap_collateral *c;
	struct eedcap_verdict *v;

	kit_build(k);
	ctx = kit_context(k, 4);
	c = kit_collateral(k, ctx);
	v = eedcap_verify(ctx, k->quote.p, k->quote.n, c, KIT_NOW, NULL);
	eedcap_collateral_free(c);
	eedcap_context_free(ctx);
	return v;
}

/* Every part that is short, by how much; and since when, of the one that is so for longest. */
static void
test_what_is_short_is_told(void **state)
{
	static const struct {
		enum eedcap_part part;
		const char *what;
		unsigned index;
		uint32_t have, need;
		const char *of;
	} rows[] = {
	    {EEDCAP_PLATFORM, "sgx_component", 1, 8, 9, "BIOS: Early Microcode Update"},
	    {EEDCAP_PLATFORM, "pcesvn", 0, 8, 9, ""},
	    {EEDCAP_PLATFORM, "tdx_component", 2, 8, 9, ""},
	    {EEDCAP_MODULE, "isvsvn", 0, 3, 5, "TDX_01"},
	    {EEDCAP_QE, "isvsvn", 0, 3, 4, "QE"},
	};
	struct eedcap_shortfall s;
	struct eedcap_verdict *v;
	struct kit k;

	kit_init(&k, true, 4);
	k.pcesvn = 8;
	k.qe_report[258] = 3;
	k.body[0] = 3; /* module 1.3 */
	k.components[1] = 8;
	k.body[2] = 8;
	kit_replace(&k.tcb_info, "[{\"svn\":9},{\"svn\":9}",
	    "[{\"svn\":9},{\"svn\":9,\"category\":\"BIOS\","
	    "\"type\":\"Early Microcode Update\"}");
	v = verdict_of(&k);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (!eedcap_verdict_shortfall(v, i, &s))
			fail_msg("%zu are told", i);
		assert_int_equal(s.part, rows[i].part);
		assert_string_equal(s.what, rows[i].what);
		assert_int_equal(s.index, rows[i].index);
		assert_int_equal(s.have, rows[i].have);
		assert_int_equal(s.need, rows[i].need);
		assert_string_equal(s.of, rows[i].of);
	}
	assert_false(eedcap_verdict_shortfall(v, sizeof rows / sizeof rows[0], &s));
	assert_int_equal(eedcap_verdict_outdated_since(v), 1746057600); /* the QE's 2025-05-01 */
	eedcap_verdict_free(v);
	/* Nothing is short, and nothing was overtaken. */
	kit_fini(&k);
	kit_init(&k, true, 4);
	v = verdict_of(&k);
	assert_false(eedcap_verdict_shortfall(v, 0, &s));
	assert_int_equal(eedcap_verdict_outdated_since(v), 0);
	eedcap_verdict_free(v);
	/* A level above of no later date does not say since when. */
	kit_fini(&k);
	kit_init(&k, true, 4);
	k.pcesvn = 8;
	kit_replace(&k.tcb_info, "2025-05-01", "2025-09-01");
	v = verdict_of(&k);
	assert_int_equal(eedcap_verdict_status(v), EEDCAP_OUT_OF_DATE);
	assert_int_equal(eedcap_verdict_outdated_since(v), 0);
	eedcap_verdict_free(v);
	kit_fini(&k);
}

static void
test_relaunch_is_advised(void **state)
{
	struct kit k;
	struct kit_result r;

	kit_init(&k, true, 5);
	k.body[0] = 3; /* launched under an outdated module that has been updated since */
	kit_build(&k);
	r = kit_verify(&k);
	assert_string_equal(r.reason, "ok");
	assert_string_equal(r.status, "TDRelaunchAdvised");
	kit_fini(&k);
}

static void
test_tolerates_what_is_unsigned(void **state)
{
	struct eedcap_policy strict = {.flags = EEDCAP_DENY_TRAILING};
	struct kit k;

	kit_init(&k, true, 4);
	kit_build(&k);
	buf_add_le(&k.quote, 0, 7);
	assert_string_equal(kit_verify(&k).reason, "ok");
	assert_string_equal(kit_verify_with(&k, KIT_NOW, &strict).reason, "trailing_bytes");
	k.auth_n = 0;
	kit_build(&k);
	assert_string_equal(kit_verify(&k).reason, "ok");
	k.auth_n = 999;
	kit_build(&k);
	assert_string_equal(kit_verify(&k).reason, "ok");
	kit_fini(&k);
}

static void
test_levels_in_any_order(void **state)
{
	struct kit k;

	kit_init(&k, false, 3);
	/* UpToDate stands first, but is now the lower of the two that match. */
	kit_replace(&k.qe_identity, "\"isvsvn\":4", "\"isvsvn\":1");
	kit_build(&k);
	assert_string_equal(kit_verify(&k).status, "OutOfDate");
	kit_fini(&k);
}

static void
test_component_of_255(void **state)
{
	struct kit k;

	kit_init(&k, false, 3);
	k.component_3 = 255; /* 02 02 00 ff */
	kit_build(&k);
	assert_string_equal(kit_verify(&k).status, "UpToDate");
	k.component_3 = 8;
	kit_build(&k);
	assert_string_equal(kit_verify(&k).status, "OutOfDate");
	kit_fini(&k);
}

static void
test_windows_are_closed(void **state)
{
	struct eedcap_policy any = {.accept = EEDCAP_ACCEPT_ANY};
	struct kit k;

	kit_init(&k, false, 3);
	kit_build(&k);
	assert_string_equal(kit_verify_with(&k, 1788220800, &any).reason, "ok");
	assert_string_equal(kit_verify_with(&k, 1790812800, &any).reason, "ok");
	assert_int_equal(kit_verify_with(&k, 1788220799, &any).kind, EEDCAP_EXPIRED);
	assert_int_equal(kit_verify_with(&k, 1790812801, &any).kind, EEDCAP_EXPIRED);
	kit_fini(&k);
}

static void
test_policy(void **state)
{
	struct eedcap_policy p = {.flags = EEDCAP_ALLOW_DEBUG},
			     floor = {.min_evaluation_number = 21};
	struct eedcap_policy sept = {.flags = EEDCAP_REQUIRE_SEPT_VE_DISABLE};
	struct eedcap_policy migrate = {.flags = EEDCAP_DENY_MIGRATABLE};
	struct eedcap_policy service = {.flags = EEDCAP_DENY_SERVICE_TD};
	struct kit k;

	kit_init(&k, true, 5);
	k.body[120] = 1;
	kit_build(&k);
	assert_string_equal(kit_verify_with(&k, KIT_NOW, NULL).reason, "debug_td");
	assert_string_equal(kit_verify_with(&k, KIT_NOW, &p).reason, "ok");
	k.body[120] = 0;
	k.body[123] = 0x20;
	k.body[600] = 1;
	kit_build(&k);
	assert_string_equal(kit_verify_with(&k, KIT_NOW, NULL).reason, "ok");
	assert_string_equal(kit_verify_with(&k, KIT_NOW, &sept).reason, "td_attributes");
	assert_string_equal(kit_verify_with(&k, KIT_NOW, &migrate).reason, "td_attributes");
	assert_string_equal(kit_verify_with(&k, KIT_NOW, &service).reason, "td_attributes");
	assert_string_equal(kit_verify_with(&k, KIT_NOW, &floor).reason, "collateral_outdated");
	kit_fini(&k);

	kit_init(&k, false, 3);
	k.body[48] |= 2;
	kit_build(&k);
	assert_string_equal(kit_verify_with(&k, KIT_NOW, NULL).reason, "debug_enclave");
	assert_string_equal(kit_verify_with(&k, KIT_NOW, &p).reason, "ok");
	kit_fini(&k);
}

/* A flag that means nothing here might refuse something in another edition of the library. */
static void
test_unknown_bits_of_a_policy(void **state)
{
	const struct eedcap_policy odd[] = {{.flags = 0x80000000u}, {.flags = 0x80u},
	    {.accept = EEDCAP_ACCEPT_ANY | 0x400u}, {.accept = 1u}};
	struct eedcap_policy revoked = {
	    .accept = EEDCAP_ACCEPT_ANY | EEDCAP_ACCEPT(EEDCAP_REVOKED), .flags = 0x7fu};
	struct kit k;

	kit_init(&k, false, 3);
	kit_build(&k);
	for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
		struct kit_result r = kit_verify_with(&k, KIT_NOW, &odd[i]);

		assert_string_equal(r.reason, "bad_setting");
		assert_int_equal(r.kind, EEDCAP_USAGE);
	}
	assert_string_equal(kit_verify_with(&k, KIT_NOW, &revoked).reason, "ok");
	kit_fini(&k);
}

/* -- hostile bytes -- */

static void
test_no_prefix_and_no_flip_is_taken(void **state)
{
	struct eedcap_context *ctx;
	struct eedcap_collateral *c;
	struct eedcap_verdict *v;
	struct kit k;

	kit_init(&k, true, 5);
	kit_build(&k);
	ctx = kit_context(&k, 4);
	c = kit_collateral(&k, ctx);
	for (size_t n = 0; n < k.quote.n; n++) {
		uint8_t *exact = malloc(n ? n : 1); /* a sanitizer sees a read past it */

		assert_non_null(exact);
		memcpy(exact, k.quote.p, n);
		v = eedcap_verify(ctx, exact, n, c, KIT_NOW, NULL);
		assert_false(eedcap_verdict_accepted(v));
		assert_null(eedcap_verdict_quote(v));
		eedcap_verdict_free(v);
		free(exact);
	}
	/* Up to the PCK chain every byte counts. In it, PEM has white space and text around the
	 * blocks that do not. */
	for (size_t i = 0; i < k.quote.n; i += i < 1300 ? 1 : 7) {
		k.quote.p[i] ^= 0x04;
		v = eedcap_verify(ctx, k.quote.p, k.quote.n, c, KIT_NOW, NULL);
		if (i < 1200)
			assert_false(eedcap_verdict_accepted(v));
		else if (eedcap_verdict_accepted(v))
			assert_int_equal(eedcap_verdict_status(v), EEDCAP_UP_TO_DATE);
		eedcap_verdict_free(v);
		k.quote.p[i] ^= 0x04;
	}
	eedcap_collateral_free(c);
	eedcap_context_free(ctx);
	kit_fini(&k);
}

static void
test_collateral_flips(void **state)
{
	struct eedcap_context *ctx;
	struct kit k;
	size_t accepted = 0;

	kit_init(&k, true, 4);
	kit_build(&k);
	ctx = kit_context(&k, 0);
	for (size_t i = 0; i < k.collateral.n; i += 23) {
		k.collateral.p[i] ^= 0x01;
		accepted += kit_verify(&k).kind == EEDCAP_OK;
		k.collateral.p[i] ^= 0x01;
	}
	/* Only the names of optional members are without effect. */
	assert_true(accepted < 10);
	for (size_t n = 0; n < k.collateral.n; n += 29) {
		struct eedcap_error e;

		assert_null(eedcap_collateral_parse(ctx, k.collateral.p, n, &e));
		assert_int_equal(e.kind, EEDCAP_MALFORMED);
	}
	eedcap_context_free(ctx);
	kit_fini(&k);
}

/* -- the other entrances -- */

static void
test_authenticate(void **state)
{
	struct eedcap_context *ctx;
	struct eedcap_error e;
	struct eedcap_platform p;
	struct eedcap_quote *q;
	struct kit k;

	kit_init(&k, true, 4);
	kit_build(&k);
	ctx = kit_context(&k, 4);
	q = eedcap_authenticate(ctx, k.quote.p, k.quote.n, KIT_NOW, &e);
	assert_non_null(q);
	assert_true(eedcap_quote_platform(q, &p, &e));
	assert_memory_equal(p.fmspc, "\x00\x80\x6f\x05\x00\x00", 6);
	assert_int_equal(p.ca, EEDCAP_CA_PLATFORM);
	assert_int_equal(eedcap_quote_report_data(q)[0], 0x33);
	eedcap_quote_free(q);
	assert_null(eedcap_authenticate(NULL, k.quote.p, k.quote.n, KIT_NOW, &e));
	assert_string_equal(e.reason, "root_untrusted");
	assert_null(eedcap_authenticate(ctx, k.quote.p, k.quote.n, 0, &e));
	assert_string_equal(e.reason, "not_yet_valid");
	k.quote_by = k.stranger;
	kit_build(&k);
	assert_null(eedcap_authenticate(ctx, k.quote.p, k.quote.n, KIT_NOW, &e));
	assert_string_equal(e.reason, "quote_signature");
	k.quote_by = k.ak;
	k.qe_by = k.stranger;
	kit_build(&k);
	assert_null(eedcap_authenticate(ctx, k.quote.p, k.quote.n, KIT_NOW, &e));
	assert_string_equal(e.reason, "qe_report_signature");
	k.cert_type = 1;
	kit_build(&k);
	assert_null(eedcap_authenticate(ctx, k.quote.p, k.quote.n, KIT_NOW, &e));
	assert_string_equal(e.reason, "no_pck_certificate");
	eedcap_context_free(ctx);
	kit_fini(&k);
}

static void
test_collateral_survives_writing(void **state)
{
	struct eedcap_context *ctx;
	struct eedcap_collateral *c;
	char *text;
	struct kit k;
	size_t n;

	kit_init(&k, true, 4);
	kit_build(&k);
	ctx = kit_context(&k, 4);
	c = kit_collateral(&k, ctx);
	n = eedcap_collateral_write(c, NULL, 0);
	assert_true(n > 0);
	text = malloc(n + 1);
	assert_int_equal(eedcap_collateral_write(c, text, n + 1), n);
	eedcap_collateral_free(c);
	eedcap_context_free(ctx);
	buf_clear(&k.collateral);
	buf_add(&k.collateral, span_of(text, n));
	free(text);
	assert_string_equal(kit_verify(&k).reason, "ok");
	kit_fini(&k);
}

static void
test_root_key_of_certificate(void **state)
{
	struct eedcap_error e;
	uint8_t key[EEDCAP_ROOT_KEY_SIZE];
	struct span pem;
	size_t cut;
	struct kit k;

	kit_init(&k, false, 3);
	kit_build(&k);
	/* The root is the last of the three. */
	pem = span_first(buf_span(&k.chain), k.chain.n - 1);
	assert_false(eedcap_root_key(pem.p, pem.n, key, &e));
	assert_string_equal(e.reason, "cert_chain");
	for (cut = pem.n - 1; !span_starts(span_from(pem, cut), "-----BEGIN"); cut--)
		;
	assert_true(eedcap_root_key(pem.p + cut, pem.n - cut, key, &e));
	assert_memory_equal(key, k.root_point, sizeof key);
	assert_false(eedcap_root_key("", 0, key, &e));
	kit_fini(&k);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_accepts_every_kind),
	    cmocka_unit_test(test_verdict_says_what_was_verified),
	    cmocka_unit_test(test_what_is_short_is_told),
	    cmocka_unit_test(test_relaunch_is_advised),
	    cmocka_unit_test(test_tolerates_what_is_unsigned),
	    cmocka_unit_test(test_levels_in_any_order),
	    cmocka_unit_test(test_component_of_255),
	    cmocka_unit_test(test_windows_are_closed),
	    cmocka_unit_test(test_policy),
	    cmocka_unit_test(test_unknown_bits_of_a_policy),
	    cmocka_unit_test(test_no_prefix_and_no_flip_is_taken),
	    cmocka_unit_test(test_collateral_flips),
	    cmocka_unit_test(test_authenticate),
	    cmocka_unit_test(test_collateral_survives_writing),
	    cmocka_unit_test(test_root_key_of_certificate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
