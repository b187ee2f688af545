/* eectl_audit.h - what `eectl audit verify` does, for those who fetch a registry. */
#ifndef PROGRAMS_EECTL_AUDIT_H
#define PROGRAMS_EECTL_AUDIT_H

#include "store/sqlite_db.h"

/* Check the whole trail of a file and give its head. ERR_UNTRUSTED: a row is not as it was
 * written. */
MUST_CHECK bool eectl_audit_check(const char *path, struct audit_chain *head, struct err *e);

#endif
