/* eectl_allowlist.h - the parts of `eectl allowlist`: each takes the arguments behind its own name and
 * returns the exit status. */
#ifndef PROGRAMS_EECTL_ALLOWLIST_H
#define PROGRAMS_EECTL_ALLOWLIST_H

#include "base/attr.h"

#include <stdbool.h>

int allowlist_generate_cmd(int argc, char **argv);
int allowlist_accept_cmd(int argc, char **argv);

/* Say on stderr what is wrong; false. `value` may be NULL. */
bool allowlist_complain(const char *what, const char *value);

#endif
