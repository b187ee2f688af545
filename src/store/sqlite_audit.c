#include "store/sqlite_impl.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/utf8.h"

/* Rows are only ever added, each behind the last. The triggers hold it against every program that
 * opens the file with its schema as it is; the chain shows what was done in spite of them. */
const char sqlite_audit_schema[] =
    "CREATE TABLE audit (seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, event TEXT NOT NULL,"
    " app_name TEXT NOT NULL, agent_id TEXT NOT NULL, repo TEXT NOT NULL,"
    " release_tag TEXT NOT NULL, network TEXT NOT NULL, verdict TEXT NOT NULL,"
    " reason TEXT NOT NULL, detail TEXT NOT NULL, quote_sha256 BLOB NOT NULL,"
    " allowlist_sha256 BLOB NOT NULL, prev BLOB NOT NULL, hash BLOB NOT NULL) STRICT;"
    "CREATE INDEX audit_app ON audit (app_name);"
    "CREATE INDEX audit_event ON audit (event);"
    "CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit"
    " BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;"
    "CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit"
    " BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;"
    "CREATE TRIGGER audit_in_order BEFORE INSERT ON audit"
    " WHEN new.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM audit)"
    " BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;";

const char sqlite_audit_insert[] =
    "INSERT INTO audit VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15)";

/* --- rows in --- */

static int
text(sqlite3_stmt *q, int i, const char *s)
{
	return sqlite3_bind_text(q, i, s, -1, SQLITE_STATIC);
}

static const uint8_t none[ATTEST_DIGEST];

static int
digest(sqlite3_stmt *q, int i, const uint8_t *p)
{
	return sqlite3_bind_blob(
	    q, i, p, memcmp(p, none, sizeof none) == 0 ? 0 : ATTEST_DIGEST, SQLITE_STATIC);
}

bool
sqlite_audit_bind(struct sqlite_db *d, sqlite3_stmt *q, struct audit_row *row, struct err *e)
{
	int rc;

	if (!audit_chain_add(&d->chain, row, e))
		return false;
	rc = sqlite3_bind_int64(q, 1, (sqlite3_int64)row->seq);
	rc |= sqlite3_bind_int64(q, 2, row->at);
	rc |= text(q, 3, row->event);
	rc |= text(q, 4, row->app_name);
	rc |= text(q, 5, row->agent_id);
	rc |= text(q, 6, row->repo);
	rc |= text(q, 7, row->release_tag);
	rc |= text(q, 8, row->network);
	rc |= text(q, 9, row->verdict);
	rc |= text(q, 10, row->reason);
	rc |= text(q, 11, row->detail);
	rc |= digest(q, 12, row->quote_sha256);
	rc |= digest(q, 13, row->allowlist_sha256);
	rc |= sqlite3_bind_blob(q, 14, row->prev, sizeof row->prev, SQLITE_STATIC);
	rc |= sqlite3_bind_blob(q, 15, row->hash, sizeof row->hash, SQLITE_STATIC);
	return rc == SQLITE_OK || sqlite_failed(d, "cannot bind", e);
}

/* --- rows out --- */

/* Held to what we write, so that no two files hold the same row in two spellings. */
static bool
exact_text(sqlite3_stmt *q, int i, char *dst, size_t size)
{
	return sqlite3_column_type(q, i) == SQLITE_TEXT && sqlite_text(q, i, dst, size)
	       && utf8_valid(span_str(dst));
}
#define EXACT(q, i, field) exact_text(q, i, field, sizeof field)

static bool
exact_blob(sqlite3_stmt *q, int i, uint8_t dst[static ATTEST_DIGEST])
{
	const void *p = sqlite3_column_blob(q, i);

	if (sqlite3_column_type(q, i) != SQLITE_BLOB || !p
	    || sqlite3_column_bytes(q, i) != ATTEST_DIGEST)
		return false;
	memcpy(dst, p, ATTEST_DIGEST);
	return true;
}

static bool
exact_digest(sqlite3_stmt *q, int i, uint8_t dst[static ATTEST_DIGEST])
{
	if (sqlite3_column_type(q, i) == SQLITE_BLOB && sqlite3_column_bytes(q, i) == 0)
		return true;
	return exact_blob(q, i, dst) && memcmp(dst, none, sizeof none) != 0;
}

bool
sqlite_audit_read(sqlite3_stmt *q, struct audit_row *row)
{
	memset(row, 0, sizeof *row);
	row->seq = (uint64_t)sqlite3_column_int64(q, 0);
	row->at = sqlite3_column_int64(q, 1);
	return sqlite3_column_type(q, 1) == SQLITE_INTEGER && EXACT(q, 2, row->event)
	       && EXACT(q, 3, row->app_name) && EXACT(q, 4, row->agent_id) && EXACT(q, 5, row->repo)
	       && EXACT(q, 6, row->release_tag) && EXACT(q, 7, row->network)
	       && EXACT(q, 8, row->verdict) && EXACT(q, 9, row->reason) && EXACT(q, 10, row->detail)
	       && exact_digest(q, 11, row->quote_sha256)
	       && exact_digest(q, 12, row->allowlist_sha256) && exact_blob(q, 13, row->prev)
	       && exact_blob(q, 14, row->hash);
}

static MUST_CHECK bool
foreign(const struct sqlite_db *d, const struct audit_row *row, struct err *e)
{
	return err_set(e, ERR_UNTRUSTED, REASON_STORE_FAILED,
	    "row %llu is not as it was written: %.60s", (unsigned long long)row->seq, d->path);
}

/* Run a statement that gives rows to its end, or until fn says stop. */
static MUST_CHECK bool
each(struct sqlite_db *d, sqlite3_stmt *q, size_t max,
    bool (*fn)(void *ctx, const struct audit_row *row, struct err *e), void *ctx, struct err *e)
{
	struct audit_row row;
	int rc;

	for (size_t n = 0; n < max; n++) {
		rc = sqlite3_step(q);
		if (rc == SQLITE_DONE)
			break;
		if (rc != SQLITE_ROW)
			return sqlite_failed(d, "cannot read", e);
		if (!sqlite_audit_read(q, &row))
			return foreign(d, &row, e);
		if (!fn(ctx, &row, e))
			return false;
	}
	return true;
}

bool
sqlite_db_each_audit(struct sqlite_db *d, const struct audit_query *want,
    bool (*fn)(void *ctx, const struct audit_row *row, struct err *e), void *ctx, struct err *e)
{
	static const char all[] = "SELECT * FROM audit NOT INDEXED WHERE seq > ?1 ORDER BY seq",
			  of_app[] = "SELECT * FROM audit WHERE seq > ?1 AND app_name = ?2"
				     " ORDER BY seq";
	sqlite3_stmt *q = NULL;
	bool ok;

	ok = (sqlite3_prepare_v2(d->db, want->app_name[0] ? of_app : all, -1, &q, NULL) == SQLITE_OK
		 && sqlite3_bind_int64(q, 1, (sqlite3_int64)want->after) == SQLITE_OK
		 && (!want->app_name[0] || text(q, 2, want->app_name) == SQLITE_OK))
	     || sqlite_failed(d, "cannot read", e);
	ok = ok && each(d, q, want->limit ? want->limit : SIZE_MAX, fn, ctx, e);
	sqlite3_finalize(q);
	return ok;
}

bool
sqlite_audit_load(struct sqlite_db *d, const struct store_loader *to, struct err *e)
{
	static const char all[] = "SELECT * FROM audit ORDER BY seq DESC",
			  of_event[] = "SELECT * FROM audit WHERE event = ?1 ORDER BY seq DESC";
	sqlite3_stmt *q = NULL;
	bool ok;

	ok = (sqlite3_prepare_v2(d->db, to->audit_event ? of_event : all, -1, &q, NULL) == SQLITE_OK
		 && (!to->audit_event || text(q, 1, to->audit_event) == SQLITE_OK))
	     || sqlite_failed(d, "cannot read", e);
	ok = ok && each(d, q, to->audit_max, to->audit, to->ctx, e);
	sqlite3_finalize(q);
	return ok;
}

/* --- opening --- */

static bool
take_last(void *ctx, const struct audit_row *row, struct err *e)
{
	struct sqlite_db *d = ctx;

	d->chain.seq = row->seq - 1;
	memcpy(d->chain.head, row->prev, sizeof d->chain.head);
	return audit_chain_check(&d->chain, row, e);
}

/* The whole chain is for `eectl audit verify`: it takes seconds a million rows. */
bool
sqlite_audit_open(struct sqlite_db *d, struct err *e)
{
	struct store_loader to = {.audit = take_last, .audit_max = 1, .ctx = d};
	struct err why = {0};

	memset(&d->chain, 0, sizeof d->chain);
	if (!sqlite_audit_load(d, &to, &why))
		return why.code != ERR_UNTRUSTED
			   ? sqlite_refused(d, why.detail, e)
			   : err_set(e, ERR_UNTRUSTED, REASON_STORE_FAILED,
			       "%.70s: audit trail: %.60s", d->path, why.detail);
	d->committed = d->chain;
	return true;
}

/* --- schema 1 --- */

static bool
read_old(sqlite3_stmt *q, struct audit_row *row)
{
	memset(row, 0, sizeof *row);
	row->at = sqlite3_column_int64(q, 0);
	return COLUMN(q, 1, row->event) && COLUMN(q, 2, row->app_name)
	       && COLUMN(q, 3, row->agent_id) && COLUMN(q, 4, row->reason)
	       && COLUMN(q, 5, row->detail);
}

static MUST_CHECK bool
insert(struct sqlite_db *d, sqlite3_stmt *to, struct audit_row *row, struct err *e)
{
	bool ok = sqlite_audit_bind(d, to, row, e)
		  && (sqlite3_step(to) == SQLITE_DONE || sqlite_failed(d, "cannot write", e));

	sqlite3_reset(to);
	return ok;
}

static MUST_CHECK bool
carry_over(struct sqlite_db *d, sqlite3_stmt *from, sqlite3_stmt *to, struct err *e)
{
	struct audit_row row;
	int rc;

	while ((rc = sqlite3_step(from)) == SQLITE_ROW) {
		if (!read_old(from, &row))
			return sqlite_refused(d, "holds a row that this program did not write", e);
		if (!insert(d, to, &row, e))
			return false;
	}
	if (rc != SQLITE_DONE)
		return sqlite_failed(d, "cannot read", e);
	memset(&row, 0, sizeof row);
	row.at = (int64_t)time(NULL);
	snprintf(row.event, sizeof row.event, "migrated");
	snprintf(row.detail, sizeof row.detail,
	    "schema 1 to 2; the %llu rows before this one were chained now",
	    (unsigned long long)d->chain.seq);
	return insert(d, to, &row, e);
}

bool
sqlite_audit_migrate(struct sqlite_db *d, struct err *e)
{
	sqlite3_stmt *from = NULL, *to = NULL;
	bool ok = sqlite_run(d, "ALTER TABLE audit RENAME TO audit_1", e)
		  && sqlite_run(d, sqlite_audit_schema, e);

	memset(&d->chain, 0, sizeof d->chain);
	if (ok
	    && (sqlite3_prepare_v2(d->db,
		    "SELECT at, event, app_name, agent_id, reason, detail FROM audit_1 ORDER BY id",
		    -1, &from, NULL)
		    != SQLITE_OK
		|| sqlite3_prepare_v2(d->db, sqlite_audit_insert, -1, &to, NULL) != SQLITE_OK))
		ok = sqlite_failed(d, "cannot prepare", e);
	ok = ok && carry_over(d, from, to, e);
	sqlite3_finalize(from);
	sqlite3_finalize(to);
	return ok && sqlite_run(d, "DROP TABLE audit_1", e);
}
