/* registry.h - who serves which app, in memory, on one thread. Owns apps (a name bound to a
 * repository and network, with a TTL), their replicas (attested tunnels) and the pins of
 * allowlists. Never judges evidence, never touches disk: what must be on disk comes back as rows.
 * Connectedness lives here only and is never loaded. A replica handle is valid from
 * registry_attach to registry_detach, which its session alone calls, exactly once; so a dead
 * tunnel's clean-up cannot touch its successor. Times: _s is wall clock, _ms monotonic. */
#ifndef CORE_REGISTRY_H
#define CORE_REGISTRY_H

#include "core/appraisal.h"
#include "core/lease.h"
#include "core/network.h"
#include "core/rows.h"

struct registry;
struct replica;

struct registry_settings {
	int64_t ttl_s; /* EE_REGISTRATION_TTL_DAYS */
	int64_t warn_s; /* EE_REGISTRATION_WARN_DAYS */
	int64_t quarantine_s; /* EE_NAME_QUARANTINE_DAYS */
	uint32_t slow_start_s; /* EE_SLOW_START_SEC */
	uint32_t health_timeout_s; /* EE_HEALTH_TIMEOUT_SEC */
};

struct registry_now {
	int64_t s; /* wall clock */
	uint64_t ms; /* monotonic */
};

/* Both pointers are kept and must outlive the registry. */
MUST_CHECK bool registry_new(struct registry **out, const struct registry_settings *set,
    const struct networks *nets, struct err *e);
void registry_free(struct registry *r);

/* Take a row from the store at start-up. */
MUST_CHECK bool registry_load_app(struct registry *r, const struct app_row *row, struct err *e);
MUST_CHECK bool registry_load_pin(struct registry *r, const struct pin_row *row, struct err *e);

/* Say whether a register may go on at all: name bound to another repo or network, or kept for who
 * had it. Judges only; call at register, before the challenge. `repo_id` 0 where it is not known
 * yet: then another name may still be that of the same repository, and the claim decides. */
MUST_CHECK bool registry_may_register(const struct registry *r, const struct attest_identity *id,
    int64_t repo_id, int64_t now_s, struct err *e);

/* --- admission: claim, write the row, attach when the commit is done --- */

struct registry_admission {
	const struct attest_identity *id;
	int64_t repo_id; /* 0 unknown */
	void *session; /* the caller's, handed back as it is */
	bool renew; /* came of a register: renews the TTL */
	bool sealed;
	bool unbound; /* freshness none */
	const char *tcb_status;
	const char *advisories; /* commas between, or "" */
	uint8_t platform[32]; /* hash of the PPID; all zero: unknown, equal to none */
	struct lease lease;
	struct replica *replica; /* this session's own where it is attached already, else NULL */
};

enum registry_outcome {
	REGISTRY_ADMITTED, /* new, or another replica, or this one again */
	REGISTRY_REPLACES, /* an older tunnel of this agent gives way at registry_attach */
	REGISTRY_CONTESTED /* challenge `older` first. It answers right: refuse with
	                    * agent_id_taken. It closes: claim again */
};

struct registry_claim {
	enum registry_outcome outcome;
	void *older; /* session of the older tunnel, where outcome is not ADMITTED */
	bool created; /* the name was free */
	struct app_row before; /* else: what stood there */
	struct app_row row; /* write it, then registry_attach */
};

/* Judge, and hold the name for this repo and network from now on (unless CONTESTED, which changes
 * nothing). app_name_taken, repo_changed. */
MUST_CHECK bool registry_claim(struct registry *r, const struct registry_admission *a,
    struct registry_now now, struct registry_claim *out, struct err *e);

/* Undo a claim whose row could not be written. */
void registry_unclaim(struct registry *r, const struct registry_claim *c);

/* Make it a replica that requests may go to, or renew the one that it is. The older tunnel that
 * it replaces is out of routing at once, its session comes back in *replaced (else NULL): step it
 * with SESSION_EV_REPLACED. unknown_app where an admin removed the name meanwhile. */
MUST_CHECK bool registry_attach(struct registry *r, const struct registry_admission *a,
    struct registry_now now, struct replica **out, void **replaced, struct err *e);

/* --- replicas --- */

/* Free the handle. NULL is taken. `invalid`: its re-attestation failed or was missed. */
void registry_detach(struct registry *r, struct replica *p, bool invalid);
/* Out of routing at once, the handle stays. */
void registry_unroute(struct registry *r, struct replica *p);
/* The same for an agent that stops: its lease goes on, for the requests that it has. For good. */
void registry_drain(struct registry *r, struct replica *p);
void registry_health(struct registry *r, struct replica *p, bool pass, struct registry_now now);
/* Its lease ends at another time than was granted. */
void registry_lease(
    struct registry *r, struct replica *p, struct lease lease, struct registry_now now);
/* A request begins and ends on a replica. Do not call the second after registry_detach. */
void replica_begin(struct replica *p);
void replica_end(struct replica *p);
void *replica_session(const struct replica *p);
/* Say whether its app has another replica, whatever the state of that one. */
bool replica_has_peers(const struct replica *p);

/* --- questions --- */

/* The replica with the fewest requests in flight among those that may serve, but not `avoid` (may
 * be NULL). A replica that joined others is asked one time in ten at first, and every time once it
 * is slow_start_s old. unknown_app, registration_expired, no_tunnel (nobody connected), lease_expired,
 * sealed_required, unhealthy. */
MUST_CHECK bool registry_pick(struct registry *r, struct span app_name, struct registry_now now,
    const struct replica *avoid, struct replica **out, struct err *e);

struct resolve {
	struct app_row row;
	const char *registration_state; /* active, warning, expired */
	const char *attestation_status; /* unknown, pending, valid, invalid, expired */
	const char *health_status; /* unknown, pass, fail */
	const char *freshness; /* bound, none */
	char agent_id[ATTEST_AGENT_ID_MAX + 1]; /* of the best replica, else of the last */
	char release_tag[ATTEST_TAG_MAX + 1];
	char tcb_status[ROW_TCB_MAX];
	char advisories[ROW_ADVISORIES_MAX];
	bool sealed;
	bool ws_connected;
	int64_t last_attested_at; /* 0: never */
	int64_t last_health_at;
	int64_t lease_expires_at; /* wall clock, 0: none */
	size_t replicas, replicas_connected, replicas_serving, in_flight;
	bool allowed;
	enum reason reason; /* REASON_OK when allowed */
	/* All but in_flight stays so until one of these moments, unless registry_version changes or
	 * the networks do. */
	struct registry_now until;
};

/* Fill every field. False: unknown_app (out is then empty but for `reason`). */
bool registry_resolve(
    const struct registry *r, struct span app_name, struct registry_now now, struct resolve *out);

/* Another number after each act that changes what registry_resolve tells of the app, and for each app;
 * 0: unknown_app. */
uint64_t registry_version(const struct registry *r, struct span app_name);

/* A tunnel has registered this name and is not attested yet (+1), or is done with it (-1): shown
 * as `pending`, and nothing else. No-op for a name that is not bound. */
void registry_pending(struct registry *r, const char *app_name, int delta);

/* Apps in the order of their names, from the first after `after` ("" for all): fn returns false
 * to stop. Returns how many were handed out. */
size_t registry_each(const struct registry *r, const char *after, size_t limit,
    struct registry_now now, bool (*fn)(void *ctx, const struct resolve *app), void *ctx);
size_t registry_count(const struct registry *r);

/* Hand each replica's session of an app to fn. False: unknown name. */
bool registry_each_session(
    struct registry *r, const char *app_name, void (*fn)(void *ctx, void *session), void *ctx);

/* Free a name. Its replicas leave routing; fn gets each session (step it with EV_REMOVED). */
MUST_CHECK bool registry_delete(struct registry *r, const char *app_name,
    void (*fn)(void *ctx, void *session), void *ctx, struct err *e);

/* Call every minute or so: fn gets each session whose registration has ended (expired: true, step
 * it with EV_EXPIRED) or has just entered its last days (send status warning), the latter once. */
void registry_sweep(struct registry *r, int64_t now_s,
    void (*fn)(void *ctx, void *session, bool expired), void *ctx);

/* The next moment at which a registration with replicas ends, INT64_MAX where there is none. */
int64_t registry_next_end(const struct registry *r, int64_t now_s);

/* Forget one name whose registration and quarantine are over and that nobody serves or asks for, and
 * write it into `name`, so that its row can go, too. False: there is none. */
bool registry_forget(struct registry *r, int64_t now_s, char name[static ATTEST_APP_MAX + 1]);

/* --- bans --- */

/* Take a ban from the store, or from an admin: nobody may register the name, and no request goes to
 * who has it. Their tunnels are the caller's to end (SESSION_EV_BANNED). */
MUST_CHECK bool registry_ban(struct registry *r, const struct ban_row *row, struct err *e);
/* False: it was not banned. */
bool registry_unban(struct registry *r, const char *app_name);
bool registry_is_banned(const struct registry *r, const char *app_name);
/* Bans in the order of their names, from the first after `after` ("" for all), at most `limit`: fn
 * returns false to stop. */
void registry_each_ban(const struct registry *r, const char *after, size_t limit,
    bool (*fn)(void *ctx, const struct ban_row *row), void *ctx);
size_t registry_ban_count(const struct registry *r);

/* --- pins --- */

/* allowlist_changed where other bytes were accepted under this tag, by this name of the repository;
 * registry_pin_put asks its other names (by number), too. *known says whether any were. */
MUST_CHECK bool registry_pin_check(const struct registry *r, const char *repo,
    const char *release_tag, const uint8_t sha256[static 32], bool *known, struct err *e);
/* Pin at first accept, and fill the row to write; a pin that stands keeps its time. A pin is never
 * taken back, not even when its write fails: forgetting would fail open. allowlist_changed where
 * others pinned other bytes meanwhile. */
struct pin_new {
	const char *repo, *release_tag;
	const uint8_t *sha256;
	int64_t repo_id;
	bool secret, immutable;
};
MUST_CHECK bool registry_pin_put(struct registry *r, const struct pin_new *pin, int64_t now_s,
    struct pin_row *row, struct err *e);
/* The pin of a release, or NULL; valid until the registry is next changed. */
const struct pin_row *registry_pin_find(
    const struct registry *r, const char *repo, const char *release_tag);
/* An admin accepts other bytes: fill the row to write; in force once registry_pin_move takes it, after
 * the write. NOT_FOUND where nothing was pinned. */
MUST_CHECK bool registry_pin_moved(const struct registry *r, const char *repo,
    const char *release_tag, const uint8_t sha256[static 32], int64_t now_s, struct pin_row *row,
    struct err *e);
void registry_pin_move(struct registry *r, const struct pin_row *row);
/* The write of such a row begins, or has ended either way: until then nothing is pinned there, since a
 * later write of the old bytes would undo it on the disk. */
void registry_pin_moving(
    struct registry *r, const char *repo, const char *release_tag, bool begins);
/* Say whether the caller is the one to put a pin into the audit trail; after the write it says
 * with registry_pin_told what came of it, so that a pin stands there once. */
bool registry_pin_tell(struct registry *r, const char *repo, const char *release_tag);
void registry_pin_told(struct registry *r, const char *repo, const char *release_tag, bool on_disk);

#endif
