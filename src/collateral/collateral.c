#include "collateral/collateral_impl.h"

#include <assert.h>
#include <openssl/sha.h>
#include <stdlib.h>

#define TIMEOUT_S 20
#define REFRESH_S (4 * 3600)
#define WARN_DAYS 10
#define TICK_MIN  100u
#define TICK_MAX  30000u

struct collateral *
collateral_ref(struct collateral *col)
{
	col->refs++;
	return col;
}

void
collateral_unref(struct collateral *col)
{
	if (col == NULL)
		return;
	assert(col->refs > 0);
	if (--col->refs > 0)
		return;
	eedcap_collateral_free(col->handle);
	buf_fini(&col->bundle);
	free(col);
}

/* -- entries -- */

static void
entry_unlink(struct entry *en)
{
	if (en->prev)
		en->prev->next = en->next;
	else
		en->client->entries = en->next;
	if (en->next)
		en->next->prev = en->prev;
	en->next = en->prev = NULL;
	en->client->n--;
}

static void
entry_link(struct entry *en)
{
	en->prev = NULL;
	en->next = en->client->entries;
	if (en->next)
		en->next->prev = en;
	en->client->entries = en;
	en->client->n++;
}

static void
entry_free(struct entry *en)
{
	if (en->gather)
		gather_cancel(en->gather);
	net_timer_stop(&en->patience);
	if (en->col)
		en->client->bytes -= en->col->bundle.n;
	collateral_unref(en->col);
	free(en);
}

/* Drop the entry that was used longest ago and that nobody needs now. */
static bool
evict_one(struct collateral_client *c, const struct entry *but)
{
	struct entry *last = NULL;

	for (struct entry *en = c->entries; en; en = en->next)
		if (en != but && en->gather == NULL && en->waits == NULL)
			last = en;
	if (last == NULL)
		return false;
	entry_unlink(last);
	entry_free(last);
	return true;
}

struct entry *
entry_get(struct collateral_client *c, const struct collateral_key *k)
{
	struct entry *en;

	for (en = c->entries; en && !key_same(&en->key, k); en = en->next)
		;
	if (en) {
		entry_unlink(en);
		entry_link(en);
		if (k->root_crl_url[0] != '\0')
			en->key = *k;
		return en;
	}
	if (c->n >= ENTRIES_MAX)
		(void)evict_one(c, NULL);
	en = calloc(1, sizeof *en);
	if (en == NULL)
		return NULL;
	en->client = c;
	en->key = *k;
	en->used_ms = env_now_ms(c->env);
	entry_link(en);
	return en;
}

bool
entry_hold(struct entry *en, struct eedcap_collateral *handle, struct buf *bundle)
{
	struct collateral_client *c = en->client;
	struct collateral *col = calloc(1, sizeof *col);

	if (col == NULL) {
		eedcap_collateral_free(handle);
		buf_fini(bundle);
		return false;
	}
	*col = (struct collateral){.handle = handle, .bundle = *bundle, .refs = 1};
	SHA256(col->bundle.p, col->bundle.n, col->sha256);
	buf_init(bundle, 1);
	if (en->col)
		c->bytes -= en->col->bundle.n;
	collateral_unref(en->col);
	en->col = col;
	c->bytes += col->bundle.n;
	while (c->bytes > BYTES_MAX && evict_one(c, en))
		;
	if (c->changed)
		c->changed(c->changed_ctx, &en->key);
	return true;
}

bool
entry_is_usable(const struct entry *en)
{
	int64_t now = env_now_s(en->client->env);

	return en->col && now >= eedcap_collateral_start(en->col->handle)
	       && now <= eedcap_collateral_expiry(en->col->handle);
}

/* -- waits -- */

static void
wait_unlink(struct collateral_wait *w)
{
	if (w->prev)
		w->prev->next = w->next;
	else
		w->entry->waits = w->next;
	if (w->next)
		w->next->prev = w->prev;
}

static void
deliver(void *ctx)
{
	struct collateral_wait *w = ctx, copy = *w;

	wait_unlink(w);
	free(w);
	copy.done(copy.col, copy.col ? NULL : &copy.why, copy.ctx);
	collateral_unref(copy.col);
}

/* What came out of its time, and nothing else did, is given too: the verifier names it. */
static void
wait_settle(struct collateral_wait *w)
{
	struct entry *en = w->entry;

	if (en->col && (entry_is_usable(en) || en->why.code == ERR_NONE))
		w->col = collateral_ref(en->col);
	else if (en->why.code != ERR_NONE)
		w->why = en->why;
	else
		(void)err_set_arg(&w->why, ERR_IO, REASON_DCAP_ERROR, "no_memory", "collateral");
	net_defer_call(en->client->plan.loop, &w->defer, deliver, w);
}

void
entry_settle(struct entry *en)
{
	net_timer_stop(&en->patience);
	for (struct collateral_wait *w = en->waits; w; w = w->next)
		if (w->defer.loop == NULL)
			wait_settle(w);
}

static void
settle_held(struct entry *en)
{
	en->client->count.answered_held++;
	entry_settle(en);
}

static void
on_impatient(void *ctx)
{
	settle_held(ctx);
}

/* -- asking -- */

/* How long the request that runs is still waited for: once for all who come. */
static uint64_t
patience_left(const struct entry *en)
{
	uint64_t gone = env_now_ms(en->client->env) - en->began_ms;

	return en->gather && gone < PATIENCE_MS ? PATIENCE_MS - gone : 0;
}

/* What was held over a restart, or while no service answered, may have been revoked since. */
static bool
is_confirmed(const struct entry *en)
{
	struct collateral_client *c = en->client;

	return en->confirmed && env_now_ms(c->env) - en->confirmed_ms < 2 * c->refresh_ms;
}

void
entry_serve(struct entry *en)
{
	struct collateral_client *c = en->client;
	uint64_t now = env_now_ms(c->env);
	bool due = !en->tried || now >= en->due_ms;

	/* Before the folder was read for the first time; what is read later makes nobody wait. */
	if (c->keeper.loading && !c->keeper.loaded)
		return;
	if (en->gather == NULL && due)
		renew_start(en);
	if (entry_is_usable(en) && (is_confirmed(en) || patience_left(en) == 0)) {
		settle_held(en);
	} else if (entry_is_usable(en)) {
		if (!net_timer_is_running(&en->patience))
			net_timer_start(
			    c->plan.loop, &en->patience, patience_left(en), on_impatient, en);
	} else if (en->gather == NULL) {
		entry_settle(en);
	}
}

struct collateral_wait *
collateral_get(struct collateral_client *c, const struct collateral_key *k,
    void (*done)(struct collateral *col, const struct err *why, void *ctx), void *ctx,
    struct err *e)
{
	struct collateral_wait *w = calloc(1, sizeof *w);
	struct entry *en = w ? entry_get(c, k) : NULL;

	if (en == NULL) {
		free(w);
		(void)err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "collateral");
		return NULL;
	}
	en->used_ms = env_now_ms(c->env);
	w->entry = en;
	w->done = done;
	w->ctx = ctx;
	w->next = en->waits;
	if (w->next)
		w->next->prev = w;
	en->waits = w;
	entry_serve(en);
	return w;
}

void
collateral_cancel(struct collateral_wait *w)
{
	net_defer_stop(&w->defer);
	wait_unlink(w);
	collateral_unref(w->col);
	free(w);
}

/* -- the client -- */

static bool
set_up(struct collateral_client *c, struct net_loop *l, struct fetcher *f, const struct env *env,
    const struct collateral_opts *o, struct err *e)
{
	uint64_t timeout_ms = (uint64_t)(o->timeout_s ? o->timeout_s : TIMEOUT_S) * 1000;
	struct flights both = {.env = env, .fetcher = f, .timeout_ms = timeout_ms};

	c->env = env;
	c->log = o->log ? o->log : &c->silent;
	c->refresh_ms = (uint64_t)(o->refresh_s ? o->refresh_s : REFRESH_S) * 1000;
	c->warn_days = o->warn_days ? o->warn_days : WARN_DAYS;
	c->changed = o->changed;
	c->changed_ctx = o->changed_ctx;
	c->plan.loop = l;
	c->plan.env = env;
	c->plan.early = o->early;
	c->plan.dcap = o->dcap;
	c->plan.marks = &c->marks;
	c->plan.service = c->plan.root_crl = both;
	if (o->service)
		c->plan.service.fetcher = o->service;
	return gather_plan_base(&c->plan, o->url, e);
}

struct collateral_client *
collateral_client_new(struct net_loop *l, struct fetcher *f, const struct env *env,
    const struct collateral_opts *o, struct err *e)
{
	struct collateral_client *c = calloc(1, sizeof *c);
	uint64_t every;

	if (c == NULL) {
		(void)err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "collateral client");
		return NULL;
	}
	if (!set_up(c, l, f, env, o, e)) {
		free(c);
		return NULL;
	}
	every = c->refresh_ms / 8;
	every = every < TICK_MIN ? TICK_MIN : every > TICK_MAX ? TICK_MAX : every;
	net_timer_repeat(l, &c->tick, every, renew_tick, c);
	keep_init(c, o->dir, o->root_key);
	keep_load(c);
	return c;
}

void
collateral_client_reload(struct collateral_client *c)
{
	for (struct entry *en = c->entries; en; en = en->next)
		en->due_ms = 0;
	keep_load(c);
	/* Else once the folder was read, so that neither replaces what the other has just taken. */
	if (!c->keeper.loading)
		renew_tick(c);
}

void
collateral_client_free(struct collateral_client *c)
{
	if (c == NULL)
		return;
	keep_close(c);
	net_timer_stop(&c->tick);
	while (c->entries) {
		struct entry *en = c->entries;

		while (en->waits)
			collateral_cancel(en->waits);
		entry_unlink(en);
		entry_free(en);
	}
	free(c);
}
