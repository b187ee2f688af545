/* policy.h - what of an authentic quote with a TCB status the caller's policy takes. Judges only;
 * authenticity is verify.c's. */
#ifndef DCAP_POLICY_H
#define DCAP_POLICY_H

#include "base/err.h"
#include "dcap/verdict.h"

/* Check that no flag or status is asked for that this library does not know: a flag of a later one
 * may refuse something, and must not be passed over. policy may be NULL. */
MUST_CHECK bool policy_known(const struct eedcap_policy *policy, struct err *e);

/* Check v's quote, status, date and evaluation number, noting each check in v and warning of what is
 * tolerated. */
MUST_CHECK bool policy_check(
    struct eedcap_verdict *v, const struct eedcap_policy *policy, struct err *e);

#endif
