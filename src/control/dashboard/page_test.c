#include "base/test.h"

#include "control/dashboard/page.h"

static struct resolve
app(const char *name, const char *attestation, bool connected, bool allowed, enum reason reason)
{
	struct resolve a;

	memset(&a, 0, sizeof a);
	memcpy(a.row.name, name, strlen(name));
	a.registration_state = "active";
	a.attestation_status = attestation;
	a.health_status = "pass";
	a.freshness = "bound";
	a.ws_connected = connected;
	a.allowed = allowed;
	a.reason = reason;
	return a;
}

static const char *
render(struct buf *out, const struct page_about *about, const struct resolve *apps, size_t n,
    const struct page_refusal *refusal)
{
	struct page *p = page_new(about);

	assert_non_null(p);
	for (size_t i = 0; i < n; i++)
		page_add_app(p, &apps[i]);
	if (refusal)
		page_add_refusal(p, refusal);
	buf_clear(out);
	page_write(p, out);
	page_free(p);
	assert_true(buf_ok(out));
	return buf_cstr(out);
}

static void
states_are_words(void **state)
{
	struct resolve a = app("a", "valid", true, true, REASON_OK);

	assert_string_equal(page_state(&a), "Attested");
	a = app("a", "pending", false, false, REASON_ATTESTATION_PENDING);
	assert_string_equal(page_state(&a), "Attesting");
	a = app("a", "invalid", true, false, REASON_MEASUREMENT_MISMATCH);
	assert_string_equal(page_state(&a), "Refused");
	a = app("a", "valid", false, false, REASON_NO_TUNNEL);
	assert_string_equal(page_state(&a), "Offline");
	a = app("a", "valid", true, false, REASON_UNHEALTHY);
	assert_string_equal(page_state(&a), "Stale");
}

static void
trouble_stands_first(void **state)
{
	struct resolve apps[] = {
	    app("aa", "valid", true, true, REASON_OK),
	    app("bb", "valid", false, false, REASON_NO_TUNNEL),
	    app("cc", "invalid", true, false, REASON_MEASUREMENT_MISMATCH),
	};
	struct page_about about = {.now_s = 1700000000, .version = "1"};
	struct buf out;
	const char *html;

	buf_init(&out, 1 << 20);
	html = render(&out, &about, apps, 3, NULL);
	assert_true(strstr(html, ">cc<") < strstr(html, ">bb<"));
	assert_true(strstr(html, ">bb<") < strstr(html, ">aa<"));
	assert_non_null(strstr(html, reason_todo(REASON_NO_TUNNEL)));
	assert_null(strstr(html, "banner\">"));
	assert_null(strstr(html, "<script"));
	buf_fini(&out);
}

static void
what_strangers_say_is_escaped(void **state)
{
	struct page_refusal r = {.at_s = 1,
	    .app_name = "<script>alert(1)</script>",
	    .agent_id = "\"onload='x'",
	    .repo = "a&b",
	    .reason = "measurement_mismatch:<b>",
	    .detail = "\x1b[31m<img src=x>"};
	struct page_about about = {
	    .now_s = 2, .custom_root = true, .open_admin = true, .version = "1"};
	struct resolve apps[] = {app("<i>", "valid", true, true, REASON_OK)};
	struct buf out;
	const char *html;

	buf_init(&out, 1 << 20);
	html = render(&out, &about, apps, 1, &r);
	assert_null(strstr(html, "<script"));
	assert_null(strstr(html, "<img"));
	assert_null(strstr(html, "<b>"));
	assert_null(strstr(html, "<i>"));
	assert_null(strstr(html, "\x1b"));
	assert_null(strstr(html, "\"onload"));
	assert_non_null(strstr(html, "&lt;script&gt;"));
	assert_non_null(strstr(html, "a&amp;b"));
	assert_non_null(strstr(html, "Custom trust root"));
	assert_non_null(strstr(html, "No admin token"));
	buf_fini(&out);
}

static void
a_thousand_apps_are_no_trouble(void **state)
{
	struct page_about about = {.now_s = 2, .version = "1"};
	struct page *p = page_new(&about);
	struct buf out;

	assert_non_null(p);
	for (int i = 0; i < 3000; i++) {
		struct resolve a = app("x", "valid", true, true, REASON_OK);

		page_add_app(p, &a);
	}
	buf_init(&out, 4 << 20);
	page_write(p, &out);
	assert_true(buf_ok(&out));
	assert_non_null(strstr(buf_cstr(&out), "more are not shown"));
	page_free(p);
	buf_fini(&out);
}

static void
the_policy_names_the_style(void **state)
{
	char csp[PAGE_CSP_MAX];

	assert_non_null(strstr(page_csp(csp), "default-src 'none'; style-src 'sha256-"));
	assert_null(strstr(csp, "unsafe"));
}

static void
a_coming_recovery_is_told(void **state)
{
	struct page_about about = {.version = "1"};
	struct page *p = page_new(&about);
	struct buf b;

	buf_init(&b, 1 << 16);
	page_write(p, &b);
	assert_int_equal(span_find(buf_span(&b), "is coming"), b.n);
	page_free(p);
	about.coming = 19;
	about.coming_worse = 3;
	about.coming_refused = 2;
	p = page_new(&about);
	buf_clear(&b);
	page_write(p, &b);
	assert_true(span_find(buf_span(&b), "Under evaluation 19 the TCB status of 3 replicas "
					    "changes, and 2 will be refused")
		    < b.n);
	page_free(p);
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(states_are_words),
	    cmocka_unit_test(trouble_stands_first),
	    cmocka_unit_test(what_strangers_say_is_escaped),
	    cmocka_unit_test(a_thousand_apps_are_no_trouble),
	    cmocka_unit_test(a_coming_recovery_is_told),
	    cmocka_unit_test(the_policy_names_the_style),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
