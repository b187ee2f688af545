/* gather.h - the four documents that one platform needs, asked for in parallel, then read by
 * eedcap on a worker. Owns the requests and what came; collateral.c owns when and for whom. */
#ifndef COLLATERAL_GATHER_H
#define COLLATERAL_GATHER_H

#include "base/buf.h"
#include "collateral/collateral.h"

enum gather_item { ITEM_PCK_CRL, ITEM_TCB_INFO, ITEM_QE_IDENTITY, ITEM_ROOT_CRL, ITEM_COUNT };

#define GATHER_BASE_MAX 1100

/* What every gathering of a client shares. Borrowed, but by the job that a worker has. */
struct gather_plan {
	struct net_loop *loop;
	struct fetcher *fetcher;
	char base[GATHER_BASE_MAX]; /* URL up to before `/sgx/certification/v4/` */
	bool early; /* ask for documents of the early edition */
	bool has_root_crl; /* the service is a PCCS: it knows rootcacrl */
	struct eedcap_context *dcap; /* borrowed; locks itself, so the worker's too */
};

/* Set up the base: an origin, or a URL down to `/sgx/certification/v4/`; NULL is Intel's PCS. */
MUST_CHECK bool gather_plan_base(struct gather_plan *p, const char *url, struct err *e);

struct gather;

/* Set off. done comes once, later, from the loop: with a handle, which is then the receiver's, or
 * with why not. NULL, with e set, when it failed at once. */
MUST_CHECK struct gather *gather_start(const struct gather_plan *p, const struct collateral_key *k,
    void (*done)(struct eedcap_collateral *handle, const struct err *why, void *ctx), void *ctx,
    struct err *e);

/* Stop before done came. */
void gather_cancel(struct gather *g);

#endif
