#include "agent/readiness.h"

void
readiness_init(struct readiness *r, const struct readiness_rules *rules, uint64_t now_ms)
{
	*r = (struct readiness){.rules = *rules, .start_ms = now_ms};
}

enum readiness_state
readiness_note(struct readiness *r, bool pass, uint64_t now_ms)
{
	bool starting;
	/* A backend that never failed needs not prove that it recovered. */
	unsigned needed = r->failed ? r->rules.successes : 1;

	r->run = pass == r->pass && r->run > 0 && r->run < UINT32_MAX ? r->run + 1 : 1;
	r->pass = pass;
	r->passed = r->passed || pass;
	r->failed = r->failed || !pass;
	/* As long as a startupProbe has not succeeded, no other probe is asked. */
	starting = !r->passed && now_ms - r->start_ms < r->rules.grace_ms;
	if (pass && r->run >= needed) {
		r->state = READINESS_PASS;
		r->failed = false;
	} else if (!pass && r->run >= r->rules.failures && !starting) {
		r->state = READINESS_FAIL;
	}
	return r->state;
}

uint64_t
readiness_wait_ms(const struct readiness *r)
{
	bool well = r->state == READINESS_PASS && r->pass;

	if (well || r->rules.interval_ms < READINESS_AGAIN_MS)
		return r->rules.interval_ms;
	return READINESS_AGAIN_MS;
}
