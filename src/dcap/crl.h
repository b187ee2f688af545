/* crl.h - certificate revocation lists (RFC 5280 section 5) of Intel's profile: full, direct,
 * version 2. Owns its DER; every span points into it. An unknown critical extension, on the list
 * or on an entry, is refused: it would change what the list means. */
#ifndef DCAP_CRL_H
#define DCAP_CRL_H

#include "base/buf.h"
#include "base/err.h"
#include "dcap/certs.h"

struct crl {
	struct buf der;
	struct span tbs, signature, issuer;
	struct span revoked; /* content of revokedCertificates; may be empty */
	struct window valid;
	const char *what; /* "root CRL", "PCK CRL": for details */
};

/* Decode DER, PEM, hex or base64, and parse. `what` must outlive the crl. On success the caller
 * calls crl_fini. */
MUST_CHECK bool crl_parse(struct crl *crl, struct span bytes, const char *what, struct err *e);
void crl_fini(struct crl *crl);

/* Check that `ca` is the list's issuer, by name, usage and signature. signature_known leaves the
 * last out: the caller has checked it under the same key. */
MUST_CHECK bool crl_check_issuer(
    const struct crl *crl, const struct cert *ca, bool signature_known, struct err *e);

/* Say whether the list holds a serial number (unsigned, without leading zeros). */
bool crl_holds(const struct crl *crl, struct span serial);

MUST_CHECK bool crl_check_time(const struct crl *crl, int64_t now, struct err *e);

#endif
