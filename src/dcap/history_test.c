/* A verdict must not depend on what a context has seen before: the same bytes get the same reason and
 * the same list of checks from a context that remembers much and from one that remembers nothing. */
#include <stdio.h>

#include "base/test.h"
#include "dcap/testkit.h"

static const struct eedcap_policy any = {.accept = EEDCAP_ACCEPT_ANY};

/* Verify under both contexts and compare; gives the reason. */
static const char *
both(struct eedcap_context *warm, struct eedcap_context *cold, const struct kit *k,
    const struct eedcap_collateral *c)
{
	static char reason[48];
	struct eedcap_verdict *w = eedcap_verify(warm, k->quote.p, k->quote.n, c, KIT_NOW, &any);
	struct eedcap_verdict *v = eedcap_verify(cold, k->quote.p, k->quote.n, c, KIT_NOW, &any);
	struct eedcap_check a, b;

	assert_string_equal(eedcap_verdict_error(w)->reason, eedcap_verdict_error(v)->reason);
	for (size_t i = 0; eedcap_verdict_check_at(v, i, &a); i++) {
		assert_true(eedcap_verdict_check_at(w, i, &b));
		if (a.result != b.result)
			fail_msg("%s: %d cold, %d warm", a.name, (int)a.result, (int)b.result);
	}
	snprintf(reason, sizeof reason, "%s", eedcap_verdict_error(v)->reason);
	eedcap_verdict_free(w);
	eedcap_verdict_free(v);
	return reason;
}

/* The same run of bytes behind an attestation key is laid out in one way by version 3 and in another
 * by version 4, where the first bytes of the QE report read as an outer header. What was shown of the
 * one must not count for the other. */
static void
test_two_layouts_of_the_same_bytes(void **state)
{
	struct eedcap_context *ctx;
	struct eedcap_error e;
	struct eedcap_quote *q;
	struct buf text, other;
	struct kit k;

	buf_init(&text, 8192);
	buf_init(&other, 65536);
	kit_init(&k, false, 3);
	k.auth_n = 100;
	k.auth[4] = 94; /* what version 4 takes for the length of its QE authentication data */
	k.auth[5] = 0;
	memcpy(k.qe_report, "\x06\x00", 2); /* certification data type 6, and how much of it */
	k.qe_report[2] = (uint8_t)(384 + 64 + 2 + 100 + 5000);
	k.qe_report[3] = (uint8_t)((384 + 64 + 2 + 100 + 5000) >> 8);
	k.qe_report[4] = k.qe_report[5] = 0;
	kit_build(&k);
	buf_add(&text, buf_span(&k.chain));
	while (text.n < 5000)
		buf_add_u8(&text, 0);
	kit_use_chain(&k, buf_span(&text));
	ctx = kit_context(&k, 4);
	q = eedcap_authenticate(ctx, k.quote.p, k.quote.n, KIT_NOW, &e);
	assert_string_equal(e.reason, "ok");
	eedcap_quote_free(q);

	/* Header, body and signature of version 4; from the attestation key on the bytes of before. */
	size_t head = 48 + 384 + 4, key = head + 64;
	buf_add(&other, span_from(buf_span(&k.quote), key));
	k.version = 4;
	kit_build_quote(&k);
	k.quote.n = key;
	buf_add(&k.quote, buf_span(&other));
	k.quote.p[head - 4] = (uint8_t)(k.quote.n - head);
	k.quote.p[head - 3] = (uint8_t)((k.quote.n - head) >> 8);
	assert_null(eedcap_authenticate(ctx, k.quote.p, k.quote.n, KIT_NOW, &e));
	assert_string_equal(e.reason, "qe_report_signature");
	buf_fini(&text);
	buf_fini(&other);
	eedcap_context_free(ctx);
	kit_fini(&k);
}

/* A stray line in front must not make a leaf, CA and root pass for a CA and its root. */
static void
test_stray_end_lines(void **state)
{
	struct eedcap_context *warm, *cold;
	struct eedcap_collateral *c;
	struct buf leaf, text;
	struct kit k;

	kit_init(&k, true, 4);
	kit_build(&k);
	warm = kit_context(&k, 8);
	cold = kit_context(&k, 0);
	c = kit_collateral(&k, cold);
	buf_init(&leaf, 65536);
	buf_init(&text, 65536);
	kit_leaf(&k, &leaf);
	buf_add_str(&text, "-----END CERTIFICATE-----\n");
	buf_add(&text, buf_span(&leaf));
	buf_add(&text, buf_span(&k.ca_pem));
	buf_add(&text, buf_span(&k.root_pem));
	kit_use_chain(&k, buf_span(&text));
	assert_string_equal(both(warm, cold, &k, c), "ok");
	buf_clear(&text);
	buf_add(&text, buf_span(&leaf));
	buf_add(&text, buf_span(&leaf));
	buf_add(&text, buf_span(&k.ca_pem));
	buf_add(&text, buf_span(&k.root_pem));
	kit_use_chain(&k, buf_span(&text));
	assert_string_equal(both(warm, cold, &k, c), "cert_chain");
	buf_fini(&leaf);
	buf_fini(&text);
	eedcap_collateral_free(c);
	eedcap_context_free(warm);
	eedcap_context_free(cold);
	kit_fini(&k);
}

/* What was not looked at has not passed, though the issuer be known. */
static void
test_checks_of_a_forged_leaf(void **state)
{
	struct eedcap_context *warm, *cold;
	struct eedcap_collateral *c;
	struct kit k;

	kit_init(&k, true, 4);
	kit_build(&k);
	warm = kit_context(&k, 8);
	cold = kit_context(&k, 0);
	c = kit_collateral(&k, cold);
	assert_string_equal(both(warm, cold, &k, c), "ok");
	k.leaf.by = k.stranger;
	kit_build_platform(&k);
	assert_string_equal(both(warm, cold, &k, c), "cert_signature");
	k.no_fmspc = true;
	kit_build_platform(&k);
	assert_string_equal(both(warm, cold, &k, c), "sgx_extension");
	eedcap_collateral_free(c);
	eedcap_context_free(warm);
	eedcap_context_free(cold);
	kit_fini(&k);
}

/* -- chains of anything -- */

#define PIECES 10
#define ROUNDS 3000

static uint32_t
next(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 16;
}

static void
test_any_chain(void **state)
{
	struct eedcap_context *warm, *cold;
	struct eedcap_collateral *c;
	struct buf piece[PIECES], text;
	struct kit k;
	uint32_t seed = 1;
	unsigned taken = 0;

	kit_init(&k, true, 4);
	kit_build(&k);
	warm = kit_context(&k, 8);
	cold = kit_context(&k, 0);
	c = kit_collateral(&k, cold);
	for (size_t i = 0; i < PIECES; i++)
		buf_init(&piece[i], 65536);
	buf_init(&text, 1 << 20);
	kit_leaf(&k, &piece[0]);
	buf_add(&piece[1], buf_span(&k.ca_pem));
	buf_add(&piece[2], buf_span(&k.root_pem));
	k.leaf.by = k.stranger;
	kit_build_platform(&k);
	kit_leaf(&k, &piece[3]);
	k.leaf.by = k.ca_key;
	kit_build_platform(&k);
	kit_leaf(&k, &piece[4]); /* the first again, signed anew */
	buf_add_str(&piece[5], "-----END CERTIFICATE-----\n");
	buf_add_str(&piece[6], "-----BEGIN CERTIFICATE-----\n");
	buf_add_str(&piece[7], "\n");
	buf_add_str(&piece[8], "0");
	buf_add_u8(&piece[9], 0);
	for (unsigned round = 0; round < ROUNDS; round++) {
		/* Mostly what a chain is made of, in its order, and something in between. */
		static const uint8_t usual[] = {0, 1, 2};

		buf_clear(&text);
		for (size_t i = 0; i < 3; i++) {
			while (next(&seed) % 4 == 0)
				buf_add(&text, buf_span(&piece[next(&seed) % PIECES]));
			buf_add(&text,
			    buf_span(&piece[next(&seed) % 8 ? usual[i] : next(&seed) % PIECES]));
		}
		kit_use_chain(&k, buf_span(&text));
		taken += strcmp(both(warm, cold, &k, c), "ok") == 0;
	}
	/* The run says something: many were taken, and many were not. */
	assert_in_range(taken, ROUNDS / 10, ROUNDS * 9 / 10);
	for (size_t i = 0; i < PIECES; i++)
		buf_fini(&piece[i]);
	buf_fini(&text);
	eedcap_collateral_free(c);
	eedcap_context_free(warm);
	eedcap_context_free(cold);
	kit_fini(&k);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_two_layouts_of_the_same_bytes),
	    cmocka_unit_test(test_stray_end_lines),
	    cmocka_unit_test(test_checks_of_a_forged_leaf),
	    cmocka_unit_test(test_any_chain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
