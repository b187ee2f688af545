#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>

#include "base/hex.h"
#include "base/test.h"
#include "dcap/ecdsa.h"

static const char order[] = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";

static void
sign(EVP_PKEY *key, struct span msg, uint8_t raw[static 64])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t der[80];
	const uint8_t *p = der;
	size_t n = sizeof der;
	ECDSA_SIG *sig;

	assert_int_equal(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key), 1);
	assert_int_equal(EVP_DigestSign(ctx, der, &n, msg.p, msg.n), 1);
	sig = d2i_ECDSA_SIG(NULL, &p, (long)n);
	assert_non_null(sig);
	assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, 32), 32);
	assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + 32, 32), 32);
	ECDSA_SIG_free(sig);
	EVP_MD_CTX_free(ctx);
}

static EVP_PKEY *
make_key(uint8_t point[static 65])
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	size_t n;

	assert_int_equal(
	    EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, 65, &n), 1);
	return key;
}

/* r and s with a leading zero byte and with the top bit set occur within some hundred tries. */
static void
test_every_width_of_r_and_s(void **state)
{
	uint8_t point[65], raw[64], msg[2] = {0};
	EVP_PKEY *key = make_key(point);
	unsigned high = 0, zero = 0;

	for (unsigned i = 0; i < 1500; i++) {
		msg[0] = (uint8_t)i;
		msg[1] = (uint8_t)(i >> 8);
		sign(key, span_of(msg, 2), raw);
		high += raw[0] >> 7;
		zero += raw[32] == 0;
		if (raw[0] == 0 || raw[32] == 0 || i < 50)
			assert_true(ecdsa_holds_raw(point, span_of(msg, 2), raw));
	}
	assert_true(high > 0 && zero > 0);
	EVP_PKEY_free(key);
}

static void
test_twin_is_taken_and_range_is_kept(void **state)
{
	uint8_t point[65], raw[64], n[32], s[32];
	struct span msg = span_str("message");
	EVP_PKEY *key = make_key(point);
	unsigned borrow = 0, carry = 0;

	assert_true(hex_decode(span_str(order), n, 32));
	sign(key, msg, raw);
	memcpy(s, raw + 32, 32);
	for (size_t i = 32; i-- > 0;) { /* n - s: the same signature, another spelling */
		unsigned v = (unsigned)n[i] - s[i] - borrow;

		raw[32 + i] = (uint8_t)v;
		borrow = v >> 8 & 1;
	}
	assert_true(ecdsa_holds_raw(point, msg, raw));
	memcpy(raw + 32, n, 32);
	assert_false(ecdsa_holds_raw(point, msg, raw));
	memset(raw + 32, 0, 32);
	assert_false(ecdsa_holds_raw(point, msg, raw));
	memcpy(raw + 32, s, 32);
	assert_true(ecdsa_holds_raw(point, msg, raw));
	for (size_t i = 32; i-- > 0;) { /* r + n, where it fits: out of range */
		unsigned v = (unsigned)n[i] + raw[i] + carry;

		raw[i] = (uint8_t)v;
		carry = v >> 8;
	}
	assert_false(ecdsa_holds_raw(point, msg, raw));
	EVP_PKEY_free(key);
}

static void
test_points_off_the_curve(void **state)
{
	uint8_t point[65], raw[64];
	struct span msg = span_str("message");
	EVP_PKEY *key = make_key(point);

	sign(key, msg, raw);
	assert_false(ecdsa_holds_raw(point, span_str("massage"), raw));
	point[64] ^= 1;
	assert_false(ecdsa_holds_raw(point, msg, raw));
	point[64] ^= 1;
	point[0] = 2;
	assert_false(ecdsa_holds_raw(point, msg, raw));
	memset(point, 0, sizeof point);
	point[0] = 4;
	assert_false(ecdsa_holds_raw(point, msg, raw));
	memset(point + 1, 0xff, 64);
	assert_false(ecdsa_holds_raw(point, msg, raw));
	EVP_PKEY_free(key);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_width_of_r_and_s),
	    cmocka_unit_test(test_twin_is_taken_and_range_is_kept),
	    cmocka_unit_test(test_points_off_the_curve),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
