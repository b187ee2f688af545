/* Ten thousand registrations, re-registrations and attempts to take over names and agents, against
 * a small book of who owns what. */
#include "base/nomem.h"
#include "base/test.h"

#include <stdio.h>

#include "core/registry.h"

#define DAY      86400
#define NAMES    5
#define REPOS    4
#define AGENTS   4
#define SESSIONS 24

static const struct registry_settings SET = {.ttl_s = 30 * DAY,
    .warn_s = 3 * DAY,
    .quarantine_s = 10 * DAY,
    .slow_start_s = 10,
    .health_timeout_s = 120};

/* A tunnel: what it registered as, and its place in the registry. */
struct tun {
	struct attest_identity id;
	char app[8], repo[16], tag[4], agent[16]; /* of the identity */
	uint8_t platform;
	int64_t repo_id;
	struct replica *replica;
	unsigned in_flight;
};

/* What must stand in the registry. */
static struct {
	bool bound;
	int64_t repo_id;
	char network[ATTEST_NETWORK_MAX + 1];
	int64_t expires_at;
} book[NAMES];

/* What was told last, which stands while version and clock say so. */
static struct {
	struct resolve r;
	uint64_t version;
} told[NAMES];

static struct networks nets;
static struct registry *reg;
static struct registry_now now;
static struct tun tuns[SESSIONS];
static uint32_t x;

static uint32_t
next(uint32_t n)
{
	x = x * 1664525u + 1013904223u;
	return (x >> 8) % n;
}

static int
name_of(const struct tun *t)
{
	return t->id.app_name[3] - '0';
}

static unsigned
replicas_of(int name)
{
	unsigned n = 0;

	for (int i = 0; i < SESSIONS; i++)
		n += tuns[i].replica && name_of(&tuns[i]) == name;
	return n;
}

static void
leave(struct tun *t)
{
	for (; t->in_flight > 0; t->in_flight--)
		replica_end(t->replica);
	registry_detach(reg, t->replica, next(2) != 0);
	t->replica = NULL;
}

/* Whether the book lets this repository have the name. */
static bool
may_have(const struct tun *t)
{
	int n = name_of(t);
	bool over = now.s >= book[n].expires_at && replicas_of(n) == 0;

	if (!book[n].bound || (over && now.s >= book[n].expires_at + SET.quarantine_s))
		return true;
	return book[n].repo_id == t->repo_id
	       && (over || strcmp(book[n].network, t->id.network) == 0);
}

static struct tun *
older(const struct tun *t)
{
	for (int i = 0; i < SESSIONS; i++)
		if (&tuns[i] != t && tuns[i].replica && name_of(&tuns[i]) == name_of(t)
		    && strcmp(tuns[i].id.agent_id, t->id.agent_id) == 0)
			return &tuns[i];
	return NULL;
}

static void
admit(struct tun *t, const struct registry_admission *a, const struct registry_claim *c)
{
	struct tun *old = older(t);
	int n = name_of(t);
	void *replaced;
	struct err e = {0};

	assert_true(registry_attach(reg, a, now, &t->replica, &replaced, &e));
	assert_ptr_equal(replaced, old);
	if (old) {
		assert_int_equal(old->platform, t->platform);
		leave(old);
	}
	book[n].bound = true;
	book[n].repo_id = t->repo_id;
	snprintf(book[n].network, sizeof book[n].network, "%s", t->id.network);
	book[n].expires_at = c->row.expires_at;
}

static void
claim(struct tun *t, bool renew)
{
	struct registry_admission a = {.id = &t->id,
	    .repo_id = t->repo_id,
	    .session = t,
	    .renew = renew,
	    .sealed = true,
	    .tcb_status = "UpToDate",
	    .advisories = "",
	    .platform = {t->platform},
	    .replica = t->replica};
	int n = name_of(t);
	bool over = !book[n].bound || now.s >= book[n].expires_at;
	int64_t stood = book[n].expires_at;
	struct registry_claim c;
	struct err e = {0};
	bool ok;

	lease_grant(&a.lease, now.ms, 3600, 30, 60);
	ok = registry_claim(reg, &a, now, &c, &e);
	assert_int_equal(ok, may_have(t) && (renew || !over));
	if (!ok) {
		assert_true(e.reason == REASON_APP_NAME_TAKEN || e.reason == REASON_REPO_CHANGED
			    || e.reason == REASON_REGISTRATION_EXPIRED);
		return;
	}
	/* Nobody takes an agent's place from another platform. */
	assert_int_equal(
	    c.outcome == REGISTRY_CONTESTED, older(t) && older(t)->platform != t->platform);
	if (c.outcome == REGISTRY_CONTESTED)
		return;
	assert_int_equal(c.row.expires_at, renew ? now.s + SET.ttl_s : stood);
	assert_int_equal(c.row.repo_id, t->repo_id);
	if (next(8) == 0)
		registry_unclaim(reg, &c); /* the disk failed */
	else
		admit(t, &a, &c);
}

static void
newcomer(struct tun *t)
{
	uint32_t repo = next(REPOS);

	if (t->replica)
		leave(t);
	memset(t, 0, sizeof *t);
	snprintf(t->app, sizeof t->app, "app%u", next(NAMES));
	/* A repository may have been renamed, and another may have its old name. */
	snprintf(t->repo, sizeof t->repo, "org/repo%u", next(8) ? repo : next(REPOS));
	snprintf(t->tag, sizeof t->tag, "v%u", next(3));
	snprintf(t->agent, sizeof t->agent, "agent-%u", next(AGENTS));
	t->id = (struct attest_identity){
	    t->repo, t->tag, t->app, next(8) ? "sandbox-1" : "forge-1", t->agent};
	t->repo_id = 100 + repo;
	t->platform = (uint8_t)(1 + next(3));
	claim(t, true);
}

static void
ended(void *ctx, void *session, bool expired)
{
	struct tun *t = session;

	assert_int_equal(expired, now.s >= book[name_of(t)].expires_at);
	if (expired)
		*(bool *)ctx = true;
}

static void
removed(void *ctx, void *session)
{
	leave(session);
}

static void
ask(int n)
{
	char name[8];
	struct replica *p;
	struct err e = {0};

	snprintf(name, sizeof name, "app%d", n);
	if (!registry_pick(reg, span_str(name), now, NULL, &p, &e))
		return;
	struct tun *t = replica_session(p);

	assert_true(t->replica == p && name_of(t) == n);
	assert_int_equal(t->repo_id, book[n].repo_id);
	assert_true(now.s < book[n].expires_at);
	replica_begin(p);
	t->in_flight++;
}

static void
something_happens(struct tun *t)
{
	bool any = false;
	uint64_t s = next(40) ? next(300) : next(20 * DAY);
	struct err e = {0};

	switch (next(16)) {
	case 0:
		now.s += (int64_t)s;
		now.ms += 1000 * s;
		registry_sweep(reg, now.s, ended, &any);
		for (int i = 0; any && i < SESSIONS; i++)
			if (tuns[i].replica && now.s >= book[name_of(&tuns[i])].expires_at)
				leave(&tuns[i]);
		break;
	case 1:
		if (next(16))
			break;
		(void)!registry_delete(reg, t->id.app_name, removed, NULL, &e);
		book[name_of(t)].bound = false;
		break;
	case 2:
	case 3:
		if (t->replica)
			leave(t);
		break;
	case 4:
	case 5:
		if (t->replica)
			registry_health(reg, t->replica, next(4) != 0, now);
		break;
	case 6:
	case 7:
		ask((int)next(NAMES));
		break;
	case 8:
	case 9:
		if (t->replica)
			claim(t, next(2) != 0);
		break;
	default:
		newcomer(t);
		break;
	}
}

static void
stands(int n, struct resolve r, struct span name)
{
	uint64_t version = registry_version(reg, name);

	assert_int_not_equal(version, 0);
	r.in_flight = 0;
	if (version == told[n].version && now.s < told[n].r.until.s && now.ms < told[n].r.until.ms)
		assert_memory_equal(&r, &told[n].r, sizeof r);
	told[n].version = version;
	told[n].r = r;
}

static void
invariants(void)
{
	struct resolve r;
	char name[8];

	for (int n = 0; n < NAMES; n++) {
		unsigned in_flight = 0;

		for (int i = 0; i < SESSIONS; i++) {
			if (!tuns[i].replica || name_of(&tuns[i]) != n)
				continue;
			in_flight += tuns[i].in_flight;
			assert_int_equal(tuns[i].repo_id, book[n].repo_id);
			assert_null(older(&tuns[i])); /* one tunnel an agent */
		}
		snprintf(name, sizeof name, "app%d", n);
		assert_int_equal(registry_resolve(reg, span_str(name), now, &r), book[n].bound);
		if (!book[n].bound)
			continue;
		stands(n, r, span_str(name));
		assert_int_equal(r.replicas, replicas_of(n));
		assert_int_equal(r.in_flight, in_flight);
		assert_int_equal(r.row.repo_id, book[n].repo_id);
		assert_string_equal(r.row.network, book[n].network);
		assert_int_equal(r.row.expires_at, book[n].expires_at);
		assert_true(!r.allowed || (r.replicas > 0 && now.s < r.row.expires_at));
	}
}

static void
names_and_agents_stay_whose_they_are(void **state)
{
	struct err e = {0};
	size_t before, peak = 0;

	networks_default(&nets);
	before = nomem.now;
	for (uint32_t seed = 1; seed <= 3; seed++) {
		x = seed;
		now = (struct registry_now){.s = 1000000, .ms = 5000};
		memset(book, 0, sizeof book);
		memset(told, 0, sizeof told);
		memset(tuns, 0, sizeof tuns);
		assert_true(registry_new(&reg, &SET, &nets, &e));
		for (int i = 0; i < SESSIONS; i++)
			newcomer(&tuns[i]);
		for (int i = 0; i < 10000; i++) {
			something_happens(&tuns[next(SESSIONS)]);
			invariants();
			if (i == 1000)
				nomem.peak = peak = nomem.now; /* warm: from here it is flat */
		}
		assert_true(nomem.peak < peak + 8192);
		for (int i = 0; i < SESSIONS; i++)
			if (tuns[i].replica)
				leave(&tuns[i]);
		registry_free(reg);
		assert_int_equal(nomem.now, before);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(names_and_agents_stay_whose_they_are)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
