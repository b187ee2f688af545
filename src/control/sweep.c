#include "control/sweep.h"

#include "control/audit.h"
#include "control/certificate.h"
#include "control/tunnel_endpoint.h"

#define SWEEP_EVERY_S  30
#define FORGET_AT_ONCE 64

static void on_sweep(void *ctx);

static void
look_in(struct control *c, uint64_t wait_ms)
{
	c->sweep_ms = env_now_ms(c->env) + wait_ms;
	net_timer_start(c->loop, &c->sweep, wait_ms, on_sweep, c);
}

static void
mark_swept(void *ctx, void *session, bool expired)
{
	struct tunnel *t = session;

	t->swept = expired ? TUNNEL_EXPIRED : TUNNEL_EXPIRING;
}

/* Names that are free again take no room. A row that stays because the disk is busy is met again after
 * the next start. */
static void
forget_names(struct control *c)
{
	struct store_change ch[2] = {{.op = STORE_DELETE_APP}, {.op = STORE_ADD_AUDIT}};
	char *name = ch[0].u.app.name;
	struct err e = {0};

	for (int i = 0; i < FORGET_AT_ONCE && c->store; i++) {
		if (!registry_forget(c->registry, env_now_s(c->env), name))
			return;
		log_event(&c->env->log, LOG_INFO, "name_freed", "app", name, NULL);
		audit_fill(c, &ch[1].u.audit,
		    &(struct audit_note){.event = "name_freed", .app_name = name});
		if (!control_submit(c, ch, 2, NULL, NULL, &e))
			log_failure(
			    &c->env->log, LOG_ERROR, "remove_failed", &e, "app", name, NULL);
		err_clear(&e);
	}
}

/* Two passes: what a session does at its end changes what the sweep walks over. */
static void
on_sweep(void *ctx)
{
	struct control *c = ctx;

	registry_sweep(c->registry, env_now_s(c->env), mark_swept, NULL);
	for (struct tunnel *t = c->tunnels; t; t = t->next) {
		enum tunnel_swept swept = t->swept;

		t->swept = TUNNEL_FRESH;
		if (swept == TUNNEL_EXPIRED)
			tunnel_event(t, SESSION_EV_EXPIRED);
		else if (swept == TUNNEL_EXPIRING)
			tunnel_warn(t);
	}
	standing_look(c);
	forget_names(c);
	audit_untold(c);
	certificate_look(c);
	sweep_begin(c);
}

/* Half a minute is for a wall clock that was set meanwhile. */
void
sweep_begin(struct control *c)
{
	int64_t now = env_now_s(c->env), first = standing_next_end(c);
	int64_t next = registry_next_end(c->registry, now), wait;

	if (first < next)
		next = first;
	wait = next > now ? next - now : 0;
	look_in(c, 1000 * (uint64_t)(wait < SWEEP_EVERY_S ? wait : SWEEP_EVERY_S));
}

void
sweep_note_end(struct control *c, int64_t at_s)
{
	int64_t wait = at_s - env_now_s(c->env);
	uint64_t wait_ms = wait > 0 ? 1000 * (uint64_t)wait : 0;

	if (env_now_ms(c->env) + wait_ms < c->sweep_ms)
		look_in(c, wait_ms);
}
