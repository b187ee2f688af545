#include "dcap/ecdsa.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>

/* Make a key of a point. OpenSSL refuses one that is not on the curve, or is infinity. */
static EVP_PKEY *
key_of(const uint8_t point[static EC_POINT_SIZE])
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	EVP_PKEY *key = NULL;
	uint8_t pub[EC_POINT_SIZE];
	char group[] = "prime256v1";
	OSSL_PARAM params[] = {
	    OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
	    OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, pub, sizeof pub),
	    OSSL_PARAM_construct_end(),
	};

	memcpy(pub, point, sizeof pub);
	if (ctx && pub[0] == 4 && EVP_PKEY_fromdata_init(ctx) == 1
	    && EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	return key;
}

bool
ecdsa_holds_der(const uint8_t point[static EC_POINT_SIZE], struct span msg, struct span sig)
{
	EVP_PKEY *key;
	EVP_MD_CTX *ctx = NULL;
	bool ok = false;

	ERR_set_mark(); /* a refusal must not litter the caller's error queue */
	key = key_of(point);
	if (key)
		ctx = EVP_MD_CTX_new();
	if (ctx && EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key) == 1)
		ok = EVP_DigestVerify(ctx, sig.p, sig.n, msg.p, msg.n) == 1;
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	ERR_pop_to_mark();
	return ok;
}

/* Append a number as a DER INTEGER: no needless leading zeros, but one where the top bit is set.
 * Returns how many bytes of dst (at most 35) are used. */
static size_t
put_integer(const uint8_t v[static 32], uint8_t *dst)
{
	size_t skip = 0, pad, n;

	while (skip < 31 && v[skip] == 0)
		skip++;
	pad = v[skip] & 0x80 ? 1 : 0;
	n = 32 - skip;
	dst[0] = 0x02;
	dst[1] = (uint8_t)(n + pad);
	dst[2] = 0;
	memcpy(dst + 2 + pad, v + skip, n);
	return 2 + pad + n;
}

bool
ecdsa_holds_raw(
    const uint8_t key[static EC_POINT_SIZE], struct span msg, const uint8_t sig[static 64])
{
	uint8_t der[2 + 35 + 35];
	size_t n = 2;

	n += put_integer(sig, der + n);
	n += put_integer(sig + 32, der + n);
	der[0] = 0x30;
	der[1] = (uint8_t)(n - 2);
	return ecdsa_holds_der(key, msg, span_of(der, n));
}

bool
sha256_of(struct span a, struct span b, uint8_t out[static 32])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned n = 0;
	bool ok = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1
		  && EVP_DigestUpdate(ctx, a.p, a.n) == 1 && EVP_DigestUpdate(ctx, b.p, b.n) == 1
		  && EVP_DigestFinal_ex(ctx, out, &n) == 1 && n == 32;

	EVP_MD_CTX_free(ctx);
	return ok;
}
