#include "control/relay.h"

#include "control/again.h"

#include <stdlib.h>

/* Stands between asker and carrier: an exchange of its own on one side, its events on the other. */
struct relay {
	struct exchange x; /* what the asker holds */
	struct exchange *inner;
	struct control *c;
	struct tunnel *t;
	struct again *again; /* until the answer's head, where a second attempt may follow */
	size_t granted; /* credit for the answer, until its head */
	char app[ATTEST_APP_MAX + 1];
};

static bool
may_carry(const struct tunnel *t)
{
	return session_may_carry(&t->session, env_now_ms(t->c->env))
	       && env_now_s(t->c->env) <= t->standing.until_s;
}

/* The same for bytes that pass, whose time is noted. */
static bool
may_pass(struct tunnel *t)
{
	if (!may_carry(t))
		return false;
	t->last_byte_ms = env_now_ms(t->c->env);
	return true;
}

/* -- choosing -- */

static struct tunnel *
pick(struct control *c, struct span app_name, const struct replica *avoid, struct err *e)
{
	struct replica *replica = NULL;
	struct tunnel *t;

	/* Who was let in before a successor took over is served. */
	if (c->draining && !c->handed_over) {
		(void)err_set(e, ERR_NOT_NOW, REASON_DRAINING, "stopping");
		return NULL;
	}
	if (!registry_pick(c->registry, app_name, control_now(c), avoid, &replica, e))
		return NULL;
	t = replica_session(replica);
	if (!may_carry(t)) {
		(void)err_set(e, ERR_EXPIRED, REASON_VERIFY_TIMEOUT, "no lease");
		return NULL;
	}
	return t;
}

/* No longer with its tunnel. */
static void
unseat(struct relay *r)
{
	/* The replica leaves the registry only after its requests were reset. */
	if (r->t->replica)
		replica_end(r->t->replica);
	r->t = NULL;
	r->inner = NULL;
}

static void
relay_free(struct relay *r)
{
	if (r->t)
		unseat(r);
	again_free(r->again);
	free(r);
}

/* -- what the asker does -- */

static void
relay_body(struct exchange *x, struct span data)
{
	struct relay *r = (struct relay *)x;

	/* Where the lease has just ended the session's timer resets the exchange. */
	if (may_pass(r->t))
		exchange_body(r->inner, data);
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
	struct relay *r = (struct relay *)x;

	if (r->again)
		r->granted += n;
	exchange_credit(r->inner, n);
}

static const struct exchange_ops relay_ops = {relay_body, relay_end, relay_reset, relay_credit};

/* -- what the carrier says -- */

static const struct exchange_events relay_events;

static bool
seat(struct relay *r, struct tunnel *t, const struct exchange_request *rq, struct err *e)
{
	r->inner = carriage_open(t, rq, &relay_events, r, e);
	if (!r->inner)
		return false;
	r->t = t;
	r->x.send_credit = r->inner->send_credit;
	r->x.waits = r->inner->waits;
	replica_begin(t->replica);
	return true;
}

static void
log_again(const struct relay *r, const struct exchange_request *rq, const struct err *why)
{
	log_failure(&r->c->env->log, LOG_INFO, "request_repeated", why, "app", r->app, "request_id",
	    rq->request_id, NULL);
}

/* Ask another replica for the same. False: there is none, or it may not be. */
static bool
try_again(struct relay *r, const struct err *why)
{
	uint64_t now = env_now_ms(r->c->env);
	bool lost = why->reason == REASON_TUNNEL_LOST || !may_carry(r->t);
	struct again *again = r->again;
	struct exchange_request rq;
	struct err e = {0};
	struct tunnel *next;

	if (!again || !again_may(again, why, lost, now))
		return false;
	next = pick(r->c, span_str(r->app), r->t->replica, &e);
	if (!next)
		return false;
	unseat(r);
	r->again = NULL;
	rq = again_request(again, now);
	if (seat(r, next, &rq, &e)) {
		log_again(r, &rq, why);
		exchange_credit(r->inner, r->granted);
	}
	again_free(again);
	return r->inner != NULL;
}

static void
give_up(struct relay *r, const struct err *why)
{
	const struct exchange_events *events = r->x.events;
	void *asker = r->x.ctx;

	relay_free(r);
	events->reset(asker, why);
}

static void
on_reset(void *ctx, const struct err *why)
{
	if (!try_again(ctx, why))
		give_up(ctx, why);
}

/* False: the lease has ended, and the exchange with it. */
static bool
still_may(struct relay *r)
{
	struct err e = {0};

	if (may_pass(r->t))
		return true;
	(void)err_set(&e, ERR_EXPIRED, REASON_VERIFY_TIMEOUT, "lease ended under a request");
	exchange_reset(r->inner);
	give_up(r, &e);
	return false;
}

static void
on_head(void *ctx, int status, const struct fields *fields)
{
	struct relay *r = ctx;

	if (!still_may(r))
		return;
	again_free(r->again);
	r->again = NULL;
	r->x.events->head(r->x.ctx, status, fields);
}

static void
on_interim(void *ctx, int status, const struct fields *fields)
{
	struct relay *r = ctx;

	if (still_may(r) && r->x.events->interim)
		r->x.events->interim(r->x.ctx, status, fields);
}

static void
on_body(void *ctx, struct span data)
{
	struct relay *r = ctx;

	if (still_may(r))
		r->x.events->body(r->x.ctx, data);
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

/* -- opening -- */

static struct relay *
relay_new(struct control *c, struct span app_name, const struct exchange_events *events, void *ctx,
    struct err *e)
{
	struct relay *r = calloc(1, sizeof *r);

	if (!r || !span_cstr(app_name, r->app, sizeof r->app)) {
		free(r);
		(void)err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "request");
		return NULL;
	}
	r->c = c;
	r->x = (struct exchange){.ops = &relay_ops, .events = events, .ctx = ctx};
	return r;
}

/* The best replica, or where it takes none at this moment the next. */
static bool
seat_somewhere(struct relay *r, const struct exchange_request *rq, struct err *e)
{
	struct span app = span_str(r->app);
	struct err e2 = {0};
	struct tunnel *t = pick(r->c, app, NULL, e);

	if (!t)
		return false;
	if (replica_has_peers(t->replica))
		r->again = again_of(rq, env_now_ms(r->c->env));
	if (seat(r, t, rq, e))
		return true;
	again_free(r->again);
	r->again = NULL;
	if (!exchange_was_refused(e))
		return false;
	t = pick(r->c, app, t->replica, &e2);
	return t && seat(r, t, rq, e);
}

struct exchange *
relay_open(struct control *c, struct span app_name, const struct exchange_request *rq,
    const struct exchange_events *events, void *ctx, struct err *e)
{
	struct relay *r = relay_new(c, app_name, events, ctx, e);

	if (!r)
		return NULL;
	if (seat_somewhere(r, rq, e))
		return &r->x;
	relay_free(r);
	return NULL;
}
