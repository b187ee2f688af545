/* headers.h - HTTP fields: what is a valid one, a list that owns its bytes, and the hygiene of a
 * proxy (RFC 9110 section 7.6): which fields end at this hop, which a peer must not be believed,
 * which this hop adds. Knows nothing of where the bytes came from. A struct fields is the
 * caller's and is given back with fields_fini; every other function borrows. */
#ifndef WIRE_HEADERS_H
#define WIRE_HEADERS_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/span.h"

/* One field line; both spans borrowed. The value has no white space around it. */
struct http_field {
	struct span name, value;
};

/* Say whether s is a token (RFC 9110 section 5.6.2): method, field name, transfer coding. */
bool http_token_ok(struct span s);

/* Say whether s is a field value (section 5.5): visible ASCII, bytes over 0x7f, and single spaces
 * or tabs inside; none at the ends. The empty value is one. */
bool http_value_ok(struct span s);

/* Say whether a comma-separated list holds the token, case aside. */
bool http_list_has(struct span list, const char *token);

/* Read the value of Content-Length (RFC 9110 section 8.6): digits and nothing else, at most 18 of them,
 * so that a signed number holds it, too. False leaves *out alone. */
MUST_CHECK bool http_length_parse(struct span value, uint64_t *out);

/* Split a field line, without its CRLF, into name and value (RFC 9112 section 5). NULL, or what is
 * wrong with it; the bytes of the value are the caller's to check. */
MUST_CHECK const char *http_field_parse(struct span line, struct http_field *out);

/* Find the first field of that name, case aside, or NULL; count them. */
const struct http_field *http_field_find(const struct http_field *f, size_t n, const char *name);
size_t http_field_count(const struct http_field *f, size_t n, const char *name);

/* A list of fields that owns its bytes. At most LIMIT_HEAD_FIELDS and LIMIT_HEAD bytes; an add
 * that breaks that, or is no valid field, adds nothing and makes fields_ok false for good: no
 * field with a line break in it ever gets in. */
struct fields {
	struct buf text;
	struct {
		uint32_t name_at, name_n, value_at, value_n;
	} at[LIMIT_HEAD_FIELDS];
	size_t n;
	bool failed;
};

void fields_init(struct fields *f);
void fields_fini(struct fields *f);
/* Forget the fields and the failure, keep the memory. */
void fields_clear(struct fields *f);
void fields_add(struct fields *f, struct span name, struct span value);
void fields_add_str(struct fields *f, const char *name, const char *value);
/* Drop every field of that name. */
void fields_drop(struct fields *f, const char *name);
/* fields_drop, then fields_add. */
void fields_set(struct fields *f, const char *name, struct span value);
bool fields_ok(const struct fields *f);
/* Add every field of src. */
void fields_add_all(struct fields *f, const struct fields *src);
/* The i-th field, i < f->n; borrowed until the next add. */
struct http_field fields_at(const struct fields *f, size_t i);
/* The first value of that name; p is NULL where there is none. */
struct span fields_get(const struct fields *f, const char *name);

/* Say whether a field ends at this hop: connection control (RFC 9110 section 7.6.1), or framing
 * that each hop makes anew (Content-Length excepted). `connection` lists further names. */
bool headers_is_hop(struct span name, const struct http_field *f, size_t n);

/* Say whether a field may stand behind a body and go on from there (RFC 9110 section 6.5.1): none
 * that frames, routes, authenticates or modifies a message or says how to read its content, no
 * hop-by-hop field, no X-EE-*, no forwarding field and none of a trace. Who merges trailers into the head must not
 * be made to believe what it would not have believed there. */
bool headers_is_trailer(struct span name);

/* What this hop knows of a request that it forwards. */
struct headers_hop {
	struct span peer; /* the peer's address, without port */
	bool trusted; /* the peer is a proxy of ours: its X-Forwarded-* and Forwarded are kept */
	const char *proto; /* "http" or "https": how the peer reached us */
	struct span host; /* the request's Host */
	struct span request_id; /* made by the caller; used where the peer sent no usable one */
	const char *via; /* this hop's pseudonym */
	/* TRACE_RANDOM random bytes, for a trace that begins here; NULL: none begins. */
	const uint8_t *trace;
};

/* Copy a request's fields as they go on: no hop-by-hop field, none that Connection names, no
 * Content-Length, no Expect, no X-EE-*, forwarding fields only from a trusted peer and only in
 * their own spelling; Host kept; X-Forwarded-For, -Proto, -Host, Via and X-Request-Id set.
 * Forwarded is written on only where a trusted peer sent a valid one. traceparent and tracestate
 * pass where the former is valid; else it is made and the latter dropped. Ask fields_ok
 * afterwards. */
void headers_forward_request(
    struct fields *out, const struct http_field *f, size_t n, const struct headers_hop *hop);

/* Copy a response's fields as they go back: no hop-by-hop field, no X-EE-*; Content-Length only
 * where keep_length (an answer to HEAD); Via added where `via` is not NULL. */
void headers_forward_response(
    struct fields *out, const struct http_field *f, size_t n, bool keep_length, const char *via);

/* Say whether a request id of a peer may be taken over: 1..128 of [A-Za-z0-9._:-]. */
bool headers_request_id_ok(struct span id);

#endif
