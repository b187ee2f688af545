/* qe_identity.h - Intel's identity document of a quoting enclave: which enclave it is, and its
 * levels. Owns everything it points to. */
#ifndef DCAP_QE_IDENTITY_H
#define DCAP_QE_IDENTITY_H

#include "dcap/document.h"
#include "dcap/quote.h"

enum qe_kind { QE_SGX, QE_TDX, QE_OTHER };

struct qe_identity {
	struct document doc;
	enum qe_kind kind;
	uint8_t miscselect[4], miscselect_mask[4];
	uint8_t attributes[16], attributes_mask[16];
	uint8_t mrsigner[32];
	uint16_t isvprodid;
	struct isv_levels levels;
};

extern const struct document_kind qe_identity_kind;

/* Read a document that was loaded (and whose signature was checked) into qi->doc. The caller
 * calls qe_identity_fini in any case. */
MUST_CHECK bool qe_identity_read(struct qe_identity *qi, struct err *e);
void qe_identity_fini(struct qe_identity *qi);

/* Check that a QE report is of the enclave that the document names, and that the document is for
 * that TEE's QE. */
MUST_CHECK bool qe_identity_check(const struct qe_identity *qi, const struct sgx_report *report,
    enum eedcap_tee tee, struct err *e);

#endif
