/* ee-sim vectors: verification vectors as a tree of files (docs/simulation.md). */
#include "base/hex.h"
#include "mint/vectors.h"
#include "programs/ee_sim.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const char usage[] =
    "usage: ee-sim vectors DIR [--seed HEX]\n"
    "\n"
    "Write verification vectors to DIR: root_ca.der, root_ca.pem, and for each case\n"
    "a folder with quote.bin, collateral.json and meta.json. The same seed (64 hex\n"
    "digits; all zero if not given) makes the same bytes.\n";

struct tree {
	const char *dir;
	unsigned n;
};

/* Files are many and made anew at will: none is forced to disk. */
static MUST_CHECK bool
write_file(const char *path, struct span bytes, struct err *e)
{
	FILE *f = fopen(path, "wb");
	bool ok = f && fwrite(bytes.p, 1, bytes.n, f) == bytes.n;

	if (f && fclose(f) != 0)
		ok = false;
	if (ok)
		return true;
	err_set(e, ERR_IO, REASON_FILE_UNWRITABLE, "%s: %s", path, strerror(errno));
	return err_show(e, "%s: %s", path, strerror(errno));
}

static MUST_CHECK bool
make_dir(const char *path, struct err *e)
{
	if (mkdir(path, 0755) == 0 || errno == EEXIST)
		return true;
	err_set(e, ERR_IO, REASON_FILE_UNWRITABLE, "%s: %s", path, strerror(errno));
	return err_show(e, "%s: %s", path, strerror(errno));
}

/* Write DIR/NAME/PART, or DIR/PART where name is "". */
static MUST_CHECK bool
write_part(
    const struct tree *t, const char *name, const char *part, struct span bytes, struct err *e)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof path, "%s/%s%s%s", t->dir, name, name[0] ? "/" : "", part);

	if (n < 0 || (size_t)n >= sizeof path)
		return err_set(e, ERR_USAGE, REASON_FILE_UNWRITABLE, "path too long");
	return write_file(path, bytes, e);
}

static bool
take(void *ctx, const struct mint_vector *v, struct err *e)
{
	struct tree *t = ctx;
	char path[PATH_MAX];
	int n = snprintf(path, sizeof path, "%s/%s", t->dir, v->name);

	if (n < 0 || (size_t)n >= sizeof path)
		return err_set(e, ERR_USAGE, REASON_FILE_UNWRITABLE, "path too long");
	t->n++;
	return make_dir(path, e) && write_part(t, v->name, "quote.bin", v->quote, e)
	       && write_part(t, v->name, "collateral.json", v->collateral, e)
	       && write_part(t, v->name, "meta.json", v->meta, e);
}

static MUST_CHECK bool
write_roots(const struct tree *t, const uint8_t *seed, struct err *e)
{
	struct buf der, pem;
	bool ok;

	buf_init(&der, 4096);
	buf_init(&pem, 8192);
	ok = mint_vectors_root(seed, false, &der, e) && mint_vectors_root(seed, true, &pem, e)
	     && write_part(t, "", "root_ca.der", buf_span(&der), e)
	     && write_part(t, "", "root_ca.pem", buf_span(&pem), e);
	buf_fini(&der);
	buf_fini(&pem);
	return ok;
}

int
sim_run_vectors(int argc, char **argv)
{
	uint8_t seed[MINT_SEED_SIZE] = {0};
	struct tree t = {0};
	struct err e = {0};

	for (int i = 2; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0) {
			fputs(usage, stdout);
			return 0;
		}
		if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc
		    && hex_decode(span_str(argv[i + 1]), seed, sizeof seed)) {
			i++;
		} else if (argv[i][0] != '-' && !t.dir) {
			t.dir = argv[i];
		} else {
			fputs(usage, stderr);
			return SIM_EXIT_USAGE;
		}
	}
	if (!t.dir) {
		fputs(usage, stderr);
		return SIM_EXIT_USAGE;
	}
	if (!make_dir(t.dir, &e) || !write_roots(&t, seed, &e) || !mint_vectors(seed, take, &t, &e))
		return sim_fail(&e);
	printf("%u cases\n", t.n);
	return 0;
}
