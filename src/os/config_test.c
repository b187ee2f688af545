#include "base/test.h"

#include "os/config.h"
#include "os/file.h"
#include <stdio.h>
#include <unistd.h>

struct world {
	struct settings s;
	struct buf others;
	struct err e;
	char dir[64];
};

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);

	assert_non_null(w);
	snprintf(w->dir, sizeof w->dir, "/tmp/ee-config-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	buf_init(&w->others, 1000);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;
	char path[128];

	snprintf(path, sizeof path, "%s/EE_ADMIN_TOKEN", w->dir);
	(void)unlink(path);
	(void)rmdir(w->dir);
	buf_fini(&w->others);
	settings_fini(&w->s);
	free(w);
	return 0;
}

/* Load with a NULL-terminated environment and list of flags. */
static bool
loads(struct world *w, enum program p, const char *const *env, const char *const *flags)
{
	char name[] = "ee", *argv[16] = {name}, *environment[16];
	int argc = 1, n = 0;

	settings_fini(&w->s);
	err_clear(&w->e);
	buf_clear(&w->others);
	for (; flags && *flags; flags++)
		argv[argc++] = (char *)(uintptr_t)*flags;
	for (; env && *env; env++)
		environment[n++] = (char *)(uintptr_t)*env;
	environment[n] = NULL;
	return config_load(p, argc, argv, environment, &w->s, &w->others, &w->e);
}

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

static void
flags_go_before_environment_before_defaults(void **state)
{
	struct world *w = *state;

	assert_true(loads(w, PROGRAM_CONTROL, NULL, NULL));
	assert_int_equal(w->s.control_port, 8088);
	assert_true(loads(w, PROGRAM_CONTROL, LIST("EE_CONTROL_PORT=1", "PATH=/bin"), NULL));
	assert_int_equal(w->s.control_port, 1);
	assert_true(loads(w, PROGRAM_CONTROL, LIST("EE_CONTROL_PORT=1"), LIST("--control-port=2")));
	assert_int_equal(w->s.control_port, 2);
	assert_true(loads(w, PROGRAM_CONTROL, NULL, LIST("--control-port", "3")));
	assert_int_equal(w->s.control_port, 3);
	assert_true(loads(w, PROGRAM_CONTROL, LIST("EE_CONTROL_PORT="), NULL));
	assert_int_equal(w->s.control_port, 8088);
}

static void
what_is_wrong_is_named(void **state)
{
	struct world *w = *state;

	assert_false(loads(w, PROGRAM_CONTROL, LIST("EE_CONTORL_PORT=1"), NULL));
	assert_string_equal(
	    w->e.shown, "EE_CONTORL_PORT: no such setting; did you mean EE_CONTROL_PORT?");
	assert_false(loads(w, PROGRAM_CONTROL, LIST("EE_CONTROL_PORT=x"), NULL));
	assert_string_equal(w->e.shown, "EE_CONTROL_PORT: must be a number from 0 to 65535");
	assert_false(loads(w, PROGRAM_CONTROL, NULL, LIST("--nope")));
	assert_string_equal(w->e.shown, "--nope: no such flag; see --help");
	assert_false(loads(w, PROGRAM_CONTROL, NULL, LIST("extra")));
	assert_false(loads(w, PROGRAM_CONTROL, NULL, LIST("--control-port")));
	assert_false(loads(w, PROGRAM_CONTROL, NULL, LIST("--sim-port=1")));
	assert_false(loads(w, PROGRAM_AGENT, NULL, NULL));
	assert_string_equal(w->e.shown, "EE_CONTROL_WS: is needed and not set");
	assert_int_equal(w->e.code, ERR_USAGE);
}

static void
another_programs_names_are_told(void **state)
{
	struct world *w = *state;

	assert_true(loads(w, PROGRAM_CONTROL, LIST("EE_REPO=x", "EE_SIM_PORT=nonsense"), NULL));
	assert_string_equal(buf_cstr(&w->others), "EE_REPO,EE_SIM_PORT");
}

static void
secrets_come_from_files(void **state)
{
	struct world *w = *state;
	char path[128], var[160], flag[160], cred[160];

	snprintf(path, sizeof path, "%s/EE_ADMIN_TOKEN", w->dir);
	snprintf(var, sizeof var, "EE_ADMIN_TOKEN_FILE=%s", path);
	snprintf(flag, sizeof flag, "--admin-token-file=%s", path);
	snprintf(cred, sizeof cred, "CREDENTIALS_DIRECTORY=%s", w->dir);
	assert_false(loads(w, PROGRAM_CONTROL, LIST(var), NULL));
	assert_int_equal(w->e.reason, REASON_FILE_UNREADABLE);
	assert_true(file_write(path, span_str("s3cret\n"), 0600, &(struct err){0}));

	assert_true(loads(w, PROGRAM_CONTROL, LIST(var), NULL));
	assert_string_equal(w->s.admin_token, "s3cret");
	assert_true(loads(w, PROGRAM_CONTROL, NULL, LIST(flag)));
	assert_string_equal(w->s.admin_token, "s3cret");
	assert_true(loads(w, PROGRAM_CONTROL, LIST(cred), NULL));
	assert_string_equal(w->s.admin_token, "s3cret");
	assert_true(loads(w, PROGRAM_CONTROL, LIST(cred, "EE_ADMIN_TOKEN=other"), NULL));
	assert_string_equal(w->s.admin_token, "other");
	assert_false(loads(w, PROGRAM_CONTROL, LIST(var, "EE_ADMIN_TOKEN=other"), NULL));
	assert_false(loads(w, PROGRAM_CONTROL, NULL, LIST("--admin-token=x")));
}

static void
state_lies_where_systemd_says(void **state)
{
	struct world *w = *state;

	assert_true(loads(w, PROGRAM_CONTROL, NULL, NULL));
	assert_string_equal(w->s.db_path, "ee-control.db");
	assert_true(loads(w, PROGRAM_CONTROL, LIST("STATE_DIRECTORY=/var/lib/ee:/x"), NULL));
	assert_string_equal(w->s.db_path, "/var/lib/ee/ee-control.db");
	assert_true(loads(
	    w, PROGRAM_CONTROL, LIST("STATE_DIRECTORY=/var/lib/ee", "EE_DB_PATH=y.db"), NULL));
	assert_string_equal(w->s.db_path, "y.db");
}

/* Each row, given a value of its kind, changes what is printed: no row is without effect here. */
static void
every_row_takes_a_value(void **state)
{
	static const char *const needed[] = {"EE_CONTROL_WS=ws://a", "EE_REPO=a/b",
	    "EE_RELEASE_TAG=v1", "EE_APP_NAME=app", "EE_NETWORK=net", NULL};
	static const char *const value[] = {[SETTING_TEXT] = "text",
	    [SETTING_SECRET] = "secret",
	    [SETTING_STATE] = "state",
	    [SETTING_ADDR] = "1.2.3.4",
	    [SETTING_LIST] = "a,b",
	    [SETTING_CIDRS] = "1.2.3.0/24",
	    [SETTING_INT] = "7",
	    [SETTING_PORT] = "77"};
	struct world *w = *state;
	const struct setting *row;

	for (size_t i = 0; (row = setting_at(i)) != NULL; i++) {
		char var[200];
		const char *env[8] = {NULL};
		const char *v = value[row->kind];
		enum program p = row->programs & PROGRAM_CONTROL ? PROGRAM_CONTROL
								 : (enum program)row->programs;
		struct buf before, after;
		size_t n = 0;

		buf_init(&before, 10000);
		buf_init(&after, 10000);
		for (; p == PROGRAM_AGENT && needed[n]; n++)
			env[n] = needed[n];
		assert_true(loads(w, p, env, NULL));
		settings_print(&w->s, p, &before);
		if (row->kind == SETTING_CHOICE) {
			const char *c = strrchr(row->form, '|') + 1;

			snprintf(var, sizeof var, "%s=%.*s", row->name,
			    strcmp(c, row->def) ? (int)strlen(c) : (int)strcspn(row->form, "|"),
			    strcmp(c, row->def) ? c : row->form);
		} else if (row->kind == SETTING_INT && (row->lo > 7 || row->hi < 7))
			snprintf(var, sizeof var, "%s=%d", row->name, (int)row->lo);
		else if (v)
			snprintf(var, sizeof var, "%s=%s", row->name, v);
		else
			snprintf(var, sizeof var, "%s=%.*s://host.example", row->name,
			    (int)strcspn(row->form, "|"), row->form);
		env[n] = var;
		/* TLS comes as a pair: the refusal of one alone is its effect. */
		if (loads(w, p, env, NULL)) {
			settings_print(&w->s, p, &after);
			assert_string_not_equal(buf_cstr(&before), buf_cstr(&after));
		} else if (strncmp(row->name, "EE_TLS", 6) != 0) {
			fail_msg("%s: %s", var, w->e.shown);
		}
		buf_fini(&before);
		buf_fini(&after);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		flags_go_before_environment_before_defaults, setup, teardown),
	    cmocka_unit_test_setup_teardown(what_is_wrong_is_named, setup, teardown),
	    cmocka_unit_test_setup_teardown(another_programs_names_are_told, setup, teardown),
	    cmocka_unit_test_setup_teardown(secrets_come_from_files, setup, teardown),
	    cmocka_unit_test_setup_teardown(state_lies_where_systemd_says, setup, teardown),
	    cmocka_unit_test_setup_teardown(every_row_takes_a_value, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
