#include "store/sqlite.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "store/sqlite_db.h"

/* What may wait for the disk: a change is 2 KB, so 32 MB. A disk that hangs must not eat the
 * memory of a control plane that runs. */
#define QUEUE_MAX 16384

/* One submit. */
struct job {
	struct job *next;
	store_done_fn *done;
	void *ctx;
	struct err err;
	size_t n;
	struct store_change change[];
};

struct jobs {
	struct job *first, **end;
};

struct sqlite_store {
	struct store head; /* first */
	store_wake_fn *wake;
	void *wake_ctx;
	pthread_t thread;
	pthread_mutex_t db_lock; /* held for a transaction or a load; never with `lock` */
	struct sqlite_db db;
	pthread_mutex_t lock; /* guards all below */
	pthread_cond_t work;
	struct jobs queued, finished;
	size_t pending; /* changes queued or being written */
	bool stop;
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
	bool ok = sqlite_db_begin(&s->db, e);

	for (const struct job *j = all; ok && j; j = j->next)
		for (size_t i = 0; ok && i < j->n; i++)
			ok = sqlite_db_apply(&s->db, &j->change[i], e);
	ok = ok && sqlite_db_commit(&s->db, e);
	if (!ok)
		sqlite_db_rollback(&s->db);
	return ok;
}

static struct job *
wait_for_work(struct sqlite_store *s)
{
	struct job *all;

	pthread_mutex_lock(&s->lock);
	while (!s->queued.first && !s->stop)
		pthread_cond_wait(&s->work, &s->lock);
	all = jobs_take(&s->queued);
	pthread_mutex_unlock(&s->lock);
	return all;
}

static void *
writer(void *arg)
{
	struct sqlite_store *s = arg;
	struct job *all, *next;

	while ((all = wait_for_work(s)) != NULL) {
		struct err e = {0};

		pthread_mutex_lock(&s->db_lock);
		bool ok = write_all(s, all, &e);

		pthread_mutex_unlock(&s->db_lock);
		pthread_mutex_lock(&s->lock);
		for (; all; all = next) {
			next = all->next;
			if (!ok)
				all->err = e;
			s->pending -= all->n;
			jobs_add(&s->finished, all);
		}
		pthread_mutex_unlock(&s->lock);
		s->wake(s->wake_ctx);
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

static bool
sqlite_submit(struct store *st, const struct store_change *c, size_t n, store_done_fn *done,
    void *ctx, struct err *e)
{
	struct sqlite_store *s = (struct sqlite_store *)st;
	struct job *j = n <= QUEUE_MAX ? malloc(sizeof *j + n * sizeof *c) : NULL;
	bool room;

	if (!j)
		return err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "%zu changes", n);
	memset(j, 0, sizeof *j);
	j->done = done;
	j->ctx = ctx;
	j->n = n;
	memcpy(j->change, c, n * sizeof *c);
	pthread_mutex_lock(&s->lock);
	room = !s->stop && s->pending + n <= QUEUE_MAX;
	if (room) {
		s->pending += n;
		jobs_add(&s->queued, j);
		pthread_cond_signal(&s->work);
	}
	pthread_mutex_unlock(&s->lock);
	if (room)
		return true;
	free(j);
	return err_set(e, ERR_LIMIT, REASON_STORE_FAILED,
	    "closing, or %d changes wait for the disk", QUEUE_MAX);
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
		next = all->next;
		if (all->done)
			all->done(all->ctx, all->err.code == ERR_NONE ? NULL : &all->err);
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

static const struct store_ops ops = {
    .load = sqlite_load, .submit = sqlite_submit, .poll = sqlite_poll, .close = sqlite_close};

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
	s->head.ops = &ops;
	s->wake = wake;
	s->wake_ctx = wake_ctx;
	jobs_init(&s->queued);
	jobs_init(&s->finished);
	pthread_mutex_init(&s->db_lock, NULL);
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->work, NULL);
	if (sqlite_db_open(&s->db, path, e) && start(s, e)) {
		*out = &s->head;
		return true;
	}
	destroy(s);
	return false;
}
