/* backend.h - the one program that this agent serves, asked over connections that are kept: one
 * pool for all tunnels, under one budget for those of version 1. Owns pool and budget; what is asked
 * are exchanges (tunnel/exchange.h), owned by the carrier (carrier/http_carrier.h). */
#ifndef AGENT_BACKEND_H
#define AGENT_BACKEND_H

#include "agent/backend_address.h"
#include "agent/budget.h"
#include "base/log.h"
#include "net/http_pool.h"
#include "tunnel/exchange.h"

/* Requests of version 1 at once: each holds its bodies whole. Enough for any page, and few enough
 * that a flood is refused before it takes the backend's descriptors. */
#define BACKEND_REQUESTS_MAX 64
/* Bodies held at once, both ways together. */
#define BACKEND_BYTES_MAX (128u * 1024 * 1024)
/* Log lines a second about requests that failed. */
#define BACKEND_LINES_MAX 5

struct backend_opts {
	const struct backend_address *address; /* must outlive the backend, as host */
	const char *host; /* replaces Host; NULL keeps the visitor's */
	uint64_t timeout_ms; /* to the first byte of the answer; in version 1 between bytes, too */
	size_t shares; /* control planes that ask */
	struct log *log; /* where requests that fail are told */
};

/* For requests to read; only backend.c sets it. */
struct backend {
	struct net_loop *loop;
	struct backend_opts o;
	struct http_pool *pool; /* connections to the address */
	struct budget budget; /* budget_join it, and take before asking */
	uint64_t lines_ms; /* the second of the lines below */
	unsigned lines, left_out;
};

/* Make ready; dials nothing yet. On refusal backend_fini is allowed and not needed. */
MUST_CHECK bool backend_init(
    struct backend *b, struct net_loop *l, const struct backend_opts *o, struct err *e);

/* Close what idles; exchanges that run go on. A zeroed backend is left alone. */
void backend_fini(struct backend *b);

/* As carrier_open: with the Host of the setting, else the visitor's, else the address. silence_ms:
 * how long the app may say nothing once its answer has begun. */
MUST_CHECK struct exchange *backend_open(struct backend *b, const struct exchange_request *rq,
    uint64_t silence_ms, const struct exchange_events *events, void *ctx, struct err *e);

/* Log that an answer of the app cannot be carried on: a few lines a second. What backend_open refuses
 * or resets an exchange for is logged there. */
void backend_note_failure(
    struct backend *b, const struct exchange_request *rq, const struct err *why);

#endif
