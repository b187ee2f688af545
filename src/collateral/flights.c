#include "collateral/flights.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct flight {
	struct flight *next;
	struct flights *service;
	char url[FLIGHT_URL_MAX];
	struct fetch *fetch;
	struct flight_wait *waits;
};

static void
unlink_flight(struct flight *x)
{
	struct flight **at = &x->service->running;

	while (*at != x)
		at = &(*at)->next;
	*at = x->next;
}

/* -- Retry-After -- */

static bool
read_seconds(struct span s, uint32_t *out)
{
	uint32_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		if (n <= RETRY_AFTER_MAX_S)
			n = n * 10 + (uint32_t)(s.p[i] - '0');
	}
	*out = n;
	return s.n > 0;
}

uint32_t
flight_retry_after(struct span field, int64_t now_s)
{
	struct tm tm = {0};
	uint32_t n = 0;
	char text[40];
	int64_t at;

	if (!read_seconds(field, &n)) {
		const char *end;

		if (!span_cstr(field, text, sizeof text))
			return 0;
		end = strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm);
		if (end == NULL || *end != '\0')
			return 0;
		at = (int64_t)timegm(&tm);
		if (at <= now_s)
			return 0;
		n = at - now_s > RETRY_AFTER_MAX_S ? RETRY_AFTER_MAX_S : (uint32_t)(at - now_s);
	}
	return n > RETRY_AFTER_MAX_S ? RETRY_AFTER_MAX_S : n;
}

static void
heed(struct flights *f, const struct fetch_result *r)
{
	uint32_t s;

	if (r->status != 429 && r->status != 503)
		return;
	s = flight_retry_after(fetch_header(r, "Retry-After"), env_now_s(f->env));
	if (s == 0)
		return;
	f->held_until_ms = env_now_ms(f->env) + (uint64_t)s * 1000;
	f->held_status = r->status;
}

/* -- landing -- */

/* NULL, or why the answer is none that can be used. Nothing was asked for in a coding. */
static const char *
refusal_of(const struct fetch_result *r, const struct err *e, char what[static 24])
{
	struct span coding;

	if (e)
		return e->reason == REASON_FETCH_TIMEOUT   ? "timeout"
		       : e->reason == REASON_FETCH_TOO_BIG ? "too_big"
							   : "unreachable";
	if (r->status != 200) {
		snprintf(what, 24, "http_%d", r->status);
		return what;
	}
	coding = fetch_header(r, "Content-Encoding");
	return coding.n > 0 && !span_iis(coding, "identity") ? "encoded" : NULL;
}

static void
on_answer(const struct fetch_result *r, const struct err *e, void *ctx)
{
	struct flight *x = ctx;
	char text[24];
	const char *what = refusal_of(r, e, text);

	if (e == NULL)
		heed(x->service, r);
	/* A callback may leave another's wait, and may ask again for this very URL. */
	unlink_flight(x);
	x->fetch = NULL;
	while (x->waits) {
		struct flight_wait *w = x->waits;

		x->waits = w->next;
		w->flight = NULL;
		w->done(what ? NULL : r, what, w->ctx);
	}
	free(x);
}

/* -- asking -- */

static struct flight *
take_off(struct flights *f, const char *url, size_t max_body)
{
	static const char *const headers[] = {"User-Agent: easy-enclave"};
	struct fetch_request q = {.url = url,
	    .headers = headers,
	    .n_headers = 1,
	    .max_body = max_body,
	    .timeout_ms = f->timeout_ms};
	struct flight *x = calloc(1, sizeof *x);
	struct err e = {0};

	if (x == NULL || !span_cstr(span_str(url), x->url, sizeof x->url)) {
		free(x);
		return NULL;
	}
	x->service = f;
	x->fetch = fetch_start(f->fetcher, &q, on_answer, x, &e);
	if (x->fetch == NULL) {
		free(x);
		return NULL;
	}
	f->requests++;
	x->next = f->running;
	f->running = x;
	return x;
}

bool
flight_ask(struct flights *f, const char *url, size_t max_body, struct flight_wait *w,
    void (*done)(const struct fetch_result *r, const char *what, void *ctx), void *ctx,
    char what[static 24])
{
	struct flight *x = f->running;

	while (x && strcmp(x->url, url) != 0)
		x = x->next;
	if (x == NULL && env_now_ms(f->env) < f->held_until_ms) {
		snprintf(what, 24, "http_%d", f->held_status);
		return false;
	}
	if (x == NULL)
		x = take_off(f, url, max_body);
	if (x == NULL) {
		snprintf(what, 24, "unreachable");
		return false;
	}
	*w = (struct flight_wait){.next = x->waits, .flight = x, .done = done, .ctx = ctx};
	x->waits = w;
	return true;
}

void
flight_leave(struct flight_wait *w)
{
	struct flight *x = w->flight;
	struct flight_wait **at;

	if (x == NULL)
		return;
	w->flight = NULL;
	for (at = &x->waits; *at != w; at = &(*at)->next)
		;
	*at = w->next;
	/* Without its fetch it is landing, and frees itself. */
	if (x->waits == NULL && x->fetch) {
		fetch_cancel(x->fetch);
		unlink_flight(x);
		free(x);
	}
}
