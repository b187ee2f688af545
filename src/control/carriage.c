#include "control/carriage.h"

#include "control/tunnel_endpoint.h"
#include "tunnel/h2_client.h"
#include "tunnel/v1.h"

/* Overdue answers and idle sessions are looked for this often. */
#define TICK_MS 250

/* -- sending -- */

static void
send_v1(void *ctx, struct span text)
{
	struct tunnel *t = ctx;

	if (!t->gone)
		(void)ws_conn_send_text(t->ws, text);
}

static bool
send_h2(void *ctx, struct span message)
{
	struct tunnel *t = ctx;

	if (t->gone)
		return true;
	(void)ws_conn_send_binary(t->ws, message);
	return !ws_conn_is_full(t->ws);
}

static void
send_h2_end(void *ctx)
{
	struct tunnel *t = ctx;
	struct buf b;

	buf_init(&b, 64);
	msg_write_h2_end(&b);
	if (buf_ok(&b) && !t->gone)
		(void)ws_conn_send_text(t->ws, buf_span(&b));
	buf_fini(&b);
}

/* False: the agent broke version 2, or memory was short; the tunnel ends. */
static bool
goes_on(struct tunnel *t, bool ok, const struct err *e)
{
	if (!ok && e->code != ERR_NONE)
		tunnel_refuse(t, e);
	return ok;
}

static void
flush(void *ctx)
{
	struct tunnel *t = ctx;
	struct err e = {0};

	(void)goes_on(t, h2_client_flush(t->carriage.h2, &e), &e);
}

static void
wake(void *ctx)
{
	struct tunnel *t = ctx;

	net_defer_call(t->c->loop, &t->carriage.flush, flush, t);
}

/* The agent stops: no new visitors for it, while those that it has are served. */
static void
draining(void *ctx)
{
	struct tunnel *t = ctx;

	log_event(&t->c->env->log, LOG_INFO, "agent_draining", "app", t->session.id.app_name,
	    "agent", t->session.id.agent_id, NULL);
	if (t->replica)
		registry_drain(t->c->registry, t->replica);
}

static const struct h2_client_ops h2_ops = {send_h2, send_h2_end, wake, draining};

/* -- time -- */

static void
on_tick(void *ctx)
{
	struct tunnel *t = ctx;
	struct carriage *k = &t->carriage;
	uint64_t now = env_now_ms(t->c->env);
	struct err e = {0};

	if (k->v1) {
		v1_tick(k->v1, now);
		if (v1_in_flight(k->v1) == 0)
			net_timer_stop(&k->tick);
	} else if (goes_on(t, h2_client_tick(k->h2, now, &e), &e) && !h2_client_wants_tick(k->h2)) {
		net_timer_stop(&k->tick);
	}
}

static void
mind_tick(struct tunnel *t)
{
	if (!net_timer_is_running(&t->carriage.tick))
		net_timer_repeat(t->c->loop, &t->carriage.tick, TICK_MS, on_tick, t);
}

/* -- opening -- */

static bool
prepare(struct tunnel *t, struct err *e)
{
	struct carriage *k = &t->carriage;
	const struct settings *s = t->c->set;
	struct h2_opts o = {.stream_window = (size_t)s->tunnel_stream_window,
	    .tunnel_window = (size_t)s->tunnel_window,
	    .max_streams = (size_t)s->tunnel_streams};

	if (k->version == 2 && !k->h2)
		k->h2 = h2_client_new(&o, &h2_ops, t);
	if (k->version != 2 && !k->v1)
		k->v1 = v1_new(send_v1, t);
	return k->h2 || k->v1 || err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "tunnel's requests");
}

struct exchange *
carriage_open(struct tunnel *t, const struct exchange_request *rq,
    const struct exchange_events *events, void *ctx, struct err *e)
{
	uint64_t now = env_now_ms(t->c->env);
	struct exchange *x;

	if (!prepare(t, e))
		return NULL;
	if (t->carriage.v1)
		x = v1_open(t->carriage.v1, rq, events, ctx, now, e);
	else
		x = h2_client_open(t->carriage.h2, rq, events, ctx, now, e);
	if (x || (t->carriage.h2 && h2_client_wants_tick(t->carriage.h2)))
		mind_tick(t);
	return x;
}

/* -- what comes -- */

void
carriage_on_response(struct tunnel *t, const struct msg *m)
{
	if (t->carriage.v1) /* else it answers nothing that was asked */
		v1_on_response(t->carriage.v1, m);
}

void
carriage_on_binary(struct tunnel *t, struct span bytes)
{
	struct err e = {0};

	if (t->carriage.h2)
		(void)goes_on(
		    t, h2_client_recv(t->carriage.h2, bytes, env_now_ms(t->c->env), &e), &e);
	else
		(void)goes_on(t,
		    err_set(&e, ERR_MALFORMED, REASON_PROTOCOL_ERROR,
			t->carriage.version == 2 ? "binary message before a request"
						 : "binary message in version 1"),
		    &e);
}

void
carriage_on_h2_end(struct tunnel *t)
{
	struct err e = {0};

	if (t->carriage.h2)
		(void)goes_on(t, h2_client_end(t->carriage.h2, env_now_ms(t->c->env), &e), &e);
	else
		(void)goes_on(t,
		    err_set(&e, ERR_MALFORMED, REASON_PROTOCOL_ERROR, "h2_end without a session"),
		    &e);
}

void
carriage_on_drain(struct tunnel *t)
{
	if (t->carriage.h2)
		flush(t);
}

/* -- the whole -- */

void
carriage_reset_all(struct tunnel *t, const struct err *why)
{
	if (t->carriage.v1)
		v1_reset_all(t->carriage.v1, why);
	if (t->carriage.h2)
		h2_client_reset_all(t->carriage.h2, why);
}

size_t
carriage_in_flight(const struct tunnel *t)
{
	const struct carriage *k = &t->carriage;

	return k->v1 ? v1_in_flight(k->v1) : k->h2 ? h2_client_in_flight(k->h2) : 0;
}

struct h2_stats
carriage_stats(const struct tunnel *t)
{
	if (t->carriage.h2)
		return h2_client_stats(t->carriage.h2);
	return (struct h2_stats){.streams = carriage_in_flight(t)};
}

void
carriage_fini(struct tunnel *t, const struct err *why)
{
	struct carriage *k = &t->carriage;
	struct v1 *v1 = k->v1;
	struct h2_client *h2 = k->h2;

	net_timer_stop(&k->tick);
	net_defer_stop(&k->flush);
	v1_free(v1, why);
	h2_client_free(h2, why);
	k->v1 = NULL;
	k->h2 = NULL;
	net_defer_stop(&k->flush); /* the last resets may have asked for it */
}
