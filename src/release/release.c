#include "release/release.h"

#include "release/flight.h"
#include "wire/message.h"
#include <stdio.h>
#include <stdlib.h>

#define ENTRIES_MAX 1024
#define FRESH_MS    (5u * 60 * 1000)
/* How long a failure is answered without asking again. */
#define FAILED_MS 15000u
/* How long whoever could do with the pinned bytes waits for GitHub's word on them. */
#define PATIENCE_MS 2000u
/* All bytes together: sixty-four lists of the largest size, thousands of common ones. */
#define BYTES_MAX (64u * 1024 * 1024)

struct entry;

struct release_wait {
	struct release_wait *next, *prev; /* among the entry's */
	struct entry *entry;
	struct net_defer defer; /* runs once the outcome is known */
	struct net_timer patience;
	uint8_t pin[32];
	bool has_pin, failed;
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
	bool landed; /* a flight did, well or not */
	bool failed; /* the last flight did */
	bool doubted; /* other bytes are expected: the next who asks has GitHub asked */
	bool gone; /* GitHub's last word: there is none, or not one that can be taken */
	struct err why;
	uint64_t landed_ms; /* when the last flight ended; counts with landed */
	struct release_wait *waits;
};

struct release_client {
	struct net_loop *loop;
	const struct env *env;
	struct flight_plan plan;
	struct limit limits[2];
	char *strings[5]; /* what the plan borrows */
	bool (*may_look)(void *ctx, const char *client, struct span repo);
	void *may_look_ctx;
	struct entry *entries;
	size_t n;
	struct release_figures count; /* what counts from the start */
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

static bool
is_idle(const struct entry *en)
{
	return !en->flying && en->waits == NULL;
}

/* Drop the entry that was used longest ago and that nobody needs now; one without bytes first, so
 * that names which lead nowhere push none out that does. */
static void
evict_one(struct release_client *c)
{
	struct entry *last = NULL, *empty = NULL;

	for (struct entry *en = c->entries; en; en = en->next) {
		if (!is_idle(en))
			continue;
		last = en;
		empty = en->ground.have ? empty : en;
	}
	last = empty ? empty : last;
	if (last) {
		entry_unlink(last);
		entry_free(last);
	}
}

/* The same for bytes: of those that are kept, the ones used longest ago. */
static void
make_room(struct release_client *c)
{
	size_t sum = 0;

	for (struct entry *en = c->entries; en; en = en->next) {
		sum += en->ground.bytes.n;
		if (sum <= BYTES_MAX || !is_idle(en))
			continue;
		sum -= en->ground.bytes.n;
		ground_fini(&en->ground);
		ground_init(&en->ground);
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

/* A repo's names have no case at GitHub; a tag's do. */
static struct entry *
entry_find(const struct release_client *c, struct span repo, struct span tag)
{
	for (struct entry *en = c->entries; en; en = en->next)
		if (span_iis(repo, en->repo) && span_is(tag, en->tag))
			return en;
	return NULL;
}

/* The entry, now the one that was used last. NULL, with e set: memory is out, or all are in use. */
static struct entry *
entry_get(struct release_client *c, struct span repo, struct span tag, struct err *e)
{
	struct entry *en = entry_find(c, repo, tag);

	if (en) {
		entry_unlink(en);
		entry_link(en);
		return en;
	}
	if (c->n >= ENTRIES_MAX)
		evict_one(c);
	if (c->n >= ENTRIES_MAX) {
		(void)err_set(e, ERR_LIMIT, REASON_RATE_LIMITED, "%d releases are being looked up",
		    ENTRIES_MAX);
		return NULL;
	}
	en = calloc(1, sizeof *en);
	if (en) {
		en->client = c;
		ground_init(&en->ground);
		en->repo = copy_span(repo);
		en->tag = copy_span(tag);
		if (en->repo && en->tag) {
			entry_link(en);
			return en;
		}
		entry_free(en);
	}
	(void)err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "release");
	return NULL;
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
settle(struct release_wait *w, const struct err *why)
{
	if (w->defer.loop)
		return;
	net_timer_stop(&w->patience);
	w->failed = why != NULL;
	if (why)
		w->why = *why;
	net_defer_call(w->entry->client->loop, &w->defer, deliver, w);
}

/* Say whether the bytes at hand are those that were accepted, as far as GitHub has said. */
static bool
has_pinned(const struct release_wait *w)
{
	const struct entry *en = w->entry;

	return w->has_pin && en->ground.have && !en->gone
	       && memcmp(w->pin, en->ground.sha256, sizeof w->pin) == 0;
}

static void
settle_by_outcome(struct release_wait *w)
{
	const struct entry *en = w->entry;
	bool out = en->failed && en->why.code == ERR_IO;

	settle(w, en->failed && !(out && has_pinned(w)) ? &en->why : NULL);
}

static void
lose_patience(void *ctx)
{
	struct release_wait *w = ctx;

	if (has_pinned(w))
		settle(w, NULL);
}

/* -- flights -- */

static void
landed(struct entry *en, const struct err *why)
{
	en->client->count.lookups++;
	en->client->count.lookups_failed += why != NULL;
	en->landed = true;
	en->landed_ms = env_now_ms(en->client->env);
	en->failed = why != NULL;
	if (!why || why->code != ERR_IO)
		en->gone = why != NULL;
	err_clear(&en->why);
	if (why)
		en->why = *why;
	for (struct release_wait *w = en->waits; w; w = w->next)
		settle_by_outcome(w);
}

static void
on_flight_done(struct flight *f, const struct err *why, void *ctx)
{
	struct entry *en = ctx;

	if (why == NULL)
		flight_land(f, &en->ground);
	landed(en, why);
	flight_fini(f);
	en->flying = false;
	make_room(en->client);
}

static void
take_off(struct entry *en)
{
	struct err e = {0}, other = {0};

	en->flight = (struct flight){.plan = &en->client->plan,
	    .repo = en->repo,
	    .tag = en->tag,
	    .old = en->ground.have ? &en->ground : NULL,
	    .done = on_flight_done,
	    .ctx = en};
	en->flying = true;
	en->doubted = false;
	if (flight_start(&en->flight, &e))
		return;
	(void)err_set_arg(
	    &other, ERR_IO, REASON_ALLOWLIST_FETCH_FAILED, "unreachable", "%s", e.detail);
	on_flight_done(&en->flight, e.reason == REASON_ALLOWLIST_FETCH_FAILED ? &e : &other, en);
}

static bool
is_fresh(const struct entry *en)
{
	uint64_t age = env_now_ms(en->client->env) - en->landed_ms;

	if (en->doubted)
		return false;
	/* A limit says itself when it ends. */
	if (en->failed)
		return !en->why.retry_s && age < FAILED_MS;
	return en->ground.have && en->landed && age < FRESH_MS;
}

/* A limit's end is told anew to each who asks. */
static bool
is_limited(const struct entry *en, struct err *e)
{
	const struct release_client *c = en->client;
	unsigned wait = limit_wait_s(flight_limit(&c->plan, en->repo), env_now_ms(c->env));

	return wait > 0 && !flight_limited(e, wait);
}

/* What is known already, or GitHub's word. */
static void
answer_or_ask(struct release_wait *w, bool hurry)
{
	struct entry *en = w->entry;
	struct err e = {0};

	if (!en->flying && is_fresh(en) && !(en->failed && en->why.code == ERR_IO)) {
		settle_by_outcome(w);
		return;
	}
	if (!en->flying && is_limited(en, &e)) {
		settle(w, has_pinned(w) ? NULL : &e);
		return;
	}
	if (!en->flying && is_fresh(en)) {
		settle_by_outcome(w);
		return;
	}
	/* A flight that fails at once has settled it. */
	if (!en->flying)
		take_off(en);
	if (w->defer.loop || !has_pinned(w))
		return;
	if (hurry)
		settle(w, NULL);
	else
		net_timer_start(en->client->loop, &w->patience, PATIENCE_MS, lose_patience, w);
}

static bool
may_ask(struct release_client *c, const struct release_ask *q, struct err *e)
{
	const struct entry *en = entry_find(c, q->repo, q->tag);
	struct err limited = {0};

	/* Before any URL is built of them. */
	if (!msg_repo_ok(q->repo) || !msg_tag_ok(q->tag))
		return err_set_arg(e, ERR_MALFORMED, REASON_INVALID_FIELD,
		    msg_repo_ok(q->repo) ? "release_tag" : "repo", "not GitHub's grammar");
	/* What is at hand or under way costs GitHub nothing more, and a pin is no stranger's word. */
	if (q->hurry || q->pin
	    || (en && (en->ground.have || en->flying || is_fresh(en) || is_limited(en, &limited)))
	    || !c->may_look || c->may_look(c->may_look_ctx, q->client, q->repo))
		return true;
	err_set(e, ERR_LIMIT, REASON_RATE_LIMITED, "releases looked up for one address or repo");
	e->retry_s = 60;
	return err_show(e, "too many releases were looked up: come back in a minute");
}

struct release_wait *
release_get(struct release_client *c, const struct release_ask *q,
    void (*done)(const struct release_asset *a, const struct err *why, void *ctx), void *ctx,
    struct err *e)
{
	struct release_wait *w;
	struct entry *en = may_ask(c, q, e) ? entry_get(c, q->repo, q->tag, e) : NULL;

	if (en == NULL)
		return NULL;
	w = calloc(1, sizeof *w);
	if (w == NULL) {
		(void)err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "release");
		return NULL;
	}
	w->entry = en;
	w->done = done;
	w->ctx = ctx;
	w->has_pin = q->pin != NULL;
	if (q->pin)
		memcpy(w->pin, q->pin, sizeof w->pin);
	w->next = en->waits;
	if (w->next)
		w->next->prev = w;
	en->waits = w;
	answer_or_ask(w, q->hurry);
	return w;
}

void
release_cancel(struct release_wait *w)
{
	net_defer_stop(&w->defer);
	net_timer_stop(&w->patience);
	wait_unlink(w);
	free(w);
}

/* -- what the disk has -- */

void
release_figures(const struct release_client *c, struct release_figures *out)
{
	uint64_t now_ms = env_now_ms(c->env);

	*out = c->count;
	out->entries = c->n;
	for (size_t i = 0; i < 2; i++) {
		unsigned wait = limit_wait_s(&c->limits[i], now_ms);

		if (wait > out->limited_s)
			out->limited_s = wait;
	}
}

bool
release_is_unknown(const struct release_client *c, struct span repo, struct span tag)
{
	const struct entry *en = entry_find(c, repo, tag);

	return !en || !en->ground.have;
}

void
release_doubt(struct release_client *c, struct span repo, struct span tag)
{
	struct entry *en = entry_find(c, repo, tag);

	if (en)
		en->doubted = true;
}

void
release_remember(
    struct release_client *c, struct span repo, struct span tag, const struct release_asset *a)
{
	struct err ignored = {0};
	struct entry *en;

	if (!msg_repo_ok(repo) || !msg_tag_ok(tag))
		return;
	en = entry_get(c, repo, tag, &ignored);
	/* A flight has its own idea of what was known when it set off. */
	if (!en || en->ground.have || en->flying)
		return;
	buf_add(&en->ground.bytes, a->bytes);
	if (!buf_ok(&en->ground.bytes)) {
		ground_fini(&en->ground);
		ground_init(&en->ground);
		return;
	}
	en->ground.have = true;
	en->ground.repo_id = a->repo_id;
	en->ground.is_private = a->is_private;
	en->ground.immutable = a->immutable;
	memcpy(en->ground.sha256, a->sha256, sizeof a->sha256);
	make_room(c);
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
	    .asset = keep(c, 3, o->asset),
	    .asset_origins = keep(c, 4, o->asset_origins),
	    .env = env,
	    .limits = c->limits};
	c->may_look = o->may_look;
	c->may_look_ctx = o->may_look_ctx;
	if (!c->plan.api_url || !c->plan.asset || !c->plan.token != !o->token
	    || !c->plan.owners != !o->owners || !c->plan.asset_origins != !o->asset_origins) {
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
	for (size_t i = 0; i < 5; i++)
		free(c->strings[i]);
	free(c);
}
