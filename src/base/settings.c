#include "base/settings.h"

#include "base/ip.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static const struct setting rows[] = {
#define SETTING(field, name, kind, def, lo, hi, form, programs, required, help)                    \
	{name, SETTING_##kind, def, lo, hi, form, PROGRAM_##programs, PROGRAM_##required, help,    \
	    offsetof(struct settings, field)},
#include "base/settings.def"
#undef SETTING
};

#define ROWS (sizeof rows / sizeof rows[0])

const struct setting *
setting_at(size_t i)
{
	return i < ROWS ? &rows[i] : NULL;
}

const struct setting *
setting_find(struct span name)
{
	for (size_t i = 0; i < ROWS; i++)
		if (span_is(name, rows[i].name))
			return &rows[i];
	return NULL;
}

void
setting_flag(const struct setting *row, char dst[static SETTING_FLAG_MAX])
{
	size_t n = 0;

	for (const char *p = row->name + strlen("EE_"); *p && n < SETTING_FLAG_MAX - 8; p++)
		dst[n++] = *p == '_' ? '-' : (char)ascii_lower((uint8_t)*p);
	snprintf(dst + n, SETTING_FLAG_MAX - n, "%s", row->kind == SETTING_SECRET ? "-file" : "");
}

const struct setting *
setting_find_flag(struct span flag)
{
	char name[SETTING_FLAG_MAX];

	for (size_t i = 0; i < ROWS; i++) {
		setting_flag(&rows[i], name);
		if (span_is(flag, name))
			return &rows[i];
	}
	return NULL;
}

#define NAME_MAX_LEN 48

/* Edits (insert, delete, change, swap of neighbours) from a to b. */
static unsigned
distance(struct span a, struct span b)
{
	unsigned d[3][NAME_MAX_LEN + 1];

	if (a.n > NAME_MAX_LEN || b.n > NAME_MAX_LEN)
		return NAME_MAX_LEN;
	for (size_t j = 0; j <= b.n; j++)
		d[0][j] = (unsigned)j;
	for (size_t i = 1; i <= a.n; i++) {
		unsigned *row = d[i % 3], *up = d[(i + 2) % 3], *up2 = d[(i + 1) % 3];

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= b.n; j++) {
			unsigned best = up[j - 1] + (a.p[i - 1] != b.p[j - 1]);

			if (up[j] + 1 < best)
				best = up[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1]
			    && up2[j - 2] + 1 < best)
				best = up2[j - 2] + 1;
			row[j] = best;
		}
	}
	return d[a.n % 3][b.n];
}

const char *
setting_suggest(struct span name, unsigned program)
{
	const char *best = NULL;
	/* Farther than a third of the name is no misspelling any more. */
	unsigned least = (unsigned)(name.n / 3) + 1;

	for (size_t i = 0; i < ROWS; i++) {
		unsigned d = distance(name, span_str(rows[i].name));

		if ((rows[i].programs & program) && d < least) {
			least = d;
			best = rows[i].name;
		}
	}
	return best;
}

/* The row's field. Every kind but INT and PORT is text. */
static void *
field(const struct settings *s, const struct setting *row)
{
	return (char *)(uintptr_t)s + row->offset;
}

static const char **
text_field(const struct settings *s, const struct setting *row)
{
	return row->kind == SETTING_INT || row->kind == SETTING_PORT ? NULL : field(s, row);
}

bool
list_next(struct span *rest, struct span *item)
{
	const uint8_t *comma;
	size_t n;

	if (rest->n == 0)
		return false;
	comma = memchr(rest->p, ',', rest->n);
	n = comma ? (size_t)(comma - rest->p) : rest->n;
	*item = span_first(*rest, n);
	*rest = span_from(*rest, comma ? n + 1 : n);
	while (item->n > 0 && item->p[0] == ' ')
		*item = span_from(*item, 1);
	while (item->n > 0 && item->p[item->n - 1] == ' ')
		item->n--;
	return true;
}

static bool
word_in(struct span word, const char *choices)
{
	for (const char *p = choices; *p;) {
		size_t n = strcspn(p, "|");

		if (span_eq(word, span_of(p, n)))
			return true;
		p += n + (p[n] == '|');
	}
	return false;
}

static bool
refuse(struct err *e, const struct setting *row, const char *what)
{
	err_set_arg(e, ERR_USAGE, REASON_BAD_SETTING, row->name, "%s", what);
	return err_show(e, "%s: %s", row->name, what);
}

/* A scheme of the form, then something that is no blank. The parts are judged by wire/url.h where
 * they are used; here a slip of the pen is caught at the start. */
static bool
url_ok(struct span s, const char *form)
{
	size_t i = 0;

	while (i < s.n && s.p[i] != ':')
		i++;
	if (i == s.n || !word_in(span_first(s, i), form))
		return false;
	for (size_t k = 0; k < s.n; k++)
		if (s.p[k] <= 0x20 || s.p[k] >= 0x7f)
			return false;
	if (span_starts(s, "unix:"))
		return s.n > 6 && s.p[5] == '/';
	s = span_from(s, i);
	return span_starts(s, "://") && s.n > 3 && s.p[3] != '/' && s.p[3] != ':';
}

static bool
list_ok(struct span s, const struct setting *row)
{
	struct span item;

	if (s.n > 0 && s.p[s.n - 1] == ',')
		return false;
	while (list_next(&s, &item))
		if (item.n == 0 || (row->kind == SETTING_URLS && !url_ok(item, row->form)))
			return false;
	return true;
}

static bool
number(struct span s, const struct setting *row, int64_t *out)
{
	int64_t v = 0;

	if (s.n == 0 || s.n > 15)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		v = v * 10 + (s.p[i] - '0');
	}
	if (v < row->lo || v > row->hi)
		return false;
	*out = v;
	return true;
}

static bool
set_number(struct settings *s, const struct setting *row, struct span value, struct err *e)
{
	char what[96];
	int64_t v;

	if (!number(value, row, &v)) {
		snprintf(what, sizeof what, "must be a number from %" PRId64 " to %" PRId64,
		    row->lo, row->hi);
		return refuse(e, row, what);
	}
	if (row->kind == SETTING_PORT)
		*(uint16_t *)field(s, row) = (uint16_t)v;
	else
		*(int64_t *)field(s, row) = v;
	return true;
}

static bool
check_text(const struct setting *row, struct span v, struct err *e)
{
	uint8_t ip[16];
	char what[128];

	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] < 0x20 || v.p[i] == 0x7f)
			return refuse(e, row, "holds a control character");
	if (row->hi > 0 && v.n > (size_t)row->hi) {
		snprintf(what, sizeof what, "is longer than %" PRId64 " bytes", row->hi);
		return refuse(e, row, what);
	}
	switch (row->kind) {
	case SETTING_ADDR:
		return ip_parse(v, ip)
		       || refuse(e, row, "must be an IP address, such as 127.0.0.1");
	case SETTING_URL:
		snprintf(what, sizeof what, "must be an absolute URL (%s)", row->form);
		return url_ok(v, row->form) || refuse(e, row, what);
	case SETTING_URLS:
		snprintf(what, sizeof what, "must be URLs (%s) with commas between", row->form);
		return list_ok(v, row) || refuse(e, row, what);
	case SETTING_LIST:
		return list_ok(v, row) || refuse(e, row, "must be words with commas between");
	case SETTING_CIDRS:
		return ip_list_ok(v)
		       || refuse(e, row, "must be addresses or prefixes, such as 10.0.0.0/8");
	case SETTING_CHOICE:
		snprintf(what, sizeof what, "must be one of %s", row->form);
		return word_in(v, row->form) || refuse(e, row, what);
	default:
		return (int64_t)v.n >= row->lo || refuse(e, row, "is too short");
	}
}

bool
settings_set(struct settings *s, const struct setting *row, const char *value, struct err *e)
{
	struct span v = span_str(value);
	const char **text = text_field(s, row);
	char *copy;

	if (text == NULL)
		return set_number(s, row, v, e);
	if (!check_text(row, v, e))
		return false;
	copy = malloc(v.n + 1);
	if (copy == NULL)
		return err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "%s", row->name);
	memcpy(copy, value, v.n + 1);
	free((void *)(uintptr_t)*text);
	*text = copy;
	return true;
}

/* A STATE row's default may be the empty path, which no user may write. */
static bool
set_default(struct settings *s, const struct setting *row, struct err *e)
{
	if (row->def == NULL || row->def[0] == '\0')
		return true;
	return settings_set(s, row, row->def, e);
}

bool
settings_init(struct settings *s, struct err *e)
{
	memset(s, 0, sizeof *s);
	for (size_t i = 0; i < ROWS; i++) {
		if (!set_default(s, &rows[i], e)) {
			settings_fini(s);
			return false;
		}
	}
	return true;
}

void
settings_fini(struct settings *s)
{
	for (size_t i = 0; i < ROWS; i++) {
		const char **text = text_field(s, &rows[i]);

		if (text) {
			free((void *)(uintptr_t)*text);
			*text = NULL;
		}
	}
}

bool
setting_is_set(const struct settings *s, const struct setting *row)
{
	const char **text = text_field(s, row);

	return text == NULL || *text != NULL;
}

static bool
check_pairs(const struct settings *s, struct err *e)
{
	if (s->registration_warn_days >= s->registration_ttl_days)
		return refuse(e, setting_find(span_str("EE_REGISTRATION_WARN_DAYS")),
		    "must be less than EE_REGISTRATION_TTL_DAYS");
	if ((s->tls_cert == NULL) != (s->tls_key == NULL))
		return refuse(
		    e, setting_find(span_str("EE_TLS_CERT")), "and EE_TLS_KEY go together");
	return true;
}

bool
settings_check(const struct settings *s, unsigned program, struct err *e)
{
	for (size_t i = 0; i < ROWS; i++)
		if ((rows[i].required & program) && !setting_is_set(s, &rows[i]))
			return refuse(e, &rows[i], "is needed and not set");
	return !(program & PROGRAM_CONTROL) || check_pairs(s, e);
}

void
settings_print(const struct settings *s, unsigned program, struct buf *out)
{
	for (size_t i = 0; i < ROWS; i++) {
		const struct setting *row = &rows[i];
		const char **text = text_field(s, row);

		if (!(row->programs & program) || !setting_is_set(s, row))
			continue;
		buf_printf(out, "%s=", row->name);
		if (row->kind == SETTING_INT)
			buf_printf(out, "%" PRId64 "\n", *(const int64_t *)field(s, row));
		else if (row->kind == SETTING_PORT)
			buf_printf(out, "%u\n", *(const uint16_t *)field(s, row));
		else
			buf_printf(out, "%s\n", row->kind == SETTING_SECRET ? "***" : *text);
	}
}
