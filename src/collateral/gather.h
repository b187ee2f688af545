/* gather.h - the four items that one platform needs, asked for in parallel, then read by the
 * verifier on a worker beside what is held. Owns the requests and what came; collateral.c owns when
 * and for whom. */
#ifndef COLLATERAL_GATHER_H
#define COLLATERAL_GATHER_H

#include "collateral/compose.h"
#include "collateral/flights.h"

#define GATHER_BASE_MAX 1100

/* What every gathering of a client shares; they count their requests there. Borrowed, but by the job
 * that a worker has. */
struct gather_plan {
	struct net_loop *loop;
	const struct env *env;
	char base[GATHER_BASE_MAX]; /* URL up to before `/sgx/certification/v4/` */
	bool has_root_crl; /* the service is a PCCS: it knows rootcacrl */
	bool early; /* ask for documents of the early edition */
	struct flights service, root_crl; /* the latter: where the root's CRL lies */
	struct eedcap_context *dcap; /* borrowed; locks itself, so the worker's too */
	const struct marks *marks;
};

/* Set up the base: an origin, or a URL down to `/sgx/certification/v4/`; NULL is Intel's PCS. */
MUST_CHECK bool gather_plan_base(struct gather_plan *p, const char *url, struct err *e);

struct gather;

/* Set off. `held` is what there is already, or NULL. done comes once, later, from the loop, with
 * what compose.h says; it is freed afterwards, save what the receiver took out of it. Where nothing
 * is held the first failure ends it; otherwise every item has its own. NULL: no memory. */
MUST_CHECK struct gather *gather_start(struct gather_plan *p, const struct collateral_key *k,
    struct collateral *held, void (*done)(struct compose *made, void *ctx), void *ctx);

/* Stop before done came. */
void gather_cancel(struct gather *g);

#endif
