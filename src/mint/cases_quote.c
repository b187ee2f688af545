/* The shape of a quote: versions, kinds, lengths, what is unsigned or takes no part. */
#include "mint/row.h"

static void
processor(struct mint_world *w, const struct mint_row *row)
{
	w->leaf.issuer = w->processor_ca.subject;
	w->leaf.by = &w->keys->processor_ca;
	w->sgx.platform = false;
	w->pck_chain.cert[1] = &w->processor_ca;
	w->crl_chain.cert[0] = &w->processor_ca;
	w->pck_crl.issuer = w->processor_ca.subject;
	w->pck_crl.by = &w->keys->processor_ca;
}

static void
tcb_info_v2(struct mint_world *w, const struct mint_row *row)
{
	w->tcb_info.version = 2;
	w->tcb_info.id = NULL;
}

static const struct mint_row plain[] = {
    {"ok-sgx3", "plain quote, format 3, SGX", MINT_SGX3, .tcb_date = "2026-11-11T00:00:00Z"},
    {"ok-sgx4", "plain quote, format 4, SGX", MINT_SGX4, .tcb_date = "2026-11-11T00:00:00Z"},
    {"ok-sgx5", "plain quote, format 5, SGX", MINT_SGX5, .tcb_date = "2026-11-11T00:00:00Z"},
    {"ok-tdx4", "plain quote, format 4, TD", MINT_TDX4, .tcb_date = "2026-11-11T00:00:00Z"},
    {"ok-tdx5td10", "plain quote, format 5, TD 1.0", MINT_TDX5_TD10,
	.tcb_date = "2026-11-11T00:00:00Z"},
    {"ok-tdx5td15", "plain quote, format 5, TD 1.5", MINT_TDX5_TD15,
	.tcb_date = "2026-11-11T00:00:00Z"},
    {"ok-tdx5td15ex", "plain quote, format 5, TD 1.5 extended", MINT_TDX5_TD15EX,
	.tcb_date = "2026-11-11T00:00:00Z"},
    {"ok-sgx3-processor", "leaf of the Processor CA", MINT_SGX3, .bend = processor},
    {"ok-tdx4-processor", "TDX leaf of the Processor CA", MINT_TDX4, .bend = processor},
    {"ok-sgx3-tcbinfo-v2", "TCB info version 2", MINT_SGX3, .bend = tcb_info_v2},
};

/* -- header and descriptor -- */

static void
version(struct mint_world *w, const struct mint_row *row)
{
	w->quote.version = (uint16_t)row->a;
}

static void
key_type(struct mint_world *w, const struct mint_row *row)
{
	w->quote.key_type = (uint16_t)row->a;
}

static void
tee(struct mint_world *w, const struct mint_row *row)
{
	w->quote.tee = (uint32_t)row->a;
}

static void
body_type(struct mint_world *w, const struct mint_row *row)
{
	w->quote.body_type = (uint16_t)row->a;
}

static void
body_size(struct mint_world *w, const struct mint_row *row)
{
	w->quote.body_size = row->a;
}

/* A TD in the format that knows none: its body and signature data as format 3 has them. */
static void
td_in_v3(struct mint_world *w, const struct mint_row *row)
{
	w->quote.version = 3;
	w->quote.nested = false;
}

/* What stands behind the first 584 bytes would be read as the length of the signature data. */
static void
confusion(struct mint_world *w, const struct mint_row *row)
{
	w->quote.body_type = 2;
	w->quote.body_size = 584;
}

static void
vendor(struct mint_world *w, const struct mint_row *row)
{
	w->quote.vendor[row->a] ^= 0x80;
}

static void
reserved(struct mint_world *w, const struct mint_row *row)
{
	memset(w->quote.reserved, 0xff, sizeof w->quote.reserved);
}

static void
user_data(struct mint_world *w, const struct mint_row *row)
{
	memset(w->quote.user_data, 0xee, sizeof w->quote.user_data);
}

#define BAD_VERSION(name, kind, v)                                                                 \
	{                                                                                          \
		name, "version field " #v ", rightly signed", kind, REASON_QUOTE_VERSION,          \
		    .bend = version, .a = v                                                        \
	}
#define BAD_KIND(name, what, kind, fn, v)                                                          \
	{                                                                                          \
		name, what, kind, REASON_QUOTE_KIND, .bend = fn, .a = v                            \
	}

static const struct mint_row header[] = {
    BAD_VERSION("version-0", MINT_SGX3, 0),
    BAD_VERSION("version-1", MINT_SGX3, 1),
    BAD_VERSION("version-2", MINT_SGX3, 2),
    BAD_VERSION("version-6", MINT_SGX3, 6),
    BAD_VERSION("version-6-tdx", MINT_TDX5_TD15, 6),
    BAD_VERSION("version-big-endian", MINT_SGX3, 0x0300),
    BAD_KIND("akt-0", "attestation key type 0", MINT_SGX3, key_type, 0),
    BAD_KIND("akt-3", "attestation key type 3 (P-384), which no QE uses", MINT_SGX3, key_type, 3),
    BAD_KIND("akt-3-tdx", "attestation key type 3 of a TD", MINT_TDX4, key_type, 3),
    BAD_KIND("tee-1", "TEE type 1", MINT_TDX4, tee, 1),
    BAD_KIND("tee-1-v5", "TEE type 1", MINT_TDX5_TD15, tee, 1),
    BAD_KIND("tee-swapped", "TEE type 0x81 in big-endian order", MINT_TDX4, tee, 0x81000000),
    BAD_KIND("v3-tee", "version 3 with TEE type 0x81 and an SGX body", MINT_SGX3, tee, 0x81),
    {"v3-tdx", "version 3 with a TD body", MINT_TDX4, REASON_QUOTE_KIND, .bend = td_in_v3},
    BAD_KIND("v5-body-sgx-tee-tdx", "SGX body with TEE type 0x81", MINT_SGX5, tee, 0x81),
    BAD_KIND("v5-body-td-tee-sgx", "TD body with TEE type 0", MINT_TDX5_TD15, tee, 0),
    BAD_KIND("v5-type-0", "body type 0", MINT_TDX5_TD10, body_type, 0),
    BAD_KIND("v5-type-5", "body type 5", MINT_TDX5_TD15, body_type, 5),
    BAD_KIND("v5-type-256", "body type 256", MINT_SGX5, body_type, 256),
    {"v5-size-small", "body of type 3 declared with 584 bytes", MINT_TDX5_TD15,
	REASON_QUOTE_LENGTHS, .bend = body_size, .a = 584},
    {"v5-size-big", "body of type 3 declared with 885 bytes", MINT_TDX5_TD15, REASON_QUOTE_LENGTHS,
	.bend = body_size, .a = 885},
    {"v5-size-huge", "body size 0xffffffff", MINT_TDX5_TD15, REASON_QUOTE_LENGTHS,
	.bend = body_size, .a = 0xffffffff},
    {"v5-size-zero", "body size 0", MINT_SGX5, REASON_QUOTE_LENGTHS, .bend = body_size, .a = 0},
    {"v5-confusion", "648 bytes of body declared as type 2 of 584", MINT_TDX5_TD15,
	REASON_QUOTE_TRUNCATED, .bend = confusion},
    BAD_KIND("vendor-id", "the vendor id's first bit", MINT_SGX3, vendor, 0),
    BAD_KIND("vendor-id-tdx", "the vendor id's last byte, TD", MINT_TDX4, vendor, 15),
    BAD_KIND("vendor-id-v5", "the vendor id's last byte, format 5", MINT_TDX5_TD15, vendor, 15),
    {"v3-svns", "format 3: other SVNs of QE and PCE in the header", MINT_SGX3, .bend = reserved},
    {"v4-reserved", "format 4: reserved bytes of the header set", MINT_TDX4, .bend = reserved},
    {"v5-reserved", "format 5: reserved bytes of the header set", MINT_TDX5_TD15, .bend = reserved},
    {"user-data", "other user data in the header", MINT_SGX3, .bend = user_data},
};

/* -- lengths and what lies behind -- */

static void
slack(struct mint_world *w, const struct mint_row *row)
{
	w->quote.slack_inside = (unsigned)row->a;
	w->quote.slack_behind = (unsigned)row->b;
}

static void
trailing(struct mint_world *w, const struct mint_row *row)
{
	w->quote.trailing = (unsigned)row->a;
}

static void
cut(struct mint_world *w, const struct mint_row *row)
{
	w->quote.cut = row->a;
}

enum field { SIGNATURE, OUTER, AUTH, CERT };

/* Claim a length for field a; true lengths are far from all claims below but `short`. */
static void
claim(struct mint_world *w, const struct mint_row *row)
{
	int64_t *const field[] = {&w->quote.signature_length, &w->quote.outer_length,
	    &w->quote.auth_length, &w->quote.cert_length};

	*field[row->a] = row->b;
}

static void
outer_type(struct mint_world *w, const struct mint_row *row)
{
	w->quote.outer_type = (uint16_t)row->a;
}

static void
cert_type(struct mint_world *w, const struct mint_row *row)
{
	w->quote.cert_type = (uint16_t)row->a;
}

static void
padded_chain(struct mint_world *w, const struct mint_row *row)
{
	w->pck_chain.form = MINT_CHAIN_PADDED;
}

#define LENGTHS(name, what, kind, inside, behind)                                                  \
	{                                                                                          \
		name, what, kind, REASON_QUOTE_LENGTHS, .bend = slack, .a = inside, .b = behind    \
	}
#define SHORT(name, what, kind, fn, ...)                                                           \
	{                                                                                          \
		name, what, kind, REASON_QUOTE_TRUNCATED, .bend = fn, __VA_ARGS__                  \
	}

static const struct mint_row lengths[] = {
    {"trailing-1", "one byte behind the quote", MINT_SGX3, .bend = trailing, .a = 1},
    {"trailing-70", "70 bytes behind it", MINT_TDX4, .bend = trailing, .a = 70},
    {"trailing-3000", "3000 bytes behind it", MINT_TDX5_TD15, .bend = trailing, .a = 3000},
    {"quote-too-big", "66 000 bytes behind it", MINT_SGX3, REASON_QUOTE_TOO_BIG, .bend = trailing,
	.a = 66000},
    {"chain-too-big", "40 000 bytes of text behind the chain", MINT_SGX3, REASON_QUOTE_TOO_BIG,
	.bend = padded_chain},
    LENGTHS("slack-sig", "a spare byte in the signature data, behind type 6", MINT_TDX4, 0, 1),
    LENGTHS("slack-sig-v3", "a spare byte in the signature data, format 3", MINT_SGX3, 0, 1),
    LENGTHS("slack-sig-v5", "16 spare bytes in the signature data", MINT_TDX5_TD15, 0, 16),
    LENGTHS("slack-outer", "a spare byte inside type 6", MINT_TDX4, 1, 0),
    LENGTHS("slack-outer-sgx", "a spare byte inside type 6", MINT_SGX4, 1, 0),
    SHORT("len-sig-huge", "signature data of 0xffffffff bytes", MINT_SGX3, claim, .a = SIGNATURE,
	.b = 0xffffffff),
    SHORT("len-sig-zero", "signature data of no bytes", MINT_TDX4, claim, .a = SIGNATURE, .b = 0),
    SHORT("len-sig-small", "signature data that ends in the QE report", MINT_SGX3, claim,
	.a = SIGNATURE, .b = 300),
    SHORT("len-outer-huge", "type 6 of 0xffffffff bytes", MINT_TDX4, claim, .a = OUTER,
	.b = 0xffffffff),
    {"len-outer-small", "type 6 of 500 bytes, less than it holds", MINT_TDX4, REASON_QUOTE_LENGTHS,
	.bend = claim, .a = OUTER, .b = 500},
    SHORT("len-auth-huge", "auth data of 65 535 bytes", MINT_SGX3, claim, .a = AUTH, .b = 65535),
    SHORT("len-cert-huge", "certification data of 0xffffffff bytes", MINT_SGX3, claim, .a = CERT,
	.b = 0xffffffff),
    SHORT("len-cert-huge-v4", "certification data of 0xfffffff0 bytes", MINT_TDX4, claim, .a = CERT,
	.b = 0xfffffff0),
    {"len-cert-small", "certification data of 100 bytes, less than there are", MINT_SGX3,
	REASON_QUOTE_LENGTHS, .bend = claim, .a = CERT, .b = 100},
    SHORT("cut-0", "no byte at all", MINT_SGX3, cut, .a = 0),
    SHORT("cut-47", "ends inside the header", MINT_SGX3, cut, .a = 47),
    SHORT("cut-200", "ends inside the body", MINT_TDX4, cut, .a = 200),
    SHORT("cut-434", "ends inside the length of the signature data", MINT_SGX3, cut, .a = 434),
    SHORT("cut-1500", "ends inside the signature data", MINT_TDX5_TD15, cut, .a = 1500),
    BAD_KIND("outer-5", "outer certification data type 5", MINT_TDX4, outer_type, 5),
    BAD_KIND("outer-7", "outer certification data type 7", MINT_TDX5_TD15, outer_type, 7),
    BAD_KIND("inner-0", "inner type 0", MINT_TDX4, cert_type, 0),
    BAD_KIND("inner-6", "inner type 6, inside type 6", MINT_TDX4, cert_type, 6),
    BAD_KIND("inner-7", "inner type 7, a platform manifest", MINT_TDX4, cert_type, 7),
    BAD_KIND("inner-8", "inner type 8", MINT_TDX5_TD15, cert_type, 8),
    BAD_KIND("v3-type-6", "format 3 with certification data type 6", MINT_SGX3, cert_type, 6),
    BAD_KIND("v3-type-7", "format 3 with certification data type 7", MINT_SGX3, cert_type, 7),
};

/* -- bytes that take no part -- */

static void
auth_length(struct mint_world *w, const struct mint_row *row)
{
	w->quote.auth_n = (size_t)row->a;
}

static void
fill_body(struct mint_world *w, const struct mint_row *row)
{
	memset(w->quote.body + row->a, (int)row->c, (size_t)row->b);
}

static void
fill_qe_report(struct mint_world *w, const struct mint_row *row)
{
	memset(w->quote.qe_report + row->a, (int)row->c, (size_t)row->b);
}

static const struct mint_row irrelevant[] = {
    {"auth-len-0", "QE auth data of no bytes", MINT_SGX3, .bend = auth_length, .a = 0},
    {"auth-len-31", "QE auth data of 31 bytes", MINT_SGX3, .bend = auth_length, .a = 31},
    {"auth-len-33", "QE auth data of 33 bytes", MINT_SGX3, .bend = auth_length, .a = 33},
    {"auth-len-1000", "QE auth data of 1000 bytes", MINT_SGX3, .bend = auth_length, .a = 1000},
    {"auth-len-0-tdx", "QE auth data of no bytes, TD", MINT_TDX4, .bend = auth_length, .a = 0},
    {"body-cpusvn-irrelevant", "CPUSVN in the enclave's report all ones", MINT_SGX3,
	.bend = fill_body, .a = MINT_SGX_CPUSVN, .b = 16, .c = 0xff},
    {"body-reserved", "reserved bytes of the enclave's report set", MINT_SGX3, .bend = fill_body,
	.a = 96, .b = 32, .c = 0xff},
    {"body-isvsvn", "the enclave's own product and SVN", MINT_SGX4, .bend = fill_body,
	.a = MINT_SGX_ISVPRODID, .b = 4, .c = 0xff},
    {"qe-reserved", "reserved bytes of the QE's report set", MINT_SGX3, .bend = fill_qe_report,
	.a = 96, .b = 32, .c = 0xff},
    {"qe-mrenclave", "another build of the QE by the same signer", MINT_SGX3,
	.bend = fill_qe_report, .a = MINT_SGX_MRENCLAVE, .b = 32, .c = 0x3c},
    {"qe-cpusvn", "CPUSVN in the QE's report", MINT_TDX4, .bend = fill_qe_report,
	.a = MINT_SGX_CPUSVN, .b = 16, .c = 0},
};

bool
mint_cases_quote(struct mint_run *r, struct err *e)
{
	return MINT_RUN_TABLE(r, plain, e) && MINT_RUN_TABLE(r, header, e)
	       && MINT_RUN_TABLE(r, lengths, e) && MINT_RUN_TABLE(r, irrelevant, e);
}
