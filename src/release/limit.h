/* limit.h - how long GitHub wants to be left alone. Reads what its answers say: the primary limit
 * (X-RateLimit-Remaining, X-RateLimit-Reset), and secondary ones (403 or 429, with Retry-After or
 * without). One for each identity that requests go out under, since GitHub counts those apart.
 * Zero-initialised limits nothing.
 * https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api */
#ifndef RELEASE_LIMIT_H
#define RELEASE_LIMIT_H

#include "net/fetch.h"

struct limit {
	uint64_t until_ms; /* monotonic: nothing is sent before */
};

/* Take an answer of the API's into account. True where it was refused for a limit's sake. */
bool limit_note(struct limit *l, const struct fetch_result *r, uint64_t now_ms, int64_t now_s);

/* Seconds until requests are taken again, rounded up; 0: now. */
unsigned limit_wait_s(const struct limit *l, uint64_t now_ms);

#endif
