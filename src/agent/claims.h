/* claims.h - what the agent says of the software around it: the members of a file in the measured
 * image, and what only the running agent knows. A claim counts because measured code makes it, so
 * the file can never speak for the agent: it may not set the agent's own members. Pure. */
#ifndef AGENT_CLAIMS_H
#define AGENT_CLAIMS_H

#include "base/buf.h"
#include "base/err.h"

/* The agent's own members. */
struct claims_own {
	const char *agent_sha256; /* hex digest of the running executable */
	const char *control; /* origin that is dialled */
	const char *ca; /* "system", or hex digest of the CA file that is trusted instead */
	const char *backend; /* "loopback", "unix", or the host that requests go to */
};

/* Append the claims, file and own members together, in canonical form. `file` is the text of the
 * claims file, or empty where there is none. Refusals: no JSON object, repeated members, one of
 * the agent's own, or what the canonical form does not take. */
MUST_CHECK bool claims_build(
    struct span file, const struct claims_own *own, struct buf *canonical, struct err *e);

#endif
