#include "net/fetch_fake.h"

#include "release/release.h"

#define API  "https://api.github.com"
#define REPO API "/repos/o/r"
#define REL  REPO "/releases/tags/v1"
#define BLOB REPO "/releases/assets/7"

/* printf '{}' | sha256sum */
#define DIGEST "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"

#define REPO_BODY "{\"id\":42,\"private\":false,\"name\":\"r\"}"
#define REL_BODY(digest)                                                                           \
	"{\"tag_name\":\"v1\",\"assets\":[{\"id\":6,\"name\":\"x\",\"size\":1},"                   \
	"{\"id\":7,\"name\":\"a.json\",\"size\":2,\"digest\":" digest "}]}"

struct got {
	int calls;
	bool ok;
	int64_t repo_id;
	char bytes[64], reason[ERR_TOKEN_MAX];
	enum err_code code;
};

static void
on_done(const struct release_asset *a, const struct err *why, void *ctx)
{
	struct got *g = ctx;

	g->calls++;
	g->ok = a != NULL;
	assert_true((a == NULL) != (why == NULL));
	if (why) {
		err_token(why, g->reason);
		g->code = why->code;
	} else {
		g->repo_id = a->repo_id;
		assert_true(span_cstr(a->bytes, g->bytes, sizeof g->bytes));
	}
}

static struct release_client *
client(const char *token, const char *owners)
{
	struct release_opts o = {API "/", token, owners, "a.json"};
	struct err e = {0};
	struct release_client *c = release_client_new(NULL, NULL, &fake_env, &o, &e);

	assert_non_null(c);
	return c;
}

static struct got
get(struct release_client *c, const char *tag)
{
	struct got g = {0};
	struct err e = {0};

	assert_non_null(release_get(c, span_str("o/r"), span_str(tag), on_done, &g, &e));
	assert_int_equal(g.calls, 0);
	fake_run();
	assert_int_equal(g.calls, 1);
	return g;
}

#define ANSWERS(...)                                                                               \
	static const struct fake_answer answers[] = {__VA_ARGS__};                                 \
	fake_begin(answers, sizeof answers / sizeof answers[0])

static void
walks_repo_release_asset(void **state)
{
	ANSWERS({REPO, 200, NULL, REPO_BODY}, {REL, 200, NULL, REL_BODY("\"sha256:" DIGEST "\"")},
	    {BLOB, 200, NULL, "{}"});
	struct release_client *c = client("tok", NULL);
	struct got g = get(c, "v1");

	assert_true(g.ok);
	assert_int_equal(g.repo_id, 42);
	assert_string_equal(g.bytes, "{}");
	assert_string_equal(fake.log, REPO "\n" REL "\n" BLOB "\n");
	assert_non_null(strstr(fake.headers, "Accept: application/octet-stream\n"));
	assert_non_null(strstr(fake.headers, "Authorization: Bearer tok\n"));
	/* From the cache, until it is old. */
	g = get(c, "v1");
	assert_true(g.ok && fake.asked == 3);
	fake.now_ms += 5 * 60 * 1000;
	/* No ETags here: but the digest says that the asset is the same. */
	g = get(c, "v1");
	assert_true(g.ok && fake.asked == 5);
	assert_string_equal(g.bytes, "{}");
	release_client_free(c);
}

static void
asks_conditionally(void **state)
{
	ANSWERS({REPO, 200, "etag: \"r1\"", REPO_BODY},
	    {REL, 200, "ETag: W/\"v1\"", REL_BODY("null")}, {BLOB, 200, NULL, "{}"});
	struct release_client *c = client(NULL, NULL);
	struct got g = get(c, "v1");

	assert_true(g.ok);
	assert_null(strstr(fake.headers, "Authorization"));
	fake.now_ms += 5 * 60 * 1000;
	g = get(c, "v1");
	assert_true(g.ok && fake.asked == 5);
	assert_non_null(strstr(fake.headers, "If-None-Match: W/\"v1\"\n"));
	assert_string_equal(g.bytes, "{}");
	assert_int_equal(g.repo_id, 42);
	/* And once more: what a 304 left is whole. */
	fake.now_ms += 5 * 60 * 1000;
	g = get(c, "v1");
	assert_true(g.ok && fake.asked == 7);
	release_client_free(c);
}

static void
token_stays_at_home(void **state)
{
	ANSWERS({REPO, 200, NULL, REPO_BODY}, {REL, 200, NULL, REL_BODY("null")},
	    {BLOB, 302, "location: https://blobs.example/x?sig=1", ""},
	    {"https://blobs.example/x?sig=1", 200, NULL, "{}"});
	struct release_client *c = client("tok", "P, O");
	struct got g = get(c, "v1");

	assert_true(g.ok);
	assert_null(strstr(fake.headers, "Authorization"));
	release_client_free(c);

	c = client("tok", "p,q");
	fake_begin(answers, 2);
	struct err e = {0};

	assert_non_null(release_get(c, span_str("o/r"), span_str("v1"), on_done, &g, &e));
	assert_null(strstr(fake.headers, "Authorization"));
	release_client_free(c);
}

static void
redirects_have_an_end(void **state)
{
	static const struct {
		const char *to, *reason;
	} cases[] = {
	    {"location: https://blobs.example/x", "allowlist_fetch_failed:too_many_redirects"},
	    {"location: http://blobs.example/x", "allowlist_fetch_failed:bad_redirect"},
	    {"location: wss://blobs.example/x", "allowlist_fetch_failed:bad_redirect"},
	    {"location: ftp://blobs.example/x", "allowlist_fetch_failed:bad_redirect"},
	    {"location: //blobs.example/x", "allowlist_fetch_failed:bad_redirect"},
	    {"location: https://u:p@blobs.example/x", "allowlist_fetch_failed:bad_redirect"},
	    {"x: y", "allowlist_fetch_failed:bad_redirect"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const struct fake_answer a[] = {{REPO, 200, NULL, REPO_BODY},
		    {REL, 302, cases[i].to, ""}, {"https://blobs.example/x", 301, cases[i].to, ""}};
		struct release_client *c = client(NULL, NULL);

		fake_begin(a, 3);
		assert_string_equal(get(c, "v1").reason, cases[i].reason);
		assert_true(fake.asked <= 5);
		release_client_free(c);
	}
}

static void
a_renamed_repository_is_followed(void **state)
{
	ANSWERS({REPO, 301, "location: /repositories/42", ""},
	    {API "/repositories/42", 200, NULL, REPO_BODY}, {REL, 200, NULL, REL_BODY("null")},
	    {BLOB, 200, NULL, "{}"});
	struct release_client *c = client("tok", NULL);

	assert_true(get(c, "v1").ok);
	release_client_free(c);
}

static void
failures_are_named_and_kept_briefly(void **state)
{
	static const struct {
		struct fake_answer a[3];
		const char *reason;
		enum err_code code;
	} cases[] = {
	    {{{REPO, 404, NULL, ""}}, "repo_not_found", ERR_NOTFOUND},
	    {{{REPO, 200, NULL, REPO_BODY}, {REL, 404, NULL, ""}}, "release_not_found",
		ERR_NOTFOUND},
	    {{{REPO, 200, NULL, REPO_BODY},
		 {REL, 200, NULL, "{\"tag_name\":\"v1\",\"assets\":[]}"}},
		"asset_not_found", ERR_NOTFOUND},
	    {{{REPO, 200, NULL, REPO_BODY},
		 {REL, 200, NULL, "{\"tag_name\":\"v2\",\"assets\":[]}"}},
		"bad_answer", ERR_IO},
	    {{{REPO, 200, NULL, "{\"id\":0,\"private\":false}"}}, "bad_answer", ERR_IO},
	    {{{REPO, 200, NULL, "{\"id\":1}"}}, "bad_answer", ERR_IO},
	    {{{REPO, 200, NULL, "{\"id\":1,\"id\":2,\"private\":false}"}}, "bad_answer", ERR_IO},
	    {{{REPO, 200, NULL, "[]"}}, "bad_answer", ERR_IO},
	    {{{REPO, 200, NULL, "x"}}, "bad_answer", ERR_IO},
	    {{{REPO, 304, NULL, ""}}, "http_304", ERR_IO},
	    {{{REPO, 500, NULL, ""}}, "http_500", ERR_IO},
	    {{{REPO, 429, NULL, ""}}, "rate_limited", ERR_IO},
	    {{{REPO, 403, "x-ratelimit-remaining: 0", ""}}, "rate_limited", ERR_IO},
	    {{{REPO, 403, NULL, ""}}, "http_403", ERR_IO},
	    {{{REPO, 0, NULL, "fetch_timeout"}}, "timeout", ERR_IO},
	    {{{REPO, 0, NULL, "fetch_failed"}}, "unreachable", ERR_IO},
	    {{{REPO, 200, NULL, REPO_BODY}, {REL, 200, NULL, REL_BODY("null")},
		 {BLOB, 0, NULL, "fetch_too_big"}},
		"too_big", ERR_LIMIT},
	    {{{REPO, 200, NULL, REPO_BODY}, {REL, 200, NULL, REL_BODY("\"sha256:" DIGEST "\"")},
		 {BLOB, 200, NULL, "{ }"}},
		"digest_mismatch", ERR_UNTRUSTED},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct release_client *c = client(NULL, NULL);
		struct got g;
		unsigned asked;
		char want[128];

		fake_begin(cases[i].a, 3);
		for (size_t k = 0; k < 3; k++)
			if (cases[i].a[k].url == NULL)
				fake.n = fake.n < k ? fake.n : k;
		g = get(c, "v1");
		snprintf(want, sizeof want, "allowlist_fetch_failed:%s", cases[i].reason);
		assert_string_equal(g.reason, want);
		assert_int_equal(g.code, cases[i].code);
		asked = fake.asked;
		assert_string_equal(get(c, "v1").reason, want);
		assert_int_equal(fake.asked, asked);
		fake.now_ms += 15000;
		(void)get(c, "v1");
		assert_true(fake.asked > asked);
		release_client_free(c);
	}
}

static void
one_flight_serves_all(void **state)
{
	ANSWERS({REPO, 200, NULL, REPO_BODY}, {REL, 200, NULL, REL_BODY("null")},
	    {BLOB, 200, NULL, "{}"});
	struct release_client *c = client(NULL, NULL);
	struct got g[3] = {{0}};
	struct release_wait *w[3];
	struct err e = {0};

	for (size_t i = 0; i < 3; i++)
		w[i] = release_get(c, span_str("o/r"), span_str("v1"), on_done, &g[i], &e);
	release_cancel(w[1]);
	fake_run();
	assert_true(g[0].calls == 1 && g[1].calls == 0 && g[2].calls == 1);
	assert_int_equal(fake.asked, 3);
	/* A client that goes takes its waits with it. */
	fake.now_ms += 1000000;
	assert_non_null(release_get(c, span_str("o/r"), span_str("v1"), on_done, &g[1], &e));
	release_client_free(c);
	fake_run();
	assert_int_equal(g[1].calls, 0);
}

static void
names_are_checked_before_any_url(void **state)
{
	static const char *const repos[] = {"", "o", "o/", "/r", "o/r/x", "o/..", "o/.", "a b/r",
	    "o/r?x", "o/r#", "o/r%2f", "-\n/r"};
	static const char *const tags[] = {"", "a b", "a..b", "/a", "a/", "a~", "a^", "a:", "a?",
	    "a*", "a[", "a\\", "a.lock", ".a", "a.", "a@{b", "@", "a\n", "a\x7f"};
	struct release_client *c = client(NULL, NULL);

	ANSWERS({REPO "/releases/tags/a%2Fb%25", 404, NULL, ""}, {REPO, 200, NULL, REPO_BODY});
	for (size_t i = 0; i < sizeof repos / sizeof repos[0]; i++) {
		struct err e = {0};

		assert_null(release_get(c, span_str(repos[i]), span_str("v1"), on_done, NULL, &e));
		assert_int_equal(e.reason, REASON_INVALID_FIELD);
	}
	for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++) {
		struct err e = {0};

		if (release_get(c, span_str("o/r"), span_str(tags[i]), on_done, NULL, &e))
			fail_msg("taken: %s", tags[i]);
	}
	assert_int_equal(fake.asked, 0);
	assert_string_equal(get(c, "a/b%").reason, "allowlist_fetch_failed:release_not_found");
	release_client_free(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(walks_repo_release_asset),
	    cmocka_unit_test(asks_conditionally),
	    cmocka_unit_test(token_stays_at_home),
	    cmocka_unit_test(redirects_have_an_end),
	    cmocka_unit_test(a_renamed_repository_is_followed),
	    cmocka_unit_test(failures_are_named_and_kept_briefly),
	    cmocka_unit_test(one_flight_serves_all),
	    cmocka_unit_test(names_are_checked_before_any_url),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
