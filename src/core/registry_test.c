#include "core/registry_world.h"

static void
a_name_is_bound(void **state)
{
	struct attest_identity id = identity("app", "b");
	struct registry_admission a = admission(&id, NULL, 2);
	struct registry_claim c;
	struct err e = {0};
	char s1;
	struct replica *p = join("app", "a", &s1);

	id.repo = "evil/repo";
	assert_string_equal(claim(&a, &c), "app_name_taken");
	assert_false(registry_may_register(reg, &id, 0, now.s, &e));
	assert_int_equal(e.reason, REASON_APP_NAME_TAKEN);
	id = identity("app", "b");
	id.network = "forge-1";
	assert_string_equal(claim(&a, &c), "app_name_taken");
	id = identity("app", "b");
	id.repo = "ORG/Repo"; /* the same at GitHub */
	a.repo_id = 7;
	assert_string_equal(claim(&a, &c), "");
	assert_int_equal(c.row.repo_id, 7);
	assert_string_equal(c.row.repo, "org/repo");
	a.repo_id = 8; /* deleted and made again */
	assert_string_equal(claim(&a, &c), "repo_changed");
	/* Expired, it is free once the last tunnel is gone. */
	pass_time(31 * DAY);
	id.repo = "other/repo";
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
	id.repo = "other/repo";
	assert_false(registry_may_register(reg, &id, 0, now.s, &e));
	assert_int_equal(e.reason, REASON_APP_NAME_TAKEN);
	assert_string_equal(e.shown, "the name is kept for the repository that had it");
	assert_string_equal(claim(&a, &c), "app_name_taken");
	id.repo = "org/repo";
	id.network = "forge-1";
	assert_string_equal(claim(&a, &c), "");
	assert_string_equal(c.row.network, "forge-1");
	assert_int_equal(c.row.registered_at, now.s);
	registry_unclaim(reg, &c);
	pass_time(30 * DAY - 1);
	id.repo = "other/repo";
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
	other.repo = "new-org/repo";
	/* Not known before the number is. */
	assert_true(registry_may_register(reg, &other, 0, now.s, &e));
	b.repo_id = 8;
	assert_string_equal(claim(&b, &c), "app_name_taken");
	b.repo_id = 7;
	assert_string_equal(claim(&b, &c), "");
	assert_string_equal(c.row.repo, "new-org/repo");
	/* Whoever takes the old name is another. */
	id.agent_id = "z";
	a.repo_id = 9;
	assert_string_equal(claim(&a, &c), "app_name_taken");
	registry_detach(reg, p, false);
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

/* Two agents claim a free name at once, and the first one's write fails. */
static void
a_failed_write_takes_no_other_claim_along(void **state)
{
	struct attest_identity first = identity("app", "a"), second = identity("app", "b");
	struct registry_admission a = admission(&first, NULL, 1), b = admission(&second, NULL, 2);
	struct registry_claim c, d;
	struct replica *p;
	void *replaced;
	struct err e = {0};

	assert_string_equal(claim(&a, &c), "");
	pass_time(5);
	assert_string_equal(claim(&b, &d), "");
	registry_unclaim(reg, &c);
	assert_true(registry_attach(reg, &b, now, &p, &replaced, &e));
	registry_detach(reg, p, false);
}

/* An agent that stops gets no more requests, whatever it proves meanwhile. */
static void
a_draining_agent_is_not_asked(void **state)
{
	char s1;
	void *session;
	struct replica *p = join("app", "a", &s1);
	struct attest_identity id = identity("app", "a");
	struct registry_admission a = admission(&id, &s1, 1);
	void *replaced;
	struct resolve r;
	struct err e = {0};

	registry_drain(reg, p);
	assert_string_equal(pick("app", &session), "agent_draining");
	a.replica = p;
	assert_true(registry_attach(reg, &a, now, &p, &replaced, &e));
	assert_string_equal(pick("app", &session), "agent_draining");
	assert_true(registry_resolve(reg, span_str("app"), now, &r));
	assert_false(r.allowed);
	assert_string_equal(r.attestation_status, "valid");
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

	id.release_tag = "v2";
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
	id.repo = "new/repo";
	assert_string_equal(claim(&a, &c), "");
}

static bool
join_names(void *ctx, const struct ban_row *row)
{
	buf_printf(ctx, "%s ", row->name);
	return true;
}

static void
bans_come_in_order(void **state)
{
	static const char *const names[] = {"m", "c", "x", "a"};
	struct ban_row row = {.banned_at = 5};
	struct err e = {0};
	struct buf b;

	buf_init(&b, 100);
	for (size_t i = 0; i < 4; i++) {
		snprintf(row.name, sizeof row.name, "%s", names[i]);
		assert_true(registry_ban(reg, &row, &e));
	}
	registry_each_ban(reg, "", 10, join_names, &b);
	registry_each_ban(reg, "a", 1, join_names, &b);
	registry_each_ban(reg, "n", 10, join_names, &b);
	registry_each_ban(reg, "x", 10, join_names, &b);
	assert_string_equal(buf_cstr(&b), "a c m x c x ");
	assert_int_equal(registry_ban_count(reg), 4);
	buf_fini(&b);
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

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
	    T(a_name_is_bound),
	    T(a_name_is_kept_for_who_had_it),
	    T(a_name_that_is_over_is_forgotten),
	    T(a_repository_may_be_renamed),
	    T(a_failed_write_frees_the_name),
	    T(a_failed_write_takes_no_other_claim_along),
	    T(a_draining_agent_is_not_asked),
	    T(the_same_platform_replaces),
	    T(another_platform_contests),
	    T(ttl_is_renewed_by_register_only),
	    T(the_sweep_warns_once_and_ends),
	    T(an_admin_frees_a_name),
	    T(a_ban_outlives_what_it_hits),
	    T(bans_come_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
