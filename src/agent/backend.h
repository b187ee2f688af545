/* backend.h - the one program that this agent serves, as all requests see it, whichever control
 * plane and whichever version of the tunnel they come by. Owns the connections that are kept alive
 * and the budget of what may be in flight. Where requests go is fixed by the settings, so that no
 * visitor can reach another address of the VM's network. */
#ifndef AGENT_BACKEND_H
#define AGENT_BACKEND_H

#include "agent/backend_address.h"
#include "agent/budget.h"
#include "net/http_client.h"
#include "wire/headers.h"

/* Requests at once: far above what version 1 carries usefully, and few enough that a flood is
 * refused before it takes the backend's descriptors. */
#define BACKEND_REQUESTS_MAX 64
/* Bodies held at once, both ways together. */
#define BACKEND_BYTES_MAX (128u * 1024 * 1024)

struct backend_opts {
	const struct backend_address *address; /* must outlive the backend, as host */
	const char *host; /* replaces Host; NULL keeps the visitor's */
	uint64_t timeout_ms; /* to the first byte of the answer, and between bytes */
	size_t shares; /* control planes that ask */
};

/* For requests to read; only backend.c sets it. */
struct backend {
	struct net_loop *loop;
	struct backend_opts o;
	struct http_pool *pool; /* connections to the address */
	struct budget budget; /* budget_join it, and take before asking */
};

/* Make ready; dials nothing yet. On refusal backend_fini is allowed and not needed. */
MUST_CHECK bool backend_init(
    struct backend *b, struct net_loop *l, const struct backend_opts *o, struct err *e);

/* Close what idles; exchanges that run go on. A zeroed backend is left alone. */
void backend_fini(struct backend *b);

/* Set the Host that the backend gets: the setting's, else the visitor's, else the address. */
void backend_set_host(const struct backend *b, struct fields *f);

/* As http_exchange_start, over the pool and with the backend's timeouts: dial, pool, first_byte_ms
 * and idle_ms of o are not looked at. */
MUST_CHECK struct http_exchange *backend_ask(struct backend *b, const struct http_exchange_opts *o,
    const struct http_exchange_ops *ops, void *ctx, struct err *e);

#endif
