#include "base/test.h"

#include "wire/url.h"

static void
writes_origins(void **state)
{
	static const struct {
		const char *text, *origin, *target;
	} cases[] = {
	    {"ws://127.0.0.1:8088/v1/tunnel", "http://127.0.0.1:8088", "/v1/tunnel"},
	    {"wss://Control.Example:443/v1/tunnel?x", "https://control.example", "/v1/tunnel?x"},
	    {"https://a.example", "https://a.example", "/"},
	    {"http://a.example:443/", "http://a.example:443", "/"},
	    {"HTTP://A.EXAMPLE:80", "http://a.example", "/"},
	    {"http://[::1]:8088/x", "http://[::1]:8088", "/x"},
	    {"https://[2001:DB8::1]", "https://[2001:db8::1]", "/"},
	    {"http://localhost:8088", "http://localhost:8088", "/"},
	    {"https://xn--bcher-kva.example.", "https://xn--bcher-kva.example", "/"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct url u;
		struct err e = {0};
		char origin[URL_ORIGIN_MAX];

		if (!url_parse(&u, span_str(cases[i].text), &e))
			fail_msg("refused: %s", cases[i].text);
		url_origin(&u, origin);
		assert_string_equal(origin, cases[i].origin);
		assert_true(span_is(u.target, cases[i].target));
	}
}

static void
refuses_bad_urls(void **state)
{
	static const char *const bad[] = {"", "http", "http://", "http:///", "ftp://a/", "//a/",
	    "http://a b/", "http://a/#x", "http://u@a/", "http://u:p@a/", "http://a:0/",
	    "http://a:65536/", "http://a:/", "http://a:80x/", "http://a?x", "http://b\xc3\xbc/",
	    "http://[::1/", "http://::1/", "http://[::1]x/", "http://[::1%25eth0]/",
	    "http://[1:2:3:4:5:6:7]/", "http://[1::2::3]/", "http://[1:2:3:4:5:6:7:8:9]/",
	    "http://[:1]/", "http://[12345::]/", "http://1.2.3/", "http://1.2.3.256/",
	    "http://0x7f.1/", "http://127.1/", "http://1.2.3.0x4/", "http://2130706433/",
	    "http://01.2.3.4/", "http://a..b/", "http://.a/", "http://-a/", "http://a-/",
	    "http://a\\b/", "http://a%41/", "http://a\n/", "http://a/\r\n"};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct url u;
		struct err e = {0};

		if (url_parse(&u, span_str(bad[i]), &e))
			fail_msg("accepted: %s", bad[i]);
		assert_int_equal(e.reason, REASON_BAD_SETTING);
	}
}

static void
names_settings(void **state)
{
	struct err e = {0};
	struct url u;

	assert_true(url_parse_setting(&u, "EE_X", span_str("http://a:1/"), &e));
	assert_int_equal(u.host.port, 1);
	assert_int_equal(e.code, ERR_NONE);
	assert_false(url_parse_setting(&u, "EE_X", span_str("http://a:99999"), &e));
	assert_int_equal(e.reason, REASON_BAD_SETTING);
	assert_string_equal(e.detail, "EE_X: http://a:99999: URL has no valid host");
	err_clear(&e);
	assert_false(url_parse_setting(&u, "EE_X", span_of(NULL, 0), &e));
	assert_int_equal(strncmp(e.detail, "EE_X: : URL ", 12), 0);
}

static void
reads_hosts(void **state)
{
	static const struct {
		const char *text;
		enum host_kind kind;
		bool loopback;
	} cases[] = {
	    {"127.0.0.1:80", HOST_IPV4, true},
	    {"10.0.0.1", HOST_IPV4, false},
	    {"[::1]", HOST_IPV6, true},
	    {"[::ffff:1.2.3.4]:1", HOST_IPV6, false},
	    {"[1:2:3:4:5:6:7:8]", HOST_IPV6, false},
	    {"[1::]", HOST_IPV6, false},
	    {"LOCALHOST.", HOST_NAME, true},
	    {"a.localhost", HOST_NAME, true},
	    {"my_app.example", HOST_NAME, false},
	};
	struct host h;
	struct err e = {0};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_true(host_parse(&h, span_str(cases[i].text), &e));
		assert_int_equal(h.kind, cases[i].kind);
		assert_int_equal(host_is_loopback(&h), cases[i].loopback);
	}
}

static void
encodes_and_decodes(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	url_encode(&b, span_str("v1/a b%~\xff"));
	assert_true(span_is(buf_span(&b), "v1%2Fa%20b%25~%FF"));
	struct buf back;
	buf_init(&back, 100);
	assert_true(url_decode(buf_span(&b), &back));
	assert_true(span_is(buf_span(&back), "v1/a b%~\xff"));
	assert_false(url_decode(span_str("%4"), &back));
	assert_false(url_decode(span_str("%"), &back));
	assert_false(url_decode(span_str("%4g"), &back));
	buf_fini(&b);
	buf_fini(&back);
}

static void
judges_paths(void **state)
{
	static const char *const good[] = {"", "/", "/a", "/a/..", "/a/../b/./../c", "//a/..",
	    "/...", "/..a/b..", "/%41%2e%2e", "/a%2fb/..", "/a//..", "/%25%32%65./x", "/.",
	    "/a%20b"};
	static const char *const bad[] = {"/..", "/../", "/a/../..", "/a/../../b", "/./..", "//..",
	    "/a//../..", "/%2e%2e", "/%2E.", "/.%2e/", "/..%2f", "/%2e%2e%2Fa", "/a/%2e%2e%2f..",
	    "/a%2fb/../..", "/%", "/%4", "/%4g", "/%g4", "/a%00", "/%u0041", "/%-1"};

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		if (!url_path_ok(span_str(good[i])))
			fail_msg("refused: %s", good[i]);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (url_path_ok(span_str(bad[i])))
			fail_msg("accepted: %s", bad[i]);
}

static void
knows_labels(void **state)
{
	static const char *const good[] = {"a", "a-b", "0", "a0", "xn--a"};
	static const char *const bad[] = {"", "-a", "a-", "A", "a.b", "a_b", "a b", "\xc3\xbc",
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		assert_true(url_label_ok(span_str(good[i])));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(url_label_ok(span_str(bad[i])));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(writes_origins),
	    cmocka_unit_test(refuses_bad_urls),
	    cmocka_unit_test(names_settings),
	    cmocka_unit_test(reads_hosts),
	    cmocka_unit_test(encodes_and_decodes),
	    cmocka_unit_test(judges_paths),
	    cmocka_unit_test(knows_labels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
