/* agent.h - the agent: keeps one tunnel to each of its control planes (link.h), proves what it runs
 * in, serves what comes through. Owns the links, the backend's connections and the probe of its
 * health; borrows loop, settings and world, which must outlive it. It trusts control planes with
 * requests only: what they say is bound into quotes by this side, and where requests go is fixed by
 * the settings. */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

#include "agent/config.h"
#include "net/loop.h"

struct agent;

/* Make an agent; it dials when the loop runs. stopped(ctx) is called once, after agent_stop, when
 * every tunnel has ended. NULL, and e set, where a provider, CA file or memory cannot be had. */
MUST_CHECK struct agent *agent_new(struct net_loop *l, const struct agent_config *c,
    struct env *env, void (*stopped)(void *ctx), void *ctx, struct err *e);

/* Take leave of the control planes and dial no more: no new requests, EE_GRACE_SEC for those that
 * run, then close code 1001. */
void agent_stop(struct agent *a);

/* End at once what is left, and free. Takes NULL. */
void agent_free(struct agent *a);

#endif
