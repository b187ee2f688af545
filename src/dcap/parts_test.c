/* Collateral in parts: the same as in one object, and never more than one object may be. */
#include "base/json.h"
#include "base/limits.h"
#include "base/test.h"
#include "dcap/testkit.h"

#define PARTS 10

static const struct {
	const char *name;
	size_t at;
} members[PARTS] = {
    {"root_ca_crl", offsetof(struct eedcap_collateral_parts, root_ca_crl)},
    {"pck_crl", offsetof(struct eedcap_collateral_parts, pck_crl)},
    {"pck_crl_issuer_chain", offsetof(struct eedcap_collateral_parts, pck_crl_issuer_chain)},
    {"tcb_info", offsetof(struct eedcap_collateral_parts, tcb_info)},
    {"tcb_info_signature", offsetof(struct eedcap_collateral_parts, tcb_info_signature)},
    {"tcb_info_issuer_chain", offsetof(struct eedcap_collateral_parts, tcb_info_issuer_chain)},
    {"qe_identity", offsetof(struct eedcap_collateral_parts, qe_identity)},
    {"qe_identity_signature", offsetof(struct eedcap_collateral_parts, qe_identity_signature)},
    {"qe_identity_issuer_chain",
	offsetof(struct eedcap_collateral_parts, qe_identity_issuer_chain)},
    {"pck_certificate_chain", offsetof(struct eedcap_collateral_parts, pck_certificate_chain)},
};

/* The kit's collateral, taken apart. The caller frees the texts. */
static void
take_apart(const struct kit *k, struct buf text[static PARTS], struct eedcap_collateral_parts *out)
{
	struct json_limits lim = {LIMIT_JSON_DEPTH, LIMIT_JSON_NODES};
	struct json_doc doc;
	struct err e = {0};

	memset(out, 0, sizeof *out);
	assert_true(json_parse(&doc, buf_span(&k->collateral), lim, &e));
	for (size_t i = 0; i < PARTS; i++) {
		const struct json_node *n = json_get(&doc, json_top(&doc), members[i].name);
		struct eedcap_bytes *part =
		    (struct eedcap_bytes *)(void *)((char *)out + members[i].at);

		buf_init(&text[i], (size_t)1 << 24);
		if (!n)
			continue;
		assert_true(json_string(n, &text[i]));
		*part = (struct eedcap_bytes){text[i].p, text[i].n};
	}
	json_free(&doc);
}

static void
test_parts_are_the_whole(void **state)
{
	struct eedcap_collateral_parts parts;
	struct eedcap_collateral *c;
	struct eedcap_context *ctx;
	struct eedcap_verdict *v;
	struct eedcap_error e;
	struct buf text[PARTS];
	struct kit k;

	kit_init(&k, true, 4);
	kit_build(&k);
	ctx = kit_context(&k, 0);
	take_apart(&k, text, &parts);
	c = eedcap_collateral_from_parts(ctx, &parts, &e);
	assert_string_equal(e.reason, "ok");
	v = eedcap_verify(ctx, k.quote.p, k.quote.n, c, KIT_NOW, NULL);
	assert_true(eedcap_verdict_accepted(v));
	eedcap_verdict_free(v);
	eedcap_collateral_free(c);
	/* A chain that no quote needs must hold all the same. */
	parts.pck_certificate_chain = parts.pck_crl_issuer_chain;
	assert_null(eedcap_collateral_from_parts(ctx, &parts, &e));
	assert_string_equal(e.reason, "cert_chain");
	for (size_t i = 0; i < PARTS; i++)
		buf_fini(&text[i]);
	eedcap_context_free(ctx);
	kit_fini(&k);
}

/* Documents may have line ends, each of them two bytes once it is written, and the text around a
 * certificate control characters, each of them six. */
static void
test_what_is_taken_can_be_written(void **state)
{
	for (int too_much = 0; too_much < 2; too_much++) {
		struct eedcap_collateral_parts parts;
		struct eedcap_collateral *c;
		struct eedcap_context *ctx;
		struct eedcap_error e;
		struct buf text[PARTS], lines;
		size_t n;
		struct kit k;

		kit_init(&k, true, 4);
		buf_init(&lines, LIMIT_TCB_INFO);
		while (lines.n < 2080000)
			buf_add_str(&lines, "\n");
		buf_add_str(&lines, "\"version\"");
		kit_replace(&k.tcb_info, "\"version\"", buf_cstr(&lines));
		kit_replace(&k.qe_identity, "\"version\"", buf_cstr(&lines));
		kit_build(&k);
		ctx = kit_context(&k, 0);
		take_apart(&k, text, &parts);
		while (too_much && text[5].n < 30000)
			buf_add_u8(&text[5], 1);
		parts.tcb_info_issuer_chain = (struct eedcap_bytes){text[5].p, text[5].n};
		c = eedcap_collateral_from_parts(ctx, &parts, &e);
		assert_string_equal(e.reason, too_much ? "collateral_malformed" : "ok");
		if (c) {
			n = eedcap_collateral_write(c, NULL, 0);
			assert_in_range(n, 4000000, EEDCAP_COLLATERAL_MAX);
		}
		eedcap_collateral_free(c);
		for (size_t i = 0; i < PARTS; i++)
			buf_fini(&text[i]);
		buf_fini(&lines);
		eedcap_context_free(ctx);
		kit_fini(&k);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_parts_are_the_whole),
	    cmocka_unit_test(test_what_is_taken_can_be_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
