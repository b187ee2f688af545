#include "sim/sgx_ext.h"

#include <openssl/objects.h>
#include <stdio.h>

enum { DER_BOOLEAN = 1, DER_INTEGER = 2, DER_OCTETS = 4, DER_ENUM = 10, DER_SEQUENCE = 0x30 };

/* Room for the whole extension; a genuine one is about 500 bytes. */
#define EXT_MAX 4096

static void
put_tlv(struct buf *out, uint8_t tag, struct span value)
{
	buf_add_u8(out, tag);
	if (value.n < 0x80) {
		buf_add_u8(out, (uint8_t)value.n);
	} else {
		buf_add_u8(out, 0x82);
		buf_add_be(out, value.n, 2);
	}
	buf_add(out, value);
}

/* Append SEQUENCE { OID 1.2.840.113741.1.13.1<suffix>, value }. */
static void
put_pair(struct buf *out, const char *suffix, uint8_t tag, struct span value)
{
	char dotted[64];
	uint8_t oid[64], *p = oid;
	struct buf in;
	ASN1_OBJECT *obj;
	int n;

	snprintf(dotted, sizeof dotted, "%s%s", SIM_SGX_OID, suffix);
	obj = OBJ_txt2obj(dotted, 1);
	n = obj ? i2d_ASN1_OBJECT(obj, NULL) : -1;
	if (n < 0 || (size_t)n > sizeof oid || i2d_ASN1_OBJECT(obj, &p) != n)
		n = 0;
	ASN1_OBJECT_free(obj);

	buf_init(&in, EXT_MAX);
	buf_add(&in, span_of(oid, (size_t)n));
	put_tlv(&in, tag, value);
	if (n == 0 || !buf_ok(&in))
		out->failed = true;
	put_tlv(out, DER_SEQUENCE, buf_span(&in));
	buf_fini(&in);
}

/* DER INTEGERs are signed: a value whose top bit is set takes a zero in front. */
static void
put_integer(struct buf *out, const char *suffix, uint16_t v)
{
	uint8_t b[3] = {0, (uint8_t)(v >> 8), (uint8_t)v};
	size_t from = 0;

	while (from < 2 && b[from] == 0 && b[from + 1] < 0x80)
		from++;
	put_pair(out, suffix, DER_INTEGER, span_from(span_of(b, 3), from));
}

static void
put_tcb(struct buf *out, const struct sim_pck *pck)
{
	struct buf in;
	char suffix[16];

	buf_init(&in, EXT_MAX);
	for (unsigned i = 0; i < 16; i++) {
		snprintf(suffix, sizeof suffix, ".2.%u", i + 1);
		put_integer(&in, suffix, pck->svn[i]);
	}
	put_integer(&in, ".2.17", pck->pcesvn);
	put_pair(&in, ".2.18", DER_OCTETS, span_of(pck->svn, 16));
	out->failed |= !buf_ok(&in);
	put_pair(out, ".2", DER_SEQUENCE, buf_span(&in));
	buf_fini(&in);
}

static void
put_configuration(struct buf *out)
{
	static const uint8_t yes = 0xff, no = 0;
	struct buf in;

	buf_init(&in, EXT_MAX);
	put_pair(&in, ".7.1", DER_BOOLEAN, span_of(&yes, 1)); /* dynamic platform */
	put_pair(&in, ".7.2", DER_BOOLEAN, span_of(&yes, 1)); /* cached keys */
	put_pair(&in, ".7.3", DER_BOOLEAN, span_of(&no, 1)); /* SMT */
	out->failed |= !buf_ok(&in);
	put_pair(out, ".7", DER_SEQUENCE, buf_span(&in));
	buf_fini(&in);
}

bool
sim_sgx_ext_write(const struct sim_pck *pck, struct buf *out, struct err *e)
{
	static const uint8_t pceid[2] = {0, 0}, scalable = 1;
	struct buf in;

	buf_init(&in, EXT_MAX);
	put_pair(&in, ".1", DER_OCTETS, span_of(pck->ppid, sizeof pck->ppid));
	put_tcb(&in, pck);
	put_pair(&in, ".3", DER_OCTETS, span_of(pceid, sizeof pceid));
	put_pair(&in, ".4", DER_OCTETS, span_of(pck->fmspc, sizeof pck->fmspc));
	put_pair(&in, ".5", DER_ENUM, span_of(&scalable, 1));
	put_pair(&in, ".6", DER_OCTETS, span_of(pck->instance_id, sizeof pck->instance_id));
	put_configuration(&in);
	out->failed |= !buf_ok(&in);
	put_tlv(out, DER_SEQUENCE, buf_span(&in));
	buf_fini(&in);
	if (!buf_ok(out))
		return err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "SGX extension");
	return true;
}
