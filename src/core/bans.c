#include <stdlib.h>
#include <string.h>

#include "core/registry_impl.h"

/* A ban is of a name, whether anybody has it or not; the app of that name carries a mark, so that a
 * request need not search. */

/* Where the name stands among the bans, or would. */
static bool
find(const struct registry *r, const char *name, size_t *at)
{
	size_t lo = 0, hi = r->ban_n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int c = strcmp(name, r->bans[mid].name);

		if (c == 0) {
			*at = mid;
			return true;
		}
		if (c < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	*at = lo;
	return false;
}

static void
mark(struct registry *r, const char *name, bool banned)
{
	size_t at;
	struct app *a = registry_app(r, span_str(name), &at);

	if (a)
		a->banned = banned;
	registry_touch(r, a);
}

bool
registry_is_banned(const struct registry *r, const char *name)
{
	size_t at;

	return r->ban_n > 0 && find(r, name, &at);
}

bool
registry_may_appear(const struct registry *r, const char *name, struct err *e)
{
	return !registry_is_banned(r, name)
	       || err_set(e, ERR_POLICY, REASON_APP_BANNED, "%.63s is banned", name);
}

bool
registry_ban(struct registry *r, const struct ban_row *row, struct err *e)
{
	size_t at;

	if (!find(r, row->name, &at)) {
		if (r->ban_n == r->ban_cap) {
			size_t cap = r->ban_cap ? 2 * r->ban_cap : 16;
			struct ban_row *more = realloc(r->bans, cap * sizeof *more);

			if (!more)
				return err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "ban");
			r->bans = more;
			r->ban_cap = cap;
		}
		memmove(r->bans + at + 1, r->bans + at, (r->ban_n - at) * sizeof *r->bans);
		r->bans[at] = *row;
		r->ban_n++;
	}
	mark(r, row->name, true);
	return true;
}

bool
registry_unban(struct registry *r, const char *name)
{
	size_t at;

	if (!find(r, name, &at))
		return false;
	r->ban_n--;
	memmove(r->bans + at, r->bans + at + 1, (r->ban_n - at) * sizeof *r->bans);
	mark(r, name, false);
	return true;
}

void
registry_each_ban(const struct registry *r, const char *after, size_t limit,
    bool (*fn)(void *ctx, const struct ban_row *row), void *ctx)
{
	size_t at;

	if (find(r, after, &at))
		at++;
	for (; at < r->ban_n && limit > 0 && fn(ctx, &r->bans[at]); at++)
		limit--;
}

size_t
registry_ban_count(const struct registry *r)
{
	return r->ban_n;
}
