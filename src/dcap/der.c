#include "dcap/der.h"
#include "dcap/when.h"

/* Read a length (X.690 section 10.1: the fewest octets). Four octets bound everything here. */
static size_t
take_length(struct rd *r)
{
	uint8_t first = rd_u8(r);
	size_t octets = first & 0x7f, n;

	if (first < 0x80)
		return first;
	if (octets == 0 || octets > 4) {
		r->bad = true;
		return 0;
	}
	n = (size_t)rd_be(r, octets);
	if (n < 0x80 || n >> 8 * (octets - 1) == 0)
		r->bad = true;
	return n;
}

struct span
der_any(struct rd *r, uint8_t *tag, struct span *body)
{
	size_t from = r->off;

	*tag = rd_u8(r);
	if ((*tag & 0x1f) == 0x1f)
		r->bad = true;
	*body = rd_span(r, take_length(r));
	if (r->bad) {
		*body = span_of(NULL, 0);
		return *body;
	}
	return span_of(r->p + from, r->off - from);
}

static struct span
take(struct rd *r, uint8_t tag, struct span *whole)
{
	uint8_t found;
	struct span body;

	*whole = der_any(r, &found, &body);
	if (found == tag)
		return body;
	r->bad = true;
	*whole = span_of(NULL, 0);
	return *whole;
}

struct span
der_take(struct rd *r, uint8_t tag)
{
	struct span whole;

	return take(r, tag, &whole);
}

struct span
der_take_whole(struct rd *r, uint8_t tag)
{
	struct span whole;

	(void)take(r, tag, &whole);
	return whole;
}

struct rd
der_enter(struct rd *r, uint8_t tag)
{
	struct rd sub = rd_of(der_take(r, tag));

	sub.bad = r->bad;
	return sub;
}

bool
der_begins(struct span bytes)
{
	return bytes.n > 1 && bytes.p[0] == DER_SEQUENCE && bytes.p[1] >= 0x80;
}

bool
der_next_is(const struct rd *r, uint8_t tag)
{
	return rd_left(r) > 0 && r->p[r->off] == tag;
}

struct span
der_take_oid(struct rd *r)
{
	struct span s = der_take(r, DER_OID);
	bool first = true; /* of a number's bytes */

	for (size_t i = 0; i < s.n; i++) {
		if (first && s.p[i] == 0x80)
			r->bad = true;
		first = !(s.p[i] & 0x80);
	}
	if (s.n == 0 || !first)
		r->bad = true;
	return r->bad ? span_of(NULL, 0) : s;
}

/* Take an INTEGER, or what is written like one, that is not negative. */
static struct span
take_magnitude(struct rd *r, uint8_t tag)
{
	struct span s = der_take(r, tag);

	/* Two's complement: a set top bit is negative, a leading zero byte only serves to clear
	 * it, so 255 is 02 02 00 ff. */
	if (s.n == 0 || s.p[0] & 0x80 || (s.n > 1 && s.p[0] == 0 && !(s.p[1] & 0x80)))
		r->bad = true;
	if (r->bad)
		return span_of(NULL, 0);
	return s.p[0] == 0 ? span_from(s, 1) : s;
}

struct span
der_take_magnitude(struct rd *r)
{
	return take_magnitude(r, DER_INTEGER);
}

bool
der_take_bool(struct rd *r)
{
	struct span s = der_take(r, DER_BOOLEAN);

	if (s.n != 1 || (s.p[0] != 0 && s.p[0] != 0xff)) {
		r->bad = true;
		return false;
	}
	return s.p[0] == 0xff;
}

uint32_t
der_take_uint(struct rd *r, uint8_t tag, uint32_t max)
{
	struct span s = take_magnitude(r, tag);
	uint64_t v = 0;

	if (s.n > 4) {
		r->bad = true;
		return 0;
	}
	for (size_t i = 0; i < s.n; i++)
		v = v << 8 | s.p[i];
	if (v > max) {
		r->bad = true;
		return 0;
	}
	return (uint32_t)v;
}

int64_t
der_take_time(struct rd *r)
{
	bool utc = der_next_is(r, DER_UTC_TIME);
	struct span s = der_take(r, utc ? DER_UTC_TIME : DER_GENERALIZED_TIME);
	int64_t t = 0;

	if (r->bad || !when_parse_asn1(s, utc, &t))
		r->bad = true;
	return r->bad ? 0 : t;
}
