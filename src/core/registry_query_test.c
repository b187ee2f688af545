#include "core/registry_world.h"

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

/* What a verdict rests on may end before the next challenge, and later once it is renewed. */
static void
a_lease_is_moved(void **state)
{
	struct lease granted, lease;
	struct resolve r;
	void *session;
	char s1;
	struct replica *p = join("app", "agent-1", &s1);

	lease_grant(&granted, now.ms, 3600, 60, 30);
	lease = granted;
	lease_cap(&lease, now.ms, 20);
	registry_lease(reg, p, lease, now);
	assert_true(registry_resolve(reg, span_str("app"), now, &r));
	assert_int_equal(r.lease_expires_at, now.s + 20);
	assert_int_equal(r.until.ms, now.ms + 20000); /* until then the answer may be kept */
	pass_time(20);
	assert_string_equal(pick("app", &session), "lease_expired");
	lease = granted;
	lease_cap(&lease, now.ms, 100000);
	assert_int_equal(lease.until_ms, granted.until_ms); /* never made longer */
	registry_lease(reg, p, lease, now);
	assert_string_equal(pick("app", &session), "");
	lease_cap(&lease, now.ms, -1);
	assert_false(lease_holds(&lease, now.ms));
	lease = granted;
	lease_cap(&lease, now.ms, INT64_MAX);
	assert_int_equal(lease.until_ms, granted.until_ms);
	registry_detach(reg, p, false);
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
	id.network = "forge-1";
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

static uint64_t
version_changes_from(uint64_t before)
{
	uint64_t version = registry_version(reg, span_str("app"));

	assert_int_not_equal(version, before);
	return version;
}

/* Whoever keeps an answer looks at nothing but version and clock. */
static void
each_act_makes_another_version(void **state)
{
	struct ban_row ban = {.name = "app"};
	struct err e = {0};
	char s1, s2;
	struct replica *p, *q;
	unsigned n = 0;
	uint64_t v;

	assert_int_equal(registry_version(reg, span_str("app")), 0);
	p = join("app", "agent-1", &s1);
	v = version_changes_from(0);
	q = join("app", "agent-2", &s2);
	v = version_changes_from(v);
	registry_health(reg, p, false, now);
	v = version_changes_from(v);
	registry_pending(reg, "app", 1);
	v = version_changes_from(v);
	registry_pending(reg, "app", -1);
	v = version_changes_from(v);
	registry_drain(reg, p);
	v = version_changes_from(v);
	registry_unroute(reg, q);
	v = version_changes_from(v);
	assert_true(registry_ban(reg, &ban, &e));
	v = version_changes_from(v);
	assert_true(registry_unban(reg, "app"));
	v = version_changes_from(v);
	registry_detach(reg, q, true);
	v = version_changes_from(v);
	registry_detach(reg, p, false);
	v = version_changes_from(v);
	q = join("other", "agent-1", &s1);
	assert_int_equal(registry_version(reg, span_str("app")), v);
	assert_true(registry_delete(reg, "app", visit, &n, &e));
	assert_int_equal(registry_version(reg, span_str("app")), 0);
	p = join("app", "agent-3", &s1);
	(void)version_changes_from(v);
	registry_detach(reg, p, false);
	registry_detach(reg, q, false);
}

/* A moment before, nothing has changed; at that moment, something has. */
static void
answers_stand_until_the_clock_ends_them(void **state)
{
	struct resolve r, then;
	char s1;
	struct replica *p = join("app", "agent-1", &s1);

	for (int i = 0; i < 4; i++) {
		assert_true(registry_resolve(reg, span_str("app"), now, &r));
		uint64_t ms = r.until.ms == UINT64_MAX ? UINT64_MAX : r.until.ms - now.ms;
		uint64_t s = r.until.s == INT64_MAX ? UINT64_MAX
						    : 1000 * (uint64_t)(r.until.s - now.s);
		uint64_t left = ms < s ? ms : s;

		assert_true(left > 0 && left < UINT64_MAX);
		now.ms += left - 1;
		now.s += (int64_t)((left - 1) / 1000);
		assert_true(registry_resolve(reg, span_str("app"), now, &then));
		assert_memory_equal(&then, &r, sizeof r);
		now.ms++;
		now.s += (int64_t)(left / 1000 - (left - 1) / 1000);
		assert_true(registry_resolve(reg, span_str("app"), now, &then));
		assert_memory_not_equal(&then, &r, sizeof r);
	}
	assert_string_equal(then.registration_state, "expired");
	assert_true(then.until.s == INT64_MAX && then.until.ms == UINT64_MAX);
	registry_detach(reg, p, false);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
	    T(resolve_fills_every_field),
	    T(a_lease_is_moved),
	    T(freshness_is_that_of_the_least),
	    T(a_newcomer_grows_into_its_share),
	    T(a_second_attempt_goes_elsewhere),
	    T(requests_go_to_the_least_busy),
	    T(every_no_has_its_reason),
	    T(nothing_is_connected_from_disk),
	    T(apps_come_in_order),
	    T(sessions_of_an_app),
	    T(each_act_makes_another_version),
	    T(answers_stand_until_the_clock_ends_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
