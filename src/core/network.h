/* network.h - the networks that a control plane serves and what each asks of an agent, built in or
 * read from the text of a networks file (docs/networks.md). Owns its lists: whoever holds the
 * struct networks calls networks_free; a copy of one network borrows them. Reads no file. */
#ifndef CORE_NETWORK_H
#define CORE_NETWORK_H

#include "core/rows.h"

#define NETWORKS_MAX 16
/* Entries of one list. */
#define NETWORK_LIST_MAX       16384
#define NETWORK_GRACE_MAX_DAYS 3650

/* What is asked of a TCB beside its status. Lists of advisory ids: commas between, "" for none. */
struct tcb_rules {
	char advisories_accept[ROW_ADVISORIES_MAX]; /* those alone: below UpToDate passes */
	char advisories_deny[ROW_ADVISORIES_MAX]; /* one of those: refused whatever the status */
	uint32_t min_evaluation_number; /* of the collateral; 0: none */
	int64_t min_date; /* of the TCB, seconds since 1970; 0: none */
	uint32_t grace_days; /* OutOfDate passes for so long after it was overtaken; 0: none */
};

/* A repository, or where the name has no slash an owner with all that is theirs. */
struct network_source {
	char name[ATTEST_REPO_MAX + 1]; /* as GitHub compares it, without case */
	int64_t repo_id; /* GitHub's number of the repository; 0: any */
};

/* By what a platform is named. */
enum platform_key { PLATFORM_FMSPC, PLATFORM_PIID, PLATFORM_PPID_SHA256, PLATFORM_KEYS };

struct network_platform {
	uint8_t key; /* enum platform_key */
	uint8_t value[32]; /* as many bytes as the key has, then zeros */
};

struct platform_list {
	struct network_platform *v; /* sorted */
	size_t n;
};

struct network {
	char name[ATTEST_NETWORK_MAX + 1];
	bool sealed_only; /* sealed claim, measured code, an agent_config that keeps traffic home */
	bool needs_pins; /* ask for pinned boot registers although it is not sealed-only */
	bool allow_debug;
	bool allow_sgx;
	bool legacy_agents; /* take the first agents' quotes, which bind no nonce */
	bool immutable_releases; /* the release must say that nobody can change it */
	uint32_t tcb_accept; /* TCB_BITs */
	struct tcb_rules tcb;
	struct network_source *sources; /* NULL: any repository */
	size_t source_n;
	bool lists_platforms; /* allow is a list: what is not on it is refused */
	struct platform_list allow, deny;
};

struct networks {
	uint8_t text_sha256[ATTEST_DIGEST]; /* of the file; zero where there was none */
	struct network v[NETWORKS_MAX];
	size_t n;
};

/* The seed's two: forge-1 (sealed-only) and sandbox-1. */
void networks_default(struct networks *out);

/* Free the lists. An empty struct is taken. */
void networks_free(struct networks *all);

/* How many bytes a platform's key has, and its name in the file. */
size_t platform_key_size(enum platform_key k);
const char *platform_key_name(enum platform_key k);

/* Find an id in a list with commas between. */
bool advisory_list_has(const char *list, struct span id);

/* Say whether a platform of that key and value (platform_key_size bytes) is on a list. */
bool platform_list_has(const struct platform_list *l, enum platform_key k, const uint8_t *value);

/* Sort a list, so that it can be searched. False: an entry occurs twice. */
bool platform_list_sort(struct platform_list *l);

/* Read a networks file. Nothing in it is passed over: an unknown member, one that occurs twice, a
 * value of another type and rules that contradict each other are BAD_SETTING, with the line, the
 * place and the name in `detail` and `shown`; *out is then untouched. On success the caller calls
 * networks_free. */
MUST_CHECK bool networks_parse(struct networks *out, struct span text, struct err *e);

/* The network of that name, or NULL. */
const struct network *networks_find(const struct networks *all, const char *name);

/* As networks_find, REASON_INVALID_NETWORK where there is none. */
MUST_CHECK bool networks_get(
    const struct networks *all, const char *name, const struct network **out, struct err *e);

#endif
