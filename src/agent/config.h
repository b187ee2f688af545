/* config.h - the agent's settings, judged: what to dial, as whom, what to claim, whom to serve.
 * Everything that can be wrong with them is found here, at the start, and named. Owns the claims'
 * text; borrows the settings, which must outlive it. */
#ifndef AGENT_CONFIG_H
#define AGENT_CONFIG_H

#include "agent/backend_address.h"
#include "attest/attest.h"
#include "base/settings.h"
#include "os/env.h"
#include "wire/url.h"

struct agent_config {
	const struct settings *s;
	struct url control;
	char origin[URL_ORIGIN_MAX]; /* of control: the audience that quotes are made for */
	struct attest_identity id;
	struct backend_address backend;
	const char *sim_url; /* base URL of a simulated VM; NULL: the kernel's quotes */
	struct buf claims; /* canonical JSON */
	struct json_doc claims_doc; /* of the text above */
	bool claims_absent; /* there is no claims file at its default place */
};

/* Judge and read. May make the agent's id in EE_STATE_DIR. The caller calls agent_config_fini in
 * either case. Refusals: BAD_SETTING and those of the claims. */
MUST_CHECK bool agent_config_load(
    struct agent_config *c, const struct settings *s, const struct env *env, struct err *e);
void agent_config_fini(struct agent_config *c);

#endif
