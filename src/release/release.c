#include "release/release.h"

#include "release/flight.h"
#include "wire/message.h"
#include <stdio.h>
#include <stdlib.h>

#define ENTRIES_MAX 256
#define FRESH_MS    (5u * 60 * 1000)
/* How long a failure is answered without asking again. */
#define FAILED_MS 15000u

struct entry;

struct release_wait {
	struct release_wait *next, *prev; /* among the entry's */
	struct entry *entry;
	struct net_defer defer; /* runs once the outcome is known */
	bool failed;
	struct err why;
	void (*done)(const struct release_asset *a, const struct err *why, void *ctx);
	void *ctx;
};

struct entry {
	struct entry *next, *prev; /* among the client's; the most lately used first */
	struct release_client *client;
	char *repo, *tag;
	struct ground ground;
	bool flying;
	struct flight flight;
	bool failed; /* the last flight did */
	struct err why;
	uint64_t landed_ms; /* when the last flight ended; counts with ground.have or failed */
	struct release_wait *waits;
};

struct release_client {
	struct net_loop *loop;
	const struct env *env;
	struct flight_plan plan;
	char *strings[4]; /* what the plan borrows */
	struct entry *entries;
	size_t n;
};

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
	if (en->flying)
		flight_fini(&en->flight);
	ground_fini(&en->ground);
	free(en->repo);
	free(en->tag);
	free(en);
}

/* Drop the entry that was used longest ago and that nobody needs now. */
static void
evict_one(struct release_client *c)
{
	struct entry *last = NULL;

	for (struct entry *en = c->entries; en; en = en->next)
		if (!en->flying && en->waits == NULL)
			last = en;
	if (last) {
		entry_unlink(last);
		entry_free(last);
	}
}

static char *
copy_span(struct span s)
{
	char *p = malloc(s.n + 1);

	if (p)
		(void)!span_cstr(s, p, s.n + 1);
	return p;
}

static struct entry *
entry_get(struct release_client *c, struct span repo, struct span tag)
{
	struct entry *en;

	for (en = c->entries; en; en = en->next) {
		if (span_is(repo, en->repo) && span_is(tag, en->tag)) {
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
	ground_init(&en->ground);
	en->repo = copy_span(repo);
	en->tag = copy_span(tag);
	if (en->repo == NULL || en->tag == NULL) {
		entry_free(en);
		return NULL;
	}
	entry_link(en);
	return en;
}

/* -- waits -- */

static void
wait_unlink(struct release_wait *w)
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
	struct release_wait *w = ctx, copy = *w;
	const struct ground *g = &w->entry->ground;
	struct release_asset a = {.repo_id = g->repo_id,
	    .is_private = g->is_private,
	    .immutable = g->immutable,
	    .bytes = buf_span(&g->bytes)};

	memcpy(a.sha256, g->sha256, sizeof a.sha256);
	wait_unlink(w);
	free(w);
	copy.done(copy.failed ? NULL : &a, copy.failed ? &copy.why : NULL, copy.ctx);
}

/* The outcome is known: tell later, from the loop. */
static void
wait_settle(struct release_wait *w)
{
	w->failed = w->entry->failed;
	w->why = w->entry->why;
	net_defer_call(w->entry->client->loop, &w->defer, deliver, w);
}

/* -- flights -- */

static void
landed(struct entry *en, const struct err *why)
{
	en->landed_ms = env_now_ms(en->client->env);
	en->failed = why != NULL;
	err_clear(&en->why);
	if (why)
		en->why = *why;
	for (struct release_wait *w = en->waits; w; w = w->next)
		if (w->defer.loop == NULL)
			wait_settle(w);
}

static void
on_flight_done(struct flight *f, const struct err *why, void *ctx)
{
	struct entry *en = ctx;

	en->flying = false;
	if (why == NULL)
		flight_land(f, &en->ground);
	landed(en, why);
	flight_fini(f);
}

static void
take_off(struct entry *en)
{
	struct err e = {0};

	en->flight = (struct flight){.plan = &en->client->plan,
	    .repo = en->repo,
	    .tag = en->tag,
	    .old = en->ground.have ? &en->ground : NULL,
	    .done = on_flight_done,
	    .ctx = en};
	en->flying = true;
	if (!flight_start(&en->flight, &e)) {
		struct err why = {0};

		(void)err_set_arg(
		    &why, ERR_IO, REASON_ALLOWLIST_FETCH_FAILED, "unreachable", "%s", e.detail);
		on_flight_done(&en->flight, &why, en);
	}
}

static bool
is_fresh(const struct entry *en)
{
	uint64_t age = env_now_ms(en->client->env) - en->landed_ms;

	if (en->failed)
		return age < FAILED_MS;
	return en->ground.have && age < FRESH_MS;
}

struct release_wait *
release_get(struct release_client *c, struct span repo, struct span tag,
    void (*done)(const struct release_asset *a, const struct err *why, void *ctx), void *ctx,
    struct err *e)
{
	struct release_wait *w;
	struct entry *en;

	/* Before any URL is built of them. */
	if (!msg_repo_ok(repo) || !msg_tag_ok(tag)) {
		(void)err_set_arg(e, ERR_MALFORMED, REASON_INVALID_FIELD,
		    msg_repo_ok(repo) ? "release_tag" : "repo", "not GitHub's grammar");
		return NULL;
	}
	w = calloc(1, sizeof *w);
	en = w ? entry_get(c, repo, tag) : NULL;
	if (en == NULL) {
		free(w);
		(void)err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "release");
		return NULL;
	}
	w->entry = en;
	w->done = done;
	w->ctx = ctx;
	w->next = en->waits;
	if (w->next)
		w->next->prev = w;
	en->waits = w;
	if (en->flying)
		return w;
	if (is_fresh(en))
		wait_settle(w);
	else
		take_off(en);
	return w;
}

void
release_cancel(struct release_wait *w)
{
	net_defer_stop(&w->defer);
	wait_unlink(w);
	free(w);
}

/* -- the client -- */

static const char *
keep(struct release_client *c, size_t i, const char *s)
{
	if (s)
		c->strings[i] = copy_span(span_str(s));
	return c->strings[i];
}

struct release_client *
release_client_new(struct net_loop *l, struct fetcher *f, const struct env *env,
    const struct release_opts *o, struct err *e)
{
	struct release_client *c = calloc(1, sizeof *c);
	size_t n;

	if (c == NULL) {
		(void)err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "release client");
		return NULL;
	}
	c->loop = l;
	c->env = env;
	c->plan = (struct flight_plan){.fetcher = f,
	    .api_url = keep(c, 0, o->api_url),
	    .token = keep(c, 1, o->token),
	    .owners = keep(c, 2, o->owners),
	    .asset = keep(c, 3, o->asset)};
	if (!c->plan.api_url || !c->plan.asset || !c->plan.token != !o->token
	    || !c->plan.owners != !o->owners) {
		release_client_free(c);
		(void)err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "release client");
		return NULL;
	}
	for (n = strlen(c->strings[0]); n > 0 && c->strings[0][n - 1] == '/'; n--)
		c->strings[0][n - 1] = '\0';
	return c;
}

void
release_client_free(struct release_client *c)
{
	if (c == NULL)
		return;
	while (c->entries) {
		struct entry *en = c->entries;

		while (en->waits)
			release_cancel(en->waits);
		entry_unlink(en);
		entry_free(en);
	}
	for (size_t i = 0; i < 4; i++)
		free(c->strings[i]);
	free(c);
}
