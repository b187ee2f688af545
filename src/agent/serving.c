#include "agent/serving.h"

#include <stdlib.h>

#include "agent/jobs.h"
#include "carrier/http_carrier.h"
#include "tunnel/h2_server.h"

struct serving {
	struct serving_opts o;
	struct jobs *jobs; /* of the two one */
	struct h2_server *h2;
	struct net_defer flush; /* sends what this round of the loop made */
};

/* False: the session is over, and the tunnel with it. */
static void
mind(struct serving *s, bool ok, const struct err *e)
{
	if (!ok)
		s->o.ops->broken(s->o.ctx, e);
}

static bool
send_binary(void *ctx, struct span message)
{
	struct serving *s = ctx;

	return s->o.ops->binary(s->o.ctx, message);
}

static void
on_flush(void *ctx)
{
	struct serving *s = ctx;
	struct err e = {0};

	mind(s, h2_server_flush(s->h2, &e), &e);
}

static void
wake(void *ctx)
{
	struct serving *s = ctx;

	net_defer_call(s->o.loop, &s->flush, on_flush, s);
}

static struct exchange *
open_exchange(void *ctx, const struct exchange_request *rq, const struct exchange_events *events,
    void *events_ctx, struct err *e)
{
	struct serving *s = ctx;

	return backend_open(s->o.backend, rq, CARRIER_SILENT_MS, events, events_ctx, e);
}

static const struct h2_server_ops h2_ops = {send_binary, wake, open_exchange};

struct serving *
serving_new(const struct serving_opts *o, struct err *e)
{
	struct serving *s = calloc(1, sizeof *s);
	struct jobs_opts j = {o->backend, o->share, o->ops->text, o->ctx};

	if (!s) {
		err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "no memory for the requests");
		return NULL;
	}
	s->o = *o;
	if (o->version == 2)
		s->h2 = h2_server_new(&o->h2, &h2_ops, s);
	else
		s->jobs = jobs_new(&j, e);
	if (s->h2 || s->jobs)
		return s;
	err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "no memory for the requests");
	free(s);
	return NULL;
}

void
serving_on_request(struct serving *s, const struct msg *m)
{
	if (s->jobs)
		jobs_request(s->jobs, m);
}

void
serving_on_binary(struct serving *s, struct span message)
{
	struct err e = {0};

	if (s->h2)
		mind(s, h2_server_recv(s->h2, message, net_loop_now_ms(s->o.loop), &e), &e);
	else
		mind(s,
		    err_set(
			&e, ERR_MALFORMED, REASON_PROTOCOL_ERROR, "binary message in version 1"),
		    &e);
}

static void
echo_h2_end(struct serving *s)
{
	struct buf text;

	buf_init(&text, 64);
	msg_write_h2_end(&text);
	if (buf_ok(&text))
		(void)s->o.ops->text(s->o.ctx, buf_span(&text), true);
	buf_fini(&text);
}

/* The owner may have closed the tunnel in `broken`, but it frees nothing there. */
void
serving_on_h2_end(struct serving *s)
{
	struct err e = {0};

	if (!s->h2)
		mind(s, err_set(&e, ERR_MALFORMED, REASON_PROTOCOL_ERROR, "h2_end in version 1"),
		    &e);
	else if (h2_server_end(s->h2, &e))
		echo_h2_end(s);
	else
		mind(s, e.code == ERR_NONE, &e);
}

void
serving_flush(struct serving *s)
{
	if (s->jobs)
		jobs_flush(s->jobs);
	else
		on_flush(s);
}

void
serving_leave(struct serving *s)
{
	if (s->h2)
		h2_server_drain(s->h2);
}

size_t
serving_in_flight(const struct serving *s)
{
	return s->jobs ? jobs_in_flight(s->jobs) : h2_server_in_flight(s->h2);
}

unsigned
serving_version(const struct serving *s)
{
	return s->h2 ? 2 : 1;
}

void
serving_free(struct serving *s)
{
	if (!s)
		return;
	jobs_free(s->jobs);
	h2_server_free(s->h2);
	net_defer_stop(&s->flush);
	free(s);
}
