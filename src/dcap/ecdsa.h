/* ecdsa.h - ECDSA over P-256 with SHA-256: is this signature of these bytes by this key? Keys are
 * uncompressed points of 65 bytes. An engine owns libcrypto's objects, which cost more to make than
 * a third of a verification: it is made once and used for any number of keys, by one thread at a
 * time. Remembers nothing of what it verified. */
#ifndef DCAP_ECDSA_H
#define DCAP_ECDSA_H

#include "base/attr.h"
#include "base/span.h"

#define EC_POINT_SIZE 65
#define SHA256_SIZE   32

struct ecdsa;

/* NULL where there is no memory. */
struct ecdsa *ecdsa_new(void);
void ecdsa_free(struct ecdsa *ec);

/* SHA-256 of two byte strings, one behind the other. False where there is no memory. */
MUST_CHECK bool ecdsa_digest(
    struct ecdsa *ec, struct span a, struct span b, uint8_t out[static SHA256_SIZE]);

/* ECDSA_NO_MEMORY: libcrypto could not do it, so nothing is known of the signature. */
enum ecdsa_answer { ECDSA_HOLDS, ECDSA_FAILS, ECDSA_NO_MEMORY };

/* Say whether a signature over a digest holds: r and s, two numbers of 32 bytes, big-endian. Both s
 * and n - s are taken. It fails also where the key is no point of the curve. */
MUST_CHECK enum ecdsa_answer ecdsa_verify(struct ecdsa *ec, const uint8_t key[static EC_POINT_SIZE],
    const uint8_t digest[static SHA256_SIZE], const uint8_t sig[static 64]);

/* Say whether a key is a point of the curve (it "holds"). */
MUST_CHECK enum ecdsa_answer ecdsa_is_point(
    struct ecdsa *ec, const uint8_t key[static EC_POINT_SIZE]);

/* Say whether an AlgorithmIdentifier, the whole of it in DER, is ecdsa-with-SHA256. */
bool ecdsa_is_algorithm(struct span der);

/* Read r and s out of DER (RFC 3279 section 2.2.3): both in their shortest form, not negative, of at
 * most 32 bytes, and nothing behind them. */
MUST_CHECK bool ecdsa_read_der(struct span der, uint8_t sig[static 64]);

#endif
