/* quote_eedcap.h - between core and the verifier: core's view of a quote from the verifier's handle,
 * what the verifier is asked to refuse, its refusals as errors. Inline, so that core itself need not
 * link the verifier. The view borrows from the handle. */
#ifndef CORE_QUOTE_EEDCAP_H
#define CORE_QUOTE_EEDCAP_H

#include "base/err.h"
#include "core/quote_view.h"
#include "eedcap.h"

/* `status`: the verdict's, EEDCAP_STATUS_NONE before there is one. DEBUG is bit 0 of a TD's
 * attributes and bit 1 of an enclave's (Intel SDM, TDX module ABI); a quote without them counts
 * as debug. */
static inline void
quote_view_of(struct quote_view *v, const struct eedcap_quote *q, enum eedcap_status status)
{
	const char *name = eedcap_status_name(status);
	const uint8_t *p = NULL;
	size_t n = 0;

	memset(v, 0, sizeof *v);
	v->tee = eedcap_quote_tee(q) == EEDCAP_TDX ? TEE_TDX : TEE_SGX;
	v->tcb = name ? tcb_status_find(span_str(name)) : TCB_UNKNOWN;
	v->report_data = span_of(eedcap_quote_report_data(q), 64);
	for (unsigned r = 0; r < REG_COUNT; r++)
		if (eedcap_quote_register(q, quote_reg_name((enum quote_reg)r), &p, &n))
			v->reg[r] = span_of(p, n);
	struct span a = v->reg[v->tee == TEE_TDX ? REG_TDATTRIBUTES : REG_ATTRIBUTES];
	v->debug = a.n == 0 || (a.p[0] & (v->tee == TEE_TDX ? 0x01 : 0x02)) != 0;
}

/* The same of a verdict that was accepted, with all that it says: `advisories` (commas between) is
 * borrowed, ppid_sha256 (NULL: unknown) copied. */
static inline void
quote_view_of_verdict(struct quote_view *v, const struct eedcap_verdict *from, int64_t now_s,
    const char *advisories, const uint8_t *ppid_sha256)
{
	const struct eedcap_platform *p = eedcap_verdict_platform(from);

	quote_view_of(v, eedcap_verdict_quote(from), eedcap_verdict_status(from));
	v->verdict = (struct quote_verdict){
	    .evaluation_number = eedcap_verdict_evaluation_number(from),
	    .tcb_date = eedcap_verdict_tcb_date(from),
	    .outdated_since = eedcap_verdict_outdated_since(from),
	    .judged_at = now_s,
	    .advisories = advisories,
	    .has_platform = p && ppid_sha256,
	    .has_piid = p && p->has_instance_id};
	if (!p || !ppid_sha256)
		return;
	memcpy(v->verdict.fmspc, p->fmspc, sizeof p->fmspc);
	memcpy(v->verdict.piid, p->instance_id, sizeof p->instance_id);
	memcpy(v->verdict.ppid_sha256, ppid_sha256, 32);
}

/* Debug and TCB status are the network's to judge (policy.h), by their own names. */
#define QUOTE_POLICY                                                                               \
	{                                                                                          \
		.accept = EEDCAP_ACCEPT_ANY, .flags = EEDCAP_ALLOW_DEBUG | EEDCAP_DENY_MIGRATABLE  \
	}

/* Record the verifier's refusal; false. Its tokens stand in the table of reasons, below
 * dcap_verification_failed. */
static inline bool
quote_refused(const struct eedcap_error *d, struct err *e)
{
	static const enum err_code codes[] = {[EEDCAP_USAGE] = ERR_USAGE,
	    [EEDCAP_MALFORMED] = ERR_MALFORMED,
	    [EEDCAP_UNTRUSTED] = ERR_UNTRUSTED,
	    [EEDCAP_EXPIRED] = ERR_EXPIRED,
	    [EEDCAP_TCB] = ERR_TCB,
	    [EEDCAP_POLICY] = ERR_POLICY,
	    [EEDCAP_NO_MEMORY] = ERR_NOMEM};
	enum reason r = reason_find(d->reason, strlen(d->reason));
	bool known = d->kind > EEDCAP_OK && d->kind <= EEDCAP_NO_MEMORY;

	(void)err_show(e, "%s", d->detail);
	return err_set(e, known ? codes[d->kind] : ERR_UNTRUSTED,
	    r == REASON_COUNT || r == REASON_OK ? REASON_DCAP_VERIFICATION_FAILED : r, "%s: %s",
	    d->reason, d->detail);
}

#endif
