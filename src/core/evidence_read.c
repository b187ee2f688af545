/* evidence_read.c - the text of an evidence document, member by member. */
#include "core/evidence.h"

#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/hex.h"
#include "base/limits.h"
#include "base/rfc3339.h"

struct reading {
	struct evidence_file *f;
	const struct json_node *collateral, *allowlists;
	struct err *e;
	size_t at; /* the replica that is read, from 1; 0: none */
};

static bool
odd(struct reading *r, const char *name, const char *what)
{
	if (r->at)
		err_set(r->e, ERR_MALFORMED, REASON_EVIDENCE_MALFORMED, "replica %zu: %s: %s",
		    r->at, name, what);
	else
		err_set(r->e, ERR_MALFORMED, REASON_EVIDENCE_MALFORMED, "%s: %s", name, what);
	return false;
}

static bool
no_memory(struct reading *r)
{
	return err_set(r->e, ERR_NOMEM, REASON_NO_MEMORY, "evidence");
}

static MUST_CHECK bool
need(struct reading *r, const struct json_node *obj, const char *name, enum json_type type,
    const struct json_node **out)
{
	*out = json_get(&r->f->doc, obj, name);
	if (!*out)
		return odd(r, name, "is missing");
	return (*out)->type == type || odd(r, name, "is of another type");
}

static MUST_CHECK bool
need_object(
    struct reading *r, const struct json_node *obj, const char *name, const struct json_node **out)
{
	return need(r, obj, name, JSON_OBJECT, out)
	       && (!json_has_dup(*out) || odd(r, name, "has a member twice"));
}

static MUST_CHECK bool
take_text(struct reading *r, const struct json_node *obj, const char *name, char *dst, size_t size)
{
	const struct json_node *n;

	return need(r, obj, name, JSON_STRING, &n)
	       && (json_cstr(n, dst, size) || odd(r, name, "is too long"));
}
#define TEXT(r, obj, name, dst) take_text(r, obj, name, dst, sizeof dst)

static MUST_CHECK bool
take_bool(struct reading *r, const struct json_node *obj, const char *name, bool *out)
{
	const struct json_node *n = json_get(&r->f->doc, obj, name);

	if (!n || (n->type != JSON_TRUE && n->type != JSON_FALSE))
		return odd(r, name, "must be true or false");
	*out = n->type == JSON_TRUE;
	return true;
}

static MUST_CHECK bool
take_hex(struct reading *r, const struct json_node *obj, const char *name,
    uint8_t dst[static ATTEST_DIGEST])
{
	const struct json_node *n;

	return need(r, obj, name, JSON_STRING, &n)
	       && (hex_decode(n->text, dst, ATTEST_DIGEST)
		   || odd(r, name, "is not the hex of 32 bytes"));
}

/* One of two words. */
static MUST_CHECK bool
take_word(struct reading *r, const struct json_node *obj, const char *name, const char *yes,
    const char *no, bool *out)
{
	const struct json_node *n = json_get(&r->f->doc, obj, name);

	*out = json_is(n, yes);
	return *out || json_is(n, no) || odd(r, name, "is no word that is known");
}

static MUST_CHECK bool
take_base64(struct reading *r, const char *name, const struct json_node *n, struct buf *out)
{
	struct buf text;
	bool ok;

	buf_init(&text, 2 * (size_t)LIMIT_ALLOWLIST);
	ok = n->type == JSON_STRING && json_string(n, &text) && base64_decode(buf_span(&text), out)
	     && out->n > 0;
	if (text.starved || out->starved)
		(void)no_memory(r);
	else if (!ok)
		(void)odd(r, name, "is no base64, empty, or too large");
	buf_fini(&text);
	return ok;
}

/* --- a record --- */

static MUST_CHECK bool
take_identity(struct reading *r, const struct json_node *rec, struct evidence_item *it)
{
	struct err why = {0};

	if (!TEXT(r, rec, "repo", it->names.repo)
	    || !TEXT(r, rec, "release_tag", it->names.release_tag)
	    || !TEXT(r, rec, "app_name", it->names.app_name)
	    || !TEXT(r, rec, "network", it->names.network)
	    || !TEXT(r, rec, "agent_id", it->names.agent_id))
		return false;
	it->v.id = (struct attest_identity){it->names.repo, it->names.release_tag,
	    it->names.app_name, it->names.network, it->names.agent_id};
	return attest_identity_check(&it->v.id, &why) || odd(r, "verification", why.detail);
}

/* A member of the binding stands in the record, too. Another value is told with the checks. */
static void
compare(struct reading *r, const struct json_node *binding, const char *name, const char *value,
    struct evidence_item *it)
{
	if (!json_is(json_get(&r->f->doc, binding, name), value))
		it->odd = name;
}

static MUST_CHECK bool
take_binding(struct reading *r, const struct json_node *rec, struct evidence_item *it)
{
	const struct json_node *b = json_get(&r->f->doc, rec, "binding");
	struct evidence *v = &it->v;
	bool for_evidence;

	v->bound = b && b->type != JSON_NULL;
	if (!v->bound)
		return b || odd(r, "binding", "is missing");
	if (!need_object(r, rec, "binding", &b)
	    || !take_word(r, b, "v", attest_purpose_name(ATTEST_FOR_EVIDENCE),
		attest_purpose_name(ATTEST_FOR_ADMISSION), &for_evidence)
	    || !take_hex(r, b, "nonce", v->nonce) || !TEXT(r, b, "audience", v->audience)
	    || !TEXT(r, b, "channel", v->channel))
		return false;
	v->purpose = for_evidence ? ATTEST_FOR_EVIDENCE : ATTEST_FOR_ADMISSION;
	compare(r, b, "agent_id", v->id.agent_id, it);
	compare(r, b, "network", v->id.network, it);
	compare(r, b, "app_name", v->id.app_name, it);
	compare(r, b, "release_tag", v->id.release_tag, it);
	compare(r, b, "repo", v->id.repo, it);
	return true;
}

static MUST_CHECK bool
take_tcb(struct reading *r, const struct json_node *n, const char *name, enum tcb_status *out)
{
	char word[ROW_TCB_MAX];

	*out = json_cstr(n, word, sizeof word) ? tcb_status_find(span_str(word)) : TCB_UNKNOWN;
	return *out != TCB_UNKNOWN || odd(r, name, "is no TCB status");
}

/* As rows have them: with commas between. */
static MUST_CHECK bool
take_advisories(struct reading *r, const struct json_node *obj, const char *name,
    char dst[static ROW_ADVISORIES_MAX])
{
	const struct json_node *all;
	size_t at = 0;

	if (!need(r, obj, name, JSON_ARRAY, &all))
		return false;
	for (const struct json_node *s = json_first(&r->f->doc, all); s;
	     s = json_next(&r->f->doc, all, s)) {
		if (at)
			dst[at++] = ',';
		if (at + 1 >= ROW_ADVISORIES_MAX
		    || !json_cstr(s, dst + at, ROW_ADVISORIES_MAX - at))
			return odd(r, name, "is too long, or holds other than strings");
		at += strlen(dst + at);
	}
	return true;
}

static MUST_CHECK bool
take_tcb_rules(struct reading *r, const struct json_node *policy, struct tcb_rules *out)
{
	const struct json_doc *doc = &r->f->doc;
	const struct json_node *t = json_get(doc, policy, "tcb"), *date;
	int64_t number, days;

	if (!t)
		return true; /* the network had none */
	if (!need_object(r, policy, "tcb", &t)
	    || !take_advisories(r, t, "advisories_accept", out->advisories_accept)
	    || !take_advisories(r, t, "advisories_deny", out->advisories_deny))
		return false;
	date = json_get(doc, t, "min_date");
	if (!json_int(json_get(doc, t, "min_evaluation_number"), 0, UINT32_MAX, &number)
	    || !json_int(json_get(doc, t, "grace_days"), 0, NETWORK_GRACE_MAX_DAYS, &days) || !date
	    || (date->type != JSON_NULL
		&& (date->type != JSON_STRING || !rfc3339_read(date->text, &out->min_date))))
		return odd(r, "tcb", "holds something else than rules");
	out->min_evaluation_number = (uint32_t)number;
	out->grace_days = (uint32_t)days;
	return true;
}

static MUST_CHECK bool
take_policy(struct reading *r, const struct json_node *rec, struct network *net)
{
	const struct json_node *p, *accept;
	bool unmeasured;

	if (!need_object(r, rec, "policy", &p) || !TEXT(r, p, "network", net->name)
	    || !take_bool(r, p, "sealed_only", &net->sealed_only)
	    || !take_bool(r, p, "allow_unmeasured", &unmeasured)
	    || !take_bool(r, p, "debug", &net->allow_debug)
	    || !take_bool(r, p, "sgx", &net->allow_sgx)
	    || !take_bool(r, p, "legacy_agents", &net->legacy_agents)
	    || !need(r, p, "tcb_accept", JSON_ARRAY, &accept))
		return false;
	net->needs_pins = !unmeasured;
	for (const struct json_node *s = json_first(&r->f->doc, accept); s;
	     s = json_next(&r->f->doc, accept, s)) {
		enum tcb_status status;

		if (!take_tcb(r, s, "tcb_accept", &status))
			return false;
		net->tcb_accept |= TCB_BIT(status);
	}
	return take_tcb_rules(r, p, &net->tcb);
}

static MUST_CHECK bool
take_record(struct reading *r, const struct json_node *rec, struct evidence_item *it)
{
	struct evidence *v = &it->v;
	const struct json_node *tcb;
	char time[40];
	bool accepted, fresh;

	if (!TEXT(r, rec, "verified_at", time)
	    || !take_word(r, rec, "verdict", "accepted", "refused", &accepted)
	    || !need(r, rec, "tcb_status", JSON_STRING, &tcb)
	    || !take_tcb(r, tcb, "tcb_status", &v->tcb)
	    || !take_advisories(r, rec, "advisory_ids", v->advisories)
	    || !take_word(r, rec, "trust_root", "custom", "intel", &v->custom_root)
	    || !take_word(r, rec, "freshness", "bound", "none", &fresh)
	    || !take_bool(r, rec, "sealed", &v->sealed) || !take_identity(r, rec, it)
	    || !need(r, rec, "claims", JSON_OBJECT, &it->claims) || !take_binding(r, rec, it)
	    || !take_policy(r, rec, &v->net)
	    || !take_hex(r, rec, "collateral_sha256", v->collateral_sha256)
	    || !take_hex(r, rec, "allowlist_sha256", v->allowlist_sha256)
	    || !take_bool(r, rec, "allowlist_private", &v->secret))
		return false;
	v->claims = it->claims->text;
	if (!rfc3339_read(span_str(time), &v->verified_at))
		return odd(r, "verified_at", "is no time");
	if (!accepted)
		return odd(r, "verdict", "is not accepted");
	return fresh == v->bound || odd(r, "freshness", "is not what the binding says");
}

static const struct json_node *
shared(struct reading *r, const struct json_node *all, const uint8_t sha256[static ATTEST_DIGEST])
{
	char hex[2 * ATTEST_DIGEST + 1];

	return json_get(&r->f->doc, all, hex_encode(span_of(sha256, ATTEST_DIGEST), hex));
}

static MUST_CHECK bool
take_item(struct reading *r, const struct json_node *n, struct evidence_item *it)
{
	const struct json_node *rec, *quote, *found;

	if (n->type != JSON_OBJECT || json_has_dup(n))
		return odd(r, "replicas", "holds other than objects without repeated members");
	if (!need_object(r, n, "verification", &rec) || !need(r, n, "quote", JSON_STRING, &quote)
	    || !take_record(r, rec, it) || !take_base64(r, "quote", quote, &it->quote))
		return false;
	found = shared(r, r->collateral, it->v.collateral_sha256);
	if (found && found->type != JSON_OBJECT)
		return odd(r, "collateral", "holds other than objects");
	it->collateral = found ? found->text : span_of(NULL, 0);
	found = shared(r, r->allowlists, it->v.allowlist_sha256);
	return !found || take_base64(r, "allowlists", found, &it->allowlist);
}

/* --- the document --- */

static MUST_CHECK bool
take_items(struct reading *r, const struct json_node *all)
{
	struct evidence_file *f = r->f;

	if (all->count == 0 && r->f->more)
		return odd(r, "replicas", "is empty on this page: ask for the next one");
	if (all->count == 0)
		return odd(r, "replicas", "is empty: nothing was verified");
	if (all->count > EVIDENCE_REPLICAS_MAX)
		return odd(r, "replicas", "holds more than 64");
	f->items = calloc(all->count, sizeof *f->items);
	if (!f->items)
		return no_memory(r);
	for (const struct json_node *n = json_first(&f->doc, all); n;
	     n = json_next(&f->doc, all, n)) {
		struct evidence_item *it = &f->items[f->n++];

		r->at = f->n;
		buf_init(&it->quote, LIMIT_QUOTE);
		buf_init(&it->allowlist, LIMIT_ALLOWLIST);
		if (!take_item(r, n, it))
			return false;
	}
	return true;
}

static MUST_CHECK bool
take_file(struct reading *r)
{
	const struct json_node *top = json_top(&r->f->doc), *all, *next;
	bool custom;

	if (top->type != JSON_OBJECT || json_has_dup(top))
		return odd(r, "the file", "is no object without repeated members");
	if (!json_is(json_get(&r->f->doc, top, "v"), EVIDENCE_FORMAT))
		return odd(r, "v", "is not " EVIDENCE_FORMAT);
	next = json_get(&r->f->doc, top, "next");
	r->f->more = next && next->type != JSON_NULL;
	return TEXT(r, top, "app_name", r->f->app_name)
	       && take_word(r, top, "trust_root", "custom", "intel", &custom)
	       && need_object(r, top, "collateral", &r->collateral)
	       && need_object(r, top, "allowlists", &r->allowlists)
	       && need(r, top, "replicas", JSON_ARRAY, &all) && take_items(r, all);
}

bool
evidence_read(struct evidence_file *out, struct span text, struct err *e)
{
	struct reading r = {.f = out, .e = e};
	struct err why = {0};

	memset(out, 0, sizeof *out);
	if (text.n > LIMIT_EVIDENCE)
		return odd(&r, "the file", "is too large");
	if (!json_parse(&out->doc, text,
		(struct json_limits){LIMIT_JSON_DEPTH, LIMIT_DOCUMENT_NODES}, &why)) {
		if (why.code == ERR_NOMEM)
			return no_memory(&r);
		return odd(&r, "no JSON", why.detail);
	}
	if (take_file(&r))
		return true;
	evidence_file_free(out);
	return false;
}

void
evidence_file_free(struct evidence_file *f)
{
	for (size_t i = 0; i < f->n; i++) {
		buf_fini(&f->items[i].quote);
		buf_fini(&f->items[i].allowlist);
	}
	free(f->items);
	json_free(&f->doc);
	memset(f, 0, sizeof *f);
}
