/* quote.h - the bytes of a TDX quote, format 4 (TD report 1.0) and 5 (TD report 1.5), signed the
 * way Intel's TD quoting enclave signs them. Writes only: the verifier reads the layout from its
 * own code, so that one mistake cannot hide in both. Borrows keys and spans for the call. */
#ifndef SIM_QUOTE_H
#define SIM_QUOTE_H

#include "sim/pki.h"

#define SIM_REGISTER_SIZE    48
#define SIM_REPORT_DATA_SIZE 64

/* What the TDX module reports of a TD, less its report data. */
struct sim_td {
	uint8_t tee_tcb_svn[16];
	uint8_t mrseam[SIM_REGISTER_SIZE];
	uint8_t mrsignerseam[SIM_REGISTER_SIZE];
	uint8_t seamattributes[8];
	uint8_t tdattributes[8];
	uint8_t xfam[8];
	uint8_t mrtd[SIM_REGISTER_SIZE];
	uint8_t mrconfigid[SIM_REGISTER_SIZE];
	uint8_t mrowner[SIM_REGISTER_SIZE];
	uint8_t mrownerconfig[SIM_REGISTER_SIZE];
	uint8_t rtmr[4][SIM_REGISTER_SIZE];
};

/* A quoting enclave that has been provisioned: its platform's PCK key has signed its report once,
 * and every quote carries that report and signature again. */
struct sim_qe {
	EVP_PKEY *bound_key; /* the attestation key that the report names */
	EVP_PKEY *pck_key; /* signs the report */
	struct span pck_chain; /* PEM: leaf, CA, root */
	uint8_t cpusvn[16];
	uint8_t mrenclave[32], mrsigner[32];
	uint16_t svn;
};

/* Append certification data of type 6: report, its signature, authentication data, chain. */
MUST_CHECK bool sim_qe_certify(const struct sim_qe *qe, struct buf *out, struct err *e);

struct sim_quote {
	uint16_t version; /* 4 or 5 */
	const struct sim_td *td;
	const uint8_t *report_data; /* SIM_REPORT_DATA_SIZE bytes */
	EVP_PKEY *attestation_key; /* signs the quote and stands in it */
	struct span certification; /* of the QE: the same for all its quotes */
};

MUST_CHECK bool sim_quote_write(const struct sim_quote *q, struct buf *out, struct err *e);

#endif
