#include "base/test.h"

#include "wire/cookie.h"

static bool
stays(const char *set_cookie, const char *host)
{
	return cookie_stays(span_str(set_cookie), span_str(host));
}

static void
a_cookie_of_ones_own_stays(void **state)
{
	static const char *const own[] = {"a=b", "", "a", "domain=apps.example",
	    "a=b; Path=/; Secure", "a=b; Domain=my.apps.example", "a=b; Domain=.my.apps.example",
	    "a=b; DOMAIN = My.Apps.Example ;", "a=b; Domain=", "a=b; Domain", "a=b; Domain=.",
	    "a=b;;;", "a=b; XDomain=apps.example", "a=b; Domain-=apps.example"};

	(void)state;
	for (size_t i = 0; i < sizeof own / sizeof *own; i++)
		if (!stays(own[i], "my.apps.example") || !stays(own[i], "my.apps.example:8443")
		    || !stays(own[i], "MY.apps.example."))
			fail_msg("refused: %s", own[i]);
	assert_true(stays("a=b; Domain=[::1]", "[::1]:80"));
}

static void
a_cookie_of_others_does_not(void **state)
{
	static const char *const wide[] = {"a=b; Domain=apps.example", "a=b;domain=.apps.example",
	    "a=b; Domain=example", "a=b; Domain\t=\tapps.example",
	    "a=b; Domain=my.apps.example; Domain=apps.example",
	    "a=b; Domain=apps.example; Domain=my.apps.example", "a=\"b; Domain=apps.example; \"",
	    "; Domain=apps.example", "a=b; Domain=..my.apps.example",
	    "a=b; Domain=other.apps.example", "a=b; Domain=x.my.apps.example",
	    "a=b; Domain=my.apps.example:80", "a=b; Domain=my.apps.example."};

	(void)state;
	for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
		if (stays(wide[i], "my.apps.example"))
			fail_msg("taken: %s", wide[i]);
	assert_false(stays("a=b; Domain=apps.example", ""));
	assert_false(stays("a=b; Domain=x", ":80"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_cookie_of_ones_own_stays),
	    cmocka_unit_test(a_cookie_of_others_does_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
