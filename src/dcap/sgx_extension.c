#include "dcap/sgx_extension.h"

#include "dcap/der.h"

/* The element numbers below 1.2.840.113741.1.13.1. */
enum {
	EL_PPID = 1,
	EL_TCB = 2,
	EL_PCEID = 3,
	EL_FMSPC = 4,
	EL_SGX_TYPE = 5,
	EL_INSTANCE_ID = 6,
	EL_CONFIGURATION = 7,

	TCB_PCESVN = 17,
	TCB_CPUSVN = 18,

	CONF_DYNAMIC = 1,
	CONF_CACHED_KEYS = 2,
	CONF_SMT = 3,
};

/* Element numbers are below 32, so one word notes which were seen. */
#define SEEN(n) (1u << (n))

static const uint8_t arc[] = {0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01};

static bool
malformed(struct err *e, const char *what, unsigned n)
{
	return err_set(
	    e, ERR_MALFORMED, REASON_SGX_EXTENSION, "SGX extension: %s (element %u)", what, n);
}

/* Take one SEQUENCE { OID, value }: *value a reader at the value, *n the number below `above`
 * (the arc, or the arc and one more number), 0 where the OID lies elsewhere. */
static MUST_CHECK bool
take_pair(
    struct rd *r, unsigned above, unsigned *seen, unsigned *n, struct rd *value, struct err *e)
{
	struct rd pair = der_enter(r, DER_SEQUENCE);
	struct span oid = der_take_oid(&pair);
	size_t len = sizeof arc + (above ? 2 : 1);

	if (pair.bad || rd_left(&pair) == 0)
		return malformed(e, "no pair of OID and value", above);
	*n = 0;
	*value = pair;
	if (oid.n != len || memcmp(oid.p, arc, sizeof arc) != 0)
		return true;
	if (above && oid.p[sizeof arc] != above)
		return true;
	if (oid.p[len - 1] == 0 || oid.p[len - 1] > 31)
		return true;
	*n = oid.p[len - 1];
	if (*seen & SEEN(*n))
		return malformed(e, "repeated", *n);
	*seen |= SEEN(*n);
	return true;
}

/* Take an OCTET STRING of exactly n bytes. */
static void
take_octets(struct rd *r, uint8_t *dst, size_t n)
{
	struct span s = der_take(r, DER_OCTET_STRING);

	if (s.n != n)
		r->bad = true;
	else
		memcpy(dst, s.p, n);
}

static MUST_CHECK bool
read_tcb(struct eedcap_platform *out, struct rd *outer, struct err *e)
{
	struct rd r = der_enter(outer, DER_SEQUENCE), value;
	unsigned seen = 0, count = 0, n;

	while (rd_left(&r) > 0) {
		if (!take_pair(&r, EL_TCB, &seen, &n, &value, e))
			return false;
		if (n >= 1 && n <= 16)
			out->components[n - 1] = (uint8_t)der_take_uint(&value, DER_INTEGER, 255);
		else if (n == TCB_PCESVN)
			out->pcesvn = (uint16_t)der_take_uint(&value, DER_INTEGER, UINT16_MAX);
		else if (n == TCB_CPUSVN)
			take_octets(&value, out->cpusvn, sizeof out->cpusvn);
		if (n == 0 || n > TCB_CPUSVN || !rd_end(&value))
			return malformed(e, "bad TCB component", n);
		count++;
	}
	if (!rd_end(&r) || count != 18)
		return malformed(e, "TCB has not 18 elements", EL_TCB);
	return true;
}

static MUST_CHECK bool
read_configuration(struct eedcap_platform *out, struct rd *outer, struct err *e)
{
	struct rd r = der_enter(outer, DER_SEQUENCE), value;
	unsigned seen = 0, n;

	while (rd_left(&r) > 0) {
		if (!take_pair(&r, EL_CONFIGURATION, &seen, &n, &value, e))
			return false;
		if (n == CONF_DYNAMIC)
			out->dynamic_platform = der_take_bool(&value);
		else if (n == CONF_CACHED_KEYS)
			out->cached_keys = der_take_bool(&value);
		else if (n == CONF_SMT)
			out->smt_enabled = der_take_bool(&value);
		else
			continue;
		if (!rd_end(&value))
			return malformed(e, "bad configuration flag", n);
	}
	return rd_end(&r) || malformed(e, "bad configuration", EL_CONFIGURATION);
}

static MUST_CHECK bool
read_element(struct eedcap_platform *out, unsigned n, struct rd *value, struct err *e)
{
	switch (n) {
	case EL_PPID:
		take_octets(value, out->ppid, sizeof out->ppid);
		break;
	case EL_TCB:
		if (!read_tcb(out, value, e))
			return false;
		break;
	case EL_PCEID:
		take_octets(value, out->pceid, sizeof out->pceid);
		break;
	case EL_FMSPC:
		take_octets(value, out->fmspc, sizeof out->fmspc);
		break;
	case EL_SGX_TYPE:
		out->sgx_type = (uint8_t)der_take_uint(value, DER_ENUMERATED, 2);
		break;
	case EL_INSTANCE_ID:
		take_octets(value, out->instance_id, sizeof out->instance_id);
		out->has_instance_id = true;
		break;
	case EL_CONFIGURATION:
		if (!read_configuration(out, value, e))
			return false;
		break;
	default:
		return true;
	}
	return rd_end(value) || malformed(e, "bad value", n);
}

bool
sgx_extension_parse(struct eedcap_platform *out, struct span der, struct err *e)
{
	static const unsigned required = SEEN(EL_PPID) | SEEN(EL_TCB) | SEEN(EL_PCEID)
					 | SEEN(EL_FMSPC) | SEEN(EL_SGX_TYPE);
	struct rd whole = rd_of(der), value;
	struct rd r = der_enter(&whole, DER_SEQUENCE);
	struct eedcap_platform p = *out;
	unsigned seen = 0, n;

	p.has_instance_id = false;
	p.dynamic_platform = p.cached_keys = p.smt_enabled = -1;
	while (rd_left(&r) > 0) {
		if (!take_pair(&r, 0, &seen, &n, &value, e))
			return false;
		if (!read_element(&p, n, &value, e))
			return false;
	}
	if (!rd_end(&r) || !rd_end(&whole))
		return malformed(e, "broken, or bytes behind it", 0);
	for (n = EL_PPID; n <= EL_SGX_TYPE; n++)
		if (!(seen & SEEN(n)) && required & SEEN(n))
			return malformed(e, "missing", n);
	*out = p;
	return true;
}
