#include "store/sqlite_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SCHEMA_VERSION 5

static const char schema[] =
    "CREATE TABLE app (name TEXT PRIMARY KEY, repo TEXT NOT NULL, repo_id INTEGER NOT NULL,"
    " network TEXT NOT NULL, registered_at INTEGER NOT NULL, expires_at INTEGER NOT NULL,"
    " release_tag TEXT NOT NULL, agent_id TEXT NOT NULL, sealed INTEGER NOT NULL,"
    " tcb_status TEXT NOT NULL, advisories TEXT NOT NULL, last_attested_at INTEGER NOT NULL)"
    " STRICT, WITHOUT ROWID;"
    "CREATE TABLE pin (repo TEXT NOT NULL, release_tag TEXT NOT NULL, sha256 BLOB NOT NULL,"
    " pinned_at INTEGER NOT NULL, PRIMARY KEY (repo, release_tag)) STRICT, WITHOUT ROWID;";

/* What makes schema 5 of 4. */
static const char immutable_schema[] =
    "ALTER TABLE pin ADD COLUMN immutable INTEGER NOT NULL DEFAULT 0";

/* Made where it is missing, whichever version of the schema the file has. */
static const char ban_schema[] = "CREATE TABLE IF NOT EXISTS ban (name TEXT PRIMARY KEY,"
				 " banned_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;";

static const char *const change_sql[SQLITE_DB_OPS] = {
    [STORE_PUT_APP] = "INSERT OR REPLACE INTO app VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12)",
    [STORE_DELETE_APP] = "DELETE FROM app WHERE name = ?1",
    [STORE_PUT_PIN] = "INSERT INTO pin VALUES (?1,?2,?3,?4,?5,?6,?7,?8) ON CONFLICT DO UPDATE SET"
		      " sha256 = excluded.sha256, pinned_at = excluded.pinned_at,"
		      " repo_id = excluded.repo_id, secret = excluded.secret,"
		      " used_at = excluded.used_at, immutable = excluded.immutable",
    [STORE_DELETE_PIN] = "DELETE FROM pin WHERE repo = ?1 AND release_tag = ?2",
    [STORE_PUT_LIST] = sqlite_list_put,
    [STORE_PUT_BAN] = "INSERT OR REPLACE INTO ban VALUES (?1,?2)",
    [STORE_LIFT_BAN] = "DELETE FROM ban WHERE name = ?1",
    [STORE_PUT_EVIDENCE] = sqlite_evidence_put,
    [STORE_DELETE_EVIDENCE] = sqlite_evidence_delete,
    [STORE_ADD_AUDIT] = sqlite_audit_insert,
};

/* --- failures --- */

bool
sqlite_failed(const struct sqlite_db *d, const char *what, struct err *e)
{
	return err_set(e, ERR_IO, REASON_STORE_FAILED, "%.90s: %.20s: %.40s", d->path, what,
	    d->db ? sqlite3_errmsg(d->db) : "no memory");
}

bool
sqlite_refused(const struct sqlite_db *d, const char *why, struct err *e)
{
	size_t n = strlen(d->path), most = 80;

	/* The end of a path says more than its beginning. */
	return err_set(e, ERR_USAGE, REASON_STORE_FAILED, "%s%s: %.70s", n > most ? "..." : "",
	    n > most ? d->path + n - most : d->path, why);
}

bool
sqlite_run(struct sqlite_db *d, const char *sql, struct err *e)
{
	if (sqlite3_exec(d->db, sql, NULL, NULL, NULL) == SQLITE_OK)
		return true;
	return sqlite_failed(d, "cannot run", e);
}

/* One value of one row, as an integer. */
static MUST_CHECK bool
ask_int(struct sqlite_db *d, const char *sql, int64_t *out, struct err *e)
{
	sqlite3_stmt *q = NULL;
	bool ok = sqlite3_prepare_v2(d->db, sql, -1, &q, NULL) == SQLITE_OK
		  && sqlite3_step(q) == SQLITE_ROW;

	if (ok)
		*out = sqlite3_column_int64(q, 0);
	sqlite3_finalize(q);
	return ok || sqlite_failed(d, "cannot read", e);
}

/* --- making a new file --- */

static MUST_CHECK bool
sync_folder(const struct sqlite_db *d, const char *path, struct err *e)
{
	char folder[sizeof d->path];
	char *slash;
	int fd;
	bool ok;

	snprintf(folder, sizeof folder, "%s", path);
	slash = strrchr(folder, '/');
	if (slash)
		slash[slash == folder] = '\0';
	fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ok = fd >= 0 && fsync(fd) == 0;
	if (fd >= 0)
		close(fd);
	return ok
	       || err_set(
		   e, ERR_IO, REASON_STORE_FAILED, "%.90s: fsync: %.40s", folder, strerror(errno));
}

static MUST_CHECK bool
write_schema(struct sqlite_db *d, const char *tmp, struct err *e)
{
	char pragmas[128];

	snprintf(pragmas, sizeof pragmas, "PRAGMA application_id=%d; PRAGMA user_version=%d;",
	    APPLICATION_ID, SCHEMA_VERSION);
	if (sqlite3_open_v2(tmp, &d->db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
		return sqlite_failed(d, "cannot make", e);
	return sqlite_run(d, "BEGIN", e) && sqlite_run(d, pragmas, e) && sqlite_run(d, schema, e)
	       && sqlite_run(d, sqlite_audit_schema, e) && sqlite_run(d, sqlite_evidence_schema, e)
	       && sqlite_run(d, sqlite_list_schema, e) && sqlite_run(d, immutable_schema, e)
	       && sqlite_run(d, "COMMIT", e);
}

/* A new file gets its name when it is whole, so that a file of that name that is empty or has no
 * tables is a damaged one and never taken for new. */
static MUST_CHECK bool
make(struct sqlite_db *d, const char *path, struct err *e)
{
	char tmp[sizeof d->path + 8], journal[sizeof d->path + 16];
	int fd;
	bool ok;

	snprintf(tmp, sizeof tmp, "%s.new", path);
	snprintf(journal, sizeof journal, "%s.new-journal", path);
	unlink(journal); /* of a start that was cut short: SQLite would play it back */
	fd = open(tmp, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_set(
		    e, ERR_IO, REASON_STORE_FAILED, "%.100s: %.50s", tmp, strerror(errno));
	close(fd);
	ok = write_schema(d, tmp, e);
	sqlite3_close(d->db);
	d->db = NULL;
	if (ok && rename(tmp, path) != 0)
		ok = err_set(
		    e, ERR_IO, REASON_STORE_FAILED, "%.100s: %.50s", path, strerror(errno));
	return ok && sync_folder(d, path, e);
}

/* --- opening --- */

/* EXCLUSIVE: a second control plane on one registry would be wrong about who is connected. */
static MUST_CHECK bool
take(struct sqlite_db *d, struct err *e)
{
	int rc;

	if (sqlite3_open_v2(d->path, &d->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL)
	    != SQLITE_OK)
		return sqlite_failed(d, "cannot open", e);
	sqlite3_extended_result_codes(d->db, 1);
	sqlite3_busy_timeout(d->db, 500);
	rc = sqlite3_exec(d->db,
	    "PRAGMA locking_mode=EXCLUSIVE; PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON;"
	    "BEGIN EXCLUSIVE; COMMIT;",
	    NULL, NULL, NULL);
	if ((rc & 0xff) == SQLITE_BUSY)
		return err_set(e, ERR_NOT_NOW, REASON_STORE_FAILED,
		    "%.80s is open in another process", d->path);
	if ((rc & 0xff) == SQLITE_NOTADB)
		return sqlite_refused(d, "is no SQLite database; it is left as it is", e);
	if ((rc & 0xff) == SQLITE_CORRUPT)
		return sqlite_refused(d, "is damaged; it is left as it is", e);
	return rc == SQLITE_OK || sqlite_failed(d, "cannot open", e);
}

static MUST_CHECK bool
check_content(struct sqlite_db *d, int64_t *version, struct err *e)
{
	sqlite3_stmt *q = NULL;
	const unsigned char *said = NULL;
	bool sound;
	char newer[80];
	int64_t id;

	if (!ask_int(d, "PRAGMA application_id", &id, e)
	    || !ask_int(d, "PRAGMA user_version", version, e))
		return false;
	if (id != APPLICATION_ID)
		return sqlite_refused(d, "is not a registry of this program", e);
	if (*version > SCHEMA_VERSION) {
		snprintf(newer, sizeof newer,
		    "is of schema %lld, by a newer version of this program", (long long)*version);
		return sqlite_refused(d, newer, e);
	}
	if (*version < 1)
		return sqlite_refused(d, "has no schema version", e);
	if (sqlite3_prepare_v2(d->db, "PRAGMA quick_check(1)", -1, &q, NULL) == SQLITE_OK
	    && sqlite3_step(q) == SQLITE_ROW)
		said = sqlite3_column_text(q, 0);
	sound = said && strcmp((const char *)said, "ok") == 0;
	sqlite3_finalize(q);
	return sound || sqlite_refused(d, "is damaged; it is left as it is", e);
}

/* All or none; whoever is killed meanwhile finds the old file. */
static MUST_CHECK bool
migrate(struct sqlite_db *d, int64_t from, struct err *e)
{
	char version[40];

	snprintf(version, sizeof version, "PRAGMA user_version=%d", SCHEMA_VERSION);
	if (sqlite_run(d, "BEGIN IMMEDIATE", e) && (from > 1 || sqlite_audit_migrate(d, e))
	    && (from > 2 || sqlite_run(d, sqlite_evidence_schema, e))
	    && (from > 3 || sqlite_run(d, sqlite_list_schema, e))
	    && sqlite_run(d, immutable_schema, e) && sqlite_run(d, version, e)
	    && sqlite_run(d, "COMMIT", e))
		return true;
	sqlite_db_rollback(d);
	return false;
}

static MUST_CHECK bool
prepare(struct sqlite_db *d, struct err *e)
{
	int64_t unused;

	if (!ask_int(d, "PRAGMA journal_mode=WAL", &unused, e) || !sqlite_run(d, ban_schema, e))
		return false;
	for (size_t i = 0; i < SQLITE_DB_OPS; i++)
		if (sqlite3_prepare_v3(
			d->db, change_sql[i], -1, SQLITE_PREPARE_PERSISTENT, &d->change[i], NULL)
		    != SQLITE_OK)
			return sqlite_failed(d, "cannot prepare", e);
	if (sqlite3_prepare_v3(
		d->db, sqlite_evidence_blob, -1, SQLITE_PREPARE_PERSISTENT, &d->keep_blob, NULL)
	    != SQLITE_OK)
		return sqlite_failed(d, "cannot prepare", e);
	return true;
}

bool
sqlite_db_open(struct sqlite_db *d, const char *path, struct err *e)
{
	struct stat st;
	int64_t version;

	memset(d, 0, sizeof *d);
	if (!span_cstr(span_str(path), d->path, sizeof d->path) || d->path[0] == '\0')
		return err_set(e, ERR_USAGE, REASON_STORE_FAILED, "the path is empty or too long");
	if (stat(path, &st) != 0) {
		if (errno != ENOENT)
			return sqlite_refused(d, strerror(errno), e);
		if (!make(d, path, e))
			return false;
	} else if (st.st_size == 0) {
		return sqlite_refused(d, "is empty; it is left as it is", e);
	}
	if (take(d, e) && check_content(d, &version, e)
	    && sqlite_run(d, "PRAGMA synchronous=FULL", e)
	    && (version == SCHEMA_VERSION || migrate(d, version, e)) && prepare(d, e)
	    && sqlite_evidence_clear(d, e) && sqlite_audit_open(d, e))
		return true;
	sqlite_db_close(d);
	return false;
}

/* A file in WAL mode is read through files beside it, which a folder that is not ours to write
 * cannot get; without a log there is nothing that they would add. */
static MUST_CHECK bool
open_alone(struct sqlite_db *d, struct err *e)
{
	char uri[3 * sizeof d->path + 32] = "file:";
	size_t n = strlen(uri);

	for (const char *c = d->path; *c; c++)
		n += (size_t)snprintf(uri + n, sizeof uri - n, strchr("%?#", *c) ? "%%%02X" : "%c",
		    (unsigned char)*c);
	snprintf(uri + n, sizeof uri - n, "?immutable=1");
	sqlite3_close(d->db);
	d->db = NULL;
	return sqlite3_open_v2(
		   uri, &d->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI, NULL)
		   == SQLITE_OK
	       || sqlite_failed(d, "cannot open", e);
}

static bool
has_log(const struct sqlite_db *d)
{
	char wal[sizeof d->path + 8];

	snprintf(wal, sizeof wal, "%s-wal", d->path);
	return access(wal, F_OK) == 0;
}

/* A file may come from anybody: a view in a table's place computes what it likes for as long as it
 * likes. What SQLite makes of a row is in its text, not in its type, so the text is judged: these
 * are the beginnings that SQLite writes. */
static MUST_CHECK bool
check_tables(struct sqlite_db *d, struct err *e)
{
	static const char ours[] =
	    "SELECT count(*) FROM sqlite_schema WHERE type = 'table'"
	    " AND name IN ('app', 'audit', 'pin') AND sql GLOB 'CREATE TABLE *'";
	static const char others[] =
	    "SELECT count(*) FROM sqlite_schema WHERE sql IS NOT NULL"
	    " AND NOT (sql GLOB 'CREATE TABLE *' OR sql GLOB 'CREATE INDEX *'"
	    " OR sql GLOB 'CREATE UNIQUE INDEX *' OR sql GLOB 'CREATE TRIGGER audit_no_update *'"
	    " OR sql GLOB 'CREATE TRIGGER audit_no_delete *'"
	    " OR sql GLOB 'CREATE TRIGGER audit_in_order *'"
	    " OR sql GLOB 'CREATE TRIGGER evidence_app_gone *'"
	    " OR sql GLOB 'CREATE TRIGGER evidence_changed *'"
	    " OR sql GLOB 'CREATE TRIGGER evidence_gone *'"
	    " OR sql GLOB 'CREATE TRIGGER pin_changed *' OR sql GLOB 'CREATE TRIGGER pin_gone *')";
	int64_t tables = 0, more = 0;

	if (!ask_int(d, ours, &tables, e) || !ask_int(d, others, &more, e))
		return false;
	return (tables == 3 && more == 0)
	       || sqlite_refused(d, "holds other than a registry's tables", e);
}

bool
sqlite_db_open_to_read(struct sqlite_db *d, const char *path, struct err *e)
{
	static const char first[] = "PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON;"
				    "SELECT * FROM sqlite_schema";
	int64_t version = 0;
	int rc;

	memset(d, 0, sizeof *d);
	if (!span_cstr(span_str(path), d->path, sizeof d->path) || d->path[0] == '\0')
		return err_set(e, ERR_USAGE, REASON_STORE_FAILED, "the path is empty or too long");
	if (access(path, R_OK) != 0)
		return sqlite_refused(d, strerror(errno), e);
	rc = sqlite3_open_v2(path, &d->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(d->db, first, NULL, NULL, NULL);
	if ((rc & 0xff) == SQLITE_CANTOPEN && !has_log(d)) {
		if (!open_alone(d, e))
			goto out;
		rc = sqlite3_exec(d->db, first, NULL, NULL, NULL);
	}
	if ((rc & 0xff) == SQLITE_BUSY)
		(void)sqlite_refused(d, "is open in ee-control: look at a backup", e);
	else if (rc != SQLITE_OK)
		(void)sqlite_failed(d, "cannot open", e);
	else if (!check_tables(d, e) || !check_content(d, &version, e))
		goto out;
	else if (version > 1) /* 2 has all that is read alone */
		return true;
	else
		(void)sqlite_refused(
		    d, "is of schema 1: ee-control chains it at its next start", e);
out:
	sqlite_db_close(d);
	return false;
}

void
sqlite_db_close(struct sqlite_db *d)
{
	for (size_t i = 0; i < SQLITE_DB_OPS; i++)
		sqlite3_finalize(d->change[i]);
	sqlite3_finalize(d->keep_blob);
	sqlite3_close(d->db);
	memset(d, 0, sizeof *d);
}

/* --- changes --- */

/* Bind the next parameter; the row outlives the step. */
static int
text(sqlite3_stmt *q, int i, const char *s)
{
	return sqlite3_bind_text(q, i, s, -1, SQLITE_STATIC);
}

static int
bind_app(sqlite3_stmt *q, const struct app_row *a)
{
	int rc = text(q, 1, a->name);

	rc |= text(q, 2, a->repo);
	rc |= sqlite3_bind_int64(q, 3, a->repo_id);
	rc |= text(q, 4, a->network);
	rc |= sqlite3_bind_int64(q, 5, a->registered_at);
	rc |= sqlite3_bind_int64(q, 6, a->expires_at);
	rc |= text(q, 7, a->release_tag);
	rc |= text(q, 8, a->agent_id);
	rc |= sqlite3_bind_int(q, 9, a->sealed);
	rc |= text(q, 10, a->tcb_status);
	rc |= text(q, 11, a->advisories);
	rc |= sqlite3_bind_int64(q, 12, a->last_attested_at);
	return rc;
}

static int
bind_pin(sqlite3_stmt *q, const struct pin_row *p, bool whole)
{
	int rc = text(q, 1, p->repo);

	rc |= text(q, 2, p->release_tag);
	if (whole) {
		rc |= sqlite3_bind_blob(q, 3, p->sha256, sizeof p->sha256, SQLITE_STATIC);
		rc |= sqlite3_bind_int64(q, 4, p->pinned_at);
		rc |= sqlite3_bind_int64(q, 5, p->repo_id);
		rc |= sqlite3_bind_int(q, 6, p->secret);
		rc |= sqlite3_bind_int64(q, 7, p->used_at);
		rc |= sqlite3_bind_int(q, 8, p->immutable);
	}
	return rc;
}

static int
bind_ban(sqlite3_stmt *q, const struct ban_row *b)
{
	return text(q, 1, b->name) | sqlite3_bind_int64(q, 2, b->banned_at);
}

static int
bind_gone_evidence(sqlite3_stmt *q, const struct evidence_row *v)
{
	return text(q, 1, v->app_name) | text(q, 2, v->agent_id)
	       | sqlite3_bind_int64(q, 3, (sqlite3_int64)v->session);
}

static int
bind_change(sqlite3_stmt *q, const struct store_change *c)
{
	switch (c->op) {
	case STORE_PUT_APP:
		return bind_app(q, &c->u.app);
	case STORE_DELETE_APP:
		return text(q, 1, c->u.app.name);
	case STORE_PUT_PIN:
		return bind_pin(q, &c->u.pin, true);
	case STORE_DELETE_PIN:
		return bind_pin(q, &c->u.pin, false);
	case STORE_PUT_BAN:
		return bind_ban(q, &c->u.ban);
	case STORE_LIFT_BAN:
		return text(q, 1, c->u.ban.name);
	case STORE_DELETE_EVIDENCE:
		return bind_gone_evidence(q, &c->u.evidence);
	case STORE_ADD_AUDIT:
	case STORE_PUT_EVIDENCE:
	case STORE_PUT_LIST:
		break; /* they have files of their own */
	}
	return SQLITE_MISUSE;
}

bool
sqlite_db_begin(struct sqlite_db *d, struct err *e)
{
	return sqlite_run(d, "BEGIN IMMEDIATE", e);
}

bool
sqlite_db_apply(struct sqlite_db *d, const struct store_change *c, struct err *e)
{
	sqlite3_stmt *q = d->change[c->op];
	struct audit_row row;
	bool ok;

	if (c->op == STORE_ADD_AUDIT) {
		row = c->u.audit;
		ok = sqlite_audit_bind(d, q, &row, e);
	} else if (c->op == STORE_PUT_EVIDENCE) {
		ok = sqlite_evidence_bind(d, q, &c->u.evidence, e);
	} else if (c->op == STORE_PUT_LIST) {
		ok = sqlite_list_bind(d, q, &c->u.list, e);
	} else {
		ok = bind_change(q, c) == SQLITE_OK || sqlite_failed(d, "cannot bind", e);
	}
	ok = ok && (sqlite3_step(q) == SQLITE_DONE || sqlite_failed(d, "cannot write", e));
	sqlite3_reset(q);
	sqlite3_clear_bindings(q);
	if (ok && c->op == STORE_PUT_LIST && sqlite3_changes(d->db) > 0)
		ok = sqlite_list_trim(d, e);
	return ok;
}

bool
sqlite_db_commit(struct sqlite_db *d, struct err *e)
{
	if (!sqlite_run(d, "COMMIT", e))
		return false;
	d->committed = d->chain;
	return true;
}

void
sqlite_db_rollback(struct sqlite_db *d)
{
	d->chain = d->committed;
	/* A full disk may have rolled it back already. */
	if (!sqlite3_get_autocommit(d->db))
		sqlite3_exec(d->db, "ROLLBACK", NULL, NULL, NULL);
}

/* --- loading --- */

bool
sqlite_text(sqlite3_stmt *q, int i, char *dst, size_t size)
{
	const unsigned char *s = sqlite3_column_text(q, i);

	return s && span_cstr(span_of(s, (size_t)sqlite3_column_bytes(q, i)), dst, size);
}

static bool
read_app(sqlite3_stmt *q, struct app_row *a)
{
	a->repo_id = sqlite3_column_int64(q, 2);
	a->registered_at = sqlite3_column_int64(q, 4);
	a->expires_at = sqlite3_column_int64(q, 5);
	a->sealed = sqlite3_column_int(q, 8) != 0;
	a->last_attested_at = sqlite3_column_int64(q, 11);
	return COLUMN(q, 0, a->name) && COLUMN(q, 1, a->repo) && COLUMN(q, 3, a->network)
	       && COLUMN(q, 6, a->release_tag) && COLUMN(q, 7, a->agent_id)
	       && COLUMN(q, 9, a->tcb_status) && COLUMN(q, 10, a->advisories);
}

static bool
read_pin(sqlite3_stmt *q, struct pin_row *p)
{
	const void *sha = sqlite3_column_blob(q, 2);

	if (!sha || sqlite3_column_bytes(q, 2) != (int)sizeof p->sha256)
		return false;
	memcpy(p->sha256, sha, sizeof p->sha256);
	p->pinned_at = sqlite3_column_int64(q, 3);
	p->repo_id = sqlite3_column_int64(q, 4);
	p->secret = sqlite3_column_int(q, 5) != 0;
	p->used_at = sqlite3_column_int64(q, 6);
	p->immutable = sqlite3_column_int(q, 7) != 0;
	return COLUMN(q, 0, p->repo) && COLUMN(q, 1, p->release_tag);
}

static bool
read_ban(sqlite3_stmt *q, struct ban_row *b)
{
	b->banned_at = sqlite3_column_int64(q, 1);
	return COLUMN(q, 0, b->name);
}

static MUST_CHECK bool
hand_row(struct sqlite_db *d, sqlite3_stmt *q, enum store_op kind, const struct store_loader *to,
    struct err *e)
{
	union {
		struct app_row app;
		struct pin_row pin;
		struct ban_row ban;
	} u;

	memset(&u, 0, sizeof u);
	if (kind == STORE_PUT_APP && read_app(q, &u.app))
		return to->app(to->ctx, &u.app, e);
	if (kind == STORE_PUT_PIN && read_pin(q, &u.pin))
		return to->pin(to->ctx, &u.pin, e);
	if (kind == STORE_PUT_BAN && read_ban(q, &u.ban))
		return to->ban(to->ctx, &u.ban, e);
	return sqlite_refused(d, "holds a row that this program did not write", e);
}

static MUST_CHECK bool
load_table(struct sqlite_db *d, const char *sql, enum store_op kind, const struct store_loader *to,
    struct err *e)
{
	sqlite3_stmt *q = NULL;
	int rc;
	bool ok = sqlite3_prepare_v2(d->db, sql, -1, &q, NULL) == SQLITE_OK
		  || sqlite_failed(d, "cannot read", e);

	while (ok) {
		rc = sqlite3_step(q);
		if (rc == SQLITE_DONE)
			break;
		ok = rc == SQLITE_ROW ? hand_row(d, q, kind, to, e)
				      : sqlite_failed(d, "cannot read", e);
	}
	sqlite3_finalize(q);
	return ok;
}

bool
sqlite_db_load(struct sqlite_db *d, const struct store_loader *to, struct err *e)
{
	if (to->app && !load_table(d, "SELECT * FROM app", STORE_PUT_APP, to, e))
		return false;
	if (to->pin && !load_table(d, "SELECT * FROM pin", STORE_PUT_PIN, to, e))
		return false;
	if (to->ban && !load_table(d, "SELECT * FROM ban", STORE_PUT_BAN, to, e))
		return false;
	return !to->audit || sqlite_audit_load(d, to, e);
}
