#include "dcap/pck.h"

#include "dcap/context.h"
#include "dcap/der.h"
#include "dcap/sgx_extension.h"

#define PCK_CN "SGX PCK Certificate"

/* The certificates of a chain by their role. */
struct roles {
	const struct cert *leaf, *ca, *root;
};

bool
pck_parse(struct chain *ch, struct span text, struct err *e)
{
	if (!der_begins(text)) {
		while (text.n > 0 && text.p[text.n - 1] == 0)
			text.n--;
		if (text.n > 0 && memchr(text.p, 0, text.n))
			return err_set(
			    e, ERR_MALFORMED, REASON_CERT_MALFORMED, "NUL inside the PCK chain");
	}
	return chain_parse(ch, text, "PCK chain", e);
}

static bool
is_leaf(const struct cert *c)
{
	return strstr(c->subject_cn, PCK_CN) && !cert_is_self_issued(c);
}

static MUST_CHECK bool
read_platform(struct eedcap_platform *out, const struct cert *leaf, struct err *e)
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
		return err_set(e, ERR_UNTRUSTED, REASON_CERT_CHAIN,
		    "PCK certificate issued by \"%s\"", leaf->issuer_cn);
	*out = p;
	return true;
}

/* The root's CRL distribution point, where it is a text that fits. */
static void
read_root_url(char dst[static 160], const struct cert *root)
{
	if (!span_cstr(root->crl_url, dst, 160))
		dst[0] = '\0';
}

bool
pck_read_leaf(struct eedcap_platform *out, struct span text, struct err *e)
{
	const struct cert *leaf = NULL, *root = NULL;
	struct chain ch;
	bool ok;

	if (!pck_parse(&ch, text, e))
		return false;
	for (size_t i = 0; i < ch.n; i++) {
		if (is_leaf(&ch.cert[i]))
			leaf = &ch.cert[i];
		else if (cert_is_self_issued(&ch.cert[i]))
			root = &ch.cert[i];
	}
	ok = leaf ? read_platform(out, leaf, e)
		  : err_set(e, ERR_MALFORMED, REASON_CERT_CHAIN, "no PCK certificate in the chain");
	if (ok && root)
		read_root_url(out->root_crl_url, root);
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
		const struct cert **role = cert_is_self_issued(c)        ? &out->root
					   : is_leaf(c)                  ? &out->leaf
					   : strstr(c->subject_cn, "CA") ? &out->ca
									 : NULL;

		if (!role || *role)
			return err_set(e, ERR_UNTRUSTED, REASON_CERT_CHAIN,
			    "PCK chain: no place for \"%s\"", c->subject_cn);
		*role = c;
	}
	return true;
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

/* -- the upper part -- */

static MUST_CHECK bool
check_ca(struct verifier *vf, const struct roles *r, struct err *e)
{
	if (!r->ca->is_ca || !(r->ca->key_usage & KU_CERT_SIGN)
	    || !(r->ca->key_usage & KU_CRL_SIGN))
		return err_set(e, ERR_UNTRUSTED, REASON_CERT_CHAIN,
		    "\"%s\" may not issue certificates and CRLs", r->ca->subject_cn);
	return cert_check_issued(vf, r->ca, r->root, e);
}

static MUST_CHECK bool
check_issuer(struct pck_issuer *out, struct verifier *vf, const struct roles *r,
    struct checks *checks, struct err *e)
{
	if (!checked(checks, CHECK_PCK_ROOT, cert_check_root(vf, r->root, e))
	    || !checked(checks, CHECK_PCK_CA_SIGNATURE, check_ca(vf, r, e)))
		return false;
	memcpy(out->key, r->ca->key, sizeof out->key);
	keep_serial(&out->serial, r->ca->serial);
	keep_name(&out->name, r->ca->subject);
	keep_name(&out->root_name, r->root->subject);
	out->valid = r->ca->valid;
	out->root_valid = r->root->valid;
	read_root_url(out->root_crl_url, r->root);
	return true;
}

/* -- the leaf, below an issuer that was checked -- */

static MUST_CHECK bool
check_signature(
    struct verifier *vf, const struct cert *leaf, const struct pck_issuer *by, struct err *e)
{
	if (leaf->is_ca)
		return err_set(e, ERR_UNTRUSTED, REASON_CERT_CHAIN, "PCK certificate is a CA");
	if (!span_eq(leaf->issuer, span_of(by->name.der, by->name.n)))
		return err_set(e, ERR_UNTRUSTED, REASON_CERT_CHAIN,
		    "PCK certificate issued by \"%s\", another CA than the chain's",
		    leaf->issuer_cn);
	if (!verifier_holds_der(vf, by->key, leaf->tbs, leaf->signature))
		return err_set(e, ERR_UNTRUSTED, REASON_CERT_SIGNATURE,
		    "\"%s\" is not signed by \"%s\"", leaf->subject_cn, leaf->issuer_cn);
	return true;
}

/* out->platform and out->issuer are there already. */
static MUST_CHECK bool
check_leaf(struct pck *out, struct verifier *vf, const struct cert *leaf, struct checks *checks,
    struct err *e)
{
	if (!checked(checks, CHECK_PCK_SIGNATURE, check_signature(vf, leaf, &out->issuer, e)))
		return false;
	memcpy(out->platform.root_crl_url, out->issuer.root_crl_url,
	    sizeof out->platform.root_crl_url);
	memcpy(out->key, leaf->key, sizeof out->key);
	keep_serial(&out->serial, leaf->serial);
	out->valid = leaf->valid;
	return true;
}

static MUST_CHECK bool
check_whole(
    struct pck *out, struct verifier *vf, struct span text, struct checks *checks, struct err *e)
{
	struct chain ch;
	struct roles r;
	bool ok;

	if (!checked(checks, CHECK_PCK_CHAIN, pck_parse(&ch, text, e)))
		return false;
	ok = checked(checks, CHECK_PCK_CHAIN,
		 find_roles(&r, &ch, e) && read_platform(&out->platform, r.leaf, e))
	     && check_issuer(&out->issuer, vf, &r, checks, e)
	     && check_leaf(out, vf, r.leaf, checks, e);
	chain_fini(&ch);
	return ok;
}

void
pck_passed(struct checks *checks)
{
	static const enum check all[] = {
	    CHECK_PCK_CHAIN, CHECK_PCK_ROOT, CHECK_PCK_CA_SIGNATURE, CHECK_PCK_SIGNATURE};

	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		(void)checked(checks, all[i], true);
}

/* Read the leaf alone, below an issuer whose bytes are known. False, with e untouched, where the
 * text is no leaf: then the whole must be looked at. */
static bool
parse_leaf(struct chain *ch, struct span text)
{
	struct err e = {0};

	if (memchr(text.p, 0, text.n) || !chain_parse(ch, text, "PCK chain", &e))
		return false;
	if (ch->n == 1 && is_leaf(&ch->cert[0]))
		return true;
	chain_fini(ch);
	return false;
}

static MUST_CHECK bool
check_below(struct pck *out, struct verifier *vf, const struct chain *ch, struct checks *checks,
    struct err *e)
{
	const struct cert *leaf = &ch->cert[0];

	return checked(checks, CHECK_PCK_CHAIN, read_platform(&out->platform, leaf, e))
	       && checked(checks, CHECK_PCK_ROOT, true)
	       && checked(checks, CHECK_PCK_CA_SIGNATURE, true)
	       && check_leaf(out, vf, leaf, checks, e);
}

/* Cut a chain behind its first certificate: nearly always the leaf, so that the rest is the same for
 * all platforms of one CA. */
static struct span
rest_of(struct span *text)
{
	static const char end[] = "-----END CERTIFICATE-----";
	size_t at = span_find(*text, end), n = at + sizeof end - 1;
	struct span rest;

	if (at == text->n)
		return span_of("", 0);
	rest = span_from(*text, n);
	*text = span_first(*text, n);
	return rest;
}

/* Say whether the rest of a chain that was taken is its CA and its root and nothing more, so that it
 * may stand above other leaves too. */
static bool
is_upper_part(struct span rest)
{
	struct err e = {0};
	struct chain ch;
	bool upper;

	if (!pck_parse(&ch, rest, &e))
		return false;
	upper = ch.n == 2 && !is_leaf(&ch.cert[0]) && !is_leaf(&ch.cert[1]);
	chain_fini(&ch);
	return upper;
}

/* As pck_check, with a context that remembers. A chain goes by the digest of its first certificate's
 * text and of the digest of the rest's. */
static MUST_CHECK bool
check_or_remember(
    struct pck *out, struct verifier *vf, struct span text, struct checks *checks, struct err *e)
{
	struct span first = text, rest = rest_of(&first);
	uint8_t upper[SHA256_SIZE], name[SHA256_SIZE];
	bool known = context_knows_issuer(vf->ctx, rest, &out->issuer, upper);
	bool ok;
	struct chain ch;

	if (!known)
		verifier_digest(vf, rest, span_of("", 0), upper);
	verifier_digest(vf, first, span_of(upper, sizeof upper), name);
	if (vf->no_memory)
		return false;
	if (context_knows_chain(vf->ctx, name, out)) {
		vf->stats.chains_known++;
		pck_passed(checks);
		return true;
	}
	vf->stats.chains_read++;
	if (known && parse_leaf(&ch, first)) {
		ok = check_below(out, vf, &ch, checks, e);
		chain_fini(&ch);
	} else {
		ok = check_whole(out, vf, text, checks, e);
	}
	if (!ok)
		return false;
	context_add_chain(vf->ctx, name, out);
	if (!known && is_upper_part(rest))
		context_add_issuer(vf->ctx, rest, upper, &out->issuer);
	return true;
}

bool
pck_check(
    struct pck *out, struct verifier *vf, struct span text, struct checks *checks, struct err *e)
{
	struct pck p = {0};

	if (vf->ctx && context_remembers(vf->ctx)) {
		if (!check_or_remember(&p, vf, text, checks, e))
			return false;
	} else {
		vf->stats.chains_read++;
		if (!check_whole(&p, vf, text, checks, e))
			return false;
	}
	*out = p;
	return true;
}

bool
pck_is_leaf(const struct pck *p, struct span text, struct err *e)
{
	struct chain ch;
	const struct cert *c;
	bool same;

	if (!pck_parse(&ch, text, e))
		return false;
	c = &ch.cert[0];
	/* Issuer and serial number name a certificate (RFC 5280 section 4.1.2.2). */
	same = ch.n == 1 && span_eq(c->serial, span_of(p->serial.v, p->serial.n))
	       && span_eq(c->issuer, span_of(p->issuer.name.der, p->issuer.name.n))
	       && memcmp(c->key, p->key, EC_POINT_SIZE) == 0;
	chain_fini(&ch);
	return same
	       || err_set(e, ERR_UNTRUSTED, REASON_CERT_CHAIN,
		   "the chain beside the quote is of another leaf");
}
