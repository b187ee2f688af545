#include "wire/headers.h"

#include "base/swar.h"
#include "wire/forwarded.h"
#include "wire/trace.h"
#include <stdio.h>

/* The tchars of RFC 9110 section 5.6.2, a bit for each: !#$%&'*+-. and digits; letters and ^_`|~. */
static const uint64_t tchars[2] = {UINT64_C(0x03ff6cfa00000000), UINT64_C(0x57ffffffc7fffffe)};

static bool
is_tchar(uint8_t c)
{
	return c < 128 && (tchars[c >> 6] >> (c & 63) & 1);
}

/* Say whether that is true of all bytes of a span that has eight or more: what is said of most names
 * and values, and need not be found byte by byte. */
static inline bool
all_eights(struct span s, bool (*is)(uint64_t w))
{
	for (size_t i = 0; i + 8 < s.n; i += 8)
		if (!is(swar_load(s.p + i)))
			return false;
	/* The last eight, some of them once more. */
	return is(swar_load(s.p + s.n - 8));
}

bool
http_token_ok(struct span s)
{
	if (s.n >= 8 && all_eights(s, swar_letters_or_hyphens))
		return true;
	for (size_t i = 0; i < s.n; i++)
		if (!is_tchar(s.p[i]))
			return false;
	return s.n > 0;
}

bool
http_value_ok(struct span s)
{
	if (s.n && (s.p[0] <= ' ' || s.p[s.n - 1] <= ' '))
		return false;
	if (s.n >= 8 && all_eights(s, swar_printable))
		return true;
	for (size_t i = 0; i < s.n; i++)
		if ((s.p[i] < ' ' && s.p[i] != '\t') || s.p[i] == 0x7f)
			return false;
	return true;
}

static struct span
trim(struct span s)
{
	while (s.n && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = span_from(s, 1);
	while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

const char *
http_field_parse(struct span line, struct http_field *out)
{
	const uint8_t *colon = line.n ? memchr(line.p, ':', line.n) : NULL;

	if (!colon)
		return "field line without a colon";
	out->name = span_first(line, (size_t)(colon - line.p));
	if (!http_token_ok(out->name))
		return "bad field name"; /* a space before the colon, too: section 5.1 */
	out->value = trim(span_from(line, out->name.n + 1));
	return NULL;
}

/* Take the next element off a comma-separated list. */
static bool
take_element(struct span *list, struct span *item)
{
	const uint8_t *comma;

	if (!list->n)
		return false;
	comma = memchr(list->p, ',', list->n);
	*item = trim(span_first(*list, comma ? (size_t)(comma - list->p) : list->n));
	*list = comma ? span_from(*list, (size_t)(comma - list->p) + 1) : span_of(NULL, 0);
	return true;
}

bool
http_list_has(struct span list, const char *token)
{
	struct span item;

	while (take_element(&list, &item))
		if (span_iis(item, token))
			return true;
	return false;
}

bool
http_length_parse(struct span value, uint64_t *out)
{
	uint64_t n = 0;

	if (!value.n || value.n > 18)
		return false;
	for (size_t i = 0; i < value.n; i++) {
		if (value.p[i] < '0' || value.p[i] > '9')
			return false;
		n = n * 10 + (uint64_t)(value.p[i] - '0');
	}
	*out = n;
	return true;
}

const struct http_field *
http_field_find(const struct http_field *f, size_t n, const char *name)
{
	struct span want = span_str(name);

	for (size_t i = 0; i < n; i++)
		if (span_ieq(f[i].name, want))
			return &f[i];
	return NULL;
}

size_t
http_field_count(const struct http_field *f, size_t n, const char *name)
{
	struct span want = span_str(name);
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += span_ieq(f[i].name, want);
	return count;
}

void
fields_init(struct fields *f)
{
	/* at[] is read below n only: two kilobytes that need not be cleared for each head. */
	buf_init(&f->text, LIMIT_HEAD);
	f->n = 0;
	f->failed = false;
}

void
fields_clear(struct fields *f)
{
	buf_clear(&f->text);
	f->n = 0;
	f->failed = false;
}

void
fields_fini(struct fields *f)
{
	buf_fini(&f->text);
	f->n = 0;
}

void
fields_add(struct fields *f, struct span name, struct span value)
{
	size_t at = f->text.n;

	if (f->failed || f->n == LIMIT_HEAD_FIELDS || !http_token_ok(name)
	    || !http_value_ok(value)) {
		f->failed = true;
		return;
	}
	buf_add(&f->text, name);
	buf_add(&f->text, value);
	if (!buf_ok(&f->text)) {
		f->failed = true;
		return;
	}
	f->at[f->n].name_at = (uint32_t)at;
	f->at[f->n].name_n = (uint32_t)name.n;
	f->at[f->n].value_at = (uint32_t)(at + name.n);
	f->at[f->n].value_n = (uint32_t)value.n;
	f->n++;
}

void
fields_add_str(struct fields *f, const char *name, const char *value)
{
	fields_add(f, span_str(name), span_str(value));
}

void
fields_drop(struct fields *f, const char *name)
{
	size_t kept = 0;

	/* The bytes stay in `text` unused: lists are short-lived. */
	for (size_t i = 0; i < f->n; i++)
		if (!span_iis(fields_at(f, i).name, name))
			f->at[kept++] = f->at[i];
	f->n = kept;
}

void
fields_set(struct fields *f, const char *name, struct span value)
{
	fields_drop(f, name);
	fields_add(f, span_str(name), value);
}

void
fields_add_all(struct fields *f, const struct fields *src)
{
	for (size_t i = 0; i < src->n; i++) {
		struct http_field one = fields_at(src, i);

		fields_add(f, one.name, one.value);
	}
}

bool
fields_ok(const struct fields *f)
{
	return !f->failed;
}

struct http_field
fields_at(const struct fields *f, size_t i)
{
	struct span all = buf_span(&f->text);

	return (struct http_field){span_first(span_from(all, f->at[i].name_at), f->at[i].name_n),
	    span_first(span_from(all, f->at[i].value_at), f->at[i].value_n)};
}

struct span
fields_get(const struct fields *f, const char *name)
{
	for (size_t i = 0; i < f->n; i++) {
		struct http_field h = fields_at(f, i);

		/* An empty value is there all the same: its p must not be NULL. */
		if (span_iis(h.name, name))
			return h.value.n ? h.value : span_of("", 0);
	}
	return span_of(NULL, 0);
}

#define IS_ONE_OF(name, list) is_one_of(name, list, sizeof(list) / sizeof *(list))

static bool
is_one_of(struct span name, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (span_iis(name, list[i]))
			return true;
	return false;
}

/* RFC 9110 section 7.6.1, and what belongs to one connection by its own definition. By length first:
 * it is asked for every field of every head. */
static bool
is_hop(struct span name)
{
	switch (name.n) {
	case 2:
		return span_iis(name, "te");
	case 7:
		return span_iis(name, "trailer") || span_iis(name, "upgrade");
	case 10:
		return span_iis(name, "connection") || span_iis(name, "keep-alive");
	case 14:
		return span_iis(name, "http2-settings");
	case 16:
		return span_iis(name, "proxy-connection");
	case 17:
		return span_iis(name, "transfer-encoding");
	case 18:
		return span_iis(name, "proxy-authenticate");
	case 19:
		return span_iis(name, "proxy-authorization");
	case 25:
		return span_iis(name, "proxy-authentication-info");
	default:
		return false;
	}
}

bool
headers_is_hop(struct span name, const struct http_field *f, size_t n)
{
	if (is_hop(name))
		return true;
	for (size_t i = 0; i < n; i++) {
		struct span list = f[i].value, item;

		if (!span_iis(f[i].name, "connection"))
			continue;
		while (take_element(&list, &item))
			if (span_ieq(item, name))
				return true;
	}
	return false;
}

/* Say whether a name begins with `prefix` (or, `whole`, is it), case aside. '_' counts as '-':
 * CGI and its heirs make one variable of both, so that X_Forwarded_For would pass for ours. */
static bool
names(struct span name, const char *prefix, bool whole)
{
	size_t n = strlen(prefix);

	if (whole ? name.n != n : name.n < n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (ascii_lower(name.p[i] == '_' ? '-' : name.p[i]) != (uint8_t)prefix[i])
			return false;
	return true;
}

static bool
is_ours(struct span name)
{
	return names(name, "x-ee-", false);
}

static bool
is_forwarding(struct span name)
{
	return names(name, "forwarded", true) || names(name, "x-real-ip", true)
	       || names(name, "x-forwarded-", false);
}

bool
headers_is_trailer(struct span name)
{
	static const char *const never[] = {/* framing, routing */
	    "content-length", "host", "via",
	    /* authentication, cookies */
	    "authorization", "cookie", "set-cookie", "www-authenticate",
	    /* how a request is to be handled: RFC 9110 sections 10.1, 13.1, 14.2 */
	    "cache-control", "expect", "if-match", "if-modified-since", "if-none-match", "if-range",
	    "if-unmodified-since", "max-forwards", "pragma", "range",
	    /* what a response does: RFC 9110 section 10.2, RFC 9111 section 5 */
	    "age", "allow", "date", "expires", "location", "retry-after", "vary", "warning",
	    /* how its content is to be read */
	    "content-disposition", "content-encoding", "content-range", "content-type"};

	return !IS_ONE_OF(name, never) && !headers_is_hop(name, NULL, 0) && !is_ours(name)
	       && !is_forwarding(name) && !span_iis(name, "x-request-id")
	       && !span_iis(name, "traceparent") && !span_iis(name, "tracestate");
}

bool
headers_request_id_ok(struct span id)
{
	for (size_t i = 0; i < id.n; i++) {
		uint8_t c = id.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
			|| c == '.' || c == '_' || c == ':' || c == '-'))
			return false;
	}
	return id.n > 0 && id.n <= 128;
}

/* Room for it is had at once, not by doubling. */
#define USUAL_HEAD 1024

/* Join what a list-valued field holds already, and one more element. */
static void
append_element(struct fields *out, const char *name, struct span element)
{
	struct buf b;
	bool ok;

	if (!fields_get(out, name).p) {
		fields_add(out, span_str(name), element);
		return;
	}
	buf_init(&b, LIMIT_HEAD);
	for (size_t i = 0; i < out->n; i++) {
		struct http_field f = fields_at(out, i);

		if (!span_iis(f.name, name) || !f.value.n)
			continue;
		buf_add(&b, f.value);
		buf_add_str(&b, ", ");
	}
	buf_add(&b, element);
	ok = buf_ok(&b);
	if (ok)
		fields_set(out, name, buf_span(&b));
	else
		out->failed = true;
	buf_fini(&b);
}

static void
set_via(struct fields *out, const char *via)
{
	char v[80];

	snprintf(v, sizeof v, "1.1 %s", via);
	append_element(out, "Via", span_str(v));
}

/* Forwarded from a trusted peer goes on with an element of ours; a broken one ends here. It is not
 * begun: who reads it in place of X-Forwarded-* put a proxy in front that writes it. */
static void
set_forwarded(struct fields *out, const struct headers_hop *hop)
{
	struct buf b;

	buf_init(&b, LIMIT_HEAD);
	for (size_t i = 0; i < out->n; i++) {
		struct http_field f = fields_at(out, i);

		if (!span_iis(f.name, "forwarded") || !f.value.n)
			continue;
		buf_add(&b, f.value);
		buf_add_str(&b, ", ");
	}
	/* Judged as the one list that several lines are (RFC 9110 section 5.3). */
	if (b.n && forwarded_ok(span_first(buf_span(&b), b.n - 2))) {
		forwarded_write(&b, hop->peer, hop->host, hop->proto);
		fields_set(out, "Forwarded", buf_span(&b));
	} else {
		fields_drop(out, "Forwarded");
	}
	out->failed = out->failed || !buf_ok(&b);
	buf_fini(&b);
}

static void
set_forwarding(struct fields *out, const struct headers_hop *hop)
{
	append_element(out, "X-Forwarded-For", hop->peer);
	if (!fields_get(out, "x-forwarded-proto").p)
		fields_add_str(out, "X-Forwarded-Proto", hop->proto);
	if (!fields_get(out, "x-forwarded-host").p)
		fields_add(out, span_str("X-Forwarded-Host"), hop->host);
	if (fields_get(out, "forwarded").p)
		set_forwarded(out, hop);
}

/* Say whether the request belongs to a trace: one traceparent, and that valid. */
static bool
is_traced(const struct http_field *f, size_t n)
{
	const struct http_field *parent = http_field_find(f, n, "traceparent");

	return parent && http_field_count(f, n, "traceparent") == 1
	       && trace_parent_ok(parent->value);
}

/* Say whether a request's field goes on as it came. */
static bool
goes_on(struct span name, const struct headers_hop *hop, bool traced)
{
	if (is_ours(name) || span_iis(name, "host") || span_iis(name, "content-length")
	    || span_iis(name, "expect") || span_iis(name, "x-request-id"))
		return false;
	/* X_Forwarded_For would be read for the field that a trusted peer wrote, but a visitor may
	 * have sent it through that peer. */
	if (is_forwarding(name))
		return hop->trusted && !memchr(name.p, '_', name.n);
	return traced || (!span_iis(name, "traceparent") && !span_iis(name, "tracestate"));
}

void
headers_forward_request(
    struct fields *out, const struct http_field *f, size_t n, const struct headers_hop *hop)
{
	const struct http_field *id = http_field_find(f, n, "x-request-id");
	bool traced = is_traced(f, n);

	(void)buf_grow(&out->text, USUAL_HEAD);
	fields_add(out, span_str("Host"), hop->host);
	for (size_t i = 0; i < n; i++)
		if (!headers_is_hop(f[i].name, f, n) && goes_on(f[i].name, hop, traced))
			fields_add(out, f[i].name, f[i].value);
	set_forwarding(out, hop);
	set_via(out, hop->via);
	fields_add(out, span_str("X-Request-Id"),
	    id && http_field_count(f, n, "x-request-id") == 1 && headers_request_id_ok(id->value)
		? id->value
		: hop->request_id);
	/* Connection may have named it. */
	if (hop->trace && !fields_get(out, "traceparent").p) {
		char parent[TRACE_PARENT_MAX];

		trace_parent_write(hop->trace, parent);
		fields_drop(out, "tracestate");
		fields_add_str(out, "traceparent", parent);
	}
}

void
headers_forward_response(
    struct fields *out, const struct http_field *f, size_t n, bool keep_length, const char *via)
{
	(void)buf_grow(&out->text, USUAL_HEAD);
	for (size_t i = 0; i < n; i++) {
		struct span name = f[i].name;

		if (headers_is_hop(name, f, n) || is_ours(name)
		    || (span_iis(name, "content-length") && !keep_length))
			continue;
		fields_add(out, name, f[i].value);
	}
	if (via)
		set_via(out, via);
}
