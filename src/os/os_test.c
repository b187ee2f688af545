#include "base/test.h"

#include "os/daemon.h"
#include "os/env.h"
#include "os/file.h"
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static void
files_are_whole_or_refused(void **state)
{
	char dir[] = "/tmp/ee-os-XXXXXX", path[64];
	struct err e = {0};
	struct stat st;
	struct buf b;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/f", dir);
	buf_init(&b, 100);
	assert_false(file_read(path, 10, &b, &e));
	assert_int_equal(e.code, ERR_NOTFOUND);
	err_clear(&e);
	assert_true(file_write(path, span_str("0123456789"), 0600, &e));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_true(file_read(path, 10, &b, &e));
	assert_true(span_is(buf_span(&b), "0123456789"));
	assert_false(file_read(path, 9, &b, &e));
	assert_int_equal(e.code, ERR_LIMIT);
	assert_int_equal(b.n, 10);
	err_clear(&e);
	assert_true(file_write(path, span_str(""), 0600, &e));
	buf_clear(&b);
	assert_true(file_read(path, 0, &b, &e));
	assert_int_equal(b.n, 0);
	assert_false(file_read(dir, 10, &b, &e));
	err_clear(&e);
	assert_false(file_write("/nonexistent/x", span_str("x"), 0600, &e));
	assert_int_equal(e.reason, REASON_FILE_UNWRITABLE);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0);
	buf_fini(&b);
}

static void
the_world_goes_on(void **state)
{
	struct env env;
	uint8_t a[32] = {0}, b[32] = {0};

	env_init(&env, LOG_ERROR);
	assert_true(env_now_s(&env) > 1700000000);
	assert_true(env_now_ms(&env) <= env_now_ms(&env));
	env_random(&env, a, sizeof a);
	env_random(&env, b, sizeof b);
	assert_memory_not_equal(a, b, sizeof a);
}

static void
systemd_gets_one_datagram(void **state)
{
	char dir[] = "/tmp/ee-sd-XXXXXX", got[32] = {0};
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	unsetenv("NOTIFY_SOCKET");
	daemon_notify("READY=1");
	assert_non_null(mkdtemp(dir));
	snprintf(a.sun_path, sizeof a.sun_path, "%s/s", dir);
	assert_int_equal(bind(fd, (const struct sockaddr *)&a, sizeof a), 0);
	setenv("NOTIFY_SOCKET", a.sun_path, 1);
	daemon_notify("READY=1");
	assert_int_equal(recv(fd, got, sizeof got, MSG_DONTWAIT), 7);
	assert_string_equal(got, "READY=1");
	close(fd);
	assert_int_equal(unlink(a.sun_path), 0);
	assert_int_equal(rmdir(dir), 0);
	unsetenv("NOTIFY_SOCKET");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(files_are_whole_or_refused),
	    cmocka_unit_test(the_world_goes_on),
	    cmocka_unit_test(systemd_gets_one_datagram),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
