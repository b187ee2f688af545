/* Who signed what: the attestation key, the PCK key, the documents' signer; and signatures that are
 * odd in themselves. */
#include "mint/row.h"

static void
quote_signature(struct mint_world *w, const struct mint_row *row)
{
	w->quote.signature = (enum mint_sig)row->a;
}

static void
qe_signature(struct mint_world *w, const struct mint_row *row)
{
	w->quote.qe_signature = (enum mint_sig)row->a;
}

static void
ti_signature(struct mint_world *w, const struct mint_row *row)
{
	w->tcb_info_signing.kind = (enum mint_sig)row->a;
}

static void
qi_signature(struct mint_world *w, const struct mint_row *row)
{
	w->qe_identity_signing.kind = (enum mint_sig)row->a;
}

#define GOOD(name, what, kind, fn, sig)                                                            \
	{                                                                                          \
		name, what, kind, .bend = fn, .a = sig                                             \
	}
#define BAD(name, what, kind, why, fn, sig)                                                        \
	{                                                                                          \
		name, what, kind, REASON_##why, .bend = fn, .a = sig                               \
	}

static const struct mint_row numbers[] = {
    GOOD("sig-low-s", "s at most n/2", MINT_SGX3, quote_signature, MINT_SIG_LOW_S),
    GOOD("high-s-twin", "the twin (r, n-s), as valid", MINT_SGX3, quote_signature, MINT_SIG_HIGH_S),
    GOOD("sig-small-r", "r with many leading zeros", MINT_SGX3, quote_signature, MINT_SIG_SMALL_R),
    GOOD("sig-small-s", "s with many leading zeros", MINT_TDX4, quote_signature, MINT_SIG_SMALL_S),
    GOOD("sig-x-above-n", "the nonce point's x lies between n and p", MINT_TDX5_TD15,
	quote_signature, MINT_SIG_X_ABOVE_N),
    BAD("sig-r-plus-n", "r + n, congruent to a good r", MINT_SGX3, QUOTE_SIGNATURE, quote_signature,
	MINT_SIG_R_PLUS_N),
    BAD("sig-s-plus-n", "s + n, congruent to a good s", MINT_TDX4, QUOTE_SIGNATURE, quote_signature,
	MINT_SIG_S_PLUS_N),
    BAD("sig-zero-r", "r is 0", MINT_SGX3, QUOTE_SIGNATURE, quote_signature, MINT_SIG_ZERO_R),
    BAD("sig-zero-s", "s is 0", MINT_SGX3, QUOTE_SIGNATURE, quote_signature, MINT_SIG_ZERO_S),
    BAD("sig-zero", "both are 0", MINT_TDX4, QUOTE_SIGNATURE, quote_signature, MINT_SIG_ZERO),
    BAD("sig-s-is-n", "s is n", MINT_TDX4, QUOTE_SIGNATURE, quote_signature, MINT_SIG_S_IS_N),
    BAD("sig-flipped", "a bit of s", MINT_TDX5_TD15, QUOTE_SIGNATURE, quote_signature,
	MINT_SIG_FLIPPED),
    BAD("sig-sha384", "over a SHA-384 digest", MINT_SGX3, QUOTE_SIGNATURE, quote_signature,
	MINT_SIG_SHA384),
    BAD("qe-sig-sha384", "QE report: over a SHA-384 digest", MINT_TDX4, QE_REPORT_SIGNATURE,
	qe_signature, MINT_SIG_SHA384),
    BAD("ti-sig-sha384", "TCB info: over a SHA-384 digest", MINT_SGX3, TCB_INFO_SIGNATURE,
	ti_signature, MINT_SIG_SHA384),
    BAD("qi-sig-sha384", "QE identity: over a SHA-384 digest", MINT_TDX4, QE_IDENTITY_SIGNATURE,
	qi_signature, MINT_SIG_SHA384),
    GOOD("qe-sig-high-s", "QE report: s above n/2", MINT_SGX3, qe_signature, MINT_SIG_HIGH_S),
    BAD("qe-sig-zero", "QE report: r and s are 0", MINT_SGX3, QE_REPORT_SIGNATURE, qe_signature,
	MINT_SIG_ZERO),
    BAD("qe-sig-flipped", "QE report: a bit of s", MINT_TDX4, QE_REPORT_SIGNATURE, qe_signature,
	MINT_SIG_FLIPPED),
    GOOD("ti-sig-high-s", "TCB info: s above n/2", MINT_SGX3, ti_signature, MINT_SIG_HIGH_S),
    GOOD("ti-sig-low-s", "TCB info: s at most n/2", MINT_TDX4, ti_signature, MINT_SIG_LOW_S),
    BAD("ti-sig-zero", "TCB info: r and s are 0", MINT_SGX3, TCB_INFO_SIGNATURE, ti_signature,
	MINT_SIG_ZERO),
    BAD("ti-sig-flipped", "TCB info: a bit of s", MINT_TDX4, TCB_INFO_SIGNATURE, ti_signature,
	MINT_SIG_FLIPPED),
    GOOD("qi-sig-high-s", "QE identity: s above n/2", MINT_SGX3, qi_signature, MINT_SIG_HIGH_S),
    BAD("qi-sig-zero", "QE identity: r and s are 0", MINT_SGX3, QE_IDENTITY_SIGNATURE, qi_signature,
	MINT_SIG_ZERO),
    BAD("qi-sig-flipped", "QE identity: a bit of s", MINT_TDX4, QE_IDENTITY_SIGNATURE, qi_signature,
	MINT_SIG_FLIPPED),
};

/* -- the quote -- */

static void
other_key(struct mint_world *w, const struct mint_row *row)
{
	w->quote.signed_by = &w->keys->stranger;
}

static void
key_off_curve(struct mint_world *w, const struct mint_row *row)
{
	w->quote.key_off_curve = true;
}

static void
key_zero(struct mint_world *w, const struct mint_row *row)
{
	w->quote.key_zero = true;
}

static void
descriptor_unsigned(struct mint_world *w, const struct mint_row *row)
{
	w->quote.descriptor_unsigned = true;
}

static void
flip(struct mint_world *w, const struct mint_row *row)
{
	w->quote.flip = (size_t)row->a;
}

static void
qe_by_attestation_key(struct mint_world *w, const struct mint_row *row)
{
	w->quote.qe_signed_by = &w->keys->attestation;
}

static void
qe_by_other_platform(struct mint_world *w, const struct mint_row *row)
{
	w->quote.qe_signed_by = &w->keys->other_leaf;
}

static void
binding(struct mint_world *w, const struct mint_row *row)
{
	w->quote.binding = (enum mint_binding)row->a;
	w->quote.binding_tail = (uint8_t)row->b;
}

/* Offsets of the finished quote: the signature data begins behind the body and its length. */
enum { V3_DATA = 48 + 384 + 4, V4_DATA = 48 + 584 + 4 };

static const struct mint_row parts[] = {
    {"att-key-other", "signed by another key than the one bound", MINT_SGX3, REASON_QUOTE_SIGNATURE,
	.bend = other_key},
    {"att-key-other-tdx", "the same of a TD", MINT_TDX5_TD15, REASON_QUOTE_SIGNATURE,
	.bend = other_key},
    {"att-key-off-curve", "the attestation key is no point of P-256", MINT_SGX3,
	REASON_QUOTE_SIGNATURE, .bend = key_off_curve},
    {"att-key-zero", "the attestation key is all zero", MINT_TDX4, REASON_QUOTE_SIGNATURE,
	.bend = key_zero},
    {"v5-descriptor-unsigned", "format 5: the descriptor left out of what is signed",
	MINT_TDX5_TD15, REASON_QUOTE_SIGNATURE, .bend = descriptor_unsigned},
    {"flip-user-data", "a bit of the header's user data", MINT_SGX3, REASON_QUOTE_SIGNATURE,
	.bend = flip, .a = 30},
    {"flip-mrenclave", "a bit of MRENCLAVE", MINT_SGX3, REASON_QUOTE_SIGNATURE, .bend = flip,
	.a = 48 + MINT_SGX_MRENCLAVE},
    {"flip-mrtd", "a bit of MRTD", MINT_TDX4, REASON_QUOTE_SIGNATURE, .bend = flip, .a = 48 + 136},
    {"flip-report-data", "the last bit of the report data", MINT_TDX4, REASON_QUOTE_SIGNATURE,
	.bend = flip, .a = 48 + 583},
    {"flip-mrservicetd", "the last bit of MRSERVICETD", MINT_TDX5_TD15, REASON_QUOTE_SIGNATURE,
	.bend = flip, .a = 54 + 647},
    {"flip-qe-report", "a bit of the QE's report", MINT_SGX3, REASON_QE_REPORT_SIGNATURE,
	.bend = flip, .a = V3_DATA + 128 + 200},
    {"flip-qe-report-tdx", "a bit of the TD QE's report", MINT_TDX4, REASON_QE_REPORT_SIGNATURE,
	.bend = flip, .a = V4_DATA + 134 + 200},
    {"flip-key", "a bit of the attestation key", MINT_SGX3, REASON_QE_REPORT_DATA, .bend = flip,
	.a = V3_DATA + 64 + 10},
    {"flip-auth", "a bit of the QE's auth data", MINT_SGX3, REASON_QE_REPORT_DATA, .bend = flip,
	.a = V3_DATA + 578 + 5},
    {"flip-auth-tdx", "a bit of the TD QE's auth data", MINT_TDX4, REASON_QE_REPORT_DATA,
	.bend = flip, .a = V4_DATA + 134 + 450 + 5},
    {"qe-self-made", "the QE's report signed by the attestation key itself", MINT_SGX3,
	REASON_QE_REPORT_SIGNATURE, .bend = qe_by_attestation_key},
    {"qe-self-made-tdx", "the same of a TD QE", MINT_TDX4, REASON_QE_REPORT_SIGNATURE,
	.bend = qe_by_attestation_key},
    {"qe-other-platform", "the QE's report signed by another platform's PCK key", MINT_SGX3,
	REASON_QE_REPORT_SIGNATURE, .bend = qe_by_other_platform},
    {"qe-rd-wrong", "the QE's report data binds another key", MINT_SGX3, REASON_QE_REPORT_DATA,
	.bend = binding, .a = MINT_BINDS_NOTHING},
    {"qe-rd-wrong-tdx", "the same of a TD QE", MINT_TDX5_TD15, REASON_QE_REPORT_DATA,
	.bend = binding, .a = MINT_BINDS_NOTHING},
    {"qe-rd-no-auth", "the QE's report data binds the key without the auth data", MINT_SGX3,
	REASON_QE_REPORT_DATA, .bend = binding, .a = MINT_BINDS_KEY_ALONE},
    {"qe-rd-tail", "the second half of the QE's report data is not zero", MINT_SGX3,
	REASON_QE_REPORT_DATA, .bend = binding, .b = 1},
};

/* -- the documents -- */

static struct mint_doc_signing *
signing_of(struct mint_world *w, const struct mint_row *row)
{
	return row->a ? &w->qe_identity_signing : &w->tcb_info_signing;
}

static struct mint_chain *
chain_of(struct mint_world *w, const struct mint_row *row)
{
	return row->a ? &w->qe_chain : &w->tcb_chain;
}

static void
by_stranger(struct mint_world *w, const struct mint_row *row)
{
	signing_of(w, row)->by = &w->keys->stranger;
}

static void
by_platform_ca(struct mint_world *w, const struct mint_row *row)
{
	signing_of(w, row)->by = &w->keys->platform_ca;
	chain_of(w, row)->cert[0] = &w->platform_ca;
}

static void
by_root(struct mint_world *w, const struct mint_row *row)
{
	signing_of(w, row)->by = &w->keys->root;
	*chain_of(w, row) = (struct mint_chain){
	    .cert = {&w->root}, .n = 1, .form = MINT_CHAIN_PLAIN};
}

/* The root twice, so that the chain has its two certificates. */
static void
by_root_twice(struct mint_world *w, const struct mint_row *row)
{
	signing_of(w, row)->by = &w->keys->root;
	chain_of(w, row)->cert[0] = &w->root;
}

static void
by_leaf(struct mint_world *w, const struct mint_row *row)
{
	signing_of(w, row)->by = &w->keys->leaf;
	chain_of(w, row)->cert[0] = &w->leaf;
}

/* With everything that the leaf hangs from, which is a sound chain, of another purpose. */
static void
by_leaf_chain(struct mint_world *w, const struct mint_row *row)
{
	signing_of(w, row)->by = &w->keys->leaf;
	*chain_of(w, row) = w->pck_chain;
	chain_of(w, row)->form = MINT_CHAIN_PLAIN;
}

static void
spelled(struct mint_world *w, const struct mint_row *row)
{
	signing_of(w, row)->text = row->edit[0].to;
}

static void
spelled_upper(struct mint_world *w, const struct mint_row *row)
{
	signing_of(w, row)->upper = true;
}

#define ZEROS_32 "0000000000000000000000000000000000000000000000000000000000000000"
#define DOC(name, what, why, fn, which)                                                            \
	{                                                                                          \
		name, what, MINT_SGX3, REASON_##why, .bend = fn, .a = which                        \
	}

static const struct mint_row documents[] = {
    DOC("ti-forged", "TCB info signed by another key", TCB_INFO_SIGNATURE, by_stranger, 0),
    DOC("qi-forged", "QE identity signed by another key", QE_IDENTITY_SIGNATURE, by_stranger, 1),
    DOC("tcb-signed-by-pckca", "TCB info signed by the Platform CA", CERT_CHAIN, by_platform_ca, 0),
    DOC("qi-signed-by-pckca", "QE identity signed by the Platform CA", CERT_CHAIN, by_platform_ca,
	1),
    DOC("tcb-signed-by-root", "TCB info signed by the root", CERT_CHAIN, by_root, 0),
    DOC("qi-signed-by-root", "QE identity signed by the root", CERT_CHAIN, by_root, 1),
    DOC("tcb-signed-by-root-twice", "TCB info signed by the root, in a chain of it twice",
	CERT_CHAIN, by_root_twice, 0),
    DOC("tcb-signed-by-leaf", "TCB info signed by the PCK key, chain of leaf and root", CERT_CHAIN,
	by_leaf, 0),
    DOC("tcb-signed-by-leaf-chain", "TCB info signed by the PCK key, with its chain", CERT_CHAIN,
	by_leaf_chain, 0),
    DOC("qi-signed-by-leaf", "QE identity signed by the PCK key", CERT_CHAIN, by_leaf, 1),
    DOC("ti-sig-upper", "TCB info: signature in upper-case hex", OK, spelled_upper, 0),
    DOC("qi-sig-upper", "QE identity: signature in upper-case hex", OK, spelled_upper, 1),
    {"ti-sig-short", "TCB info: signature of 32 bytes", MINT_SGX3, REASON_TCB_INFO_MALFORMED,
	.bend = spelled, .edit = {{NULL, ZEROS_32}}},
    {"ti-sig-long", "TCB info: signature of 65 bytes", MINT_SGX3, REASON_TCB_INFO_MALFORMED,
	.bend = spelled, .edit = {{NULL, ZEROS_32 ZEROS_32 "00"}}},
    {"ti-sig-prefix", "TCB info: signature with 0x in front", MINT_SGX3, REASON_TCB_INFO_MALFORMED,
	.bend = spelled, .edit = {{NULL, "0x" ZEROS_32 ZEROS_32}}},
    {"qi-sig-short", "QE identity: signature of 32 bytes", MINT_SGX3, REASON_QE_IDENTITY_MALFORMED,
	.bend = spelled, .a = 1, .edit = {{NULL, ZEROS_32}}},
};

bool
mint_cases_signature(struct mint_run *r, struct err *e)
{
	return MINT_RUN_TABLE(r, numbers, e) && MINT_RUN_TABLE(r, parts, e)
	       && MINT_RUN_TABLE(r, documents, e);
}
