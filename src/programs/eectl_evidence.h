/* eectl_evidence.h - what `eectl evidence verify` found, for programs and for people. Prints to
 * stdout; judges nothing. */
#ifndef PROGRAMS_EECTL_EVIDENCE_H
#define PROGRAMS_EECTL_EVIDENCE_H

#include "core/evidence_check.h"
#include "eedcap.h"

/* One replica. */
struct evidence_found {
	int64_t at_s; /* judged as of this time */
	struct evidence_report report;
	struct eedcap_verdict *verdict; /* NULL: the collateral was refused */
};

struct evidence_findings {
	const struct evidence_file *file;
	struct evidence_found *found; /* one for each item of the file */
	bool custom_root; /* trusted in place of Intel's */
};

/* The first fault of all; NULL where there is none. */
const struct err *evidence_first_fault(const struct evidence_findings *f);

void evidence_report_text(const struct evidence_findings *f);
MUST_CHECK bool evidence_report_json(const struct evidence_findings *f);

#endif
