#include "dcap/pck.h"

#include "dcap/sgx_extension.h"

#define PCK_CN "SGX PCK Certificate"

static MUST_CHECK bool
read_platform(
    struct eedcap_platform *out, const struct cert *leaf, const struct cert *root, struct err *e)
{
	struct eedcap_platform p = {0};

	if (leaf->sgx.n == 0)
		return err_set(e, ERR_MALFORMED, REASON_SGX_EXTENSION,
		    "\"%s\" has no SGX extension", leaf->subject_cn);
	if (!sgx_extension_parse(&p, leaf->sgx, e))
		return false;
	if (strstr(leaf->issuer_cn, "Processor"))
		p.ca = EEDCAP_CA_PROCESSOR;
	else if (strstr(leaf->issuer_cn, "Platform"))
		p.ca = EEDCAP_CA_PLATFORM;
	else
		return err_set(e, ERR_MALFORMED, REASON_CERT_CHAIN,
		    "PCK certificate issued by \"%s\"", leaf->issuer_cn);
	if (root && !span_cstr(root->crl_url, p.root_crl_url, sizeof p.root_crl_url))
		p.root_crl_url[0] = '\0';
	*out = p;
	return true;
}

bool
pck_read_leaf(struct eedcap_platform *out, const struct chain *ch, struct err *e)
{
	const struct cert *leaf = NULL, *root = NULL;

	for (size_t i = 0; i < ch->n; i++) {
		if (strstr(ch->cert[i].subject_cn, PCK_CN))
			leaf = &ch->cert[i];
		else if (cert_is_self_issued(&ch->cert[i]))
			root = &ch->cert[i];
	}
	if (!leaf)
		return err_set(
		    e, ERR_MALFORMED, REASON_CERT_CHAIN, "no PCK certificate in the chain");
	return read_platform(out, leaf, root, e);
}

bool
pck_read(struct pck *p, const struct chain *ch, struct err *e)
{
	struct pck out = {0};

	if (ch->n != 3)
		return err_set(e, ERR_UNTRUSTED, REASON_CERT_CHAIN,
		    "PCK chain of %zu certificates, not 3", ch->n);
	for (size_t i = 0; i < ch->n; i++) {
		const struct cert *c = &ch->cert[i];
		const struct cert **role = cert_is_self_issued(c)          ? &out.root
					   : strstr(c->subject_cn, PCK_CN) ? &out.leaf
					   : strstr(c->subject_cn, "CA")   ? &out.ca
									   : NULL;

		if (!role || *role)
			return err_set(e, ERR_UNTRUSTED, REASON_CERT_CHAIN,
			    "PCK chain: no place for \"%s\"", c->subject_cn);
		*role = c;
	}
	if (!read_platform(&out.platform, out.leaf, out.root, e))
		return false;
	*p = out;
	return true;
}

static bool
is_known(const struct known_certs *known, const struct cert *c)
{
	for (size_t i = 0; known && i < known->n; i++)
		if (span_eq(known->v[i]->der, c->der))
			return true;
	return false;
}

bool
pck_check(const struct pck *p, const uint8_t root_key[static EC_POINT_SIZE],
    const struct known_certs *known, struct err *e)
{
	if (p->leaf->is_ca)
		return err_set(e, ERR_UNTRUSTED, REASON_CERT_CHAIN, "PCK certificate is a CA");
	if (!(p->ca->key_usage & KU_CRL_SIGN))
		return err_set(e, ERR_UNTRUSTED, REASON_CERT_CHAIN, "\"%s\" may not sign CRLs",
		    p->ca->subject_cn);
	if (!is_known(known, p->root) && !cert_check_root(p->root, root_key, e))
		return false;
	/* A known CA was checked under a root of the same key; the name must still fit this one. */
	if (!is_known(known, p->ca) && !cert_check_issued(p->ca, p->root, e))
		return false;
	if (!span_eq(p->ca->issuer, p->root->subject))
		return err_set(e, ERR_UNTRUSTED, REASON_CERT_CHAIN,
		    "\"%s\" was not issued by the root", p->ca->subject_cn);
	return cert_check_issued(p->leaf, p->ca, e);
}

bool
pck_check_time(const struct pck *p, int64_t now, struct err *e)
{
	return cert_check_time(p->leaf, now, e) && cert_check_time(p->ca, now, e)
	       && cert_check_time(p->root, now, e);
}

bool
pck_chain_parse(struct chain *ch, struct span text, struct err *e)
{
	while (text.n > 0 && text.p[text.n - 1] == 0)
		text.n--;
	if (text.n > 0 && text.p[0] != 0x30 && memchr(text.p, 0, text.n))
		return err_set(e, ERR_MALFORMED, REASON_CERT_MALFORMED, "NUL inside the PCK chain");
	return chain_parse(ch, text, "PCK chain", e);
}
