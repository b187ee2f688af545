/* utf8.h - UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include "base/span.h"

/* Length (1..4) of the well-formed sequence at the start of s; 0 when there is none. */
size_t utf8_len(struct span s);

/* How many bytes at the start of s are ASCII. */
size_t utf8_ascii_run(struct span s);

/* Say whether all of s is well-formed. */
bool utf8_valid(struct span s);

/* Write the sequence of a code point (no surrogate, at most 10FFFF); return its length. */
size_t utf8_put(uint32_t cp, uint8_t out[static 4]);

#endif
