#include "base/ip.h"

#include "base/ascii.h"

static const uint8_t v4_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

/* A decimal number without leading zeros, at most max; moves s behind it. */
static bool
take_number(struct span *s, unsigned max, unsigned *out)
{
	unsigned v = 0;
	size_t i = 0;

	while (i < s->n && i < 3 && ascii_is_digit(s->p[i]))
		v = v * 10 + (unsigned)(s->p[i++] - '0');
	if (i == 0 || (i > 1 && s->p[0] == '0') || v > max)
		return false;
	*s = span_from(*s, i);
	*out = v;
	return true;
}

static bool
parse_v4(struct span s, uint8_t ip[static 4])
{
	for (size_t i = 0; i < 4; i++) {
		unsigned v;

		if (i > 0) {
			if (s.n == 0 || s.p[0] != '.')
				return false;
			s = span_from(s, 1);
		}
		if (!take_number(&s, 255, &v))
			return false;
		ip[i] = (uint8_t)v;
	}
	return s.n == 0;
}

/* One to four hex digits; moves s behind them. */
static bool
take_group(struct span *s, uint16_t *out)
{
	unsigned v = 0;
	size_t i = 0;

	for (; i < s->n && i < 4 && ascii_hex(s->p[i]) >= 0; i++)
		v = v << 4 | (unsigned)ascii_hex(s->p[i]);
	*s = span_from(*s, i);
	*out = (uint16_t)v;
	return i > 0;
}

/* RFC 4291 section 2.2: groups, one `::` for a run of zeros, an IPv4 tail. */
static bool
parse_v6(struct span s, uint8_t ip[static 16])
{
	uint8_t b[16] = {0};
	size_t n = 0, gap = SIZE_MAX;

	if (span_starts(s, "::")) {
		gap = 0;
		s = span_from(s, 2);
	}
	while (s.n > 0) {
		uint16_t g;

		if (n <= 12 && memchr(s.p, ':', s.n) == NULL && memchr(s.p, '.', s.n)) {
			if (!parse_v4(s, b + n))
				return false;
			n += 4;
			break;
		}
		if (n == 16 || !take_group(&s, &g))
			return false;
		b[n++] = (uint8_t)(g >> 8);
		b[n++] = (uint8_t)g;
		if (s.n == 0)
			break;
		if (s.p[0] != ':' || s.n == 1)
			return false;
		s = span_from(s, 1);
		if (s.p[0] == ':') {
			if (gap != SIZE_MAX)
				return false;
			gap = n;
			s = span_from(s, 1);
		}
	}
	if (gap == SIZE_MAX ? n != 16 : n > 14)
		return false;
	if (gap != SIZE_MAX) {
		memmove(b + 16 - (n - gap), b + gap, n - gap);
		memset(b + gap, 0, 16 - n);
	}
	memcpy(ip, b, 16);
	return true;
}

bool
ip_parse(struct span text, uint8_t ip[static 16])
{
	uint8_t v4[4];

	if (text.n > 0 && memchr(text.p, ':', text.n))
		return parse_v6(text, ip);
	if (!parse_v4(text, v4))
		return false;
	memcpy(ip, v4_prefix, 12);
	memcpy(ip + 12, v4, 4);
	return true;
}

bool
ip_is_loopback(const uint8_t ip[static 16])
{
	static const uint8_t one[16] = {[15] = 1};

	return memcmp(ip, one, 16) == 0 || (memcmp(ip, v4_prefix, 12) == 0 && ip[12] == 127);
}

static struct span
trim(struct span s)
{
	while (s.n > 0 && s.p[0] == ' ')
		s = span_from(s, 1);
	while (s.n > 0 && s.p[s.n - 1] == ' ')
		s.n--;
	return s;
}

/* One item, the list's rest behind its comma. */
static struct span
next_item(struct span *rest)
{
	const uint8_t *comma = memchr(rest->p, ',', rest->n);
	size_t n = comma ? (size_t)(comma - rest->p) : rest->n;
	struct span item = trim(span_first(*rest, n));

	*rest = span_from(*rest, comma ? n + 1 : n);
	return item;
}

static bool
bit(const uint8_t ip[static 16], unsigned i)
{
	return ip[i / 8] >> (7 - i % 8) & 1;
}

/* `address` or `address/bits`; no bit may be set behind the prefix, as that is most often a slip. */
static bool
parse_prefix(struct span s, uint8_t ip[static 16], unsigned *bits)
{
	const uint8_t *slash = s.n ? memchr(s.p, '/', s.n) : NULL;
	size_t n = slash ? (size_t)(slash - s.p) : s.n;
	struct span tail = span_from(s, n + 1);
	bool v6 = n > 0 && memchr(s.p, ':', n);

	*bits = 128;
	if (!ip_parse(span_first(s, n), ip))
		return false;
	if (slash == NULL)
		return true;
	if (!take_number(&tail, v6 ? 128 : 32, bits) || tail.n != 0)
		return false;
	if (!v6)
		*bits += 96;
	for (unsigned i = *bits; i < 128; i++)
		if (bit(ip, i))
			return false;
	return true;
}

bool
ip_list_ok(struct span list)
{
	uint8_t ip[16];
	unsigned bits;

	if (list.n == 0 || list.p[list.n - 1] == ',')
		return list.n == 0;
	while (list.n > 0)
		if (!parse_prefix(next_item(&list), ip, &bits))
			return false;
	return true;
}

bool
ip_list_has(struct span list, const uint8_t ip[static 16])
{
	uint8_t net[16];
	unsigned bits, i;

	while (list.n > 0) {
		if (!parse_prefix(next_item(&list), net, &bits))
			continue;
		for (i = 0; i < bits && bit(net, i) == bit(ip, i); i++)
			;
		if (i == bits)
			return true;
	}
	return false;
}

bool
ip_is_public(const uint8_t ip[static 16])
{
	static const char special[] =
	    "0.0.0.0/8,10.0.0.0/8,100.64.0.0/10,127.0.0.0/8,169.254.0.0/16,172.16.0.0/12,"
	    "192.0.0.0/24,192.0.2.0/24,192.88.99.0/24,192.168.0.0/16,198.18.0.0/15,"
	    "198.51.100.0/24,203.0.113.0/24,224.0.0.0/3,"
	    "2001::/23,2001:db8::/32,2002::/16,3fff::/20";
	static const uint8_t translated[12] = {0, 0x64, 0xff, 0x9b};
	uint8_t inner[16];

	if (memcmp(ip, translated, sizeof translated) == 0) {
		memcpy(inner, v4_prefix, 12);
		memcpy(inner + 12, ip + 12, 4);
		ip = inner;
	}
	if (ip_list_has(span_str(special), ip))
		return false;
	/* Of IPv6, 2000::/3 alone is given out. */
	return memcmp(ip, v4_prefix, 12) == 0 || ip[0] >> 5 == 1;
}
