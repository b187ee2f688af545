/* nomem.h - for tests: fail an allocation of one's choice. A test includes it in one file and is
 * linked with --wrap (meson: nomem_dep). Counts the bytes in use, too. */
#ifndef BASE_NOMEM_H
#define BASE_NOMEM_H

#include <malloc.h>
#include <stdbool.h>

#include "base/test.h"

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void __real_free(void *p);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void __wrap_free(void *p);

static struct {
	long left; /* allocations before the one that fails; -1: none fails */
	bool all_after; /* those behind it fail, too */
	size_t now, peak; /* bytes in use, as malloc rounds them */
} nomem = {.left = -1};

static bool
nomem_fails(void)
{
	if (nomem.left < 0)
		return false;
	if (nomem.left > 0) {
		nomem.left--;
		return false;
	}
	if (!nomem.all_after)
		nomem.left = -1;
	return true;
}

static void *
nomem_counted(void *p)
{
	nomem.now += malloc_usable_size(p);
	if (nomem.now > nomem.peak)
		nomem.peak = nomem.now;
	return p;
}

void *
__wrap_malloc(size_t n)
{
	return nomem_fails() ? NULL : nomem_counted(__real_malloc(n));
}

void *
__wrap_calloc(size_t n, size_t size)
{
	return nomem_fails() ? NULL : nomem_counted(__real_calloc(n, size));
}

/* While it grows, both the old and the new may be there. */
void *
__wrap_realloc(void *p, size_t n)
{
	size_t before = malloc_usable_size(p);
	void *grown = nomem_fails() ? NULL : __real_realloc(p, n);

	if (grown) {
		nomem_counted(grown);
		nomem.now -= before;
	}
	return grown;
}

void
__wrap_free(void *p)
{
	nomem.now -= malloc_usable_size(p);
	__real_free(p);
}

/* Run f with the k-th allocation failing, then with all from the k-th on, for each k until it needs
 * no more. f says whether it did what it is for; where it did not, it must know why not. Returns how
 * many allocations there were. */
static inline long
nomem_each(bool (*f)(void *ctx), void *ctx, long at_most)
{
	long k = 0;

	for (int mode = 0; mode < 2; mode++)
		for (k = 0;; k++) {
			bool ok, untouched;

			assert_true(k < at_most);
			nomem.all_after = mode == 1;
			nomem.left = k;
			ok = f(ctx);
			untouched = nomem.left >= 0 && (mode == 0 || nomem.left > 0);
			nomem.left = -1;
			if (ok && untouched)
				break; /* nothing was left to fail */
		}
	return k;
}

#endif
