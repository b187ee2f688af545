/* Certification data of types 1 to 4, whose chain comes beside the collateral, and the JSON object
 * that the collateral travels in. */
#include "mint/row.h"

#include <stdio.h>

enum { MATCHING, NO_CHAIN, CPUSVN, PCESVN, PCESVN_SWAPPED, PCEID, SHORTER, LONGER, VARIANTS };

/* Types 1 to 3: a = type, b = what of the tail does not match. */
static void
tail(struct mint_world *w, const struct mint_row *row)
{
	static const size_t id_size[] = {0, 16, 256, 384};

	w->quote.cert_type = (uint16_t)row->a;
	w->cert_data = MINT_DATA_TAIL;
	w->tail.id_size = id_size[row->a];
	w->tail.other_cpusvn = row->b == CPUSVN;
	w->tail.other_pcesvn = row->b == PCESVN;
	w->tail.swapped_pcesvn = row->b == PCESVN_SWAPPED;
	w->tail.other_pceid = row->b == PCEID;
	w->tail.grow = row->b == SHORTER ? -1 : row->b == LONGER ? 1 : 0;
	if (row->b != NO_CHAIN) {
		w->beside = w->pck_chain;
		w->beside.form = MINT_CHAIN_PLAIN;
	}
}

static MUST_CHECK bool
run_tails(struct mint_run *r, enum mint_kind kind, struct err *e)
{
	static const struct {
		const char *name, *what;
		enum reason reason;
	} variants[VARIANTS] = {
	    [MATCHING] = {"beside", "chain beside the collateral", REASON_OK},
	    [NO_CHAIN] = {"no-chain", "and no chain anywhere", REASON_NO_PCK_CERTIFICATE},
	    [CPUSVN] = {"cpusvn", "CPUSVN is not the certificate's", REASON_CERT_CHAIN},
	    [PCESVN] = {"pcesvn", "PCESVN is not the certificate's", REASON_CERT_CHAIN},
	    [PCESVN_SWAPPED] = {"pcesvn-order", "PCESVN in big-endian order", REASON_CERT_CHAIN},
	    [PCEID] = {"pceid", "PCEID is not the certificate's", REASON_CERT_CHAIN},
	    [SHORTER] = {"short", "one byte short", REASON_QUOTE_LENGTHS},
	    [LONGER] = {"long", "one byte long", REASON_QUOTE_LENGTHS},
	};
	char name[64], what[128];

	for (int type = 1; type <= 3; type++)
		for (int v = 0; v < VARIANTS; v++) {
			struct mint_row row = {
			    name, what, kind, variants[v].reason, .bend = tail, .a = type, .b = v};

			snprintf(name, sizeof name, "type%d-%s-%s", type, variants[v].name,
			    mint_kind_info(kind)->name);
			snprintf(what, sizeof what, "certification data type %d, %s", type,
			    variants[v].what);
			if (!mint_run_row(r, &row, e))
				return false;
		}
	return true;
}

/* -- type 4, and other chains beside -- */

/* a: what the data is; b: whether a chain comes beside. */
static void
leaf_data(struct mint_world *w, const struct mint_row *row)
{
	w->quote.cert_type = 4;
	w->cert_data = (enum mint_cert_data)row->a;
	if (row->b) {
		w->beside = w->pck_chain;
		w->beside.form = MINT_CHAIN_PLAIN;
	}
}

/* A sound chain beside, of another platform: the tail fits it, the QE's signature does not. */
static void
beside_other_platform(struct mint_world *w, const struct mint_row *row)
{
	tail(w, row);
	w->beside.cert[0] = &w->other_leaf;
}

static void
beside_untrusted(struct mint_world *w, const struct mint_row *row)
{
	tail(w, row);
	w->spare[0] = w->root;
	w->spare[0].key = w->spare[0].by = &w->keys->stranger;
	w->spare[1] = w->platform_ca;
	w->spare[1].by = &w->keys->stranger;
	w->beside.cert[1] = &w->spare[1];
	w->beside.cert[2] = &w->spare[0];
}

static void
beside_incomplete(struct mint_world *w, const struct mint_row *row)
{
	tail(w, row);
	w->beside.n = 1;
}

/* The leaf that the collateral brings is revoked like any other. */
static void
beside_revoked(struct mint_world *w, const struct mint_row *row)
{
	tail(w, row);
	w->pck_crl.revoked[0] = w->leaf.serial;
}

static void
both(struct mint_world *w, const struct mint_row *row)
{
	w->beside = w->pck_chain;
	w->beside.form = MINT_CHAIN_PLAIN;
}

static const struct mint_row leaves[] = {
    {"type4-beside-sgx3", "the leaf alone, chain beside", MINT_SGX3, .bend = leaf_data,
	.a = MINT_DATA_LEAF, .b = 1},
    {"type4-beside-tdx4", "the leaf alone, chain beside, TD", MINT_TDX4, .bend = leaf_data,
	.a = MINT_DATA_LEAF, .b = 1},
    {"type4-no-chain-sgx3", "the leaf alone, and no chain", MINT_SGX3, REASON_NO_PCK_CERTIFICATE,
	.bend = leaf_data, .a = MINT_DATA_LEAF},
    {"type4-no-chain-tdx5td15", "the leaf alone, and no chain, format 5", MINT_TDX5_TD15,
	REASON_NO_PCK_CERTIFICATE, .bend = leaf_data, .a = MINT_DATA_LEAF},
    {"type4-other-leaf-sgx3", "another leaf than that of the chain beside", MINT_SGX3,
	REASON_CERT_CHAIN, .bend = leaf_data, .a = MINT_DATA_OTHER_LEAF, .b = 1},
    {"type4-other-leaf-tdx4", "another leaf than that of the chain beside, TD", MINT_TDX4,
	REASON_CERT_CHAIN, .bend = leaf_data, .a = MINT_DATA_OTHER_LEAF, .b = 1},
    {"inner-4", "type 4 with the whole chain, none beside", MINT_TDX4, REASON_NO_PCK_CERTIFICATE,
	.bend = leaf_data, .a = MINT_DATA_CHAIN},
    {"type5-and-beside", "chain in the quote and beside it", MINT_SGX3, .bend = both},
    {"beside-other-platform", "the chain beside is another platform's", MINT_SGX3,
	REASON_QE_REPORT_SIGNATURE, .bend = beside_other_platform, .a = 1},
    {"beside-untrusted", "the chain beside hangs from another root", MINT_SGX3,
	REASON_ROOT_UNTRUSTED, .bend = beside_untrusted, .a = 1},
    {"beside-incomplete", "the chain beside is the leaf alone", MINT_SGX3, REASON_CERT_CHAIN,
	.bend = beside_incomplete, .a = 3},
    {"beside-revoked", "the leaf beside is revoked", MINT_TDX4, REASON_PCK_REVOKED,
	.bend = beside_revoked, .a = 2},
};

/* -- the collateral's own form -- */

static void
omit(struct mint_world *w, const struct mint_row *row)
{
	w->omit = row->edit[0].to;
}

#define LACKS(member)                                                                              \
	{                                                                                          \
		"collateral-no-" member, "collateral without " member, MINT_SGX3,                  \
		    REASON_COLLATERAL_MALFORMED, .bend = omit, .edit = {                           \
			    {NULL, member}                                                         \
		    }                                                                              \
	}
#define JSON(name, what, why, from, to)                                                            \
	{                                                                                          \
		name, what, MINT_SGX3, REASON_##why, .bend = mint_bend_collateral, .edit = {       \
			{from, to}                                                                 \
		}                                                                                  \
	}

static const struct mint_row form[] = {
    LACKS("root_ca_crl"),
    LACKS("pck_crl"),
    LACKS("tcb_info"),
    LACKS("tcb_info_signature"),
    LACKS("tcb_info_issuer_chain"),
    LACKS("qe_identity"),
    LACKS("qe_identity_signature"),
    LACKS("qe_identity_issuer_chain"),
    {"crl-chain-absent", "collateral without pck_crl_issuer_chain", MINT_SGX3, .bend = omit,
	.edit = {{NULL, "pck_crl_issuer_chain"}}},
    JSON("collateral-unknown", "a member that nobody asked for", OK, "{\"pck_crl_issuer_chain\"",
	"{\"more\":[1,null],\"pck_crl_issuer_chain\""),
    JSON("collateral-twice", "the member pck_crl twice", COLLATERAL_MALFORMED,
	"\"pck_crl\":", "\"pck_crl\":\"00\",\"pck_crl\":"),
    JSON("collateral-twice-escaped", "the same, once spelled with an escape", COLLATERAL_MALFORMED,
	"\"pck_crl\":", "\"pck\\u005fcrl\":\"00\",\"pck_crl\":"),
    JSON("collateral-number", "the root CRL is a number", COLLATERAL_MALFORMED,
	"\"root_ca_crl\":", "\"root_ca_crl\":1,\"other\":"),
    JSON("collateral-array", "an array, not an object", COLLATERAL_MALFORMED,
	"{\"pck_crl_issuer_chain\"", "[{\"pck_crl_issuer_chain\""),
    JSON("collateral-comment", "a comment", COLLATERAL_MALFORMED,
	",\"pck_crl\":", ",/**/\"pck_crl\":"),
};

bool
mint_cases_data(struct mint_run *r, struct err *e)
{
	return run_tails(r, MINT_SGX3, e) && run_tails(r, MINT_TDX4, e)
	       && MINT_RUN_TABLE(r, leaves, e) && MINT_RUN_TABLE(r, form, e);
}
