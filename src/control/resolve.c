#include "control/resolve.h"

#include "control/api.h"
#include "control/view.h"
#include "wire/message.h"

#include <stdlib.h>

/* Apps whose last answer is kept: a text is about a kilobyte. */
#define SLOTS    64
#define TEXT_MAX 16384

/* An answer and what it was written from: equal bytes in, equal bytes out. */
struct slot {
	struct resolve of;
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

static const struct buf *
text_of(struct control *c, struct span app, const struct resolve *a)
{
	struct slot *s = slot_of(c->resolves, app);

	if (s->text.n && memcmp(&s->of, a, sizeof *a) == 0)
		return &s->text;
	s->of = *a;
	buf_fini(&s->text);
	buf_init(&s->text, TEXT_MAX);
	view_write_resolve(&s->text, a, c->custom_root);
	return &s->text;
}

void
resolve_answer(struct control *c, struct http_req *r, struct span app)
{
	struct resolve a;
	struct buf b;

	memset(&a, 0, sizeof a); /* holes too, for the comparison */
	if (msg_app_name_ok(app) && registry_resolve(c->registry, app, control_now(c), &a)) {
		if (c->draining && a.allowed) {
			a.allowed = false;
			a.reason = REASON_DRAINING;
		}
		api_answer(r, a.allowed ? 200 : 403, "application/json", text_of(c, app, &a));
		return;
	}
	buf_init(&b, TEXT_MAX);
	view_write_unknown(&b, app, REASON_UNKNOWN_APP, c->custom_root);
	api_answer(r, 403, "application/json", &b);
	buf_fini(&b);
}
