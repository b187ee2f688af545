/* One body of tests for every backend; what only files can do stands behind it. */
#include "store/store_test.h"

/* --- every backend --- */

static void
rows_come_back_as_they_went(void **state)
{
	for (size_t b = 0; b < 2; b++) {
		struct store *st = open_or_fail(backends[b]);
		struct store_change c[] = {put_app("one", 1), put_app("two", 2), put_pin("v1", 1),
		    put_pin("v2", 2), add_audit(1), add_audit(2), add_audit(3)};
		struct loaded l;

		load(st, &l);
		assert_int_equal(l.apps + l.pins + l.audits, 0);
		write_now(st, c, 7);
		load(st, &l);
		assert_int_equal(l.apps, 2);
		assert_int_equal(l.pins, 2);
		assert_int_equal(l.audits, 2);
		size_t one = strcmp(l.app[0].name, "one") == 0 ? 0 : 1;

		same_app(&l.app[one], &c[0].u.app);
		same_app(&l.app[1 - one], &c[1].u.app);
		same_audit(&l.audit[0], &c[6].u.audit);
		same_audit(&l.audit[1], &c[5].u.audit);
		/* Put again replaces, delete deletes, both in one go and in order. */
		c[0] = put_app("one", 9);
		c[1].op = STORE_DELETE_APP;
		c[2] = put_pin("v1", 7);
		c[3].op = STORE_DELETE_PIN;
		write_now(st, c, 4);
		load(st, &l);
		assert_int_equal(l.apps, 1);
		assert_int_equal(l.app[0].repo_id, 9);
		assert_int_equal(l.pins, 1);
		same_pin(&l.pin[0], &c[2].u.pin);
		/* What is not there is deleted already. */
		write_now(st, &c[1], 1);
		write_now(st, &c[3], 1);
		store_close(st);
	}
}

static bool
count_ban(void *ctx, const struct ban_row *row, struct err *e)
{
	assert_string_equal(row->name, "evil");
	assert_int_equal(row->banned_at, 8);
	++*(unsigned *)ctx;
	return true;
}

static unsigned
bans(struct store *st)
{
	unsigned n = 0;
	struct store_loader to = {.ban = count_ban, .ctx = &n};
	struct err e = {0};

	assert_true(store_load(st, &to, &e));
	return n;
}

static void
bans_last_until_they_are_lifted(void **state)
{
	for (size_t b = 0; b < 2; b++) {
		struct store *st = open_or_fail(backends[b]);
		struct store_change c[] = {
		    {.op = STORE_PUT_BAN, .u.ban = {.name = "evil", .banned_at = 7}},
		    {.op = STORE_PUT_BAN, .u.ban = {.name = "evil", .banned_at = 8}},
		    {.op = STORE_PUT_BAN, .u.ban = {.name = "good", .banned_at = 9}},
		    {.op = STORE_LIFT_BAN, .u.ban = {.name = "good"}}};

		assert_int_equal(bans(st), 0);
		write_now(st, c, 4);
		assert_int_equal(bans(st), 1);
		c[0].op = STORE_LIFT_BAN;
		write_now(st, c, 1);
		assert_int_equal(bans(st), 0);
		store_close(st);
	}
}

static void
a_loader_may_stop_or_skip(void **state)
{
	for (size_t b = 0; b < 2; b++) {
		struct store *st = open_or_fail(backends[b]);
		struct store_change c = put_app("one", 1);
		struct loaded l = {.stop = true};
		struct store_loader to = {.app = take_app, .ctx = &l};
		struct err e = {0};

		write_now(st, &c, 1);
		assert_false(store_load(st, &to, &e));
		assert_string_equal(e.detail, "stop");
		to.app = NULL;
		err_clear(&e);
		assert_true(store_load(st, &to, &e));
		store_close(st);
	}
}

static void
done_comes_by_poll_in_order(void **state)
{
	enum { N = 500 };

	for (size_t b = 0; b < 2; b++) {
		struct store *st = open_or_fail(backends[b]);
		static struct ticket k[N];
		static struct tally t;
		struct err e = {0};

		memset(&t, 0, sizeof t);
		for (unsigned i = 0; i < N; i++) {
			char name[16];

			snprintf(name, sizeof name, "app-%u", i % 50);
			struct store_change c = put_app(name, i);

			k[i] = (struct ticket){.t = &t, .number = i};
			assert_true(store_submit(st, &c, 1, i % 7 ? count : NULL, &k[i], &e));
			assert_int_equal(t.done, 0);
		}
		drain(st, &t, N - (N + 6) / 7);
		for (unsigned i = 1; i < t.done; i++)
			assert_true(t.order[i] > t.order[i - 1]);
		assert_int_equal(t.failed, 0);
		store_close(st);
	}
}

static struct store *closing;

static void
submit_again(void *ctx, const struct err *e)
{
	struct store_change c = put_app("late", 1);
	struct err mine = {0};

	++*(unsigned *)ctx;
	assert_null(e);
	assert_false(store_submit(closing, &c, 1, NULL, NULL, &mine));
	assert_int_equal(mine.reason, REASON_STORE_FAILED);
}

static void
close_finishes_what_is_queued(void **state)
{
	for (size_t b = 0; b < 2; b++) {
		struct store_change c = put_app("one", 1);
		unsigned done = 0;
		struct err e = {0};

		closing = open_or_fail(backends[b]);
		for (int i = 0; i < 20; i++)
			assert_true(store_submit(closing, &c, 1, submit_again, &done, &e));
		store_close(closing);
		assert_int_equal(done, 20);
		store_close(NULL);
	}
}

/* --- files --- */

/* What was acknowledged is there after kill -9; what was not may be, but never half. */
static void
survives_kill_9(void **state)
{
	for (int round = 0; round < 5; round++) {
		int said[2], status;
		unsigned acknowledged = 0, got;
		struct loaded l;

		clean();
		assert_int_equal(pipe(said), 0);
		pid_t child = fork();

		assert_true(child >= 0);
		if (child == 0) {
			struct store *st = open_or_fail(open_sqlite);

			for (unsigned i = 1;; i++) {
				struct store_change c[2] = {
				    put_app("app", i), put_pin("v1", (uint8_t)i)};

				write_now(st, c, 2);
				if (write(said[1], &i, sizeof i) != sizeof i)
					_exit(1);
			}
		}
		close(said[1]);
		while (acknowledged < 20u + (unsigned)round * 7
		       && read(said[0], &got, sizeof got) == sizeof got)
			acknowledged = got;
		assert_int_equal(kill(child, SIGKILL), 0);
		while (read(said[0], &got, sizeof got) == sizeof got)
			acknowledged = got;
		close(said[0]);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status));

		struct store *st = open_or_fail(open_sqlite);

		load(st, &l);
		assert_int_equal(l.apps, 1);
		assert_true(l.app[0].repo_id >= acknowledged);
		assert_true(l.app[0].repo_id <= acknowledged + 1);
		assert_int_equal(l.pin[0].sha256[0], (uint8_t)l.app[0].repo_id);
		store_close(st);
	}
}

static void
survives_close(void **state)
{
	struct store_change c[] = {put_app("one", 1), put_pin("v1", 3), add_audit(5)};
	struct store *st = open_or_fail(open_sqlite);
	struct loaded l;
	struct stat s;

	write_now(st, c, 3);
	store_close(st);
	assert_int_equal(stat(path, &s), 0);
	assert_int_equal(s.st_mode & 0777, 0600);
	st = open_or_fail(open_sqlite);
	load(st, &l);
	assert_int_equal(l.apps, 1);
	same_app(&l.app[0], &c[0].u.app);
	same_pin(&l.pin[0], &c[1].u.pin);
	same_audit(&l.audit[0], &c[2].u.audit);
	store_close(st);
}

static void
write_file(const void *bytes, size_t n)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

static size_t
read_file(uint8_t *dst, size_t max)
{
	FILE *f = fopen(path, "r");
	size_t n;

	assert_non_null(f);
	n = fread(dst, 1, max, f);
	fclose(f);
	return n;
}

static void
damaged_files_are_named_and_left(void **state)
{
	static uint8_t whole[1 << 18], bytes[1 << 18], after[1 << 18];
	size_t n, refusals = 0;

	clean();
	write_file("", 0);
	expect_refused("is empty");
	write_file("not a database, but long enough to be looked at as if it were one.........."
		   "..............................................................",
	    130);
	n = read_file(bytes, sizeof bytes);
	expect_refused("no SQLite database");
	assert_int_equal(read_file(after, sizeof after), n);
	assert_memory_equal(bytes, after, n);

	clean();
	struct store *st = open_or_fail(open_sqlite);

	for (int i = 0; i < 40; i++) {
		char name[16];

		snprintf(name, sizeof name, "app-%d", i);
		struct store_change c = put_app(name, i);

		write_now(st, &c, 1);
	}
	store_close(st);
	n = read_file(whole, sizeof whole);
	assert_true(n > 8192 && n < sizeof whole);
	/* Cut short. */
	write_file(whole, n / 2);
	expect_refused("damaged");
	/* Bytes turned over: refused and left as they are, or harmless. */
	for (size_t at = 0; at < n; at += at < 200 ? 3 : 509) {
		struct err e = {0};

		memcpy(bytes, whole, n);
		bytes[at] ^= 0xff;
		write_file(bytes, n);
		if (store_sqlite_open(&st, path, wake, bell, &e)) {
			store_close(st);
			continue;
		}
		refusals++;
		assert_int_equal(e.reason, REASON_STORE_FAILED);
		assert_non_null(strstr(e.detail, path));
		assert_int_equal(read_file(after, sizeof after), n);
		assert_memory_equal(bytes, after, n);
	}
	assert_true(refusals > 10);
}

static void
other_versions_and_owners_are_refused(void **state)
{
	clean();
	store_close(open_or_fail(open_sqlite));
	sql("PRAGMA user_version=6");
	expect_refused("is of schema 6, by a newer version");
	sql("PRAGMA user_version=0");
	expect_refused("no schema version");
	sql("PRAGMA user_version=5; PRAGMA application_id=7");
	expect_refused("not a registry");
	clean();
	sql("CREATE TABLE t (a)");
	expect_refused("not a registry");
	clean();
	/* A row of a size that we do not write. */
	store_close(open_or_fail(open_sqlite));
	sql("INSERT INTO pin VALUES ('r','t',x'00',1,1,0,1,0)");
	struct store *st = open_or_fail(open_sqlite);
	struct loaded l = {0};
	struct store_loader to = {.pin = take_pin, .ctx = &l};
	struct err e = {0};

	assert_false(store_load(st, &to, &e));
	assert_int_equal(e.reason, REASON_STORE_FAILED);
	store_close(st);
}

static void
one_process_at_a_time(void **state)
{
	struct store *st;

	clean();
	st = open_or_fail(open_sqlite);
	expect_refused("another process");
	store_close(st);
	snprintf(path, sizeof path, "%s/none/r.db", folder);
	expect_refused("No such file");
	snprintf(path, sizeof path, "%s/r.db", folder);
}

/* The disk says no: every submit of the group is told so, and later ones work again. */
static void
a_failed_write_is_reported(void **state)
{
	struct store *st;
	struct store_change c = put_app("one", 1);
	static struct tally t;
	struct ticket k = {.t = &t};
	struct err e = {0};
	struct loaded l;

	clean();
	store_close(open_or_fail(open_sqlite));
	sql("CREATE TRIGGER no BEFORE INSERT ON app WHEN new.repo_id = 666"
	    " BEGIN SELECT RAISE(ABORT, 'full'); END");
	st = open_or_fail(open_sqlite);
	c.u.app.repo_id = 666;
	struct store_change both[] = {put_pin("v1", 1), c};

	memset(&t, 0, sizeof t);
	assert_true(store_submit(st, both, 2, count, &k, &e));
	drain(st, &t, 1);
	assert_int_equal(t.failed, 1);
	assert_int_equal(t.last.reason, REASON_STORE_FAILED);
	assert_non_null(strstr(t.last.detail, "full"));
	load(st, &l);
	assert_int_equal(l.apps + l.pins, 0); /* all or none */
	c.u.app.repo_id = 1;
	write_now(st, &c, 1);
	load(st, &l);
	assert_int_equal(l.apps, 1);
	store_close(st);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup(f, clean_folder)
	const struct CMUnitTest tests[] = {
	    T(survives_kill_9), /* forks: first, before there are threads */
	    T(survives_close),
	    T(damaged_files_are_named_and_left),
	    T(other_versions_and_owners_are_refused),
	    T(one_process_at_a_time),
	    T(a_failed_write_is_reported),
	    T(rows_come_back_as_they_went),
	    T(bans_last_until_they_are_lifted),
	    T(a_loader_may_stop_or_skip),
	    T(done_comes_by_poll_in_order),
	    T(close_finishes_what_is_queued),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
