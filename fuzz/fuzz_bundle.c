/* Any bytes as a bundle: what is taken has all four items, within their ceilings. */
#include <stdlib.h>

#include "collateral/parts.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	const struct parts *from[EEDCAP_ITEMS];
	struct eedcap_collateral_parts lent;
	struct parts parts;
	struct err e = {0};

	if (parts_of_bundle(&parts, span_of(p, n), &e)) {
		for (int i = 0; i < EEDCAP_ITEMS; i++) {
			from[i] = &parts;
			if (!parts.item[i].there || !buf_ok(&parts.item[i].body)
			    || parts.item[i].body.n > 2 * parts_max((enum eedcap_item)i))
				abort();
		}
		parts_lend(from, &lent);
		if (lent.tcb_info.n != parts.item[EEDCAP_TCB_INFO].body.n
		    || lent.qe_identity_issuer_chain.n != parts.item[EEDCAP_QE_IDENTITY].chain.n)
			abort();
	} else if (e.code == ERR_NONE) {
		abort();
	}
	parts_fini(&parts);
	return 0;
}
