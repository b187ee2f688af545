#include "agent/tsm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "net/worker.h"

/* The kernel gives EBUSY and EINTR while another quote is made, EAGAIN where the blob grew. */
#define TRIES 5

static int
real_make_dir(const char *path, void *ctx)
{
	return mkdir(path, 0700) == 0 ? 0 : errno;
}

static int
real_remove_dir(const char *path, void *ctx)
{
	return rmdir(path) == 0 ? 0 : errno;
}

/* An attribute of configfs takes its value in one write. */
static int
real_write_file(const char *path, struct span bytes, void *ctx)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n;
	int rc = 0;

	if (fd < 0)
		return errno;
	n = write(fd, bytes.p, bytes.n);
	if (n < 0)
		rc = errno;
	else if ((size_t)n != bytes.n)
		rc = EIO;
	/* A binary attribute is handed to the kernel module when the file is closed. */
	if (close(fd) < 0 && rc == 0)
		rc = errno;
	return rc;
}

static int
real_read_file(const char *path, struct buf *out, void *ctx)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int rc = 0;

	if (fd < 0)
		return errno;
	for (;;) {
		uint8_t piece[4096];
		ssize_t n = read(fd, piece, sizeof piece);

		if (n < 0)
			rc = errno;
		if (n <= 0)
			break;
		buf_add(out, span_of(piece, (size_t)n));
	}
	(void)close(fd);
	if (rc == 0 && !buf_ok(out))
		rc = EFBIG;
	return rc;
}

const struct tsm_fs tsm_real_fs = {
    real_make_dir, real_remove_dir, real_write_file, real_read_file, NULL};

struct report {
	const struct tsm_fs *fs;
	char dir[256];
};

static MUST_CHECK bool
attr_path(const struct report *r, const char *attr, char path[static 288], struct err *e)
{
	int n = snprintf(path, 288, "%s/%s", r->dir, attr);

	if (n < 0 || n >= 288)
		return err_set(e, ERR_USAGE, REASON_BAD_SETTING, "path of %s is too long", attr);
	return true;
}

static bool
fs_failed(struct err *e, const char *what, const char *path, int rc)
{
	char text[96];

	/* The XSI or GNU strerror_r: the former fills text, the latter may return another. */
	const char *why = strerror_r(rc, text, sizeof text);

	return err_set(
	    e, ERR_IO, REASON_QUOTE_PROVIDER_FAILED, "cannot %s %s: %s", what, path, why);
}

static MUST_CHECK bool
attr_read(const struct report *r, const char *attr, struct buf *out, int *rc, struct err *e)
{
	char path[288];

	*rc = 0;
	if (!attr_path(r, attr, path, e))
		return false;
	buf_clear(out);
	*rc = r->fs->read_file(path, out, r->fs->ctx);
	return *rc == 0 || fs_failed(e, "read", path, *rc);
}

/* Read a small decimal attribute. */
static MUST_CHECK bool
generation_read(const struct report *r, uint64_t *out, struct err *e)
{
	struct buf text;
	uint64_t v = 0;
	int rc;
	size_t i = 0;
	bool ok;

	buf_init(&text, 64);
	ok = attr_read(r, "generation", &text, &rc, e);
	for (; ok && i < text.n && i < 19 && text.p[i] >= '0' && text.p[i] <= '9'; i++)
		v = v * 10 + (uint64_t)(text.p[i] - '0');
	if (ok && (i == 0 || (i < text.n && text.p[i] != '\n')))
		ok = err_set(e, ERR_IO, REASON_QUOTE_PROVIDER_FAILED,
		    "generation of %s is no number", r->dir);
	buf_fini(&text);
	*out = v;
	return ok;
}

/* A wrong provider (sev_guest, arm_cca_guest) makes reports that no TDX verifier reads: say so
 * here, where the cause is plain. */
static MUST_CHECK bool
provider_check(const struct report *r, struct err *e)
{
	struct buf name;
	struct span s;
	int rc;
	bool ok;

	buf_init(&name, 64);
	ok = attr_read(r, "provider", &name, &rc, e);
	s = buf_span(&name);
	while (s.n && (s.p[s.n - 1] == '\n' || s.p[s.n - 1] == ' '))
		s.n--;
	if (ok && !span_is(s, "tdx_guest"))
		ok = err_set(e, ERR_UNSUPPORTED, REASON_QUOTE_PROVIDER_FAILED,
		    "the kernel's report provider is %.*s, not tdx_guest", (int)s.n,
		    s.n ? (const char *)s.p : "");
	buf_fini(&name);
	return ok;
}

/* One try: write the report data, read the quote, and see that ours was the only write between
 * (the ABI's own advice on detecting a conflict). *again says that a further try may do better. */
static MUST_CHECK bool
report_try(
    const struct report *r, struct span report_data, struct buf *quote, bool *again, struct err *e)
{
	uint64_t before = 0, after = 0;
	char path[288];
	int rc = 0;

	*again = false;
	if (!generation_read(r, &before, e) || !attr_path(r, "inblob", path, e))
		return false;
	rc = r->fs->write_file(path, report_data, r->fs->ctx);
	if (rc != 0) {
		*again = rc == EBUSY || rc == EINTR;
		return fs_failed(e, "write", path, rc);
	}
	if (!attr_read(r, "outblob", quote, &rc, e)) {
		*again = rc == EBUSY || rc == EINTR || rc == EAGAIN;
		return false;
	}
	if (!generation_read(r, &after, e))
		return false;
	if (after != before + 1) {
		*again = true;
		return err_set(e, ERR_IO, REASON_QUOTE_PROVIDER_FAILED,
		    "another process wrote to %s (generation %llu, then %llu)", r->dir,
		    (unsigned long long)before, (unsigned long long)after);
	}
	if (quote->n == 0)
		return err_set(
		    e, ERR_IO, REASON_QUOTE_PROVIDER_FAILED, "%s/outblob is empty", r->dir);
	return true;
}

static MUST_CHECK bool
report_make(const struct report *r, struct err *e)
{
	int rc = r->fs->make_dir(r->dir, r->fs->ctx);

	/* Left behind by a process of ours that was killed: the name is nobody else's. */
	if (rc == EEXIST) {
		(void)r->fs->remove_dir(r->dir, r->fs->ctx);
		rc = r->fs->make_dir(r->dir, r->fs->ctx);
	}
	if (rc == 0)
		return true;
	fs_failed(e, "make", r->dir, rc);
	if (rc == ENOENT || rc == EPERM || rc == EACCES)
		err_show(e, "no configfs-tsm: is this a TDX VM with Linux 6.7 or later, configfs "
			    "mounted, tdx_guest loaded, and may this user write there?");
	return false;
}

bool
tsm_quote(const struct tsm_fs *fs, const char *base, const char *name,
    const uint8_t report_data[static PROVIDER_REPORT_DATA], struct buf *out, struct err *e)
{
	struct report r = {.fs = fs};
	struct buf quote;
	bool ok, again = true;
	int n = snprintf(r.dir, sizeof r.dir, "%s/%s", base, name);

	if (n < 0 || (size_t)n >= sizeof r.dir)
		return err_set(e, ERR_USAGE, REASON_BAD_SETTING, "path of the report is too long");
	if (!report_make(&r, e))
		return false;
	buf_init(&quote, LIMIT_QUOTE);
	ok = provider_check(&r, e);
	for (int i = 0; ok && again && i < TRIES; i++) {
		struct err why = {0};

		ok = report_try(
		    &r, span_of(report_data, PROVIDER_REPORT_DATA), &quote, &again, &why);
		if (ok)
			break;
		if (again && i + 1 < TRIES)
			ok = true;
		else
			*e = e->code == ERR_NONE ? why : *e;
	}
	if (ok)
		buf_add(out, buf_span(&quote));
	if (ok && !buf_ok(out))
		ok = err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "no room for the quote");
	buf_fini(&quote);
	(void)fs->remove_dir(r.dir, fs->ctx);
	return ok;
}

/* A job belongs to the worker pool until its done; the provider only points at it. */
struct tsm_job {
	struct tsm_provider *owner; /* NULL once the provider is closed */
	char base[128];
	char name[48];
	uint8_t report_data[PROVIDER_REPORT_DATA];
	struct provider_reply reply;
	struct buf quote;
	struct err e;
	bool ok;
};

struct tsm_provider {
	struct provider p;
	struct net_loop *loop;
	char base[128];
	unsigned number;
	struct tsm_job *job;
};

static void
job_work(void *ctx)
{
	struct tsm_job *j = ctx;

	j->ok = tsm_quote(&tsm_real_fs, j->base, j->name, j->report_data, &j->quote, &j->e);
}

static void
job_done(void *ctx, bool ran)
{
	struct tsm_job *j = ctx;

	if (j->owner) {
		j->owner->job = NULL;
		if (!ran)
			err_set(&j->e, ERR_IO, REASON_QUOTE_PROVIDER_FAILED, "stopping");
		j->reply.done(buf_span(&j->quote), ran && j->ok ? NULL : &j->e, j->reply.ctx);
	}
	buf_fini(&j->quote);
	free(j);
}

static bool
tsm_ask(struct provider *p, const uint8_t report_data[static PROVIDER_REPORT_DATA],
    struct provider_reply reply, struct err *e)
{
	struct tsm_provider *t = (struct tsm_provider *)(void *)p;
	struct tsm_job *j;

	if (t->job)
		return err_set(e, ERR_NOT_NOW, REASON_INTERNAL, "a quote is being made already");
	j = calloc(1, sizeof *j);
	if (!j)
		return err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "no memory for a quote");
	j->owner = t;
	(void)span_cstr(span_str(t->base), j->base, sizeof j->base);
	(void)snprintf(j->name, sizeof j->name, "ee-agent-%ld-%u", (long)getpid(), t->number);
	memcpy(j->report_data, report_data, sizeof j->report_data);
	j->reply = reply;
	buf_init(&j->quote, LIMIT_QUOTE);
	if (!worker_run(t->loop, job_work, job_done, j, e)) {
		free(j);
		return false;
	}
	t->job = j;
	return true;
}

static void
tsm_close(struct provider *p)
{
	struct tsm_provider *t = (struct tsm_provider *)(void *)p;

	if (t->job)
		t->job->owner = NULL;
	free(t);
}

struct provider *
tsm_provider(struct net_loop *l, const char *base, unsigned number, struct err *e)
{
	struct tsm_provider *t = calloc(1, sizeof *t);

	if (!t) {
		err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "no memory for the quote provider");
		return NULL;
	}
	t->p = (struct provider){tsm_ask, tsm_close};
	t->loop = l;
	t->number = number;
	if (!span_cstr(span_str(base ? base : TSM_BASE), t->base, sizeof t->base)) {
		err_set(e, ERR_USAGE, REASON_BAD_SETTING, "path of configfs-tsm is too long");
		free(t);
		return NULL;
	}
	return &t->p;
}
