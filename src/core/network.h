/* network.h - the networks that a control plane serves and what each asks of an agent, built in or
 * read from the text of a networks file (docs/networks.md). A value; owns nothing, reads no
 * file. */
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
	bool legacy_agents; /* take the first agents' quotes, which bind no nonce */
	uint32_t tcb_accept; /* TCB_BITs */
};

struct networks {
	struct network v[NETWORKS_MAX];
	size_t n;
};

/* The seed's two: forge-1 (sealed-only) and sandbox-1. */
void networks_default(struct networks *out);

/* Read a networks file. Nothing in it is passed over: an unknown member, one that occurs twice, a
 * value of another type and rules that contradict each other are BAD_SETTING, with the line, the
 * place and the name in `detail` and `shown`. */
MUST_CHECK bool networks_parse(struct networks *out, struct span text, struct err *e);

/* The network of that name, or NULL. */
const struct network *networks_find(const struct networks *all, const char *name);

/* As networks_find, REASON_INVALID_NETWORK where there is none. */
MUST_CHECK bool networks_get(
    const struct networks *all, const char *name, const struct network **out, struct err *e);

#endif
