#include "base/hex.h"
#include "base/test.h"
#include "mint/der.h"

static void
is_hex(struct buf *b, const char *hex)
{
	struct buf text;

	assert_true(buf_ok(b));
	buf_init(&text, 8192);
	hex_encode_buf(buf_span(b), &text);
	assert_string_equal(buf_cstr(&text), hex);
	buf_fini(&text);
	buf_clear(b);
}

static void
numbers_take_the_fewest_octets(void **state)
{
	static const struct {
		int64_t v;
		const char *der;
	} rows[] = {
	    {0, "020100"},
	    {127, "02017f"},
	    {128, "02020080"},
	    {255, "020200ff"},
	    {256, "02020100"},
	    {65535, "020300ffff"},
	    {-1, "0201ff"},
	    {-128, "020180"},
	    {-129, "0202ff7f"},
	    {INT64_MAX, "02087fffffffffffffff"},
	    {INT64_MIN, "02088000000000000000"},
	};
	struct buf b;

	buf_init(&b, 64);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		mint_der_int(&b, MINT_INTEGER, rows[i].v);
		is_hex(&b, rows[i].der);
	}
	mint_der_number(&b, span_of("\0\0\x80", 3));
	is_hex(&b, "02020080");
	mint_der_number(&b, span_of("\0\0\x7f", 3));
	is_hex(&b, "02017f");
	mint_der_number(&b, span_of("\0", 1));
	is_hex(&b, "020100");
	buf_fini(&b);
}

static void
identifiers_and_times(void **state)
{
	struct buf b;

	buf_init(&b, 64);
	mint_der_oid(&b, "1.2.840.113741.1.13.1.2.18");
	is_hex(&b, "060b2a864886f84d010d010212");
	mint_der_oid(&b, "2.5.29.35");
	is_hex(&b, "0603551d23");
	mint_der_time(&b, INT64_C(1800000000), false);
	is_hex(&b, "170d3237303131353038303030305a");
	mint_der_time(&b, INT64_C(2524607999), false); /* the last second of 2049 */
	is_hex(&b, "170d3439313233313233353935395a");
	mint_der_time(&b, INT64_C(2524608000), false);
	is_hex(&b, "180f32303530303130313030303030305a");
	mint_der_time(&b, INT64_C(1800000000), true);
	is_hex(&b, "17113237303131353038303030302b30303030");
	buf_fini(&b);
}

static void
wrapping_goes_from_the_inside_out(void **state)
{
	struct buf b;

	buf_init(&b, 70000);
	mint_der_put(&b, MINT_OCTETS, span_str("ab"));
	mint_der_wrap(&b, 2, MINT_SEQUENCE);
	is_hex(&b, "040230026162");
	for (int i = 0; i < 200; i++)
		buf_add_u8(&b, 0);
	mint_der_wrap(&b, 0, MINT_SEQUENCE);
	assert_int_equal(b.n, 203);
	assert_memory_equal(b.p, "\x30\x81\xc8", 3);
	mint_der_wrap(&b, 0, MINT_SET);
	assert_memory_equal(b.p, "\x31\x81\xcb\x30", 4);
	buf_clear(&b);
	for (int i = 0; i < 65536; i++)
		buf_add_u8(&b, 0);
	mint_der_wrap(&b, 0, MINT_SEQUENCE);
	assert_memory_equal(b.p, "\x30\x83\x01\x00\x00", 5);
	buf_clear(&b);
	mint_der_put(&b, MINT_OCTETS, span_str("ab"));
	mint_der_wrap_long(&b, 0, MINT_SEQUENCE);
	is_hex(&b, "3082000404026162");
	mint_der_hex(&b, "0g");
	assert_false(buf_ok(&b));
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(numbers_take_the_fewest_octets),
	    cmocka_unit_test(identifiers_and_times),
	    cmocka_unit_test(wrapping_goes_from_the_inside_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
