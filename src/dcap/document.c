#include "dcap/document.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hex.h"
#include "base/limits.h"

#define SIGNER_CN "SGX TCB Signing"

bool
document_bad(const struct document *d, struct err *e, const char *fmt, ...)
{
	char text[120];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	return err_set(e, ERR_MALFORMED, d->kind->malformed, "%s: %s", d->kind->what, text);
}

/* Parse JSON; what is wrong with it, or for want of memory, is told of the document. */
static MUST_CHECK bool
parse(const struct document *d, struct json_doc *doc, struct span text, struct err *e)
{
	struct json_limits lim = {LIMIT_JSON_DEPTH, LIMIT_DOCUMENT_NODES};
	struct err inner = {0};

	if (json_parse(doc, text, lim, &inner))
		return true;
	if (inner.code == ERR_NOMEM)
		return err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "%s", d->kind->what);
	return document_bad(d, e, "%s", inner.detail);
}

/* Find the signed object inside an answer body: the exact bytes of its value. */
static MUST_CHECK bool
split_body(struct document *d, struct span body, struct err *e)
{
	struct json_doc doc;
	const struct json_node *object;
	char hex[130];
	bool ok = false;

	if (!parse(d, &doc, body, e))
		return false;
	object = json_get(&doc, json_top(&doc), d->kind->member);
	if (json_has_dup(json_top(&doc)))
		document_bad(d, e, "repeated member in the body");
	else if (!object || object->type != JSON_OBJECT)
		document_bad(d, e, "body has no object %s", d->kind->member);
	else if (!json_cstr(json_get(&doc, json_top(&doc), "signature"), hex, sizeof hex)
		 || !hex_decode(span_str(hex), d->signature, sizeof d->signature))
		document_bad(d, e, "body has no signature of 128 hex digits");
	else {
		buf_add(&d->raw, object->text);
		d->odd_body = json_top(&doc)->count > 2;
		ok = true;
	}
	json_free(&doc);
	return ok;
}

bool
document_load(struct document *d, const struct document_kind *kind, struct span text,
    struct span signature, struct err *e)
{
	memset(d, 0, sizeof *d);
	d->kind = kind;
	if (text.n == 0 || text.n > LIMIT_TCB_INFO)
		return document_bad(d, e, "%zu bytes", text.n);
	buf_init(&d->raw, LIMIT_TCB_INFO);
	if (signature.n == 0) {
		if (!split_body(d, text, e))
			goto fail;
	} else {
		if (!hex_decode(signature, d->signature, sizeof d->signature)) {
			document_bad(d, e, "signature is not 128 hex digits");
			goto fail;
		}
		buf_add(&d->raw, text);
	}
	if (!buf_ok(&d->raw)) {
		err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "%s", kind->what);
		goto fail;
	}
	return true;
fail:
	document_fini(d);
	return false;
}

void
document_fini(struct document *d)
{
	json_free(&d->json);
	buf_fini(&d->raw);
}

/* Say which of the two is the signer. */
static MUST_CHECK bool
find_signer(const struct document *d, const struct chain *ch, const struct cert **signer,
    const struct cert **root, struct err *e)
{
	if (ch->n != 2)
		return err_set(e, ERR_UNTRUSTED, REASON_CERT_CHAIN,
		    "%s chain of %zu certificates, not 2", d->kind->what, ch->n);
	*root = &ch->cert[cert_is_self_issued(&ch->cert[0]) ? 0 : 1];
	*signer = &ch->cert[*root == &ch->cert[0] ? 1 : 0];
	if (!strstr((*signer)->subject_cn, SIGNER_CN))
		return err_set(e, ERR_UNTRUSTED, REASON_CERT_CHAIN, "%s signed by \"%s\"",
		    d->kind->what, (*signer)->subject_cn);
	if ((*signer)->is_ca || !((*signer)->key_usage & KU_DIGITAL_SIGNATURE))
		return err_set(e, ERR_UNTRUSTED, REASON_CERT_CHAIN, "\"%s\" may not sign documents",
		    (*signer)->subject_cn);
	return true;
}

bool
document_check_signer(struct document *d, struct verifier *vf, const struct chain *ch,
    const struct crl *root_crl, struct err *e)
{
	const struct cert *signer = NULL, *root = NULL;

	if (!find_signer(d, ch, &signer, &root, e))
		return false;
	if (!cert_check_root(vf, root, e) || !cert_check_issued(vf, signer, root, e))
		return false;
	if (!span_eq(root_crl->issuer, root->subject))
		return err_set(e, ERR_UNTRUSTED, REASON_CRL_ISSUER, "root CRL is not of \"%s\"",
		    root->subject_cn);
	if (crl_holds(root_crl, signer->serial))
		return err_set(e, ERR_UNTRUSTED, REASON_TCB_SIGNER_REVOKED,
		    "signer of %s is revoked", d->kind->what);
	memcpy(d->signer_key, signer->key, sizeof d->signer_key);
	d->signer_valid = signer->valid;
	window_narrow(&d->signer_valid, root->valid);
	return true;
}

bool
document_check_signature(const struct document *d, struct verifier *vf, struct err *e)
{
	uint8_t digest[SHA256_SIZE];

	verifier_digest(vf, buf_span(&d->raw), span_of("", 0), digest);
	return verifier_holds(vf, d->signer_key, digest, d->signature)
	       || err_set(e, ERR_UNTRUSTED, d->kind->signature, "%s", d->kind->what);
}

bool
document_read(struct document *d, struct err *e)
{
	const struct json_node *top;
	int64_t number;

	if (!parse(d, &d->json, buf_span(&d->raw), e))
		return false;
	top = json_top(&d->json);
	if (top->type != JSON_OBJECT || json_has_dup(top))
		return document_bad(d, e, "not an object without repeated members");
	if (!document_int(d, top, "version", 0, UINT16_MAX, &d->version, e)
	    || !document_time(d, top, "issueDate", &d->valid.start, e)
	    || !document_time(d, top, "nextUpdate", &d->valid.end, e)
	    || !document_int(d, top, "tcbEvaluationDataNumber", 0, UINT32_MAX, &number, e))
		return false;
	d->evaluation_number = (uint32_t)number;
	return true;
}

bool
document_get(const struct document *d, const struct json_node *obj, const char *name,
    enum json_type type, const struct json_node **out, struct err *e)
{
	const struct json_node *n = json_get(&d->json, obj, name);

	if (!n)
		return document_bad(d, e, "missing %s", name);
	if (n->type != type)
		return document_bad(d, e, "%s is of a wrong type", name);
	if (type == JSON_OBJECT && json_has_dup(n))
		return document_bad(d, e, "%s has a repeated member", name);
	*out = n;
	return true;
}

bool
document_int(const struct document *d, const struct json_node *obj, const char *name, int64_t min,
    int64_t max, int64_t *out, struct err *e)
{
	const struct json_node *n;

	if (!document_get(d, obj, name, JSON_NUMBER, &n, e))
		return false;
	if (!json_int(n, min, max, out))
		return document_bad(d, e, "%s is no integer in its range", name);
	return true;
}

bool
document_hex(const struct document *d, const struct json_node *obj, const char *name, uint8_t *dst,
    size_t size, struct err *e)
{
	const struct json_node *n;
	char text[2 * 64 + 1];

	if (!document_get(d, obj, name, JSON_STRING, &n, e))
		return false;
	if (!json_cstr(n, text, sizeof text) || !hex_decode(span_str(text), dst, size))
		return document_bad(d, e, "%s is not %zu hex bytes", name, size);
	return true;
}

bool
document_time(const struct document *d, const struct json_node *obj, const char *name, int64_t *out,
    struct err *e)
{
	const struct json_node *n;
	char text[24];

	if (!document_get(d, obj, name, JSON_STRING, &n, e))
		return false;
	if (!json_cstr(n, text, sizeof text) || !when_parse(span_str(text), out))
		return document_bad(d, e, "bad date %s", name);
	return true;
}

static MUST_CHECK bool
read_advisories(const struct document *d, const struct json_node *list, struct err *e)
{
	const struct json_node *c;
	char id[ADVISORY_MAX];

	if (list->count > ADVISORIES_MAX)
		return document_bad(d, e, "more than 256 advisory ids of one level");
	for (c = json_first(&d->json, list); c; c = json_next(&d->json, list, c))
		if (!json_cstr(c, id, sizeof id))
			return document_bad(d, e, "an advisory id is no short string");
	return true;
}

bool
document_level(const struct document *d, const struct json_node *node, uint32_t allowed,
    struct level *out, struct err *e)
{
	const struct json_node *status;
	struct level l = {0};
	char name[64];

	if (!document_get(d, node, "tcbStatus", JSON_STRING, &status, e)
	    || !document_time(d, node, "tcbDate", &l.date, e))
		return false;
	if (json_cstr(status, name, sizeof name))
		l.status = eedcap_status_find(name);
	if (l.status == EEDCAP_STATUS_NONE || !(allowed & EEDCAP_ACCEPT(l.status)))
		return document_bad(d, e, "unknown TCB status");
	if (json_get(&d->json, node, "advisoryIDs")) {
		if (!document_get(d, node, "advisoryIDs", JSON_ARRAY, &l.advisories, e)
		    || !read_advisories(d, l.advisories, e))
			return false;
	}
	*out = l;
	return true;
}

static int
compare_isv(const void *a, const void *b)
{
	uint32_t x = ((const struct isv_level *)a)->isvsvn;
	uint32_t y = ((const struct isv_level *)b)->isvsvn;

	return (x < y) - (x > y);
}

static MUST_CHECK bool
read_isv_level(const struct document *d, const struct json_node *node, uint32_t allowed,
    int64_t max, struct isv_level *out, struct err *e)
{
	const struct json_node *tcb;
	int64_t svn;

	if (node->type != JSON_OBJECT || json_has_dup(node))
		return document_bad(d, e, "a level is no object without repeated members");
	if (!document_get(d, node, "tcb", JSON_OBJECT, &tcb, e)
	    || !document_int(d, tcb, "isvsvn", 0, max, &svn, e))
		return false;
	out->isvsvn = (uint32_t)svn;
	return document_level(d, node, allowed, &out->level, e);
}

bool
isv_levels_read(const struct document *d, const struct json_node *obj, uint32_t allowed,
    int64_t max, struct isv_levels *out, struct err *e)
{
	const struct json_node *list, *c;
	struct isv_levels l = {0};

	if (!document_get(d, obj, "tcbLevels", JSON_ARRAY, &list, e))
		return false;
	if (list->count == 0)
		return document_bad(d, e, "no levels");
	l.v = calloc(list->count, sizeof *l.v);
	if (!l.v)
		return err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "levels");
	if (list->count > ADVISORIES_MAX)
		return document_bad(d, e, "more than 256 advisory ids of one level");
	for (c = json_first(&d->json, list); c; c = json_next(&d->json, list, c))
		if (!read_isv_level(d, c, allowed, max, &l.v[l.n++], e))
			goto fail;
	/* Sorting makes the verdict independent of the order in which levels were published. */
	qsort(l.v, l.n, sizeof *l.v, compare_isv);
	for (size_t i = 1; i < l.n; i++)
		if (l.v[i].isvsvn == l.v[i - 1].isvsvn) {
			document_bad(d, e, "repeated level isvsvn %u", l.v[i].isvsvn);
			goto fail;
		}
	*out = l;
	return true;
fail:
	free(l.v);
	return false;
}

const struct level *
isv_levels_match(const struct isv_levels *levels, uint32_t svn)
{
	for (size_t i = 0; i < levels->n; i++)
		if (svn >= levels->v[i].isvsvn)
			return &levels->v[i].level;
	return NULL;
}
