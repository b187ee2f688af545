#include "net/worker.h"

#include <stdlib.h>
#include <uv.h>

struct job {
	struct net_item item; /* first: shut finds the job by it */
	uv_work_t req;
	void (*work)(void *job);
	void (*done)(void *job, bool ran);
	void *arg;
};

static void
on_work(uv_work_t *req)
{
	struct job *j = req->data;

	j->work(j->arg);
}

static void
on_done(uv_work_t *req, int status)
{
	struct job *j = req->data;

	net_loop_remove(&j->item);
	j->done(j->arg, status == 0);
	free(j);
}

static void
shut_job(struct net_item *self)
{
	struct job *j = (struct job *)self;

	/* A job that runs cannot be cancelled; the loop waits for it. */
	(void)uv_cancel((uv_req_t *)&j->req);
}

bool
worker_run(struct net_loop *l, void (*work)(void *job), void (*done)(void *job, bool ran),
    void *job, struct err *e)
{
	struct job *j = calloc(1, sizeof *j);
	int rc;

	if (!j)
		return err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "job");
	j->work = work;
	j->done = done;
	j->arg = job;
	j->req.data = j;
	rc = uv_queue_work(net_loop_uv(l), &j->req, on_work, on_done);
	if (rc < 0) {
		free(j);
		return net_err_uv(e, REASON_INTERNAL, "uv_queue_work", rc);
	}
	net_loop_add(l, &j->item, shut_job);
	return true;
}

struct wake {
	struct net_item item;
	uv_async_t h;
	void (*cb)(void *ctx);
	void *ctx;
};

static void
on_wake(uv_async_t *h)
{
	struct wake *w = h->data;

	w->cb(w->ctx);
}

static void
on_wake_closed(uv_handle_t *h)
{
	free(h->data);
}

static void
shut_wake(struct net_item *self)
{
	struct wake *w = (struct wake *)self;

	if (!uv_is_closing((uv_handle_t *)&w->h))
		uv_close((uv_handle_t *)&w->h, on_wake_closed);
}

struct wake *
wake_new(struct net_loop *l, void (*cb)(void *ctx), void *ctx, struct err *e)
{
	struct wake *w = calloc(1, sizeof *w);
	int rc;

	if (!w) {
		err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "wake-up");
		return NULL;
	}
	rc = uv_async_init(net_loop_uv(l), &w->h, on_wake);
	if (rc < 0) {
		free(w);
		net_err_uv(e, REASON_INTERNAL, "uv_async_init", rc);
		return NULL;
	}
	w->cb = cb;
	w->ctx = ctx;
	w->h.data = w;
	net_loop_add(l, &w->item, shut_wake);
	return w;
}

void
wake_send(struct wake *w)
{
	uv_async_send(&w->h);
}

void
wake_close(struct wake *w)
{
	if (!w)
		return;
	net_loop_remove(&w->item);
	shut_wake(&w->item);
}
