/* probe.h - one look at the backend: an HTTP GET that must give 2xx, or a TCP connect where no
 * path is set. On a connection of its own, never a kept one: whether the backend still takes
 * connections is part of the question. */
#ifndef AGENT_PROBE_H
#define AGENT_PROBE_H

#include "agent/backend_address.h"

struct probe;

struct probe_opts {
	const struct backend_address *address;
	const char *host; /* Host of the request; NULL: the address's */
	const char *path; /* NULL: a TCP connect */
	uint64_t timeout_ms; /* for everything */
	/* Called once, later, from the loop: why is NULL for a pass. */
	void (*done)(void *ctx, const struct err *why);
	void *ctx;
};

/* Begin. NULL, and e set, where it cannot even begin: no done comes. */
MUST_CHECK struct probe *probe_start(struct net_loop *l, const struct probe_opts *o, struct err *e);

/* Give up; no done comes. Takes NULL. */
void probe_cancel(struct probe *p);

#endif
