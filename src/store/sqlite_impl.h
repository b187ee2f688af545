/* sqlite_impl.h - what the files about one SQLite file share and nobody else: messages, reading a
 * column, and the audit trail's table. */
#ifndef STORE_SQLITE_IMPL_H
#define STORE_SQLITE_IMPL_H

#include "store/sqlite_db.h"

#define APPLICATION_ID 0x45454350 /* "EECP": file(1) and we know a file by that */

/* SQLite said no; its word is in the detail. False. */
bool sqlite_failed(const struct sqlite_db *d, const char *what, struct err *e);

/* We say no. False. */
bool sqlite_refused(const struct sqlite_db *d, const char *why, struct err *e);

MUST_CHECK bool sqlite_run(struct sqlite_db *d, const char *sql, struct err *e);

/* Copy a text column; false where it does not fit: then something else wrote it. */
bool sqlite_text(sqlite3_stmt *q, int i, char *dst, size_t size);
#define COLUMN(q, i, field) sqlite_text(q, i, field, sizeof field)

/* -- sqlite_audit.c -- */

/* The table, with what keeps it append-only; and the statement that adds a row. */
extern const char sqlite_audit_schema[], sqlite_audit_insert[];

/* Put the row behind the last and bind it. */
MUST_CHECK bool sqlite_audit_bind(
    struct sqlite_db *d, sqlite3_stmt *q, struct audit_row *row, struct err *e);

/* Read one row, columns in the table's order. */
bool sqlite_audit_read(sqlite3_stmt *q, struct audit_row *row);

/* Find where the chain stands, and that its last row is as it was written. */
MUST_CHECK bool sqlite_audit_open(struct sqlite_db *d, struct err *e);

/* Carry the rows of schema 1, which were not chained, into a chain. In a transaction. */
MUST_CHECK bool sqlite_audit_migrate(struct sqlite_db *d, struct err *e);

/* Newest first, as struct store_loader asks. */
MUST_CHECK bool sqlite_audit_load(
    struct sqlite_db *d, const struct store_loader *to, struct err *e);

/* -- sqlite_list.c -- */

/* What makes schema 4 of 3; the statement that puts a list. */
extern const char sqlite_list_schema[], sqlite_list_put[];

MUST_CHECK bool sqlite_list_bind(
    struct sqlite_db *d, sqlite3_stmt *q, const struct list_row *row, struct err *e);

/* Drop the lists that were used longest ago, above LIMIT_PINNED_LISTS. */
MUST_CHECK bool sqlite_list_trim(struct sqlite_db *d, struct err *e);

/* -- sqlite_evidence.c -- */

/* The tables; the statements that keep shared bytes, that put a row and that delete one. */
extern const char sqlite_evidence_schema[], sqlite_evidence_blob[], sqlite_evidence_put[],
    sqlite_evidence_delete[];

/* Keep what the row shares with others, and bind the row. */
MUST_CHECK bool sqlite_evidence_bind(
    struct sqlite_db *d, sqlite3_stmt *q, const struct evidence_row *row, struct err *e);

/* Forget all, as a store does when it opens. */
MUST_CHECK bool sqlite_evidence_clear(struct sqlite_db *d, struct err *e);

#endif
