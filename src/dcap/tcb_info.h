/* tcb_info.h - Intel's TCB info document, versions 2 (SGX) and 3 (SGX and TDX): the TCB levels of
 * one kind of platform, and the TDX modules that are Intel's. Owns everything it points to. */
#ifndef DCAP_TCB_INFO_H
#define DCAP_TCB_INFO_H

#include "dcap/document.h"

struct tcb_level {
	uint8_t sgx[16];
	uint8_t tdx[16]; /* zero in SGX documents */
	uint16_t pcesvn;
	const struct json_node *tcb; /* in the document */
	struct level level;
};

struct tdx_module {
	uint8_t mrsigner[48], attributes[8], mask[8];
};

struct tdx_module_identity {
	int major; /* the module version that it is for; -1 for an id of an unknown form */
	struct tdx_module module;
	struct isv_levels levels;
};

struct tcb_info {
	struct document doc;
	enum eedcap_tee tee;
	uint8_t fmspc[6], pceid[2];
	struct tcb_level *levels; /* highest first */
	size_t n_levels;
	struct tdx_module module; /* TDX only */
	struct tdx_module_identity *identities; /* TDX only; may be none */
	size_t n_identities;
};

extern const struct document_kind tcb_info_kind;

/* Read a document that was loaded (and whose signature was checked) into ti->doc. The caller
 * calls tcb_info_fini in any case. */
MUST_CHECK bool tcb_info_read(struct tcb_info *ti, struct err *e);
void tcb_info_fini(struct tcb_info *ti);

/* The identity for a TDX module's major version, or NULL. */
const struct tdx_module_identity *tcb_info_identity(const struct tcb_info *ti, int major);

#endif
