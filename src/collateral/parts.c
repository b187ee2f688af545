#include "collateral/parts.h"

#include "base/json.h"
#include "base/limits.h"

#define CHAIN_MAX (64u * 1024)

/* Where a bundle has what. A CRL has no signature beside it, a root CRL no chain. */
static const struct {
	size_t max;
	const char *body, *signature, *chain;
} members[EEDCAP_ITEMS] = {
    [EEDCAP_ROOT_CA_CRL] = {LIMIT_CRL, "root_ca_crl", NULL, NULL},
    [EEDCAP_PCK_CRL] = {LIMIT_CRL, "pck_crl", NULL, "pck_crl_issuer_chain"},
    [EEDCAP_TCB_INFO] = {LIMIT_TCB_INFO, "tcb_info", "tcb_info_signature", "tcb_info_issuer_chain"},
    [EEDCAP_QE_IDENTITY] = {LIMIT_TCB_INFO, "qe_identity", "qe_identity_signature",
	"qe_identity_issuer_chain"},
};

size_t
parts_max(enum eedcap_item i)
{
	return members[i].max;
}

void
parts_init(struct parts *p)
{
	memset(p, 0, sizeof *p);
	for (int i = 0; i < EEDCAP_ITEMS; i++) {
		/* A CRL in hex takes twice its bytes. */
		buf_init(&p->item[i].body, 2 * members[i].max);
		buf_init(&p->item[i].signature, 256);
		buf_init(&p->item[i].chain, CHAIN_MAX);
	}
}

void
parts_fini(struct parts *p)
{
	for (int i = 0; i < EEDCAP_ITEMS; i++) {
		buf_fini(&p->item[i].body);
		buf_fini(&p->item[i].signature);
		buf_fini(&p->item[i].chain);
	}
}

static bool
take(const struct json_doc *doc, const char *name, struct buf *out, struct err *e)
{
	const struct json_node *v = name ? json_get(doc, json_top(doc), name) : NULL;

	if (!name)
		return true;
	return (v && v->type == JSON_STRING && json_string(v, out))
	       || err_set(e, ERR_MALFORMED, REASON_COLLATERAL_MALFORMED,
		   "bundle: %s is missing, no string or too long", name);
}

bool
parts_of_bundle(struct parts *p, struct span json, struct err *e)
{
	static const struct json_limits lim = {LIMIT_JSON_DEPTH, LIMIT_JSON_NODES};
	struct json_doc doc;
	struct err why = {0};
	bool ok = true;

	parts_init(p);
	if (json.n > LIMIT_COLLATERAL || !json_parse(&doc, json, lim, &why))
		return err_set(e, ERR_MALFORMED, REASON_COLLATERAL_MALFORMED, "bundle: %s",
		    why.detail[0] ? why.detail : "above its ceiling");
	if (json_top(&doc)->type != JSON_OBJECT || json_has_dup(json_top(&doc)))
		ok = err_set(e, ERR_MALFORMED, REASON_COLLATERAL_MALFORMED,
		    "bundle: not an object without repeated members");
	for (int i = 0; ok && i < EEDCAP_ITEMS; i++) {
		struct part *t = &p->item[i];

		ok = take(&doc, members[i].body, &t->body, e)
		     && take(&doc, members[i].signature, &t->signature, e)
		     && take(&doc, members[i].chain, &t->chain, e);
		t->there = ok;
	}
	json_free(&doc);
	return ok;
}

static struct eedcap_bytes
bytes_of(const struct buf *b)
{
	return (struct eedcap_bytes){b->p, b->n};
}

void
parts_lend(const struct parts *const from[static EEDCAP_ITEMS], struct eedcap_collateral_parts *out)
{
	const struct part *root = &from[EEDCAP_ROOT_CA_CRL]->item[EEDCAP_ROOT_CA_CRL];
	const struct part *pck = &from[EEDCAP_PCK_CRL]->item[EEDCAP_PCK_CRL];
	const struct part *tcb = &from[EEDCAP_TCB_INFO]->item[EEDCAP_TCB_INFO];
	const struct part *qe = &from[EEDCAP_QE_IDENTITY]->item[EEDCAP_QE_IDENTITY];

	*out = (struct eedcap_collateral_parts){
	    .root_ca_crl = bytes_of(&root->body),
	    .pck_crl = bytes_of(&pck->body),
	    .pck_crl_issuer_chain = bytes_of(&pck->chain),
	    .tcb_info = bytes_of(&tcb->body),
	    .tcb_info_signature = bytes_of(&tcb->signature),
	    .tcb_info_issuer_chain = bytes_of(&tcb->chain),
	    .qe_identity = bytes_of(&qe->body),
	    .qe_identity_signature = bytes_of(&qe->signature),
	    .qe_identity_issuer_chain = bytes_of(&qe->chain),
	};
}
