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
	bool immutable;
	unsigned retry_s;
	char bytes[64], reason[ERR_TOKEN_MAX], shown[160];
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
		g->retry_s = why->retry_s;
		memcpy(g->shown, why->shown, sizeof g->shown);
	} else {
		g->repo_id = a->repo_id;
		g->immutable = a->immutable;
		assert_true(span_cstr(a->bytes, g->bytes, sizeof g->bytes));
	}
}

static struct release_client *
client(const char *token, const char *owners)
{
	struct release_opts o = {
	    .api_url = API "/", .token = token, .owners = owners, .asset = "a.json"};
	struct err e = {0};
	struct release_client *c = release_client_new(NULL, NULL, &fake_env, &o, &e);

	assert_non_null(c);
	return c;
}

static struct release_wait *
ask(struct release_client *c, const char *repo, const char *tag, struct got *g, struct err *e)
{
	struct release_ask q = {
	    .repo = span_str(repo), .tag = span_str(tag), .client = "192.0.2.1"};

	return release_get(c, &q, on_done, g, e);
}

static struct got
get(struct release_client *c, const char *tag)
{
	struct got g = {0};
	struct err e = {0};

	assert_non_null(ask(c, "o/r", tag, &g, &e));
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

	assert_non_null(ask(c, "o/r", "v1", &g, &e));
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
	    {{{REPO, 0, NULL, "fetch_private_address"}}, "private_address", ERR_IO},
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
		w[i] = ask(c, "o/r", "v1", &g[i], &e);
	release_cancel(w[1]);
	fake_run();
	assert_true(g[0].calls == 1 && g[1].calls == 0 && g[2].calls == 1);
	assert_int_equal(fake.asked, 3);
	/* A client that goes takes its waits with it. */
	fake.now_ms += 1000000;
	assert_non_null(ask(c, "o/r", "v1", &g[1], &e));
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

		assert_null(ask(c, repos[i], "v1", NULL, &e));
		assert_int_equal(e.reason, REASON_INVALID_FIELD);
	}
	for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++) {
		struct err e = {0};

		if (ask(c, "o/r", tags[i], NULL, &e))
			fail_msg("taken: %s", tags[i]);
	}
	assert_int_equal(fake.asked, 0);
	assert_string_equal(get(c, "a/b%").reason, "allowlist_fetch_failed:release_not_found");
	release_client_free(c);
}

/* -- limits -- */

static void
limits_are_obeyed(void **state)
{
	static const struct {
		int status;
		const char *fields, *body;
		unsigned wait_s;
	} cases[] = {
	    {429, NULL, "", 60},
	    {429, "retry-after: 7", "", 7},
	    {429, "retry-after: Wed, 21 Oct 2026 07:28:00 GMT", "", 60},
	    {429, "retry-after: 99999999", "", 86400},
	    {403, "retry-after: 30", "", 30},
	    {403, NULL, "You have exceeded a secondary rate limit", 60},
	    {403, "x-ratelimit-remaining: 0\nx-ratelimit-reset: 1000900", "", 900},
	    {403, "x-ratelimit-remaining: 0\nx-ratelimit-reset: 999000", "", 1},
	    {403, "x-ratelimit-remaining: 0", "", 60},
	    {429, "x-ratelimit-remaining: 5\nx-ratelimit-reset: 1000900", "", 60},
	};

	fake.now_s = 1000000;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const struct fake_answer no[] = {
		    {REPO, cases[i].status, cases[i].fields, cases[i].body}};
		struct release_client *c = client(NULL, NULL);
		struct got g;

		fake_begin(no, 1);
		g = get(c, "v1");
		assert_string_equal(g.reason, "allowlist_fetch_failed:rate_limited");
		assert_int_equal(g.code, ERR_IO);
		assert_int_equal(fake.asked, 1);
		/* Other releases too, and to the second. */
		fake.now_ms += (uint64_t)cases[i].wait_s * 1000 - 1;
		g = get(c, "v2");
		assert_string_equal(g.reason, "allowlist_fetch_failed:rate_limited");
		assert_non_null(strstr(g.shown, "come back in 1 s"));
		assert_int_equal(g.retry_s, 1);
		assert_int_equal(fake.asked, 1);
		fake.now_ms += 1;
		(void)get(c, "v1"); /* the one that was told of it, too */
		assert_int_equal(fake.asked, 2);
		release_client_free(c);
	}
}

/* The last request of the hour was answered well; what it was for ends there all the same. */
static void
a_used_up_hour_ends_a_walk(void **state)
{
	ANSWERS({REPO, 200, "X-RateLimit-Remaining: 0\nX-RateLimit-Reset: 1000010", REPO_BODY},
	    {REL, 200, NULL, REL_BODY("null")}, {BLOB, 200, NULL, "{}"});
	struct release_client *c = client("tok", "o");
	struct got g, other = {0};
	struct err e = {0};

	fake.now_s = 1000000;
	g = get(c, "v1");
	assert_string_equal(g.reason, "allowlist_fetch_failed:rate_limited");
	assert_int_equal(fake.asked, 1);
	/* Who has no part in the token has a limit of his own. */
	assert_non_null(ask(c, "p/r", "v1", &other, &e));
	assert_int_equal(fake.asked, 2);
	release_client_free(c);
}

static void
forbidden_is_no_limit(void **state)
{
	ANSWERS({REPO, 403, "x-ratelimit-remaining: 59", "no"});
	struct release_client *c = client(NULL, NULL);

	assert_string_equal(get(c, "v1").reason, "allowlist_fetch_failed:http_403");
	(void)get(c, "v2");
	assert_int_equal(fake.asked, 2);
	release_client_free(c);
}

/* -- pinned bytes -- */

static const uint8_t pin[32] = {0x44, 0x13, 0x6f, 0xa3, 0x55, 0xb3, 0x67, 0x8a, 0x11, 0x46, 0xad,
    0x16, 0xf7, 0xe8, 0x64, 0x9e, 0x94, 0xfb, 0x4f, 0xc2, 0x1f, 0xe7, 0x7e, 0x83, 0x10, 0xc0, 0x60,
    0xf6, 0x1c, 0xaa, 0xff, 0x8a};

static struct release_client *
client_with_copy(void)
{
	struct release_client *c = client(NULL, NULL);
	struct release_asset kept = {.repo_id = 42, .immutable = true, .bytes = span_str("{}")};

	memcpy(kept.sha256, pin, sizeof pin);
	assert_true(release_is_unknown(c, span_str("o/r"), span_str("v1")));
	release_remember(c, span_str("o/r"), span_str("v1"), &kept);
	assert_false(release_is_unknown(c, span_str("o/r"), span_str("v1")));
	return c;
}

static void
ask_pinned(struct release_client *c, bool hurry, struct got *g)
{
	struct release_ask q = {
	    .repo = span_str("o/r"), .tag = span_str("v1"), .pin = pin, .hurry = hurry};
	struct err e = {0};

	memset(g, 0, sizeof *g);
	assert_non_null(release_get(c, &q, on_done, g, &e));
}

/* Nobody answers: who holds a lease waits not at all, others two seconds. */
static void
a_pinned_copy_does_not_wait_for_github(void **state)
{
	ANSWERS({REPO, 0, NULL, "fetch_timeout"});
	struct release_client *c = client_with_copy();
	struct got g[3];

	ask_pinned(c, true, &g[0]);
	ask_pinned(c, false, &g[1]);
	fake_defers();
	assert_true(g[0].calls == 1 && g[0].ok && g[0].repo_id == 42 && g[0].immutable);
	assert_string_equal(g[0].bytes, "{}");
	assert_int_equal(g[1].calls, 0);
	fake_pass(1999);
	fake_defers();
	assert_int_equal(g[1].calls, 0);
	fake_pass(1);
	fake_defers();
	assert_true(g[1].calls == 1 && g[1].ok);
	assert_int_equal(fake.asked, 1);
	/* Once GitHub is known to be out, nobody waits. */
	fake_run();
	ask_pinned(c, false, &g[2]);
	fake_defers();
	assert_true(g[2].calls == 1 && g[2].ok);
	assert_int_equal(fake.asked, 1);
	release_client_free(c);
}

static void
a_limit_leaves_the_pinned_copy(void **state)
{
	ANSWERS({REPO, 429, NULL, ""});
	struct release_client *c = client_with_copy();
	struct got g;

	for (int i = 0; i < 2; i++) {
		ask_pinned(c, false, &g);
		fake_run();
		assert_true(g.calls == 1 && g.ok);
		fake.now_ms += 30000;
	}
	assert_int_equal(fake.asked, 1);
	release_client_free(c);
}

/* An asset that GitHub says has those bytes is not fetched again. */
static void
a_pinned_copy_is_asked_for_by_digest(void **state)
{
	ANSWERS({REPO, 200, NULL, REPO_BODY}, {REL, 200, NULL, REL_BODY("\"sha256:" DIGEST "\"")});
	struct release_client *c = client_with_copy();
	struct got g;

	ask_pinned(c, false, &g);
	fake_run();
	assert_true(g.calls == 1 && g.ok);
	assert_int_equal(fake.asked, 2);
	fake.now_ms += 5 * 60 * 1000 - 1;
	ask_pinned(c, true, &g);
	fake_run();
	assert_int_equal(fake.asked, 2);
	release_client_free(c);
}

/* GitHub's word that there is no such release goes before the copy, until it says otherwise. */
static void
what_is_gone_is_gone(void **state)
{
	ANSWERS({REPO, 404, NULL, ""});
	static const struct fake_answer out[] = {{REPO, 0, NULL, "fetch_failed"}};
	struct release_client *c = client_with_copy();
	struct got g;

	ask_pinned(c, false, &g);
	fake_run();
	assert_string_equal(g.reason, "allowlist_fetch_failed:repo_not_found");
	ask_pinned(c, true, &g);
	fake_run();
	assert_string_equal(g.reason, "allowlist_fetch_failed:repo_not_found");
	fake.now_ms += 15000;
	fake_begin(out, 1);
	ask_pinned(c, true, &g);
	fake_run();
	assert_string_equal(g.reason, "allowlist_fetch_failed:unreachable");
	release_client_free(c);
}

static void
other_bytes_are_told(void **state)
{
	ANSWERS({REPO, 200, NULL, REPO_BODY}, {REL, 200, NULL, REL_BODY("null")},
	    {BLOB, 200, NULL, "[1]"});
	struct release_client *c = client_with_copy();
	struct got g;

	ask_pinned(c, false, &g);
	fake_run();
	assert_string_equal(g.bytes, "[1]");
	/* In a hurry, too: they are not what was accepted. */
	ask_pinned(c, true, &g);
	fake_run();
	assert_string_equal(g.bytes, "[1]");
	release_client_free(c);
}

/* -- budgets -- */

/* GitHub's repositories have no case: who spells one in a thousand ways, pinned or not, has it looked up
 * once. Tags have case. */
static void
one_repository_is_one_however_it_is_spelt(void **state)
{
	ANSWERS({REPO, 200, NULL, REPO_BODY}, {REL, 200, NULL, REL_BODY("null")},
	    {BLOB, 200, NULL, "{}"});
	struct release_client *c = client(NULL, NULL);
	struct release_ask q = {
	    .repo = span_str("O/R"), .tag = span_str("v1"), .client = "192.0.2.1", .pin = pin};
	struct got g = get(c, "v1");
	struct err e = {0};

	assert_true(g.ok);
	assert_false(release_is_unknown(c, span_str("o/R"), span_str("v1")));
	assert_true(release_is_unknown(c, span_str("o/r"), span_str("V1")));
	g = (struct got){0};
	assert_non_null(release_get(c, &q, on_done, &g, &e));
	fake_run();
	assert_true(g.ok);
	assert_int_equal(fake.asked, 3);
	release_client_free(c);
}

static int looks;

static bool
may_look(void *ctx, const char *client, struct span repo)
{
	assert_string_equal(client, "192.0.2.1");
	return looks-- > 0;
}

static void
first_looks_have_a_budget(void **state)
{
	ANSWERS({REPO, 404, NULL, ""});
	struct release_opts o = {.api_url = API, .asset = "a.json", .may_look = may_look};
	struct err e = {0};
	struct release_client *c = release_client_new(NULL, NULL, &fake_env, &o, &e);
	struct got g = {0};

	looks = 1;
	assert_string_equal(get(c, "v1").reason, "allowlist_fetch_failed:repo_not_found");
	/* Known to be missing: costs nothing. */
	(void)get(c, "v1");
	assert_null(ask(c, "o/r", "v2", &g, &e));
	assert_int_equal(e.reason, REASON_RATE_LIMITED);
	assert_int_equal(e.retry_s, 60);
	assert_int_equal(fake.asked, 1);
	/* What was accepted once is free: a start with many apps must not spend it. */
	struct release_ask known = {
	    .repo = span_str("o/r"), .tag = span_str("v3"), .client = "192.0.2.1", .pin = pin};

	assert_non_null(release_get(c, &known, on_done, &g, &e));
	release_client_free(c);
}

static void
a_doubted_copy_is_asked_for_again(void **state)
{
	ANSWERS({REPO, 200, NULL, REPO_BODY}, {REL, 200, NULL, REL_BODY("null")},
	    {BLOB, 200, NULL, "{}"});
	struct release_client *c = client(NULL, NULL);

	assert_true(get(c, "v1").ok && fake.asked == 3);
	release_doubt(c, span_str("o/r"), span_str("v2")); /* not known: nothing to doubt */
	assert_true(get(c, "v1").ok && fake.asked == 3);
	release_doubt(c, span_str("O/r"), span_str("v1"));
	assert_true(get(c, "v1").ok && fake.asked == 6);
	assert_true(get(c, "v1").ok && fake.asked == 6);
	release_client_free(c);
}

static void
an_immutable_release_is_told(void **state)
{
	ANSWERS({REPO, 200, NULL, REPO_BODY},
	    {REL, 200, NULL,
		"{\"tag_name\":\"v1\",\"immutable\":true,\"assets\":[{\"id\":7,"
		"\"name\":\"a.json\",\"size\":2}]}"},
	    {BLOB, 200, NULL, "{}"});
	struct release_client *c = client(NULL, NULL);

	assert_true(get(c, "v1").immutable);
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
	    cmocka_unit_test(one_repository_is_one_however_it_is_spelt),
	    cmocka_unit_test(names_are_checked_before_any_url),
	    cmocka_unit_test(limits_are_obeyed),
	    cmocka_unit_test(a_used_up_hour_ends_a_walk),
	    cmocka_unit_test(forbidden_is_no_limit),
	    cmocka_unit_test(a_pinned_copy_does_not_wait_for_github),
	    cmocka_unit_test(a_limit_leaves_the_pinned_copy),
	    cmocka_unit_test(a_pinned_copy_is_asked_for_by_digest),
	    cmocka_unit_test(what_is_gone_is_gone),
	    cmocka_unit_test(other_bytes_are_told),
	    cmocka_unit_test(first_looks_have_a_budget),
	    cmocka_unit_test(a_doubted_copy_is_asked_for_again),
	    cmocka_unit_test(an_immutable_release_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
