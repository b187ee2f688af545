/* pck.h - the chain from a platform's PCK certificate to the root, and what the certificate says
 * of the platform (Intel's SGX extension, 1.2.840.113741.1.13.1). A struct pck is what is left of a
 * chain once it has been read: plain bytes that point nowhere, so that it can be copied and kept. */
#ifndef DCAP_PCK_H
#define DCAP_PCK_H

#include "base/err.h"
#include "dcap/certs.h"
#include "dcap/checks.h"
#include "dcap/when.h"
#include "eedcap.h"

struct pck_name {
	uint8_t n;
	uint8_t der[NAME_SIZE_MAX];
};

struct pck_serial {
	uint8_t n;
	uint8_t v[SERIAL_MAX];
};

/* The upper part of a chain, PCK CA and root: one for thousands of platforms. */
struct pck_issuer {
	uint8_t key[EC_POINT_SIZE];
	struct pck_serial serial;
	struct pck_name name, root_name;
	struct window valid, root_valid;
	char root_crl_url[160]; /* the root's CRL distribution point, or empty */
};

struct pck {
	struct eedcap_platform platform;
	uint8_t key[EC_POINT_SIZE];
	struct pck_serial serial;
	struct window valid;
	struct pck_issuer issuer;
};

/* Parse a chain as quotes hold it: PEM with the NUL bytes that end most, or one certificate in DER.
 * A NUL elsewhere is refused: what stands behind it would be seen by one reader and not by another.
 * On success the caller calls chain_fini. */
MUST_CHECK bool pck_parse(struct chain *ch, struct span text, struct err *e);

/* Read a chain (PEM, or the leaf's DER alone, as certification data has it) and check its
 * signatures, names and constraints up to the trusted root; or remember that this was done with
 * these very bytes. Says which certificate is which by what they hold, not by their order. */
MUST_CHECK bool pck_check(
    struct pck *out, struct verifier *vf, struct span text, struct checks *checks, struct err *e);

/* Note the checks of pck_check as passed: for a chain that was checked before. */
void pck_passed(struct checks *checks);

/* Read the leaf alone: any certificate of the chain that calls itself a PCK certificate. */
MUST_CHECK bool pck_read_leaf(struct eedcap_platform *out, struct span text, struct err *e);

/* Check that `text` holds one certificate, and that it is p's leaf. */
MUST_CHECK bool pck_is_leaf(const struct pck *p, struct span text, struct err *e);

#endif
