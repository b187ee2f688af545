/* sim.h - quotes from a simulated VM of ee-sim, for machines without TDX. Such a quote is worth
 * nothing where the simulator's root is not trusted by name. */
#ifndef AGENT_SIM_H
#define AGENT_SIM_H

#include "agent/provider.h"

struct net_loop;

/* Make a provider that asks the VM at `url` (http://127.0.0.1:8099/sim/vm/NAME). */
MUST_CHECK struct provider *sim_provider(struct net_loop *l, const char *url, struct err *e);

#endif
