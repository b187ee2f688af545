#include "agent/claims.h"

#include "base/jcs.h"
#include "base/limits.h"

static const struct json_limits limits = {LIMIT_JSON_DEPTH, LIMIT_JSON_NODES};

static MUST_CHECK bool
check_file(const struct json_doc *doc, struct err *e)
{
	const struct json_node *top = json_top(doc);

	if (top->type != JSON_OBJECT)
		return err_set(
		    e, ERR_MALFORMED, REASON_INVALID_JSON, "the claims file is no JSON object");
	if (json_has_dup(top))
		return err_set(
		    e, ERR_MALFORMED, REASON_INVALID_JSON, "the claims file gives a member twice");
	if (json_get(doc, top, "agent_sha256") || json_get(doc, top, "agent_config"))
		return err_set(e, ERR_POLICY, REASON_BAD_SETTING,
		    "the claims file sets agent_sha256 or agent_config, which are the agent's own");
	return true;
}

static void
add_members(struct buf *text, const struct json_doc *doc)
{
	const struct json_node *top = json_top(doc);

	for (const struct json_node *c = json_first(doc, top); c; c = json_next(doc, top, c)) {
		bool quoted = c->type == JSON_STRING;

		buf_add_str(text, "\"");
		buf_add(text, c->key);
		buf_add_str(text, quoted ? "\":\"" : "\":");
		buf_add(text, c->text);
		buf_add_str(text, quoted ? "\"," : ",");
	}
}

static void
add_own(struct buf *text, const struct claims_own *own)
{
	struct jw w = jw_of(text);

	buf_add_str(text, "\"agent_sha256\":");
	json_write_string(text, span_str(own->agent_sha256));
	buf_add_str(text, ",\"agent_config\":");
	jw_object(&w, NULL);
	jw_str(&w, "control", own->control);
	jw_str(&w, "ca", own->ca);
	jw_str(&w, "backend", own->backend);
	jw_end_object(&w);
}

static MUST_CHECK bool
canonical_text(struct span text, struct buf *canonical, struct err *e)
{
	struct json_doc doc;
	bool ok;

	if (!json_parse(&doc, text, limits, e))
		return false;
	ok = jcs_canonical(&doc, json_top(&doc), canonical, e);
	json_free(&doc);
	return ok;
}

bool
claims_build(struct span file, const struct claims_own *own, struct buf *canonical, struct err *e)
{
	struct json_doc doc = {0};
	struct buf text;
	bool ok;

	buf_init(&text, 2 * LIMIT_CLAIMS);
	if (file.n > LIMIT_CLAIMS)
		return err_set(e, ERR_LIMIT, REASON_LIMIT, "claims above %u bytes", LIMIT_CLAIMS);
	ok = json_parse(&doc, file.n ? file : span_str("{}"), limits, e) && check_file(&doc, e);
	if (ok) {
		buf_add_str(&text, "{");
		add_members(&text, &doc);
		add_own(&text, own);
		buf_add_str(&text, "}");
		ok = buf_ok(&text) || err_set(e, ERR_LIMIT, REASON_LIMIT, "no room for the claims");
	}
	ok = ok && canonical_text(buf_span(&text), canonical, e);
	if (ok && !buf_ok(canonical))
		ok = err_set(e, ERR_LIMIT, REASON_LIMIT, "no room for the claims");
	json_free(&doc);
	buf_fini(&text);
	return ok;
}
