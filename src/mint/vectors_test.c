#include "base/json.h"
#include "base/test.h"
#include "mint/row.h"
#include "mint/vectors.h"

#include <openssl/sha.h>

static const uint8_t seed[MINT_SEED_SIZE] = {3};

#define NAMES_MAX 2000

struct tally {
	char name[NAMES_MAX][64];
	size_t n;
	uint8_t digest[SHA256_DIGEST_LENGTH];
};

/* Names become folders: short, plain, no two alike. */
static void
check_name(struct tally *t, const char *name)
{
	size_t n = strlen(name);

	assert_true(n > 0 && n < 64 && t->n < NAMES_MAX);
	for (size_t i = 0; i < n; i++)
		assert_true(name[i] == '-' || name[i] == '.' || name[i] == '_'
			    || (name[i] >= '0' && name[i] <= '9')
			    || (name[i] >= 'A' && name[i] <= 'Z')
			    || (name[i] >= 'a' && name[i] <= 'z'));
	assert_true(name[0] != '.');
	for (size_t i = 0; i < t->n; i++)
		assert_string_not_equal(t->name[i], name);
	memcpy(t->name[t->n++], name, n + 1);
}

static void
check_meta(const struct mint_vector *v)
{
	static const struct json_limits lim = {8, 500};
	const struct json_node *top, *want;
	struct json_doc doc;
	struct err e = {0};

	assert_true(json_parse(&doc, v->meta, lim, &e));
	top = json_top(&doc);
	want = json_get(&doc, top, "recommended");
	assert_true(json_is(json_get(&doc, top, "name"), v->name));
	assert_true(json_is(json_get(&doc, want, "reason"), reason_token(v->reason)));
	assert_true(json_is(json_get(&doc, want, "verdict"), v->accepted ? "accept" : "reject"));
	assert_int_equal(v->accepted, v->status != NULL);
	assert_int_equal(v->exit == 0, v->reason == REASON_OK);
	json_free(&doc);
}

static bool
tally(void *ctx, const struct mint_vector *v, struct err *e)
{
	uint8_t chained[3 * SHA256_DIGEST_LENGTH];
	struct tally *t = ctx;

	check_name(t, v->name);
	check_meta(v);
	memcpy(chained, t->digest, SHA256_DIGEST_LENGTH);
	SHA256(v->quote.p, v->quote.n, chained + SHA256_DIGEST_LENGTH);
	SHA256(v->collateral.p, v->collateral.n, chained + 2 * SHA256_DIGEST_LENGTH);
	SHA256(chained, sizeof chained, t->digest);
	return true;
}

static void
one_seed_is_one_tree(void **state)
{
	static struct tally a, b;
	struct err e = {0};

	assert_true(mint_vectors(seed, tally, &a, &e));
	assert_true(mint_vectors(seed, tally, &b, &e));
	assert_int_equal(a.n, b.n);
	assert_memory_equal(a.digest, b.digest, sizeof a.digest);
}

static bool
stop(void *ctx, const struct mint_vector *v, struct err *e)
{
	return ++*(int *)ctx < 3 || err_set(e, ERR_IO, REASON_FILE_UNWRITABLE, "full");
}

static void
a_refusal_stops(void **state)
{
	struct err e = {0};
	int n = 0;

	assert_false(mint_vectors(seed, stop, &n, &e));
	assert_int_equal(n, 3);
	assert_int_equal(e.reason, REASON_FILE_UNWRITABLE);
}

/* A bend that bends nothing is a mistake in its table, and told. */
static void
an_idle_edit_fails(void **state)
{
	static struct mint_world w;
	struct mint_keys keys;
	struct buf quote, collateral;
	struct err e = {0};

	assert_true(mint_keys_derive(&keys, seed, &e));
	mint_world_init(&w, MINT_SGX3, &keys);
	w.tcb_info.edit[0] = (struct mint_edit){"\"nowhere\"", ""};
	buf_init(&quote, 65536);
	buf_init(&collateral, 65536);
	assert_false(mint_world_build(&w, &quote, &collateral, &e));
	assert_int_equal(e.code, ERR_USAGE);
	buf_fini(&quote);
	buf_fini(&collateral);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_seed_is_one_tree),
	    cmocka_unit_test(a_refusal_stops),
	    cmocka_unit_test(an_idle_edit_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
