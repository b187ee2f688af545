/* store_test.h - what the tests of the store share: a folder, both backends, rows, a loop to turn. */
#ifndef STORE_STORE_TEST_H
#define STORE_STORE_TEST_H

#include "base/test.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlite3.h>

#include "store/memory.h"
#include "store/sqlite.h"
#include "store/sqlite_db.h"

static char folder[64], path[128];
static int bell[2]; /* wake writes, the "loop" reads */

static inline void
wake(void *ctx)
{
	assert_ptr_equal(ctx, bell);
	assert_int_equal(write(bell[1], "x", 1), 1);
}

typedef bool open_fn(struct store **out, struct err *e);

static inline bool
open_memory(struct store **out, struct err *e)
{
	return store_memory_open(out, wake, bell, e);
}

static inline bool
open_sqlite(struct store **out, struct err *e)
{
	return store_sqlite_open(out, path, wake, bell, e);
}

static open_fn *const backends[] = {open_memory, open_sqlite};

static inline void
clean(void)
{
	DIR *d = opendir(folder);

	assert_non_null(d);
	for (struct dirent *f; (f = readdir(d));)
		if (f->d_name[0] != '.')
			assert_int_equal(unlinkat(dirfd(d), f->d_name, 0), 0);
	closedir(d);
}

static inline int
clean_folder(void **state)
{
	clean();
	return 0;
}

static inline int
begin(void **state)
{
	snprintf(folder, sizeof folder, "/tmp/store_test.XXXXXX");
	if (!mkdtemp(folder) || pipe2(bell, O_CLOEXEC | O_NONBLOCK) != 0)
		return -1;
	snprintf(path, sizeof path, "%s/r.db", folder);
	return 0;
}

static inline int
end(void **state)
{
	clean();
	close(bell[0]);
	close(bell[1]);
	return rmdir(folder);
}

/* --- helpers --- */

struct tally {
	unsigned done, failed;
	unsigned order[4096];
	struct err last;
};
struct ticket {
	struct tally *t;
	unsigned number;
};

static inline void
count(void *ctx, const struct err *e)
{
	const struct ticket *k = ctx;

	if (k->t->done < 4096)
		k->t->order[k->t->done] = k->number;
	k->t->done++;
	if (e) {
		k->t->failed++;
		k->t->last = *e;
	}
}

/* Turn the loop until n are done. */
static inline void
drain(struct store *st, const struct tally *t, unsigned n)
{
	struct pollfd p = {.fd = bell[0], .events = POLLIN};
	char c[64];

	while (t->done < n) {
		assert_int_equal(poll(&p, 1, 20000), 1);
		assert_true(read(bell[0], c, sizeof c) > 0);
		store_poll(st);
	}
}

static inline struct store_change
put_app(const char *name, int64_t n)
{
	struct store_change c = {.op = STORE_PUT_APP,
	    .u.app = {.repo = "org/repo",
		.repo_id = n,
		.network = "forge-1",
		.registered_at = n + 1,
		.expires_at = n + 2,
		.release_tag = "v\xc3\xa9'; --",
		.agent_id = "a-1",
		.sealed = n % 2,
		.tcb_status = "UpToDate",
		.advisories = "INTEL-SA-00615",
		.last_attested_at = INT64_MAX - n}};

	snprintf(c.u.app.name, sizeof c.u.app.name, "%s", name);
	return c;
}

static inline struct store_change
put_pin(const char *tag, uint8_t byte)
{
	struct store_change c = {
	    .op = STORE_PUT_PIN, .u.pin = {.repo = "org/repo", .pinned_at = byte}};

	snprintf(c.u.pin.release_tag, sizeof c.u.pin.release_tag, "%s", tag);
	memset(c.u.pin.sha256, byte, 32);
	return c;
}

static inline struct store_change
add_audit(int64_t at)
{
	struct store_change c = {.op = STORE_ADD_AUDIT,
	    .u.audit = {.at = at,
		.event = "attested",
		.app_name = "app",
		.agent_id = "a-1",
		.repo = "org/repo",
		.release_tag = "v1",
		.network = "forge-1",
		.verdict = "accepted",
		.reason = "ok",
		.detail = "x=\"y\"",
		.quote_sha256 = {1, 2, 3}}};

	return c;
}

struct loaded {
	struct app_row app[8];
	struct pin_row pin[8];
	struct audit_row audit[8];
	size_t apps, pins, audits;
	bool stop;
};

static inline bool
take_app(void *ctx, const struct app_row *row, struct err *e)
{
	struct loaded *l = ctx;

	if (l->stop)
		return err_set(e, ERR_IO, REASON_INTERNAL, "stop");
	if (l->apps < 8)
		l->app[l->apps] = *row;
	l->apps++;
	return true;
}

static inline bool
take_pin(void *ctx, const struct pin_row *row, struct err *e)
{
	struct loaded *l = ctx;

	l->pin[l->pins++] = *row;
	return true;
}

static inline bool
take_audit(void *ctx, const struct audit_row *row, struct err *e)
{
	struct loaded *l = ctx;

	l->audit[l->audits++] = *row;
	return true;
}

static inline void
load(struct store *st, struct loaded *l)
{
	struct store_loader to = {
	    .app = take_app, .pin = take_pin, .audit = take_audit, .audit_max = 2, .ctx = l};
	struct err e = {0};

	memset(l, 0, sizeof *l);
	if (!store_load(st, &to, &e))
		fail_msg("%s", e.detail);
}

static inline struct store *
open_or_fail(open_fn *open)
{
	struct store *st;
	struct err e = {0};

	if (!open(&st, &e))
		fail_msg("%s", e.detail);
	return st;
}

/* Submit and wait. */
static inline void
write_now(struct store *st, const struct store_change *c, size_t n)
{
	struct tally t = {0};
	struct ticket k = {.t = &t};
	struct err e = {0};

	assert_true(store_submit(st, c, n, count, &k, &e));
	drain(st, &t, 1);
	assert_int_equal(t.failed, 0);
}

/* Member by member: padding is anybody's. */
static inline void
same_app(const struct app_row *a, const struct app_row *b)
{
	assert_string_equal(a->name, b->name);
	assert_string_equal(a->repo, b->repo);
	assert_int_equal(a->repo_id, b->repo_id);
	assert_string_equal(a->network, b->network);
	assert_int_equal(a->registered_at, b->registered_at);
	assert_int_equal(a->expires_at, b->expires_at);
	assert_string_equal(a->release_tag, b->release_tag);
	assert_string_equal(a->agent_id, b->agent_id);
	assert_int_equal(a->sealed, b->sealed);
	assert_string_equal(a->tcb_status, b->tcb_status);
	assert_string_equal(a->advisories, b->advisories);
	assert_int_equal(a->last_attested_at, b->last_attested_at);
}

static inline void
same_pin(const struct pin_row *a, const struct pin_row *b)
{
	assert_string_equal(a->repo, b->repo);
	assert_string_equal(a->release_tag, b->release_tag);
	assert_memory_equal(a->sha256, b->sha256, sizeof a->sha256);
	assert_int_equal(a->pinned_at, b->pinned_at);
}

static inline void
same_audit(const struct audit_row *a, const struct audit_row *b)
{
	assert_int_equal(a->at, b->at);
	assert_string_equal(a->event, b->event);
	assert_string_equal(a->app_name, b->app_name);
	assert_string_equal(a->agent_id, b->agent_id);
	assert_string_equal(a->repo, b->repo);
	assert_string_equal(a->release_tag, b->release_tag);
	assert_string_equal(a->network, b->network);
	assert_string_equal(a->verdict, b->verdict);
	assert_string_equal(a->reason, b->reason);
	assert_string_equal(a->detail, b->detail);
	assert_memory_equal(a->quote_sha256, b->quote_sha256, sizeof a->quote_sha256);
	assert_memory_equal(a->allowlist_sha256, b->allowlist_sha256, sizeof a->allowlist_sha256);
}

static inline void
expect_refused(const char *why)
{
	struct store *st;
	struct err e = {0};

	if (store_sqlite_open(&st, path, wake, bell, &e))
		fail_msg("taken");
	assert_null(st);
	assert_int_equal(e.reason, REASON_STORE_FAILED);
	assert_non_null(strstr(e.detail, path)); /* the file is named */
	if (!strstr(e.detail, why))
		fail_msg("%s", e.detail);
}

static inline void
sql(const char *text)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

#endif
