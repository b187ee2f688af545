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
	char path[1024]; /* for messages */
};

/* Open, make where there is none, check. On failure nothing is left open. */
MUST_CHECK bool sqlite_db_open(struct sqlite_db *d, const char *path, struct err *e);
void sqlite_db_close(struct sqlite_db *d);

/* Between begin and commit, apply changes; commit returns when they are on disk. After a failure
 * of any, roll back. */
MUST_CHECK bool sqlite_db_begin(struct sqlite_db *d, struct err *e);
MUST_CHECK bool sqlite_db_apply(struct sqlite_db *d, const struct store_change *c, struct err *e);
MUST_CHECK bool sqlite_db_commit(struct sqlite_db *d, struct err *e);
void sqlite_db_rollback(struct sqlite_db *d);

MUST_CHECK bool sqlite_db_load(struct sqlite_db *d, const struct store_loader *to, struct err *e);

#endif
