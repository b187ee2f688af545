/* crl.h - certificate revocation lists (RFC 5280 section 5) of Intel's profile: full, direct,
 * version 2. Owns its DER; every span points into it. An unknown critical extension, on the list
 * or on an entry, is refused: it would change what the list means. */
#ifndef DCAP_CRL_H
#define DCAP_CRL_H

#include "base/buf.h"
#include "base/err.h"
#include "dcap/certs.h"
#include "dcap/verifier.h"

/* A serial number of the list; longer ones than any certificate's are refused. */
struct crl_entry {
	uint8_t n;
	uint8_t serial[SERIAL_MAX]; /* unsigned, without leading zeros */
};

struct crl {
	struct buf der;
	struct span tbs, signature, issuer;
	uint8_t digest[SHA256_SIZE]; /* of tbs; set by crl_digest */
	uint8_t raw_signature[64]; /* zeros, which sign nothing, where it is no ECDSA signature */
	struct crl_entry *entries; /* sorted */
	size_t n_entries;
	struct window valid;
	const char *what; /* "root CRL", "PCK CRL": for details */
};

/* Decode DER, PEM, hex or base64, and parse. `what` must outlive the crl. On success the caller
 * calls crl_fini. */
MUST_CHECK bool crl_parse(struct crl *crl, struct span bytes, const char *what, struct err *e);
void crl_fini(struct crl *crl);

/* Hash what is signed and read the signature, once for all checks of it. */
void crl_digest(struct crl *crl, struct verifier *vf);

/* Check that `issuer` (a Name, for messages its common name) and its key issued and signed the list. */
MUST_CHECK bool crl_check_issuer(const struct crl *crl, struct verifier *vf, struct span issuer,
    const uint8_t key[static EC_POINT_SIZE], struct err *e);

/* Say whether the list holds a serial number (unsigned, without leading zeros). */
bool crl_holds(const struct crl *crl, struct span serial);

#endif
