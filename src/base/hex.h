/* hex.h - base 16 (RFC 4648 section 8). Reading takes both cases, an exact length, no white space
 * and no prefix; writing is lower case. */
#ifndef BASE_HEX_H
#define BASE_HEX_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"

/* Decode exactly n bytes from 2n digits. False, with dst untouched in meaning, on anything else. */
MUST_CHECK bool hex_decode(struct span text, uint8_t *dst, size_t n);

/* Append the bytes that `text` spells. False when the length is odd or a digit is none. */
MUST_CHECK bool hex_decode_buf(struct span text, struct buf *out);

/* Write 2n digits and a NUL to dst, which has 2n + 1 bytes; return dst. */
char *hex_encode(struct span bytes, char *dst);

/* Append 2n digits. */
void hex_encode_buf(struct span bytes, struct buf *out);

#endif
