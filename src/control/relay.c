#include "control/relay.h"

#include <stdlib.h>

/* Answers of requests in flight are looked for overdue ones this often. */
#define OVERDUE_EVERY_MS 250

/* Stands between asker and carrier: an exchange of its own on one side, its events on the other. */
struct relay {
	struct exchange x; /* what the asker holds */
	struct exchange *inner;
	struct tunnel *t;
};

static void
relay_free(struct relay *r)
{
	/* The replica leaves the registry only after its requests were reset. */
	if (r->t->replica)
		replica_end(r->t->replica);
	free(r);
}

static void
relay_body(struct exchange *x, struct span data)
{
	exchange_body(((struct relay *)x)->inner, data);
}

static void
relay_end(struct exchange *x, const struct fields *trailers)
{
	exchange_end(((struct relay *)x)->inner, trailers);
}

static void
relay_reset(struct exchange *x)
{
	struct relay *r = (struct relay *)x;

	exchange_reset(r->inner);
	relay_free(r);
}

static void
relay_credit(struct exchange *x, size_t n)
{
	exchange_credit(((struct relay *)x)->inner, n);
}

static const struct exchange_ops relay_ops = {relay_body, relay_end, relay_reset, relay_credit};

static void
on_reset(void *ctx, const struct err *why)
{
	struct relay *r = ctx;
	const struct exchange_events *events = r->x.events;
	void *asker = r->x.ctx;

	relay_free(r);
	events->reset(asker, why);
}

static void
on_head(void *ctx, int status, const struct fields *fields)
{
	struct relay *r = ctx;
	struct err e = {0};

	if (!session_may_carry(&r->t->session, env_now_ms(r->t->c->env))) {
		(void)err_set(
		    &e, ERR_EXPIRED, REASON_VERIFY_TIMEOUT, "lease ended under a request");
		exchange_reset(r->inner);
		on_reset(r, &e);
		return;
	}
	r->x.events->head(r->x.ctx, status, fields);
}

static void
on_body(void *ctx, struct span data)
{
	struct relay *r = ctx;

	r->x.events->body(r->x.ctx, data);
}

static void
on_interim(void *ctx, int status, const struct fields *fields)
{
	struct relay *r = ctx;

	if (r->x.events->interim)
		r->x.events->interim(r->x.ctx, status, fields);
}

static void
on_end(void *ctx, const struct fields *trailers)
{
	struct relay *r = ctx;
	const struct exchange_events *events = r->x.events;
	void *asker = r->x.ctx;

	relay_free(r);
	events->end(asker, trailers);
}

static void
on_credit(void *ctx, size_t n)
{
	struct relay *r = ctx;

	r->x.events->credit(r->x.ctx, n);
}

static const struct exchange_events relay_events = {.head = on_head,
    .interim = on_interim,
    .body = on_body,
    .end = on_end,
    .reset = on_reset,
    .credit = on_credit};

static void
on_overdue(void *ctx)
{
	struct tunnel *t = ctx;

	v1_tick(t->v1, env_now_ms(t->c->env));
	if (v1_in_flight(t->v1) == 0)
		net_timer_stop(&t->overdue);
}

static struct tunnel *
pick(struct control *c, struct span app_name, struct err *e)
{
	struct replica *replica = NULL;
	struct tunnel *t;

	if (c->draining) {
		(void)err_set(e, ERR_NOT_NOW, REASON_DRAINING, "stopping");
		return NULL;
	}
	if (!registry_pick(c->registry, app_name, control_now(c), &replica, e))
		return NULL;
	t = replica_session(replica);
	if (!session_may_carry(&t->session, env_now_ms(c->env))) {
		(void)err_set(e, ERR_EXPIRED, REASON_VERIFY_TIMEOUT, "no lease");
		return NULL;
	}
	return t;
}

struct exchange *
relay_open(struct control *c, struct span app_name, const struct exchange_request *rq,
    const struct exchange_events *events, void *ctx, struct err *e)
{
	struct tunnel *t = pick(c, app_name, e);
	struct relay *r;

	if (!t)
		return NULL;
	r = calloc(1, sizeof *r);
	if (!r) {
		(void)err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "request");
		return NULL;
	}
	r->t = t;
	r->x = (struct exchange){.ops = &relay_ops, .events = events, .ctx = ctx};
	r->inner = v1_open(t->v1, rq, &relay_events, r, env_now_ms(c->env), e);
	if (!r->inner) {
		free(r);
		return NULL;
	}
	r->x.send_credit = r->inner->send_credit;
	replica_begin(t->replica);
	net_defer_call(c->loop, &t->flush, on_overdue, t);
	if (!net_timer_is_running(&t->overdue))
		net_timer_repeat(c->loop, &t->overdue, OVERDUE_EVERY_MS, on_overdue, t);
	return &r->x;
}
