/* ascii.h - digits of ASCII, without the locale that ctype.h asks. */
#ifndef BASE_ASCII_H
#define BASE_ASCII_H

#include "base/span.h"

static inline bool
ascii_is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

/* The value of a hex digit of either case, or -1. */
static inline int
ascii_hex(uint8_t c)
{
	if (ascii_is_digit(c))
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

#endif
