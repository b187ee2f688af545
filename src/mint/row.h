/* row.h - a case is a row: a name, what is bent, and what a verifier must say. The expectations
 * follow from the rules (docs/verification.md), never from a run of the verifier: it is the one
 * under test. The tables stand in cases_*.c; internal to this folder. */
#ifndef MINT_ROW_H
#define MINT_ROW_H

#include "mint/world.h"

struct mint_row {
	const char *name, *what;
	enum mint_kind kind;
	enum reason reason; /* as printed when every status and debug are allowed; OK: accepted */
	const char *status; /* of an accepted quote; NULL: UpToDate */
	const char *advisories; /* sorted, with commas between; NULL: none */
	const char *tcb_date; /* NULL: not looked at */
	const char *opt_in; /* authentic, and accepted by a policy that allows this */
	int also; /* an exit code besides the reason's, where the rules leave it open; 0: none */
	void (*bend)(struct mint_world *w, const struct mint_row *row);
	long a, b, c; /* what they mean is the bend's business */
	struct mint_edit edit[MINT_EDITS]; /* likewise: of the text that it bends */
};

struct mint_run;

/* Build a row's world and hand it over. */
MUST_CHECK bool mint_run_row(struct mint_run *r, const struct mint_row *row, struct err *e);

/* As many rows of a table. */
MUST_CHECK bool mint_run_rows(
    struct mint_run *r, const struct mint_row *rows, size_t n, struct err *e);
#define MINT_RUN_TABLE(r, table, e) mint_run_rows(r, table, sizeof(table) / sizeof(table)[0], e)

/* One group each. */
MUST_CHECK bool mint_cases_quote(struct mint_run *r, struct err *e);
MUST_CHECK bool mint_cases_signature(struct mint_run *r, struct err *e);
MUST_CHECK bool mint_cases_data(struct mint_run *r, struct err *e);
MUST_CHECK bool mint_cases_chain(struct mint_run *r, struct err *e);
MUST_CHECK bool mint_cases_cert(struct mint_run *r, struct err *e);
MUST_CHECK bool mint_cases_crl(struct mint_run *r, struct err *e);
MUST_CHECK bool mint_cases_time(struct mint_run *r, struct err *e);
MUST_CHECK bool mint_cases_tcb_info(struct mint_run *r, struct err *e);
MUST_CHECK bool mint_cases_qe(struct mint_run *r, struct err *e);
MUST_CHECK bool mint_cases_td(struct mint_run *r, struct err *e);
MUST_CHECK bool mint_cases_level(struct mint_run *r, struct err *e);
MUST_CHECK bool mint_cases_matrix(struct mint_run *r, struct err *e);

/* Bends that only do the row's edits. */
void mint_bend_tcb_info(struct mint_world *w, const struct mint_row *row);
void mint_bend_qe_identity(struct mint_world *w, const struct mint_row *row);
void mint_bend_collateral(struct mint_world *w, const struct mint_row *row);

#endif
