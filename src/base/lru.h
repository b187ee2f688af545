/* lru.h - a table of fixed capacity from 32-byte digests to values of one size; when it is full, the
 * entry unused for longest makes room. All its memory is allocated when it is made. Owns keys and
 * values, which are plain bytes: what they point to is the caller's. Not locked. */
#ifndef BASE_LRU_H
#define BASE_LRU_H

#include "base/attr.h"
#include "base/span.h"

#define LRU_KEY 32

struct lru_node;

struct lru {
	struct lru_node *node; /* capacity of them */
	uint8_t *value;
	uint32_t *bucket; /* node number + 1; 0: empty */
	uint32_t capacity, n, mask;
	uint32_t newest, oldest;
	size_t value_size;
};

/* Make a table for `capacity` entries; 0 makes one that holds nothing. False where there is no
 * memory; l is empty then. */
MUST_CHECK bool lru_init(struct lru *l, uint32_t capacity, size_t value_size);
void lru_fini(struct lru *l);

/* Find an entry and make it the newest. Returns its value, valid until the next lru_put, or NULL. */
void *lru_find(struct lru *l, const uint8_t key[static LRU_KEY]);

/* Put an entry, replacing the value where the key is there. Returns where the value goes, or NULL
 * where the table holds nothing. */
void *lru_put(struct lru *l, const uint8_t key[static LRU_KEY]);

#endif
