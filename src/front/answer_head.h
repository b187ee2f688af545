/* answer_head.h - the heads of answers on their way to the visitor: what this hop adds to the fields
 * that a carrier has cleaned. Copies no field; owns nothing. */
#ifndef FRONT_ANSWER_HEAD_H
#define FRONT_ANSWER_HEAD_H

#include "net/http_server.h"

/* What this hop says of itself. */
struct answer_hop {
	const char *name; /* in Via */
	const char *request_id; /* X-Request-Id */
	struct span host; /* the visitor's: cookies for a wider domain end here */
};

/* Send the answer's head; a Content-Length among the fields is the body's. False: it does not fit,
 * and nothing was sent. */
MUST_CHECK bool answer_head(
    struct http_req *r, const struct answer_hop *hop, int status, const struct fields *fields);

/* Say 101 to a visitor who asked for a WebSocket: his key is answered here, whatever the fields say
 * of another's. False: nothing was sent. */
MUST_CHECK bool answer_switch(
    struct http_req *r, const struct answer_hop *hop, const struct fields *fields);

/* Pass an interim head on (RFC 9110 section 15.2). False: nothing was
 * sent, which is a loss only where it was a 100. */
bool answer_interim(
    struct http_req *r, const struct answer_hop *hop, int status, const struct fields *fields);

#endif
