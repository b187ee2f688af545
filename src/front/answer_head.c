#include "front/answer_head.h"
#include "wire/cookie.h"

#include <stdio.h>

/* The fields of one head, where they stand. */
struct listed {
	struct http_field f[LIMIT_HEAD_FIELDS];
	size_t n;
	struct buf via; /* used only where other hops have named themselves */
	char own[80]; /* this hop's Via */
};

/* An app's cookie for the domain that it shares with others would be sent to those, too: it is what
 * a browser drops where it knows that domain for a public suffix (RFC 6265 section 5.3). */
static bool
is_for_others(const struct answer_hop *hop, struct http_field f)
{
	return span_iis(f.name, "set-cookie") && !cookie_stays(f.value, hop->host);
}

/* List a field, unless it is one that this hop sets. */
static void
list_field(struct listed *l, const struct answer_hop *hop, struct http_field f, bool switches)
{
	if (span_iis(f.name, "x-request-id") || is_for_others(hop, f))
		return;
	if (switches && span_iis(f.name, "sec-websocket-accept"))
		return;
	if (!span_iis(f.name, "via")) {
		l->f[l->n++] = f;
		return;
	}
	buf_add(&l->via, f.value);
	buf_add_str(&l->via, f.value.n ? ", " : "");
}

/* List all of them, and this hop's own. The buffer is the caller's to free, in any case. */
static bool
list(struct listed *l, const struct answer_hop *hop, const struct fields *fields, bool switches)
{
	struct span via;

	l->n = 0;
	buf_init(&l->via, LIMIT_HEAD);
	if (fields->n + 2 > LIMIT_HEAD_FIELDS)
		return false;
	for (size_t i = 0; i < fields->n; i++)
		list_field(l, hop, fields_at(fields, i), switches);
	(void)snprintf(l->own, sizeof l->own, "1.1 %s", hop->name);
	via = span_str(l->own);
	if (l->via.n) {
		buf_add(&l->via, via);
		via = buf_span(&l->via);
	}
	l->f[l->n++] = (struct http_field){span_str("Via"), via};
	l->f[l->n++] = (struct http_field){span_str("X-Request-Id"), span_str(hop->request_id)};
	return buf_ok(&l->via);
}

bool
answer_head(
    struct http_req *r, const struct answer_hop *hop, int status, const struct fields *fields)
{
	bool known;
	uint64_t length;
	struct listed l;
	bool ok;

	known = http_length_parse(fields_get(fields, "content-length"), &length);
	ok = list(&l, hop, fields, false)
	     && http_respond_head(
		 r, status, l.f, l.n, known ? (int64_t)length : HTTP_LENGTH_UNKNOWN);
	buf_fini(&l.via);
	return ok;
}

bool
answer_switch(struct http_req *r, const struct answer_hop *hop, const struct fields *fields)
{
	struct err ignored = {0};
	struct listed l;
	bool ok;

	ok = list(&l, hop, fields, true) && http_upgrade_raw(r, l.f, l.n, &ignored);
	buf_fini(&l.via);
	return ok;
}

bool
answer_interim(
    struct http_req *r, const struct answer_hop *hop, int status, const struct fields *fields)
{
	struct http_field f[LIMIT_HEAD_FIELDS] = {0};
	size_t n = 0;

	for (size_t i = 0; i < fields->n; i++)
		if (!is_for_others(hop, fields_at(fields, i)))
			f[n++] = fields_at(fields, i);
	return http_respond_interim(r, status, f, n);
}
