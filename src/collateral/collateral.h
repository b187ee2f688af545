/* collateral.h - what Intel signs about platforms, from its PCS or a PCCS (API version 4). Owns a
 * cache: one entry for each (FMSPC, CA, TEE), kept until the first of its parts expires and asked
 * for again every few hours; one flight at a time for each, its five items in parallel. Judges
 * only what eedcap does when it reads collateral. Loop thread only, save that the eedcap handle
 * inside may be read by any thread while a reference is held. */
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

/* A shared entry. */
struct collateral {
	struct eedcap_collateral *handle;
	/* The handle as text, and its digest: made by whoever asks first (a worker's work), and empty
	 * before. */
	struct buf text;
	uint8_t text_sha256[32];
	unsigned refs;
};

struct collateral_opts {
	const char *url; /* EE_PCCS_URL, or NULL for Intel's PCS */
	struct eedcap_context *dcap; /* with the trusted root; borrowed; NULL: Intel's root */
	bool early; /* documents of Intel's early edition */
	/* What is held for a key was replaced; from the loop. NULL: nobody asks. */
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

MUST_CHECK struct collateral_client *collateral_client_new(struct net_loop *l, struct fetcher *f,
    const struct env *env, const struct collateral_opts *o, struct err *e);

/* Cancel what runs (no done comes), drop the cache and free. Takes NULL. */
void collateral_client_free(struct collateral_client *c);

/* Ask for all that is held anew, at once. What is held is given where that fails. */
void collateral_client_reload(struct collateral_client *c);

/* Get collateral. done comes once, later, from the loop: with an entry (call collateral_ref to keep
 * it beyond the callback), or with why not: always ERR_IO and DCAP_ERROR, since whatever a service
 * sends is no fault of the platform that asks; the argument says what (`tcb_http_404`,
 * `pckcrl_timeout`, eedcap's word on parts that it refuses). While a service is out, what is not
 * expired is given. A failure is kept for some seconds. */
MUST_CHECK struct collateral_wait *collateral_get(struct collateral_client *c,
    const struct collateral_key *k,
    void (*done)(struct collateral *col, const struct err *why, void *ctx), void *ctx,
    struct err *e);

/* Give up waiting: done never comes. The flight goes on for others. */
void collateral_cancel(struct collateral_wait *w);

struct collateral *collateral_ref(struct collateral *col);
void collateral_unref(struct collateral *col); /* takes NULL */

#endif
