/* checks.h - the list of everything that a verification checks, and what came of it. The list is
 * checks.def; a struct checks is one result for each row. Owns nothing. */
#ifndef DCAP_CHECKS_H
#define DCAP_CHECKS_H

#include "base/attr.h"
#include "eedcap.h"

enum check {
#define CHECK(id, name, on, what, source) CHECK_##id,
#include "dcap/checks.def"
#undef CHECK
	CHECK_COUNT
};

struct checks {
	uint8_t result[CHECK_COUNT]; /* enum eedcap_result */
};

/* Note what came of a check, and return it. */
bool checked(struct checks *c, enum check id, bool ok);

/* Note that a check did not hold, and that the policy allows it; or that there was nothing that it
 * is about. */
void check_tolerated(struct checks *c, enum check id);
void check_not_applicable(struct checks *c, enum check id);

/* Where memory ran out nothing is known of the check that was under way. */
void checks_forget_failures(struct checks *c);

/* Take over what another list has results for. */
void checks_merge(struct checks *c, const struct checks *from);

#endif
