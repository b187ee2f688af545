/* eedcap.h - verify Intel DCAP ECDSA quotes (SGX and TDX; quote versions 3, 4 and 5) away from
 * the platform that made them. Needs libcrypto alone. Does no I/O, reads no clock and keeps no
 * state: bytes, time, policy and the trusted root come in as arguments, a verdict comes out.
 *
 * Every handle is immutable once made, so many threads may read one without locks, and copies
 * what it needs from the caller's bytes. Each has one `_free`, which takes NULL. What an accessor
 * returns is borrowed and lives as long as the handle.
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

/* -- trusted root -- */

#define EEDCAP_ROOT_KEY_SIZE 65

/* Read the public key (uncompressed P-256 point) out of a self-signed root certificate, PEM or
 * DER. It can be given wherever a `root_key` is asked for; NULL there means Intel's SGX root. */
bool eedcap_root_key(
    const void *cert, size_t n, uint8_t key[EEDCAP_ROOT_KEY_SIZE], struct eedcap_error *e);

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
 * a stranger's bytes from those of an Intel platform before anything is fetched for them. */
struct eedcap_quote *eedcap_verify_offline(
    const void *quote, size_t n, const uint8_t *root_key, int64_t now_s, struct eedcap_error *e);

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

/* A register by its name; false where this quote has none of that name. TDX: mrtd, rtmr0 to
 * rtmr3, mrseam, mrsignerseam, seamattributes, tdattributes, xfam, mrconfigid, mrowner,
 * mrownerconfig, tee_tcb_svn, and from 1.5 on tee_tcb_svn2 and mrservicetd. SGX: mrenclave,
 * mrsigner, isvprodid, isvsvn, attributes, miscselect, cpusvn, configid, configsvn, isvextprodid,
 * isvfamilyid. Bytes are as they lie in the quote; isvprodid, isvsvn and configsvn are thus
 * little-endian. */
bool eedcap_quote_register(
    const struct eedcap_quote *q, const char *name, const uint8_t **p, size_t *n);
/* The i-th register and its name, in the order of the quote; false past the last. */
bool eedcap_quote_register_at(
    const struct eedcap_quote *q, size_t i, const char **name, const uint8_t **p, size_t *n);

/* Every other field, for display: header, QE report, key, signatures. Same contract. */
bool eedcap_quote_field_at(
    const struct eedcap_quote *q, size_t i, const char **name, const uint8_t **p, size_t *n);

/* Read the leaf of the chain inside the quote; false, with *e set, where there is none or it is
 * malformed. As trustworthy as the quote handle it is read from. */
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
 * the root, signatures of both documents and of the root CRL, grammar. Verifications then reuse
 * the work. NULL, with *e set, on any failure. */
struct eedcap_collateral *eedcap_collateral_from_parts(
    const struct eedcap_collateral_parts *parts, const uint8_t *root_key, struct eedcap_error *e);

/* The same from one JSON object with the members pck_crl_issuer_chain, root_ca_crl, pck_crl,
 * tcb_info_issuer_chain, tcb_info, tcb_info_signature, qe_identity_issuer_chain, qe_identity,
 * qe_identity_signature and, optionally, pck_certificate_chain, all strings. */
struct eedcap_collateral *eedcap_collateral_parse(
    const void *json, size_t n, const uint8_t *root_key, struct eedcap_error *e);

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
/* The lower of the two documents' tcbEvaluationDataNumber. */
uint32_t eedcap_collateral_evaluation_number(const struct eedcap_collateral *c);

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

/* All zero, or NULL for the pointer: UpToDate alone, no debug, no undefined attribute. */
struct eedcap_policy {
	uint32_t accept; /* EEDCAP_ACCEPT bits; 0 means UpToDate alone */
	uint32_t flags;
	uint32_t min_evaluation_number; /* floor against replayed old collateral; 0: none */
};

struct eedcap_verdict;

/* Verify a quote at now_s (seconds since 1970) under the root that the collateral was checked
 * with. NULL only where there is no memory. */
struct eedcap_verdict *eedcap_verify(const void *quote, size_t n, const struct eedcap_collateral *c,
    int64_t now_s, const struct eedcap_policy *policy);
void eedcap_verdict_free(struct eedcap_verdict *v);

/* Authentic, in time, and taken by the policy. The one question that most callers have. */
bool eedcap_verdict_accepted(const struct eedcap_verdict *v);
/* Signatures, chains, bindings and revocation hold, and everything was within its time. */
bool eedcap_verdict_authentic(const struct eedcap_verdict *v);
/* Why it was not accepted; reason "ok" where it was. */
const struct eedcap_error *eedcap_verdict_error(const struct eedcap_verdict *v);

/* The final status and its parts; EEDCAP_STATUS_NONE where evaluation did not get there or there
 * is no such part. `current` is that of a TD 1.5's second TEE_TCB_SVN, all others are of the
 * first ("launch"). */
enum eedcap_status eedcap_verdict_status(const struct eedcap_verdict *v);
enum eedcap_status eedcap_verdict_platform_status(const struct eedcap_verdict *v);
enum eedcap_status eedcap_verdict_qe_status(const struct eedcap_verdict *v);
enum eedcap_status eedcap_verdict_module_status(const struct eedcap_verdict *v);
enum eedcap_status eedcap_verdict_current_status(const struct eedcap_verdict *v);

/* Advisory ids, sorted and unique; NULL past the last. */
const char *eedcap_verdict_advisory(const struct eedcap_verdict *v, size_t i);
/* Earliest date of the levels used, seconds since 1970; 0 where no level was. */
int64_t eedcap_verdict_tcb_date(const struct eedcap_verdict *v);
/* The lower of the documents' evaluation numbers, and the quote's and collateral's common window. */
uint32_t eedcap_verdict_evaluation_number(const struct eedcap_verdict *v);
int64_t eedcap_verdict_earliest_expiry(const struct eedcap_verdict *v);
int64_t eedcap_verdict_latest_start(const struct eedcap_verdict *v);

/* The quote and its platform; NULL unless the verdict is authentic. */
const struct eedcap_quote *eedcap_verdict_quote(const struct eedcap_verdict *v);
const struct eedcap_platform *eedcap_verdict_platform(const struct eedcap_verdict *v);

/* Words on what was tolerated (trailing bytes, MIGRATABLE, ...); NULL past the last. */
const char *eedcap_verdict_warning(const struct eedcap_verdict *v, size_t i);

#ifdef __cplusplus
}
#endif

#endif
