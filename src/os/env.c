#include "os/env.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static int64_t
wall_ms(void *ctx)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static uint64_t
mono_ms(void *ctx)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void
random_bytes(void *ctx, void *dst, size_t n)
{
	uint8_t *p = dst;

	while (n > 0) {
		ssize_t got = getrandom(p, n, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			perror("getrandom");
			abort();
		}
		p += got;
		n -= (size_t)got;
	}
}

/* One call a line, so that lines of several programs on one terminal do not mix. What cannot be
 * written has no place left to be reported to. */
static void
write_line(const char *prefix, struct span line)
{
	struct iovec v[] = {
	    {(void *)(uintptr_t)prefix, strlen(prefix)},
	    {(void *)(uintptr_t)line.p, line.n},
	    {(void *)(uintptr_t) "\n", 1},
	};

	if (writev(STDERR_FILENO, v, 3) < 0)
		return;
}

static void
write_plain(void *ctx, enum log_level level, struct span line)
{
	write_line("", line);
}

/* sd-daemon(3): the priorities of syslog in angle brackets. */
static void
write_journal(void *ctx, enum log_level level, struct span line)
{
	static const char *const prefix[] = {"<3>", "<4>", "<6>", "<7>"};

	write_line(prefix[level], line);
}

/* systemd.exec(5): $JOURNAL_STREAM names the device and inode of the journal's socket. A program
 * started by a service inherits it, so it only counts where it is our stderr. */
static bool
stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	struct stat st;
	char own[64];

	if (stream == NULL || fstat(STDERR_FILENO, &st) != 0)
		return false;
	snprintf(own, sizeof own, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	return strcmp(own, stream) == 0;
}

void
env_init(struct env *env, enum log_level level)
{
	*env = (struct env){
	    .wall_ms = wall_ms,
	    .mono_ms = mono_ms,
	    .random = random_bytes,
	    .log = {.level = level,
		.wall_ms = wall_ms,
		.write = stderr_is_journal() ? write_journal : write_plain},
	};
}
