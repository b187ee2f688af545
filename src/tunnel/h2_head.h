/* h2_head.h - heads of version 2: HTTP/2 header blocks read into what an exchange knows, and
 * written from it. For h2_client.c and h2_server.c. A block is read field by field into a struct
 * h2_head, one for a connection since blocks never interleave (RFC 9113 section 4.3); it owns its
 * bytes. What is written borrows everything; nghttp2 copies it, names in lower case.
 *
 * nghttp2 has refused already, with the stream: names and values of another alphabet, upper case,
 * fields of one connection, pseudo-headers that are unknown, doubled, late, or in trailers, a
 * Content-Length that is no number, doubled, or not the body's, a path without a slash. */
#ifndef TUNNEL_H2_HEAD_H
#define TUNNEL_H2_HEAD_H

#include <nghttp2/nghttp2.h>

#include "tunnel/exchange.h"
#include "wire/message.h"
#include "wire/url.h"

/* The authority of a request that names none: the agent then fills in its backend's. */
#define H2_NO_AUTHORITY "backend.invalid"

struct h2_head {
	bool server; /* it reads requests */
	size_t max, bytes; /* of names and values */
	bool failed; /* too large, or no memory */
	int status; /* 0 in requests and trailers */
	char method[MSG_METHOD_MAX], scheme[8], protocol[16], authority[URL_ORIGIN_MAX];
	struct buf target;
	bool expect; /* requests: of 100-continue */
	uint64_t length; /* requests: Content-Length, else 0 */
	struct buf cookie; /* requests: crumbs put together again (RFC 9113 section 8.2.3) */
	struct fields fields; /* requests: Host first; no Content-Length, Expect, TE */
};

void h2_head_init(struct h2_head *h, bool server, size_t max);
/* Ready for the next block; what was read is gone. */
void h2_head_clear(struct h2_head *h);
void h2_head_fini(struct h2_head *h);
/* Take one field, pseudo-headers included. False, and failed, when it cannot be. */
MUST_CHECK bool h2_head_add(struct h2_head *h, struct span name, struct span value);
/* The block is whole. False when it failed. */
MUST_CHECK bool h2_head_end(struct h2_head *h);

/* Copy trailers without what may not stand there: framing, routing, fields of one connection
 * (RFC 9110 section 6.5.1). NULL where none is left; e is set when memory was short. The caller
 * frees with h2_fields_free, which takes NULL. */
struct fields *h2_trailers_of(const struct fields *f, struct err *e);
void h2_fields_free(struct fields *f);

/* A block to be sent. */
struct h2_block {
	nghttp2_nv v[LIMIT_HEAD_FIELDS + 8];
	size_t n;
	char number[24]; /* status or length */
};

/* Refusals: HEADER_TOO_BIG, METHOD_NOT_ALLOWED (CONNECT, TRACE), BAD_REQUEST (a method longer
 * than any). */
MUST_CHECK bool h2_block_request(
    struct h2_block *b, const struct exchange_request *rq, size_t max, struct err *e);
void h2_block_response(struct h2_block *b, int status, const struct fields *f, bool keep_length);
/* NULL: none. */
void h2_block_trailers(struct h2_block *b, const struct fields *f);

#endif
