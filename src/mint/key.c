#include "mint/key.h"
#include "mint/der.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/obj_mac.h>
#include <openssl/sha.h>

/* The group with its numbers, and numbers to work with: r and s of the signature, the secret d, the
 * nonce k, the digest z, and t for what comes between. BN_CTX owns them all. */
struct curve {
	EC_GROUP *group;
	EC_POINT *point;
	BN_CTX *ctx;
	const BIGNUM *n;
	BIGNUM *p, *r, *s, *d, *k, *z, *t;
};

static bool
curve_init(struct curve *c)
{
	c->group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	c->point = c->group ? EC_POINT_new(c->group) : NULL;
	c->ctx = BN_CTX_new();
	if (!c->point || !c->ctx)
		return false;
	c->n = EC_GROUP_get0_order(c->group);
	BN_CTX_start(c->ctx);
	c->p = BN_CTX_get(c->ctx);
	c->r = BN_CTX_get(c->ctx);
	c->s = BN_CTX_get(c->ctx);
	c->d = BN_CTX_get(c->ctx);
	c->k = BN_CTX_get(c->ctx);
	c->z = BN_CTX_get(c->ctx);
	c->t = BN_CTX_get(c->ctx); /* NULL where any before it was */
	return c->t && EC_GROUP_get_curve(c->group, c->p, NULL, NULL, c->ctx);
}

static void
curve_fini(struct curve *c)
{
	if (c->ctx && c->t)
		BN_CTX_end(c->ctx);
	BN_CTX_free(c->ctx);
	EC_POINT_free(c->point);
	EC_GROUP_free(c->group);
}

/* Give the number (1 .. n-1) that a secret and a text name. HMAC-SHA-512 gives twice the bits of
 * the order, so the remainder's bias is below 2^-255. */
static bool
derive_number(struct curve *c, struct span secret, struct span text, BIGNUM *out)
{
	uint8_t mac[64];
	unsigned n = 0;

	return HMAC(EVP_sha512(), secret.p, (int)secret.n, text.p, text.n, mac, &n) && n == 64
	       && BN_bin2bn(mac, sizeof mac, out) && BN_copy(c->t, c->n) && BN_sub_word(c->t, 1)
	       && BN_mod(out, out, c->t, c->ctx) && BN_add_word(out, 1);
}

/* Write c->point. */
static bool
write_point(struct curve *c, uint8_t xy[static 64])
{
	uint8_t octets[65];

	if (EC_POINT_point2oct(
		c->group, c->point, POINT_CONVERSION_UNCOMPRESSED, octets, sizeof octets, c->ctx)
	    != sizeof octets)
		return false;
	memcpy(xy, octets + 1, 64);
	return true;
}

bool
mint_key_derive(const uint8_t seed[static MINT_SEED_SIZE], const char *label, struct mint_key *out,
    struct err *e)
{
	struct curve c = {0};
	bool ok = curve_init(&c)
		  && derive_number(&c, span_of(seed, MINT_SEED_SIZE), span_str(label), c.d)
		  && EC_POINT_mul(c.group, c.point, c.d, NULL, NULL, c.ctx)
		  && write_point(&c, out->xy) && BN_bn2binpad(c.d, out->d, 32) == 32;

	curve_fini(&c);
	return ok || err_set(e, ERR_NOMEM, REASON_INTERNAL, "cannot derive the key %s", label);
}

/* The leftmost 256 bits of the digest (FIPS 186-5 section 6.4.1). */
static bool
read_digest(struct curve *c, bool longer, struct span bytes, uint8_t digest[static 48])
{
	bool ok = longer ? SHA384(bytes.p, bytes.n, digest) != NULL
			 : SHA256(bytes.p, bytes.n, digest) != NULL;

	return ok && BN_bin2bn(digest, 32, c->z);
}

/* Set r to the x of kG, modulo n. */
static bool
set_r(struct curve *c)
{
	return EC_POINT_mul(c->group, c->point, c->k, NULL, NULL, c->ctx)
	       && EC_POINT_get_affine_coordinates(c->group, c->point, c->r, NULL, c->ctx)
	       && BN_nnmod(c->r, c->r, c->n, c->ctx);
}

/* s = (z + r d) / k */
static bool
sign_honestly(struct curve *c)
{
	return set_r(c) && BN_mod_mul(c->s, c->r, c->d, c->n, c->ctx)
	       && BN_mod_add(c->s, c->s, c->z, c->n, c->ctx)
	       && BN_mod_inverse(c->t, c->k, c->n, c->ctx)
	       && BN_mod_mul(c->s, c->s, c->t, c->n, c->ctx);
}

/* A small s fixed beforehand: the key is what follows, d = (s k - z) / r. */
static bool
sign_small_s(struct curve *c, struct mint_key *key)
{
	return set_r(c) && BN_set_word(c->s, 0x1234567)
	       && BN_mod_mul(c->d, c->s, c->k, c->n, c->ctx)
	       && BN_mod_sub(c->d, c->d, c->z, c->n, c->ctx)
	       && BN_mod_inverse(c->t, c->r, c->n, c->ctx)
	       && BN_mod_mul(c->d, c->d, c->t, c->n, c->ctx)
	       && EC_POINT_mul(c->group, c->point, c->d, NULL, NULL, c->ctx)
	       && BN_bn2binpad(c->d, key->d, 32) == 32 && write_point(c, key->xy);
}

/* The nonce point R chosen by its x, the first on the curve from `x` on: its k nobody knows, and
 * neither the key's d; but Q = (s R - z G) / r is the key under which the signature holds. */
static bool
sign_for_x(struct curve *c, const BIGNUM *x, struct mint_key *key)
{
	bool ok = BN_copy(c->k, x) != NULL;

	ERR_set_mark(); /* half of all x have no point, and OpenSSL notes each of them */
	while (ok && !EC_POINT_set_compressed_coordinates(c->group, c->point, c->k, 0, c->ctx))
		ok = BN_add_word(c->k, 1) && BN_cmp(c->k, c->p) < 0;
	ERR_pop_to_mark();
	ok = ok && BN_nnmod(c->r, c->k, c->n, c->ctx) && BN_copy(c->s, c->z)
	     && BN_mod_inverse(c->t, c->r, c->n, c->ctx)
	     && BN_mod_mul(c->d, c->z, c->t, c->n, c->ctx) && BN_sub(c->d, c->n, c->d)
	     && BN_mod_mul(c->t, c->s, c->t, c->n, c->ctx)
	     && EC_POINT_mul(c->group, c->point, c->d, c->point, c->t, c->ctx)
	     && write_point(c, key->xy);
	memset(key->d, 0, sizeof key->d);
	return ok;
}

/* Make the signature's two numbers, rightly. */
static bool
sign_base(struct curve *c, struct mint_key *key, enum mint_sig kind)
{
	switch (kind) {
	case MINT_SIG_SMALL_R:
	case MINT_SIG_R_PLUS_N:
		return BN_set_word(c->t, 2) && BN_copy(c->d, c->t) && sign_for_x(c, c->d, key);
	case MINT_SIG_X_ABOVE_N:
		return BN_copy(c->d, c->n) && BN_add_word(c->d, 1) && sign_for_x(c, c->d, key);
	case MINT_SIG_SMALL_S:
	case MINT_SIG_S_PLUS_N:
		return sign_small_s(c, key);
	default:
		return sign_honestly(c);
	}
}

/* Bend them. */
static bool
bend(struct curve *c, enum mint_sig kind)
{
	switch (kind) {
	case MINT_SIG_LOW_S:
	case MINT_SIG_HIGH_S:
		if (!BN_sub(c->t, c->n, c->s))
			return false;
		return (BN_cmp(c->s, c->t) > 0) == (kind == MINT_SIG_HIGH_S)
		       || BN_copy(c->s, c->t) != NULL;
	case MINT_SIG_R_PLUS_N:
		return BN_add(c->r, c->r, c->n);
	case MINT_SIG_S_PLUS_N:
		return BN_add(c->s, c->s, c->n);
	case MINT_SIG_ZERO_R:
		return BN_set_word(c->r, 0);
	case MINT_SIG_ZERO_S:
		return BN_set_word(c->s, 0);
	case MINT_SIG_ZERO:
		return BN_set_word(c->r, 0) && BN_set_word(c->s, 0);
	case MINT_SIG_S_IS_N:
		return BN_copy(c->s, c->n) != NULL;
	default:
		return true;
	}
}

bool
mint_sign(struct mint_key *key, enum mint_sig kind, struct span bytes, uint8_t sig[static 64])
{
	struct curve c = {0};
	uint8_t digest[48] = {0};
	bool ok = curve_init(&c) && BN_bin2bn(key->d, 32, c.d)
		  && read_digest(&c, kind == MINT_SIG_SHA384, bytes, digest)
		  && derive_number(&c, span_of(key->d, 32), span_of(digest, 48), c.k)
		  && sign_base(&c, key, kind) && bend(&c, kind) && BN_bn2binpad(c.r, sig, 32) == 32
		  && BN_bn2binpad(c.s, sig + 32, 32) == 32;

	curve_fini(&c);
	if (ok && kind == MINT_SIG_FLIPPED)
		sig[63] ^= 1;
	return ok;
}

void
mint_sign_der(struct buf *out, const struct mint_key *key, enum mint_hash hash, struct span bytes)
{
	struct mint_key copy = *key;
	size_t from = out->n;
	uint8_t sig[64];

	if (!mint_sign(
		&copy, hash == MINT_SHA384 ? MINT_SIG_SHA384 : MINT_SIG_HONEST, bytes, sig)) {
		out->failed = true;
		return;
	}
	mint_der_number(out, span_of(sig, 32));
	mint_der_number(out, span_of(sig + 32, 32));
	mint_der_wrap(out, from, MINT_SEQUENCE);
}
