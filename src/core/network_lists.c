/* network_lists.c - the members of a network that are lists or objects: TCB rules, owners and
 * repositories, platforms. */
#include "core/network_file.h"

#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "base/rfc3339.h"
#include "core/quote_view.h"

static bool
no_memory(struct reading *r)
{
	return err_set(r->e, ERR_NOMEM, REASON_NO_MEMORY, "networks file");
}

/* An object's members, each by its row. */
struct member {
	const char *name;
	bool (*take)(struct reading *r, const struct json_node *v, struct network *n);
};

static MUST_CHECK bool
take_members(struct reading *r, const struct json_node *obj, const struct member *rows,
    size_t row_n, struct network *n)
{
	size_t mark;
	bool ok;

	if (obj->type != JSON_OBJECT)
		return reading_refuse(r, obj->key, obj->key, "must be an object");
	mark = reading_enter(r, obj->key);
	ok = reading_no_twins(r, obj);
	for (const struct json_node *m = json_first(&r->doc, obj); ok && m;
	     m = json_next(&r->doc, obj, m)) {
		size_t i = 0;

		while (i < row_n && !span_is(m->key, rows[i].name))
			i++;
		ok = i < row_n ? rows[i].take(r, m, n)
			       : reading_refuse(r, m->key, m->key, "no such member");
	}
	reading_leave(r, mark);
	return ok;
}

/* --- TCB --- */

MUST_CHECK bool
reading_accept(struct reading *r, const struct json_node *v, struct network *n)
{
	if (v->type != JSON_ARRAY || v->count == 0)
		return reading_refuse(
		    r, v->key, v->key, "must be an array of TCB statuses, and not empty");
	if (n->tcb_accept)
		return reading_refuse(r, v->key, v->key, "tcb_accept and tcb.accept are one");
	for (const struct json_node *s = json_first(&r->doc, v); s; s = json_next(&r->doc, v, s)) {
		char name[64];
		enum tcb_status status = TCB_UNKNOWN;

		if (json_cstr(s, name, sizeof name))
			status = tcb_status_find(span_str(name));
		if (status == TCB_REVOKED)
			return reading_refuse(r, s->text, v->key, "Revoked is never accepted");
		if (status == TCB_UNKNOWN)
			return reading_refuse(r, s->text, v->key,
			    "no such status; Intel's spelling, as UpToDate or SWHardeningNeeded");
		if (n->tcb_accept & TCB_BIT(status))
			return reading_refuse(r, s->text, v->key, "a status occurs twice");
		n->tcb_accept |= TCB_BIT(status);
	}
	return true;
}

/* INTEL-SA- and five digits: another spelling would never meet one, and nobody would notice. */
static bool
is_advisory(struct span id)
{
	if (id.n != 14 || !span_starts(id, "INTEL-SA-"))
		return false;
	for (size_t i = 9; i < id.n; i++)
		if (id.p[i] < '0' || id.p[i] > '9')
			return false;
	return true;
}

static MUST_CHECK bool
take_advisories(struct reading *r, const struct json_node *v, char dst[static ROW_ADVISORIES_MAX])
{
	size_t at = 0;

	if (v->type != JSON_ARRAY || v->count == 0)
		return reading_refuse(
		    r, v->key, v->key, "must be an array of advisory ids, and not empty");
	for (const struct json_node *s = json_first(&r->doc, v); s; s = json_next(&r->doc, v, s)) {
		if (s->type != JSON_STRING || s->escaped || !is_advisory(s->text))
			return reading_refuse(
			    r, s->text, v->key, "no advisory id, as INTEL-SA-00615");
		if (advisory_list_has(dst, s->text))
			return reading_refuse(r, s->text, v->key, "an advisory occurs twice");
		if (at + 1 + s->text.n >= ROW_ADVISORIES_MAX)
			return reading_refuse(r, s->text, v->key, "holds more than 68 advisories");
		if (at)
			dst[at++] = ',';
		memcpy(dst + at, s->text.p, s->text.n);
		at += s->text.n;
		dst[at] = '\0';
	}
	return true;
}

static MUST_CHECK bool
take_accepted(struct reading *r, const struct json_node *v, struct network *n)
{
	return take_advisories(r, v, n->tcb.advisories_accept);
}

static MUST_CHECK bool
take_denied(struct reading *r, const struct json_node *v, struct network *n)
{
	return take_advisories(r, v, n->tcb.advisories_deny);
}

static MUST_CHECK bool
take_number(struct reading *r, const struct json_node *v, struct network *n)
{
	int64_t number;

	if (!json_int(v, 1, UINT32_MAX, &number))
		return reading_refuse(r, v->key, v->key, "must be a number from 1 on");
	n->tcb.min_evaluation_number = (uint32_t)number;
	return true;
}

static MUST_CHECK bool
take_date(struct reading *r, const struct json_node *v, struct network *n)
{
	char text[40];

	if (!json_cstr(v, text, sizeof text) || !rfc3339_read(span_str(text), &n->tcb.min_date)
	    || n->tcb.min_date <= 0)
		return reading_refuse(r, v->key, v->key, "must be a time, as 2025-05-14T00:00:00Z");
	return true;
}

static MUST_CHECK bool
take_grace(struct reading *r, const struct json_node *v, struct network *n)
{
	int64_t days;

	if (!json_int(v, 0, NETWORK_GRACE_MAX_DAYS, &days))
		return reading_refuse(r, v->key, v->key, "must be a number from 0 to 3650");
	n->tcb.grace_days = (uint32_t)days;
	return true;
}

bool
reading_tcb(struct reading *r, const struct json_node *v, struct network *n)
{
	static const struct member rows[] = {
	    {"accept", reading_accept},
	    {"advisories_accept", take_accepted},
	    {"advisories_deny", take_denied},
	    {"min_evaluation_number", take_number},
	    {"min_date", take_date},
	    {"grace_days", take_grace},
	};
	const char *both = n->tcb.advisories_accept;

	if (!take_members(r, v, rows, sizeof rows / sizeof rows[0], n))
		return false;
	while (*both) {
		size_t len = strcspn(both, ",");

		if (advisory_list_has(n->tcb.advisories_deny, span_of(both, len)))
			return reading_refuse(
			    r, v->key, v->key, "an advisory is accepted and denied");
		both += len + (both[len] == ',');
	}
	return true;
}

/* --- owners and repositories --- */

/* As GitHub has them; a slash divides a repository from its owner. */
static bool
is_source(struct span name, bool with_repo)
{
	size_t slash = 0, dots = 0;

	while (slash < name.n && name.p[slash] != '/')
		slash++;
	if (slash == 0 || slash > 39 || (slash < name.n) != with_repo)
		return false;
	for (size_t i = 0; i < name.n; i++) {
		uint8_t ch = name.p[i];
		bool plain = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z')
			     || (ch >= '0' && ch <= '9') || ch == '-';

		if (i == slash)
			continue;
		if (!plain && (i < slash || (ch != '.' && ch != '_')))
			return false;
		dots += i > slash && ch == '.';
	}
	return !with_repo
	       || (name.n - slash - 1 >= 1 && name.n - slash - 1 <= 100
		   && dots < name.n - slash - 1);
}

/* `"name"`, or of a repository `{"name":"owner/name","id":7}`. */
static MUST_CHECK bool
read_source(struct reading *r, const struct json_node *list, const struct json_node *v,
    bool with_repo, struct network_source *out)
{
	const struct json_node *name = v, *id = NULL;
	const char *what = with_repo ? "no repository, as owner/name or {\"name\":...,\"id\":...}"
				     : "no owner's name";

	if (with_repo && v->type == JSON_OBJECT) {
		name = json_get(&r->doc, v, "name");
		id = json_get(&r->doc, v, "id");
		if (v->count != 2 || !name || !id || !json_int(id, 1, INT64_MAX, &out->repo_id))
			return reading_refuse(r, v->text, list->key, what);
	}
	if (name->type != JSON_STRING || name->escaped || !is_source(name->text, with_repo)
	    || !span_cstr(name->text, out->name, sizeof out->name))
		return reading_refuse(r, v->text, list->key, what);
	return true;
}

static MUST_CHECK bool
take_sources(struct reading *r, const struct json_node *v, bool with_repo, struct network *n)
{
	struct network_source *more;

	if (v->type != JSON_ARRAY || v->count == 0)
		return reading_refuse(r, v->key, v->key, "must be an array, and not empty");
	if (v->count > NETWORK_LIST_MAX)
		return reading_refuse(r, v->key, v->key, "holds more than 16384 entries");
	more = realloc(n->sources, (n->source_n + v->count) * sizeof *more);
	if (!more)
		return no_memory(r);
	n->sources = more;
	for (const struct json_node *s = json_first(&r->doc, v); s; s = json_next(&r->doc, v, s)) {
		struct network_source one = {.repo_id = 0};

		if (!read_source(r, v, s, with_repo, &one))
			return false;
		n->sources[n->source_n++] = one;
	}
	return true;
}

bool
reading_owners(struct reading *r, const struct json_node *v, struct network *n)
{
	return take_sources(r, v, false, n);
}

bool
reading_repos(struct reading *r, const struct json_node *v, struct network *n)
{
	return take_sources(r, v, true, n);
}

/* --- platforms --- */

static MUST_CHECK bool
read_platform(struct reading *r, const struct json_node *list, const struct json_node *v,
    struct network_platform *out)
{
	const struct json_node *m = v->type == JSON_OBJECT ? json_first(&r->doc, v) : NULL;

	*out = (struct network_platform){.key = PLATFORM_KEYS};
	for (unsigned k = 0; m && v->count == 1 && k < PLATFORM_KEYS; k++)
		if (span_is(m->key, platform_key_name((enum platform_key)k)))
			out->key = (uint8_t)k;
	if (out->key == PLATFORM_KEYS)
		return reading_refuse(r, v->text, list->key,
		    "an entry is an object of one member: fmspc, piid or ppid_sha256");
	if (m->type != JSON_STRING
	    || !hex_decode(m->text, out->value, platform_key_size((enum platform_key)out->key)))
		return reading_refuse(r, m->key, m->key,
		    "must be hex: 6 bytes of an fmspc, 16 of a piid, 32 of a ppid_sha256");
	return true;
}

static MUST_CHECK bool
take_platforms(struct reading *r, const struct json_node *v, struct platform_list *out)
{
	if (v->type != JSON_ARRAY)
		return reading_refuse(r, v->key, v->key, "must be an array");
	if (v->count > NETWORK_LIST_MAX)
		return reading_refuse(r, v->key, v->key, "holds more than 16384 entries");
	out->v = calloc(v->count ? v->count : 1, sizeof *out->v);
	if (!out->v)
		return no_memory(r);
	for (const struct json_node *s = json_first(&r->doc, v); s; s = json_next(&r->doc, v, s))
		if (!read_platform(r, v, s, &out->v[out->n++]))
			return false;
	return platform_list_sort(out)
	       || reading_refuse(r, v->key, v->key, "an entry occurs twice");
}

/* An empty list is one: it lets nobody in. */
static MUST_CHECK bool
take_allow(struct reading *r, const struct json_node *v, struct network *n)
{
	n->lists_platforms = true;
	return take_platforms(r, v, &n->allow);
}

static MUST_CHECK bool
take_deny(struct reading *r, const struct json_node *v, struct network *n)
{
	return take_platforms(r, v, &n->deny);
}

bool
reading_platforms(struct reading *r, const struct json_node *v, struct network *n)
{
	static const struct member rows[] = {{"allow", take_allow}, {"deny", take_deny}};

	return take_members(r, v, rows, sizeof rows / sizeof rows[0], n);
}
