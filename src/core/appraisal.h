/* appraisal.h - judge an agent's answer to a challenge. Two steps: appraise_offline needs nothing
 * but the answer and the quote's authenticated bytes, so it runs before anything is fetched or
 * written on a stranger's word; appraise_full needs the verifier's verdict and the allowlist.
 * Pure; keeps nothing. The caller authenticates the quote (eedcap) before appraise_full. */
#ifndef CORE_APPRAISAL_H
#define CORE_APPRAISAL_H

#include "attest/attest.h"
#include "core/allowlist.h"
#include "core/network.h"
#include "core/quote_view.h"

/* What was asked: the control plane's own copies. */
struct appraisal_challenge {
	enum attest_purpose purpose;
	const struct attest_identity *id;
	uint8_t nonce[ATTEST_NONCE];
	const char *channel; /* hex of the TLS exporter, or "" where none is expected */
	bool legacy; /* the first agents' form is taken too: no nonce in the quote */
	const char *const *audiences; /* accepted origins, finished */
	size_t audience_n;
};

/* What came: members of attest_response. */
struct appraisal_answer {
	struct span nonce; /* hex text */
	struct span report_data; /* hex text */
	const struct json_doc *doc;
	const struct json_node *measurements;
};

struct appraisal_offline {
	const char *audience; /* the one of `audiences` that the quote binds */
	uint8_t claims_digest[ATTEST_DIGEST];
	bool unbound; /* the first agents' form: it may be a copy of another VM's quote */
};

/* What an accepted answer earns, and what of a network's rules needs no quote to be judged: when they
 * change, it is judged again by this at once, and by its quote soon after. */
struct admission {
	size_t entry; /* the allowlist's alternative that matched */
	const char *config_fault; /* what agent_config lacks for a sealed network, or NULL */
	enum tcb_status tcb;
	enum tee tee;
	bool sealed; /* claimed by measured code that is not a debug TD */
	bool measured; /* the matching entry pins mrtd, rtmr1 and rtmr2 */
	bool debug;
	bool unbound; /* no nonce in the quote: freshness none */
	bool claims_sealed; /* as far as the agent's word goes */
	bool immutable; /* the release is; the caller sets it */
	uint16_t list_accept; /* TCB_BITs that the allowlist leaves */
};

/* Nonce, report data, claims digest, binding digest; in that order. Reasons: nonce_mismatch,
 * missing_quote_or_measurements, claims_not_canonical, report_data_mismatch with the causes
 * claims_mismatch, binding_mismatch and freshness_missing. */
MUST_CHECK bool appraise_offline(const struct appraisal_challenge *c,
    const struct appraisal_answer *a, const struct quote_view *q, struct appraisal_offline *out,
    struct err *e);

/* TEE, debug, TCB status, allowlist, then the network's rules. q->tcb is the verdict's. `secret`:
 * the repo is private. */
MUST_CHECK bool appraise_full(const struct network *net, const struct appraisal_challenge *c,
    const struct appraisal_answer *a, const struct appraisal_offline *off,
    const struct quote_view *q, const struct allowlist *al, bool secret, struct admission *out,
    struct err *e);

#endif
