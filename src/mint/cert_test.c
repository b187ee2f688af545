/* What OpenSSL says of our certificates and lists: in order they pass its strictest check, and what
 * is bent is bent where it should be. */
#include "base/hex.h"
#include "base/test.h"
#include "mint/world.h"

#include <openssl/x509v3.h>

static const uint8_t seed[MINT_SEED_SIZE] = {7, 8};

struct bench {
	struct mint_keys keys;
	struct mint_world world;
	struct buf der;
};

static int
setup(void **state)
{
	static struct bench b;
	struct err e = {0};

	assert_true(mint_keys_derive(&b.keys, seed, &e));
	mint_world_init(&b.world, MINT_TDX4, &b.keys);
	buf_init(&b.der, 65536);
	*state = &b;
	return 0;
}

static int
teardown(void **state)
{
	struct bench *b = *state;

	buf_fini(&b->der);
	return 0;
}

/* NULL where OpenSSL cannot read it, or leaves bytes behind. */
static X509 *
read_cert(struct bench *b, const struct mint_cert *c)
{
	const uint8_t *p;
	X509 *x;

	buf_clear(&b->der);
	mint_cert_write(c, &b->der);
	assert_true(buf_ok(&b->der));
	p = b->der.p;
	x = d2i_X509(NULL, &p, (long)b->der.n);
	if (x && p != b->der.p + b->der.n) {
		X509_free(x);
		return NULL;
	}
	return x;
}

static X509_CRL *
read_crl(struct bench *b, const struct mint_crl *c)
{
	struct buf hex;
	const uint8_t *p;
	X509_CRL *x;

	buf_init(&hex, 65536);
	mint_crl_write(c, &hex);
	buf_clear(&b->der);
	assert_true(hex_decode_buf(buf_span(&hex), &b->der));
	buf_fini(&hex);
	p = b->der.p;
	x = d2i_X509_CRL(NULL, &p, (long)b->der.n);
	assert_non_null(x);
	return x;
}

/* Verify the leaf up to the root, lists included. */
static int
verify_chain(struct bench *b)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	STACK_OF(X509) *chain = sk_X509_new_null();
	X509 *leaf = read_cert(b, &b->world.leaf), *ca = read_cert(b, &b->world.platform_ca);
	X509 *root = read_cert(b, &b->world.root);
	X509_CRL *lists[] = {read_crl(b, &b->world.root_crl), read_crl(b, &b->world.pck_crl)};
	int why;

	assert_true(leaf && ca && root);
	X509_STORE_add_cert(store, root);
	sk_X509_push(chain, ca);
	for (size_t i = 0; i < 2; i++) {
		X509_STORE_add_crl(store, lists[i]);
		X509_CRL_free(lists[i]);
	}
	X509_STORE_set_flags(
	    store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL | X509_V_FLAG_X509_STRICT);
	assert_int_equal(X509_STORE_CTX_init(ctx, store, leaf, chain), 1);
	X509_STORE_CTX_set_time(ctx, 0, (time_t)MINT_AT);
	(void)X509_verify_cert(ctx);
	why = X509_STORE_CTX_get_error(ctx);
	sk_X509_free(chain);
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	X509_free(leaf);
	X509_free(ca);
	X509_free(root);
	return why;
}

static void
openssl_takes_what_is_in_order(void **state)
{
	struct bench *b = *state;

	assert_int_equal(verify_chain(b), X509_V_OK);
	b->world.pck_crl.revoked[0] = b->world.leaf.serial;
	assert_int_equal(verify_chain(b), X509_V_ERR_CERT_REVOKED);
	b->world.pck_crl.revoked[0] = b->world.other_leaf.serial;
	assert_int_equal(verify_chain(b), X509_V_OK);
	b->world.leaf.forger = &b->keys.stranger;
	assert_int_equal(verify_chain(b), X509_V_ERR_CERT_SIGNATURE_FAILURE);
	b->world.leaf.forger = NULL;
	b->world.pck_crl.quirks = MINT_CRL_UNKNOWN_CRITICAL;
	assert_int_equal(verify_chain(b), X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION);
	b->world.pck_crl.quirks = 0;
	b->world.platform_ca.is_ca = false;
	assert_int_equal(verify_chain(b), X509_V_ERR_INVALID_CA);
	b->world.platform_ca.is_ca = true;
	assert_int_equal(verify_chain(b), X509_V_OK);
}

static void
quirks_are_where_they_should_be(void **state)
{
	struct bench *b = *state;
	struct mint_cert c = b->world.leaf;
	X509 *x;

	c.quirks = MINT_CERT_EXPLICIT_CURVE;
	x = read_cert(b, &c);
	assert_non_null(x);
	assert_non_null(X509_get0_pubkey(x)); /* it is P-256 all the same: that is the trap */
	X509_free(x);
	c.quirks = MINT_CERT_SHA384;
	x = read_cert(b, &c);
	assert_int_equal(X509_get_signature_nid(x), NID_ecdsa_with_SHA384);
	X509_free(x);
	c.quirks = MINT_CERT_TRAILING;
	assert_null(read_cert(b, &c));
	c.quirks = 0;
	c.without = MINT_EXT_SKI;
	x = read_cert(b, &c);
	assert_null(X509_get0_subject_key_id(x));
	assert_non_null(X509_get0_authority_key_id(x));
	assert_int_equal(X509_get_key_usage(x), KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION);
	X509_free(x);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(openssl_takes_what_is_in_order, setup, teardown),
	    cmocka_unit_test_setup_teardown(quirks_are_where_they_should_be, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
