/* registry_world.h - a registry with two networks and a clock, for its tests: registry_test.c (names,
 * claims, leases' ends) and registry_query_test.c (who serves, what is said). */
#ifndef CORE_REGISTRY_WORLD_H
#define CORE_REGISTRY_WORLD_H

#include "base/test.h"

#include <stdio.h>

#include "core/registry.h"

#define DAY 86400

static const struct registry_settings SET = {
    .ttl_s = 30 * DAY, .warn_s = 3 * DAY, .quarantine_s = 30 * DAY, .health_timeout_s = 120};

static struct networks nets;
static struct registry *reg;
static struct registry_now now;

static inline int
begin(void **state)
{
	struct err e = {0};

	networks_default(&nets);
	now = (struct registry_now){.s = 1000000, .ms = 5000};
	return registry_new(&reg, &SET, &nets, &e) ? 0 : -1;
}

static inline int
end(void **state)
{
	registry_free(reg);
	return 0;
}

static inline void
pass_time(uint64_t s)
{
	now.s += (int64_t)s;
	now.ms += 1000 * s;
}

static inline struct attest_identity
identity(const char *app, const char *agent)
{
	return (struct attest_identity){.repo = "org/repo",
	    .release_tag = "v1",
	    .app_name = app,
	    .network = "sandbox-1",
	    .agent_id = agent};
}

static inline struct registry_admission
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
static inline struct replica *
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

static inline const char *
pick(const char *app, void **session)
{
	static char token[ERR_TOKEN_MAX];
	struct replica *p;
	struct err e = {0};

	*session = NULL;
	if (!registry_pick(reg, span_str(app), now, NULL, &p, &e))
		return err_token(&e, token);
	*session = replica_session(p);
	return "";
}

static inline const char *
claim(const struct registry_admission *a, struct registry_claim *c)
{
	static char token[ERR_TOKEN_MAX];
	struct err e = {0};

	return registry_claim(reg, a, now, c, &e) ? "" : err_token(&e, token);
}

#endif
