#include "core/lease.h"

void
lease_grant(
    struct lease *l, uint64_t now_ms, uint32_t interval_s, uint32_t deadline_s, uint32_t verify_s)
{
	l->until_ms = now_ms + 1000 * ((uint64_t)interval_s + deadline_s + verify_s);
}

bool
lease_holds(const struct lease *l, uint64_t now_ms)
{
	return l->until_ms != 0 && now_ms < l->until_ms;
}

void
lease_end(struct lease *l)
{
	l->until_ms = 0;
}
