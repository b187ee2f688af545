/* mint_dcap_test.c - the verifier judges every minted vector: the two are written apart from one
 * another, each from the rules, and meet here. */
#include "base/rfc3339.h"
#include "base/test.h"
#include "eedcap.h"
#include "mint/vectors.h"

#include <stdio.h>

/* As many as there are, or more. Fewer means that a table was lost. */
#define VECTORS_MIN 950u

static const uint8_t seed[MINT_SEED_SIZE] = {9};

struct bench {
	struct eedcap_context *forgetful, *knowing; /* of one root; the latter remembers */
	unsigned n, wrong;
};

struct answer {
	struct eedcap_error why;
	bool authentic;
	const char *status;
	char advisories[4096];
	char tcb_date[RFC3339_SIZE];
};

/* What `eectl verify --accept any --allow-debug` does. */
static struct answer
judge(struct eedcap_context *ctx, const struct mint_vector *v)
{
	const struct eedcap_policy policy = {
	    .accept = EEDCAP_ACCEPT_ANY, .flags = EEDCAP_ALLOW_DEBUG};
	struct answer a = {0};
	struct eedcap_collateral *c = eedcap_collateral_parse(
	    ctx, v->collateral.p, v->collateral.n, &a.why);
	struct eedcap_verdict *verdict;
	const char *id;
	size_t n = 0;

	if (!c)
		return a;
	verdict = eedcap_verify(ctx, v->quote.p, v->quote.n, c, v->at_s, &policy);
	assert_non_null(verdict);
	a.why = *eedcap_verdict_error(verdict);
	a.authentic = eedcap_verdict_authentic(verdict);
	a.status = eedcap_status_name(eedcap_verdict_status(verdict));
	rfc3339_write(eedcap_verdict_tcb_date(verdict), a.tcb_date);
	for (size_t i = 0; (id = eedcap_verdict_advisory(verdict, i)) != NULL; i++) {
		n += (size_t)snprintf(
		    a.advisories + n, sizeof a.advisories - n, "%s%s", i ? "," : "", id);
		assert_true(n < sizeof a.advisories);
	}
	eedcap_verdict_free(verdict);
	eedcap_collateral_free(c);
	return a;
}

static bool
check_one(void *ctx, const struct mint_vector *v, struct err *e)
{
	struct bench *b = ctx;
	struct answer a = judge(b->forgetful, v), again = judge(b->knowing, v);
	bool ok = strcmp(a.why.reason, reason_token(v->reason)) == 0
		  && ((int)a.why.kind == v->exit || (v->also && (int)a.why.kind == v->also));

	/* A quote that only a policy refuses is authentic all the same, and its TCB known. */
	if (ok && v->accepted)
		ok = a.authentic && a.status && strcmp(a.status, v->status) == 0
		     && strcmp(a.advisories, v->advisories) == 0
		     && (!v->tcb_date || strcmp(a.tcb_date, v->tcb_date) == 0);
	/* Whatever was verified before it, under the same keys, must not show. */
	assert_string_equal(a.why.reason, again.why.reason);
	assert_ptr_equal(a.status, again.status);
	assert_string_equal(a.advisories, again.advisories);
	if (!ok)
		print_error("%s: wanted %s %d %s, got %s %d %s (%s)\n", v->name,
		    reason_token(v->reason), v->exit, v->status ? v->status : "-", a.why.reason,
		    (int)a.why.kind, a.status ? a.status : "-", a.why.detail);
	b->n++;
	b->wrong += !ok;
	return true;
}

static void
every_vector_is_judged_as_it_says(void **state)
{
	uint8_t key[EEDCAP_ROOT_KEY_SIZE];
	struct bench b = {0};
	struct eedcap_error why;
	struct err e = {0};
	struct buf root;

	buf_init(&root, 4096);
	assert_true(mint_vectors_root(seed, false, &root, &e));
	assert_true(eedcap_root_key(root.p, root.n, key, &why));
	buf_fini(&root);
	b.forgetful = eedcap_context_new(key, 0, &why);
	b.knowing = eedcap_context_new(key, 64, &why);
	assert_true(b.forgetful && b.knowing);
	if (!mint_vectors(seed, check_one, &b, &e))
		print_error("%s\n", e.shown[0] ? e.shown : e.detail);
	assert_int_equal(e.code, ERR_NONE);
	print_message("%u vectors\n", b.n);
	assert_int_equal(b.wrong, 0);
	assert_true(b.n >= VECTORS_MIN);
	eedcap_context_free(b.forgetful);
	eedcap_context_free(b.knowing);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_vector_is_judged_as_it_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
