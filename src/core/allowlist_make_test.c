#include "base/test.h"

#include "core/allowlist.h"
#include "core/allowlist_make.h"

#include <stdio.h>

static uint8_t regs[REG_COUNT][48];
static struct json_doc doc;
static char told[4096];

static struct make_vm
vm(const char *claims)
{
	static const uint8_t report_data[64];
	struct make_vm v = {.doc = &doc};
	struct err e = {0};

	v.quote = (struct quote_view){
	    .tee = TEE_TDX, .report_data = span_of(report_data, sizeof report_data)};
	for (unsigned r = 0; r < REG_MRENCLAVE; r++) {
		memset(regs[r], (int)r + 1, sizeof regs[r]);
		v.quote.reg[r] = span_of(regs[r], 48);
	}
	json_free(&doc);
	assert_true(json_parse(&doc, span_str(claims), (struct json_limits){8, 100}, &e));
	v.claims = json_top(&doc);
	told[0] = '\0';
	return v;
}

static void
tell(void *ctx, const char *key, bool pinned, const char *why)
{
	size_t n = strlen(told);

	(void)snprintf(told + n, sizeof told - n, "%s%s ", pinned ? "+" : "-", key);
	assert_true(why[0] != '\0');
}

static const char claims[] = "{\"vm_image_id\":\"i\",\"sealed\":true,\"agent_config\":{\"a\":1},"
			     "\"none\":null,\"mrtd\":\"00\"}";

/* What is made is taken, admits the VM that it was made of, and no other. */
static void
what_is_made_admits_its_vm(void **state)
{
	struct make_options o = {.release_tag = "v1", .created_at = "2026-01-01T00:00:00Z"};
	struct make_vm v = vm(claims);
	struct allowlist_match m;
	struct allowlist *al;
	struct err e = {0};
	struct buf out;

	buf_init(&out, 65536);
	if (!allowlist_make(&out, &o, &v, 1, tell, NULL, &e))
		fail_msg("%s", e.detail);
	assert_string_equal(told, "+mrtd -rtmr0 +rtmr1 +rtmr2 -rtmr3 +vm_image_id +sealed "
				  "-agent_config -none -mrtd ");
	assert_true(allowlist_parse(&al, buf_span(&out), "v1", &e));
	assert_int_equal(allowlist_count(al), 1);
	assert_true(allowlist_compare(al, &v.quote, v.doc, v.claims, false, &m, &e));
	assert_true(m.pins_boot);
	regs[REG_RTMR2][7]++;
	assert_false(allowlist_compare(al, &v.quote, v.doc, v.claims, false, &m, &e));
	assert_string_equal(e.arg, "rtmr2");
	allowlist_free(al);
	buf_fini(&out);
}

static void
registers_that_are_asked_for_are_pinned(void **state)
{
	struct make_options o = {
	    .created_at = "x", .pin = {[REG_RTMR3] = true, [REG_MROWNER] = true}};
	struct make_vm v = vm("{}");
	struct err e = {0};
	struct buf out;

	buf_init(&out, 65536);
	memset(regs[REG_MROWNER], 0, 48); /* a value like another */
	assert_true(allowlist_make(&out, &o, &v, 1, tell, NULL, &e));
	assert_non_null(strstr(buf_cstr(&out), "\"rtmr3\":\"0505"));
	assert_non_null(strstr(buf_cstr(&out), "\"mrowner\":\"0000"));
	assert_null(strstr(buf_cstr(&out), "release_tag"));
	buf_fini(&out);
}

static void
alternatives_stand_once(void **state)
{
	struct make_options o = {.created_at = "x"};
	struct make_vm v = vm(claims), three[] = {v, v, v};
	static const uint8_t other[48] = {9};
	struct allowlist *al;
	struct err e = {0};
	struct buf out;

	buf_init(&out, 65536);
	three[2].quote.reg[REG_MRTD] = span_of(other, 48);
	assert_true(allowlist_make(&out, &o, three, 3, NULL, NULL, &e));
	assert_true(allowlist_parse(&al, buf_span(&out), "any", &e));
	assert_int_equal(allowlist_count(al), 2);
	allowlist_free(al);
	buf_fini(&out);
}

static void
expect_refused(struct make_vm v, struct make_options o, const char *key)
{
	struct err e = {0};
	struct buf out;

	buf_init(&out, 65536);
	assert_false(allowlist_make(&out, &o, &v, 1, NULL, NULL, &e));
	assert_int_equal(e.code, ERR_POLICY);
	assert_string_equal(e.arg, key);
	buf_fini(&out);
}

static void
what_proves_nothing_is_refused(void **state)
{
	struct make_options o = {.created_at = "x"};
	struct make_vm v = vm(claims);

	v.quote.debug = true;
	expect_refused(v, o, "quote");
	v = vm(claims);
	v.quote.tee = TEE_SGX;
	expect_refused(v, o, "quote");
	v = vm(claims);
	memset(regs[REG_RTMR1], 0, 48);
	expect_refused(v, o, "rtmr1");
	v = vm("[]");
	expect_refused(v, o, "claims");
	v = vm("{\"a\":1,\"a\":2}");
	expect_refused(v, o, "claims");
	v = vm("{}");
	o.pin[REG_MRENCLAVE] = true;
	expect_refused(v, o, "mrenclave");
	json_free(&doc);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_made_admits_its_vm),
	    cmocka_unit_test(registers_that_are_asked_for_are_pinned),
	    cmocka_unit_test(alternatives_stand_once),
	    cmocka_unit_test(what_proves_nothing_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
