#include "base/json.h"

#include "base/ascii.h"
#include "base/json_text.h"
#include "base/swar.h"
#include "base/utf8.h"
#include <assert.h>
#include <stdlib.h>

#define NONE UINT32_MAX

/* While a container is open its node's `next` holds its parent's index: that is the only stack,
 * so depth costs no memory of its own and cannot overflow anything. */
struct parser {
	struct span s;
	size_t i; /* offset of the next byte */
	struct json_node *nodes;
	size_t n, cap, depth;
	struct json_limits lim;
	uint32_t open; /* the innermost open container, or NONE */
	struct span key; /* the name before the value that comes next */
	bool key_escaped;
	struct err *e;
};

static bool
bad(struct parser *p, const char *what)
{
	return err_set(p->e, ERR_MALFORMED, REASON_INVALID_JSON, "%s at byte %zu", what, p->i);
}

/* The next byte, or 0 at the end: NUL is legal nowhere outside of a string. */
static uint8_t
peek(const struct parser *p)
{
	return p->i < p->s.n ? p->s.p[p->i] : 0;
}

static void
skip_space(struct parser *p)
{
	while (p->i < p->s.n
	       && (p->s.p[p->i] == ' ' || p->s.p[p->i] == '\t' || p->s.p[p->i] == '\n'
		   || p->s.p[p->i] == '\r'))
		p->i++;
}

/* Pass over the escape at p->i. A surrogate must be the first half of a pair (RFC 8259 section
 * 8.2 leaves lone ones open; they have no UTF-8 form, so they are refused). */
static bool
scan_escape(struct parser *p)
{
	uint8_t c = p->i + 1 < p->s.n ? p->s.p[p->i + 1] : 0;
	int32_t u;

	if (c != 'u') {
		if (c == 0 || strchr("\"\\/bfnrt", c) == NULL)
			return bad(p, "unknown escape");
		p->i += 2;
		return true;
	}
	u = json_hex4(p->s, p->i + 2);
	if (u < 0)
		return bad(p, "escape without four digits");
	p->i += 6;
	if (u < 0xd800 || u > 0xdfff)
		return true;
	if (u > 0xdbff || !span_starts(span_from(p->s, p->i), "\\u"))
		return bad(p, "lone surrogate");
	u = json_hex4(p->s, p->i + 2);
	if (u < 0xdc00 || u > 0xdfff)
		return bad(p, "lone surrogate");
	p->i += 6;
	return true;
}

/* Pass over text that needs no look byte by byte: nearly all of a quote in base64. */
static void
skip_plain(struct parser *p)
{
	while (p->s.n - p->i >= 8) {
		uint64_t w = swar_load(p->s.p + p->i);

		if (!swar_ascii(w) || swar_has_below(w, 0x20) || swar_has(w, '"')
		    || swar_has(w, '\\'))
			return;
		p->i += 8;
	}
}

/* Read the string that begins at p->i; give what stands between its quotes. */
static bool
scan_string(struct parser *p, struct span *text, bool *escaped)
{
	size_t start = ++p->i;

	*escaped = false;
	for (skip_plain(p); p->i < p->s.n; skip_plain(p)) {
		uint8_t c = p->s.p[p->i];
		size_t n;

		if (c == '"') {
			*text = span_between(p->s, start, p->i);
			p->i++;
			return true;
		}
		if (c == '\\') {
			*escaped = true;
			if (!scan_escape(p))
				return false;
			continue;
		}
		if (c < 0x20)
			return bad(p, "control character in a string");
		n = c < 0x80 ? 1 : utf8_len(span_from(p->s, p->i));
		if (n == 0)
			return bad(p, "not UTF-8");
		p->i += n;
	}
	return bad(p, "string without end");
}

static bool
scan_digits(struct parser *p)
{
	if (!ascii_is_digit(peek(p)))
		return bad(p, "digit expected");
	while (ascii_is_digit(peek(p)))
		p->i++;
	return true;
}

/* number = [ minus ] int [ frac ] [ exp ] (RFC 8259 section 6). */
static bool
scan_number(struct parser *p, struct span *text)
{
	size_t start = p->i;

	if (peek(p) == '-')
		p->i++;
	if (peek(p) == '0')
		p->i++;
	else if (!scan_digits(p))
		return false;
	if (peek(p) == '.') {
		p->i++;
		if (!scan_digits(p))
			return false;
	}
	if (peek(p) == 'e' || peek(p) == 'E') {
		p->i++;
		if (peek(p) == '+' || peek(p) == '-')
			p->i++;
		if (!scan_digits(p))
			return false;
	}
	*text = span_between(p->s, start, p->i);
	return true;
}

static struct json_node *
add_node(struct parser *p, enum json_type type)
{
	struct json_node *n;

	if (p->n == p->lim.nodes) {
		err_set(p->e, ERR_LIMIT, REASON_INVALID_JSON, "more than %zu values", p->lim.nodes);
		return NULL;
	}
	if (p->n == p->cap) {
		size_t cap = p->cap ? p->cap * 2 : 32;

		n = realloc(p->nodes, cap * sizeof *n);
		if (n == NULL) {
			err_set(p->e, ERR_NOMEM, REASON_NO_MEMORY, "%zu JSON values", cap);
			return NULL;
		}
		p->nodes = n;
		p->cap = cap;
	}
	if (p->open != NONE)
		p->nodes[p->open].count++;
	n = &p->nodes[p->n++];
	*n = (struct json_node){.type = (uint8_t)type,
	    .next = (uint32_t)p->n,
	    .key = p->key,
	    .key_escaped = p->key_escaped};
	p->key = span_of(NULL, 0);
	p->key_escaped = false;
	return n;
}

static int
compare_names(const void *pa, const void *pb)
{
	const struct span *a = pa, *b = pb;
	size_t n = a->n < b->n ? a->n : b->n;
	int c = n ? memcmp(a->p, b->p, n) : 0;

	return c ? c : (a->n > b->n) - (a->n < b->n);
}

/* Write the value of an escaped name to `to`, which has room for the name as it stands. */
static struct span
unescape(struct span name, uint8_t *to)
{
	struct json_text text = {.s = name};
	size_t n = 0;
	int c;

	while ((c = json_text_next(&text)) >= 0)
		to[n++] = (uint8_t)c;
	return span_of(to, n);
}

/* Say whether two names are the same. Each is unescaped once and then they are sorted, so that an
 * object of 60,000 members costs no square, however its names are written. */
static bool
names_repeat(const struct parser *p, const struct json_node *obj, struct span *names, uint8_t *room)
{
	size_t k = 0;

	for (size_t i = (size_t)(obj - p->nodes) + 1; i < p->n; i = p->nodes[i].next) {
		const struct json_node *member = &p->nodes[i];

		names[k] = member->key;
		if (member->key_escaped) {
			names[k] = unescape(member->key, room);
			room += names[k].n;
		}
		k++;
	}
	assert(k == obj->count);
	qsort(names, k, sizeof *names, compare_names);
	for (size_t i = 1; i < k; i++)
		if (compare_names(&names[i - 1], &names[i]) == 0)
			return true;
	return false;
}

static bool
find_dup(struct parser *p, struct json_node *obj)
{
	size_t escaped = 0;
	struct span *names;
	uint8_t *room;
	bool ok;

	if (obj->count < 2)
		return true;
	for (size_t i = (size_t)(obj - p->nodes) + 1; i < p->n; i = p->nodes[i].next)
		escaped += p->nodes[i].key_escaped ? p->nodes[i].key.n : 0;
	names = malloc(obj->count * sizeof *names);
	room = escaped ? malloc(escaped) : NULL;
	ok = names && (room || !escaped);
	if (ok)
		obj->dup = names_repeat(p, obj, names, room);
	else
		err_set(p->e, ERR_NOMEM, REASON_NO_MEMORY, "%u names", obj->count);
	free(room);
	free(names);
	return ok;
}

static bool
open_container(struct parser *p, enum json_type type)
{
	struct json_node *n;

	if (p->depth == p->lim.depth)
		return err_set(
		    p->e, ERR_LIMIT, REASON_INVALID_JSON, "deeper than %zu", p->lim.depth);
	n = add_node(p, type);
	if (n == NULL)
		return false;
	n->text = span_first(span_from(p->s, p->i), 0);
	n->next = p->open;
	p->open = (uint32_t)(n - p->nodes);
	p->depth++;
	p->i++;
	return true;
}

static bool
close_container(struct parser *p)
{
	struct json_node *n = &p->nodes[p->open];
	uint32_t parent = n->next;

	p->i++;
	n->text.n = (size_t)(p->s.p + p->i - n->text.p);
	n->next = (uint32_t)p->n;
	p->open = parent;
	p->depth--;
	return n->type != JSON_OBJECT || find_dup(p, n);
}

static bool
scan_word(struct parser *p, const char *word, enum json_type type)
{
	struct json_node *n;

	if (!span_starts(span_from(p->s, p->i), word))
		return bad(p, "unknown word");
	n = add_node(p, type);
	if (n == NULL)
		return false;
	n->text = span_of(p->s.p + p->i, strlen(word));
	p->i += n->text.n;
	return true;
}

static bool
scan_value(struct parser *p)
{
	struct json_node *n;
	struct span text;
	bool escaped = false;

	switch (peek(p)) {
	case '{':
		return open_container(p, JSON_OBJECT);
	case '[':
		return open_container(p, JSON_ARRAY);
	case 'n':
		return scan_word(p, "null", JSON_NULL);
	case 't':
		return scan_word(p, "true", JSON_TRUE);
	case 'f':
		return scan_word(p, "false", JSON_FALSE);
	case '"':
		if (!scan_string(p, &text, &escaped) || (n = add_node(p, JSON_STRING)) == NULL)
			return false;
		break;
	default:
		if (peek(p) != '-' && !ascii_is_digit(peek(p)))
			return bad(p, p->i == p->s.n ? "the text ends where a value is due"
						     : "no value begins like this");
		if (!scan_number(p, &text) || (n = add_node(p, JSON_NUMBER)) == NULL)
			return false;
	}
	n->text = text;
	n->escaped = escaped;
	return true;
}

/* string ws ":" ws, before a member's value. */
static bool
scan_key(struct parser *p)
{
	if (peek(p) != '"')
		return bad(p, "member name expected");
	if (!scan_string(p, &p->key, &p->key_escaped))
		return false;
	skip_space(p);
	if (peek(p) != ':')
		return bad(p, "colon expected");
	p->i++;
	skip_space(p);
	return true;
}

/* One step inside the open container: its end, or a comma where due and one more value. */
static bool
step(struct parser *p)
{
	const struct json_node *c = &p->nodes[p->open];
	uint8_t end = c->type == JSON_OBJECT ? '}' : ']';

	if (peek(p) == end)
		return close_container(p);
	if (c->count > 0) {
		if (peek(p) != ',')
			return bad(p, "comma or end expected");
		p->i++;
		skip_space(p);
	}
	if (c->type == JSON_OBJECT && !scan_key(p))
		return false;
	return scan_value(p);
}

bool
json_parse(struct json_doc *doc, struct span text, struct json_limits lim, struct err *e)
{
	struct parser p = {.s = text, .lim = lim, .open = NONE, .e = e};
	bool ok;

	assert(lim.nodes < NONE);
	*doc = (struct json_doc){0};
	skip_space(&p);
	ok = scan_value(&p);
	skip_space(&p);
	while (ok && p.open != NONE) {
		ok = step(&p);
		skip_space(&p);
	}
	if (ok && p.i != text.n)
		ok = bad(&p, "bytes after the value");
	if (!ok) {
		free(p.nodes);
		return false;
	}
	*doc = (struct json_doc){p.nodes, p.n};
	return true;
}

void
json_free(struct json_doc *doc)
{
	free(doc->nodes);
	*doc = (struct json_doc){0};
}
