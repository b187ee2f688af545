/* eectl_report.h - what `eectl verify` found, for programs (one JSON object) and for people (a short
 * text, and the whole story). Prints to stdout; judges nothing. */
#ifndef PROGRAMS_EECTL_REPORT_H
#define PROGRAMS_EECTL_REPORT_H

#include "base/attr.h"
#include "base/span.h"
#include "eedcap.h"

#define EXPECT_MAX 32

/* What came of an expectation. Those behind one that differs are not compared any more. */
enum expectation { EXPECT_NOT_COMPARED, EXPECT_EQUAL, EXPECT_DIFFERS };

/* What was demanded, and what came of it. */
struct report {
	struct eedcap_error error; /* reason "ok" where it was accepted */
	const struct eedcap_verdict *verdict; /* NULL: the collateral was refused */
	bool accepted;
	bool custom_root, show_ppid;
	int64_t now_s;
	const char *expect[EXPECT_MAX]; /* NAME=HEX */
	enum expectation compared[EXPECT_MAX];
	size_t n_expect;
};

MUST_CHECK bool report_json(const struct report *r);
void report_text(const struct report *r);
void report_explain(const struct report *r);

/* The name in NAME=HEX. */
struct span report_expect_name(const char *expect);

#endif
