/* tcb.h - from a platform's security versions and Intel's documents to a TCB status. Pure
 * computation over parsed and verified values; points into the documents, owns nothing. */
#ifndef DCAP_TCB_H
#define DCAP_TCB_H

#include "dcap/checks.h"
#include "dcap/qe_identity.h"
#include "dcap/quote.h"
#include "dcap/tcb_info.h"
#include "eedcap.h"

struct tcb_input {
	const struct eedcap_platform *platform;
	const struct tcb_info *info;
	const struct qe_identity *identity;
	uint16_t qe_isvsvn;
	const uint8_t *svn; /* TEE_TCB_SVN, 16 bytes; NULL for SGX */
	const uint8_t *svn2; /* TEE_TCB_SVN2 of a TD report 1.5; else NULL */
};

/* What one TEE_TCB_SVN comes to. */
struct tcb_levels {
	const struct level *platform, *qe, *module; /* NULL where there is none of the kind */
	enum eedcap_status status; /* NONE: not evaluated */
	int64_t date; /* earliest of the levels */
};

struct tcb_result {
	struct tcb_levels launch; /* of the first SVN */
	struct tcb_levels current; /* of the second; nothing where there is none */
	enum eedcap_status status; /* of the whole */
};

/* Check that a TD's module is one that the TCB info names (its signer and attributes). */
MUST_CHECK bool tcb_check_module(
    const struct tcb_info *info, const struct td_report *td, struct err *e);

/* Find the levels and bring their statuses together. A revoked TCB is a result, not a failure;
 * no matching level is a failure. */
MUST_CHECK bool tcb_evaluate(
    struct tcb_result *out, const struct tcb_input *in, struct checks *checks, struct err *e);

#endif
