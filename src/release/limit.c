#include "release/limit.h"

/* What GitHub asks for where it says no time itself. */
#define UNSAID_S 60
/* The primary limit is of an hour. Above a day it is a slip of a clock, and not to be obeyed. */
#define WAIT_MAX_S 86400

static bool
number(const struct fetch_result *r, const char *name, int64_t *out)
{
	struct span s = fetch_header(r, name);
	int64_t v = 0;

	if (s.n == 0 || s.n > 12)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		v = 10 * v + (s.p[i] - '0');
	}
	*out = v;
	return true;
}

static bool
is_used_up(const struct fetch_result *r)
{
	int64_t left;

	return number(r, "x-ratelimit-remaining", &left) && left == 0;
}

/* A secondary limit may say so in words alone. */
static bool
speaks_of_limit(const struct fetch_result *r)
{
	static const char words[] = "rate limit";

	return r->body.n > 0 && memmem(r->body.p, r->body.n, words, sizeof words - 1) != NULL;
}

bool
limit_note(struct limit *l, const struct fetch_result *r, uint64_t now_ms, int64_t now_s)
{
	bool refusal = r->status == 403 || r->status == 429, used_up = is_used_up(r);
	int64_t wait = UNSAID_S, at;
	uint64_t until;

	refusal = refusal
		  && (r->status == 429 || used_up || fetch_header(r, "retry-after").p
		      || speaks_of_limit(r));
	if (!refusal && !used_up)
		return false;
	if (refusal && fetch_header(r, "retry-after").p)
		wait = number(r, "retry-after", &at) ? at : UNSAID_S;
	else if (used_up && number(r, "x-ratelimit-reset", &at))
		wait = at - now_s;
	/* A reset that has passed says that the clocks differ. */
	if (wait < 1)
		wait = 1;
	if (wait > WAIT_MAX_S)
		wait = WAIT_MAX_S;
	until = now_ms + (uint64_t)wait * 1000;
	if (until > l->until_ms)
		l->until_ms = until;
	return refusal;
}

unsigned
limit_wait_s(const struct limit *l, uint64_t now_ms)
{
	return now_ms >= l->until_ms ? 0 : (unsigned)((l->until_ms - now_ms + 999) / 1000);
}
