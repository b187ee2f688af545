/* Any bytes as TCB info. What is taken has levels, highest first and none twice. */
#include <stdlib.h>

#include "dcap/tcb_info.h"
#include "fuzz_document.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
check(const struct tcb_info *ti)
{
	if (ti->n_levels == 0)
		abort();
	for (size_t i = 1; i < ti->n_levels; i++) {
		const struct tcb_level *a = &ti->levels[i - 1], *b = &ti->levels[i];
		int by = memcmp(a->sgx, b->sgx, 16);

		if (by == 0)
			by = (a->pcesvn > b->pcesvn) - (a->pcesvn < b->pcesvn);
		if (by == 0)
			by = memcmp(a->tdx, b->tdx, 16);
		if (by <= 0)
			abort();
	}
	for (size_t i = 0; i < ti->n_identities; i++)
		if (ti->tee != EEDCAP_TDX || ti->identities[i].levels.n == 0)
			abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct tcb_info ti = {0};
	struct err e = {0};

	if (!load_document(&ti.doc, &tcb_info_kind, span_of(data, n)))
		return 0;
	if (tcb_info_read(&ti, &e))
		check(&ti);
	else if (e.code == ERR_NONE)
		abort();
	tcb_info_fini(&ti);
	return 0;
}
