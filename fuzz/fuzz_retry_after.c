/* Any bytes as the fields and names that the collateral client reads: Retry-After never means
 * longer than its ceiling, and a platform's name is read only as it is written. */
#include <stdlib.h>

#include "collateral/flights.h"
#include "collateral/key.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	char name[KEY_NAME_MAX];
	struct collateral_key k;

	if (flight_retry_after(span_of(p, n), 1000000000) > RETRY_AFTER_MAX_S)
		abort();
	if (key_read(span_of(p, n), &k) && !span_eq(span_of(p, n), span_str(key_name(&k, name))))
		abort();
	return 0;
}
