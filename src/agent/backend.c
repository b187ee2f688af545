#include "agent/backend.h"

#include "carrier/http_carrier.h"

/* Connections that are kept: enough that a busy backend is seldom dialled, and few enough that one
 * with a process a connection has some to spare. */
#define KEPT_MAX 128

bool
backend_init(struct backend *b, struct net_loop *l, const struct backend_opts *o, struct err *e)
{
	struct http_pool_opts p = {
	    .dial = backend_address_dial(o->address, o->timeout_ms), .max_idle = KEPT_MAX};

	*b = (struct backend){.loop = l, .o = *o};
	budget_init(&b->budget, BACKEND_REQUESTS_MAX, BACKEND_BYTES_MAX, o->shares);
	b->pool = http_pool_new(l, &p, e);
	return b->pool != NULL;
}

void
backend_fini(struct backend *b)
{
	http_pool_free(b->pool);
	b->pool = NULL;
}

/* The visitor's Host is kept, so that the backend sees the name that was asked for; a backend that
 * wants another has EE_BACKEND_HOST. */
struct exchange *
backend_open(struct backend *b, const struct exchange_request *rq, uint64_t silence_ms,
    const struct exchange_events *events, void *ctx, struct err *e)
{
	bool set = b->o.host && b->o.host[0];
	struct http_field host = {
	    span_str("Host"), span_str(set ? b->o.host : b->o.address->authority)};
	struct carrier_opts o = {.pool = b->pool,
	    .fields = &host,
	    .n_fields = set || !fields_get(rq->fields, "Host").p ? 1 : 0,
	    .first_byte_ms = b->o.timeout_ms,
	    .idle_ms = silence_ms,
	    .unreachable = REASON_BACKEND_UNREACHABLE};

	return carrier_open(b->loop, &o, rq, events, ctx, e);
}
