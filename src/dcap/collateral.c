#include "dcap/collateral.h"

#include <stdlib.h>

#include "base/limits.h"
#include "dcap/error.h"

/* Intel SGX Root CA's public key: pinned instead of a certificate, of which there are several. */
static const uint8_t intel_root_key[EC_POINT_SIZE] = {0x04, 0x0b, 0xa9, 0xc4, 0xc0, 0xc0, 0xc8,
    0x61, 0x93, 0xa3, 0xfe, 0x23, 0xd6, 0xb0, 0x2c, 0xda, 0x10, 0xa8, 0xbb, 0xd4, 0xe8, 0x8e, 0x48,
    0xb4, 0x45, 0x85, 0x61, 0xa3, 0x6e, 0x70, 0x55, 0x25, 0xf5, 0x67, 0x91, 0x8e, 0x2e, 0xdc, 0x88,
    0xe4, 0x0d, 0x86, 0x0b, 0xd0, 0xcc, 0x4e, 0xe2, 0x6a, 0xac, 0xc9, 0x88, 0xe5, 0x05, 0xa9, 0x53,
    0x55, 0x8c, 0x45, 0x3f, 0x6b, 0x09, 0x04, 0xae, 0x73, 0x94};

const uint8_t *
root_key_or_intel(const uint8_t *key)
{
	return key ? key : intel_root_key;
}

static struct span
span_bytes(struct eedcap_bytes b)
{
	return span_of(b.p, b.p ? b.n : 0);
}

static MUST_CHECK bool
keep(struct buf *dst, struct eedcap_bytes part, struct err *e)
{
	struct span s = span_bytes(part);

	if (s.n > LIMIT_COLLATERAL)
		return err_set(e, ERR_LIMIT, REASON_COLLATERAL_MALFORMED, "chain too big");
	buf_init(dst, s.n ? s.n : 1);
	buf_add(dst, s);
	return buf_ok(dst) || err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "chain");
}

/* The issuer chain of the PCK CRL is not needed for trust: the quote's own chain holds the CA. Where
 * it is there it must hold, and spares the verifications two signatures and the CRL's. */
static MUST_CHECK bool
read_crl_chain(struct eedcap_collateral *c, struct err *e)
{
	const struct cert *ca, *root;

	if (c->crl_chain_pem.n == 0)
		return true;
	if (!chain_parse(&c->crl_chain, buf_span(&c->crl_chain_pem), "PCK CRL issuer chain", e))
		return false;
	c->has_crl_chain = true;
	if (c->crl_chain.n != 2)
		return err_set(e, ERR_UNTRUSTED, REASON_CERT_CHAIN,
		    "PCK CRL issuer chain of %zu certificates, not 2", c->crl_chain.n);
	root = &c->crl_chain.cert[cert_is_self_issued(&c->crl_chain.cert[0]) ? 0 : 1];
	ca = &c->crl_chain.cert[root == &c->crl_chain.cert[0] ? 1 : 0];
	if (!cert_check_root(root, c->root_key, e) || !cert_check_issued(ca, root, e)
	    || !crl_check_issuer(&c->pck_crl, ca, false, e))
		return false;
	c->known.v[0] = ca;
	c->known.v[1] = root;
	c->known.n = 2;
	c->pck_crl_checked = true;
	return true;
}

/* The root CRL is checked under the root that came with the TCB info; any root has this key. */
static MUST_CHECK bool
check_root_crl(const struct eedcap_collateral *c, struct err *e)
{
	const struct cert *root = NULL;

	for (size_t i = 0; i < c->tcb_chain.n; i++)
		if (cert_is_self_issued(&c->tcb_chain.cert[i]))
			root = &c->tcb_chain.cert[i];
	if (!root)
		return err_set(
		    e, ERR_UNTRUSTED, REASON_CERT_CHAIN, "TCB info chain without a root");
	return cert_check_root(root, c->root_key, e)
	       && crl_check_issuer(&c->root_crl, root, false, e);
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
load(struct eedcap_collateral *c, const struct eedcap_collateral_parts *p, struct err *e)
{
	struct window w = WINDOW_ALWAYS;

	if (!keep(&c->crl_chain_pem, p->pck_crl_issuer_chain, e)
	    || !keep(&c->tcb_chain_pem, p->tcb_info_issuer_chain, e)
	    || !keep(&c->qe_chain_pem, p->qe_identity_issuer_chain, e)
	    || !keep(&c->pck_chain_pem, p->pck_certificate_chain, e))
		return false;
	c->has_pck_chain = c->pck_chain_pem.n > 0;
	if (!crl_parse(&c->root_crl, span_bytes(p->root_ca_crl), "root CRL", e)
	    || !crl_parse(&c->pck_crl, span_bytes(p->pck_crl), "PCK CRL", e)
	    || !chain_parse(&c->tcb_chain, buf_span(&c->tcb_chain_pem), "TCB info chain", e)
	    || !chain_parse(&c->qe_chain, buf_span(&c->qe_chain_pem), "QE identity chain", e)
	    || !load_documents(c, p, e))
		return false;
	if (!check_root_crl(c, e) || !read_crl_chain(c, e)
	    || !document_check(&c->tcb_info.doc, &c->tcb_chain, &c->root_crl, c->root_key, &w, e)
	    || !document_check(&c->qe_identity.doc, &c->qe_chain, &c->root_crl, c->root_key, &w, e))
		return false;
	/* Only what is signed is worth interpreting. */
	if (!tcb_info_read(&c->tcb_info, e) || !qe_identity_read(&c->qe_identity, e))
		return false;
	window_narrow(&w, c->tcb_info.doc.valid);
	window_narrow(&w, c->qe_identity.doc.valid);
	window_narrow(&w, c->root_crl.valid);
	window_narrow(&w, c->pck_crl.valid);
	c->valid = w;
	return true;
}

struct eedcap_collateral *
eedcap_collateral_from_parts(
    const struct eedcap_collateral_parts *parts, const uint8_t *root_key, struct eedcap_error *err)
{
	struct eedcap_collateral *c = calloc(1, sizeof *c);
	struct err e = {0};

	if (!c) {
		err_set(&e, ERR_NOMEM, REASON_NO_MEMORY, "collateral");
	} else {
		memcpy(c->root_key, root_key_or_intel(root_key), sizeof c->root_key);
		if (!load(c, parts, &e)) {
			eedcap_collateral_free(c);
			c = NULL;
		}
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
	chain_fini(&c->crl_chain);
	chain_fini(&c->tcb_chain);
	chain_fini(&c->qe_chain);
	crl_fini(&c->root_crl);
	crl_fini(&c->pck_crl);
	tcb_info_fini(&c->tcb_info);
	qe_identity_fini(&c->qe_identity);
	free(c);
}

bool
collateral_check_time(const struct eedcap_collateral *c, int64_t now, struct err *e)
{
	const struct chain *chains[] = {&c->tcb_chain, &c->qe_chain};

	for (size_t i = 0; i < 2; i++)
		for (size_t k = 0; k < chains[i]->n; k++)
			if (!cert_check_time(&chains[i]->cert[k], now, e))
				return false;
	return crl_check_time(&c->root_crl, now, e) && crl_check_time(&c->pck_crl, now, e)
	       && document_check_time(&c->tcb_info.doc, now, e)
	       && document_check_time(&c->qe_identity.doc, now, e);
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
eedcap_collateral_evaluation_number(const struct eedcap_collateral *c)
{
	uint32_t a = c->tcb_info.doc.evaluation_number;
	uint32_t b = c->qe_identity.doc.evaluation_number;

	return a < b ? a : b;
}
