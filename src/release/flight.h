/* flight.h - one walk through GitHub's API: repository, release of a tag, asset. Owns its requests
 * and what it learned; release.c owns when it flies and who waits. A flight over known ground is
 * conditional: what has not changed is not sent again. */
#ifndef RELEASE_FLIGHT_H
#define RELEASE_FLIGHT_H

#include "base/buf.h"
#include "net/fetch.h"
#include "release/release.h"

#define FLIGHT_ETAG_MAX 128

/* What is known of one (repo, tag). Zero-initialised knows nothing. */
struct ground {
	bool have; /* a flight came home: all below is set */
	int64_t repo_id, asset_id;
	bool is_private, immutable;
	char repo_etag[FLIGHT_ETAG_MAX], release_etag[FLIGHT_ETAG_MAX]; /* "" where none came */
	bool has_digest; /* GitHub's word on the asset */
	uint8_t digest[32];
	uint8_t sha256[32]; /* ours */
	struct buf bytes;
};

void ground_init(struct ground *g);
void ground_fini(struct ground *g);

/* What every flight of a client shares. Borrowed. */
struct flight_plan {
	struct fetcher *fetcher;
	const char *api_url; /* without a slash at its end */
	const char *token, *owners, *asset; /* as in release_opts */
};

#define FLIGHT_URL_MAX 2048

struct flight {
	const struct flight_plan *plan;
	const char *repo, *tag; /* borrowed */
	const struct ground *old; /* what was known before, or NULL */
	struct ground found;
	bool unchanged; /* the release is the old one: found holds no bytes */
	bool old_asset; /* as is its asset, though the release changed */
	unsigned step, redirects;
	char url[FLIGHT_URL_MAX];
	struct fetch *fetch;
	/* Called once, from the loop: why is NULL on success. */
	void (*done)(struct flight *f, const struct err *why, void *ctx);
	void *ctx;
};

/* Set off. False, with e set, when it failed at once: done will not come then. */
MUST_CHECK bool flight_start(struct flight *f, struct err *e);

/* Stop, if it flies, and free what was found. */
void flight_fini(struct flight *f);

/* Fold what was found into the ground. */
void flight_land(struct flight *f, struct ground *g);

#endif
