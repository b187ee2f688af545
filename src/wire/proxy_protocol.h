/* proxy_protocol.h - the header that a balancer sends ahead of a connection's own bytes to say
 * whose connection it is: PROXY protocol version 2 (haproxy's doc/proxy-protocol.txt, section
 * 2.2). Pure; borrows and owns nothing. Judges the header's form only: whom to believe is the
 * caller's affair. Version 1, a line of text, is not taken. */
#ifndef WIRE_PROXY_PROTOCOL_H
#define WIRE_PROXY_PROTOCOL_H

#include "base/err.h"
#include "base/span.h"
#include "wire/step.h"
#include <stdint.h>

enum proxy_source {
	PROXY_SOURCE_SELF, /* LOCAL: the balancer's own connection, a health check */
	PROXY_SOURCE_IP, /* TCP over IPv4 or IPv6 */
	PROXY_SOURCE_UNIX, /* a unix socket of the balancer's machine */
	PROXY_SOURCE_UNKNOWN /* forwarded, but the balancer does not say for whom */
};

struct proxy_header {
	enum proxy_source source;
	/* Of PROXY_SOURCE_IP: who dialled, and what was dialled; IPv4 as ::ffff:a.b.c.d. */
	uint8_t src[16], dst[16];
	uint16_t src_port, dst_port;
};

/* Bytes before the part whose length they give. */
#define PROXY_HEADER_FIXED 16u

/* Parse the header at the start of `in`, which is everything received so far and grows from call
 * to call. STEP_MORE: *want bytes from the start are needed to go on; read no more than that, and
 * nothing of what follows the header is ever taken. STEP_DONE: the header was *want bytes long.
 * STEP_BAD: BAD_PROXY_HEADER, at the first byte that makes it wrong; also for a header above
 * LIMIT_PROXY_HEADER. Optional parts (TLVs) are skipped; their lengths must add up. */
MUST_CHECK enum step proxy_header_parse(
    struct span in, struct proxy_header *out, size_t *want, struct err *e);

#endif
