/* http1.h - HTTP/1.1 messages (RFC 9112), strictly, both roles, without I/O. A head is parsed into
 * spans of the caller's buffer, which must stay while they are used; a body is decoded piece by
 * piece as spans of what was fed; only trailers are kept, in the body's own memory. Whatever the
 * RFC lets or makes a server refuse is refused: a proxy that reads a message otherwise than its
 * neighbour is how requests are smuggled. */
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
	bool takes_trailers; /* requests: `TE: trailers` (RFC 9110 section 10.1.4) */
	/* Requests: a WebSocket is asked for (RFC 6455 section 4.2.1), by a GET without a body; any
	 * other Upgrade counts as none. Responses: a 101 that grants one. */
	bool upgrade;
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
 * head. STEP_BAD: BAD_REQUEST, HEADER_TOO_BIG, or URI_TOO_LONG. A bad byte is refused when it is
 * seen, not when the head is whole. */
MUST_CHECK enum step http1_request(
    struct http1_scan *s, struct span in, struct http_head *out, size_t *used, struct err *e);

/* As http1_request, for a response to a request whose method was HEAD or was not. Refusals are
 * INVALID_PROXY_RESPONSE. 1xx heads come out as any other, with no body. */
MUST_CHECK enum step http1_response(struct http1_scan *s, struct span in, bool to_head,
    struct http_head *out, size_t *used, struct err *e);

/* Find the first field of that name; its value has p NULL where there is none. */
struct span http_head_get(const struct http_head *h, const char *name);

/* The position in a body. Given back with http1_body_fini. */
struct http1_body {
	enum http_framing framing;
	uint8_t state;
	uint8_t digits;
	bool named; /* the trailer line has its colon */
	uint64_t left; /* of the length or the chunk */
	size_t overhead; /* bytes of extensions and trailers so far */
	struct buf line; /* the trailer line that is being read */
	struct buf options; /* what the head's Connection names */
	/* What came behind the body and may go on (headers_is_trailer); NULL where nothing did.
	 * Whole at STEP_DONE. */
	struct fields *trailers;
	const char *fault;
};

void http1_body_init(struct http1_body *b, enum http_framing framing, uint64_t length);
void http1_body_fini(struct http1_body *b);
/* Drop the trailers that the head's Connection names, too: they end at this hop (RFC 9110 section
 * 7.6.1). Said before the first byte of a body whose trailers go on; the head is not kept. */
void http1_body_heed(struct http1_body *b, const struct http_head *h);

/* Take from `in`; *used says how much. At most one run of body bytes comes out, in *data.
 * STEP_MORE with data.n > 0: call again with the rest, if any. STEP_MORE with data.n 0: all of
 * `in` was used. STEP_DONE: the body is whole (and *data its last bytes); what is left of `in`
 * is the next message's. STEP_BAD: BAD_REQUEST; who reads a response says INVALID_PROXY_RESPONSE
 * in its place.
 *
 * Trailers (RFC 9112 section 7.1.2) are held to the grammar of fields and, with all extensions
 * together, to LIMIT_HEAD. Content-Length and Transfer-Encoding there are refused: they contradict
 * the framing that was just used, and no honest peer sends them. Every other field that has no
 * place there is dropped: RFC 9110 section 6.5.1 lets a recipient ignore it, and the body, which is
 * with its reader by then, is right without it. */
MUST_CHECK enum step http1_body_feed(
    struct http1_body *b, struct span in, size_t *used, struct span *data, struct err *e);

/* Say whether the connection's end ends the body, too; where it does not, the body was cut. */
bool http1_body_ends_at_close(const struct http1_body *b);

/* Writers. A method, target, name or value that is not valid makes the buffer fail, so that no
 * caller can be made to write a line break. */
void http1_write_request_line(struct buf *out, struct span method, struct span target);
void http1_write_status_line(struct buf *out, int status);
void http1_write_field(struct buf *out, const char *name, struct span value);
void http1_write_field_of(struct buf *out, struct http_field f);
void http1_write_fields(struct buf *out, const struct fields *f);
void http1_write_end(struct buf *out);
/* A chunk with its size; an empty one writes nothing. */
void http1_write_chunk(struct buf *out, struct span data);
/* The last chunk, with the trailers (NULL: none) that headers_is_trailer lets pass. */
void http1_write_last_chunk(struct buf *out, const struct fields *trailers);

/* Say whether t is a target in origin-form that may be sent on (its path is url_path_ok; a query may
 * hold any visible ASCII but '#'), or "*". */
bool http1_target_ok(struct span t);

/* A status code's phrase (RFC 9110 section 15), or "" for one without. */
const char *http_status_phrase(int status);

#endif
