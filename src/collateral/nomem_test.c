/* Each allocation of the client fails once, then all from it on: what is asked for is given or
 * refused by name, what is held stays, and all is given back. Linked with --wrap. */
#include "base/nomem.h"

/* What the fakes need is not what is tried. */
#define calloc __real_calloc
#define malloc __real_malloc
#include "collateral/world.h"
#undef calloc
#undef malloc

#include "os/test_folder.h"

static char dir[64];

enum answer { GIVEN, REFUSED, NOT_ASKED };

/* One answer, or a refusal that has a name. */
static enum answer
ask(struct collateral_client *c)
{
	struct got g = {0};
	struct err e = {0};

	if (collateral_get(c, &KEY, on_done, &g, &e) == NULL) {
		assert_int_equal(e.code, ERR_NOMEM);
		return NOT_ASKED;
	}
	fake_run();
	assert_int_equal(g.calls, 1);
	assert_true(g.col || strncmp(g.reason, "dcap_error:", 11) == 0);
	return g.col ? GIVEN : REFUSED;
}

static bool
run(void *ctx)
{
	struct collateral_opts o = {.url = BASE, .dir = ctx};
	struct collateral_client *c;
	struct err e = {0};
	enum answer first, second;
	bool renewed;

	setup(NULL);
	if (ctx)
		wipe_folder(dir);
	c = collateral_client_new(NULL, NULL, &fake_env, &o, &e);
	if (c == NULL) {
		assert_int_equal(e.code, ERR_NOMEM);
		return false;
	}
	fake_run();
	first = ask(c);
	now_good[TCB].body = "tcb 1000001 9000000 17";
	fake_pass(5 * 3600 * 1000);
	second = ask(c);
	/* Once held, held for good. */
	assert_true(first != GIVEN || second != REFUSED);
	collateral_client_reload(c);
	fake_run();
	renewed = second == GIVEN && state_of(c).item[EEDCAP_TCB_INFO].issued == 1000001;
	collateral_client_free(c);
	fake_run();
	assert_int_equal(cap.alive, 0);
	assert_null(fake.timers);
	return first == GIVEN && renewed;
}

static void
in_memory(void **state)
{
	assert_true(nomem_each(run, NULL, 10000) > 20);
}

static void
with_a_folder(void **state)
{
	snprintf(dir, sizeof dir, "/tmp/collateral_nomem_test.%ld", (long)getpid());
	wipe_folder(dir);
	assert_true(nomem_each(run, dir, 10000) > 20);
	wipe_folder(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(in_memory),
	    cmocka_unit_test(with_a_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
