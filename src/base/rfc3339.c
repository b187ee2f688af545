#include "base/rfc3339.h"

#include <string.h>

#define DAY INT64_C(86400)
/* 0000-01-01T00:00:00Z and 9999-12-31T23:59:59Z. */
#define FIRST INT64_C(-62167219200)
#define LAST  INT64_C(253402300799)

/* Days from 1970-01-01 to a date of the Gregorian calendar. Years are counted from March, so that
 * the leap day is the last of its year; 400 years have 146097 days. */
static int64_t
days_of(int64_t y, int64_t m, int64_t d)
{
	y -= m <= 2;

	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t yoe = y - era * 400;
	int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;

	return era * 146097 + doe - 719468;
}

/* By hand: every answer about an app holds five times, and snprintf costs more than all else of one. */
static void
put(char *dst, size_t n, int64_t v)
{
	for (; n; v /= 10)
		dst[--n] = (char)('0' + v % 10);
}

const char *
rfc3339_write(int64_t s, char dst[static RFC3339_SIZE])
{
	s = s < FIRST ? FIRST : s > LAST ? LAST : s;

	/* All sums below are of positive numbers: day 0 is 0000-03-01 of the era that holds s. */
	int64_t days = s / DAY - (s % DAY < 0), left = s - days * DAY;
	int64_t z = days + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;
	int64_t d = doy - (153 * mp + 2) / 5 + 1, m = mp + (mp < 10 ? 3 : -9);
	int64_t y = yoe + era * 400 + (m <= 2);

	memcpy(dst, "0000-00-00T00:00:00Z", RFC3339_SIZE);
	put(dst, 4, y);
	put(dst + 5, 2, m);
	put(dst + 8, 2, d);
	put(dst + 11, 2, left / 3600);
	put(dst + 14, 2, left / 60 % 60);
	put(dst + 17, 2, left % 60);
	return dst;
}

static bool
digits(struct span s, size_t from, size_t n, int64_t *out)
{
	*out = 0;
	for (size_t i = from; i < from + n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		*out = *out * 10 + (s.p[i] - '0');
	}
	return true;
}

static int64_t
month_days(int64_t y, int64_t m)
{
	static const uint8_t n[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;

	return m == 2 && leap ? 29 : n[m - 1];
}

/* Nothing, or `.` and at least one digit; then Z. */
static bool
fraction_ok(struct span s)
{
	size_t i = 0;

	if (s.n > 1 && s.p[0] == '.') {
		for (i = 1; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++)
			;
		if (i == 1)
			return false;
	}
	return s.n == i + 1 && s.p[i] == 'Z';
}

bool
rfc3339_read(struct span t, int64_t *out)
{
	int64_t y, m, d, h, min, s;

	if (t.n < 20 || t.p[4] != '-' || t.p[7] != '-' || t.p[10] != 'T' || t.p[13] != ':'
	    || t.p[16] != ':')
		return false;
	if (!digits(t, 0, 4, &y) || !digits(t, 5, 2, &m) || !digits(t, 8, 2, &d)
	    || !digits(t, 11, 2, &h) || !digits(t, 14, 2, &min) || !digits(t, 17, 2, &s))
		return false;
	if (m < 1 || m > 12 || d < 1 || d > month_days(y, m) || h > 23 || min > 59 || s > 59)
		return false;
	if (!fraction_ok(span_from(t, 19)))
		return false;
	*out = days_of(y, m, d) * DAY + h * 3600 + min * 60 + s;
	return true;
}
