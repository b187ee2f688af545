/* rows.h - what of the registry outlives the process, as values: one struct a table row. */
#ifndef CORE_ROWS_H
#define CORE_ROWS_H

#include "attest/attest.h"

#define ROW_TCB_MAX        64
#define ROW_ADVISORIES_MAX 1024 /* "INTEL-SA-00615,INTEL-SA-00657": commas between */
#define ROW_EVENT_MAX      40
#define ROW_DETAIL_MAX     255
#define ROW_VERDICT_MAX    15

struct app_row {
	char name[ATTEST_APP_MAX + 1];
	char repo[ATTEST_REPO_MAX + 1];
	int64_t repo_id; /* GitHub's number, 0 unknown */
	char network[ATTEST_NETWORK_MAX + 1];
	int64_t registered_at;
	int64_t expires_at;
	/* The last admission, for people: never a reason to route. */
	char release_tag[ATTEST_TAG_MAX + 1];
	char agent_id[ATTEST_AGENT_ID_MAX + 1];
	bool sealed;
	char tcb_status[ROW_TCB_MAX];
	char advisories[ROW_ADVISORIES_MAX];
	int64_t last_attested_at;
};

/* The allowlist's bytes as first accepted, or as an admin accepted them. */
struct pin_row {
	char repo[ATTEST_REPO_MAX + 1]; /* lower case: GitHub's names have none */
	char release_tag[ATTEST_TAG_MAX + 1];
	uint8_t sha256[ATTEST_DIGEST];
	int64_t pinned_at;
	int64_t repo_id; /* GitHub's number; 0 unknown: pinned before this was kept */
	bool secret; /* of a private repository */
	bool immutable; /* GitHub said of their release that nobody can change it */
	int64_t used_at; /* the last admission under it */
	unsigned moving; /* not on disk: acceptances on their way there (registry_pin_moving) */
	/* Not on disk: whether the audit trail tells of it (registry_pin_tell). */
	enum pin_told { PIN_NOT_TOLD, PIN_BEING_TOLD, PIN_TOLD } told;
};

/* The bytes that a pin's digest is of. They are borrowed. */
struct list_row {
	uint8_t sha256[ATTEST_DIGEST];
	struct span bytes;
};

/* A name that nobody may have. */
struct ban_row {
	char name[ATTEST_APP_MAX + 1];
	int64_t banned_at;
};

/* The last verification of a replica, so that others can repeat it (evidence.h). The bytes are
 * borrowed. */
struct evidence_row {
	char app_name[ATTEST_APP_MAX + 1];
	char agent_id[ATTEST_AGENT_ID_MAX + 1];
	uint64_t session; /* the tunnel's: when an older one goes, a newer one's row stays */
	uint8_t collateral_sha256[ATTEST_DIGEST];
	uint8_t allowlist_sha256[ATTEST_DIGEST]; /* means nothing where no bytes are kept */
	struct span record; /* JSON */
	struct span quote;
	struct span collateral; /* as eedcap_collateral_write has it; many rows share one */
	struct span allowlist; /* the asset; empty: not kept, since its repository is private */
};

/* One row of the audit trail (audit.h, docs/audit.md). A digest that is all zero is none. */
struct audit_row {
	int64_t at;
	char event[ROW_EVENT_MAX + 1]; /* attested, refused, removed, ...: docs/audit.md */
	char app_name[ATTEST_APP_MAX + 1];
	char agent_id[ATTEST_AGENT_ID_MAX + 1];
	char repo[ATTEST_REPO_MAX + 1];
	char release_tag[ATTEST_TAG_MAX + 1];
	char network[ATTEST_NETWORK_MAX + 1];
	char verdict[ROW_VERDICT_MAX + 1]; /* accepted, refused, or empty */
	char reason[ERR_TOKEN_MAX];
	char detail[ROW_DETAIL_MAX + 1];
	uint8_t quote_sha256[ATTEST_DIGEST];
	uint8_t allowlist_sha256[ATTEST_DIGEST];
	/* The store's to set: place in the chain. */
	uint64_t seq; /* 1, 2, 3, ... */
	uint8_t prev[ATTEST_DIGEST]; /* hash of the row before; zero in the first */
	uint8_t hash[ATTEST_DIGEST];
};

#endif
