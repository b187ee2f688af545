/* platform.h - a simulated TDX platform: its certificate authority, its virtual machines, the
 * collateral that judges them, and what a test may bend (TCB status, debug, revocation, forged
 * quotes). Owns everything; what it lends lives until the next call. Reads no clock and no file. */
#ifndef SIM_PLATFORM_H
#define SIM_PLATFORM_H

#include "base/jcs.h"
#include "sim/docs.h"
#include "sim/quote.h"

#define SIM_VMS_MAX  4096u /* a load test's worth */
#define SIM_NAME_MAX 64

enum sim_forge {
	SIM_GENUINE,
	SIM_THROWAWAY_KEY, /* signed by a key that the QE report does not name */
	SIM_SELF_MADE_CHAIN /* another root with the same names */
};

struct sim_vm {
	char name[SIM_NAME_MAX + 1];
	char platform[SIM_NAME_MAX + 1]; /* machines of one platform share its PPID */
	char tcb[40];
	struct sim_td td;
	struct sim_pck pck;
	uint16_t version, qe_svn, family;
	enum sim_forge forge;
	bool revoked;
	EVP_PKEY *attestation_key, *throwaway_key, *pck_key;
	uint8_t serial[SIM_SERIAL_SIZE];
	struct buf chain; /* PEM: leaf, CA, root */
	struct buf certification; /* its QE's, in every quote */
};

enum sim_crl { SIM_CRL_ROOT, SIM_CRL_PLATFORM, SIM_CRL_PROCESSOR, SIM_CRL_COUNT };

/* An answer that is made once and given until it is half through its life. */
struct sim_made {
	struct buf body;
	int64_t made_s;
	bool valid;
};

struct sim_platform {
	struct sim_pki pki, impostor;
	struct sim_vm **vms;
	size_t n_vms;
	unsigned recoveries;
	unsigned early; /* that are coming: the early edition has them */
	bool revoked[SIM_AUTHORITY_COUNT];
	int64_t crl_number;
	struct sim_made docs[SIM_DOC_COUNT], crls[SIM_CRL_COUNT];
	struct sim_made families[SIM_FAMILIES][2]; /* TCB info of those but the first: SGX, TDX */
};

/* Make the platform of a seed. The caller calls sim_platform_fini, also after a failure. */
MUST_CHECK bool sim_platform_init(struct sim_platform *p, const uint8_t seed[static SIM_SEED_SIZE],
    const char *base_url, int64_t now_s, struct err *e);
void sim_platform_fini(struct sim_platform *p);

/* Make or replace a machine. `json` is an object (or nothing) with any of: mrtd, rtmr0..3, mrseam,
 * mrsignerseam, mrconfigid, mrowner, mrownerconfig, tdattributes, seamattributes, xfam,
 * tee_tcb_svn (hex); tcb, platform, forge ("throwaway-key", "self-made-chain"); version, qe_svn,
 * tdx_module_svn, family (numbers); debug, revoked (booleans). Others are refused by name. What is not
 * given follows from the machine's name. */
MUST_CHECK bool sim_platform_put_vm(
    struct sim_platform *p, struct span name, struct span json, int64_t now_s, struct err *e);

/* The machine of a name, or NULL. */
const struct sim_vm *sim_platform_find_vm(const struct sim_platform *p, struct span name);

/* Forget a machine; false when there is none. A revocation is forgotten with it. */
bool sim_platform_drop_vm(struct sim_platform *p, struct span name);

/* Write what a machine is as members of an object: its registers and what was chosen for it. */
void sim_vm_write(const struct sim_vm *vm, struct jw *w);

/* Append a quote of a machine over 64 bytes of report data. */
MUST_CHECK bool sim_platform_quote(const struct sim_platform *p, const struct sim_vm *vm,
    const uint8_t report_data[static SIM_REPORT_DATA_SIZE], struct buf *out, struct err *e);

/* Lend a signed document (TCB info: that of a family), or a CRL's DER, fresh at now_s. */
MUST_CHECK bool sim_platform_doc(struct sim_platform *p, enum sim_doc doc, unsigned family,
    int64_t now_s, struct span *out, struct err *e);
MUST_CHECK bool sim_platform_crl(
    struct sim_platform *p, enum sim_crl crl, int64_t now_s, struct span *out, struct err *e);

/* Revoke an authority by the root's CRL, or take that back. */
void sim_platform_revoke(struct sim_platform *p, enum sim_authority who, bool revoked);

/* Set how many TCB recoveries there were: what was UpToDate before the last is OutOfDate. */
void sim_platform_recover(struct sim_platform *p, unsigned recoveries);

/* Make every document and CRL anew when it is next asked for. */
void sim_platform_renew(struct sim_platform *p);

/* Append collateral for the platform's TDX quotes as one JSON object (docs/simulation.md). */
MUST_CHECK bool sim_platform_bundle(
    struct sim_platform *p, int64_t now_s, struct buf *out, struct err *e);

#endif
