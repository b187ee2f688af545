/* policy.h - what a network asks beyond authenticity: TEE, debug, TCB status, sealed code, and an
 * agent whose settings keep traffic where it belongs. Pure decisions over values. */
#ifndef CORE_POLICY_H
#define CORE_POLICY_H

#include "core/appraisal.h"

/* The part that needs no allowlist: tee_not_allowed, debug_td, tcb_status_rejected:<status>,
 * advisory_denied:<id>, collateral_outdated, tcb_date_rejected, platform_denied,
 * platform_not_allowed. A status passes that is accepted, or is OutOfDate within the grace, or has
 * advisories and all of them are accepted. */
MUST_CHECK bool policy_judge_quote(
    const struct network *net, const struct quote_view *q, struct err *e);

/* Until when the grace of a network carries a quote whose status it does not accept; 0: it does not
 * apply. */
int64_t policy_grace_end(const struct network *net, const struct quote_view *q);

/* The same where nothing but the grace carries it: at that moment it is refused. 0: it leans on none. */
int64_t policy_leans_until(const struct network *net, const struct quote_view *q);

/* Whose code a network takes: repo_not_allowed. repo_id 0: not known, any. */
MUST_CHECK bool policy_judge_repo(
    const struct network *net, const char *repo, int64_t repo_id, struct err *e);

/* release_mutable. `immutable`: the release says that nobody can change it. */
MUST_CHECK bool policy_judge_release(const struct network *net, bool immutable, struct err *e);

/* The TCB statuses to which the allowlist of an admission narrows. */
MUST_CHECK bool policy_judge_list(const struct admission *a, enum tcb_status tcb, struct err *e);

/* What a network asks of an answer that was right, as far as what an admission keeps decides it:
 * neither platform, repository and release, nor the TCB's date and advisories. Both at the
 * admission and at once after the rules have changed. */
MUST_CHECK bool policy_judge_admission(
    const struct network *net, const struct admission *a, struct err *e);

/* The whole: as above, then the list's narrower TCB statuses, sealed_required,
 * allowlist_unmeasured, agent_config_rejected. `audience` is the one that the quote binds. */
MUST_CHECK bool policy_judge(const struct network *net, const struct quote_view *q,
    const struct json_doc *doc, const struct json_node *claims, const struct allowlist_match *m,
    const char *audience, bool channel_bound, struct admission *out, struct err *e);

#endif
