/* shortfall.h - what a platform lacks: how far each of its security versions is below the level
 * that Intel's documents ask for, and since when. Pure computation beside tcb.h; the list is
 * the caller's to free. */
#ifndef DCAP_SHORTFALL_H
#define DCAP_SHORTFALL_H

#include "dcap/tcb.h"

struct shortfalls {
	struct eedcap_shortfall *v; /* NULL: none */
	size_t n;
	int64_t outdated_since; /* as eedcap_verdict_outdated_since */
};

/* Compare with the levels that were found. */
MUST_CHECK bool shortfalls_find(struct shortfalls *out, const struct tcb_input *in,
    const struct tcb_levels *launch, struct err *e);

#endif
