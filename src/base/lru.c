#include "base/lru.h"

#include <assert.h>
#include <stdlib.h>

/* Nodes are linked from the newest to the oldest. */
#define NONE UINT32_MAX

struct lru_node {
	uint8_t key[LRU_KEY];
	uint32_t newer, older;
	uint32_t next; /* in its bucket: node number + 1; 0: the last */
};

bool
lru_init(struct lru *l, uint32_t capacity, size_t value_size)
{
	uint32_t buckets = 1;

	*l = (struct lru){.newest = NONE, .oldest = NONE, .value_size = value_size};
	if (capacity == 0)
		return true;
	if (capacity > UINT32_MAX / 4)
		return false;
	while (buckets < capacity)
		buckets *= 2;
	l->node = calloc(capacity, sizeof *l->node);
	l->value = calloc(capacity, value_size ? value_size : 1);
	l->bucket = calloc(buckets, sizeof *l->bucket);
	if (!l->node || !l->value || !l->bucket) {
		lru_fini(l);
		return false;
	}
	l->capacity = capacity;
	l->mask = buckets - 1;
	return true;
}

void
lru_fini(struct lru *l)
{
	free(l->node);
	free(l->value);
	free(l->bucket);
	*l = (struct lru){.newest = NONE, .oldest = NONE};
}

/* A digest is as good as random in every part. */
static uint32_t *
bucket_of(struct lru *l, const uint8_t key[static LRU_KEY])
{
	uint32_t h;

	memcpy(&h, key, sizeof h);
	return &l->bucket[h & l->mask];
}

static void
unlink_node(struct lru *l, uint32_t i)
{
	struct lru_node *n = &l->node[i];

	*(n->newer == NONE ? &l->newest : &l->node[n->newer].older) = n->older;
	*(n->older == NONE ? &l->oldest : &l->node[n->older].newer) = n->newer;
}

static void
make_newest(struct lru *l, uint32_t i)
{
	l->node[i].newer = NONE;
	l->node[i].older = l->newest;
	*(l->newest == NONE ? &l->oldest : &l->node[l->newest].newer) = i;
	l->newest = i;
}

static void *
value_of(struct lru *l, uint32_t i)
{
	return l->value + (size_t)i * l->value_size;
}

void *
lru_find(struct lru *l, const uint8_t key[static LRU_KEY])
{
	uint32_t i;

	if (l->capacity == 0)
		return NULL;
	for (i = *bucket_of(l, key); i; i = l->node[i - 1].next)
		if (memcmp(l->node[i - 1].key, key, LRU_KEY) == 0)
			break;
	if (!i)
		return NULL;
	unlink_node(l, i - 1);
	make_newest(l, i - 1);
	return value_of(l, i - 1);
}

/* Take the oldest node out of its bucket and the row. */
static uint32_t
evict(struct lru *l)
{
	uint32_t i = l->oldest, *at = bucket_of(l, l->node[i].key);

	while (*at != i + 1) {
		assert(*at);
		at = &l->node[*at - 1].next;
	}
	*at = l->node[i].next;
	unlink_node(l, i);
	return i;
}

void *
lru_put(struct lru *l, const uint8_t key[static LRU_KEY])
{
	void *known = lru_find(l, key);
	uint32_t i, *bucket;

	if (known || l->capacity == 0)
		return known;
	i = l->n < l->capacity ? l->n++ : evict(l);
	bucket = bucket_of(l, key);
	memcpy(l->node[i].key, key, LRU_KEY);
	l->node[i].next = *bucket;
	*bucket = i + 1;
	make_newest(l, i);
	return value_of(l, i);
}
