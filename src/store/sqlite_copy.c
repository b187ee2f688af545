#include "store/sqlite_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/rd.h"

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

/* --- the place --- */

/* What SQLite would play back. */
#define JOURNAL_MAX (sizeof((struct sqlite_copy *)0)->path + 16)
static const char *
journal_of(const struct sqlite_copy *c, char name[static JOURNAL_MAX])
{
	(void)snprintf(name, JOURNAL_MAX, "%s-journal", c->path);
	return name;
}

/* The journal first: without its file nobody knows it for ours. */
static void
remove_file(const struct sqlite_copy *c)
{
	char journal[JOURNAL_MAX];

	unlink(journal_of(c, journal));
	unlink(c->path);
}

/* Say whether a file is a copy that was cut short: empty yet, or with our mark in its header
 * (sqlite.org/fileformat2.html section 1.3), the first thing that a copy gets. */
static bool
is_ours(const char *path)
{
	static const char magic[] = "SQLite format 3";
	uint8_t head[72] = {0};
	struct rd r = rd_of(span_of(head, sizeof head));
	struct stat st;
	ssize_t n = -1;
	int fd = -1;

	if (lstat(path, &st) == 0 && S_ISREG(st.st_mode))
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0) {
		n = pread(fd, head, sizeof head, 0);
		close(fd);
	}
	rd_skip(&r, 68);
	return n == 0
	       || (n == (ssize_t)sizeof head && memcmp(head, magic, sizeof magic) == 0
		   && rd_u32be(&r) == APPLICATION_ID);
}

/* Remove a copy that was cut short; whatever else is there is somebody's. */
static MUST_CHECK bool
clear_place(const struct sqlite_copy *c, struct err *e)
{
	char journal[JOURNAL_MAX];
	struct stat st;
	bool there = lstat(c->path, &st) == 0;

	if (there ? !is_ours(c->path) : lstat(journal_of(c, journal), &st) == 0)
		return err_set(e, ERR_USAGE, REASON_STORE_FAILED,
		    "%.100s%s is no copy that was cut short: move it away", c->path,
		    there ? "" : "-journal");
	if (there)
		remove_file(c);
	return true;
}

/* --- the copy --- */

void
sqlite_copy_cancel(struct sqlite_copy *c)
{
	let_go(c);
	remove_file(c);
}

bool
sqlite_copy_begin(struct sqlite_copy *c, struct sqlite_db *from, const char *path, struct err *e)
{
	char mark[48];
	int fd;

	memset(c, 0, sizeof *c);
	if (!span_cstr(span_str(path), c->path, sizeof c->path))
		return err_set(e, ERR_USAGE, REASON_STORE_FAILED, "the copy's path is too long");
	if (!clear_place(c, e))
		return false;
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return failed(c, strerror(errno), e);
	close(fd);
	(void)snprintf(mark, sizeof mark, "PRAGMA application_id=%d", APPLICATION_ID);
	if (sqlite3_open_v2(path, &c->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL)
		== SQLITE_OK
	    && sqlite3_exec(c->db, mark, NULL, NULL, NULL) == SQLITE_OK)
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
