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

struct fake_job {
	struct fake_job *next;
	void (*work)(void *job);
	void (*done)(void *job, bool ran);
	void *job;
};

/* The one world of a test program. */
static struct {
	const struct fake_answer *answers;
	size_t n;
	struct fetch *pending;
	struct net_defer *defers;
	struct fake_job *jobs; /* that workers would have, the oldest first */
	struct net_timer *timers;
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
	struct fake_job *j = calloc(1, sizeof *j), **at = &fake.jobs;

	assert_non_null(j);
	*j = (struct fake_job){NULL, work, done, job};
	while (*at)
		at = &(*at)->next;
	*at = j;
	return true;
}

static void
fake_work(void)
{
	struct fake_job *j = fake.jobs;

	fake.jobs = j->next;
	j->work(j->job);
	j->done(j->job, true);
	free(j);
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
	*t = (struct net_timer){.loop = (struct net_loop *)&fake,
	    .next = fake.timers,
	    .due_ms = fake.now_ms + after_ms,
	    .cb = cb,
	    .ctx = ctx};
	fake.timers = t;
}

void
net_timer_repeat(
    struct net_loop *l, struct net_timer *t, uint64_t every_ms, void (*cb)(void *ctx), void *ctx)
{
	net_timer_start(l, t, every_ms, cb, ctx);
	t->every_ms = every_ms;
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

/* Do one thing of what there is to do; an answer comes after all else. */
static void
fake_step(void)
{
	if (fake.jobs) {
		fake_work();
	} else if (fake.defers) {
		struct net_defer *d = fake.defers;

		net_defer_stop(d);
		d->cb(d->ctx);
	} else {
		fake_answer_one();
	}
}

static void
fake_run(void)
{
	while (fake.pending || fake.defers || fake.jobs)
		fake_step();
}

/* The timer that is due first, up to a time; NULL: none. */
static struct net_timer *
fake_due(uint64_t until_ms)
{
	struct net_timer *first = NULL;

	for (struct net_timer *t = fake.timers; t; t = t->next)
		if (t->due_ms <= until_ms && (first == NULL || t->due_ms < first->due_ms))
			first = t;
	return first;
}

static void
fake_pass_with(uint64_t ms, bool answered)
{
	uint64_t until = fake.now_ms + ms;
	struct net_timer *t;

	while ((t = fake_due(until))) {
		void (*cb)(void *ctx) = t->cb;
		void *ctx = t->ctx;

		fake.now_s += (int64_t)(t->due_ms / 1000 - fake.now_ms / 1000);
		fake.now_ms = t->due_ms;
		if (t->every_ms)
			t->due_ms += t->every_ms;
		else
			net_timer_stop(t);
		cb(ctx);
		while (fake.jobs || fake.defers || (answered && fake.pending))
			fake_step();
	}
	fake.now_s += (int64_t)(until / 1000 - fake.now_ms / 1000);
	fake.now_ms = until;
}

/* Let time pass, on both clocks, with what is due on the way. */
__attribute__((unused)) static void
fake_pass(uint64_t ms)
{
	fake_pass_with(ms, true);
}

/* The same while no request is answered. */
__attribute__((unused)) static void
fake_pass_silent(uint64_t ms)
{
	fake_pass_with(ms, false);
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

/* The lowest of every range. */
static void
fake_random(void *ctx, void *dst, size_t n)
{
	memset(dst, 0, n);
}

static const struct env fake_env = {
    .wall_ms = fake_wall_ms, .mono_ms = fake_mono_ms, .random = fake_random};

#endif
