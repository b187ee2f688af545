/* lists.h - allowlists as attempts at attestation hold them: the bytes of a release's asset and what they
 * say, read once for all replicas of the release that come at about the same time. Loop thread only. */
#ifndef CONTROL_LISTS_H
#define CONTROL_LISTS_H

#include "core/allowlist.h"
#include "release/release.h"

struct lists;

/* What one asset says under one tag. Shared; given back with list_unref. */
struct list {
	struct buf bytes;
	struct allowlist *said;
	unsigned refs;
	uint8_t sha256[32];
	char release_tag[]; /* the list may name its release, and is then none of another's */
};

/* NULL and e set: no memory. */
MUST_CHECK struct lists *lists_new(struct err *e);
/* Lists that are still held stay until they are given back. Takes NULL. */
void lists_free(struct lists *k);

/* Read an asset, or find it among those that were read lately. The asset is only read. NULL and e set:
 * as allowlist_parse, or no memory. */
MUST_CHECK struct list *lists_read(
    struct lists *k, const struct release_asset *r, const char *release_tag, struct err *e);
/* Takes NULL. */
void list_unref(struct list *l);

#endif
