/* health.h - is the backend well? Probes it at once and then at an interval, every two seconds
 * while it is not: by an HTTP GET that must give 2xx, or by a TCP connect where no path is set. Owns the probe that runs. Rules of
 * lifetime: loop.h, save that health_close calls nothing back. */
#ifndef AGENT_HEALTH_H
#define AGENT_HEALTH_H

#include "agent/backend_address.h"
#include "net/http_client.h"

struct health_opts {
	const struct backend_address *address; /* must outlive the prober, as host and path */
	const char *host; /* Host of the probe; NULL: the address's */
	const char *path; /* NULL: a TCP connect */
	uint64_t interval_ms;
	/* Each probe's result. why is NULL for a pass. */
	void (*result)(void *ctx, const struct err *why);
	void *ctx;
};

struct health;

MUST_CHECK struct health *health_new(
    struct net_loop *l, const struct health_opts *o, struct err *e);

/* Probe now, and go on at the interval; the results before are forgotten. */
void health_start(struct health *h);

/* No results come after this, until the next start. */
void health_stop(struct health *h);

/* Stop and free. Takes NULL. */
void health_close(struct health *h);

#endif
