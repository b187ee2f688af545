/* forwarded.h - the field by which proxies say whom they speak for: `Forwarded` (RFC 7239). Pure;
 * borrows and owns nothing. */
#ifndef WIRE_FORWARDED_H
#define WIRE_FORWARDED_H

#include "base/buf.h"
#include "base/span.h"

/* Say whether a value keeps to the grammar of section 4: what follows one that does not, behind an
 * open quote, would be part of it. */
bool forwarded_ok(struct span value);

/* Append one element: for, host and proto. A peer that is no IP address is `unknown`. */
void forwarded_write(struct buf *out, struct span peer, struct span host, const char *proto);

#endif
