/* disk.h - the folder of the cache: a bundle for each platform, `tdx-platform-00a0b0c0d0e0.json`,
 * and `marks.json`. A file is trusted no more than the network: it is read by the verifier, must be
 * for the platform of its name, in its time, and not behind its marks. Blocks: for workers and
 * tools. */
#ifndef COLLATERAL_DISK_H
#define COLLATERAL_DISK_H

#include "collateral/marks.h"

/* Platforms that are read; files that are kept, the oldest go. */
#define DISK_LOAD_MAX  64
#define DISK_FILES_MAX 256
#define DISK_ROOT_MAX  40

struct disk_entry {
	struct collateral_key key;
	struct eedcap_collateral *handle; /* NULL: refused, and why */
	struct buf bundle;
	struct err why;
};

struct disk_load {
	/* given */
	char dir[4096], root[DISK_ROOT_MAX];
	struct eedcap_context *dcap;
	int64_t now_s;
	/* made */
	struct marks marks;
	struct err marks_why; /* there is a file of marks that is refused */
	struct disk_entry entry[DISK_LOAD_MAX]; /* the most lately written first */
	size_t n;
};

/* Read the folder; a folder that is not there holds nothing. The caller calls disk_load_fini. */
void disk_load_run(struct disk_load *d);
void disk_load_fini(struct disk_load *d);

/* The name of a trusted root in marks; NULL is Intel's. */
void disk_root_name(const uint8_t *root_key, char dst[static DISK_ROOT_MAX]);

/* Judge a bundle as the folder's reader does, for platform `key`. On success handle and bundle are
 * set, the caller's; refusal: DCAP_ERROR with what did not hold. */
MUST_CHECK bool disk_judge(struct eedcap_context *dcap, const struct marks *m,
    const struct collateral_key *key, int64_t now_s, struct span json, struct disk_entry *out);

/* Which platform a bundle is for, under the root of dcap. Refusal: DCAP_ERROR. */
MUST_CHECK bool disk_key_of(
    struct eedcap_context *dcap, struct span json, struct collateral_key *out, struct err *e);

/* Write a bundle, then the marks, each in one step; make the folder where it is not there. */
MUST_CHECK bool disk_save(const char *dir, const struct collateral_key *key, struct span bundle,
    struct span marks, struct err *e);

/* Read the marks of a folder; none are there: *m is empty. */
MUST_CHECK bool disk_read_marks(const char *dir, const char *root, struct marks *m, struct err *e);

/* The path of a platform's file. False where it is too long. */
MUST_CHECK bool disk_path(
    const char *dir, const struct collateral_key *key, char *dst, size_t size);

#endif
