/* key.h - P-256 keys that follow from a seed and a label, and ECDSA signatures whose nonce follows
 * from key and message (in the spirit of RFC 6979), so that one seed makes the same bytes every
 * time. Beside honest signatures it makes those of which a verifier must be wary. Never for a
 * secret worth keeping. Keys are values: nothing is owned. */
#ifndef MINT_KEY_H
#define MINT_KEY_H

#include "base/buf.h"
#include "base/err.h"

#define MINT_SEED_SIZE 32

struct mint_key {
	uint8_t d[32]; /* the private number; zero where nobody knows it */
	uint8_t xy[64]; /* the public point */
};

enum mint_hash { MINT_SHA256, MINT_SHA384 };

/* What is peculiar about a signature. The *_PLUS_N ones are the number below it plus the group's
 * order n: congruent, so that arithmetic alone would take them, and outside [1, n-1]. */
enum mint_sig {
	MINT_SIG_HONEST,
	MINT_SIG_LOW_S, /* s at most n/2 */
	MINT_SIG_HIGH_S, /* its twin (r, n-s), as valid as it */
	MINT_SIG_SMALL_R, /* 16 or more leading zero bytes */
	MINT_SIG_R_PLUS_N,
	MINT_SIG_SMALL_S,
	MINT_SIG_S_PLUS_N,
	MINT_SIG_X_ABOVE_N, /* the nonce point's x lies between n and p: r is x - n */
	MINT_SIG_ZERO_R,
	MINT_SIG_ZERO_S,
	MINT_SIG_ZERO,
	MINT_SIG_S_IS_N,
	MINT_SIG_FLIPPED, /* one bit of s */
	MINT_SIG_SHA384 /* over another digest */
};

/* Derive the key that a seed and a label name. */
MUST_CHECK bool mint_key_derive(const uint8_t seed[static MINT_SEED_SIZE], const char *label,
    struct mint_key *out, struct err *e);

/* Sign; r and s, 32 bytes each. Kinds that need a key of their own (SMALL_*, *_PLUS_N, X_ABOVE_N)
 * replace *key by it: the public point under which the signature is what it claims to be. */
MUST_CHECK bool mint_sign(
    struct mint_key *key, enum mint_sig kind, struct span bytes, uint8_t sig[static 64]);

/* Append an honest signature as DER. A failure is the buffer's. */
void mint_sign_der(
    struct buf *out, const struct mint_key *key, enum mint_hash hash, struct span bytes);

#endif
