/* quote.h - the byte layout of ECDSA quotes, versions 3 to 5. Owns the copy of the bytes that a
 * handle was made of; every span points into it. Decides only what the format decides: nothing
 * here has been verified. The caller frees with eedcap_quote_free. */
#ifndef DCAP_QUOTE_H
#define DCAP_QUOTE_H

#include "base/err.h"
#include "base/rd.h"
#include "dcap/pck.h"
#include "eedcap.h"

/* Body types as version 5 numbers them; versions 3 and 4 have one of the first two. */
enum quote_body { BODY_SGX = 1, BODY_TD10 = 2, BODY_TD15 = 3, BODY_TD15_EXT = 4 };

/* Certification data types. */
enum quote_cert { CERT_PPID = 1, CERT_LEAF = 4, CERT_CHAIN = 5, CERT_QE = 6 };

struct quote {
	uint16_t version;
	uint32_t tee; /* enum eedcap_tee */
	uint16_t body_type; /* enum quote_body */
	struct span header, body;
	struct span signed_part; /* header, version 5's descriptor, body */
	struct span signature; /* r, s by the attestation key */
	struct span key; /* x, y of the attestation key */
	struct span qe_report;
	struct span qe_signature; /* r, s by the PCK key */
	struct span qe_auth;
	uint16_t cert_type; /* enum quote_cert */
	struct span cert;
	size_t trailing; /* bytes behind the signature data */
};

struct eedcap_quote {
	uint8_t *bytes;
	struct quote q;
	uint8_t digest[32]; /* SHA-256 of the signed part */
	bool authentic; /* chain, QE report and signature were checked under root_key */
	uint8_t root_key[EC_POINT_SIZE];
	struct pck pck; /* where authentic */
};

/* Lay the quote out. */
MUST_CHECK bool quote_parse(struct quote *q, struct span bytes, struct err *e);

/* Copy the bytes and lay them out; NULL with e set on refusal. The digest is not yet there. */
struct eedcap_quote *quote_new(struct span bytes, struct err *e);

/* What of an SGX report (the body's or the QE's) is judged. */
struct sgx_report {
	const uint8_t *miscselect, *attributes, *mrsigner, *report_data;
	uint16_t isvprodid, isvsvn;
};
struct sgx_report sgx_report_of(struct span report);

/* What of a TD report is judged. svn2 is NULL and mrservicetd empty before 1.5. */
struct td_report {
	const uint8_t *svn, *svn2, *mrsignerseam, *seamattributes;
	uint64_t attributes;
	struct span mrservicetd;
};
struct td_report td_report_of(const struct quote *q);

#endif
