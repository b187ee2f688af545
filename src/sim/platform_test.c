#include "base/hex.h"
#include "base/rd.h"
#include "base/test.h"
#include "sim/platform.h"

#include <openssl/ecdsa.h>
#include <openssl/x509v3.h>

#define NOW ((int64_t)1790000000)

static const uint8_t seed[SIM_SEED_SIZE] = {1, 2, 3};
static const uint8_t report_data[SIM_REPORT_DATA_SIZE] = {0xaa, 0xbb};

static void
platform_make(struct sim_platform *p)
{
	struct err e = {0};

	assert_true(sim_platform_init(p, seed, "http://127.0.0.1:8099", NOW, &e));
}

static const struct sim_vm *
vm_make(struct sim_platform *p, const char *name, const char *json)
{
	struct err e = {0};

	assert_true(sim_platform_put_vm(p, span_str(name), span_str(json), NOW, &e));
	return sim_platform_find_vm(p, span_str(name));
}

static bool
signature_holds(EVP_PKEY *key, struct span bytes, const uint8_t *sig)
{
	ECDSA_SIG *s = ECDSA_SIG_new();
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t *der = NULL;
	int n;
	bool ok;

	assert_true(
	    ECDSA_SIG_set0(s, BN_bin2bn(sig, 32, NULL), BN_bin2bn(sig + 32, 32, NULL)) == 1);
	n = i2d_ECDSA_SIG(s, &der);
	ok = EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key) == 1
	     && EVP_DigestVerify(ctx, der, (size_t)n, bytes.p, bytes.n) == 1;
	OPENSSL_free(der);
	ECDSA_SIG_free(s);
	EVP_MD_CTX_free(ctx);
	return ok;
}

static void
one_seed_is_one_root(void **state)
{
	struct sim_platform a, b;
	uint8_t ka[64], kb[64];
	struct err e = {0};

	platform_make(&a);
	assert_true(sim_platform_init(&b, seed, "http://[::1]:1", NOW + 86400, &e));
	assert_true(sim_key_point(a.pki.key[SIM_ROOT], ka, &e));
	assert_true(sim_key_point(b.pki.key[SIM_ROOT], kb, &e));
	assert_memory_equal(ka, kb, sizeof ka);
	assert_true(sim_key_point(a.impostor.key[SIM_ROOT], kb, &e));
	assert_memory_not_equal(ka, kb, sizeof ka);
	sim_platform_fini(&a);
	sim_platform_fini(&b);
}

/* OpenSSL's own path check, in strict mode, with both CRLs, agrees that the chain is one. */
static void
chain_is_one_to_openssl(void **state)
{
	struct sim_platform p;
	struct err e = {0};
	struct sim_pck pck = {.pcesvn = 11};
	EVP_PKEY *key;
	X509 *leaf;
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	STACK_OF(X509) *chain = sk_X509_new_null();

	platform_make(&p);
	assert_true(sim_key_derive(seed, "leaf", &key, &e));
	assert_true(sim_pki_issue_pck(&p.pki, key, &pck, NOW, &leaf, &e));
	X509_STORE_add_cert(store, p.pki.cert[SIM_ROOT]);
	sk_X509_push(chain, p.pki.cert[SIM_PLATFORM_CA]);
	for (int i = SIM_CRL_ROOT; i <= SIM_CRL_PLATFORM; i++) {
		struct span der;
		X509_CRL *crl;

		assert_true(sim_platform_crl(&p, (enum sim_crl)i, NOW, &der, &e));
		crl = d2i_X509_CRL(NULL, &der.p, (long)der.n);
		assert_non_null(crl);
		X509_STORE_add_crl(store, crl);
		X509_CRL_free(crl);
	}
	X509_STORE_set_flags(
	    store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL | X509_V_FLAG_X509_STRICT);
	assert_int_equal(X509_STORE_CTX_init(ctx, store, leaf, chain), 1);
	X509_STORE_CTX_set_time(ctx, 0, (time_t)NOW);
	assert_int_equal(X509_verify_cert(ctx), 1);

	sk_X509_free(chain);
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	X509_free(leaf);
	EVP_PKEY_free(key);
	sim_platform_fini(&p);
}

/* Walk a quote of either format to its end; return the offset of the body. */
static void
quote_is_well_formed(const struct sim_platform *p, const struct sim_vm *vm, bool bound)
{
	struct buf q;
	struct rd r, sub;
	struct err e = {0};
	size_t body = vm->version == 5 ? 48 + 6 + 648 : 48 + 584;
	struct span qe, sig, at;
	size_t n;

	buf_init(&q, 65536);
	assert_true(sim_platform_quote(p, vm, report_data, &q, &e));
	r = rd_of(buf_span(&q));
	assert_int_equal(rd_u16le(&r), vm->version);
	rd_skip(&r, body - 2);
	sub = rd_sub(&r, rd_u32le(&r));
	assert_true(rd_end(&r));
	assert_true(signature_holds(bound ? vm->attestation_key : vm->throwaway_key,
	    span_first(buf_span(&q), body), rd_span(&sub, 64).p));
	rd_skip(&sub, 64);
	assert_int_equal(rd_u16le(&sub), 6);
	n = rd_u32le(&sub);
	assert_int_equal(n, rd_left(&sub));
	qe = rd_span(&sub, 384);
	sig = rd_span(&sub, 64);
	assert_true(signature_holds(vm->pck_key, qe, sig.p));
	rd_skip(&sub, rd_u16le(&sub));
	assert_int_equal(rd_u16le(&sub), 5);
	n = rd_u32le(&sub);
	assert_int_equal(n, rd_left(&sub));
	rd_skip(&sub, rd_left(&sub));
	assert_true(rd_end(&sub));
	at = span_from(buf_span(&q), vm->version == 5 ? 54 : 48);
	assert_memory_equal(at.p + 136, vm->td.mrtd, 48);
	assert_memory_equal(at.p + 520, report_data, sizeof report_data);
	buf_fini(&q);
}

static void
quotes_have_their_layout(void **state)
{
	struct sim_platform p;

	platform_make(&p);
	quote_is_well_formed(&p, vm_make(&p, "four", ""), true);
	quote_is_well_formed(&p, vm_make(&p, "five", "{\"version\":5}"), true);
	quote_is_well_formed(&p, vm_make(&p, "bad", "{\"forge\":\"throwaway-key\"}"), false);
	sim_platform_fini(&p);
}

static void
machines_follow_from_their_names(void **state)
{
	struct sim_platform p;
	const struct sim_vm *a, *b;
	uint8_t mrtd[48], ppid[16];

	platform_make(&p);
	a = vm_make(&p, "a", "");
	memcpy(mrtd, a->td.mrtd, sizeof mrtd);
	memcpy(ppid, a->pck.ppid, sizeof ppid);
	a = vm_make(&p, "a", "{}");
	assert_memory_equal(a->td.mrtd, mrtd, sizeof mrtd);
	b = vm_make(&p, "b", "{\"platform\":\"a\",\"tcb\":\"OutOfDate\",\"debug\":true}");
	assert_memory_not_equal(b->td.mrtd, mrtd, sizeof mrtd);
	assert_memory_equal(b->pck.ppid, ppid, sizeof ppid);
	assert_int_equal(b->td.tdattributes[0], 1);
	assert_int_equal(b->pck.svn[0], 5);
	assert_int_equal(p.n_vms, 2);
	assert_true(sim_platform_drop_vm(&p, span_str("a")));
	assert_false(sim_platform_drop_vm(&p, span_str("a")));
	sim_platform_fini(&p);
}

static void
bad_settings_are_named(void **state)
{
	static const struct {
		const char *json, *token;
	} cases[] = {
	    {"{\"mrdt\":\"00\"}", "invalid_field:mrdt"},
	    {"{\"mrtd\":\"00\"}", "invalid_field:mrtd"},
	    {"{\"mrtd\":7}", "invalid_field:mrtd"},
	    {"{\"tcb\":\"Fine\"}", "invalid_field:tcb"},
	    {"{\"forge\":\"x\"}", "invalid_field:forge"},
	    {"{\"version\":3}", "invalid_field:version"},
	    {"{\"debug\":1}", "invalid_field:debug"},
	    {"{\"platform\":\"../x\"}", "invalid_field:platform"},
	    {"{\"tcb\":\"UpToDate\",\"tcb\":\"OutOfDate\"}", "invalid_json"},
	    {"[]", "invalid_json"},
	    {"{", "invalid_json"},
	};
	struct sim_platform p;
	char token[ERR_TOKEN_MAX];

	platform_make(&p);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct err e = {0};

		assert_false(
		    sim_platform_put_vm(&p, span_str("x"), span_str(cases[i].json), NOW, &e));
		assert_string_equal(err_token(&e, token), cases[i].token);
	}
	assert_int_equal(p.n_vms, 0);
	sim_platform_fini(&p);
}

static void
documents_are_signed_as_they_stand(void **state)
{
	struct sim_platform p;
	struct err e = {0};

	platform_make(&p);
	for (int i = 0; i < SIM_DOC_COUNT; i++) {
		struct span body, again;
		struct json_doc doc;
		const struct json_node *inner, *sig;
		uint8_t raw[64];

		assert_true(sim_platform_doc(&p, (enum sim_doc)i, 0, NOW, &body, &e));
		assert_true(sim_platform_doc(&p, (enum sim_doc)i, 0, NOW + 86400, &again, &e));
		assert_ptr_equal(body.p, again.p);
		assert_true(json_parse(&doc, body, (struct json_limits){16, 65536}, &e));
		inner = json_first(&doc, json_top(&doc));
		sig = json_next(&doc, json_top(&doc), inner);
		assert_true(hex_decode(sig->text, raw, sizeof raw));
		assert_true(signature_holds(p.pki.key[SIM_TCB_SIGNING], inner->text, raw));
		json_free(&doc);
	}
	sim_platform_fini(&p);
}

static bool
doc_is_issued_at(struct sim_platform *p, int64_t now_s, const char *date)
{
	struct err e = {0};
	struct span body;

	assert_true(sim_platform_doc(p, SIM_TCB_TDX, 0, now_s, &body, &e));
	return memmem(body.p, body.n, date, strlen(date)) != NULL;
}

static void
documents_are_renewed_before_they_end(void **state)
{
	struct sim_platform p;

	platform_make(&p);
	assert_true(doc_is_issued_at(&p, NOW, "\"issueDate\":\"2026-09-21T14:13:20Z\""));
	assert_true(doc_is_issued_at(&p, NOW + 14 * 86400, "\"issueDate\":\"2026-09-21"));
	assert_true(doc_is_issued_at(&p, NOW + 15 * 86400, "\"issueDate\":\"2026-10-06"));
	assert_true(doc_is_issued_at(&p, NOW, "\"issueDate\":\"2026-09-21"));
	assert_true(doc_is_issued_at(&p, NOW, "\"tcbEvaluationDataNumber\":18"));
	sim_platform_recover(&p, 2);
	assert_true(doc_is_issued_at(&p, NOW, "\"tcbEvaluationDataNumber\":20"));
	sim_platform_fini(&p);
}

static int
revoked_in(struct sim_platform *p, enum sim_crl which)
{
	struct err e = {0};
	struct span der;
	X509_CRL *crl;
	int n;

	assert_true(sim_platform_crl(p, which, NOW, &der, &e));
	crl = d2i_X509_CRL(NULL, &der.p, (long)der.n);
	assert_non_null(crl);
	n = sk_X509_REVOKED_num(X509_CRL_get_REVOKED(crl));
	X509_CRL_free(crl);
	return n < 0 ? 0 : n;
}

static void
revocation_comes_and_goes(void **state)
{
	struct sim_platform p;

	platform_make(&p);
	vm_make(&p, "a", "");
	assert_int_equal(revoked_in(&p, SIM_CRL_PLATFORM), 0);
	vm_make(&p, "a", "{\"revoked\":true}");
	assert_int_equal(revoked_in(&p, SIM_CRL_PLATFORM), 1);
	assert_int_equal(revoked_in(&p, SIM_CRL_PROCESSOR), 0);
	vm_make(&p, "a", "");
	assert_int_equal(revoked_in(&p, SIM_CRL_PLATFORM), 0);
	sim_platform_revoke(&p, SIM_TCB_SIGNING, true);
	assert_int_equal(revoked_in(&p, SIM_CRL_ROOT), 1);
	sim_platform_fini(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_seed_is_one_root),
	    cmocka_unit_test(chain_is_one_to_openssl),
	    cmocka_unit_test(quotes_have_their_layout),
	    cmocka_unit_test(machines_follow_from_their_names),
	    cmocka_unit_test(bad_settings_are_named),
	    cmocka_unit_test(documents_are_signed_as_they_stand),
	    cmocka_unit_test(documents_are_renewed_before_they_end),
	    cmocka_unit_test(revocation_comes_and_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
