#include "dcap/ecdsa.h"

#include <stdlib.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "dcap/der.h"

/* The whole AlgorithmIdentifier (RFC 5758 section 3.2: no parameters). */
static const uint8_t ecdsa_with_sha256[] = {
    0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02};

bool
ecdsa_is_algorithm(struct span der)
{
	return span_eq(der, span_of(ecdsa_with_sha256, sizeof ecdsa_with_sha256));
}

struct ecdsa {
	EVP_PKEY *key; /* its point changes, its curve does not */
	EVP_PKEY_CTX *verify;
	EVP_MD *sha256;
	EVP_MD_CTX *hash;
};

/* The base point of P-256 (SEC 2, section 2.4.2): a key to begin with. */
static const uint8_t base_point[EC_POINT_SIZE] = {0x04, 0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42,
    0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40, 0xf2, 0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33,
    0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96, 0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a, 0x7f,
    0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16, 0x2b, 0xce, 0x33, 0x57, 0x6b, 0x31, 0x5e,
    0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5};

static EVP_PKEY *
new_key(void)
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

	memcpy(pub, base_point, sizeof pub);
	if (ctx && EVP_PKEY_fromdata_init(ctx) == 1
	    && EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	return key;
}

struct ecdsa *
ecdsa_new(void)
{
	struct ecdsa *ec = calloc(1, sizeof *ec);

	if (!ec)
		return NULL;
	ERR_set_mark(); /* a failure must not litter the caller's error queue */
	ec->key = new_key();
	ec->verify = ec->key ? EVP_PKEY_CTX_new_from_pkey(NULL, ec->key, NULL) : NULL;
	ec->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	ec->hash = EVP_MD_CTX_new();
	ERR_pop_to_mark();
	if (ec->verify && ec->sha256 && ec->hash)
		return ec;
	ecdsa_free(ec);
	return NULL;
}

void
ecdsa_free(struct ecdsa *ec)
{
	if (!ec)
		return;
	EVP_PKEY_CTX_free(ec->verify);
	EVP_PKEY_free(ec->key);
	EVP_MD_CTX_free(ec->hash);
	EVP_MD_free(ec->sha256);
	free(ec);
}

bool
ecdsa_digest(struct ecdsa *ec, struct span a, struct span b, uint8_t out[static SHA256_SIZE])
{
	unsigned n = 0;
	bool ok;

	ERR_set_mark();
	ok = EVP_DigestInit_ex(ec->hash, ec->sha256, NULL) == 1
	     && EVP_DigestUpdate(ec->hash, a.p, a.n) == 1
	     && EVP_DigestUpdate(ec->hash, b.p, b.n) == 1
	     && EVP_DigestFinal_ex(ec->hash, out, &n) == 1 && n == SHA256_SIZE;
	ERR_pop_to_mark();
	return ok;
}

/* The field's prime: a coordinate is below it, so that every point has one spelling. */
static const uint8_t field_prime[32] = {0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

/* Say whether want of memory stands in libcrypto's error queue: below what came of it, so the whole
 * queue is read, and thereby emptied. Where the caller had errors of its own there, only the last
 * one is looked at. */
static bool
wanted_memory(bool was_empty)
{
	unsigned long code = ERR_peek_last_error();
	bool wanted = ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE;

	while (was_empty && (code = ERR_get_error()) != 0)
		wanted |= ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE;
	return wanted;
}

/* Give the engine a point. Where it is refused the key is not to be used before it is set again. */
static enum ecdsa_answer
set_point(struct ecdsa *ec, const uint8_t point[static EC_POINT_SIZE])
{
	bool was_empty = ERR_peek_error() == 0;

	if (point[0] != 4 || memcmp(point + 1, field_prime, 32) >= 0
	    || memcmp(point + 33, field_prime, 32) >= 0)
		return ECDSA_FAILS;
	if (EVP_PKEY_set1_encoded_public_key(ec->key, point, EC_POINT_SIZE) == 1)
		return ECDSA_HOLDS;
	if (ERR_GET_REASON(ERR_peek_last_error()) != EC_R_POINT_IS_NOT_ON_CURVE)
		return ECDSA_NO_MEMORY;
	return wanted_memory(was_empty) ? ECDSA_NO_MEMORY : ECDSA_FAILS;
}

enum ecdsa_answer
ecdsa_is_point(struct ecdsa *ec, const uint8_t key[static EC_POINT_SIZE])
{
	enum ecdsa_answer answer;

	ERR_set_mark();
	answer = set_point(ec, key);
	ERR_pop_to_mark();
	return answer;
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

/* The engine's own form: it sees no other, so that it can only say no to the numbers. */
#define DER_MAX 72
static size_t
write_der(const uint8_t sig[static 64], uint8_t der[static DER_MAX])
{
	size_t n = 2;

	n += put_integer(sig, der + n);
	n += put_integer(sig + 32, der + n);
	der[0] = 0x30;
	der[1] = (uint8_t)(n - 2);
	return n;
}

enum ecdsa_answer
ecdsa_verify(struct ecdsa *ec, const uint8_t key[static EC_POINT_SIZE],
    const uint8_t digest[static SHA256_SIZE], const uint8_t sig[static 64])
{
	uint8_t der[DER_MAX];
	size_t n = write_der(sig, der);
	enum ecdsa_answer answer;
	int rc = -1;

	ERR_set_mark();
	answer = set_point(ec, key);
	/* Initialised again for each key: that is what ties the operation to it. */
	if (answer == ECDSA_HOLDS && EVP_PKEY_verify_init(ec->verify) == 1)
		rc = EVP_PKEY_verify(ec->verify, der, n, digest, SHA256_SIZE);
	ERR_pop_to_mark();
	if (answer != ECDSA_HOLDS)
		return answer;
	return rc == 1 ? ECDSA_HOLDS : rc == 0 ? ECDSA_FAILS : ECDSA_NO_MEMORY;
}

static bool
read_integer(struct rd *r, uint8_t out[static 32])
{
	struct span v = der_take_magnitude(r);

	if (r->bad || v.n > 32)
		return false;
	memset(out, 0, 32);
	if (v.n)
		memcpy(out + 32 - v.n, v.p, v.n);
	return true;
}

bool
ecdsa_read_der(struct span der, uint8_t sig[static 64])
{
	struct rd whole = rd_of(der);
	struct rd r = der_enter(&whole, DER_SEQUENCE);

	return read_integer(&r, sig) && read_integer(&r, sig + 32) && rd_end(&r) && rd_end(&whole);
}
