#include "dcap/testkit_impl.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <stdio.h>

#include "base/base64.h"
#include "base/hex.h"
#include "base/test.h"
#include "dcap/der.h"

/* -- DER -- */

static void
tlv(struct buf *out, uint8_t tag, struct span s)
{
	buf_add_u8(out, tag);
	if (s.n < 0x80) {
		buf_add_u8(out, (uint8_t)s.n);
	} else {
		size_t octets = s.n < 0x100 ? 1 : 2;

		buf_add_u8(out, (uint8_t)(0x80 | octets));
		buf_add_be(out, s.n, octets);
	}
	buf_add(out, s);
}

/* Make what b holds the content of one element. */
static void
wrap(struct buf *b, uint8_t tag)
{
	struct buf whole;

	buf_init(&whole, KIT_MAX);
	tlv(&whole, tag, buf_span(b));
	buf_fini(b);
	*b = whole;
}

void
kit_move(struct buf *out, struct buf *b)
{
	buf_add(out, buf_span(b));
	buf_fini(b);
	buf_init(b, KIT_MAX);
}

static void
add_hex(struct buf *out, const char *hex)
{
	assert_true(hex_decode_buf(span_str(hex), out));
}

#define ECDSA_SHA256 "300a06082a8648ce3d040302"
#define SPKI_P256    "301306072a8648ce3d020106082a8648ce3d030107"

static void
put_name(struct buf *out, const char *cn)
{
	struct buf b;

	buf_init(&b, KIT_MAX);
	add_hex(&b, "0603550403");
	tlv(&b, 0x0c, span_str(cn));
	wrap(&b, DER_SEQUENCE);
	wrap(&b, DER_SET);
	wrap(&b, DER_SEQUENCE);
	kit_move(out, &b);
	buf_fini(&b);
}

static void
put_extension(struct buf *out, const char *oid, bool critical, struct span value)
{
	struct buf b;

	buf_init(&b, KIT_MAX);
	add_hex(&b, oid);
	if (critical)
		add_hex(&b, "0101ff");
	tlv(&b, DER_OCTET_STRING, value);
	wrap(&b, DER_SEQUENCE);
	kit_move(out, &b);
	buf_fini(&b);
}

void
kit_point_of(EVP_PKEY *key, uint8_t out[static 65])
{
	size_t n;

	assert_int_equal(
	    EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, out, 65, &n), 1);
	assert_int_equal(n, 65);
}

static void
sign_der(EVP_PKEY *key, struct span msg, struct buf *out)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t sig[80];
	size_t n = sizeof sig;

	assert_int_equal(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key), 1);
	assert_int_equal(EVP_DigestSign(ctx, sig, &n, msg.p, msg.n), 1);
	EVP_MD_CTX_free(ctx);
	buf_add(out, span_of(sig, n));
}

void
kit_sign_raw(EVP_PKEY *key, struct span msg, struct buf *out)
{
	struct buf der;
	struct rd r;

	buf_init(&der, KIT_MAX);
	sign_der(key, msg, &der);
	r = rd_of(buf_span(&der));
	r = der_enter(&r, DER_SEQUENCE);
	for (int i = 0; i < 2; i++) {
		struct span v = der_take(&r, DER_INTEGER);

		if (v.n == 33)
			v = span_from(v, 1);
		for (size_t pad = v.n; pad < 32; pad++)
			buf_add_u8(out, 0);
		buf_add(out, v);
	}
	buf_fini(&der);
}

/* Close a TBS that lies in b: wrap, algorithm, signature. */
static void
sign_tbs(struct buf *b, EVP_PKEY *by)
{
	struct buf sig;

	wrap(b, DER_SEQUENCE);
	buf_init(&sig, KIT_MAX);
	buf_add_u8(&sig, 0);
	sign_der(by, buf_span(b), &sig);
	wrap(&sig, DER_BIT_STRING);
	add_hex(b, ECDSA_SHA256);
	kit_move(b, &sig);
	buf_fini(&sig);
	wrap(b, DER_SEQUENCE);
}

/* -- the SGX extension -- */

static void
put_pair(struct buf *out, const char *below, const char *value_hex)
{
	struct buf oid, b;

	buf_init(&oid, KIT_MAX);
	buf_init(&b, KIT_MAX);
	add_hex(&oid, "2a864886f84d010d01");
	add_hex(&oid, below);
	tlv(&b, DER_OID, buf_span(&oid));
	add_hex(&b, value_hex);
	wrap(&b, DER_SEQUENCE);
	kit_move(out, &b);
	buf_fini(&oid);
	buf_fini(&b);
}

static void
put_tcb(struct kit *k, struct buf *out)
{
	struct buf tcb, value;
	char below[8], hex[64];

	buf_init(&tcb, KIT_MAX);
	for (unsigned i = 1; i <= 17; i++) {
		int v = i == 17 ? k->pcesvn : k->components[i - 1];

		if (i == 3 && k->component_3 != -1)
			v = k->component_3;
		snprintf(below, sizeof below, "02%02x", i);
		if (v < 0)
			snprintf(hex, sizeof hex, "0201%02x", (unsigned)v & 0xff);
		else if (v < 0x80)
			snprintf(hex, sizeof hex, "0201%02x", (unsigned)v);
		else if (v < 0x8000)
			snprintf(hex, sizeof hex, "0202%04x", (unsigned)v);
		else
			snprintf(hex, sizeof hex, "0203%06x", (unsigned)v);
		put_pair(&tcb, below, hex);
	}
	memcpy(hex, "0410", 5);
	hex_encode(span_of(k->components, 16), hex + 4);
	put_pair(&tcb, "0212", hex);
	wrap(&tcb, DER_SEQUENCE);
	buf_init(&value, KIT_MAX);
	hex_encode_buf(buf_span(&tcb), &value);
	put_pair(out, "02", buf_cstr(&value));
	buf_fini(&tcb);
	buf_fini(&value);
}

static void
put_sgx(struct kit *k, struct buf *out)
{
	struct buf b;

	buf_init(&b, KIT_MAX);
	put_pair(&b, "01", "0410000102030405060708090a0b0c0d0e0f");
	put_tcb(k, &b);
	put_pair(&b, "03", "04020000");
	if (!k->no_fmspc)
		put_pair(&b, "04", "040600806f050000");
	put_pair(&b, "05", "0a0101");
	put_pair(&b, "06", "0410101112131415161718191a1b1c1d1e1f");
	wrap(&b, DER_SEQUENCE);
	if (k->extension_trailing)
		buf_add_u8(&b, 0);
	put_extension(out, "06092a864886f84d010d01", false, buf_span(&b));
	buf_fini(&b);
}

/* -- certificates and CRLs -- */

static void
put_extensions(struct kit *k, const struct kit_cert *c, struct buf *out)
{
	uint8_t usage[] = {0x03, 0x02, 0x00, c->usage};
	static const uint8_t ca[] = {0x30, 0x03, 0x01, 0x01, 0xff}, end[] = {0x30, 0x00};
	struct buf b;

	buf_init(&b, KIT_MAX);
	if (c->skip_extension != 1)
		put_extension(&b, "0603551d23", false, span_str("\x30"));
	if (c->skip_extension != 2)
		put_extension(&b, "0603551d1f", false, span_str("\x30"));
	if (c->skip_extension != 3)
		put_extension(&b, "0603551d0e", false, span_str("\x04"));
	if (c->skip_extension != 4)
		put_extension(&b, "0603551d0f", true, span_of(usage, sizeof usage));
	if (c->skip_extension != 5)
		put_extension(&b, "0603551d13", true, c->ca ? span_of(ca, 5) : span_of(end, 2));
	if (c->critical)
		put_extension(&b, "06042a030405", true, span_str("x"));
	if (c == &k->leaf)
		put_sgx(k, &b);
	wrap(&b, DER_SEQUENCE);
	wrap(&b, DER_CONTEXT + 3);
	kit_move(out, &b);
	buf_fini(&b);
}

void
kit_put_cert(struct kit *k, const struct kit_cert *c, struct buf *pem)
{
	uint8_t point[66] = {0}; /* no unused bits, then the point */
	struct buf b, part;

	buf_init(&b, KIT_MAX);
	buf_init(&part, KIT_MAX);
	add_hex(&b, "a003020102");
	tlv(&b, DER_INTEGER, span_of(&c->serial, 1));
	add_hex(&b, ECDSA_SHA256);
	put_name(&b, c->issuer);
	tlv(&part, DER_UTC_TIME, span_str(c->from));
	tlv(&part, DER_UTC_TIME, span_str(c->to));
	wrap(&part, DER_SEQUENCE);
	kit_move(&b, &part);
	put_name(&b, c->subject);
	add_hex(&part, SPKI_P256);
	kit_point_of(c->key, point + 1);
	tlv(&part, DER_BIT_STRING, span_of(point, sizeof point));
	wrap(&part, DER_SEQUENCE);
	kit_move(&b, &part);
	put_extensions(k, c, &b);
	sign_tbs(&b, c->by);
	buf_add_str(pem, "-----BEGIN CERTIFICATE-----\n");
	base64_encode(buf_span(&b), pem);
	buf_add_str(pem, "\n-----END CERTIFICATE-----\n");
	buf_fini(&b);
	buf_fini(&part);
}

void
kit_crl_der(const struct kit_crl *c, struct buf *out)
{
	struct buf b, part;

	buf_init(&b, KIT_MAX);
	buf_init(&part, KIT_MAX);
	add_hex(&b, "020101" ECDSA_SHA256);
	put_name(&b, c->issuer);
	tlv(&b, DER_UTC_TIME, span_str(c->from));
	tlv(&b, DER_UTC_TIME, span_str(c->to));
	if (c->revoked) {
		tlv(&part, DER_INTEGER, span_of(&c->revoked, 1));
		tlv(&part, DER_UTC_TIME, span_str(c->from));
		wrap(&part, DER_SEQUENCE);
		wrap(&part, DER_SEQUENCE);
		kit_move(&b, &part);
	}
	put_extension(&part, "0603551d14", false, span_str("\x02\x01\x01"));
	put_extension(&part, "0603551d23", false, span_str("\x30"));
	if (c->critical)
		put_extension(&part, "0603551d1c", true, span_str("\x30"));
	wrap(&part, DER_SEQUENCE);
	wrap(&part, DER_CONTEXT + 0);
	kit_move(&b, &part);
	sign_tbs(&b, c->by);
	if (c->trailing)
		buf_add_u8(&b, 0);
	kit_move(out, &b);
	buf_fini(&b);
	buf_fini(&part);
}

void
kit_put_crl(const struct kit_crl *c, struct buf *out)
{
	struct buf der;

	buf_init(&der, KIT_MAX);
	kit_crl_der(c, &der);
	hex_encode_buf(buf_span(&der), out);
	buf_fini(&der);
}
