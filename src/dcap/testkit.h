/* testkit.h - a platform of our own for the tests: keys, certificates, CRLs, documents and a quote,
 * all rightly signed, so that one thing at a time can be wrong and nothing else. Fill with
 * kit_init, change what the test is about, kit_build, and kit_fini at the end. Tests only. */
#ifndef DCAP_TESTKIT_H
#define DCAP_TESTKIT_H

#include <openssl/evp.h>

#include "base/buf.h"
#include "eedcap.h"

#define KIT_NOW INT64_C(1790000000) /* 2026-09-21 */

struct kit_cert {
	const char *subject, *issuer;
	EVP_PKEY *key, *by; /* whose certificate, and who signs */
	bool ca;
	uint8_t usage;
	uint8_t serial;
	bool critical; /* add an unknown critical extension */
	int skip_extension; /* leave the n-th out, from 1 */
	const char *from, *to; /* YYMMDDHHMMSSZ */
};

struct kit_crl {
	const char *issuer;
	EVP_PKEY *by;
	uint8_t revoked; /* a serial; 0: none */
	bool critical; /* add an unknown critical extension */
	bool trailing; /* a byte behind the DER */
	const char *from, *to;
};

struct kit {
	EVP_PKEY *root_key, *ca_key, *leaf_key, *signer_key, *ak, *stranger;
	struct kit_cert root, ca, leaf, signer;
	struct kit_crl root_crl, pck_crl;

	/* the SGX extension */
	uint8_t components[16];
	int component_3; /* what stands for component 3, where not -1 */
	uint16_t pcesvn;
	bool extension_trailing, no_fmspc;

	/* the quote */
	unsigned version, body_type;
	bool tdx;
	uint8_t body[885], qe_report[384];
	uint8_t auth[1000];
	size_t auth_n;
	unsigned cert_type;
	uint8_t qe_data_xor; /* spoils the QE's report data */
	EVP_PKEY *qe_by, *quote_by; /* the leaf and the attestation key, unless changed */

	/* documents: text, changed by kit_replace */
	struct buf tcb_info, qe_identity;
	EVP_PKEY *tcb_info_by, *qe_identity_by;

	/* what kit_build makes */
	struct buf ca_pem, root_pem, signer_pem, certification; /* QE report to chain */
	struct buf chain, quote, collateral;
	uint8_t root_point[65];
};

void kit_init(struct kit *k, bool tdx, unsigned version);
void kit_fini(struct kit *k);

/* Make everything anew: authorities, then the parts below. Whatever is made anew has new signatures,
 * whatever is not has the same bytes as before. */
void kit_build(struct kit *k);
/* The platform alone: PCK certificate, QE report, quote. */
void kit_build_platform(struct kit *k);
/* The quote alone, with the QE report and chain that there are. */
void kit_build_quote(struct kit *k);
/* The leaf's PEM, appended; and the quote anew with another text as its chain. */
void kit_leaf(const struct kit *k, struct buf *out);
void kit_use_chain(struct kit *k, struct span text);
/* A CRL's DER, signed anew, appended. */
void kit_crl_der(const struct kit_crl *c, struct buf *out);
/* The CRLs and documents alone, with the authorities that there are. */
void kit_build_collateral(struct kit *k);

/* Replace the first `from` in a document; fails the test where there is none. */
void kit_replace(struct buf *text, const char *from, const char *to);

/* A context with the kit's root, for so many platforms. The caller frees it. */
struct eedcap_context *kit_context(const struct kit *k, size_t platforms);

/* The collateral that was built, checked. The caller frees it. */
struct eedcap_collateral *kit_collateral(const struct kit *k, struct eedcap_context *ctx);

/* Verify what was built, under the kit's root: kit_verify at KIT_NOW with any status accepted. Done
 * twice under one context, and whatever it remembers the outcome must be the same. */
struct kit_result {
	char reason[48];
	enum eedcap_class kind;
	const char *status;
};
struct kit_result kit_verify(const struct kit *k);
struct kit_result kit_verify_with(
    const struct kit *k, int64_t now, const struct eedcap_policy *policy);
struct kit_result kit_verify_under(struct eedcap_context *ctx, const struct kit *k, int64_t now,
    const struct eedcap_policy *policy);

#endif
