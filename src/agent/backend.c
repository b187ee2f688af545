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

/* -- what went wrong, in the log -- */

/* An app that fails every request is told of a few times a second, with the count of the rest. */
static bool
may_log(struct backend *b)
{
	uint64_t now = net_loop_now_ms(b->loop);
	struct log_line line;

	if (now - b->lines_ms >= 1000) {
		if (b->left_out) {
			log_begin(&line, "lines_left_out");
			log_int(&line, "count", b->left_out);
			log_end(b->o.log, LOG_WARN, &line);
		}
		b->lines_ms = now;
		b->lines = b->left_out = 0;
	}
	if (b->lines >= BACKEND_LINES_MAX) {
		b->left_out++;
		return false;
	}
	b->lines++;
	return true;
}

static void
on_failed(void *ctx, const char *request_id, const struct err *why)
{
	struct backend *b = ctx;

	if (may_log(b))
		log_failure(b->o.log, LOG_WARN, "request_failed", why, "request_id",
		    request_id[0] ? request_id : NULL, NULL);
}

/* As the visitor's answer and the control plane's log call it; the tunnel's own id may be another. */
static struct span
id_of(const struct exchange_request *rq)
{
	struct span id = fields_get(rq->fields, "x-request-id");

	return headers_request_id_ok(id) ? id : span_str(rq->request_id);
}

void
backend_note_failure(struct backend *b, const struct exchange_request *rq, const struct err *why)
{
	char id[129];

	(void)span_cstr(id_of(rq), id, sizeof id);
	on_failed(b, id, why);
}

/* -- asking -- */

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
	    .unreachable = REASON_BACKEND_UNREACHABLE,
	    .failed = on_failed,
	    .failed_ctx = b,
	    .request_id = id_of(rq)};
	struct exchange *x = carrier_open(b->loop, &o, rq, events, ctx, e);

	if (!x)
		backend_note_failure(b, rq, e);
	return x;
}
