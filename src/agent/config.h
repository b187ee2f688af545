/* config.h - the agent's settings, judged: what to dial, as whom, what to claim, whom to serve.
 * Everything that can be wrong with them is found here, at the start, and named. Owns the claims'
 * text; borrows the settings, which must outlive it. Stays where it was loaded. */
#ifndef AGENT_CONFIG_H
#define AGENT_CONFIG_H

#include "agent/backend_address.h"
#include "attest/attest.h"
#include "base/settings.h"
#include "os/env.h"
#include "wire/url.h"

/* Control planes that one agent may serve: each costs a tunnel, and a quote now and then. */
#define AGENT_CONTROLS_MAX 8
#define AGENT_CONTROL_WS   1025

/* One control plane. What is claimed names it, so the claims differ. */
struct agent_control {
	char ws[AGENT_CONTROL_WS]; /* what is dialled */
	struct url url; /* of ws */
	char origin[URL_ORIGIN_MAX]; /* the audience that quotes are made for */
	struct buf claims; /* canonical JSON */
	struct json_doc claims_doc; /* of the text above */
};

struct agent_config {
	const struct settings *s;
	struct agent_control controls[AGENT_CONTROLS_MAX];
	size_t n_controls;
	struct attest_identity id; /* of the settings' text, or the one below */
	char agent_id[ATTEST_AGENT_ID_MAX + 1]; /* made, or kept in EE_STATE_DIR */
	struct backend_address backend;
	const char *sim_url; /* base URL of a simulated VM; NULL: the kernel's quotes */
	bool claims_absent; /* there is no claims file at its default place */
};

/* Judge and read. May make the agent's id in EE_STATE_DIR. The caller calls agent_config_fini in
 * either case. Refusals: BAD_SETTING and those of the claims. */
MUST_CHECK bool agent_config_load(
    struct agent_config *c, const struct settings *s, const struct env *env, struct err *e);
void agent_config_fini(struct agent_config *c);

#endif
