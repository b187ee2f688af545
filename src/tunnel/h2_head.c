#include "tunnel/h2_head.h"

#include <stdio.h>
#include <stdlib.h>

/* A buffer that held a usual head is kept for the next. */
#define KEPT 4096

static void
begin(struct h2_head *h)
{
	h->bytes = 0;
	h->failed = h->expect = false;
	h->status = 0;
	h->length = 0;
	h->method[0] = h->scheme[0] = h->protocol[0] = h->authority[0] = '\0';
}

void
h2_head_init(struct h2_head *h, bool server, size_t max)
{
	h->server = server;
	h->max = max;
	buf_init(&h->target, max);
	buf_init(&h->cookie, max);
	fields_init(&h->fields);
	begin(h);
}

static void
forget(struct buf *b)
{
	if (b->cap > KEPT)
		buf_fini(b);
	else
		buf_clear(b);
}

void
h2_head_clear(struct h2_head *h)
{
	forget(&h->target);
	forget(&h->cookie);
	forget(&h->fields.text);
	fields_clear(&h->fields);
	begin(h);
}

void
h2_head_fini(struct h2_head *h)
{
	buf_fini(&h->target);
	buf_fini(&h->cookie);
	fields_fini(&h->fields);
}

/* -- reading -- */

static bool
take_target(struct h2_head *h, struct span value)
{
	buf_add(&h->target, value);
	return buf_ok(&h->target);
}

/* Pseudo-headers come before every other field, so Host is the first of the fields. */
static bool
take_authority(struct h2_head *h, struct span value)
{
	if (!span_cstr(value, h->authority, sizeof h->authority))
		return false;
	if (!span_is(value, H2_NO_AUTHORITY))
		fields_add(&h->fields, span_str("Host"), value);
	return true;
}

static bool
take_status(struct h2_head *h, struct span value)
{
	if (value.n != 3)
		return false;
	for (size_t i = 0; i < 3; i++)
		h->status = h->status * 10 + (value.p[i] - '0');
	return h->status >= 100 && h->status <= 599;
}

static bool
take_pseudo(struct h2_head *h, struct span name, struct span value)
{
	if (span_is(name, ":status"))
		return take_status(h, value);
	if (span_is(name, ":path"))
		return take_target(h, value);
	if (span_is(name, ":authority"))
		return take_authority(h, value);
	if (span_is(name, ":method"))
		return span_cstr(value, h->method, sizeof h->method);
	if (span_is(name, ":scheme"))
		return span_cstr(value, h->scheme, sizeof h->scheme);
	return span_is(name, ":protocol") && span_cstr(value, h->protocol, sizeof h->protocol);
}

static bool
take_cookie(struct h2_head *h, struct span value)
{
	if (h->cookie.n)
		buf_add_str(&h->cookie, "; ");
	buf_add(&h->cookie, value);
	return buf_ok(&h->cookie);
}

static bool
take_length(struct h2_head *h, struct span value)
{
	h->length = 0;
	if (!value.n || value.n > 18)
		return false;
	for (size_t i = 0; i < value.n; i++)
		h->length = h->length * 10 + (uint64_t)(value.p[i] - '0');
	return true;
}

/* Two names for the one thing must agree, or who looks at the one is told another than who looks
 * at the other. */
static bool
take_host(struct h2_head *h, struct span value)
{
	if (h->authority[0])
		return span_iis(value, h->authority);
	return take_authority(h, value);
}

static bool
take_field(struct h2_head *h, struct span name, struct span value)
{
	if (!h->server) {
		fields_add(&h->fields, name, value);
		return true;
	}
	if (span_is(name, "host"))
		return take_host(h, value);
	if (span_is(name, "cookie"))
		return take_cookie(h, value);
	if (span_is(name, "content-length"))
		return take_length(h, value);
	if (span_is(name, "expect")) {
		h->expect = span_iis(value, "100-continue");
		return h->expect;
	}
	if (!span_is(name, "te"))
		fields_add(&h->fields, name, value);
	return true;
}

bool
h2_head_add(struct h2_head *h, struct span name, struct span value)
{
	bool pseudo = name.n && name.p[0] == ':';

	if (h->failed || name.n + value.n > h->max - h->bytes) {
		h->failed = true;
		return false;
	}
	h->bytes += name.n + value.n;
	h->failed = !(pseudo ? take_pseudo(h, name, value) : take_field(h, name, value))
		    || !fields_ok(&h->fields);
	return !h->failed;
}

bool
h2_head_end(struct h2_head *h)
{
	if (!h->failed && h->cookie.n)
		fields_add(&h->fields, span_str("cookie"), buf_span(&h->cookie));
	return !h->failed && fields_ok(&h->fields);
}

/* -- trailers -- */

static bool
is_trailer(struct span name)
{
	static const char *const never[] = {
	    "content-length", "host", "expect", "content-encoding", "content-type", "cookie"};

	for (size_t i = 0; i < sizeof never / sizeof *never; i++)
		if (span_iis(name, never[i]))
			return false;
	return !headers_is_hop(name, NULL, 0)
	       && !(name.n >= 5 && span_iis(span_first(name, 5), "x-ee-"));
}

struct fields *
h2_trailers_of(const struct fields *f, struct err *e)
{
	struct fields *out = malloc(sizeof *out);

	if (!out) {
		err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "trailers");
		return NULL;
	}
	fields_init(out);
	for (size_t i = 0; i < f->n; i++)
		if (is_trailer(fields_at(f, i).name))
			fields_add(out, fields_at(f, i).name, fields_at(f, i).value);
	if (fields_ok(out) && out->n)
		return out;
	if (!fields_ok(out))
		err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "trailers");
	h2_fields_free(out);
	return NULL;
}

void
h2_fields_free(struct fields *f)
{
	if (!f)
		return;
	fields_fini(f);
	free(f);
}

/* -- writing -- */

/* nghttp2 does not change the bytes, though its struct says that it may. */
static void
add(struct h2_block *b, struct span name, struct span value)
{
	b->v[b->n++] = (nghttp2_nv){.name = (uint8_t *)name.p,
	    .value = (uint8_t *)value.p,
	    .namelen = name.n,
	    .valuelen = value.n};
}

static void
add_number(struct h2_block *b, const char *name, uint64_t number)
{
	snprintf(b->number, sizeof b->number, "%llu", (unsigned long long)number);
	add(b, span_str(name), span_str(b->number));
}

/* Everything that HTTP/2 says itself, or forbids, is left out. */
static void
add_fields(struct h2_block *b, const struct fields *f, bool keep_length)
{
	for (size_t i = 0; i < f->n; i++) {
		struct http_field h = fields_at(f, i);

		if (!headers_is_hop(h.name, NULL, 0) && !span_iis(h.name, "host")
		    && !span_iis(h.name, "expect")
		    && (keep_length || !span_iis(h.name, "content-length")))
			add(b, h.name, h.value);
	}
}

static bool
fits(const struct h2_block *b, size_t max)
{
	size_t sum = 0;

	for (size_t i = 0; i < b->n; i++)
		sum += b->v[i].namelen + b->v[i].valuelen;
	return sum <= max;
}

bool
h2_block_request(struct h2_block *b, const struct exchange_request *rq, size_t max, struct err *e)
{
	struct span host = fields_get(rq->fields, "host");

	b->n = 0;
	if (rq->method.n >= MSG_METHOD_MAX)
		return err_set(
		    e, ERR_LIMIT, REASON_BAD_REQUEST, "method of %zu bytes", rq->method.n);
	if (span_iis(rq->method, "CONNECT") || span_iis(rq->method, "TRACE"))
		return err_set(e, ERR_UNSUPPORTED, REASON_METHOD_NOT_ALLOWED, "never carried");
	add(b, span_str(":method"), rq->upgrade ? span_str("CONNECT") : rq->method);
	if (rq->upgrade)
		add(b, span_str(":protocol"), span_str("websocket"));
	add(b, span_str(":scheme"), span_str("http"));
	add(b, span_str(":authority"), host.n ? host : span_str(H2_NO_AUTHORITY));
	add(b, span_str(":path"), rq->target);
	add_fields(b, rq->fields, false);
	if (rq->has_body && rq->body_length && !rq->upgrade)
		add_number(b, "content-length", rq->body_length);
	if (rq->has_body && rq->expect_continue)
		add(b, span_str("expect"), span_str("100-continue"));
	return fits(b, max)
	       || err_set(e, ERR_LIMIT, REASON_HEADER_TOO_BIG, "head above %zu bytes", max);
}

void
h2_block_response(struct h2_block *b, int status, const struct fields *f, bool keep_length)
{
	b->n = 0;
	add_number(b, ":status", (uint64_t)status);
	add_fields(b, f, keep_length);
}

void
h2_block_trailers(struct h2_block *b, const struct fields *f)
{
	b->n = 0;
	for (size_t i = 0; f && i < f->n; i++)
		add(b, fields_at(f, i).name, fields_at(f, i).value);
}
