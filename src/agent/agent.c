#include "agent/agent.h"

#include <stdio.h>
#include <stdlib.h>

#include "agent/health.h"
#include "agent/link.h"
#include "agent/reconnect.h"
#include "agent/sim.h"
#include "agent/tsm.h"
#include "os/daemon.h"

struct agent {
	struct net_loop *loop;
	const struct agent_config *c;
	struct env *env;
	struct tls_ctx *tls; /* NULL where every tunnel is ws:// */
	struct backend backend;
	struct health *health;
	struct link *links[AGENT_CONTROLS_MAX];
	/* To predecessors of those, which stop: one may still have requests of ours. */
	struct link *retired[AGENT_CONTROLS_MAX];
	struct budget_share shares[AGENT_CONTROLS_MAX]; /* a link and its predecessor have one */
	unsigned providers[AGENT_CONTROLS_MAX]; /* made so far, which numbers them */
	struct net_defer mind;
	size_t n_links;
	bool stopping;
	void (*stopped)(void *ctx); /* NULL once it was called */
	void *ctx;
};

static void
on_health(void *ctx, bool pass)
{
	struct agent *a = ctx;

	for (size_t i = 0; i < a->n_links; i++)
		link_say_health(a->links[i], pass);
}

static void
tell_status(const struct agent *a)
{
	size_t attested = 0;
	char text[96];

	for (size_t i = 0; i < a->n_links; i++)
		attested += link_is_attested(a->links[i]);
	(void)snprintf(text, sizeof text, "STATUS=attested by %zu of %zu control planes", attested,
	    a->n_links);
	daemon_notify(text);
}

static void
mind_end(struct agent *a)
{
	void (*stopped)(void *ctx) = a->stopped;

	for (size_t i = 0; i < a->n_links; i++)
		if (!link_is_over(a->links[i]) || (a->retired[i] && !link_is_over(a->retired[i])))
			return;
	a->stopped = NULL;
	if (stopped)
		stopped(a->ctx);
}

static void mind_successions(void *ctx);

static void
on_changed(void *ctx)
{
	struct agent *a = ctx;

	tell_status(a);
	if (a->stopping)
		mind_end(a);
	else
		net_defer_call(a->loop, &a->mind, mind_successions, a);
}

/* -- life -- */

static MUST_CHECK bool
make_backend(struct agent *a, struct err *e)
{
	const struct settings *s = a->c->s;
	struct backend_opts b = {.address = &a->c->backend,
	    .host = s->backend_host,
	    .timeout_ms = (uint64_t)s->backend_timeout_sec * 1000,
	    .shares = a->c->n_controls,
	    .log = &a->env->log};
	struct health_opts h = {.address = &a->c->backend,
	    .host = s->backend_host,
	    .path = s->health_path,
	    .timeout_ms = (uint64_t)s->health_probe_sec * 1000,
	    .rules = {(unsigned)s->health_failures, (unsigned)s->health_successes,
		(uint64_t)s->start_grace_sec * 1000, (uint64_t)s->health_interval_sec * 1000},
	    .backend = s->backend_url,
	    .log = &a->env->log,
	    .say = on_health,
	    .ctx = a};

	if (!backend_init(&a->backend, a->loop, &b, e))
		return false;
	a->health = health_new(a->loop, &h, e);
	return a->health != NULL;
}

static MUST_CHECK bool
make_tls(struct agent *a, struct err *e)
{
	bool needed = false;

	for (size_t i = 0; i < a->c->n_controls; i++)
		needed = needed || url_is_tls(&a->c->controls[i].url);
	if (needed)
		a->tls = tls_ctx_client(a->c->s->control_ca, e);
	return !needed || a->tls;
}

/* Each has a provider of its own: a provider makes one quote at a time, and two control planes may
 * ask at once; a stopping one and its successor, too. */
static MUST_CHECK struct link *
make_link(struct agent *a, size_t i, uint64_t dial_in_ms, struct err *e)
{
	unsigned number = (unsigned)i + AGENT_CONTROLS_MAX * (a->providers[i]++ % 2);
	struct link_opts o = {.loop = a->loop,
	    .config = a->c,
	    .control = &a->c->controls[i],
	    .env = a->env,
	    .tls = a->tls,
	    .backend = &a->backend,
	    .share = &a->shares[i],
	    .health = a->health,
	    .dial_in_ms = dial_in_ms,
	    .changed = on_changed,
	    .ctx = a};
	struct provider *p = a->c->sim_url ? sim_provider(a->loop, a->c->sim_url, e)
					   : tsm_provider(a->loop, NULL, number, e);

	return p ? link_new(&o, p, e) : NULL;
}

static MUST_CHECK bool
make_links(struct agent *a, struct err *e)
{
	for (; a->n_links < a->c->n_controls; a->n_links++) {
		budget_join(&a->backend.budget, &a->shares[a->n_links]);
		a->links[a->n_links] = make_link(a, a->n_links, 0, e);
		if (!a->links[a->n_links])
			return false;
	}
	return true;
}

/* -- control planes that stop -- */

/* The successor may not listen yet, or all agents may come at once: so with jitter. */
static void
succeed(struct agent *a, size_t i)
{
	struct link *next;
	struct err e = {0};
	uint64_t random;

	env_random(a->env, &random, sizeof random);
	next = make_link(a, i, random % RECONNECT_FIRST_MS, &e);
	if (!next) { /* then the old one dials again at its end */
		log_failure(&a->env->log, LOG_ERROR, "no_second_link", &e, NULL);
		return;
	}
	link_retire(a->links[i]);
	a->retired[i] = a->links[i];
	a->links[i] = next;
}

static void
mind_successions(void *ctx)
{
	struct agent *a = ctx;

	if (a->stopping)
		return;
	for (size_t i = 0; i < a->n_links; i++) {
		if (a->retired[i] && link_is_over(a->retired[i])) {
			link_free(a->retired[i]);
			a->retired[i] = NULL;
		}
		if (link_is_draining(a->links[i]) && !a->retired[i])
			succeed(a, i);
	}
}

struct agent *
agent_new(struct net_loop *l, const struct agent_config *c, struct env *env,
    void (*stopped)(void *ctx), void *ctx, struct err *e)
{
	struct agent *a = calloc(1, sizeof *a);

	if (!a) {
		err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "no memory for the agent");
		return NULL;
	}
	a->loop = l;
	a->c = c;
	a->env = env;
	a->stopped = stopped;
	a->ctx = ctx;
	if (make_tls(a, e) && make_backend(a, e) && make_links(a, e))
		return a;
	agent_free(a);
	return NULL;
}

void
agent_stop(struct agent *a)
{
	uint64_t grace_ms = (uint64_t)a->c->s->grace_sec * 1000;

	if (a->stopping)
		return;
	a->stopping = true;
	for (size_t i = 0; i < a->n_links; i++)
		link_leave(a->links[i], grace_ms);
	for (size_t i = 0; i < a->n_links; i++)
		if (a->retired[i])
			link_leave(a->retired[i], grace_ms);
	mind_end(a);
}

void
agent_free(struct agent *a)
{
	if (!a)
		return;
	net_defer_stop(&a->mind);
	for (size_t i = 0; i < a->n_links; i++) {
		link_free(a->links[i]);
		link_free(a->retired[i]);
	}
	health_free(a->health);
	backend_fini(&a->backend);
	tls_ctx_free(a->tls);
	free(a);
}
