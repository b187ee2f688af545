/* Chains: how they are spelled, who stands in them, whom they hang from. */
#include "mint/row.h"

/* -- spelling -- */

static void
form(struct mint_world *w, const struct mint_row *row)
{
	w->pck_chain.form = (enum mint_chain_form)row->a;
}

static void
tcb_form(struct mint_world *w, const struct mint_row *row)
{
	w->tcb_chain.form = w->qe_chain.form = w->crl_chain.form = (enum mint_chain_form)row->a;
}

#define FORM(name, what, how)                                                                      \
	{                                                                                          \
		name, what, MINT_SGX3, .bend = form, .a = how                                      \
	}
#define BAD_FORM(name, what, kind, why, how)                                                       \
	{                                                                                          \
		name, what, kind, REASON_##why, .bend = form, .a = how                             \
	}

static const struct mint_row forms[] = {
    FORM("chain-no-nul", "no NUL at the end", MINT_CHAIN_PLAIN),
    FORM("chain-two-nuls", "two of them", MINT_CHAIN_TWO_NULS),
    FORM("chain-crlf", "CRLF line ends", MINT_CHAIN_CRLF),
    FORM("chain-one-line", "base64 without line breaks", MINT_CHAIN_ONE_LINE),
    FORM("chain-blanks", "blanks and tabs in the base64", MINT_CHAIN_BLANKS),
    FORM("chain-text-between", "words before, between and behind the blocks", MINT_CHAIN_TEXT),
    BAD_FORM("chain-nul-then-more", "NUL behind the leaf, certificates behind it", MINT_SGX3,
	CERT_MALFORMED, MINT_CHAIN_NUL_INSIDE),
    BAD_FORM("chain-bad-base64", "a character that is not base64", MINT_SGX3, CERT_MALFORMED,
	MINT_CHAIN_BAD_BASE64),
    BAD_FORM("chain-no-end", "the last block is not closed", MINT_TDX4, CERT_MALFORMED,
	MINT_CHAIN_NO_END),
    {"chain-empty", "certification data of no bytes", MINT_SGX3, REASON_CERT_CHAIN, .also = 2,
	.bend = form, .a = MINT_CHAIN_EMPTY},
    {"tcb-chain-crlf", "collateral's chains with CRLF", MINT_SGX3, .bend = tcb_form,
	.a = MINT_CHAIN_CRLF},
    {"tcb-chain-one-line", "collateral's chains without line breaks", MINT_SGX3, .bend = tcb_form,
	.a = MINT_CHAIN_ONE_LINE},
    {"tcb-chain-bad-base64", "collateral's chains broken", MINT_SGX3, REASON_CERT_MALFORMED,
	.bend = tcb_form, .a = MINT_CHAIN_BAD_BASE64},
};

/* -- who stands in the PCK chain -- */

enum who { NOBODY, LEAF, CA, PROCESSOR, ROOT, SIGNER, OTHER_LEAF };

static const struct mint_cert *
cert_of(const struct mint_world *w, long who)
{
	const struct mint_cert *const all[] = {[LEAF] = &w->leaf,
	    [CA] = &w->platform_ca,
	    [PROCESSOR] = &w->processor_ca,
	    [ROOT] = &w->root,
	    [SIGNER] = &w->signer,
	    [OTHER_LEAF] = &w->other_leaf};

	return all[who];
}

/* The digits of a, the first certificate first, are who stands in the chain. */
static void
set_members(const struct mint_world *w, struct mint_chain *c, long digits)
{
	long reversed = 0;

	for (; digits; digits /= 10)
		reversed = reversed * 10 + digits % 10;
	c->n = 0;
	for (; reversed; reversed /= 10)
		c->cert[c->n++] = cert_of(w, reversed % 10);
}

static void
members(struct mint_world *w, const struct mint_row *row)
{
	set_members(w, &w->pck_chain, row->a);
}

static void
tcb_members(struct mint_world *w, const struct mint_row *row)
{
	set_members(w, &w->tcb_chain, row->a);
}

static void
qe_members(struct mint_world *w, const struct mint_row *row)
{
	set_members(w, &w->qe_chain, row->a);
}

static void
crl_members(struct mint_world *w, const struct mint_row *row)
{
	set_members(w, &w->crl_chain, row->a);
}

#define ORDER(name, what, kind, digits)                                                            \
	{                                                                                          \
		name, what, kind, .bend = members, .a = digits                                     \
	}
#define CHAIN(name, what, fn, digits)                                                              \
	{                                                                                          \
		name, what, MINT_SGX3, REASON_CERT_CHAIN, .bend = fn, .a = digits                  \
	}

/* 1 leaf, 2 Platform CA, 3 Processor CA, 4 root, 5 TCB signer, 6 another leaf */
static const struct mint_row who[] = {
    ORDER("chain-order-leaf-root-ca", "leaf, root, CA", MINT_SGX3, 142),
    ORDER("chain-order-reversed", "root, CA, leaf", MINT_SGX3, 421),
    ORDER("chain-order-reversed-tdx", "root, CA, leaf", MINT_TDX4, 421),
    CHAIN("chain-no-ca", "CA missing", members, 14),
    CHAIN("chain-no-root", "root missing", members, 12),
    CHAIN("chain-no-leaf", "leaf missing", members, 24),
    CHAIN("chain-leaf-only", "the leaf alone", members, 1),
    CHAIN("chain-extra", "TCB signer added as a fourth certificate", members, 1245),
    CHAIN("chain-leaf-twice", "the leaf twice", members, 1124),
    CHAIN("chain-two-leaves", "two leaves and no CA", members, 164),
    CHAIN("chain-other-ca", "the Processor CA, which did not issue the leaf", members, 134),
    CHAIN("chain-two-cas", "both CAs, no root", members, 123),
    {"chain-nine", "nine certificates", MINT_SGX3, REASON_CERT_CHAIN, .also = 2, .bend = members,
	.a = 124666666},
    ORDER("chain-ok", "leaf, CA, root, as ever", MINT_TDX5_TD10, 124),
    {"tcb-chain-reversed", "TCB info chain: root, signer", MINT_SGX3, .bend = tcb_members, .a = 45},
    {"qi-chain-reversed", "QE identity chain: root, signer", MINT_SGX3, .bend = qe_members,
	.a = 45},
    CHAIN("tcb-chain-leaf-missing", "TCB info chain: the root alone", tcb_members, 4),
    CHAIN("tcb-chain-root-missing", "TCB info chain: the signer alone", tcb_members, 5),
    CHAIN("tcb-chain-three", "TCB info chain: signer, CA, root", tcb_members, 524),
    CHAIN("qi-chain-leaf-missing", "QE identity chain: the root alone", qe_members, 4),
    CHAIN("qi-chain-root-missing", "QE identity chain: the signer alone", qe_members, 5),
    CHAIN("qi-chain-three", "QE identity chain: signer, CA, root", qe_members, 524),
    {"crl-chain-reversed", "PCK CRL issuer chain: root, CA", MINT_SGX3, .bend = crl_members,
	.a = 42},
    CHAIN("crl-chain-root-missing", "PCK CRL issuer chain: the CA alone", crl_members, 2),
    {"crl-chain-other-ca", "PCK CRL issuer chain of the Processor CA", MINT_SGX3, REASON_CRL_ISSUER,
	.bend = crl_members, .a = 34},
};

/* -- whom they hang from -- */

/* The root certificate of another edition: its key, another serial number and life. */
static const struct mint_cert *
other_edition(struct mint_world *w)
{
	w->spare[0] = w->root;
	w->spare[0].serial[20] ^= 0x55;
	w->spare[0].from_s -= 1000 * MINT_DAY;
	w->spare[0].to_s += 2000 * MINT_DAY;
	return &w->spare[0];
}

/* Another root of the same name. */
static const struct mint_cert *
impostor(struct mint_world *w)
{
	w->spare[0] = w->root;
	w->spare[0].key = w->spare[0].by = &w->keys->stranger;
	return &w->spare[0];
}

/* spare[1] becomes a certificate issued by the impostor. */
static const struct mint_cert *
below_impostor(struct mint_world *w, const struct mint_cert *c)
{
	w->spare[1] = *c;
	w->spare[1].by = &w->keys->stranger;
	return &w->spare[1];
}

static void
root_edition(struct mint_world *w, const struct mint_row *row)
{
	w->pck_chain.cert[2] = other_edition(w);
}

static void
tcb_root_edition(struct mint_world *w, const struct mint_row *row)
{
	w->tcb_chain.cert[1] = other_edition(w);
}

static void
crl_root_edition(struct mint_world *w, const struct mint_row *row)
{
	w->crl_chain.cert[1] = other_edition(w);
}

static void
untrusted(struct mint_world *w, const struct mint_row *row)
{
	w->pck_chain.cert[2] = impostor(w);
	w->pck_chain.cert[1] = below_impostor(w, &w->platform_ca);
}

static void
tcb_untrusted(struct mint_world *w, const struct mint_row *row)
{
	w->tcb_chain.cert[1] = impostor(w);
	w->tcb_chain.cert[0] = below_impostor(w, &w->signer);
}

static void
qe_untrusted(struct mint_world *w, const struct mint_row *row)
{
	w->qe_chain.cert[1] = impostor(w);
	w->qe_chain.cert[0] = below_impostor(w, &w->signer);
}

/* Everything hangs from the impostor, consistently: only the pinned key tells. */
static void
all_untrusted(struct mint_world *w, const struct mint_row *row)
{
	w->root.key = w->root.by = &w->keys->stranger;
	w->platform_ca.by = w->signer.by = &w->keys->stranger;
	w->root_crl.by = &w->keys->stranger;
}

/* The pinned key in a root certificate that another key signed. */
static void
root_not_self_signed(struct mint_world *w, const struct mint_row *row)
{
	w->spare[0] = w->root;
	w->spare[0].forger = &w->keys->stranger;
	w->pck_chain.cert[2] = &w->spare[0];
}

/* The quote's CA alone forged; the one in the CRL's issuer chain is in order. */
static void
quote_ca_forged(struct mint_world *w, const struct mint_row *row)
{
	w->spare[0] = w->platform_ca;
	w->spare[0].forger = &w->keys->stranger;
	w->pck_chain.cert[1] = &w->spare[0];
}

/* The pinned key in a root of another name, which did not issue the CA. */
static void
root_other_name(struct mint_world *w, const struct mint_row *row)
{
	w->spare[0] = w->root;
	w->spare[0].subject = w->spare[0].issuer = "Intel SGX Root CA 2";
	w->pck_chain.cert[2] = &w->spare[0];
}

/* And one that did: but the root CRL is in the name of the first. */
static void
root_renamed(struct mint_world *w, const struct mint_row *row)
{
	root_other_name(w, row);
	w->spare[1] = w->platform_ca;
	w->spare[1].issuer = w->spare[0].subject;
	w->pck_chain.cert[1] = &w->spare[1];
}

/* Another CA key of the same name in the CRL's issuer chain: it did not sign the list. */
static void
crl_chain_other_key(struct mint_world *w, const struct mint_row *row)
{
	w->spare[0] = w->platform_ca;
	w->spare[0].key = &w->keys->stranger;
	w->crl_chain.cert[0] = &w->spare[0];
}

/* Another edition of the TCB signer, with a key of its own. */
static void
signer_generation(struct mint_world *w, const struct mint_row *row)
{
	w->spare[0] = w->signer;
	w->spare[0].key = &w->keys->stranger;
	w->spare[0].serial[20] ^= 0x55;
	w->qe_chain.cert[0] = &w->spare[0];
	w->qe_identity_signing.by = &w->keys->stranger;
}

static const struct mint_row roots[] = {
    {"chain-root-other-edition", "the quote's root is another edition, same key", MINT_SGX3,
	.bend = root_edition},
    {"chain-root-other-edition-tdx", "the same of a TD", MINT_TDX4, .bend = root_edition},
    {"tcb-chain-root-edition", "the TCB info's root is another edition, same key", MINT_SGX3,
	.bend = tcb_root_edition},
    {"crl-chain-root-edition", "the CRL's root is another edition, same key", MINT_SGX3,
	.bend = crl_root_edition},
    {"root-untrusted", "the quote's chain hangs from another root of the same name", MINT_SGX3,
	REASON_ROOT_UNTRUSTED, .bend = untrusted},
    {"root-untrusted-tdx", "the same of a TD", MINT_TDX4, REASON_ROOT_UNTRUSTED, .bend = untrusted},
    {"root-untrusted-all", "so does all of the collateral", MINT_SGX3, REASON_ROOT_UNTRUSTED,
	.bend = all_untrusted},
    {"tcb-root-untrusted", "the TCB info's chain hangs from another root", MINT_SGX3,
	REASON_ROOT_UNTRUSTED, .bend = tcb_untrusted},
    {"qi-root-untrusted", "the QE identity's chain hangs from another root", MINT_SGX3,
	REASON_ROOT_UNTRUSTED, .bend = qe_untrusted},
    {"root-not-self-signed", "the pinned key in a certificate that another key signed", MINT_SGX3,
	REASON_CERT_SIGNATURE, .bend = root_not_self_signed},
    {"quote-ca-forged", "the quote's CA signed by an unknown key, the CRL's issuer in order",
	MINT_SGX3, REASON_CERT_SIGNATURE, .bend = quote_ca_forged},
    {"root-other-name", "the quote's root under another name, same key", MINT_SGX3,
	REASON_CERT_CHAIN, .bend = root_other_name},
    {"root-renamed", "root and CA under another name than the root CRL's", MINT_SGX3,
	REASON_CRL_ISSUER, .bend = root_renamed},
    {"crl-chain-other-key", "PCK CRL issuer chain with another CA of the same name", MINT_SGX3,
	REASON_CRL_SIGNATURE, .bend = crl_chain_other_key},
    {"qi-signer-generation", "TCB info and QE identity by two editions of the signer", MINT_SGX3,
	.bend = signer_generation},
};

bool
mint_cases_chain(struct mint_run *r, struct err *e)
{
	return MINT_RUN_TABLE(r, forms, e) && MINT_RUN_TABLE(r, who, e)
	       && MINT_RUN_TABLE(r, roots, e);
}
