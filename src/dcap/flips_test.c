/* Every prefix and every flipped byte of a quote of each version, and of collateral: refused, or of
 * no consequence. */
#include "base/test.h"
#include "dcap/testkit.h"

static const struct eedcap_policy any = {.accept = EEDCAP_ACCEPT_ANY};

struct kind {
	bool tdx;
	unsigned version, body_type;
};
static const struct kind kinds[] = {{false, 3, 1}, {false, 4, 1}, {true, 4, 2}, {true, 5, 3}};
#define KINDS (sizeof kinds / sizeof kinds[0])

struct bench {
	struct kit k;
	struct eedcap_context *ctx;
	struct eedcap_collateral *c;
	struct eedcap_verdict *honest;
};

static void
open_bench(struct bench *b, const struct kind *kind)
{
	kit_init(&b->k, kind->tdx, kind->version);
	b->k.body_type = kind->body_type;
	kit_build(&b->k);
	b->ctx = kit_context(&b->k, 4);
	b->c = kit_collateral(&b->k, b->ctx);
	b->honest = eedcap_verify(b->ctx, b->k.quote.p, b->k.quote.n, b->c, KIT_NOW, &any);
	assert_true(eedcap_verdict_accepted(b->honest));
}

static void
close_bench(struct bench *b)
{
	eedcap_verdict_free(b->honest);
	eedcap_collateral_free(b->c);
	eedcap_context_free(b->ctx);
	kit_fini(&b->k);
}

/* Whatever is accepted must say what the honest bytes say. */
static bool
is_same(const struct eedcap_verdict *v, const struct eedcap_verdict *honest)
{
	const uint8_t *a, *b;
	const char *name;
	size_t n, m;

	if (eedcap_verdict_status(v) != eedcap_verdict_status(honest)
	    || eedcap_verdict_tcb_date(v) != eedcap_verdict_tcb_date(honest)
	    || eedcap_verdict_evaluation_number(v) != eedcap_verdict_evaluation_number(honest)
	    || eedcap_verdict_earliest_expiry(v) != eedcap_verdict_earliest_expiry(honest)
	    || memcmp(eedcap_quote_digest(eedcap_verdict_quote(v)),
		   eedcap_quote_digest(eedcap_verdict_quote(honest)), 32)
		   != 0)
		return false;
	for (size_t i = 0; eedcap_quote_register_at(eedcap_verdict_quote(honest), i, &name, &a, &n);
	     i++)
		if (!eedcap_quote_register(eedcap_verdict_quote(v), name, &b, &m) || n != m
		    || memcmp(a, b, n) != 0)
			return false;
	return true;
}

/* Verify bytes that end where their memory ends, so that a sanitizer sees a read past them. */
static struct eedcap_verdict *
verify_exact(struct bench *b, const uint8_t *p, size_t n)
{
	uint8_t *exact = malloc(n ? n : 1);
	struct eedcap_verdict *v;

	assert_non_null(exact);
	memcpy(exact, p, n);
	v = eedcap_verify(b->ctx, exact, n, b->c, KIT_NOW, &any);
	free(exact);
	assert_non_null(v);
	return v;
}

static void
test_every_prefix_of_a_quote(void **state)
{
	for (size_t i = 0; i < KINDS; i++) {
		struct bench b;

		open_bench(&b, &kinds[i]);
		for (size_t n = 0; n < b.k.quote.n; n++) {
			struct eedcap_verdict *v = verify_exact(&b, b.k.quote.p, n);

			assert_string_equal(eedcap_verdict_error(v)->reason, "quote_truncated");
			assert_null(eedcap_verdict_quote(v));
			eedcap_verdict_free(v);
		}
		close_bench(&b);
	}
}

static void
test_every_byte_of_a_quote(void **state)
{
	for (size_t i = 0; i < KINDS; i++) {
		size_t taken = 0, chain;
		struct bench b;

		open_bench(&b, &kinds[i]);
		chain = b.k.quote.n - b.k.chain.n;
		for (size_t at = 0; at < b.k.quote.n; at++) {
			struct eedcap_verdict *v;

			b.k.quote.p[at] ^= (uint8_t)(1 << at % 8);
			v = verify_exact(&b, b.k.quote.p, b.k.quote.n);
			if (eedcap_verdict_accepted(v)) {
				/* The chain's text is signed by nobody: white space, the NUL. In the
				 * header, what stood for SVNs is signed, so it is not taken. */
				assert_true(at >= chain);
				assert_true(is_same(v, b.honest));
				taken++;
			}
			eedcap_verdict_free(v);
			b.k.quote.p[at] ^= (uint8_t)(1 << at % 8);
		}
		assert_true(taken < 64);
		close_bench(&b);
	}
}

static void
test_every_prefix_of_collateral(void **state)
{
	struct bench b;

	open_bench(&b, &kinds[2]);
	for (size_t n = 0; n < b.k.collateral.n; n++) {
		struct eedcap_error e;
		uint8_t *exact = malloc(n ? n : 1);

		assert_non_null(exact);
		memcpy(exact, b.k.collateral.p, n);
		assert_null(eedcap_collateral_parse(b.ctx, exact, n, &e));
		assert_string_equal(e.reason, "collateral_malformed");
		free(exact);
	}
	close_bench(&b);
}

static void
flip_collateral(const struct kind *kind)
{
	struct bench b;
	size_t taken = 0;

	open_bench(&b, kind);
	for (size_t at = 0; at < b.k.collateral.n; at++) {
		struct eedcap_collateral *c;
		struct eedcap_verdict *v;
		struct eedcap_error e;

		b.k.collateral.p[at] ^= (uint8_t)(1 << at % 8);
		c = eedcap_collateral_parse(b.ctx, b.k.collateral.p, b.k.collateral.n, &e);
		b.k.collateral.p[at] ^= (uint8_t)(1 << at % 8);
		if (!c) {
			assert_int_not_equal(e.kind, EEDCAP_OK);
			continue;
		}
		v = eedcap_verify(b.ctx, b.k.quote.p, b.k.quote.n, c, KIT_NOW, &any);
		if (eedcap_verdict_accepted(v)) { /* an optional member's name, white space */
			assert_true(is_same(v, b.honest));
			taken++;
		}
		eedcap_verdict_free(v);
		eedcap_collateral_free(c);
	}
	assert_true(taken < 200);
	close_bench(&b);
}

static void
test_every_byte_of_tdx_collateral(void **state)
{
	flip_collateral(&kinds[2]);
}

static void
test_every_byte_of_sgx_collateral(void **state)
{
	flip_collateral(&kinds[0]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_prefix_of_a_quote),
	    cmocka_unit_test(test_every_byte_of_a_quote),
	    cmocka_unit_test(test_every_prefix_of_collateral),
	    cmocka_unit_test(test_every_byte_of_tdx_collateral),
	    cmocka_unit_test(test_every_byte_of_sgx_collateral),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
