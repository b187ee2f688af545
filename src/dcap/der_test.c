#include "base/hex.h"
#include "base/test.h"
#include "dcap/der.h"

static struct rd
reader(const char *hex, uint8_t *bytes)
{
	assert_true(hex_decode(span_str(hex), bytes, strlen(hex) / 2));
	return rd_of(span_of(bytes, strlen(hex) / 2));
}

static void
test_integers(void **state)
{
	static const struct {
		const char *hex;
		uint32_t value;
		bool ok;
	} cases[] = {
	    {"020100", 0, true}, {"02017f", 127, true}, {"02020080", 128, true},
	    {"020200ff", 255, true}, {"02020100", 256, false}, /* above the ceiling */
	    {"0201ff", 0, false}, /* -1 */
	    {"0202007f", 0, false}, /* a needless zero */
	    {"0200", 0, false}, {"02050000000001", 0, false}, {"0206010000000000", 0, false},
	    {"0a0101", 0, false}, /* another tag */
	    {"0202ff", 0, false}, /* short */
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		uint8_t bytes[16];
		struct rd r = reader(cases[i].hex, bytes);
		uint32_t v = der_take_uint(&r, DER_INTEGER, 255);

		assert_int_equal(rd_end(&r), cases[i].ok);
		assert_int_equal(v, cases[i].ok ? cases[i].value : 0);
	}
}

static void
test_lengths(void **state)
{
	static const char *const refused[] = {
	    "0480", /* indefinite */
	    "048101aa", /* 127 or less in the long form */
	    "04820001aa", /* leading zero */
	    "0485000000000100", /* five octets */
	    "0484ffffffff00", /* beyond the end */
	    "1f0100", /* tag of several bytes */
	    "04",
	    "",
	};

	for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
		uint8_t bytes[16], tag;
		struct rd r = reader(refused[i], bytes);
		struct span body;

		assert_int_equal(der_any(&r, &tag, &body).n, 0);
		assert_true(r.bad);
		assert_int_equal(body.n, 0);
	}
}

static void
test_long_form(void **state)
{
	uint8_t bytes[3 + 200] = {0x04, 0x81, 200};
	struct rd r = rd_of(span_of(bytes, sizeof bytes));

	assert_int_equal(der_take(&r, DER_OCTET_STRING).n, 200);
	assert_true(rd_end(&r));
}

static void
test_nesting_needs_no_stack(void **state)
{
	/* A reader goes one level down only where it is sent: depth costs nothing. */
	uint8_t bytes[] = {0x30, 0x04, 0x30, 0x02, 0x05, 0x00};
	struct rd r = rd_of(span_of(bytes, sizeof bytes)), inner;

	inner = der_enter(&r, DER_SEQUENCE);
	assert_true(rd_end(&r));
	assert_true(der_next_is(&inner, DER_SEQUENCE));
	assert_false(der_next_is(&inner, DER_SET));
	assert_int_equal(der_take_whole(&inner, DER_SEQUENCE).n, 4);
	assert_true(rd_end(&inner));
	inner = der_enter(&r, DER_SEQUENCE);
	assert_true(inner.bad);
}

static void
test_booleans_and_times(void **state)
{
	uint8_t bytes[32];
	struct rd r = reader("0101ff", bytes);

	assert_true(der_take_bool(&r) && rd_end(&r));
	r = reader("010101", bytes);
	assert_false(der_take_bool(&r));
	assert_true(r.bad);
	r = reader("170d3730303130313030303030315a", bytes); /* 700101000001Z */
	assert_int_equal(der_take_time(&r), 1);
	assert_true(rd_end(&r));
	r = reader("180f32303530303130313030303030305a", bytes); /* 20500101000000Z */
	assert_int_equal(der_take_time(&r), 2524608000);
	r = reader("170b373030313031303030305a", bytes); /* no seconds */
	assert_int_equal(der_take_time(&r), 0);
	assert_true(r.bad);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_integers),
	    cmocka_unit_test(test_lengths),
	    cmocka_unit_test(test_long_form),
	    cmocka_unit_test(test_nesting_needs_no_stack),
	    cmocka_unit_test(test_booleans_and_times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
