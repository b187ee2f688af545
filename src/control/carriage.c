#include "control/carriage.h"

#include "control/tunnel_endpoint.h"
#include "tunnel/h2_client.h"
#include "tunnel/v1.h"

#include <stdlib.h>

/* Overdue answers and idle sessions are looked for this often. */
#define TICK_MS 250

struct carrier {
	struct v1 *v1; /* of the two one */
	struct h2_client *h2;
	struct net_timer tick;
	struct net_defer flush; /* sends what was opened and sent in this round of the loop */
};

static struct h2_client *
h2_of(const struct tunnel *t)
{
	return t->carriage.carrier ? t->carriage.carrier->h2 : NULL;
}

static struct v1 *
v1_of(const struct tunnel *t)
{
	return t->carriage.carrier ? t->carriage.carrier->v1 : NULL;
}

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

	(void)goes_on(t, h2_client_flush(h2_of(t), &e), &e);
}

static void
wake(void *ctx)
{
	struct tunnel *t = ctx;

	net_defer_call(t->c->loop, &t->carriage.carrier->flush, flush, t);
}

/* The agent stops: no new visitors for it, while those that it has are served. */
static void
draining(void *ctx)
{
	struct tunnel *t = ctx;

	log_event(&t->c->env->log, LOG_INFO, "agent_draining", "app", t->session.id->app_name,
	    "agent", t->session.id->agent_id, NULL);
	if (t->replica)
		registry_drain(t->c->registry, t->replica);
}

static const struct h2_client_ops h2_ops = {send_h2, send_h2_end, wake, draining};

/* -- time -- */

static void
on_tick(void *ctx)
{
	struct tunnel *t = ctx;
	struct carrier *k = t->carriage.carrier;
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
	struct net_timer *tick = &t->carriage.carrier->tick;

	if (!net_timer_is_running(tick))
		net_timer_repeat(t->c->loop, tick, TICK_MS, on_tick, t);
}

/* -- opening -- */

static struct carrier *
carrier_new(struct tunnel *t)
{
	const struct settings *s = t->c->set;
	struct h2_opts o = {.stream_window = (size_t)s->tunnel_stream_window,
	    .tunnel_window = (size_t)s->tunnel_window,
	    .max_streams = (size_t)s->tunnel_streams};
	struct carrier *k = calloc(1, sizeof *k);

	if (!k)
		return NULL;
	if (t->carriage.version == 2)
		k->h2 = h2_client_new(&o, &h2_ops, t);
	else
		k->v1 = v1_new(send_v1, t);
	if (k->h2 || k->v1)
		return k;
	free(k);
	return NULL;
}

struct exchange *
carriage_open(struct tunnel *t, const struct exchange_request *rq,
    const struct exchange_events *events, void *ctx, struct err *e)
{
	uint64_t now = env_now_ms(t->c->env);
	struct exchange *x;

	if (!t->carriage.carrier && !(t->carriage.carrier = carrier_new(t))) {
		(void)err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "tunnel's requests");
		return NULL;
	}
	if (v1_of(t))
		x = v1_open(v1_of(t), rq, events, ctx, now, e);
	else
		x = h2_client_open(h2_of(t), rq, events, ctx, now, e);
	if (x || (h2_of(t) && h2_client_wants_tick(h2_of(t))))
		mind_tick(t);
	return x;
}

/* -- what comes -- */

void
carriage_on_response(struct tunnel *t, const struct msg *m)
{
	if (v1_of(t)) /* else it answers nothing that was asked */
		v1_on_response(v1_of(t), m);
}

void
carriage_on_binary(struct tunnel *t, struct span bytes)
{
	struct err e = {0};

	if (h2_of(t))
		(void)goes_on(t, h2_client_recv(h2_of(t), bytes, env_now_ms(t->c->env), &e), &e);
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

	if (h2_of(t))
		(void)goes_on(t, h2_client_end(h2_of(t), env_now_ms(t->c->env), &e), &e);
	else
		(void)goes_on(t,
		    err_set(&e, ERR_MALFORMED, REASON_PROTOCOL_ERROR, "h2_end without a session"),
		    &e);
}

void
carriage_on_drain(struct tunnel *t)
{
	if (h2_of(t))
		flush(t);
}

/* -- the whole -- */

void
carriage_reset_all(struct tunnel *t, const struct err *why)
{
	if (v1_of(t))
		v1_reset_all(v1_of(t), why);
	if (h2_of(t))
		h2_client_reset_all(h2_of(t), why);
}

size_t
carriage_in_flight(const struct tunnel *t)
{
	const struct carrier *k = t->carriage.carrier;

	if (!k)
		return 0;
	return k->v1 ? v1_in_flight(k->v1) : h2_client_in_flight(k->h2);
}

struct h2_stats
carriage_stats(const struct tunnel *t)
{
	if (h2_of(t))
		return h2_client_stats(h2_of(t));
	return (struct h2_stats){.streams = carriage_in_flight(t)};
}

void
carriage_fini(struct tunnel *t, const struct err *why)
{
	struct carrier *k = t->carriage.carrier;
	struct v1 *v1;
	struct h2_client *h2;

	if (!k)
		return;
	v1 = k->v1;
	h2 = k->h2;
	net_timer_stop(&k->tick);
	v1_free(v1, why);
	h2_client_free(h2, why);
	net_defer_stop(&k->flush); /* the last resets may have asked for it */
	t->carriage.carrier = NULL;
	free(k);
}
