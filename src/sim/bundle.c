#include "base/json.h"
#include "sim/platform.h"

#define PART_MAX (1024u * 1024)

static bool
put_chain(struct jw *w, const char *name, const struct sim_pki *pki, enum sim_authority who,
    struct err *e)
{
	struct buf pem;
	bool ok;

	buf_init(&pem, PART_MAX);
	ok = sim_pki_chain_pem(pki, who, &pem, e);
	jw_span(w, name, buf_span(&pem));
	buf_fini(&pem);
	return ok;
}

static bool
put_crl(struct jw *w, const char *name, struct sim_platform *p, enum sim_crl crl, int64_t now_s,
    struct err *e)
{
	struct span der;

	if (!sim_platform_crl(p, crl, now_s, &der, e))
		return false;
	jw_hex(w, name, der);
	return true;
}

/* Take a signed body apart: the exact bytes of its inner object, and the signature beside it. */
static bool
put_doc(struct jw *w, const char *name, const char *sig_name, const char *inner,
    struct sim_platform *p, enum sim_doc d, int64_t now_s, struct err *e)
{
	static const struct json_limits lim = {16, 65536};
	struct span body;
	struct json_doc doc;
	const struct json_node *object, *sig;
	bool ok;

	if (!sim_platform_doc(p, d, 0, now_s, &body, e) || !json_parse(&doc, body, lim, e))
		return false;
	object = json_get(&doc, json_top(&doc), inner);
	sig = json_get(&doc, json_top(&doc), "signature");
	ok = object && sig;
	if (ok) {
		jw_span(w, name, object->text);
		jw_span(w, sig_name, sig->text);
	}
	json_free(&doc);
	return ok || err_set(e, ERR_MALFORMED, REASON_INTERNAL, "signed document");
}

bool
sim_platform_bundle(struct sim_platform *p, int64_t now_s, struct buf *out, struct err *e)
{
	struct jw w = jw_of(out);
	bool ok;

	jw_object(&w, NULL);
	ok = put_chain(&w, "pck_crl_issuer_chain", &p->pki, SIM_PLATFORM_CA, e)
	     && put_crl(&w, "root_ca_crl", p, SIM_CRL_ROOT, now_s, e)
	     && put_crl(&w, "pck_crl", p, SIM_CRL_PLATFORM, now_s, e)
	     && put_chain(&w, "tcb_info_issuer_chain", &p->pki, SIM_TCB_SIGNING, e)
	     && put_doc(&w, "tcb_info", "tcb_info_signature", "tcbInfo", p, SIM_TCB_TDX, now_s, e)
	     && put_chain(&w, "qe_identity_issuer_chain", &p->pki, SIM_TCB_SIGNING, e)
	     && put_doc(&w, "qe_identity", "qe_identity_signature", "enclaveIdentity", p, SIM_TD_QE,
		 now_s, e);
	jw_end_object(&w);
	return ok && (buf_ok(out) || err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "collateral"));
}
