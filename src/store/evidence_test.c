/* Evidence, in every backend; and what only files show: shared bytes stand once, and nothing stays
 * that no row names. */
#include "store/store_test.h"

static struct evidence_row
row_of(const char *app, const char *agent, uint64_t session, char collateral, char allowlist)
{
	static const char letters[] = "abcdefgh";
	struct evidence_row r = {.session = session,
	    .record = span_str("{\"record\":1}"),
	    .quote = span_of("quote\0bytes", 11)};

	snprintf(r.app_name, sizeof r.app_name, "%s", app);
	snprintf(r.agent_id, sizeof r.agent_id, "%s", agent);
	memset(r.collateral_sha256, collateral, sizeof r.collateral_sha256);
	r.collateral = span_of(strchr(letters, collateral), 1);
	if (allowlist) {
		memset(r.allowlist_sha256, allowlist, sizeof r.allowlist_sha256);
		r.allowlist = span_of(strchr(letters, allowlist), 1);
	}
	return r;
}

static struct store_change
change(enum store_op op, struct evidence_row row)
{
	return (struct store_change){.op = op, .u.evidence = row};
}

/* What a read gave, the bytes put together: they do not outlast the call. */
struct got {
	bool came, more, failed;
	size_t n;
	char text[4096];
};

static void
take(void *ctx, const struct evidence_row *rows, size_t n, bool more, const struct err *e)
{
	struct got *g = ctx;
	size_t at = 0;

	g->came = true;
	g->more = more;
	g->failed = e != NULL;
	g->n = n;
	g->text[0] = '\0';
	for (size_t i = 0; i < n && at < sizeof g->text; i++) {
		const struct evidence_row *r = &rows[i];

		assert_true(span_eq(r->quote, span_of("quote\0bytes", 11)));
		assert_true(span_is(r->record, "{\"record\":1}"));
		assert_int_equal(r->collateral_sha256[31], r->collateral.p[0]);
		if (r->allowlist.n)
			assert_int_equal(r->allowlist_sha256[31], r->allowlist.p[0]);
		at += (size_t)snprintf(g->text + at, sizeof g->text - at, "%s/%s#%d%.*s%.*s ",
		    r->app_name, r->agent_id, (int)r->session, (int)r->collateral.n,
		    (const char *)r->collateral.p, (int)r->allowlist.n,
		    r->allowlist.n ? (const char *)r->allowlist.p : "");
	}
}

static struct got
ask(struct store *st, const char *app, const char *agent, bool alone, size_t limit)
{
	struct evidence_query q = {.alone = alone, .limit = limit};
	struct pollfd p = {.fd = bell[0], .events = POLLIN};
	struct got g = {0};
	struct err e = {0};
	char c[64];

	snprintf(q.app_name, sizeof q.app_name, "%s", app);
	snprintf(q.agent_id, sizeof q.agent_id, "%s", agent);
	assert_true(store_read_evidence(st, &q, take, &g, &e));
	while (!g.came) {
		assert_int_equal(poll(&p, 1, 20000), 1);
		assert_true(read(bell[0], c, sizeof c) > 0);
		store_poll(st);
	}
	assert_false(g.failed);
	return g;
}

static void
rows_are_the_last_of_each_agent(void **state)
{
	for (size_t b = 0; b < 2; b++) {
		struct store *st = open_or_fail(backends[b]);
		struct store_change c[] = {
		    change(STORE_PUT_EVIDENCE, row_of("one", "b", 1, 'a', 'c')),
		    change(STORE_PUT_EVIDENCE, row_of("one", "a", 2, 'a', 0)),
		    change(STORE_PUT_EVIDENCE, row_of("two", "a", 3, 'b', 'c'))};

		assert_int_equal(ask(st, "one", "", false, 8).n, 0);
		write_now(st, c, 3);
		assert_string_equal(ask(st, "one", "", false, 8).text, "one/a#2a one/b#1ac ");
		assert_string_equal(ask(st, "two", "", false, 8).text, "two/a#3bc ");
		assert_int_equal(ask(st, "three", "", false, 8).n, 0);
		/* Put again replaces. */
		c[0] = change(STORE_PUT_EVIDENCE, row_of("one", "b", 9, 'b', 'd'));
		write_now(st, c, 1);
		assert_string_equal(ask(st, "one", "", false, 8).text, "one/a#2a one/b#9bd ");
		/* The older tunnel's end takes nothing of the newer one's. */
		c[0] = change(STORE_DELETE_EVIDENCE, row_of("one", "b", 1, 'a', 0));
		write_now(st, c, 1);
		assert_string_equal(ask(st, "one", "b", true, 8).text, "one/b#9bd ");
		c[0].u.evidence.session = 9;
		write_now(st, c, 1);
		assert_int_equal(ask(st, "one", "b", true, 8).n, 0);
		assert_string_equal(ask(st, "one", "", false, 8).text, "one/a#2a ");
		/* With the app goes all that it has; an app that is written again loses nothing. */
		struct store_change app[] = {put_app("one", 1), put_app("one", 2)};

		write_now(st, app, 2);
		assert_int_equal(ask(st, "one", "", false, 8).n, 1);
		app[0].op = STORE_DELETE_APP;
		write_now(st, app, 1);
		assert_int_equal(ask(st, "one", "", false, 8).n, 0);
		assert_string_equal(ask(st, "two", "", false, 8).text, "two/a#3bc ");
		store_close(st);
	}
}

static void
pages_follow_one_another(void **state)
{
	for (size_t b = 0; b < 2; b++) {
		struct store *st = open_or_fail(backends[b]);
		struct store_change c[] = {
		    change(STORE_PUT_EVIDENCE, row_of("one", "a", 1, 'a', 0)),
		    change(STORE_PUT_EVIDENCE, row_of("one", "b", 1, 'a', 'c')),
		    change(STORE_PUT_EVIDENCE, row_of("one", "c", 1, 'b', 'c')),
		    change(STORE_PUT_EVIDENCE, row_of("onf", "a", 1, 'b', 'c'))};
		struct got g;

		write_now(st, c, 4);
		g = ask(st, "one", "", false, 2);
		assert_string_equal(g.text, "one/a#1a one/b#1ac ");
		assert_true(g.more);
		g = ask(st, "one", "b", false, 2);
		assert_string_equal(g.text, "one/c#1bc ");
		assert_false(g.more);
		g = ask(st, "one", "", false, 3);
		assert_int_equal(g.n, 3);
		assert_false(g.more);
		store_close(st);
	}
}

static void
large_rows_make_short_pages(void **state)
{
	static uint8_t large[STORE_EVIDENCE_BYTES];

	for (size_t b = 0; b < 2; b++) {
		struct store *st = open_or_fail(backends[b]);
		struct store_change c[3];

		for (size_t i = 0; i < 3; i++) {
			char agent[2] = {(char)('a' + i), '\0'};

			c[i] = change(
			    STORE_PUT_EVIDENCE, row_of("one", agent, 1, (char)('a' + i), 0));
			memset(large, 'a' + (int)i, sizeof large);
			c[i].u.evidence.collateral = span_of(large, sizeof large);
			write_now(st, &c[i], 1);
		}
		struct got g = ask(st, "one", "", false, 8);

		assert_int_equal(g.n, 1);
		assert_true(g.more);
		store_close(st);
	}
}

static void
left(void *ctx, const struct evidence_row *rows, size_t n, bool more, const struct err *e)
{
	++*(unsigned *)ctx;
}

static void
close_ends_what_is_asked(void **state)
{
	for (size_t b = 0; b < 2; b++) {
		struct store *st = open_or_fail(backends[b]);
		struct store_change c = change(STORE_PUT_EVIDENCE, row_of("one", "a", 1, 'a', 'c'));
		struct evidence_query q = {.app_name = "one", .limit = 8};
		unsigned n = 0;
		struct err e = {0};

		assert_true(store_submit(st, &c, 1, NULL, NULL, &e));
		assert_true(store_read_evidence(st, &q, left, &n, &e));
		store_close(st);
		assert_int_equal(n, 1);
	}
}

/* --- files --- */

static int64_t
number(const char *text)
{
	sqlite3_stmt *q;
	sqlite3 *db;
	int64_t n;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, text, -1, &q, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(q), SQLITE_ROW);
	n = sqlite3_column_int64(q, 0);
	sqlite3_finalize(q);
	sqlite3_close(db);
	return n;
}

static void
shared_bytes_stand_once_and_go_with_the_last(void **state)
{
	struct store_change c[] = {change(STORE_PUT_EVIDENCE, row_of("one", "a", 1, 'a', 'c')),
	    change(STORE_PUT_EVIDENCE, row_of("one", "b", 1, 'a', 'c')),
	    change(STORE_PUT_EVIDENCE, row_of("two", "a", 1, 'a', 'd')), put_app("two", 1)};
	struct store *st;

	clean();
	st = open_or_fail(open_sqlite);
	write_now(st, c, 4);
	store_close(st);
	assert_int_equal(number("SELECT count(*) FROM blob"), 3);
	assert_int_equal(number("SELECT count(*) FROM evidence"), 3);
	/* A store begins without evidence, and then without what it shared. */
	st = open_or_fail(open_sqlite);
	assert_int_equal(ask(st, "one", "", false, 8).n, 0);
	store_close(st);
	assert_int_equal(number("SELECT count(*) FROM blob"), 0);
	st = open_or_fail(open_sqlite);
	write_now(st, c, 4);
	/* Another collateral for one, another list for the next, the third goes with its app. */
	c[0] = change(STORE_PUT_EVIDENCE, row_of("one", "a", 1, 'b', 'c'));
	c[1] = change(STORE_PUT_EVIDENCE, row_of("one", "b", 1, 'a', 0));
	c[2] = put_app("two", 1);
	c[2].op = STORE_DELETE_APP;
	write_now(st, c, 3);
	store_close(st);
	assert_int_equal(number("SELECT count(*) FROM evidence"), 2);
	assert_int_equal(number("SELECT count(*) FROM blob"), 3);
	assert_int_equal(
	    number("SELECT count(*) FROM blob WHERE bytes IN (x'61', x'62', x'63')"), 3);
}

static void
many_agents_share_one_file_of_bounded_size(void **state)
{
	static uint8_t large[200000];
	struct stat s;

	clean();
	struct store *st = open_or_fail(open_sqlite);

	for (int round = 0; round < 5; round++)
		for (int i = 0; i < 50; i++) {
			char agent[16];

			snprintf(agent, sizeof agent, "a-%d", i);
			struct store_change c = change(
			    STORE_PUT_EVIDENCE, row_of("one", agent, 1, (char)('a' + round), 0));

			c.u.evidence.collateral = span_of(large, sizeof large);
			memset(large, 'a' + round, sizeof large);
			write_now(st, &c, 1);
		}
	store_close(st);
	assert_int_equal(number("SELECT count(*) FROM blob"), 1);
	assert_int_equal(stat(path, &s), 0);
	assert_true(s.st_size < 4 * (off_t)sizeof large);
}

/* Schema 2 had no evidence: its file is carried over with all that it holds, and before that it is
 * still one whose trail can be read alone. */
static void
schema_2_is_carried_over(void **state)
{
	struct store_change c[] = {put_app("one", 1), put_pin("v1", 1), add_audit(1)};
	struct sqlite_db alone;
	struct err e = {0};
	struct loaded l;

	clean();
	struct store *st = open_or_fail(open_sqlite);

	write_now(st, c, 3);
	store_close(st);
	sql("DROP TRIGGER pin_changed; DROP TRIGGER pin_gone; DROP INDEX pin_list; DROP TABLE list;"
	    "ALTER TABLE pin DROP COLUMN repo_id; ALTER TABLE pin DROP COLUMN secret;"
	    "ALTER TABLE pin DROP COLUMN used_at; ALTER TABLE pin DROP COLUMN immutable;");
	sql("DROP TRIGGER evidence_app_gone; DROP TABLE evidence; DROP TABLE blob;"
	    "PRAGMA user_version = 2");
	assert_true(sqlite_db_open_to_read(&alone, path, &e));
	sqlite_db_close(&alone);
	st = open_or_fail(open_sqlite);
	load(st, &l);
	assert_int_equal(l.apps, 1);
	assert_int_equal(l.pins, 1);
	assert_int_equal(l.audits, 1);
	struct store_change put = change(STORE_PUT_EVIDENCE, row_of("one", "a", 1, 'a', 'c'));

	write_now(st, &put, 1);
	assert_int_equal(ask(st, "one", "", false, 8).n, 1);
	store_close(st);
	assert_int_equal(number("PRAGMA user_version"), 5);
	assert_true(sqlite_db_open_to_read(&alone, path, &e));
	sqlite_db_close(&alone);
}

/* A row that this program cannot have written is told, and nothing of it handed out. */
static void
odd_rows_are_refused(void **state)
{
	static const char *const odd[] = {"x'01', x'02', x'03', NULL",
	    "x'01', x'', zeroblob(32), NULL", "x'01', x'02', zeroblob(32), NULL"};

	for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
		struct evidence_query q = {.app_name = "one", .limit = 8};
		struct evidence_page page;
		struct sqlite_db d;
		struct err e = {0};
		char text[200];

		clean();
		store_close(open_or_fail(open_sqlite));
		snprintf(text, sizeof text, "INSERT INTO evidence VALUES ('one','a',1,%s)", odd[i]);
		sql(text);
		assert_true(sqlite_db_open_to_read(&d, path, &e));
		assert_false(sqlite_db_read_evidence(&d, &q, &page, &e));
		assert_int_equal(e.reason, REASON_STORE_FAILED);
		evidence_page_free(&page);
		sqlite_db_close(&d);
	}
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup(f, clean_folder)
	const struct CMUnitTest tests[] = {
	    T(rows_are_the_last_of_each_agent),
	    T(pages_follow_one_another),
	    T(large_rows_make_short_pages),
	    T(close_ends_what_is_asked),
	    T(shared_bytes_stand_once_and_go_with_the_last),
	    T(many_agents_share_one_file_of_bounded_size),
	    T(schema_2_is_carried_over),
	    T(odd_rows_are_refused),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
