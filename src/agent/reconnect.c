#include "agent/reconnect.h"

void
reconnect_init(struct reconnect *r)
{
	*r = (struct reconnect){0};
}

void
reconnect_note_attested(struct reconnect *r, uint64_t now_ms)
{
	if (r->attested)
		return;
	r->attested = true;
	r->attested_ms = now_ms;
}

void
reconnect_note_leave(struct reconnect *r)
{
	r->failures = 0;
}

uint64_t
reconnect_next(struct reconnect *r, uint64_t now_ms, uint64_t random, uint64_t at_least_ms)
{
	uint64_t range = RECONNECT_FIRST_MS;

	if (r->attested && now_ms - r->attested_ms >= RECONNECT_STABLE_MS)
		r->failures = 0;
	r->attested = false;
	for (unsigned i = 0; i < r->failures && range < RECONNECT_CAP_MS; i++)
		range *= 2;
	if (range > RECONNECT_CAP_MS)
		range = RECONNECT_CAP_MS;
	/* 64 iterations are far above the cap; stopping there keeps the count from wrapping. */
	if (r->failures < 64)
		r->failures++;
	return at_least_ms + random % (range + 1);
}
