#include "net/fetch_fake.h"

#include "collateral/collateral.h"

/* -- a verifier that takes down what it is given -- */

struct eedcap_collateral {
	int64_t expiry;
};

static struct {
	char pck_chain[64], tcb_chain[64], qe_chain[64], tcb[64], qe[64], pck_crl[64], root_crl[64];
	int parsed, alive;
	int64_t expiry;
	const char *refuse;
	uint8_t fmspc[6];
	enum eedcap_tee tee;
} cap;

static void
note(char dst[static 64], struct eedcap_bytes b)
{
	assert_true(span_cstr(span_of(b.p, b.n), dst, 64));
}

struct eedcap_collateral *
eedcap_collateral_from_parts(
    struct eedcap_context *ctx, const struct eedcap_collateral_parts *p, struct eedcap_error *e)
{
	struct eedcap_collateral *c;

	cap.parsed++;
	note(cap.pck_chain, p->pck_crl_issuer_chain);
	note(cap.tcb_chain, p->tcb_info_issuer_chain);
	note(cap.qe_chain, p->qe_identity_issuer_chain);
	note(cap.tcb, p->tcb_info);
	note(cap.qe, p->qe_identity);
	note(cap.pck_crl, p->pck_crl);
	note(cap.root_crl, p->root_ca_crl);
	assert_int_equal(p->tcb_info_signature.n, 0);
	if (cap.refuse) {
		snprintf(e->reason, sizeof e->reason, "%s", cap.refuse);
		return NULL;
	}
	c = malloc(sizeof *c);
	assert_non_null(c);
	c->expiry = cap.expiry;
	cap.alive++;
	return c;
}

void
eedcap_collateral_free(struct eedcap_collateral *c)
{
	cap.alive -= c != NULL;
	free(c);
}

int64_t
eedcap_collateral_expiry(const struct eedcap_collateral *c)
{
	return c->expiry;
}

const uint8_t *
eedcap_collateral_fmspc(const struct eedcap_collateral *c)
{
	return cap.fmspc;
}

enum eedcap_tee
eedcap_collateral_tee(const struct eedcap_collateral *c)
{
	return cap.tee;
}

/* -- tests -- */

#define BASE "http://pccs:8081"
#define SGX  BASE "/sgx/certification/v4"
#define TDX  BASE "/tdx/certification/v4"

#define PCK_CRL                                                                                    \
	{                                                                                          \
		SGX "/pckcrl?ca=platform&encoding=der", 200,                                       \
		    "sgx-pck-crl-issuer-chain: A%2Bb+%0A", "crl"                                   \
	}
#define TCB                                                                                        \
	{                                                                                          \
		TDX "/tcb?fmspc=00a0b0c0d0e0", 200,                                                \
		    "sgx-tcb-info-issuer-chain: old\ntcb-info-issuer-chain: new", "tcb"            \
	}
#define QE                                                                                         \
	{                                                                                          \
		TDX "/qe/identity", 200, "sgx-qe-identity-issuer-chain: older", "qe"               \
	}
#define ROOT                                                                                       \
	{                                                                                          \
		SGX "/rootcacrl", 200, NULL, "root"                                                \
	}

static const struct fake_answer good[] = {PCK_CRL, TCB, QE, ROOT};

static const struct collateral_key KEY = {
    .fmspc = {0, 0xa0, 0xb0, 0xc0, 0xd0, 0xe0}, .ca = EEDCAP_CA_PLATFORM, .tee = EEDCAP_TDX};

struct got {
	int calls;
	struct collateral *col;
	char reason[ERR_TOKEN_MAX];
	enum err_code code;
};

static void
on_done(struct collateral *col, const struct err *why, void *ctx)
{
	struct got *g = ctx;

	g->calls++;
	g->col = col;
	assert_true((col == NULL) != (why == NULL));
	if (why) {
		err_token(why, g->reason);
		g->code = why->code;
	}
}

static int
setup(void **state)
{
	memset(&cap, 0, sizeof cap);
	memset(&fake, 0, sizeof fake);
	memcpy(cap.fmspc, KEY.fmspc, 6);
	cap.tee = EEDCAP_TDX;
	fake.now_s = 1000;
	fake.now_ms = 5000000;
	cap.expiry = 1000000;
	fake_begin(good, 4);
	return 0;
}

/* What was taken is given back. */
static int
teardown(void **state)
{
	return cap.alive;
}

static struct collateral_client *
client(const char *url)
{
	struct collateral_opts o = {.url = url};
	struct err e = {0};
	struct collateral_client *c = collateral_client_new(NULL, NULL, &fake_env, &o, &e);

	assert_non_null(c);
	return c;
}

static struct got
get(struct collateral_client *c, const struct collateral_key *k)
{
	struct got g = {0};
	struct err e = {0};

	assert_non_null(collateral_get(c, k, on_done, &g, &e));
	assert_int_equal(g.calls, 0);
	fake_run();
	assert_int_equal(g.calls, 1);
	return g;
}

static void
four_documents_become_one(void **state)
{
	static const char *const urls[] = {BASE, BASE "/", SGX, SGX "/"};

	for (size_t i = 0; i < 4; i++) {
		struct collateral_client *c = client(urls[i]);

		assert_non_null(get(c, &KEY).col);
		collateral_client_free(c);
	}
	assert_int_equal(fake.asked, 16);
	/* Escapes are resolved, and a plus is a plus. */
	assert_string_equal(cap.pck_chain, "A+b+\n");
	/* The newer of two names wins; the older serves alone. */
	assert_string_equal(cap.tcb_chain, "new");
	assert_string_equal(cap.qe_chain, "older");
	assert_string_equal(cap.tcb, "tcb");
	assert_string_equal(cap.qe, "qe");
	assert_string_equal(cap.pck_crl, "crl");
	assert_string_equal(cap.root_crl, "root");
}

static void
intels_own_service_is_the_default(void **state)
{
#define INTEL "https://api.trustedservices.intel.com"
	static const struct fake_answer a[] = {
	    {INTEL "/sgx/certification/v4/pckcrl?ca=processor&encoding=der", 200,
		"SGX-PCK-CRL-Issuer-Chain: a", "crl"},
	    {INTEL "/sgx/certification/v4/tcb?fmspc=00a0b0c0d0e0", 200, "TCB-Info-Issuer-Chain: b",
		"tcb"},
	    {INTEL "/sgx/certification/v4/qe/identity", 200, "SGX-Enclave-Identity-Issuer-Chain: c",
		"qe"},
	    {"https://certificates.trustedservices.intel.com/IntelSGXRootCA.der", 200, NULL, "r"},
	    {"https://cdp.example/root.crl", 200, NULL, "cdp"}};
	struct collateral_client *c = client(NULL);
	struct collateral_key k = KEY;

	k.ca = EEDCAP_CA_PROCESSOR;
	k.tee = cap.tee = EEDCAP_SGX;
	fake_begin(a, 5);
	assert_non_null(get(c, &k).col);
	assert_string_equal(cap.root_crl, "r");
	snprintf(k.root_crl_url, sizeof k.root_crl_url, "https://cdp.example/root.crl");
	k.fmspc[5] = cap.fmspc[5] = 0xe0;
	collateral_client_free(c);
	c = client(NULL);
	assert_non_null(get(c, &k).col);
	assert_string_equal(cap.root_crl, "cdp");
	collateral_client_free(c);
}

static void
a_service_without_root_crl_is_helped_out(void **state)
{
	static const struct fake_answer a[] = {PCK_CRL, TCB, QE, {SGX "/rootcacrl", 404, NULL, ""},
	    {"http://cdp/root.crl", 200, NULL, "cdp"}};
	struct collateral_client *c = client(BASE);
	struct collateral_key k = KEY;

	fake_begin(a, 5);
	assert_string_equal(get(c, &k).reason, "dcap_error:rootcrl_http_404");
	fake.now_ms += 10000;
	snprintf(k.root_crl_url, sizeof k.root_crl_url, "http://cdp/root.crl");
	assert_non_null(get(c, &k).col);
	assert_string_equal(cap.root_crl, "cdp");
	collateral_client_free(c);
}

static void
one_flight_serves_all_and_is_kept(void **state)
{
	struct collateral_client *c = client(BASE);
	struct collateral_key other = KEY;
	struct got g[3] = {{0}};
	struct collateral_wait *w[3];
	struct err e = {0};

	for (size_t i = 0; i < 3; i++)
		w[i] = collateral_get(c, &KEY, on_done, &g[i], &e);
	collateral_cancel(w[1]);
	fake_run();
	assert_true(g[0].calls == 1 && g[1].calls == 0 && g[2].calls == 1);
	assert_ptr_equal(g[0].col, g[2].col);
	assert_int_equal(fake.asked, 4);
	assert_ptr_equal(get(c, &KEY).col, g[0].col);
	assert_int_equal(fake.asked, 4);

	/* Another TEE is another entry. */
	other.tee = EEDCAP_SGX;
	assert_non_null(collateral_get(c, &other, on_done, &g[1], &e));
	assert_int_equal(fake.asked, 8);
	collateral_client_free(c);
	fake_run();
	assert_int_equal(g[1].calls, 0);
}

static void
age_and_expiry_ask_again(void **state)
{
	struct collateral_client *c = client(BASE);
	struct collateral *first;

	cap.expiry = 2000;
	first = collateral_ref(get(c, &KEY).col);
	fake.now_ms += 4 * 3600 * 1000 - 1;
	assert_ptr_equal(get(c, &KEY).col, first);
	assert_int_equal(fake.asked, 4);
	fake.now_ms += 1;
	assert_ptr_not_equal(get(c, &KEY).col, first);
	assert_int_equal(fake.asked, 8);
	/* At its expiry, however young. */
	fake.now_s = 2000;
	fake.now_ms += 10000;
	cap.expiry = 3000;
	assert_non_null(get(c, &KEY).col);
	assert_int_equal(fake.asked, 12);
	/* A reference outlives the cache. */
	collateral_client_free(c);
	assert_int_equal(cap.alive, 1);
	assert_int_equal(first->handle->expiry, 2000);
	collateral_unref(first);
}

static void
an_outage_is_bridged_until_expiry(void **state)
{
	static const struct fake_answer down[] = {
	    {SGX "/pckcrl?ca=platform&encoding=der", 503, NULL, ""}, TCB, QE, ROOT};
	struct collateral_client *c = client(BASE);
	struct collateral *first;
	unsigned asked;

	cap.expiry = 1000 + 8 * 3600;
	first = get(c, &KEY).col;
	fake_begin(down, 4);
	fake.now_ms += 4 * 3600 * 1000;
	fake.now_s += 4 * 3600;
	assert_ptr_equal(get(c, &KEY).col, first);
	asked = fake.asked;
	fake.now_ms += 59999;
	assert_ptr_equal(get(c, &KEY).col, first);
	assert_int_equal(fake.asked, asked);
	fake.now_ms += 1;
	assert_ptr_equal(get(c, &KEY).col, first);
	assert_true(fake.asked > asked);
	fake.now_s += 4 * 3600;
	fake.now_ms += 4 * 3600 * 1000;
	assert_string_equal(get(c, &KEY).reason, "dcap_error:pckcrl_http_503");
	collateral_client_free(c);
}

static void
failures_are_named(void **state)
{
	static const struct {
		struct fake_answer a;
		const char *reason;
	} cases[] = {
	    {{TDX "/tcb?fmspc=00a0b0c0d0e0", 404, NULL, ""}, "dcap_error:tcb_http_404"},
	    {{TDX "/tcb?fmspc=00a0b0c0d0e0", 302, "location: http://x/", ""},
		"dcap_error:tcb_http_302"},
	    {{TDX "/tcb?fmspc=00a0b0c0d0e0", 200, NULL, "tcb"}, "dcap_error:tcb_no_chain"},
	    {{TDX "/tcb?fmspc=00a0b0c0d0e0", 200, "tcb-info-issuer-chain: a%2", "tcb"},
		"dcap_error:tcb_bad_chain"},
	    {{TDX "/tcb?fmspc=00a0b0c0d0e0", 0, NULL, "fetch_timeout"}, "dcap_error:tcb_timeout"},
	    {{TDX "/tcb?fmspc=00a0b0c0d0e0", 0, NULL, "fetch_failed"},
		"dcap_error:tcb_unreachable"},
	    {{TDX "/tcb?fmspc=00a0b0c0d0e0", 0, NULL, "fetch_too_big"}, "dcap_error:tcb_too_big"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const struct fake_answer a[] = {cases[i].a, PCK_CRL, QE, ROOT};
		struct collateral_client *c = client(BASE);
		struct got g;
		unsigned asked;

		fake_begin(a, 4);
		g = get(c, &KEY);
		assert_string_equal(g.reason, cases[i].reason);
		assert_int_equal(g.code, ERR_IO);
		asked = fake.asked;
		fake.now_ms += 9999;
		assert_string_equal(get(c, &KEY).reason, cases[i].reason);
		assert_int_equal(fake.asked, asked);
		collateral_client_free(c);
	}
	assert_int_equal(cap.parsed, 0);
}

static void
what_the_verifier_refuses_is_the_services_fault(void **state)
{
	struct collateral_client *c = client(BASE);
	struct got g;

	cap.refuse = "tcb_info_signature";
	g = get(c, &KEY);
	assert_string_equal(g.reason, "dcap_error:tcb_info_signature");
	assert_int_equal(g.code, ERR_IO);
	cap.refuse = NULL;
	cap.fmspc[0] = 1;
	fake.now_ms += 10000;
	assert_string_equal(get(c, &KEY).reason, "dcap_error:other_platform");
	collateral_client_free(c);
}

static void
a_job_comes_home_to_nobody(void **state)
{
	struct collateral_client *c = client(BASE);
	struct got g = {0};
	struct err e = {0};

	assert_non_null(collateral_get(c, &KEY, on_done, &g, &e));
	while (fake.job == NULL)
		fake_answer_one();
	collateral_client_free(c);
	fake_run();
	assert_int_equal(g.calls, 0);
}

static void
bad_bases_are_refused(void **state)
{
	struct collateral_opts o = {.url = "http://x/?a=b"};
	struct err e = {0};

	assert_null(collateral_client_new(NULL, NULL, &fake_env, &o, &e));
	assert_int_equal(e.reason, REASON_BAD_SETTING);
}

static void
on_changed(void *ctx, const struct collateral_key *k)
{
	assert_memory_equal(k->fmspc, KEY.fmspc, sizeof KEY.fmspc);
	++*(int *)ctx;
}

/* Whoever judged by what is held hears that it is another; of a service that is out nothing is heard,
 * and what is held stays. */
static void
what_is_replaced_is_told(void **state)
{
	static const struct fake_answer out[] = {
	    PCK_CRL, TCB, QE, {SGX "/rootcacrl", 503, NULL, ""}};
	int changed = 0;
	struct collateral_opts o = {.url = BASE, .changed = on_changed, .changed_ctx = &changed};
	struct err e = {0};
	struct collateral_client *c = collateral_client_new(NULL, NULL, &fake_env, &o, &e);
	struct collateral *first;

	assert_non_null(c);
	collateral_client_reload(c); /* nothing is held: nothing is asked for */
	fake_run();
	assert_int_equal(fake.asked, 0);
	first = collateral_ref(get(c, &KEY).col);
	assert_int_equal(changed, 1);
	assert_ptr_equal(get(c, &KEY).col, first);
	assert_int_equal(changed, 1);
	collateral_client_reload(c);
	fake_run();
	assert_int_equal(changed, 2);
	assert_ptr_not_equal(get(c, &KEY).col, first);
	collateral_unref(first);
	fake_begin(out, 4);
	first = collateral_ref(get(c, &KEY).col);
	collateral_client_reload(c);
	fake_run();
	assert_int_equal(changed, 2);
	assert_ptr_equal(get(c, &KEY).col, first);
	collateral_unref(first);
	collateral_client_free(c);
}

static void
the_early_edition_is_asked_for_by_name(void **state)
{
	static const struct fake_answer early[] = {PCK_CRL, ROOT,
	    {TDX "/tcb?fmspc=00a0b0c0d0e0&update=early", 200, "tcb-info-issuer-chain: a", "tcb"},
	    {TDX "/qe/identity?update=early", 200, "sgx-enclave-identity-issuer-chain: b", "qe"}};
	struct collateral_opts o = {.url = BASE, .early = true};
	struct err e = {0};
	struct collateral_client *c = collateral_client_new(NULL, NULL, &fake_env, &o, &e);

	assert_non_null(c);
	fake_begin(early, 4);
	assert_non_null(get(c, &KEY).col);
	assert_string_equal(cap.tcb_chain, "a");
	assert_string_equal(cap.qe_chain, "b");
	collateral_client_free(c);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(four_documents_become_one),
	    TEST(intels_own_service_is_the_default),
	    TEST(a_service_without_root_crl_is_helped_out),
	    TEST(one_flight_serves_all_and_is_kept),
	    TEST(age_and_expiry_ask_again),
	    TEST(an_outage_is_bridged_until_expiry),
	    TEST(failures_are_named),
	    TEST(what_the_verifier_refuses_is_the_services_fault),
	    TEST(a_job_comes_home_to_nobody),
	    TEST(bad_bases_are_refused),
	    TEST(what_is_replaced_is_told),
	    TEST(the_early_edition_is_asked_for_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
