#include "mint/quote.h"

#include <openssl/sha.h>

/* Where report data lies in an SGX report. */
#define REPORT_DATA 320

static void
put_length(struct buf *out, int64_t claimed, size_t actual, size_t octets)
{
	buf_add_le(out, claimed == MINT_TRUE_LENGTH ? actual : (uint64_t)claimed, octets);
}

static void
put_zeros(struct buf *out, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_add_u8(out, 0);
}

static void
put_header(const struct mint_quote *q, struct buf *out)
{
	buf_add_le(out, q->version, 2);
	buf_add_le(out, q->key_type, 2);
	buf_add_le(out, q->tee, 4);
	buf_add(out, span_of(q->reserved, sizeof q->reserved));
	buf_add(out, span_of(q->vendor, sizeof q->vendor));
	buf_add(out, span_of(q->user_data, sizeof q->user_data));
}

/* Header, descriptor and body: what is signed. */
static void
put_signed_part(const struct mint_quote *q, bool descriptor, struct buf *out)
{
	put_header(q, out);
	if (descriptor) {
		buf_add_le(out, q->body_type, 2);
		put_length(out, q->body_size, q->body_n, 4);
	}
	buf_add(out, span_of(q->body, q->body_n));
}

/* Sign header and body; *key becomes the key that stands in the quote. */
static MUST_CHECK bool
sign_quote(const struct mint_quote *q, struct mint_key *key, uint8_t sig[static 64])
{
	struct mint_key by = q->signed_by ? *q->signed_by : q->key;
	struct buf part;
	bool ok;

	buf_init(&part, 2048);
	put_signed_part(q, q->descriptor && !q->descriptor_unsigned, &part);
	ok = buf_ok(&part) && mint_sign(&by, q->signature, buf_span(&part), sig);
	buf_fini(&part);
	*key = q->signed_by ? q->key : by;
	if (q->key_off_curve)
		key->xy[63] ^= 1;
	if (q->key_zero)
		memset(key->xy, 0, sizeof key->xy);
	return ok;
}

static MUST_CHECK bool
bind_key(const struct mint_quote *q, const struct mint_key *key, uint8_t report[static 384])
{
	uint8_t bound[64 + MINT_AUTH_MAX];
	size_t n = 64;

	memcpy(report, q->qe_report, 384);
	memcpy(bound, key->xy, 64);
	if (q->binding == MINT_BINDS_KEY_AND_AUTH) {
		memcpy(bound + 64, q->auth, q->auth_n);
		n += q->auth_n;
	}
	if (!SHA256(bound, n, report + REPORT_DATA))
		return false;
	if (q->binding == MINT_BINDS_NOTHING)
		report[REPORT_DATA] ^= 1;
	report[383] = q->binding_tail;
	return true;
}

/* QE report, its signature, auth data, certification data. */
static MUST_CHECK bool
put_qe(const struct mint_quote *q, const struct mint_key *key, struct span cert, struct buf *out)
{
	struct mint_key by = *q->qe_signed_by;
	uint8_t report[384], sig[64];

	if (!bind_key(q, key, report)
	    || !mint_sign(&by, q->qe_signature, span_of(report, 384), sig))
		return false;
	buf_add(out, span_of(report, sizeof report));
	buf_add(out, span_of(sig, sizeof sig));
	put_length(out, q->auth_length, q->auth_n, 2);
	buf_add(out, span_of(q->auth, q->auth_n));
	buf_add_le(out, q->cert_type, 2);
	put_length(out, q->cert_length, cert.n, 4);
	buf_add(out, cert);
	return true;
}

static MUST_CHECK bool
put_signature_data(const struct mint_quote *q, struct span cert, struct buf *out)
{
	struct mint_key key;
	uint8_t sig[64];
	struct buf qe;
	bool ok;

	buf_init(&qe, out->max);
	ok = sign_quote(q, &key, sig) && put_qe(q, &key, cert, &qe) && buf_ok(&qe);
	buf_add(out, span_of(sig, sizeof sig));
	buf_add(out, span_of(key.xy, sizeof key.xy));
	if (q->nested) {
		buf_add_le(out, q->outer_type, 2);
		put_length(out, q->outer_length, qe.n + q->slack_inside, 4);
	}
	buf_add(out, buf_span(&qe));
	put_zeros(out, (q->nested ? q->slack_inside : 0) + q->slack_behind);
	buf_fini(&qe);
	return ok;
}

bool
mint_quote_write(const struct mint_quote *q, struct span cert, struct buf *out)
{
	struct buf data;
	bool ok;

	buf_init(&data, out->max);
	ok = put_signature_data(q, cert, &data);
	put_signed_part(q, q->descriptor, out);
	put_length(out, q->signature_length, data.n, 4);
	buf_add(out, buf_span(&data));
	put_zeros(out, q->trailing);
	ok = ok && buf_ok(&data) && buf_ok(out);
	buf_fini(&data);
	if (ok && q->flip && q->flip < out->n)
		out->p[q->flip] ^= 1;
	if (ok && q->cut != MINT_TRUE_LENGTH && (size_t)q->cut < out->n)
		out->n = (size_t)q->cut;
	return ok;
}
