/* control.h - the control plane as one value: what it was given, what it owns, and what the parts
 * of this folder share. Made and torn down by server.c; everything here belongs to the loop's
 * thread. */
#ifndef CONTROL_CONTROL_H
#define CONTROL_CONTROL_H

#include "base/settings.h"
#include "collateral/collateral.h"
#include "gate/admin.h"
#include "gate/gate.h"
#include "control/lists.h"
#include "gate/lookups.h"
#include "core/registry.h"
#include "core/session.h"
#include "core/store.h"
#include "front/front.h"
#include "net/http_server.h"
#include "net/worker.h"
#include "os/activation.h"
#include "os/env.h"
#include "release/release.h"

#define CONTROL_VERSION    "0.1.0"
#define CONTROL_AUDIENCES  16
#define CONTROL_REFUSALS   32
#define CONTROL_NAME       "ee-control"
#define CONTROL_QUIET_RATE 5 /* log lines a second about strangers */

struct tunnel;
struct events_reader;
struct audit_note;
struct rejudge;
struct policy_diff;

/* A refused attempt, kept for the dashboard. What it names was never proven. */
struct refusal {
	int64_t at_s;
	char app_name[ATTEST_APP_MAX + 1], agent_id[ATTEST_AGENT_ID_MAX + 1];
	char repo[ATTEST_REPO_MAX + 1];
	char reason[ERR_TOKEN_MAX];
	char detail[160];
};

/* Since the start, for /metrics. */
struct control_counts {
	uint64_t attested;
	uint64_t refused[REASON_COUNT]; /* attempts */
	uint64_t leases_ended[REASON_COUNT];
	struct prom_times attestations; /* from the answer to the verdict, whichever it is */
};

/* What a forecast makes of the fleet (forecast.h). */
struct forecast_counts {
	uint64_t judged, worse, refused, unjudged;
	uint32_t number; /* its highest evaluation number */
};

struct control {
	const struct settings *set;
	struct env *env;
	struct net_loop *loop;
	struct tls_ctx *tls;
	struct http_server *http;
	struct front *front;
	struct fetcher *fetcher, *pccs_fetcher; /* the latter with EE_PCCS_CA, or NULL */
	struct collateral_client *collateral;
	struct release_client *release;
	struct wake *wake;
	struct store *store; /* NULL once the registry is closed */
	struct activation sockets;
	struct networks nets;
	uint64_t nets_age; /* how often they were read again */
	struct collateral_client *early; /* of Intel's early edition; NULL: no forecasts */
	uint64_t collateral_age; /* how often some of it was replaced */
	struct registry *registry;
	struct registry_settings registry_set;
	struct session_settings session_set;
	struct admin_rule admin;
	struct gate *gate;
	struct gate *reads, *quotes; /* of evidence: as it stands, and fresh */
	unsigned reading; /* pages of it that are being read from the disk */
	struct lookups *lookups; /* of releases that nobody here has seen yet */
	struct resolve_cache *resolves;
	struct lists *lists;

	struct eedcap_context *dcap; /* the trusted root, and what is known of platforms */
	bool custom_root; /* it is not Intel's */
	uint8_t root_key[EEDCAP_ROOT_KEY_SIZE]; /* where it is not */
	char audience_text[CONTROL_AUDIENCES][ATTEST_AUDIENCE_MAX + 1];
	const char *audiences[CONTROL_AUDIENCES];
	size_t audience_n;

	struct tunnel *tunnels; /* all that are open */
	size_t tunnel_n, unattested_n, unattested_max;
	uint64_t last_id; /* of tunnels and requests */

	struct events_reader *readers; /* of the audit trail, as it grows */
	size_t reader_n;
	bool backup_runs;
	struct policy_diff *diff; /* that runs, or NULL */

	struct { /* what the early edition will make of the fleet (forecast.h) */
		struct rejudge *pass; /* that runs, or NULL */
		struct forecast_counts now, last; /* of that one, and of the last that ended */
		int64_t made_s; /* when that was; 0: none did yet */
		uint64_t due_ms;
		struct net_timer timer;
	} forecast;
	struct { /* the passes over the live fleet (rejudge.h) */
		struct rejudge *pass; /* that runs, or NULL */
		bool wanted, rules; /* another one; the rules have changed */
		bool rules_now; /* they have for the one that runs */
		uint64_t judged, refused, unjudged; /* by it */
		uint64_t retry_ms; /* the last wait for another try; 0: none was due */
		struct net_timer soon;
	} live;
	char policy[ROW_DETAIL_MAX + 1]; /* as the trail tells of it last */
	char policy_sent[ROW_DETAIL_MAX + 1]; /* on its way to the disk */

	struct removal *removals; /* of names, on their way to the disk */
	struct gate *refusal_rows,
	    *all_refusal_rows; /* how many an address may cause; all of them */
	uint64_t untold_n; /* refusals that are to be told of by their number */
	int64_t certificate_told_s; /* when the log was last told that it ends soon */

	struct control_counts counts;
	struct refusal refusals[CONTROL_REFUSALS]; /* a ring */
	uint64_t refused_n, strangers_n;
	uint64_t quiet_ms, quiet_n, quiet_dropped; /* the limit on lines about strangers */

	struct net_timer sweep, grace;
	uint64_t sweep_ms; /* when the sweep is due */
	uint64_t drain_until_ms;
	bool handed_over; /* it listens at sockets that outlive it */
	bool draining, cut, store_broken;
};

/* As snprintf of a string, which may be NULL. */
void control_copy(char *dst, size_t size, const char *src);

struct registry_now control_now(const struct control *c);

/* Say whether a line about a stranger may be logged now: at most some a second, so that nobody
 * fills the disk; how many were left out is told with the next. */
bool control_may_log(struct control *c);

/* Note a refused attempt for dashboard and log. `proven` (NULL: not): the quote was authentic, so
 * that it goes to the audit trail too, with the digests that are given, or, where its address has
 * caused many such rows, is counted there; a stranger's word writes nothing to disk. */
void control_refused(struct control *c, const struct attest_identity *id, const char *peer,
    const struct err *why, const struct audit_note *proven);

/* Make the limits on those rows. */
MUST_CHECK bool control_limit_refusals(struct control *c, const uint8_t key[static 16]);

/* As store_submit; refused with DRAINING once the registry is closed. */
MUST_CHECK bool control_submit(struct control *c, const struct store_change *v, size_t n,
    store_done_fn *done, void *ctx, struct err *e);

/* Write what is queued, close the registry and release its lock. Idempotent. */
void control_close_store(struct control *c);

/* The address that budgets count: the TCP peer, or behind EE_TRUSTED_PROXIES the rightmost
 * X-Forwarded-For entry that is none of them. */
#define CONTROL_PEER_MAX 64
const char *control_client(
    const struct control *c, const struct http_req *r, char dst[static CONTROL_PEER_MAX]);

#endif
