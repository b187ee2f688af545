/* link.h - one control plane: the tunnel to it, and everything that hangs on the tunnel: when to
 * dial again, the challenge that is open, the requests. Links know nothing of each other; what they
 * share (settings, backend, health) belongs to the agent and outlives them. */
#ifndef AGENT_LINK_H
#define AGENT_LINK_H

#include "agent/backend.h"
#include "agent/config.h"
#include "agent/health.h"
#include "agent/provider.h"

struct link;

struct link_opts {
	struct net_loop *loop;
	const struct agent_config *config;
	const struct agent_control *control; /* of the config */
	struct env *env;
	struct tls_ctx *tls; /* NULL where nothing is dialled over TLS */
	struct backend *backend;
	struct budget_share *share; /* of the backend's budget */
	const struct health *health;
	uint64_t dial_in_ms; /* the first dial; a successor's comes with jitter */
	/* Called when link_is_attested, _is_draining or _is_over may say something else. The link must not be
	 * freed from there. */
	void (*changed)(void *ctx);
	void *ctx;
};

/* Make a link; it dials when the loop runs. Takes the provider, which is its own, in either case. */
MUST_CHECK struct link *link_new(
    const struct link_opts *o, struct provider *provider, struct err *e);

/* Say to the control plane that the backend is well, or is not. */
void link_say_health(struct link *l, bool pass);

/* Take leave: have no more requests sent here, finish those that came within grace_ms, close
 * (1001). Dials no more. */
void link_leave(struct link *l, uint64_t grace_ms);

bool link_is_attested(const struct link *l);

/* The control plane stops and a successor waits at its address: make a link to that one, while
 * this one finishes what it has. */
bool link_is_draining(const struct link *l);

/* Dial no more: another link does. What runs goes on until the control plane closes. */
void link_retire(struct link *l);

/* After link_leave or link_retire: the tunnel has ended. */
bool link_is_over(const struct link *l);

/* End at once what is left. Takes NULL. */
void link_free(struct link *l);

#endif
