/* reload.h - what may change while the control plane runs, at SIGHUP: the networks file, the
 * certificate and its key, newer collateral in the folder. What cannot be taken is said in the log, and what was there before goes
 * on. Owns nothing. */
#ifndef CONTROL_RELOAD_H
#define CONTROL_RELOAD_H

#include "control/tunnel_endpoint.h"

/* Try what the settings name without keeping it: `--check-config`. */
MUST_CHECK bool reload_check(const struct settings *set, struct err *e);

/* Try EE_PCCS_CA. */
MUST_CHECK bool reload_check_service_ca(const struct settings *set, struct err *e);

/* The networks of EE_NETWORKS_FILE, or the built-in ones where it is unset. */
MUST_CHECK bool reload_read_networks(
    const struct settings *set, struct networks *out, struct err *e);

/* Warn of the networks whose rules let in what proves less. */
void reload_announce(const struct control *c);

/* SIGHUP came: ctx is the struct control. */
void reload_on_signal(struct net_loop *l, int signo, void *ctx);

/* Judge a tunnel by the rules of now, and by what was kept of its admission. One that does not meet
 * them loses its lease with the reason `policy`. */
void reload_judge(struct tunnel *t);

#endif
