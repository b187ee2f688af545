#include "base/log.h"

#include "base/rfc3339.h"
#include "base/utf8.h"
#include <stdarg.h>
#include <stdio.h>

static const char *const level_names[] = {"error", "warn", "info", "debug"};

/* What ends a line that did not fit; its room is kept free. */
static const char CUT[] = " cut=true";
/* What log_end puts before a line. */
#define HEAD_MAX 64
#define ROOM     (LOG_LINE_MAX - HEAD_MAX - sizeof CUT)

/* A closing quote may stand one byte past ROOM. */
static size_t
room(const struct log_line *b)
{
	return b->n < ROOM ? ROOM - b->n : 0;
}

static void
add(struct log_line *b, const void *p, size_t n)
{
	if (b->cut || n > room(b)) {
		b->cut = true;
		return;
	}
	memcpy(b->text + b->n, p, n);
	b->n += n;
}

/* Bytes that need no quotes: printable ASCII but blank, quote, backslash and `=`. */
static bool
is_plain(struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = s.p[i];

		if (c <= 0x20 || c >= 0x7f || c == '"' || c == '\\' || c == '=')
			return false;
	}
	return s.n > 0;
}

/* Length of the run at the start of s that is safe between quotes: no control byte of C0 or C1
 * (U+0080 to U+009F, which terminals obey too), no quote, no backslash, well-formed UTF-8. */
static size_t
safe_len(struct span s)
{
	size_t n = utf8_len(s);

	if (n == 1 && (s.p[0] < 0x20 || s.p[0] == 0x7f || s.p[0] == '"' || s.p[0] == '\\'))
		return 0;
	if (n == 2 && s.p[0] == 0xc2 && s.p[1] < 0xa0)
		return 0;
	return n;
}

static void
add_quoted(struct log_line *b, struct span s)
{
	char esc[8];

	add(b, "\"", 1);
	for (size_t i = 0; i < s.n && !b->cut;) {
		size_t n = safe_len(span_from(s, i));

		if (n > 0) {
			add(b, s.p + i, n);
			i += n;
			continue;
		}
		if (s.p[i] == '"' || s.p[i] == '\\')
			n = (size_t)snprintf(esc, sizeof esc, "\\%c", s.p[i]);
		else if (s.p[i] == '\n')
			n = (size_t)snprintf(esc, sizeof esc, "\\n");
		else
			n = (size_t)snprintf(esc, sizeof esc, "\\x%02x", s.p[i]);
		add(b, esc, n);
		i++;
	}
	/* The closing quote has its room even where the value was cut. */
	b->text[b->n++] = '"';
}

void
log_begin(struct log_line *b, const char *event)
{
	b->n = 0;
	b->cut = false;
	add(b, "event=", 6);
	add(b, event, strlen(event));
}

void
log_span(struct log_line *b, const char *key, struct span value)
{
	size_t before = b->n, n = strlen(key);

	if (b->cut || n + 5 > room(b)) {
		b->cut = true;
		return;
	}
	add(b, " ", 1);
	add(b, key, n);
	add(b, "=", 1);
	if (!is_plain(value))
		add_quoted(b, value);
	else
		add(b, value.p, value.n);
	/* A plain value is written whole or not at all. */
	if (b->cut && b->text[b->n - 1] == '=')
		b->n = before;
}

void
log_str(struct log_line *b, const char *key, const char *value)
{
	if (value)
		log_span(b, key, span_str(value));
}

void
log_int(struct log_line *b, const char *key, int64_t value)
{
	uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
	char text[24];
	size_t at = sizeof text;

	/* By hand: a line for each request has six of them. */
	do {
		text[--at] = (char)('0' + left % 10);
		left /= 10;
	} while (left);
	if (value < 0)
		text[--at] = '-';
	log_span(b, key, span_of(text + at, sizeof text - at));
}

void
log_err(struct log_line *b, const struct err *e)
{
	char token[ERR_TOKEN_MAX];

	log_str(b, "reason", err_token(e, token));
	if (e->detail[0] != '\0')
		log_str(b, "detail", e->detail);
	else if (e->shown[0] != '\0')
		log_str(b, "detail", e->shown);
}

void
log_end(struct log *l, enum log_level level, struct log_line *b)
{
	char line[LOG_LINE_MAX], ts[RFC3339_SIZE];
	int64_t ms;
	int n;

	if (l == NULL || level > l->level)
		return;
	ms = l->wall_ms(l->ctx);
	ms = ms < 0 ? 0 : ms;
	rfc3339_write(ms / 1000, ts);
	n = snprintf(line, sizeof line, "ts=%.19s.%03dZ level=%s %.*s%s", ts, (int)(ms % 1000),
	    level_names[level], (int)b->n, b->text, b->cut ? CUT : "");
	l->write(l->ctx, level, span_of(line, (size_t)n));
}

static void
add_pairs(struct log_line *b, va_list ap)
{
	for (const char *key = va_arg(ap, const char *); key; key = va_arg(ap, const char *))
		log_str(b, key, va_arg(ap, const char *));
}

void
log_event(struct log *l, enum log_level level, const char *event, ...)
{
	struct log_line b;
	va_list ap;

	if (l == NULL || level > l->level)
		return;
	log_begin(&b, event);
	va_start(ap, event);
	add_pairs(&b, ap);
	va_end(ap);
	log_end(l, level, &b);
}

void
log_failure(struct log *l, enum log_level level, const char *event, const struct err *e, ...)
{
	struct log_line b;
	va_list ap;

	if (l == NULL || level > l->level)
		return;
	log_begin(&b, event);
	log_err(&b, e);
	va_start(ap, e);
	add_pairs(&b, ap);
	va_end(ap);
	log_end(l, level, &b);
}

bool
log_level_find(const char *name, enum log_level *level)
{
	for (unsigned i = 0; i < sizeof level_names / sizeof level_names[0]; i++) {
		if (strcmp(level_names[i], name) == 0) {
			*level = (enum log_level)i;
			return true;
		}
	}
	return false;
}
