#include "store/sqlite_impl.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

/* The bytes behind pins, by their digest: many pins may name one list, and it goes with the last
 * of them. */
#define UNUSED_LIST                                                                                \
	" DELETE FROM list WHERE sha256 = old.sha256"                                              \
	" AND NOT EXISTS (SELECT 1 FROM pin WHERE sha256 = old.sha256);"

const char sqlite_list_schema[] =
    "ALTER TABLE pin ADD COLUMN repo_id INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE pin ADD COLUMN secret INTEGER NOT NULL DEFAULT 1;"
    "ALTER TABLE pin ADD COLUMN used_at INTEGER NOT NULL DEFAULT 0;"
    "CREATE TABLE list (sha256 BLOB PRIMARY KEY, bytes BLOB NOT NULL) STRICT;"
    "CREATE INDEX pin_list ON pin (sha256);"
    "CREATE TRIGGER pin_changed AFTER UPDATE ON pin WHEN old.sha256 <> new.sha256 BEGIN" UNUSED_LIST
    " END;"
    "CREATE TRIGGER pin_gone AFTER DELETE ON pin BEGIN" UNUSED_LIST " END;";

const char sqlite_list_put[] = "INSERT OR IGNORE INTO list SELECT ?1, ?2"
			       " WHERE EXISTS (SELECT 1 FROM pin WHERE sha256 = ?1)";

/* All from where the sum of what was used later is above the ceiling. */
static const char trim_sql[] =
    "DELETE FROM list WHERE sha256 IN (SELECT sha256 FROM"
    " (SELECT sha256, sum(n) OVER (ORDER BY used DESC, sha256 ROWS UNBOUNDED PRECEDING) AS total"
    " FROM (SELECT sha256, length(bytes) AS n, (SELECT max(used_at) FROM pin"
    " WHERE pin.sha256 = list.sha256) AS used FROM list)) WHERE total > ?1)";

bool
sqlite_list_bind(struct sqlite_db *d, sqlite3_stmt *q, const struct list_row *row, struct err *e)
{
	return (sqlite3_bind_blob(q, 1, row->sha256, ATTEST_DIGEST, SQLITE_STATIC)
		   | sqlite3_bind_blob64(q, 2, row->bytes.p, row->bytes.n, SQLITE_STATIC))
		   == SQLITE_OK
	       || sqlite_failed(d, "cannot bind", e);
}

bool
sqlite_list_trim(struct sqlite_db *d, struct err *e)
{
	sqlite3_stmt *q = NULL;
	bool ok = (sqlite3_prepare_v2(d->db, trim_sql, -1, &q, NULL) == SQLITE_OK
		      && sqlite3_bind_int64(q, 1, LIMIT_PINNED_LISTS) == SQLITE_OK
		      && sqlite3_step(q) == SQLITE_DONE)
		  || sqlite_failed(d, "cannot write", e);

	sqlite3_finalize(q);
	return ok;
}

bool
sqlite_db_read_list(struct sqlite_db *d, const uint8_t sha256[static ATTEST_DIGEST],
    struct span *bytes, struct err *e)
{
	static const char sql[] = "SELECT bytes FROM list WHERE sha256 = ?1";
	sqlite3_stmt *q = NULL;
	int rc = SQLITE_ERROR;
	void *copy = NULL;
	size_t n = 0;

	*bytes = span_of(NULL, 0);
	if (sqlite3_prepare_v2(d->db, sql, -1, &q, NULL) == SQLITE_OK
	    && sqlite3_bind_blob(q, 1, sha256, ATTEST_DIGEST, SQLITE_STATIC) == SQLITE_OK)
		rc = sqlite3_step(q);
	if (rc == SQLITE_ROW) {
		n = (size_t)sqlite3_column_bytes(q, 0);
		copy = malloc(n ? n : 1);
	}
	if (copy && n)
		memcpy(copy, sqlite3_column_blob(q, 0), n);
	sqlite3_finalize(q);
	if (rc == SQLITE_DONE)
		return true;
	if (rc != SQLITE_ROW)
		return sqlite_failed(d, "cannot read", e);
	*bytes = span_of(copy, n);
	return copy || err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "list");
}
