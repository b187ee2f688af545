/* http1.h - HTTP/1.1 messages (RFC 9112), strictly, both roles, without I/O. A head is parsed into
 * spans of the caller's buffer, which must stay while they are used; a body is decoded piece by
 * piece as spans of what was fed. Owns no memory. Whatever the RFC lets or makes a server refuse
 * is refused: a proxy that reads a message otherwise than its neighbour is how requests are
 * smuggled. */
#ifndef WIRE_HTTP1_H
#define WIRE_HTTP1_H

#include "base/buf.h"
#include "base/err.h"
#include "wire/headers.h"
#include "wire/step.h"

enum http_framing {
	HTTP_NO_BODY, /* none, whatever the fields say */
	HTTP_LENGTH, /* Content-Length; 0 too */
	HTTP_CHUNKED,
	HTTP_UNTIL_CLOSE /* responses only */
};

/* A parsed head. Spans point into the buffer that was parsed. */
struct http_head {
	struct span method, target; /* requests; the target in origin-form, "*" of
					 OPTIONS, or host:port of CONNECT */
	struct span host; /* requests: the Host field's value, or the absolute-form's authority */
	int status; /* responses */
	unsigned minor; /* HTTP/1.minor, 0 or 1 */
	enum http_framing framing;
	uint64_t length; /* of HTTP_LENGTH */
	bool keep_alive; /* the connection may serve another message after this one */
	bool expect_continue; /* requests: the client waits for 100 before it sends the body */
	struct http_field fields[LIMIT_HEAD_FIELDS];
	size_t n;
};

/* The position in a head that has not arrived whole: zero it before each head. */
struct http1_scan {
	size_t start; /* bytes of one empty line before a request line (section 2.2) */
	size_t off; /* scanned so far */
	size_t line; /* where the current line began */
};

/* Parse the head at the start of `in`, which is everything received since the head began and
 * grows from call to call (and may move). STEP_DONE: *used bytes, blank line included, were the
 * head. STEP_BAD: BAD_REQUEST, or HEADER_TOO_BIG. A bad byte is refused when it is seen, not when
 * the head is whole. */
MUST_CHECK enum step http1_request(
    struct http1_scan *s, struct span in, struct http_head *out, size_t *used, struct err *e);

/* As http1_request, for a response to a request whose method was HEAD or was not. Refusals are
 * INVALID_PROXY_RESPONSE. 1xx heads come out as any other, with no body. */
MUST_CHECK enum step http1_response(struct http1_scan *s, struct span in, bool to_head,
    struct http_head *out, size_t *used, struct err *e);

/* Find the first field of that name; its value has p NULL where there is none. */
struct span http_head_get(const struct http_head *h, const char *name);

/* The position in a body. */
struct http1_body {
	enum http_framing framing;
	uint8_t state;
	uint8_t digits;
	uint64_t left; /* of the length or the chunk */
	size_t overhead; /* bytes of extensions and trailers so far */
	size_t line_n; /* of the trailer line being read */
	bool named; /* the trailer line has its colon */
};

void http1_body_init(struct http1_body *b, enum http_framing framing, uint64_t length);

/* Take from `in`; *used says how much. At most one run of body bytes comes out, in *data.
 * STEP_MORE with data.n > 0: call again with the rest, if any. STEP_MORE with data.n 0: all of
 * `in` was used. STEP_DONE: the body is whole (and *data its last bytes); what is left of `in`
 * is the next message's. Trailers are checked and dropped. STEP_BAD: BAD_REQUEST; who reads a
 * response says INVALID_PROXY_RESPONSE in its place. */
MUST_CHECK enum step http1_body_feed(
    struct http1_body *b, struct span in, size_t *used, struct span *data, struct err *e);

/* Say whether the connection's end ends the body, too; where it does not, the body was cut. */
bool http1_body_ends_at_close(const struct http1_body *b);

/* Writers. A method, target, name or value that is not valid makes the buffer fail, so that no
 * caller can be made to write a line break. */
void http1_write_request_line(struct buf *out, struct span method, struct span target);
void http1_write_status_line(struct buf *out, int status);
void http1_write_field(struct buf *out, const char *name, struct span value);
void http1_write_fields(struct buf *out, const struct fields *f);
void http1_write_end(struct buf *out);
/* A chunk with its size; an empty one writes nothing. */
void http1_write_chunk(struct buf *out, struct span data);
/* The last chunk, and no trailers. */
void http1_write_last_chunk(struct buf *out);

/* Say whether t is a target in origin-form that may be sent on, or "*". */
bool http1_target_ok(struct span t);

/* A status code's phrase (RFC 9110 section 15), or "" for one without. */
const char *http_status_phrase(int status);

#endif
