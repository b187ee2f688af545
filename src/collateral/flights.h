/* flights.h - requests to the collateral service, one at a time for each URL: who asks for what is
 * on its way joins. Obeys Retry-After: until then a request to that service ends before it begins.
 * Owns the requests; loop thread only. */
#ifndef COLLATERAL_FLIGHTS_H
#define COLLATERAL_FLIGHTS_H

#include "net/fetch.h"
#include "os/env.h"

#define FLIGHT_URL_MAX 1300
/* A service that wants to be left alone for longer is asked all the same. */
#define RETRY_AFTER_MAX_S 3600u

struct flight;

/* One service: Intel's PCS or a PCCS, or where root CRLs lie. */
struct flights {
	const struct env *env;
	struct fetcher *fetcher; /* borrowed */
	uint64_t timeout_ms;
	struct flight *running;
	uint64_t held_until_ms; /* Retry-After; counts with held_status */
	int held_status;
	uint64_t requests; /* that went out */
};

/* One who waits; lives in its owner's struct, zero-initialised. */
struct flight_wait {
	struct flight_wait *next;
	struct flight *flight; /* set while it waits */
	/* r is NULL, with the word of why not in `what` (`timeout`, `http_503`, ...), or a whole
	 * answer of status 200. Valid until the call returns. */
	void (*done)(const struct fetch_result *r, const char *what, void *ctx);
	void *ctx;
};

/* Ask for a URL: done comes once, later, from the loop. False, with the word in `what`, where it
 * failed at once. */
MUST_CHECK bool flight_ask(struct flights *f, const char *url, size_t max_body,
    struct flight_wait *w, void (*done)(const struct fetch_result *r, const char *what, void *ctx),
    void *ctx, char what[static 24]);

/* Wait no longer; done never comes. The last one to leave takes the request along. */
void flight_leave(struct flight_wait *w);

/* Read a Retry-After field (RFC 9110 section 10.2.3): seconds from now, 0 where it says nothing
 * that can be read. */
uint32_t flight_retry_after(struct span field, int64_t now_s);

#endif
