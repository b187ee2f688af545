/* relay.h - a visitor's request on its way to the replica that serves it best: chooses by the
 * registry, checks the lease when it begins and at every piece of the answer, counts what is in
 * flight, asks a second replica where the first did nothing of it (again.h). The exchange
 * that comes out follows the rules of tunnel/exchange.h. */
#ifndef CONTROL_RELAY_H
#define CONTROL_RELAY_H

#include "control/tunnel_endpoint.h"

/* Open an exchange with an app. NULL: unknown_app, no_tunnel, draining, ... */
struct exchange *relay_open(struct control *c, struct span app_name,
    const struct exchange_request *rq, const struct exchange_events *events, void *ctx,
    struct err *e);

#endif
