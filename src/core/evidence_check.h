/* evidence_check.h - repeat a verification from a document: each thing that was checked, one by one,
 * with its result. Whoever calls verifies quote and collateral first (eedcap) and says what came of
 * it. Pure; keeps nothing. */
#ifndef CORE_EVIDENCE_CHECK_H
#define CORE_EVIDENCE_CHECK_H

#include "core/evidence.h"

enum evidence_step {
	EVIDENCE_COLLATERAL, /* its bytes have the digest that the record names */
	EVIDENCE_QUOTE, /* the caller's: quote and collateral verify */
	EVIDENCE_CLAIMS, /* the quote binds the claims */
	EVIDENCE_BINDING, /* and the binding */
	EVIDENCE_NONCE, /* the binding holds the nonce that is demanded */
	EVIDENCE_IDENTITY, /* binding, record, policy and document name one replica */
	EVIDENCE_LIST_BYTES, /* the allowlist's bytes have the digest that the record names */
	EVIDENCE_LIST, /* one entry of it matches */
	EVIDENCE_NETWORK, /* the network's rules take it */
	EVIDENCE_RESULT, /* what the record says of the result is the result */
	EVIDENCE_STEPS
};

enum evidence_result {
	EVIDENCE_NOT_CHECKED, /* something before it, or what it needs, is missing */
	EVIDENCE_HOLDS,
	EVIDENCE_NOT_ASKED, /* does not apply */
	EVIDENCE_FAILED
};

struct evidence_report {
	enum evidence_result step[EVIDENCE_STEPS];
	struct err why[EVIDENCE_STEPS]; /* of those that failed or were not checked */
};

/* What the caller knows besides the document. */
struct evidence_demands {
	const uint8_t *nonce; /* the visitor's own, or NULL */
	const char *app_name; /* that was asked for, or NULL: the document's */
	struct span allowlist; /* for a private repository's; empty: none */
	/* The verified quote, with the verdict's status and advisories (commas between); NULL: it
	 * did not verify, and why. */
	const struct quote_view *quote;
	const char *advisories;
	const struct err *refused;
};

/* Go through every step, also behind one that failed. */
void evidence_check(const struct evidence_file *f, const struct evidence_item *it,
    const struct evidence_demands *d, struct evidence_report *out);

/* The first step that failed or could not be checked; EVIDENCE_STEPS where all is well. */
enum evidence_step evidence_fault(const struct evidence_report *r);

/* A token for programs and a sentence for people. */
const char *evidence_step_name(enum evidence_step s);
const char *evidence_step_what(enum evidence_step s);
const char *evidence_result_name(enum evidence_result r);

#endif
