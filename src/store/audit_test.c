/* The audit trail: one chain in every backend; what somebody did to a file; copies. */
#include "store/store_test.h"

/* --- the audit trail, every backend --- */

struct got {
	struct audit_row row[8];
	size_t n;
	bool came;
	struct err err;
};

static void
take_rows(void *ctx, const struct audit_row *rows, size_t n, const struct err *e)
{
	struct got *g = ctx;

	g->came = true;
	g->n = n;
	if (e)
		g->err = *e;
	for (size_t i = 0; i < n && i < 8; i++)
		g->row[i] = rows[i];
}

static void
turn_until(struct store *st, const bool *came)
{
	struct pollfd p = {.fd = bell[0], .events = POLLIN};
	char c[64];

	while (!*came) {
		assert_int_equal(poll(&p, 1, 20000), 1);
		assert_true(read(bell[0], c, sizeof c) > 0);
		store_poll(st);
	}
}

static void
read_now(struct store *st, uint64_t after, size_t limit, const char *app, struct got *g)
{
	struct audit_query q = {.after = after, .limit = limit};
	struct err e = {0};

	memset(g, 0, sizeof *g);
	snprintf(q.app_name, sizeof q.app_name, "%s", app);
	assert_true(store_read_audit(st, &q, take_rows, g, &e));
	assert_false(g->came);
	turn_until(st, &g->came);
	assert_int_equal(g->err.code, ERR_NONE);
}

static void
the_trail_is_a_chain(void **state)
{
	for (size_t b = 0; b < 2; b++) {
		struct store *st = open_or_fail(backends[b]);
		struct store_change c[3] = {add_audit(1), add_audit(2), add_audit(3)};
		struct audit_chain chain = {0}, head = store_audit_head(st);
		struct err e = {0};
		struct loaded l = {0};
		struct store_loader to = {
		    .audit = take_audit, .audit_max = 8, .audit_event = "rare", .ctx = &l};
		struct got g;

		assert_int_equal(head.seq, 0);
		snprintf(c[1].u.audit.app_name, sizeof c[1].u.audit.app_name, "other");
		snprintf(c[2].u.audit.event, sizeof c[2].u.audit.event, "rare");
		c[0].u.audit.seq = 77; /* not ours to say */
		write_now(st, c, 2);
		write_now(st, &c[2], 1);
		read_now(st, 0, 8, "", &g);
		assert_int_equal(g.n, 3);
		for (size_t i = 0; i < 3; i++) {
			same_audit(&g.row[i], &c[i].u.audit);
			if (!audit_chain_check(&chain, &g.row[i], &e))
				fail_msg("%s", e.detail);
		}
		head = store_audit_head(st);
		assert_memory_equal(&head, &chain, sizeof head);
		read_now(st, 1, 1, "", &g);
		assert_int_equal(g.n, 1);
		assert_int_equal(g.row[0].seq, 2);
		read_now(st, 0, 8, "app", &g);
		assert_int_equal(g.n, 2);
		assert_int_equal(g.row[1].seq, 3);
		read_now(st, 3, 8, "", &g);
		assert_int_equal(g.n, 0);
		assert_true(store_load(st, &to, &e));
		assert_int_equal(l.audits, 1);
		assert_int_equal(l.audit[0].seq, 3);
		store_close(st);
	}
}

/* --- the audit trail, files --- */

static bool
check_row(void *ctx, const struct audit_row *row, struct err *e)
{
	return audit_chain_check(ctx, row, e);
}

/* What `eectl audit verify` does. */
static bool
verify_at(const char *where, struct audit_chain *chain, struct err *e)
{
	struct audit_query all = {0};
	struct sqlite_db d;
	bool ok;

	memset(chain, 0, sizeof *chain);
	if (!sqlite_db_open_to_read(&d, where, e))
		return false;
	ok = sqlite_db_each_audit(&d, &all, check_row, chain, e);
	sqlite_db_close(&d);
	return ok;
}

static void
make_trail(unsigned n)
{
	struct store *st;

	clean();
	st = open_or_fail(open_sqlite);
	for (unsigned i = 1; i <= n; i++) {
		struct store_change c = add_audit(i);

		memset(c.u.audit.allowlist_sha256, 7, 32);
		write_now(st, &c, 1);
	}
	store_close(st);
}

static bool
sql_fails_with(const char *text, const char *why)
{
	sqlite3 *db;
	char *said = NULL;
	bool as_said;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	as_said = sqlite3_exec(db, text, NULL, NULL, &said) != SQLITE_OK && said
		  && strstr(said, why);
	sqlite3_free(said);
	sqlite3_close(db);
	return as_said;
}

static void
no_program_changes_the_trail_by_mistake(void **state)
{
	struct audit_chain chain;
	struct err e = {0};

	make_trail(3);
	assert_true(sql_fails_with("UPDATE audit SET detail='x' WHERE seq=2", "append-only"));
	assert_true(sql_fails_with("DELETE FROM audit WHERE seq=3", "append-only"));
	assert_true(sql_fails_with("DELETE FROM audit", "append-only"));
	for (int seq = 1; seq <= 5; seq++) {
		char text[200];

		if (seq == 4) /* the next one */
			continue;
		snprintf(text, sizeof text,
		    "INSERT OR REPLACE INTO audit VALUES (%d,1,'','','','','','','','','',x'',x'',"
		    "x'',x'')",
		    seq);
		assert_true(sql_fails_with(text, "append-only"));
	}
	assert_true(verify_at(path, &chain, &e));
	assert_int_equal(chain.seq, 3);
}

#define NO_GUARD                                                                                   \
	"DROP TRIGGER audit_no_update; DROP TRIGGER audit_no_delete; DROP TRIGGER audit_in_order;"

static void
tampering_with_any_column_names_the_row(void **state)
{
	static const char *const bend[] = {"at=at+1", "event='refused'", "app_name='other'",
	    "agent_id='a-2'", "repo='org/other'", "release_tag='v2'", "network='sandbox-1'",
	    "verdict='refused'", "reason=''", "detail=detail||' '", "quote_sha256=allowlist_sha256",
	    "quote_sha256=x''", "quote_sha256=zeroblob(32)", "allowlist_sha256=x''", "prev=hash",
	    "prev=x''", "hash=prev", "hash=x'00'", "event=cast(x'80' as text)",
	    "detail=cast(x'6100' as text)", "app_name=printf('%.*c',64,'a')"};
	struct audit_chain chain;
	char text[400];

	for (size_t i = 0; i < sizeof bend / sizeof bend[0]; i++) {
		struct err e = {0};

		make_trail(5);
		snprintf(text, sizeof text, NO_GUARD "UPDATE audit SET %s WHERE seq=3", bend[i]);
		sql(text);
		if (verify_at(path, &chain, &e))
			fail_msg("%s: not found", bend[i]);
		assert_int_equal(e.code, ERR_UNTRUSTED);
		if (!strstr(e.detail, "row 3 "))
			fail_msg("%s: %s", bend[i], e.detail);
		assert_int_equal(chain.seq, 2);
	}
	/* Rows taken out, moved, put in between; the row named is the first that is not right. */
	static const char swap[] =
	    "UPDATE audit SET seq=-3 WHERE seq=3; UPDATE audit SET seq=3 WHERE seq=4;"
	    "UPDATE audit SET seq=4 WHERE seq=-3";
	static const char *const moves[] = {
	    "DELETE FROM audit WHERE seq=3", "UPDATE audit SET seq=9 WHERE seq=3", swap};

	for (size_t i = 0; i < sizeof moves / sizeof moves[0]; i++) {
		struct err e = {0};

		make_trail(5);
		snprintf(text, sizeof text, NO_GUARD "%s", moves[i]);
		sql(text);
		assert_false(verify_at(path, &chain, &e));
		assert_int_equal(e.code, ERR_UNTRUSTED);
		assert_non_null(strstr(e.detail, "row 3 "));
	}
}

/* Inside the file a cut tail is whole; only a head kept elsewhere tells. */
static void
a_cut_tail_leaves_another_head(void **state)
{
	struct audit_chain whole, cut, rewritten;
	struct store_change c = add_audit(99);
	struct err e = {0};

	make_trail(5);
	assert_true(verify_at(path, &whole, &e));
	sql(NO_GUARD "DELETE FROM audit WHERE seq=5");
	assert_true(verify_at(path, &cut, &e));
	assert_int_equal(cut.seq, 4);
	struct store *st = open_or_fail(open_sqlite);

	write_now(st, &c, 1);
	store_close(st);
	assert_true(verify_at(path, &rewritten, &e));
	assert_int_equal(rewritten.seq, whole.seq);
	assert_memory_not_equal(rewritten.head, whole.head, sizeof whole.head);
}

static void
a_trail_that_cannot_go_on_is_refused(void **state)
{
	make_trail(3);
	sql(NO_GUARD "UPDATE audit SET detail='x' WHERE seq=3");
	expect_refused("audit trail: row 3 is not as it was written");
}

static const char schema_1[] =
    "PRAGMA application_id=1162167120; PRAGMA user_version=1;"
    "CREATE TABLE app (name TEXT PRIMARY KEY, repo TEXT NOT NULL, repo_id INTEGER NOT NULL,"
    " network TEXT NOT NULL, registered_at INTEGER NOT NULL, expires_at INTEGER NOT NULL,"
    " release_tag TEXT NOT NULL, agent_id TEXT NOT NULL, sealed INTEGER NOT NULL,"
    " tcb_status TEXT NOT NULL, advisories TEXT NOT NULL, last_attested_at INTEGER NOT NULL)"
    " STRICT, WITHOUT ROWID;"
    "CREATE TABLE pin (repo TEXT NOT NULL, release_tag TEXT NOT NULL, sha256 BLOB NOT NULL,"
    " pinned_at INTEGER NOT NULL, PRIMARY KEY (repo, release_tag)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE audit (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, event TEXT NOT NULL,"
    " app_name TEXT NOT NULL, agent_id TEXT NOT NULL, reason TEXT NOT NULL,"
    " detail TEXT NOT NULL) STRICT;"
    "INSERT INTO app VALUES ('one','org/repo',1,'forge-1',2,3,'v1','a-1',1,'UpToDate','',4);"
    "INSERT INTO pin VALUES ('org/repo','v1',zeroblob(32),5);"
    "INSERT INTO audit VALUES (2,10,'attested','one','a-1','attested','UpToDate');"
    "INSERT INTO audit VALUES (5,11,'refused','one','a-2','debug_td',"
    " cast(x'6361662ec3' as text));";

static void
schema_1_is_carried_over(void **state)
{
	struct audit_chain chain;
	struct loaded l;
	struct err e = {0};
	struct got g;
	struct store *st;
	struct store_change c = add_audit(12);

	clean();
	sql(schema_1);
	assert_false(verify_at(path, &chain, &e));
	assert_non_null(strstr(e.detail, "is of schema 1"));
	st = open_or_fail(open_sqlite);
	load(st, &l);
	assert_int_equal(l.apps, 1);
	assert_string_equal(l.app[0].name, "one");
	assert_int_equal(l.pins, 1);
	read_now(st, 0, 8, "", &g);
	assert_int_equal(g.n, 3);
	assert_int_equal(g.row[0].at, 10);
	assert_string_equal(g.row[0].event, "attested");
	assert_string_equal(g.row[0].app_name, "one");
	assert_string_equal(g.row[0].detail, "UpToDate");
	assert_string_equal(g.row[1].reason, "debug_td");
	assert_string_equal(g.row[1].detail, "caf.?");
	assert_string_equal(g.row[2].event, "migrated");
	write_now(st, &c, 1);
	store_close(st);
	err_clear(&e);
	if (!verify_at(path, &chain, &e))
		fail_msg("%s", e.detail);
	assert_int_equal(chain.seq, 4);
	/* Once only. */
	store_close(open_or_fail(open_sqlite));
	assert_true(verify_at(path, &chain, &e));
	assert_int_equal(chain.seq, 4);
}

static void
a_migration_that_fails_leaves_the_file(void **state)
{
	struct loaded l;
	struct store *st;

	clean();
	sql(schema_1);
	sql("INSERT INTO audit VALUES (6,1,printf('%.*c',500,'x'),'','','','')");
	expect_refused("did not write");
	sql("DELETE FROM audit WHERE id = 6");
	st = open_or_fail(open_sqlite);
	load(st, &l);
	assert_int_equal(l.apps, 1);
	store_close(st);
}

static void
a_rolled_back_row_leaves_no_gap(void **state)
{
	struct store *st;
	struct store_change both[] = {add_audit(1), put_app("one", 666)};
	static struct tally t;
	struct ticket k = {.t = &t};
	struct audit_chain chain;
	struct err e = {0};

	clean();
	store_close(open_or_fail(open_sqlite));
	sql("CREATE TRIGGER no BEFORE INSERT ON app WHEN new.repo_id = 666"
	    " BEGIN SELECT RAISE(ABORT, 'full'); END");
	st = open_or_fail(open_sqlite);
	write_now(st, both, 1);
	memset(&t, 0, sizeof t);
	assert_true(store_submit(st, both, 2, count, &k, &e));
	drain(st, &t, 1);
	assert_int_equal(t.failed, 1);
	assert_int_equal(store_audit_head(st).seq, 1);
	write_now(st, both, 1);
	store_close(st);
	sql("DROP TRIGGER no");
	assert_true(verify_at(path, &chain, &e));
	assert_int_equal(chain.seq, 2);
}

static void
what_is_beside_the_tables_is_refused(void **state)
{
	static const char *const bend[] = {
	    "DROP TABLE audit; CREATE VIEW audit AS SELECT 1 AS seq",
	    "CREATE VIEW more AS SELECT 1",
	    "CREATE TRIGGER more AFTER INSERT ON pin BEGIN SELECT 1; END",
	    "CREATE VIRTUAL TABLE more USING rtree(id, low, high)",
	    "DROP TABLE pin",
	};
	struct audit_chain chain;

	for (size_t i = 0; i < sizeof bend / sizeof bend[0]; i++) {
		struct err e = {0};

		make_trail(3);
		sql(bend[i]);
		assert_false(verify_at(path, &chain, &e));
		assert_int_equal(e.code, ERR_USAGE);
		if (!strstr(e.detail, "holds other than a registry's tables"))
			fail_msg("%s: %s", bend[i], e.detail);
	}
	/* What somebody added to look things up is in nobody's way. */
	struct err e = {0};

	make_trail(3);
	sql("CREATE INDEX by_agent ON audit (agent_id); CREATE TABLE notes (a UNIQUE); ANALYZE");
	if (!verify_at(path, &chain, &e))
		fail_msg("%s", e.detail);
}

/* --- copies --- */

struct copied {
	bool came;
	struct err err;
};

static void
on_copied(void *ctx, const struct err *e)
{
	struct copied *c = ctx;

	c->came = true;
	if (e)
		c->err = *e;
}

static void
a_copy_is_whole_while_changes_go_on(void **state)
{
	static struct tally t;
	struct ticket k = {.t = &t};
	struct copied c = {0}, second = {0};
	struct audit_chain there, here;
	struct err e = {0};
	char copy[160], side[200];
	struct store *st;
	unsigned sent = 0;
	struct stat s;

	make_trail(1);
	snprintf(copy, sizeof copy, "%s/copy.db", folder);
	st = open_or_fail(open_sqlite);
	/* More than one piece: 2000 rows are above a mebibyte. */
	for (unsigned i = 0; i < 4; i++) {
		static struct store_change many[500];

		for (unsigned j = 0; j < 500; j++) {
			many[j] = add_audit(j);
			memset(many[j].u.audit.detail, 'd', 200);
		}
		write_now(st, many, 500);
	}
	memset(&t, 0, sizeof t);
	assert_true(store_copy(st, copy, on_copied, &c, &e));
	assert_false(store_copy(st, copy, on_copied, &second, &e));
	assert_int_equal(e.code, ERR_NOT_NOW);
	while (!c.came && sent < 4000) {
		struct store_change one = add_audit(sent);

		err_clear(&e);
		assert_true(store_submit(st, &one, 1, count, &k, &e));
		drain(st, &t, ++sent);
	}
	turn_until(st, &c.came);
	assert_int_equal(c.err.code, ERR_NONE);
	assert_false(second.came);
	if (!verify_at(copy, &there, &e))
		fail_msg("%s", e.detail);
	assert_true(there.seq >= 2001);
	assert_int_equal(stat(copy, &s), 0);
	assert_int_equal(s.st_mode & 0777, 0600);
	snprintf(side, sizeof side, "%s-wal", copy);
	assert_int_not_equal(access(side, F_OK), 0);
	/* Again, over the old one. */
	memset(&c, 0, sizeof c);
	assert_true(store_copy(st, copy, on_copied, &c, &e));
	turn_until(st, &c.came);
	assert_int_equal(c.err.code, ERR_NONE);
	assert_true(verify_at(copy, &there, &e));
	here = store_audit_head(st);
	assert_memory_equal(&there, &here, sizeof here);
	store_close(st);
	/* It is a registry like the one that it came of. */
	assert_int_equal(rename(copy, path), 0);
	st = open_or_fail(open_sqlite);
	assert_int_equal(store_audit_head(st).seq, there.seq);
	store_close(st);
}

static void
a_copy_that_fails_says_so_and_leaves_nothing(void **state)
{
	struct copied c = {0};
	struct err e = {0};
	char copy[160];
	struct store *st;

	make_trail(1);
	st = open_or_fail(open_sqlite);
	snprintf(copy, sizeof copy, "%s/none/copy.db", folder);
	assert_true(store_copy(st, copy, on_copied, &c, &e));
	turn_until(st, &c.came);
	assert_int_equal(c.err.reason, REASON_STORE_FAILED);
	assert_non_null(strstr(c.err.detail, "No such file"));
	/* The next one is taken; one that the end comes upon leaves no half of a file. */
	memset(&c, 0, sizeof c);
	snprintf(copy, sizeof copy, "%s/copy.db", folder);
	assert_true(store_copy(st, copy, on_copied, &c, &e));
	store_close(st);
	assert_true(c.came);
	if (c.err.code != ERR_NONE)
		assert_int_not_equal(access(copy, F_OK), 0);
	st = open_or_fail(open_memory);
	assert_false(store_copy(st, copy, on_copied, &c, &e));
	store_close(st);
}

static bool
copy_fails_with(struct store *st, const char *to, const char *why)
{
	struct copied c = {0};
	struct err e = {0};

	assert_true(store_copy(st, to, on_copied, &c, &e));
	turn_until(st, &c.came);
	if (c.err.code != ERR_NONE && why && !strstr(c.err.detail, why))
		fail_msg("%s", c.err.detail);
	return c.err.code != ERR_NONE;
}

static void
put_file(const char *where, const char *bytes, size_t n)
{
	int fd = open(where, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_equal(write(fd, bytes, n), (ssize_t)n);
	close(fd);
}

static void
a_copy_replaces_copies_alone(void **state)
{
	static const char foreign[] = "SQLite format 3\0 and 72 bytes of what is not a registry of "
				      "this program, but somebody's";
	char copy[160], journal[200], target[160];
	struct stat s;
	struct store *st;

	make_trail(1);
	snprintf(copy, sizeof copy, "%s/copy.db", folder);
	snprintf(journal, sizeof journal, "%s-journal", copy);
	snprintf(target, sizeof target, "%s/target.db", folder);
	st = open_or_fail(open_sqlite);
	for (size_t n = 1; n <= sizeof foreign; n += 20) {
		put_file(copy, foreign, n);
		assert_true(copy_fails_with(st, copy, "copy.db is no copy that was cut short"));
		assert_int_equal(stat(copy, &s), 0);
		assert_int_equal(s.st_size, n);
	}
	unlink(copy);
	put_file(journal, foreign, 9);
	assert_true(copy_fails_with(st, copy, "copy.db-journal is no copy that was cut short"));
	assert_int_equal(stat(journal, &s), 0);
	assert_int_not_equal(access(copy, F_OK), 0);
	unlink(journal);
	assert_false(copy_fails_with(st, target, NULL));
	assert_int_equal(symlink(target, copy), 0);
	assert_true(copy_fails_with(st, copy, "is no copy that was cut short"));
	unlink(copy);
	/* Ours, at its begin and later on. */
	put_file(copy, foreign, 0);
	put_file(journal, foreign, 9);
	assert_false(copy_fails_with(st, copy, NULL));
	assert_false(copy_fails_with(st, copy, NULL));
	assert_int_not_equal(access(journal, F_OK), 0);
	store_close(st);
}

static void
a_file_in_use_is_not_read(void **state)
{
	struct audit_chain chain;
	struct err e = {0};
	struct store *st;

	make_trail(2);
	st = open_or_fail(open_sqlite);
	assert_false(verify_at(path, &chain, &e));
	if (!strstr(e.detail, "is open in ee-control"))
		fail_msg("%s", e.detail);
	store_close(st);
	err_clear(&e);
	assert_true(verify_at(path, &chain, &e));
	err_clear(&e);
	assert_false(verify_at("/none/r.db", &chain, &e));
	assert_int_equal(e.code, ERR_USAGE);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup(f, clean_folder)
	const struct CMUnitTest tests[] = {
	    T(the_trail_is_a_chain),
	    T(no_program_changes_the_trail_by_mistake),
	    T(tampering_with_any_column_names_the_row),
	    T(a_cut_tail_leaves_another_head),
	    T(a_trail_that_cannot_go_on_is_refused),
	    T(schema_1_is_carried_over),
	    T(a_migration_that_fails_leaves_the_file),
	    T(a_rolled_back_row_leaves_no_gap),
	    T(what_is_beside_the_tables_is_refused),
	    T(a_copy_is_whole_while_changes_go_on),
	    T(a_copy_that_fails_says_so_and_leaves_nothing),
	    T(a_copy_replaces_copies_alone),
	    T(a_file_in_use_is_not_read),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
