#include "base/base64.h"
#include "base/hex.h"
#include "base/rd.h"
#include "base/test.h"
#include "base/utf8.h"

static void
hex_round_trip_and_refusals(void **state)
{
	uint8_t b[3];
	char t[7];

	assert_true(hex_decode(span_str("00aFff"), b, 3));
	assert_memory_equal(b, "\x00\xaf\xff", 3);
	assert_string_equal(hex_encode(span_of(b, 3), t), "00afff");
	assert_false(hex_decode(span_str("00aff"), b, 3));
	assert_false(hex_decode(span_str("00af"), b, 3));
	assert_false(hex_decode(span_str("0x00af"), b, 3));
	assert_false(hex_decode(span_str("00 aff"), b, 3));
}

static void
base64_has_one_spelling(void **state)
{
	static const char *const good[][2] = {
	    {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foobar", "Zm9vYmFy"}};
	static const char *const bad[] = {
	    "Z", "Zg", "Zg=", "Zh==", "Zm9=", "Zg==Zg==", "Zm 9", "Zm9v\n", "====", "Z===", "Zm-v"};
	struct buf b;

	buf_init(&b, 100);
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		buf_clear(&b);
		base64_encode(span_str(good[i][0]), &b);
		assert_true(span_is(buf_span(&b), good[i][1]));
		buf_clear(&b);
		assert_true(base64_decode(span_str(good[i][1]), &b));
		assert_true(span_is(buf_span(&b), good[i][0]));
	}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		buf_clear(&b);
		assert_false(base64_decode(span_str(bad[i]), &b));
	}
	buf_fini(&b);
}

/* The decoder takes groups at a time: each place of each group must refuse what is foreign. */
static void
base64_judges_every_place(void **state)
{
	char text[] = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo+/w==";
	struct buf b;

	buf_init(&b, 100);
	for (size_t at = 0; at < sizeof text - 3; at++) {
		char kept = text[at];

		for (int c = 1; c < 256; c++) {
			bool last = at == sizeof text - 4; /* must end in four zero bits */
			bool abc = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')
				   || (c >= '0' && c <= '9') || c == '+' || c == '/';

			text[at] = (char)c;
			buf_clear(&b);
			if (last)
				abc = strchr("AQgw", c) != NULL;
			assert_int_equal(base64_decode(span_str(text), &b), abc);
		}
		text[at] = kept;
	}
	buf_fini(&b);
}

/* Whole words are passed over at once: a foreign byte must show wherever it stands in one. */
static void
utf8_judges_every_place(void **state)
{
	uint8_t text[20];

	for (size_t at = 0; at < sizeof text; at++)
		for (unsigned c = 0; c < 256; c++) {
			memset(text, 'a', sizeof text);
			text[at] = (uint8_t)c;
			assert_int_equal(utf8_valid(span_of(text, sizeof text)), c < 0x80);
			assert_int_equal(utf8_ascii_run(span_of(text, sizeof text)),
			    c < 0x80 ? sizeof text : at);
			if (at + 1 == sizeof text)
				continue;
			text[at + 1] = 0x80;
			assert_int_equal(
			    utf8_valid(span_of(text, sizeof text)), c >= 0xc2 && c <= 0xdf);
		}
	assert_true(utf8_valid(span_of(NULL, 0)));
}

static void
buffer_keeps_its_maximum(void **state)
{
	struct buf b;

	buf_init(&b, 10);
	buf_add_str(&b, "0123456789");
	assert_true(buf_ok(&b));
	assert_string_equal(buf_cstr(&b), "0123456789");
	buf_add_u8(&b, 'x');
	assert_false(buf_ok(&b));
	assert_int_equal(b.n, 10);
	buf_clear(&b);
	buf_printf(&b, "%d-%s", 42, "ab");
	assert_string_equal(buf_cstr(&b), "42-ab");
	buf_drop(&b, 3);
	assert_string_equal(buf_cstr(&b), "ab");
	buf_fini(&b);
}

static void
reader_is_sticky(void **state)
{
	struct rd r = rd_of(span_of("\x01\x02\x03\x04\x05", 5));

	assert_int_equal(rd_u16le(&r), 0x0201);
	assert_int_equal(rd_u16be(&r), 0x0304);
	assert_int_equal(rd_u32le(&r), 0);
	assert_true(r.bad);
	assert_int_equal(rd_u8(&r), 0);
	assert_false(rd_end(&r));

	r = rd_of(span_of("\x01\x02", 2));
	struct rd sub = rd_sub(&r, 2);
	rd_u8(&sub);
	assert_false(rd_end(&sub));
	rd_u8(&sub);
	assert_true(rd_end(&sub) && rd_end(&r));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(hex_round_trip_and_refusals),
	    cmocka_unit_test(base64_has_one_spelling),
	    cmocka_unit_test(base64_judges_every_place),
	    cmocka_unit_test(utf8_judges_every_place),
	    cmocka_unit_test(buffer_keeps_its_maximum),
	    cmocka_unit_test(reader_is_sticky),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
