/* release.h - allowlist assets from GitHub releases. Owns a small cache: one entry for each
 * (repo, tag), asked for again with ETags when it is old, one flight at a time for each. Sends the
 * token to the API's own origin and for the listed owners only, and nothing while GitHub's limits say
 * so. Judges no measurement: it gives
 * bytes, their digest and the repository's numeric id. Loop thread only. */
#ifndef RELEASE_RELEASE_H
#define RELEASE_RELEASE_H

#include "base/err.h"
#include "base/span.h"
#include "net/fetch.h"
#include "os/env.h"

struct release_client;
struct release_wait;

struct release_opts {
	const char *api_url; /* EE_GITHUB_API_URL */
	const char *token; /* EE_GITHUB_TOKEN or NULL */
	const char *owners; /* EE_GITHUB_OWNERS or NULL: the token is for all */
	const char *asset; /* EE_ALLOWLIST_ASSET */
	const char *asset_origins; /* EE_GITHUB_ASSET_ORIGINS or NULL */
	/* Say whether GitHub may be asked for a release that it was not asked for before, on this
	 * client's account. NULL: always. */
	bool (*may_look)(void *ctx, const char *client, struct span repo);
	void *may_look_ctx;
};

/* What a release says. Valid until the callback returns. */
struct release_asset {
	int64_t repo_id; /* GitHub's number: another repository of the same name has another */
	bool is_private;
	bool immutable; /* GitHub says that nobody can change the release, or said so of a copy */
	struct span bytes; /* the asset */
	uint8_t sha256[32]; /* of the bytes */
};

/* Options are copied. f and env must outlive the client. */
MUST_CHECK struct release_client *release_client_new(struct net_loop *l, struct fetcher *f,
    const struct env *env, const struct release_opts *o, struct err *e);

/* Cancel what runs (no done comes) and free. Takes NULL. */
void release_client_free(struct release_client *c);

struct release_ask {
	struct span repo, tag;
	const char *client; /* whose budget pays for a first look */
	const uint8_t *pin; /* SHA-256 of the bytes that were accepted before, or NULL */
	/* A lease stands: take the pinned bytes at once, and ask GitHub beside. */
	bool hurry;
};

/* Get the asset, from the cache when it is younger than five minutes. done comes once, later, from
 * the loop: with the asset, or with why not: ALLOWLIST_FETCH_FAILED with an argument
 * (`release_not_found`, `http_500`, ...); ERR_IO where another try may help, ERR_NOTFOUND,
 * ERR_UNTRUSTED (digest) and ERR_LIMIT where none will soon. A failure is kept for some
 * seconds. Where the pinned bytes are there, GitHub is waited for two seconds at most, and its
 * outage is no failure; that it has no such release, or another asset, is.
 * NULL, and no done, where repo or tag break their grammar (INVALID_FIELD), the client has asked for
 * too many releases (RATE_LIMITED) or memory is out. */
MUST_CHECK struct release_wait *release_get(struct release_client *c, const struct release_ask *q,
    void (*done)(const struct release_asset *a, const struct err *why, void *ctx), void *ctx,
    struct err *e);

/* Give up waiting: done never comes. The flight goes on for others. */
void release_cancel(struct release_wait *w);

struct release_figures {
	uint64_t entries; /* releases that are known of now */
	uint64_t lookups,
	    lookups_failed; /* rounds of requests about one release, since the start */
	unsigned limited_s; /* so long GitHub takes no more requests; 0: it does */
};

void release_figures(const struct release_client *c, struct release_figures *out);

/* Say whether release_get of it would need what the disk has (release_remember). */
bool release_is_unknown(const struct release_client *c, struct span repo, struct span tag);

/* Other bytes than those at hand were accepted: GitHub is asked again, however young its answer is. */
void release_doubt(struct release_client *c, struct span repo, struct span tag);

/* Take what was accepted before and kept on disk. Passed over where GitHub has answered meanwhile,
 * names break their grammar or memory is out. */
void release_remember(
    struct release_client *c, struct span repo, struct span tag, const struct release_asset *a);

#endif
