/* rfc3339.h - times as text, in UTC (RFC 3339). Seconds since 1970 in, `2026-01-02T03:04:05Z` out,
 * and back. */
#ifndef BASE_RFC3339_H
#define BASE_RFC3339_H

#include "base/attr.h"
#include "base/span.h"

/* Years 0000 to 9999; a time outside them is written as the nearest one inside. */
#define RFC3339_SIZE 21
const char *rfc3339_write(int64_t s, char dst[static RFC3339_SIZE]);

/* Read `YYYY-MM-DDThh:mm:ssZ`, a fraction of a second allowed and cut off. False on anything
 * else: no other zone, no leap second, no date that there is not. */
MUST_CHECK bool rfc3339_read(struct span text, int64_t *s);

#endif
