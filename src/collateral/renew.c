#include "collateral/collateral_impl.h"

#include <stdio.h>

#define TELL_MS ((uint64_t)3600 * 1000)
#define WARN_MS ((uint64_t)24 * 3600 * 1000)

/* -- when -- */

uint64_t
renew_jitter(const struct collateral_client *c, uint64_t ms)
{
	uint32_t r;

	env_random(c->env, &r, sizeof r);
	/* From nine tenths to eleven. */
	return ms - ms / 10 + (uint64_t)r % (ms / 5 + 1);
}

/* Half of what is left at most, so that there is time for more than one try. */
static uint64_t
until_next(const struct entry *en)
{
	struct collateral_client *c = en->client;
	int64_t left_s = eedcap_collateral_expiry(en->col->handle) - env_now_s(c->env);
	uint64_t ms = c->refresh_ms;

	if (left_s > 0 && (uint64_t)left_s * 500 < ms)
		ms = (uint64_t)left_s * 500;
	return ms < 1000 ? 1000 : ms;
}

static uint64_t
until_retry(const struct entry *en)
{
	uint64_t top = en->client->refresh_ms, ms = RETRY_MS < top ? RETRY_MS : top;

	for (unsigned i = 1; i < en->failures && ms < top; i++)
		ms *= 2;
	return ms < top ? ms : top;
}

static void
set_due(struct entry *en)
{
	struct collateral_client *c = en->client;
	uint64_t after = FAILED_MS < c->refresh_ms ? FAILED_MS : c->refresh_ms;

	if (entry_is_usable(en))
		after = renew_jitter(c, en->failures > 0 ? until_retry(en) : until_next(en));
	en->due_ms = en->landed_ms + after;
}

/* -- telling -- */

static void
tell(struct entry *en, enum log_level level, const char *event, const struct err *e)
{
	struct log_line b;
	char name[KEY_NAME_MAX];

	log_begin(&b, event);
	log_str(&b, "platform", key_name(&en->key, name));
	if (e)
		log_err(&b, e);
	if (en->col) {
		int64_t expiry = eedcap_collateral_expiry(en->col->handle);

		log_int(&b, "expires", expiry);
		log_int(&b, "days_left", (expiry - env_now_s(en->client->env)) / DAY_S);
	}
	log_end(en->client->log, level, &b);
}

static bool
is_time(uint64_t *last, uint64_t now, uint64_t every)
{
	if (*last != 0 && now - *last < every)
		return false;
	*last = now ? now : 1;
	return true;
}

static void
tell_of_landing(struct entry *en)
{
	uint64_t now = en->landed_ms;

	if (en->failures == 0) {
		if (en->told_ms)
			tell(en, LOG_INFO, "collateral_renewed", NULL);
		en->told_ms = 0;
	} else if (is_time(&en->told_ms, now, TELL_MS)) {
		tell(en, LOG_WARN, "collateral_not_renewed", &en->why);
	}
}

/* Days before it bites. */
static void
warn_of_age(struct entry *en)
{
	struct collateral_client *c = en->client;
	struct collateral_state s;
	struct err e = {0};

	entry_state(en, &s);
	if (!s.aging || !is_time(&en->warned_ms, env_now_ms(c->env), WARN_MS))
		return;
	(void)err_set_arg(&e, ERR_EXPIRED, REASON_COLLATERAL_AGING, s.item[s.first].name, "%s",
	    s.item[s.first].refused[0] ? s.item[s.first].refused : "no newer one came");
	tell(en, LOG_WARN, "collateral_aging", &e);
}

/* -- landing -- */

/* The first item that was not renewed stands for all; items have their own words beside it. */
static void
note_why(struct entry *en, const struct compose *made)
{
	const struct gather_plan *p = &en->client->plan;
	char arg[64] = "";

	snprintf(arg, sizeof arg, "%s", made->why);
	for (int i = 0; arg[0] == '\0' && i < EEDCAP_ITEMS; i++)
		if (made->refused[i][0] != '\0')
			snprintf(arg, sizeof arg, "%s_%s", item_name((enum eedcap_item)i),
			    made->refused[i]);
	(void)err_set_arg(&en->why, ERR_IO, REASON_DCAP_ERROR, arg, "collateral service %.80s: %s",
	    p->base, made->detail[0] ? made->detail : arg);
}

/* What was gathered stands on what was held when it began. A file that was taken since is newer. */
static bool
is_outrun(const struct entry *en, const struct compose *made)
{
	return made->handle && en->col && en->col->bundle.p != made->held.p;
}

static void
on_gathered(struct compose *made, void *ctx)
{
	struct entry *en = ctx;
	struct collateral_client *c = en->client;
	bool outrun = is_outrun(en, made), first = en->col == NULL;
	bool came = made->handle != NULL && !outrun;
	bool failed = made->why[0] != '\0' || compose_is_partial(made);

	en->gather = NULL;
	en->landed_ms = env_now_ms(c->env);
	memcpy(en->refused, made->refused, sizeof en->refused);
	c->count.renewals++;
	c->count.renewals_failed += failed;
	err_clear(&en->why);
	/* All that came, but out of its time: the verifier names it. */
	if (failed && !(came && first && !made->in_time))
		note_why(en, made);
	if (came) {
		if (made->in_time || !first)
			(void)marks_raise(&c->marks, &en->key, made->handle, env_now_s(c->env));
		en->unsaved = en->unsaved || made->in_time;
		if (!entry_hold(en, made->handle, &made->bundle))
			failed = true;
		made->handle = NULL;
	}
	if (failed) {
		en->failures++;
	} else {
		en->failures = 0;
		en->confirmed = true;
		en->confirmed_ms = en->landed_ms;
	}
	set_due(en);
	if (outrun)
		en->due_ms = en->landed_ms;
	tell_of_landing(en);
	entry_settle(en);
	keep_save(c);
}

void
renew_start(struct entry *en)
{
	en->tried = true;
	en->began_ms = env_now_ms(en->client->env);
	en->gather = gather_start(&en->client->plan, &en->key, en->col, on_gathered, en);
	if (en->gather)
		return;
	en->landed_ms = env_now_ms(en->client->env);
	en->failures++;
	err_clear(&en->why);
	(void)err_set_arg(&en->why, ERR_IO, REASON_DCAP_ERROR, "no_memory", "collateral");
	set_due(en);
}

void
renew_tick(void *ctx)
{
	struct collateral_client *c = ctx;
	uint64_t now = env_now_ms(c->env);

	for (struct entry *en = c->entries; en; en = en->next) {
		if (en->col)
			warn_of_age(en);
		if (en->col && en->gather == NULL && now >= en->due_ms
		    && now - en->used_ms < IDLE_MS)
			renew_start(en);
	}
	keep_save(c);
}
