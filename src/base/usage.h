/* usage.h - what each program says of itself: --help and the man page, from one text and the
 * table of settings, so that they cannot drift apart. Pure: appends to a buffer. */
#ifndef BASE_USAGE_H
#define BASE_USAGE_H

#include "base/settings.h"

/* The program's name (`ee-control`). */
const char *program_name(enum program p);

/* Append --help: at most 80 columns, examples first. */
void usage_help(enum program p, struct buf *out);

/* Append the man page, in man(7) macros. */
void usage_man(enum program p, struct buf *out);

/* Append text for roff: no line begins with a control character, `-` and backslash are literal. */
void usage_roff(struct buf *out, const char *text);

#endif
