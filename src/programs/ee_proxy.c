/* ee_proxy.c - the raw proxy alone: reads the settings, makes the loop, the way to the control
 * plane and the front, and leaves in good order on SIGTERM. Holds no logic of its own. */
#include "front/front.h"
#include "front/upstream.h"
#include "net/loop.h"
#include "os/activation.h"
#include "os/config.h"
#include "os/daemon.h"

#include <signal.h>

/* Requests that run have this long to end after the first signal; looked after this often. */
#define GRACE_MS 30000
#define LOOK_MS  50

struct running {
	struct net_loop *loop;
	struct upstream *upstream;
	struct front *front;
	struct env env;
	struct activation sockets;
	struct net_timer look;
	uint64_t give_up_ms;
	bool stopping;
};

static void
on_closed(void *ctx)
{
	struct running *p = ctx;

	p->front = NULL;
	net_loop_stop(p->loop);
}

static void
on_look(void *ctx)
{
	struct running *p = ctx;

	if (!p->front || front_is_idle(p->front) || net_loop_now_ms(p->loop) >= p->give_up_ms) {
		net_timer_stop(&p->look);
		front_close(p->front);
	}
}

/* The first signal lets requests end; the second does not wait for them. */
static void
on_signal(struct net_loop *l, int signo, void *ctx)
{
	struct running *p = ctx;

	if (p->stopping) {
		front_close(p->front);
		return;
	}
	p->stopping = true;
	log_event(&p->env.log, LOG_INFO, "stopping", "signal",
	    signo == SIGINT ? "SIGINT" : "SIGTERM", NULL);
	daemon_notify("STOPPING=1");
	front_drain(p->front);
	p->give_up_ms = net_loop_now_ms(l) + GRACE_MS;
	net_timer_repeat(l, &p->look, LOOK_MS, on_look, p);
}

static struct exchange *
on_open(void *ctx, struct span app, const struct exchange_request *rq,
    const struct exchange_events *events, void *events_ctx, struct err *e)
{
	struct running *p = ctx;

	return upstream_open(p->upstream, app, rq, events, events_ctx, e);
}

static MUST_CHECK bool
start(struct running *p, const struct settings *s, struct err *e)
{
	static const struct front_ops ops = {on_open, on_closed};
	struct front_opts o = {
	    .name = "ee-proxy",
	    .bind = s->proxy_bind,
	    .port = s->proxy_port,
	    .rules = {s->proxy_domain, s->proxy_trusted},
	    .timeout_ms = (uint64_t)s->proxy_timeout_sec * 1000,
	    .proxy_protocol_from = s->proxy_protocol_from,
	    .access_log = strcmp(s->access_log, "on") == 0,
	};

	if (!activation_take(&p->sockets, e))
		return false;
	o.inherited = activation_claim(&p->sockets, "proxy");
	if (p->sockets.n) {
		(void)err_set(e, ERR_USAGE, REASON_LISTEN_FAILED,
		    "socket handed over as %.60s: must be proxy, once", p->sockets.sockets[0].name);
		return err_show(e, ACTIVATION_TODO);
	}
	p->loop = net_loop_new(e);
	if (!p->loop || !net_loop_on_signal(p->loop, SIGTERM, on_signal, p, e)
	    || !net_loop_on_signal(p->loop, SIGINT, on_signal, p, e))
		return false;
	p->upstream = upstream_new(p->loop, s->control_url, s->proxy_token, e);
	if (!p->upstream)
		return false;
	p->front = front_open(p->loop, &p->env, &o, &ops, p, e);
	return p->front != NULL;
}

static int
run(struct running *p, const struct settings *s)
{
	struct err e = {0};
	bool ok = start(p, s, &e);

	if (ok) {
		struct log_line b;

		log_begin(&b, "listening");
		log_str(&b, "addr", s->proxy_bind);
		log_int(&b, "port", front_port(p->front));
		log_str(&b, "control", s->control_url);
		log_end(&p->env.log, LOG_INFO, &b);
		daemon_notify("READY=1");
		net_loop_run(p->loop);
	} else {
		log_failure(&p->env.log, LOG_ERROR, "cannot_start", &e, "hint",
		    e.shown[0] ? e.shown : reason_todo(e.reason), NULL);
	}
	net_loop_free(p->loop);
	upstream_free(p->upstream);
	activation_close(&p->sockets);
	return ok ? 0 : 1;
}

int
main(int argc, char **argv)
{
	struct running p = {0};
	struct settings s;
	int rc = config_start(PROGRAM_PROXY, argc, argv, &s, &p.env);

	if (rc < 0) {
		daemon_prepare(&p.env.log);
		rc = run(&p, &s);
	}
	settings_fini(&s);
	return rc;
}
