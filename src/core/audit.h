/* audit.h - the audit trail as a chain: each row holds the SHA-256 of the row before, over bytes
 * that docs/audit.md describes exactly, so that a stranger can check it. Builds and checks one
 * row at a time; owns nothing, keeps nothing. */
#ifndef CORE_AUDIT_H
#define CORE_AUDIT_H

#include "base/buf.h"
#include "core/rows.h"

#define AUDIT_FORMAT "easy-enclave/audit/1"

/* Where a chain stands: its last row. All zero before the first. */
struct audit_chain {
	uint64_t seq;
	uint8_t head[ATTEST_DIGEST];
};

/* `SEQ:HASH`, as people keep it and `eectl audit verify --head` takes it. */
#define AUDIT_HEAD_MAX 88
const char *audit_head_write(const struct audit_chain *c, char dst[static AUDIT_HEAD_MAX]);

/* Read `SEQ:HASH`, or HASH alone (seq 0 then). */
MUST_CHECK bool audit_head_read(struct span text, struct audit_chain *c);

/* Make every text of a row UTF-8: what is not becomes '?'. For texts that were cut. */
void audit_row_clean(struct audit_row *row);

/* Append the row's canonical bytes: JSON by RFC 8785, all members but `hash`. */
void audit_row_write(const struct audit_row *row, struct buf *out);

/* The same with `hash`, as it is shown. Below AUDIT_ROW_MAX bytes. */
#define AUDIT_ROW_MAX 16384
void audit_row_write_whole(const struct audit_row *row, struct buf *out);

/* Put a row behind the last: set its seq, prev and hash, and move the chain. */
MUST_CHECK bool audit_chain_add(struct audit_chain *c, struct audit_row *row, struct err *e);

/* Say whether a row is the chain's next as it was written, and move the chain. ERR_UNTRUSTED, with
 * the row's number, where it is not. */
MUST_CHECK bool audit_chain_check(
    struct audit_chain *c, const struct audit_row *row, struct err *e);

#endif
