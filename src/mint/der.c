#include "mint/der.h"

#include "base/hex.h"
#include "base/rfc3339.h"

#include <stdlib.h>

static void
put_length(struct buf *out, size_t n, bool needless)
{
	size_t octets = 1;

	if (n < 0x80 && !needless) {
		buf_add_u8(out, (uint8_t)n);
		return;
	}
	while (octets < 4 && n >> 8 * octets)
		octets++;
	octets += needless;
	buf_add_u8(out, (uint8_t)(0x80 | octets));
	buf_add_be(out, n, octets);
}

void
mint_der_put(struct buf *out, uint8_t tag, struct span content)
{
	buf_add_u8(out, tag);
	put_length(out, content.n, false);
	buf_add(out, content);
}

static void
wrap(struct buf *out, size_t from, uint8_t tag, bool needless)
{
	struct buf content;

	buf_init(&content, out->max);
	buf_add(&content, span_from(buf_span(out), from));
	if (!buf_ok(&content))
		out->failed = true;
	if (buf_ok(out))
		out->n = from;
	buf_add_u8(out, tag);
	put_length(out, content.n, needless);
	buf_add(out, buf_span(&content));
	buf_fini(&content);
}

void
mint_der_wrap(struct buf *out, size_t from, uint8_t tag)
{
	wrap(out, from, tag, false);
}

void
mint_der_wrap_long(struct buf *out, size_t from, uint8_t tag)
{
	wrap(out, from, tag, true);
}

void
mint_der_hex(struct buf *out, const char *hex)
{
	if (!hex_decode_buf(span_str(hex), out))
		out->failed = true;
}

/* Append one arc, seven bits an octet, the highest first. */
static void
put_arc(struct buf *out, unsigned long arc)
{
	unsigned shift = 0;

	while (arc >> (shift + 7))
		shift += 7;
	for (; shift > 0; shift -= 7)
		buf_add_u8(out, (uint8_t)(0x80 | (arc >> shift & 0x7f)));
	buf_add_u8(out, (uint8_t)(arc & 0x7f));
}

void
mint_der_oid(struct buf *out, const char *dotted)
{
	size_t from = out->n;
	char *rest;
	unsigned long first = strtoul(dotted, &rest, 10);

	if (*rest == '.')
		put_arc(out, first * 40 + strtoul(rest + 1, &rest, 10));
	while (*rest == '.')
		put_arc(out, strtoul(rest + 1, &rest, 10));
	mint_der_wrap(out, from, MINT_OID);
}

void
mint_der_int(struct buf *out, uint8_t tag, int64_t v)
{
	size_t from = out->n, n = 8;

	/* The top octet goes while the sign bit of the one below says the same. */
	while (n > 1 && v >> (8 * (n - 1) - 1) == (v < 0 ? -1 : 0))
		n--;
	buf_add_be(out, (uint64_t)v & (n < 8 ? (UINT64_C(1) << 8 * n) - 1 : UINT64_MAX), n);
	mint_der_wrap(out, from, tag);
}

void
mint_der_number(struct buf *out, struct span big_endian)
{
	size_t from = out->n;

	while (big_endian.n > 1 && big_endian.p[0] == 0)
		big_endian = span_from(big_endian, 1);
	if (big_endian.n == 0 || big_endian.p[0] & 0x80)
		buf_add_u8(out, 0);
	buf_add(out, big_endian);
	mint_der_wrap(out, from, MINT_INTEGER);
}

void
mint_der_time(struct buf *out, int64_t s, bool offset)
{
	static const uint8_t digits[] = {0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18};
	char text[RFC3339_SIZE];
	size_t from = out->n;
	bool late;

	rfc3339_write(s, text);
	late = memcmp(text, "2050", 4) >= 0;
	for (size_t i = late ? 0 : 2; i < sizeof digits; i++)
		buf_add_u8(out, (uint8_t)text[digits[i]]);
	buf_add_str(out, offset ? "+0000" : "Z");
	mint_der_wrap(out, from, late ? MINT_GENERALIZED_TIME : MINT_UTC_TIME);
}
