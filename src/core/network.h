/* network.h - the networks that a control plane serves and what each asks of an agent. A value;
 * owns nothing. */
#ifndef CORE_NETWORK_H
#define CORE_NETWORK_H

#include "attest/attest.h"
#include <stdint.h>

#define NETWORKS_MAX 16

struct network {
	char name[ATTEST_NETWORK_MAX + 1];
	bool sealed_only; /* sealed claim, measured code, an agent_config that keeps traffic home */
	bool needs_pins; /* ask for pinned boot registers although it is not sealed-only */
	bool allow_debug;
	bool allow_sgx;
	uint32_t tcb_accept; /* TCB_BITs */
};

struct networks {
	struct network v[NETWORKS_MAX];
	size_t n;
};

/* The seed's two: forge-1 (sealed-only) and sandbox-1. */
void networks_default(struct networks *out);

/* The network of that name, or NULL. */
const struct network *networks_find(const struct networks *all, const char *name);

/* As networks_find, REASON_INVALID_NETWORK where there is none. */
MUST_CHECK bool networks_get(
    const struct networks *all, const char *name, const struct network **out, struct err *e);

#endif
