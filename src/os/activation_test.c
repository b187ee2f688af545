#include "os/activation.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"

/* Run `check` in a child that has the descriptors from 3 to 3 + n - 1 and these variables; 0 is
 * a pass. LISTEN_PID "self" stands for the child. */
static int
in_child(const char *pid, const char *fds, const char *names, int n, int (*check)(void))
{
	char own[24];
	int status;
	pid_t child = fork();

	if (child > 0) {
		assert_int_equal(waitpid(child, &status, 0), child);
		return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	}
	for (int fd = 3; fd < 30; fd++)
		close(fd);
	for (int i = 0; i < n; i++)
		if (open("/dev/null", O_RDWR) != 3 + i)
			_exit(99);
	snprintf(own, sizeof own, "%ld", (long)getpid());
	if (pid)
		setenv("LISTEN_PID", strcmp(pid, "self") == 0 ? own : pid, 1);
	if (fds)
		setenv("LISTEN_FDS", fds, 1);
	if (names)
		setenv("LISTEN_FDNAMES", names, 1);
	_exit(check());
}

static int
env_is_left(void)
{
	return getenv("LISTEN_PID") || getenv("LISTEN_FDS") || getenv("LISTEN_FDNAMES");
}

static int
takes_nothing(void)
{
	struct activation a;
	struct err e = {0};

	return !activation_take(&a, &e) || a.n != 0 || env_is_left()
	       || activation_claim(&a, "unknown") != 0;
}

static int
refuses(void)
{
	struct activation a;
	struct err e = {0};

	return activation_take(&a, &e) || e.reason != REASON_LISTEN_FAILED || env_is_left();
}

static int
takes_three(void)
{
	struct activation a;
	struct err e = {0};

	if (!activation_take(&a, &e) || a.n != 3 || env_is_left())
		return 1;
	for (int fd = 3; fd < 6; fd++)
		if (fcntl(fd, F_GETFD) != FD_CLOEXEC)
			return 2;
	if (activation_claim(&a, "none") != 0 || activation_claim(&a, "b") != 4
	    || activation_claim(&a, "b") != 0)
		return 3;
	/* two of one name */
	if (activation_claim(&a, "a") != 3 || a.n != 1)
		return 4;
	activation_close(&a);
	return a.n != 0 || fcntl(5, F_GETFD) != -1 || fcntl(3, F_GETFD) != FD_CLOEXEC;
}

static int
takes_one_without_name(void)
{
	struct activation a;
	struct err e = {0};

	return !activation_take(&a, &e) || activation_claim(&a, "unknown") != 3;
}

static void
test_activation(void **state)
{
	char name[400];

	assert_int_equal(in_child(NULL, NULL, NULL, 0, takes_nothing), 0);
	assert_int_equal(in_child(NULL, "1", NULL, 1, takes_nothing), 0);
	/* meant for another process */
	assert_int_equal(in_child("1", "1", NULL, 1, takes_nothing), 0);
	assert_int_equal(in_child("self", "3", "a:b:a", 3, takes_three), 0);
	assert_int_equal(in_child("self", "1", NULL, 1, takes_one_without_name), 0);
	assert_int_equal(in_child("x", "1", NULL, 1, refuses), 0);
	assert_int_equal(in_child("self", NULL, NULL, 1, refuses), 0);
	assert_int_equal(in_child("self", "0", NULL, 0, refuses), 0);
	assert_int_equal(in_child("self", "-1", NULL, 0, refuses), 0);
	assert_int_equal(in_child("self", "1x", NULL, 1, refuses), 0);
	assert_int_equal(in_child("self", "17", NULL, 17, refuses), 0);
	/* not open */
	assert_int_equal(in_child("self", "2", NULL, 1, refuses), 0);
	assert_int_equal(in_child("self", "2", "a", 2, refuses), 0);
	assert_int_equal(in_child("self", "2", "a:b:c", 2, refuses), 0);
	memset(name, 'n', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	assert_int_equal(in_child("self", "1", name, 1, refuses), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_activation)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
