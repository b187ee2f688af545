#include "dcap/testkit.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <stdio.h>

#include "base/base64.h"
#include "base/hex.h"
#include "base/jcs.h"
#include "base/test.h"
#include "dcap/der.h"

#define KIT_MAX ((size_t)1 << 24)

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

/* Append b, and empty it. */
static void
move(struct buf *out, struct buf *b)
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
	move(out, &b);
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
	move(out, &b);
	buf_fini(&b);
}

static void
point_of(EVP_PKEY *key, uint8_t out[static 65])
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

static void
sign_raw(EVP_PKEY *key, struct span msg, struct buf *out)
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
	move(b, &sig);
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
	move(out, &b);
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
	move(out, &b);
	buf_fini(&b);
}

static void
put_cert(struct kit *k, const struct kit_cert *c, struct buf *pem)
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
	move(&b, &part);
	put_name(&b, c->subject);
	add_hex(&part, SPKI_P256);
	point_of(c->key, point + 1);
	tlv(&part, DER_BIT_STRING, span_of(point, sizeof point));
	wrap(&part, DER_SEQUENCE);
	move(&b, &part);
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
		move(&b, &part);
	}
	put_extension(&part, "0603551d14", false, span_str("\x02\x01\x01"));
	put_extension(&part, "0603551d23", false, span_str("\x30"));
	if (c->critical)
		put_extension(&part, "0603551d1c", true, span_str("\x30"));
	wrap(&part, DER_SEQUENCE);
	wrap(&part, DER_CONTEXT + 0);
	move(&b, &part);
	sign_tbs(&b, c->by);
	if (c->trailing)
		buf_add_u8(&b, 0);
	move(out, &b);
	buf_fini(&b);
	buf_fini(&part);
}

static void
put_crl(const struct kit_crl *c, struct buf *out)
{
	struct buf der;

	buf_init(&der, KIT_MAX);
	kit_crl_der(c, &der);
	hex_encode_buf(buf_span(&der), out);
	buf_fini(&der);
}

/* -- documents -- */

static void
put_level(struct buf *out, bool tdx, unsigned svn, const char *status, const char *advisory)
{
	buf_add_str(out, "{\"tcb\":{\"sgxtcbcomponents\":[");
	for (unsigned i = 0; i < 16; i++)
		buf_printf(out, "%s{\"svn\":%u}", i ? "," : "", i < 4 ? svn : 0);
	buf_printf(out, "],\"pcesvn\":%u", svn);
	if (tdx) {
		buf_add_str(out, ",\"tdxtcbcomponents\":[");
		for (unsigned i = 0; i < 16; i++)
			buf_printf(out, "%s{\"svn\":%u}", i ? "," : "", i < 3 ? svn : 0);
		buf_add_str(out, "]");
	}
	buf_printf(
	    out, "},\"tcbDate\":\"2025-0%u-01T00:00:00Z\",\"tcbStatus\":\"%s\"", svn, status);
	if (advisory)
		buf_printf(out, ",\"advisoryIDs\":[\"%s\"]", advisory);
	buf_add_str(out, "}");
}

static void
put_tcb_info(struct kit *k)
{
	static const char module[] =
	    "\"mrsigner\":\"000000000000000000000000000000000000000000000000"
	    "000000000000000000000000000000000000000000000000\","
	    "\"attributes\":\"0000000000000000\",\"attributesMask\":\"FFFFFFFFFFFFFFFF\"";
	struct buf *b = &k->tcb_info;

	buf_printf(b,
	    "{\"id\":\"%s\",\"version\":3,\"issueDate\":\"2026-09-01T00:00:00Z\","
	    "\"nextUpdate\":\"2026-10-01T00:00:00Z\",\"fmspc\":\"00806F050000\",\"pceId\":\"0000\","
	    "\"tcbType\":0,\"tcbEvaluationDataNumber\":20,",
	    k->tdx ? "TDX" : "SGX");
	if (k->tdx)
		buf_printf(b,
		    "\"tdxModule\":{%s},\"tdxModuleIdentities\":[{\"id\":\"TDX_01\",%s,"
		    "\"tcbLevels\":[{\"tcb\":{\"isvsvn\":5},\"tcbDate\":\"2025-06-01T00:00:00Z\","
		    "\"tcbStatus\":\"UpToDate\"},{\"tcb\":{\"isvsvn\":2},"
		    "\"tcbDate\":\"2024-06-01T00:00:00Z\",\"tcbStatus\":\"OutOfDate\","
		    "\"advisoryIDs\":[\"INTEL-SA-00003\"]}]}],",
		    module, module);
	buf_add_str(b, "\"tcbLevels\":[");
	put_level(b, k->tdx, 9, "UpToDate", NULL);
	buf_add_str(b, ",");
	put_level(b, k->tdx, 5, "OutOfDate", "INTEL-SA-00002");
	buf_add_str(b, "]}");
}

static void
put_qe_identity(struct kit *k)
{
	buf_printf(&k->qe_identity,
	    "{\"id\":\"%s\",\"version\":2,\"issueDate\":\"2026-09-01T00:00:00Z\","
	    "\"nextUpdate\":\"2026-10-01T00:00:00Z\",\"tcbEvaluationDataNumber\":21,"
	    "\"miscselect\":\"00000000\",\"miscselectMask\":\"FFFFFFFF\","
	    "\"attributes\":\"11000000000000000000000000000000\","
	    "\"attributesMask\":\"FBFFFFFFFFFFFFFF0000000000000000\","
	    "\"mrsigner\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\","
	    "\"isvprodid\":2,\"tcbLevels\":[{\"tcb\":{\"isvsvn\":4},"
	    "\"tcbDate\":\"2025-05-01T00:00:00Z\",\"tcbStatus\":\"UpToDate\"},"
	    "{\"tcb\":{\"isvsvn\":2},\"tcbDate\":\"2024-01-01T00:00:00Z\","
	    "\"tcbStatus\":\"OutOfDate\",\"advisoryIDs\":[\"INTEL-SA-00001\"]}]}",
	    k->tdx ? "TD_QE" : "QE");
}

void
kit_replace(struct buf *text, const char *from, const char *to)
{
	size_t n = strlen(from), at = 0;
	struct buf out;

	while (at + n <= text->n && memcmp(text->p + at, from, n) != 0)
		at++;
	assert_true(at + n <= text->n);
	buf_init(&out, KIT_MAX);
	buf_add(&out, span_first(buf_span(text), at));
	buf_add_str(&out, to);
	buf_add(&out, span_from(buf_span(text), at + n));
	buf_fini(text);
	*text = out;
}

/* -- the quote -- */

static void
put_body(struct kit *k, struct buf *out)
{
	static const uint8_t vendor[] = {0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9, 0x94, 0x0a,
	    0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07};
	static const uint16_t size[] = {0, 384, 584, 648, 885};

	buf_add_le(out, k->version, 2);
	buf_add_le(out, 2, 2);
	buf_add_le(out, k->tdx ? 0x81 : 0, 4);
	buf_add_le(out, 0, 4);
	buf_add(out, span_of(vendor, sizeof vendor));
	buf_add_le(out, 0, 8);
	buf_add_le(out, 0, 8);
	buf_add_le(out, 0, 4);
	if (k->version == 5) {
		buf_add_le(out, k->body_type, 2);
		buf_add_le(out, size[k->body_type], 4);
	}
	buf_add(out, span_of(k->body, size[k->body_type]));
}

static void
put_qe(struct kit *k, const uint8_t point[static 65], struct buf *out)
{
	uint8_t digest[32];
	struct buf bound;
	unsigned n;

	buf_init(&bound, KIT_MAX);
	buf_add(&bound, span_of(point + 1, 64));
	buf_add(&bound, span_of(k->auth, k->auth_n));
	assert_int_equal(EVP_Digest(bound.p, bound.n, digest, &n, EVP_sha256(), NULL), 1);
	buf_fini(&bound);
	memcpy(k->qe_report + 320, digest, 32);
	k->qe_report[320] ^= k->qe_data_xor;

	buf_add(out, span_of(k->qe_report, 384));
	sign_raw(k->qe_by, span_of(k->qe_report, 384), out);
	buf_add_le(out, k->auth_n, 2);
	buf_add(out, span_of(k->auth, k->auth_n));
	buf_add_le(out, k->cert_type, 2);
	buf_add_le(out, k->chain.n, 4);
	buf_add(out, buf_span(&k->chain));
}

static void
put_quote(struct kit *k, struct buf *out)
{
	uint8_t point[65];
	struct buf sig;

	buf_init(&sig, KIT_MAX);
	point_of(k->ak, point);
	put_body(k, out);
	sign_raw(k->quote_by, buf_span(out), &sig);
	buf_add(&sig, span_of(point + 1, 64));
	if (k->version != 3) {
		buf_add_le(&sig, 6, 2);
		buf_add_le(&sig, k->certification.n, 4);
	}
	buf_add(&sig, buf_span(&k->certification));
	buf_add_le(out, sig.n, 4);
	move(out, &sig);
	buf_fini(&sig);
}

/* -- the whole -- */

static void
put_document(struct jw *w, const char *name, const struct buf *text, EVP_PKEY *by)
{
	struct buf sig;
	char member[40];

	buf_init(&sig, KIT_MAX);
	sign_raw(by, buf_span(text), &sig);
	jw_span(w, name, buf_span(text));
	snprintf(member, sizeof member, "%s_signature", name);
	jw_hex(w, member, buf_span(&sig));
	buf_fini(&sig);
}

static void
put_collateral(struct kit *k, struct buf *out)
{
	struct jw w = jw_of(out);
	struct buf text;

	buf_init(&text, KIT_MAX);
	jw_object(&w, NULL);
	buf_add(&text, buf_span(&k->ca_pem));
	buf_add(&text, buf_span(&k->root_pem));
	jw_span(&w, "pck_crl_issuer_chain", buf_span(&text));
	buf_clear(&text);
	buf_add(&text, buf_span(&k->signer_pem));
	buf_add(&text, buf_span(&k->root_pem));
	jw_span(&w, "tcb_info_issuer_chain", buf_span(&text));
	jw_span(&w, "qe_identity_issuer_chain", buf_span(&text));
	buf_clear(&text);
	put_crl(&k->root_crl, &text);
	jw_span(&w, "root_ca_crl", buf_span(&text));
	buf_clear(&text);
	put_crl(&k->pck_crl, &text);
	jw_span(&w, "pck_crl", buf_span(&text));
	put_document(&w, "tcb_info", &k->tcb_info, k->tcb_info_by);
	put_document(&w, "qe_identity", &k->qe_identity, k->qe_identity_by);
	jw_end_object(&w);
	buf_fini(&text);
}

void
kit_build_quote(struct kit *k)
{
	buf_clear(&k->quote);
	put_quote(k, &k->quote);
	assert_true(buf_ok(&k->quote));
}

void
kit_build_platform(struct kit *k)
{
	uint8_t point[65];

	buf_clear(&k->chain);
	buf_clear(&k->certification);
	put_cert(k, &k->leaf, &k->chain);
	buf_add(&k->chain, buf_span(&k->ca_pem));
	buf_add(&k->chain, buf_span(&k->root_pem));
	buf_add_u8(&k->chain, 0);
	point_of(k->ak, point);
	put_qe(k, point, &k->certification);
	kit_build_quote(k);
}

void
kit_leaf(const struct kit *k, struct buf *out)
{
	buf_add(out, span_first(buf_span(&k->chain), k->chain.n - 1 - k->ca_pem.n - k->root_pem.n));
}

void
kit_use_chain(struct kit *k, struct span text)
{
	size_t before = 384 + 64 + 2 + k->auth_n + 2;

	k->certification.n = before;
	buf_add_le(&k->certification, text.n, 4);
	buf_add(&k->certification, text);
	kit_build_quote(k);
}

void
kit_build_collateral(struct kit *k)
{
	buf_clear(&k->collateral);
	put_collateral(k, &k->collateral);
	assert_true(buf_ok(&k->collateral));
}

void
kit_build(struct kit *k)
{
	buf_clear(&k->ca_pem);
	buf_clear(&k->root_pem);
	buf_clear(&k->signer_pem);
	put_cert(k, &k->ca, &k->ca_pem);
	put_cert(k, &k->root, &k->root_pem);
	put_cert(k, &k->signer, &k->signer_pem);
	point_of(k->root_key, k->root_point);
	kit_build_platform(k);
	kit_build_collateral(k);
}

static void
init_certs(struct kit *k)
{
	static const char from[] = "250101000000Z", to[] = "350101000000Z";
	static const char root[] = "Test SGX Root CA", ca[] = "Test SGX PCK Platform CA";

	k->root = (struct kit_cert){.subject = root,
	    .issuer = root,
	    .key = k->root_key,
	    .by = k->root_key,
	    .ca = true,
	    .usage = 0x06,
	    .serial = 1,
	    .from = from,
	    .to = to};
	k->ca = (struct kit_cert){.subject = ca,
	    .issuer = root,
	    .key = k->ca_key,
	    .by = k->root_key,
	    .ca = true,
	    .usage = 0x06,
	    .serial = 2,
	    .from = from,
	    .to = to};
	k->leaf = (struct kit_cert){.subject = "Test SGX PCK Certificate",
	    .issuer = ca,
	    .key = k->leaf_key,
	    .by = k->ca_key,
	    .usage = 0xc0,
	    .serial = 3,
	    .from = from,
	    .to = to};
	k->signer = (struct kit_cert){.subject = "Test SGX TCB Signing",
	    .issuer = root,
	    .key = k->signer_key,
	    .by = k->root_key,
	    .usage = 0xc0,
	    .serial = 4,
	    .from = from,
	    .to = to};
	k->root_crl = (struct kit_crl){
	    .issuer = root, .by = k->root_key, .from = "260901000000Z", .to = "261001000000Z"};
	k->pck_crl = (struct kit_crl){
	    .issuer = ca, .by = k->ca_key, .from = "260901000000Z", .to = "261001000000Z"};
}

void
kit_init(struct kit *k, bool tdx, unsigned version)
{
	EVP_PKEY **keys[] = {
	    &k->root_key, &k->ca_key, &k->leaf_key, &k->signer_key, &k->ak, &k->stranger};

	memset(k, 0, sizeof *k);
	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
		*keys[i] = EVP_EC_gen("P-256");
		assert_non_null(*keys[i]);
	}
	init_certs(k);
	k->tdx = tdx;
	k->version = version;
	k->body_type = !tdx ? 1 : version == 5 ? 3 : 2;
	memset(k->components, 9, 4);
	k->component_3 = -1;
	k->pcesvn = 9;
	k->cert_type = 5;
	k->auth_n = 32;
	k->qe_by = k->leaf_key;
	k->quote_by = k->ak;
	k->tcb_info_by = k->qe_identity_by = k->signer_key;

	/* QE: MODE64, INIT, PROVISION_KEY; signer and product of the identity document */
	k->qe_report[48] = 0x15;
	memset(k->qe_report + 128, 0xaa, 32);
	k->qe_report[256] = 2;
	k->qe_report[258] = 4;
	if (tdx) {
		memcpy(k->body, "\x05\x01\x09", 3); /* module 1.5, loader 9 */
		k->body[123] = 0x10; /* SEPT_VE_DISABLE */
		memset(k->body + 136, 0x11, 48);
		memset(k->body + 328, 0x22, 48);
		memset(k->body + 520, 0x33, 64);
		if (version == 5)
			memcpy(k->body + 584, "\x05\x01\x09", 3);
	} else {
		k->body[48] = 0x05;
		memset(k->body + 64, 0x44, 32);
		memset(k->body + 320, 0x33, 64);
	}
	struct buf *bufs[] = {&k->tcb_info, &k->qe_identity, &k->ca_pem, &k->root_pem,
	    &k->signer_pem, &k->certification, &k->chain, &k->quote, &k->collateral};
	for (size_t i = 0; i < sizeof bufs / sizeof bufs[0]; i++)
		buf_init(bufs[i], KIT_MAX);
	put_tcb_info(k);
	put_qe_identity(k);
}

void
kit_fini(struct kit *k)
{
	struct buf *bufs[] = {&k->tcb_info, &k->qe_identity, &k->ca_pem, &k->root_pem,
	    &k->signer_pem, &k->certification, &k->chain, &k->quote, &k->collateral};

	for (size_t i = 0; i < sizeof bufs / sizeof bufs[0]; i++)
		buf_fini(bufs[i]);
	EVP_PKEY_free(k->root_key);
	EVP_PKEY_free(k->ca_key);
	EVP_PKEY_free(k->leaf_key);
	EVP_PKEY_free(k->signer_key);
	EVP_PKEY_free(k->ak);
	EVP_PKEY_free(k->stranger);
}

struct eedcap_context *
kit_context(const struct kit *k, size_t platforms)
{
	struct eedcap_error e;
	struct eedcap_context *ctx = eedcap_context_new(k->root_point, platforms, &e);

	assert_non_null(ctx);
	return ctx;
}

struct eedcap_collateral *
kit_collateral(const struct kit *k, struct eedcap_context *ctx)
{
	struct eedcap_error e;
	struct eedcap_collateral *c = eedcap_collateral_parse(
	    ctx, k->collateral.p, k->collateral.n, &e);

	assert_non_null(c);
	return c;
}

struct kit_result
kit_verify_under(struct eedcap_context *ctx, const struct kit *k, int64_t now,
    const struct eedcap_policy *policy)
{
	struct kit_result r = {0};
	struct eedcap_error e;
	struct eedcap_collateral *c = eedcap_collateral_parse(
	    ctx, k->collateral.p, k->collateral.n, &e);
	struct eedcap_verdict *v = NULL;

	if (c) {
		v = eedcap_verify(ctx, k->quote.p, k->quote.n, c, now, policy);
		assert_non_null(v);
		e = *eedcap_verdict_error(v);
		r.status = eedcap_status_name(eedcap_verdict_status(v));
		assert_int_equal(eedcap_verdict_accepted(v), e.kind == EEDCAP_OK);
	}
	memcpy(r.reason, e.reason, sizeof r.reason);
	r.kind = e.kind;
	eedcap_verdict_free(v);
	eedcap_collateral_free(c);
	return r;
}

struct kit_result
kit_verify_with(const struct kit *k, int64_t now, const struct eedcap_policy *policy)
{
	struct eedcap_context *ctx = kit_context(k, 4);
	struct kit_result first = kit_verify_under(ctx, k, now, policy);
	struct kit_result again = kit_verify_under(ctx, k, now, policy);

	assert_string_equal(first.reason, again.reason);
	assert_ptr_equal(first.status, again.status);
	eedcap_context_free(ctx);
	return first;
}

struct kit_result
kit_verify(const struct kit *k)
{
	struct eedcap_policy any = {.accept = EEDCAP_ACCEPT_ANY};

	return kit_verify_with(k, KIT_NOW, &any);
}
