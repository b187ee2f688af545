#include "control/resolve.h"

#include "control/api.h"
#include "control/view.h"
#include "wire/message.h"

#include <stdlib.h>

/* Apps whose last answer is kept: a text is about a kilobyte. */
#define SLOTS    64
#define TEXT_MAX 16384

/* An answer, and what it was written under. */
struct slot {
	uint64_t version; /* of its app; 0: none is kept */
	uint64_t nets_age;
	bool draining;
	struct registry_now since, until;
	bool allowed;
	struct buf text;
};

struct resolve_cache {
	struct slot slots[SLOTS];
};

struct resolve_cache *
resolve_cache_new(struct err *e)
{
	struct resolve_cache *k = calloc(1, sizeof *k);

	if (!k)
		(void)err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "answers");
	else
		for (size_t i = 0; i < SLOTS; i++)
			buf_init(&k->slots[i].text, TEXT_MAX);
	return k;
}

void
resolve_cache_free(struct resolve_cache *k)
{
	if (!k)
		return;
	for (size_t i = 0; i < SLOTS; i++)
		buf_fini(&k->slots[i].text);
	free(k);
}

/* FNV-1a. Names that share a slot take turns, which costs time only. */
static struct slot *
slot_of(struct resolve_cache *k, struct span name)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < name.n; i++)
		h = (h ^ name.p[i]) * 16777619u;
	return &k->slots[(h ^ h >> 16) % SLOTS];
}

/* A wall clock that was set back lies before `since`. */
static bool
stands(const struct control *c, const struct slot *k, uint64_t version, struct registry_now now)
{
	return version && k->version == version && k->nets_age == c->nets_age
	       && k->draining == c->draining && now.s >= k->since.s && now.s < k->until.s
	       && now.ms < k->until.ms;
}

/* False: no such app. */
static bool
write_anew(struct control *c, struct slot *k, struct span app, struct registry_now now)
{
	struct resolve a;

	k->version = 0;
	if (!registry_resolve(c->registry, app, now, &a))
		return false;
	if (c->draining && a.allowed) {
		a.allowed = false;
		a.reason = REASON_DRAINING;
	}
	buf_fini(&k->text);
	buf_init(&k->text, TEXT_MAX);
	view_write_resolve(&k->text, &a, c->custom_root);
	*k = (struct slot){.version = registry_version(c->registry, app),
	    .nets_age = c->nets_age,
	    .draining = c->draining,
	    .since = now,
	    .until = a.until,
	    .allowed = a.allowed,
	    .text = k->text};
	return true;
}

void
resolve_answer(struct control *c, struct http_req *r, struct span app)
{
	struct slot *k = slot_of(c->resolves, app);
	struct registry_now now = control_now(c);
	struct buf b;

	if (stands(c, k, registry_version(c->registry, app), now)
	    || (msg_app_name_ok(app) && write_anew(c, k, app, now))) {
		api_answer(r, k->allowed ? 200 : 403, "application/json", &k->text);
		return;
	}
	buf_init(&b, TEXT_MAX);
	view_write_unknown(&b, app, REASON_UNKNOWN_APP, c->custom_root);
	api_answer(r, 403, "application/json", &b);
	buf_fini(&b);
}
