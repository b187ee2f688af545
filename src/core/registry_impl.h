/* registry_impl.h - the registry's insides, shared by its .c files and nobody else. Strings of a
 * row or replica lie in one block each (struct strs), since twenty thousand of them are kept. */
#ifndef CORE_REGISTRY_IMPL_H
#define CORE_REGISTRY_IMPL_H

#include "core/registry.h"

/* NUL-terminated strings one after another, made by strs_new, freed by free(). */
struct strs {
	size_t n;
	char text[];
};

enum app_str {
	APP_NAME,
	APP_REPO,
	APP_NETWORK,
	APP_TAG,
	APP_AGENT,
	APP_TCB,
	APP_ADVISORIES,
	APP_STRS
};
enum rep_str { REP_AGENT, REP_TAG, REP_TCB, REP_ADVISORIES, REP_STRS };

enum health { HEALTH_UNKNOWN, HEALTH_PASS, HEALTH_FAIL };

struct app {
	struct strs *strs; /* app_str */
	int64_t repo_id, registered_at, expires_at, last_attested_at;
	bool sealed;
	bool banned;
	bool invalid; /* the last replica to go had failed its re-attestation */
	size_t pending; /* tunnels that have registered and are not attested */
	uint64_t version; /* registry_version */
	struct replica *first;
};

struct replica {
	struct app *app; /* NULL: out of its app's list, the handle alone is left */
	struct replica *next;
	void *session;
	struct strs *strs; /* rep_str */
	uint8_t platform[32];
	struct lease lease;
	int64_t lease_until_s; /* by the wall clock when it began: what is shown */
	int64_t last_attested_at, last_health_at;
	uint64_t last_health_ms;
	uint64_t last_pick;
	uint64_t joined_ms;
	uint32_t share; /* what it has saved up towards being asked; SHARE_WHOLE is one request */
	size_t in_flight;
	bool sealed, unbound, routed, warned;
	bool draining; /* its agent takes no more requests */
	enum health health;
};

struct registry {
	const struct registry_settings *set;
	const struct networks *nets;
	struct app **apps; /* in the order of their names */
	size_t n, cap;
	struct pin_row *pins; /* in the order of repo and tag */
	size_t pin_n, pin_cap;
	struct ban_row *bans; /* in the order of their names */
	size_t ban_n, ban_cap;
	uint64_t picks;
	uint64_t versions; /* the last that was given away */
};

#define SHARE_WHOLE 1000u
#define SHARE_LEAST 100u /* of a replica that has just joined: one request in ten */

struct strs *strs_new(const char *const *v, size_t n);
const char *strs_get(const struct strs *s, size_t i);

/* Something that registry_resolve tells of this app has changed; NULL is taken. */
void registry_touch(struct registry *r, struct app *a);

/* The app of that name, or NULL; *at is where it stands or would. */
struct app *registry_app(const struct registry *r, struct span name, size_t *at);
void registry_row(const struct app *a, struct app_row *out);
/* app_banned where the name is. */
MUST_CHECK bool registry_may_appear(const struct registry *r, const char *name, struct err *e);
bool app_expired(const struct app *a, int64_t now_s);

#endif
