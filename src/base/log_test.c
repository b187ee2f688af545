#include "base/test.h"

#include "base/log.h"

struct sink {
	int lines;
	char text[LOG_LINE_MAX + 1];
};

static int64_t
wall_ms(void *ctx)
{
	return 1767323045678;
}

static void
keep(void *ctx, enum log_level level, struct span line)
{
	struct sink *s = ctx;

	s->lines++;
	assert_true(span_cstr(line, s->text, sizeof s->text));
}

#define HEAD "ts=2026-01-02T03:04:05.678Z level=info event=e"

static void
lines_are_logfmt(void **state)
{
	struct sink s = {0};
	struct log l = {LOG_INFO, wall_ms, keep, &s};
	struct err e = {0};

	log_event(&l, LOG_INFO, "e", "app", "my-app", "none", NULL, NULL);
	assert_string_equal(s.text, HEAD " app=my-app");
	log_event(&l, LOG_INFO, "e", "a", "", "b", "x y", "c", "k=v", NULL);
	assert_string_equal(s.text, HEAD " a=\"\" b=\"x y\" c=\"k=v\"");
	log_event(&l, LOG_DEBUG, "dropped", NULL);
	log_event(NULL, LOG_ERROR, "dropped", NULL);
	assert_int_equal(s.lines, 2);
	err_set_arg(&e, ERR_POLICY, REASON_MEASUREMENT_MISMATCH, "mrtd", "want %d", 7);
	log_failure(&l, LOG_INFO, "e", &e, "app", "x", NULL);
	assert_string_equal(
	    s.text, HEAD " reason=measurement_mismatch:mrtd detail=\"want 7\" app=x");
}

static void
hostile_values_stay_inside(void **state)
{
	struct sink s = {0};
	struct log l = {LOG_INFO, wall_ms, keep, &s};
	struct log_line b;

	log_event(&l, LOG_INFO, "e", "v", "a\nts=1 \"b\" \\ \x1b[31m\x7f", NULL);
	assert_string_equal(s.text, HEAD " v=\"a\\nts=1 \\\"b\\\" \\\\ \\x1b[31m\\x7f\"");
	log_event(&l, LOG_INFO, "e", "v", "\xc3\xa9 \xc2\x9b \xff \xed\xa0\x80", NULL);
	assert_string_equal(s.text, HEAD " v=\"\xc3\xa9 \\xc2\\x9b \\xff \\xed\\xa0\\x80\"");
	log_begin(&b, "e");
	log_span(&b, "v", span_of("\0\r", 2));
	log_int(&b, "n", INT64_MIN);
	log_end(&l, LOG_INFO, &b);
	assert_string_equal(s.text, HEAD " v=\"\\x00\\x0d\" n=-9223372036854775808");
}

/* Whatever the lengths, a line ends whole: quotes closed, the cut told. */
static void
long_lines_are_cut(void **state)
{
	struct sink s = {0};
	struct log l = {LOG_INFO, wall_ms, keep, &s};
	char value[LOG_LINE_MAX * 2];

	for (size_t n = 1; n < sizeof value; n += 3) {
		for (int kind = 0; kind < 3; kind++) {
			size_t len;

			memset(value, "a \x01"[kind], n);
			value[n] = '\0';
			log_event(&l, LOG_INFO, "e", "v", value, "w", value, NULL);
			len = strlen(s.text);
			if (n > LOG_LINE_MAX)
				assert_string_equal(s.text + len - 9, " cut=true");
			for (size_t i = 0, open = 0; i <= len; i++) {
				open ^= s.text[i] == '"';
				if (i == len)
					assert_int_equal(open, 0);
			}
		}
	}
}

static void
levels_have_names(void **state)
{
	enum log_level v;

	assert_true(log_level_find("warn", &v) && v == LOG_WARN);
	assert_false(log_level_find("Warn", &v));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lines_are_logfmt),
	    cmocka_unit_test(hostile_values_stay_inside),
	    cmocka_unit_test(long_lines_are_cut),
	    cmocka_unit_test(levels_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
