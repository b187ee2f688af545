#include "dcap/testkit_impl.h"

#include <openssl/ec.h>
#include <stdio.h>

#include "base/hex.h"
#include "base/jcs.h"
#include "base/test.h"

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
	kit_sign_raw(k->qe_by, span_of(k->qe_report, 384), out);
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
	kit_point_of(k->ak, point);
	put_body(k, out);
	kit_sign_raw(k->quote_by, buf_span(out), &sig);
	buf_add(&sig, span_of(point + 1, 64));
	if (k->version != 3) {
		buf_add_le(&sig, 6, 2);
		buf_add_le(&sig, k->certification.n, 4);
	}
	buf_add(&sig, buf_span(&k->certification));
	buf_add_le(out, sig.n, 4);
	kit_move(out, &sig);
	buf_fini(&sig);
}

/* -- the whole -- */

static void
put_document(struct jw *w, const char *name, const struct buf *text, EVP_PKEY *by)
{
	struct buf sig;
	char member[40];

	buf_init(&sig, KIT_MAX);
	kit_sign_raw(by, buf_span(text), &sig);
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
	kit_put_crl(&k->root_crl, &text);
	jw_span(&w, "root_ca_crl", buf_span(&text));
	buf_clear(&text);
	kit_put_crl(&k->pck_crl, &text);
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
	kit_put_cert(k, &k->leaf, &k->chain);
	buf_add(&k->chain, buf_span(&k->ca_pem));
	buf_add(&k->chain, buf_span(&k->root_pem));
	buf_add_u8(&k->chain, 0);
	kit_point_of(k->ak, point);
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
	kit_put_cert(k, &k->ca, &k->ca_pem);
	kit_put_cert(k, &k->root, &k->root_pem);
	kit_put_cert(k, &k->signer, &k->signer_pem);
	kit_point_of(k->root_key, k->root_point);
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
