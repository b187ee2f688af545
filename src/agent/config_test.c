#include "base/test.h"

#include <stdio.h>
#include <unistd.h>

#include "agent/config.h"
#include "base/hex.h"

struct world {
	struct settings s;
	struct env env;
	char dir[32], file[64];
};

static void
fake_random(void *ctx, void *dst, size_t n)
{
	memset(dst, 7, n);
}

static void
set(struct world *w, const char *name, const char *value)
{
	struct err e = {0};

	assert_true(settings_set(&w->s, setting_find(span_str(name)), value, &e));
}

static void
world_init(struct world *w)
{
	struct err e = {0};

	memset(w, 0, sizeof *w);
	w->env.random = fake_random;
	assert_true(settings_init(&w->s, &e));
	snprintf(w->dir, sizeof w->dir, "/tmp/ee-config-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->file, sizeof w->file, "%s/file", w->dir);
	set(w, "EE_CONTROL_WS", "wss://Control.Example:443/v1/tunnel");
	set(w, "EE_REPO", "o/r");
	set(w, "EE_RELEASE_TAG", "v1");
	set(w, "EE_APP_NAME", "app");
	set(w, "EE_NETWORK", "forge-1");
	set(w, "EE_AGENT_ID", "one");
}

static void
world_fini(struct world *w)
{
	settings_fini(&w->s);
	(void)unlink(w->file);
	assert_int_equal(rmdir(w->dir), 0);
}

static void
write_file(struct world *w, const char *text)
{
	FILE *f = fopen(w->file, "we");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static bool
load(struct world *w, struct agent_config *c, struct err *e)
{
	memset(e, 0, sizeof *e);
	return agent_config_load(c, &w->s, &w->env, e);
}

static void
refuse(struct world *w, const char *mention)
{
	struct agent_config c;
	struct err e;

	assert_false(load(w, &c, &e));
	if (!strstr(e.detail, mention))
		fail_msg("%s does not mention %s", e.detail, mention);
	agent_config_fini(&c);
}

static bool
claims_hold(const struct agent_config *c, const char *text)
{
	return memmem(c->controls[0].claims.p, c->controls[0].claims.n, text, strlen(text)) != NULL;
}

static void
test_loads(void **state)
{
	struct world w;
	struct agent_config c;
	struct err e;

	world_init(&w);
	set(&w, "EE_CLAIMS_FILE", w.file);
	write_file(&w, "{\"sealed\":true}");
	assert_true(load(&w, &c, &e));
	assert_string_equal(c.controls[0].origin, "https://control.example");
	assert_null(c.sim_url);
	assert_true(claims_hold(&c, "\"sealed\":true"));
	assert_true(claims_hold(&c, "\"agent_config\":{\"backend\":\"loopback\",\"ca\":\"system\","
				    "\"control\":\"https://control.example\"}"));
	agent_config_fini(&c);
	world_fini(&w);
}

static void
refuse_setting(const char *name, const char *value, const char *mention)
{
	struct world w;

	world_init(&w);
	set(&w, name, value);
	refuse(&w, mention);
	world_fini(&w);
}

/* What is wrong with a URL is said with the setting, and with which of its entries. */
static void
test_names_bad_urls(void **state)
{
	char url[300] = "wss://a.example,wss://", mention[160];

	refuse_setting("EE_CONTROL_WS", "wss://a.example,wss://b:99999",
	    "EE_CONTROL_WS: wss://b:99999: URL has no valid host");
	refuse_setting("EE_BACKEND_URL", "http://b:99999",
	    "EE_BACKEND_URL: http://b:99999: URL has no valid host");
	refuse_setting("EE_QUOTE_PROVIDER", "sim:http://b:99999",
	    "EE_QUOTE_PROVIDER: http://b:99999: URL has no valid host");
	/* A long entry is cut. */
	memset(url + strlen(url), 'x', 270);
	snprintf(mention, sizeof mention, "EE_CONTROL_WS: %.80s: URL has no valid host", url + 16);
	refuse_setting("EE_CONTROL_WS", url, mention);
}

/* Each control plane has claims that name it, and nothing else differs. */
static void
test_control_planes(void **state)
{
	struct world w;
	struct agent_config c;
	struct err e;

	world_init(&w);
	set(&w, "EE_CONTROL_WS", "wss://a.example/v1/tunnel, wss://b.example:8443/v1/tunnel");
	set(&w, "EE_CLAIMS_FILE", w.file);
	write_file(&w, "{\"sealed\":true}");
	assert_true(load(&w, &c, &e));
	assert_int_equal(c.n_controls, 2);
	assert_string_equal(c.controls[0].ws, "wss://a.example/v1/tunnel");
	assert_string_equal(c.controls[1].ws, "wss://b.example:8443/v1/tunnel");
	assert_string_equal(c.controls[1].origin, "https://b.example:8443");
	assert_true(span_find(buf_span(&c.controls[0].claims), "https://a.example\"")
		    < c.controls[0].claims.n);
	assert_true(span_find(buf_span(&c.controls[1].claims), "https://b.example:8443\"")
		    < c.controls[1].claims.n);
	assert_true(
	    span_find(buf_span(&c.controls[1].claims), "\"sealed\":true") < c.controls[1].claims.n);
	agent_config_fini(&c);
	world_fini(&w);
}

static void
test_control_planes_that_are_wrong(void **state)
{
	struct world w;

	world_init(&w);
	set(&w, "EE_CONTROL_WS", "wss://a.example/x,wss://A.example:443/y");
	refuse(&w, "https://a.example is there twice");
	set(&w, "EE_CONTROL_WS", "wss://a.example/,ws://b.example/");
	refuse(&w, "ws:// to b.example");
	set(&w, "EE_CONTROL_WS",
	    "wss://a/,wss://b/,wss://c/,wss://d/,wss://e/,wss://f/,wss://g/,"
	    "wss://h/,wss://i/");
	refuse(&w, "more than 8");
	world_fini(&w);
}

/* The digest of the CA file stands in the claims: a host that swaps it is seen. */
static void
test_ca_is_claimed(void **state)
{
	struct world w;
	struct agent_config c;
	struct err e;

	world_init(&w);
	write_file(&w, "abc"); /* whose SHA-256 is FIPS 180-2's first example */
	set(&w, "EE_CONTROL_CA", w.file);
	assert_true(load(&w, &c, &e));
	assert_true(c.claims_absent);
	assert_true(claims_hold(
	    &c, "\"ca\":\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\""));
	agent_config_fini(&c);
	world_fini(&w);
}

static void
test_plaintext(void **state)
{
	static const char *const local[] = {
	    "ws://127.0.0.1:8088/v1/tunnel", "ws://localhost/v1/tunnel", "ws://[::1]:1/v1/tunnel"};
	struct world w;
	struct agent_config c;
	struct err e;

	world_init(&w);
	for (size_t i = 0; i < sizeof local / sizeof *local; i++) {
		set(&w, "EE_CONTROL_WS", local[i]);
		assert_true(load(&w, &c, &e));
		agent_config_fini(&c);
	}
	set(&w, "EE_CONTROL_WS", "ws://control.example/v1/tunnel");
	refuse(&w, "EE_ALLOW_PLAINTEXT");
	set(&w, "EE_CONTROL_WS", "ws://127.0.0.1.example/v1/tunnel");
	refuse(&w, "EE_ALLOW_PLAINTEXT");
	set(&w, "EE_ALLOW_PLAINTEXT", "yes");
	assert_true(load(&w, &c, &e));
	agent_config_fini(&c);
	set(&w, "EE_CONTROL_CA", w.file);
	refuse(&w, "EE_CONTROL_CA");
	world_fini(&w);
}

static void
test_refusals(void **state)
{
	static const char *const rows[][3] = {
	    {"EE_QUOTE_PROVIDER", "sgx", "EE_QUOTE_PROVIDER"},
	    {"EE_QUOTE_PROVIDER", "sim:ws://127.0.0.1/x", "EE_QUOTE_PROVIDER"},
	    {"EE_HEALTH_PATH", "well", "EE_HEALTH_PATH"},
	    {"EE_HEALTH_PATH", "/a b", "EE_HEALTH_PATH"},
	    {"EE_HEALTH_PATH", "*", "EE_HEALTH_PATH"},
	    {"EE_BACKEND_HOST", "a b", "EE_BACKEND_HOST"},
	    {"EE_BACKEND_HOST", "http://a", "EE_BACKEND_HOST"},
	    {"EE_BACKEND_URL", "http://127.0.0.1/path", "EE_BACKEND_URL"},
	    {"EE_REPO", "no-slash", "EE_REPO"},
	    {"EE_APP_NAME", "No", "EE_APP_NAME"},
	    {"EE_RELEASE_TAG", "a..b", "EE_RELEASE_TAG"},
	    {"EE_AGENT_ID", "a b", "EE_AGENT_ID"},
	    {"EE_CLAIMS_FILE", "/nonexistent/claims.json", "/nonexistent/claims.json"},
	    {"EE_CONTROL_CA", "/nonexistent/ca.pem", "/nonexistent/ca.pem"},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct world w;

		world_init(&w);
		set(&w, rows[i][0], rows[i][1]);
		refuse(&w, rows[i][2]);
		world_fini(&w);
	}
}

static void
test_bad_claims(void **state)
{
	static const char *const bad[] = {"", "[]", "{", "{\"agent_sha256\":\"0\"}", "{\"a\":1.5}"};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct world w;

		world_init(&w);
		set(&w, "EE_CLAIMS_FILE", w.file);
		write_file(&w, bad[i]);
		refuse(&w, "");
		world_fini(&w);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_loads),
	    cmocka_unit_test(test_names_bad_urls),
	    cmocka_unit_test(test_control_planes),
	    cmocka_unit_test(test_control_planes_that_are_wrong),
	    cmocka_unit_test(test_ca_is_claimed),
	    cmocka_unit_test(test_plaintext),
	    cmocka_unit_test(test_refusals),
	    cmocka_unit_test(test_bad_claims),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
