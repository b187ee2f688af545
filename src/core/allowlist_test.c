#include "base/test.h"

#include <stdio.h>

#include "core/allowlist.h"

#define HEX48(c)                                                                                   \
	c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c  \
	    c c c
#define MRTD  HEX48("a1")
#define RTMR1 HEX48("b2")
#define RTMR2 HEX48("c3")
#define ZERO  HEX48("00")

static struct quote_view
view(void)
{
	static uint8_t regs[3][48], data[64];
	struct quote_view q = {.tee = TEE_TDX, .tcb = TCB_UP_TO_DATE};

	memset(regs[0], 0xa1, 48);
	memset(regs[1], 0xb2, 48);
	memset(regs[2], 0xc3, 48);
	memset(data, 0xd4, 64);
	q.reg[REG_MRTD] = span_of(regs[0], 48);
	q.reg[REG_RTMR1] = span_of(regs[1], 48);
	q.reg[REG_RTMR2] = span_of(regs[2], 48);
	q.report_data = span_of(data, 64);
	return q;
}

static void
refused(const char *asset, enum reason r)
{
	struct allowlist *al;
	struct err e = {0};

	if (allowlist_parse(&al, span_str(asset), "v1", &e)) {
		allowlist_free(al);
		fail_msg("taken: %s", asset);
	}
	assert_null(al);
	if (e.reason != r)
		fail_msg("%s: %s", asset, reason_token(e.reason));
}

/* "" when it matches, else the token. */
static const char *
compare(const char *asset, const char *claims, struct quote_view q, struct allowlist_match *m,
    struct err *e)
{
	static char token[ERR_TOKEN_MAX];
	struct allowlist *al;
	struct json_doc d;
	bool ok;

	memset(e, 0, sizeof *e);
	assert_true(allowlist_parse(&al, span_str(asset), "v1", e));
	assert_true(
	    json_parse(&d, span_str(claims), (struct json_limits){.depth = 8, .nodes = 100}, e));
	ok = allowlist_compare(al, &q, &d, json_top(&d), false, m, e);
	json_free(&d);
	allowlist_free(al);
	return ok ? "" : err_token(e, token);
}

static void
absence_is_no_permission(void **state)
{
	static const char *const missing[] = {
	    "{}",
	    "{\"measurements\":null}",
	    "{\"measurements\":{}}",
	    "{\"measurements\":[]}",
	    "{\"measurements\":[{\"a\":1},{}]}",
	    "{\"measurements\":[{},{\"a\":1}]}",
	    "{\"quote_measurements\":{\"mrtd\":\"" MRTD "\"}}",
	    "{\"measurements\":{\"a\":1},\"quote_measurements\":{}}",
	};
	static const char *const invalid[] = {
	    "",
	    "x",
	    "[]",
	    "{\"measurements\":\"\"}",
	    "{\"measurements\":7}",
	    "{\"measurements\":[7]}",
	    "{\"measurements\":[[]]}",
	    "{\"measurements\":{\"a\":null}}",
	    "{\"measurements\":{\"a\":\"\"}}",
	    "{\"measurements\":{\"a\":{}}}",
	    "{\"measurements\":{\"a\":1,\"a\":1}}",
	    "{\"measurements\":{\"\":1}}",
	    "{\"measurements\":{\"a\":1},\"measurements\":{\"a\":1}}",
	    "{\"measurements\":{\"mrtd\":\"\"}}",
	    "{\"measurements\":{\"mrtd\":\"a\"}}",
	    "{\"measurements\":{\"mrtd\":\"zz\"}}",
	    "{\"measurements\":{\"mrtd\":true}}",
	    "{\"measurements\":{\"mrtd\":[\"" MRTD "\"]}}",
	    "{\"measurements\":{\"mrtd\":7}}",
	    "{\"measurements\":{\"isvsvn\":65536}}",
	    "{\"measurements\":{\"MRTD\":\"" MRTD "\"}}",
	    "{\"measurements\":{\"report_data\":\"" MRTD "\"}}",
	    "{\"measurements\":{\"a\":1},\"quote_measurements\":{\"a\":1}}",
	    "{\"measurements\":{\"a\":1},\"quote_measurements\":null}",
	    "{\"measurements\":{\"a\":1},\"report_data\":\"\"}",
	    "{\"measurements\":{\"a\":1},\"report_data\":null}",
	    "{\"measurements\":{\"a\":1},\"report_data\":\"d4\"}",
	    "{\"measurements\":{\"a\":1},\"tcb\":{}}",
	    "{\"measurements\":{\"a\":1},\"tcb\":{\"accept\":[]}}",
	    "{\"measurements\":{\"a\":1},\"tcb\":{\"accept\":[\"Fine\"]}}",
	    "{\"measurements\":{\"a\":1},\"tcb\":{\"accept\":[\"Revoked\"]}}",
	    "{\"measurements\":{\"a\":1},\"tcb\":null}",
	    "{\"measurements\":{\"a\":1},\"version\":\"2.0\"}",
	    "{\"measurements\":{\"a\":1},\"version\":1}",
	};

	for (size_t i = 0; i < sizeof missing / sizeof *missing; i++)
		refused(missing[i], REASON_ALLOWLIST_MISSING);
	for (size_t i = 0; i < sizeof invalid / sizeof *invalid; i++)
		refused(invalid[i], REASON_ALLOWLIST_INVALID);
	refused("{\"release_tag\":\"v2\",\"measurements\":{\"a\":1}}",
	    REASON_ALLOWLIST_RELEASE_MISMATCH);
	refused(
	    "{\"release_tag\":null,\"measurements\":{\"a\":1}}", REASON_ALLOWLIST_RELEASE_MISMATCH);
}

static void
registers_come_from_the_quote(void **state)
{
	struct quote_view q = view();
	struct allowlist_match m;
	struct err e;

	assert_string_equal(
	    compare("{\"version\":\"1.0\",\"release_tag\":\"v1\",\"measurements\":{\"mrtd\":\"" MRTD
		    "\",\"rtmr1\":\"" RTMR1 "\",\"rtmr2\":\"" HEX48("C3") "\","
									  "\"sealed\":true}}",
		"{\"sealed\":true}", q, &m, &e),
	    "");
	assert_true(m.pins_boot);
	assert_false(m.pins_agent_config);
	/* What the agent says of registers counts for nothing, in either direction. */
	assert_string_equal(compare("{\"measurements\":{\"mrtd\":\"" MRTD "\"}}",
				"{\"mrtd\":\"" ZERO "\"}", q, &m, &e),
	    "");
	assert_string_equal(compare("{\"measurements\":{\"mrtd\":\"" ZERO "\"}}",
				"{\"mrtd\":\"" ZERO "\"}", q, &m, &e),
	    "measurement_mismatch:mrtd");
	assert_non_null(strstr(e.shown, "expected 0000"));
	assert_non_null(strstr(e.shown, "got a1a1"));
	assert_string_equal(compare("{\"measurements\":{\"mrenclave\":\"00\"}}",
				"{\"mrenclave\":\"00\"}", q, &m, &e),
	    "measurement_mismatch:mrenclave");
	/* A prefix is no match. */
	assert_string_equal(compare("{\"measurements\":{\"mrtd\":\"a1\"}}", "{}", q, &m, &e),
	    "measurement_mismatch:mrtd");
	/* The author's later form. */
	assert_string_equal(
	    compare("{\"measurements\":{\"x\":1},\"quote_measurements\":{\"mrtd\":\""
		    "" MRTD "\",\"rtmr1\":\"" RTMR1 "\",\"rtmr2\":\"" RTMR2 "\"}}",
		"{\"x\":1}", q, &m, &e),
	    "");
	assert_true(m.pins_boot);
	assert_string_equal(
	    compare("{\"measurements\":{\"x\":1},\"quote_measurements\":{\"mrtd\":\"" ZERO "\"}}",
		"{\"x\":1}", q, &m, &e),
	    "measurement_mismatch:mrtd");
}

static void
zero_pins_nothing(void **state)
{
	struct quote_view q = view();
	struct allowlist_match m;
	struct err e;
	static const uint8_t zero[48];

	q.reg[REG_RTMR2] = span_of(zero, 48);
	assert_string_equal(compare("{\"measurements\":{\"mrtd\":\"" MRTD "\",\"rtmr1\":\"" RTMR1
				    "\",\"rtmr2\":\"" ZERO "\"}}",
				"{}", q, &m, &e),
	    "");
	assert_false(m.pins_boot);
}

static void
every_other_key_comes_from_the_claims(void **state)
{
	static const struct {
		const char *want, *got, *token;
	} rows[] = {
	    {"{\"a\":\"ABcd\"}", "{\"a\":\"abCD\"}", ""},
	    {"{\"a\":\"Img\"}", "{\"a\":\"img\"}", "measurement_mismatch:a"},
	    {"{\"a\":\"x\"}", "{}", "measurement_mismatch:a"},
	    {"{\"a\":true}", "{\"a\":\"true\"}", "measurement_mismatch:a"},
	    {"{\"a\":true}", "{\"a\":1}", "measurement_mismatch:a"},
	    {"{\"a\":1}", "{\"a\":1,\"b\":2}", ""},
	    {"{\"a\":{\"x\":1,\"y\":[2]}}", "{\"a\":{\"y\":[2],\"x\":1}}", ""},
	    {"{\"a\":{\"x\":1}}", "{\"a\":{\"x\":1,\"y\":2}}", "measurement_mismatch:a"},
	    {"{\"a\":\"\\u0041-\"}", "{\"a\":\"A-\"}", ""},
	    {"{\"a\":1,\"b\":2}", "{\"a\":1}", "measurement_mismatch:b"},
	};
	struct allowlist_match m;
	struct err e;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char asset[200];

		snprintf(asset, sizeof asset, "{\"measurements\":%s}", rows[i].want);
		assert_string_equal(compare(asset, rows[i].got, view(), &m, &e), rows[i].token);
	}
}

static void
any_alternative_may_match(void **state)
{
	static const char list[] = "{\"measurements\":[{\"a\":1,\"b\":1},{\"a\":2,\"b\":2},"
				   "{\"agent_config\":{\"x\":1},\"a\":3}]}";
	struct allowlist_match m;
	struct err e;

	assert_string_equal(compare(list, "{\"a\":2,\"b\":2}", view(), &m, &e), "");
	assert_int_equal(m.entry, 1);
	assert_string_equal(
	    compare(list, "{\"a\":3,\"agent_config\":{\"x\":1}}", view(), &m, &e), "");
	assert_true(m.pins_agent_config);
	/* The closest names the key. */
	assert_string_equal(
	    compare(list, "{\"a\":2,\"b\":9}", view(), &m, &e), "measurement_mismatch:b");
	/* Halves of two alternatives are not one. */
	assert_string_equal(
	    compare(list, "{\"a\":1,\"b\":2}", view(), &m, &e), "measurement_mismatch:b");
}

static void
report_data_is_the_first_half(void **state)
{
	static const char d4[] = "{\"measurements\":{\"a\":1},\"report_data\":\"%s%s\"}";
#define H32(c) c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c
	struct allowlist_match m;
	struct err e;
	char asset[300];

	snprintf(asset, sizeof asset, d4, H32("D4"), "");
	assert_string_equal(compare(asset, "{\"a\":1}", view(), &m, &e), "");
	snprintf(asset, sizeof asset, d4, H32("d4"), H32("00"));
	assert_string_equal(compare(asset, "{\"a\":1}", view(), &m, &e), "");
	snprintf(asset, sizeof asset, d4, H32("d4"), H32("d4"));
	assert_string_equal(compare(asset, "{\"a\":1}", view(), &m, &e), "report_data_mismatch");
	snprintf(asset, sizeof asset, d4, H32("d5"), "");
	assert_string_equal(compare(asset, "{\"a\":1}", view(), &m, &e), "report_data_mismatch");
}

static void
tcb_narrows(void **state)
{
	struct allowlist_match m;
	struct err e;

	compare("{\"measurements\":{\"a\":1}}", "{\"a\":1}", view(), &m, &e);
	assert_int_equal(m.tcb_accept, TCB_BIT(TCB_UNKNOWN) - 1);
	compare("{\"measurements\":{\"a\":1},\"tcb\":{\"accept\":[\"UpToDate\",\"OutOfDate\"]}}",
	    "{\"a\":1}", view(), &m, &e);
	assert_int_equal(m.tcb_accept, TCB_BIT(TCB_UP_TO_DATE) | TCB_BIT(TCB_OUT_OF_DATE));
}

static void
numbers_of_sgx_are_little_endian(void **state)
{
	static const uint8_t svn[2] = {0x34, 0x12};
	struct quote_view q = view();
	struct allowlist_match m;
	struct err e;

	q.reg[REG_ISVSVN] = span_of(svn, 2);
	assert_string_equal(compare("{\"measurements\":{\"isvsvn\":4660}}", "{}", q, &m, &e), "");
	assert_string_equal(
	    compare("{\"measurements\":{\"isvsvn\":\"3412\"}}", "{}", q, &m, &e), "");
	assert_string_equal(compare("{\"measurements\":{\"isvsvn\":4661}}", "{}", q, &m, &e),
	    "measurement_mismatch:isvsvn");
}

static void
a_private_list_is_not_shown(void **state)
{
	static const char asset[] = "{\"measurements\":{\"k\":\"secret-value\"}}";
	struct quote_view q = view();
	struct allowlist_match m;
	struct allowlist *al;
	struct json_doc d;
	struct err e = {0};

	assert_true(allowlist_parse(&al, span_str(asset), "v1", &e));
	assert_int_equal(allowlist_count(al), 1);
	assert_true(json_parse(
	    &d, span_str("{\"k\":\"mine\"}"), (struct json_limits){.depth = 8, .nodes = 9}, &e));
	assert_false(allowlist_compare(al, &q, &d, json_top(&d), true, &m, &e));
	assert_null(strstr(e.shown, "secret-value"));
	assert_non_null(strstr(e.detail, "secret-value"));
	json_free(&d);
	allowlist_free(al);
}

/* Every prefix and every flipped byte of a real list: refused, or still a list that pins. */
static void
survives_mutation(void **state)
{
	static const char asset[] =
	    "{\"version\":\"1.0\",\"release_tag\":\"v1\",\"measurements\":[{\"mrtd\":\"a1b2\","
	    "\"sealed\":true,\"agent_config\":{\"ca\":\"system\"}},{\"vm_image_id\":\"x\"}],"
	    "\"quote_measurements\":{\"rtmr1\":\"00\"},\"tcb\":{\"accept\":[\"UpToDate\"]}}";
	char copy[sizeof asset];
	struct allowlist *al;

	for (size_t n = 0; n < sizeof asset - 1; n++) {
		struct err e = {0};

		assert_false(allowlist_parse(&al, span_of(asset, n), "v1", &e));
	}
	for (size_t i = 0; i < sizeof asset - 1; i++)
		for (unsigned bit = 0; bit < 8; bit++) {
			struct err e = {0};

			memcpy(copy, asset, sizeof copy);
			copy[i] = (char)(copy[i] ^ (1 << bit));
			if (allowlist_parse(&al, span_of(copy, sizeof asset - 1), "v1", &e)) {
				assert_int_equal(allowlist_count(al), 2);
				allowlist_free(al);
			}
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(absence_is_no_permission),
	    cmocka_unit_test(registers_come_from_the_quote),
	    cmocka_unit_test(zero_pins_nothing),
	    cmocka_unit_test(every_other_key_comes_from_the_claims),
	    cmocka_unit_test(any_alternative_may_match),
	    cmocka_unit_test(report_data_is_the_first_half),
	    cmocka_unit_test(tcb_narrows),
	    cmocka_unit_test(numbers_of_sgx_are_little_endian),
	    cmocka_unit_test(a_private_list_is_not_shown),
	    cmocka_unit_test(survives_mutation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
