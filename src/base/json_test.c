#include "base/test.h"

#include "base/json.h"
#include <stdio.h>

static const struct json_limits LIM = {.depth = 32, .nodes = 70000};

/* Parse a copy that ends where its memory ends, so that a sanitizer sees any step past it. */
static bool
parses(const void *p, size_t n, struct err *e)
{
	struct json_doc doc;
	uint8_t *copy = malloc(n ? n : 1);
	bool ok;

	assert_non_null(copy);
	memcpy(copy, p, n);
	ok = json_parse(&doc, span_of(copy, n), LIM, e);
	if (ok)
		assert_int_equal(doc.nodes[0].next, doc.n);
	else
		assert_true(doc.nodes == NULL && doc.n == 0 && e->code != ERR_NONE);
	json_free(&doc);
	free(copy);
	return ok;
}

static bool
accepts(const char *s)
{
	struct err e = {0};

	return parses(s, strlen(s), &e);
}

static void
takes_what_the_grammar_allows(void **state)
{
	static const char *const good[] = {"null", "true", "false", "0", "-0", "-1", "1.5e+10",
	    "0e1", "1E22", "123456789012345678901234567890", "\"\"", "[]", "{}", " [ ] ",
	    "\r\n\t {\t} ", "[1,2]", "[[],[[]]]", "{\"\":0}", "{\"a\":1,\"a\":1}",
	    "\"\\u0000\\b\\f\\n\\r\\t\\/\\\\\\\"\"", "\"\\ud834\\udd1e\"", "\"\\uFFFF\"",
	    "\"\x7f\"", "\"\xc2\x80\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf\"",
	    "{\"a\":[{\"b\":null}],\"c\":\"d\"}"};

	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		if (!accepts(good[i]))
			fail_msg("refused: %s", good[i]);
}

static void
refuses_everything_else(void **state)
{
	static const char *const bad[] = {"", " ", "nul", "nullx", "True", "tru", "-", "+1", "01",
	    "-01", "1.", ".5", "1.e1", "1e", "1e+", "0x1", "NaN", "Infinity", "-Infinity", "1 2",
	    "\"", "\"\\\"", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\\", "\"\\u", "'a'", "[", "]",
	    "[1,]", "[,1]", "[1,,2]", "[1 2]", "[1", "[1}", "{", "}", "{\"a\"}", "{\"a\":}",
	    "{\"a\":1,}", "{,}", "{\"a\" 1}", "{a:1}", "{1:1}", "{\"a\":1 \"b\":2}", "{\"a\":1]",
	    "{\"a\":1}x", "[]]", "[] []", "[1]\f", "\v[]", "[/**/]", "//\n1", "\"a\nb\"",
	    "\"a\tb\"", "\"\x1f\"", "\xef\xbb\xbf[]", "\"\xff\"", "\"\xc0\x80\"", "\"\xc1\xbf\"",
	    "\"\xe0\x80\x80\"", "\"\xed\xa0\x80\"", "\"\xf0\x80\x80\x80\"", "\"\xf4\x90\x80\x80\"",
	    "\"\xf5\x80\x80\x80\"", "\"\x80\"", "\"\xc2\"", "\"\xe2\x82\"", "\"\\ud800\"",
	    "\"\\ud800x\"", "\"\\ud800\\n\"", "\"\\ud800\\ud800\"", "\"\\udc00\"", "\xe2\x80\xa8",
	    "[\xc2\xa0]"};

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (accepts(bad[i]))
			fail_msg("accepted: %s", bad[i]);
	struct err e = {0};

	assert_false(parses("[\0]", 3, &e));
	assert_false(parses("1\0", 2, &e));
	assert_false(parses("\"a\0b\"", 5, &e));
	assert_int_equal(e.reason, REASON_INVALID_JSON);
	assert_int_equal(e.code, ERR_MALFORMED);
}

static const char SAMPLE[] =
    "{\"type\":\"attest_response\",\"n\":-12,\"f\":1.50e2,\"m\":{\"sealed\":true,\"x\":[null,false,"
    "{\"y\":\"\\u00e9\xc3\xa9\\ud83d\\ude00\"}]},\"e\":[],\"k\\u0065y\":\"v\"}";

/* Strings are passed over a word at a time: what ends or spoils one must show in every place. */
static void
strings_are_judged_in_every_place(void **state)
{
	for (size_t at = 1; at < 20; at++)
		for (unsigned c = 0; c < 256; c++) {
			uint8_t text[21];
			struct err e = {0};

			memset(text, 'a', sizeof text);
			text[0] = text[sizeof text - 1] = '"';
			text[at] = (uint8_t)c;
			if (c == '\\') /* before the end it takes the quote with it */
				text[at + 1] = at + 1 == sizeof text - 1 ? '"' : 'n';
			assert_int_equal(parses(text, sizeof text, &e),
			    c >= 0x20 && c < 0x80 && c != '"'
				&& (c != '\\' || at + 1 < sizeof text - 1));
		}
}

/* People read these words, of files that they wrote. */
static void
a_refusal_says_what_is_wrong(void **state)
{
	static const struct {
		const char *text, *words;
	} cases[] = {{"", "the text ends where a value is due at byte 0"},
	    {"{\"a\":", "the text ends where a value is due at byte 5"},
	    {"hello", "no value begins like this at byte 0"},
	    {"[1,]", "no value begins like this at byte 3"}, {"-x", "digit expected at byte 1"}};
	struct json_doc d;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct err e = {0};

		assert_false(
		    json_parse(&d, span_str(cases[i].text), (struct json_limits){4, 9}, &e));
		assert_string_equal(e.detail, cases[i].words);
	}
}

static void
every_prefix_is_refused(void **state)
{
	struct err e = {0};

	for (size_t n = 0; n < sizeof SAMPLE - 1; n++)
		assert_false(parses(SAMPLE, n, &e));
	assert_true(accepts(SAMPLE));
}

/* Whatever a flipped byte makes of it: an answer, and no step outside. */
static void
every_flip_is_answered(void **state)
{
	char s[sizeof SAMPLE];
	size_t kept = 0;

	for (size_t i = 0; i < sizeof SAMPLE - 1; i++) {
		for (unsigned c = 0; c < 256; c++) {
			struct err e = {0};

			memcpy(s, SAMPLE, sizeof s);
			s[i] = (char)c;
			kept += parses(s, sizeof SAMPLE - 1, &e);
		}
	}
	assert_true(kept > sizeof SAMPLE);
}

static void
spans_are_the_received_bytes(void **state)
{
	struct json_doc d;
	struct err e = {0};
	struct buf b;
	const struct json_node *m, *x, *y;
	char dst[32];

	buf_init(&b, 100);
	assert_true(json_parse(&d, span_str(SAMPLE), LIM, &e));
	const struct json_node *top = json_top(&d);

	assert_true(json_is(json_get(&d, top, "type"), "attest_response"));
	assert_false(json_is(json_get(&d, top, "type"), "attest_respons"));
	assert_true(json_is(json_get(&d, top, "key"), "v"));
	assert_null(json_get(&d, top, "sealed"));
	assert_null(json_get(&d, NULL, "sealed"));
	m = json_get(&d, top, "m");
	assert_true(span_starts(m->text, "{\"sealed\":true,") && m->text.p[m->text.n - 1] == '}');
	assert_int_equal(m->count, 2);
	x = json_get(&d, m, "x");
	assert_int_equal(x->count, 3);
	y = json_first(&d, x);
	assert_int_equal(y->type, JSON_NULL);
	y = json_next(&d, x, y);
	assert_int_equal(y->type, JSON_FALSE);
	y = json_next(&d, x, y);
	assert_int_equal(y->type, JSON_OBJECT);
	assert_null(json_next(&d, x, y));
	y = json_get(&d, y, "y");
	assert_true(json_string(y, &b));
	assert_true(span_is(buf_span(&b), "\xc3\xa9\xc3\xa9\xf0\x9f\x98\x80"));
	assert_true(json_cstr(y, dst, 9) && strlen(dst) == 8);
	assert_false(json_cstr(y, dst, 8));
	assert_string_equal(dst, "");
	assert_null(json_first(&d, json_get(&d, top, "e")));
	assert_true(span_is(json_get(&d, top, "f")->text, "1.50e2"));
	json_free(&d);
	buf_fini(&b);
}

static bool
int_of(const char *s, int64_t *v)
{
	struct json_doc d;
	struct err e = {0};
	bool ok;

	assert_true(json_parse(&d, span_str(s), LIM, &e));
	ok = json_int(json_top(&d), INT64_MIN, INT64_MAX, v);
	json_free(&d);
	return ok;
}

static void
integers_are_exact(void **state)
{
	int64_t v;

	assert_true(int_of("9223372036854775807", &v) && v == INT64_MAX);
	assert_true(int_of("-9223372036854775808", &v) && v == INT64_MIN);
	assert_true(int_of("0", &v) && v == 0);
	assert_true(int_of("-5", &v) && v == -5);
	assert_false(int_of("9223372036854775808", &v));
	assert_false(int_of("-9223372036854775809", &v));
	assert_false(int_of("18446744073709551616", &v));
	assert_false(int_of("99999999999999999999999", &v));
	assert_false(int_of("-0", &v));
	assert_false(int_of("1.0", &v));
	assert_false(int_of("1e2", &v));
	assert_false(int_of("\"1\"", &v));
	assert_false(int_of("true", &v));
}

static bool
dup_in(const char *s)
{
	struct json_doc d;
	struct err e = {0};
	bool dup;

	assert_true(json_parse(&d, span_str(s), LIM, &e));
	dup = json_has_dup(json_top(&d));
	json_free(&d);
	return dup;
}

static void
repeated_names_are_marked(void **state)
{
	assert_false(dup_in("{\"a\":1,\"b\":2,\"ab\":3,\"\":4}"));
	assert_true(dup_in("{\"a\":1,\"b\":{},\"a\":3}"));
	assert_true(dup_in("{\"ab\":1,\"b\":2,\"\\u0061b\":3}"));
	assert_true(dup_in("{\"\\ud83d\\ude00\":1,\"\xf0\x9f\x98\x80\":3}"));
	assert_false(dup_in("{\"a\":{\"a\":1},\"b\":[{\"a\":1}]}"));
	assert_false(dup_in("[{\"a\":1,\"a\":1}]"));
}

/* 60,000 names, alike and not: a square would run into the test's time limit under sanitizers. */
static void
many_names_cost_no_square(void **state)
{
	for (int same = 0; same < 2; same++) {
		struct buf b;

		buf_init(&b, 4u << 20);
		for (int i = 0; i < 60000; i++)
			buf_printf(&b, "%c\"\\u006eame%d\":0", i ? ',' : '{', same ? 7 : i);
		buf_add_u8(&b, '}');
		assert_int_equal(dup_in(buf_cstr(&b)), same);
		buf_fini(&b);
	}
}

static void
limits_hold(void **state)
{
	struct err e = {0};
	struct json_doc d;
	char s[200001];

	memset(s, '[', 100000);
	memset(s + 100000, ']', 100000);
	s[200000] = '\0';
	assert_false(parses(s, 200000, &e));
	assert_int_equal(e.code, ERR_LIMIT);
	assert_true(json_parse(
	    &d, span_of(s + 100000 - 40, 80), (struct json_limits){40, 40}, &(struct err){0}));
	json_free(&d);
	assert_false(json_parse(
	    &d, span_of(s + 100000 - 40, 80), (struct json_limits){39, 40}, &(struct err){0}));
	assert_false(json_parse(
	    &d, span_of(s + 100000 - 40, 80), (struct json_limits){40, 39}, &(struct err){0}));
	/* Deeper than any stack of calls could be, within its limits. */
	assert_true(json_parse(
	    &d, span_of(s, 200000), (struct json_limits){100000, 100000}, &(struct err){0}));
	json_free(&d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(takes_what_the_grammar_allows),
	    cmocka_unit_test(refuses_everything_else),
	    cmocka_unit_test(strings_are_judged_in_every_place),
	    cmocka_unit_test(a_refusal_says_what_is_wrong),
	    cmocka_unit_test(every_prefix_is_refused),
	    cmocka_unit_test(every_flip_is_answered),
	    cmocka_unit_test(spans_are_the_received_bytes),
	    cmocka_unit_test(integers_are_exact),
	    cmocka_unit_test(repeated_names_are_marked),
	    cmocka_unit_test(many_names_cost_no_square),
	    cmocka_unit_test(limits_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
