/* Revocation: lists that are broken, foreign or partial, and who is on them. */
#include "mint/row.h"

#include <stdio.h>

static struct mint_crl *
list(struct mint_world *w, long root)
{
	return root ? &w->root_crl : &w->pck_crl;
}

static void
quirk(struct mint_world *w, const struct mint_row *row)
{
	struct mint_crl *c = list(w, row->a);

	c->quirks = (unsigned)row->b;
	/* An entry, where entries are what is odd. */
	if (row->b & (MINT_CRL_ENTRY_CRITICAL | MINT_CRL_HOLD))
		c->fillers = 1;
}

static void
form(struct mint_world *w, const struct mint_row *row)
{
	list(w, row->a)->form = (enum mint_crl_form)row->b;
}

static void
forged(struct mint_world *w, const struct mint_row *row)
{
	list(w, row->a)->forger = &w->keys->stranger;
}

/* In the right name, by the key of the other authority. */
static void
other_key(struct mint_world *w, const struct mint_row *row)
{
	list(w, row->a)->forger = row->a ? &w->keys->platform_ca : &w->keys->root;
}

static void
fillers(struct mint_world *w, const struct mint_row *row)
{
	list(w, row->a)->fillers = (unsigned)row->b;
}

/* What holds of both lists. */
static MUST_CHECK bool
run_lists(struct mint_run *r, struct err *e)
{
	static const struct {
		const char *name, *what;
		void (*bend)(struct mint_world *w, const struct mint_row *row);
		long value;
		enum reason reason;
	} all[] = {
	    {"forged", "signed by another key", forged, 0, REASON_CRL_SIGNATURE},
	    {"other-key", "signed by the other authority's key", other_key, 0,
		REASON_CRL_SIGNATURE},
	    {"truncated", "cut short", quirk, MINT_CRL_TRUNCATED, REASON_CRL_MALFORMED},
	    {"trailing", "a byte behind the DER", quirk, MINT_CRL_TRAILING, REASON_CRL_MALFORMED},
	    {"garbage", "no list at all", form, MINT_CRL_GARBAGE, REASON_CRL_MALFORMED},
	    {"empty", "empty", form, MINT_CRL_EMPTY, REASON_COLLATERAL_MALFORMED},
	    {"no-number", "without CRL number", quirk, MINT_CRL_NO_NUMBER, REASON_CRL_MALFORMED},
	    {"number-twice", "with two CRL numbers", quirk, MINT_CRL_NUMBER_TWICE,
		REASON_CRL_MALFORMED},
	    {"no-aki", "without authority key identifier", quirk, MINT_CRL_NO_AKI,
		REASON_CRL_MALFORMED},
	    {"no-next-update", "without nextUpdate", quirk, MINT_CRL_NO_NEXT_UPDATE,
		REASON_CRL_MALFORMED},
	    {"unknown-critical", "with an unknown critical extension", quirk,
		MINT_CRL_UNKNOWN_CRITICAL, REASON_CRL_MALFORMED},
	    {"unknown-ext", "with an unknown extension that is not critical", quirk,
		MINT_CRL_UNKNOWN, REASON_OK},
	    {"entry-critical", "an entry with an unknown critical extension", quirk,
		MINT_CRL_ENTRY_CRITICAL, REASON_CRL_MALFORMED},
	    {"delta", "a delta CRL", quirk, MINT_CRL_DELTA, REASON_CRL_MALFORMED},
	    {"only-ca-certs", "limited to CA certificates", quirk, MINT_CRL_ONLY_CA,
		REASON_CRL_MALFORMED},
	    {"indirect", "an indirect CRL", quirk, MINT_CRL_INDIRECT, REASON_CRL_MALFORMED},
	    {"sha384", "signed with ecdsa-with-SHA384", quirk, MINT_CRL_SHA384,
		REASON_CRL_MALFORMED},
	    {"algorithm-outside", "SHA-384 named outside the signed part alone", quirk,
		MINT_CRL_OUTSIDE, REASON_CRL_MALFORMED},
	    {"algorithm-inside", "SHA-384 named inside the signed part alone", quirk,
		MINT_CRL_INSIDE, REASON_CRL_MALFORMED},
	    {"long-length", "a length with a needless octet", quirk, MINT_CRL_LONG_LENGTH,
		REASON_CRL_MALFORMED},
	    {"time-offset", "times with a zone of +0000", quirk, MINT_CRL_TIME_OFFSET,
		REASON_CRL_MALFORMED},
	    {"hex-upper", "spelled in upper-case hex", form, MINT_CRL_HEX_UPPER, REASON_OK},
	    {"hex-nul", "spelled in hex with a NUL behind it", form, MINT_CRL_HEX_NUL, REASON_OK},
	    {"pem", "spelled as PEM", form, MINT_CRL_PEM, REASON_OK},
	    {"base64", "spelled in base64", form, MINT_CRL_BASE64, REASON_OK},
	    {"many", "of 2000 others", fillers, 2000, REASON_OK},
	};
	char name[64], what[128];

	for (int root = 0; root < 2; root++)
		for (size_t k = 0; k < sizeof all / sizeof all[0]; k++) {
			struct mint_row row = {name, what, root ? MINT_TDX4 : MINT_SGX3,
			    all[k].reason, .bend = all[k].bend, .a = root, .b = all[k].value};

			snprintf(name, sizeof name, "%s-%s", root ? "rootcrl" : "crl", all[k].name);
			snprintf(
			    what, sizeof what, "%s CRL: %s", root ? "root" : "PCK", all[k].what);
			if (!mint_run_row(r, &row, e))
				return false;
		}
	return true;
}

/* -- another authority's list -- */

static void
processor_list(struct mint_crl *c, struct mint_world *w)
{
	c->issuer = w->processor_ca.subject;
	c->by = &w->keys->processor_ca;
}

/* The classic slip: genuine, signed, fresh, and it says nothing of the leaf. Its own issuer chain
 * comes with it. */
static void
wrong_ca(struct mint_world *w, const struct mint_row *row)
{
	processor_list(list(w, row->a), w);
	if (!row->a)
		w->crl_chain.cert[0] = &w->processor_ca;
}

static void
wrong_ca_bare(struct mint_world *w, const struct mint_row *row)
{
	processor_list(list(w, row->a), w);
	w->omit = "pck_crl_issuer_chain";
}

static void
by_root(struct mint_world *w, const struct mint_row *row)
{
	w->pck_crl.issuer = w->root.subject;
	w->pck_crl.by = &w->keys->root;
	w->omit = "pck_crl_issuer_chain";
}

/* An indirect list of the root's, in the PCK CRL's place. */
static void
indirect_by_root(struct mint_world *w, const struct mint_row *row)
{
	by_root(w, row);
	w->pck_crl.quirks = MINT_CRL_INDIRECT;
}

static void
swapped(struct mint_world *w, const struct mint_row *row)
{
	struct mint_crl root = w->root_crl;

	w->root_crl = w->pck_crl;
	w->pck_crl = root;
	w->omit = "pck_crl_issuer_chain";
}

static const struct mint_row foreign[] = {
    {"crl-wrong-ca", "the Processor CA's list for a leaf of the Platform CA", MINT_SGX3,
	REASON_CRL_ISSUER, .bend = wrong_ca},
    {"crl-wrong-ca-tdx", "the same of a TD", MINT_TDX4, REASON_CRL_ISSUER, .bend = wrong_ca},
    {"crl-wrong-ca-bare", "the same without issuer chain", MINT_SGX3, REASON_CRL_ISSUER,
	.bend = wrong_ca_bare},
    {"crl-signed-by-root", "the root's list in the PCK CRL's place", MINT_SGX3, REASON_CRL_ISSUER,
	.bend = by_root},
    {"crl-indirect-by-root", "an indirect list of the root's in its place", MINT_SGX3,
	REASON_CRL_MALFORMED, .bend = indirect_by_root},
    {"rootcrl-wrong-ca", "the Processor CA's list in the root CRL's place", MINT_SGX3,
	REASON_CRL_ISSUER, .bend = wrong_ca, .a = 1},
    {"crl-swapped", "the two lists in each other's place", MINT_SGX3, REASON_CRL_ISSUER,
	.bend = swapped},
};

/* -- who is on them -- */

enum { NOBODY, ON_PCK, ON_ROOT };

static void
revoke(struct mint_world *w, const struct mint_row *row)
{
	const uint8_t *const serial[] = {w->leaf.serial, w->platform_ca.serial, w->signer.serial,
	    w->root.serial, w->other_leaf.serial, w->processor_ca.serial};

	(row->b == ON_PCK ? &w->pck_crl : &w->root_crl)->revoked[0] = serial[row->a];
}

static void
revoke_held(struct mint_world *w, const struct mint_row *row)
{
	revoke(w, row);
	w->pck_crl.quirks = w->root_crl.quirks = MINT_CRL_HOLD;
}

static void
revoke_last(struct mint_world *w, const struct mint_row *row)
{
	revoke(w, row);
	w->pck_crl.fillers = 2000;
}

static void
revoke_high_serial(struct mint_world *w, const struct mint_row *row)
{
	w->leaf.serial[1] |= 0x80;
	revoke(w, row);
}

/* A serial number of three bytes. */
static void
revoke_short_serial(struct mint_world *w, const struct mint_row *row)
{
	memset(w->leaf.serial, 0, 18);
	w->leaf.serial[18] = 0x11;
	revoke(w, row);
}

/* The list holds the leaf's serial number without its first byte. */
static void
revoke_suffix(struct mint_world *w, const struct mint_row *row)
{
	memcpy(w->spare[0].serial, w->leaf.serial, sizeof w->leaf.serial);
	w->spare[0].serial[1] = 0;
	w->pck_crl.revoked[0] = w->spare[0].serial;
}

/* The QE identity by a second edition of the signer, which alone is revoked. */
static void
revoke_qi_signer(struct mint_world *w, const struct mint_row *row)
{
	w->spare[0] = w->signer;
	w->spare[0].key = &w->keys->stranger;
	w->spare[0].serial[20] ^= 0x55;
	w->qe_chain.cert[0] = &w->spare[0];
	w->qe_identity_signing.by = &w->keys->stranger;
	w->root_crl.revoked[0] = w->spare[0].serial;
}

enum { LEAF, CA, SIGNER, ROOT, OTHER_LEAF, PROCESSOR };

#define REVOKED(name, what, kind, why, fn, who, where)                                             \
	{                                                                                          \
		name, what, kind, REASON_##why, .bend = fn, .a = who, .b = where                   \
	}

static const struct mint_row revoked[] = {
    REVOKED("revoked-pck", "the leaf", MINT_SGX3, PCK_REVOKED, revoke, LEAF, ON_PCK),
    REVOKED("revoked-pck-v4", "the leaf, TD", MINT_TDX4, PCK_REVOKED, revoke, LEAF, ON_PCK),
    REVOKED(
	"revoked-pck-v5", "the leaf, format 5", MINT_TDX5_TD15, PCK_REVOKED, revoke, LEAF, ON_PCK),
    REVOKED("revoked-pck-hold", "the leaf, with certificateHold", MINT_SGX3, PCK_REVOKED,
	revoke_held, LEAF, ON_PCK),
    REVOKED("revoked-pck-last", "the leaf, behind 2000 others", MINT_SGX3, PCK_REVOKED, revoke_last,
	LEAF, ON_PCK),
    REVOKED("revoked-pck-high-serial", "the leaf, its serial number's top bit set", MINT_SGX3,
	PCK_REVOKED, revoke_high_serial, LEAF, ON_PCK),
    REVOKED("revoked-pck-short-serial", "the leaf, its serial number short", MINT_SGX3, PCK_REVOKED,
	revoke_short_serial, LEAF, ON_PCK),
    REVOKED("revoked-pck-suffix", "another serial number that ends as the leaf's", MINT_SGX3, OK,
	revoke_suffix, LEAF, ON_PCK),
    REVOKED("revoked-other", "another leaf", MINT_SGX3, OK, revoke, OTHER_LEAF, ON_PCK),
    REVOKED("revoked-pck-in-root-crl", "the leaf, by the root, which did not issue it", MINT_SGX3,
	OK, revoke, LEAF, ON_ROOT),
    REVOKED("revoked-ca", "the CA", MINT_SGX3, PCK_CA_REVOKED, revoke, CA, ON_ROOT),
    REVOKED("revoked-ca-tdx", "the CA, TD", MINT_TDX4, PCK_CA_REVOKED, revoke, CA, ON_ROOT),
    REVOKED("revoked-ca-hold", "the CA, with certificateHold", MINT_SGX3, PCK_CA_REVOKED,
	revoke_held, CA, ON_ROOT),
    REVOKED("revoked-ca-in-pck-crl", "the CA, by itself", MINT_SGX3, OK, revoke, CA, ON_PCK),
    REVOKED("revoked-other-ca", "the Processor CA", MINT_SGX3, OK, revoke, PROCESSOR, ON_ROOT),
    REVOKED("revoked-root", "the root, by itself", MINT_SGX3, OK, revoke, ROOT, ON_ROOT),
    REVOKED("revoked-tcb-signer", "the signer of both documents", MINT_SGX3, TCB_SIGNER_REVOKED,
	revoke, SIGNER, ON_ROOT),
    REVOKED("revoked-tcb-signer-tdx", "the same of a TD", MINT_TDX4, TCB_SIGNER_REVOKED, revoke,
	SIGNER, ON_ROOT),
    REVOKED("revoked-qi-signer", "the signer of the QE identity alone", MINT_SGX3,
	TCB_SIGNER_REVOKED, revoke_qi_signer, SIGNER, ON_ROOT),
};

bool
mint_cases_crl(struct mint_run *r, struct err *e)
{
	return run_lists(r, e) && MINT_RUN_TABLE(r, foreign, e) && MINT_RUN_TABLE(r, revoked, e);
}
