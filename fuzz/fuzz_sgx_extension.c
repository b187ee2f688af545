/* Any bytes as the PCK certificate's SGX extension: what is taken is within its ranges, and the same
 * when read again. */
#include <stdlib.h>

#include "dcap/sgx_extension.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct eedcap_platform p = {0}, again = {0}, untouched = {0};
	struct err e = {0};

	if (!sgx_extension_parse(&p, span_of(data, n), &e)) {
		if (e.code == ERR_NONE || memcmp(&p, &untouched, sizeof p) != 0)
			abort();
		return 0;
	}
	if (p.sgx_type > 2 || p.dynamic_platform > 1 || p.cached_keys > 1 || p.smt_enabled > 1)
		abort();
	if (!sgx_extension_parse(&again, span_of(data, n), &e) || memcmp(&p, &again, sizeof p) != 0)
		abort();
	return 0;
}
