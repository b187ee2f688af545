/* names.h - which names no app may have. Owns nothing; a list and a rule. */
#ifndef CORE_NAMES_H
#define CORE_NAMES_H

#include "base/err.h"

/* app_name_reserved: a name that visitors, browsers or resolvers take for the operator's own host
 * (www, api, wpad, ...), or one with hyphens in its third and fourth place, which is read as
 * something else (`xn--`, RFC 5890 section 2.3.1). */
MUST_CHECK bool names_check(const char *app_name, struct err *e);

#endif
