#include "store/sqlite.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "store/sqlite_db.h"

/* What may wait for the disk: a change is 2 KB, so 32 MB. A disk that hangs must not eat the
 * memory of a control plane that runs. */
#define QUEUE_MAX 16384

enum job_kind { JOB_WRITE, JOB_READ, JOB_EVIDENCE, JOB_LIST, JOB_COPY };

/* One submit, read or copy. */
struct job {
	struct job *next;
	enum job_kind kind;
	store_done_fn *done;
	store_rows_fn *rows_done;
	store_evidence_fn *evidence_done;
	store_list_fn *list_done;
	void *ctx;
	struct err err;
	struct audit_row *rows; /* what was read */
	size_t row_n;
	struct evidence_page page; /* the same of evidence */
	struct span list; /* and a list's bytes */
	size_t n; /* changes */
	/* Behind it stands what was asked: its changes, its query, its path. */
	union {
		const struct store_change *change;
		const struct audit_query *query;
		const struct evidence_query *evidence;
		const uint8_t *sha256;
		const char *path;
		void *bytes;
	} asked;
};

struct jobs {
	struct job *first, **end;
};

struct sqlite_store {
	struct store store; /* first */
	store_wake_fn *wake;
	void *wake_ctx;
	pthread_t thread;
	pthread_mutex_t db_lock; /* held for a transaction or a load; never with `lock` */
	struct sqlite_db db;
	struct sqlite_copy copy; /* the writer's */
	struct job *copying; /* the writer's */
	pthread_mutex_t lock; /* guards all below */
	pthread_cond_t work;
	struct jobs queued, finished;
	size_t pending; /* changes queued or being written */
	struct audit_chain head; /* on disk */
	bool stop, copy_asked;
};

static void
jobs_init(struct jobs *q)
{
	q->first = NULL;
	q->end = &q->first;
}

static void
jobs_add(struct jobs *q, struct job *j)
{
	j->next = NULL;
	*q->end = j;
	q->end = &j->next;
}

/* Take all of q. */
static struct job *
jobs_take(struct jobs *q)
{
	struct job *all = q->first;

	jobs_init(q);
	return all;
}

/* --- the writer thread --- */

/* Everything that waits becomes one transaction: one fsync, however many there are. */
static MUST_CHECK bool
write_all(struct sqlite_store *s, const struct job *all, struct err *e)
{
	size_t n = 0;
	bool ok;

	for (const struct job *j = all; j; j = j->next)
		n += j->n;
	if (n == 0)
		return true;
	ok = sqlite_db_begin(&s->db, e);

	for (const struct job *j = all; ok && j; j = j->next)
		for (size_t i = 0; ok && i < j->n; i++)
			ok = sqlite_db_apply(&s->db, &j->asked.change[i], e);
	ok = ok && sqlite_db_commit(&s->db, e);
	if (!ok)
		sqlite_db_rollback(&s->db);
	return ok;
}

static bool
take_row(void *ctx, const struct audit_row *row, struct err *e)
{
	struct job *j = ctx;

	j->rows[j->row_n++] = *row;
	return true;
}

static void
read_rows(struct sqlite_store *s, struct job *j)
{
	j->rows = malloc(j->asked.query->limit * sizeof *j->rows);
	if (!j->rows)
		(void)err_set(&j->err, ERR_NOMEM, REASON_NO_MEMORY, "rows");
	else if (!sqlite_db_each_audit(&s->db, j->asked.query, take_row, j, &j->err))
		j->row_n = 0;
}

static void
read_evidence(struct sqlite_store *s, struct job *j)
{
	if (!sqlite_db_read_evidence(&s->db, j->asked.evidence, &j->page, &j->err))
		evidence_page_free(&j->page);
}

static void
finish(struct sqlite_store *s, struct job *j)
{
	pthread_mutex_lock(&s->lock);
	s->pending -= j->n;
	if (j->kind == JOB_COPY)
		s->copy_asked = false;
	jobs_add(&s->finished, j);
	pthread_mutex_unlock(&s->lock);
}

static void
end_copy(struct sqlite_store *s)
{
	struct job *j = s->copying;

	s->copying = NULL;
	if (j->err.code != ERR_NONE)
		sqlite_copy_cancel(&s->copy);
	finish(s, j);
}

static void
begin_copy(struct sqlite_store *s, struct job *j)
{
	if (sqlite_copy_begin(&s->copy, &s->db, j->asked.path, &j->err))
		s->copying = j;
	else
		finish(s, j);
}

/* A piece, and then the changes that came meanwhile: nobody waits for a large file. */
static void
go_on_copying(struct sqlite_store *s, bool stop)
{
	bool whole = false;
	struct job *j = s->copying;

	if (stop)
		(void)err_set(&j->err, ERR_NOT_NOW, REASON_DRAINING, "closing");
	else if (sqlite_copy_step(&s->copy, &s->db, &whole, &j->err) && !whole)
		return;
	end_copy(s);
	s->wake(s->wake_ctx);
}

/* Changes first, since reads see what was submitted before them. */
static void
run_jobs(struct sqlite_store *s, struct job *all)
{
	struct err e = {0};
	struct job *next;
	bool ok = write_all(s, all, &e);

	if (ok) {
		pthread_mutex_lock(&s->lock);
		s->head = s->db.committed;
		pthread_mutex_unlock(&s->lock);
	}
	for (; all; all = next) {
		next = all->next;
		if (all->kind == JOB_COPY) {
			begin_copy(s, all);
			continue;
		}
		if (all->kind == JOB_READ)
			read_rows(s, all);
		else if (all->kind == JOB_EVIDENCE)
			read_evidence(s, all);
		else if (all->kind == JOB_LIST)
			(void)!sqlite_db_read_list(
			    &s->db, all->asked.sha256, &all->list, &all->err);
		else if (!ok)
			all->err = e;
		finish(s, all);
	}
	s->wake(s->wake_ctx);
}

/* Take what is queued; nothing while a copy goes on. False at the end. */
static bool
wait_for_work(struct sqlite_store *s, struct job **all, bool *stop)
{
	pthread_mutex_lock(&s->lock);
	while (!s->queued.first && !s->stop && !s->copying)
		pthread_cond_wait(&s->work, &s->lock);
	*all = jobs_take(&s->queued);
	*stop = s->stop;
	pthread_mutex_unlock(&s->lock);
	return *all || s->copying;
}

static void *
writer(void *arg)
{
	struct sqlite_store *s = arg;
	struct job *all;
	bool stop;

	while (wait_for_work(s, &all, &stop)) {
		pthread_mutex_lock(&s->db_lock);
		if (all)
			run_jobs(s, all);
		if (s->copying)
			go_on_copying(s, stop);
		pthread_mutex_unlock(&s->db_lock);
	}
	return NULL;
}

/* --- the caller's thread --- */

static bool
sqlite_load(struct store *st, const struct store_loader *to, struct err *e)
{
	struct sqlite_store *s = (struct sqlite_store *)st;
	bool ok;

	pthread_mutex_lock(&s->db_lock);
	ok = sqlite_db_load(&s->db, to, e);
	pthread_mutex_unlock(&s->db_lock);
	return ok;
}

_Static_assert(_Alignof(struct job) >= _Alignof(struct store_change)
		   && _Alignof(struct job) >= _Alignof(struct audit_query)
		   && _Alignof(struct job) >= _Alignof(struct evidence_query),
    "what stands behind a job");

static struct job *
job_new(enum job_kind kind, const void *asked, size_t size, void *ctx, struct err *e)
{
	struct job *j = malloc(sizeof *j + size);

	if (!j) {
		(void)err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "%zu bytes", size);
		return NULL;
	}
	memset(j, 0, sizeof *j);
	j->kind = kind;
	j->ctx = ctx;
	j->asked.bytes = j + 1;
	memcpy(j->asked.bytes, asked, size);
	return j;
}

static MUST_CHECK bool
queue(struct sqlite_store *s, struct job *j, struct err *e)
{
	bool room, copying;

	pthread_mutex_lock(&s->lock);
	copying = j->kind == JOB_COPY && s->copy_asked;
	room = !s->stop && s->pending + j->n <= QUEUE_MAX && !copying;
	if (room) {
		s->pending += j->n;
		s->copy_asked = s->copy_asked || j->kind == JOB_COPY;
		jobs_add(&s->queued, j);
		pthread_cond_signal(&s->work);
	}
	pthread_mutex_unlock(&s->lock);
	if (room)
		return true;
	free(j);
	if (copying)
		return err_set(e, ERR_NOT_NOW, REASON_STORE_FAILED, "a copy is being made");
	return err_set(e, ERR_LIMIT, REASON_STORE_FAILED,
	    "closing, or %d changes wait for the disk", QUEUE_MAX);
}

static bool
sqlite_submit(struct store *st, const struct store_change *c, size_t n, store_done_fn *done,
    void *ctx, struct err *e)
{
	struct job *j;

	if (n > QUEUE_MAX)
		return err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "%zu changes", n);
	j = job_new(JOB_WRITE, c, n * sizeof *c, ctx, e);
	if (!j)
		return false;
	j->done = done;
	j->n = n;
	return queue((struct sqlite_store *)st, j, e);
}

static bool
sqlite_read_audit(
    struct store *st, const struct audit_query *q, store_rows_fn *done, void *ctx, struct err *e)
{
	struct job *j = job_new(JOB_READ, q, sizeof *q, ctx, e);

	if (!j)
		return false;
	j->rows_done = done;
	return queue((struct sqlite_store *)st, j, e);
}

static bool
sqlite_read_evidence(struct store *st, const struct evidence_query *q, store_evidence_fn *done,
    void *ctx, struct err *e)
{
	struct job *j = job_new(JOB_EVIDENCE, q, sizeof *q, ctx, e);

	if (!j)
		return false;
	j->evidence_done = done;
	return queue((struct sqlite_store *)st, j, e);
}

static bool
sqlite_read_list(struct store *st, const uint8_t sha256[static ATTEST_DIGEST], store_list_fn *done,
    void *ctx, struct err *e)
{
	struct job *j = job_new(JOB_LIST, sha256, ATTEST_DIGEST, ctx, e);

	if (!j)
		return false;
	j->list_done = done;
	return queue((struct sqlite_store *)st, j, e);
}

static bool
sqlite_copy_to(struct store *st, const char *path, store_done_fn *done, void *ctx, struct err *e)
{
	struct job *j = job_new(JOB_COPY, path, strlen(path) + 1, ctx, e);

	if (!j)
		return false;
	j->done = done;
	return queue((struct sqlite_store *)st, j, e);
}

static struct audit_chain
sqlite_audit_head(struct store *st)
{
	struct sqlite_store *s = (struct sqlite_store *)st;
	struct audit_chain head;

	pthread_mutex_lock(&s->lock);
	head = s->head;
	pthread_mutex_unlock(&s->lock);
	return head;
}

static void
sqlite_poll(struct store *st)
{
	struct sqlite_store *s = (struct sqlite_store *)st;
	struct job *all, *next;

	pthread_mutex_lock(&s->lock);
	all = jobs_take(&s->finished);
	pthread_mutex_unlock(&s->lock);
	for (; all; all = next) {
		const struct err *why = all->err.code == ERR_NONE ? NULL : &all->err;

		next = all->next;
		if (all->kind == JOB_READ)
			all->rows_done(all->ctx, all->rows, all->row_n, why);
		else if (all->kind == JOB_EVIDENCE)
			all->evidence_done(
			    all->ctx, all->page.rows, all->page.n, all->page.more, why);
		else if (all->kind == JOB_LIST)
			all->list_done(all->ctx, all->list, why);
		else if (all->done)
			all->done(all->ctx, why);
		free((void *)(uintptr_t)all->list.p);
		evidence_page_free(&all->page);
		free(all->rows);
		free(all);
	}
}

static void
destroy(struct sqlite_store *s)
{
	pthread_mutex_destroy(&s->db_lock);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->work);
	sqlite_db_close(&s->db);
	free(s);
}

static void
sqlite_close(struct store *st)
{
	struct sqlite_store *s = (struct sqlite_store *)st;

	pthread_mutex_lock(&s->lock);
	s->stop = true;
	pthread_cond_signal(&s->work);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->thread, NULL);
	sqlite_poll(st);
	destroy(s);
}

static const struct store_ops ops = {.load = sqlite_load,
    .submit = sqlite_submit,
    .read_audit = sqlite_read_audit,
    .read_evidence = sqlite_read_evidence,
    .read_list = sqlite_read_list,
    .copy = sqlite_copy_to,
    .audit_head = sqlite_audit_head,
    .poll = sqlite_poll,
    .close = sqlite_close};

/* Signals belong to the loop's thread. */
static MUST_CHECK bool
start(struct sqlite_store *s, struct err *e)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&s->thread, NULL, writer, s);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc == 0)
		(void)pthread_setname_np(s->thread, "store"); /* for those who look at threads */
	return rc == 0 || err_set(e, ERR_IO, REASON_STORE_FAILED, "no thread: %s", strerror(rc));
}

bool
store_sqlite_open(
    struct store **out, const char *path, store_wake_fn *wake, void *wake_ctx, struct err *e)
{
	struct sqlite_store *s = calloc(1, sizeof *s);

	*out = NULL;
	if (!s)
		return err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "store");
	s->store.ops = &ops;
	s->wake = wake;
	s->wake_ctx = wake_ctx;
	jobs_init(&s->queued);
	jobs_init(&s->finished);
	pthread_mutex_init(&s->db_lock, NULL);
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->work, NULL);
	if (sqlite_db_open(&s->db, path, e)) {
		s->head = s->db.committed;
		if (!start(s, e)) {
			destroy(s);
			return false;
		}
		*out = &s->store;
		return true;
	}
	destroy(s);
	return false;
}
