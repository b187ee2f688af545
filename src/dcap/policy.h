/* policy.h - what of an authentic quote with a TCB status the caller's policy takes. Judges only;
 * authenticity is verify.c's. */
#ifndef DCAP_POLICY_H
#define DCAP_POLICY_H

#include "base/err.h"
#include "dcap/verdict.h"

/* Check v's quote, status, date and evaluation number, noting each check in v and warning of what is
 * tolerated. */
MUST_CHECK bool policy_check(
    struct eedcap_verdict *v, const struct eedcap_policy *policy, struct err *e);

#endif
