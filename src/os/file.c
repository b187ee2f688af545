#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static bool
unreadable(const char *path, int err, struct err *e)
{
	err_set(e, err == ENOENT ? ERR_NOTFOUND : ERR_IO, REASON_FILE_UNREADABLE, "%s: %s", path,
	    strerror(err));
	return err_show(e, "%s: %s", path, strerror(err));
}

static bool
unwritable(const char *path, int err, struct err *e)
{
	err_set(e, ERR_IO, REASON_FILE_UNWRITABLE, "%s: %s", path, strerror(err));
	return err_show(e, "%s: %s", path, strerror(err));
}

static bool
too_large(const char *path, size_t max, struct err *e)
{
	err_set(e, ERR_LIMIT, REASON_FILE_UNREADABLE, "%s: more than %zu bytes", path, max);
	return err_show(e, "%s: more than %zu bytes", path, max);
}

/* Read to the end, one byte past the maximum at most: sizes lie for pipes and /proc. */
static bool
read_all(int fd, const char *path, size_t max, struct buf *out, struct err *e)
{
	size_t total = 0;

	for (;;) {
		size_t want = max - total < 65536 ? max - total + 1 : 65536;
		uint8_t *p = buf_grow(out, want);
		ssize_t n;

		if (p == NULL)
			return too_large(path, max, e);
		n = read(fd, p, want);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return unreadable(path, errno, e);
		if (n == 0)
			return true;
		total += (size_t)n;
		if (total > max)
			return too_large(path, max, e);
		buf_grow_commit(out, (size_t)n);
	}
}

bool
file_read(const char *path, size_t max, struct buf *out, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	size_t before = out->n;
	struct buf b;
	bool ok;

	if (fd < 0)
		return unreadable(path, errno, e);
	/* A buffer of our own, since the one byte past the maximum must fit. */
	buf_init(&b, max + 1);
	ok = read_all(fd, path, max, &b, e);
	close(fd);
	if (ok) {
		buf_add(out, buf_span(&b));
		ok = out->n == before + b.n || too_large(path, out->max, e);
	}
	buf_fini(&b);
	return ok;
}

static bool
write_all(int fd, struct span s)
{
	while (s.n > 0) {
		ssize_t n = write(fd, s.p, s.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		s = span_from(s, (size_t)n);
	}
	return true;
}

/* The new name is on disk only when its folder is. */
static void
sync_folder(const char *path)
{
	char dir[PATH_MAX];
	const char *slash = strrchr(path, '/');
	int fd;

	if (slash == NULL)
		snprintf(dir, sizeof dir, ".");
	else
		snprintf(dir, sizeof dir, "%.*s", (int)(slash - path + 1), path);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		(void)fsync(fd);
		close(fd);
	}
}

bool
file_write(const char *path, struct span bytes, unsigned mode, struct err *e)
{
	char tmp[PATH_MAX];
	int fd, n = snprintf(tmp, sizeof tmp, "%s.%ld.tmp", path, (long)getpid());
	bool ok;

	if (n < 0 || (size_t)n >= sizeof tmp)
		return unwritable(path, ENAMETOOLONG, e);
	/* A left-over of a process of the same id that was killed is not ours to trust. */
	(void)unlink(tmp);
	fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, (mode_t)mode);
	if (fd < 0)
		return unwritable(path, errno, e);
	ok = write_all(fd, bytes) && fsync(fd) == 0;
	if (close(fd) != 0 || !ok || rename(tmp, path) != 0) {
		int err = errno;

		(void)unlink(tmp);
		return unwritable(path, err, e);
	}
	sync_folder(path);
	return true;
}
