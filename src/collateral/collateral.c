#include "collateral/collateral.h"

#include "collateral/gather.h"
#include <assert.h>
#include <stdlib.h>

#define ENTRIES_MAX 64
/* Intel issues new documents every few weeks and a new CRL when a key leaks: asked for again this
 * often, though what came may be valid for longer. */
#define FRESH_MS (4u * 3600 * 1000)
/* How long a failure is answered without asking again; and, where what is held has not expired,
 * how long that is given before the next try. */
#define FAILED_MS 10000u
#define RETRY_MS  60000u

struct entry;

struct collateral_wait {
	struct collateral_wait *next, *prev; /* among the entry's */
	struct entry *entry;
	struct net_defer defer; /* runs once the outcome is known */
	struct collateral *col; /* a reference, or NULL and why */
	struct err why;
	void (*done)(struct collateral *col, const struct err *why, void *ctx);
	void *ctx;
};

struct entry {
	struct entry *next, *prev; /* among the client's; the most lately used first */
	struct collateral_client *client;
	struct collateral_key key;
	struct collateral *col; /* what came last, or NULL */
	struct gather *gather; /* runs, or NULL */
	bool failed; /* the last one did */
	struct err why;
	uint64_t landed_ms; /* when it ended */
	struct collateral_wait *waits;
};

struct collateral_client {
	const struct env *env;
	struct gather_plan plan;
	struct entry *entries;
	size_t n;
	void (*changed)(void *ctx, const struct collateral_key *k);
	void *changed_ctx;
};

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
	buf_fini(&col->text);
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
	collateral_unref(en->col);
	free(en);
}

/* Drop the entry that was used longest ago and that nobody needs now. */
static void
evict_one(struct collateral_client *c)
{
	struct entry *last = NULL;

	for (struct entry *en = c->entries; en; en = en->next)
		if (en->gather == NULL && en->waits == NULL)
			last = en;
	if (last) {
		entry_unlink(last);
		entry_free(last);
	}
}

static bool
same_key(const struct collateral_key *a, const struct collateral_key *b)
{
	return memcmp(a->fmspc, b->fmspc, sizeof a->fmspc) == 0 && a->ca == b->ca
	       && a->tee == b->tee;
}

static struct entry *
entry_get(struct collateral_client *c, const struct collateral_key *k)
{
	struct entry *en;

	for (en = c->entries; en; en = en->next) {
		if (same_key(&en->key, k)) {
			entry_unlink(en);
			entry_link(en);
			return en;
		}
	}
	if (c->n >= ENTRIES_MAX)
		evict_one(c);
	en = calloc(1, sizeof *en);
	if (en == NULL)
		return NULL;
	en->client = c;
	en->key = *k;
	entry_link(en);
	return en;
}

static bool
is_unexpired(const struct entry *en)
{
	return en->col && env_now_s(en->client->env) < eedcap_collateral_expiry(en->col->handle);
}

/* Say whether the entry answers as it stands, well or badly. */
static bool
is_fresh(const struct entry *en)
{
	uint64_t age = env_now_ms(en->client->env) - en->landed_ms;

	if (en->failed)
		return age < (is_unexpired(en) ? RETRY_MS : FAILED_MS);
	/* Expired as it came: what to think of it is the verifier's business, but not for long. */
	return en->col && age < (is_unexpired(en) ? FRESH_MS : FAILED_MS);
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

/* The outcome is known: tell later, from the loop. */
static void
wait_settle(struct collateral_wait *w)
{
	struct entry *en = w->entry;

	if (en->failed && !is_unexpired(en))
		w->why = en->why;
	else
		w->col = collateral_ref(en->col);
	net_defer_call(en->client->plan.loop, &w->defer, deliver, w);
}

static void
landed(struct entry *en, const struct err *why)
{
	en->landed_ms = env_now_ms(en->client->env);
	en->failed = why != NULL;
	err_clear(&en->why);
	if (why)
		en->why = *why;
	for (struct collateral_wait *w = en->waits; w; w = w->next)
		if (w->defer.loop == NULL)
			wait_settle(w);
}

static void
on_gathered(struct eedcap_collateral *handle, const struct err *why, void *ctx)
{
	struct entry *en = ctx;
	struct collateral *col = handle ? calloc(1, sizeof *col) : NULL;
	struct err e = {0};

	en->gather = NULL;
	if (handle && col == NULL) {
		eedcap_collateral_free(handle);
		(void)err_set_arg(&e, ERR_IO, REASON_DCAP_ERROR, "no_memory", "collateral");
		why = &e;
	}
	if (col) {
		*col = (struct collateral){.handle = handle, .refs = 1};
		collateral_unref(en->col);
		en->col = col;
	}
	landed(en, why);
	if (col && en->client->changed)
		en->client->changed(en->client->changed_ctx, &en->key);
}

void
collateral_client_reload(struct collateral_client *c)
{
	for (struct entry *en = c->entries; en; en = en->next) {
		struct err why = {0};

		if (en->gather)
			continue;
		en->gather = gather_start(&c->plan, &en->key, on_gathered, en, &why);
		if (en->gather == NULL)
			landed(en, &why);
	}
}

/* -- the client -- */

struct collateral_wait *
collateral_get(struct collateral_client *c, const struct collateral_key *k,
    void (*done)(struct collateral *col, const struct err *why, void *ctx), void *ctx,
    struct err *e)
{
	struct collateral_wait *w = calloc(1, sizeof *w);
	struct entry *en = w ? entry_get(c, k) : NULL;
	struct err why = {0};

	if (en == NULL) {
		free(w);
		(void)err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "collateral");
		return NULL;
	}
	w->entry = en;
	w->done = done;
	w->ctx = ctx;
	w->next = en->waits;
	if (w->next)
		w->next->prev = w;
	en->waits = w;
	if (en->gather)
		return w;
	if (is_fresh(en)) {
		wait_settle(w);
		return w;
	}
	en->gather = gather_start(&c->plan, k, on_gathered, en, &why);
	if (en->gather == NULL)
		landed(en, &why);
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

struct collateral_client *
collateral_client_new(struct net_loop *l, struct fetcher *f, const struct env *env,
    const struct collateral_opts *o, struct err *e)
{
	struct collateral_client *c = calloc(1, sizeof *c);

	if (c == NULL) {
		(void)err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "collateral client");
		return NULL;
	}
	c->env = env;
	c->plan.loop = l;
	c->plan.fetcher = f;
	c->plan.dcap = o->dcap;
	c->plan.early = o->early;
	c->changed = o->changed;
	c->changed_ctx = o->changed_ctx;
	if (!gather_plan_base(&c->plan, o->url, e)) {
		free(c);
		return NULL;
	}
	return c;
}

void
collateral_client_free(struct collateral_client *c)
{
	if (c == NULL)
		return;
	while (c->entries) {
		struct entry *en = c->entries;

		while (en->waits)
			collateral_cancel(en->waits);
		entry_unlink(en);
		entry_free(en);
	}
	free(c);
}
