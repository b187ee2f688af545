#include "sim/pki.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/param_build.h>

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
	struct mint_key k;
	uint8_t point[65] = {POINT_CONVERSION_UNCOMPRESSED};
	EVP_PKEY *key = NULL;
	BIGNUM *d;

	if (!mint_key_derive(seed, label, &k, e))
		return false;
	memcpy(point + 1, k.xy, sizeof k.xy);
	d = BN_bin2bn(k.d, sizeof k.d, NULL);
	if (d)
		key = key_from_number(d, point, sizeof point);
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
