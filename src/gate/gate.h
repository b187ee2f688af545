/* gate.h - how many connections one client address may open: a token bucket for each
 * address, in a table of fixed size, so that a flood of addresses cannot grow memory. Knows no
 * sockets and no clock. The owner calls gate_free. */
#ifndef GATE_GATE_H
#define GATE_GATE_H

#include "base/attr.h"
#include "base/span.h"

#include <stdbool.h>
#include <stdint.h>

struct gate;

/* Make a table: `rate` tokens a second for each address, at most `burst` saved. `key` keeps
 * strangers from choosing addresses that share a bucket. rate 0 lets everyone in. NULL without
 * memory. */
MUST_CHECK struct gate *gate_new(uint32_t rate, uint32_t burst, const uint8_t key[static 16]);
void gate_free(struct gate *a);

/* Take one token of that address (IPv6 counts by its /64). False when there is none. */
bool gate_take(struct gate *a, const char *address, uint64_t now_ms);

/* The same of a name, whatever its letters' case; so many bytes of it count. Not for the table of
 * addresses. */
#define GATE_NAME_MAX 256
bool gate_take_name(struct gate *a, struct span name, uint64_t now_ms);

#endif
