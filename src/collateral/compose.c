#include "collateral/compose.h"

#include "base/limits.h"

#include <stdio.h>

void
compose_init(struct compose *c)
{
	memset(c, 0, sizeof *c);
	parts_init(&c->fresh);
	buf_init(&c->bundle, LIMIT_COLLATERAL + 1);
}

void
compose_fini(struct compose *c)
{
	parts_fini(&c->fresh);
	buf_fini(&c->bundle);
	eedcap_collateral_free(c->handle);
	c->handle = NULL;
}

void
compose_refuse(struct compose *c, enum eedcap_item i, const char *word)
{
	if (c->refused[i][0] == '\0')
		snprintf(c->refused[i], COMPOSE_WORD, "%s", word);
}

bool
compose_is_partial(const struct compose *c)
{
	for (int i = 0; i < EEDCAP_ITEMS; i++)
		if (c->refused[i][0] != '\0')
			return true;
	return false;
}

/* -- one item -- */

/* A service that mixes platforms up would otherwise spoil what others use. */
static bool
is_of_platform(const struct compose *c, const struct eedcap_collateral *h, enum eedcap_item i,
    const struct eedcap_item_facts *f)
{
	switch (i) {
	case EEDCAP_ROOT_CA_CRL:
		break;
	case EEDCAP_PCK_CRL:
		return f->ca == c->key.ca;
	case EEDCAP_TCB_INFO:
		return f->tee == c->key.tee
		       && memcmp(eedcap_collateral_fmspc(h), c->key.fmspc, sizeof c->key.fmspc)
			      == 0;
	case EEDCAP_QE_IDENTITY:
		return f->tee_known && f->tee == c->key.tee;
	}
	return true;
}

/* NULL, or why the item is no good whatever the time. */
static const char *
judge(const struct compose *c, const struct eedcap_collateral *h, enum eedcap_item i)
{
	struct eedcap_item_facts f;

	eedcap_collateral_item(h, i, &f);
	if (!is_of_platform(c, h, i, &f))
		return i == EEDCAP_PCK_CRL ? "other_ca" : "other_platform";
	return mark_is_above(&c->floor[i], &f) ? "older" : NULL;
}

/* NULL, or how the item lies to its time. */
static const char *
judge_time(const struct compose *c, const struct eedcap_collateral *h, enum eedcap_item i)
{
	struct eedcap_item_facts f;

	eedcap_collateral_item(h, i, &f);
	if (c->now_s < f.issued)
		return "not_yet_valid";
	return c->now_s > f.expiry ? "expired" : NULL;
}

static struct eedcap_collateral *
read_parts(const struct compose *c, const struct parts *const from[static EEDCAP_ITEMS],
    struct eedcap_error *e)
{
	struct eedcap_collateral_parts parts;

	parts_lend(from, &parts);
	return eedcap_collateral_from_parts(c->dcap, &parts, e);
}

/* -- nothing is held: all or nothing -- */

static void
fail(struct compose *c, const char *why, const char *detail)
{
	snprintf(c->why, sizeof c->why, "%s", why);
	snprintf(c->detail, sizeof c->detail, "%s", detail);
}

static void
fail_item(struct compose *c, enum eedcap_item i, const char *word)
{
	char why[64];

	snprintf(why, sizeof why, "%s_%s", item_name(i), word);
	compose_refuse(c, i, word);
	fail(c, why, why);
}

/* Out of its time it is given all the same: what to think of it is the verifier's business. */
static void
run_first(struct compose *c)
{
	const struct parts *from[EEDCAP_ITEMS];
	struct eedcap_error e = {0};

	for (int i = 0; i < EEDCAP_ITEMS; i++) {
		from[i] = &c->fresh;
		if (c->fresh.item[i].there)
			continue;
		fail_item(c, (enum eedcap_item)i, "missing");
		return;
	}
	c->handle = read_parts(c, from, &e);
	if (c->handle == NULL)
		fail(c, e.reason, e.detail);
	c->in_time = c->handle != NULL;
	for (int i = 0; c->handle && i < EEDCAP_ITEMS; i++) {
		const char *word = judge(c, c->handle, (enum eedcap_item)i);

		if (word == NULL) {
			word = judge_time(c, c->handle, (enum eedcap_item)i);
			if (word) {
				compose_refuse(c, (enum eedcap_item)i, word);
				c->in_time = false;
			}
			continue;
		}
		fail_item(c, (enum eedcap_item)i, word);
		eedcap_collateral_free(c->handle);
		c->handle = NULL;
	}
}

/* -- something is held: each on its own -- */

/* Try an item that came among those that are held. */
static bool
is_good(struct compose *c, const struct parts *held, enum eedcap_item i)
{
	const struct parts *from[EEDCAP_ITEMS] = {held, held, held, held};
	struct eedcap_error e = {0};
	struct eedcap_collateral *h;
	const char *word;

	from[i] = &c->fresh;
	h = read_parts(c, from, &e);
	word = h ? judge(c, h, i) : e.reason;
	if (h && !word)
		word = judge_time(c, h, i);
	if (word)
		compose_refuse(c, i, word);
	eedcap_collateral_free(h);
	return word == NULL;
}

static bool
all_good(const struct compose *c, const struct eedcap_collateral *h)
{
	for (int i = 0; i < EEDCAP_ITEMS; i++)
		if (c->fresh.item[i].there
		    && (judge(c, h, (enum eedcap_item)i) || judge_time(c, h, (enum eedcap_item)i)))
			return false;
	return true;
}

static void
run_renewal(struct compose *c, const struct parts *held)
{
	const struct parts *from[EEDCAP_ITEMS];
	struct eedcap_error e = {0};
	bool some = false;

	for (int i = 0; i < EEDCAP_ITEMS; i++) {
		from[i] = c->fresh.item[i].there ? &c->fresh : held;
		some = some || c->fresh.item[i].there;
	}
	if (!some)
		return;
	c->handle = read_parts(c, from, &e);
	if (c->handle && all_good(c, c->handle))
		return;
	eedcap_collateral_free(c->handle);
	for (int i = 0; i < EEDCAP_ITEMS; i++)
		if (from[i] == &c->fresh && !is_good(c, held, (enum eedcap_item)i))
			from[i] = held;
	c->handle = read_parts(c, from, &e);
	if (c->handle)
		return;
	/* Each is good beside the held ones, and not beside one another. */
	for (int i = 0; i < EEDCAP_ITEMS; i++)
		if (from[i] == &c->fresh)
			compose_refuse(c, (enum eedcap_item)i, e.reason);
}

static bool
write_bundle(struct compose *c)
{
	size_t n = eedcap_collateral_write(c->handle, NULL, 0);
	uint8_t *p = n > 0 ? buf_grow(&c->bundle, n + 1) : NULL;

	if (p == NULL || eedcap_collateral_write(c->handle, (char *)p, n + 1) != n)
		return false;
	buf_grow_commit(&c->bundle, n);
	return true;
}

void
compose_run(struct compose *c)
{
	struct parts held;
	struct err e = {0};

	if (c->held.n == 0) {
		run_first(c);
	} else {
		/* Our own writing: it can be read unless there is no memory. */
		if (parts_of_bundle(&held, c->held, &e))
			run_renewal(c, &held);
		else
			for (int i = 0; i < EEDCAP_ITEMS; i++)
				compose_refuse(c, (enum eedcap_item)i, "no_memory");
		parts_fini(&held);
		c->in_time = c->handle != NULL;
		for (int i = 0; c->handle && i < EEDCAP_ITEMS; i++)
			if (judge_time(c, c->handle, (enum eedcap_item)i))
				c->in_time = false;
	}
	if (c->handle && !write_bundle(c)) {
		eedcap_collateral_free(c->handle);
		c->handle = NULL;
		fail(c, "no_memory", "bundle");
		return;
	}
	/* The same bytes again: who holds the old ones goes on with them. */
	if (c->handle && span_eq(buf_span(&c->bundle), c->held)) {
		eedcap_collateral_free(c->handle);
		c->handle = NULL;
	}
}
