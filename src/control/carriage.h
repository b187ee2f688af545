/* carriage.h - what carries requests over one tunnel: version 1's messages or version 2's HTTP/2
 * streams (tunnel/v1.h, tunnel/h2_client.h) behind one set of calls. Made at a tunnel's first
 * request, since most tunnels idle. Owns the carrier, its timers and its deferred sending; part of
 * a struct tunnel. Ends the tunnel where the agent breaks version 2. */
#ifndef CONTROL_CARRIAGE_H
#define CONTROL_CARRIAGE_H

#include "tunnel/exchange.h"
#include "tunnel/h2.h"
#include "wire/message.h"

struct tunnel;
struct carrier;

struct carriage {
	unsigned version; /* 1 or 2: what the agent registered with */
	struct carrier *carrier; /* from the first request on */
};

/* Begin an exchange; as v1_open and h2_client_open. */
MUST_CHECK struct exchange *carriage_open(struct tunnel *t, const struct exchange_request *rq,
    const struct exchange_events *events, void *ctx, struct err *e);

/* What the agent sent: an answer of version 1, a binary message, the text h2_end. */
void carriage_on_response(struct tunnel *t, const struct msg *m);
void carriage_on_binary(struct tunnel *t, struct span bytes);
void carriage_on_h2_end(struct tunnel *t);

/* The connection takes more. */
void carriage_on_drain(struct tunnel *t);

/* Reset every exchange with `why`; the tunnel stays usable. */
void carriage_reset_all(struct tunnel *t, const struct err *why);

size_t carriage_in_flight(const struct tunnel *t);

/* For those who look into a tunnel: all are 0 when nothing is in flight. */
struct h2_stats carriage_stats(const struct tunnel *t);

/* Reset every exchange with `why` and free. */
void carriage_fini(struct tunnel *t, const struct err *why);

#endif
