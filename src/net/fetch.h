/* fetch.h - HTTP(S) requests to the collateral service and GitHub, by libcurl on the loop. Owns
 * the connections; answers are held in memory up to max_body. Follows no redirect (fetch_header
 * gives `location`), speaks http and https only, sends no cookie, reads no proxy or netrc from
 * the environment. A TLS peer is always verified. */
#ifndef NET_FETCH_H
#define NET_FETCH_H

#include "base/span.h"
#include "net/loop.h"

struct fetcher;
struct fetch;

/* Make a fetcher: one pool of connections. ca_file NULL: the system's store. */
MUST_CHECK struct fetcher *fetcher_new(struct net_loop *l, const char *ca_file, struct err *e);

/* Cancel what runs (no done comes) and close. Freed later by the loop. Takes NULL; once only. */
void fetcher_close(struct fetcher *f);

struct fetch_request {
	const char *url; /* absolute http or https URL; copied */
	const char *method; /* NULL: GET, or POST when there is a body; also PUT, DELETE */
	const char *const *headers; /* n lines `Name: value`; copied */
	size_t n_headers;
	struct span body; /* copied; send Content-Type in headers */
	size_t max_body; /* of the answer; more is FETCH_TOO_BIG. 0: 1 MiB */
	uint64_t timeout_ms; /* for everything; 0: 30 s. Connecting has a third of it */
	bool
	    public_only; /* a stranger chose the URL: whatever its host's name resolves to, connect to
	                   * public addresses (ip_is_public) alone */
};

struct fetch_result {
	int status; /* HTTP status, any; 0 with an error */
	struct span body; /* valid until done returns */
	const void *fields; /* for fetch_header */
};

/* Start one. done comes exactly once, later, from the loop: e is NULL and the result is whole, or
 * e says why not (FETCH_FAILED, FETCH_TIMEOUT, FETCH_TOO_BIG, FETCH_PRIVATE). The fetch is freed after it. */
MUST_CHECK struct fetch *fetch_start(struct fetcher *f, const struct fetch_request *q,
    void (*done)(const struct fetch_result *r, const struct err *e, void *ctx), void *ctx,
    struct err *e);

/* Stop a fetch that has not called done: it never will. */
void fetch_cancel(struct fetch *f);

/* The value of the first field of that name (any case), or the empty span with p NULL. Valid until
 * done returns. */
struct span fetch_header(const struct fetch_result *r, const char *name);

#endif
