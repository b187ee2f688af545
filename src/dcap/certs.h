/* certs.h - X.509 certificates of Intel's profile (RFC 5280, P-256, ecdsa-with-SHA256) and PEM
 * chains of them. Reads DER itself and refuses whatever the profile does not have, unknown
 * critical extensions included. A chain owns its bytes; every span of a cert points into them. */
#ifndef DCAP_CERTS_H
#define DCAP_CERTS_H

#include "base/buf.h"
#include "base/err.h"
#include "dcap/name.h"
#include "dcap/verifier.h"
#include "dcap/when.h"

/* Key usage bits (RFC 5280 section 4.2.1.3), as they lie in the first byte. */
#define KU_DIGITAL_SIGNATURE 0x80
#define KU_CERT_SIGN         0x04
#define KU_CRL_SIGN          0x02

/* The longest serial number (RFC 5280 section 4.1.2.2). */
#define SERIAL_MAX 20

struct cert {
	struct span der, tbs, signature;
	struct span serial; /* unsigned, without leading zeros; at most SERIAL_MAX bytes */
	struct span issuer, subject; /* DER of the Names, compared byte by byte */
	char issuer_cn[NAME_CN_MAX], subject_cn[NAME_CN_MAX];
	const uint8_t *key; /* EC_POINT_SIZE bytes */
	struct window valid;
	bool is_ca;
	uint8_t key_usage;
	struct span sgx; /* content of the SGX extension; empty where absent */
	struct span crl_url; /* first URI of the CRL distribution points */
};

/* More certificates than any chain has that is taken, so that a chain can be called too long. */
#define CHAIN_MAX 8

struct chain {
	struct buf bytes;
	struct cert cert[CHAIN_MAX];
	size_t n;
};

/* Parse one certificate, which must fill der. */
MUST_CHECK bool cert_parse(struct cert *c, struct span der, struct err *e);

/* Parse the certificates of a PEM text, or a single one in DER. On success the caller calls
 * chain_fini. `what` names the chain in the detail. */
MUST_CHECK bool chain_parse(struct chain *ch, struct span text, const char *what, struct err *e);
void chain_fini(struct chain *ch);

/* Say whether a certificate names itself as its issuer. */
bool cert_is_self_issued(const struct cert *c);

/* Check that c is the trusted root: self-issued, signed by its own key, that key the pinned one. */
MUST_CHECK bool cert_check_root(struct verifier *vf, const struct cert *c, struct err *e);

/* Check that c names `by` as its issuer and is signed by its key, and that `by` may sign. */
MUST_CHECK bool cert_check_issued(
    struct verifier *vf, const struct cert *c, const struct cert *by, struct err *e);

#endif
