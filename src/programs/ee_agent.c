/* ee_agent.c - the agent's main: reads the settings, makes the loop and the agent, and leaves in
 * good order on SIGTERM. Holds no logic of its own. */
#include "agent/agent.h"
#include "agent/config.h"
#include "net/loop.h"
#include "os/config.h"
#include "os/daemon.h"

#include <signal.h>

struct running {
	struct net_loop *loop;
	struct agent *agent;
	struct env env;
	bool stopping;
};

static void
on_stopped(void *ctx)
{
	struct running *p = ctx;

	net_loop_stop(p->loop);
}

/* The second signal waits for no request and no farewell. */
static void
on_signal(struct net_loop *l, int signo, void *ctx)
{
	struct running *p = ctx;

	if (p->stopping) {
		net_loop_stop(l);
		return;
	}
	p->stopping = true;
	log_event(&p->env.log, LOG_INFO, "stopping", "signal",
	    signo == SIGINT ? "SIGINT" : "SIGTERM", NULL);
	daemon_notify("STOPPING=1");
	agent_stop(p->agent);
}

static MUST_CHECK bool
start(struct running *p, const struct agent_config *c, struct err *e)
{
	p->loop = net_loop_new(e);
	if (!p->loop || !net_loop_on_signal(p->loop, SIGTERM, on_signal, p, e)
	    || !net_loop_on_signal(p->loop, SIGINT, on_signal, p, e))
		return false;
	p->agent = agent_new(p->loop, c, &p->env, on_stopped, p, e);
	return p->agent != NULL;
}

static void
announce(struct running *p, const struct agent_config *c)
{
	log_event(&p->env.log, LOG_INFO, "started", "control", c->s->control_ws, "app",
	    c->id.app_name, "agent", c->id.agent_id, "backend", c->s->backend_url, "quotes",
	    c->sim_url ? "simulated" : "configfs-tsm", NULL);
	if (c->sim_url)
		log_event(&p->env.log, LOG_WARN, "simulated_quotes", "hint",
		    "these quotes prove nothing; use EE_QUOTE_PROVIDER=tsm in a TDX VM", NULL);
	if (c->claims_absent)
		log_event(&p->env.log, LOG_WARN, "no_claims_file", "file", c->s->claims_file,
		    "hint",
		    "claims are the agent's own only; a sealed network wants sealed:true there",
		    NULL);
	for (size_t i = 0; i < c->n_controls; i++)
		if (!url_is_tls(&c->controls[i].url))
			log_event(&p->env.log, LOG_WARN, "plaintext_tunnel", "control",
			    c->controls[i].origin, "hint",
			    "whoever is on the way reads everything; use wss://", NULL);
}

static int
run(struct running *p, const struct settings *s)
{
	struct agent_config config;
	struct err e = {0};
	int rc = CONFIG_EXIT_USAGE;

	if (!agent_config_load(&config, s, &p->env, &e)) {
		log_failure(&p->env.log, LOG_ERROR, "bad_settings", &e, NULL);
		goto out;
	}
	daemon_prepare(&p->env.log);
	if (!start(p, &config, &e)) {
		log_failure(&p->env.log, LOG_ERROR, "cannot_start", &e, NULL);
		rc = e.reason == REASON_BAD_SETTING ? CONFIG_EXIT_USAGE : 1;
		goto out;
	}
	announce(p, &config);
	daemon_notify("READY=1");
	net_loop_run(p->loop);
	log_event(&p->env.log, LOG_INFO, "stopped", NULL);
	rc = 0;
out:
	agent_free(p->agent);
	net_loop_free(p->loop);
	agent_config_fini(&config);
	return rc;
}

int
main(int argc, char **argv)
{
	struct running p = {0};
	struct settings s;
	int rc = config_start(PROGRAM_AGENT, argc, argv, &s, &p.env);

	if (rc < 0)
		rc = run(&p, &s);
	settings_fini(&s);
	return rc;
}
