#include "attest/attest.h"

#include <string.h>

#include <openssl/evp.h>

#include "base/limits.h"

bool
attest_sha256(struct span s, uint8_t out[static ATTEST_DIGEST], struct err *e)
{
	unsigned n = 0;

	if (EVP_Digest(s.p, s.n, out, &n, EVP_sha256(), NULL) != 1 || n != ATTEST_DIGEST)
		return err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "SHA-256 failed");
	return true;
}

static MUST_CHECK bool
hash_canonical(const struct json_doc *doc, const struct json_node *value,
    uint8_t out[static ATTEST_DIGEST], struct err *e)
{
	struct buf canon;
	bool ok;

	buf_init(&canon, LIMIT_CLAIMS);
	ok = jcs_canonical(doc, value, &canon, e);
	if (ok && !buf_ok(&canon))
		ok = err_set(e, ERR_LIMIT, REASON_CLAIMS_NOT_CANONICAL,
		    "canonical form above %u bytes", LIMIT_CLAIMS);
	ok = ok && attest_sha256(buf_span(&canon), out, e);
	buf_fini(&canon);
	return ok;
}

bool
attest_claims_digest(const struct json_doc *doc, const struct json_node *claims,
    uint8_t out[static ATTEST_DIGEST], struct err *e)
{
	if (!claims || claims->type != JSON_OBJECT)
		return err_set(e, ERR_MALFORMED, REASON_CLAIMS_NOT_CANONICAL, "no object");
	return hash_canonical(doc, claims, out, e);
}

const char *
attest_purpose_name(enum attest_purpose p)
{
	return p == ATTEST_FOR_EVIDENCE ? "easy-enclave/evidence/1" : "easy-enclave/attest/2";
}

void
attest_binding_write(struct jw *w, const struct attest_binding *b)
{
	jw_str(w, "v", attest_purpose_name(b->purpose));
	jw_hex(w, "nonce", span_of(b->nonce, sizeof b->nonce));
	jw_str(w, "audience", b->audience);
	jw_str(w, "channel", b->channel);
	jw_str(w, "repo", b->id->repo);
	jw_str(w, "release_tag", b->id->release_tag);
	jw_str(w, "app_name", b->id->app_name);
	jw_str(w, "network", b->id->network);
	jw_str(w, "agent_id", b->id->agent_id);
}

/* The members need not stand in order here: the text is parsed again and canonicalised like the
 * claims, so that one writer decides how both digests' input looks. */
bool
attest_binding_digest(
    const struct attest_binding *b, uint8_t out[static ATTEST_DIGEST], struct err *e)
{
	struct json_doc doc = {0};
	struct buf text;
	struct jw w = jw_of(&text);
	bool ok;

	buf_init(&text, 16384);
	jw_object(&w, NULL);
	attest_binding_write(&w, b);
	jw_end_object(&w);
	ok = buf_ok(&text) || err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "binding");
	ok = ok
	     && json_parse(&doc, buf_span(&text), (struct json_limits){.depth = 2, .nodes = 16}, e)
	     && hash_canonical(&doc, json_top(&doc), out, e);
	json_free(&doc);
	buf_fini(&text);
	return ok;
}

bool
attest_report_data(const struct json_doc *doc, const struct json_node *claims,
    const struct attest_binding *b, uint8_t out[static ATTEST_REPORT_DATA], struct err *e)
{
	return attest_claims_digest(doc, claims, out, e)
	       && attest_binding_digest(b, out + ATTEST_DIGEST, e);
}

const char *const attest_legacy_claims[] = {
    "agent_dir_sha256", "agent_py_sha256", "vm_image_id", "sealed", NULL};

/* One line of the text. A line break inside a value would let two sets of claims look alike. */
static MUST_CHECK bool
add_line(struct buf *text, const struct json_doc *doc, const struct json_node *claims,
    const char *name, const char *label)
{
	const struct json_node *v = json_get(doc, claims, name);
	size_t from;

	if (!v)
		return false;
	buf_printf(text, "%s%s=", text->n ? "\n" : "", label);
	from = text->n;
	if (strcmp(name, "sealed") == 0) {
		buf_add_str(text, v->type == JSON_TRUE ? "true" : "false");
		return v->type == JSON_TRUE || v->type == JSON_FALSE;
	}
	if (!json_string(v, text))
		return false;
	for (size_t i = from; i < text->n; i++)
		if (text->p[i] < 0x20 || text->p[i] == 0x7f)
			return false;
	return true;
}

bool
attest_legacy_digest(const struct json_doc *doc, const struct json_node *claims,
    uint8_t out[static ATTEST_DIGEST], struct err *e)
{
	static const char *const labels[] = {"agent_dir", "agent_py", "vm_image_id", "sealed"};
	struct buf text;
	bool ok = claims && !json_has_dup(claims);

	buf_init(&text, LIMIT_CLAIMS);
	for (size_t i = 0; ok && attest_legacy_claims[i]; i++) {
		ok = add_line(&text, doc, claims, attest_legacy_claims[i], labels[i]);
		if (!ok)
			(void)err_show(
			    e, "measurements: %s is missing or odd", attest_legacy_claims[i]);
	}
	if (!ok)
		err_set(e, ERR_MALFORMED, REASON_MISSING_QUOTE,
		    "measurements lack what the first agents' quotes bind");
	else if (!buf_ok(&text))
		ok = err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "claims");
	ok = ok && attest_sha256(buf_span(&text), out, e);
	buf_fini(&text);
	return ok;
}
