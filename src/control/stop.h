/* stop.h - how the control plane leaves: on a signal in good order, at its end at once. The
 * registry is closed first, so that a successor may open it; requests in flight then have
 * EE_GRACE_SEC, or until a second signal. */
#ifndef CONTROL_STOP_H
#define CONTROL_STOP_H

#include "control/control.h"

/* SIGTERM or SIGINT came: ctx is the struct control. The loop stops when everything is over. */
void stop_on_signal(struct net_loop *l, int signo, void *ctx);

/* Close and free everything that struct control owns, in an order in which nothing calls back to
 * what is gone. */
void stop_now(struct control *c);

#endif
