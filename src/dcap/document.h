/* document.h - what TCB info and QE identity have in common: a JSON object that a TCB signer has
 * signed byte by byte, dates, an evaluation number, levels. A document owns its bytes and their
 * parsed form; levels point into it. Refuses repeated member names in every object that is
 * interpreted: two readers would see two documents. */
#ifndef DCAP_DOCUMENT_H
#define DCAP_DOCUMENT_H

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "dcap/certs.h"
#include "dcap/crl.h"
#include "dcap/verifier.h"
#include "dcap/when.h"
#include "eedcap.h"

/* Which document, with its own reasons. */
struct document_kind {
	const char *what; /* "TCB info", "QE identity" */
	const char *member; /* its name in the answer body */
	enum reason malformed, signature;
};

struct document {
	const struct document_kind *kind;
	struct buf raw; /* exactly what is signed */
	uint8_t signature[64];
	struct json_doc json;
	int64_t version;
	uint8_t signer_key[EC_POINT_SIZE];
	struct window signer_valid;
	struct window valid;
	uint32_t evaluation_number;
	bool odd_body; /* the answer body had members that nothing is known of */
};

/* Keep a document's bytes: either `text` is the signed object and `signature` its 128 hex digits,
 * or `signature` is empty and `text` the service's answer body. On success the caller calls
 * document_fini. Nothing is interpreted yet. */
MUST_CHECK bool document_load(struct document *d, const struct document_kind *kind,
    struct span text, struct span signature, struct err *e);
void document_fini(struct document *d);

/* Check the signer's chain up to the root key, and that the signer is not revoked. Keeps the common
 * window of signer and root. */
MUST_CHECK bool document_check_signer(struct document *d, struct verifier *vf,
    const struct chain *ch, const struct crl *root_crl, struct err *e);

/* Check the signature of that signer over the bytes. */
MUST_CHECK bool document_check_signature(
    const struct document *d, struct verifier *vf, struct err *e);

/* Parse the bytes and read version, dates and evaluation number. */
MUST_CHECK bool document_read(struct document *d, struct err *e);

/* -- reading members; each refuses an absent member, a wrong type, a value out of range -- */

/* Record that the document is malformed; returns false. */
PRINTF(3, 4) bool document_bad(const struct document *d, struct err *e, const char *fmt, ...);

/* The member of that type (JSON_OBJECT: without repeated names). `obj` is an object. */
MUST_CHECK bool document_get(const struct document *d, const struct json_node *obj,
    const char *name, enum json_type type, const struct json_node **out, struct err *e);
MUST_CHECK bool document_int(const struct document *d, const struct json_node *obj,
    const char *name, int64_t min, int64_t max, int64_t *out, struct err *e);
MUST_CHECK bool document_hex(const struct document *d, const struct json_node *obj,
    const char *name, uint8_t *dst, size_t n, struct err *e);
MUST_CHECK bool document_time(const struct document *d, const struct json_node *obj,
    const char *name, int64_t *out, struct err *e);

/* -- levels -- */

/* What every level says, whatever it is a level of. */
struct level {
	enum eedcap_status status;
	int64_t date;
	const struct json_node *advisories; /* NULL: none; else an array of strings */
};

#define ADVISORY_MAX 64 /* bytes of one advisory id, its NUL included; Intel's have 14 */
#define ADVISORIES_MAX                                                                             \
	256 /* of one level, so that a verdict's memory is bounded; Intel's have up to 28 */

MUST_CHECK bool document_level(const struct document *d, const struct json_node *node,
    uint32_t allowed, struct level *out, struct err *e);

/* Levels by ISVSVN, highest first: of a QE or a TDX module. */
struct isv_level {
	uint32_t isvsvn;
	struct level level;
};

struct isv_levels {
	struct isv_level *v;
	size_t n;
};

/* Read member tcbLevels of obj: at least one, none twice, statuses in `allowed` (EEDCAP_ACCEPT
 * bits), isvsvn up to max. On success the caller frees out->v. */
MUST_CHECK bool isv_levels_read(const struct document *d, const struct json_node *obj,
    uint32_t allowed, int64_t max, struct isv_levels *out, struct err *e);

/* The highest level that svn reaches, or NULL. */
const struct level *isv_levels_match(const struct isv_levels *levels, uint32_t svn);

/* The statuses that Intel's documents may use. */
#define STATUSES_OF_PLATFORM                                                                       \
	(EEDCAP_ACCEPT(EEDCAP_UP_TO_DATE) | EEDCAP_ACCEPT(EEDCAP_SW_HARDENING_NEEDED)              \
	    | EEDCAP_ACCEPT(EEDCAP_CONFIGURATION_NEEDED)                                           \
	    | EEDCAP_ACCEPT(EEDCAP_CONFIGURATION_AND_SW_HARDENING_NEEDED)                          \
	    | EEDCAP_ACCEPT(EEDCAP_OUT_OF_DATE)                                                    \
	    | EEDCAP_ACCEPT(EEDCAP_OUT_OF_DATE_CONFIGURATION_NEEDED)                               \
	    | EEDCAP_ACCEPT(EEDCAP_REVOKED))
#define STATUSES_OF_ENCLAVE                                                                        \
	(EEDCAP_ACCEPT(EEDCAP_UP_TO_DATE) | EEDCAP_ACCEPT(EEDCAP_OUT_OF_DATE)                      \
	    | EEDCAP_ACCEPT(EEDCAP_REVOKED))

#endif
