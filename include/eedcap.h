/* eedcap.h - verify Intel DCAP ECDSA quotes (SGX and TDX; quote versions 3, 4 and 5) away from
 * the platform that made them. Needs libcrypto alone. Does no I/O, reads no clock and keeps no
 * global state: bytes, time, policy and the trusted root come in as arguments, a verdict comes out.
 *
 * Four kinds of handle:
 *   context     the trusted root, and what need not be computed twice; optional
 *   collateral  what Intel says beside a quote, parsed and checked once
 *   quote       one quote, parsed, and where it says so shown to be an Intel platform's
 *   verdict     what a quote is worth under that collateral, at one time, to one policy
 *
 * Threads: quotes, collateral and verdicts never change once made, so any number of threads may read
 * one; a context may be used by any number at once and locks itself. Handles copy what they need
 * from the caller's bytes. Each has one `_free`, which takes NULL; the caller calls it when nobody
 * uses the handle any more. What an accessor returns is borrowed and lives as long as the handle.
 *
 * Memory: nothing is allocated on the word of a length that was received. A quote is refused above
 * EEDCAP_QUOTE_MAX bytes, collateral above EEDCAP_COLLATERAL_MAX as JSON. A verification of a quote
 * of n bytes takes at most EEDCAP_VERIFY_MEMORY(n) while it runs, parsing collateral of n bytes at
 * most EEDCAP_COLLATERAL_MEMORY(n); libcrypto's own objects, some 8 KiB for each thread that
 * verifies, come on top. Where memory runs out the call says EEDCAP_NO_MEMORY and leaves nothing
 * behind.
 *
 * Errors: every `struct eedcap_error *` may be NULL, and says "ok" where nothing is wrong.
 *
 * A verdict proves nothing about what runs in the TEE until the caller has compared the
 * registers and the report data with what it expects. */
#ifndef EEDCAP_H
#define EEDCAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of this header. Within 0.x a struct may grow with a new minor version, and the
 * library's soname changes then. */
#define EEDCAP_VERSION_MAJOR 0
#define EEDCAP_VERSION_MINOR 1
#define EEDCAP_VERSION_PATCH 0

/* -- errors -- */

/* What kind of refusal it is. The values are the exit codes of `eectl verify`. */
enum eedcap_class {
	EEDCAP_OK = 0,
	EEDCAP_USAGE = 1, /* the call is wrong */
	EEDCAP_MALFORMED = 2, /* quote or collateral breaks its format, or is of an unknown kind */
	EEDCAP_UNTRUSTED = 3, /* a signature, chain, binding or revocation check failed */
	EEDCAP_EXPIRED = 4, /* something is expired or not yet valid */
	EEDCAP_TCB = 5, /* TCB status not accepted, revoked, or no level matches */
	EEDCAP_POLICY = 6, /* authentic, but the policy refuses it */
	EEDCAP_NO_MEMORY = 7
};

struct eedcap_error {
	enum eedcap_class kind;
	char reason[48]; /* a token, e.g. "pck_revoked"; "ok" where nothing is wrong */
	char detail[160]; /* for a log */
};

/* -- limits -- */

#define EEDCAP_QUOTE_MAX      65536u
#define EEDCAP_COLLATERAL_MAX 8388608u

#define EEDCAP_VERIFY_MEMORY(n)     (131072u + 4u * (size_t)(n))
#define EEDCAP_COLLATERAL_MEMORY(n) (65536u + 128u * (size_t)(n))

/* -- trusted root and context -- */

#define EEDCAP_ROOT_KEY_SIZE 65

/* Read the public key (uncompressed P-256 point) out of a self-signed root certificate, PEM or
 * DER, for eedcap_context_new. The certificate must have the profile of Intel's root (RFC 5280: key
 * identifiers, key usage, basic constraints, a CRL distribution point). */
bool eedcap_root_key(
    const void *cert, size_t n, uint8_t key[EEDCAP_ROOT_KEY_SIZE], struct eedcap_error *e);

/* A context holds the trusted root and remembers what stays true: that a signature over these bytes
 * by this key holds, and what a certificate chain says. It remembers no verdict: validity at the
 * time given, revocation, TCB levels and policy are judged anew by every call, so nothing that it
 * knows can be outdated. Wherever a context is asked for NULL may stand: Intel's root, and nothing
 * remembered. */
struct eedcap_context;

/* Make a context that remembers up to `platforms` platforms (0: none) and forgets the one unused for
 * longest. All that it remembers with, 56 KiB and some 1.4 KiB for each platform, is allocated here,
 * and touched as it fills. root_key NULL: the public key of Intel's SGX root. NULL, with *e set,
 * where there is no memory, the key is no point of the curve, or `platforms` is above 2^24. */
struct eedcap_context *eedcap_context_new(
    const uint8_t *root_key, size_t platforms, struct eedcap_error *e);
void eedcap_context_free(struct eedcap_context *ctx);

/* What a context has done since it was made. */
struct eedcap_stats {
	uint64_t signatures_verified; /* ECDSA verifications: what verification costs */
	uint64_t signatures_known; /* signatures that were remembered to hold */
	uint64_t chains_read; /* PCK chains that were parsed */
	uint64_t chains_known; /* PCK chains that were remembered */
};
void eedcap_context_stats(struct eedcap_context *ctx, struct eedcap_stats *out);

/* -- quotes -- */

struct eedcap_quote;

enum eedcap_tee { EEDCAP_SGX = 0, EEDCAP_TDX = 0x81 };
enum eedcap_ca { EEDCAP_CA_PROCESSOR = 1, EEDCAP_CA_PLATFORM = 2 };

/* What the PCK certificate says of the platform. */
struct eedcap_platform {
	uint8_t fmspc[6];
	uint8_t pceid[2];
	uint16_t pcesvn;
	uint8_t components[16]; /* SGX TCB component SVNs */
	uint8_t cpusvn[16];
	uint8_t ppid[16]; /* names one machine: hash it before it is kept or shown */
	enum eedcap_ca ca; /* which CA issued the leaf, hence which PCK CRL is needed */
	uint8_t sgx_type; /* 0 standard, 1 scalable, 2 scalable with integrity */
	bool has_instance_id; /* and the three flags; Platform CA certificates only */
	uint8_t instance_id[16];
	int8_t dynamic_platform, cached_keys, smt_enabled; /* -1: not stated */
	char root_crl_url[160]; /* CRL distribution point of the chain's root; "" where absent */
};

/* Parse a quote and nothing more: nothing of it is to be trusted. NULL, with *e set, where it is
 * malformed. Bytes behind the quote are tolerated and counted. */
struct eedcap_quote *eedcap_quote_inspect(const void *quote, size_t n, struct eedcap_error *e);

/* Parse a quote and check everything that needs no collateral: PCK chain up to the root, the
 * chain's validity at now_s (seconds since 1970), QE report signature, attestation key binding,
 * quote signature. Revocation, TCB and policy stay unchecked, so this is no verdict: it tells
 * a stranger's bytes from those of an Intel platform before anything is fetched for them. Quotes
 * that hold no chain (certification data types 1 to 4) are refused here: eedcap_verify takes them.
 * eedcap_judge does the rest, and does not check again what this has checked. */
struct eedcap_quote *eedcap_authenticate(
    struct eedcap_context *ctx, const void *quote, size_t n, int64_t now_s, struct eedcap_error *e);

void eedcap_quote_free(struct eedcap_quote *q);

unsigned eedcap_quote_version(const struct eedcap_quote *q); /* 3, 4 or 5 */
enum eedcap_tee eedcap_quote_tee(const struct eedcap_quote *q);
unsigned eedcap_quote_body_type(const struct eedcap_quote *q); /* 1 SGX, 2 TD 1.0, 3, 4 TD 1.5 */
const uint8_t *eedcap_quote_report_data(const struct eedcap_quote *q); /* 64 bytes */
/* Bytes that lie behind the quote, outside every signature. */
size_t eedcap_quote_trailing(const struct eedcap_quote *q);
/* SHA-256 of the signed part: the only digest that names a quote (the rest is malleable). */
const uint8_t *eedcap_quote_digest(const struct eedcap_quote *q); /* 32 bytes */
/* Certification data type: 5 holds the PCK chain; 1 to 4 need it beside the collateral. */
unsigned eedcap_quote_cert_type(const struct eedcap_quote *q);

/* A register by its name; false, with nothing written, where this quote has none of that name. TDX: mrtd, rtmr0 to
 * rtmr3, mrseam, mrsignerseam, seamattributes, tdattributes, xfam, mrconfigid, mrowner,
 * mrownerconfig, tee_tcb_svn, and from 1.5 on tee_tcb_svn2 and mrservicetd. SGX: mrenclave,
 * mrsigner, isvprodid, isvsvn, attributes, miscselect, cpusvn, configid, configsvn, isvextprodid,
 * isvfamilyid. Bytes are as they lie in the quote; isvprodid, isvsvn and configsvn are thus
 * little-endian. */
bool eedcap_quote_register(
    const struct eedcap_quote *q, const char *name, const uint8_t **p, size_t *n);
/* The i-th register and its name, in the order of the quote; false, with nothing written, past
 * the last. */
bool eedcap_quote_register_at(
    const struct eedcap_quote *q, size_t i, const char **name, const uint8_t **p, size_t *n);

/* Every other field, for display: the QE report's fields, header, key, signatures, certification
 * data. Same contract. */
bool eedcap_quote_field_at(
    const struct eedcap_quote *q, size_t i, const char **name, const uint8_t **p, size_t *n);

/* What the leaf of the chain inside the quote says; false, with *e set, where there is none or it
 * is malformed. As trustworthy as the quote handle it is read from. */
bool eedcap_quote_platform(
    const struct eedcap_quote *q, struct eedcap_platform *out, struct eedcap_error *e);

/* -- collateral -- */

struct eedcap_collateral;

struct eedcap_bytes {
	const void *p;
	size_t n;
};

/* Collateral in parts, as the PCS or a PCCS delivers them. Chains: PEM, percent-decoded. CRLs:
 * DER, PEM or hex. tcb_info and qe_identity: either the whole answer body, with the signature
 * member left empty here, or the inner object's exact bytes and the signature as 128 hex digits.
 * Optional: pck_crl_issuer_chain, and pck_certificate_chain for quotes that hold no chain. */
struct eedcap_collateral_parts {
	struct eedcap_bytes root_ca_crl, pck_crl, pck_crl_issuer_chain;
	struct eedcap_bytes tcb_info, tcb_info_signature, tcb_info_issuer_chain;
	struct eedcap_bytes qe_identity, qe_identity_signature, qe_identity_issuer_chain;
	struct eedcap_bytes pck_certificate_chain;
};

/* Parse collateral and check all of it that does not depend on a quote or the time: chains up to
 * the context's root, signatures of both documents and of the root CRL, grammar. Verifications then
 * reuse the work. The handle does not hold on to the context. NULL, with *e set, on any failure. A chain is refused
 * above 32 KiB, a CRL above 1 MiB, a document above 2 MiB, the whole above EEDCAP_COLLATERAL_MAX as
 * eedcap_collateral_write would write it. */
struct eedcap_collateral *eedcap_collateral_from_parts(struct eedcap_context *ctx,
    const struct eedcap_collateral_parts *parts, struct eedcap_error *e);

/* The same from one JSON object with the members pck_crl_issuer_chain, root_ca_crl, pck_crl,
 * tcb_info_issuer_chain, tcb_info, tcb_info_signature, qe_identity_issuer_chain, qe_identity,
 * qe_identity_signature and, optionally, pck_certificate_chain, all strings. */
struct eedcap_collateral *eedcap_collateral_parse(
    struct eedcap_context *ctx, const void *json, size_t n, struct eedcap_error *e);

void eedcap_collateral_free(struct eedcap_collateral *c);

/* Write the JSON object that eedcap_collateral_parse reads, NUL-terminated, and return its length
 * without the NUL; where that is not below `size`, nothing useful was written (as snprintf). 0
 * where there is no memory. */
size_t eedcap_collateral_write(const struct eedcap_collateral *c, char *dst, size_t size);

const uint8_t *eedcap_collateral_fmspc(const struct eedcap_collateral *c); /* 6 bytes */
enum eedcap_tee eedcap_collateral_tee(const struct eedcap_collateral *c);
/* When the first of its parts expires, and when the last began: usable from start to expiry. */
int64_t eedcap_collateral_expiry(const struct eedcap_collateral *c);
int64_t eedcap_collateral_start(const struct eedcap_collateral *c);
/* The documents' tcbEvaluationDataNumber, and the lower of the two. */
uint32_t eedcap_collateral_tcb_info_number(const struct eedcap_collateral *c);
uint32_t eedcap_collateral_qe_identity_number(const struct eedcap_collateral *c);
uint32_t eedcap_collateral_evaluation_number(const struct eedcap_collateral *c);

/* Its four items, each issued, signed and renewed on its own. */
enum eedcap_item { EEDCAP_ROOT_CA_CRL, EEDCAP_PCK_CRL, EEDCAP_TCB_INFO, EEDCAP_QE_IDENTITY };
#define EEDCAP_ITEMS 4

struct eedcap_item_facts {
	int64_t issued; /* issueDate, thisUpdate: seconds since 1970 */
	int64_t
	    expiry; /* usable up to this second; of a document its signer's validity counts too */
	uint32_t evaluation_number; /* documents; 0 for CRLs */
	enum eedcap_tee tee; /* documents only */
	enum eedcap_ca ca; /* the PCK CRL only; 0 where its issuer is neither of the two */
	bool tee_known; /* a document that is for no TEE's quoting enclave has no tee */
};

/* What an item says of itself. `item` is one of the four. */
void eedcap_collateral_item(
    const struct eedcap_collateral *c, enum eedcap_item item, struct eedcap_item_facts *out);

/* -- verdicts -- */

enum eedcap_status {
	EEDCAP_STATUS_NONE = 0, /* not evaluated, or not applicable */
	EEDCAP_UP_TO_DATE,
	EEDCAP_SW_HARDENING_NEEDED,
	EEDCAP_CONFIGURATION_NEEDED,
	EEDCAP_CONFIGURATION_AND_SW_HARDENING_NEEDED,
	EEDCAP_OUT_OF_DATE,
	EEDCAP_OUT_OF_DATE_CONFIGURATION_NEEDED,
	EEDCAP_TD_RELAUNCH_ADVISED,
	EEDCAP_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED,
	EEDCAP_REVOKED
};

/* Intel's spelling ("UpToDate"); NULL for EEDCAP_STATUS_NONE. */
const char *eedcap_status_name(enum eedcap_status s);
/* The status of that spelling, or EEDCAP_STATUS_NONE. */
enum eedcap_status eedcap_status_find(const char *name);

/* Bits for eedcap_policy.accept. Revoked is never accepted. */
#define EEDCAP_ACCEPT(status) (1u << (status))
#define EEDCAP_ACCEPT_ANY     0x1feu

/* Bits for eedcap_policy.flags. */
#define EEDCAP_ALLOW_DEBUG             0x01u /* a debug enclave or debug TD keeps no secret */
#define EEDCAP_ALLOW_OTHER_ATTRIBUTES  0x02u /* TD: other untrusted (1 to 7) and undefined bits */
#define EEDCAP_DENY_MIGRATABLE         0x04u /* TD: refuse attribute MIGRATABLE */
#define EEDCAP_DENY_SERVICE_TD         0x08u /* TD 1.5: refuse a bound service TD */
#define EEDCAP_REQUIRE_SEPT_VE_DISABLE 0x10u /* TD: refuse where it is not set */
#define EEDCAP_DENY_TRAILING           0x20u /* refuse bytes behind the quote */
#define EEDCAP_ALLOW_EXPIRED           0x40u /* archives: judge although now_s lies outside a window */

/* All zero, or NULL for the pointer: UpToDate alone, no debug, no undefined attribute. A bit that has
 * no meaning here makes the verdict EEDCAP_USAGE: it might have refused something. */
struct eedcap_policy {
	uint32_t accept; /* EEDCAP_ACCEPT bits; 0 means UpToDate alone */
	uint32_t flags;
	uint32_t min_evaluation_number; /* floor against replayed old collateral; 0: none */
	int64_t min_tcb_date; /* floor of the TCB date, seconds since 1970; 0: none */
};

struct eedcap_verdict;

/* Verify a quote at now_s (seconds since 1970). The context must have the root that the collateral
 * was checked with; else the verdict says EEDCAP_USAGE. NULL only where there is no memory. */
struct eedcap_verdict *eedcap_verify(struct eedcap_context *ctx, const void *quote, size_t n,
    const struct eedcap_collateral *c, int64_t now_s, const struct eedcap_policy *policy);

/* The same for a quote that is parsed already. What eedcap_authenticate has checked under the same
 * root is not checked again, whatever the collateral: so a quote can be judged anew, without one
 * signature, when collateral, time or policy have changed. q must outlive the verdict. */
struct eedcap_verdict *eedcap_judge(struct eedcap_context *ctx, const struct eedcap_quote *q,
    const struct eedcap_collateral *c, int64_t now_s, const struct eedcap_policy *policy);
void eedcap_verdict_free(struct eedcap_verdict *v);

/* Authentic, in time, and taken by the policy. The one question that most callers have. */
bool eedcap_verdict_accepted(const struct eedcap_verdict *v);
/* Signatures, chains, bindings and revocation hold, and everything is within its time (or the
 * policy has EEDCAP_ALLOW_EXPIRED). */
bool eedcap_verdict_authentic(const struct eedcap_verdict *v);
/* Authentic, and everything is within its time: false where EEDCAP_ALLOW_EXPIRED was needed. */
bool eedcap_verdict_in_time(const struct eedcap_verdict *v);
/* Why it was not accepted; reason "ok" where it was. */
const struct eedcap_error *eedcap_verdict_error(const struct eedcap_verdict *v);

/* The final status: what platform, QE and TDX module come to. EEDCAP_STATUS_NONE where evaluation
 * did not get there. */
enum eedcap_status eedcap_verdict_status(const struct eedcap_verdict *v);
/* What the second TEE_TCB_SVN of a TD 1.5 comes to (the module that runs now, "current"); the final
 * status begins with the first (the module that built the TD, "launch"). EEDCAP_STATUS_NONE where
 * there is none. */
enum eedcap_status eedcap_verdict_current_status(const struct eedcap_verdict *v);
/* Advisory ids of the launch parts, sorted and unique; NULL past the last. */
const char *eedcap_verdict_advisory(const struct eedcap_verdict *v, size_t i);
/* Earliest date of the launch parts' levels, seconds since 1970; 0 where no level was used. */
int64_t eedcap_verdict_tcb_date(const struct eedcap_verdict *v);

/* The levels that were used, one by one. */
enum eedcap_part {
	EEDCAP_PLATFORM,
	EEDCAP_QE,
	EEDCAP_MODULE, /* TDX module 1.5 and later */
	EEDCAP_CURRENT_PLATFORM, /* TD report 1.5: the same for its second TEE_TCB_SVN */
	EEDCAP_CURRENT_MODULE
};
#define EEDCAP_PARTS 5

/* A part's level; false where there is none. date: seconds since 1970. */
bool eedcap_verdict_level(const struct eedcap_verdict *v, enum eedcap_part part,
    enum eedcap_status *status, int64_t *date);
/* The advisory ids of that level, sorted; NULL past the last. */
const char *eedcap_verdict_level_advisory(
    const struct eedcap_verdict *v, enum eedcap_part part, size_t i);

/* A security version that is below what the documents ask for: one reason why a status is not
 * UpToDate. Of the launch parts. */
struct eedcap_shortfall {
	enum eedcap_part part; /* EEDCAP_PLATFORM, EEDCAP_QE or EEDCAP_MODULE */
	const char *what; /* "sgx_component", "tdx_component", "pcesvn", "isvsvn" */
	unsigned index; /* of a component, as TCB info counts them, from 0 */
	uint32_t have, need;
	/* What it is of: a component as the document has it ("BIOS: Early Microcode Update"), a
	 * module its identity ("TDX_01"), of a QE "QE"; "" where nothing is said. */
	char of[68];
};

/* The i-th, compared with the lowest level above that is UpToDate; where the documents have none,
 * with the highest of all. False past the last: a status that asks for configuration alone has
 * none. */
bool eedcap_verdict_shortfall(
    const struct eedcap_verdict *v, size_t i, struct eedcap_shortfall *out);
/* The date of the level that first overtook the one that was used, of the launch part which is
 * OutOfDate for longest, seconds since 1970: a later recovery does not move it. 0 where no part is
 * OutOfDate, or no level says. */
int64_t eedcap_verdict_outdated_since(const struct eedcap_verdict *v);

/* The lower of the documents' evaluation numbers, and the quote's and collateral's common window; 0
 * where evaluation did not get there. */
uint32_t eedcap_verdict_evaluation_number(const struct eedcap_verdict *v);
int64_t eedcap_verdict_earliest_expiry(const struct eedcap_verdict *v);
int64_t eedcap_verdict_latest_start(const struct eedcap_verdict *v);

/* The quote and its platform; NULL unless the verdict is authentic. */
const struct eedcap_quote *eedcap_verdict_quote(const struct eedcap_verdict *v);
const struct eedcap_platform *eedcap_verdict_platform(const struct eedcap_verdict *v);

/* Words on what was tolerated (trailing bytes, MIGRATABLE, ...); NULL past the last. */
const char *eedcap_verdict_warning(const struct eedcap_verdict *v, size_t i);

/* -- every check -- */

enum eedcap_result {
	EEDCAP_NOT_REACHED = 0, /* an earlier check failed */
	EEDCAP_PASSED,
	EEDCAP_TOLERATED, /* did not hold; the policy allows it */
	EEDCAP_FAILED, /* did not hold: why the verdict is what it is */
	EEDCAP_NOT_APPLICABLE /* nothing there that it is about */
};

struct eedcap_check {
	const char *name; /* a token, e.g. "pck_signature"; never changes its meaning */
	const char *on; /* what was looked at, e.g. "PCK certificate" */
	const char *what; /* what must hold of it */
	const char *source; /* the rule's source: RFC section, Intel document */
	enum eedcap_result result;
};

/* The i-th check, in the order of the procedure; false past the last. Those on collateral were made
 * when it was parsed. */
bool eedcap_verdict_check_at(const struct eedcap_verdict *v, size_t i, struct eedcap_check *out);

#ifdef __cplusplus
}
#endif

#endif
