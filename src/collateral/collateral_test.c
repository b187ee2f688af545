#include "collateral/world.h"

#define DAY 86400

/* -- asking -- */

static void
four_items_become_one(void **state)
{
	static const char *const urls[] = {BASE, BASE "/", SGX, SGX "/"};

	for (size_t i = 0; i < 4; i++) {
		struct collateral_client *c = client(urls[i]);

		assert_non_null(get(c, &KEY).col);
		collateral_client_free(c);
	}
	assert_int_equal(fake.asked, 16);
	/* Escapes are resolved, and a plus is a plus. */
	assert_string_equal(cap.last.chain[EEDCAP_PCK_CRL], "A+b+\n");
	/* The newer of two names wins; the older serves alone. */
	assert_string_equal(cap.last.chain[EEDCAP_TCB_INFO], "new");
	assert_string_equal(cap.last.chain[EEDCAP_QE_IDENTITY], "older");
	for (int i = 0; i < 4; i++)
		assert_non_null(strstr(fake.log, good[i].url));
	assert_string_equal(cap.last.body[EEDCAP_ROOT_CA_CRL], good[ROOT].body);
}

static void
intels_own_service_is_the_default(void **state)
{
#define INTEL "https://api.trustedservices.intel.com"
	static const struct fake_answer a[] = {
	    {INTEL "/sgx/certification/v4/pckcrl?ca=processor&encoding=der", 200,
		"SGX-PCK-CRL-Issuer-Chain: a", "processor 999000 9000000"},
	    {INTEL "/sgx/certification/v4/tcb?fmspc=00a0b0c0d0e0", 200, "TCB-Info-Issuer-Chain: b",
		"tcb 999000 9000000 1"},
	    {INTEL "/sgx/certification/v4/qe/identity", 200, "SGX-Enclave-Identity-Issuer-Chain: c",
		"sgx 999000 9000000 1"},
	    {"https://certificates.trustedservices.intel.com/IntelSGXRootCA.der", 200, NULL,
		"r 999000 9000000"},
	    {"https://cdp.example/root.crl", 200, NULL, "cdp 999000 9000000"}};
	struct collateral_client *c = client(NULL);
	struct collateral_key k = KEY;

	k.ca = EEDCAP_CA_PROCESSOR;
	k.tee = cap.tee = EEDCAP_SGX;
	fake_begin(a, 5);
	assert_non_null(get(c, &k).col);
	assert_string_equal(cap.last.says[EEDCAP_ROOT_CA_CRL].word, "r");
	snprintf(k.root_crl_url, sizeof k.root_crl_url, "https://cdp.example/root.crl");
	collateral_client_free(c);
	c = client(NULL);
	assert_non_null(get(c, &k).col);
	assert_string_equal(cap.last.says[EEDCAP_ROOT_CA_CRL].word, "cdp");
	collateral_client_free(c);
}

static void
the_early_edition_is_asked_for_by_name(void **state)
{
	struct collateral_opts o = {.url = BASE, .early = true};
	struct err e = {0};
	struct collateral_client *c = collateral_client_new(NULL, NULL, &fake_env, &o, &e);

	now_good[TCB].url = TCB_URL "&update=early";
	now_good[QE].url = QE_URL "?update=early";
	assert_non_null(get(c, &KEY).col);
	collateral_client_free(c);
}

static void
a_service_without_root_crl_is_helped_out(void **state)
{
	static const struct fake_answer cdp = {
	    "http://cdp/root.crl", 200, NULL, "cdp 999000 9000000"};
	struct fake_answer a[] = {good[PCK], good[TCB], good[QE], {ROOT_URL, 404, NULL, ""}, cdp};
	struct collateral_client *c = client(BASE);
	struct collateral_key k = KEY;

	fake_begin(a, 5);
	assert_string_equal(get(c, &KEY).reason, "dcap_error:rootcrl_http_404");
	fake_pass(10000);
	snprintf(k.root_crl_url, sizeof k.root_crl_url, "http://cdp/root.crl");
	assert_non_null(get(c, &k).col);
	assert_string_equal(cap.last.says[EEDCAP_ROOT_CA_CRL].word, "cdp");
	collateral_client_free(c);
}

static void
one_flight_serves_all_and_is_kept(void **state)
{
	struct collateral_client *c = client(BASE);
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
	/* Who waits when the client goes is not called. */
	fake_begin(now_good, 0);
	assert_non_null(collateral_get(c, &KEY, on_done, &g[1], &e));
	collateral_client_free(c);
	fake_run();
	assert_int_equal(g[1].calls, 0);
}

/* Platforms that ask at once share what is not theirs alone: the CRLs and the QE's identity. */
static void
one_request_an_item_for_platforms_at_once(void **state)
{
	struct fake_answer a[8];
	char urls[5][80];
	struct collateral_client *c = client(BASE);
	struct got g[5] = {{0}};
	struct err e = {0};

	memcpy(a, good, sizeof good);
	for (unsigned i = 0; i < 5; i++) {
		struct collateral_key k = KEY;

		k.fmspc[5] = (uint8_t)i;
		snprintf(urls[i], sizeof urls[i], TDX "/tcb?fmspc=00a0b0c0d0%02x", i);
		a[i == 0 ? TCB : i + 3] = good[TCB];
		a[i == 0 ? TCB : i + 3].url = urls[i];
		for (int n = 0; n < 40; n++)
			assert_non_null(collateral_get(c, &k, on_done, &g[i], &e));
	}
	fake_begin(a, 8);
	fake_run();
	assert_int_equal(fake.asked, 5 + 3);
	assert_int_equal(figures(c).requests, 5 + 3);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(g[i].calls, 40);
	collateral_client_free(c);
}

static void
failures_are_named(void **state)
{
	static const struct {
		struct fake_answer a;
		const char *reason;
	} cases[] = {
	    {{TCB_URL, 404, NULL, ""}, "dcap_error:tcb_http_404"},
	    {{TCB_URL, 410, NULL, ""}, "dcap_error:tcb_http_410"},
	    {{TCB_URL, 302, "location: http://x/", ""}, "dcap_error:tcb_http_302"},
	    {{TCB_URL, 200, NULL, "tcb"}, "dcap_error:tcb_no_chain"},
	    {{TCB_URL, 200, "tcb-info-issuer-chain: a%2", "tcb"}, "dcap_error:tcb_bad_chain"},
	    {{TCB_URL, 200, "tcb-info-issuer-chain: a\ncontent-encoding: gzip", "tcb"},
		"dcap_error:tcb_encoded"},
	    {{TCB_URL, 0, NULL, "fetch_timeout"}, "dcap_error:tcb_timeout"},
	    {{TCB_URL, 0, NULL, "fetch_failed"}, "dcap_error:tcb_unreachable"},
	    {{TCB_URL, 0, NULL, "fetch_too_big"}, "dcap_error:tcb_too_big"},
	    {{TCB_URL, 200, "tcb-info-issuer-chain: a", "forged 1 2 3"},
		"dcap_error:tcb_signature"},
	    {{PCK_URL, 200, "sgx-pck-crl-issuer-chain: a", "processor 999000 9000000"},
		"dcap_error:pckcrl_other_ca"},
	    {{QE_URL, 200, "sgx-enclave-identity-issuer-chain: a", "sgx 999000 9000000 17"},
		"dcap_error:qe_other_platform"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const struct fake_answer a[] = {cases[i].a, good[0], good[1], good[2], good[3]};
		struct collateral_client *c = client(BASE);
		struct got g;
		unsigned asked;

		fake_begin(a, 5);
		g = get(c, &KEY);
		assert_string_equal(g.reason, cases[i].reason);
		assert_int_equal(g.code, ERR_IO);
		asked = fake.asked;
		fake_pass(9999);
		assert_string_equal(get(c, &KEY).reason, cases[i].reason);
		assert_int_equal(fake.asked, asked);
		/* Then it is asked for again, and found. */
		fake_pass(1);
		fake_begin(good, 4);
		assert_non_null(get(c, &KEY).col);
		collateral_client_free(c);
	}
}

static void
documents_of_another_platform_are_the_services_fault(void **state)
{
	struct collateral_client *c = client(BASE);

	cap.fmspc[0] = 1;
	assert_string_equal(get(c, &KEY).reason, "dcap_error:tcb_other_platform");
	collateral_client_free(c);
}

static void
retry_after_is_obeyed(void **state)
{
	static const struct {
		int status;
		const char *field;
		unsigned s; /* how long nothing is asked */
	} cases[] = {
	    {429, "retry-after: 120", 120},
	    {503, "retry-after: 30", 30},
	    {503, "retry-after: Mon, 12 Jan 1970 13:48:00 GMT", 80}, /* T0 is 13:46:40 */
	    {429, "retry-after: 999999999999", 3600},
	    {429, "retry-after: soon", 10},
	    {429, "retry-after: -5", 10},
	    {503, "retry-after: Mon, 12 Jan 1970 13:40:00 GMT", 10},
	    {500, "retry-after: 120", 10},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct collateral_client *c;
		unsigned asked;

		fake.now_s = T0;
		memcpy(now_good, good, sizeof good);
		now_good[QE] = (struct fake_answer){QE_URL, cases[i].status, cases[i].field, ""};
		fake_begin(now_good, 4);
		c = client(BASE);
		assert_null(get(c, &KEY).col);
		memcpy(now_good, good, sizeof good);
		asked = fake.asked;
		fake_pass(cases[i].s * 1000ull - 1);
		assert_non_null(strstr(get(c, &KEY).reason, "_http_"));
		assert_int_equal(fake.asked, asked);
		/* And FAILED_MS at most after that, since it was tried in vain meanwhile. */
		fake_pass(10001);
		assert_non_null(get(c, &KEY).col);
		collateral_client_free(c);
	}
}

/* -- holding -- */

static void
it_is_renewed_in_the_background(void **state)
{
	struct collateral_client *c = client(BASE);
	struct collateral *first = collateral_ref(get(c, &KEY).col);

	fake_pass(3 * 3600 * 1000);
	assert_int_equal(fake.asked, 4);
	now_good[TCB].body = "tcb 1000100 9000000 17";
	fake_pass(2 * 3600 * 1000);
	assert_int_equal(fake.asked, 8);
	/* What came anew is there at once; what did not change is the same. */
	assert_ptr_not_equal(get(c, &KEY).col, first);
	assert_int_equal(fake.asked, 8);
	collateral_unref(first);
	first = collateral_ref(get(c, &KEY).col);
	fake_pass(4 * 3600 * 1000 + 60000);
	assert_int_equal(fake.asked, 12);
	assert_ptr_equal(get(c, &KEY).col, first);
	/* A reference outlives the cache. */
	collateral_client_free(c);
	assert_int_equal(cap.alive, 1);
	collateral_unref(first);
}

static void
nobody_asks_for_what_nobody_uses(void **state)
{
	struct collateral_client *c = client(BASE);
	unsigned asked;

	assert_non_null(get(c, &KEY).col);
	fake_pass(7ull * DAY * 1000);
	asked = fake.asked;
	assert_true(asked >= 4 * 36);
	fake_pass(2ull * DAY * 1000);
	assert_int_equal(fake.asked, asked);
	collateral_client_free(c);
}

static void
what_ends_soon_is_renewed_sooner(void **state)
{
	struct collateral_client *c = client(BASE);

	now_good[PCK].body = "platform 999000 1003600";
	assert_non_null(get(c, &KEY).col);
	now_good[PCK].body = "platform 1000001 9000000";
	fake_pass(1900 * 1000);
	assert_int_equal(fake.asked, 8);
	assert_int_equal(state_of(c).item[EEDCAP_PCK_CRL].expiry, 9000000);
	collateral_client_free(c);
}

static void
an_outage_is_bridged_to_the_last_second(void **state)
{
	struct collateral_client *c = client(BASE);
	struct collateral *first;

	now_good[TCB].body = "tcb 999000 1036000 17";
	first = get(c, &KEY).col;
	now_good[PCK].status = now_good[TCB].status = now_good[QE].status = 500;
	now_good[ROOT].status = 500;
	/* Nobody waits for the service, whatever it does. */
	for (int i = 0; i < 10; i++) {
		fake_pass(3600 * 1000);
		if (fake.now_s <= 1036000)
			assert_ptr_equal(get(c, &KEY).col, first);
	}
	assert_int_equal(fake.now_s, 1036000);
	assert_true(state_of(c).failing && state_of(c).aging && !state_of(c).expired);
	assert_string_equal(state_of(c).item[EEDCAP_TCB_INFO].refused, "http_500");
	fake_pass(1000);
	assert_string_equal(get(c, &KEY).reason, "dcap_error:rootcrl_http_500");
	assert_true(state_of(c).expired);
	assert_int_equal(figures(c).expired, 1);
	collateral_client_free(c);
}

/* Each item comes in on its own: a CRL that revokes waits for no TCB info. */
static void
what_can_be_renewed_is(void **state)
{
	struct collateral_client *c = client(BASE);
	struct collateral_state s;

	assert_non_null(get(c, &KEY).col);
	now_good[TCB] = (struct fake_answer){TCB_URL, 0, NULL, "fetch_timeout"};
	now_good[PCK].body = "platform 1000001 9500000";
	now_good[QE].body = "forged 1000001 9500000 18";
	fake_pass(5 * 3600 * 1000);
	s = state_of(c);
	assert_int_equal(s.item[EEDCAP_PCK_CRL].expiry, 9500000);
	assert_string_equal(s.item[EEDCAP_PCK_CRL].refused, "");
	assert_int_equal(s.item[EEDCAP_QE_IDENTITY].number, 17);
	assert_string_equal(s.item[EEDCAP_QE_IDENTITY].refused, "qe_signature");
	assert_string_equal(s.item[EEDCAP_TCB_INFO].refused, "timeout");
	assert_true(s.failing && !s.aging);
	memcpy(now_good, good, sizeof good);
	now_good[PCK].body = "platform 1000001 9500000";
	fake_pass(5 * 3600 * 1000);
	assert_false(state_of(c).failing);
	collateral_client_free(c);
}

/* What has ended does not come back to life with what is new beside it. */
static void
a_renewed_crl_mends_no_expired_document(void **state)
{
	struct collateral_client *c = client(BASE);

	now_good[TCB].body = "tcb 999000 1000500 17";
	assert_non_null(get(c, &KEY).col);
	now_good[TCB].status = 500;
	now_good[PCK].body = "platform 1000501 9500000";
	fake_pass(3600 * 1000);
	assert_int_equal(state_of(c).item[EEDCAP_PCK_CRL].expiry, 9500000);
	assert_true(state_of(c).expired);
	assert_string_equal(get(c, &KEY).reason, "dcap_error:tcb_http_500");
	now_good[TCB] = good[TCB];
	fake_pass(3600 * 1000);
	assert_non_null(get(c, &KEY).col);
	assert_false(state_of(c).failing);
	collateral_client_free(c);
}

static void
failures_are_tried_less_and_less_often(void **state)
{
	struct collateral_client *c = client(BASE);
	uint64_t before, hour;

	assert_non_null(get(c, &KEY).col);
	now_good[TCB].status = 500;
	fake_pass(4 * 3600 * 1000);
	before = figures(c).renewals_failed;
	fake_pass(3600 * 1000);
	hour = figures(c).renewals_failed - before;
	assert_true(hour >= 1 && hour <= 4);
	before = figures(c).renewals_failed;
	fake_pass(24 * 3600 * 1000);
	assert_true(figures(c).renewals_failed - before <= 10);
	collateral_client_free(c);
}

static void
a_job_comes_home_to_nobody(void **state)
{
	struct collateral_client *c = client(BASE);
	struct got g = {0};
	struct err e = {0};

	assert_non_null(collateral_get(c, &KEY, on_done, &g, &e));
	while (fake.jobs == NULL)
		fake_step();
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

/* As many as come, the cache keeps the same number, those used last. */
static void
on_changed(void *ctx, const struct collateral_key *k)
{
	assert_memory_equal(k->fmspc, KEY.fmspc, sizeof KEY.fmspc);
	++*(int *)ctx;
}

/* Whoever judged by what is held hears that it is another; of the same again, and of a service that
 * is out, nothing is heard, and what is held stays. */
static void
what_is_replaced_is_told(void **state)
{
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
	collateral_client_reload(c);
	fake_run();
	assert_int_equal(fake.asked, 8);
	assert_int_equal(changed, 1);
	assert_ptr_equal(get(c, &KEY).col, first);
	now_good[TCB].body = "tcb 999500 9000000 18";
	collateral_client_reload(c);
	fake_run();
	assert_int_equal(changed, 2);
	assert_ptr_not_equal(get(c, &KEY).col, first);
	assert_int_equal(state_of(c).item[EEDCAP_TCB_INFO].number, 18);
	collateral_unref(first);
	now_good[TCB].body = "tcb 999600 9000000 19";
	now_good[TCB].status = 503;
	first = collateral_ref(get(c, &KEY).col);
	collateral_client_reload(c);
	fake_run();
	assert_int_equal(changed, 2);
	assert_ptr_equal(get(c, &KEY).col, first);
	collateral_unref(first);
	collateral_client_free(c);
}

static void
the_cache_is_bounded(void **state)
{
	struct fake_answer a[4];
	char url[80];
	struct collateral_client *c = client(BASE);

	memcpy(a, good, sizeof good);
	a[TCB].url = url;
	fake_begin(a, 4);
	for (unsigned i = 0; i < 100; i++) {
		struct collateral_key k = KEY;

		k.fmspc[5] = cap.fmspc[5] = (uint8_t)i;
		snprintf(url, sizeof url, TDX "/tcb?fmspc=00a0b0c0d0%02x", i);
		fake.log[0] = '\0';
		assert_non_null(get(c, &k).col);
	}
	assert_int_equal(figures(c).entries, 64);
	assert_int_equal(cap.alive, 64);
	assert_string_equal(state_of(c).name, "tdx-platform-00a0b0c0d063");
	collateral_client_free(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(four_items_become_one),
	    TEST(intels_own_service_is_the_default),
	    TEST(the_early_edition_is_asked_for_by_name),
	    TEST(a_service_without_root_crl_is_helped_out),
	    TEST(one_flight_serves_all_and_is_kept),
	    TEST(one_request_an_item_for_platforms_at_once),
	    TEST(failures_are_named),
	    TEST(documents_of_another_platform_are_the_services_fault),
	    TEST(retry_after_is_obeyed),
	    TEST(it_is_renewed_in_the_background),
	    TEST(nobody_asks_for_what_nobody_uses),
	    TEST(what_ends_soon_is_renewed_sooner),
	    TEST(an_outage_is_bridged_to_the_last_second),
	    TEST(what_can_be_renewed_is),
	    TEST(a_renewed_crl_mends_no_expired_document),
	    TEST(failures_are_tried_less_and_less_often),
	    TEST(a_job_comes_home_to_nobody),
	    TEST(bad_bases_are_refused),
	    TEST(what_is_replaced_is_told),
	    TEST(the_cache_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
