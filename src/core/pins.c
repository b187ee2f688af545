#include <stdlib.h>
#include <string.h>

#include "core/registry.h"
#include "core/registry_impl.h"

/* A repo's names have no case at GitHub; a tag's do. */
static void
lower(char dst[static ATTEST_REPO_MAX + 1], const char *repo)
{
	size_t i = 0;

	for (; repo[i] && i < ATTEST_REPO_MAX; i++)
		dst[i] = (char)ascii_lower((uint8_t)repo[i]);
	dst[i] = '\0';
}

static struct pin_row *
find(const struct registry *r, const char *repo, const char *release_tag, size_t *at)
{
	char key[ATTEST_REPO_MAX + 1];
	size_t lo = 0, hi = r->pin_n;

	lower(key, repo);
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int c = strcmp(key, r->pins[mid].repo);

		if (c == 0)
			c = strcmp(release_tag, r->pins[mid].release_tag);
		if (c == 0) {
			*at = mid;
			return &r->pins[mid];
		}
		if (c < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	*at = lo;
	return NULL;
}

bool
registry_pin_check(const struct registry *r, const char *repo, const char *release_tag,
    const uint8_t sha256[static 32], bool *known, struct err *e)
{
	size_t at;
	const struct pin_row *pin = find(r, repo, release_tag, &at);

	*known = pin != NULL;
	if (pin && memcmp(pin->sha256, sha256, 32) != 0)
		return err_set(e, ERR_POLICY, REASON_ALLOWLIST_CHANGED,
		    "%.100s %.40s: other bytes than were pinned", repo, release_tag);
	return true;
}

/* A repository that was renamed answers to both names, and a tag's bytes are pinned under each: what is
 * accepted under one must not be another under the other. */
static MUST_CHECK bool
agrees_with_aliases(const struct registry *r, const struct pin_new *pin, struct err *e)
{
	bool other = false;

	for (size_t i = 0; i < r->pin_n && pin->repo_id; i++) {
		const struct pin_row *p = &r->pins[i];

		if (p->repo_id != pin->repo_id || strcmp(p->release_tag, pin->release_tag) != 0)
			continue;
		if (memcmp(p->sha256, pin->sha256, 32) == 0)
			return true;
		other = true;
	}
	return !other
	       || err_set(e, ERR_POLICY, REASON_ALLOWLIST_CHANGED,
		   "%.100s %.40s: other bytes were pinned under another name of the repository",
		   pin->repo, pin->release_tag);
}

static MUST_CHECK bool
put(struct registry *r, const struct pin_row *row, struct err *e)
{
	size_t at;
	struct pin_row *pin = find(r, row->repo, row->release_tag, &at);

	if (!pin && r->pin_n == r->pin_cap) {
		size_t cap = r->pin_cap ? 2 * r->pin_cap : 16;
		struct pin_row *more = realloc(r->pins, cap * sizeof *more);

		if (!more)
			return err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "pin");
		r->pins = more;
		r->pin_cap = cap;
	}
	if (!pin) {
		pin = &r->pins[at];
		memmove(pin + 1, pin, (r->pin_n - at) * sizeof *pin);
		r->pin_n++;
	}
	*pin = *row;
	return true;
}

bool
registry_pin_put(struct registry *r, const struct pin_new *pin, int64_t now_s, struct pin_row *row,
    struct err *e)
{
	const struct pin_row *old;
	size_t at;
	bool known;

	memset(row, 0, sizeof *row);
	/* Another attempt may have pinned since this one was checked. */
	if (!registry_pin_check(r, pin->repo, pin->release_tag, pin->sha256, &known, e))
		return false;
	if (!known && !agrees_with_aliases(r, pin, e))
		return false;
	lower(row->repo, pin->repo);
	if (!span_cstr(span_str(pin->release_tag), row->release_tag, sizeof row->release_tag))
		return err_set(e, ERR_LIMIT, REASON_INVALID_FIELD, "release_tag too long");
	memcpy(row->sha256, pin->sha256, 32);
	old = find(r, row->repo, row->release_tag, &at);
	if (old && old->moving)
		return err_set(e, ERR_NOT_NOW, REASON_ALLOWLIST_CHANGED,
		    "%.100s %.40s: an admin's acceptance of other bytes is being written",
		    pin->repo, pin->release_tag);
	row->pinned_at = old ? old->pinned_at : now_s;
	row->told = old ? old->told : PIN_NOT_TOLD;
	row->repo_id = pin->repo_id;
	row->secret = pin->secret;
	row->immutable = pin->immutable;
	row->used_at = now_s;
	return put(r, row, e);
}

const struct pin_row *
registry_pin_find(const struct registry *r, const char *repo, const char *release_tag)
{
	size_t at;

	return find(r, repo, release_tag, &at);
}

bool
registry_pin_moved(const struct registry *r, const char *repo, const char *release_tag,
    const uint8_t sha256[static 32], int64_t now_s, struct pin_row *row, struct err *e)
{
	const struct pin_row *pin = registry_pin_find(r, repo, release_tag);

	if (!pin)
		return err_set(e, ERR_NOTFOUND, REASON_NOT_FOUND, "%.100s %.40s is not pinned",
		    repo, release_tag);
	*row = *pin;
	memcpy(row->sha256, sha256, 32);
	row->pinned_at = now_s;
	row->immutable = false; /* it was changed, or is another */
	return true;
}

void
registry_pin_move(struct registry *r, const struct pin_row *row)
{
	size_t at;
	struct pin_row *pin = find(r, row->repo, row->release_tag, &at);

	if (!pin)
		return;
	memcpy(pin->sha256, row->sha256, sizeof pin->sha256);
	pin->pinned_at = row->pinned_at;
	pin->immutable = row->immutable;
}

void
registry_pin_moving(struct registry *r, const char *repo, const char *release_tag, bool begins)
{
	size_t at;
	struct pin_row *pin = find(r, repo, release_tag, &at);

	if (pin && begins)
		pin->moving++;
	else if (pin && pin->moving)
		pin->moving--;
}

bool
registry_pin_tell(struct registry *r, const char *repo, const char *release_tag)
{
	size_t at;
	struct pin_row *pin = find(r, repo, release_tag, &at);

	if (!pin || pin->told != PIN_NOT_TOLD)
		return false;
	pin->told = PIN_BEING_TOLD;
	return true;
}

void
registry_pin_told(struct registry *r, const char *repo, const char *release_tag, bool on_disk)
{
	size_t at;
	struct pin_row *pin = find(r, repo, release_tag, &at);

	if (pin)
		pin->told = on_disk ? PIN_TOLD : PIN_NOT_TOLD;
}

bool
registry_load_pin(struct registry *r, const struct pin_row *row, struct err *e)
{
	struct pin_row pin = *row;

	pin.told = PIN_TOLD;
	return put(r, &pin, e);
}
