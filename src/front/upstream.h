/* upstream.h - ee-proxy's way to the control plane: an exchange's carrier that sends each request
 * as it is to {control}/v1/forward/{app}{target} over HTTP, streamed in both directions
 * (carrier/http_carrier.h). Owns the connections that wait for their next request. */
#ifndef FRONT_UPSTREAM_H
#define FRONT_UPSTREAM_H

#include "net/loop.h"
#include "tunnel/exchange.h"

struct upstream;

/* Prepare for a control plane's URL (http or https; a path in it is kept as a prefix). token NULL:
 * none is sent. Refusals: BAD_SETTING, or what the TLS context says. */
MUST_CHECK struct upstream *upstream_new(
    struct net_loop *l, const char *control_url, const char *token, struct err *e);

/* Free it, after the last exchange ended. Takes NULL. */
void upstream_free(struct upstream *u);

/* Open an exchange: front_ops.open, with the struct upstream as ctx. */
struct exchange *upstream_open(void *ctx, struct span app, const struct exchange_request *rq,
    const struct exchange_events *events, void *events_ctx, struct err *e);

#endif
