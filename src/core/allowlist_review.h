/* allowlist_review.h - what an allowlist admits, for the person who writes it: its weaknesses, and how
 * one differs from another. Judges no agent: allowlist.h does. Keeps nothing. */
#ifndef CORE_ALLOWLIST_REVIEW_H
#define CORE_ALLOWLIST_REVIEW_H

#include "base/err.h"
#include "base/span.h"

#include <stdint.h>

enum review_kind {
	REVIEW_WEAK, /* it admits what its author will not have meant, or nobody */
	REVIEW_NOTE, /* right as it may be, and easily missed */
	REVIEW_ADMITS, /* the new list admits what the old one refused */
	REVIEW_REFUSES /* the new list refuses what the old one admitted */
};

#define REVIEW_NO_ENTRY SIZE_MAX

struct review_line {
	enum review_kind kind;
	size_t entry; /* the alternative, from 0; of the new list where two are compared */
	char key[64]; /* or empty */
	char text[200];
};

typedef void review_fn(void *ctx, const struct review_line *line);

/* Hand every weakness of a list to fn. False, and e as of allowlist_parse, where the control plane would
 * refuse the list itself; LIMIT above a thousand alternatives. `release_tag` NULL: as the list says. */
MUST_CHECK bool allowlist_check(
    struct span asset, const char *release_tag, review_fn *fn, void *ctx, struct err *e);

/* Hand every difference to fn: what the new list admits or refuses that the old one did not. False
 * where either would be refused; e's detail begins with "old" or "new". */
MUST_CHECK bool allowlist_diff(
    struct span old, struct span new, review_fn *fn, void *ctx, struct err *e);

#endif
