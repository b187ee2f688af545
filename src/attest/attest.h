/* attest.h - what agent and control plane must compute alike: the digest of the claims, the
 * digest of the binding, and the report data that a quote carries for both (docs/protocol.md).
 * Also the identity that a tunnel registers, with the grammar of its members.
 * Owns nothing; draws no random numbers, knows no quotes. */
#ifndef ATTEST_ATTEST_H
#define ATTEST_ATTEST_H

#include "base/err.h"
#include "base/jcs.h"
#include "base/span.h"

#define ATTEST_REPO_MAX     140 /* GitHub: 39 for the owner, the slash, 100 for the name */
#define ATTEST_TAG_MAX      255 /* a ref name is a file name in the end */
#define ATTEST_APP_MAX      63 /* a DNS label, RFC 1035 section 2.3.4 */
#define ATTEST_NETWORK_MAX  63
#define ATTEST_AGENT_ID_MAX 128 /* a UUID is 36 */
#define ATTEST_AUDIENCE_MAX 280 /* scheme, 253 bytes of host, port */
#define ATTEST_NONCE        32
#define ATTEST_DIGEST       32
#define ATTEST_REPORT_DATA  64
#define ATTEST_CHANNEL_MAX  64 /* hex of the TLS exporter's 32 bytes, or empty */

/* Who registers; fixed for the life of a tunnel. A view: the text is somebody else's, or lies in the
 * block of attest_identity_copy. */
struct attest_identity {
	const char *repo, *release_tag, *app_name, *network, *agent_id;
};

/* Copy it with its text, in one block that free() frees. NULL without memory. */
struct attest_identity *attest_identity_copy(const struct attest_identity *id);

/* What a quote is made for, so that none serves for the other: `v` of the binding says it. */
enum attest_purpose {
	ATTEST_FOR_ADMISSION, /* easy-enclave/attest/2: the control plane's challenge */
	ATTEST_FOR_EVIDENCE /* easy-enclave/evidence/1: a nonce of anybody's */
};
const char *attest_purpose_name(enum attest_purpose p);

/* What the second half of the report data binds a quote to. */
struct attest_binding {
	enum attest_purpose purpose;
	const struct attest_identity *id;
	uint8_t nonce[ATTEST_NONCE];
	const char *audience; /* finished origin, `scheme://host[:port]` */
	const char *channel; /* hex of the TLS exporter, or "" */
};

/* Say whether each member keeps its grammar (not whether the network exists). An empty one is
 * REASON_MISSING_FIELDS, a wrong one REASON_INVALID_FIELD; `shown` names the member. */
MUST_CHECK bool attest_identity_check(const struct attest_identity *id, struct err *e);

/* 1 to ATTEST_AGENT_ID_MAX of [A-Za-z0-9._:-]. */
bool attest_agent_id_ok(struct span id);

/* A network's name: a DNS label in lower case. */
bool attest_network_ok(struct span name);

/* Say whether two identities are the same in every member. */
bool attest_identity_eq(const struct attest_identity *a, const struct attest_identity *b);

/* SHA-256 over the canonical form of the claims (RFC 8785). REASON_CLAIMS_NOT_CANONICAL where
 * they have none or are no object. */
MUST_CHECK bool attest_claims_digest(const struct json_doc *doc, const struct json_node *claims,
    uint8_t out[static ATTEST_DIGEST], struct err *e);

/* SHA-256 over the canonical form of the binding. Fails for lack of memory only. */
MUST_CHECK bool attest_binding_digest(
    const struct attest_binding *b, uint8_t out[static ATTEST_DIGEST], struct err *e);

/* Write the binding's members into an open object. */
void attest_binding_write(struct jw *w, const struct attest_binding *b);

/* claims digest, then binding digest. */
MUST_CHECK bool attest_report_data(const struct json_doc *doc, const struct json_node *claims,
    const struct attest_binding *b, uint8_t out[static ATTEST_REPORT_DATA], struct err *e);

/* The claims that the first agents' quotes bind, NULL at the end. */
extern const char *const attest_legacy_claims[];

/* The first half of the first agents' report data, whose second half is zero: SHA-256 over those
 * claims as lines of text. No nonce, audience or app is in it. REASON_MISSING_QUOTE where a claim
 * is not there, or is of another type than it had (`sealed` a boolean, the rest text of one
 * line). */
MUST_CHECK bool attest_legacy_digest(const struct json_doc *doc, const struct json_node *claims,
    uint8_t out[static ATTEST_DIGEST], struct err *e);

/* SHA-256 of any bytes. */
MUST_CHECK bool attest_sha256(struct span s, uint8_t out[static ATTEST_DIGEST], struct err *e);

#endif
