#include "base/test.h"

#include "base/settings.h"
#include "base/usage.h"

static bool
sets(struct settings *s, const char *name, const char *value)
{
	struct err e = {0};
	bool ok = settings_set(s, setting_find(span_str(name)), value, &e);

	if (!ok) {
		assert_int_equal(e.reason, REASON_BAD_SETTING);
		assert_true(strncmp(e.shown, name, strlen(name)) == 0);
	}
	return ok;
}

static void
defaults_are_the_documented_ones(void **state)
{
	struct settings s;
	struct err e = {0};

	assert_true(settings_init(&s, &e));
	assert_string_equal(s.control_bind, "0.0.0.0");
	assert_int_equal(s.control_port, 8088);
	assert_string_equal(s.allowlist_asset, "agent-attestation-allowlist.json");
	assert_null(s.github_token);
	assert_null(s.pccs_url);
	assert_null(s.admin_token);
	assert_int_equal(s.attest_interval_sec, 3600);
	assert_int_equal(s.attest_deadline_sec, 30);
	assert_int_equal(s.registration_ttl_days, 30);
	assert_int_equal(s.registration_warn_days, 3);
	assert_true(settings_check(&s, PROGRAM_CONTROL, &e));
	assert_false(settings_check(&s, PROGRAM_AGENT, &e));
	assert_string_equal(e.arg, "EE_CONTROL_WS");
	settings_fini(&s);
}

static void
values_are_checked(void **state)
{
	static const char *const bad[][2] = {{"EE_CONTROL_PORT", "65536"},
	    {"EE_CONTROL_PORT", "-1"}, {"EE_CONTROL_PORT", "80x"}, {"EE_CONTROL_PORT", ""},
	    {"EE_CONTROL_PORT", " 80"}, {"EE_CONTROL_PORT", "99999999999999999999"},
	    {"EE_ATTEST_INTERVAL_SEC", "0"}, {"EE_CONTROL_BIND", "localhost"},
	    {"EE_PUBLIC_URL", "ftp://x"}, {"EE_PUBLIC_URL", "https://a,"},
	    {"EE_PUBLIC_URL", "https://"}, {"EE_GITHUB_API_URL", "api.github.com"},
	    {"EE_GITHUB_API_URL", "https://a b"}, {"EE_PROXY_TRUSTED", "10.0.0.0/33"},
	    {"EE_GITHUB_OWNERS", "a,,b"}, {"EE_LOG_LEVEL", "INFO"}, {"EE_LOG_LEVEL", ""},
	    {"EE_LOG_LEVEL", "error|warn"}, {"EE_ADMIN_TOKEN", ""}, {"EE_ADMIN_TOKEN", "a\nb"},
	    {"EE_CONTROL_WS", "http://x"}, {"EE_BACKEND_URL", "unix:x"},
	    {"EE_BACKEND_URL", "unix:"}};
	static const char *const good[][2] = {{"EE_CONTROL_PORT", "0"},
	    {"EE_CONTROL_PORT", "65535"}, {"EE_CONTROL_BIND", "::"},
	    {"EE_PUBLIC_URL", "https://a, http://b:80"}, {"EE_PROXY_TRUSTED", "10.0.0.0/8,::1"},
	    {"EE_LOG_LEVEL", "debug"}, {"EE_BACKEND_URL", "unix:/run/x"},
	    {"EE_CONTROL_WS", "wss://x/v1/tunnel"}};
	struct settings s;
	struct err e = {0};

	assert_true(settings_init(&s, &e));
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (sets(&s, bad[i][0], bad[i][1]))
			fail_msg("accepted: %s=%s", bad[i][0], bad[i][1]);
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		if (!sets(&s, good[i][0], good[i][1]))
			fail_msg("refused: %s=%s", good[i][0], good[i][1]);
	assert_int_equal(s.control_port, 65535);
	assert_string_equal(s.log_level, "debug");
	settings_fini(&s);
}

static void
pairs_must_fit(void **state)
{
	struct settings s;
	struct err e = {0};

	assert_true(settings_init(&s, &e));
	assert_true(sets(&s, "EE_REGISTRATION_TTL_DAYS", "3"));
	assert_false(settings_check(&s, PROGRAM_CONTROL, &e));
	assert_true(sets(&s, "EE_REGISTRATION_TTL_DAYS", "4"));
	assert_true(sets(&s, "EE_TLS_CERT", "x.pem"));
	err_clear(&e);
	assert_false(settings_check(&s, PROGRAM_CONTROL, &e));
	settings_fini(&s);
}

static void
misspelt_names_are_recognised(void **state)
{
	static const char *const pairs[][2] = {{"EE_CONTORL_PORT", "EE_CONTROL_PORT"},
	    {"EE_ADMIN_TOKN", "EE_ADMIN_TOKEN"}, {"EE_ATTEST_INTERVAL", "EE_ATTEST_INTERVAL_SEC"},
	    {"EE_PCS_URL", "EE_PCCS_URL"}};

	for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
		assert_string_equal(
		    setting_suggest(span_str(pairs[i][0]), PROGRAM_CONTROL), pairs[i][1]);
	assert_null(setting_suggest(span_str("EE_SOMETHING_ELSE_ENTIRELY"), PROGRAM_CONTROL));
	assert_null(
	    setting_suggest(span_str("EE_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
		PROGRAM_CONTROL));
	assert_null(setting_find(span_str("EE_CONTROL_POR")));
}

static void
flags_come_from_names(void **state)
{
	const struct setting *row = setting_find_flag(span_str("control-port"));

	assert_string_equal(row->name, "EE_CONTROL_PORT");
	assert_null(setting_find_flag(span_str("admin-token")));
	row = setting_find_flag(span_str("admin-token-file"));
	assert_string_equal(row->name, "EE_ADMIN_TOKEN");
}

static void
printing_masks_secrets(void **state)
{
	struct settings s;
	struct err e = {0};
	struct buf b;

	buf_init(&b, 10000);
	assert_true(settings_init(&s, &e));
	assert_true(sets(&s, "EE_ADMIN_TOKEN", "hunter2"));
	settings_print(&s, PROGRAM_CONTROL, &b);
	assert_null(strstr(buf_cstr(&b), "hunter2"));
	assert_non_null(strstr(buf_cstr(&b), "EE_ADMIN_TOKEN=***\n"));
	assert_non_null(strstr(buf_cstr(&b), "EE_CONTROL_PORT=8088\n"));
	assert_null(strstr(buf_cstr(&b), "EE_GITHUB_TOKEN"));
	assert_null(strstr(buf_cstr(&b), "EE_SIM_PORT"));
	settings_fini(&s);
	buf_fini(&b);
}

static void
help_fits_the_terminal_and_names_all(void **state)
{
	static const enum program all[] = {
	    PROGRAM_CONTROL, PROGRAM_AGENT, PROGRAM_PROXY, PROGRAM_SIM};

	for (size_t i = 0; i < 4; i++) {
		struct buf help, man;
		size_t column = 0;

		buf_init(&help, 1 << 16);
		buf_init(&man, 1 << 16);
		usage_help(all[i], &help);
		usage_man(all[i], &man);
		assert_true(buf_ok(&help) && buf_ok(&man));
		for (size_t k = 0; k < help.n; k++) {
			column = help.p[k] == '\n' ? 0 : column + 1;
			assert_true(column <= 80);
		}
		for (size_t k = 0; setting_at(k); k++) {
			const struct setting *row = setting_at(k);

			if (!(row->programs & all[i]))
				continue;
			assert_non_null(strstr(buf_cstr(&help), row->name));
			assert_non_null(strstr(buf_cstr(&man), row->name));
		}
		buf_fini(&help);
		buf_fini(&man);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(defaults_are_the_documented_ones),
	    cmocka_unit_test(values_are_checked),
	    cmocka_unit_test(pairs_must_fit),
	    cmocka_unit_test(misspelt_names_are_recognised),
	    cmocka_unit_test(flags_come_from_names),
	    cmocka_unit_test(printing_masks_secrets),
	    cmocka_unit_test(help_fits_the_terminal_and_names_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
