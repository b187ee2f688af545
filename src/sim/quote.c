#include "sim/quote.h"

#include <openssl/sha.h>

enum {
	KEY_ECDSA_P256 = 2,
	TEE_TDX = 0x81,
	BODY_TD_15 = 3,
	BODY_TD_15_SIZE = 648,
	CERT_PCK_CHAIN = 5,
	CERT_QE_REPORT = 6,
	QE_AUTH_SIZE = 32,
	TD_QE_PRODID = 2
};

/* A quote is about 5 KB; the largest part is the chain. */
#define QUOTE_MAX (32u * 1024)

static const uint8_t qe_vendor[16] = {
    0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9, 0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07};

static void
put_zeros(struct buf *out, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_add_u8(out, 0);
}

static void
put_header(struct buf *out, uint16_t version)
{
	buf_add_le(out, version, 2);
	buf_add_le(out, KEY_ECDSA_P256, 2);
	buf_add_le(out, TEE_TDX, 4);
	put_zeros(out, 4);
	buf_add(out, span_of(qe_vendor, sizeof qe_vendor));
	put_zeros(out, 20);
}

static void
put_td_report(struct buf *out, const struct sim_td *td, const uint8_t *report_data)
{
	buf_add(out, span_of(td->tee_tcb_svn, sizeof td->tee_tcb_svn));
	buf_add(out, span_of(td->mrseam, sizeof td->mrseam));
	buf_add(out, span_of(td->mrsignerseam, sizeof td->mrsignerseam));
	buf_add(out, span_of(td->seamattributes, sizeof td->seamattributes));
	buf_add(out, span_of(td->tdattributes, sizeof td->tdattributes));
	buf_add(out, span_of(td->xfam, sizeof td->xfam));
	buf_add(out, span_of(td->mrtd, sizeof td->mrtd));
	buf_add(out, span_of(td->mrconfigid, sizeof td->mrconfigid));
	buf_add(out, span_of(td->mrowner, sizeof td->mrowner));
	buf_add(out, span_of(td->mrownerconfig, sizeof td->mrownerconfig));
	buf_add(out, span_of(td->rtmr, sizeof td->rtmr));
	buf_add(out, span_of(report_data, SIM_REPORT_DATA_SIZE));
}

/* Header, descriptor (format 5) and report: all that the attestation key signs. */
static void
put_signed_part(struct buf *out, const struct sim_quote *q)
{
	put_header(out, q->version);
	if (q->version >= 5) {
		buf_add_le(out, BODY_TD_15, 2);
		buf_add_le(out, BODY_TD_15_SIZE, 4);
	}
	put_td_report(out, q->td, q->report_data);
	if (q->version >= 5) { /* TEE_TCB_SVN2 and MRSERVICETD */
		buf_add(out, span_of(q->td->tee_tcb_svn, sizeof q->td->tee_tcb_svn));
		put_zeros(out, SIM_REGISTER_SIZE);
	}
}

/* The SGX report of the quoting enclave; its report data binds the attestation key. */
static void
put_qe_report(struct buf *out, const struct sim_qe *qe, const uint8_t *binding)
{
	static const uint8_t attributes[16] = {0x15, 0, 0, 0, 0, 0, 0, 0, 0xe7};

	buf_add(out, span_of(qe->cpusvn, sizeof qe->cpusvn));
	put_zeros(out, 4 + 28); /* MISCSELECT, reserved */
	buf_add(out, span_of(attributes, sizeof attributes));
	buf_add(out, span_of(qe->mrenclave, sizeof qe->mrenclave));
	put_zeros(out, 32);
	buf_add(out, span_of(qe->mrsigner, sizeof qe->mrsigner));
	put_zeros(out, 96);
	buf_add_le(out, TD_QE_PRODID, 2);
	buf_add_le(out, qe->svn, 2);
	put_zeros(out, 60);
	buf_add(out, span_of(binding, SHA256_DIGEST_LENGTH));
	put_zeros(out, 32);
}

bool
sim_qe_certify(const struct sim_qe *qe, struct buf *out, struct err *e)
{
	uint8_t bound[64 + QE_AUTH_SIZE], binding[SHA256_DIGEST_LENGTH], sig[64];
	size_t at = out->n;

	if (!sim_key_point(qe->bound_key, bound, e))
		return false;
	for (uint8_t i = 0; i < QE_AUTH_SIZE; i++)
		bound[64 + i] = i; /* genuine quoting enclaves count up, too */
	if (!SHA256(bound, sizeof bound, binding))
		return err_set(e, ERR_NOMEM, REASON_INTERNAL, "SHA-256");

	put_qe_report(out, qe, binding);
	if (!buf_ok(out))
		return err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "QE report");
	if (!sim_key_sign(qe->pck_key, span_from(buf_span(out), at), sig, e))
		return false;
	buf_add(out, span_of(sig, sizeof sig));
	buf_add_le(out, QE_AUTH_SIZE, 2);
	buf_add(out, span_from(span_of(bound, sizeof bound), 64));
	buf_add_le(out, CERT_PCK_CHAIN, 2);
	buf_add_le(out, qe->pck_chain.n + 1, 4);
	buf_add(out, qe->pck_chain);
	buf_add_u8(out, 0); /* most genuine chains end in a NUL that the length counts */
	return buf_ok(out) || err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "certification data");
}

bool
sim_quote_write(const struct sim_quote *q, struct buf *out, struct err *e)
{
	struct buf body;
	uint8_t sig[64], point[64];
	bool ok;

	buf_init(&body, QUOTE_MAX);
	put_signed_part(&body, q);
	ok = (buf_ok(&body) || err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "quote"))
	     && sim_key_sign(q->attestation_key, buf_span(&body), sig, e)
	     && sim_key_point(q->attestation_key, point, e);
	if (ok) {
		buf_add(out, buf_span(&body));
		buf_add_le(out, 64 + 64 + 2 + 4 + q->certification.n, 4);
		buf_add(out, span_of(sig, sizeof sig));
		buf_add(out, span_of(point, sizeof point));
		buf_add_le(out, CERT_QE_REPORT, 2);
		buf_add_le(out, q->certification.n, 4);
		buf_add(out, q->certification);
		ok = buf_ok(out) || err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "quote");
	}
	buf_fini(&body);
	return ok;
}
