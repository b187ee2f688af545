/* Any lines as the fields of a request that goes on, from a peer who is trusted or not (the first
 * byte): nothing of X-EE-* passes, nobody but the trusted speaks for others, and what the proxy
 * says stands there once and is well made. */
#include "wire/forwarded.h"
#include "wire/headers.h"
#include "wire/trace.h"

#include <stdlib.h>

#define PEER "2001:db8::1"

static void
must(bool ok)
{
	if (!ok)
		abort();
}

/* The lines that are fields, as a head's parser gives them. */
static size_t
read_fields(struct span in, struct http_field f[static LIMIT_HEAD_FIELDS])
{
	size_t n = 0;

	while (in.n && n < LIMIT_HEAD_FIELDS) {
		const uint8_t *end = memchr(in.p, '\n', in.n);
		struct span line = span_first(in, end ? (size_t)(end - in.p) : in.n);

		in = span_from(in, line.n + 1);
		if (!http_field_parse(line, &f[n]) && http_value_ok(f[n].value))
			n++;
	}
	return n;
}

static bool
is_ours(struct span name)
{
	static const char ours[] = "x-ee-";

	for (size_t i = 0; i < sizeof ours - 1; i++)
		if (i >= name.n
		    || ascii_lower(name.p[i] == '_' ? '-' : name.p[i]) != (uint8_t)ours[i])
			return false;
	return true;
}

static void
judge(const struct fields *out, bool trusted)
{
	struct http_field f[LIMIT_HEAD_FIELDS];
	struct span chain = fields_get(out, "x-forwarded-for");
	struct span forwarded = fields_get(out, "forwarded");
	static const char *const once[] = {"host", "via", "x-forwarded-for", "x-request-id"};

	for (size_t i = 0; i < out->n; i++) {
		f[i] = fields_at(out, i);
		must(!is_ours(f[i].name) && !span_iis(f[i].name, "x_forwarded_for"));
		must(!headers_is_hop(f[i].name, NULL, 0));
	}
	for (size_t i = 0; i < sizeof once / sizeof *once; i++)
		must(http_field_count(f, out->n, once[i]) == 1);
	must(http_field_count(f, out->n, "traceparent") == 1);
	must(trace_parent_ok(fields_get(out, "traceparent")));
	must(headers_request_id_ok(fields_get(out, "x-request-id")));
	must(chain.n >= strlen(PEER) && span_is(span_from(chain, chain.n - strlen(PEER)), PEER));
	must(trusted || (span_is(chain, PEER) && !forwarded.p));
	must(!forwarded.p || forwarded_ok(forwarded));
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct http_field f[LIMIT_HEAD_FIELDS];
	struct headers_hop hop = {.peer = span_str(PEER),
	    .trusted = n && (p[0] & 1),
	    .proto = "https",
	    .host = span_str("a.example:8443"),
	    .request_id = span_str("made-1"),
	    .via = "fuzz",
	    .trace = (const uint8_t *)"0123456789abcdefghijklmn"};
	size_t count = read_fields(span_from(span_of(p, n), 1), f);
	struct fields out;

	fields_init(&out);
	headers_forward_request(&out, f, count, &hop);
	if (fields_ok(&out))
		judge(&out, hop.trusted);
	fields_fini(&out);
	return 0;
}
