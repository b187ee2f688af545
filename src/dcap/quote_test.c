/* The layout of quotes: lengths, kinds, names. Signatures are verify_test.c's business. */
#include "base/limits.h"
#include "base/test.h"
#include "dcap/quote.h"
#include "dcap/testkit.h"

static const char *
reason_of(const struct buf *b)
{
	struct err e = {0};
	struct quote q;

	return quote_parse(&q, buf_span(b), &e) ? "ok" : reason_token(e.reason);
}

static void
test_fields(void **state)
{
	struct eedcap_error e;
	struct eedcap_quote *q;
	const char *name;
	const uint8_t *p;
	struct kit k;
	size_t n, count = 0;

	kit_init(&k, true, 5);
	kit_build(&k);
	q = eedcap_quote_inspect(k.quote.p, k.quote.n, &e);
	assert_non_null(q);
	assert_int_equal(eedcap_quote_version(q), 5);
	assert_int_equal(eedcap_quote_tee(q), EEDCAP_TDX);
	assert_int_equal(eedcap_quote_body_type(q), 3);
	assert_int_equal(eedcap_quote_cert_type(q), 5);
	assert_int_equal(eedcap_quote_trailing(q), 0);
	assert_int_equal(q->q.signed_part.n, 702);
	assert_true(eedcap_quote_register(q, "mrservicetd", &p, &n));
	assert_int_equal(n, 48);
	assert_false(eedcap_quote_register(q, "td_id", &p, &n));
	assert_false(eedcap_quote_register(q, "", &p, &n));
	while (eedcap_quote_register_at(q, count, &name, &p, &n))
		count++;
	assert_int_equal(count, 16);
	count = 0;
	while (eedcap_quote_field_at(q, count, &name, &p, &n))
		count++;
	assert_int_equal(count, 22);
	eedcap_quote_free(q);
	kit_fini(&k);
}

static void
test_every_prefix_is_truncated(void **state)
{
	for (unsigned version = 3; version <= 5; version++) {
		struct kit k;
		struct buf prefix;

		kit_init(&k, version != 3, version);
		kit_build(&k);
		for (size_t n = 0; n < k.quote.n; n++) {
			buf_init(&prefix, LIMIT_QUOTE);
			buf_add(&prefix, span_first(buf_span(&k.quote), n));
			assert_string_equal(reason_of(&prefix), "quote_truncated");
			buf_fini(&prefix);
		}
		assert_string_equal(reason_of(&k.quote), "ok");
		kit_fini(&k);
	}
}

static void
set_le(struct buf *b, size_t at, uint32_t v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		b->p[at + i] = (uint8_t)(v >> 8 * i);
}

static void
test_lengths(void **state)
{
	/* Version 4 with a TD report: signature data length, outer length, auth length, chain. */
	static const size_t length_at[] = {632, 766, 1218, 1254}, size[] = {4, 4, 2, 4};
	struct kit k;

	kit_init(&k, true, 4);
	for (size_t i = 0; i < 4; i++) {
		kit_build(&k);
		set_le(&k.quote, length_at[i], 0xffffffff, size[i]);
		assert_string_not_equal(reason_of(&k.quote), "ok");
		kit_build(&k);
		k.quote.p[length_at[i]]--;
		assert_string_not_equal(reason_of(&k.quote), "ok");
		kit_build(&k);
		k.quote.p[length_at[i]]++;
		assert_string_not_equal(reason_of(&k.quote), "ok");
	}
	/* Bytes inside the signature data that nothing names: unsigned, so refused. */
	kit_build(&k);
	set_le(&k.quote, 632, (uint32_t)(k.quote.n - 636 + 1), 4);
	buf_add_u8(&k.quote, 0);
	assert_string_equal(reason_of(&k.quote), "quote_lengths");
	kit_fini(&k);
}

static void
test_kinds(void **state)
{
	static const struct {
		size_t at;
		uint32_t v;
		size_t n;
		const char *reason;
	} cases[] = {
	    {0, 2, 2, "quote_version"},
	    {0, 6, 2, "quote_version"},
	    {0, 0x104, 2, "quote_version"},
	    {2, 3, 2, "quote_kind"},
	    {4, 1, 4, "quote_kind"},
	    {4, 0x10081, 4, "quote_kind"},
	    {12, 0, 4, "quote_kind"},
	    {48, 0, 2, "quote_kind"},
	    {48, 5, 2, "quote_kind"},
	    {48, 1, 2, "quote_kind"},
	    {48, 2, 2, "quote_lengths"},
	    {50, 584, 4, "quote_lengths"},
	    {50, 0xffffffff, 4, "quote_lengths"},
	};
	struct kit k;

	kit_init(&k, true, 5);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		kit_build(&k);
		set_le(&k.quote, cases[i].at, cases[i].v, cases[i].n);
		assert_string_equal(reason_of(&k.quote), cases[i].reason);
	}
	kit_build(&k);
	while (k.quote.n <= LIMIT_QUOTE)
		buf_add_u8(&k.quote, 0);
	assert_string_equal(reason_of(&k.quote), "quote_too_big");
	kit_fini(&k);

	kit_init(&k, false, 3);
	kit_build(&k);
	set_le(&k.quote, 4, 0x81, 4); /* version 3 is from before TDX */
	assert_string_equal(reason_of(&k.quote), "quote_kind");
	kit_fini(&k);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_fields),
	    cmocka_unit_test(test_every_prefix_is_truncated),
	    cmocka_unit_test(test_lengths),
	    cmocka_unit_test(test_kinds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
