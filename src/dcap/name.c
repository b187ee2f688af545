#include "dcap/name.h"

#include "base/utf8.h"
#include "dcap/der.h"

static const uint8_t oid_common_name[] = {0x55, 0x04, 0x03};

/* PrintableString's alphabet (X.680 section 41.4). */
static bool
is_printable_string(struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = ascii_lower(s.p[i]);

		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9')
		    && (c == 0 || !strchr(" '()+,-./:=?", c)))
			return false;
	}
	return true;
}

static bool
is_ascii(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < 0x20 || s.p[i] > 0x7e)
			return false;
	return true;
}

/* Take one AttributeTypeAndValue. */
static bool
take_attribute(struct rd *r, unsigned *cns, char cn[static NAME_CN_MAX])
{
	struct rd pair = der_enter(r, DER_SEQUENCE);
	struct span oid = der_take_oid(&pair), value;
	uint8_t tag;

	(void)der_any(&pair, &tag, &value);
	if (!rd_end(&pair) || value.n == 0)
		return false;
	if (!(tag == DER_UTF8_STRING && utf8_valid(value))
	    && !(tag == DER_PRINTABLE_STRING && is_printable_string(value)))
		return false;
	if (!span_eq(oid, span_of(oid_common_name, sizeof oid_common_name)))
		return true;
	return ++*cns == 1 && is_ascii(value) && span_cstr(value, cn, NAME_CN_MAX);
}

bool
name_read(struct span name, char cn[static NAME_CN_MAX])
{
	struct rd whole = rd_of(name);
	struct rd r = der_enter(&whole, DER_SEQUENCE);
	unsigned cns = 0;

	if (name.n > NAME_SIZE_MAX)
		return false;
	while (rd_left(&r) > 0) {
		struct rd set = der_enter(&r, DER_SET);

		do
			if (!take_attribute(&set, &cns, cn))
				return false;
		while (rd_left(&set) > 0);
	}
	return rd_end(&r) && rd_end(&whole) && cns == 1;
}
