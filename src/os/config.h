/* config.h - from flags, environment and defaults (in that order) to a struct settings, and what
 * every program does before its work: --help, --version, --man, --check-config, --print-config. A
 * secret also comes from the file that NAME_FILE names, or from a systemd credential NAME. An
 * EE_* name that no program knows refuses to start. */
#ifndef OS_CONFIG_H
#define OS_CONFIG_H

#include "base/settings.h"
#include "os/env.h"

/* Read settings for a program and set up the world. Returns -1 when the program is to run, else
 * the code to exit with: 0 after --help and its like, 2 (reported on stderr) when flags or
 * settings are wrong. The caller ends with settings_fini either way.
 *
 *	int rc = config_start(PROGRAM_CONTROL, argc, argv, &settings, &env);
 *	if (rc >= 0)
 *		return rc; */
#define CONFIG_EXIT_USAGE 2
MUST_CHECK int config_start(
    enum program p, int argc, char **argv, struct settings *s, struct env *env);

/* The same for a program whose settings name files: --check-config tries those too. */
typedef bool config_check_fn(const struct settings *s, struct err *e);
MUST_CHECK int config_start_checked(enum program p, int argc, char **argv, struct settings *s,
    struct env *env, config_check_fn *check);

/* The reading alone. `list` is a NULL-terminated array of NAME=value. Names that belong to
 * another of our programs go to `others`, with commas between. Only settings' flags are known
 * here. Refusal: BAD_SETTING, `shown` says which and what to do. */
MUST_CHECK bool config_load(enum program p, int argc, char **argv, char **list, struct settings *s,
    struct buf *others, struct err *e);

#endif
