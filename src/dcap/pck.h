/* pck.h - the chain from a platform's PCK certificate to the root, and what the certificate says
 * of the platform (Intel's SGX extension, 1.2.840.113741.1.13.1). Owns nothing: roles point into
 * a chain of certs.h. */
#ifndef DCAP_PCK_H
#define DCAP_PCK_H

#include "base/err.h"
#include "dcap/certs.h"
#include "eedcap.h"

struct pck {
	const struct cert *leaf, *ca, *root;
	struct eedcap_platform platform;
};

/* Certificates whose signatures have been checked before, up to the root: not checked again. */
struct known_certs {
	const struct cert *v[4];
	size_t n;
};

/* Say which certificate is which by what they hold, not by their order, and read the leaf. */
MUST_CHECK bool pck_read(struct pck *p, const struct chain *ch, struct err *e);

/* Read the leaf alone: any certificate of the chain that calls itself a PCK certificate. */
MUST_CHECK bool pck_read_leaf(struct eedcap_platform *out, const struct chain *ch, struct err *e);

/* Check the three signatures, names and constraints, under the pinned root key. */
MUST_CHECK bool pck_check(const struct pck *p, const uint8_t root_key[static EC_POINT_SIZE],
    const struct known_certs *known, struct err *e);

/* Check that now lies in the windows of all three. */
MUST_CHECK bool pck_check_time(const struct pck *p, int64_t now, struct err *e);

/* Cut the NUL bytes that end most chains inside quotes, then parse. A NUL elsewhere is refused:
 * what stands behind it would be seen by one reader and not by another. */
MUST_CHECK bool pck_chain_parse(struct chain *ch, struct span text, struct err *e);

#endif
