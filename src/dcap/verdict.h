/* verdict.h - what a verification comes to. Owns its copy of the quote and the list of advisory
 * ids; made by verify.c, read through eedcap.h, never changed after. */
#ifndef DCAP_VERDICT_H
#define DCAP_VERDICT_H

#include "dcap/quote.h"
#include "dcap/tcb.h"
#include "dcap/when.h"
#include "eedcap.h"

#define WARNINGS_MAX 4

struct eedcap_verdict {
	struct eedcap_quote *quote;
	struct eedcap_platform platform;
	struct eedcap_error error;
	bool authentic, accepted;
	enum eedcap_status status, platform_status, qe_status, module_status, current_status;
	char (*advisories)[ADVISORY_MAX];
	size_t n_advisories;
	int64_t tcb_date;
	uint32_t evaluation_number;
	struct window valid;
	const char *warnings[WARNINGS_MAX]; /* constants */
	size_t n_warnings;
};

/* Take over the statuses, the date, and the advisory ids of all levels, sorted and unique. */
MUST_CHECK bool verdict_set_tcb(struct eedcap_verdict *v, const struct tcb_result *r,
    const struct tcb_info *ti, const struct qe_identity *qi, struct err *e);

void verdict_warn(struct eedcap_verdict *v, const char *text);

#endif
