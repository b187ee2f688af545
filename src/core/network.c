#include "core/network.h"

#include <stdlib.h>
#include <string.h>

#include "core/quote_view.h"

static const struct network seed[] = {
    {.name = "forge-1", .sealed_only = true, .tcb_accept = TCB_BIT(TCB_UP_TO_DATE)},
    {.name = "sandbox-1", .sealed_only = false, .tcb_accept = TCB_BIT(TCB_UP_TO_DATE)},
};

void
networks_default(struct networks *out)
{
	memset(out, 0, sizeof *out);
	out->n = sizeof seed / sizeof *seed;
	memcpy(out->v, seed, sizeof seed);
}

void
networks_free(struct networks *all)
{
	for (size_t i = 0; i < all->n; i++) {
		free(all->v[i].sources);
		free(all->v[i].allow.v);
		free(all->v[i].deny.v);
	}
	memset(all, 0, sizeof *all);
}

/* --- lists --- */

static const struct {
	const char *name;
	size_t size;
} keys[PLATFORM_KEYS] = {
    [PLATFORM_FMSPC] = {"fmspc", 6},
    [PLATFORM_PIID] = {"piid", 16},
    [PLATFORM_PPID_SHA256] = {"ppid_sha256", 32},
};

size_t
platform_key_size(enum platform_key k)
{
	return keys[k].size;
}

const char *
platform_key_name(enum platform_key k)
{
	return keys[k].name;
}

static int
compare_platforms(const void *pa, const void *pb)
{
	const struct network_platform *a = pa, *b = pb;

	if (a->key != b->key)
		return a->key < b->key ? -1 : 1;
	return memcmp(a->value, b->value, sizeof a->value);
}

bool
platform_list_sort(struct platform_list *l)
{
	if (l->n)
		qsort(l->v, l->n, sizeof *l->v, compare_platforms);
	for (size_t i = 1; i < l->n; i++)
		if (compare_platforms(&l->v[i - 1], &l->v[i]) == 0)
			return false;
	return true;
}

bool
platform_list_has(const struct platform_list *l, enum platform_key k, const uint8_t *value)
{
	struct network_platform one = {.key = (uint8_t)k};

	memcpy(one.value, value, keys[k].size);
	return l->n && bsearch(&one, l->v, l->n, sizeof *l->v, compare_platforms);
}

bool
advisory_list_has(const char *list, struct span id)
{
	while (*list) {
		size_t n = strcspn(list, ",");

		if (span_eq(span_of(list, n), id))
			return true;
		list += n + (list[n] == ',');
	}
	return false;
}

/* --- by name --- */

const struct network *
networks_find(const struct networks *all, const char *name)
{
	for (size_t i = 0; i < all->n; i++)
		if (strcmp(all->v[i].name, name) == 0)
			return &all->v[i];
	return NULL;
}

bool
networks_get(
    const struct networks *all, const char *name, const struct network **out, struct err *e)
{
	*out = networks_find(all, name);
	if (!*out)
		return err_set(
		    e, ERR_USAGE, REASON_INVALID_NETWORK, "network \"%.63s\" is not served", name);
	return true;
}
