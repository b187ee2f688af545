/* The spellings that chains and CRLs come in: what caches and platforms make of the same bytes is
 * taken, what two readers would read differently is not. */
#include "base/hex.h"
#include "base/base64.h"
#include "base/test.h"
#include "dcap/crl.h"
#include "dcap/pck.h"
#include "dcap/pem.h"
#include "dcap/testkit.h"

static void
leaf_der(const struct kit *k, struct buf *out)
{
	struct buf pem;
	struct span text;

	buf_init(&pem, 65536);
	kit_leaf(k, &pem);
	text = buf_span(&pem);
	buf_clear(out);
	assert_int_equal(pem_next(&text, "CERTIFICATE", out), PEM_FOUND);
	buf_fini(&pem);
}

/* One signature in 256 ends in a zero, which belongs to it: chains end in NUL bytes, DER does not. */
static void
test_leaf_that_ends_in_zero(void **state)
{
	struct eedcap_platform p;
	struct err e = {0};
	struct buf der;
	struct kit k;

	kit_init(&k, true, 4);
	kit_build(&k);
	buf_init(&der, 65536);
	leaf_der(&k, &der);
	assert_true(pck_read_leaf(&p, buf_span(&der), &e));
	der.p[der.n - 1] = 0;
	assert_true(pck_read_leaf(&p, buf_span(&der), &e));
	buf_add_u8(&der, 0);
	assert_false(pck_read_leaf(&p, buf_span(&der), &e));
	assert_int_equal(e.reason, REASON_CERT_MALFORMED);
	buf_fini(&der);
	kit_fini(&k);
}

static void
test_nul_bytes_in_chains(void **state)
{
	static const struct {
		const char *before, *between;
		size_t n_between, n_behind; /* NUL bytes behind */
		bool taken;
	} cases[] = {
	    {"", "", 0, 0, true},
	    {"", "", 0, 3, true},
	    {"0\n", "", 0, 1, true},
	    {"", "\0", 1, 0, false},
	    {"0", "\0", 1, 0, false},
	    {"0\n", "\0", 1, 1, false},
	    {"text\r\n", "\r\ntext\r\n", 8, 1, true},
	};
	struct buf leaf, text;
	struct kit k;

	kit_init(&k, true, 4);
	kit_build(&k);
	buf_init(&leaf, 65536);
	buf_init(&text, 65536);
	kit_leaf(&k, &leaf);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		buf_clear(&text);
		buf_add_str(&text, cases[i].before);
		buf_add(&text, buf_span(&leaf));
		buf_add(&text, span_of(cases[i].between, cases[i].n_between));
		buf_add(&text, buf_span(&k.ca_pem));
		buf_add(&text, buf_span(&k.root_pem));
		for (size_t n = 0; n < cases[i].n_behind; n++)
			buf_add_u8(&text, 0);
		kit_use_chain(&k, buf_span(&text));
		assert_string_equal(
		    kit_verify(&k).reason, cases[i].taken ? "ok" : "cert_malformed");
	}
	buf_fini(&leaf);
	buf_fini(&text);
	kit_fini(&k);
}

/* -- CRLs -- */

static bool
same(struct span text, const struct buf *der)
{
	struct err e = {0};
	struct crl crl;
	bool ok = crl_parse(&crl, text, "CRL", &e);

	if (!ok) {
		assert_int_equal(e.reason, REASON_CRL_MALFORMED);
		return false;
	}
	assert_true(span_eq(buf_span(&crl.der), buf_span(der)));
	crl_fini(&crl);
	return true;
}

/* text cut into lines of 76 bytes with such an end. */
static void
fold(struct span text, const char *end, struct buf *out)
{
	for (size_t i = 0; i < text.n; i += 76) {
		buf_add(out, span_between(text, i, i + 76));
		buf_add_str(out, end);
	}
}

static void
test_crl_spellings(void **state)
{
	static const char *const around[][2] = {
	    {"", ""}, {"", "\n"}, {"", "\r\n"}, {"\n", ""}, {" ", " "}, {"\t", "\n\n"}};
	struct buf der, hex, base64, pem, text;
	struct kit k;

	buf_init(&der, 65536);
	buf_init(&hex, 65536);
	buf_init(&base64, 65536);
	buf_init(&pem, 65536);
	buf_init(&text, 65536);
	kit_init(&k, true, 4);
	kit_build(&k);
	kit_crl_der(&k.pck_crl, &der);
	hex_encode_buf(buf_span(&der), &hex);
	base64_encode(buf_span(&der), &base64);
	buf_add_str(&pem, "-----BEGIN X509 CRL-----\n");
	fold(buf_span(&base64), "\n", &pem);
	buf_add_str(&pem, "-----END X509 CRL-----\n");
	assert_true(same(buf_span(&der), &der));
	for (size_t i = 0; i < 4; i++)
		for (size_t j = 0; j < sizeof around / sizeof around[0]; j++) {
			buf_clear(&text);
			buf_add_str(&text, around[j][0]);
			if (i < 2)
				buf_add(&text, buf_span(i ? &base64 : &hex));
			else if (i == 2)
				fold(buf_span(&hex), j & 1 ? "\r\n" : "\n", &text);
			else
				buf_add(&text, buf_span(&pem));
			buf_add_str(&text, around[j][1]);
			assert_true(same(buf_span(&text), &der));
			buf_add_u8(&text, 0); /* as those end that come out of C */
			if (i < 3)
				assert_true(same(buf_span(&text), &der));
		}
	/* A second list, or anything behind the first, would be overlooked. */
	buf_clear(&text);
	buf_add(&text, buf_span(&pem));
	buf_add(&text, buf_span(&pem));
	assert_false(same(buf_span(&text), &der));
	buf_clear(&text);
	buf_add(&text, buf_span(&hex));
	buf_add_str(&text, "0");
	assert_false(same(buf_span(&text), &der));
	buf_clear(&text);
	buf_add(&text, buf_span(&der));
	buf_add_str(&text, "\n");
	assert_false(same(buf_span(&text), &der));
	assert_false(same(span_str(""), &der));
	assert_false(same(span_str(" \r\n"), &der));
	buf_fini(&der);
	buf_fini(&hex);
	buf_fini(&base64);
	buf_fini(&pem);
	buf_fini(&text);
	kit_fini(&k);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_leaf_that_ends_in_zero),
	    cmocka_unit_test(test_nul_bytes_in_chains),
	    cmocka_unit_test(test_crl_spellings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
