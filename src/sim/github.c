#include "sim/github.h"
#include "base/hex.h"
#include "base/jcs.h"
#include "sim/service.h"
#include "wire/url.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define JSON_TYPE "application/json; charset=utf-8"
#define URL_MAX_N 2048u

/* -- what was published -- */

static void
asset_free(struct sim_asset *a)
{
	if (a)
		buf_fini(&a->bytes);
	free(a);
}

void
sim_github_fini(struct sim_github *g)
{
	for (size_t i = 0; i < g->n; i++)
		asset_free(g->assets[i]);
	free(g->assets);
	free(g->graves);
	memset(g, 0, sizeof *g);
}

/* Owners and repositories are one whatever their letters' case; tags and assets are not. */
static bool
is_repo(const char *owner, const char *repo, const struct span *name)
{
	return span_iis(name[0], owner) && span_iis(name[1], repo);
}

static bool
is_asset(const struct sim_asset *a, const struct span *name, size_t n)
{
	return is_repo(a->owner, a->repo, name) && (n < 3 || span_is(name[2], a->tag))
	       && (n < 4 || span_is(name[3], a->name));
}

/* The first asset of a repository (2 names), release (3) or the asset itself (4). */
static struct sim_asset *
find(const struct sim_github *g, const struct span *name, size_t n)
{
	for (size_t i = 0; i < g->n; i++)
		if (is_asset(g->assets[i], name, n))
			return g->assets[i];
	return NULL;
}

/* A number that follows from names, so that it outlives a restart; 1 .. 2^31. */
static int64_t
number_of(const char *what, const char *owner, const char *repo, const char *more, unsigned salt)
{
	uint8_t hash[SHA256_DIGEST_LENGTH];
	char text[700];
	int n = snprintf(text, sizeof text, "%s %s/%s %s %u", what, owner, repo, more, salt);

	for (int i = 0; i < n; i++)
		text[i] = (char)ascii_lower((uint8_t)text[i]);
	SHA256((const uint8_t *)text, (size_t)n, hash);
	return 1 + ((int64_t)(hash[0] & 0x7f) << 24 | hash[1] << 16 | hash[2] << 8 | hash[3]);
}

static struct sim_grave *
find_grave(const struct sim_github *g, const struct span *name)
{
	for (size_t i = 0; i < g->n_graves; i++)
		if (is_repo(g->graves[i].owner, g->graves[i].repo, name))
			return &g->graves[i];
	return NULL;
}

static bool
name_fits(const struct span *name, struct sim_asset *a)
{
	return span_cstr(name[0], a->owner, sizeof a->owner) && name[0].n > 0
	       && span_cstr(name[1], a->repo, sizeof a->repo) && name[1].n > 0
	       && span_cstr(name[2], a->tag, sizeof a->tag) && name[2].n > 0
	       && span_cstr(name[3], a->name, sizeof a->name) && name[3].n > 0;
}

static struct sim_asset *
asset_new(const struct span *name, struct span bytes, struct err *e)
{
	struct sim_asset *a = calloc(1, sizeof *a);

	if (!a) {
		err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "asset");
		return NULL;
	}
	buf_init(&a->bytes, SIM_BODY_MAX);
	buf_add(&a->bytes, bytes);
	if (!name_fits(name, a))
		err_set(e, ERR_MALFORMED, REASON_INVALID_FIELD, "owner, repo, tag or asset name");
	else if (!buf_ok(&a->bytes))
		err_set(e, ERR_LIMIT, REASON_LIMIT, "asset of %zu bytes", bytes.n);
	else
		return a;
	asset_free(a);
	return NULL;
}

bool
sim_github_put(struct sim_github *g, const struct span name[static 4], struct span bytes,
    bool immutable, bool secret, int64_t now_s, struct err *e)
{
	struct sim_asset *a, **grown;
	size_t at = 0;

	while (at < g->n && !is_asset(g->assets[at], name, 4))
		at++;
	if (at == SIM_ASSETS_MAX)
		return err_set(e, ERR_LIMIT, REASON_LIMIT, "%u assets", SIM_ASSETS_MAX);
	a = asset_new(name, bytes, e);
	if (!a)
		return false;
	if (at == g->n) {
		grown = realloc(g->assets, (g->n + 1) * sizeof *grown);
		if (!grown) {
			asset_free(a);
			return err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "asset");
		}
		g->assets = grown;
		g->assets[g->n++] = NULL;
	}
	SHA256(a->bytes.p ? a->bytes.p : (const uint8_t *)"", a->bytes.n, a->sha256);
	/* A replaced asset is another one: GitHub gives it another id. */
	a->puts = g->assets[at] ? g->assets[at]->puts + 1 : 0;
	a->id = number_of(a->tag, a->owner, a->repo, a->name, a->puts);
	a->put_s = now_s;
	a->immutable = immutable;
	a->secret = secret;
	asset_free(g->assets[at]);
	g->assets[at] = a; /* ownership leaves here */
	return true;
}

/* Remember that a repository was deleted. No memory, no grave: the next one keeps its number. */
static void
bury(struct sim_github *g, const struct span *name)
{
	struct sim_grave *grown, *grave = find_grave(g, name);

	if (!grave) {
		grown = realloc(g->graves, (g->n_graves + 1) * sizeof *grown);
		if (!grown)
			return;
		g->graves = grown;
		grave = &g->graves[g->n_graves++];
		memset(grave, 0, sizeof *grave);
		span_cstr(name[0], grave->owner, sizeof grave->owner);
		span_cstr(name[1], grave->repo, sizeof grave->repo);
	}
	grave->generation++;
}

bool
sim_github_drop(struct sim_github *g, const struct span *name, size_t n)
{
	size_t kept = 0, before = g->n;

	for (size_t i = 0; i < before; i++) {
		if (is_asset(g->assets[i], name, n))
			asset_free(g->assets[i]);
		else
			g->assets[kept++] = g->assets[i];
	}
	g->n = kept;
	if (kept == before)
		return false;
	if (n == 2)
		bury(g, name);
	return true;
}

/* -- how it is shown -- */

static bool
holds(struct span text, const char *part)
{
	return text.n > 0 && memmem(text.p, text.n, part, strlen(part)) != NULL;
}

static bool
not_found(struct err *e)
{
	return err_set(e, ERR_NOTFOUND, REASON_NOT_FOUND, "no such repository, release or asset");
}

static void
put_date(struct jw *w, const char *name, int64_t s)
{
	time_t t = (time_t)s;
	struct tm tm;
	char text[32];

	if (!gmtime_r(&t, &tm) || !strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm))
		text[0] = '\0';
	jw_str(w, name, text);
}

/* Write a URL below the simulator's: printf for the fixed part, then one name, encoded. */
static void
put_url(struct jw *w, const char *name, const char *start, const char *last)
{
	struct buf url;

	buf_init(&url, URL_MAX_N);
	buf_add_str(&url, start);
	url_encode(&url, span_str(last));
	jw_span(w, name, buf_span(&url));
	buf_fini(&url);
}

/* Finish an answer: its entity tag, or 304 when the client holds those bytes already. */
static bool
tag_answer(struct sim_call *c, const char *content_type)
{
	uint8_t hash[SHA256_DIGEST_LENGTH];
	char etag[80], hex[2 * SHA256_DIGEST_LENGTH + 1];

	SHA256(c->a->body.p ? c->a->body.p : (const uint8_t *)"", c->a->body.n, hash);
	snprintf(etag, sizeof etag, "W/\"%s\"", hex_encode(span_of(hash, sizeof hash), hex));
	buf_add_str(sim_answer_field(c->a, "ETag"), etag);
	buf_add_str(sim_answer_field(c->a, "X-GitHub-Media-Type"), "github.v3; format=json");
	c->a->content_type = content_type;
	/* RFC 9110 section 13.1.2: If-None-Match compares weakly, so W/ does not count. */
	if (holds(c->rq->if_none_match, etag + 2)) {
		c->a->status = 304;
		buf_clear(&c->a->body);
	}
	return true;
}

static void
put_owner(struct jw *w, const struct sim_asset *a)
{
	jw_object(w, "owner");
	jw_str(w, "login", a->owner);
	jw_int(w, "id", number_of("owner", a->owner, "", "", 0));
	jw_str(w, "type", "Organization");
	jw_end_object(w);
}

static bool
get_repo(struct sim_call *c, struct err *e)
{
	const struct sim_asset *a = find(&c->sim->github, c->arg, 2);
	const struct sim_grave *grave = find_grave(&c->sim->github, c->arg);
	struct jw w = jw_of(&c->a->body);
	char full[160], url[512];

	if (!a)
		return not_found(e);
	snprintf(full, sizeof full, "%s/%s", a->owner, a->repo);
	snprintf(url, sizeof url, "%s/repos/%s", c->sim->base_url, full);
	jw_object(&w, NULL);
	jw_int(&w, "id", number_of("repo", a->owner, a->repo, "", grave ? grave->generation : 0));
	jw_str(&w, "name", a->repo);
	jw_str(&w, "full_name", full);
	jw_bool(&w, "private", a->secret);
	put_owner(&w, a);
	jw_str(&w, "url", url);
	jw_str(&w, "default_branch", "main");
	jw_str(&w, "visibility", a->secret ? "private" : "public");
	jw_end_object(&w);
	return tag_answer(c, JSON_TYPE);
}

static void
put_asset(struct sim_call *c, struct jw *w, const char *name, const struct sim_asset *a)
{
	char start[1200], id[24], digest[8 + 65] = "sha256:";
	struct buf tag;

	buf_init(&tag, URL_MAX_N);
	url_encode(&tag, span_str(a->tag));
	snprintf(start, sizeof start, "%s/repos/%s/%s/releases/assets/", c->sim->base_url, a->owner,
	    a->repo);
	snprintf(id, sizeof id, "%lld", (long long)a->id);
	hex_encode(span_of(a->sha256, sizeof a->sha256), digest + 7);
	jw_object(w, name);
	put_url(w, "url", start, id);
	jw_int(w, "id", a->id);
	jw_str(w, "name", a->name);
	jw_str(w, "label", "");
	jw_str(w, "content_type", "application/octet-stream");
	jw_str(w, "state", "uploaded");
	jw_int(w, "size", (int64_t)a->bytes.n);
	jw_str(w, "digest", digest);
	jw_int(w, "download_count", 0);
	put_date(w, "created_at", a->put_s);
	put_date(w, "updated_at", a->put_s);
	snprintf(start, sizeof start, "%s/%s/%s/releases/download/%s/", c->sim->base_url, a->owner,
	    a->repo, buf_cstr(&tag));
	put_url(w, "browser_download_url", start, a->name);
	jw_end_object(w);
	buf_fini(&tag);
}

static bool
get_release(struct sim_call *c, struct err *e)
{
	const struct sim_github *g = &c->sim->github;
	const struct sim_asset *a = find(g, c->arg, 3);
	struct jw w = jw_of(&c->a->body);
	int64_t id;
	char start[512], number[24];

	if (!a)
		return not_found(e);
	id = number_of("release", a->owner, a->repo, a->tag, 0);
	snprintf(number, sizeof number, "%lld", (long long)id);
	snprintf(
	    start, sizeof start, "%s/repos/%s/%s/releases/", c->sim->base_url, a->owner, a->repo);
	jw_object(&w, NULL);
	put_url(&w, "url", start, number);
	jw_int(&w, "id", id);
	jw_str(&w, "tag_name", a->tag);
	jw_str(&w, "target_commitish", "main");
	jw_str(&w, "name", a->tag);
	jw_bool(&w, "draft", false);
	jw_bool(&w, "immutable", a->immutable);
	jw_bool(&w, "prerelease", false);
	put_date(&w, "created_at", a->put_s);
	put_date(&w, "published_at", a->put_s);
	jw_array(&w, "assets");
	for (size_t i = 0; i < g->n; i++)
		if (is_asset(g->assets[i], c->arg, 3))
			put_asset(c, &w, NULL, g->assets[i]);
	jw_end_array(&w);
	jw_str(&w, "body", "");
	jw_end_object(&w);
	return tag_answer(c, JSON_TYPE);
}

/* An asset by the number in a path's last segment; of the repository that the path names. */
static const struct sim_asset *
asset_by_id(const struct sim_call *c, struct span id, const struct span *repo)
{
	const struct sim_github *g = &c->sim->github;
	char text[24];

	for (size_t i = 0; i < g->n; i++) {
		snprintf(text, sizeof text, "%lld", (long long)g->assets[i]->id);
		if (span_is(id, text) && (!repo || is_asset(g->assets[i], repo, 2)))
			return g->assets[i];
	}
	return NULL;
}

static bool
answer_bytes(struct sim_call *c, const struct sim_asset *a, struct err *e)
{
	if (!a)
		return not_found(e);
	buf_add(&c->a->body,
	    buf_span(
		c->sim->fault[SIM_GITHUB].body.n ? &c->sim->fault[SIM_GITHUB].body : &a->bytes));
	return tag_answer(c, "application/octet-stream");
}

/* The bytes where the client accepts them, else what the asset is. */
static bool
get_asset(struct sim_call *c, struct err *e)
{
	const struct sim_asset *a = asset_by_id(c, c->arg[2], c->arg);
	const struct sim_fault *f = &c->sim->fault[SIM_GITHUB];
	struct buf *to;
	struct jw w = jw_of(&c->a->body);

	if (!a)
		return not_found(e);
	if (!holds(c->rq->accept, "application/octet-stream")) {
		put_asset(c, &w, NULL, a);
		return tag_answer(c, JSON_TYPE);
	}
	if (!f->redirect && !f->location[0])
		return answer_bytes(c, a, e);
	c->a->status = 302;
	to = sim_answer_field(c->a, "Location");
	if (f->location[0])
		buf_add_str(to, f->location);
	else
		buf_printf(to, "%s/sim/blob/%lld", c->sim->base_url, (long long)a->id);
	return true;
}

/* Leads to itself. */
static bool
get_loop(struct sim_call *c, struct err *e)
{
	(void)e;
	c->a->status = 302;
	buf_printf(sim_answer_field(c->a, "Location"), "%s/sim/loop", c->sim->base_url);
	return true;
}

static bool
get_blob(struct sim_call *c, struct err *e)
{
	return answer_bytes(c, asset_by_id(c, c->arg[0], NULL), e);
}

static bool
get_download(struct sim_call *c, struct err *e)
{
	return answer_bytes(c, find(&c->sim->github, c->arg, 4), e);
}

const struct sim_route sim_github_routes[] = {
    {"GET", "repos/*/*", get_repo},
    {"GET", "repos/*/*/releases/tags/*", get_release},
    {"GET", "repos/*/*/releases/assets/*", get_asset},
    {"GET", "*/*/releases/download/*/*", get_download},
    {"GET", "sim/blob/*", get_blob},
    {"GET", "sim/loop", get_loop},
    {NULL, NULL, NULL},
};
