#include "base/test.h"

#include <stdio.h>

#include "core/registry.h"

#define DAY 86400

static const struct registry_settings SET = {
    .ttl_s = 30 * DAY, .warn_s = 3 * DAY, .quarantine_s = 30 * DAY, .health_timeout_s = 120};

static struct networks nets;
static struct registry *reg;
static struct registry_now now;

static int
begin(void **state)
{
	struct err e = {0};

	networks_default(&nets);
	now = (struct registry_now){.s = 1000000, .ms = 5000};
	return registry_new(&reg, &SET, &nets, &e) ? 0 : -1;
}

static int
end(void **state)
{
	registry_free(reg);
	return 0;
}

static void
pass_time(uint64_t s)
{
	now.s += (int64_t)s;
	now.ms += 1000 * s;
}

static struct attest_identity
identity(const char *app, const char *agent)
{
	struct attest_identity id = {
	    .repo = "org/repo", .release_tag = "v1", .network = "sandbox-1"};

	snprintf(id.app_name, sizeof id.app_name, "%s", app);
	snprintf(id.agent_id, sizeof id.agent_id, "%s", agent);
	return id;
}

static struct registry_admission
admission(const struct attest_identity *id, void *session, uint8_t platform)
{
	struct registry_admission a = {.id = id,
	    .session = session,
	    .renew = true,
	    .tcb_status = "UpToDate",
	    .advisories = "INTEL-SA-1,INTEL-SA-2",
	    .platform = {platform}};

	lease_grant(&a.lease, now.ms, 3600, 30, 60);
	return a;
}

/* Claim, attach, pass health: what the control plane does for an accepted answer. */
static struct replica *
join(const char *app, const char *agent, char *session)
{
	struct attest_identity id = identity(app, agent);
	struct registry_admission a = admission(&id, session, 1);
	struct registry_claim c;
	struct replica *p;
	void *replaced;
	struct err e = {0};

	assert_true(registry_claim(reg, &a, now, &c, &e));
	assert_true(registry_attach(reg, &a, now, &p, &replaced, &e));
	registry_health(reg, p, true, now);
	return p;
}

static const char *
pick(const char *app, void **session)
{
	static char token[ERR_TOKEN_MAX];
	struct replica *p;
	struct err e = {0};

	if (!registry_pick(reg, span_str(app), now, NULL, &p, &e))
		return err_token(&e, token);
	*session = replica_session(p);
	return "";
}

static const char *
claim(const struct registry_admission *a, struct registry_claim *c)
{
	static char token[ERR_TOKEN_MAX];
	struct err e = {0};

	return registry_claim(reg, a, now, c, &e) ? "" : err_token(&e, token);
}

static void
resolve_fills_every_field(void **state)
{
	struct resolve r;
	char s1;
	struct replica *p = join("app", "agent-1", &s1);

	pass_time(10);
	assert_true(registry_resolve(reg, span_str("app"), now, &r));
	assert_string_equal(r.row.name, "app");
	assert_string_equal(r.row.repo, "org/repo");
	assert_string_equal(r.row.network, "sandbox-1");
	assert_string_equal(r.release_tag, "v1");
	assert_string_equal(r.agent_id, "agent-1");
	assert_string_equal(r.tcb_status, "UpToDate");
	assert_string_equal(r.advisories, "INTEL-SA-1,INTEL-SA-2");
	assert_string_equal(r.registration_state, "active");
	assert_string_equal(r.attestation_status, "valid");
	assert_string_equal(r.health_status, "pass");
	assert_string_equal(r.freshness, "bound");
	assert_int_equal(r.row.registered_at, now.s - 10);
	assert_int_equal(r.row.expires_at, now.s - 10 + 30 * DAY);
	assert_int_equal(r.last_attested_at, now.s - 10);
	assert_int_equal(r.last_health_at, now.s - 10);
	assert_int_equal(r.lease_expires_at, now.s + 3680);
	assert_int_equal(r.replicas, 1);
	assert_true(r.allowed && r.ws_connected && !r.sealed);
	assert_int_equal(r.reason, REASON_OK);
	assert_false(registry_resolve(reg, span_str("other"), now, &r));
	assert_int_equal(r.reason, REASON_UNKNOWN_APP);
	assert_false(r.allowed);
	registry_detach(reg, p, false);
	assert_true(registry_resolve(reg, span_str("app"), now, &r));
	assert_false(r.allowed || r.ws_connected);
	assert_int_equal(r.reason, REASON_NO_TUNNEL);
	assert_string_equal(r.attestation_status, "expired");
	assert_string_equal(r.agent_id, "agent-1");
	assert_string_equal(r.freshness, "none");
}

static void
a_name_is_bound(void **state)
{
	struct attest_identity id = identity("app", "b");
	struct registry_admission a = admission(&id, NULL, 2);
	struct registry_claim c;
	struct err e = {0};
	char s1;
	struct replica *p = join("app", "a", &s1);

	snprintf(id.repo, sizeof id.repo, "evil/repo");
	assert_string_equal(claim(&a, &c), "app_name_taken");
	assert_false(registry_may_register(reg, &id, 0, now.s, &e));
	assert_int_equal(e.reason, REASON_APP_NAME_TAKEN);
	id = identity("app", "b");
	snprintf(id.network, sizeof id.network, "forge-1");
	assert_string_equal(claim(&a, &c), "app_name_taken");
	id = identity("app", "b");
	snprintf(id.repo, sizeof id.repo, "ORG/Repo"); /* the same at GitHub */
	a.repo_id = 7;
	assert_string_equal(claim(&a, &c), "");
	assert_int_equal(c.row.repo_id, 7);
	assert_string_equal(c.row.repo, "org/repo");
	a.repo_id = 8; /* deleted and made again */
	assert_string_equal(claim(&a, &c), "repo_changed");
	/* Expired, it is free once the last tunnel is gone. */
	pass_time(31 * DAY);
	snprintf(id.repo, sizeof id.repo, "other/repo");
	assert_string_equal(claim(&a, &c), "app_name_taken");
	registry_detach(reg, p, false);
	/* For a while it is kept for who had it, on whichever network. */
	assert_string_equal(claim(&a, &c), "app_name_taken");
	pass_time(30 * DAY);
	assert_string_equal(claim(&a, &c), "");
	assert_string_equal(c.row.repo, "other/repo");
	assert_int_equal(c.row.repo_id, 8);
	assert_int_equal(c.row.registered_at, now.s);
}

static void
a_name_is_kept_for_who_had_it(void **state)
{
	struct attest_identity id = identity("app", "a");
	struct registry_admission a = admission(&id, NULL, 1);
	struct registry_claim c;
	struct err e = {0};
	char s1;

	registry_detach(reg, join("app", "a", &s1), false);
	pass_time(30 * DAY);
	snprintf(id.repo, sizeof id.repo, "other/repo");
	assert_false(registry_may_register(reg, &id, 0, now.s, &e));
	assert_int_equal(e.reason, REASON_APP_NAME_TAKEN);
	assert_string_equal(e.shown, "the name is kept for the repository that had it");
	assert_string_equal(claim(&a, &c), "app_name_taken");
	snprintf(id.repo, sizeof id.repo, "org/repo");
	snprintf(id.network, sizeof id.network, "forge-1");
	assert_string_equal(claim(&a, &c), "");
	assert_string_equal(c.row.network, "forge-1");
	assert_int_equal(c.row.registered_at, now.s);
	registry_unclaim(reg, &c);
	pass_time(30 * DAY - 1);
	snprintf(id.repo, sizeof id.repo, "other/repo");
	assert_string_equal(claim(&a, &c), "app_name_taken");
	pass_time(1);
	assert_string_equal(claim(&a, &c), "");
}

static void
a_name_that_is_over_is_forgotten(void **state)
{
	char name[ATTEST_APP_MAX + 1], s1, s2;
	struct replica *p = join("app", "a", &s1), *q = join("other", "a", &s2);

	pass_time(60 * DAY - 1);
	registry_detach(reg, q, false);
	assert_false(registry_forget(reg, now.s, name));
	pass_time(1);
	registry_pending(reg, "other", 1);
	assert_false(registry_forget(reg, now.s, name));
	registry_pending(reg, "other", -1);
	assert_true(registry_forget(reg, now.s, name));
	assert_string_equal(name, "other");
	assert_false(registry_forget(reg, now.s, name)); /* the other is served */
	assert_int_equal(registry_count(reg), 1);
	registry_detach(reg, p, false);
}

static void
a_repository_may_be_renamed(void **state)
{
	struct attest_identity id = identity("app", "a"), other = identity("app", "b");
	struct registry_admission a = admission(&id, &id, 1), b = admission(&other, &other, 1);
	struct registry_claim c;
	struct replica *p;
	void *replaced;
	struct err e = {0};

	a.repo_id = 7;
	assert_string_equal(claim(&a, &c), "");
	assert_true(registry_attach(reg, &a, now, &p, &replaced, &e));
	snprintf(other.repo, sizeof other.repo, "new-org/repo");
	/* Not known before the number is. */
	assert_true(registry_may_register(reg, &other, 0, now.s, &e));
	b.repo_id = 8;
	assert_string_equal(claim(&b, &c), "app_name_taken");
	b.repo_id = 7;
	assert_string_equal(claim(&b, &c), "");
	assert_string_equal(c.row.repo, "new-org/repo");
	/* Whoever takes the old name is another. */
	id.agent_id[0] = 'z';
	a.repo_id = 9;
	assert_string_equal(claim(&a, &c), "app_name_taken");
	registry_detach(reg, p, false);
}

/* How many of the next hundred requests go to that session. */
static unsigned
share_of(const char *s)
{
	unsigned n = 0;
	void *session;

	for (int i = 0; i < 100; i++) {
		assert_string_equal(pick("app", &session), "");
		n += session == s;
	}
	return n;
}

static void
a_newcomer_grows_into_its_share(void **state)
{
	static struct registry_settings slow;
	unsigned early, later;
	struct err e = {0};
	char s1, s2;

	registry_free(reg);
	slow = SET;
	slow.slow_start_s = 100;
	assert_true(registry_new(&reg, &slow, &nets, &e));
	struct replica *p = join("app", "a", &s1), *q;

	assert_int_equal(share_of(&s1), 100); /* alone it serves all */
	pass_time(100);
	registry_health(reg, p, true, now);
	q = join("app", "b", &s2);
	early = share_of(&s2);
	assert_true(early >= 8 && early <= 11);
	pass_time(40);
	later = share_of(&s2);
	assert_true(later > 2 * early && later <= 50);
	pass_time(60);
	assert_int_equal(share_of(&s2), 50);
	registry_detach(reg, p, false);
	registry_detach(reg, q, false);
}

static void
a_failed_write_frees_the_name(void **state)
{
	struct attest_identity id = identity("app", "a");
	struct registry_admission a = admission(&id, NULL, 1);
	struct registry_claim c;
	struct replica *p;
	void *replaced;
	struct err e = {0};
	char s1;

	assert_string_equal(claim(&a, &c), "");
	assert_true(c.created);
	registry_unclaim(reg, &c);
	assert_int_equal(registry_count(reg), 0);
	assert_false(registry_attach(reg, &a, now, &p, &replaced, &e));
	assert_int_equal(e.reason, REASON_UNKNOWN_APP);
	p = join("app", "a", &s1);
	a.replica = p;
	assert_string_equal(claim(&a, &c), "");
	pass_time(DAY);
	a.renew = true;
	assert_string_equal(claim(&a, &c), "");
	assert_true(c.row.expires_at > c.before.expires_at);
	registry_unclaim(reg, &c); /* what stood before, stands: another claim starts from it */
	int64_t stood = c.before.expires_at;
	assert_string_equal(claim(&a, &c), "");
	assert_int_equal(c.before.expires_at, stood);
	registry_unclaim(reg, &c);
	assert_int_equal(registry_count(reg), 1);
	registry_detach(reg, p, false);
}

static void
the_same_platform_replaces(void **state)
{
	struct attest_identity id = identity("app", "a");
	struct registry_admission a = admission(&id, &id, 1);
	struct registry_claim c;
	struct replica *p;
	void *replaced, *session;
	struct err e = {0};
	char s1;
	struct replica *old = join("app", "a", &s1);

	assert_string_equal(claim(&a, &c), "");
	assert_int_equal(c.outcome, REGISTRY_REPLACES);
	assert_ptr_equal(c.older, &s1);
	assert_true(registry_attach(reg, &a, now, &p, &replaced, &e));
	assert_ptr_equal(replaced, &s1);
	registry_health(reg, p, true, now);
	/* The dead tunnel's clean-up does not touch its successor. */
	registry_detach(reg, old, true);
	assert_string_equal(pick("app", &session), "");
	assert_ptr_equal(session, &id);
	registry_detach(reg, p, false);
}

static void
another_platform_contests(void **state)
{
	struct attest_identity id = identity("app", "a");
	struct registry_admission a = admission(&id, &id, 2);
	struct registry_claim c;
	struct replica *p;
	void *replaced, *session;
	struct err e = {0};
	char s1;
	struct replica *old = join("app", "a", &s1);

	snprintf(id.release_tag, sizeof id.release_tag, "v2");
	assert_string_equal(claim(&a, &c), "");
	assert_int_equal(c.outcome, REGISTRY_CONTESTED);
	assert_ptr_equal(c.older, &s1);
	struct resolve r;

	assert_true(registry_resolve(reg, span_str("app"), now, &r));
	assert_string_equal(r.row.release_tag, "v1"); /* nothing was changed */
	assert_false(registry_attach(reg, &a, now, &p, &replaced, &e));
	assert_int_equal(e.reason, REASON_AGENT_ID_TAKEN);
	memset(a.platform, 0, 32); /* unknown equals none */
	assert_string_equal(claim(&a, &c), "");
	assert_int_equal(c.outcome, REGISTRY_CONTESTED);
	registry_detach(reg, old, true);
	assert_string_equal(claim(&a, &c), "");
	assert_int_equal(c.outcome, REGISTRY_ADMITTED);
	err_clear(&e);
	assert_true(registry_attach(reg, &a, now, &p, &replaced, &e));
	assert_null(replaced);
	registry_health(reg, p, true, now);
	assert_string_equal(pick("app", &session), "");
	registry_detach(reg, p, false);
}

static void
ttl_is_renewed_by_register_only(void **state)
{
	struct attest_identity id = identity("app", "a");
	struct registry_claim c;
	struct registry_admission a;
	struct resolve r;
	char s1;
	struct replica *p = join("app", "a", &s1);

	pass_time(27 * DAY);
	a = admission(&id, &s1, 1);
	a.replica = p;
	a.renew = false;
	assert_string_equal(claim(&a, &c), "");
	assert_int_equal(c.row.expires_at, now.s + 3 * DAY);
	struct err e = {0};
	void *replaced;

	assert_true(registry_attach(reg, &a, now, &p, &replaced, &e));
	registry_health(reg, p, true, now);
	assert_true(registry_resolve(reg, span_str("app"), now, &r));
	assert_string_equal(r.registration_state, "warning");
	assert_true(r.allowed); /* a warning is no outage */
	pass_time(3 * DAY);
	assert_true(registry_resolve(reg, span_str("app"), now, &r));
	assert_string_equal(r.registration_state, "expired");
	assert_int_equal(r.reason, REASON_REGISTRATION_EXPIRED);
	assert_false(r.allowed);
	void *session;

	assert_string_equal(pick("app", &session), "registration_expired");
	assert_string_equal(claim(&a, &c), "registration_expired");
	a.renew = true;
	assert_string_equal(claim(&a, &c), "");
	assert_int_equal(c.row.expires_at, now.s + 30 * DAY);
	registry_detach(reg, p, false);
}

static unsigned swept[2];

static void
count_swept(void *ctx, void *session, bool expired)
{
	swept[expired]++;
}

static void
the_sweep_warns_once_and_ends(void **state)
{
	char s1, s2;
	struct replica *p = join("app", "a", &s1), *q = join("app", "b", &s2);

	memset(swept, 0, sizeof swept);
	registry_sweep(reg, now.s, count_swept, NULL);
	assert_int_equal(swept[0] + swept[1], 0);
	pass_time(28 * DAY);
	registry_sweep(reg, now.s, count_swept, NULL);
	registry_sweep(reg, now.s, count_swept, NULL);
	assert_int_equal(swept[0], 2);
	pass_time(2 * DAY);
	registry_sweep(reg, now.s, count_swept, NULL);
	assert_int_equal(swept[1], 2);
	registry_detach(reg, p, false);
	registry_detach(reg, q, false);
}

static void
a_second_attempt_goes_elsewhere(void **state)
{
	char s1, s2;
	struct replica *p = join("app", "a", &s1), *q, *other;
	struct err e = {0};

	assert_false(replica_has_peers(p));
	assert_false(registry_pick(reg, span_str("app"), now, p, &other, &e));
	assert_int_equal(e.reason, REASON_NO_TUNNEL);
	q = join("app", "b", &s2);
	assert_true(replica_has_peers(p));
	assert_true(replica_has_peers(q));
	/* However busy it is. */
	for (int i = 0; i < 10; i++)
		replica_begin(q);
	assert_true(registry_pick(reg, span_str("app"), now, p, &other, &e));
	assert_ptr_equal(other, q);
	for (int i = 0; i < 10; i++)
		replica_end(q);
	registry_detach(reg, p, false);
	assert_false(replica_has_peers(q));
	registry_detach(reg, q, false);
}

static void
requests_go_to_the_least_busy(void **state)
{
	char s1, s2;
	void *session;
	struct replica *p = join("app", "a", &s1), *q = join("app", "b", &s2);

	replica_begin(p);
	for (int i = 0; i < 3; i++) {
		assert_string_equal(pick("app", &session), "");
		assert_ptr_equal(session, &s2);
	}
	replica_begin(q);
	replica_begin(q);
	assert_string_equal(pick("app", &session), "");
	assert_ptr_equal(session, &s1);
	replica_end(q);
	replica_end(q);
	replica_end(p);
	/* Equals take turns. */
	void *first, *second;

	assert_string_equal(pick("app", &first), "");
	assert_string_equal(pick("app", &second), "");
	assert_ptr_not_equal(first, second);
	registry_unroute(reg, p);
	for (int i = 0; i < 3; i++) {
		assert_string_equal(pick("app", &session), "");
		assert_ptr_equal(session, &s2);
	}
	registry_detach(reg, p, true);
	registry_detach(reg, q, false);
}

static void
every_no_has_its_reason(void **state)
{
	struct attest_identity id = identity("sealed", "a");
	struct registry_admission a;
	struct registry_claim c;
	struct replica *p, *q;
	void *session, *replaced;
	struct err e = {0};
	struct resolve r;
	char s1;

	assert_string_equal(pick("app", &session), "unknown_app");
	p = join("app", "a", &s1);
	registry_health(reg, p, false, now);
	assert_string_equal(pick("app", &session), "unhealthy");
	registry_health(reg, p, true, now);
	pass_time(120);
	assert_string_equal(pick("app", &session), "");
	pass_time(1);
	assert_string_equal(pick("app", &session), "unhealthy");
	pass_time(3690);
	registry_health(reg, p, true, now);
	assert_string_equal(pick("app", &session), "lease_expired");
	registry_detach(reg, p, true);
	assert_string_equal(pick("app", &session), "no_tunnel");
	assert_true(registry_resolve(reg, span_str("app"), now, &r));
	assert_string_equal(r.attestation_status, "invalid");
	registry_pending(reg, "app", 1);
	assert_string_equal(pick("app", &session), "attestation_pending");
	assert_true(registry_resolve(reg, span_str("app"), now, &r));
	assert_string_equal(r.attestation_status, "pending");
	registry_pending(reg, "app", -1);
	registry_pending(reg, "app", -1);
	registry_pending(reg, "nobody", 1);
	assert_string_equal(pick("app", &session), "no_tunnel");

	/* On a sealed-only network only sealed replicas count. */
	snprintf(id.network, sizeof id.network, "forge-1");
	a = admission(&id, &s1, 1);
	assert_string_equal(claim(&a, &c), "");
	assert_true(registry_attach(reg, &a, now, &q, &replaced, &e));
	registry_health(reg, q, true, now);
	assert_string_equal(pick("sealed", &session), "sealed_required");
	a.sealed = true;
	a.replica = q;
	assert_true(registry_attach(reg, &a, now, &q, &replaced, &e));
	assert_string_equal(pick("sealed", &session), "");
	registry_detach(reg, q, false);
}

static void
nothing_is_connected_from_disk(void **state)
{
	struct app_row row = {.name = "app",
	    .repo = "org/repo",
	    .network = "sandbox-1",
	    .registered_at = 900000,
	    .expires_at = 2000000,
	    .agent_id = "a",
	    .tcb_status = "UpToDate",
	    .sealed = true,
	    .last_attested_at = 990000};
	struct resolve r;
	struct err e = {0};

	assert_true(registry_load_app(reg, &row, &e));
	assert_true(registry_resolve(reg, span_str("app"), now, &r));
	assert_string_equal(r.row.name, row.name);
	assert_string_equal(r.row.repo, row.repo);
	assert_string_equal(r.row.agent_id, row.agent_id);
	assert_int_equal(r.row.registered_at, row.registered_at);
	assert_int_equal(r.row.expires_at, row.expires_at);
	assert_int_equal(r.row.last_attested_at, row.last_attested_at);
	assert_true(r.row.sealed);
	assert_false(r.allowed || r.ws_connected);
	assert_int_equal(r.reason, REASON_NO_TUNNEL);
	assert_string_equal(r.attestation_status, "expired");
	assert_int_equal(r.replicas, 0);
}

static unsigned removed;

static void
detach_one(void *ctx, void *session)
{
	removed++;
	registry_detach(reg, *(struct replica **)session, false);
}

static void
an_admin_frees_a_name(void **state)
{
	struct replica *p = NULL, *q = NULL;
	struct attest_identity id = identity("app", "c");
	struct registry_admission a = admission(&id, NULL, 3);
	struct registry_claim c;
	struct err e = {0};

	p = join("app", "a", (char *)&p);
	q = join("app", "b", (char *)&q);
	removed = 0;
	assert_true(registry_delete(reg, "app", detach_one, NULL, &e));
	assert_int_equal(removed, 2);
	assert_int_equal(registry_count(reg), 0);
	assert_false(registry_delete(reg, "app", detach_one, NULL, &e));
	assert_int_equal(e.reason, REASON_UNKNOWN_APP);
	snprintf(id.repo, sizeof id.repo, "new/repo");
	assert_string_equal(claim(&a, &c), "");
}

static void
a_ban_outlives_what_it_hits(void **state)
{
	struct attest_identity id = identity("app", "b");
	struct registry_admission a = admission(&id, NULL, 1);
	struct registry_claim c;
	struct ban_row row = {.name = "app", .banned_at = 5};
	struct replica *p, *q;
	struct resolve r;
	void *session, *replaced;
	struct err e = {0};
	char s1;

	p = join("app", "a", &s1);
	assert_string_equal(claim(&a, &c), "");
	for (int i = 0; i < 40; i++) { /* in any order, some twice */
		struct ban_row other = {.banned_at = i};

		snprintf(other.name, sizeof other.name, "n%d", (i * 7) % 39);
		assert_true(registry_ban(reg, &other, &e));
	}
	assert_true(registry_ban(reg, &row, &e));
	assert_true(registry_ban(reg, &row, &e));
	assert_string_equal(pick("app", &session), "app_banned");
	assert_true(registry_resolve(reg, span_str("app"), now, &r));
	assert_int_equal(r.reason, REASON_APP_BANNED);
	assert_false(registry_may_register(reg, &id, 0, now.s, &e));
	assert_int_equal(e.reason, REASON_APP_BANNED);
	/* Whoever was on his way to the disk comes back to a ban. */
	err_clear(&e);
	assert_false(registry_attach(reg, &a, now, &q, &replaced, &e));
	assert_int_equal(e.reason, REASON_APP_BANNED);
	assert_string_equal(claim(&a, &c), "app_banned");
	registry_detach(reg, p, false);
	/* Removed, it is banned still. */
	err_clear(&e);
	assert_true(registry_delete(reg, "app", detach_one, NULL, &e));
	assert_string_equal(claim(&a, &c), "app_banned");
	assert_true(registry_unban(reg, "app"));
	assert_false(registry_unban(reg, "app"));
	assert_true(registry_is_banned(reg, "n38"));
	p = join("app", "a", &s1);
	assert_string_equal(pick("app", &session), "");
	registry_detach(reg, p, false);
}

static char listed[64];

static bool
list(void *ctx, const struct resolve *r)
{
	size_t n = strlen(listed);

	snprintf(listed + n, sizeof listed - n, "%s", r->row.name);
	return strcmp(r->row.name, "stop") != 0;
}

static void
apps_come_in_order(void **state)
{
	static const char *const names[] = {"m", "b", "z", "a", "stop", "aa"};
	struct err e = {0};

	for (size_t i = 0; i < 6; i++) {
		struct app_row row = {.network = "forge-1"};

		snprintf(row.name, sizeof row.name, "%s", names[i]);
		assert_true(registry_load_app(reg, &row, &e));
	}
	listed[0] = '\0';
	assert_int_equal(registry_each(reg, "", 3, now, list, NULL), 3);
	assert_string_equal(listed, "aaab");
	listed[0] = '\0';
	assert_int_equal(registry_each(reg, "b", 100, now, list, NULL), 2);
	assert_string_equal(listed, "mstop");
	listed[0] = '\0';
	assert_int_equal(registry_each(reg, "c", 1, now, list, NULL), 1);
	assert_string_equal(listed, "m");
	assert_int_equal(registry_each(reg, "z", 9, now, list, NULL), 0);
	assert_int_equal(registry_count(reg), 6);
}

static void
visit(void *ctx, void *session)
{
	(*(unsigned *)ctx)++;
}

static void
sessions_of_an_app(void **state)
{
	unsigned n = 0;
	char s1, s2;
	struct replica *p = join("app", "a", &s1), *q = join("app", "b", &s2);

	assert_true(registry_each_session(reg, "app", visit, &n));
	assert_int_equal(n, 2);
	assert_false(registry_each_session(reg, "none", visit, &n));
	registry_detach(reg, p, false);
	registry_detach(reg, q, false);
	registry_detach(reg, NULL, false);
}

static void
freshness_is_that_of_the_least(void **state)
{
	struct attest_identity id = identity("app", "old");
	struct registry_admission a = admission(&id, &id, 0);
	struct registry_claim c;
	struct replica *old, *p;
	struct resolve r;
	void *replaced;
	struct err e = {0};
	char s1;

	p = join("app", "agent-1", &s1);
	assert_true(registry_resolve(reg, span_str("app"), now, &r));
	assert_string_equal(r.freshness, "bound");
	a.unbound = true;
	memset(a.platform, 0, sizeof a.platform);
	assert_true(registry_claim(reg, &a, now, &c, &e));
	assert_true(registry_attach(reg, &a, now, &old, &replaced, &e));
	assert_true(registry_resolve(reg, span_str("app"), now, &r));
	assert_string_equal(r.freshness, "bound"); /* it serves nobody yet */
	registry_health(reg, old, true, now);
	assert_true(registry_resolve(reg, span_str("app"), now, &r));
	assert_string_equal(r.freshness, "none");
	/* A copy of its quote names no platform: the older tunnel is asked first. */
	a.session = &s1;
	assert_true(registry_claim(reg, &a, now, &c, &e));
	assert_int_equal(c.outcome, REGISTRY_CONTESTED);
	registry_detach(reg, old, false);
	assert_true(registry_resolve(reg, span_str("app"), now, &r));
	assert_string_equal(r.freshness, "bound");
	registry_detach(reg, p, false);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
	    T(resolve_fills_every_field),
	    T(freshness_is_that_of_the_least),
	    T(a_name_is_bound),
	    T(a_name_is_kept_for_who_had_it),
	    T(a_name_that_is_over_is_forgotten),
	    T(a_repository_may_be_renamed),
	    T(a_newcomer_grows_into_its_share),
	    T(a_failed_write_frees_the_name),
	    T(the_same_platform_replaces),
	    T(another_platform_contests),
	    T(ttl_is_renewed_by_register_only),
	    T(the_sweep_warns_once_and_ends),
	    T(a_second_attempt_goes_elsewhere),
	    T(requests_go_to_the_least_busy),
	    T(every_no_has_its_reason),
	    T(nothing_is_connected_from_disk),
	    T(an_admin_frees_a_name),
	    T(a_ban_outlives_what_it_hits),
	    T(apps_come_in_order),
	    T(sessions_of_an_app),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
