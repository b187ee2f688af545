/* attest_impl.h - what attest.c (judging) and admit.c (registry and disk) share: one attempt. It
 * owns what it gathered; the tunnel and the settings are borrowed. */
#ifndef CONTROL_ATTEST_IMPL_H
#define CONTROL_ATTEST_IMPL_H

#include "control/attest.h"
#include "control/evidence.h"
#include "control/lists.h"
#include "core/appraisal.h"

struct attempt {
	struct control *c;
	struct tunnel *t; /* NULL: the tunnel let go; end at the next callback */
	uint32_t number;
	uint64_t begun_ms;
	bool busy; /* the worker pool or the store holds this: no freeing now */
	bool proven; /* the offline checks held */
	bool tells_pin; /* the audit trail learns of the pin by this one's commit */
	attest_evidence_fn *done; /* fresh evidence: who hears of the end in the session's place */
	void *done_ctx;
	struct net_defer begin;
	struct net_timer again;

	/* What was asked and what came. */
	struct attest_identity *id; /* a copy */
	struct appraisal_challenge asked;
	char channel[ATTEST_CHANNEL_MAX + 1];
	char nonce_text[2 * ATTEST_NONCE + 1];
	struct buf text; /* the message; `msg` points into it */
	struct msg msg;
	bool has_msg;
	struct buf quote;
	bool readable; /* what came is an answer to what was asked; else `why` says what it is */
	struct err why;
	struct appraisal_offline offline;
	uint64_t nets_age; /* of the rules that it was judged by */
	struct network net; /* those rules */
	uint64_t collateral_age; /* of the collateral */

	/* What was gathered. */
	int64_t now_s;
	struct eedcap_quote *q;
	struct eedcap_error dcap;
	struct eedcap_platform platform;
	struct collateral_wait *col_wait;
	struct collateral *col;
	struct release_wait *rel_wait;
	struct list *list;
	int64_t repo_id;
	bool secret, immutable;
	uint8_t allowlist_sha256[ATTEST_DIGEST];
	bool looked; /* on the disk, for those that were pinned */
	struct eedcap_verdict *verdict;

	/* What it earns. */
	struct admission earned;
	struct standing standing;
	struct registry_admission admission;
	struct registry_claim claim;
	char advisories[ROW_ADVISORIES_MAX]; /* the verdict's ids, with commas between */
	uint8_t ppid_sha256[ATTEST_DIGEST];
	struct buf record; /* of its evidence */
	uint64_t session; /* the tunnel's id, when the tunnel itself may be gone */
	uint64_t older_id, older_admitted_n; /* of the tunnel that must prove itself */
};

/* The end: tell the session, which may close the tunnel over it. Frees the attempt. */
void attempt_finish(struct attempt *a, enum session_event ev, const struct err *e);

/* The end by a refusal, noted for dashboard, log and audit. */
void attempt_refuse(struct attempt *a, const struct err *e);

/* Come back from where the attempt could not be freed. False: it ended meanwhile, and is gone. */
MUST_CHECK bool attempt_come_back(struct attempt *a);

/* Bring a judged attempt into the registry, to the disk, and then into routing. ctx is the
 * attempt, so that a timer can try again. */
void attempt_claim(void *ctx);

/* The verification as a row of evidence, which borrows from the attempt. */
MUST_CHECK bool attempt_evidence(struct attempt *a, struct evidence_row *row, struct err *e);

/* A verdict's advisory ids, with commas between, as far as they fit. */
void verdict_join_advisories(const struct eedcap_verdict *v, char dst[static ROW_ADVISORIES_MAX]);

#endif
