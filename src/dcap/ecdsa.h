/* ecdsa.h - ECDSA over P-256 with SHA-256: is this signature of these bytes by this key? Keys are
 * uncompressed points of 65 bytes. Holds no state. */
#ifndef DCAP_ECDSA_H
#define DCAP_ECDSA_H

#include "base/attr.h"
#include "base/span.h"

#define EC_POINT_SIZE 65

/* Say whether a DER signature (X.509's form) holds. No also where the key is no point of the
 * curve, and where there is no memory. */
MUST_CHECK bool ecdsa_holds_der(
    const uint8_t key[static EC_POINT_SIZE], struct span msg, struct span sig);

/* The same for r and s as two big-endian numbers of 32 bytes; both s and n - s are taken. */
MUST_CHECK bool ecdsa_holds_raw(
    const uint8_t key[static EC_POINT_SIZE], struct span msg, const uint8_t sig[static 64]);

/* SHA-256 of two byte strings, one behind the other. False where there is no memory. */
MUST_CHECK bool sha256_of(struct span a, struct span b, uint8_t out[static 32]);

#endif
