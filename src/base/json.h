/* json.h - one strict JSON reader (RFC 8259). Iterative; yields a flat array of nodes with spans
 * into the text that it was given, so that what was signed can be verified over the bytes that
 * were received. The text must outlive the doc. Refuses: anything that is not the grammar, bytes
 * that are not UTF-8, lone surrogates in escapes, a byte-order mark, trailing bytes, and more
 * depth or nodes than the limits say. A repeated member name is marked, not refused: whoever
 * interprets an object asks json_has_dup. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

enum json_type {
	JSON_NULL,
	JSON_FALSE,
	JSON_TRUE,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT
};

struct json_node {
	uint8_t type; /* enum json_type */
	bool escaped; /* string: holds a backslash; `text` is then not its value */
	bool dup; /* object: a member name occurs twice (compared unescaped) */
	uint32_t next; /* index of the node after this one and all below it */
	uint32_t count; /* array: elements; object: members */
	struct span text; /* the exact bytes of the value; a string's without its quotes */
	struct span key; /* member of an object: its name's bytes between the quotes */
	bool key_escaped;
};

struct json_doc {
	struct json_node *nodes; /* nodes[0] is the top value; depth-first order */
	size_t n;
};

struct json_limits {
	size_t depth; /* containers inside one another; the top one counts 1 */
	size_t nodes;
};

/* Parse the whole text. On success the caller owns the doc and calls json_free. On failure
 * ERR_MALFORMED with REASON_INVALID_JSON (or ERR_LIMIT, ERR_NOMEM), and the doc is empty. */
MUST_CHECK bool json_parse(
    struct json_doc *doc, struct span text, struct json_limits lim, struct err *e);
void json_free(struct json_doc *doc);

/* The top value. */
const struct json_node *json_top(const struct json_doc *doc);

/* The first element or member of a container, and the one after a given child; NULL at the end.
 *	for (c = json_first(doc, obj); c; c = json_next(doc, obj, c)) */
const struct json_node *json_first(const struct json_doc *doc, const struct json_node *container);
const struct json_node *json_next(
    const struct json_doc *doc, const struct json_node *container, const struct json_node *child);

/* The member of that name (compared unescaped), or NULL; NULL too where obj is no object. */
const struct json_node *json_get(
    const struct json_doc *doc, const struct json_node *obj, const char *name);

/* Say whether an object has a repeated member name. */
bool json_has_dup(const struct json_node *obj);

/* Append a string's (or a key's) value, unescaped, as UTF-8. False when n is no string or the
 * buffer is full. */
MUST_CHECK bool json_string(const struct json_node *n, struct buf *out);
MUST_CHECK bool json_key(const struct json_node *n, struct buf *out);

/* A string's value as a C string of `size` bytes; false when it is none, does not fit or holds a
 * NUL. */
MUST_CHECK bool json_cstr(const struct json_node *n, char *dst, size_t size);

/* Say whether a node is a string with exactly that value. NULL is not. */
bool json_is(const struct json_node *n, const char *value);

/* An integer written as one (no fraction, no exponent, no -0) within [min, max]. */
MUST_CHECK bool json_int(const struct json_node *n, int64_t min, int64_t max, int64_t *out);

#endif
