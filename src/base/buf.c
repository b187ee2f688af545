#include "base/buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void
buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){.max = max};
}

void
buf_fini(struct buf *b)
{
	free(b->p);
	*b = (struct buf){.max = b->max};
}

void
buf_clear(struct buf *b)
{
	b->n = 0;
	b->failed = b->starved = false;
}

/* Capacity to grow to: doubling, so that n appends cost O(n), but never past the maximum. */
static size_t
next_cap(const struct buf *b, size_t need)
{
	size_t cap = b->cap ? b->cap : 64;

	while (cap < need)
		cap = cap > b->max / 2 ? b->max : cap * 2;
	return cap < b->max ? cap : b->max;
}

uint8_t *
buf_grow_more(struct buf *b, size_t n)
{
	if (b->failed || n > b->max - b->n) {
		b->failed = true;
		return NULL;
	}
	/* One byte more than the maximum, so that buf_cstr always has room for its NUL. */
	if (b->p == NULL || n > b->cap - b->n) {
		size_t cap = next_cap(b, b->n + n);
		uint8_t *p = realloc(b->p, cap + 1);

		if (p == NULL) {
			b->failed = b->starved = true;
			return NULL;
		}
		b->p = p;
		b->cap = cap;
	}
	return b->p + b->n;
}

void
buf_grow_commit(struct buf *b, size_t k)
{
	assert(k <= b->cap - b->n);
	b->n += k;
}

void
buf_add(struct buf *b, struct span s)
{
	uint8_t *p = s.n ? buf_grow(b, s.n) : NULL;

	if (p) {
		memcpy(p, s.p, s.n);
		b->n += s.n;
	}
}

void
buf_add_str(struct buf *b, const char *s)
{
	buf_add(b, span_str(s));
}

void
buf_add_u8(struct buf *b, uint8_t v)
{
	buf_add(b, span_of(&v, 1));
}

void
buf_add_dec(struct buf *b, uint64_t v)
{
	uint8_t digits[20];
	size_t at = sizeof digits;

	do
		digits[--at] = (uint8_t)('0' + v % 10);
	while ((v /= 10) > 0);
	buf_add(b, span_of(digits + at, sizeof digits - at));
}

void
buf_add_be(struct buf *b, uint64_t v, size_t n)
{
	for (size_t i = n; i > 0; i--)
		buf_add_u8(b, (uint8_t)(v >> (8 * (i - 1))));
}

void
buf_add_le(struct buf *b, uint64_t v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_add_u8(b, (uint8_t)(v >> (8 * i)));
}

void
buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap, again;

	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);

	if (n < 0) {
		b->failed = true;
	} else if (buf_grow(b, (size_t)n)) {
		/* buf_grow leaves one byte behind the capacity for this NUL. */
		vsnprintf((char *)b->p + b->n, (size_t)n + 1, fmt, again);
		b->n += (size_t)n;
	}
	va_end(again);
	va_end(ap);
}

void
buf_drop(struct buf *b, size_t n)
{
	assert(n <= b->n);
	b->n -= n;
	if (n > 0 && b->n > 0)
		memmove(b->p, b->p + n, b->n);
}

const char *
buf_cstr(struct buf *b)
{
	if (b->failed || buf_grow(b, 0) == NULL)
		return "";
	b->p[b->n] = '\0';
	return (const char *)b->p;
}
