/* What a context remembers, and what it must not: how many signatures each verification costs, and
 * that nothing remembered hides a revocation, an expiry, a new TCB or a forgery. */
#include <openssl/ec.h>
#include <pthread.h>

#include "base/test.h"
#include "dcap/testkit.h"

static const struct eedcap_policy any = {.accept = EEDCAP_ACCEPT_ANY};

static uint64_t
signatures(struct eedcap_context *ctx)
{
	struct eedcap_stats s;

	eedcap_context_stats(ctx, &s);
	return s.signatures_verified;
}

/* Verify the kit's quote; returns how many signatures that cost. */
static uint64_t
cost(struct eedcap_context *ctx, const struct kit *k, const struct eedcap_collateral *c)
{
	uint64_t before = signatures(ctx);
	struct eedcap_verdict *v = eedcap_verify(ctx, k->quote.p, k->quote.n, c, KIT_NOW, &any);

	assert_string_equal(eedcap_verdict_error(v)->reason, "ok");
	eedcap_verdict_free(v);
	return signatures(ctx) - before;
}

static void
new_attestation_key(struct kit *k)
{
	EVP_PKEY_free(k->ak);
	k->ak = k->quote_by = EVP_EC_gen("P-256");
	assert_non_null(k->ak);
	kit_build_platform(k);
}

static void
new_platform(struct kit *k)
{
	EVP_PKEY_free(k->leaf_key);
	k->leaf_key = k->leaf.key = k->qe_by = EVP_EC_gen("P-256");
	assert_non_null(k->leaf_key);
	k->leaf.serial++;
	kit_build_platform(k);
}

/* -- what it costs -- */

static void
test_costs(void **state)
{
	for (unsigned version = 3; version <= 5; version++) {
		struct eedcap_context *ctx;
		struct eedcap_collateral *c;
		struct kit k;

		kit_init(&k, version > 3, version);
		kit_build(&k);
		ctx = kit_context(&k, 16);
		c = kit_collateral(&k, ctx);
		/* Root, PCK CA, signer, both documents, both CRLs, each once. */
		assert_int_equal(signatures(ctx), 7);
		assert_int_equal(cost(ctx, &k, c), 3); /* leaf, QE report, quote */
		assert_int_equal(cost(ctx, &k, c), 1);
		k.body[version > 3 ? 520 : 320] ^= 1; /* another quote of the same QE */
		kit_build_quote(&k);
		assert_int_equal(cost(ctx, &k, c), 1);
		new_platform(&k); /* another platform of the same CA */
		assert_int_equal(cost(ctx, &k, c), 3);
		eedcap_collateral_free(c);
		eedcap_context_free(ctx);
		kit_fini(&k);
	}
}

/* The leaf's signature is ECDSA, so a certificate issued again is another one: here it stays. */
static void
test_known_leaf_costs_two(void **state)
{
	struct eedcap_context *ctx;
	struct eedcap_collateral *c;
	struct buf leaf;
	struct kit k;

	kit_init(&k, true, 4);
	kit_build(&k);
	ctx = kit_context(&k, 16);
	c = kit_collateral(&k, ctx);
	assert_int_equal(cost(ctx, &k, c), 3);
	buf_init(&leaf, 65536);
	buf_add(&leaf, buf_span(&k.chain));
	new_attestation_key(&k);
	kit_use_chain(&k, buf_span(&leaf));
	assert_int_equal(cost(ctx, &k, c), 2);
	assert_int_equal(cost(ctx, &k, c), 1);
	buf_fini(&leaf);
	eedcap_collateral_free(c);
	eedcap_context_free(ctx);
	kit_fini(&k);
}

static void
test_judging_again_costs_nothing(void **state)
{
	struct eedcap_context *ctx;
	struct eedcap_collateral *c;
	struct eedcap_verdict *v;
	struct eedcap_error e;
	struct eedcap_quote *q;
	uint64_t before;
	struct kit k;

	kit_init(&k, true, 5);
	kit_build(&k);
	ctx = kit_context(&k, 0); /* the handle is what remembers */
	q = eedcap_authenticate(ctx, k.quote.p, k.quote.n, KIT_NOW, &e);
	assert_non_null(q);
	for (int i = 0; i < 3; i++) {
		kit_replace(&k.tcb_info, "\"tcbEvaluationDataNumber\":2",
		    "\"tcbEvaluationDataNumber\":22"); /* a newer edition each time */
		kit_build_collateral(&k);
		c = kit_collateral(&k, ctx);
		before = signatures(ctx);
		v = eedcap_judge(ctx, q, c, KIT_NOW, NULL);
		assert_true(eedcap_verdict_accepted(v));
		assert_int_equal(signatures(ctx), before);
		assert_ptr_equal(eedcap_verdict_quote(v), q);
		eedcap_verdict_free(v);
		eedcap_collateral_free(c);
	}
	eedcap_quote_free(q);
	/* A handle that was only looked into is verified whole. */
	q = eedcap_quote_inspect(k.quote.p, k.quote.n, &e);
	c = kit_collateral(&k, ctx);
	before = signatures(ctx);
	v = eedcap_judge(ctx, q, c, KIT_NOW, NULL);
	assert_true(eedcap_verdict_accepted(v));
	assert_int_equal(signatures(ctx) - before, 5); /* root, CA, leaf, QE report, quote */
	eedcap_verdict_free(v);
	eedcap_collateral_free(c);
	eedcap_quote_free(q);
	eedcap_context_free(ctx);
	kit_fini(&k);
}

static void
test_forgets_what_does_not_fit(void **state)
{
	struct eedcap_context *ctx;
	struct eedcap_collateral *c;
	struct kit k;

	kit_init(&k, true, 4);
	kit_build(&k);
	ctx = kit_context(&k, 1); /* one platform, and room for some signatures more */
	c = kit_collateral(&k, ctx);
	assert_int_equal(cost(ctx, &k, c), 3);
	assert_int_equal(cost(ctx, &k, c), 1);
	for (int i = 0; i < 100; i++) {
		new_platform(&k);
		assert_int_equal(cost(ctx, &k, c), 3);
		assert_int_equal(cost(ctx, &k, c), 1);
	}
	eedcap_collateral_free(c);
	eedcap_context_free(ctx);
	kit_fini(&k);
}

static void
test_a_second_ca(void **state)
{
	struct eedcap_context *ctx;
	struct kit k;

	/* Editions of the upper part come and go: the 9th drops the one unused for longest. */
	kit_init(&k, true, 4);
	kit_build(&k);
	ctx = kit_context(&k, 32);
	for (int i = 0; i < 12; i++) {
		kit_build(&k);
		assert_string_equal(kit_verify_under(ctx, &k, KIT_NOW, &any).reason, "ok");
		assert_string_equal(kit_verify_under(ctx, &k, KIT_NOW, &any).reason, "ok");
	}
	eedcap_context_free(ctx);
	kit_fini(&k);
}

/* -- what it must not hide: the same context has just verified the same quote -- */

static const char *
then(struct eedcap_context *ctx, const struct kit *k, int64_t now)
{
	static char reason[48];

	memcpy(reason, kit_verify_under(ctx, k, now, &any).reason, sizeof reason);
	return reason;
}

static void
test_remembers_no_verdict(void **state)
{
	struct eedcap_context *ctx;
	struct kit k;

	kit_init(&k, true, 4);
	kit_build(&k);
	ctx = kit_context(&k, 8);
	assert_string_equal(then(ctx, &k, KIT_NOW), "ok");

	k.pck_crl.revoked = k.leaf.serial;
	kit_build_collateral(&k);
	assert_string_equal(then(ctx, &k, KIT_NOW), "pck_revoked");
	k.pck_crl.revoked = 0;
	k.root_crl.revoked = k.ca.serial;
	kit_build_collateral(&k);
	assert_string_equal(then(ctx, &k, KIT_NOW), "pck_ca_revoked");
	k.root_crl.revoked = k.signer.serial;
	kit_build_collateral(&k);
	assert_string_equal(then(ctx, &k, KIT_NOW), "tcb_signer_revoked");
	k.root_crl.revoked = 0;
	kit_build_collateral(&k);
	assert_string_equal(then(ctx, &k, KIT_NOW), "ok");

	assert_string_equal(then(ctx, &k, 1790812801), "crl_expired");
	assert_string_equal(then(ctx, &k, 1788220799), "not_yet_valid");
	assert_string_equal(then(ctx, &k, 2051222401), "cert_expired"); /* 2035-01-01 */

	kit_replace(&k.tcb_info, "\"tcbStatus\":\"UpToDate\"},{\"tcb\":{\"sgx",
	    "\"tcbStatus\":\"Revoked\"},{\"tcb\":{\"sgx");
	kit_build_collateral(&k);
	assert_string_equal(then(ctx, &k, KIT_NOW), "tcb_revoked");
	eedcap_context_free(ctx);
	kit_fini(&k);
}

static void
test_remembers_no_forgery(void **state)
{
	struct eedcap_context *ctx;
	struct kit k;

	kit_init(&k, true, 4);
	kit_build(&k);
	ctx = kit_context(&k, 8);
	assert_string_equal(then(ctx, &k, KIT_NOW), "ok");
	k.quote_by = k.stranger; /* under a QE report that is known */
	kit_build_quote(&k);
	assert_string_equal(then(ctx, &k, KIT_NOW), "quote_signature");
	assert_string_equal(then(ctx, &k, KIT_NOW), "quote_signature");
	k.quote_by = k.ak;
	k.qe_by = k.stranger; /* under a leaf that is known */
	kit_build_platform(&k);
	assert_string_equal(then(ctx, &k, KIT_NOW), "qe_report_signature");
	k.qe_by = k.leaf_key;
	k.leaf.by = k.stranger; /* under a CA that is known */
	kit_build_platform(&k);
	assert_string_equal(then(ctx, &k, KIT_NOW), "cert_signature");
	k.leaf.by = k.ca_key;
	kit_build_platform(&k);
	assert_string_equal(then(ctx, &k, KIT_NOW), "ok");
	/* The known upper part behind another leaf, a second leaf, no leaf. */
	k.leaf.issuer = "Test SGX PCK Processor CA";
	kit_build_platform(&k);
	assert_string_equal(then(ctx, &k, KIT_NOW), "cert_chain");
	k.leaf.issuer = k.ca.subject;
	k.leaf.ca = true;
	kit_build_platform(&k);
	assert_string_equal(then(ctx, &k, KIT_NOW), "cert_chain");
	k.leaf.ca = false;
	kit_build_platform(&k);
	kit_use_chain(&k, buf_span(&k.ca_pem));
	assert_string_equal(then(ctx, &k, KIT_NOW), "cert_chain");
	eedcap_context_free(ctx);
	kit_fini(&k);
}

/* A chain in another order is taken, but its rest is no upper part for others. */
static void
test_order_of_the_chain(void **state)
{
	struct eedcap_context *ctx;
	struct buf leaf, odd;
	struct kit k;

	kit_init(&k, true, 4);
	kit_build(&k);
	ctx = kit_context(&k, 8);
	buf_init(&leaf, 65536);
	buf_init(&odd, 65536);
	kit_leaf(&k, &leaf);
	buf_add(&odd, buf_span(&k.ca_pem));
	buf_add(&odd, buf_span(&leaf));
	buf_add(&odd, buf_span(&k.root_pem));
	kit_use_chain(&k, buf_span(&odd));
	assert_string_equal(then(ctx, &k, KIT_NOW), "ok");
	assert_string_equal(then(ctx, &k, KIT_NOW), "ok");
	/* leaf, leaf, root: no CA in it. */
	buf_clear(&odd);
	buf_add(&odd, buf_span(&leaf));
	buf_add(&odd, buf_span(&leaf));
	buf_add(&odd, buf_span(&k.root_pem));
	kit_use_chain(&k, buf_span(&odd));
	assert_string_equal(then(ctx, &k, KIT_NOW), "cert_chain");
	buf_fini(&leaf);
	buf_fini(&odd);
	eedcap_context_free(ctx);
	kit_fini(&k);
}

static void
test_roots_are_kept_apart(void **state)
{
	struct eedcap_context *one, *two;
	struct eedcap_collateral *c;
	struct eedcap_verdict *v;
	struct eedcap_error e;
	struct eedcap_quote *q;
	struct kit a, b;

	kit_init(&a, true, 4);
	kit_init(&b, true, 4);
	kit_build(&a);
	kit_build(&b);
	one = kit_context(&a, 4);
	two = kit_context(&b, 4);
	c = kit_collateral(&a, one);
	v = eedcap_verify(two, b.quote.p, b.quote.n, c, KIT_NOW, &any);
	assert_int_equal(eedcap_verdict_error(v)->kind, EEDCAP_USAGE);
	assert_false(eedcap_verdict_authentic(v));
	eedcap_verdict_free(v);
	v = eedcap_verify(NULL, a.quote.p, a.quote.n, c, KIT_NOW, &any);
	assert_int_equal(eedcap_verdict_error(v)->kind, EEDCAP_USAGE);
	eedcap_verdict_free(v);
	/* Authenticated under one root, it is not under the other. */
	q = eedcap_authenticate(two, b.quote.p, b.quote.n, KIT_NOW, &e);
	assert_non_null(q);
	v = eedcap_judge(one, q, c, KIT_NOW, &any);
	assert_string_equal(eedcap_verdict_error(v)->reason, "root_untrusted");
	eedcap_verdict_free(v);
	eedcap_quote_free(q);
	assert_null(eedcap_collateral_parse(two, a.collateral.p, a.collateral.n, &e));
	assert_string_equal(e.reason, "root_untrusted");
	eedcap_collateral_free(c);
	eedcap_context_free(one);
	eedcap_context_free(two);
	kit_fini(&a);
	kit_fini(&b);
}

static void
test_refused_contexts(void **state)
{
	uint8_t key[EEDCAP_ROOT_KEY_SIZE] = {4};
	struct eedcap_error e;

	assert_null(eedcap_context_new(key, 1, &e));
	assert_int_equal(e.kind, EEDCAP_USAGE);
	assert_null(eedcap_context_new(NULL, SIZE_MAX, &e));
	assert_int_equal(e.kind, EEDCAP_USAGE);
	eedcap_context_free(NULL);
}

/* Wherever a context is asked for NULL may stand. */
static void
test_no_context(void **state)
{
	struct eedcap_stats s = {1, 1, 1, 1};

	eedcap_context_stats(NULL, &s);
	assert_int_equal(
	    s.signatures_verified | s.signatures_known | s.chains_read | s.chains_known, 0);
}

/* -- many threads -- */

#define THREADS 4
#define ROUNDS  40

struct job {
	struct eedcap_context *ctx;
	const struct eedcap_collateral *c;
	const struct kit *kits;
	unsigned from;
	bool failed;
};

static void *
verify_all(void *arg)
{
	struct job *j = arg;

	for (unsigned i = 0; i < ROUNDS; i++) {
		const struct kit *k = &j->kits[(j->from + i) % THREADS];
		struct eedcap_error e;
		struct eedcap_verdict *v = eedcap_verify(
		    j->ctx, k->quote.p, k->quote.n, j->c, KIT_NOW, &any);
		struct eedcap_quote *q = eedcap_authenticate(
		    j->ctx, k->quote.p, k->quote.n, KIT_NOW, &e);

		/* The first kit's collateral fits its own quotes alone. */
		j->failed |= !v || eedcap_verdict_accepted(v) != (k == j->kits);
		j->failed |= (q != NULL) != (k == j->kits);
		eedcap_verdict_free(v);
		eedcap_quote_free(q);
	}
	return NULL;
}

static void
test_threads_share_a_context(void **state)
{
	struct kit kits[THREADS];
	pthread_t threads[THREADS];
	struct job jobs[THREADS];
	struct eedcap_context *ctx;
	struct eedcap_collateral *c;

	for (unsigned i = 0; i < THREADS; i++) {
		kit_init(&kits[i], true, 4 + i % 2);
		kit_build(&kits[i]);
	}
	ctx = kit_context(&kits[0], 2);
	c = kit_collateral(&kits[0], ctx);
	for (unsigned i = 0; i < THREADS; i++) {
		jobs[i] = (struct job){.ctx = ctx, .c = c, .kits = kits, .from = i};
		assert_int_equal(pthread_create(&threads[i], NULL, verify_all, &jobs[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		assert_false(jobs[i].failed);
	}
	eedcap_collateral_free(c);
	eedcap_context_free(ctx);
	for (unsigned i = 0; i < THREADS; i++)
		kit_fini(&kits[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_costs),
	    cmocka_unit_test(test_known_leaf_costs_two),
	    cmocka_unit_test(test_judging_again_costs_nothing),
	    cmocka_unit_test(test_forgets_what_does_not_fit),
	    cmocka_unit_test(test_a_second_ca),
	    cmocka_unit_test(test_remembers_no_verdict),
	    cmocka_unit_test(test_remembers_no_forgery),
	    cmocka_unit_test(test_order_of_the_chain),
	    cmocka_unit_test(test_roots_are_kept_apart),
	    cmocka_unit_test(test_refused_contexts),
	    cmocka_unit_test(test_no_context),
	    cmocka_unit_test(test_threads_share_a_context),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
