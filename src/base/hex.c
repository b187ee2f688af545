#include "base/hex.h"

static int
digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool
hex_decode(struct span text, uint8_t *dst, size_t n)
{
	if (text.n % 2 != 0 || text.n / 2 != n)
		return false;
	for (size_t i = 0; i < n; i++) {
		int hi = digit(text.p[2 * i]), lo = digit(text.p[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return false;
		dst[i] = (uint8_t)(hi * 16 + lo);
	}
	return true;
}

bool
hex_decode_buf(struct span text, struct buf *out)
{
	uint8_t *p = buf_grow(out, text.n / 2);

	if (p == NULL || !hex_decode(text, p, text.n / 2))
		return false;
	buf_grow_commit(out, text.n / 2);
	return true;
}

char *
hex_encode(struct span bytes, char *dst)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < bytes.n; i++) {
		dst[2 * i] = digits[bytes.p[i] >> 4];
		dst[2 * i + 1] = digits[bytes.p[i] & 15];
	}
	dst[2 * bytes.n] = '\0';
	return dst;
}

void
hex_encode_buf(struct span bytes, struct buf *out)
{
	uint8_t *p = buf_grow(out, 2 * bytes.n);

	/* buf_grow always leaves room for the NUL behind the capacity. */
	if (p) {
		hex_encode(bytes, (char *)p);
		buf_grow_commit(out, 2 * bytes.n);
	}
}
