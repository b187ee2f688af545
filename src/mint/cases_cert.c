/* Certificates: extensions, constraints, names, signatures; and the PCK leaf's SGX extension. */
#include "mint/row.h"

#include <stdio.h>

static struct mint_cert *
role(struct mint_world *w, long i)
{
	struct mint_cert *const all[] = {&w->leaf, &w->platform_ca, &w->root, &w->signer};

	return all[i];
}

static const char *const role_names[] = {"leaf", "ca", "root", "tcb-signer"};
enum { LEAF, CA, ROOT, SIGNER, ROLES };

static void
without(struct mint_world *w, const struct mint_row *row)
{
	role(w, row->a)->without = (unsigned)row->b;
}

static void
quirk(struct mint_world *w, const struct mint_row *row)
{
	role(w, row->a)->quirks = (unsigned)row->b;
}

/* What holds of every certificate, whatever its role. */
static MUST_CHECK bool
run_roles(struct mint_run *r, struct err *e)
{
	static const struct {
		const char *name, *what;
		void (*bend)(struct mint_world *w, const struct mint_row *row);
		long value;
		enum reason reason;
	} all[] = {
	    {"no-aki", "without authority key identifier", without, MINT_EXT_AKI,
		REASON_CERT_MALFORMED},
	    {"no-cdp", "without CRL distribution points", without, MINT_EXT_CDP,
		REASON_CERT_MALFORMED},
	    {"no-ski", "without subject key identifier", without, MINT_EXT_SKI,
		REASON_CERT_MALFORMED},
	    {"no-ku", "without key usage", without, MINT_EXT_KU, REASON_CERT_MALFORMED},
	    {"no-bc", "without basic constraints", without, MINT_EXT_BC, REASON_CERT_MALFORMED},
	    {"unknown-critical", "with an unknown critical extension", quirk,
		MINT_CERT_UNKNOWN_CRITICAL, REASON_CERT_MALFORMED},
	    {"unknown-ext", "with an unknown extension that is not critical", quirk,
		MINT_CERT_UNKNOWN, REASON_OK},
	    {"sha384", "signed with ecdsa-with-SHA384", quirk, MINT_CERT_SHA384,
		REASON_CERT_MALFORMED},
	    {"algorithm-outside", "SHA-384 named outside the signed part alone", quirk,
		MINT_CERT_OUTSIDE, REASON_CERT_MALFORMED},
	    {"algorithm-inside", "SHA-384 named inside the signed part alone", quirk,
		MINT_CERT_INSIDE, REASON_CERT_MALFORMED},
	    {"long-length", "a length with a needless octet", quirk, MINT_CERT_LONG_LENGTH,
		REASON_CERT_MALFORMED},
	    {"explicit-curve", "the key's curve in parameters (CVE-2020-0601)", quirk,
		MINT_CERT_EXPLICIT_CURVE, REASON_CERT_MALFORMED},
	    {"trailing", "a byte behind the DER", quirk, MINT_CERT_TRAILING, REASON_CERT_MALFORMED},
	    {"bc-twice", "basic constraints twice", quirk, MINT_CERT_BC_TWICE,
		REASON_CERT_MALFORMED},
	    {"time-offset", "times with a zone of +0000", quirk, MINT_CERT_TIME_OFFSET,
		REASON_CERT_MALFORMED},
	    {"flipped", "a bit of the serial number flipped after signing", quirk,
		MINT_CERT_FLIPPED, REASON_CERT_SIGNATURE},
	};
	char name[64], what[128];

	for (int i = 0; i < ROLES; i++)
		for (size_t k = 0; k < sizeof all / sizeof all[0]; k++) {
			struct mint_row row = {name, what, i % 2 ? MINT_TDX4 : MINT_SGX3,
			    all[k].reason, .bend = all[k].bend, .a = i, .b = all[k].value};

			snprintf(name, sizeof name, "%s-%s", role_names[i], all[k].name);
			snprintf(what, sizeof what, "%s %s", role_names[i], all[k].what);
			if (!mint_run_row(r, &row, e))
				return false;
		}
	return true;
}

/* -- names, keys, rights -- */

static void
is_ca(struct mint_world *w, const struct mint_row *row)
{
	role(w, row->a)->is_ca = row->b;
}

static void
usage(struct mint_world *w, const struct mint_row *row)
{
	role(w, row->a)->usage = (uint8_t)row->b;
}

static void
subject(struct mint_world *w, const struct mint_row *row)
{
	role(w, row->a)->subject = row->edit[0].to;
}

/* Signed by the key that the row names, whatever its issuer's name says. */
enum key { STRANGER, BY_ROOT, BY_SELF };

static void
signed_by(struct mint_world *w, const struct mint_row *row)
{
	struct mint_cert *c = role(w, row->a);

	c->forger = row->b == STRANGER  ? &w->keys->stranger
		    : row->b == BY_ROOT ? &w->keys->root
					: c->key;
}

static void
leaf_of_root(struct mint_world *w, const struct mint_row *row)
{
	w->leaf.issuer = w->root.subject;
	w->leaf.by = &w->keys->root;
}

static void
leaf_of_other_ca(struct mint_world *w, const struct mint_row *row)
{
	w->leaf.issuer = w->processor_ca.subject;
}

/* The CA renamed, and all that names it. */
static void
third_ca(struct mint_world *w, const struct mint_row *row)
{
	w->platform_ca.subject = "Intel SGX PCK Other CA";
	w->leaf.issuer = w->pck_crl.issuer = w->platform_ca.subject;
}

/* Without the CRL's issuer chain, so that the quote's own chain is what is judged. */
static void
ca_no_crlsign(struct mint_world *w, const struct mint_row *row)
{
	w->omit = "pck_crl_issuer_chain";
	w->platform_ca.usage = MINT_CERT_SIGN;
}

static void
high_serial(struct mint_world *w, const struct mint_row *row)
{
	w->leaf.serial[1] |= 0x80;
}

#define SIGNED_BY(name, what, kind, who, key)                                                      \
	{                                                                                          \
		name, what, kind, REASON_CERT_SIGNATURE, .bend = signed_by, .a = who, .b = key     \
	}
#define NO_RIGHT(name, what, fn, who, value)                                                       \
	{                                                                                          \
		name, what, MINT_SGX3, REASON_CERT_CHAIN, .bend = fn, .a = who, .b = value         \
	}
#define NAMED(name, what, who, cn)                                                                 \
	{                                                                                          \
		name, what, MINT_SGX3, REASON_CERT_CHAIN, .bend = subject, .a = who, .edit = {     \
			{NULL, cn}                                                                 \
		}                                                                                  \
	}

static const struct mint_row profile[] = {
    SIGNED_BY("leaf-signed-by-evil", "leaf signed by an unknown key", MINT_SGX3, LEAF, STRANGER),
    SIGNED_BY("leaf-signed-by-evil-tdx", "the same of a TD", MINT_TDX4, LEAF, STRANGER),
    SIGNED_BY("leaf-signed-by-root", "leaf signed by the root in the CA's name", MINT_SGX3, LEAF,
	BY_ROOT),
    SIGNED_BY("leaf-signed-by-self", "leaf signed by its own key", MINT_SGX3, LEAF, BY_SELF),
    SIGNED_BY("ca-signed-by-evil", "CA signed by an unknown key", MINT_SGX3, CA, STRANGER),
    SIGNED_BY("ca-signed-by-self", "CA signed by its own key", MINT_TDX5_TD15, CA, BY_SELF),
    SIGNED_BY("tcb-signer-signed-by-evil", "TCB signer signed by an unknown key", MINT_SGX3, SIGNER,
	STRANGER),
    SIGNED_BY("root-signed-by-evil", "root signed by an unknown key", MINT_SGX3, ROOT, STRANGER),
    NO_RIGHT("leaf-is-ca", "leaf is a CA", is_ca, LEAF, 1),
    NO_RIGHT("ca-not-ca", "CA is none by its basic constraints", is_ca, CA, 0),
    NO_RIGHT("ca-no-certsign", "CA may not sign certificates", usage, CA, MINT_CRL_SIGN),
    {"ca-no-crlsign", "CA may not sign CRLs", MINT_SGX3, REASON_CERT_CHAIN, .bend = ca_no_crlsign},
    NO_RIGHT("tcb-signer-is-ca", "TCB signer is a CA", is_ca, SIGNER, 1),
    NO_RIGHT("tcb-signer-no-digsig", "TCB signer may not sign documents", usage, SIGNER,
	MINT_NON_REPUDIATION),
    NAMED("tcb-signer-cn", "TCB signer named \"Intel SGX Signing\"", SIGNER, "Intel SGX Signing"),
    NAMED("leaf-cn", "leaf named \"Intel SGX Certificate\"", LEAF, "Intel SGX Certificate"),
    {"leaf-of-root", "leaf issued by the root", MINT_SGX3, REASON_CERT_CHAIN, .bend = leaf_of_root},
    {"leaf-of-other-ca", "leaf names the Processor CA, signed by the Platform CA", MINT_SGX3,
	REASON_CERT_CHAIN, .bend = leaf_of_other_ca},
    {"leaf-of-third-ca", "CA that is neither Processor nor Platform", MINT_SGX3, REASON_CERT_CHAIN,
	.bend = third_ca},
    {"leaf-issuer-spelling", "the leaf's issuer is the CA's name in another string type", MINT_SGX3,
	REASON_CERT_CHAIN, .bend = quirk, .a = LEAF, .b = MINT_CERT_ISSUER_SPELLING},
    {"leaf-compressed-key", "the leaf's key as a compressed point", MINT_SGX3,
	REASON_CERT_MALFORMED, .bend = quirk, .a = LEAF, .b = MINT_CERT_COMPRESSED},
    {"leaf-high-serial", "leaf whose serial number's top bit is set", MINT_SGX3,
	.bend = high_serial},
};

/* -- the SGX extension -- */

static void
sgx_quirk(struct mint_world *w, const struct mint_row *row)
{
	w->sgx.quirks = (unsigned)row->a;
}

static void
sgx_without(struct mint_world *w, const struct mint_row *row)
{
	w->sgx.without = 1u << row->a;
}

static void
component(struct mint_world *w, const struct mint_row *row)
{
	w->sgx.component[row->a] = (int32_t)row->b;
}

static void
sgx_pcesvn(struct mint_world *w, const struct mint_row *row)
{
	w->sgx.pcesvn = (int32_t)row->a;
}

static void
sgx_type(struct mint_world *w, const struct mint_row *row)
{
	w->sgx.type = (int32_t)row->a;
}

static void
cpusvn_differs(struct mint_world *w, const struct mint_row *row)
{
	w->sgx.other_cpusvn = true;
	memset(w->sgx.cpusvn, 1, sizeof w->sgx.cpusvn);
}

#define EXT(name, what, fn, ...)                                                                   \
	{                                                                                          \
		name, what, MINT_SGX3, REASON_SGX_EXTENSION, .bend = fn, __VA_ARGS__               \
	}

static const struct mint_row extension[] = {
    EXT("leaf-no-sgx", "leaf without the extension", without, .a = LEAF, .b = MINT_EXT_SGX),
    EXT("ext-no-ppid", "without PPID", sgx_without, .a = 1),
    EXT("ext-no-tcb", "without TCB", sgx_without, .a = 2),
    EXT("ext-no-pceid", "without PCE-ID", sgx_without, .a = 3),
    EXT("ext-no-fmspc", "without FMSPC", sgx_without, .a = 4),
    EXT("ext-no-type", "without SGX type", sgx_without, .a = 5),
    {"ext-no-instance", "without platform instance id, which is optional", MINT_SGX3,
	.bend = sgx_without, .a = 6},
    EXT("ext-tcb-17", "TCB of 17 elements", sgx_quirk, .a = MINT_SGX_TCB_17),
    EXT("ext-tcb-19", "TCB of 19 elements", sgx_quirk, .a = MINT_SGX_TCB_19),
    EXT("ext-tcb-dup", "component 2 replaced by a second component 1", sgx_quirk,
	.a = MINT_SGX_TCB_REPEATED),
    EXT("ext-fmspc-twice", "FMSPC twice", sgx_quirk, .a = MINT_SGX_FMSPC_TWICE),
    EXT("ext-fmspc-short", "FMSPC of five bytes", sgx_quirk, .a = MINT_SGX_FMSPC_SHORT),
    EXT("ext-fmspc-long", "FMSPC of seven bytes", sgx_quirk, .a = MINT_SGX_FMSPC_LONG),
    EXT("ext-fmspc-integer", "FMSPC as an INTEGER", sgx_quirk, .a = MINT_SGX_FMSPC_INTEGER),
    EXT("ext-cpusvn-short", "CPUSVN of 15 bytes", sgx_quirk, .a = MINT_SGX_CPUSVN_SHORT),
    EXT("ext-pair-trailing", "a second value behind FMSPC's", sgx_quirk,
	.a = MINT_SGX_PAIR_TRAILING),
    EXT("ext-nested", "an element more, sequences deep inside one another", sgx_quirk,
	.a = MINT_SGX_NESTED),
    EXT("ext-trailing", "a byte behind the extension", sgx_quirk, .a = MINT_SGX_TRAILING),
    EXT("ext-long-integer", "component 1 with a needless zero in front", sgx_quirk,
	.a = MINT_SGX_LONG_INTEGER),
    {"ext-order", "elements in the opposite order", MINT_SGX3, .bend = sgx_quirk,
	.a = MINT_SGX_REVERSED},
    EXT("ext-comp-256", "a component of 256", component, .a = 5, .b = 256),
    EXT("ext-comp-negative", "a component of -1", component, .a = 5, .b = -1),
    EXT("ext-pcesvn-65536", "PCESVN of 65536", sgx_pcesvn, .a = 65536),
    EXT("ext-pcesvn-negative", "PCESVN of -1", sgx_pcesvn, .a = -1),
    EXT("ext-type-3", "SGX type 3", sgx_type, .a = 3),
    {"ext-type-2", "SGX type 2", MINT_SGX3, .bend = sgx_type, .a = 2},
    {"ext-type-0", "SGX type 0", MINT_SGX3, .bend = sgx_type, .a = 0},
    {"cpusvn-differs", "CPUSVN lower than the components, which alone are compared", MINT_SGX3,
	.bend = cpusvn_differs},
};

bool
mint_cases_cert(struct mint_run *r, struct err *e)
{
	return run_roles(r, e) && MINT_RUN_TABLE(r, profile, e) && MINT_RUN_TABLE(r, extension, e);
}
