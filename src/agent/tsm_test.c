#include "base/test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/tsm.h"
#include "base/limits.h"
#include "net/loop.h"

/* A tree on disk in configfs's place: making a directory fills it with the attributes that the
 * kernel would, writing inblob moves the generation. */
struct tree {
	char base[64];
	const char *provider;
	const char *quote;
	int foreign_writes; /* that many times another process writes between */
	int busy; /* that many times outblob is EBUSY */
	int make_errno;
	unsigned generation;
	int writes;
};

static void
put(const char *dir, const char *name, const char *text)
{
	char path[160];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	f = fopen(path, "we");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void
put_generation(struct tree *t, const char *dir)
{
	char text[16];

	snprintf(text, sizeof text, "%u\n", t->generation);
	put(dir, "generation", text);
}

static int
fake_make_dir(const char *path, void *ctx)
{
	struct tree *t = ctx;
	int rc = t->make_errno ? t->make_errno : tsm_real_fs.make_dir(path, NULL);

	if (rc != 0)
		return rc;
	t->generation = 0;
	put(path, "provider", t->provider);
	put(path, "inblob", "");
	put(path, "outblob", t->quote);
	put_generation(t, path);
	return 0;
}

static int
fake_remove_dir(const char *path, void *ctx)
{
	static const char *names[] = {"provider", "inblob", "outblob", "generation"};
	char file[160];

	for (size_t i = 0; i < 4; i++) {
		snprintf(file, sizeof file, "%s/%s", path, names[i]);
		(void)unlink(file);
	}
	return tsm_real_fs.remove_dir(path, NULL);
}

static int
fake_write_file(const char *path, struct span bytes, void *ctx)
{
	struct tree *t = ctx;
	char dir[160];
	int rc = tsm_real_fs.write_file(path, bytes, NULL);

	snprintf(dir, sizeof dir, "%s", path);
	*strrchr(dir, '/') = '\0';
	t->writes++;
	t->generation++;
	if (t->foreign_writes > 0) {
		t->foreign_writes--;
		t->generation++;
	}
	put_generation(t, dir);
	return rc;
}

static int
fake_read_file(const char *path, struct buf *out, void *ctx)
{
	struct tree *t = ctx;

	if (strstr(path, "/outblob") && t->busy > 0) {
		t->busy--;
		return EBUSY;
	}
	return tsm_real_fs.read_file(path, out, NULL);
}

static void
tree_make(struct tree *t)
{
	snprintf(t->base, sizeof t->base, "/tmp/ee-tsm-XXXXXX");
	assert_non_null(mkdtemp(t->base));
}

/* The tree must be empty: every report that was made was removed again. */
static void
tree_gone(struct tree *t)
{
	assert_int_equal(rmdir(t->base), 0);
}

static bool
quote(struct tree *t, struct buf *out, struct err *e)
{
	struct tsm_fs fs = {fake_make_dir, fake_remove_dir, fake_write_file, fake_read_file, t};
	uint8_t report_data[PROVIDER_REPORT_DATA];

	memset(report_data, 0xa5, sizeof report_data);
	memset(e, 0, sizeof *e);
	buf_init(out, LIMIT_QUOTE);
	return tsm_quote(&fs, t->base, "r", report_data, out, e);
}

static void
test_makes_a_quote(void **state)
{
	struct tree t = {.provider = "tdx_guest\n", .quote = "QUOTE"};
	struct buf out;
	struct err e;

	tree_make(&t);
	assert_true(quote(&t, &out, &e));
	assert_true(span_is(buf_span(&out), "QUOTE"));
	assert_int_equal(t.writes, 1);
	buf_fini(&out);
	tree_gone(&t);
}

static void
test_retries_when_generation_moved(void **state)
{
	struct tree t = {.provider = "tdx_guest\n", .quote = "QUOTE", .foreign_writes = 2};
	struct buf out;
	struct err e;

	tree_make(&t);
	assert_true(quote(&t, &out, &e));
	assert_int_equal(t.writes, 3);
	assert_true(span_is(buf_span(&out), "QUOTE"));
	buf_fini(&out);
	t.foreign_writes = 100;
	assert_false(quote(&t, &out, &e));
	assert_int_equal(e.reason, REASON_QUOTE_PROVIDER_FAILED);
	assert_int_equal(out.n, 0);
	buf_fini(&out);
	tree_gone(&t);
}

static void
test_retries_when_busy(void **state)
{
	struct tree t = {.provider = "tdx_guest\n", .quote = "QUOTE", .busy = 2};
	struct buf out;
	struct err e;

	tree_make(&t);
	assert_true(quote(&t, &out, &e));
	buf_fini(&out);
	t.busy = 100;
	assert_false(quote(&t, &out, &e));
	buf_fini(&out);
	tree_gone(&t);
}

static void
test_refuses_other_provider(void **state)
{
	struct tree t = {.provider = "sev_guest\n", .quote = "QUOTE"};
	struct buf out;
	struct err e;

	tree_make(&t);
	assert_false(quote(&t, &out, &e));
	assert_int_equal(e.code, ERR_UNSUPPORTED);
	assert_int_equal(t.writes, 0);
	buf_fini(&out);
	tree_gone(&t);
}

static void
test_refuses_no_quote(void **state)
{
	struct tree t = {.provider = "tdx_guest\n", .quote = ""};
	struct buf out;
	struct err e;

	tree_make(&t);
	assert_false(quote(&t, &out, &e));
	buf_fini(&out);
	t.make_errno = ENOENT;
	assert_false(quote(&t, &out, &e));
	assert_non_null(strstr(e.shown, "configfs"));
	buf_fini(&out);
	tree_gone(&t);
}

/* A process that was killed left its report; the next one with its number takes it away. */
static void
test_takes_away_a_stale_report(void **state)
{
	struct tree t = {.provider = "tdx_guest\n", .quote = "QUOTE"};
	struct buf out;
	struct err e;
	char dir[96];

	tree_make(&t);
	snprintf(dir, sizeof dir, "%s/r", t.base);
	assert_int_equal(fake_make_dir(dir, &t), 0);
	assert_true(quote(&t, &out, &e));
	buf_fini(&out);
	tree_gone(&t);
}

struct asked {
	struct net_loop *loop;
	int done;
	struct err e;
};

static void
on_done(struct span q, const struct err *e, void *ctx)
{
	struct asked *a = ctx;

	a->done++;
	a->e = *e;
	net_loop_stop(a->loop);
}

/* On the worker pool, without a TDX machine: the refusal comes back, once, and says what to do. */
static void
test_provider_without_platform(void **state)
{
	static const uint8_t report_data[PROVIDER_REPORT_DATA];
	struct err e = {0};
	struct asked a = {.loop = net_loop_new(&e)};
	struct provider_reply reply = {on_done, &a};
	struct provider *p = tsm_provider(a.loop, "/nonexistent/tsm", 0, &e);

	assert_non_null(p);
	assert_true(provider_ask(p, report_data, reply, &e));
	assert_false(provider_ask(p, report_data, reply, &e)); /* one at a time */
	assert_int_equal(a.done, 0);
	net_loop_run(a.loop);
	assert_int_equal(a.done, 1);
	assert_int_equal(a.e.reason, REASON_QUOTE_PROVIDER_FAILED);
	assert_non_null(strstr(a.e.shown, "configfs"));
	provider_close(p);
	net_loop_free(a.loop);
}

/* Closed while a quote is being made: nobody is called, nothing is lost. */
static void
test_provider_closed_early(void **state)
{
	static const uint8_t report_data[PROVIDER_REPORT_DATA];
	struct err e = {0};
	struct asked a = {.loop = net_loop_new(&e)};
	struct provider_reply reply = {on_done, &a};
	struct provider *p = tsm_provider(a.loop, "/nonexistent/tsm", 0, &e);

	assert_true(provider_ask(p, report_data, reply, &e));
	provider_close(p);
	net_loop_run(a.loop);
	assert_int_equal(a.done, 0);
	net_loop_free(a.loop);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_makes_a_quote),
	    cmocka_unit_test(test_retries_when_generation_moved),
	    cmocka_unit_test(test_retries_when_busy),
	    cmocka_unit_test(test_refuses_other_provider),
	    cmocka_unit_test(test_refuses_no_quote),
	    cmocka_unit_test(test_takes_away_a_stale_report),
	    cmocka_unit_test(test_provider_without_platform),
	    cmocka_unit_test(test_provider_closed_early),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
