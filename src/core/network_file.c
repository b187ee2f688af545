/* network_file.c - the text of a networks file, member by member. */
#include "core/network_file.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "core/quote_view.h"

/* --- refusals: line, place, what --- */

static unsigned
line_of(const struct reading *r, struct span at)
{
	unsigned line = 1;

	for (const uint8_t *p = r->text.p; p < at.p; p++)
		line += *p == '\n';
	return line;
}

/* A name as the file has it, fit for a log. */
static const char *
plain(struct span s, char dst[static 48])
{
	size_t n = s.n < 47 ? s.n : 47;

	for (size_t i = 0; i < n; i++)
		dst[i] = s.p[i] >= 0x20 && s.p[i] < 0x7f ? (char)s.p[i] : '?';
	dst[n] = '\0';
	return dst;
}

bool
reading_refuse(struct reading *r, struct span at, struct span name, const char *what)
{
	const char *dot = name.n && r->where[0] ? "." : "";
	unsigned line = line_of(r, at);
	char shown[48];

	plain(name, shown);
	err_set(r->e, ERR_USAGE, REASON_BAD_SETTING, "line %u: %s%s%s: %s", line, r->where, dot,
	    shown, what);
	return err_show(r->e, "line %u: %s%s%s: %s", line, r->where, dot, shown, what);
}

size_t
reading_enter(struct reading *r, struct span name)
{
	size_t mark = strlen(r->where);
	char shown[48];

	(void)snprintf(r->where + mark, sizeof r->where - mark, ".%s", plain(name, shown));
	return mark;
}

void
reading_leave(struct reading *r, size_t mark)
{
	r->where[mark] = '\0';
}

/* --- one network --- */

static MUST_CHECK bool
take_bool(struct reading *r, const struct json_node *v, bool *out)
{
	if (v->type != JSON_TRUE && v->type != JSON_FALSE)
		return reading_refuse(r, v->key, v->key, "must be true or false");
	*out = v->type == JSON_TRUE;
	return true;
}

static MUST_CHECK bool
take_sealed_only(struct reading *r, const struct json_node *v, struct network *n)
{
	return take_bool(r, v, &n->sealed_only);
}

static MUST_CHECK bool
take_debug(struct reading *r, const struct json_node *v, struct network *n)
{
	return take_bool(r, v, &n->allow_debug);
}

static MUST_CHECK bool
take_legacy(struct reading *r, const struct json_node *v, struct network *n)
{
	return take_bool(r, v, &n->legacy_agents);
}

static MUST_CHECK bool
take_unmeasured(struct reading *r, const struct json_node *v, struct network *n)
{
	bool allow = false;

	if (!take_bool(r, v, &allow))
		return false;
	n->needs_pins = !allow;
	return true;
}

static MUST_CHECK bool
take_immutable(struct reading *r, const struct json_node *v, struct network *n)
{
	return take_bool(r, v, &n->immutable_releases);
}

static const struct {
	const char *name;
	bool (*take)(struct reading *r, const struct json_node *v, struct network *n);
} members[] = {
    {"sealed_only", take_sealed_only},
    {"tcb_accept", reading_accept},
    {"tcb", reading_tcb},
    {"owners", reading_owners},
    {"repos", reading_repos},
    {"platforms", reading_platforms},
    {"immutable_releases", take_immutable},
    {"debug", take_debug},
    {"legacy_agents", take_legacy},
    {"allow_unmeasured", take_unmeasured},
};
#define MEMBERS (sizeof members / sizeof members[0])

/* The value's name, where it is a plain one; escapes are refused before anything is compared. */
static size_t
member_find(struct span key)
{
	size_t i = 0;

	while (i < MEMBERS && !span_is(key, members[i].name))
		i++;
	return i;
}

/* The second of two members of one name. */
bool
reading_no_twins(struct reading *r, const struct json_node *obj)
{
	for (const struct json_node *v = json_first(&r->doc, obj); v;
	     v = json_next(&r->doc, obj, v)) {
		if (v->key_escaped)
			return reading_refuse(
			    r, v->key, v->key, "a name is written without escapes");
		for (const struct json_node *w = json_first(&r->doc, obj); w != v;
		     w = json_next(&r->doc, obj, w))
			if (span_eq(v->key, w->key))
				return reading_refuse(r, v->key, v->key, "occurs twice");
	}
	return true;
}

/* What says sealed must not be open at another end. */
static MUST_CHECK bool
coherent(struct reading *r, const struct json_node *at, const struct network *n)
{
	const char *what = NULL;

	if (!n->sealed_only)
		return true;
	if (n->allow_debug)
		what = "debug contradicts sealed_only: a debug TD is never sealed";
	else if (n->legacy_agents)
		what = "legacy_agents contradicts sealed_only: such a quote may be a copy";
	else if (!n->needs_pins)
		what = "allow_unmeasured contradicts sealed_only: only measured code may claim it";
	return what ? reading_refuse(r, at->key, span_str(""), what) : true;
}

static MUST_CHECK bool
take_network(struct reading *r, const struct json_node *v, struct network *n)
{
	char name[48];

	*n = (struct network){.sealed_only = true, .needs_pins = true};
	/* The grammar of a register's member `network`: no other could ever be asked for. */
	if (!attest_network_ok(v->key) || !span_cstr(v->key, n->name, sizeof n->name))
		return reading_refuse(
		    r, v->key, v->key, "a network's name is a DNS label: a-z, 0-9, -, at most 63");
	if (v->type != JSON_OBJECT)
		return reading_refuse(r, v->key, v->key, "must be an object");
	(void)snprintf(r->where, sizeof r->where, "networks.%s", plain(v->key, name));
	if (!reading_no_twins(r, v))
		return false;
	for (const struct json_node *m = json_first(&r->doc, v); m; m = json_next(&r->doc, v, m)) {
		size_t i = member_find(m->key);

		if (i == MEMBERS)
			return reading_refuse(r, m->key, m->key, "no such member");
		if (!members[i].take(r, m, n))
			return false;
	}
	if (!n->tcb_accept)
		n->tcb_accept = TCB_BIT(TCB_UP_TO_DATE);
	return coherent(r, v, n);
}

/* --- the file --- */

static MUST_CHECK bool
take_networks(struct reading *r, const struct json_node *all, struct networks *out)
{
	if (all->type != JSON_OBJECT)
		return reading_refuse(r, all->key, all->key, "must be an object: name to network");
	if (all->count == 0)
		return reading_refuse(r, all->key, all->key, "holds no network");
	if (all->count > NETWORKS_MAX)
		return reading_refuse(r, all->key, all->key, "holds more than 16 networks");
	(void)snprintf(r->where, sizeof r->where, "networks");
	if (!reading_no_twins(r, all))
		return false;
	for (const struct json_node *v = json_first(&r->doc, all); v;
	     v = json_next(&r->doc, all, v)) {
		(void)snprintf(r->where, sizeof r->where, "networks");
		/* Counted at once, so that what it has allocated is freed. */
		if (!take_network(r, v, &out->v[out->n++]))
			return false;
	}
	return true;
}

static MUST_CHECK bool
take_file(struct reading *r, struct networks *out)
{
	const struct json_node *top = json_top(&r->doc), *all = NULL;

	if (top->type != JSON_OBJECT)
		return reading_refuse(r, top->text, span_str("the file"), "must be an object");
	if (!reading_no_twins(r, top))
		return false;
	for (const struct json_node *v = json_first(&r->doc, top); v;
	     v = json_next(&r->doc, top, v)) {
		if (!span_is(v->key, "networks"))
			return reading_refuse(r, v->key, v->key, "no such member");
		all = v;
	}
	if (!all)
		return reading_refuse(r, top->text, span_str("networks"), "is missing");
	return take_networks(r, all, out);
}

bool
networks_parse(struct networks *out, struct span text, struct err *e)
{
	struct reading r = {.text = text, .e = e};
	struct networks read;
	struct err why = {0};
	bool ok;

	memset(&read, 0, sizeof read);
	if (text.n > LIMIT_NETWORKS_FILE) {
		err_set(e, ERR_USAGE, REASON_BAD_SETTING, "above %u bytes", LIMIT_NETWORKS_FILE);
		return err_show(e, "above %u bytes", LIMIT_NETWORKS_FILE);
	}
	if (!attest_sha256(text, read.text_sha256, e))
		return false;
	if (!json_parse(
		&r.doc, text, (struct json_limits){.depth = 7, .nodes = LIMIT_JSON_NODES}, &why)) {
		if (why.code == ERR_NOMEM)
			return err_set(e, why.code, why.reason, "networks file");
		err_set(e, ERR_USAGE, REASON_BAD_SETTING, "no JSON: %s", why.detail);
		return err_show(e, "no JSON: %s", why.detail);
	}
	ok = take_file(&r, &read);
	json_free(&r.doc);
	if (ok)
		*out = read;
	else
		networks_free(&read);
	return ok;
}
