/* lookups.h - how many releases strangers may have looked up at GitHub: a budget for each client
 * address, for each repository, and for all together. Knows no sockets and no clock. The owner
 * calls lookups_free. */
#ifndef GATE_LOOKUPS_H
#define GATE_LOOKUPS_H

#include "base/attr.h"
#include "base/span.h"

struct lookups;

/* `rate` a minute for one address or repository, that many at once; ten times that for all. `key`
 * as in gate.h. NULL without memory. */
MUST_CHECK struct lookups *lookups_new(uint32_t rate, const uint8_t key[static 16]);
void lookups_free(struct lookups *l);

/* Take one. False where a budget is spent. */
bool lookups_take(struct lookups *l, const char *client, struct span repo, uint64_t now_ms);

#endif
