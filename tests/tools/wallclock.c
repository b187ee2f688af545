/* wallclock.c - preloaded into a daemon: its wall clock is moved by as many seconds as the file named by
 * WALLCLOCK_FILE says. The monotonic clock goes as it goes. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int
clock_gettime(clockid_t id, struct timespec *t)
{
	long rc = syscall(SYS_clock_gettime, id, t);
	const char *path = getenv("WALLCLOCK_FILE");
	FILE *f = id == CLOCK_REALTIME && path ? fopen(path, "r") : NULL;
	char text[32] = "";

	if (f) {
		if (fgets(text, sizeof text, f))
			t->tv_sec += strtol(text, NULL, 10);
		fclose(f);
	}
	return (int)rc;
}
