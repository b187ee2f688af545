#include "base/test.h"
#include "dcap/pem.h"

#define B "-----BEGIN CERTIFICATE-----"
#define E "-----END CERTIFICATE-----"

static void
test_blocks(void **state)
{
	struct span text = span_str("noise\n" B "\r\nAA E\t=\r\n" E "between" B "AQ==" E "\n");
	struct buf out;

	buf_init(&out, 100);
	assert_int_equal(pem_next(&text, "CERTIFICATE", &out), PEM_FOUND);
	assert_int_equal(out.n, 2);
	assert_memory_equal(out.p, "\x00\x01", 2);
	assert_int_equal(pem_next(&text, "CERTIFICATE", &out), PEM_FOUND);
	assert_int_equal(out.n, 3);
	assert_int_equal(pem_next(&text, "CERTIFICATE", &out), PEM_END);
	buf_fini(&out);
}

static void
test_broken(void **state)
{
	static const char *const cases[] = {
	    B, B "AAAA", B E, B "A" E, B "AA!A" E, B "AAA\v" E, B "AB==" E, B "AAAA" B "AAAA" E};
	struct buf out;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct span text = span_str(cases[i]);

		buf_init(&out, 100);
		assert_int_equal(pem_next(&text, "CERTIFICATE", &out), PEM_BAD);
		buf_fini(&out);
	}
}

static void
test_other_labels_are_no_blocks(void **state)
{
	struct span text = span_str("-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n");
	struct buf out;

	buf_init(&out, 100);
	assert_int_equal(pem_next(&text, "CERTIFICATE", &out), PEM_END);
	assert_int_equal(pem_next(&text, "X509 CRL", &out), PEM_FOUND);
	buf_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_blocks),
	    cmocka_unit_test(test_broken),
	    cmocka_unit_test(test_other_labels_are_no_blocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
