#include "base/test.h"

#include "base/ip.h"

static void
reads_addresses(void **state)
{
	static const struct {
		const char *text;
		uint8_t ip[16];
	} good[] = {
	    {"127.0.0.1", {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1}},
	    {"255.255.255.255", {[10] = 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}},
	    {"::", {0}},
	    {"::1", {[15] = 1}},
	    {"1::", {[1] = 1}},
	    {"2001:DB8::8:800:200c:417A",
		{0x20, 1, 0xd, 0xb8, [8] = 0, 8, 8, 0, 0x20, 0xc, 0x41, 0x7a}},
	    {"1:2:3:4:5:6:7:8", {0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8}},
	    {"::ffff:1.2.3.4", {[10] = 0xff, 0xff, 1, 2, 3, 4}},
	    {"1:2:3:4:5:6:1.2.3.4", {0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 1, 2, 3, 4}},
	    {"::2:3:4:5:6:7:8", {0, 0, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8}},
	};

	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		uint8_t ip[16];

		if (!ip_parse(span_str(good[i].text), ip))
			fail_msg("refused: %s", good[i].text);
		assert_memory_equal(ip, good[i].ip, 16);
	}
}

static void
refuses_odd_spellings(void **state)
{
	static const char *const bad[] = {"", "1", "1.2.3", "1.2.3.4.5", "01.2.3.4", "1.2.3.256",
	    "1.2.3.", ".1.2.3", "0x7f.0.0.1", "127.1", "1.2.3.4 ", ":", ":::", "1:", ":1",
	    "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7::8", "1::2::3",
	    "12345::", "g::", "::1.2.3", "1.2.3.4::", "1:2:3:4:5:6:7:1.2.3.4", "[::1]",
	    "fe80::1%eth0", "::1/64", "localhost"};

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		uint8_t ip[16];

		if (ip_parse(span_str(bad[i]), ip))
			fail_msg("accepted: %s", bad[i]);
	}
}

static bool
has(const char *list, const char *ip)
{
	uint8_t b[16];

	assert_true(ip_parse(span_str(ip), b));
	return ip_list_has(span_str(list), b);
}

static void
lists_hold_what_they_say(void **state)
{
	assert_true(has("10.0.0.0/8, 192.168.1.7", "10.255.0.1"));
	assert_true(has("10.0.0.0/8, 192.168.1.7", "192.168.1.7"));
	assert_false(has("10.0.0.0/8, 192.168.1.7", "192.168.1.8"));
	assert_false(has("10.0.0.0/8", "11.0.0.0"));
	assert_true(has("10.0.0.0/8", "::ffff:10.1.1.1"));
	assert_true(has("0.0.0.0/0", "1.2.3.4"));
	assert_false(has("0.0.0.0/0", "2001::1"));
	assert_true(has("::/0", "1.2.3.4"));
	assert_true(has("2001:db8::/33", "2001:db8:7fff::1"));
	assert_false(has("2001:db8::/33", "2001:db8:8000::1"));
	assert_false(has("", "1.2.3.4"));

	assert_true(ip_list_ok(span_str("")));
	assert_true(ip_list_ok(span_str("1.2.3.4/32,::/0")));
	assert_false(ip_list_ok(span_str("1.2.3.4/33")));
	assert_false(ip_list_ok(span_str("1.2.3.4/24")));
	assert_false(ip_list_ok(span_str("1.2.3.4/")));
	assert_false(ip_list_ok(span_str("1.2.3.4,")));
	assert_false(ip_list_ok(span_str(",1.2.3.4")));
	assert_false(ip_list_ok(span_str("1.2.3.4,,1.2.3.5")));
	assert_false(ip_list_ok(span_str("::/129")));
	assert_false(ip_list_ok(span_str("::/08")));
}

static void
loopback_is_known(void **state)
{
	uint8_t ip[16];

	assert_true(ip_parse(span_str("127.9.9.9"), ip) && ip_is_loopback(ip));
	assert_true(ip_parse(span_str("::1"), ip) && ip_is_loopback(ip));
	assert_true(ip_parse(span_str("::2"), ip) && !ip_is_loopback(ip));
	assert_true(ip_parse(span_str("128.0.0.1"), ip) && !ip_is_loopback(ip));
}

static void
public_is_what_nobody_keeps(void **state)
{
	static const char *const no[] = {"0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1",
	    "100.127.255.255", "127.0.0.1", "169.254.169.254", "172.16.0.1", "172.31.255.255",
	    "192.0.0.8", "192.0.2.1", "192.168.1.1", "198.18.0.1", "198.19.255.255", "203.0.113.9",
	    "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "::1", "::127.0.0.1",
	    "::ffff:10.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b:1::8.8.8.8", "100::1", "2001::1",
	    "2001:db8::1", "2002:7f00:1::", "3fff::1", "fc00::1", "fd12:3456::1", "fe80::1",
	    "fec0::1", "ff02::1"};
	static const char *const yes[] = {"1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255",
	    "100.128.0.0", "126.255.255.255", "128.0.0.1", "140.82.121.6", "172.15.255.255",
	    "172.32.0.0", "192.167.255.255", "192.169.0.0", "223.255.255.255", "::ffff:8.8.8.8",
	    "64:ff9b::8.8.8.8", "2606:50c0:8000::153", "2a00:1450::1"};
	uint8_t ip[16];

	for (size_t i = 0; i < sizeof no / sizeof no[0]; i++)
		if (!ip_parse(span_str(no[i]), ip) || ip_is_public(ip))
			fail_msg("public: %s", no[i]);
	for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++)
		if (!ip_parse(span_str(yes[i]), ip) || !ip_is_public(ip))
			fail_msg("not public: %s", yes[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_addresses),
	    cmocka_unit_test(refuses_odd_spellings),
	    cmocka_unit_test(lists_hold_what_they_say),
	    cmocka_unit_test(loopback_is_known),
	    cmocka_unit_test(public_is_what_nobody_keeps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
