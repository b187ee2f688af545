#include "sim/state.h"
#include "os/file.h"
#include "wire/url.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEPT "kept"

static bool
make_path(char *dst, size_t size, const char *dir, const char *name, struct err *e)
{
	int n = snprintf(dst, size, "%s/%s", dir, name);

	return (n > 0 && (size_t)n < size)
	       || err_set(e, ERR_USAGE, REASON_FILE_UNWRITABLE, "path too long: %s", name);
}

static bool
make_dir(const char *path, struct err *e)
{
	if (mkdir(path, 0700) == 0 || errno == EEXIST)
		return true;
	err_set(e, ERR_IO, REASON_FILE_UNWRITABLE, "mkdir %s: %s", path, strerror(errno));
	return err_show(e, "cannot make the folder %s", path);
}

bool
sim_state_open(
    const char *dir, const struct env *env, uint8_t seed[static SIM_SEED_SIZE], struct err *e)
{
	char path[PATH_MAX], kept[PATH_MAX];
	struct buf text;
	struct err missing = {0};
	bool ok;

	if (!make_path(path, sizeof path, dir, "seed", e)
	    || !make_path(kept, sizeof kept, dir, KEPT, e) || !make_dir(dir, e)
	    || !make_dir(kept, e))
		return false;
	buf_init(&text, SIM_SEED_SIZE);
	ok = file_read(path, SIM_SEED_SIZE, &text, &missing);
	if (!ok && missing.code == ERR_NOTFOUND) {
		env_random(env, seed, SIM_SEED_SIZE);
		ok = file_write(path, span_of(seed, SIM_SEED_SIZE), 0600, e);
	} else if (!ok) {
		*e = missing;
	} else if (text.n != SIM_SEED_SIZE) {
		ok = err_set(
		    e, ERR_MALFORMED, REASON_FILE_UNREADABLE, "%s: %zu bytes", path, text.n);
		err_show(e, "%s is not a seed of 32 bytes", path);
	} else {
		memcpy(seed, text.p, SIM_SEED_SIZE);
	}
	buf_fini(&text);
	return ok;
}

bool
sim_state_write_root(const char *dir, const struct sim_pki *pki, struct err *e)
{
	char path[PATH_MAX];
	struct buf pem;
	bool ok;

	buf_init(&pem, 16u * 1024);
	ok = make_path(path, sizeof path, dir, "root_ca.pem", e)
	     && sim_pki_chain_pem(pki, SIM_ROOT, &pem, e)
	     && file_write(path, buf_span(&pem), 0644, e);
	buf_fini(&pem);
	return ok;
}

/* -- requests -- */

/* A kept request is a file named by its path, percent-encoded: query, newline, body. */
static bool
kept_path(char *dst, size_t size, const char *dir, struct span path, struct err *e)
{
	struct buf name;
	bool ok;

	buf_init(&name, 8192);
	buf_add_str(&name, KEPT "/");
	url_encode(&name, path);
	ok = buf_ok(&name) && name.n <= NAME_MAX;
	if (!ok)
		err_set(e, ERR_LIMIT, REASON_LIMIT, "name too long to keep");
	else
		ok = make_path(dst, size, dir, buf_cstr(&name), e);
	buf_fini(&name);
	return ok;
}

bool
sim_state_keep(const char *dir, const struct sim_request *rq, struct err *e)
{
	char path[PATH_MAX];
	struct buf text;
	bool ok;

	if (!kept_path(path, sizeof path, dir, rq->path, e))
		return false;
	buf_init(&text, SIM_BODY_MAX + 4096);
	buf_add(&text, rq->query);
	buf_add_u8(&text, '\n');
	buf_add(&text, rq->body);
	ok = (buf_ok(&text) || err_set(e, ERR_LIMIT, REASON_LIMIT, "too large to keep"))
	     && file_write(path, buf_span(&text), 0600, e);
	buf_fini(&text);
	return ok;
}

/* Call `each` with the decoded path and the file of every kept request. */
static void
each_kept(const char *dir, void (*each)(struct span path, const char *file, void *ctx), void *ctx)
{
	char folder[PATH_MAX], file[PATH_MAX];
	struct err e = {0};
	struct buf path;
	struct dirent *entry;
	DIR *d = make_path(folder, sizeof folder, dir, KEPT, &e) ? opendir(folder) : NULL;

	if (!d)
		return;
	buf_init(&path, 8192);
	while ((entry = readdir(d)) != NULL) {
		buf_clear(&path);
		if (entry->d_name[0] != '%' || !url_decode(span_str(entry->d_name), &path)
		    || !make_path(file, sizeof file, folder, entry->d_name, &e))
			continue;
		each(buf_span(&path), file, ctx);
	}
	buf_fini(&path);
	closedir(d);
}

struct drop {
	struct span path;
	bool failed;
};

static void
drop_one(struct span path, const char *file, void *ctx)
{
	struct drop *d = ctx;
	bool below = path.n > d->path.n && memcmp(path.p, d->path.p, d->path.n) == 0
		     && path.p[d->path.n] == '/';

	if ((below || span_eq(path, d->path)) && unlink(file) != 0)
		d->failed = true;
}

bool
sim_state_drop(const char *dir, struct span path, struct err *e)
{
	struct drop d = {path, false};

	each_kept(dir, drop_one, &d);
	return !d.failed || err_set(e, ERR_IO, REASON_FILE_UNWRITABLE, "unlink in %s", dir);
}

struct replay {
	struct sim *sim;
	int64_t now_s;
	struct log *log;
};

static void
replay_one(struct span path, const char *file, void *ctx)
{
	struct replay *r = ctx;
	struct sim_request rq = {.method = span_str("PUT"), .path = path};
	struct sim_answer a;
	struct buf text;
	struct err e = {0};
	const uint8_t *newline;

	buf_init(&text, SIM_BODY_MAX + 4096);
	newline = file_read(file, SIM_BODY_MAX + 4096, &text, &e) && text.n
		      ? memchr(text.p, '\n', text.n)
		      : NULL;
	if (newline) {
		rq.query = span_first(buf_span(&text), (size_t)(newline - text.p));
		rq.body = span_from(buf_span(&text), rq.query.n + 1);
		sim_serve(r->sim, &rq, r->now_s, &a);
		if (a.status >= 300)
			log_event(r->log, LOG_WARN, "kept_request_refused", "file", file, NULL);
		sim_answer_fini(&a);
	} else {
		log_failure(r->log, LOG_WARN, "kept_request_unreadable", &e, "file", file, NULL);
	}
	buf_fini(&text);
}

void
sim_state_replay(const char *dir, struct sim *s, int64_t now_s, struct log *log)
{
	struct replay r = {s, now_s, log};

	each_kept(dir, replay_one, &r);
}
