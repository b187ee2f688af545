/* collateral_impl.h - the client and its entries, for the files that share them: collateral.c (who
 * asks), renew.c (when it is asked for anew), keep.c (the folder), state.c (how it stands). */
#ifndef COLLATERAL_COLLATERAL_IMPL_H
#define COLLATERAL_COLLATERAL_IMPL_H

#include "collateral/disk.h"
#include "collateral/gather.h"

#define ENTRIES_MAX 64
#define BYTES_MAX   (64u * 1024 * 1024)
#define DAY_S       86400
/* How long a failure is answered without asking again, where nothing is held. */
#define FAILED_MS 10000u
/* The first try after one that failed, where something is held; then twice as long each time. */
#define RETRY_MS 60000u
/* How long someone waits for news of what was not confirmed for long. */
#define PATIENCE_MS 2000u
/* Nobody has asked for it for so long: not asked for anew. */
#define IDLE_MS ((uint64_t)7 * 24 * 3600 * 1000)

struct entry;

struct collateral_wait {
	struct collateral_wait *next, *prev; /* among the entry's */
	struct entry *entry;
	struct net_defer defer; /* runs once the outcome is known */
	struct collateral *col; /* a reference, or NULL and why */
	struct err why;
	void (*done)(struct collateral *col, const struct err *why, void *ctx);
	void *ctx;
};

struct entry {
	struct entry *next, *prev; /* among the client's; the most lately used first */
	struct collateral_client *client;
	struct collateral_key key;
	struct collateral *col; /* held, or NULL */
	struct gather *gather; /* runs, or NULL */
	struct err why; /* of the last try, where it left something to be wanted */
	char refused[EEDCAP_ITEMS][COMPOSE_WORD]; /* by item, at the last try */
	bool tried, confirmed; /* since the start; all four items, for confirmed */
	uint64_t began_ms, landed_ms, confirmed_ms, used_ms;
	uint64_t due_ms; /* when the next try is due */
	unsigned failures; /* in a row */
	bool unsaved;
	uint64_t told_ms, warned_ms; /* the last lines about failing and aging; 0: none */
	struct net_timer patience;
	struct collateral_wait *waits;
};

struct keeper {
	char dir[4096], root[DISK_ROOT_MAX];
	bool on, loading, loaded, again, broken;
	uint64_t retry_ms;
	struct load_job *load;
	struct save_job *save;
};

struct collateral_client {
	const struct env *env;
	struct log *log, silent; /* silent: where nobody gave one */
	struct gather_plan plan;
	struct marks marks;
	struct keeper keeper;
	struct entry *entries;
	size_t n, bytes;
	uint64_t refresh_ms;
	uint32_t warn_days;
	struct net_timer tick;
	struct collateral_figures count; /* those that only grow */
	void (*changed)(void *ctx, const struct collateral_key *k);
	void *changed_ctx;
};

/* -- collateral.c -- */

/* Find or make a platform's entry and put it first. NULL: no memory. */
struct entry *entry_get(struct collateral_client *c, const struct collateral_key *k);

/* Replace what an entry holds, and tell of it; takes over handle and bundle. False: no memory, both
 * are freed. */
bool entry_hold(struct entry *en, struct eedcap_collateral *handle, struct buf *bundle);

/* Say whether what is held is in its time. */
bool entry_is_usable(const struct entry *en);

/* Tell all who wait. */
void entry_settle(struct entry *en);

/* Do for those who wait what is to be done now: tell them, or ask the service. */
void entry_serve(struct entry *en);

/* -- renew.c -- */

/* Set off to ask for an entry anew; it does not run already. What follows comes later. */
void renew_start(struct entry *en);

/* A time around ms, so that not all ask at once. */
uint64_t renew_jitter(const struct collateral_client *c, uint64_t ms);

/* See to what is due: the clock's call. */
void renew_tick(void *ctx);

/* -- state.c -- */

void entry_state(const struct entry *en, struct collateral_state *out);

/* -- keep.c -- */

void keep_init(struct collateral_client *c, const char *dir, const uint8_t *root_key);
void keep_load(struct collateral_client *c);
/* Write what is unsaved, one at a time. */
void keep_save(struct collateral_client *c);
/* Jobs that run come home to nobody. */
void keep_close(struct collateral_client *c);

#endif
