#include "core/lease.h"

void
lease_grant(
    struct lease *l, uint64_t now_ms, uint32_t interval_s, uint32_t deadline_s, uint32_t verify_s)
{
	l->until_ms = now_ms + 1000 * ((uint64_t)interval_s + deadline_s + verify_s);
}

void
lease_cap(struct lease *l, uint64_t now_ms, int64_t left_s)
{
	uint64_t last;

	if (left_s < 0) {
		lease_end(l);
		return;
	}
	last = (uint64_t)left_s > (UINT64_MAX - now_ms) / 1000 ? UINT64_MAX
							       : now_ms + 1000 * (uint64_t)left_s;
	if (last < l->until_ms)
		l->until_ms = last;
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
