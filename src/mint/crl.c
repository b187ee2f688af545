#include "mint/crl.h"
#include "base/base64.h"
#include "base/hex.h"
#include "mint/der.h"

static void
put_entry(const struct mint_crl *c, struct span serial, struct buf *out)
{
	bool critical = c->quirks & MINT_CRL_ENTRY_CRITICAL, hold = c->quirks & MINT_CRL_HOLD;
	size_t from = out->n, list;

	mint_der_number(out, serial);
	mint_der_time(out, c->from_s, false);
	list = out->n;
	if (hold) /* CRLReason 6 (RFC 5280 section 5.3.1) */
		mint_extension_write(out, "2.5.29.21", false, span_str("\x0a\x01\x06"));
	if (critical)
		mint_extension_write(out, "1.3.6.1.4.1.55555.2", true, span_str("\x05"));
	if (hold || critical)
		mint_der_wrap(out, list, MINT_SEQUENCE);
	mint_der_wrap(out, from, MINT_SEQUENCE);
}

static void
put_entries(const struct mint_crl *c, struct buf *out)
{
	uint8_t filler[20] = {0x5a};
	size_t from = out->n;

	for (unsigned i = 0; i < c->fillers; i++) {
		filler[18] = (uint8_t)(i >> 8);
		filler[19] = (uint8_t)i;
		put_entry(c, span_of(filler, sizeof filler), out);
	}
	for (size_t i = 0; i < 2; i++)
		if (c->revoked[i])
			put_entry(c,
			    span_of(c->revoked[i], sizeof(((struct mint_cert *)0)->serial)), out);
	if (out->n > from) /* the list is absent where it is empty */
		mint_der_wrap(out, from, MINT_SEQUENCE);
}

static void
put_aki(const struct mint_crl *c, struct buf *out)
{
	struct buf value;

	buf_init(&value, 256);
	mint_key_id(c->by, &value);
	mint_der_wrap(&value, 0, 0x80);
	mint_der_wrap(&value, 0, MINT_SEQUENCE);
	mint_extension_write(out, "2.5.29.35", false, buf_span(&value));
	out->failed |= !buf_ok(&value);
	buf_fini(&value);
}

static void
put_extensions(const struct mint_crl *c, struct buf *out)
{
	size_t from = out->n;

	if (!(c->quirks & MINT_CRL_NO_NUMBER))
		mint_extension_write(out, "2.5.29.20", false, span_str("\x02\x01\x01"));
	if (c->quirks & MINT_CRL_NUMBER_TWICE)
		mint_extension_write(out, "2.5.29.20", false, span_str("\x02\x01\x01"));
	if (!(c->quirks & MINT_CRL_NO_AKI))
		put_aki(c, out);
	if (c->quirks & MINT_CRL_DELTA)
		mint_extension_write(out, "2.5.29.27", true, span_str("\x02\x01\x01"));
	/* IssuingDistributionPoint: [2] onlyContainsCACerts, [4] indirectCRL */
	if (c->quirks & MINT_CRL_ONLY_CA)
		mint_extension_write(out, "2.5.29.28", true, span_str("\x30\x03\x82\x01\xff"));
	if (c->quirks & MINT_CRL_INDIRECT)
		mint_extension_write(out, "2.5.29.28", true, span_str("\x30\x03\x84\x01\xff"));
	if (c->quirks & (MINT_CRL_UNKNOWN_CRITICAL | MINT_CRL_UNKNOWN))
		mint_extension_write(out, "1.3.6.1.4.1.55555.1",
		    c->quirks & MINT_CRL_UNKNOWN_CRITICAL, span_str("\x05"));
	if (out->n > from) {
		mint_der_wrap(out, from, MINT_SEQUENCE);
		mint_der_wrap(out, from, MINT_CONTEXT + 0);
	}
}

static void
put_der(const struct mint_crl *c, struct buf *out)
{
	enum mint_hash hash = c->quirks & MINT_CRL_SHA384 ? MINT_SHA384 : MINT_SHA256;
	struct mint_signing s = {.by = c->forger ? c->forger : c->by,
	    .hash = hash,
	    .outside = c->quirks & MINT_CRL_OUTSIDE ? MINT_SHA384 : hash,
	    .long_length = c->quirks & MINT_CRL_LONG_LENGTH};
	bool offset = c->quirks & MINT_CRL_TIME_OFFSET;

	mint_der_int(out, MINT_INTEGER, 1); /* version 2 */
	mint_algorithm_write(c->quirks & MINT_CRL_INSIDE ? MINT_SHA384 : hash, out);
	mint_name_write(c->issuer, false, out);
	mint_der_time(out, c->from_s, offset);
	if (!(c->quirks & MINT_CRL_NO_NEXT_UPDATE))
		mint_der_time(out, c->to_s, offset);
	put_entries(c, out);
	put_extensions(c, out);
	mint_tbs_sign(out, 0, s);
	if (c->quirks & MINT_CRL_TRAILING)
		buf_add_u8(out, 0);
	if (c->quirks & MINT_CRL_TRUNCATED && out->n > 20)
		out->n -= 20;
}

static void
put_hex(struct span der, bool upper, struct buf *out)
{
	size_t from = out->n;

	hex_encode_buf(der, out);
	for (size_t i = from; upper && i < out->n; i++)
		if (out->p[i] >= 'a')
			out->p[i] = (uint8_t)(out->p[i] - ('a' - 'A'));
}

void
mint_crl_write(const struct mint_crl *c, struct buf *out)
{
	struct buf der;

	buf_init(&der, out->max);
	put_der(c, &der);
	switch (c->form) {
	case MINT_CRL_HEX:
	case MINT_CRL_HEX_UPPER:
		put_hex(buf_span(&der), c->form == MINT_CRL_HEX_UPPER, out);
		break;
	case MINT_CRL_HEX_NUL:
		put_hex(buf_span(&der), false, out);
		buf_add_u8(out, 0);
		break;
	case MINT_CRL_PEM:
		mint_pem_write(buf_span(&der), "X509 CRL", MINT_CHAIN_PLAIN, out);
		break;
	case MINT_CRL_BASE64:
		base64_encode(buf_span(&der), out);
		break;
	case MINT_CRL_EMPTY:
		break;
	case MINT_CRL_GARBAGE:
		buf_add_str(out, "no list");
		break;
	}
	out->failed |= !buf_ok(&der);
	buf_fini(&der);
}
