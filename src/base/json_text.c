#include "base/json_text.h"

#include "base/ascii.h"
#include "base/utf8.h"

int32_t
json_hex4(struct span s, size_t i)
{
	int32_t v = 0;

	if (s.n < 4 || i > s.n - 4)
		return -1;
	for (size_t k = 0; k < 4; k++) {
		int d = ascii_hex(s.p[i + k]);

		if (d < 0)
			return -1;
		v = v * 16 + d;
	}
	return v;
}

/* One unescaped piece of the string text at *i: writes it, moves *i on, returns its length. The
 * text has been scanned, so there is nothing to refuse. */
static size_t
next_piece(struct span s, size_t *i, uint8_t out[static 4])
{
	static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
	const char *at;
	uint32_t u;

	if (s.p[*i] != '\\') {
		out[0] = s.p[(*i)++];
		return 1;
	}
	uint8_t c = s.p[*i + 1];

	if (c != 'u') {
		*i += 2;
		at = strchr(from, c);
		out[0] = at ? (uint8_t)to[at - from] : c;
		return 1;
	}
	u = (uint32_t)json_hex4(s, *i + 2);
	*i += 6;
	if (u >= 0xd800 && u <= 0xdbff) {
		u = 0x10000 + ((u - 0xd800) << 10) + ((uint32_t)json_hex4(s, *i + 2) - 0xdc00);
		*i += 6;
	}
	return utf8_put(u, out);
}

int
json_text_next(struct json_text *t)
{
	if (t->k == t->n) {
		if (t->i == t->s.n)
			return -1;
		t->n = next_piece(t->s, &t->i, t->piece);
		t->k = 0;
	}
	return t->piece[t->k++];
}
