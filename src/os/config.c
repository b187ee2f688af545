#include "os/config.h"

#include "base/usage.h"
#include "os/file.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SECRET_MAX 4096
/* Rows of settings.def are counted in bits of this many words. */
#define ROWS_MAX 128

struct loading {
	enum program program;
	char **environ;
	struct settings *s;
	struct buf *others;
	struct err *e;
	bool set[ROWS_MAX]; /* by row: somebody set it, it is not the default */
};

static bool
refuse(struct err *e, const char *name, const char *what)
{
	err_set_arg(e, ERR_USAGE, REASON_BAD_SETTING, name, "%s", what);
	return err_show(e, "%s: %s", name, what);
}

static size_t
row_index(const struct setting *row)
{
	return (size_t)(row - setting_at(0));
}

static const char *
environ_get(char **list, const char *name)
{
	size_t n = strlen(name);

	for (char **v = list; *v; v++)
		if (strncmp(*v, name, n) == 0 && (*v)[n] == '=')
			return *v + n + 1;
	return NULL;
}

static bool
set(struct loading *c, const struct setting *row, const char *value)
{
	c->set[row_index(row)] = true;
	return settings_set(c->s, row, value, c->e);
}

/* A secret's file, one newline at its end not counted. */
static bool
set_from_file(struct loading *c, const struct setting *row, const char *path)
{
	struct buf b;
	bool ok;

	buf_init(&b, SECRET_MAX);
	ok = file_read(path, SECRET_MAX, &b, c->e);
	if (ok && b.n > 0 && b.p[b.n - 1] == '\n')
		b.n--;
	if (ok && b.n > 0 && memchr(b.p, 0, b.n))
		ok = refuse(c->e, row->name, "the file holds a NUL");
	ok = ok && set(c, row, buf_cstr(&b));
	if (b.p)
		explicit_bzero(b.p, b.cap);
	buf_fini(&b);
	return ok;
}

static bool
misspelt(struct loading *c, struct span name)
{
	const char *near = setting_suggest(name, c->program);
	char own[48], what[128];

	if (near == NULL)
		near = setting_suggest(name, PROGRAM_ALL);
	snprintf(own, sizeof own, "%.*s", (int)(name.n < 47 ? name.n : 47), (const char *)name.p);
	if (near)
		snprintf(what, sizeof what, "no such setting; did you mean %s?", near);
	else
		snprintf(what, sizeof what, "no such setting; see --help");
	return refuse(c->e, own, what);
}

/* The SECRET row whose NAME_FILE this is, or NULL. */
static const struct setting *
secret_file_row(struct span name)
{
	static const char tail[] = "_FILE";
	const struct setting *row;

	if (name.n <= sizeof tail || !span_is(span_from(name, name.n - 5), tail))
		return NULL;
	row = setting_find(span_first(name, name.n - 5));
	return row && row->kind == SETTING_SECRET ? row : NULL;
}

/* One NAME=value of the environment. An empty value is as good as none: that is how unit files
 * and compose files unset a name. */
static bool
take_variable(struct loading *c, const char *text)
{
	size_t n = strcspn(text, "=");
	struct span name = span_of(text, n);
	const struct setting *row = setting_find(name), *file = secret_file_row(name);
	const char *value = text + n + (text[n] == '=');

	if (row == NULL && file == NULL)
		return misspelt(c, name);
	if (!((row ? row : file)->programs & c->program)) {
		if (c->others->n > 0)
			buf_add_u8(c->others, ',');
		buf_add(c->others, name);
		return true;
	}
	if (value[0] == '\0')
		return true;
	if (row)
		return set(c, row, value);
	value = environ_get(c->environ, file->name);
	if (value && value[0] != '\0')
		return refuse(c->e, file->name, "is set both by value and by file");
	return set_from_file(c, file, text + n + 1);
}

/* systemd.exec(5), LoadCredential=: a file named as the setting. */
static bool
take_credentials(struct loading *c)
{
	const char *dir = environ_get(c->environ, "CREDENTIALS_DIRECTORY");
	const struct setting *row;

	if (dir == NULL || dir[0] == '\0')
		return true;
	for (size_t i = 0; (row = setting_at(i)) != NULL; i++) {
		char path[PATH_MAX];
		int n;

		if (row->kind != SETTING_SECRET || !(row->programs & c->program) || c->set[i])
			continue;
		n = snprintf(path, sizeof path, "%s/%s", dir, row->name);
		if (n < 0 || (size_t)n >= sizeof path || access(path, F_OK) != 0)
			continue;
		if (!set_from_file(c, row, path))
			return false;
	}
	return true;
}

static bool
take_flag(struct loading *c, int argc, char **argv, int *i)
{
	const char *arg = argv[*i], *eq = strchr(arg, '=');
	const struct setting *row = NULL;
	const char *value;
	char shown[48];

	if (strncmp(arg, "--", 2) == 0)
		row = setting_find_flag(
		    span_of(arg + 2, eq ? (size_t)(eq - arg - 2) : strlen(arg + 2)));
	snprintf(shown, sizeof shown, "%.*s", (int)(eq ? eq - arg : 47), arg);
	if (row == NULL || !(row->programs & c->program))
		return refuse(c->e, shown, "no such flag; see --help");
	if (eq)
		value = eq + 1;
	else if (*i + 1 < argc)
		value = argv[++*i];
	else
		return refuse(c->e, shown, "needs a value");
	if (row->kind == SETTING_SECRET)
		return set_from_file(c, row, value);
	return set(c, row, value);
}

/* Paths that nobody set lie in the folder that systemd made for them: $STATE_DIRECTORY, whose
 * first entry is meant where it holds several. */
static bool
place_state(struct loading *c)
{
	const char *dir = environ_get(c->environ, "STATE_DIRECTORY");
	size_t n = dir ? strcspn(dir, ":") : 0;
	const struct setting *row;

	for (size_t i = 0; (row = setting_at(i)) != NULL; i++) {
		char path[PATH_MAX];
		int k;

		if (row->kind != SETTING_STATE || c->set[i] || !(row->programs & c->program))
			continue;
		if (n > 0)
			k = snprintf(path, sizeof path, "%.*s%s%s", (int)n, dir,
			    row->def[0] ? "/" : "", row->def);
		else
			k = snprintf(path, sizeof path, "%s", row->def[0] ? row->def : ".");
		if (k < 0 || (size_t)k >= sizeof path)
			return refuse(c->e, row->name, "$STATE_DIRECTORY is too long");
		if (!settings_set(c->s, row, path, c->e))
			return false;
	}
	return true;
}

static bool
load(struct loading *c, int argc, char **argv)
{
	for (char **v = c->environ; *v; v++)
		if (strncmp(*v, "EE_", 3) == 0 && !take_variable(c, *v))
			return false;
	if (!take_credentials(c))
		return false;
	for (int i = 1; i < argc; i++)
		if (!take_flag(c, argc, argv, &i))
			return false;
	return place_state(c) && settings_check(c->s, c->program, c->e);
}

bool
config_load(enum program p, int argc, char **argv, char **list, struct settings *s,
    struct buf *others, struct err *e)
{
	struct loading c = {.program = p, .environ = list, .s = s, .others = others, .e = e};

	if (!settings_init(s, e))
		return false;
	if (setting_at(ROWS_MAX))
		return err_set(e, ERR_LIMIT, REASON_INTERNAL, "more than %d settings", ROWS_MAX);
	return load(&c, argc, argv);
}

enum common { COMMON_NONE, COMMON_HELP, COMMON_VERSION, COMMON_MAN, COMMON_CHECK, COMMON_PRINT };

/* The flag that every program knows, taken out of argv. */
static enum common
take_common(int *argc, char **argv)
{
	static const char *const flags[] = {
	    "", "--help", "--version", "--man", "--check-config", "--print-config"};

	for (int i = 1; i < *argc; i++) {
		for (int k = COMMON_HELP; k <= COMMON_PRINT; k++) {
			if (strcmp(argv[i], flags[k]) != 0)
				continue;
			memmove(&argv[i], &argv[i + 1], (size_t)(*argc - i) * sizeof argv[0]);
			--*argc;
			return (enum common)k;
		}
	}
	return COMMON_NONE;
}

/* Print what was asked for; -1 when that needs the settings, or nothing was. */
static int
print_about(enum program p, enum common what)
{
	struct buf b;

	if (what != COMMON_HELP && what != COMMON_VERSION && what != COMMON_MAN)
		return -1;
	buf_init(&b, 1u << 20);
	if (what == COMMON_HELP)
		usage_help(p, &b);
	else if (what == COMMON_MAN)
		usage_man(p, &b);
	else
		buf_printf(&b, "%s %s\n", program_name(p), EE_VERSION);
	fputs(buf_cstr(&b), stdout);
	buf_fini(&b);
	return fflush(stdout) == 0 ? 0 : 1;
}

static int
print_settings(enum program p, const struct settings *s)
{
	struct buf b;

	buf_init(&b, 1u << 20);
	settings_print(s, p, &b);
	fputs(buf_cstr(&b), stdout);
	buf_fini(&b);
	return fflush(stdout) == 0 ? 0 : 1;
}

static int
complain(enum program p, const struct err *e)
{
	fprintf(stderr, "%s: %s\n", program_name(p), e->shown[0] ? e->shown : e->detail);
	return CONFIG_EXIT_USAGE;
}

int
config_start(enum program p, int argc, char **argv, struct settings *s, struct env *env)
{
	return config_start_checked(p, argc, argv, s, env, NULL);
}

int
config_start_checked(enum program p, int argc, char **argv, struct settings *s, struct env *env,
    config_check_fn *check)
{
	enum common what = take_common(&argc, argv);
	enum log_level level = LOG_INFO;
	struct buf others;
	struct err e = {0};
	int rc;

	memset(s, 0, sizeof *s);
	env_init(env, level);
	rc = print_about(p, what);
	if (rc >= 0)
		return rc;
	buf_init(&others, 1u << 16);
	if (!config_load(p, argc, argv, environ, s, &others, &e)) {
		buf_fini(&others);
		return complain(p, &e);
	}
	if (log_level_find(s->log_level, &level))
		env->log.level = level;
	if (others.n > 0)
		log_event(&env->log, LOG_WARN, "settings_of_other_programs", "names",
		    buf_cstr(&others), NULL);
	buf_fini(&others);
	if (what == COMMON_PRINT)
		return print_settings(p, s);
	if (what != COMMON_CHECK)
		return -1;
	return check && !check(s, &e) ? complain(p, &e) : 0;
}
