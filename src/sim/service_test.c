#include "base/base64.h"
#include "base/test.h"
#include "sim/service.h"
#include "wire/url.h"

#include <stdio.h>

#define NOW ((int64_t)1790000000)

static const uint8_t seed[SIM_SEED_SIZE] = {9};

static struct sim_answer
ask_with(struct sim *s, const char *method, const char *target, const char *body,
    const char *accept, const char *etag)
{
	struct sim_request rq = {.method = span_str(method),
	    .accept = span_str(accept),
	    .if_none_match = span_str(etag),
	    .body = span_str(body)};
	struct sim_answer a;

	url_split_target(span_str(target), &rq.path, &rq.query);
	sim_serve(s, &rq, NOW, &a);
	return a;
}

/* Ask, check the status, and give the answer's body and first field away as C strings. */
static const char *
ask(struct sim *s, const char *method, const char *target, const char *body, int status)
{
	static char text[65536];
	struct sim_answer a = ask_with(s, method, target, body, NULL, NULL);

	if (a.status != status)
		print_message("%s %s: %d %s\n", method, target, a.status, buf_cstr(&a.body));
	assert_int_equal(a.status, status);
	assert_true(a.body.n < sizeof text);
	snprintf(text, sizeof text, "%s", buf_cstr(&a.body));
	sim_answer_fini(&a);
	return text;
}

static const char *
field_of(struct sim_answer *a, const char *name)
{
	for (size_t i = 0; i < a->n_fields; i++)
		if (strcmp(a->field_name[i], name) == 0)
			return buf_cstr(&a->field_value[i]);
	return "";
}

static int
setup(void **state)
{
	static struct sim s;
	struct err e = {0};

	assert_true(sim_init(&s, seed, "http://127.0.0.1:8099", NOW, &e));
	*state = &s;
	return 0;
}

static int
teardown(void **state)
{
	sim_fini(*state);
	return 0;
}

static void
pcs_answers_in_intels_shapes(void **state)
{
	struct sim_answer a;
	const char *b;

	b = ask(*state, "GET", "/tdx/certification/v4/tcb?fmspc=ee5100000000", NULL, 200);
	assert_true(span_starts(
	    span_str(b), "{\"tcbInfo\":{\"id\":\"TDX\",\"version\":3,\"issueDate\":\""));
	b = ask(*state, "GET", "/sgx/certification/v4/tcb?fmspc=EE5100000000", NULL, 200);
	assert_true(span_starts(span_str(b), "{\"tcbInfo\":{\"id\":\"SGX\""));
	b = ask(*state, "GET", "/tdx/certification/v4/qe/identity", NULL, 200);
	assert_true(
	    span_starts(span_str(b), "{\"enclaveIdentity\":{\"id\":\"TD_QE\",\"version\":2,"));
	b = ask(*state, "GET", "/sgx/certification/v4/pckcrl?ca=platform", NULL, 200);
	assert_true(span_starts(span_str(b), "-----BEGIN X509 CRL-----\n"));
	b = ask(*state, "GET", "/sgx/certification/v4/pckcrl?ca=processor&encoding=der", NULL, 200);
	assert_int_equal((uint8_t)b[0], 0x30);
	b = ask(*state, "GET", "/sgx/certification/v4/rootcacrl", NULL, 200);
	assert_true(span_starts(span_str(b), "3082"));

	a = ask_with(*state, "GET", "/sgx/certification/v4/pckcrl?ca=platform", NULL, NULL, NULL);
	assert_memory_equal(
	    field_of(&a, "SGX-PCK-CRL-Issuer-Chain"), "-----BEGIN%20CERTIFICATE-----%0AMII", 35);
	sim_answer_fini(&a);
}

static void
pcs_refuses_with_intels_codes(void **state)
{
	static const struct {
		const char *target;
		int status;
	} cases[] = {
	    {"/sgx/certification/v4/tcb", 400},
	    {"/sgx/certification/v4/tcb?fmspc=zz", 400},
	    {"/sgx/certification/v4/tcb?fmspc=000000000000", 404},
	    {"/sgx/certification/v4/tcb?fmspc=EE5100000000&update=late", 400},
	    {"/sgx/certification/v4/tcb?fmspc=EE5100000000&update=early", 200},
	    {"/sgx/certification/v4/tcb?fmspc=EE5100000000&tcbEvaluationDataNumber=18", 200},
	    {"/sgx/certification/v4/tcb?fmspc=EE5100000000&tcbEvaluationDataNumber=17", 410},
	    {"/sgx/certification/v4/tcb?fmspc=EE5100000000&tcbEvaluationDataNumber=19", 404},
	    {"/sgx/certification/v4/tcb?fmspc=EE5100000000&tcbEvaluationDataNumber=x", 400},
	    {"/sgx/certification/v4/pckcrl", 400},
	    {"/sgx/certification/v4/pckcrl?ca=root", 400},
	    {"/sgx/certification/v4/pckcert", 404},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		ask(*state, "GET", cases[i].target, NULL, cases[i].status);
	ask(*state, "POST", "/sgx/certification/v4/pckcrl", NULL, 405);
}

/* Each bend shows in the answer, for the item that it is for and no other. */
static void
faults_bend_answers(void **state)
{
	static const char tcb[] = "/tdx/certification/v4/tcb?fmspc=ee5100000000";
	static const char crl[] = "/sgx/certification/v4/pckcrl?ca=platform&encoding=der";
	static const char qe[] = "/tdx/certification/v4/qe/identity";
	static const char *const bad[] = {"{\"bend\":\"nice\"}", "{\"bend\":7}",
	    "{\"item\":\"all\"}", "{\"retry_after\":-1}", "{", "[]"};
	struct sim_answer a, b;

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		ask(*state, "PUT", "/sim/fault/pcs", bad[i], i == 5 ? 204 : 400);

	ask(*state, "PUT", "/sim/fault/pcs", "{\"item\":\"tcb\",\"status\":429,\"retry_after\":7}",
	    204);
	a = ask_with(*state, "GET", tcb, NULL, NULL, NULL);
	assert_int_equal(a.status, 429);
	assert_string_equal(field_of(&a, "Retry-After"), "7");
	sim_answer_fini(&a);
	ask(*state, "GET", qe, NULL, 200);

	ask(*state, "PUT", "/sim/fault/pcs", "{\"bend\":\"old-names\"}", 204);
	a = ask_with(*state, "GET", tcb, NULL, NULL, NULL);
	assert_string_equal(field_of(&a, "TCB-Info-Issuer-Chain"), "");
	assert_true(span_starts(span_str(field_of(&a, "SGX-TCB-Info-Issuer-Chain")), "-----BEGIN"));
	sim_answer_fini(&a);
	ask(*state, "PUT", "/sim/fault/pcs", "{\"bend\":\"lower-names\"}", 204);
	a = ask_with(*state, "GET", tcb, NULL, NULL, NULL);
	assert_true(span_starts(span_str(field_of(&a, "tcb-info-issuer-chain")), "-----BEGIN"));
	sim_answer_fini(&a);

	ask(*state, "PUT", "/sim/fault/pcs", "{\"bend\":\"hex\"}", 204);
	a = ask_with(*state, "GET", crl, NULL, NULL, NULL);
	assert_true(span_starts(buf_span(&a.body), "3082"));
	sim_answer_fini(&a);
	ask(*state, "DELETE", "/sim/fault/pcs", NULL, 204);
	a = ask_with(*state, "GET", tcb, NULL, NULL, NULL);
	ask(*state, "PUT", "/sim/fault/pcs", "{\"bend\":\"forged\"}", 204);
	b = ask_with(*state, "GET", tcb, NULL, NULL, NULL);
	/* The same document, another hand. */
	assert_true(a.body.n == b.body.n && !span_eq(buf_span(&a.body), buf_span(&b.body)));
	assert_memory_equal(a.body.p, b.body.p, a.body.n - 130);
	sim_answer_fini(&a);
	sim_answer_fini(&b);
	ask(*state, "PUT", "/sim/fault/pcs", "{\"bend\":\"redirect-loop\"}", 204);
	a = ask_with(*state, "GET", qe, NULL, NULL, NULL);
	assert_int_equal(a.status, 302);
	assert_true(span_starts(
	    span_str(field_of(&a, "Location")), "http://127.0.0.1:8099/tdx/certification/v4/qe"));
	sim_answer_fini(&a);
	ask(*state, "PUT", "/sim/fault/pcs", "{\"bend\":\"gzip-bomb\"}", 204);
	a = ask_with(*state, "GET", qe, NULL, NULL, NULL);
	assert_string_equal(field_of(&a, "Content-Encoding"), "gzip");
	assert_true(a.body.n > 100000 && a.body.n < 1024 * 1024);
	sim_answer_fini(&a);
	ask(*state, "DELETE", "/sim/fault/pcs", NULL, 204);

	assert_non_null(strstr(ask(*state, "GET", "/sim/requests", NULL, 200), "\"tcb\":5"));
	ask(*state, "DELETE", "/sim/requests", NULL, 204);
	assert_non_null(strstr(ask(*state, "GET", "/sim/requests", NULL, 200), "\"collateral\":0"));
}

/* A family has TCB info of its own, and its machines are of it. */
static void
families_are_told_apart(void **state)
{
	const char *b;

	ask(*state, "PUT", "/sim/vm/a", "{\"family\":5}", 200);
	ask(*state, "PUT", "/sim/vm/b", "{\"family\":64}", 400);
	b = ask(*state, "GET", "/tdx/certification/v4/tcb?fmspc=ee5100000005", NULL, 200);
	assert_non_null(strstr(b, "\"fmspc\":\"EE5100000005\""));
	b = ask(*state, "GET", "/tdx/certification/v4/tcb?fmspc=ee5100000000", NULL, 200);
	assert_non_null(strstr(b, "\"fmspc\":\"EE5100000000\""));
	ask(*state, "GET", "/tdx/certification/v4/tcb?fmspc=ee5100000040", NULL, 404);
}

static void
faults_come_and_go(void **state)
{
	struct sim_answer a;

	ask(*state, "PUT", "/sim/fault/pcs", "{\"status\":503,\"delay_ms\":20}", 204);
	a = ask_with(*state, "GET", "/sgx/certification/v4/rootcacrl", NULL, NULL, NULL);
	assert_int_equal(a.status, 503);
	assert_int_equal(a.delay_ms, 20);
	sim_answer_fini(&a);
	ask(*state, "GET", "/sim/root.pem", NULL, 200);
	ask(*state, "PUT", "/sim/fault/pcs", "{\"status\":7}", 400);
	ask(*state, "PUT", "/sim/fault/moon", "{\"status\":503}", 404);
	ask(*state, "DELETE", "/sim/fault/pcs", NULL, 204);
	ask(*state, "GET", "/sgx/certification/v4/rootcacrl", NULL, 200);
}

static void
github_shows_what_was_published(void **state)
{
	struct sim_answer a;
	const char *b;
	char path[300], etag[100], *at;
	int64_t id;

	ask(*state, "GET", "/repos/Org/app", NULL, 404);
	ask(*state, "PUT", "/sim/releases/Org/app/v1%2Frc/list.json", "{\"a\":1}", 204);
	b = ask(*state, "GET", "/repos/org/APP", NULL, 200);
	assert_non_null(strstr(b, "\"full_name\":\"Org/app\""));
	ask(*state, "GET", "/repos/Org/app/releases/tags/v1", NULL, 404);
	b = ask(*state, "GET", "/repos/Org/app/releases/tags/v1%2Frc", NULL, 200);
	assert_non_null(strstr(b, "\"tag_name\":\"v1/rc\""));
	assert_non_null(strstr(b, "\"immutable\":true"));
	assert_non_null(strstr(b, "\"size\":7"));
	assert_non_null(strstr(b,
	    "\"digest\":"
	    "\"sha256:015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862\""));
	at = strstr(b, "/releases/assets/");
	assert_non_null(at);
	id = strtoll(at + strlen("/releases/assets/"), NULL, 10);
	snprintf(path, sizeof path, "/repos/Org/app/releases/assets/%lld", (long long)id);
	assert_non_null(strstr(ask(*state, "GET", path, NULL, 200), "\"name\":\"list.json\""));

	a = ask_with(*state, "GET", path, NULL, "application/octet-stream", NULL);
	assert_string_equal(buf_cstr(&a.body), "{\"a\":1}");
	snprintf(etag, sizeof etag, "%s", field_of(&a, "ETag"));
	sim_answer_fini(&a);
	a = ask_with(*state, "GET", path, NULL, "application/octet-stream", etag);
	assert_int_equal(a.status, 304);
	assert_int_equal(a.body.n, 0);
	sim_answer_fini(&a);
	ask(*state, "PUT", "/sim/fault/github", "{\"redirect\":1}", 204);
	a = ask_with(*state, "GET", path, NULL, "application/octet-stream", NULL);
	assert_int_equal(a.status, 302);
	at = strstr(field_of(&a, "Location"), "/sim/blob/");
	assert_non_null(at);
	assert_string_equal(ask(*state, "GET", at, NULL, 200), "{\"a\":1}");
	sim_answer_fini(&a);
	ask(*state, "PUT", "/sim/fault/github",
	    "{\"location\":\"http://elsewhere/x\",\"remaining\":0}", 204);
	ask(*state, "PUT", "/sim/fault/github", "{\"body_b64\":\"?\"}", 400);
	ask(*state, "PUT", "/sim/fault/github", "{\"location\":7}", 400);
	assert_non_null(strstr(ask(*state, "GET", "/sim/counts", NULL, 200), "\"github\":"));
	ask(*state, "GET", "/sim/loop", NULL, 302);
	ask(*state, "DELETE", "/sim/fault/github", NULL, 204);
}

static int64_t
repo_id(void **state)
{
	const char *b = ask(*state, "GET", "/repos/o/r", NULL, 200);

	return strtoll(strstr(b, "\"id\":") + 5, NULL, 10);
}

static void
a_repository_made_again_is_another(void **state)
{
	int64_t id;

	ask(*state, "PUT", "/sim/releases/o/r/t/a", "1", 204);
	id = repo_id(state);
	ask(*state, "DELETE", "/sim/releases/o/r/t/a", NULL, 204);
	ask(*state, "PUT", "/sim/releases/o/r/t/a?immutable=false", "1", 204);
	assert_int_equal(repo_id(state), id);
	ask(*state, "DELETE", "/sim/releases/o/r", NULL, 204);
	ask(*state, "GET", "/repos/o/r", NULL, 404);
	ask(*state, "PUT", "/sim/releases/o/r/t/a", "1", 204);
	assert_int_not_equal(repo_id(state), id);
}

static void
machines_are_made_and_quote(void **state)
{
	char body[200] = "{\"report_data\":\"";
	const char *b;

	ask(*state, "POST", "/sim/vm/web-1/quote", "{}", 404);
	b = ask(*state, "PUT", "/sim/vm/web-1", "{\"tcb\":\"OutOfDate\"}", 200);
	assert_non_null(strstr(b, "\"tcb\":\"OutOfDate\""));
	assert_string_equal(ask(*state, "GET", "/sim/vm", NULL, 200), "{\"vms\":[\"web-1\"]}");
	memset(body + 16, 'a', 128);
	memcpy(body + 16 + 128, "\"}", 3);
	b = ask(*state, "POST", "/sim/vm/web-1/quote", body, 200);
	assert_true(span_starts(span_str(b), "{\"quote\":\"BAACAIEAAAA"));
	ask(*state, "POST", "/sim/vm/web-1/quote", "{\"report_data\":\"00\"}", 400);
	ask(*state, "POST", "/sim/vm/web-1/quote", "", 400);
	ask(*state, "PUT", "/sim/vm/.x", "", 400);
	ask(*state, "DELETE", "/sim/vm/web-1", NULL, 204);
	ask(*state, "GET", "/sim/vm/web-1", NULL, 404);
}

static void
odd_paths_are_not_found(void **state)
{
	static const char *const paths[] = {"/nope", "//", "/sim/vm/", "/sim/vm/a/b", "/sim/%zz",
	    "/1/2/3/4/5/6/7/8/9/10/11/12/13", "/repos/a", "/sim/fault"};

	for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
		ask(*state, "GET", paths[i], NULL, 404);
	assert_non_null(strstr(ask(*state, "GET", "/", NULL, 200), "SIMULATION"));
	ask(*state, "HEAD", "/sim/root.pem", NULL, 200);
}

static void
the_clock_can_be_moved(void **state)
{
	ask(*state, "PUT", "/sim/clock", "{\"offset_s\":-5184000}", 204);
	assert_non_null(strstr(ask(*state, "GET", "/tdx/certification/v4/qe/identity", NULL, 200),
	    "\"issueDate\":\"2026-07-23"));
	ask(*state, "PUT", "/sim/clock", "{\"offset_s\":\"x\"}", 400);
	ask(*state, "PUT", "/sim/clock", "{}", 204);
	assert_non_null(strstr(ask(*state, "GET", "/tdx/certification/v4/qe/identity", NULL, 200),
	    "\"issueDate\":\"2026-09-21"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(pcs_answers_in_intels_shapes, setup, teardown),
	    cmocka_unit_test_setup_teardown(pcs_refuses_with_intels_codes, setup, teardown),
	    cmocka_unit_test_setup_teardown(faults_bend_answers, setup, teardown),
	    cmocka_unit_test_setup_teardown(families_are_told_apart, setup, teardown),
	    cmocka_unit_test_setup_teardown(faults_come_and_go, setup, teardown),
	    cmocka_unit_test_setup_teardown(github_shows_what_was_published, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_repository_made_again_is_another, setup, teardown),
	    cmocka_unit_test_setup_teardown(machines_are_made_and_quote, setup, teardown),
	    cmocka_unit_test_setup_teardown(odd_paths_are_not_found, setup, teardown),
	    cmocka_unit_test_setup_teardown(the_clock_can_be_moved, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
