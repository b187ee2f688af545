/* buf.h - a growing byte buffer with a mandatory maximum and a sticky error: an append that would
 * pass the maximum, or finds no memory, appends nothing and sets `failed`, as does every append
 * after it. Build the whole, then ask buf_ok once. Owns its bytes; the owner calls buf_fini. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/attr.h"
#include "base/span.h"

struct buf {
	uint8_t *p;
	size_t n, cap, max;
	bool failed;
	bool starved; /* failed for want of memory, not for the maximum */
};

/* Make an empty buffer that never holds more than max bytes. Allocates nothing yet. */
void buf_init(struct buf *b, size_t max);

/* Free the bytes. The buffer is empty, and usable, afterwards. */
void buf_fini(struct buf *b);

/* Forget the content and the error, keep the memory. */
void buf_clear(struct buf *b);

void buf_add(struct buf *b, struct span s);
void buf_add_str(struct buf *b, const char *s);
void buf_add_u8(struct buf *b, uint8_t v);
void buf_add_dec(struct buf *b, uint64_t v);
/* Append an unsigned integer of n bytes (1..8), big- or little-endian. */
void buf_add_be(struct buf *b, uint64_t v, size_t n);
void buf_add_le(struct buf *b, uint64_t v, size_t n);
PRINTF(2, 3) void buf_printf(struct buf *b, const char *fmt, ...);

/* As buf_grow, where there is no room yet. */
uint8_t *buf_grow_more(struct buf *b, size_t n);

/* Make room for n more bytes at the end and return where they go, or NULL (and failed). They
 * count only after buf_grow_commit(b, k), k <= n. */
static inline uint8_t *
buf_grow(struct buf *b, size_t n)
{
	return b->p && !b->failed && n <= b->cap - b->n ? b->p + b->n : buf_grow_more(b, n);
}

void buf_grow_commit(struct buf *b, size_t k);

/* Drop the first n bytes (n <= b->n). */
void buf_drop(struct buf *b, size_t n);

/* The content, borrowed until the next change. */
static inline struct span
buf_span(const struct buf *b)
{
	return span_of(b->p, b->n);
}

/* Say whether every append since the last buf_clear found room. */
static inline bool
buf_ok(const struct buf *b)
{
	return !b->failed;
}

/* Append a NUL that does not count and give the content as a C string; "" when it failed.
 * Valid until the next change. */
const char *buf_cstr(struct buf *b);

#endif
