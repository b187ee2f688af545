/* identity.h - which agent this is: a name that stays the same over restarts, so that a new tunnel
 * takes the place of the old one instead of standing beside it. */
#ifndef AGENT_IDENTITY_H
#define AGENT_IDENTITY_H

#include "base/err.h"
#include "attest/attest.h"

#define IDENTITY_ID_SIZE (ATTEST_AGENT_ID_MAX + 1)

/* Write the version 4 UUID (RFC 9562 section 5.4) of 16 random bytes, with a NUL. */
#define IDENTITY_UUID_SIZE 37
void identity_uuid(const uint8_t random[static 16], char dst[static IDENTITY_UUID_SIZE]);

/* Give the id that stands in `dir`/agent_id, or make one there from the random bytes. A file that
 * holds anything but an id is refused, never overwritten. */
MUST_CHECK bool identity_load(const char *dir, const uint8_t random[static 16],
    char id[static IDENTITY_ID_SIZE], struct err *e);

#endif
