#include "base/base64.h"

static int
value(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Decode one group of four whose last `pad` characters are '='. */
static bool
group(const uint8_t *q, size_t pad, struct buf *out)
{
	uint32_t v = 0;

	for (size_t i = 0; i < 4; i++) {
		int d = i < 4 - pad ? value(q[i]) : 0;

		if (d < 0)
			return false;
		v = v << 6 | (uint32_t)d;
	}
	if ((v & ((1U << (8 * pad)) - 1)) != 0)
		return false;
	buf_add_be(out, v >> (8 * pad), 3 - pad);
	return true;
}

bool
base64_decode(struct span text, struct buf *out)
{
	if (text.n % 4 != 0)
		return false;
	for (size_t i = 0; i < text.n; i += 4) {
		const uint8_t *q = text.p + i;
		size_t pad = 0;

		if (i + 4 == text.n)
			pad = q[3] != '=' ? 0 : q[2] != '=' ? 1 : 2;
		if (!group(q, pad, out))
			return false;
	}
	return buf_ok(out);
}

void
base64_encode(struct span bytes, struct buf *out)
{
	static const char abc[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < bytes.n; i += 3) {
		size_t k = bytes.n - i < 3 ? bytes.n - i : 3;
		uint32_t v = 0;
		char q[4];

		for (size_t j = 0; j < 3; j++)
			v = v << 8 | (j < k ? bytes.p[i + j] : 0U);
		for (size_t j = 0; j < 4; j++)
			q[j] = j <= k ? abc[v >> (18 - 6 * j) & 63] : '=';
		buf_add(out, span_of(q, 4));
	}
}
