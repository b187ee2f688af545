/* What OpenSSL says of our keys and signatures: it made neither of them. */
#include "base/test.h"
#include "mint/key.h"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>

static const uint8_t seed[MINT_SEED_SIZE] = {5, 6};

static EVP_PKEY *
public_of(const struct mint_key *k)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	EVP_PKEY *key = NULL;
	uint8_t point[65] = {4};
	char group[] = "prime256v1";
	OSSL_PARAM params[] = {
	    OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
	    OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point),
	    OSSL_PARAM_construct_end(),
	};

	memcpy(point + 1, k->xy, 64);
	assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
	assert_int_equal(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params), 1);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static bool
holds(const struct mint_key *k, struct span bytes, const uint8_t *sig, const EVP_MD *md)
{
	ECDSA_SIG *s = ECDSA_SIG_new();
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY *key = public_of(k);
	uint8_t *der = NULL;
	bool ok;
	int n;

	assert_true(
	    ECDSA_SIG_set0(s, BN_bin2bn(sig, 32, NULL), BN_bin2bn(sig + 32, 32, NULL)) == 1);
	n = i2d_ECDSA_SIG(s, &der);
	ok = EVP_DigestVerifyInit(ctx, NULL, md, NULL, key) == 1
	     && EVP_DigestVerify(ctx, der, (size_t)n, bytes.p, bytes.n) == 1;
	OPENSSL_free(der);
	ECDSA_SIG_free(s);
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	return ok;
}

static void
one_label_is_one_key(void **state)
{
	struct mint_key a, b;
	struct err e = {0};

	assert_true(mint_key_derive(seed, "a", &a, &e));
	assert_true(mint_key_derive(seed, "a", &b, &e));
	assert_memory_equal(&a, &b, sizeof a);
	assert_true(mint_key_derive(seed, "b", &b, &e));
	assert_memory_not_equal(a.xy, b.xy, sizeof a.xy);
}

static void
signatures_are_what_they_claim(void **state)
{
	static const struct {
		enum mint_sig kind;
		bool holds;
	} rows[] = {
	    {MINT_SIG_HONEST, true},
	    {MINT_SIG_LOW_S, true},
	    {MINT_SIG_HIGH_S, true},
	    {MINT_SIG_SMALL_R, true},
	    {MINT_SIG_R_PLUS_N, false},
	    {MINT_SIG_SMALL_S, true},
	    {MINT_SIG_S_PLUS_N, false},
	    {MINT_SIG_X_ABOVE_N, true},
	    {MINT_SIG_ZERO_R, false},
	    {MINT_SIG_ZERO_S, false},
	    {MINT_SIG_ZERO, false},
	    {MINT_SIG_S_IS_N, false},
	    {MINT_SIG_FLIPPED, false},
	    {MINT_SIG_SHA384, false},
	};
	struct span text = span_str("what is signed");
	struct err e = {0};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct mint_key k;
		uint8_t sig[64], again[64];

		assert_true(mint_key_derive(seed, "signer", &k, &e));
		assert_true(mint_sign(&k, rows[i].kind, text, sig));
		assert_int_equal(holds(&k, text, sig, EVP_sha256()), rows[i].holds);
		assert_false(holds(&k, span_str("another"), sig, EVP_sha256()));
		assert_true(mint_key_derive(seed, "signer", &k, &e));
		assert_true(mint_sign(&k, rows[i].kind, text, again));
		assert_memory_equal(sig, again, sizeof sig);
	}
}

/* n = ffffffff00000000 ffffffffffffffff bce6faada7179e84 f3b9cac2fc632551 */
static void
odd_signatures_are_odd(void **state)
{
	static const uint8_t zeros[16] = {0}, top[8] = {0xff, 0xff, 0xff, 0xff};
	struct span text = span_str("what is signed");
	struct mint_key k;
	struct err e = {0};
	uint8_t sig[64];

	assert_true(mint_key_derive(seed, "signer", &k, &e));
	assert_true(mint_sign(&k, MINT_SIG_LOW_S, text, sig));
	assert_true(sig[32] < 0x80);
	assert_true(mint_sign(&k, MINT_SIG_HIGH_S, text, sig));
	assert_true(sig[32] >= 0x7f);
	assert_true(mint_sign(&k, MINT_SIG_SHA384, text, sig));
	assert_true(holds(&k, text, sig, EVP_sha384()));
	assert_true(mint_sign(&k, MINT_SIG_SMALL_R, text, sig));
	assert_memory_equal(sig, zeros, sizeof zeros);
	assert_true(mint_sign(&k, MINT_SIG_R_PLUS_N, text, sig));
	assert_memory_equal(sig, top, sizeof top);
	assert_true(mint_key_derive(seed, "signer", &k, &e));
	assert_true(mint_sign(&k, MINT_SIG_SMALL_S, text, sig));
	assert_memory_equal(sig + 32, zeros, sizeof zeros);
	assert_true(mint_sign(&k, MINT_SIG_S_PLUS_N, text, sig));
	assert_memory_equal(sig + 32, top, sizeof top);
	assert_true(mint_sign(&k, MINT_SIG_X_ABOVE_N, text, sig));
	assert_memory_equal(sig, zeros, sizeof zeros);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_label_is_one_key),
	    cmocka_unit_test(signatures_are_what_they_claim),
	    cmocka_unit_test(odd_signatures_are_odd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
