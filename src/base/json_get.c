/* json_get.c - finding and reading values in what json.c has parsed. */
#include "base/json.h"

#include "base/ascii.h"
#include "base/json_text.h"

const struct json_node *
json_top(const struct json_doc *doc)
{
	return doc->n ? doc->nodes : NULL;
}

static bool
is_container(const struct json_node *n)
{
	return n && (n->type == JSON_ARRAY || n->type == JSON_OBJECT);
}

const struct json_node *
json_first(const struct json_doc *doc, const struct json_node *container)
{
	if (!is_container(container) || container->count == 0)
		return NULL;
	return container + 1;
}

const struct json_node *
json_next(
    const struct json_doc *doc, const struct json_node *container, const struct json_node *child)
{
	return child->next < container->next ? &doc->nodes[child->next] : NULL;
}

static bool
text_is(struct span text, bool escaped, struct span value)
{
	struct json_text u = {.s = text};

	if (!escaped)
		return span_eq(text, value);
	for (size_t i = 0; i < value.n; i++)
		if (json_text_next(&u) != value.p[i])
			return false;
	return json_text_next(&u) < 0;
}

const struct json_node *
json_get(const struct json_doc *doc, const struct json_node *obj, const char *name)
{
	if (obj == NULL || obj->type != JSON_OBJECT)
		return NULL;
	for (const struct json_node *c = json_first(doc, obj); c; c = json_next(doc, obj, c))
		if (text_is(c->key, c->key_escaped, span_str(name)))
			return c;
	return NULL;
}

bool
json_has_dup(const struct json_node *obj)
{
	return obj && obj->dup;
}

static bool
unescape(struct span text, bool escaped, struct buf *out)
{
	struct json_text t = {.s = text};

	if (!escaped) {
		buf_add(out, text);
		return buf_ok(out);
	}
	while (t.i < text.n) {
		struct span rest = span_from(text, t.i);
		const uint8_t *slash = memchr(rest.p, '\\', rest.n);
		size_t n = slash ? (size_t)(slash - rest.p) : rest.n;

		/* In runs: a body of megabytes may hold one escape. */
		buf_add(out, span_first(rest, n));
		t.i += n;
		if (slash) {
			do
				buf_add_u8(out, (uint8_t)json_text_next(&t));
			while (t.k < t.n);
		}
	}
	return buf_ok(out);
}

bool
json_string(const struct json_node *n, struct buf *out)
{
	return n && n->type == JSON_STRING && unescape(n->text, n->escaped, out);
}

bool
json_key(const struct json_node *n, struct buf *out)
{
	return n && unescape(n->key, n->key_escaped, out);
}

bool
json_cstr(const struct json_node *n, char *dst, size_t size)
{
	size_t k = 0;

	dst[0] = '\0';
	if (n == NULL || n->type != JSON_STRING)
		return false;
	if (!n->escaped)
		return span_cstr(n->text, dst, size);
	struct json_text u = {.s = n->text};

	for (int c = json_text_next(&u); c >= 0; c = json_text_next(&u)) {
		if (c == 0 || k + 1 >= size) {
			dst[0] = '\0';
			return false;
		}
		dst[k++] = (char)c;
	}
	dst[k] = '\0';
	return true;
}

bool
json_is(const struct json_node *n, const char *value)
{
	return n && n->type == JSON_STRING && text_is(n->text, n->escaped, span_str(value));
}

bool
json_int(const struct json_node *n, int64_t min, int64_t max, int64_t *out)
{
	struct span s;
	uint64_t v = 0;
	bool minus;

	if (n == NULL || n->type != JSON_NUMBER)
		return false;
	s = n->text;
	minus = s.p[0] == '-';
	if (minus)
		s = span_from(s, 1);
	if (minus && span_is(s, "0"))
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (!ascii_is_digit(s.p[i]))
			return false;
		uint8_t d = (uint8_t)(s.p[i] - '0');

		if (v > (UINT64_MAX - d) / 10)
			return false;
		v = v * 10 + d;
	}
	/* One more than INT64_MAX is a magnitude that only the negative side has. */
	if (v > (uint64_t)INT64_MAX + (minus ? 1 : 0))
		return false;
	int64_t r = !minus ? (int64_t)v : v > INT64_MAX ? INT64_MIN : -(int64_t)v;

	if (r < min || r > max)
		return false;
	*out = r;
	return true;
}
