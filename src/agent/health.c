#include "agent/health.h"

#include <stdlib.h>

#include "agent/probe.h"

struct health {
	struct net_loop *loop;
	struct health_opts o;
	struct readiness readiness;
	struct net_timer next, again; /* the next probe; the word once more */
	struct probe *probe;
	bool noted; /* that a start takes its time */
};

static void on_next(void *ctx);

static void
on_again(void *ctx)
{
	struct health *h = ctx;

	h->o.say(h->o.ctx, h->readiness.state == READINESS_PASS);
}

static void
log_change(struct health *h, const struct err *why)
{
	if (h->readiness.state == READINESS_PASS)
		log_event(h->o.log, LOG_INFO, "backend_healthy", "backend", h->o.backend, NULL);
	else
		log_failure(
		    h->o.log, LOG_WARN, "backend_unhealthy", why, "backend", h->o.backend, NULL);
}

/* Failures that change nothing yet are for whoever looks closely; but that a start is being waited
 * for is worth one line. */
static void
log_failed_probe(struct health *h, const struct err *why)
{
	bool starting = h->readiness.state == READINESS_UNKNOWN;

	log_failure(h->o.log, starting && !h->noted ? LOG_INFO : LOG_DEBUG, "probe_failed", why,
	    "backend", h->o.backend, NULL);
	h->noted = h->noted || starting;
}

/* A probe's result, or that it could not begin. */
static void
note(struct health *h, const struct err *why)
{
	enum readiness_state before = h->readiness.state, now;
	uint64_t every = h->o.rules.interval_ms;

	now = readiness_note(&h->readiness, why == NULL, net_loop_now_ms(h->loop));
	net_timer_start(h->loop, &h->next, readiness_wait_ms(&h->readiness), on_next, h);
	if (now == before) {
		if (why)
			log_failed_probe(h, why);
		return;
	}
	log_change(h, why);
	if (every > HEALTH_SAY_MS)
		every = HEALTH_SAY_MS;
	net_timer_repeat(h->loop, &h->again, every, on_again, h);
	h->o.say(h->o.ctx, now == READINESS_PASS);
}

static void
on_done(void *ctx, const struct err *why)
{
	struct health *h = ctx;

	h->probe = NULL;
	note(h, why);
}

static void
on_next(void *ctx)
{
	struct health *h = ctx;
	struct err e = {0};
	struct probe_opts p = {.address = h->o.address,
	    .host = h->o.host,
	    .path = h->o.path,
	    .timeout_ms = h->o.timeout_ms,
	    .done = on_done,
	    .ctx = h};

	if (p.timeout_ms > h->o.rules.interval_ms)
		p.timeout_ms = h->o.rules.interval_ms;
	h->probe = probe_start(h->loop, &p, &e);
	if (!h->probe)
		note(h, &e);
}

struct health *
health_new(struct net_loop *l, const struct health_opts *o, struct err *e)
{
	struct health *h = calloc(1, sizeof *h);

	if (!h) {
		err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "no memory for the health probe");
		return NULL;
	}
	h->loop = l;
	h->o = *o;
	readiness_init(&h->readiness, &o->rules, net_loop_now_ms(l));
	net_timer_start(l, &h->next, 0, on_next, h);
	return h;
}

enum readiness_state
health_state(const struct health *h)
{
	return h->readiness.state;
}

void
health_free(struct health *h)
{
	if (!h)
		return;
	net_timer_stop(&h->next);
	net_timer_stop(&h->again);
	probe_cancel(h->probe);
	free(h);
}
