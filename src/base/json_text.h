/* json_text.h - the text of a JSON string, unescaped byte by byte. For json.c and json_get.c: the
 * text has been scanned, so there is nothing left to refuse. Allocates nothing. */
#ifndef BASE_JSON_TEXT_H
#define BASE_JSON_TEXT_H

#include "base/span.h"

/* Start with {.s = text}. */
struct json_text {
	struct span s;
	size_t i, k, n;
	uint8_t piece[4];
};

/* The next byte of the string's value, or -1 at its end. */
int json_text_next(struct json_text *t);

/* The value of the four hex digits at offset i; -1 where they are not. */
int32_t json_hex4(struct span s, size_t i);

#endif
