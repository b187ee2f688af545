/* base64.h - base 64 (RFC 4648 section 4): the standard alphabet, padding required, no white
 * space, and no non-zero bits behind the last byte, so that one byte string has one spelling. */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"

/* Append the bytes that `text` spells. False on anything that is not the one spelling. */
MUST_CHECK bool base64_decode(struct span text, struct buf *out);

/* Append the spelling of bytes. */
void base64_encode(struct span bytes, struct buf *out);

#endif
