#include "dcap/quote.h"

#include <stdlib.h>

#include "base/limits.h"

#define HEADER_SIZE 48
#define REPORT_SIZE 384

/* Intel's quoting enclave; no other vendor ships one. */
static const uint8_t vendor_intel[16] = {
    0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9, 0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07};

static MUST_CHECK bool
parse_header(struct rd *r, struct quote *q, struct err *e)
{
	uint16_t key_type;
	struct span vendor;

	q->header = span_first(span_of(r->p, r->len), HEADER_SIZE);
	q->version = rd_u16le(r);
	key_type = rd_u16le(r);
	q->tee = rd_u32le(r);
	rd_skip(r, 4); /* version 3: SVNs of QE and PCE; reserved since. No part of a decision. */
	vendor = rd_span(r, sizeof vendor_intel);
	rd_skip(r, 20); /* user data: the QE instance */

	if (r->bad)
		return err_set(e, ERR_MALFORMED, REASON_QUOTE_TRUNCATED, "ends inside its header");
	if (q->version < 3 || q->version > 5)
		return err_set(
		    e, ERR_UNSUPPORTED, REASON_QUOTE_VERSION, "quote version %u", q->version);
	if (key_type != 2)
		return err_set(
		    e, ERR_UNSUPPORTED, REASON_QUOTE_KIND, "attestation key type %u", key_type);
	if (q->tee != EEDCAP_SGX && q->tee != EEDCAP_TDX)
		return err_set(e, ERR_UNSUPPORTED, REASON_QUOTE_KIND, "TEE type %#x", q->tee);
	if (q->version == 3 && q->tee != EEDCAP_SGX)
		return err_set(
		    e, ERR_MALFORMED, REASON_QUOTE_KIND, "version 3 with TEE type %#x", q->tee);
	if (!span_eq(vendor, span_of(vendor_intel, sizeof vendor_intel)))
		return err_set(e, ERR_UNSUPPORTED, REASON_QUOTE_KIND, "QE vendor is not Intel");
	return true;
}

static MUST_CHECK bool
parse_body(struct rd *r, struct quote *q, struct err *e)
{
	static const size_t size_of[] = {
	    [BODY_SGX] = 384, [BODY_TD10] = 584, [BODY_TD15] = 648, [BODY_TD15_EXT] = 885};
	uint32_t size;

	if (q->version == 5) {
		q->body_type = rd_u16le(r);
		size = rd_u32le(r);
		if (r->bad)
			return err_set(e, ERR_MALFORMED, REASON_QUOTE_TRUNCATED,
			    "ends inside its body descriptor");
		if (q->body_type < BODY_SGX || q->body_type > BODY_TD15_EXT)
			return err_set(
			    e, ERR_UNSUPPORTED, REASON_QUOTE_KIND, "body type %u", q->body_type);
		if ((q->body_type == BODY_SGX) != (q->tee == EEDCAP_SGX))
			return err_set(e, ERR_MALFORMED, REASON_QUOTE_KIND,
			    "body type %u with TEE type %#x", q->body_type, q->tee);
		if (size != size_of[q->body_type])
			return err_set(e, ERR_MALFORMED, REASON_QUOTE_LENGTHS,
			    "body type %u of %u bytes", q->body_type, size);
	} else {
		q->body_type = q->tee == EEDCAP_SGX ? BODY_SGX : BODY_TD10;
	}
	q->body = rd_span(r, size_of[q->body_type]);
	if (r->bad)
		return err_set(e, ERR_MALFORMED, REASON_QUOTE_TRUNCATED, "ends inside its body");
	q->signed_part = span_of(r->p, r->off);
	return true;
}

/* QE report, its signature, QE auth data, certification data: the same in all versions. */
static MUST_CHECK bool
parse_qe(struct rd *r, struct quote *q, struct err *e)
{
	q->qe_report = rd_span(r, REPORT_SIZE);
	q->qe_signature = rd_span(r, 64);
	q->qe_auth = rd_span(r, rd_u16le(r));
	q->cert_type = rd_u16le(r);
	q->cert = rd_span(r, rd_u32le(r));

	if (r->bad)
		return err_set(e, ERR_MALFORMED, REASON_QUOTE_TRUNCATED,
		    "signature data ends before what it holds");
	if (!rd_end(r))
		return err_set(e, ERR_MALFORMED, REASON_QUOTE_LENGTHS,
		    "%zu spare bytes in the signature data", rd_left(r));
	if (q->cert_type < CERT_PPID || q->cert_type > CERT_CHAIN)
		return err_set(e, ERR_MALFORMED, REASON_QUOTE_KIND, "certification data type %u",
		    q->cert_type);
	if (q->cert.n > LIMIT_CERT_DATA)
		return err_set(e, ERR_LIMIT, REASON_QUOTE_TOO_BIG,
		    "certification data of %zu bytes", q->cert.n);
	return true;
}

static MUST_CHECK bool
parse_signature(struct rd *r, struct quote *q, struct err *e)
{
	struct rd outer;
	uint16_t type;
	uint32_t size;

	q->signature = rd_span(r, 64);
	q->key = rd_span(r, 64);
	if (q->version == 3)
		return parse_qe(r, q, e);

	type = rd_u16le(r);
	size = rd_u32le(r);
	if (!r->bad && type != CERT_QE)
		return err_set(e, ERR_MALFORMED, REASON_QUOTE_KIND,
		    "outer certification data type %u, not 6", type);
	if (!r->bad && size > rd_left(r))
		r->bad = true;
	if (r->bad)
		return err_set(e, ERR_MALFORMED, REASON_QUOTE_TRUNCATED,
		    "signature data ends before what it holds");
	if (size != rd_left(r))
		return err_set(e, ERR_MALFORMED, REASON_QUOTE_LENGTHS,
		    "%zu spare bytes in the signature data", rd_left(r) - size);
	outer = rd_sub(r, size);
	return parse_qe(&outer, q, e);
}

bool
quote_parse(struct quote *q, struct span bytes, struct err *e)
{
	struct rd r = rd_of(bytes), sub;
	struct quote out = {0};
	uint32_t size;

	if (bytes.n > LIMIT_QUOTE)
		return err_set(e, ERR_LIMIT, REASON_QUOTE_TOO_BIG, "quote of %zu bytes", bytes.n);
	if (!parse_header(&r, &out, e) || !parse_body(&r, &out, e))
		return false;
	size = rd_u32le(&r);
	sub = rd_sub(&r, size);
	if (r.bad)
		return err_set(e, ERR_MALFORMED, REASON_QUOTE_TRUNCATED,
		    "ends inside its signature data of %u bytes", size);
	if (!parse_signature(&sub, &out, e))
		return false;
	out.trailing = rd_left(&r);
	*q = out;
	return true;
}

struct eedcap_quote *
quote_new(struct span bytes, struct err *e)
{
	struct eedcap_quote *h;

	if (bytes.n > LIMIT_QUOTE) {
		err_set(e, ERR_LIMIT, REASON_QUOTE_TOO_BIG, "quote of %zu bytes", bytes.n);
		return NULL;
	}
	h = calloc(1, sizeof *h);
	if (h)
		h->bytes = malloc(bytes.n ? bytes.n : 1);
	if (!h || !h->bytes) {
		err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "quote of %zu bytes", bytes.n);
		goto fail;
	}
	if (bytes.n)
		memcpy(h->bytes, bytes.p, bytes.n);
	if (!quote_parse(&h->q, span_of(h->bytes, bytes.n), e))
		goto fail;
	return h;
fail:
	eedcap_quote_free(h);
	return NULL;
}

void
eedcap_quote_free(struct eedcap_quote *q)
{
	if (!q)
		return;
	free(q->bytes);
	free(q);
}

struct sgx_report
sgx_report_of(struct span report)
{
	struct sgx_report s = {0};
	struct rd r = rd_of(report);

	rd_skip(&r, 16); /* CPUSVN takes no part in the verdict */
	s.miscselect = rd_span(&r, 4).p;
	rd_skip(&r, 28);
	s.attributes = rd_span(&r, 16).p;
	rd_skip(&r, 64);
	s.mrsigner = rd_span(&r, 32).p;
	rd_skip(&r, 96);
	s.isvprodid = rd_u16le(&r);
	s.isvsvn = rd_u16le(&r);
	rd_skip(&r, 60);
	s.report_data = rd_span(&r, 64).p;
	return s;
}

struct td_report
td_report_of(const struct quote *q)
{
	struct td_report t = {0};
	struct rd r = rd_of(q->body);

	t.svn = rd_span(&r, 16).p;
	rd_skip(&r, 48);
	t.mrsignerseam = rd_span(&r, 48).p;
	t.seamattributes = rd_span(&r, 8).p;
	t.attributes = rd_u64le(&r);
	if (q->body_type == BODY_TD10)
		return t;
	r = rd_of(span_from(q->body, 584));
	t.svn2 = rd_span(&r, 16).p;
	t.mrservicetd = rd_span(&r, 48);
	return t;
}
