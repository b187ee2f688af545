#include "base/utf8.h"

#include "base/swar.h"

/* RFC 3629 section 4, one row a line of its grammar: lead bytes, then the second byte's range.
 * The ranges of the second byte keep out overlong forms, surrogates and what is above 10FFFF. */
static const struct {
	uint8_t lead_lo, lead_hi, lo, hi, len;
} rows[] = {
    {0xc2, 0xdf, 0x80, 0xbf, 2},
    {0xe0, 0xe0, 0xa0, 0xbf, 3},
    {0xe1, 0xec, 0x80, 0xbf, 3},
    {0xed, 0xed, 0x80, 0x9f, 3},
    {0xee, 0xef, 0x80, 0xbf, 3},
    {0xf0, 0xf0, 0x90, 0xbf, 4},
    {0xf1, 0xf3, 0x80, 0xbf, 4},
    {0xf4, 0xf4, 0x80, 0x8f, 4},
};

size_t
utf8_len(struct span s)
{
	if (s.n == 0)
		return 0;
	if (s.p[0] < 0x80)
		return 1;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (s.p[0] < rows[i].lead_lo || s.p[0] > rows[i].lead_hi)
			continue;
		if (s.n < rows[i].len || s.p[1] < rows[i].lo || s.p[1] > rows[i].hi)
			return 0;
		for (size_t k = 2; k < rows[i].len; k++)
			if ((s.p[k] & 0xc0) != 0x80)
				return 0;
		return rows[i].len;
	}
	return 0;
}

size_t
utf8_ascii_run(struct span s)
{
	size_t i = 0;

	while (s.n - i >= 8 && swar_ascii(swar_load(s.p + i)))
		i += 8;
	while (i < s.n && s.p[i] < 0x80)
		i++;
	return i;
}

bool
utf8_valid(struct span s)
{
	for (size_t i = utf8_ascii_run(s); i < s.n; i += utf8_ascii_run(span_from(s, i))) {
		size_t n = utf8_len(span_from(s, i));

		if (n == 0)
			return false;
		i += n;
	}
	return true;
}

size_t
utf8_put(uint32_t cp, uint8_t out[static 4])
{
	if (cp < 0x80) {
		out[0] = (uint8_t)cp;
		return 1;
	}
	size_t n = cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
	static const uint8_t lead[] = {0, 0, 0xc0, 0xe0, 0xf0};

	for (size_t i = n - 1; i > 0; i--, cp >>= 6)
		out[i] = (uint8_t)(0x80 | (cp & 0x3f));
	out[0] = (uint8_t)(lead[n] | cp);
	return n;
}
