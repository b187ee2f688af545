#include "collateral/disk.h"

#include "base/hex.h"
#include "base/limits.h"
#include "collateral/compose.h"
#include "os/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_SIZE  4400
#define SUFFIX     ".json"
#define MARKS_FILE "marks.json"
/* Files looked at: whoever fills the folder with more slows nobody down. */
#define SCAN_MAX 2048

void
disk_root_name(const uint8_t *root_key, char dst[static DISK_ROOT_MAX])
{
	/* The point's first byte says only how it is written. */
	if (root_key)
		(void)hex_encode(span_of(root_key + 1, 16), dst);
	else
		snprintf(dst, DISK_ROOT_MAX, "intel");
}

bool
disk_path(const char *dir, const struct collateral_key *key, char *dst, size_t size)
{
	char name[KEY_NAME_MAX];
	int n = snprintf(dst, size, "%s/%s" SUFFIX, dir, key_name(key, name));

	return n > 0 && (size_t)n < size;
}

/* -- what is in the folder -- */

struct listed {
	struct collateral_key key;
	struct timespec at;
};

static int
by_age(const void *a, const void *b)
{
	const struct timespec *x = &((const struct listed *)a)->at;
	const struct timespec *y = &((const struct listed *)b)->at;

	if (x->tv_sec != y->tv_sec)
		return x->tv_sec > y->tv_sec ? -1 : 1;
	return x->tv_nsec > y->tv_nsec ? -1 : x->tv_nsec < y->tv_nsec;
}

static bool
list_one(DIR *d, const char *name, struct listed *out)
{
	struct span s = span_str(name);
	struct stat st;

	if (s.n <= strlen(SUFFIX) || !span_is(span_from(s, s.n - strlen(SUFFIX)), SUFFIX)
	    || !key_read(span_first(s, s.n - strlen(SUFFIX)), &out->key)
	    || fstatat(dirfd(d), name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode))
		return false;
	out->at = st.st_mtim;
	return true;
}

/* The files of platforms, the newest first. NULL with *n 0: none, or no memory. */
static struct listed *
list(const char *dir, size_t *n)
{
	struct listed *all = calloc(SCAN_MAX, sizeof *all);
	DIR *d = all ? opendir(dir) : NULL;
	struct dirent *f;

	*n = 0;
	while (d && *n < SCAN_MAX && (f = readdir(d)))
		if (list_one(d, f->d_name, &all[*n]))
			++*n;
	if (d)
		closedir(d);
	if (*n > 1)
		qsort(all, *n, sizeof *all, by_age);
	return all;
}

/* -- reading -- */

static bool
refuse(struct err *e, const char *why, const char *detail)
{
	return err_set_arg(e, ERR_MALFORMED, REASON_DCAP_ERROR, why, "%s", detail);
}

bool
disk_judge(struct eedcap_context *dcap, const struct marks *m, const struct collateral_key *key,
    int64_t now_s, struct span json, struct disk_entry *out)
{
	struct compose c;
	bool ok;

	memset(out, 0, sizeof *out);
	buf_init(&out->bundle, LIMIT_COLLATERAL + 1);
	out->key = *key;
	compose_init(&c);
	c.dcap = dcap;
	c.key = *key;
	c.now_s = now_s;
	for (int i = 0; i < EEDCAP_ITEMS; i++)
		c.floor[i] = marks_of_item(m, key, (enum eedcap_item)i);
	parts_fini(&c.fresh);
	ok = parts_of_bundle(&c.fresh, json, &out->why);
	/* Without one the CRL's signature cannot be checked before a quote comes. */
	if (ok && c.fresh.item[EEDCAP_PCK_CRL].chain.n == 0)
		ok = refuse(&out->why, "pckcrl_no_chain", "a bundle without pck_crl_issuer_chain");
	if (ok)
		compose_run(&c);
	for (int i = 0; ok && c.handle && i < EEDCAP_ITEMS; i++) {
		char why[64];

		if (c.refused[i][0] == '\0')
			continue;
		snprintf(why, sizeof why, "%s_%s", item_name((enum eedcap_item)i), c.refused[i]);
		ok = refuse(&out->why, why, why);
	}
	if (ok && c.handle == NULL)
		ok = refuse(&out->why, c.why, c.detail);
	if (ok) {
		out->handle = c.handle;
		c.handle = NULL;
		buf_fini(&out->bundle);
		out->bundle = c.bundle;
		buf_init(&c.bundle, 1);
	}
	compose_fini(&c);
	return ok;
}

bool
disk_key_of(
    struct eedcap_context *dcap, struct span json, struct collateral_key *out, struct err *e)
{
	struct eedcap_error d = {0};
	struct eedcap_collateral *c = eedcap_collateral_parse(dcap, json.p, json.n, &d);
	struct eedcap_item_facts f;

	if (c == NULL)
		return refuse(e, d.reason, d.detail);
	memset(out, 0, sizeof *out);
	memcpy(out->fmspc, eedcap_collateral_fmspc(c), sizeof out->fmspc);
	out->tee = eedcap_collateral_tee(c);
	eedcap_collateral_item(c, EEDCAP_PCK_CRL, &f);
	out->ca = f.ca;
	eedcap_collateral_free(c);
	return out->ca || refuse(e, "pckcrl_other_ca", "the PCK CRL is of no PCK CA");
}

bool
disk_read_marks(const char *dir, const char *root, struct marks *m, struct err *e)
{
	char path[PATH_SIZE];
	struct err why = {0};
	struct buf b;
	bool ok;

	m->n = 0;
	(void)snprintf(path, sizeof path, "%s/" MARKS_FILE, dir);
	buf_init(&b, MARKS_FILE_MAX);
	ok = file_read(path, MARKS_FILE_MAX, &b, &why);
	if (ok)
		ok = marks_read(m, buf_span(&b), root, e);
	else if (why.code == ERR_NOTFOUND)
		ok = true;
	else
		*e = why;
	buf_fini(&b);
	return ok;
}

static void
load_one(struct disk_load *d, const struct collateral_key *key)
{
	struct disk_entry *en = &d->entry[d->n++];
	char path[PATH_SIZE];
	struct buf b;

	buf_init(&b, LIMIT_COLLATERAL + 1);
	en->key = *key;
	if (!disk_path(d->dir, key, path, sizeof path)
	    || !file_read(path, LIMIT_COLLATERAL, &b, &en->why))
		(void)err_set(&en->why, ERR_IO, REASON_FILE_UNREADABLE, "path");
	else
		(void)!disk_judge(d->dcap, &d->marks, key, d->now_s, buf_span(&b), en);
	buf_fini(&b);
}

void
disk_load_run(struct disk_load *d)
{
	struct listed *files;
	size_t n;

	d->n = 0;
	(void)!disk_read_marks(d->dir, d->root, &d->marks, &d->marks_why);
	files = list(d->dir, &n);
	for (size_t i = 0; i < n && i < DISK_LOAD_MAX; i++)
		load_one(d, &files[i].key);
	free(files);
}

void
disk_load_fini(struct disk_load *d)
{
	for (size_t i = 0; i < d->n; i++) {
		eedcap_collateral_free(d->entry[i].handle);
		buf_fini(&d->entry[i].bundle);
	}
	d->n = 0;
}

/* -- writing -- */

static void
prune(const char *dir)
{
	size_t n;
	struct listed *files = list(dir, &n);
	char path[PATH_SIZE];

	for (size_t i = DISK_FILES_MAX; i < n; i++)
		if (disk_path(dir, &files[i].key, path, sizeof path))
			(void)unlink(path);
	free(files);
}

/* The bundle first: one that is newer than its marks is taken, one that is older is not. */
bool
disk_save(const char *dir, const struct collateral_key *key, struct span bundle, struct span marks,
    struct err *e)
{
	char path[PATH_SIZE];

	if (mkdir(dir, 0755) != 0 && errno != EEXIST)
		return err_set(
		    e, ERR_IO, REASON_FILE_UNWRITABLE, "%.100s: %s", dir, strerror(errno));
	if (!disk_path(dir, key, path, sizeof path))
		return err_set(e, ERR_IO, REASON_FILE_UNWRITABLE, "%.100s: too long", dir);
	if (!file_write(path, bundle, 0644, e))
		return false;
	(void)snprintf(path, sizeof path, "%s/" MARKS_FILE, dir);
	if (!file_write(path, marks, 0644, e))
		return false;
	prune(dir);
	return true;
}
