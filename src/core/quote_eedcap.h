/* quote_eedcap.h - fill core's view of a quote from the verifier's handle. Inline, so that core
 * itself need not link the verifier. The view borrows from the handle. */
#ifndef CORE_QUOTE_EEDCAP_H
#define CORE_QUOTE_EEDCAP_H

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

#endif
