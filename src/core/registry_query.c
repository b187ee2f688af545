#include <stdlib.h>
#include <string.h>

#include "core/registry.h"
#include "core/registry_impl.h"

/* How far a replica gets on the way to serving; each step needs those before it. */
enum fitness { FIT_NONE, FIT_CONNECTED, FIT_DRAINING, FIT_LEASED, FIT_SEALED, FIT_SERVING };

static enum health
health_now(const struct registry *r, const struct replica *p, struct registry_now now)
{
	if (p->health == HEALTH_UNKNOWN
	    || now.ms - p->last_health_ms > 1000 * (uint64_t)r->set->health_timeout_s)
		return HEALTH_UNKNOWN;
	return p->health;
}

static enum fitness
fitness(
    const struct registry *r, const struct app *a, const struct replica *p, struct registry_now now)
{
	const struct network *net = networks_find(r->nets, strs_get(a->strs, APP_NETWORK));

	if (!lease_holds(&p->lease, now.ms))
		return FIT_CONNECTED;
	if (!p->routed)
		return p->draining ? FIT_DRAINING : FIT_CONNECTED;
	/* A network that is no longer served asks for everything. */
	if ((!net || net->sealed_only) && !p->sealed)
		return FIT_LEASED;
	return health_now(r, p, now) == HEALTH_PASS ? FIT_SERVING : FIT_SEALED;
}

static enum reason
why_not(const struct app *a, enum fitness best, int64_t now_s)
{
	if (a->banned)
		return REASON_APP_BANNED;
	if (app_expired(a, now_s))
		return REASON_REGISTRATION_EXPIRED;
	switch (best) {
	case FIT_NONE:
		return a->pending ? REASON_ATTESTATION_PENDING : REASON_NO_TUNNEL;
	case FIT_CONNECTED:
		return REASON_VERIFY_TIMEOUT;
	case FIT_DRAINING:
		return REASON_AGENT_DRAINING;
	case FIT_LEASED:
		return REASON_SEALED_REQUIRED;
	case FIT_SEALED:
		return REASON_UNHEALTHY;
	case FIT_SERVING:
		break;
	}
	return REASON_OK;
}

/* A replica that is new among others grows into its share; save it up for this request. Say whether
 * there is enough for one. */
static bool
may_be_asked(const struct registry *r, struct replica *p, struct registry_now now)
{
	uint64_t whole = 1000 * (uint64_t)r->set->slow_start_s, age = now.ms - p->joined_ms;
	uint32_t part = SHARE_WHOLE;

	if (age < whole)
		part = SHARE_LEAST + (uint32_t)((SHARE_WHOLE - SHARE_LEAST) * age / whole);
	p->share = p->share + part < SHARE_WHOLE ? p->share + part : SHARE_WHOLE;
	return p->share == SHARE_WHOLE;
}

/* The fewest in flight; among equals the one that waits longest. */
static bool
goes_before(const struct replica *p, const struct replica *q)
{
	if (p->in_flight != q->in_flight)
		return p->in_flight < q->in_flight;
	return p->last_pick < q->last_pick;
}

bool
registry_pick(struct registry *r, struct span app_name, struct registry_now now,
    const struct replica *avoid, struct replica **out, struct err *e)
{
	size_t at;
	const struct app *a = registry_app(r, app_name, &at);
	enum fitness best = FIT_NONE;
	struct replica *chosen = NULL;
	bool in_turn = false;

	*out = NULL;
	if (!a)
		return err_set(e, ERR_NOTFOUND, REASON_UNKNOWN_APP, "no such app");
	for (struct replica *p = a->first; p; p = p->next) {
		enum fitness f = p == avoid ? FIT_NONE : fitness(r, a, p, now);

		if (f > best)
			best = f;
		if (f != FIT_SERVING)
			continue;
		bool asked = may_be_asked(r, p, now);

		/* Where all are new they share as if none were. */
		if (asked == in_turn ? !chosen || goes_before(p, chosen) : asked)
			chosen = p;
		in_turn = in_turn || asked;
	}
	enum reason why = why_not(a, best, now.s);

	if (why != REASON_OK)
		return err_set(e, ERR_POLICY, why, "app %.63s", strs_get(a->strs, APP_NAME));
	chosen->share = 0;
	chosen->last_pick = ++r->picks;
	*out = chosen;
	return true;
}

static const char *
attestation_status(const struct app *a, enum fitness best)
{
	if (best >= FIT_DRAINING)
		return "valid";
	if (a->pending > 0)
		return "pending";
	if (a->invalid)
		return "invalid";
	return a->last_attested_at ? "expired" : "unknown";
}

static void
copy(char *dst, size_t size, const char *src)
{
	if (!span_cstr(span_str(src), dst, size))
		dst[0] = '\0';
}

static void
show_replica(
    const struct registry *r, const struct replica *p, struct registry_now now, struct resolve *out)
{
	static const char *const health[] = {"unknown", "pass", "fail"};

	copy(out->agent_id, sizeof out->agent_id, strs_get(p->strs, REP_AGENT));
	copy(out->release_tag, sizeof out->release_tag, strs_get(p->strs, REP_TAG));
	copy(out->tcb_status, sizeof out->tcb_status, strs_get(p->strs, REP_TCB));
	copy(out->advisories, sizeof out->advisories, strs_get(p->strs, REP_ADVISORIES));
	out->sealed = p->sealed;
	out->last_attested_at = p->last_attested_at;
	out->last_health_at = p->last_health_at;
	out->health_status = health[health_now(r, p, now)];
	if (lease_holds(&p->lease, now.ms)) {
		out->lease_expires_at = p->lease_until_s;
		out->freshness = p->unbound ? "none" : "bound";
	}
}

static void
show_app(
    const struct registry *r, const struct app *a, struct registry_now now, struct resolve *out)
{
	registry_row(a, &out->row);
	copy(out->agent_id, sizeof out->agent_id, out->row.agent_id);
	copy(out->release_tag, sizeof out->release_tag, out->row.release_tag);
	copy(out->tcb_status, sizeof out->tcb_status, out->row.tcb_status);
	copy(out->advisories, sizeof out->advisories, out->row.advisories);
	out->sealed = out->row.sealed;
	out->last_attested_at = out->row.last_attested_at;
	out->health_status = "unknown";
	out->freshness = "none";
	out->registration_state = "active";
	out->until.s = a->expires_at - r->set->warn_s;
	if (now.s >= a->expires_at - r->set->warn_s) {
		out->registration_state = "warning";
		out->until.s = a->expires_at;
	}
	if (app_expired(a, now.s)) {
		out->registration_state = "expired";
		out->until.s = INT64_MAX;
	}
}

/* The clock alone changes what is told of a replica when its lease and its health run out. */
static void
stands_until(
    const struct registry *r, const struct replica *p, struct registry_now now, uint64_t *until_ms)
{
	uint64_t health_ms = p->last_health_ms + 1000 * (uint64_t)r->set->health_timeout_s + 1;

	if (lease_holds(&p->lease, now.ms) && p->lease.until_ms < *until_ms)
		*until_ms = p->lease.until_ms;
	if (health_now(r, p, now) != HEALTH_UNKNOWN && health_ms < *until_ms)
		*until_ms = health_ms;
}

static void
resolve_app(
    const struct registry *r, const struct app *a, struct registry_now now, struct resolve *out)
{
	const struct replica *shown = NULL;
	enum fitness best = FIT_NONE;
	bool unbound = false;

	memset(out, 0, sizeof *out);
	show_app(r, a, now, out);
	out->until.ms = UINT64_MAX;
	for (const struct replica *p = a->first; p; p = p->next) {
		enum fitness f = fitness(r, a, p, now);

		out->replicas++;
		out->replicas_connected++;
		out->replicas_serving += f == FIT_SERVING;
		unbound |= f == FIT_SERVING && p->unbound;
		out->in_flight += p->in_flight;
		stands_until(r, p, now, &out->until.ms);
		if (!shown || f > best
		    || (f == best && p->last_attested_at > shown->last_attested_at))
			shown = p;
		if (f > best)
			best = f;
	}
	if (shown)
		show_replica(r, shown, now, out);
	/* Any of those that serve may be the one that a visitor meets. */
	if (unbound)
		out->freshness = "none";
	out->ws_connected = shown != NULL;
	out->attestation_status = attestation_status(a, best);
	out->reason = why_not(a, best, now.s);
	out->allowed = out->reason == REASON_OK;
}

bool
registry_resolve(
    const struct registry *r, struct span app_name, struct registry_now now, struct resolve *out)
{
	size_t at;
	const struct app *a = registry_app(r, app_name, &at);

	if (a) {
		resolve_app(r, a, now, out);
		return true;
	}
	memset(out, 0, sizeof *out);
	out->reason = REASON_UNKNOWN_APP;
	return false;
}

uint64_t
registry_version(const struct registry *r, struct span app_name)
{
	size_t at;
	const struct app *a = registry_app(r, app_name, &at);

	return a ? a->version : 0;
}

size_t
registry_each(const struct registry *r, const char *after, size_t limit, struct registry_now now,
    bool (*fn)(void *ctx, const struct resolve *app), void *ctx)
{
	size_t at, n = 0;
	struct resolve res;

	if (registry_app(r, span_str(after), &at))
		at++;
	for (; at < r->n && n < limit; at++) {
		resolve_app(r, r->apps[at], now, &res);
		n++;
		if (!fn(ctx, &res))
			break;
	}
	return n;
}

size_t
registry_count(const struct registry *r)
{
	return r->n;
}

bool
registry_each_session(
    struct registry *r, const char *app_name, void (*fn)(void *ctx, void *session), void *ctx)
{
	size_t at;
	const struct app *a = registry_app(r, span_str(app_name), &at);

	for (struct replica *p = a ? a->first : NULL, *next; p; p = next) {
		next = p->next; /* fn may free the handle */
		fn(ctx, p->session);
	}
	return a != NULL;
}
