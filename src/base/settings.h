/* settings.h - every setting of every program, from one table (settings.def): environment name,
 * flag, default, bounds, help and man page. Checks and holds values; reads neither environment
 * nor files (os/config.h does). A struct settings owns its strings until settings_fini. */
#ifndef BASE_SETTINGS_H
#define BASE_SETTINGS_H

#include "base/buf.h"
#include "base/err.h"

/* Programs, as bits. */
enum program {
	PROGRAM_NONE = 0,
	PROGRAM_CONTROL = 1,
	PROGRAM_AGENT = 2,
	PROGRAM_PROXY = 4,
	PROGRAM_SIM = 8,
	PROGRAM_TUNNEL = 3, /* either end of one */
	PROGRAM_FRONT = 5, /* whatever has the raw proxy listener */
	PROGRAM_ALL = 15
};

enum setting_kind {
	SETTING_TEXT, /* const char * */
	SETTING_SECRET, /* const char *; never printed */
	SETTING_STATE, /* const char *: a path whose default lies in $STATE_DIRECTORY */
	SETTING_ADDR, /* const char *: an IP address */
	SETTING_URL, /* const char *: an absolute URL of a scheme in `form` */
	SETTING_URLS, /* const char *: such URLs with commas between */
	SETTING_LIST, /* const char *: words with commas between */
	SETTING_CIDRS, /* const char *: addresses and prefixes, as ip_list_has (base/ip.h) reads them */
	SETTING_CHOICE, /* const char *: one of `form` */
	SETTING_INT, /* int64_t */
	SETTING_PORT /* uint16_t */
};

/* One field a row, named as in settings.def. Unset text is NULL. */
struct settings {
#define SETTING_TYPE_TEXT   const char *
#define SETTING_TYPE_SECRET const char *
#define SETTING_TYPE_STATE  const char *
#define SETTING_TYPE_ADDR   const char *
#define SETTING_TYPE_URL    const char *
#define SETTING_TYPE_URLS   const char *
#define SETTING_TYPE_LIST   const char *
#define SETTING_TYPE_CIDRS  const char *
#define SETTING_TYPE_CHOICE const char *
#define SETTING_TYPE_INT    int64_t
#define SETTING_TYPE_PORT   uint16_t
#define SETTING(field, name, kind, def, lo, hi, form, programs, required, help)                    \
	SETTING_TYPE_##kind field;
#include "base/settings.def"
#undef SETTING
};

struct setting {
	const char *name; /* EE_... */
	enum setting_kind kind;
	const char *def;
	int64_t lo, hi;
	const char *form;
	unsigned programs, required;
	const char *help;
	size_t offset; /* of the field in struct settings */
};

/* The i-th row, NULL past the last; the row of that environment name, or NULL. */
const struct setting *setting_at(size_t i);
const struct setting *setting_find(struct span name);

/* The row of that flag (`--control-port`, without the dashes; `--admin-token-file` for a secret),
 * or NULL. */
const struct setting *setting_find_flag(struct span flag);

/* Write the row's flag, without the dashes. */
#define SETTING_FLAG_MAX 64
void setting_flag(const struct setting *row, char dst[static SETTING_FLAG_MAX]);

/* The name among the program's rows that is nearest to a misspelt one, or NULL where none is
 * near. */
const char *setting_suggest(struct span name, unsigned program);

/* Every field at its default. */
MUST_CHECK bool settings_init(struct settings *s, struct err *e);
void settings_fini(struct settings *s);

/* Check a value and set the row's field. Refusal: ERR_USAGE, BAD_SETTING, shown = what to write. */
MUST_CHECK bool settings_set(
    struct settings *s, const struct setting *row, const char *value, struct err *e);

/* Check what one value alone cannot tell: that nothing needed is missing, that pairs fit. */
MUST_CHECK bool settings_check(const struct settings *s, unsigned program, struct err *e);

/* Say whether a row's field is set to something. */
bool setting_is_set(const struct settings *s, const struct setting *row);

/* Append `NAME=value` lines of the program's settings, secrets as ***. */
void settings_print(const struct settings *s, unsigned program, struct buf *out);

/* Take the next item of a comma-separated list, blanks around it off; false at the end. */
bool list_next(struct span *rest, struct span *item);

#endif
