#include "sim/pki.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/hmac.h>
#include <openssl/obj_mac.h>
#include <openssl/param_build.h>

/* Give the private number (1 .. n-1) that a seed and a label name. HMAC-SHA-512 gives twice the
 * bits of the order, so the remainder's bias is below 2^-255. */
static bool
derive_number(const uint8_t *seed, const char *label, const EC_GROUP *group, BIGNUM *d)
{
	uint8_t mac[64];
	unsigned n = 0;
	BN_CTX *ctx = BN_CTX_new();
	BIGNUM *m = BN_dup(EC_GROUP_get0_order(group));
	bool ok = ctx && m
		  && HMAC(EVP_sha512(), seed, SIM_SEED_SIZE, (const uint8_t *)label, strlen(label),
		      mac, &n)
		  && n == sizeof mac && BN_bin2bn(mac, sizeof mac, d) && BN_sub_word(m, 1)
		  && BN_mod(d, d, m, ctx) && BN_add_word(d, 1);

	BN_free(m);
	BN_CTX_free(ctx);
	return ok;
}

static EVP_PKEY *
key_from_number(const BIGNUM *d, const uint8_t *point, size_t point_n)
{
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	OSSL_PARAM *params = NULL;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	EVP_PKEY *key = NULL;

	if (bld && ctx
	    && OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0)
	    && OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_PRIV_KEY, d)
	    && OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, point, point_n)
	    && (params = OSSL_PARAM_BLD_to_param(bld)) && EVP_PKEY_fromdata_init(ctx) == 1)
		(void)EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(bld);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

bool
sim_key_derive(
    const uint8_t seed[static SIM_SEED_SIZE], const char *label, EVP_PKEY **out, struct err *e)
{
	EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	EC_POINT *q = group ? EC_POINT_new(group) : NULL;
	BIGNUM *d = BN_new();
	EVP_PKEY *key = NULL;
	uint8_t point[65];

	if (q && d && derive_number(seed, label, group, d)
	    && EC_POINT_mul(group, q, d, NULL, NULL, NULL)
	    && EC_POINT_point2oct(
		   group, q, POINT_CONVERSION_UNCOMPRESSED, point, sizeof point, NULL)
		   == sizeof point)
		key = key_from_number(d, point, sizeof point);
	EC_POINT_free(q);
	EC_GROUP_free(group);
	BN_clear_free(d);
	if (!key)
		return err_set(e, ERR_NOMEM, REASON_INTERNAL, "cannot derive the key %s", label);
	*out = key;
	return true;
}

bool
sim_key_point(const EVP_PKEY *key, uint8_t xy[static 64], struct err *e)
{
	uint8_t point[65];
	size_t n = 0;

	if (EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point, &n)
		!= 1
	    || n != sizeof point || point[0] != POINT_CONVERSION_UNCOMPRESSED)
		return err_set(e, ERR_NOMEM, REASON_INTERNAL, "cannot read a public point");
	memcpy(xy, point + 1, 64);
	return true;
}

/* Turn DER's SEQUENCE { r, s } into the 64 bytes that quotes and collateral carry. */
static bool
raw_of_der(const uint8_t *der, size_t n, uint8_t *sig)
{
	const uint8_t *p = der;
	ECDSA_SIG *s = d2i_ECDSA_SIG(NULL, &p, (long)n);
	bool ok = s && BN_bn2binpad(ECDSA_SIG_get0_r(s), sig, 32) == 32
		  && BN_bn2binpad(ECDSA_SIG_get0_s(s), sig + 32, 32) == 32;

	ECDSA_SIG_free(s);
	return ok;
}

bool
sim_key_sign(EVP_PKEY *key, struct span bytes, uint8_t sig[static 64], struct err *e)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t der[80];
	size_t n = sizeof der;
	bool ok = ctx && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) == 1
		  && EVP_DigestSign(ctx, der, &n, bytes.p, bytes.n) == 1 && raw_of_der(der, n, sig);

	EVP_MD_CTX_free(ctx);
	return ok || err_set(e, ERR_NOMEM, REASON_INTERNAL, "cannot sign");
}
