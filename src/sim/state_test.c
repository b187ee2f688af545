#include "base/test.h"
#include "sim/state.h"

#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOW ((int64_t)1790000000)

static int
remove_one(const char *path, const struct stat *st, int what, struct FTW *at)
{
	return remove(path);
}

static int
setup(void **state)
{
	static char dir[64];

	snprintf(dir, sizeof dir, "/tmp/ee-sim-test-XXXXXX");
	assert_non_null(mkdtemp(dir));
	*state = dir;
	return 0;
}

static int
teardown(void **state)
{
	return nftw(*state, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void
a_seed_is_made_once(void **state)
{
	uint8_t a[SIM_SEED_SIZE], b[SIM_SEED_SIZE], zero[SIM_SEED_SIZE] = {0};
	char path[128];
	struct stat st;
	struct env env;
	struct err e = {0};
	FILE *f;

	env_init(&env, LOG_ERROR);
	assert_true(sim_state_open(*state, &env, a, &e));
	assert_memory_not_equal(a, zero, sizeof a);
	assert_true(sim_state_open(*state, &env, b, &e));
	assert_memory_equal(a, b, sizeof a);
	snprintf(path, sizeof path, "%s/seed", (char *)*state);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);

	/* A seed that was cut is not made up for: another root would be another platform. */
	f = fopen(path, "w");
	assert_non_null(f);
	fputs("short", f);
	fclose(f);
	assert_false(sim_state_open(*state, &env, b, &e));
	assert_int_equal(e.reason, REASON_FILE_UNREADABLE);
	err_clear(&e);
	assert_false(sim_state_open("/dev/null/no", &env, b, &e));
	assert_int_equal(e.reason, REASON_FILE_UNWRITABLE);
}

static void
put(const char *dir, struct sim *s, const char *path, const char *query, const char *body)
{
	struct sim_request rq = {.method = span_str("PUT"),
	    .path = span_str(path),
	    .query = span_str(query),
	    .body = span_str(body)};
	struct sim_answer a;
	struct err e = {0};

	sim_serve(s, &rq, NOW, &a);
	assert_true(a.keep);
	assert_true(sim_state_keep(dir, &rq, &e));
	sim_answer_fini(&a);
}

static void
what_was_put_outlives_a_restart(void **state)
{
	static const char settings[] = "{\"tcb\":\"OutOfDate\",\"platform\":\"p\"}";
	uint8_t seed[SIM_SEED_SIZE];
	struct sim a, b, c;
	struct env env;
	struct err e = {0};
	const struct sim_vm *vm;

	env_init(&env, LOG_ERROR);
	assert_true(sim_state_open(*state, &env, seed, &e));
	assert_true(sim_init(&a, seed, "http://x", NOW, &e));
	put(*state, &a, "/sim/vm/one", "", settings);
	put(*state, &a, "/sim/vm/two", "", "");
	put(*state, &a, "/sim/releases/o/r/v1%2Fx/list.json", "immutable=false", "line\nline\n");
	put(*state, &a, "/sim/releases/o/r2/v1/list.json", "", "");
	assert_true(sim_state_write_root(*state, &a.platform.pki, &e));

	assert_true(sim_init(&b, seed, "http://x", NOW, &e));
	sim_state_replay(*state, &b, NOW, &env.log);
	vm = sim_platform_find_vm(&b.platform, span_str("one"));
	assert_non_null(vm);
	assert_string_equal(vm->tcb, "OutOfDate");
	assert_memory_equal(vm->serial, sim_platform_find_vm(&a.platform, span_str("one"))->serial,
	    SIM_SERIAL_SIZE);
	assert_int_equal(b.github.n, 2);
	for (size_t i = 0; i < b.github.n; i++) {
		struct sim_asset *x = b.github.assets[i];
		bool first = strcmp(x->repo, "r") == 0;

		assert_true(span_is(buf_span(&x->bytes), first ? "line\nline\n" : ""));
		assert_string_equal(x->tag, first ? "v1/x" : "v1");
		assert_int_equal(x->immutable, !first);
	}

	assert_true(sim_state_drop(*state, span_str("/sim/releases/o/r"), &e));
	assert_true(sim_state_drop(*state, span_str("/sim/vm/one"), &e));
	assert_true(sim_init(&c, seed, "http://x", NOW, &e));
	sim_state_replay(*state, &c, NOW, &env.log);
	assert_int_equal(c.platform.n_vms, 1);
	assert_int_equal(c.github.n, 1);
	assert_string_equal(c.github.assets[0]->repo, "r2");
	sim_fini(&a);
	sim_fini(&b);
	sim_fini(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(a_seed_is_made_once, setup, teardown),
	    cmocka_unit_test_setup_teardown(what_was_put_outlives_a_restart, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
