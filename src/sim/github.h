/* github.h - releases as GitHub's REST API shows them: repositories with a numeric id, releases by
 * tag, assets by id. Holds what was published in memory; serves it in service.h's terms. */
#ifndef SIM_GITHUB_H
#define SIM_GITHUB_H

#include "base/buf.h"
#include "base/err.h"

#define SIM_ASSETS_MAX 4096u

struct sim_asset {
	char owner[40], repo[101], tag[256], name[256];
	struct buf bytes;
	uint8_t sha256[32];
	int64_t id, put_s;
	unsigned puts; /* how often its bytes were replaced */
	bool immutable, secret; /* secret: of a private repository */
};

/* A repository that was deleted; one of the same name is another one afterwards. */
struct sim_grave {
	char owner[40], repo[101];
	unsigned generation;
};

struct sim_github {
	struct sim_asset **assets;
	size_t n;
	struct sim_grave *graves;
	size_t n_graves;
};

void sim_github_fini(struct sim_github *g);

/* Publish an asset, or replace its bytes. */
MUST_CHECK bool sim_github_put(struct sim_github *g, const struct span name[static 4],
    struct span bytes, bool immutable, bool secret, int64_t now_s, struct err *e);

/* Take back an asset; with two names alone (owner, repo) the whole repository. False when there
 * was nothing. */
bool sim_github_drop(struct sim_github *g, const struct span *name, size_t n);

#endif
