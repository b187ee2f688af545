/* fetch_fake.h - for unit tests of what fetches: the calls of fetch.h and net_defer_call answered
 * from a script, without a socket or a loop. Include it in one test file, in place of linking
 * net/. fake_run works until nothing is left to do. */
#ifndef NET_FETCH_FAKE_H
#define NET_FETCH_FAKE_H

#include "base/test.h"

#include "net/fetch.h"
#include "net/worker.h"
#include "os/env.h"
#include <stdio.h>

struct fake_answer {
	const char *url;
	int status; /* 0: the fetch fails; body is the reason's token */
	const char *fields; /* `name: value` lines, lower-case names; NULL: none */
	const char *body;
};

struct fetch {
	struct fetch *next;
	char url[1024], headers[2048];
	size_t max_body;
	void (*done)(const struct fetch_result *r, const struct err *e, void *ctx);
	void *ctx;
};

/* The one world of a test program. */
static struct {
	const struct fake_answer *answers;
	size_t n;
	struct fetch *pending;
	struct net_defer *defers;
	struct net_timer *timers;
	void (*work)(void *job); /* the one job that a worker would have */
	void (*work_done)(void *job, bool ran);
	void *job;
	char log[8192]; /* the URLs that were asked for, one a line */
	char headers[2048]; /* of the request that was sent last */
	unsigned asked;
	uint64_t now_ms;
	int64_t now_s;
} fake;

static void
fake_begin(const struct fake_answer *answers, size_t n)
{
	fake.answers = answers;
	fake.n = n;
	fake.log[0] = '\0';
	fake.asked = 0;
}

struct fetch *
fetch_start(struct fetcher *f, const struct fetch_request *q,
    void (*done)(const struct fetch_result *r, const struct err *e, void *ctx), void *ctx,
    struct err *e)
{
	struct fetch *x, **at = &fake.pending;
	size_t n = strlen(fake.log);

	if (strncmp(q->url, "http", 4) != 0) {
		(void)err_set(e, ERR_USAGE, REASON_FETCH_FAILED, "url %s", q->url);
		return NULL;
	}
	x = calloc(1, sizeof *x);
	assert_non_null(x);
	snprintf(x->url, sizeof x->url, "%s", q->url);
	for (size_t i = 0; i < q->n_headers; i++) {
		size_t k = strlen(x->headers);

		snprintf(x->headers + k, sizeof x->headers - k, "%s\n", q->headers[i]);
	}
	memcpy(fake.headers, x->headers, sizeof fake.headers);
	snprintf(fake.log + n, sizeof fake.log - n, "%s\n", q->url);
	fake.asked++;
	x->max_body = q->max_body;
	x->done = done;
	x->ctx = ctx;
	while (*at)
		at = &(*at)->next;
	*at = x;
	return x;
}

void
fetch_cancel(struct fetch *f)
{
	struct fetch **at = &fake.pending;

	while (*at && *at != f)
		at = &(*at)->next;
	assert_non_null(*at);
	*at = f->next;
	free(f);
}

struct span
fetch_header(const struct fetch_result *r, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = r->fields; p && *p; p += strcspn(p, "\n"), p += *p == '\n')
		if (span_ieq(span_of(p, n), span_of(name, n)) && p[n] == ':')
			return span_of(p + n + 2, strcspn(p + n + 2, "\n"));
	return span_of(NULL, 0);
}

void
net_defer_call(struct net_loop *l, struct net_defer *d, void (*cb)(void *ctx), void *ctx)
{
	if (d->loop)
		return;
	/* Not NULL: what a real loop sets while it is pending. */
	d->loop = (struct net_loop *)&fake;
	d->cb = cb;
	d->ctx = ctx;
	d->next = fake.defers;
	d->prev = NULL;
	if (d->next)
		d->next->prev = d;
	fake.defers = d;
}

void
net_defer_stop(struct net_defer *d)
{
	if (d->loop == NULL)
		return;
	if (d->prev)
		d->prev->next = d->next;
	else
		fake.defers = d->next;
	if (d->next)
		d->next->prev = d->prev;
	d->loop = NULL;
}

void
net_timer_stop(struct net_timer *t)
{
	struct net_timer **at = &fake.timers;

	while (*at && *at != t)
		at = &(*at)->next;
	if (*at)
		*at = t->next;
	t->loop = NULL;
}

void
net_timer_start(
    struct net_loop *l, struct net_timer *t, uint64_t after_ms, void (*cb)(void *ctx), void *ctx)
{
	net_timer_stop(t);
	t->loop = (struct net_loop *)&fake;
	t->due_ms = fake.now_ms + after_ms;
	t->cb = cb;
	t->ctx = ctx;
	t->next = fake.timers;
	fake.timers = t;
}

/* Let time pass, and what is due by then be called. */
static inline void
fake_pass(uint64_t ms)
{
	struct net_timer *t;

	fake.now_ms += ms;
	do {
		for (t = fake.timers; t && t->due_ms > fake.now_ms; t = t->next)
			;
		if (t) {
			net_timer_stop(t);
			t->cb(t->ctx);
		}
	} while (t);
}

/* Run what was put off, and answer nobody. */
static inline void
fake_defers(void)
{
	while (fake.defers) {
		struct net_defer *d = fake.defers;

		net_defer_stop(d);
		d->cb(d->ctx);
	}
}

bool
worker_run(struct net_loop *l, void (*work)(void *job), void (*done)(void *job, bool ran),
    void *job, struct err *e)
{
	assert_null(fake.job);
	fake.work = work;
	fake.work_done = done;
	fake.job = job;
	return true;
}

static void
fake_work(void)
{
	void *job = fake.job;

	fake.job = NULL;
	fake.work(job);
	fake.work_done(job, true);
}

static void
fake_answer_one(void)
{
	struct fetch *x = fake.pending;
	struct err e = {0};

	fake.pending = x->next;
	for (size_t i = 0; i < fake.n; i++) {
		const struct fake_answer *a = &fake.answers[i];
		struct fetch_result r = {.status = a->status, .fields = a->fields};
		const char *match = strstr(x->headers, "If-None-Match: ");
		struct span etag;

		if (strcmp(a->url, x->url) != 0)
			continue;
		if (a->status == 0) {
			(void)err_set(&e, ERR_IO, reason_find(a->body, strlen(a->body)), "fake");
			x->done(NULL, &e, x->ctx);
			free(x);
			return;
		}
		etag = fetch_header(&r, "etag");
		r.body = span_str(a->body);
		if (match && etag.n > 0 && strncmp(match + 15, (const char *)etag.p, etag.n) == 0) {
			r.status = 304;
			r.body = span_of(NULL, 0);
		}
		/* A copy that is gone afterwards: what was borrowed must not be kept. */
		uint8_t *copy = malloc(r.body.n ? r.body.n : 1);

		assert_non_null(copy);
		if (r.body.n > 0)
			memcpy(copy, r.body.p, r.body.n);
		r.body.p = copy;
		if (r.body.n > x->max_body) {
			(void)err_set(&e, ERR_IO, REASON_FETCH_TOO_BIG, "fake");
			x->done(NULL, &e, x->ctx);
		} else {
			x->done(&r, NULL, x->ctx);
		}
		free(copy);
		free(x);
		return;
	}
	fail_msg("nobody answers %s", x->url);
}

static void
fake_run(void)
{
	while (fake.pending || fake.defers || fake.job) {
		if (fake.job) {
			fake_work();
		} else if (fake.defers) {
			struct net_defer *d = fake.defers;

			net_defer_stop(d);
			d->cb(d->ctx);
		} else {
			fake_answer_one();
		}
	}
}

static int64_t
fake_wall_ms(void *ctx)
{
	return fake.now_s * 1000;
}

static uint64_t
fake_mono_ms(void *ctx)
{
	return fake.now_ms;
}

static const struct env fake_env = {.wall_ms = fake_wall_ms, .mono_ms = fake_mono_ms};

#endif
