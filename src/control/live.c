/* live.c - the passes over the live fleet: when they run, and what follows for whom. */
#include "control/rejudge.h"

/* Collateral comes in several entries at once: one pass for all of them. */
#define SOON_MS 200
/* A pass that could not be made, or not for all, is tried again; later each time. */
#define RETRY_MS     60000
#define RETRY_MAX_MS ((uint64_t)3600 * 1000)

static void on_soon(void *ctx);

static void
look_soon(struct control *c, uint64_t ms)
{
	net_timer_start(c->loop, &c->live.soon, ms, on_soon, c);
}

static uint64_t
retry_ms(struct control *c)
{
	uint64_t ms = 2 * c->live.retry_ms;

	c->live.retry_ms = ms < RETRY_MS ? RETRY_MS : ms > RETRY_MAX_MS ? RETRY_MAX_MS : ms;
	return c->live.retry_ms;
}

static void
refuse(struct control *c, struct tunnel *t, const struct err *why)
{
	struct session_input in = {.ev = SESSION_EV_FATAL};
	char token[ERR_TOKEN_MAX];
	struct err e = {0};

	if (!c->live.rules_now) {
		in.err = why;
		tunnel_step(t, &in);
		return;
	}
	(void)err_token(why, token);
	(void)err_set(&e, ERR_POLICY, REASON_POLICY, "%s: %s", token, why->detail);
	(void)err_show(&e, "the rules of %s have changed: %s", t->session.id->network, token);
	in.err = &e;
	tunnel_step(t, &in);
}

static void
on_one(void *ctx, struct tunnel *t, const struct quote_view *v,
    const struct eedcap_verdict *verdict, const struct err *why)
{
	struct control *c = ctx;

	if (why && (why->code == ERR_IO || why->code == ERR_NOMEM)) {
		/* A service that is out ends nothing by itself. */
		c->live.unjudged++;
		return;
	}
	c->live.judged++;
	if (v)
		t->earned.tcb = v->tcb;
	if (!why) {
		standing_renew(
		    t, standing_of(networks_find(&c->nets, t->session.id->network), v, verdict));
		return;
	}
	c->live.refused++;
	refuse(c, t, why);
}

static void
on_end(void *ctx, const struct err *why)
{
	struct control *c = ctx;
	struct log_line b;

	c->live.pass = NULL;
	if (c->draining)
		return;
	if (why) {
		log_failure(&c->env->log, LOG_WARN, "rejudge_failed", why, NULL);
		c->live.wanted = true;
		c->live.rules = c->live.rules || c->live.rules_now;
		look_soon(c, retry_ms(c));
		return;
	}
	log_begin(&b, "rejudged");
	log_str(&b, "why", c->live.rules_now ? "rules" : "collateral");
	log_int(&b, "judged", (int64_t)c->live.judged);
	log_int(&b, "refused", (int64_t)c->live.refused);
	log_int(&b, "unjudged", (int64_t)c->live.unjudged);
	log_end(&c->env->log, LOG_INFO, &b);
	if (!c->live.unjudged)
		c->live.retry_ms = 0;
	if (c->live.wanted) {
		look_soon(c, SOON_MS);
	} else if (c->live.unjudged) {
		c->live.wanted = true;
		c->live.rules = c->live.rules_now;
		look_soon(c, retry_ms(c));
	}
}

static void
on_soon(void *ctx)
{
	struct control *c = ctx;
	struct rejudge_ops ops = {on_one, on_end, c};
	struct err e = {0};

	if (c->draining || c->live.pass)
		return;
	c->live.rules_now = c->live.rules;
	c->live.wanted = c->live.rules = false;
	c->live.judged = c->live.refused = c->live.unjudged = 0;
	c->live.pass = rejudge_start(c, NULL, NULL, &ops, &e);
	if (!c->live.pass)
		on_end(c, &e);
}

void
rejudge_want(struct control *c, bool rules)
{
	if (c->draining)
		return;
	c->live.wanted = true;
	c->live.rules = c->live.rules || rules;
	if (!c->live.pass)
		look_soon(c, rules ? 0 : SOON_MS);
}

void
rejudge_on_collateral(void *ctx, const struct collateral_key *k)
{
	struct control *c = ctx;

	c->collateral_age++;
	rejudge_want(c, false);
}

void
rejudge_close(struct control *c)
{
	net_timer_stop(&c->live.soon);
	rejudge_cancel(c->live.pass);
	c->live.pass = NULL;
}
