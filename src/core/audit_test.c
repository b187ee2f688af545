#include "core/audit.h"

#include <stdio.h>

#include "base/hex.h"
#include "base/test.h"

static struct audit_row
sample(void)
{
	struct audit_row r;

	memset(&r, 0, sizeof r);
	r.at = 1767225600;
	(void)snprintf(r.event, sizeof r.event, "attested");
	(void)snprintf(r.app_name, sizeof r.app_name, "myapp");
	(void)snprintf(r.agent_id, sizeof r.agent_id, "a-1");
	(void)snprintf(r.repo, sizeof r.repo, "example/service");
	(void)snprintf(r.release_tag, sizeof r.release_tag, "v\xc3\xa9\"\\");
	(void)snprintf(r.network, sizeof r.network, "forge-1");
	(void)snprintf(r.verdict, sizeof r.verdict, "accepted");
	(void)snprintf(r.reason, sizeof r.reason, "attested");
	(void)snprintf(r.detail, sizeof r.detail, "UpToDate\n");
	memset(r.quote_sha256, 0x11, sizeof r.quote_sha256);
	return r;
}

#define ZEROS  "0000000000000000000000000000000000000000000000000000000000000000"
#define ELEVEN "1111111111111111111111111111111111111111111111111111111111111111"

/* The bytes that docs/audit.md promises, and their digest as other programs compute it. */
static void
canonical_bytes_are_as_documented(void **state)
{
	static const char expected[] =
	    "{\"agent_id\":\"a-1\",\"allowlist_sha256\":\"\",\"app_name\":\"myapp\","
	    "\"at\":1767225600,\"detail\":\"UpToDate\\n\",\"event\":\"attested\","
	    "\"network\":\"forge-1\",\"prev\":\"" ZEROS "\",\"quote_sha256\":\"" ELEVEN
	    "\",\"reason\":\"attested\",\"release_tag\":\"v\xc3\xa9\\\"\\\\\","
	    "\"repo\":\"example/service\",\"seq\":1,\"v\":\"easy-enclave/audit/1\","
	    "\"verdict\":\"accepted\"}";
	struct audit_row r = sample();
	struct audit_chain c = {0};
	uint8_t digest[ATTEST_DIGEST];
	struct err e = {0};
	struct buf b;

	assert_true(audit_chain_add(&c, &r, &e));
	buf_init(&b, 4096);
	audit_row_write(&r, &b);
	assert_string_equal(buf_cstr(&b), expected);
	buf_fini(&b);
	assert_true(attest_sha256(span_str(expected), digest, &e));
	assert_memory_equal(digest, r.hash, sizeof digest);
	assert_memory_equal(digest, c.head, sizeof digest);
	assert_int_equal(c.seq, 1);
}

static void
a_chain_holds_as_written_and_no_other_way(void **state)
{
	struct audit_row r[3] = {sample(), sample(), sample()};
	struct audit_chain c = {0}, at = {0};
	struct err e = {0};

	for (size_t i = 0; i < 3; i++)
		assert_true(audit_chain_add(&c, &r[i], &e));
	for (size_t i = 0; i < 3; i++)
		assert_true(audit_chain_check(&at, &r[i], &e));
	assert_memory_equal(&at, &c, sizeof at);
	/* Left out, twice, out of order. */
	memset(&at, 0, sizeof at);
	assert_true(audit_chain_check(&at, &r[0], &e));
	assert_false(audit_chain_check(&at, &r[2], &e));
	assert_int_equal(e.code, ERR_UNTRUSTED);
	assert_non_null(strstr(e.detail, "row 2 is not there"));
	err_clear(&e);
	assert_false(audit_chain_check(&at, &r[0], &e));
	/* Its own hash made to fit: then it is the link that does not. */
	err_clear(&e);
	struct audit_row forged = sample();
	struct audit_chain other = {.seq = 1};

	assert_true(audit_chain_add(&other, &forged, &e));
	assert_false(audit_chain_check(&at, &forged, &e));
	assert_non_null(strstr(e.detail, "row 2 does not follow"));
	/* Every byte of the row counts, but for what stands behind a text's end. */
	for (size_t i = 0; i < sizeof r[1]; i++) {
		struct audit_row bent = r[1];
		struct audit_chain from = {.seq = 1};
		struct buf a, b;

		memcpy(from.head, r[0].hash, sizeof from.head);
		((uint8_t *)&bent)[i] ^= 1;
		buf_init(&a, 16384);
		buf_init(&b, 16384);
		audit_row_write(&r[1], &a);
		audit_row_write(&bent, &b);
		bool same = span_eq(buf_span(&a), buf_span(&b))
			    && memcmp(r[1].hash, bent.hash, sizeof bent.hash) == 0;

		err_clear(&e);
		assert_int_equal(audit_chain_check(&from, &bent, &e), same);
		buf_fini(&a);
		buf_fini(&b);
	}
}

static void
texts_that_were_cut_become_utf8(void **state)
{
	struct audit_row r = sample();
	struct audit_chain c = {0};
	struct err e = {0};

	(void)snprintf(r.detail, sizeof r.detail, "a\xc3");
	(void)snprintf(r.app_name, sizeof r.app_name, "\xff\xc3\xa9\xe2\x82");
	assert_true(audit_chain_add(&c, &r, &e));
	assert_string_equal(r.detail, "a?");
	assert_string_equal(r.app_name, "?\xc3\xa9??");
}

static void
heads_are_written_and_read(void **state)
{
	struct audit_chain c = {.seq = UINT64_C(1234567890123), .head = {0xab, 0xcd}}, back;
	char text[AUDIT_HEAD_MAX];

	assert_true(audit_head_read(span_str(audit_head_write(&c, text)), &back));
	assert_memory_equal(&back, &c, sizeof c);
	assert_true(audit_head_read(span_str(ELEVEN), &back));
	assert_int_equal(back.seq, 0);
	assert_int_equal(back.head[31], 0x11);
	assert_false(audit_head_read(span_str(""), &back));
	assert_false(audit_head_read(span_str("1:"), &back));
	assert_false(audit_head_read(span_str(":" ELEVEN), &back));
	assert_false(audit_head_read(span_str("x:" ELEVEN), &back));
	assert_false(audit_head_read(span_str("1:" ELEVEN "1"), &back));
	assert_false(audit_head_read(span_str("99999999999999999999:" ELEVEN), &back));
	c.seq = UINT64_MAX;
	assert_int_equal(strlen(audit_head_write(&c, text)), 85);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(canonical_bytes_are_as_documented),
	    cmocka_unit_test(a_chain_holds_as_written_and_no_other_way),
	    cmocka_unit_test(texts_that_were_cut_become_utf8),
	    cmocka_unit_test(heads_are_written_and_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
