/* quote_view.h - what core knows of a quote: which TEE, its registers by name, its report data,
 * the TCB status that the verifier found. Borrowed spans only; whoever verified the quote keeps
 * the bytes. core/quote_eedcap.h
 * fills one. */
#ifndef CORE_QUOTE_VIEW_H
#define CORE_QUOTE_VIEW_H

#include "base/attr.h"
#include "base/span.h"

enum tee { TEE_TDX, TEE_SGX };

/* Intel's TCB statuses, in Intel's spelling (core/tcb.c has the names). */
enum tcb_status {
	TCB_UP_TO_DATE,
	TCB_SW_HARDENING_NEEDED,
	TCB_CONFIGURATION_NEEDED,
	TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED,
	TCB_OUT_OF_DATE,
	TCB_OUT_OF_DATE_CONFIGURATION_NEEDED,
	TCB_TD_RELAUNCH_ADVISED,
	TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED,
	TCB_REVOKED,
	TCB_UNKNOWN /* any other word: accepted by nobody */
};
#define TCB_BIT(s) (1u << (s))

const char *tcb_status_name(enum tcb_status s);
enum tcb_status tcb_status_find(struct span name);

/* Every register that an allowlist may name. */
enum quote_reg {
	REG_MRTD,
	REG_RTMR0,
	REG_RTMR1,
	REG_RTMR2,
	REG_RTMR3,
	REG_MRSEAM,
	REG_MRSIGNERSEAM,
	REG_SEAMATTRIBUTES,
	REG_TDATTRIBUTES,
	REG_XFAM,
	REG_MRCONFIGID,
	REG_MROWNER,
	REG_MROWNERCONFIG,
	REG_MRSERVICETD,
	REG_TEE_TCB_SVN,
	REG_TEE_TCB_SVN2,
	REG_MRENCLAVE,
	REG_MRSIGNER,
	REG_ISVPRODID,
	REG_ISVSVN,
	REG_ATTRIBUTES,
	REG_MISCSELECT,
	REG_CPUSVN,
	REG_CONFIGID,
	REG_CONFIGSVN,
	REG_ISVEXTPRODID,
	REG_ISVFAMILYID,
	REG_COUNT
};

/* The register's name in an allowlist, lower case. */
const char *quote_reg_name(enum quote_reg r);
/* The register of that exact name, REG_COUNT when it is none. */
enum quote_reg quote_reg_find(struct span name);

/* What a verdict says of a platform and its TCB, beside the status: what a network's rules may
 * ask. All zero before collateral was judged; a rule that asks for what is not there refuses. */
struct quote_verdict {
	uint32_t evaluation_number; /* of the collateral */
	int64_t tcb_date;
	int64_t outdated_since; /* since when the TCB is overtaken; 0: it is not, or unknown */
	int64_t judged_at; /* the time of the verdict */
	const char *advisories; /* ids with commas between; NULL: none */
	bool has_platform, has_piid;
	uint8_t fmspc[6], piid[16], ppid_sha256[32];
};

struct quote_view {
	enum tee tee;
	bool debug; /* the DEBUG bit of the TD's or the enclave's attributes */
	enum tcb_status tcb; /* TCB_UNKNOWN before collateral was judged */
	struct quote_verdict verdict;
	struct span report_data; /* 64 bytes */
	struct span reg[REG_COUNT]; /* empty: the quote has no such register */
	const char *const *bound_claims; /* those that report_data binds, NULL at the end of them;
	                                  * NULL: all */
};

#endif
