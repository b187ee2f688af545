#include "dcap/when.h"

/* Days since 1970-01-01 of a day of the Gregorian calendar, y >= 1. */
static int64_t
days_of(int64_t y, int64_t m, int64_t d)
{
	/* Count years from March, so that the leap day is the last one. */
	int64_t a = m <= 2 ? y - 1 : y;
	int64_t mp = m <= 2 ? m + 9 : m - 3;

	return a * 365 + a / 4 - a / 100 + a / 400 + (mp * 153 + 2) / 5 + d - 1 - 719468;
}

static bool
is_date(int y, int m, int d)
{
	static const int length[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;

	if (y < 1 || m < 1 || m > 12 || d < 1)
		return false;
	return d <= length[m - 1] + (m == 2 && leap ? 1 : 0);
}

/* Match s against a pattern in which a letter stands for a digit of that field. */
static bool
parse(struct span s, const char *pattern, int64_t *out)
{
	int y = 0, mo = 0, d = 0, h = 0, mi = 0, sec = 0;

	if (s.n != strlen(pattern))
		return false;
	for (size_t i = 0; i < s.n; i++) {
		int *field = pattern[i] == 'y'   ? &y
			     : pattern[i] == 'n' ? &mo
			     : pattern[i] == 'd' ? &d
			     : pattern[i] == 'h' ? &h
			     : pattern[i] == 'm' ? &mi
			     : pattern[i] == 's' ? &sec
						 : NULL;

		if (!field && s.p[i] != (uint8_t)pattern[i])
			return false;
		if (!field)
			continue;
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		*field = *field * 10 + (s.p[i] - '0');
	}
	if (strlen(pattern) == 13) /* RFC 5280 section 4.1.2.5.1 */
		y += y < 50 ? 2000 : 1900;
	if (!is_date(y, mo, d) || h > 23 || mi > 59 || sec > 59)
		return false;
	*out = ((days_of(y, mo, d) * 24 + h) * 60 + mi) * 60 + sec;
	return true;
}

bool
when_parse(struct span s, int64_t *out)
{
	return parse(s, "yyyy-nn-ddThh:mm:ssZ", out);
}

bool
when_parse_asn1(struct span s, bool utc, int64_t *out)
{
	return parse(s, utc ? "yynnddhhmmssZ" : "yyyynnddhhmmssZ", out);
}

void
window_narrow(struct window *w, struct window v)
{
	if (v.start > w->start)
		w->start = v.start;
	if (v.end < w->end)
		w->end = v.end;
}
