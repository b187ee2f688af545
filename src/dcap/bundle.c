/* The JSON object that collateral travels in: one string for each part. */
#include <stdlib.h>

#include "base/hex.h"
#include "base/jcs.h"
#include "base/limits.h"
#include "dcap/collateral.h"
#include "dcap/error.h"

#define PARTS 10

struct parts {
	struct buf text[PARTS];
	struct eedcap_collateral_parts out;
};

static const struct {
	const char *name;
	size_t at; /* in struct eedcap_collateral_parts */
	bool required;
} members[PARTS] = {
#define MEMBER(name, required)                                                                     \
	{                                                                                          \
#name, offsetof(struct eedcap_collateral_parts, name), required                    \
	}
    MEMBER(root_ca_crl, true),
    MEMBER(pck_crl, true),
    MEMBER(pck_crl_issuer_chain, false),
    MEMBER(tcb_info, true),
    MEMBER(tcb_info_signature, true),
    MEMBER(tcb_info_issuer_chain, true),
    MEMBER(qe_identity, true),
    MEMBER(qe_identity_signature, true),
    MEMBER(qe_identity_issuer_chain, true),
    MEMBER(pck_certificate_chain, false),
#undef MEMBER
};

static struct eedcap_bytes *
part_at(struct eedcap_collateral_parts *p, size_t i)
{
	return (struct eedcap_bytes *)(void *)((char *)p + members[i].at);
}

static MUST_CHECK bool
read_parts(struct parts *p, const struct json_doc *doc, struct err *e)
{
	const struct json_node *top = json_top(doc), *n;

	if (top->type != JSON_OBJECT || json_has_dup(top))
		return err_set(e, ERR_MALFORMED, REASON_COLLATERAL_MALFORMED,
		    "not an object without repeated members");
	for (size_t i = 0; i < PARTS; i++) {
		n = json_get(doc, top, members[i].name);
		if (!members[i].required && (!n || n->type == JSON_NULL))
			continue;
		if (!n || n->type != JSON_STRING)
			return err_set(e, ERR_MALFORMED, REASON_COLLATERAL_MALFORMED,
			    "%s is missing or no string", members[i].name);
		if (!json_string(n, &p->text[i]))
			return err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "%s", members[i].name);
		if (members[i].required && p->text[i].n == 0)
			return err_set(e, ERR_MALFORMED, REASON_COLLATERAL_MALFORMED, "%s is empty",
			    members[i].name);
		*part_at(&p->out, i) = (struct eedcap_bytes){p->text[i].p, p->text[i].n};
	}
	return true;
}

struct eedcap_collateral *
eedcap_collateral_parse(
    struct eedcap_context *ctx, const void *json, size_t n, struct eedcap_error *err)
{
	struct json_limits lim = {LIMIT_JSON_DEPTH, LIMIT_JSON_NODES};
	struct eedcap_collateral *c = NULL;
	struct parts p = {0};
	struct json_doc doc;
	struct err e = {0}, inner = {0};

	for (size_t i = 0; i < PARTS; i++)
		buf_init(&p.text[i], LIMIT_COLLATERAL);
	if (n > LIMIT_COLLATERAL) {
		err_set(&e, ERR_LIMIT, REASON_COLLATERAL_MALFORMED, "%zu bytes", n);
	} else if (!json_parse(&doc, span_of(json, n), lim, &inner)) {
		if (inner.code == ERR_NOMEM)
			err_set(&e, ERR_NOMEM, REASON_NO_MEMORY, "collateral");
		else
			err_set(&e, ERR_MALFORMED, REASON_COLLATERAL_MALFORMED, "%s", inner.detail);
	} else {
		if (read_parts(&p, &doc, &e))
			c = eedcap_collateral_from_parts(ctx, &p.out, err);
		json_free(&doc);
	}
	for (size_t i = 0; i < PARTS; i++)
		buf_fini(&p.text[i]);
	if (e.code != ERR_NONE)
		error_export(err, &e);
	return c;
}

size_t
eedcap_collateral_write(const struct eedcap_collateral *c, char *dst, size_t size)
{
	const struct document *ti = &c->tcb_info.doc, *qi = &c->qe_identity.doc;
	struct buf out;
	struct jw w;
	size_t n = 0;

	buf_init(&out, 2 * (size_t)LIMIT_COLLATERAL);
	w = jw_of(&out);
	jw_object(&w, NULL);
	if (c->has_crl_chain)
		jw_span(&w, "pck_crl_issuer_chain", buf_span(&c->crl_chain_pem));
	jw_hex(&w, "root_ca_crl", buf_span(&c->root_crl.der));
	jw_hex(&w, "pck_crl", buf_span(&c->pck_crl.der));
	jw_span(&w, "tcb_info_issuer_chain", buf_span(&c->tcb_chain_pem));
	jw_span(&w, "tcb_info", buf_span(&ti->raw));
	jw_hex(&w, "tcb_info_signature", span_of(ti->signature, sizeof ti->signature));
	jw_span(&w, "qe_identity_issuer_chain", buf_span(&c->qe_chain_pem));
	jw_span(&w, "qe_identity", buf_span(&qi->raw));
	jw_hex(&w, "qe_identity_signature", span_of(qi->signature, sizeof qi->signature));
	if (c->has_pck_chain)
		jw_span(&w, "pck_certificate_chain", buf_span(&c->pck_chain_pem));
	jw_end_object(&w);
	if (buf_ok(&out)) {
		n = out.n;
		if (n < size) {
			memcpy(dst, out.p, n);
			dst[n] = '\0';
		}
	}
	buf_fini(&out);
	return n;
}
