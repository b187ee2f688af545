#include "control/lists.h"

#include "base/limits.h"

#include <stdlib.h>

/* Releases whose list is kept for the next replica, and what it may be long: four mebibytes in all. */
#define SLOTS    64
#define KEPT_MAX 65536u

struct lists {
	struct list *slots[SLOTS];
};

struct lists *
lists_new(struct err *e)
{
	struct lists *k = calloc(1, sizeof *k);

	if (!k)
		(void)err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "lists");
	return k;
}

void
lists_free(struct lists *k)
{
	if (!k)
		return;
	for (size_t i = 0; i < SLOTS; i++)
		list_unref(k->slots[i]);
	free(k);
}

void
list_unref(struct list *l)
{
	if (!l || --l->refs)
		return;
	allowlist_free(l->said);
	buf_fini(&l->bytes);
	free(l);
}

static struct list *
list_new(const struct release_asset *r, const char *release_tag, struct err *e)
{
	size_t n = strlen(release_tag) + 1;
	struct list *l = calloc(1, sizeof *l + n);

	if (!l) {
		(void)err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "allowlist");
		return NULL;
	}
	l->refs = 1;
	memcpy(l->sha256, r->sha256, sizeof l->sha256);
	memcpy(l->release_tag, release_tag, n);
	buf_init(&l->bytes, LIMIT_ALLOWLIST);
	buf_add(&l->bytes, r->bytes);
	if (buf_ok(&l->bytes) ? allowlist_parse(&l->said, r->bytes, release_tag, e)
			      : err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "allowlist"))
		return l;
	list_unref(l);
	return NULL;
}

struct list *
lists_read(struct lists *k, const struct release_asset *r, const char *release_tag, struct err *e)
{
	/* A digest is as good as random. Lists that share a slot take turns, which costs time only. */
	struct list **slot = &k->slots[r->sha256[0] % SLOTS], *l = *slot;

	if (l && memcmp(l->sha256, r->sha256, sizeof l->sha256) == 0
	    && strcmp(l->release_tag, release_tag) == 0) {
		l->refs++;
		return l;
	}
	l = list_new(r, release_tag, e);
	if (l && l->bytes.n <= KEPT_MAX) {
		list_unref(*slot);
		*slot = l;
		l->refs++;
	}
	return l;
}
