#include "release/flight.h"

#include "base/hex.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/settings.h"
#include "wire/url.h"

#include <openssl/sha.h>
#include <stdio.h>

enum { STEP_REPO, STEP_RELEASE, STEP_ASSET };

#define REDIRECTS_MAX 3
/* A release of a thousand assets takes about 1.5 MB to list. */
#define ANSWER_MAX (4u * 1024 * 1024)

void
ground_init(struct ground *g)
{
	memset(g, 0, sizeof *g);
	buf_init(&g->bytes, LIMIT_ALLOWLIST);
}

void
ground_fini(struct ground *g)
{
	buf_fini(&g->bytes);
	g->have = false;
}

static bool
failed(struct err *e, enum err_code code, const char *arg, const struct flight *f)
{
	err_set_arg(e, code, REASON_ALLOWLIST_FETCH_FAILED, arg, "%s", f->url);
	return err_show(e, "%s at %s: %s", f->plan->asset, f->tag, arg);
}

/* -- where to, and with what -- */

static void
url_append(struct flight *f, const char *path)
{
	struct buf b;

	buf_init(&b, FLIGHT_URL_MAX - 1);
	buf_printf(&b, "%s/repos/%s%s", f->plan->api_url, f->repo, path);
	/* What does not fit leaves the empty URL, which fetch refuses. */
	(void)!span_cstr(buf_ok(&b) ? buf_span(&b) : span_of(NULL, 0), f->url, sizeof f->url);
	buf_fini(&b);
}

static void
set_url(struct flight *f)
{
	struct buf b;

	buf_init(&b, FLIGHT_URL_MAX - 1);
	if (f->step == STEP_RELEASE) {
		buf_add_str(&b, "/releases/tags/");
		url_encode(&b, span_str(f->tag));
	} else if (f->step == STEP_ASSET) {
		buf_printf(&b, "/releases/assets/%lld", (long long)f->found.asset_id);
	}
	url_append(f, buf_cstr(&b));
	buf_fini(&b);
}

static bool
origin_of(const char *url, struct url *u, char origin[static URL_ORIGIN_MAX])
{
	struct err e = {0};

	if (!url_parse(u, span_str(url), &e))
		return false;
	url_origin(u, origin);
	return true;
}

/* The API's own host, scheme and port: the only place that the token may be shown to. */
static bool
at_home(const struct flight *f)
{
	char here[URL_ORIGIN_MAX], home[URL_ORIGIN_MAX];
	struct url u;

	return origin_of(f->url, &u, here) && origin_of(f->plan->api_url, &u, home)
	       && strcmp(here, home) == 0;
}

static bool
has_token(const struct flight_plan *plan, const char *repo)
{
	struct span rest = span_str(plan->owners), one;
	struct span owner = span_of(repo, strcspn(repo, "/"));

	if (plan->token == NULL || plan->owners == NULL)
		return plan->token != NULL;
	while (list_next(&rest, &one))
		if (span_ieq(one, owner))
			return true;
	return false;
}

struct limit *
flight_limit(const struct flight_plan *plan, const char *repo)
{
	return &plan->limits[has_token(plan, repo)];
}

bool
flight_limited(struct err *e, unsigned wait_s)
{
	err_set_arg(e, ERR_IO, REASON_ALLOWLIST_FETCH_FAILED, "rate_limited",
	    "nothing is sent for %u s", wait_s);
	e->retry_s = wait_s;
	return err_show(e, "GitHub takes no more requests for now: come back in %u s", wait_s);
}

/* Where the operator's own settings lead may lie in a network of his; nothing else may. */
static bool
is_operators(const struct flight *f)
{
	char here[URL_ORIGIN_MAX], one[URL_ORIGIN_MAX], text[URL_ORIGIN_MAX];
	struct span rest = span_str(f->plan->asset_origins), item;
	struct url u;

	if (!origin_of(f->url, &u, here))
		return false;
	while (list_next(&rest, &item))
		if (span_cstr(item, text, sizeof text) && origin_of(text, &u, one)
		    && strcmp(here, one) == 0)
			return true;
	return at_home(f) && strcmp(here, "https://api.github.com") != 0;
}

static const char *
known_etag(const struct flight *f)
{
	if (f->old == NULL || !f->old->have)
		return "";
	switch (f->step) {
	case STEP_REPO:
		return f->old->repo_etag;
	case STEP_RELEASE:
		/* Another repository of the same name tells nothing about ours. */
		return f->found.repo_id == f->old->repo_id ? f->old->release_etag : "";
	default:
		return "";
	}
}

static void on_answer(const struct fetch_result *r, const struct err *why, void *ctx);

static bool
send_request(struct flight *f, struct err *e)
{
	char auth[1100], match[FLIGHT_ETAG_MAX + 32];
	const char *headers[5];
	struct fetch_request q = {.url = f->url, .headers = headers, .timeout_ms = 20000};
	unsigned wait = limit_wait_s(flight_limit(f->plan, f->repo), env_now_ms(f->plan->env));

	q.max_body = f->step == STEP_ASSET ? LIMIT_ALLOWLIST : ANSWER_MAX;
	headers[q.n_headers++] = "User-Agent: easy-enclave";
	headers[q.n_headers++] = f->step == STEP_ASSET ? "Accept: application/octet-stream"
						       : "Accept: application/vnd.github+json";
	q.public_only = !is_operators(f);
	if (at_home(f) && wait > 0)
		return flight_limited(e, wait);
	if (at_home(f)) {
		headers[q.n_headers++] = "X-GitHub-Api-Version: 2022-11-28";
		if (has_token(f->plan, f->repo)) {
			snprintf(auth, sizeof auth, "Authorization: Bearer %s", f->plan->token);
			headers[q.n_headers++] = auth;
		}
		if (known_etag(f)[0] != '\0') {
			snprintf(match, sizeof match, "If-None-Match: %s", known_etag(f));
			headers[q.n_headers++] = match;
		}
	}
	f->fetch = fetch_start(f->plan->fetcher, &q, on_answer, f, e);
	return f->fetch != NULL;
}

/* -- what came -- */

static void
keep_etag(char dst[static FLIGHT_ETAG_MAX], const struct fetch_result *r)
{
	/* One that does not fit is not kept: the next request is then unconditional. */
	if (!span_cstr(fetch_header(r, "etag"), dst, FLIGHT_ETAG_MAX))
		dst[0] = '\0';
}

static bool
take_repo(struct flight *f, const struct json_doc *d)
{
	const struct json_node *top = json_top(d), *hidden = json_get(d, top, "private");

	if (json_has_dup(top) || hidden == NULL || hidden->type > JSON_TRUE
	    || !json_int(json_get(d, top, "id"), 1, INT64_MAX, &f->found.repo_id))
		return false;
	f->found.is_private = hidden->type != JSON_FALSE;
	return true;
}

/* `sha256:` and 64 digits. GitHub began to give it in 2025; null and other algorithms count as
 * none. */
static bool
take_digest(struct flight *f, const struct json_node *n)
{
	char text[7 + 64 + 1];

	f->found.has_digest = false;
	if (n == NULL || n->type != JSON_STRING || !json_cstr(n, text, sizeof text)
	    || strncmp(text, "sha256:", 7) != 0)
		return true;
	f->found.has_digest = true;
	return hex_decode(span_str(text + 7), f->found.digest, 32);
}

static const struct json_node *
find_asset(const struct flight *f, const struct json_doc *d)
{
	const struct json_node *list = json_get(d, json_top(d), "assets");

	if (list == NULL || list->type != JSON_ARRAY)
		return NULL;
	for (const struct json_node *a = json_first(d, list); a; a = json_next(d, list, a))
		if (json_is(json_get(d, a, "name"), f->plan->asset))
			return a;
	return NULL;
}

static bool
take_release(struct flight *f, const struct json_doc *d, struct err *e)
{
	const struct json_node *a = find_asset(f, d), *tag = json_get(d, json_top(d), "tag_name");
	const struct json_node *immutable = json_get(d, json_top(d), "immutable");
	int64_t size;

	if (json_has_dup(json_top(d)) || !json_is(tag, f->tag))
		return failed(e, ERR_IO, "bad_answer", f);
	if (a == NULL)
		return failed(e, ERR_NOTFOUND, "asset_not_found", f);
	if (json_has_dup(a) || !json_int(json_get(d, a, "id"), 1, INT64_MAX, &f->found.asset_id)
	    || !json_int(json_get(d, a, "size"), 0, INT64_MAX, &size)
	    || !take_digest(f, json_get(d, a, "digest")))
		return failed(e, ERR_IO, "bad_answer", f);
	f->found.immutable = immutable && immutable->type == JSON_TRUE;
	if (size > (int64_t)LIMIT_ALLOWLIST)
		return failed(e, ERR_LIMIT, "too_big", f);
	/* GitHub says that they are the same bytes: they need not come again. */
	f->old_asset = f->old && f->old->have && f->found.has_digest
		       && f->old->repo_id == f->found.repo_id
		       && memcmp(f->old->sha256, f->found.digest, 32) == 0;
	return true;
}

static bool
take_document(struct flight *f, const struct fetch_result *r, struct err *e)
{
	struct json_limits lim = {LIMIT_JSON_DEPTH, LIMIT_JSON_NODES};
	struct err ignored = {0};
	struct json_doc d;
	bool ok;

	if (!json_parse(&d, r->body, lim, &ignored))
		return failed(e, ERR_IO, "bad_answer", f);
	if (f->step == STEP_REPO) {
		keep_etag(f->found.repo_etag, r);
		ok = take_repo(f, &d) || failed(e, ERR_IO, "bad_answer", f);
	} else {
		keep_etag(f->found.release_etag, r);
		ok = take_release(f, &d, e);
	}
	json_free(&d);
	return ok;
}

static bool
take_asset(struct flight *f, const struct fetch_result *r, struct err *e)
{
	buf_add(&f->found.bytes, r->body);
	if (!buf_ok(&f->found.bytes))
		return failed(e, ERR_LIMIT, "too_big", f);
	SHA256(r->body.p ? r->body.p : (const uint8_t *)"", r->body.n, f->found.sha256);
	if (f->found.has_digest && memcmp(f->found.digest, f->found.sha256, 32) != 0)
		return failed(e, ERR_UNTRUSTED, "digest_mismatch", f);
	return true;
}

/* -- the walk -- */

static void
finish(struct flight *f, const struct err *why)
{
	f->done(f, why, f->ctx);
}

/* Take the next step; true when there is none left. */
static bool
go_on(struct flight *f, struct err *e)
{
	f->redirects = 0;
	if (f->step == STEP_ASSET || f->unchanged || (f->step == STEP_RELEASE && f->old_asset))
		return true;
	f->step++;
	set_url(f);
	return !send_request(f, e);
}

/* A redirect is followed by us, so that the token goes nowhere else. A path alone stays at its
 * host; http is taken only where the base URL is http. */
static bool
redirect(struct flight *f, const struct fetch_result *r, struct err *e)
{
	struct span to = fetch_header(r, "location");
	char next[FLIGHT_URL_MAX], origin[URL_ORIGIN_MAX];
	bool relative = span_starts(to, "/") && !span_starts(to, "//");
	struct url u;
	int n;

	if (++f->redirects > REDIRECTS_MAX)
		return failed(e, ERR_IO, "too_many_redirects", f);
	if (!origin_of(f->url, &u, origin))
		return failed(e, ERR_IO, "bad_redirect", f);
	n = snprintf(next, sizeof next, "%s%.*s", relative ? origin : "", (int)to.n,
	    to.n ? (const char *)to.p : "");
	if (n <= 0 || (size_t)n >= sizeof next || !url_parse(&u, span_str(next), &(struct err){0})
	    || u.scheme == URL_WS || u.scheme == URL_WSS
	    || (u.scheme == URL_HTTP && strncmp(f->plan->api_url, "http:", 5) != 0))
		return failed(e, ERR_IO, "bad_redirect", f);
	memcpy(f->url, next, (size_t)n + 1);
	return send_request(f, e);
}

static bool
bad_status(struct flight *f, const struct fetch_result *r, struct err *e)
{
	static const char *const missing[] = {
	    "repo_not_found", "release_not_found", "asset_not_found"};
	char arg[16];

	if (r->status == 404 || r->status == 410)
		return failed(e, ERR_NOTFOUND, missing[f->step], f);
	/* A host that an asset was moved to has limits of its own. */
	if (r->status == 429)
		return failed(e, ERR_IO, "rate_limited", f);
	snprintf(arg, sizeof arg, "http_%d", r->status);
	return failed(e, ERR_IO, arg, f);
}

static bool
fetch_failed(struct flight *f, const struct err *why, struct err *e)
{
	if (why->reason == REASON_FETCH_TOO_BIG)
		return failed(e, ERR_LIMIT, "too_big", f);
	/* It is a resolver's word, or a redirect's, and none of GitHub's on the release. */
	if (why->reason == REASON_FETCH_PRIVATE)
		return failed(e, ERR_IO, "private_address", f);
	return failed(
	    e, ERR_IO, why->reason == REASON_FETCH_TIMEOUT ? "timeout" : "unreachable", f);
}

/* What the old ground has to say where nothing changed. */
static bool
take_unchanged(struct flight *f, struct err *e)
{
	if (known_etag(f)[0] == '\0')
		return failed(e, ERR_IO, "http_304", f);
	if (f->step == STEP_RELEASE) {
		f->unchanged = true;
		return true;
	}
	f->found.repo_id = f->old->repo_id;
	f->found.is_private = f->old->is_private;
	memcpy(f->found.repo_etag, f->old->repo_etag, FLIGHT_ETAG_MAX);
	return true;
}

static bool
is_redirect(int status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static bool
take_answer(struct flight *f, const struct fetch_result *r, struct err *e)
{
	if (r->status == 304)
		return take_unchanged(f, e);
	if (r->status != 200)
		return bad_status(f, r, e);
	return f->step == STEP_ASSET ? take_asset(f, r, e) : take_document(f, r, e);
}

static bool
mind_limits(struct flight *f, const struct fetch_result *r, struct err *e)
{
	const struct env *env = f->plan->env;
	struct limit *l = flight_limit(f->plan, f->repo);

	if (at_home(f) && limit_note(l, r, env_now_ms(env), env_now_s(env)))
		return flight_limited(e, limit_wait_s(l, env_now_ms(env)));
	return true;
}

static void
on_answer(const struct fetch_result *r, const struct err *why, void *ctx)
{
	struct flight *f = ctx;
	struct err e = {0};

	f->fetch = NULL;
	if (why) {
		(void)fetch_failed(f, why, &e);
		finish(f, &e);
		return;
	}
	if (!mind_limits(f, r, &e)) {
		finish(f, &e);
		return;
	}
	if (is_redirect(r->status)) {
		if (!redirect(f, r, &e))
			finish(f, &e);
		return;
	}
	if (!take_answer(f, r, &e) || (go_on(f, &e) && e.code != ERR_NONE))
		finish(f, &e);
	else if (f->fetch == NULL)
		finish(f, NULL);
}

bool
flight_start(struct flight *f, struct err *e)
{
	ground_init(&f->found);
	f->step = STEP_REPO;
	f->redirects = 0;
	set_url(f);
	return send_request(f, e);
}

void
flight_fini(struct flight *f)
{
	if (f->fetch)
		fetch_cancel(f->fetch);
	f->fetch = NULL;
	ground_fini(&f->found);
}

void
flight_land(struct flight *f, struct ground *g)
{
	struct buf kept = g->bytes;

	if (f->unchanged) {
		g->repo_id = f->found.repo_id;
		g->is_private = f->found.is_private;
		memcpy(g->repo_etag, f->found.repo_etag, FLIGHT_ETAG_MAX);
		return;
	}
	if (f->old_asset) {
		memcpy(f->found.sha256, g->sha256, 32);
	} else {
		kept = f->found.bytes;
		buf_fini(&g->bytes);
	}
	*g = f->found;
	g->bytes = kept;
	g->have = true;
	/* The bytes are the ground's now, or it kept its own. */
	if (f->old_asset)
		buf_fini(&f->found.bytes);
	buf_init(&f->found.bytes, LIMIT_ALLOWLIST);
}
