/* log.h - one line an event, `ts=... level=info event=attested app=x tcb=UpToDate`, logfmt. A line
 * is built as a value in a struct log_line and given to the log's sink; this header does no I/O.
 * Values are quoted where they must be; control bytes, quotes and what is not UTF-8 are escaped,
 * so a peer's string can neither end a line nor colour a terminal. Never log tokens, quotes or
 * bodies. A line above the ceiling is cut and says so. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/err.h"
#include "base/span.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* Where lines go: set once in main (os/env.h). NULL is a log that drops everything. */
struct log {
	enum log_level level; /* what is less grave is dropped */
	int64_t (*wall_ms)(void *ctx);
	void (*write)(void *ctx, enum log_level level, struct span line); /* without newline */
	void *ctx;
};

#define LOG_LINE_MAX 2048
struct log_line {
	size_t n;
	bool cut;
	char text[LOG_LINE_MAX];
};

/* Log an event with pairs of key and value (const char *; a NULL value leaves the pair out), NULL
 * behind the last:  log_event(l, LOG_INFO, "listening", "addr", addr, NULL); */
__attribute__((sentinel)) void log_event(
    struct log *l, enum log_level level, const char *event, ...);

/* The same with a failure's reason (fine token) and detail, then pairs. */
__attribute__((sentinel)) void log_failure(
    struct log *l, enum log_level level, const char *event, const struct err *e, ...);

/* For values of other types, piece by piece:
 *	struct log_line b;
 *	log_begin(&b, event); log_str(&b, "app", app); log_int(&b, "ms", ms); log_end(l, LOG_INFO, &b); */
void log_begin(struct log_line *b, const char *event);
void log_str(struct log_line *b, const char *key, const char *value); /* NULL: left out */
void log_span(struct log_line *b, const char *key, struct span value);
void log_int(struct log_line *b, const char *key, int64_t value);
void log_err(struct log_line *b, const struct err *e); /* reason=... detail=... */
void log_end(struct log *l, enum log_level level, struct log_line *b);

/* The level of that name; false where there is none. */
MUST_CHECK bool log_level_find(const char *name, enum log_level *level);

#endif
