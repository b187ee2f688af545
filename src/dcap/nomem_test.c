/* Each allocation of a verification fails once, libcrypto's included, then all from it on: nothing
 * crashes, leaks or is accepted that would not be, and the call says that it had no memory. What it
 * takes stays below what eedcap.h says. Linked with --wrap. */
#include "base/nomem.h"

#include <openssl/crypto.h>

#include "dcap/testkit.h"

static const struct eedcap_policy any = {.accept = EEDCAP_ACCEPT_ANY};

/* libcrypto takes its memory here, so that it can be made to fail, too; counted apart. */

static void *
crypto_malloc(size_t n, const char *file, int line)
{
	return nomem_fails() ? NULL : __real_malloc(n);
}

static void *
crypto_realloc(void *p, size_t n, const char *file, int line)
{
	return nomem_fails() ? NULL : __real_realloc(p, n);
}

static void
crypto_free(void *p, const char *file, int line)
{
	__real_free(p);
}

struct world {
	struct kit *k;
	size_t remember;
};

static bool
judge(struct world *w, struct eedcap_context *ctx, const struct eedcap_collateral *c)
{
	struct eedcap_verdict *v = eedcap_verify(
	    ctx, w->k->quote.p, w->k->quote.n, c, KIT_NOW, &any);
	enum eedcap_class kind = v ? eedcap_verdict_error(v)->kind : EEDCAP_NO_MEMORY;

	struct eedcap_check check;

	if (v) {
		assert_int_equal(eedcap_verdict_accepted(v), kind == EEDCAP_OK);
		/* Want of memory says nothing of the quote: no check has failed. */
		for (size_t i = 0; eedcap_verdict_check_at(v, i, &check); i++)
			assert_int_not_equal(check.result, EEDCAP_FAILED);
	}
	assert_true(kind == EEDCAP_OK || kind == EEDCAP_NO_MEMORY);
	eedcap_verdict_free(v);
	return kind == EEDCAP_OK;
}

static bool
whole(void *arg)
{
	struct world *w = arg;
	struct eedcap_error e = {0};
	struct eedcap_context *ctx = eedcap_context_new(w->k->root_point, w->remember, &e);
	struct eedcap_collateral *c = NULL;
	bool ok = false;

	if (ctx)
		c = eedcap_collateral_parse(ctx, w->k->collateral.p, w->k->collateral.n, &e);
	if (c)
		ok = judge(w, ctx, c);
	else
		assert_int_equal(e.kind, EEDCAP_NO_MEMORY);
	eedcap_collateral_free(c);
	eedcap_context_free(ctx);
	return ok;
}

static bool
authenticate(void *arg)
{
	struct world *w = arg;
	struct eedcap_error e = {0};
	struct eedcap_context *ctx = eedcap_context_new(w->k->root_point, w->remember, &e);
	struct eedcap_quote *q = NULL;

	if (ctx)
		q = eedcap_authenticate(ctx, w->k->quote.p, w->k->quote.n, KIT_NOW, &e);
	if (!q)
		assert_int_equal(e.kind, EEDCAP_NO_MEMORY);
	eedcap_quote_free(q);
	eedcap_context_free(ctx);
	return q != NULL;
}

static void
test_each_allocation(void **state)
{
	for (unsigned version = 3; version <= 5; version++)
		for (size_t remember = 0; remember < 2; remember++) {
			struct world w = {.remember = remember};
			struct kit k;

			kit_init(&k, version > 3, version);
			kit_build(&k);
			w.k = &k;
			assert_true(whole(&w)); /* what libcrypto makes once is there */
			assert_true(nomem_each(whole, &w, 5000) > 20);
			assert_true(nomem_each(authenticate, &w, 5000) > 10);
			kit_fini(&k);
		}
}

/* -- how much it takes -- */

static size_t
peak_of(bool (*f)(void *ctx), void *ctx)
{
	size_t before = nomem.now;

	nomem.peak = before;
	(void)f(ctx);
	assert_int_equal(nomem.now, before); /* nothing is left behind */
	return nomem.peak - before;
}

struct call {
	struct eedcap_context *ctx;
	struct eedcap_collateral *c;
	struct span quote, json;
};

static bool
call_verify(void *arg)
{
	struct call *j = arg;

	eedcap_verdict_free(eedcap_verify(j->ctx, j->quote.p, j->quote.n, j->c, KIT_NOW, &any));
	return true;
}

static bool
call_parse(void *arg)
{
	struct call *j = arg;
	struct eedcap_error e;

	eedcap_collateral_free(eedcap_collateral_parse(j->ctx, j->json.p, j->json.n, &e));
	return true;
}

static void
assert_within(struct call *j)
{
	assert_true(peak_of(call_verify, j) <= EEDCAP_VERIFY_MEMORY(j->quote.n));
	assert_true(peak_of(call_parse, j) <= EEDCAP_COLLATERAL_MEMORY(j->json.n));
}

/* An array of so many numbers: nothing else makes as many values of as few bytes. */
static void
put_crowd(struct buf *out, size_t n)
{
	buf_add_str(out, "\"tcbType\":0,\"more\":[0");
	for (size_t i = 0; i < n; i++)
		buf_add_str(out, ",0");
	buf_add_str(out, "]");
}

static void
test_memory_is_bounded(void **state)
{
	struct buf crowd, text;
	struct call j;
	struct kit k;

	kit_init(&k, true, 5);
	kit_build(&k);
	j.ctx = kit_context(&k, 4);
	j.c = kit_collateral(&k, j.ctx);
	j.quote = buf_span(&k.quote);
	j.json = buf_span(&k.collateral);
	assert_within(&j);
	/* The largest chain that is looked at, all of it text to be decoded; certificates without end. */
	buf_init(&text, 65536);
	buf_add_str(&text, "-----BEGIN CERTIFICATE-----\n");
	while (text.n < 32700)
		buf_add_str(&text, "AAAA");
	buf_add_str(&text, "\n-----END CERTIFICATE-----\n");
	kit_use_chain(&k, buf_span(&text));
	j.quote = buf_span(&k.quote);
	assert_within(&j);
	buf_clear(&text);
	while (text.n + k.root_pem.n < 32768)
		buf_add(&text, buf_span(&k.root_pem));
	kit_use_chain(&k, buf_span(&text));
	j.quote = buf_span(&k.quote);
	assert_within(&j);
	/* Documents and bundles that are nothing but values. */
	buf_init(&crowd, 1 << 20);
	put_crowd(&crowd, 300000);
	kit_replace(&k.tcb_info, "\"tcbType\":0", buf_cstr(&crowd));
	kit_build_collateral(&k);
	j.json = buf_span(&k.collateral);
	assert_within(&j);
	buf_clear(&crowd);
	buf_add_str(&crowd, "{");
	put_crowd(&crowd, 65000);
	buf_add_str(&crowd, "}");
	j.json = buf_span(&crowd);
	assert_within(&j);
	buf_fini(&crowd);
	buf_fini(&text);
	eedcap_collateral_free(j.c);
	eedcap_context_free(j.ctx);
	kit_fini(&k);
}

/* The largest verdict: as many advisories as a level may have, in each of the five parts. */
static void
test_memory_of_advisories(void **state)
{
	static const char *const places[] = {"\"tcbStatus\":\"UpToDate\"}", /* of the module */
	    "\"tcbStatus\":\"UpToDate\"}"}; /* of the platform, now the first */
	struct buf text, one_more;
	struct call j;
	struct kit k;

	kit_init(&k, true, 5);
	k.body_type = 3;
	kit_build(&k);
	buf_init(&text, 65536);
	buf_init(&one_more, 65536);
	buf_add_str(&text, "\"tcbStatus\":\"OutOfDate\",\"advisoryIDs\":[\"A\"");
	for (unsigned i = 1; i < 256; i++)
		buf_printf(&text, ",\"%u\"", i);
	buf_add(&one_more, buf_span(&text));
	buf_add_str(&one_more, ",\"B\"]}");
	buf_add_str(&text, "]}");
	for (size_t i = 0; i < 2; i++)
		kit_replace(&k.tcb_info, places[i], buf_cstr(&text));
	kit_replace(&k.qe_identity, places[0], buf_cstr(&text));
	kit_build_collateral(&k);
	j.ctx = kit_context(&k, 4);
	j.c = kit_collateral(&k, j.ctx);
	j.quote = buf_span(&k.quote);
	j.json = buf_span(&k.collateral);
	assert_within(&j);
	eedcap_collateral_free(j.c);
	kit_replace(&k.qe_identity, buf_cstr(&text), buf_cstr(&one_more));
	kit_build_collateral(&k);
	assert_null(eedcap_collateral_parse(j.ctx, k.collateral.p, k.collateral.n, NULL));
	eedcap_context_free(j.ctx);
	buf_fini(&text);
	buf_fini(&one_more);
	kit_fini(&k);
}

/* Parts that are too large, alone or together, are refused before anything is made of them. */
static void
test_memory_of_parts(void **state)
{
	static char much[40000000];
	struct eedcap_collateral_parts parts;
	const struct eedcap_bytes all = {much, sizeof much};
	struct eedcap_error e;
	size_t before;

	memset(much, ' ', sizeof much);
	for (size_t i = 0; i < sizeof parts / sizeof all; i++) {
		memset(&parts, 0, sizeof parts);
		((struct eedcap_bytes *)&parts)[i] = all;
		before = nomem.now;
		nomem.peak = before;
		assert_null(eedcap_collateral_from_parts(NULL, &parts, &e));
		assert_int_equal(e.kind, EEDCAP_MALFORMED);
		assert_in_range(nomem.peak - before, 0, 65536);
	}
}

static bool
call_context(void *arg)
{
	struct eedcap_error e;

	eedcap_context_free(eedcap_context_new(NULL, *(size_t *)arg, &e));
	return true;
}

static void
test_memory_of_a_context(void **state)
{
	size_t none = 0, few = 10, many = 10000;
	size_t fixed = peak_of(call_context, &none), some = peak_of(call_context, &few);
	size_t each = (peak_of(call_context, &many) - some) / (many - few);

	assert_true(fixed < 16384);
	assert_true(some < 131072);
	assert_true(each <= 1600);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_each_allocation),
	    cmocka_unit_test(test_memory_is_bounded),
	    cmocka_unit_test(test_memory_of_advisories),
	    cmocka_unit_test(test_memory_of_parts),
	    cmocka_unit_test(test_memory_of_a_context),
	};

	if (CRYPTO_set_mem_functions(crypto_malloc, crypto_realloc, crypto_free) != 1)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
