#include "base/test.h"

#include "base/jcs.h"

static const struct json_limits LIM = {.depth = 32, .nodes = 1000};

/* The canonical form of `in`, or NULL with the reason checked. */
static const char *
canon(const char *in, struct buf *out)
{
	struct json_doc d;
	struct err e = {0};
	bool ok;

	buf_clear(out);
	assert_true(json_parse(&d, span_str(in), LIM, &e));
	ok = jcs_canonical(&d, json_top(&d), out, &e);
	json_free(&d);
	if (!ok)
		assert_int_equal(e.reason, REASON_CLAIMS_NOT_CANONICAL);
	return ok ? buf_cstr(out) : NULL;
}

static void
writes_the_one_form(void **state)
{
	static const char *const pairs[][2] = {
	    {" null ", "null"},
	    {"[ 1 , -1, 9007199254740991 , -9007199254740991 ]",
		"[1,-1,9007199254740991,-9007199254740991]"},
	    {"{ }", "{}"},
	    {"[ ]", "[]"},
	    {"{\"b\":1, \"a\":2, \"aa\":{\"z\":[true,false],\"\":0}, \"B\":3}",
		"{\"B\":3,\"a\":2,\"aa\":{\"\":0,\"z\":[true,false]},\"b\":1}"},
	    /* RFC 8785 section 3.2.2.2 */
	    {"\"\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\\"\\/\"",
		"\"\xe2\x82\xac$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\""},
	    {"\"\\b\\t\\n\\f\\r\\u0001\\u001f\\u007f\"", "\"\\b\\t\\n\\f\\r\\u0001\\u001f\x7f\""},
	    {"\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\""},
	    {"{\"\\u0062\":1,\"a\":2,\"\\n\":3}", "{\"\\n\":3,\"a\":2,\"b\":1}"},
	    {"[[[[[[[[]]]]]]]]", "[[[[[[[[]]]]]]]]"},
	};
	struct buf b;

	buf_init(&b, 1000);
	for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
		const char *got = canon(pairs[i][0], &b);

		assert_non_null(got);
		assert_string_equal(got, pairs[i][1]);
	}
	buf_fini(&b);
}

static void
refuses_what_is_outside_the_profile(void **state)
{
	static const char *const bad[] = {"1.5", "1e2", "-0", "9007199254740992",
	    "-9007199254740992", "\"\\u0000\"", "{\"\\u0000\":1}", "{\"\\u00e9\":1}",
	    "{\"a\":1,\"a\":1}", "{\"a\":1,\"\\u0061\":1}", "[[[[[[[[[]]]]]]]]]",
	    "{\"x\":[{\"b\":0,\"b\":0}]}", "[1,[1.0]]"};
	struct buf b;

	buf_init(&b, 1000);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (canon(bad[i], &b))
			fail_msg("accepted: %s", bad[i]);
	buf_fini(&b);
}

static void
members_are_counted(void **state)
{
	struct buf in, out;

	buf_init(&in, 10000);
	buf_init(&out, 10000);
	for (int n = 64; n <= 65; n++) {
		buf_clear(&in);
		for (int i = 0; i < n; i++)
			buf_printf(&in, "%c\"m%d\":%d", i ? ',' : '{', i, i);
		buf_add_u8(&in, '}');
		assert_int_equal(canon(buf_cstr(&in), &out) != NULL, n == 64);
	}
	buf_fini(&in);
	buf_fini(&out);
}

static void
a_full_buffer_is_no_success(void **state)
{
	struct buf b;

	buf_init(&b, 5);
	assert_non_null(canon("[1,2]", &b));
	assert_null(canon("[1,23]", &b));
	buf_fini(&b);
}

static void
nothing_is_written_as_an_empty_string(void **state)
{
	struct buf b;

	buf_init(&b, 10);
	json_write_string(&b, span_of(NULL, 0));
	assert_string_equal(buf_cstr(&b), "\"\"");
	buf_fini(&b);
}

static void
the_writer_puts_commas_in_their_places(void **state)
{
	struct buf b;

	buf_init(&b, 1000);
	struct jw w = jw_of(&b);

	jw_object(&w, NULL);
	jw_str(&w, "s", "a\"b\x01");
	jw_str(&w, "none", NULL);
	jw_array(&w, "a");
	jw_int(&w, NULL, INT64_MIN);
	jw_bool(&w, NULL, true);
	jw_object(&w, NULL);
	jw_end_object(&w);
	jw_end_array(&w);
	jw_hex(&w, "h", span_of("\x00\xff", 2));
	jw_raw(&w, "r", span_str("[1]"));
	jw_span(&w, "u", span_of("x\xffy\xe2\x82", 5));
	jw_end_object(&w);
	assert_int_equal(w.depth, 0);
	assert_string_equal(buf_cstr(&b),
	    "{\"s\":\"a\\\"b\\u0001\",\"none\":null,\"a\":[-9223372036854775808,true,{}],"
	    "\"h\":\"00ff\",\"r\":[1],\"u\":\"x\xef\xbf\xbdy\xef\xbf\xbd\xef\xbf\xbd\"}");
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(writes_the_one_form),
	    cmocka_unit_test(refuses_what_is_outside_the_profile),
	    cmocka_unit_test(members_are_counted),
	    cmocka_unit_test(a_full_buffer_is_no_success),
	    cmocka_unit_test(nothing_is_written_as_an_empty_string),
	    cmocka_unit_test(the_writer_puts_commas_in_their_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
