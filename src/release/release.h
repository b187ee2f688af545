/* release.h - allowlist assets from GitHub releases. Owns a small cache: one entry for each
 * (repo, tag), asked for again with ETags when it is old, one flight at a time for each. Sends the
 * token to the API's own origin and for the listed owners only. Judges no measurement: it gives
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
};

/* What a release says. Valid until the callback returns. */
struct release_asset {
	int64_t repo_id; /* GitHub's number: another repository of the same name has another */
	bool is_private;
	bool immutable; /* GitHub says that nobody can change the release */
	struct span bytes; /* the asset */
	uint8_t sha256[32]; /* of the bytes */
};

/* Options are copied. f and env must outlive the client. */
MUST_CHECK struct release_client *release_client_new(struct net_loop *l, struct fetcher *f,
    const struct env *env, const struct release_opts *o, struct err *e);

/* Cancel what runs (no done comes) and free. Takes NULL. */
void release_client_free(struct release_client *c);

/* Get the asset, from the cache when it is younger than five minutes. done comes once, later, from
 * the loop: with the asset, or with why not: ALLOWLIST_FETCH_FAILED with an argument
 * (`release_not_found`, `http_500`, ...); ERR_IO where another try may help, ERR_NOTFOUND,
 * ERR_UNTRUSTED (digest) and ERR_LIMIT where none will soon. A failure is kept for some seconds.
 * NULL, and no done, where repo or tag break their grammar (INVALID_FIELD) or memory is out. */
MUST_CHECK struct release_wait *release_get(struct release_client *c, struct span repo,
    struct span tag, void (*done)(const struct release_asset *a, const struct err *why, void *ctx),
    void *ctx, struct err *e);

/* Give up waiting: done never comes. The flight goes on for others. */
void release_cancel(struct release_wait *w);

#endif
