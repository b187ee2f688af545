/* jcs.h - writing JSON. jw_* append one value at a time to a buffer with commas and escapes in
 * their places; jcs_canonical writes RFC 8785's canonical form of a parsed value. */
#ifndef BASE_JCS_H
#define BASE_JCS_H

#include "base/json.h"

/* Append the quoted, escaped form of UTF-8 bytes (RFC 8785 section 3.2.2.2: the shortest escapes).
 * Bytes that are not UTF-8 come out as U+FFFD. */
void json_write_string(struct buf *out, struct span s);

/* A writer: keeps track of where a comma is due. No allocation of its own. Names and nesting are
 * the caller's business; at most JW_DEPTH levels (asserted). */
#define JW_DEPTH 16
struct jw {
	struct buf *out;
	unsigned depth;
	bool comma[JW_DEPTH + 1];
};

struct jw jw_of(struct buf *out);
/* `name` is the member's name inside an object, NULL inside an array or at the top. */
void jw_object(struct jw *w, const char *name);
void jw_array(struct jw *w, const char *name);
void jw_end_object(struct jw *w);
void jw_end_array(struct jw *w);
void jw_str(struct jw *w, const char *name, const char *value); /* NULL writes null */
void jw_span(struct jw *w, const char *name, struct span value);
void jw_hex(struct jw *w, const char *name, struct span bytes);
void jw_int(struct jw *w, const char *name, int64_t value);
void jw_bool(struct jw *w, const char *name, bool value);
void jw_null(struct jw *w, const char *name);
/* A value that is JSON already. */
void jw_raw(struct jw *w, const char *name, struct span json);

/* Append the canonical form (RFC 8785) of a parsed value, held to the claims profile: strings,
 * booleans, null, integers within +-(2^53 - 1), objects of at most 64 members with ASCII names,
 * arrays, depth 8 with the top as 1. No reals, no -0, no NUL in strings, no repeated names.
 * Anything else is ERR_MALFORMED, REASON_CLAIMS_NOT_CANONICAL. */
MUST_CHECK bool jcs_canonical(
    const struct json_doc *doc, const struct json_node *value, struct buf *out, struct err *e);

#endif
