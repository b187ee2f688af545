/* verifier.h - how one call verifies signatures: with an engine of its own, and with what the
 * context remembers, where there is one. Lives on the stack of the call, between verifier_begin and
 * verifier_end; used by one thread. */
#ifndef DCAP_VERIFIER_H
#define DCAP_VERIFIER_H

#include "base/err.h"
#include "dcap/ecdsa.h"
#include "eedcap.h"

struct verifier {
	struct eedcap_context *ctx; /* may be NULL */
	const uint8_t *root_key;
	struct ecdsa *ec;
	struct eedcap_stats stats; /* of this call */
	bool no_memory; /* a signature was taken for bad for want of memory */
};

MUST_CHECK bool verifier_begin(struct verifier *vf, struct eedcap_context *ctx, struct err *e);

/* Give the engine back. Where memory ran out, *e says so, whatever was refused because of it. */
void verifier_end(struct verifier *vf, struct err *e);

/* SHA-256 of two byte strings, one behind the other; where there is no memory, zeros and the flag. */
void verifier_digest(
    struct verifier *vf, struct span a, struct span b, uint8_t out[static SHA256_SIZE]);

/* Say whether something was remembered under these bytes; *name is what to remember it by. Whoever
 * remembers says in the bytes what it is that holds, so that no two facts have the same. */
MUST_CHECK bool verifier_knows(
    struct verifier *vf, struct span a, struct span b, uint8_t name[static SHA256_SIZE]);
void verifier_remember(struct verifier *vf, const uint8_t name[static SHA256_SIZE]);

/* Say whether a signature over a digest holds. Remembered where it does. */
MUST_CHECK bool verifier_holds(struct verifier *vf, const uint8_t key[static EC_POINT_SIZE],
    const uint8_t digest[static SHA256_SIZE], const uint8_t sig[static 64]);

/* The same for a message and the signature's DER, as certificates and CRLs have it. */
MUST_CHECK bool verifier_holds_der(
    struct verifier *vf, const uint8_t key[static EC_POINT_SIZE], struct span msg, struct span sig);

/* As verifier_holds, but neither looked up nor remembered: for what does not come twice. */
MUST_CHECK bool verifier_holds_once(struct verifier *vf, const uint8_t key[static EC_POINT_SIZE],
    const uint8_t digest[static SHA256_SIZE], const uint8_t sig[static 64]);

#endif
