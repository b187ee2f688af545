#include "mint/sgx.h"
#include "mint/der.h"

#include <stdio.h>

/* The numbers below the arc. */
enum { PPID = 1, TCB, PCEID, FMSPC, SGX_TYPE, INSTANCE_ID, CONFIGURATION, ELEMENTS = 7 };

/* How deep the nested element goes: far deeper than any reader has a reason to follow. */
#define NESTED 2000

/* Begin SEQUENCE { OID, value }; `below` is what follows the arc. Returns where it begins. */
static size_t
pair_begin(struct buf *out, const char *below)
{
	char dotted[64];
	size_t from = out->n;

	snprintf(dotted, sizeof dotted, MINT_SGX_OID ".%s", below);
	mint_der_oid(out, dotted);
	return from;
}

static void
put_octets(struct buf *out, const char *below, const uint8_t *p, size_t n)
{
	size_t from = pair_begin(out, below);

	mint_der_put(out, MINT_OCTETS, span_of(p, n));
	mint_der_wrap(out, from, MINT_SEQUENCE);
}

static void
put_int(struct buf *out, const char *below, uint8_t tag, int32_t v)
{
	size_t from = pair_begin(out, below);

	mint_der_int(out, tag, v);
	mint_der_wrap(out, from, MINT_SEQUENCE);
}

static void
put_component(const struct mint_sgx *x, unsigned i, struct buf *out)
{
	char below[16];
	unsigned number = i == 2 && x->quirks & MINT_SGX_TCB_REPEATED ? 1 : i;
	size_t from;

	snprintf(below, sizeof below, "2.%u", number);
	if (i != 1 || !(x->quirks & MINT_SGX_LONG_INTEGER)) {
		put_int(out, below, MINT_INTEGER, x->component[i - 1]);
		return;
	}
	from = pair_begin(out, below);
	mint_der_hex(out, "02020001");
	mint_der_wrap(out, from, MINT_SEQUENCE);
}

static void
put_tcb(const struct mint_sgx *x, struct buf *out)
{
	size_t from = pair_begin(out, "2"), list = out->n;

	for (unsigned i = 1; i <= (x->quirks & MINT_SGX_TCB_17 ? 15u : 16u); i++)
		put_component(x, i, out);
	put_int(out, "2.17", MINT_INTEGER, x->pcesvn);
	put_octets(out, "2.18", x->cpusvn, x->quirks & MINT_SGX_CPUSVN_SHORT ? 15 : 16);
	if (x->quirks & MINT_SGX_TCB_19)
		put_int(out, "2.19", MINT_INTEGER, 1);
	mint_der_wrap(out, list, MINT_SEQUENCE);
	mint_der_wrap(out, from, MINT_SEQUENCE);
}

static void
put_fmspc(const struct mint_sgx *x, struct buf *out)
{
	size_t from = out->n;

	if (x->quirks & MINT_SGX_FMSPC_INTEGER) {
		put_int(out, "4", MINT_INTEGER, 0x806f05);
	} else if (x->quirks & MINT_SGX_PAIR_TRAILING) {
		(void)pair_begin(out, "4");
		mint_der_put(out, MINT_OCTETS, span_of(x->fmspc, 6));
		mint_der_put(out, MINT_OCTETS, span_of(x->fmspc, 6));
		mint_der_wrap(out, from, MINT_SEQUENCE);
	} else if (x->quirks & MINT_SGX_FMSPC_LONG) {
		put_octets(out, "4", (const uint8_t *)"\xee\x52\xab\0\0\0\0", 7);
	} else {
		put_octets(out, "4", x->fmspc, x->quirks & MINT_SGX_FMSPC_SHORT ? 5 : 6);
	}
	if (x->quirks & MINT_SGX_FMSPC_TWICE)
		put_octets(out, "4", x->fmspc, 6);
}

static void
put_configuration(struct buf *out)
{
	static const char *const below[] = {"7.1", "7.2", "7.3"};
	size_t from = pair_begin(out, "7"), list = out->n;

	for (size_t i = 0; i < 3; i++) { /* dynamic platform, cached keys, SMT */
		size_t flag = pair_begin(out, below[i]);
		uint8_t value = i < 2 ? 0xff : 0;

		mint_der_put(out, MINT_BOOLEAN, span_of(&value, 1));
		mint_der_wrap(out, flag, MINT_SEQUENCE);
	}
	mint_der_wrap(out, list, MINT_SEQUENCE);
	mint_der_wrap(out, from, MINT_SEQUENCE);
}

static void
put_element(const struct mint_sgx *x, unsigned n, struct buf *out)
{
	if (x->without >> n & 1)
		return;
	switch (n) {
	case PPID:
		put_octets(out, "1", x->ppid, sizeof x->ppid);
		break;
	case TCB:
		put_tcb(x, out);
		break;
	case PCEID:
		put_octets(out, "3", x->pceid, sizeof x->pceid);
		break;
	case FMSPC:
		put_fmspc(x, out);
		break;
	case SGX_TYPE:
		put_int(out, "5", MINT_ENUMERATED, x->type);
		break;
	case INSTANCE_ID:
		put_octets(out, "6", x->instance_id, sizeof x->instance_id);
		break;
	default:
		put_configuration(out);
		break;
	}
}

static void
put_nested(struct buf *out)
{
	size_t from = out->n;

	for (unsigned i = 0; i < NESTED; i++)
		mint_der_wrap(out, from, MINT_SEQUENCE);
}

void
mint_sgx_settle(struct mint_sgx *x)
{
	for (size_t i = 0; i < 16 && !x->other_cpusvn; i++)
		x->cpusvn[i] = (uint8_t)x->component[i];
}

void
mint_sgx_write(const struct mint_sgx *x, struct buf *out)
{
	size_t from = out->n;
	unsigned last = x->platform ? ELEMENTS : SGX_TYPE;

	for (unsigned i = 1; i <= last; i++)
		put_element(x, x->quirks & MINT_SGX_REVERSED ? last + 1 - i : i, out);
	if (x->quirks & MINT_SGX_NESTED)
		put_nested(out);
	mint_der_wrap(out, from, MINT_SEQUENCE);
	if (x->quirks & MINT_SGX_TRAILING)
		buf_add_u8(out, 0);
}
