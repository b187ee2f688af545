#include "dcap/collateral.h"

#include <stdlib.h>

#include "base/limits.h"
#include "dcap/error.h"
#include "dcap/name.h"

static struct span
span_bytes(struct eedcap_bytes b)
{
	return span_of(b.p, b.p ? b.n : 0);
}

static MUST_CHECK bool
keep(struct buf *dst, struct eedcap_bytes part, struct err *e)
{
	struct span s = span_bytes(part);

	if (s.n > LIMIT_CERT_DATA)
		return err_set(
		    e, ERR_LIMIT, REASON_COLLATERAL_MALFORMED, "chain of %zu bytes", s.n);
	buf_init(dst, s.n ? s.n : 1);
	buf_add(dst, s);
	return buf_ok(dst) || err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "chain");
}

/* The certificate of a chain that issues itself, and of two the other one. */
static const struct cert *
root_of(const struct chain *ch)
{
	for (size_t i = 0; i < ch->n; i++)
		if (cert_is_self_issued(&ch->cert[i]))
			return &ch->cert[i];
	return NULL;
}

static MUST_CHECK bool
check_list(const struct crl *crl, struct verifier *vf, const struct cert *by, struct err *e)
{
	if (!(by->key_usage & KU_CRL_SIGN))
		return err_set(e, ERR_UNTRUSTED, REASON_CRL_ISSUER, "\"%s\" may not sign CRLs",
		    by->subject_cn);
	return crl_check_issuer(crl, vf, by->subject, by->key, e);
}

/* The issuer chain of the PCK CRL is not needed for trust: the quote's own chain holds the CA. Where
 * it is there it must hold, and spares the verifications the CRL's signature. */
static MUST_CHECK bool
check_crl_chain(
    struct eedcap_collateral *c, struct verifier *vf, const struct chain *ch, struct err *e)
{
	const struct cert *root = root_of(ch), *ca;

	if (ch->n != 2 || !root)
		return err_set(e, ERR_UNTRUSTED, REASON_CERT_CHAIN,
		    "PCK CRL issuer chain of %zu certificates is no CA and root", ch->n);
	ca = root == &ch->cert[0] ? &ch->cert[1] : &ch->cert[0];
	if (!cert_check_root(vf, root, e) || !cert_check_issued(vf, ca, root, e)
	    || !check_list(&c->pck_crl, vf, ca, e))
		return false;
	memcpy(c->pck_crl_key, ca->key, sizeof c->pck_crl_key);
	return true;
}

static MUST_CHECK bool
read_crl_chain(struct eedcap_collateral *c, struct verifier *vf, struct err *e)
{
	struct chain ch;
	bool ok;

	if (c->crl_chain_pem.n == 0) {
		check_not_applicable(&c->checks, CHECK_PCK_CRL_CHAIN);
		return true;
	}
	if (!chain_parse(&ch, buf_span(&c->crl_chain_pem), "PCK CRL issuer chain", e))
		return false;
	ok = checked(&c->checks, CHECK_PCK_CRL_CHAIN, check_crl_chain(c, vf, &ch, e));
	c->has_crl_chain = ok;
	chain_fini(&ch);
	return ok;
}

/* For quotes that hold no chain: the platform's own, checked once for all of them. */
static MUST_CHECK bool
read_pck_chain(struct eedcap_collateral *c, struct verifier *vf, struct err *e)
{
	struct checks ignored = {0}; /* a verification notes them where it uses the chain */

	if (c->pck_chain_pem.n == 0)
		return true;
	c->has_pck_chain = pck_check(&c->pck, vf, buf_span(&c->pck_chain_pem), &ignored, e);
	return c->has_pck_chain;
}

/* The root CRL is checked under the root that came with the TCB info; any root has this key. */
static MUST_CHECK bool
check_root_crl(const struct crl *crl, struct verifier *vf, const struct chain *ch, struct err *e)
{
	const struct cert *root = root_of(ch);

	if (!root)
		return err_set(
		    e, ERR_UNTRUSTED, REASON_CERT_CHAIN, "TCB info chain without a root");
	return cert_check_root(vf, root, e) && check_list(crl, vf, root, e);
}

static MUST_CHECK bool
load_documents(struct eedcap_collateral *c, const struct eedcap_collateral_parts *p, struct err *e)
{
	return document_load(&c->tcb_info.doc, &tcb_info_kind, span_bytes(p->tcb_info),
		   span_bytes(p->tcb_info_signature), e)
	       && document_load(&c->qe_identity.doc, &qe_identity_kind, span_bytes(p->qe_identity),
		   span_bytes(p->qe_identity_signature), e);
}

static MUST_CHECK bool
check_signatures(struct eedcap_collateral *c, struct verifier *vf, const struct chain *tcb,
    const struct chain *qe, struct err *e)
{
	struct document *ti = &c->tcb_info.doc, *qi = &c->qe_identity.doc;
	struct checks *k = &c->checks;

	return checked(k, CHECK_ROOT_CRL_SIGNATURE, check_root_crl(&c->root_crl, vf, tcb, e))
	       && read_crl_chain(c, vf, e) && read_pck_chain(c, vf, e)
	       && checked(
		   k, CHECK_TCB_INFO_SIGNER, document_check_signer(ti, vf, tcb, &c->root_crl, e))
	       && checked(k, CHECK_TCB_INFO_SIGNATURE, document_check_signature(ti, vf, e))
	       && checked(
		   k, CHECK_QE_IDENTITY_SIGNER, document_check_signer(qi, vf, qe, &c->root_crl, e))
	       && checked(k, CHECK_QE_IDENTITY_SIGNATURE, document_check_signature(qi, vf, e));
}

/* Only what is signed is worth interpreting. */
static MUST_CHECK bool
read_documents(struct eedcap_collateral *c, struct err *e)
{
	struct window w = WINDOW_ALWAYS;

	if (!checked(&c->checks, CHECK_TCB_INFO_FORMAT, tcb_info_read(&c->tcb_info, e))
	    || !checked(&c->checks, CHECK_QE_IDENTITY_FORMAT, qe_identity_read(&c->qe_identity, e)))
		return false;
	window_narrow(&w, c->tcb_info.doc.signer_valid);
	window_narrow(&w, c->tcb_info.doc.valid);
	window_narrow(&w, c->qe_identity.doc.signer_valid);
	window_narrow(&w, c->qe_identity.doc.valid);
	window_narrow(&w, c->root_crl.valid);
	window_narrow(&w, c->pck_crl.valid);
	c->valid = w;
	return true;
}

/* Whatever is taken can be written and read again. Most need no writing to know that: only control
 * characters around certificates take six bytes, all else at most two. */
static MUST_CHECK bool
check_size(const struct eedcap_collateral *c, struct err *e)
{
	size_t documents = c->root_crl.der.n + c->pck_crl.der.n + c->tcb_info.doc.raw.n
			   + c->qe_identity.doc.raw.n;
	size_t chains = c->crl_chain_pem.n + c->tcb_chain_pem.n + c->qe_chain_pem.n
			+ c->pck_chain_pem.n;
	size_t n = 2 * documents + 6 * chains + 1024; /* and the members' names */

	if (n > LIMIT_COLLATERAL)
		n = eedcap_collateral_write(c, NULL, 0);
	if (n == 0)
		return err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "collateral");
	return n <= LIMIT_COLLATERAL
	       || err_set(e, ERR_LIMIT, REASON_COLLATERAL_MALFORMED, "%zu bytes as JSON", n);
}

static MUST_CHECK bool
load(struct eedcap_collateral *c, struct verifier *vf, const struct eedcap_collateral_parts *p,
    struct err *e)
{
	struct chain tcb, qe;
	bool ok;

	if (!keep(&c->crl_chain_pem, p->pck_crl_issuer_chain, e)
	    || !keep(&c->tcb_chain_pem, p->tcb_info_issuer_chain, e)
	    || !keep(&c->qe_chain_pem, p->qe_identity_issuer_chain, e)
	    || !keep(&c->pck_chain_pem, p->pck_certificate_chain, e)
	    || !crl_parse(&c->root_crl, span_bytes(p->root_ca_crl), "root CRL", e)
	    || !crl_parse(&c->pck_crl, span_bytes(p->pck_crl), "PCK CRL", e)
	    || !load_documents(c, p, e))
		return false;
	crl_digest(&c->root_crl, vf);
	crl_digest(&c->pck_crl, vf);
	if (!chain_parse(&tcb, buf_span(&c->tcb_chain_pem), "TCB info chain", e))
		return false;
	ok = chain_parse(&qe, buf_span(&c->qe_chain_pem), "QE identity chain", e);
	if (ok) {
		ok = check_signatures(c, vf, &tcb, &qe, e) && read_documents(c, e)
		     && check_size(c, e);
		chain_fini(&qe);
	}
	chain_fini(&tcb);
	return ok;
}

struct eedcap_collateral *
eedcap_collateral_from_parts(struct eedcap_context *ctx,
    const struct eedcap_collateral_parts *parts, struct eedcap_error *err)
{
	struct eedcap_collateral *c = calloc(1, sizeof *c);
	struct verifier vf;
	struct err e = {0};

	if (!c) {
		(void)err_set(&e, ERR_NOMEM, REASON_NO_MEMORY, "collateral");
	} else if (verifier_begin(&vf, ctx, &e)) {
		memcpy(c->root_key, vf.root_key, sizeof c->root_key);
		(void)!load(c, &vf, parts, &e);
		verifier_end(&vf, &e);
	}
	if (e.code != ERR_NONE) {
		eedcap_collateral_free(c);
		c = NULL;
	}
	error_export(err, &e);
	return c;
}

void
eedcap_collateral_free(struct eedcap_collateral *c)
{
	if (!c)
		return;
	buf_fini(&c->crl_chain_pem);
	buf_fini(&c->tcb_chain_pem);
	buf_fini(&c->qe_chain_pem);
	buf_fini(&c->pck_chain_pem);
	crl_fini(&c->root_crl);
	crl_fini(&c->pck_crl);
	tcb_info_fini(&c->tcb_info);
	qe_identity_fini(&c->qe_identity);
	free(c);
}

const uint8_t *
eedcap_collateral_fmspc(const struct eedcap_collateral *c)
{
	return c->tcb_info.fmspc;
}

enum eedcap_tee
eedcap_collateral_tee(const struct eedcap_collateral *c)
{
	return c->tcb_info.tee;
}

int64_t
eedcap_collateral_expiry(const struct eedcap_collateral *c)
{
	return c->valid.end;
}

int64_t
eedcap_collateral_start(const struct eedcap_collateral *c)
{
	return c->valid.start;
}

uint32_t
eedcap_collateral_tcb_info_number(const struct eedcap_collateral *c)
{
	return c->tcb_info.doc.evaluation_number;
}

uint32_t
eedcap_collateral_qe_identity_number(const struct eedcap_collateral *c)
{
	return c->qe_identity.doc.evaluation_number;
}

uint32_t
eedcap_collateral_evaluation_number(const struct eedcap_collateral *c)
{
	uint32_t a = c->tcb_info.doc.evaluation_number;
	uint32_t b = c->qe_identity.doc.evaluation_number;

	return a < b ? a : b;
}

static void
crl_facts(const struct crl *crl, struct eedcap_item_facts *out)
{
	out->issued = crl->valid.start;
	out->expiry = crl->valid.end;
}

static void
document_facts(const struct document *d, struct eedcap_item_facts *out)
{
	struct window w = d->valid;

	window_narrow(&w, d->signer_valid);
	out->issued = d->valid.start;
	out->expiry = w.end;
	out->evaluation_number = d->evaluation_number;
}

/* By the name, as a PCK certificate's CA is told. */
static enum eedcap_ca
ca_of(const struct crl *crl)
{
	char cn[NAME_CN_MAX];

	if (!name_read(crl->issuer, cn))
		return (enum eedcap_ca)0;
	return strstr(cn, "Processor")  ? EEDCAP_CA_PROCESSOR
	       : strstr(cn, "Platform") ? EEDCAP_CA_PLATFORM
					: (enum eedcap_ca)0;
}

void
eedcap_collateral_item(
    const struct eedcap_collateral *c, enum eedcap_item item, struct eedcap_item_facts *out)
{
	memset(out, 0, sizeof *out);
	switch (item) {
	case EEDCAP_ROOT_CA_CRL:
		crl_facts(&c->root_crl, out);
		break;
	case EEDCAP_PCK_CRL:
		crl_facts(&c->pck_crl, out);
		out->ca = ca_of(&c->pck_crl);
		break;
	case EEDCAP_TCB_INFO:
		document_facts(&c->tcb_info.doc, out);
		out->tee = c->tcb_info.tee;
		out->tee_known = true;
		break;
	case EEDCAP_QE_IDENTITY:
		document_facts(&c->qe_identity.doc, out);
		out->tee = c->qe_identity.kind == QE_TDX ? EEDCAP_TDX : EEDCAP_SGX;
		out->tee_known = c->qe_identity.kind != QE_OTHER;
		break;
	}
}
