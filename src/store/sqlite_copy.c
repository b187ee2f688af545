#include "store/sqlite_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A mebibyte at a time: some milliseconds, in which no change is written. */
#define PAGES 256

static bool
failed(const struct sqlite_copy *c, const char *why, struct err *e)
{
	return err_set(e, ERR_IO, REASON_STORE_FAILED, "%.90s: cannot copy: %.40s", c->path, why);
}

static void
let_go(struct sqlite_copy *c)
{
	sqlite3_backup_finish(c->backup);
	sqlite3_close(c->db);
	c->backup = NULL;
	c->db = NULL;
}

/* With what a copy that was cut short by a crash has beside it: SQLite would play that back. */
static void
remove_file(const char *path)
{
	char side[1040];

	unlink(path);
	snprintf(side, sizeof side, "%s-journal", path);
	unlink(side);
}

void
sqlite_copy_cancel(struct sqlite_copy *c)
{
	let_go(c);
	remove_file(c->path);
}

bool
sqlite_copy_begin(struct sqlite_copy *c, struct sqlite_db *from, const char *path, struct err *e)
{
	int fd;

	memset(c, 0, sizeof *c);
	if (!span_cstr(span_str(path), c->path, sizeof c->path))
		return err_set(e, ERR_USAGE, REASON_STORE_FAILED, "the copy's path is too long");
	remove_file(path);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return failed(c, strerror(errno), e);
	close(fd);
	if (sqlite3_open_v2(path, &c->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL)
	    == SQLITE_OK)
		c->backup = sqlite3_backup_init(c->db, "main", from->db, "main");
	if (c->backup)
		return true;
	(void)failed(c, c->db ? sqlite3_errmsg(c->db) : "no memory", e);
	sqlite_copy_cancel(c);
	return false;
}

bool
sqlite_copy_step(struct sqlite_copy *c, struct sqlite_db *from, bool *whole, struct err *e)
{
	int rc = sqlite3_backup_step(c->backup, PAGES);

	*whole = false;
	if (rc == SQLITE_OK)
		return true;
	if (rc != SQLITE_DONE)
		return failed(c, sqlite3_errstr(rc), e);
	rc = sqlite3_backup_finish(c->backup);
	c->backup = NULL;
	/* The copy is one file, whoever opens it. */
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(c->db, "PRAGMA journal_mode=DELETE", NULL, NULL, NULL);
	if (rc != SQLITE_OK)
		return failed(c, sqlite3_errstr(rc), e);
	let_go(c);
	*whole = true;
	return true;
}
