#include "sim/service.h"
#include "wire/problem.h"
#include "wire/url.h"

#include <stdio.h>

#define SEGMENTS_MAX 12
#define ANSWER_MAX   (16u * 1024 * 1024)
#define FIELD_MAX    (16u * 1024)
#define PATH_MAX_N   2048u
#define OVERSIZED    (5u * 512 * 1024)
#define BOMB         ((size_t)64 * 1024 * 1024)

bool
sim_init(struct sim *s, const uint8_t seed[static SIM_SEED_SIZE], const char *base_url,
    int64_t now_s, struct err *e)
{
	memset(s, 0, sizeof *s);
	snprintf(s->base_url, sizeof s->base_url, "%s", base_url);
	for (int g = 0; g < SIM_GROUP_COUNT; g++)
		sim_fault_clear(&s->fault[g]);
	return sim_platform_init(&s->platform, seed, base_url, now_s, e);
}

void
sim_fini(struct sim *s)
{
	for (int g = 0; g < SIM_GROUP_COUNT; g++)
		buf_fini(&s->fault[g].body);
	sim_platform_fini(&s->platform);
	sim_github_fini(&s->github);
}

struct buf *
sim_answer_field(struct sim_answer *a, const char *name)
{
	size_t i = 0;

	while (i < a->n_fields && a->field_name[i] != name)
		i++;
	if (i == a->n_fields && a->n_fields < SIM_FIELDS_MAX - 1)
		a->n_fields++;
	a->field_name[i] = name;
	buf_clear(&a->field_value[i]);
	return &a->field_value[i];
}

void
sim_answer_fini(struct sim_answer *a)
{
	for (size_t i = 0; i < SIM_FIELDS_MAX; i++)
		buf_fini(&a->field_value[i]);
	buf_fini(&a->body);
}

bool
sim_query(const struct sim_call *c, const char *name, char *out, size_t size)
{
	struct span rest = c->rq->query;
	struct buf value;
	bool found = false;

	buf_init(&value, PATH_MAX_N);
	while (rest.n > 0 && !found) {
		const uint8_t *amp = memchr(rest.p, '&', rest.n);
		struct span item = span_first(rest, amp ? (size_t)(amp - rest.p) : rest.n);
		size_t n = strlen(name);

		rest = span_from(rest, item.n + 1);
		if (item.n <= n || !span_starts(item, name) || item.p[n] != '=')
			continue;
		buf_clear(&value);
		found = url_decode(span_from(item, n + 1), &value)
			&& span_cstr(buf_span(&value), out, size);
	}
	buf_fini(&value);
	return found;
}

/* Cut a path into decoded segments, which lie one behind the other in `text`. "/" has none. */
static bool
split_path(struct span path, struct buf *text, struct span seg[static SEGMENTS_MAX], size_t *count)
{
	size_t from[SEGMENTS_MAX + 1], n = 0;

	*count = 0;
	if (span_is(path, "/"))
		return true;

	while (path.n > 0 && n < SEGMENTS_MAX) {
		const uint8_t *slash;
		struct span raw;

		path = span_from(path, 1);
		slash = path.n ? memchr(path.p, '/', path.n) : NULL;
		raw = span_first(path, slash ? (size_t)(slash - path.p) : path.n);
		from[n++] = text->n;
		if (!url_decode(raw, text))
			return false;
		path = span_from(path, raw.n);
	}
	if (path.n > 0 || !buf_ok(text))
		return false;
	from[n] = text->n;
	for (size_t i = 0; i < n; i++)
		seg[i] = span_first(span_from(buf_span(text), from[i]), from[i + 1] - from[i]);
	*count = n;
	return true;
}

/* Say whether segments fit a route's path; gather what stands at its '*'. */
static bool
path_fits(const char *pattern, const struct span *seg, size_t n, struct span *arg)
{
	struct span rest = span_str(pattern);
	size_t args = 0;

	for (size_t i = 0; i < n; i++) {
		const uint8_t *slash = rest.n ? memchr(rest.p, '/', rest.n) : NULL;
		struct span want = span_first(rest, slash ? (size_t)(slash - rest.p) : rest.n);

		if (rest.n == 0)
			return false;
		rest = span_from(rest, want.n + 1);
		if (span_is(want, "*"))
			arg[args++] = seg[i];
		else if (!span_eq(want, seg[i]))
			return false;
	}
	return rest.n == 0;
}

static const struct sim_route *const routes[SIM_GROUP_COUNT] = {
    [SIM_PCS] = sim_pcs_routes,
    [SIM_GITHUB] = sim_github_routes,
    [SIM_CONTROL] = sim_control_routes,
};

/* Find the route of a request. HEAD is GET, less its body, which the server leaves out. */
static const struct sim_route *
find_route(
    struct sim_call *c, const struct span *seg, size_t n, enum sim_group *group, struct err *e)
{
	struct span method = span_is(c->rq->method, "HEAD") ? span_str("GET") : c->rq->method;
	bool known = false;

	for (int g = 0; g < SIM_GROUP_COUNT; g++)
		for (const struct sim_route *r = routes[g]; r->method; r++) {
			if (!path_fits(r->path, seg, n, c->arg))
				continue;
			*group = (enum sim_group)g;
			known = true;
			if (span_is(method, r->method))
				return r;
		}
	if (known)
		err_set(e, ERR_UNSUPPORTED, REASON_METHOD_NOT_ALLOWED, "method");
	else
		err_set(e, ERR_NOTFOUND, REASON_NOT_FOUND, "no such path");
	return NULL;
}

/* Tell a failure the way the service that was asked does. */
static void
tell(struct sim_call *c, enum sim_group group, const struct err *e)
{
	struct sim_answer *a = c->a;

	a->status = reason_http(e->reason);
	buf_clear(&a->body);
	a->content_type = NULL;
	if (group == SIM_GITHUB) { /* docs.github.com/rest: errors are a message and a link */
		a->content_type = "application/json; charset=utf-8";
		buf_printf(&a->body,
		    "{\"message\":\"%s\",\"documentation_url\":"
		    "\"https://docs.github.com/rest\",\"status\":\"%d\"}",
		    a->status == 404 ? "Not Found" : "Server Error", a->status);
	} else if (group == SIM_CONTROL) {
		a->content_type = PROBLEM_CONTENT_TYPE;
		problem_write(&a->body, e, span_str(NULL));
	}
}

/* What a fault does to an answer that is made. */
static void
bend_answer(struct sim_call *c, enum sim_bend bend)
{
	struct sim_answer *a = c->a;

	for (size_t i = 0; i < a->n_fields; i++)
		a->field_name[i] = sim_fault_field_name(bend, a->field_name[i]);
	a->cut = bend == SIM_CUT;
	a->chunked = bend == SIM_CHUNKED;
	if (bend == SIM_OVERSIZED) {
		uint8_t *p = buf_grow(&a->body, OVERSIZED);

		if (p) {
			memset(p, ' ', OVERSIZED);
			buf_grow_commit(&a->body, OVERSIZED);
		}
	} else if (bend == SIM_GZIP_BOMB) {
		buf_clear(&a->body);
		sim_fault_gzip_zeros(BOMB, &a->body);
		buf_add_str(sim_answer_field(a, "Content-Encoding"), "gzip");
	} else if (bend == SIM_REDIRECT || bend == SIM_REDIRECT_LOOP) {
		struct buf *to = sim_answer_field(a, "Location");

		a->status = 302;
		buf_clear(&a->body);
		buf_add_str(to, bend == SIM_REDIRECT ? "http://127.0.0.2:9" : c->sim->base_url);
		buf_add(to, c->rq->path);
		buf_add_str(to, "?");
		buf_add(to, c->rq->query);
	}
}

static const struct sim_fault *
find_fault(const struct sim_call *c, enum sim_group group)
{
	static const struct sim_fault none = {.retry_after = -1};
	const struct sim_fault *f = &c->sim->fault[group];

	if (group == SIM_PCS && !sim_fault_is_for(f, sim_item_of(c->rq->path)))
		return &none;
	return f;
}

static void
put_number(struct sim_answer *a, const char *name, int64_t v)
{
	if (v >= 0)
		buf_printf(sim_answer_field(a, name), "%lld", (long long)v);
}

/* What a fault of GitHub's puts into an answer, or makes of it. */
static void
bend_github(struct sim_call *c, const struct sim_fault *f)
{
	struct sim_answer *a = c->a;
	bool low = f->lower_case;

	put_number(a, low ? "x-ratelimit-remaining" : "X-RateLimit-Remaining", f->remaining);
	put_number(a, low ? "x-ratelimit-reset" : "X-RateLimit-Reset",
	    f->reset_s < 0 ? -1 : c->now_s + f->reset_s);
	if (f->encoding[0])
		buf_add_str(sim_answer_field(a, "Content-Encoding"), f->encoding);
	for (size_t i = 0; low && i < a->n_fields; i++)
		if (strcmp(a->field_name[i], "ETag") == 0)
			a->field_name[i] = "etag";
	for (int64_t i = 0; i < f->pad; i++)
		buf_add(&a->body, span_str(" "));
	a->chunked = f->chunked;
	a->cut = f->cut;
}

static void
serve_route(struct sim_call *c, const struct sim_route *r, enum sim_group group)
{
	const struct sim_fault *f = find_fault(c, group);
	enum sim_item item = sim_item_of(c->rq->path);
	struct err e = {0};

	if (group == SIM_PCS && item < SIM_ITEM_NONE)
		c->sim->asked[item]++;
	c->a->delay_ms = f->delay_ms;
	c->bend = f->bend;
	c->now_s += sim_fault_offset(f);
	if (f->status) {
		err_set(&e, ERR_IO, REASON_INTERNAL, "switched fault");
		tell(c, group, &e);
		c->a->status = f->status;
		put_number(c->a, f->lower_case ? "retry-after" : "Retry-After", f->retry_after);
	} else if (!r->handle(c, &e)) {
		tell(c, group, &e);
	} else if (!buf_ok(&c->a->body)) {
		err_set(&e, ERR_NOMEM, REASON_NO_MEMORY, "answer");
		tell(c, group, &e);
	} else {
		bend_answer(c, f->bend);
	}
	if (group == SIM_GITHUB)
		bend_github(c, f);
}

void
sim_serve(struct sim *s, const struct sim_request *rq, int64_t now_s, struct sim_answer *a)
{
	struct sim_call c = {.sim = s, .rq = rq, .a = a, .now_s = now_s + s->offset_s};
	struct span seg[SEGMENTS_MAX];
	struct buf text;
	enum sim_group group = SIM_CONTROL;
	const struct sim_route *r = NULL;
	size_t n;
	struct err e = {0};

	memset(a, 0, sizeof *a);
	a->status = 200;
	for (size_t i = 0; i < SIM_FIELDS_MAX; i++)
		buf_init(&a->field_value[i], FIELD_MAX);
	buf_init(&a->body, ANSWER_MAX);
	buf_init(&text, PATH_MAX_N);
	if (!split_path(rq->path, &text, seg, &n))
		err_set(&e, ERR_NOTFOUND, REASON_NOT_FOUND, "no such path");
	else
		r = find_route(&c, seg, n, &group, &e);
	s->requests[group]++;
	if (r)
		serve_route(&c, r, group);
	else
		tell(&c, group, &e);
	buf_fini(&text);
}
