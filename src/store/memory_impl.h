/* memory_impl.h - inside of the store in memory, for memory*.c only: its rows, and what is kept as bytes
 * of any length (evidence, lists), whose rows own one block each. */
#ifndef STORE_MEMORY_IMPL_H
#define STORE_MEMORY_IMPL_H

#include "store/memory.h"

#include <stdlib.h>
#include <string.h>

/* A growing array of rows of one size. */
struct rows {
	unsigned char *p;
	size_t n, cap, size;
};

struct memory {
	struct store head; /* first */
	store_wake_fn *wake;
	void *wake_ctx;
	struct rows apps, pins, bans, audit, evidence, lists, finished;
	struct rows arrived, arrived_lists; /* of one submit, copied */
	struct audit_chain chain;
	bool closing;
};

static inline void *
rows_at(const struct rows *r, size_t i)
{
	return r->p + i * r->size;
}

/* Room for n more, so that the rows of one submit go in all or none. */
static MUST_CHECK inline bool
rows_reserve(struct rows *r, size_t n, struct err *e)
{
	size_t cap = r->cap ? r->cap : 16;
	unsigned char *more;

	while (cap - r->n < n)
		cap *= 2;
	if (cap == r->cap)
		return true;
	more = realloc(r->p, cap * r->size);
	if (!more)
		return err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "memory store");
	r->p = more;
	r->cap = cap;
	return true;
}

static inline void
rows_add(struct rows *r, const void *row)
{
	memcpy(rows_at(r, r->n++), row, r->size);
}

static inline void
rows_drop(struct rows *r, size_t i)
{
	r->n--;
	memmove(rows_at(r, i), rows_at(r, i + 1), (r->n - i) * r->size);
}

/* -- memory_bytes.c -- */

/* Copy what the changes bring, before any is applied, since this alone can fail. */
MUST_CHECK bool memory_copy_evidence(
    struct memory *m, const struct store_change *c, size_t n, struct err *e);
MUST_CHECK bool memory_copy_lists(
    struct memory *m, const struct store_change *c, size_t n, struct err *e);

/* Apply the next that was copied. */
void memory_put_evidence(struct memory *m);
void memory_put_list(struct memory *m);

void memory_delete_evidence(struct memory *m, const struct evidence_row *gone);
void memory_delete_evidence_of(struct memory *m, const char *app_name);
void memory_free_evidence(struct rows *r);

struct list_row *memory_find_list(
    const struct memory *m, const uint8_t sha256[static ATTEST_DIGEST]);
/* Drop those that no pin names, and of the others the ones used longest ago while there are too many. */
void memory_trim_lists(struct memory *m);
void memory_free_lists(struct rows *r);

#endif
