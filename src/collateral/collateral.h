/* collateral.h - what Intel signs about platforms, from its PCS or a PCCS (API version 4). Owns a
 * cache in memory and, where it has a folder, on disk: one entry for each (FMSPC, CA, TEE), asked
 * for anew in the background long before it expires; one request at a time for each item. What is
 * held is replaced only by what the verifier reads, is in its time, and is no older than anything
 * seen before, over restarts too. Judges only what eedcap does when it reads collateral. Loop
 * thread only, save that the eedcap handle inside may be read by any thread while a reference is
 * held. */
#ifndef COLLATERAL_COLLATERAL_H
#define COLLATERAL_COLLATERAL_H

#include "base/buf.h"
#include "base/err.h"
#include "eedcap.h"
#include "net/fetch.h"
#include "os/env.h"

struct collateral_client;
struct collateral_wait;
struct collateral_key;

/* A shared entry. Never changes once made. */
struct collateral {
	struct eedcap_collateral *handle;
	struct buf bundle; /* the same as a bundle, as eedcap_collateral_write writes it */
	uint8_t sha256[32]; /* of the bundle */
	unsigned refs;
};

struct collateral_opts {
	const char *url; /* EE_PCCS_URL, or NULL for Intel's PCS */
	struct fetcher *service; /* asks the service; NULL: as all else */
	const char *dir; /* folder of the cache on disk; NULL: memory only */
	const uint8_t *root_key; /* EEDCAP_ROOT_KEY_SIZE, as dcap has it; NULL: Intel's root */
	struct eedcap_context *dcap; /* with the trusted root; borrowed; NULL: Intel's root */
	uint32_t timeout_s; /* for one request; 0: 20 */
	uint32_t refresh_s; /* how often what is held is asked for anew; 0: 4 hours */
	uint32_t warn_days; /* what ends sooner is told of; 0: 10 */
	bool early; /* documents of Intel's early edition */
	struct log *log; /* borrowed; NULL: none */
	/* What is held for a key is another now, or the first; from the loop. NULL: nobody asks. */
	void (*changed)(void *ctx, const struct collateral_key *k);
	void *changed_ctx;
};

/* Which collateral a platform needs: all from eedcap_quote_platform and eedcap_quote_tee. */
struct collateral_key {
	uint8_t fmspc[6];
	enum eedcap_ca ca;
	enum eedcap_tee tee;
	char root_crl_url[160]; /* where the root CRL lies when the service has none */
};

/* Begins to read the folder, on a worker. Refusal: BAD_SETTING (the URL). */
MUST_CHECK struct collateral_client *collateral_client_new(struct net_loop *l, struct fetcher *f,
    const struct env *env, const struct collateral_opts *o, struct err *e);

/* Cancel what runs (no done comes), drop the cache and free. Takes NULL. */
void collateral_client_free(struct collateral_client *c);

/* Read the folder again: what was imported meanwhile and is newer is taken. And ask for all that is
 * held and still used anew, at once; what is held is given where that fails. */
void collateral_client_reload(struct collateral_client *c);

/* Get collateral. done comes once, later, from the loop: with an entry (call collateral_ref to keep
 * it beyond the callback), or with why not: always ERR_IO and DCAP_ERROR, since whatever a service
 * sends is no fault of the platform that asks; the argument says what (`tcb_http_404`,
 * `pckcrl_timeout`, eedcap's word on parts that it refuses). What is held and in its time is given
 * without waiting for any service; only where it was not confirmed for long, as after a restart, is
 * a new one waited for, two seconds at most. A failure is kept for some seconds. */
MUST_CHECK struct collateral_wait *collateral_get(struct collateral_client *c,
    const struct collateral_key *k,
    void (*done)(struct collateral *col, const struct err *why, void *ctx), void *ctx,
    struct err *e);

/* Give up waiting: done never comes. The flight goes on for others. */
void collateral_cancel(struct collateral_wait *w);

struct collateral *collateral_ref(struct collateral *col);
void collateral_unref(struct collateral *col); /* takes NULL */

/* -- how it stands -- */

struct collateral_item_state {
	const char *name; /* `tcb`; never freed */
	int64_t issued, expiry; /* 0 where nothing is held */
	uint32_t number; /* evaluation number; of CRLs 0 */
	char refused[40]; /* why it was not renewed at the last try; "" where it was */
};

struct collateral_state {
	char name[32]; /* `tdx-platform-00a0b0c0d0e0` */
	struct collateral_item_state item[EEDCAP_ITEMS];
	int64_t expiry; /* when its first item ends; 0 where nothing is held */
	unsigned first; /* which item that is */
	bool held, expired;
	bool failing; /* the last try did not renew all */
	bool aging; /* ends within the days that are warned of, or has ended */
};

/* The i-th entry; false past the last. */
bool collateral_at(const struct collateral_client *c, size_t i, struct collateral_state *out);

/* Since the start, but for the first six. */
struct collateral_figures {
	uint64_t entries, bytes; /* in memory now */
	uint64_t aging, failing, expired; /* of them */
	int64_t next_expiry; /* of them all, seconds since 1970; 0: nothing is held */
	uint64_t requests; /* that went out to a service */
	uint64_t renewals, renewals_failed; /* rounds of four items, those not whole among them */
	uint64_t answered_held; /* asked for and given from what was held */
	uint64_t loaded, load_refused, saved, save_failed; /* the folder */
};

void collateral_figures(const struct collateral_client *c, struct collateral_figures *out);

#endif
