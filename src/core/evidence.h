/* evidence.h - a verification as a document that anyone can repeat (docs/evidence.md): written from
 * values and stored rows, and read back. What is read is a stranger's word: evidence_check.h says
 * what of it holds. A file that was read borrows from its text; the reader calls
 * evidence_file_free. */
#ifndef CORE_EVIDENCE_H
#define CORE_EVIDENCE_H

#include "core/network.h"
#include "core/quote_view.h"
#include "core/rows.h"

#define EVIDENCE_FORMAT "easy-enclave/evidence-document/1"
/* Replicas of one document. */
#define EVIDENCE_REPLICAS_MAX 64

/* What was verified, under which rules, with which result. */
struct evidence {
	struct attest_identity id;
	bool bound; /* else the first agents' form, and the four below mean nothing */
	enum attest_purpose purpose;
	uint8_t nonce[ATTEST_NONCE];
	char audience[ATTEST_AUDIENCE_MAX + 1];
	char channel[ATTEST_CHANNEL_MAX + 1];
	struct span claims; /* JSON, as the agent sent it */
	struct network net;
	bool secret; /* the repository is private: the allowlist's digest alone is given */
	uint8_t collateral_sha256[ATTEST_DIGEST];
	uint8_t allowlist_sha256[ATTEST_DIGEST];
	int64_t verified_at;
	bool custom_root; /* not Intel's */
	bool sealed;
	enum tcb_status tcb;
	char advisories[ROW_ADVISORIES_MAX];
};

/* Append the record of a row: everything but quote, collateral and allowlist. */
void evidence_write_record(struct buf *out, const struct evidence *v);

/* Append the document of an app. `next`: the agent_id behind which others follow, or NULL. */
void evidence_write(struct buf *out, const char *app_name, bool custom_root,
    const struct evidence_row *rows, size_t n, const char *next);

/* One replica of a file. */
struct evidence_item {
	struct evidence v;
	struct { /* the text of v.id */
		char repo[ATTEST_REPO_MAX + 1], release_tag[ATTEST_TAG_MAX + 1];
		char app_name[ATTEST_APP_MAX + 1], network[ATTEST_NETWORK_MAX + 1];
		char agent_id[ATTEST_AGENT_ID_MAX + 1];
	} names;
	const struct json_node *claims; /* in the file's doc */
	struct buf quote;
	struct span collateral; /* JSON text; empty where the file has none of that digest */
	struct buf allowlist; /* empty where the file has none of that digest */
	const char *odd; /* a member of the binding that differs from the record's, or NULL */
};

struct evidence_file {
	struct json_doc doc;
	char app_name[ATTEST_APP_MAX + 1];
	bool more; /* other replicas were left to another page */
	struct evidence_item *items;
	size_t n;
};

/* Read a document. REASON_EVIDENCE_MALFORMED with what and where. */
MUST_CHECK bool evidence_read(struct evidence_file *out, struct span text, struct err *e);
void evidence_file_free(struct evidence_file *f);

#endif
