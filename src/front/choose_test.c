#include "base/test.h"

#include "front/choose.h"

static void
chooses_by_host(void **state)
{
	static const struct {
		const char *domain, *host, *x_ee_app;
		bool trusted;
		const char *app; /* NULL: refused */
		enum reason reason;
	} cases[] = {
	    {NULL, "myapp.example", NULL, false, "myapp", 0},
	    {NULL, "MyApp.Example:9090", NULL, false, "myapp", 0},
	    {NULL, "myapp", NULL, false, "myapp", 0},
	    {NULL, "myapp.localhost:9090", NULL, false, "myapp", 0},
	    {NULL, "myapp.a.example.", NULL, false, "myapp", 0},
	    {NULL, "localhost:9090", NULL, false, NULL, REASON_MISDIRECTED},
	    {NULL, "127.0.0.1", NULL, false, NULL, REASON_MISDIRECTED},
	    {NULL, "[::1]:9090", NULL, false, NULL, REASON_MISDIRECTED},
	    {NULL, NULL, NULL, false, NULL, REASON_MISDIRECTED},
	    {NULL, "my_app.example", NULL, false, NULL, REASON_MISDIRECTED},
	    {NULL, "a b", NULL, false, NULL, REASON_BAD_REQUEST},
	    {"app.example", "myapp.app.example", NULL, false, "myapp", 0},
	    {".app.example", "myapp.APP.example", NULL, false, "myapp", 0},
	    {"app.example", "app.example", NULL, false, NULL, REASON_MISDIRECTED},
	    {"app.example", "a.b.app.example", NULL, false, NULL, REASON_MISDIRECTED},
	    {"app.example", "myappapp.example", NULL, false, NULL, REASON_MISDIRECTED},
	    {"app.example", "myapp.example", NULL, false, NULL, REASON_MISDIRECTED},
	    {"app.example", "myapp.app.example.evil", NULL, false, NULL, REASON_MISDIRECTED},
	    /* X-EE-App */
	    {NULL, "myapp.example", "other", false, "myapp", 0},
	    {NULL, "127.0.0.1", "myapp", false, NULL, REASON_MISDIRECTED},
	    {NULL, "127.0.0.1", "myapp", true, "myapp", 0},
	    {NULL, NULL, "myapp", true, "myapp", 0},
	    {NULL, "myapp.example", "myapp", true, "myapp", 0},
	    {NULL, "myapp.example", "other", true, NULL, REASON_MISDIRECTED},
	    {"app.example", "proxy.internal", "other", true, "other", 0},
	    {NULL, "127.0.0.1", "../apps", true, NULL, REASON_BAD_REQUEST},
	    {NULL, "127.0.0.1", "", true, NULL, REASON_BAD_REQUEST},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct choose_rules rules = {cases[i].domain, NULL};
		char app[CHOOSE_APP_MAX];
		struct err e = {0};
		bool ok = choose_app(&rules, span_str(cases[i].host), span_str(cases[i].x_ee_app),
		    cases[i].trusted, app, &e);

		if (ok != (cases[i].app != NULL))
			fail_msg("case %zu", i);
		if (ok)
			assert_string_equal(app, cases[i].app);
		else
			assert_int_equal(e.reason, cases[i].reason);
	}
}

static void
trusts_listed_peers(void **state)
{
	struct choose_rules none = {NULL, NULL}, some = {NULL, "10.0.0.0/8,::1"};

	(void)state;
	assert_false(choose_is_trusted(&none, "127.0.0.1"));
	assert_true(choose_is_trusted(&some, "10.1.2.3"));
	assert_true(choose_is_trusted(&some, "::1"));
	assert_false(choose_is_trusted(&some, "11.1.2.3"));
	assert_false(choose_is_trusted(&some, "unix"));
	assert_false(choose_is_trusted(&some, ""));
}

static void
finds_the_client(void **state)
{
#define F(v)                                                                                       \
	{                                                                                          \
		{(const uint8_t *)"X-Forwarded-For", 15},                                          \
		{                                                                                  \
			(const uint8_t *)(v), sizeof(v) - 1                                        \
		}                                                                                  \
	}
	static const struct http_field f[] = {F("6.6.6.6, 192.0.2.1"), F("10.0.0.9 ,10.0.0.8\t")};
	static const struct http_field odd[] = {F("6.6.6.6"), F("192.0.2.1:80, 10.0.0.8")};
	struct choose_rules rules = {NULL, "10.0.0.0/8"};
	char client[CHOOSE_CLIENT_MAX];

	(void)state;
	choose_client(&rules, "10.0.0.1", true, f, 2, client);
	assert_string_equal(client, "192.0.2.1");
	choose_client(&rules, "203.0.113.1", false, f, 2, client);
	assert_string_equal(client, "203.0.113.1");
	choose_client(&rules, "10.0.0.1", true, f, 0, client);
	assert_string_equal(client, "10.0.0.1");
	choose_client(&rules, "10.0.0.1", true, odd, 2, client);
	assert_string_equal(client, "10.0.0.8");
	/* Nobody is trusted but the peer: ee-proxy's word on who asked it. */
	rules.trusted = NULL;
	choose_client(&rules, "10.0.0.1", true, f, 2, client);
	assert_string_equal(client, "10.0.0.8");
#undef F
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(chooses_by_host),
	    cmocka_unit_test(finds_the_client),
	    cmocka_unit_test(trusts_listed_peers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
