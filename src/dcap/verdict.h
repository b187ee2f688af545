/* verdict.h - what a verification comes to. Owns the list of advisory ids and, where it
 * was made of bytes, the quote; made by verify.c, read through eedcap.h, never changed after. */
#ifndef DCAP_VERDICT_H
#define DCAP_VERDICT_H

#include "dcap/checks.h"
#include "dcap/quote.h"
#include "dcap/shortfall.h"
#include "dcap/tcb.h"
#include "dcap/when.h"
#include "eedcap.h"

#define WARNINGS_MAX 8

/* An advisory id, and of which parts' levels it is (bits of enum eedcap_part). */
struct advisory {
	char id[ADVISORY_MAX];
	uint32_t parts;
};

struct eedcap_verdict {
	const struct eedcap_quote *quote;
	struct eedcap_quote *own_quote; /* the same where the verdict made it; else NULL */
	struct eedcap_platform platform;
	struct eedcap_error error;
	bool authentic, in_time, accepted;
	enum eedcap_status status, current_status;
	struct {
		enum eedcap_status status; /* NONE: there is no such part */
		int64_t date;
	} part[EEDCAP_PARTS];
	struct advisory *advisories; /* sorted, unique */
	size_t n_advisories;
	int64_t tcb_date;
	struct shortfalls shortfalls; /* the verdict frees the list */
	uint32_t evaluation_number;
	struct window valid;
	struct checks checks;
	const char *warnings[WARNINGS_MAX]; /* constants */
	size_t n_warnings;
};

/* Take over the statuses, the dates, and the advisory ids of all levels. */
MUST_CHECK bool verdict_set_tcb(struct eedcap_verdict *v, const struct tcb_result *r,
    const struct tcb_info *ti, const struct qe_identity *qi, struct err *e);

void verdict_warn(struct eedcap_verdict *v, const char *text);

#endif
