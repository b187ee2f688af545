#include "dcap/pck.h"

#include "dcap/context.h"
#include "dcap/sgx_extension.h"

#define PCK_CN "SGX PCK Certificate"

/* The certificates of a chain by their role. */
struct roles {
	const struct cert *leaf, *ca, *root;
};

/* Cut the NUL bytes that end most chains inside quotes, then parse. A NUL elsewhere is refused:
 * what stands behind it would be seen by one reader and not by another. */
static MUST_CHECK bool
parse(struct chain *ch, struct span text, struct err *e)
{
	while (text.n > 0 && text.p[text.n - 1] == 0)
		text.n--;
	if (text.n > 0 && text.p[0] != 0x30 && memchr(text.p, 0, text.n))
		return err_set(e, ERR_MALFORMED, REASON_CERT_MALFORMED, "NUL inside the PCK chain");
	return chain_parse(ch, text, "PCK chain", e);
}

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
pck_read_leaf(struct eedcap_platform *out, struct span text, struct err *e)
{
	const struct cert *leaf = NULL, *root = NULL;
	struct chain ch;
	bool ok;

	if (!parse(&ch, text, e))
		return false;
	for (size_t i = 0; i < ch.n; i++) {
		if (strstr(ch.cert[i].subject_cn, PCK_CN))
			leaf = &ch.cert[i];
		else if (cert_is_self_issued(&ch.cert[i]))
			root = &ch.cert[i];
	}
	ok = leaf ? read_platform(out, leaf, root, e)
		  : err_set(e, ERR_MALFORMED, REASON_CERT_CHAIN, "no PCK certificate in the chain");
	chain_fini(&ch);
	return ok;
}

static MUST_CHECK bool
find_roles(struct roles *out, const struct chain *ch, struct err *e)
{
	*out = (struct roles){0};
	if (ch->n != 3)
		return err_set(e, ERR_UNTRUSTED, REASON_CERT_CHAIN,
		    "PCK chain of %zu certificates, not 3", ch->n);
	for (size_t i = 0; i < ch->n; i++) {
		const struct cert *c = &ch->cert[i];
		const struct cert **role = cert_is_self_issued(c)          ? &out->root
					   : strstr(c->subject_cn, PCK_CN) ? &out->leaf
					   : strstr(c->subject_cn, "CA")   ? &out->ca
									   : NULL;

		if (!role || *role)
			return err_set(e, ERR_UNTRUSTED, REASON_CERT_CHAIN,
			    "PCK chain: no place for \"%s\"", c->subject_cn);
		*role = c;
	}
	return true;
}

static MUST_CHECK bool
check_ca(struct verifier *vf, const struct roles *r, struct err *e)
{
	if (!(r->ca->key_usage & KU_CRL_SIGN))
		return err_set(e, ERR_UNTRUSTED, REASON_CERT_CHAIN, "\"%s\" may not sign CRLs",
		    r->ca->subject_cn);
	return cert_check_issued(vf, r->ca, r->root, e);
}

static MUST_CHECK bool
check_leaf(struct verifier *vf, const struct roles *r, struct err *e)
{
	if (r->leaf->is_ca)
		return err_set(e, ERR_UNTRUSTED, REASON_CERT_CHAIN, "PCK certificate is a CA");
	return cert_check_issued(vf, r->leaf, r->ca, e);
}

static void
keep_serial(struct pck_serial *dst, struct span s)
{
	dst->n = (uint8_t)s.n; /* cert_parse saw to it that it fits; so with names */
	if (s.n)
		memcpy(dst->v, s.p, s.n);
}

static void
keep_name(struct pck_name *dst, struct span s)
{
	dst->n = (uint8_t)s.n;
	memcpy(dst->der, s.p, s.n);
}

static void
keep(struct pck *out, const struct roles *r)
{
	memcpy(out->leaf_key, r->leaf->key, sizeof out->leaf_key);
	memcpy(out->ca_key, r->ca->key, sizeof out->ca_key);
	keep_serial(&out->leaf_serial, r->leaf->serial);
	keep_serial(&out->ca_serial, r->ca->serial);
	keep_name(&out->ca_name, r->ca->subject);
	keep_name(&out->root_name, r->root->subject);
	out->leaf_valid = r->leaf->valid;
	out->ca_valid = r->ca->valid;
	out->root_valid = r->root->valid;
}

static MUST_CHECK bool
check_chain(struct pck *out, struct verifier *vf, const struct chain *ch, struct checks *checks,
    struct err *e)
{
	struct roles r;

	if (!checked(checks, CHECK_PCK_CHAIN,
		find_roles(&r, ch, e) && read_platform(&out->platform, r.leaf, r.root, e))
	    || !checked(checks, CHECK_PCK_ROOT, cert_check_root(vf, r.root, e))
	    || !checked(checks, CHECK_PCK_CA_SIGNATURE, check_ca(vf, &r, e))
	    || !checked(checks, CHECK_PCK_SIGNATURE, check_leaf(vf, &r, e)))
		return false;
	keep(out, &r);
	return true;
}

bool
pck_check(
    struct pck *out, struct verifier *vf, struct span text, struct checks *checks, struct err *e)
{
	static const enum check all[] = {
	    CHECK_PCK_CHAIN, CHECK_PCK_ROOT, CHECK_PCK_CA_SIGNATURE, CHECK_PCK_SIGNATURE};
	bool remember = vf->ctx && context_remembers(vf->ctx), ok;
	uint8_t digest[SHA256_SIZE];
	struct pck p = {0};
	struct chain ch;

	if (remember)
		verifier_digest(vf, text, span_of("", 0), digest);
	if (remember && !vf->no_memory && context_knows_chain(vf->ctx, digest, out)) {
		vf->stats.chains_known++;
		for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
			(void)checked(checks, all[i], true);
		return true;
	}
	vf->stats.chains_read++;
	if (!checked(checks, CHECK_PCK_CHAIN, parse(&ch, text, e)))
		return false;
	ok = check_chain(&p, vf, &ch, checks, e);
	chain_fini(&ch);
	if (!ok)
		return false;
	if (remember)
		context_add_chain(vf->ctx, digest, &p);
	*out = p;
	return true;
}

bool
pck_is_leaf(const struct pck *p, struct span text, struct err *e)
{
	struct chain ch;
	const struct cert *c;
	bool same;

	if (!parse(&ch, text, e))
		return false;
	c = &ch.cert[0];
	/* Issuer and serial number name a certificate (RFC 5280 section 4.1.2.2). */
	same = ch.n == 1 && span_eq(c->serial, span_of(p->leaf_serial.v, p->leaf_serial.n))
	       && span_eq(c->issuer, span_of(p->ca_name.der, p->ca_name.n))
	       && memcmp(c->key, p->leaf_key, EC_POINT_SIZE) == 0;
	chain_fini(&ch);
	return same
	       || err_set(e, ERR_UNTRUSTED, REASON_CERT_CHAIN,
		   "the chain beside the quote is of another leaf");
}
