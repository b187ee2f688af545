#include "dcap/when.h"

#include "base/rfc3339.h"

bool
when_parse(struct span s, int64_t *out)
{
	/* No fraction, and no year 0, which the calendar does not have. */
	return s.n == RFC3339_SIZE - 1 && !span_starts(s, "0000") && rfc3339_read(s, out);
}

bool
when_parse_asn1(struct span s, bool utc, int64_t *out)
{
	size_t year = utc ? 2 : 4;
	char text[RFC3339_SIZE] = "19yy-mm-ddThh:mm:ssZ";
	const uint8_t *from = s.p;

	if (s.n != year + 11 || s.p[s.n - 1] != 'Z')
		return false;
	if (utc && s.p[0] < '5') /* RFC 5280 section 4.1.2.5.1 */
		memcpy(text, "20", 2);
	memcpy(text + 4 - year, from, year);
	from += year;
	for (size_t at = 5; at < sizeof text - 2; at += 3, from += 2)
		memcpy(text + at, from, 2);
	return when_parse(span_of(text, sizeof text - 1), out);
}

void
window_narrow(struct window *w, struct window v)
{
	if (v.start > w->start)
		w->start = v.start;
	if (v.end < w->end)
		w->end = v.end;
}
