#include "control/audit.h"

#include "control/api.h"
#include "net/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE 65536

/* A copy that is made beside the registry, and then streamed: it has no name any more by then. The
 * pieces are read on a worker, since the disk may be slow. */
struct backup {
	struct control *c;
	struct http_req *r; /* NULL: who asked has left */
	int fd;
	int64_t size, at;
	bool busy; /* the store or a worker has it */
	ssize_t got;
	uint8_t piece[PIECE];
	char path[];
};

static void read_more(struct backup *b);

static void
let_go(struct backup *b)
{
	if (b->r || b->busy)
		return;
	if (b->fd >= 0)
		close(b->fd);
	b->c->backup_runs = false;
	free(b);
}

static void
on_left(struct http_req *r, const struct err *why, void *ctx)
{
	struct backup *b = ctx;

	b->r = NULL;
	let_go(b);
}

static void
on_drain(struct http_req *r, void *ctx)
{
	read_more(ctx);
}

static const struct http_req_ops ops = {.on_drain = on_drain, .on_close = on_left};

static void
work_read(void *job)
{
	struct backup *b = job;

	b->got = pread(b->fd, b->piece, sizeof b->piece, b->at);
}

static void
broken(struct backup *b, const char *why)
{
	struct err e = {0};

	(void)err_set(&e, ERR_IO, REASON_STORE_FAILED, "backup: %s", why);
	log_failure(&b->c->env->log, LOG_ERROR, "backup_failed", &e, NULL);
	http_req_abort(b->r, &e);
}

static void
done_read(void *job, bool ran)
{
	struct backup *b = job;

	b->busy = false;
	if (!b->r) {
		let_go(b);
		return;
	}
	if (!ran || b->got <= 0) {
		broken(b, "the copy cannot be read");
		return;
	}
	b->at += b->got;
	if (http_respond_body(b->r, span_of(b->piece, (size_t)b->got)))
		read_more(b);
	else
		broken(b, "it has left, or reads too slowly");
}

static void
read_more(struct backup *b)
{
	struct err e = {0};

	if (b->busy || http_respond_is_full(b->r))
		return;
	if (b->at == b->size) {
		http_respond_end(b->r);
		return;
	}
	b->busy = worker_run(b->c->loop, work_read, done_read, b, &e);
	if (!b->busy)
		broken(b, "no worker");
}

static MUST_CHECK bool
open_copy(struct backup *b, struct err *e)
{
	struct stat st;

	b->fd = open(b->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (b->fd < 0 || fstat(b->fd, &st) != 0)
		return err_set(
		    e, ERR_IO, REASON_STORE_FAILED, "%.100s: %.40s", b->path, strerror(errno));
	b->size = st.st_size;
	return true;
}

static void
answer(struct backup *b)
{
	struct http_field f[API_SECURITY + 1];
	size_t n = api_security(f);

	f[n++] = (struct http_field){span_str("Content-Type"), span_str("application/vnd.sqlite3")};
	if (http_respond_head(b->r, 200, f, n, b->size))
		read_more(b);
	else
		broken(b, "it has left");
}

static void
refuse(struct backup *b, const struct err *why)
{
	struct err e = *why;

	log_failure(&b->c->env->log, LOG_ERROR, "backup_failed", why, NULL);
	/* It is the admin who asks. */
	(void)err_show(&e, "%s", why->detail);
	http_req_set_ops(b->r, NULL, NULL);
	api_refuse(b->r, &e, NULL, NULL);
	b->r = NULL;
}

static void
copied(void *ctx, const struct err *why)
{
	struct backup *b = ctx;
	struct err e = {0};

	b->busy = false;
	if (b->r && why)
		refuse(b, why);
	else if (b->r && !open_copy(b, &e))
		refuse(b, &e);
	if (!why) /* else the store left nothing, and what is there is not ours */
		unlink(b->path);
	if (b->r)
		answer(b);
	let_go(b);
}

static struct backup *
backup_new(struct control *c, struct http_req *r)
{
	/* A name that nobody gives to a file of theirs. */
	static const char tail[] = ".copy-being-made";
	size_t n = strlen(c->set->db_path) + sizeof tail;
	struct backup *b = malloc(sizeof *b + n);

	if (!b)
		return NULL;
	memset(b, 0, sizeof *b);
	b->c = c;
	b->r = r;
	b->fd = -1;
	(void)snprintf(b->path, n, "%s%s", c->set->db_path, tail);
	return b;
}

void
backup_start(struct control *c, struct http_req *r)
{
	struct backup *b = NULL;
	struct err e = {0};

	if (!c->store)
		(void)err_set(&e, ERR_NOT_NOW, REASON_DRAINING, "the registry is closed");
	else if (c->backup_runs)
		(void)err_set(&e, ERR_NOT_NOW, REASON_BACKUP_RUNNING, "another has not ended");
	else if (!(b = backup_new(c, r)))
		(void)err_set(&e, ERR_NOMEM, REASON_NO_MEMORY, "backup");
	if (!b) {
		api_refuse(r, &e, NULL, NULL);
		return;
	}
	/* First, so that it stands in the copy. */
	audit_add_act(c, "backup", NULL, r);
	c->backup_runs = true;
	http_req_set_ops(r, &ops, b);
	b->busy = store_copy(c->store, b->path, copied, b, &e);
	if (!b->busy) {
		refuse(b, &e);
		let_go(b);
	}
}
