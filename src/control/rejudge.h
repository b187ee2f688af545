/* rejudge.h - judges the live agents again by the quotes that their admissions left on disk: under
 * the collateral and the rules of now, without troubling an agent. One replica at a time: a page of
 * rows is read, a worker authenticates each quote (what it verified before costs no signature), and the
 * loop compares. Nothing of it stays in memory. Owns its passes; the tunnels are borrowed. */
#ifndef CONTROL_REJUDGE_H
#define CONTROL_REJUDGE_H

#include "control/tunnel_endpoint.h"

struct rejudge;

struct rejudge_ops {
	/* What came of one replica. `why`: NULL where it meets the rules; ERR_IO or ERR_NOMEM where it
	 * could not be judged; else why not. The pass goes on afterwards, also where the tunnel was
	 * ended. `v`: what the verdict found, NULL where it did not get there. */
	void (*on_one)(void *ctx, struct tunnel *t, const struct quote_view *v,
	    const struct eedcap_verdict *verdict, const struct err *why);
	/* The end, once, unless it is cancelled. `why`: it was cut short. */
	void (*on_end)(void *ctx, const struct err *why);
	void *ctx;
};

/* Begin a pass over all replicas. nets: the rules, borrowed, NULL for those in force when each one's
 * turn comes. from: where collateral comes from, NULL for the one in force. on_end frees the pass. */
MUST_CHECK struct rejudge *rejudge_start(struct control *c, const struct networks *nets,
    struct collateral_client *from, const struct rejudge_ops *ops, struct err *e);

/* End a pass: neither callback comes any more. Takes NULL. */
void rejudge_cancel(struct rejudge *p);

/* -- the fleet that is live -- */

/* Rules (`rules`) or collateral have changed: judge everybody soon. Who does not meet them
 * loses the lease: with the reason `policy` where the rules changed, else with its own. */
void rejudge_want(struct control *c, bool rules);

/* The control plane stops. */
void rejudge_close(struct control *c);

/* A collateral_client's `changed`; ctx is the struct control. */
void rejudge_on_collateral(void *ctx, const struct collateral_key *k);

/* POST /v1/policy/diff (policy_diff.c) */
void policy_diff(struct control *c, struct http_req *r);
void policy_diff_close(struct control *c);

#endif
