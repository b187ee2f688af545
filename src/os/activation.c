#include "os/activation.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/span.h"

#define FIRST_FD 3 /* SD_LISTEN_FDS_START */

/* A positive number in decimal, nothing around it. */
static bool
read_number(const char *text, long *out)
{
	char *end;

	if (text[0] < '1' || text[0] > '9')
		return false;
	errno = 0;
	*out = strtol(text, &end, 10);
	return *end == '\0' && errno == 0;
}

/* Hand out the names, one a descriptor, colons between. */
static bool
read_names(struct activation *a, const char *names, struct err *e)
{
	struct span rest = span_str(names);

	for (size_t i = 0; i < a->n; i++) {
		const uint8_t *colon = rest.n ? memchr(rest.p, ':', rest.n) : NULL;
		size_t n = colon ? (size_t)(colon - rest.p) : rest.n;

		if ((colon == NULL) != (i + 1 == a->n)
		    || !span_cstr(span_first(rest, n), a->sockets[i].name, ACTIVATION_NAME_MAX))
			return err_set(e, ERR_USAGE, REASON_LISTEN_FAILED,
			    "LISTEN_FDNAMES does not name %zu descriptors", a->n);
		rest = span_from(rest, n + 1);
	}
	return true;
}

static bool
take_fds(struct activation *a, const char *count, const char *names, struct err *e)
{
	long n;

	if (!count || !read_number(count, &n) || n > ACTIVATION_MAX)
		return err_set(e, ERR_USAGE, REASON_LISTEN_FAILED,
		    "LISTEN_FDS is not a number of 1 to %d: %.40s", ACTIVATION_MAX,
		    count ? count : "unset");
	for (int i = 0; i < n; i++) {
		int fd = FIRST_FD + i, flags = fcntl(fd, F_GETFD);

		if (flags < 0 || fcntl(fd, F_SETFD, flags | FD_CLOEXEC) < 0)
			return err_set(e, ERR_USAGE, REASON_LISTEN_FAILED,
			    "LISTEN_FDS=%ld, but descriptor %d: %s", n, fd, strerror(errno));
		a->sockets[i].fd = fd;
		snprintf(a->sockets[i].name, sizeof a->sockets[i].name, "unknown");
		a->n++;
	}
	return !names || read_names(a, names, e);
}

bool
activation_take(struct activation *a, struct err *e)
{
	const char *pid = getenv("LISTEN_PID");
	bool ok = true;
	long n;

	memset(a, 0, sizeof *a);
	if (pid && !read_number(pid, &n))
		ok = err_set(
		    e, ERR_USAGE, REASON_LISTEN_FAILED, "LISTEN_PID is no number: %.40s", pid);
	else if (pid && n == (long)getpid())
		ok = take_fds(a, getenv("LISTEN_FDS"), getenv("LISTEN_FDNAMES"), e);
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	return ok || err_show(e, ACTIVATION_TODO);
}

int
activation_claim(struct activation *a, const char *name)
{
	for (size_t i = 0; i < a->n; i++) {
		int fd = a->sockets[i].fd;

		if (strcmp(a->sockets[i].name, name) != 0)
			continue;
		a->n--;
		memmove(&a->sockets[i], &a->sockets[i + 1], (a->n - i) * sizeof a->sockets[0]);
		return fd;
	}
	return 0;
}

void
activation_close(struct activation *a)
{
	while (a->n > 0)
		close(a->sockets[--a->n].fd);
}
