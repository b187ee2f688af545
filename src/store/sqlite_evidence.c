#include "store/sqlite_impl.h"

#include <stdlib.h>
#include <string.h>

/* A row for each replica; what many share, collateral and allowlists, stands once, by its digest,
 * and goes with the last row that names it. The triggers see to that, whatever removes a row. */
#define UNUSED_BLOBS                                                                               \
	" DELETE FROM blob WHERE sha256 IN (old.collateral, old.allowlist)"                        \
	" AND NOT EXISTS (SELECT 1 FROM evidence WHERE collateral = blob.sha256)"                  \
	" AND NOT EXISTS (SELECT 1 FROM evidence WHERE allowlist = blob.sha256);"

const char sqlite_evidence_schema[] =
    "CREATE TABLE blob (sha256 BLOB PRIMARY KEY, bytes BLOB NOT NULL) STRICT;"
    "CREATE TABLE evidence (app_name TEXT NOT NULL, agent_id TEXT NOT NULL,"
    " session INTEGER NOT NULL, record BLOB NOT NULL, quote BLOB NOT NULL,"
    " collateral BLOB NOT NULL, allowlist BLOB, PRIMARY KEY (app_name, agent_id)) STRICT;"
    "CREATE INDEX evidence_collateral ON evidence (collateral);"
    "CREATE INDEX evidence_allowlist ON evidence (allowlist);"
    "CREATE TRIGGER evidence_changed AFTER UPDATE ON evidence BEGIN" UNUSED_BLOBS " END;"
    "CREATE TRIGGER evidence_gone AFTER DELETE ON evidence BEGIN" UNUSED_BLOBS " END;"
    "CREATE TRIGGER evidence_app_gone AFTER DELETE ON app BEGIN"
    " DELETE FROM evidence WHERE app_name = old.name; END;";

const char sqlite_evidence_blob[] = "INSERT OR IGNORE INTO blob VALUES (?1, ?2)";

const char sqlite_evidence_put[] =
    "INSERT INTO evidence VALUES (?1,?2,?3,?4,?5,?6,?7) ON CONFLICT DO UPDATE SET"
    " session = excluded.session, record = excluded.record, quote = excluded.quote,"
    " collateral = excluded.collateral, allowlist = excluded.allowlist";

const char sqlite_evidence_delete[] =
    "DELETE FROM evidence WHERE app_name = ?1 AND agent_id = ?2 AND session = ?3";

/* --- in --- */

static int
text(sqlite3_stmt *q, int i, const char *s)
{
	return sqlite3_bind_text(q, i, s, -1, SQLITE_STATIC);
}

static int
blob(sqlite3_stmt *q, int i, struct span s)
{
	return s.n ? sqlite3_bind_blob64(q, i, s.p, s.n, SQLITE_STATIC)
		   : sqlite3_bind_zeroblob(q, i, 0);
}

static MUST_CHECK bool
keep(struct sqlite_db *d, const uint8_t sha256[static ATTEST_DIGEST], struct span bytes,
    struct err *e)
{
	sqlite3_stmt *q = d->keep_blob;
	bool ok = (sqlite3_bind_blob(q, 1, sha256, ATTEST_DIGEST, SQLITE_STATIC)
		      | blob(q, 2, bytes))
		      == SQLITE_OK
		  && sqlite3_step(q) == SQLITE_DONE;

	ok = ok || sqlite_failed(d, "cannot write", e);
	sqlite3_reset(q);
	sqlite3_clear_bindings(q);
	return ok;
}

bool
sqlite_evidence_bind(
    struct sqlite_db *d, sqlite3_stmt *q, const struct evidence_row *row, struct err *e)
{
	int rc;

	if (!keep(d, row->collateral_sha256, row->collateral, e)
	    || (row->allowlist.n && !keep(d, row->allowlist_sha256, row->allowlist, e)))
		return false;
	rc = text(q, 1, row->app_name);
	rc |= text(q, 2, row->agent_id);
	rc |= sqlite3_bind_int64(q, 3, (sqlite3_int64)row->session);
	rc |= blob(q, 4, row->record);
	rc |= blob(q, 5, row->quote);
	rc |= sqlite3_bind_blob(q, 6, row->collateral_sha256, ATTEST_DIGEST, SQLITE_STATIC);
	if (row->allowlist.n)
		rc |= sqlite3_bind_blob(q, 7, row->allowlist_sha256, ATTEST_DIGEST, SQLITE_STATIC);
	return rc == SQLITE_OK || sqlite_failed(d, "cannot bind", e);
}

bool
sqlite_evidence_clear(struct sqlite_db *d, struct err *e)
{
	return sqlite_run(d, "BEGIN IMMEDIATE", e) && sqlite_run(d, "DELETE FROM blob", e)
	       && sqlite_run(d, "DELETE FROM evidence", e) && sqlite_run(d, "COMMIT", e);
}

/* --- out --- */

/* Bytes of ours: the row frees them. */
static bool
take_blob(sqlite3_stmt *q, int i, struct span *out)
{
	const void *p = sqlite3_column_blob(q, i);
	size_t n = (size_t)sqlite3_column_bytes(q, i);
	void *copy;

	if (sqlite3_column_type(q, i) != SQLITE_BLOB || !p || n == 0)
		return false;
	copy = malloc(n);
	if (!copy)
		return false;
	memcpy(copy, p, n);
	*out = span_of(copy, n);
	return true;
}

static bool
take_digest(sqlite3_stmt *q, int i, uint8_t dst[static ATTEST_DIGEST])
{
	const void *p = sqlite3_column_blob(q, i);

	if (!p || sqlite3_column_bytes(q, i) != ATTEST_DIGEST)
		return false;
	memcpy(dst, p, ATTEST_DIGEST);
	return true;
}

/* Those of a row that is there already, or the table's. */
static MUST_CHECK bool
share(struct sqlite_db *d, const uint8_t sha256[static ATTEST_DIGEST], struct span *out,
    struct err *e)
{
	static const char sql[] = "SELECT bytes FROM blob WHERE sha256 = ?1";
	sqlite3_stmt *q = NULL;
	bool ok = (sqlite3_prepare_v2(d->db, sql, -1, &q, NULL) == SQLITE_OK
		      && sqlite3_bind_blob(q, 1, sha256, ATTEST_DIGEST, SQLITE_STATIC) == SQLITE_OK
		      && sqlite3_step(q) == SQLITE_ROW)
		  || sqlite_failed(d, "cannot read", e);

	ok = ok && (take_blob(q, 0, out) || err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "evidence"));
	sqlite3_finalize(q);
	return ok;
}

static MUST_CHECK bool
add_shared(struct sqlite_db *d, struct evidence_page *p, struct evidence_row *row, bool listed,
    struct err *e)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct evidence_row *r = &p->rows[i];

		if (memcmp(r->collateral_sha256, row->collateral_sha256, ATTEST_DIGEST) == 0)
			row->collateral = r->collateral;
		if (listed && r->allowlist.n
		    && memcmp(r->allowlist_sha256, row->allowlist_sha256, ATTEST_DIGEST) == 0)
			row->allowlist = r->allowlist;
	}
	return (row->collateral.n || share(d, row->collateral_sha256, &row->collateral, e))
	       && (!listed || row->allowlist.n
		   || share(d, row->allowlist_sha256, &row->allowlist, e));
}

/* The row counts at once, so that what it has is freed with the page. */
static MUST_CHECK bool
add_row(struct sqlite_db *d, sqlite3_stmt *q, struct evidence_page *p, struct err *e)
{
	struct evidence_row *row = &p->rows[p->n];
	bool listed = sqlite3_column_type(q, 6) != SQLITE_NULL, ok;

	memset(row, 0, sizeof *row);
	row->session = (uint64_t)sqlite3_column_int64(q, 2);
	ok = (COLUMN(q, 0, row->app_name) && COLUMN(q, 1, row->agent_id)
		 && take_digest(q, 5, row->collateral_sha256)
		 && (!listed || take_digest(q, 6, row->allowlist_sha256))
		 && take_blob(q, 3, &row->record) && take_blob(q, 4, &row->quote))
	     || sqlite_refused(d, "holds evidence that this program did not write", e);
	ok = ok && add_shared(d, p, row, listed, e);
	p->n++;
	return ok;
}

static size_t
bytes_of(const struct evidence_page *p)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n; i++) {
		const struct evidence_row *r = &p->rows[i];

		n += r->record.n + r->quote.n;
		n += i && r[-1].collateral.p == r->collateral.p ? 0 : r->collateral.n;
		n += i && r[-1].allowlist.p == r->allowlist.p ? 0 : r->allowlist.n;
	}
	return n;
}

static MUST_CHECK bool
read_rows(struct sqlite_db *d, sqlite3_stmt *q, const struct evidence_query *want,
    struct evidence_page *out, struct err *e)
{
	int rc;

	while ((rc = sqlite3_step(q)) == SQLITE_ROW) {
		out->more = out->n == want->limit || bytes_of(out) > STORE_EVIDENCE_BYTES;
		if (out->more)
			return true;
		if (!add_row(d, q, out, e))
			return false;
	}
	return rc == SQLITE_DONE || sqlite_failed(d, "cannot read", e);
}

bool
sqlite_db_read_evidence(struct sqlite_db *d, const struct evidence_query *want,
    struct evidence_page *out, struct err *e)
{
	static const char after[] = "SELECT * FROM evidence WHERE app_name = ?1 AND agent_id > ?2"
				    " ORDER BY agent_id",
			  alone[] = "SELECT * FROM evidence WHERE app_name = ?1 AND agent_id = ?2";
	sqlite3_stmt *q = NULL;
	bool ok;

	memset(out, 0, sizeof *out);
	out->rows = calloc(want->limit, sizeof *out->rows);
	if (!out->rows)
		return err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "evidence");
	ok = (sqlite3_prepare_v2(d->db, want->alone ? alone : after, -1, &q, NULL) == SQLITE_OK
		 && (text(q, 1, want->app_name) | text(q, 2, want->agent_id)) == SQLITE_OK)
	     || sqlite_failed(d, "cannot read", e);
	ok = ok && read_rows(d, q, want, out, e);
	sqlite3_finalize(q);
	return ok;
}

static bool
is_earlier(const struct evidence_page *p, size_t i, const uint8_t *bytes)
{
	for (size_t k = 0; k < i; k++)
		if (p->rows[k].collateral.p == bytes || p->rows[k].allowlist.p == bytes)
			return true;
	return false;
}

static void
let_go(struct span s)
{
	free((void *)(uintptr_t)s.p);
}

/* From the end, so that what is shared is freed by the first that has it. */
void
evidence_page_free(struct evidence_page *p)
{
	for (size_t i = p->n; i-- > 0;) {
		struct evidence_row *r = &p->rows[i];

		let_go(r->record);
		let_go(r->quote);
		if (!is_earlier(p, i, r->collateral.p))
			let_go(r->collateral);
		if (!is_earlier(p, i, r->allowlist.p))
			let_go(r->allowlist);
	}
	free(p->rows);
	memset(p, 0, sizeof *p);
}
