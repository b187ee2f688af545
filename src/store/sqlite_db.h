/* sqlite_db.h - one SQLite file: opening and judging it, its statements, rows in and out. Owns
 * the connection. Knows no threads: sqlite.c sees to it that one at a time calls. */
#ifndef STORE_SQLITE_DB_H
#define STORE_SQLITE_DB_H

#include <sqlite3.h>

#include "core/store.h"

#define SQLITE_DB_OPS (STORE_ADD_AUDIT + 1)

struct sqlite_db {
	sqlite3 *db;
	sqlite3_stmt *change[SQLITE_DB_OPS]; /* by enum store_op */
	sqlite3_stmt *keep_blob;
	struct audit_chain chain; /* with what the open transaction added */
	struct audit_chain committed;
	char path[1024]; /* for messages */
};

/* Open, make where there is none, check, carry an older schema over. On failure nothing is left
 * open. */
MUST_CHECK bool sqlite_db_open(struct sqlite_db *d, const char *path, struct err *e);

/* Open for reading alone: a file that no ee-control holds, such as a copy. Its schema must be
 * this program's, with no view and no trigger beside it. */
MUST_CHECK bool sqlite_db_open_to_read(struct sqlite_db *d, const char *path, struct err *e);
void sqlite_db_close(struct sqlite_db *d);

/* Between begin and commit, apply changes; commit returns when they are on disk. After a failure
 * of any, roll back. */
MUST_CHECK bool sqlite_db_begin(struct sqlite_db *d, struct err *e);
MUST_CHECK bool sqlite_db_apply(struct sqlite_db *d, const struct store_change *c, struct err *e);
MUST_CHECK bool sqlite_db_commit(struct sqlite_db *d, struct err *e);
void sqlite_db_rollback(struct sqlite_db *d);

MUST_CHECK bool sqlite_db_load(struct sqlite_db *d, const struct store_loader *to, struct err *e);

/* Hand the rows of a query (limit 0: all) to fn, in their order, until it returns false. A row that
 * this program cannot have written is ERR_UNTRUSTED. */
MUST_CHECK bool sqlite_db_each_audit(struct sqlite_db *d, const struct audit_query *q,
    bool (*fn)(void *ctx, const struct audit_row *row, struct err *e), void *ctx, struct err *e);

/* Evidence as it was read; its rows own their bytes. */
struct evidence_page {
	struct evidence_row *rows;
	size_t n;
	bool more;
};
MUST_CHECK bool sqlite_db_read_evidence(
    struct sqlite_db *d, const struct evidence_query *q, struct evidence_page *out, struct err *e);
void evidence_page_free(struct evidence_page *p);

/* The list of a digest, which the caller frees; p is NULL where there is none. */
MUST_CHECK bool sqlite_db_read_list(struct sqlite_db *d, const uint8_t sha256[static ATTEST_DIGEST],
    struct span *bytes, struct err *e);

/* A copy that is being made, in pieces, between which changes may go on. */
struct sqlite_copy {
	sqlite3 *db;
	sqlite3_backup *backup; /* NULL: none is being made */
	char path[1024];
};

/* In a new file; one of that name is replaced where it is a copy that was cut short, and refused
 * where it is anything else. */
MUST_CHECK bool sqlite_copy_begin(
    struct sqlite_copy *c, struct sqlite_db *from, const char *path, struct err *e);

/* Copy some more. True with *whole when it is done and on disk. After a failure, cancel. */
MUST_CHECK bool sqlite_copy_step(
    struct sqlite_copy *c, struct sqlite_db *from, bool *whole, struct err *e);

/* Let go of it and remove the file. */
void sqlite_copy_cancel(struct sqlite_copy *c);

#endif
