#include "wire/proxy_protocol.h"

#include "base/limits.h"
#include "base/rd.h"

static const uint8_t signature[12] = "\r\n\r\n\0\r\nQUIT\n";

enum { CMD_LOCAL = 0x20, CMD_PROXY = 0x21 }; /* version 2 in the upper half */
enum { FAM_UNSPEC = 0x00, FAM_TCP4 = 0x11, FAM_TCP6 = 0x21, FAM_UNIX = 0x31 };

#define UNIX_ADDRESSES 216u /* two of 108 bytes */

static enum step
refuse(struct err *e, const char *why)
{
	err_set(e, ERR_MALFORMED, REASON_BAD_PROXY_HEADER, "%s", why);
	return STEP_BAD;
}

/* Hold what has come of the signature against it. */
static const char *
signature_fault(struct span in)
{
	struct span seen = span_first(in, sizeof signature);

	if (span_eq(seen, span_of(signature, seen.n)))
		return NULL;
	return span_starts(in, "PROXY ") ? "PROXY protocol version 1; only version 2 is taken"
					 : "no PROXY protocol header";
}

static void
read_ip(struct rd *r, size_t n, uint8_t ip[static 16])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	if (n == 4)
		memcpy(ip, mapped, sizeof mapped);
	rd_copy(r, ip + (16 - n), n);
}

static void
read_addresses(struct rd *r, size_t ip_n, struct proxy_header *h)
{
	h->source = PROXY_SOURCE_IP;
	read_ip(r, ip_n, h->src);
	read_ip(r, ip_n, h->dst);
	h->src_port = rd_u16be(r);
	h->dst_port = rd_u16be(r);
}

/* Pass over type, length and value of each TLV (section 2.2.7). */
static void
skip_tlvs(struct rd *r)
{
	while (!r->bad && !rd_end(r)) {
		rd_skip(r, 1);
		rd_skip(r, rd_u16be(r));
	}
}

/* What a forwarded connection's header says. */
static const char *
read_proxied(struct rd *r, unsigned family, struct proxy_header *h)
{
	switch (family) {
	case FAM_UNSPEC:
		h->source = PROXY_SOURCE_UNKNOWN;
		return NULL; /* "must ignore the rest" */
	case FAM_TCP4:
		read_addresses(r, 4, h);
		break;
	case FAM_TCP6:
		read_addresses(r, 16, h);
		break;
	case FAM_UNIX:
		h->source = PROXY_SOURCE_UNIX;
		rd_skip(r, UNIX_ADDRESSES);
		break;
	default:
		return "unknown family, or datagrams";
	}
	skip_tlvs(r);
	return r->bad ? "lengths do not add up" : NULL;
}

enum step
proxy_header_parse(struct span in, struct proxy_header *out, size_t *want, struct err *e)
{
	struct proxy_header h = {.source = PROXY_SOURCE_SELF};
	struct rd fixed = rd_of(span_first(in, PROXY_HEADER_FIXED)), rest;
	const char *fault = signature_fault(in);
	uint8_t command, family;
	uint16_t n;

	*want = PROXY_HEADER_FIXED;
	if (fault)
		return refuse(e, fault);
	rd_skip(&fixed, sizeof signature);
	command = rd_u8(&fixed);
	if (!fixed.bad && command != CMD_LOCAL && command != CMD_PROXY)
		return refuse(e, "unknown version or command");
	family = rd_u8(&fixed);
	n = rd_u16be(&fixed);
	if (fixed.bad)
		return STEP_MORE;
	if (n > LIMIT_PROXY_HEADER - PROXY_HEADER_FIXED)
		return refuse(e, "PROXY protocol header too large");
	*want = PROXY_HEADER_FIXED + (size_t)n;
	if (in.n < *want)
		return STEP_MORE;
	rest = rd_of(span_first(span_from(in, PROXY_HEADER_FIXED), n));
	/* Of LOCAL everything behind the length is to be discarded, its family too. */
	fault = command == CMD_PROXY ? read_proxied(&rest, family, &h) : NULL;
	if (fault)
		return refuse(e, fault);
	*out = h;
	return STEP_DONE;
}
