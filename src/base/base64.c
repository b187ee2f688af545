#include "base/base64.h"

/* What a character stands for, plus one; 0 for one that is not of the alphabet. */
static const uint8_t values[256] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 63, 0, 0, 0, 64, 53, 54, 55,
    56, 57, 58, 59, 60, 61, 62, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
    15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 0, 0, 0, 0, 0, 0, 27, 28, 29, 30, 31, 32, 33,
    34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 0, 0, 0, 0, 0};

/* Decode groups of four without padding: nearly all of any text. What is not of the alphabet
 * turns to 255 and shows in the sum of their bits, so that a group takes one branch. */
static bool
whole_groups(struct span text, uint8_t *out)
{
	for (size_t i = 0; i < text.n; i += 4, out += 3) {
		const uint8_t *q = text.p + i;
		uint32_t a = (uint8_t)(values[q[0]] - 1), b = (uint8_t)(values[q[1]] - 1),
			 c = (uint8_t)(values[q[2]] - 1), d = (uint8_t)(values[q[3]] - 1);
		uint32_t v = a << 18 | b << 12 | c << 6 | d;

		if ((a | b | c | d) > 63)
			return false;
		out[0] = (uint8_t)(v >> 16);
		out[1] = (uint8_t)(v >> 8);
		out[2] = (uint8_t)v;
	}
	return true;
}

/* Decode the last group of four, whose last `pad` characters are '='. */
static bool
last_group(const uint8_t *q, size_t pad, uint8_t *out)
{
	uint32_t v = 0;

	for (size_t i = 0; i < 4; i++) {
		uint8_t d = i < 4 - pad ? values[q[i]] : 1;

		if (d == 0)
			return false;
		v = v << 6 | (uint32_t)(d - 1);
	}
	if ((v & ((1U << (8 * pad)) - 1)) != 0)
		return false;
	for (size_t i = 0; i < 3 - pad; i++)
		out[i] = (uint8_t)(v >> (16 - 8 * i));
	return true;
}

bool
base64_decode(struct span text, struct buf *out)
{
	size_t n = text.n / 4 * 3, pad = 0;
	uint8_t *dst;

	if (text.n % 4 != 0)
		return false;
	if (text.n == 0)
		return buf_ok(out);
	if (text.p[text.n - 1] == '=')
		pad = text.p[text.n - 2] == '=' ? 2 : 1;
	dst = buf_grow(out, n - pad);
	if (!dst)
		return false;
	if (!whole_groups(span_first(text, text.n - 4), dst)
	    || !last_group(text.p + text.n - 4, pad, dst + n - 3))
		return false;
	buf_grow_commit(out, n - pad);
	return true;
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
