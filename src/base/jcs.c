#include "base/jcs.h"

#include "base/hex.h"
#include "base/utf8.h"
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* RFC 8785 section 3.2.2.2: the two-letter escapes where JSON has them, else lower-case \u00xx;
 * nothing but quote, backslash and control characters is escaped. */
static void
add_escape(struct buf *out, uint8_t c)
{
	static const char from[] = "\b\t\n\f\r\"\\", to[] = "btnfr\"\\";
	const char *at = c ? strchr(from, c) : NULL;

	if (at)
		buf_printf(out, "\\%c", to[at - from]);
	else
		buf_printf(out, "\\u%04x", c);
}

void
json_write_string(struct buf *out, struct span s)
{
	size_t i = 0, start = 0;

	buf_add_u8(out, '"');
	while (i < s.n) {
		uint8_t c = s.p[i];
		size_t n = c < 0x80 ? 1 : utf8_len(span_from(s, i));

		if (n > 0 && c >= 0x20 && c != '"' && c != '\\') {
			i += n;
			continue;
		}
		buf_add(out, span_between(s, start, i));
		if (n == 0)
			buf_add_str(out, "\xef\xbf\xbd");
		else
			add_escape(out, c);
		start = ++i;
	}
	buf_add(out, span_between(s, start, i));
	buf_add_u8(out, '"');
}

struct jw
jw_of(struct buf *out)
{
	return (struct jw){.out = out};
}

static void
begin(struct jw *w, const char *name)
{
	if (w->comma[w->depth])
		buf_add_u8(w->out, ',');
	w->comma[w->depth] = true;
	if (name) {
		json_write_string(w->out, span_str(name));
		buf_add_u8(w->out, ':');
	}
}

static void
open_level(struct jw *w, const char *name, uint8_t c)
{
	begin(w, name);
	buf_add_u8(w->out, c);
	assert(w->depth < JW_DEPTH);
	w->comma[++w->depth] = false;
}

static void
close_level(struct jw *w, uint8_t c)
{
	assert(w->depth > 0);
	w->depth--;
	buf_add_u8(w->out, c);
}

void
jw_object(struct jw *w, const char *name)
{
	open_level(w, name, '{');
}

void
jw_array(struct jw *w, const char *name)
{
	open_level(w, name, '[');
}

void
jw_end_object(struct jw *w)
{
	close_level(w, '}');
}

void
jw_end_array(struct jw *w)
{
	close_level(w, ']');
}

void
jw_str(struct jw *w, const char *name, const char *value)
{
	if (value)
		jw_span(w, name, span_str(value));
	else
		jw_null(w, name);
}

void
jw_span(struct jw *w, const char *name, struct span value)
{
	begin(w, name);
	json_write_string(w->out, value);
}

void
jw_hex(struct jw *w, const char *name, struct span bytes)
{
	begin(w, name);
	buf_add_u8(w->out, '"');
	hex_encode_buf(bytes, w->out);
	buf_add_u8(w->out, '"');
}

void
jw_int(struct jw *w, const char *name, int64_t value)
{
	begin(w, name);
	buf_printf(w->out, "%" PRId64, value);
}

void
jw_bool(struct jw *w, const char *name, bool value)
{
	begin(w, name);
	buf_add_str(w->out, value ? "true" : "false");
}

void
jw_null(struct jw *w, const char *name)
{
	begin(w, name);
	buf_add_str(w->out, "null");
}

void
jw_raw(struct jw *w, const char *name, struct span json)
{
	begin(w, name);
	buf_add(w->out, json);
}

/* The claims profile's ceilings (docs/protocol.md). */
#define PROFILE_DEPTH   8
#define PROFILE_MEMBERS 64
#define PROFILE_INT     INT64_C(9007199254740991)

struct canon {
	const struct json_doc *doc;
	struct buf *out;
	struct buf scratch;
	struct err *e;
};

static bool
refuse(struct canon *c, const char *what)
{
	return err_set(c->e, ERR_MALFORMED, REASON_CLAIMS_NOT_CANONICAL, "%s", what);
}

/* An open container: what of it is still to be written. */
struct level {
	const struct json_node *node;
	const struct json_node *members[PROFILE_MEMBERS]; /* object: in the order of names */
	const struct json_node *at; /* array: the next element */
	size_t i;
};

static bool
write_text(struct canon *c, bool whole)
{
	if (!whole || !buf_ok(&c->scratch))
		return err_set(c->e, ERR_NOMEM, REASON_NO_MEMORY, "canonical string");
	if (c->scratch.n && memchr(c->scratch.p, 0, c->scratch.n))
		return refuse(c, "NUL in a string");
	json_write_string(c->out, buf_span(&c->scratch));
	return true;
}

static bool
write_scalar(struct canon *c, const struct json_node *n)
{
	int64_t v;

	switch ((enum json_type)n->type) {
	case JSON_STRING:
		buf_clear(&c->scratch);
		return write_text(c, json_string(n, &c->scratch));
	case JSON_NUMBER:
		if (!json_int(n, -PROFILE_INT, PROFILE_INT, &v))
			return refuse(c, "number that is no integer within 2^53 - 1");
		buf_add(c->out, n->text);
		return true;
	default:
		buf_add(c->out, n->text);
		return true;
	}
}

/* Names are ASCII, and written without escapes they sort by bytes as RFC 8785 section 3.2.3 sorts
 * by UTF-16 units. An escaped one has to be undone first, so the comparison goes through a copy. */
static int
name_order(struct canon *c, const struct json_node *a, const struct json_node *b)
{
	size_t n, m;
	int r;

	buf_clear(&c->scratch);
	if (!json_key(a, &c->scratch))
		return 0;
	n = c->scratch.n;
	if (!json_key(b, &c->scratch))
		return 0;
	m = c->scratch.n - n;
	r = memcmp(c->scratch.p, c->scratch.p + n, n < m ? n : m);
	return r ? r : (n > m) - (n < m);
}

static bool
check_name(struct canon *c, const struct json_node *n)
{
	buf_clear(&c->scratch);
	if (!json_key(n, &c->scratch))
		return err_set(c->e, ERR_NOMEM, REASON_NO_MEMORY, "canonical name");
	for (size_t i = 0; i < c->scratch.n; i++)
		if (c->scratch.p[i] == 0 || c->scratch.p[i] >= 0x80)
			return refuse(c, "name outside of ASCII");
	return true;
}

/* Insertion into at most 64 places: the profile's ceiling bounds the square. */
static bool
sort_members(struct canon *c, struct level *l)
{
	size_t n = 0;

	if (l->node->count > PROFILE_MEMBERS)
		return refuse(c, "more than 64 members");
	if (json_has_dup(l->node))
		return refuse(c, "repeated name");
	for (const struct json_node *m = json_first(c->doc, l->node); m;
	     m = json_next(c->doc, l->node, m)) {
		size_t k = n++;

		if (!check_name(c, m))
			return false;
		for (; k > 0 && name_order(c, l->members[k - 1], m) > 0; k--)
			l->members[k] = l->members[k - 1];
		l->members[k] = m;
	}
	if (!buf_ok(&c->scratch))
		return err_set(c->e, ERR_NOMEM, REASON_NO_MEMORY, "canonical names");
	return true;
}

/* The next child to write, NULL at the end. */
static const struct json_node *
level_next(struct canon *c, struct level *l)
{
	const struct json_node *n = l->at;

	if (l->node->type == JSON_OBJECT)
		return l->i < l->node->count ? l->members[l->i] : NULL;
	if (n)
		l->at = json_next(c->doc, l->node, n);
	return n;
}

static bool
write_name(struct canon *c, const struct level *l, const struct json_node *n)
{
	if (l->i > 0)
		buf_add_u8(c->out, ',');
	if (l->node->type != JSON_OBJECT)
		return true;
	buf_clear(&c->scratch);
	if (!write_text(c, json_key(n, &c->scratch)))
		return false;
	buf_add_u8(c->out, ':');
	return true;
}

static bool
is_container(const struct json_node *n)
{
	return n->type == JSON_ARRAY || n->type == JSON_OBJECT;
}

static bool
level_open(struct canon *c, struct level *l, const struct json_node *n)
{
	*l = (struct level){.node = n};
	buf_add_u8(c->out, n->type == JSON_OBJECT ? '{' : '[');
	if (n->type == JSON_OBJECT)
		return sort_members(c, l);
	l->at = json_first(c->doc, n);
	return true;
}

static bool
write_tree(struct canon *c, const struct json_node *top)
{
	struct level stack[PROFILE_DEPTH];
	size_t depth = 0;

	if (!is_container(top))
		return write_scalar(c, top);
	if (!level_open(c, &stack[depth++], top))
		return false;
	while (depth > 0) {
		struct level *l = &stack[depth - 1];
		const struct json_node *n = level_next(c, l);

		if (n == NULL) {
			buf_add_u8(c->out, l->node->type == JSON_OBJECT ? '}' : ']');
			depth--;
			continue;
		}
		if (!write_name(c, l, n))
			return false;
		l->i++;
		if (!is_container(n)) {
			if (!write_scalar(c, n))
				return false;
			continue;
		}
		if (depth == PROFILE_DEPTH)
			return refuse(c, "deeper than 8");
		if (!level_open(c, &stack[depth++], n))
			return false;
	}
	return true;
}

bool
jcs_canonical(
    const struct json_doc *doc, const struct json_node *value, struct buf *out, struct err *e)
{
	struct canon c = {.doc = doc, .out = out, .e = e};
	bool ok;

	/* A text is at least as long as its unescaped form; two names are held at once. */
	buf_init(&c.scratch, 2 * value->text.n + 1);
	ok = write_tree(&c, value);
	if (ok && !buf_ok(out))
		ok = err_set(
		    e, ERR_LIMIT, REASON_CLAIMS_NOT_CANONICAL, "longer than %zu", out->max);
	buf_fini(&c.scratch);
	return ok;
}
