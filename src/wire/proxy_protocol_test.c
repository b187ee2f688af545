#include "wire/proxy_protocol.h"

#include "base/buf.h"
#include "base/limits.h"
#include "base/test.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define S(text)   span_of(text, sizeof(text) - 1)

static const char tcp4[] = SIGNATURE
    "\x21\x11\x00\x0c\xc0\x00\x02\x01\xc0\x00\x02\x02\x10\x92\x01\xbb";
static const char tcp6[] = SIGNATURE "\x21\x21\x00\x24\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
				     "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02\x10\x92\x01\xbb";
/* a NOOP, and an authority of three bytes */
static const char tlvs[] = SIGNATURE
    "\x21\x11\x00\x15\x7f\x00\x00\x01\x7f\x00\x00\x01\x00\x01\x00\x02"
    "\x04\x00\x00\x02\x00\x03"
    "abc";

static enum step
parse(struct span in, struct proxy_header *h, size_t *want, struct err *e)
{
	memset(e, 0, sizeof *e);
	return proxy_header_parse(in, h, want, e);
}

static void
reads_addresses(void **state)
{
	static const uint8_t four[16] = {[10] = 0xff, [11] = 0xff, [12] = 192, [14] = 2, [15] = 1};
	static const uint8_t six[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 2};
	struct proxy_header h;
	struct err e;
	size_t want;

	assert_int_equal(parse(S(tcp4), &h, &want, &e), STEP_DONE);
	assert_int_equal(want, 28);
	assert_int_equal(h.source, PROXY_SOURCE_IP);
	assert_memory_equal(h.src, four, 16);
	assert_int_equal(h.src_port, 4242);
	assert_int_equal(h.dst_port, 443);
	assert_int_equal(parse(S(tcp6), &h, &want, &e), STEP_DONE);
	assert_int_equal(want, 52);
	assert_memory_equal(h.dst, six, 16);
	assert_int_equal(h.src_port, 4242);
	assert_int_equal(parse(S(tlvs), &h, &want, &e), STEP_DONE);
	assert_int_equal(want, sizeof tlvs - 1);
	assert_int_equal(h.dst_port, 2);
}

static void
reads_what_has_no_address(void **state)
{
	static const char unix_stream[PROXY_HEADER_FIXED + 216] = SIGNATURE
	    "\x21\x31\x00\xd8/run/a.sock";
	struct proxy_header h;
	struct err e;
	size_t want;

	assert_int_equal(parse(S(SIGNATURE "\x20\x00\x00\x00"), &h, &want, &e), STEP_DONE);
	assert_int_equal(h.source, PROXY_SOURCE_SELF);
	/* of LOCAL nothing else counts, not even a family that does not exist */
	assert_int_equal(parse(S(SIGNATURE "\x20\xff\x00\x02xy"), &h, &want, &e), STEP_DONE);
	assert_int_equal(h.source, PROXY_SOURCE_SELF);
	assert_int_equal(parse(S(SIGNATURE "\x21\x00\x00\x02xy"), &h, &want, &e), STEP_DONE);
	assert_int_equal(h.source, PROXY_SOURCE_UNKNOWN);
	assert_int_equal(parse(span_of(unix_stream, sizeof unix_stream), &h, &want, &e), STEP_DONE);
	assert_int_equal(h.source, PROXY_SOURCE_UNIX);
}

/* Every prefix asks for more, and never for a byte of what follows the header. */
static void
asks_for_no_byte_too_many(void **state)
{
	static const struct span all[] = {{(const uint8_t *)tcp4, sizeof tcp4 - 1},
	    {(const uint8_t *)tcp6, sizeof tcp6 - 1}, {(const uint8_t *)tlvs, sizeof tlvs - 1}};
	struct proxy_header h;
	struct err e;
	size_t want;

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		for (size_t n = 0; n < all[i].n; n++) {
			assert_int_equal(parse(span_first(all[i], n), &h, &want, &e), STEP_MORE);
			assert_int_equal(want, n < 16 ? 16 : all[i].n);
		}
}

static void
refuses_at_the_first_bad_byte(void **state)
{
	static const struct {
		const char *text;
		size_t n;
	} rows[] = {
	    {"G", 1},
	    {"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n", 36},
	    {"\r\n\r\nX", 5},
	    {SIGNATURE "\x11", 13}, /* version 1 */
	    {SIGNATURE "\x22", 13}, /* a command that does not exist */
	    {SIGNATURE "\x21\x12\x00\x0c"
		       "aaaabbbbccdd",
		28}, /* UDP over IPv4 */
	    {SIGNATURE "\x21\x41\x00\x00", 16}, /* no such family */
	    {SIGNATURE "\x21\x11\x00\x0b"
		       "aaaabbbbccd",
		27}, /* shorter than its addresses */
	    {SIGNATURE "\x21\x11\x00\x0e"
		       "aaaabbbbccdd"
		       "\x04\x00",
		30}, /* half a TLV */
	    {SIGNATURE "\x21\x11\x00\x0f"
		       "aaaabbbbccdd"
		       "\x04\x00\x01",
		31}, /* TLV too long */
	    {SIGNATURE "\x21\x11\x10\x00", 16}, /* above the ceiling */
	    {SIGNATURE "\x20\x00\xff\xff", 16},
	};
	struct proxy_header h;
	struct err e;
	size_t want;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (parse(span_of(rows[i].text, rows[i].n), &h, &want, &e) != STEP_BAD)
			fail_msg("row %zu", i);
		assert_int_equal(e.reason, REASON_BAD_PROXY_HEADER);
		if (rows[i].n <= 16 && rows[i].n > 1)
			assert_int_equal(
			    parse(span_of(rows[i].text, rows[i].n - 1), &h, &want, &e), STEP_MORE);
	}
}

static void
survives_byte_flips(void **state)
{
	uint8_t text[sizeof tlvs - 1];
	struct proxy_header h;
	struct err e;
	size_t want;

	for (size_t k = 0; k < sizeof text; k++)
		for (unsigned c = 0; c < 256; c++) {
			memcpy(text, tlvs, sizeof text);
			text[k] = (uint8_t)c;
			(void)parse(span_of(text, sizeof text), &h, &want, &e);
			assert_true(want <= LIMIT_PROXY_HEADER);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_addresses),
	    cmocka_unit_test(reads_what_has_no_address),
	    cmocka_unit_test(asks_for_no_byte_too_many),
	    cmocka_unit_test(refuses_at_the_first_bad_byte),
	    cmocka_unit_test(survives_byte_flips),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
