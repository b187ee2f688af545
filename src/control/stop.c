#include "control/stop.h"

#include "control/rejudge.h"
#include "control/forecast.h"
#include "control/attest.h"
#include "control/audit.h"
#include "control/evidence.h"
#include "control/resolve.h"
#include "control/tunnel_endpoint.h"
#include "os/daemon.h"

#include <signal.h>

#define DRAIN_LOOK_MS 50
/* For the last bytes of answers that were given, and the first of visitors who were let in as the
 * signal came. */
#define FLUSH_MS 200

static void
cut_tunnels(struct control *c)
{
	log_event(&c->env->log, LOG_WARN, "grace_over", NULL);
	c->cut = true;
	for (struct tunnel *t = c->tunnels; t; t = t->next) {
		tunnel_event(t, SESSION_EV_DRAIN);
		ws_conn_abort(t->ws, NULL);
	}
}

static void
on_flushed(void *ctx)
{
	struct control *c = ctx;

	net_loop_stop(c->loop);
}

static void
close_doors(struct control *c)
{
	if (c->http)
		http_server_drain(c->http);
	if (c->front)
		front_drain(c->front);
}

/* Requests go first, then their tunnels. Without a successor at the same sockets the listeners go
 * last: until the end visitors and nginx are told `draining` and not left before a closed door. */
static void
on_drain_look(void *ctx)
{
	struct control *c = ctx;
	bool over = env_now_ms(c->env) >= c->drain_until_ms;

	if (!over)
		for (struct tunnel *t = c->tunnels; t; t = t->next)
			if (carriage_in_flight(t) == 0 && !t->fresh)
				tunnel_event(t, SESSION_EV_DRAIN);
	if (over && c->tunnels && !c->cut)
		cut_tunnels(c);
	if (c->tunnels || (!over && c->front && !front_is_idle(c->front)))
		return;
	close_doors(c);
	net_timer_start(c->loop, &c->grace, FLUSH_MS, on_flushed, c);
}

static void
begin_looking(void *ctx)
{
	struct control *c = ctx;

	net_timer_repeat(c->loop, &c->grace, DRAIN_LOOK_MS, on_drain_look, c);
}

static void
let_go_of_registry(struct control *c)
{
	events_end(c);
	audit_end(c);
	control_close_store(c);
}

/* Who waits at a socket that was handed over is the successor's. It opens the registry, and
 * accepts, as soon as this process has let go of it. Whoever was let in before is served. */
static void
hand_over(struct control *c)
{
	close_doors(c);
	let_go_of_registry(c);
	tunnels_warn_of_drain(c);
	net_timer_start(c->loop, &c->grace, FLUSH_MS, begin_looking, c);
}

static void
wind_down(struct control *c)
{
	let_go_of_registry(c);
	begin_looking(c);
	on_drain_look(c);
}

void
stop_on_signal(struct net_loop *l, int signo, void *ctx)
{
	struct control *c = ctx;
	uint64_t now = env_now_ms(c->env);

	if (c->draining) {
		c->drain_until_ms = now;
		return;
	}
	c->draining = true;
	c->drain_until_ms = now + (uint64_t)c->set->grace_sec * 1000;
	log_event(&c->env->log, LOG_INFO, "stopping", "signal",
	    signo == SIGINT ? "SIGINT" : "SIGTERM", NULL);
	daemon_notify("STOPPING=1");
	if (c->handed_over)
		hand_over(c);
	else
		wind_down(c);
}

/* What calls back while it closes goes before what it calls. */
void
stop_now(struct control *c)
{
	net_timer_stop(&c->grace);
	net_timer_stop(&c->sweep);
	rejudge_close(c);
	policy_diff_close(c);
	forecast_close(c);
	front_close(c->front);
	if (c->http)
		http_server_close(c->http);
	for (struct tunnel *t = c->tunnels; t; t = t->next)
		ws_conn_abort(t->ws, NULL);
	if (c->loop && (c->http || c->front)) {
		net_timer_start(c->loop, &c->grace, 1000, on_flushed, c);
		while (c->tunnels && net_timer_is_running(&c->grace))
			net_loop_run(c->loop);
		net_timer_stop(&c->grace);
	}
	/* Who outlived the wait must not come back to clients that are gone. */
	for (struct tunnel *t = c->tunnels; t; t = t->next) {
		attest_cancel(t->attempt);
		t->attempt = NULL;
		fresh_drop(t);
	}
	collateral_client_free(c->collateral);
	collateral_client_free(c->early);
	release_client_free(c->release);
	fetcher_close(c->fetcher);
	fetcher_close(c->pccs_fetcher);
	/* The last commits; their calls find no tunnel any more. */
	control_close_store(c);
	activation_close(&c->sockets);
	wake_close(c->wake);
	net_loop_free(c->loop);
	eedcap_context_free(c->dcap); /* no worker runs any more */
	registry_free(c->registry);
	networks_free(&c->nets);
	gate_free(c->gate);
	gate_free(c->reads);
	gate_free(c->quotes);
	gate_free(c->refusal_rows);
	gate_free(c->all_refusal_rows);
	lookups_free(c->lookups);
	resolve_cache_free(c->resolves);
	lists_free(c->lists);
	tls_ctx_free(c->tls);
}
