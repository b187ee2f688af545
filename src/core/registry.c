#include "core/registry.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/registry_impl.h"

static MUST_CHECK bool
no_memory(struct err *e)
{
	return err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "registry");
}

/* --- strings --- */

struct strs *
strs_new(const char *const *v, size_t n)
{
	size_t size = 0;
	struct strs *s;

	for (size_t i = 0; i < n; i++)
		size += strlen(v[i]) + 1;
	s = malloc(sizeof *s + size);
	if (!s)
		return NULL;
	s->n = n;
	size = 0;
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(v[i]) + 1;

		memcpy(s->text + size, v[i], len);
		size += len;
	}
	return s;
}

const char *
strs_get(const struct strs *s, size_t i)
{
	const char *p = s->text;

	assert(i < s->n);
	while (i-- > 0)
		p += strlen(p) + 1;
	return p;
}

static void
copy(char *dst, size_t size, const char *src)
{
	if (!span_cstr(span_str(src), dst, size))
		dst[0] = '\0';
}

static bool
same_repo(const char *a, const char *b)
{
	return span_ieq(span_str(a), span_str(b)); /* GitHub's names have no case */
}

/* --- apps --- */

static int
name_order(struct span a, const char *b)
{
	size_t n = strlen(b);
	size_t least = a.n < n ? a.n : n;
	int c = least ? memcmp(a.p, b, least) : 0;

	if (c != 0)
		return c;
	return a.n < n ? -1 : a.n > n;
}

struct app *
registry_app(const struct registry *r, struct span name, size_t *at)
{
	size_t lo = 0, hi = r->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int c = name_order(name, r->apps[mid]->strs->text);

		if (c == 0) {
			*at = mid;
			return r->apps[mid];
		}
		if (c < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	*at = lo;
	return NULL;
}

void
registry_row(const struct app *a, struct app_row *out)
{
	memset(out, 0, sizeof *out);
	copy(out->name, sizeof out->name, strs_get(a->strs, APP_NAME));
	copy(out->repo, sizeof out->repo, strs_get(a->strs, APP_REPO));
	copy(out->network, sizeof out->network, strs_get(a->strs, APP_NETWORK));
	copy(out->release_tag, sizeof out->release_tag, strs_get(a->strs, APP_TAG));
	copy(out->agent_id, sizeof out->agent_id, strs_get(a->strs, APP_AGENT));
	copy(out->tcb_status, sizeof out->tcb_status, strs_get(a->strs, APP_TCB));
	copy(out->advisories, sizeof out->advisories, strs_get(a->strs, APP_ADVISORIES));
	out->repo_id = a->repo_id;
	out->registered_at = a->registered_at;
	out->expires_at = a->expires_at;
	out->last_attested_at = a->last_attested_at;
	out->sealed = a->sealed;
}

/* Write a row into an app, an existing one or a new one at `at`. */
static MUST_CHECK bool
put_row(struct registry *r, struct app *a, size_t at, const struct app_row *row, struct err *e)
{
	const char *const v[APP_STRS] = {row->name, row->repo, row->network, row->release_tag,
	    row->agent_id, row->tcb_status, row->advisories};
	struct strs *strs = strs_new(v, APP_STRS);

	if (!strs)
		return no_memory(e);
	if (!a) {
		if (r->n == r->cap) {
			size_t cap = r->cap ? 2 * r->cap : 64;
			struct app **more = realloc(r->apps, cap * sizeof(struct app *));

			if (!more) {
				free(strs);
				return no_memory(e);
			}
			r->apps = more;
			r->cap = cap;
		}
		a = calloc(1, sizeof *a);
		if (!a) {
			free(strs);
			return no_memory(e);
		}
		memmove(r->apps + at + 1, r->apps + at, (r->n - at) * sizeof(struct app *));
		r->apps[at] = a;
		r->n++;
	}
	free(a->strs);
	a->strs = strs;
	a->repo_id = row->repo_id;
	a->registered_at = row->registered_at;
	a->expires_at = row->expires_at;
	a->last_attested_at = row->last_attested_at;
	a->sealed = row->sealed;
	a->banned = registry_is_banned(r, row->name);
	registry_touch(r, a);
	return true;
}

void
registry_touch(struct registry *r, struct app *a)
{
	if (a)
		a->version = ++r->versions;
}

static void
drop_app(struct registry *r, size_t at)
{
	struct app *a = r->apps[at];

	assert(!a->first);
	free(a->strs);
	free(a);
	r->n--;
	memmove(r->apps + at, r->apps + at + 1, (r->n - at) * sizeof(struct app *));
}

bool
app_expired(const struct app *a, int64_t now_s)
{
	return now_s >= a->expires_at;
}

bool
registry_new(struct registry **out, const struct registry_settings *set,
    const struct networks *nets, struct err *e)
{
	*out = calloc(1, sizeof **out);
	if (!*out)
		return no_memory(e);
	(*out)->set = set;
	(*out)->nets = nets;
	return true;
}

static void
unlink_replica(struct replica *p)
{
	if (!p->app)
		return;
	struct replica **at = &p->app->first;

	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	p->app = NULL;
	p->routed = false;
}

/* Handles that are still out stay valid: their sessions free them by registry_detach. */
void
registry_free(struct registry *r)
{
	if (!r)
		return;
	while (r->n > 0) {
		while (r->apps[r->n - 1]->first)
			unlink_replica(r->apps[r->n - 1]->first);
		drop_app(r, r->n - 1);
	}
	free(r->apps);
	free(r->pins);
	free(r->bans);
	free(r);
}

bool
registry_load_app(struct registry *r, const struct app_row *row, struct err *e)
{
	size_t at;
	struct app *a = registry_app(r, span_str(row->name), &at);

	return put_row(r, a, at, row, e);
}

/* --- admission --- */

/* GitHub's number says which repository it is, whatever its name is now; the name does where the
 * number is not known. */
static bool
is_owner(const struct app *a, const char *repo, int64_t repo_id)
{
	if (a->repo_id != 0 && repo_id != 0)
		return a->repo_id == repo_id;
	return same_repo(strs_get(a->strs, APP_REPO), repo);
}

static MUST_CHECK bool
is_owners(const struct app *a, const struct attest_identity *id, int64_t repo_id, struct err *e)
{
	const char *repo = strs_get(a->strs, APP_REPO);

	if (is_owner(a, id->repo, repo_id))
		return true;
	if (!same_repo(repo, id->repo)) {
		/* It may have been renamed. */
		if (a->repo_id != 0 && repo_id == 0)
			return true;
		return err_set(e, ERR_POLICY, REASON_APP_NAME_TAKEN, "bound to repo %.140s", repo);
	}
	return err_set(e, ERR_POLICY, REASON_REPO_CHANGED, "bound to id %lld, now %lld",
	    (long long)a->repo_id, (long long)repo_id);
}

/* Once the last tunnel under it is gone, an expired name is kept for its owner for a while, who may
 * take it to another network, and is then free. */
static MUST_CHECK bool
may_bind(const struct registry *r, const struct app *a, const struct attest_identity *id,
    int64_t repo_id, int64_t now_s, struct err *e)
{
	bool over = a && app_expired(a, now_s) && !a->first;

	if (!a || (over && now_s >= a->expires_at + r->set->quarantine_s))
		return true;
	if (!is_owners(a, id, repo_id, e))
		return over ? err_show(e, "the name is kept for the repository that had it")
			    : false;
	if (!over && strcmp(strs_get(a->strs, APP_NETWORK), id->network) != 0)
		return err_set(e, ERR_POLICY, REASON_APP_NAME_TAKEN, "bound to network %.63s",
		    strs_get(a->strs, APP_NETWORK));
	return true;
}

bool
registry_may_register(const struct registry *r, const struct attest_identity *id, int64_t repo_id,
    int64_t now_s, struct err *e)
{
	size_t at;

	return registry_may_appear(r, id->app_name, e)
	       && may_bind(r, registry_app(r, span_str(id->app_name), &at), id, repo_id, now_s, e);
}

/* Another tunnel of the same agent. */
static struct replica *
older_tunnel(const struct app *a, const struct registry_admission *adm)
{
	for (struct replica *p = a ? a->first : NULL; p; p = p->next)
		if (p != adm->replica
		    && strcmp(strs_get(p->strs, REP_AGENT), adm->id->agent_id) == 0)
			return p;
	return NULL;
}

static bool
same_platform(const uint8_t a[static 32], const uint8_t b[static 32])
{
	static const uint8_t unknown[32];

	return memcmp(a, b, 32) == 0 && memcmp(a, unknown, 32) != 0;
}

static void
fill_row(const struct registry *r, const struct app *a, const struct registry_admission *adm,
    int64_t now_s, struct app_row *row)
{
	bool fresh = !a || app_expired(a, now_s);

	memset(row, 0, sizeof *row);
	if (!fresh)
		registry_row(a, row);
	else
		row->registered_at = now_s;
	copy(row->name, sizeof row->name, adm->id->app_name);
	if (fresh || !same_repo(row->repo, adm->id->repo)) /* renamed */
		copy(row->repo, sizeof row->repo, adm->id->repo);
	copy(row->network, sizeof row->network, adm->id->network);
	copy(row->release_tag, sizeof row->release_tag, adm->id->release_tag);
	copy(row->agent_id, sizeof row->agent_id, adm->id->agent_id);
	copy(row->tcb_status, sizeof row->tcb_status, adm->tcb_status);
	copy(row->advisories, sizeof row->advisories, adm->advisories);
	if (row->repo_id == 0)
		row->repo_id = adm->repo_id;
	row->sealed = adm->sealed;
	row->last_attested_at = now_s;
	if (fresh || adm->renew)
		row->expires_at = now_s + r->set->ttl_s;
}

bool
registry_claim(struct registry *r, const struct registry_admission *adm, struct registry_now now,
    struct registry_claim *out, struct err *e)
{
	size_t at;
	struct app *a = registry_app(r, span_str(adm->id->app_name), &at);
	struct replica *older = older_tunnel(a, adm);

	memset(out, 0, sizeof *out);
	if (!registry_may_appear(r, adm->id->app_name, e)
	    || !may_bind(r, a, adm->id, adm->repo_id, now.s, e))
		return false;
	/* Only a register brings an expired registration back; a periodic attestation does not. */
	if (!adm->renew && (!a || app_expired(a, now.s)))
		return err_set(e, ERR_EXPIRED, REASON_REGISTRATION_EXPIRED, "%.63s has expired",
		    adm->id->app_name);
	if (older) {
		out->outcome = same_platform(older->platform, adm->platform) ? REGISTRY_REPLACES
									     : REGISTRY_CONTESTED;
		out->older = older->session;
	}
	if (out->outcome == REGISTRY_CONTESTED)
		return true;
	out->created = !a;
	if (a)
		registry_row(a, &out->before);
	fill_row(r, a, adm, now.s, &out->row);
	return put_row(r, a, at, &out->row, e);
}

/* A name that the disk does not know must not stay bound; what was there before, stands again,
 * unless another claim has changed it since. */
void
registry_unclaim(struct registry *r, const struct registry_claim *c)
{
	size_t at;
	struct app *a = registry_app(r, span_str(c->row.name), &at);

	struct app_row is;
	struct err ignored = {0};

	if (!a)
		return;
	registry_row(a, &is);
	if (memcmp(&is, &c->row, sizeof is) != 0)
		return;
	if (!c->created)
		(void)!put_row(r, a, at, &c->before, &ignored);
	else if (!a->first)
		drop_app(r, at);
}

static void
set_lease(struct replica *p, struct lease lease, struct registry_now now)
{
	p->lease = lease;
	p->lease_until_s = now.s;
	if (lease.until_ms > now.ms)
		p->lease_until_s += (int64_t)((lease.until_ms - now.ms) / 1000);
}

static MUST_CHECK bool
fill_replica(
    struct replica *p, const struct registry_admission *adm, struct registry_now now, struct err *e)
{
	const char *const v[REP_STRS] = {
	    adm->id->agent_id, adm->id->release_tag, adm->tcb_status, adm->advisories};
	struct strs *strs = strs_new(v, REP_STRS);

	if (!strs)
		return no_memory(e);
	free(p->strs);
	p->strs = strs;
	p->session = adm->session;
	memcpy(p->platform, adm->platform, sizeof p->platform);
	set_lease(p, adm->lease, now);
	p->sealed = adm->sealed;
	p->unbound = adm->unbound;
	p->last_attested_at = now.s;
	return true;
}

bool
registry_attach(struct registry *r, const struct registry_admission *adm, struct registry_now now,
    struct replica **out, void **replaced, struct err *e)
{
	size_t at;
	struct app *a = registry_app(r, span_str(adm->id->app_name), &at);
	struct replica *older = older_tunnel(a, adm), *p = adm->replica;

	*replaced = NULL;
	if (!registry_may_appear(r, adm->id->app_name, e))
		return false;
	if (!a || !is_owner(a, adm->id->repo, adm->repo_id) || (p && p->app != a))
		return err_set(e, ERR_NOTFOUND, REASON_UNKNOWN_APP, "%.63s was removed meanwhile",
		    adm->id->app_name);
	if (older && !same_platform(older->platform, adm->platform))
		return err_set(e, ERR_POLICY, REASON_AGENT_ID_TAKEN,
		    "another platform serves as %.128s", adm->id->agent_id);
	if (!p)
		p = calloc(1, sizeof *p);
	if (!p)
		return no_memory(e);
	if (!fill_replica(p, adm, now, e)) {
		if (!adm->replica)
			free(p);
		return false;
	}
	if (!p->app) {
		p->app = a;
		p->joined_ms = now.ms;
		p->next = a->first;
		a->first = p;
	}
	p->routed = !p->draining;
	if (adm->renew)
		for (struct replica *q = a->first; q; q = q->next)
			q->warned = false;
	a->invalid = false;
	registry_touch(r, a);
	if (older) {
		*replaced = older->session;
		unlink_replica(older);
	}
	*out = p;
	return true;
}

/* --- replicas --- */

void
registry_detach(struct registry *r, struct replica *p, bool invalid)
{
	if (!p)
		return;
	if (p->app)
		p->app->invalid = invalid;
	registry_touch(r, p->app);
	unlink_replica(p);
	free(p->strs);
	free(p);
}

void
registry_unroute(struct registry *r, struct replica *p)
{
	p->routed = false;
	lease_end(&p->lease);
	registry_touch(r, p->app);
}

void
registry_drain(struct registry *r, struct replica *p)
{
	p->draining = true;
	p->routed = false;
	registry_touch(r, p->app);
}

void
registry_health(struct registry *r, struct replica *p, bool pass, struct registry_now now)
{
	p->health = pass ? HEALTH_PASS : HEALTH_FAIL;
	p->last_health_at = now.s;
	p->last_health_ms = now.ms;
	registry_touch(r, p->app);
}

void
registry_lease(struct registry *r, struct replica *p, struct lease lease, struct registry_now now)
{
	set_lease(p, lease, now);
	registry_touch(r, p->app);
}

void
replica_begin(struct replica *p)
{
	p->in_flight++;
}

void
replica_end(struct replica *p)
{
	assert(p->in_flight > 0);
	p->in_flight--;
}

void *
replica_session(const struct replica *p)
{
	return p->session;
}

bool
replica_has_peers(const struct replica *p)
{
	return p->app && (p->app->first != p || p->next);
}

void
registry_pending(struct registry *r, const char *app_name, int delta)
{
	size_t at;
	struct app *a = registry_app(r, span_str(app_name), &at);

	if (a && delta > 0)
		a->pending++;
	else if (a && delta < 0 && a->pending > 0)
		a->pending--;
	registry_touch(r, a);
}

bool
registry_delete(struct registry *r, const char *app_name, void (*fn)(void *ctx, void *session),
    void *ctx, struct err *e)
{
	size_t at;
	struct app *a = registry_app(r, span_str(app_name), &at);
	struct replica *p, *next;

	if (!a)
		return err_set(e, ERR_NOTFOUND, REASON_UNKNOWN_APP, "no app %.63s", app_name);
	p = a->first;
	for (struct replica *q = p; q; q = q->next) {
		q->app = NULL;
		q->routed = false;
	}
	a->first = NULL;
	drop_app(r, at);
	/* fn may free the handle. */
	for (; p; p = next) {
		next = p->next;
		fn(ctx, p->session);
	}
	return true;
}

void
registry_sweep(struct registry *r, int64_t now_s,
    void (*fn)(void *ctx, void *session, bool expired), void *ctx)
{
	for (size_t i = 0; i < r->n; i++) {
		const struct app *a = r->apps[i];
		bool expired = app_expired(a, now_s);
		bool warning = !expired && now_s >= a->expires_at - r->set->warn_s;

		for (struct replica *p = a->first, *next; p; p = next) {
			next = p->next;
			if (!expired && (!warning || p->warned))
				continue;
			p->warned = true;
			fn(ctx, p->session, expired);
		}
	}
}

int64_t
registry_next_end(const struct registry *r, int64_t now_s)
{
	int64_t next = INT64_MAX;

	for (size_t i = 0; i < r->n; i++) {
		const struct app *a = r->apps[i];

		if (a->first && a->expires_at > now_s && a->expires_at < next)
			next = a->expires_at;
	}
	return next;
}

bool
registry_forget(struct registry *r, int64_t now_s, char name[static ATTEST_APP_MAX + 1])
{
	for (size_t i = 0; i < r->n; i++) {
		const struct app *a = r->apps[i];

		if (a->first || a->pending > 0 || now_s < a->expires_at + r->set->quarantine_s)
			continue;
		copy(name, ATTEST_APP_MAX + 1, strs_get(a->strs, APP_NAME));
		drop_app(r, i);
		return true;
	}
	return false;
}
