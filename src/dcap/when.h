/* when.h - points in time, as they are spelled in collateral and certificates, to and from
 * seconds since 1970 UTC. Strict grammars, real calendar days, no leap second, no clock. */
#ifndef DCAP_WHEN_H
#define DCAP_WHEN_H

#include "base/attr.h"
#include "base/span.h"

/* Read exactly YYYY-MM-DDTHH:MM:SSZ. */
MUST_CHECK bool when_parse(struct span s, int64_t *out);

/* Read YYMMDDHHMMSSZ (utc; years 1950 to 2049) or YYYYMMDDHHMMSSZ. */
MUST_CHECK bool when_parse_asn1(struct span s, bool utc, int64_t *out);

/* A stretch of time, both ends in it. */
struct window {
	int64_t start, end;
};

/* All of time: what window_narrow starts from. */
#define WINDOW_ALWAYS ((struct window){INT64_MIN, INT64_MAX})

/* Leave of w only what lies in v too. */
void window_narrow(struct window *w, struct window v);

#endif
