/* span.h - a borrowed run of bytes. Owns nothing: whoever made the bytes keeps them alive
 * for as long as the span is used. Never NUL-terminated. */
#ifndef BASE_SPAN_H
#define BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
	const uint8_t *p;
	size_t n;
};

/* Make a span of n bytes at p. */
static inline struct span
span_of(const void *p, size_t n)
{
	return (struct span){p, n};
}

/* Make a span of a C string, without its NUL. NULL gives the empty span. */
static inline struct span
span_str(const char *s)
{
	return (struct span){(const uint8_t *)s, s ? strlen(s) : 0};
}

/* Say whether two spans hold the same bytes. Not for secrets. */
static inline bool
span_eq(struct span a, struct span b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* Say whether a span holds exactly the bytes of a C string. */
static inline bool
span_is(struct span a, const char *s)
{
	return span_eq(a, span_str(s));
}

/* Lower-case one ASCII letter; any other byte stays. */
static inline uint8_t
ascii_lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

/* As span_eq, ASCII letters compared without case. */
static inline bool
span_ieq(struct span a, struct span b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (ascii_lower(a.p[i]) != ascii_lower(b.p[i]))
			return false;
	return true;
}

/* As span_is, ASCII letters compared without case. */
static inline bool
span_iis(struct span a, const char *s)
{
	return span_ieq(a, span_str(s));
}

/* Say whether a begins with the bytes of s. */
static inline bool
span_starts(struct span a, const char *s)
{
	size_t n = strlen(s);

	return a.n >= n && memcmp(a.p, s, n) == 0;
}

/* Give the offset of the first occurrence of s (not empty) in a; a.n where there is none. */
static inline size_t
span_find(struct span a, const char *s)
{
	size_t n = strlen(s), at = 0;

	while (n <= a.n - at) {
		const uint8_t *hit = (const uint8_t *)memchr(a.p + at, s[0], a.n - at - n + 1);

		if (!hit)
			break;
		at = (size_t)(hit - a.p);
		if (memcmp(hit, s, n) == 0)
			return at;
		at++;
	}
	return a.n;
}

/* Give the part of a from offset `from` on; empty when from is past the end. */
static inline struct span
span_from(struct span a, size_t from)
{
	return from >= a.n ? span_of(a.p, 0) : span_of(a.p + from, a.n - from);
}

/* Give the bytes of a from offset `from` up to, without, offset `to`. */
static inline struct span
span_between(struct span a, size_t from, size_t to)
{
	struct span tail = span_from(a, from);

	return span_of(tail.p, to <= from ? 0 : to - from < tail.n ? to - from : tail.n);
}

/* Give at most the first n bytes of a. */
static inline struct span
span_first(struct span a, size_t n)
{
	return span_of(a.p, n < a.n ? n : a.n);
}

/* Copy a span into a C string of `size` bytes (> 0), cut to what fits. Returns false, with dst
 * empty, when it does not fit whole or holds a NUL. */
static inline bool
span_cstr(struct span a, char *dst, size_t size)
{
	dst[0] = '\0';
	if (a.n >= size || (a.n && memchr(a.p, 0, a.n)))
		return false;
	if (a.n)
		memcpy(dst, a.p, a.n);
	dst[a.n] = '\0';
	return true;
}

#endif
