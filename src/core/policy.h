/* policy.h - what a network asks beyond authenticity: TEE, debug, TCB status, sealed code, and an
 * agent whose settings keep traffic where it belongs. Pure decisions over values. */
#ifndef CORE_POLICY_H
#define CORE_POLICY_H

#include "core/appraisal.h"

/* The part that needs no allowlist: tee_not_allowed, debug_td, tcb_status_rejected:<status>. */
MUST_CHECK bool policy_judge_quote(
    const struct network *net, const struct quote_view *q, struct err *e);

/* What a network asks of an answer that was right: all of its rules, by what an admission keeps.
 * Both at the admission and after the rules have changed. */
MUST_CHECK bool policy_judge_admission(
    const struct network *net, const struct admission *a, struct err *e);

/* The whole: as above, then the list's narrower TCB statuses, sealed_required,
 * allowlist_unmeasured, agent_config_rejected. `audience` is the one that the quote binds. */
MUST_CHECK bool policy_judge(const struct network *net, const struct quote_view *q,
    const struct json_doc *doc, const struct json_node *claims, const struct allowlist_match *m,
    const char *audience, bool channel_bound, struct admission *out, struct err *e);

#endif
