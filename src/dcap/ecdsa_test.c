/* The edges of ECDSA verification: numbers out of range, odd spellings, odd points, and signatures
 * made so that the arithmetic inside meets its special cases. */
#include "dcap/ecdsa.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include "base/hex.h"
#include "base/test.h"

#define P "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff"
#define N "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"

struct bench {
	struct ecdsa *ec;
	EVP_PKEY *key;
	uint8_t point[65], raw[64], digest[32]; /* a right signature */
	EC_GROUP *group;
	BN_CTX *bn;
};

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

static int
setup(void **state)
{
	static struct bench b;
	size_t n;

	b.ec = ecdsa_new();
	b.key = EVP_EC_gen("P-256");
	b.group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	b.bn = BN_CTX_new();
	assert_non_null(b.ec);
	assert_int_equal(
	    EVP_PKEY_get_octet_string_param(b.key, OSSL_PKEY_PARAM_PUB_KEY, b.point, 65, &n), 1);
	sign(b.key, span_str("message"), b.raw);
	assert_true(ecdsa_digest(b.ec, span_str("mess"), span_str("age"), b.digest));
	*state = &b;
	return 0;
}

static int
teardown(void **state)
{
	struct bench *b = *state;

	ecdsa_free(b->ec);
	EVP_PKEY_free(b->key);
	EC_GROUP_free(b->group);
	BN_CTX_free(b->bn);
	return 0;
}

static bool
holds(struct bench *b, const uint8_t point[static 65], const uint8_t raw[static 64])
{
	return ecdsa_verify(b->ec, point, b->digest, raw) == ECDSA_HOLDS;
}

static bool
holds_der(struct bench *b, const uint8_t point[static 65], struct span der)
{
	uint8_t raw[64];

	return ecdsa_read_der(der, raw) && holds(b, point, raw);
}

static size_t
write_der(const uint8_t raw[static 64], uint8_t *der)
{
	ECDSA_SIG *sig = ECDSA_SIG_new();
	int n;

	assert_int_equal(
	    ECDSA_SIG_set0(sig, BN_bin2bn(raw, 32, NULL), BN_bin2bn(raw + 32, 32, NULL)), 1);
	n = i2d_ECDSA_SIG(sig, &der);
	assert_true(n > 0);
	ECDSA_SIG_free(sig);
	return (size_t)n;
}

static BIGNUM *
number(const char *hex)
{
	BIGNUM *n = NULL;

	assert_int_not_equal(BN_hex2bn(&n, hex), 0);
	return n;
}

/* -- the engine -- */

static void
test_one_engine_for_many_keys(void **state)
{
	struct bench *b = *state;
	EVP_PKEY *other = EVP_EC_gen("P-256");
	uint8_t point[65], raw[64], off[65];
	size_t n;

	assert_int_equal(
	    EVP_PKEY_get_octet_string_param(other, OSSL_PKEY_PARAM_PUB_KEY, point, 65, &n), 1);
	sign(other, span_str("message"), raw);
	memcpy(off, b->point, 65);
	off[64] ^= 1;
	for (int i = 0; i < 5; i++) {
		assert_true(holds(b, b->point, b->raw));
		assert_false(holds(b, point, b->raw));
		assert_true(holds(b, point, raw));
		assert_false(holds(b, b->point, raw));
		/* A key that is refused must not leave the one before it in place. */
		assert_true(holds(b, b->point, b->raw));
		assert_false(holds(b, off, b->raw));
	}
	EVP_PKEY_free(other);
}

static void
test_digest(void **state)
{
	struct bench *b = *state;
	uint8_t a[32], c[32];

	SHA256((const uint8_t *)"message", 7, a);
	assert_memory_equal(a, b->digest, 32);
	assert_true(ecdsa_digest(b->ec, span_of("", 0), span_str("message"), c));
	assert_memory_equal(a, c, 32);
}

/* r and s with a leading zero byte and with the top bit set occur within some hundred tries. */
static void
test_every_width_of_r_and_s(void **state)
{
	struct bench *b = *state;
	uint8_t raw[64];
	unsigned high = 0, zero = 0;

	for (unsigned i = 0; i < 1500; i++) {
		sign(b->key, span_str("message"), raw);
		high += raw[0] >> 7;
		zero += raw[32] == 0;
		if (raw[0] == 0 || raw[32] == 0 || i < 50)
			assert_true(holds(b, b->point, raw));
	}
	assert_true(high > 0 && zero > 0);
}

/* -- r and s -- */

/* v = op(v): one of the ways in which a number can be spelt otherwise, or leave its range. */
static void
change(uint8_t v[static 32], const char *how)
{
	BIGNUM *n = number(N), *p = number(P), *x = BN_bin2bn(v, 32, NULL), *y = BN_new();

	BN_zero(y);
	if (strcmp(how, "n - v") == 0)
		assert_true(BN_sub(y, n, x));
	else if (strcmp(how, "v + n") == 0)
		assert_true(BN_add(y, x, n));
	else if (strcmp(how, "n") == 0)
		assert_true(BN_copy(y, n) != NULL);
	else if (strcmp(how, "n + 1") == 0)
		assert_true(BN_copy(y, n) && BN_add_word(y, 1));
	else if (strcmp(how, "n - 1") == 0)
		assert_true(BN_copy(y, n) && BN_sub_word(y, 1));
	else if (strcmp(how, "p") == 0)
		assert_true(BN_copy(y, p) != NULL);
	else if (strcmp(how, "2^256 - 1") == 0)
		assert_true(BN_lshift(y, BN_value_one(), 256) && BN_sub_word(y, 1));
	else if (strcmp(how, "1") == 0)
		BN_one(y);
	else
		assert_string_equal(how, "0");
	if (BN_bn2binpad(y, v, 32) != 32)
		memset(v, 0xff, 32); /* does not fit: out of range all the same */
	BN_free(n);
	BN_free(p);
	BN_free(x);
	BN_free(y);
}

static void
test_range_of_r_and_s(void **state)
{
	static const char *const ways[] = {
	    "0", "1", "n", "n + 1", "n - 1", "v + n", "p", "2^256 - 1"};
	struct bench *b = *state;
	uint8_t raw[64];

	for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++)
		for (unsigned where = 1; where <= 3; where++) {
			memcpy(raw, b->raw, 64);
			if (where & 1)
				change(raw, ways[i]);
			if (where & 2)
				change(raw + 32, ways[i]);
			assert_false(holds(b, b->point, raw));
		}
	memcpy(raw, b->raw, 64);
	change(raw, "n - v"); /* -r is another x */
	assert_false(holds(b, b->point, raw));
}

/* s and n - s are one signature in two spellings; Intel's use both. */
static void
test_high_s_is_taken(void **state)
{
	struct bench *b = *state;
	uint8_t raw[64];

	memcpy(raw, b->raw, 64);
	change(raw + 32, "n - v");
	assert_memory_not_equal(raw, b->raw, 64);
	assert_true(holds(b, b->point, raw));
	change(raw + 32, "n - v");
	assert_memory_equal(raw, b->raw, 64);
}

static void
test_odd_der(void **state)
{
	static const char *const odd[] = {"", "30", "3000", "300602010102", "3006020101020100",
	    "30060201000201", "0500", "3006020100020100", "3080020101020101", "308106020101020101",
	    "30060201010201010500", "3007020200010201", "300702020001020101", "3007020101020200",
	    "30060281010102", "300702810101020101", "3006020181020101", "3006020101020181",
	    "30040200020101", "3008020101020101020101", "30090201010201010201", "3003020101",
	    "31060201010201", "3106020101020101", "3006030101020101", "300609010102010101",
	    "30840000000602010102010", "308400000006020101020101"};
	struct bench *b = *state;
	uint8_t der[80 + 2], bytes[64];
	size_t n = write_der(b->raw, der);

	for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
		size_t len = strlen(odd[i]) / 2;

		assert_true(len == 0 || hex_decode(span_of(odd[i], 2 * len), bytes, len));
		assert_false(holds_der(b, b->point, span_of(bytes, len)));
	}
	assert_true(holds_der(b, b->point, span_of(der, n)));
	assert_true(ecdsa_read_der(span_of(der, n), bytes));
	assert_memory_equal(bytes, b->raw, 64);
	for (size_t len = 0; len < n; len++)
		assert_false(holds_der(b, b->point, span_of(der, len)));
	der[n] = 0; /* a byte behind it */
	assert_false(holds_der(b, b->point, span_of(der, n + 1)));
	der[1]++; /* ... or inside the sequence, behind the numbers */
	assert_false(holds_der(b, b->point, span_of(der, n + 1)));
	der[1]--;
	/* The length of the sequence in two bytes where one is enough. */
	memmove(der + 3, der + 2, n - 2);
	der[2] = der[1];
	der[1] = 0x81;
	assert_false(holds_der(b, b->point, span_of(der, n + 1)));
}

static void
test_no_flipped_bit_is_taken(void **state)
{
	struct bench *b = *state;
	uint8_t der[80];
	size_t n = write_der(b->raw, der);

	for (size_t bit = 0; bit < 8 * n; bit++) {
		der[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(holds_der(b, b->point, span_of(der, n)));
		der[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (size_t bit = 0; bit < 256; bit += 5) {
		b->digest[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(holds(b, b->point, b->raw));
		b->digest[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_true(holds(b, b->point, b->raw));
}

/* -- points -- */

static void
test_points_off_the_curve(void **state)
{
	struct bench *b = *state;
	uint8_t point[65];

	memcpy(point, b->point, 65);
	for (size_t i = 1; i < 65; i++) {
		point[i] ^= 1;
		assert_false(holds(b, point, b->raw));
		assert_int_equal(ecdsa_is_point(b->ec, point), ECDSA_FAILS);
		point[i] ^= 1;
	}
	assert_int_equal(ecdsa_is_point(b->ec, point), ECDSA_HOLDS);
	for (unsigned form = 0; form < 256; form++) { /* compressed, hybrid, infinity, nothing */
		point[0] = (uint8_t)form;
		assert_int_equal(holds(b, point, b->raw), form == 4);
	}
	memset(point, 0, sizeof point); /* (0, 0) stands for infinity in some libraries */
	point[0] = 4;
	assert_false(holds(b, point, b->raw));
	memset(point + 1, 0xff, 64);
	assert_false(holds(b, point, b->raw));
}

/* A coordinate that is p too big names the same point to whoever reduces it; ours is refused. */
static void
test_coordinates_are_below_p(void **state)
{
	struct bench *b = *state;
	BIGNUM *p = number(P), *x = BN_new(), *y = BN_new();
	EC_POINT *at = EC_POINT_new(b->group);
	uint8_t point[65] = {4};
	BN_ULONG small = 0;

	/* The first x for which x + p still has 256 bits, and which lies on the curve. */
	for (;; small++) {
		assert_true(BN_set_word(x, small));
		if (EC_POINT_set_compressed_coordinates(b->group, at, x, 0, b->bn) == 1)
			break;
	}
	assert_int_equal(EC_POINT_get_affine_coordinates(b->group, at, x, y, b->bn), 1);
	assert_int_equal(BN_bn2binpad(x, point + 1, 32), 32);
	assert_int_equal(BN_bn2binpad(y, point + 33, 32), 32);
	assert_int_equal(ecdsa_is_point(b->ec, point), ECDSA_HOLDS);
	assert_true(BN_add(x, x, p));
	assert_int_equal(BN_bn2binpad(x, point + 1, 32), 32);
	assert_int_equal(ecdsa_is_point(b->ec, point), ECDSA_FAILS);
	BN_free(p);
	BN_free(x);
	BN_free(y);
	EC_POINT_free(at);
}

/* -- signatures made for a point: any R and s are right for the key (s R - e G) / r -- */

/* The key for which r (of R) and s sign the bench's digest; r is R's x, less n where it is above. */
static void
key_for(struct bench *b, const EC_POINT *at, const BIGNUM *s, uint8_t point[static 65],
    uint8_t raw[static 64])
{
	BIGNUM *n = number(N), *e = BN_bin2bn(b->digest, 32, NULL), *r = BN_new(), *i = BN_new();
	EC_POINT *q = EC_POINT_new(b->group);

	assert_int_equal(EC_POINT_get_affine_coordinates(b->group, at, r, NULL, b->bn), 1);
	assert_true(BN_nnmod(r, r, n, b->bn) && BN_mod_inverse(i, r, n, b->bn));
	assert_true(BN_mod_sub(e, BN_value_one(), e, n, b->bn)
		    && BN_mod_sub(e, e, BN_value_one(), n, b->bn)); /* -e */
	assert_true(BN_mod_mul(e, e, i, n, b->bn) && BN_mod_mul(i, i, s, n, b->bn));
	assert_int_equal(EC_POINT_mul(b->group, q, e, at, i, b->bn), 1);
	assert_int_equal(
	    EC_POINT_point2oct(b->group, q, POINT_CONVERSION_UNCOMPRESSED, point, 65, b->bn), 65);
	assert_int_equal(BN_bn2binpad(r, raw, 32), 32);
	assert_int_equal(BN_bn2binpad(s, raw + 32, 32), 32);
	BN_free(n);
	BN_free(e);
	BN_free(r);
	BN_free(i);
	EC_POINT_free(q);
}

/* R's x lies between n and p, so r is x - n: both must be compared modulo n. */
static void
test_x_above_the_order(void **state)
{
	struct bench *b = *state;
	BIGNUM *x = number(N), *s = number("123456789");
	EC_POINT *at = EC_POINT_new(b->group);
	uint8_t point[65], raw[64];

	while (EC_POINT_set_compressed_coordinates(b->group, at, x, 1, b->bn) != 1)
		assert_true(BN_add_word(x, 1));
	key_for(b, at, s, point, raw);
	for (size_t i = 0; i < 16; i++)
		assert_int_equal(raw[i], 0);
	assert_true(holds(b, point, raw));
	raw[31] ^= 1;
	assert_false(holds(b, point, raw));
	BN_free(x);
	BN_free(s);
	EC_POINT_free(at);
}

static void
test_special_s(void **state)
{
	static const char *const values[] = {"1", "2", "3",
	    "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550",
	    "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc63254f",
	    "7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8",
	    "8000000000000000000000000000000000000000000000000000000000000000", "ff", "100",
	    "1000000000000000000000000000000000000000000000000"};
	struct bench *b = *state;
	const EC_POINT *g = EC_GROUP_get0_generator(b->group);
	EC_POINT *at = EC_POINT_new(b->group);
	uint8_t point[65], raw[64];

	for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
		BIGNUM *s = number(values[i]);

		for (BN_ULONG k = 1; k < 6; k++) { /* R = k G: the smallest multiples */
			BIGNUM *m = BN_new();

			assert_true(BN_set_word(m, k));
			assert_int_equal(EC_POINT_mul(b->group, at, NULL, g, m, b->bn), 1);
			key_for(b, at, s, point, raw);
			assert_true(holds(b, point, raw));
			raw[40] ^= 1; /* not the last byte: n/2 has its twin beside it */
			assert_false(holds(b, point, raw));
			BN_free(m);
		}
		BN_free(s);
	}
	EC_POINT_free(at);
}

/* e G + r Q is the point at infinity, whatever s is: it has no x to compare. */
static void
test_sum_at_infinity(void **state)
{
	struct bench *b = *state;
	BIGNUM *n = number(N), *e = BN_bin2bn(b->digest, 32, NULL), *r = number("abcdef"), *i;
	EC_POINT *q = EC_POINT_new(b->group);
	uint8_t point[65], raw[64] = {0};

	i = BN_mod_inverse(NULL, r, n, b->bn);
	assert_true(BN_mod_mul(i, i, e, n, b->bn));
	assert_int_equal(EC_POINT_mul(b->group, q, i, NULL, NULL, b->bn), 1);
	assert_int_equal(EC_POINT_invert(b->group, q, b->bn), 1);
	assert_int_equal(
	    EC_POINT_point2oct(b->group, q, POINT_CONVERSION_UNCOMPRESSED, point, 65, b->bn), 65);
	assert_int_equal(BN_bn2binpad(r, raw, 32), 32);
	for (unsigned s = 1; s < 20; s++) {
		raw[63] = (uint8_t)s;
		assert_false(holds(b, point, raw));
	}
	BN_free(n);
	BN_free(e);
	BN_free(r);
	BN_free(i);
	EC_POINT_free(q);
}

/* Both summands are the same point: addition has no formula for it, doubling has. */
static void
test_sum_of_equals(void **state)
{
	struct bench *b = *state;
	BIGNUM *n = number(N), *e = BN_bin2bn(b->digest, 32, NULL), *s = BN_new();
	EC_POINT *at = EC_POINT_new(b->group);
	uint8_t point[65], raw[64];

	/* With s = 2 e / 2 = e and R = 2 G: e/s G = G, so r/s Q = G as well. */
	assert_true(BN_copy(s, e) != NULL && BN_nnmod(s, s, n, b->bn));
	assert_int_equal(EC_POINT_dbl(b->group, at, EC_GROUP_get0_generator(b->group), b->bn), 1);
	key_for(b, at, s, point, raw);
	assert_true(holds(b, point, raw));
	BN_free(n);
	BN_free(e);
	BN_free(s);
	EC_POINT_free(at);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_one_engine_for_many_keys),
	    cmocka_unit_test(test_digest),
	    cmocka_unit_test(test_every_width_of_r_and_s),
	    cmocka_unit_test(test_range_of_r_and_s),
	    cmocka_unit_test(test_high_s_is_taken),
	    cmocka_unit_test(test_odd_der),
	    cmocka_unit_test(test_no_flipped_bit_is_taken),
	    cmocka_unit_test(test_points_off_the_curve),
	    cmocka_unit_test(test_coordinates_are_below_p),
	    cmocka_unit_test(test_x_above_the_order),
	    cmocka_unit_test(test_special_s),
	    cmocka_unit_test(test_sum_at_infinity),
	    cmocka_unit_test(test_sum_of_equals),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
