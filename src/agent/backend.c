#include "agent/backend.h"

/* Connections that are kept: half of the requests that may run at once, so that a busy backend is
 * seldom dialled, and one with a process a connection has some to spare. */
#define KEPT_MAX (BACKEND_REQUESTS_MAX / 2)

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
void
backend_set_host(const struct backend *b, struct fields *f)
{
	if (b->o.host && b->o.host[0])
		fields_set(f, "Host", span_str(b->o.host));
	else if (!fields_get(f, "Host").p)
		fields_set(f, "Host", span_str(b->o.address->authority));
}

struct http_exchange *
backend_ask(struct backend *b, const struct http_exchange_opts *o,
    const struct http_exchange_ops *ops, void *ctx, struct err *e)
{
	struct http_exchange_opts mine = *o;

	mine.pool = b->pool;
	mine.first_byte_ms = b->o.timeout_ms;
	mine.idle_ms = b->o.timeout_ms;
	return http_exchange_start(b->loop, &mine, ops, ctx, e);
}
