#include "base/base64.h"

/* What a character stands for, plus one; 0 for one that is not of the alphabet. */
static const uint8_t values[256] = {['A'] = 1,
    ['B'] = 2,
    ['C'] = 3,
    ['D'] = 4,
    ['E'] = 5,
    ['F'] = 6,
    ['G'] = 7,
    ['H'] = 8,
    ['I'] = 9,
    ['J'] = 10,
    ['K'] = 11,
    ['L'] = 12,
    ['M'] = 13,
    ['N'] = 14,
    ['O'] = 15,
    ['P'] = 16,
    ['Q'] = 17,
    ['R'] = 18,
    ['S'] = 19,
    ['T'] = 20,
    ['U'] = 21,
    ['V'] = 22,
    ['W'] = 23,
    ['X'] = 24,
    ['Y'] = 25,
    ['Z'] = 26,
    ['a'] = 27,
    ['b'] = 28,
    ['c'] = 29,
    ['d'] = 30,
    ['e'] = 31,
    ['f'] = 32,
    ['g'] = 33,
    ['h'] = 34,
    ['i'] = 35,
    ['j'] = 36,
    ['k'] = 37,
    ['l'] = 38,
    ['m'] = 39,
    ['n'] = 40,
    ['o'] = 41,
    ['p'] = 42,
    ['q'] = 43,
    ['r'] = 44,
    ['s'] = 45,
    ['t'] = 46,
    ['u'] = 47,
    ['v'] = 48,
    ['w'] = 49,
    ['x'] = 50,
    ['y'] = 51,
    ['z'] = 52,
    ['0'] = 53,
    ['1'] = 54,
    ['2'] = 55,
    ['3'] = 56,
    ['4'] = 57,
    ['5'] = 58,
    ['6'] = 59,
    ['7'] = 60,
    ['8'] = 61,
    ['9'] = 62,
    ['+'] = 63,
    ['/'] = 64};

/* Decode one group of four whose last `pad` characters are '='. */
static bool
group(const uint8_t *q, size_t pad, uint8_t *out)
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
	for (size_t i = 0; i < text.n; i += 4)
		if (!group(text.p + i, i + 4 == text.n ? pad : 0, dst + i / 4 * 3))
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
