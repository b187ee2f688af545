/* rd.h - bounded reader over borrowed bytes, with a sticky error: after a bad read every read
 * gives zeros and does not move. Read all the fields, check `bad` once, then use them. The only
 * place outside which wire bytes are neither cast nor summed as pointers. */
#ifndef BASE_RD_H
#define BASE_RD_H

#include "base/span.h"

struct rd {
	const uint8_t *p;
	size_t len, off;
	bool bad;
};

/* Start reading at the first byte of s. */
static inline struct rd
rd_of(struct span s)
{
	return (struct rd){s.p, s.n, 0, false};
}

/* Bytes not yet read; 0 once bad. */
static inline size_t
rd_left(const struct rd *r)
{
	return r->bad ? 0 : r->len - r->off;
}

/* Take n bytes as a span; the empty span, and bad, when fewer are left. */
static inline struct span
rd_span(struct rd *r, size_t n)
{
	if (r->bad || n > r->len - r->off) {
		r->bad = true;
		return span_of(NULL, 0);
	}
	r->off += n;
	return span_of(r->p + (r->off - n), n);
}

/* Take n bytes as a reader of its own, which the caller must read to its end. */
static inline struct rd
rd_sub(struct rd *r, size_t n)
{
	struct rd sub = rd_of(rd_span(r, n));

	sub.bad = r->bad;
	return sub;
}

/* Pass over n bytes. */
static inline void
rd_skip(struct rd *r, size_t n)
{
	(void)rd_span(r, n);
}

/* Copy n bytes to dst; zeros when fewer are left. */
static inline void
rd_copy(struct rd *r, void *dst, size_t n)
{
	struct span s = rd_span(r, n);

	if (s.n == n && n > 0)
		memcpy(dst, s.p, n);
	else if (n > 0)
		memset(dst, 0, n);
}

static inline uint8_t
rd_u8(struct rd *r)
{
	struct span s = rd_span(r, 1);

	return s.n ? s.p[0] : 0;
}

static inline uint64_t
rd_le(struct rd *r, size_t n)
{
	struct span s = rd_span(r, n);
	uint64_t v = 0;

	for (size_t i = s.n; i > 0; i--)
		v = v << 8 | s.p[i - 1];
	return v;
}

static inline uint64_t
rd_be(struct rd *r, size_t n)
{
	struct span s = rd_span(r, n);
	uint64_t v = 0;

	for (size_t i = 0; i < s.n; i++)
		v = v << 8 | s.p[i];
	return v;
}

static inline uint16_t
rd_u16le(struct rd *r)
{
	return (uint16_t)rd_le(r, 2);
}

static inline uint32_t
rd_u32le(struct rd *r)
{
	return (uint32_t)rd_le(r, 4);
}

static inline uint64_t
rd_u64le(struct rd *r)
{
	return rd_le(r, 8);
}

static inline uint16_t
rd_u16be(struct rd *r)
{
	return (uint16_t)rd_be(r, 2);
}

static inline uint32_t
rd_u32be(struct rd *r)
{
	return (uint32_t)rd_be(r, 4);
}

static inline uint64_t
rd_u64be(struct rd *r)
{
	return rd_be(r, 8);
}

/* Say whether everything was read and nothing was missing. */
static inline bool
rd_end(const struct rd *r)
{
	return !r->bad && r->off == r->len;
}

#endif
