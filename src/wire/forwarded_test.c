#include "base/test.h"

#include "wire/forwarded.h"

static void
knows_the_grammar(void **state)
{
	/* The first six are examples of RFC 7239. */
	static const char *const good[] = {"for=\"_gazonk\"", "For=\"[2001:db8:cafe::17]:4711\"",
	    "for=192.0.2.60;proto=http;by=203.0.113.43", "for=192.0.2.43, for=198.51.100.17",
	    "for=192.0.2.43,for=\"[2001:db8:cafe::17]\",for=unknown", "for=_hidden, for=_SEVKISEK",
	    "for=1.2.3.4;;proto=http", "for=a,,for=b", ",for=a,", "for=\"a\\\"b, c\";host=\"x\"",
	    "for=\"\"", "for=a ; proto=b"};
	static const char *const bad[] = {"", ",", ";", "for", "for=", "=a", "for =a", "for= a",
	    "for=\"", "for=\"a", "for=\"a\\\"", "for=\"a\\", "for=\"a\"b", "for=[::1]",
	    "for=1.2.3.4:80", "for=a b", "for=a, b", "for=a;=", "for=a\x7f"};

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		if (!forwarded_ok(span_str(good[i])))
			fail_msg("refused: %s", good[i]);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (forwarded_ok(span_str(bad[i])))
			fail_msg("taken: %s", bad[i]);
}

static void
looks_at_no_byte_behind(void **state)
{
	static const char text[] = "for=\"[::1]\\\\\";proto=http, for=b";

	(void)state;
	for (size_t n = 0; n < sizeof text; n++) {
		char *copy = malloc(n + 1);

		assert_non_null(copy);
		memcpy(copy, text, n);
		(void)forwarded_ok(span_of(copy, n));
		free(copy);
	}
}

static void
writes_elements(void **state)
{
	static const struct {
		const char *peer, *host, *want;
	} cases[] = {
	    {"192.0.2.1", "a.example", "for=192.0.2.1;host=a.example;proto=https"},
	    {"192.0.2.1", "a.example:80", "for=192.0.2.1;host=\"a.example:80\";proto=https"},
	    {"2001:db8::1", "", "for=\"[2001:db8::1]\";proto=https"},
	    {"unix", "[::1]:9", "for=unknown;host=\"[::1]:9\";proto=https"},
	    {"", "a\"b\\", "for=unknown;host=\"a\\\"b\\\\\";proto=https"},
	};
	struct buf b;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		buf_init(&b, 256);
		forwarded_write(&b, span_str(cases[i].peer), span_str(cases[i].host), "https");
		assert_string_equal(buf_cstr(&b), cases[i].want);
		assert_true(forwarded_ok(buf_span(&b)));
		buf_fini(&b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(knows_the_grammar),
	    cmocka_unit_test(looks_at_no_byte_behind),
	    cmocka_unit_test(writes_elements),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
