/* admin.h - who counts as an admin, and who as our proxy. With a token set, whoever shows it;
 * without one, only a program on this machine that asks this machine by a loopback name, and no
 * web page of another site. Decides over values; reads no request by itself and keeps no token,
 * only its digest. */
#ifndef GATE_ADMIN_H
#define GATE_ADMIN_H

#include "base/err.h"
#include "base/span.h"

struct admin_rule {
	bool has_token;
	uint8_t token_sha256[32];
	bool public_is_local; /* EE_PUBLIC_URL is unset, or names loopback origins only */
};

/* What a request shows. Spans with p NULL: the field is not there. */
struct admin_request {
	struct span authorization;
	struct span host, origin, via, forwarded, x_forwarded_for, x_forwarded_host, x_real_ip;
	struct span sec_fetch_site;
	const char *peer; /* the TCP peer's address */
};

/* Make a rule from the token's setting ("" or NULL: none) and EE_PUBLIC_URL. */
void admin_rule_init(struct admin_rule *r, const char *token, const char *public_url);

/* Say whether the request may act. Refusals: UNAUTHORIZED (a token is asked for), FORBIDDEN
 * (there is no token, and the request does not come from this machine). */
MUST_CHECK bool admin_allow(
    const struct admin_rule *r, const struct admin_request *q, struct err *e);

/* As admin_allow, for the dashboard: a browser may also show the token as the password of HTTP's
 * basic authentication (RFC 7617). Only for pages that change nothing, since a browser sends that
 * along with other sites' requests too. */
MUST_CHECK bool admin_allow_page(
    const struct admin_rule *r, const struct admin_request *q, struct err *e);

/* Say whether an address literal is this machine's own. */
bool admin_peer_is_loopback(const char *peer);

#endif
