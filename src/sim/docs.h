/* docs.h - the documents that Intel's provisioning service signs: TCB info (SGX and TDX), the
 * identities of the quoting enclaves, the list of evaluation numbers. Owns the ladder of TCB
 * levels: one SVN for each status, so that a simulated platform gets the status it was given by
 * the ordinary evaluation. Writes bytes; keeps nothing. */
#ifndef SIM_DOCS_H
#define SIM_DOCS_H

#include "sim/pki.h"

/* What simulated platforms are, with the number of their family in the last byte. No genuine family
 * has such an FMSPC. */
#define SIM_FMSPC    "EE5100000000"
#define SIM_FAMILIES 64u
#define SIM_PCESVN   11

/* Ask Intel's documents for 30 days, too. */
#define SIM_DOC_LIFE_S ((int64_t)30 * 86400)

enum sim_doc {
	SIM_TCB_SGX,
	SIM_TCB_TDX,
	SIM_QE,
	SIM_TD_QE,
	SIM_QVE,
	SIM_NUMBERS_SGX,
	SIM_NUMBERS_TDX,
	SIM_DOC_COUNT
};

/* The newest SVNs: what an UpToDate platform reports. */
#define SIM_QE_SVN     4
#define SIM_MODULE_SVN 5

/* Write the identities of the TD quoting enclave and of its signer, as documents name them. */
void sim_qe_measure(uint8_t mrenclave[static 32], uint8_t mrsigner[static 32]);

/* Find the SVN that earns a status ("UpToDate", ..., "Revoked"; "NotSupported": below all levels)
 * after so many TCB recoveries. */
MUST_CHECK bool sim_tcb_svn(struct span status, unsigned recoveries, uint8_t *svn);

/* Fill the components of a platform whose ladder stands at svn. */
void sim_tcb_components(uint8_t svn, uint8_t components[static 16]);

unsigned sim_evaluation_number(unsigned recoveries);

/* Append a whole answer body, `{"tcbInfo":{...},"signature":"..."}`, issued at now_s; TCB info is
 * that of a family. Each TCB recovery put one level on top of the ladder and made the one below it
 * OutOfDate. */
MUST_CHECK bool sim_doc_write(const struct sim_pki *pki, enum sim_doc doc, unsigned family,
    unsigned recoveries, int64_t now_s, struct buf *out, struct err *e);

/* The FMSPC of a family, in hex. */
const char *sim_fmspc(unsigned family, char dst[static 13]);

#endif
