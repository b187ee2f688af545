#include "core/allowlist_review.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/ascii.h"
#include "base/jcs.h"
#include "base/limits.h"
#include "core/allowlist.h"

/* One alternative: its own keys, and those that the list has for all. */
struct entry {
	const struct json_doc *doc;
	const struct json_node *own, *shared; /* shared may be NULL */
};

struct list {
	struct json_doc doc;
	struct entry *entries;
	size_t n;
};

/* Each is compared with each. */
#define ALTERNATIVES_MAX 1000

struct reviewer {
	review_fn *fn;
	void *ctx;
};

PRINTF(5, 6)
static void
say(const struct reviewer *r, enum review_kind kind, size_t entry, const char *key, const char *fmt,
    ...)
{
	struct review_line line = {.kind = kind, .entry = entry};
	va_list ap;

	(void)snprintf(line.key, sizeof line.key, "%s", key);
	va_start(ap, fmt);
	(void)vsnprintf(line.text, sizeof line.text, fmt, ap);
	va_end(ap);
	r->fn(r->ctx, &line);
}

/* -- reading -- */

static void
list_free(struct list *l)
{
	json_free(&l->doc);
	free(l->entries);
}

/* As the control plane reads it, and then once more for what it leaves out. */
static MUST_CHECK bool
list_read(struct list *l, struct span asset, const char *release_tag, struct err *e)
{
	const struct json_node *m, *shared;
	struct allowlist *al;
	size_t i = 0;

	memset(l, 0, sizeof *l);
	if (!allowlist_parse(&al, asset, release_tag, e))
		return false;
	l->n = allowlist_count(al);
	allowlist_free(al);
	if (l->n > ALTERNATIVES_MAX)
		return err_set(
		    e, ERR_LIMIT, REASON_LIMIT, "more than %d alternatives", ALTERNATIVES_MAX);
	l->entries = calloc(l->n, sizeof *l->entries);
	if (!l->entries)
		return err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "allowlist");
	if (!json_parse(&l->doc, asset, (struct json_limits){16, LIMIT_JSON_NODES}, e)) {
		free(l->entries);
		return false;
	}
	m = json_get(&l->doc, json_top(&l->doc), "measurements");
	shared = json_get(&l->doc, json_top(&l->doc), "quote_measurements");
	if (m->type == JSON_OBJECT)
		l->entries[0] = (struct entry){&l->doc, m, shared};
	for (const struct json_node *v = m->type == JSON_ARRAY ? json_first(&l->doc, m) : NULL; v;
	     v = json_next(&l->doc, m, v))
		l->entries[i++] = (struct entry){&l->doc, v, shared};
	return true;
}

static const struct json_node *
first(const struct entry *en)
{
	return json_first(en->doc, en->own);
}

/* All keys of an alternative, its own first. */
static const struct json_node *
following(const struct entry *en, const struct json_node *v)
{
	bool own = v >= en->own && v < en->doc->nodes + en->own->next;
	const struct json_node *next = json_next(en->doc, own ? en->own : en->shared, v);

	return next || !own || !en->shared ? next : json_first(en->doc, en->shared);
}

static const char *
key_of(const struct json_node *v, char dst[static 64])
{
	struct buf b;

	buf_init(&b, 63);
	/* allowlist_parse has held them to that length. */
	if (!json_key(v, &b) || !span_cstr(buf_span(&b), dst, 64))
		dst[0] = '\0';
	buf_fini(&b);
	return dst;
}

static const struct json_node *
get(const struct entry *en, const char *key)
{
	const struct json_node *v = json_get(en->doc, en->own, key);

	return v || !en->shared ? v : json_get(en->doc, en->shared, key);
}

static bool
is_hex(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (ascii_hex(s.p[i]) < 0)
			return false;
	return s.n > 0 && s.n % 2 == 0;
}

/* As the control plane compares: hex in either case, else canonical JSON. */
static bool
same_value(const struct entry *a, const struct json_node *x, const struct entry *b,
    const struct json_node *y)
{
	struct buf s, t;
	struct err ignored = {0};
	bool same;

	if (x->type == y->type && span_eq(x->text, y->text))
		return true;
	if (x->type == JSON_STRING && y->type == JSON_STRING && span_ieq(x->text, y->text)
	    && is_hex(x->text))
		return true;
	buf_init(&s, LIMIT_CLAIMS);
	buf_init(&t, LIMIT_CLAIMS);
	same = jcs_canonical(a->doc, x, &s, &ignored) && jcs_canonical(b->doc, y, &t, &ignored)
	       && buf_ok(&s) && buf_ok(&t) && span_eq(buf_span(&s), buf_span(&t));
	buf_fini(&s);
	buf_fini(&t);
	return same;
}

/* A key may stand in both parts of an alternative, and then both must fit. */
static bool
has_same(const struct entry *in, const char *key, const struct entry *of, const struct json_node *v)
{
	const struct json_node *own = json_get(in->doc, in->own, key);
	const struct json_node *shared = in->shared ? json_get(in->doc, in->shared, key) : NULL;

	return (own && same_value(in, own, of, v)) || (shared && same_value(in, shared, of, v));
}

/* Whether whoever fits `inner` fits `outer` as well: it asks for no more. */
static bool
is_covered(const struct entry *inner, const struct entry *outer)
{
	char key[64];

	for (const struct json_node *v = first(outer); v; v = following(outer, v))
		if (!has_same(inner, key_of(v, key), outer, v))
			return false;
	return true;
}

/* -- weaknesses -- */

static bool
is_zero(const struct json_node *v)
{
	for (size_t i = 0; i < v->text.n; i++)
		if (v->text.p[i] != '0')
			return false;
	return true;
}

static const struct {
	enum quote_reg reg;
	const char *holds;
} boot[] = {{REG_MRTD, "the firmware"}, {REG_RTMR1, "the boot loader and the kernel"},
    {REG_RTMR2, "the kernel's command line, the initial ramdisk and what they check"}};

#define BOOT (sizeof boot / sizeof boot[0])

static bool
pins_boot(const struct entry *en)
{
	for (size_t i = 0; i < BOOT; i++) {
		const struct json_node *v = get(en, quote_reg_name(boot[i].reg));

		if (!v || is_zero(v))
			return false;
	}
	return true;
}

static void
check_boot(const struct reviewer *r, const struct entry *en, size_t i)
{
	for (size_t k = 0; k < BOOT; k++) {
		const char *name = quote_reg_name(boot[k].reg);
		const struct json_node *v = get(en, name);

		if (!v)
			say(r, REVIEW_WEAK, i, name, "not pinned: any value fits; it measures %s",
			    boot[k].holds);
		else if (is_zero(v))
			say(r, REVIEW_WEAK, i, name,
			    "all zero: nothing was measured, and any VM that measures nothing "
			    "fits");
	}
}

static size_t
register_size(enum quote_reg r)
{
	switch (r) {
	case REG_SEAMATTRIBUTES:
	case REG_TDATTRIBUTES:
	case REG_XFAM:
		return 8;
	case REG_TEE_TCB_SVN:
	case REG_TEE_TCB_SVN2:
		return 16;
	default:
		return 48;
	}
}

/* `rtmr_1`, `mr-td`, `rtmr4`: what was meant as a register and is read as a claim. */
static bool
looks_like_register(const char *key)
{
	char plain[64];
	size_t n = 0;

	for (const char *p = key; *p; p++)
		if (*p != '_' && *p != '-' && *p != '.' && *p != ' ')
			plain[n++] = (char)ascii_lower((uint8_t)*p);
	plain[n] = '\0';
	for (unsigned i = 0; i < REG_COUNT; i++) {
		char name[64];
		size_t k = 0;

		for (const char *p = quote_reg_name((enum quote_reg)i); *p; p++)
			if (*p != '_')
				name[k++] = *p;
		name[k] = '\0';
		if (strcmp(plain, name) == 0)
			return true;
	}
	return strncmp(plain, "rtmr", 4) == 0 || strncmp(plain, "mrtd", 4) == 0
	       || strncmp(plain, "pcr", 3) == 0;
}

static bool
is_known_claim(const char *key)
{
	static const char *const known[] = {"vm_image_id", "sealed", "agent_sha256", "agent_config",
	    "agent_dir_sha256", "agent_py_sha256"};

	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (strcmp(key, known[i]) == 0)
			return true;
	return false;
}

static void
check_key(const struct reviewer *r, const struct entry *en, size_t i, const struct json_node *v)
{
	char key[64];
	enum quote_reg reg = quote_reg_find(span_str(key_of(v, key)));
	const struct json_node *shared = en->shared ? json_get(en->doc, en->shared, key) : NULL;

	if (shared && shared != v && !same_value(en, v, en, shared))
		say(r, REVIEW_WEAK, i, key, "differs from quote_measurements: it fits no quote");
	if (reg < REG_MRENCLAVE && v->text.n != 2 * register_size(reg))
		say(r, REVIEW_WEAK, i, key,
		    "%zu hex digits, and the register has %zu: it fits no quote", v->text.n,
		    2 * register_size(reg));
	else if (reg >= REG_MRENCLAVE && reg < REG_COUNT)
		say(r, REVIEW_WEAK, i, key, "a register of SGX: it fits no quote of a TDX VM");
	else if (reg == REG_RTMR0)
		say(r, REVIEW_NOTE, i, key,
		    "measures the virtual hardware: another size of the VM or host software has "
		    "another");
	else if (reg == REG_RTMR3)
		say(r, REVIEW_NOTE, i, key,
		    "is extended while the VM runs: it fits at one moment alone, unless nothing "
		    "uses it");
	else if (reg < REG_COUNT)
		return;
	else if (looks_like_register(key))
		say(r, REVIEW_WEAK, i, key,
		    "no register's name: it is compared with what the VM's software says of "
		    "itself");
	else if (strcmp(key, "sealed") == 0 && v->type != JSON_TRUE)
		say(r, REVIEW_WEAK, i, key,
		    "not the JSON value true: no VM counts as sealed by it");
	else if (!is_known_claim(key))
		say(r, REVIEW_NOTE, i, key,
		    "a claim of your own: the image's claims file must hold it, with this value");
}

static void
check_claims(const struct reviewer *r, const struct entry *en, size_t i)
{
	size_t claims = 0;
	char key[64];

	for (const struct json_node *v = first(en); v; v = following(en, v)) {
		check_key(r, en, i, v);
		claims += quote_reg_find(span_str(key_of(v, key))) == REG_COUNT;
	}
	if (claims > 0 && !pins_boot(en))
		say(r, REVIEW_WEAK, i, "",
		    "its claims are the word of software that it does not measure");
	if (!get(en, "sealed"))
		say(r, REVIEW_NOTE, i, "sealed", "not asked for: the VM need not say that it is");
}

static void
check_doubles(const struct reviewer *r, const struct list *l)
{
	for (size_t i = 0; i < l->n; i++)
		for (size_t k = 0; k < l->n; k++) {
			bool both;

			if (k == i || !is_covered(&l->entries[i], &l->entries[k]))
				continue;
			both = is_covered(&l->entries[k], &l->entries[i]);
			if (both && k < i)
				say(r, REVIEW_NOTE, i, "", "the same as alternative %zu", k + 1);
			if (both)
				continue;
			say(r, REVIEW_WEAK, i, "",
			    "has no effect: alternative %zu asks for less and admits all of it",
			    k + 1);
		}
}

static void
check_top(const struct reviewer *r, const struct list *l)
{
	static const char *const read[] = {"version", "release_tag", "created_at", "measurements",
	    "quote_measurements", "report_data", "tcb"};
	const struct json_node *top = json_top(&l->doc);
	char key[64];

	for (const struct json_node *v = json_first(&l->doc, top); v;
	     v = json_next(&l->doc, top, v)) {
		bool known = false;

		(void)key_of(v, key);
		for (size_t i = 0; i < sizeof read / sizeof read[0]; i++)
			known = known || strcmp(key, read[i]) == 0;
		if (!known)
			say(r, REVIEW_WEAK, REVIEW_NO_ENTRY, key,
			    "is not read: it refuses nobody, whatever it says");
	}
	if (!json_get(&l->doc, top, "release_tag"))
		say(r, REVIEW_NOTE, REVIEW_NO_ENTRY, "release_tag",
		    "is not there: the list serves under any tag that it is published with");
}

bool
allowlist_check(struct span asset, const char *release_tag, review_fn *fn, void *ctx, struct err *e)
{
	const struct reviewer r = {fn, ctx};
	struct list l;

	if (!list_read(&l, asset, release_tag, e))
		return false;
	check_top(&r, &l);
	for (size_t i = 0; i < l.n; i++) {
		check_boot(&r, &l.entries[i], i);
		check_claims(&r, &l.entries[i], i);
	}
	check_doubles(&r, &l);
	list_free(&l);
	return true;
}

/* -- differences -- */

static size_t
common_keys(const struct entry *a, const struct entry *b)
{
	size_t n = 0;
	char key[64];

	for (const struct json_node *v = first(a); v; v = following(a, v))
		n += has_same(b, key_of(v, key), a, v);
	return n;
}

/* The other list's alternative that has most in common; n where none has anything. */
static size_t
closest(const struct list *l, const struct entry *en)
{
	size_t best = l->n, most = 0;

	for (size_t i = 0; i < l->n; i++) {
		size_t n = common_keys(&l->entries[i], en);

		if (n > most) {
			most = n;
			best = i;
		}
	}
	return best;
}

static bool
is_admitted(const struct list *l, const struct entry *en)
{
	for (size_t i = 0; i < l->n; i++)
		if (is_covered(en, &l->entries[i]))
			return true;
	return false;
}

static int
shown(const struct json_node *v)
{
	return v->text.n < 40 ? (int)v->text.n : 40;
}

/* Where `en`, which `other` does not let in as it is, differs from what is there that is closest. */
static void
explain(const struct reviewer *r, enum review_kind kind, size_t i, const struct entry *en,
    const struct list *other)
{
	size_t near = closest(other, en);
	bool new = kind == REVIEW_ADMITS;
	char key[64];

	if (near == other->n) {
		say(r, kind, i, "", new ? "a new alternative" : "an alternative that is gone");
		return;
	}
	for (const struct json_node *v = first(&other->entries[near]); v;
	     v = following(&other->entries[near], v)) {
		const struct json_node *mine = get(en, key_of(v, key));

		if (!mine)
			say(r, kind, i, key, "%s %.*s; %s any value", new ? "was" : "is now",
			    shown(v), (const char *)v->text.p, new ? "now" : "was");
		else if (!has_same(en, key, &other->entries[near], v))
			say(r, kind, i, key, "%.*s, where the %s list has %.*s", shown(mine),
			    (const char *)mine->text.p, new ? "old" : "new", shown(v),
			    (const char *)v->text.p);
	}
}

static void
diff_entries(const struct reviewer *r, const struct list *old, const struct list *new)
{
	for (size_t i = 0; i < new->n; i++)
		if (!is_admitted(old, &new->entries[i]))
			explain(r, REVIEW_ADMITS, i, &new->entries[i], old);
	for (size_t i = 0; i < old->n; i++)
		if (!is_admitted(new, &old->entries[i]))
			explain(r, REVIEW_REFUSES, i, &old->entries[i], new);
}

static bool
accepts(const struct list *l, const char *status)
{
	const struct json_node *tcb = json_get(&l->doc, json_top(&l->doc), "tcb");
	const struct json_node *accept = json_get(&l->doc, tcb, "accept");

	if (!accept)
		return true;
	for (const struct json_node *v = json_first(&l->doc, accept); v;
	     v = json_next(&l->doc, accept, v))
		if (json_is(v, status))
			return true;
	return false;
}

static void
diff_tcb(const struct reviewer *r, const struct list *old, const struct list *new)
{
	for (unsigned s = 0; s < TCB_REVOKED; s++) {
		const char *name = tcb_status_name((enum tcb_status)s);
		bool was = accepts(old, name), is = accepts(new, name);

		if (was != is)
			say(r, is ? REVIEW_ADMITS : REVIEW_REFUSES, REVIEW_NO_ENTRY, "tcb",
			    "platforms of status %s, as far as the network takes them", name);
	}
}

static void
diff_member(const struct reviewer *r, const struct list *old, const struct list *new,
    const char *name, const char *meaning)
{
	const struct json_node *was = json_get(&old->doc, json_top(&old->doc), name);
	const struct json_node *is = json_get(&new->doc, json_top(&new->doc), name);
	const struct entry a = {.doc = &old->doc}, b = {.doc = &new->doc};

	if (was && is && same_value(&a, was, &b, is))
		return;
	if (is)
		say(r, REVIEW_REFUSES, REVIEW_NO_ENTRY, name, "all but %.*s: %s", shown(is),
		    (const char *)is->text.p, meaning);
	if (was)
		say(r, REVIEW_ADMITS, REVIEW_NO_ENTRY, name, "others than %.*s: %s", shown(was),
		    (const char *)was->text.p, meaning);
}

static bool
blame(struct err *e, const struct err *why, const char *which)
{
	err_set_arg(e, why->code, why->reason, why->arg, "%s list: %.140s", which, why->detail);
	return false;
}

bool
allowlist_diff(struct span old, struct span new, review_fn *fn, void *ctx, struct err *e)
{
	const struct reviewer r = {fn, ctx};
	struct err why = {0};
	struct list a, b;

	if (!list_read(&a, old, NULL, &why))
		return blame(e, &why, "old");
	if (!list_read(&b, new, NULL, &why)) {
		list_free(&a);
		return blame(e, &why, "new");
	}
	diff_entries(&r, &a, &b);
	diff_tcb(&r, &a, &b);
	diff_member(&r, &a, &b, "report_data", "the digest of all claims");
	diff_member(&r, &a, &b, "release_tag", "the release that it serves");
	list_free(&a);
	list_free(&b);
	return true;
}
