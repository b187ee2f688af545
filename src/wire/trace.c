#include "wire/trace.h"

#include "base/ascii.h"
#include "base/hex.h"
#include <stdio.h>

#define TRACE_ID  16
#define PARENT_ID 8
/* Where the parts lie in 00-{32 digits}-{16 digits}-{2 digits}. */
#define TRACE_AT  3
#define PARENT_AT 36
#define FLAGS_AT  53
#define LENGTH    55

/* Lower-case hex digits only (section 3.2.2); `any` tells whether one of them is not 0. */
static bool
digits(struct span s, bool *any)
{
	*any = false;
	for (size_t i = 0; i < s.n; i++) {
		if (ascii_hex(s.p[i]) < 0 || (s.p[i] >= 'A' && s.p[i] <= 'F'))
			return false;
		*any = *any || s.p[i] != '0';
	}
	return true;
}

bool
trace_parent_ok(struct span v)
{
	bool any, trace, parent;

	if (v.n < LENGTH || v.p[TRACE_AT - 1] != '-' || v.p[PARENT_AT - 1] != '-'
	    || v.p[FLAGS_AT - 1] != '-')
		return false;
	/* Version ff is forbidden; 00 ends here, a later one may go on behind a dash. */
	if (!digits(span_first(v, 2), &any) || span_starts(v, "ff")
	    || (v.n > LENGTH && (!any || v.p[LENGTH] != '-')))
		return false;
	return digits(span_first(span_from(v, TRACE_AT), 2 * TRACE_ID), &trace) && trace
	       && digits(span_first(span_from(v, PARENT_AT), 2 * PARENT_ID), &parent) && parent
	       && digits(span_first(span_from(v, FLAGS_AT), 2), &any);
}

void
trace_parent_write(const uint8_t random[static TRACE_RANDOM], char dst[static TRACE_PARENT_MAX])
{
	uint8_t id[TRACE_RANDOM];
	char hex[2 * TRACE_RANDOM + 1];

	memcpy(id, random, sizeof id);
	/* Neither id may be all zeros. */
	id[TRACE_ID - 1] |= 1;
	id[TRACE_RANDOM - 1] |= 1;
	hex_encode(span_of(id, sizeof id), hex);
	snprintf(dst, TRACE_PARENT_MAX, "00-%.32s-%.16s-01", hex, hex + 2 * (size_t)TRACE_ID);
}
