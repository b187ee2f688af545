/* The procedure: which checks, in which order. Each check itself stands with what it checks. */
#include <stdlib.h>

#include "dcap/authenticity.h"
#include "dcap/collateral.h"
#include "dcap/error.h"
#include "dcap/pck.h"
#include "dcap/policy.h"
#include "dcap/quote.h"
#include "dcap/verdict.h"
#include "dcap/verifier.h"

/* -- revocation and the documents' fit -- */

static MUST_CHECK bool
check_pck_ca(const struct eedcap_collateral *c, const struct pck *pck, struct err *e)
{
	if (!span_eq(
		c->root_crl.issuer, span_of(pck->issuer.root_name.der, pck->issuer.root_name.n)))
		return err_set(
		    e, ERR_UNTRUSTED, REASON_CRL_ISSUER, "root CRL is not of the quote's root");
	if (crl_holds(&c->root_crl, span_of(pck->issuer.serial.v, pck->issuer.serial.n)))
		return err_set(e, ERR_UNTRUSTED, REASON_PCK_CA_REVOKED, "PCK CA is revoked");
	return true;
}

static MUST_CHECK bool
check_pck_crl(
    const struct eedcap_collateral *c, struct verifier *vf, const struct pck *pck, struct err *e)
{
	struct span issuer = span_of(pck->issuer.name.der, pck->issuer.name.n);

	if (c->has_crl_chain && span_eq(c->pck_crl.issuer, issuer)
	    && memcmp(c->pck_crl_key, pck->issuer.key, EC_POINT_SIZE) == 0)
		return true;
	return crl_check_issuer(&c->pck_crl, vf, issuer, pck->issuer.key, e);
}

static MUST_CHECK bool
check_pck(const struct eedcap_collateral *c, const struct pck *pck, struct err *e)
{
	return !crl_holds(&c->pck_crl, span_of(pck->serial.v, pck->serial.n))
	       || err_set(e, ERR_UNTRUSTED, REASON_PCK_REVOKED, "PCK certificate is revoked");
}

static MUST_CHECK bool
check_tcb_info(
    const struct tcb_info *ti, const struct quote *q, const struct pck *pck, struct err *e)
{
	const char *differs = NULL;

	if ((uint32_t)ti->tee != q->tee)
		differs = "TCB info is of another TEE";
	else if (memcmp(ti->fmspc, pck->platform.fmspc, sizeof ti->fmspc) != 0)
		differs = "fmspc";
	else if (memcmp(ti->pceid, pck->platform.pceid, sizeof ti->pceid) != 0)
		differs = "pceId";
	return !differs || err_set(e, ERR_UNTRUSTED, REASON_TCB_INFO_MISMATCH, "%s", differs);
}

static MUST_CHECK bool
check_documents(struct eedcap_verdict *v, const struct eedcap_collateral *c, const struct pck *pck,
    struct err *e)
{
	const struct quote *q = &v->quote->q;
	struct sgx_report qe = sgx_report_of(q->qe_report);
	struct td_report td;

	if (!checked(&v->checks, CHECK_TCB_INFO_MATCH, check_tcb_info(&c->tcb_info, q, pck, e)))
		return false;
	if (q->tee == EEDCAP_TDX) {
		td = td_report_of(q);
		if (!checked(
			&v->checks, CHECK_TDX_MODULE_MATCH, tcb_check_module(&c->tcb_info, &td, e)))
			return false;
	} else {
		check_not_applicable(&v->checks, CHECK_TDX_MODULE_MATCH);
	}
	return checked(&v->checks, CHECK_QE_IDENTITY_MATCH,
	    qe_identity_check(&c->qe_identity, &qe, (enum eedcap_tee)q->tee, e));
}

/* -- time -- */

struct dated {
	enum check check;
	struct window valid;
	const char *what;
	enum reason expired;
};

static MUST_CHECK bool
check_window(const struct dated *d, int64_t now, struct err *e)
{
	if (now < d->valid.start)
		return err_set(e, ERR_EXPIRED, REASON_NOT_YET_VALID, "%s", d->what);
	if (now > d->valid.end)
		return err_set(e, ERR_EXPIRED, d->expired, "%s", d->what);
	return true;
}

#define PCK_DATES(pck)                                                                             \
	{CHECK_PCK_TIME, (pck)->valid, "PCK certificate", REASON_CERT_EXPIRED},                    \
	    {CHECK_PCK_CA_TIME, (pck)->issuer.valid, "PCK CA", REASON_CERT_EXPIRED},               \
	{                                                                                          \
		CHECK_PCK_ROOT_TIME, (pck)->issuer.root_valid, "root certificate",                 \
		    REASON_CERT_EXPIRED                                                            \
	}

static MUST_CHECK bool
check_pck_dates(const struct pck *pck, int64_t now, struct err *e)
{
	const struct dated dates[] = {PCK_DATES(pck)};

	for (size_t i = 0; i < sizeof dates / sizeof dates[0]; i++)
		if (!check_window(&dates[i], now, e))
			return false;
	return true;
}

/* Where the policy tolerates it, every date is looked at, and the verdict says that it was needed. */
static MUST_CHECK bool
check_dates(struct eedcap_verdict *v, const struct eedcap_collateral *c, const struct pck *pck,
    int64_t now, bool tolerate, struct err *e)
{
	const struct document *ti = &c->tcb_info.doc, *qi = &c->qe_identity.doc;
	const struct dated dates[] = {PCK_DATES(pck),
	    {CHECK_TCB_INFO_SIGNER_TIME, ti->signer_valid, "TCB info's signer or its root",
		REASON_CERT_EXPIRED},
	    {CHECK_QE_IDENTITY_SIGNER_TIME, qi->signer_valid, "QE identity's signer or its root",
		REASON_CERT_EXPIRED},
	    {CHECK_ROOT_CRL_TIME, c->root_crl.valid, "root CRL", REASON_CRL_EXPIRED},
	    {CHECK_PCK_CRL_TIME, c->pck_crl.valid, "PCK CRL", REASON_CRL_EXPIRED},
	    {CHECK_TCB_INFO_TIME, ti->valid, "TCB info", REASON_TCB_INFO_EXPIRED},
	    {CHECK_QE_IDENTITY_TIME, qi->valid, "QE identity", REASON_QE_IDENTITY_EXPIRED}};

	v->in_time = true;
	for (size_t i = 0; i < sizeof dates / sizeof dates[0]; i++) {
		struct err late = {0};

		if (checked(&v->checks, dates[i].check, check_window(&dates[i], now, &late)))
			continue;
		v->in_time = false;
		if (!tolerate) {
			*e = late;
			return false;
		}
		check_tolerated(&v->checks, dates[i].check);
	}
	if (!v->in_time)
		verdict_warn(v, "expired or not yet valid at the time given");
	return true;
}

/* -- TCB -- */

static MUST_CHECK bool
evaluate_tcb(struct eedcap_verdict *v, const struct eedcap_collateral *c, struct err *e)
{
	const struct quote *q = &v->quote->q;
	struct tcb_input in = {
	    .platform = &v->platform,
	    .info = &c->tcb_info,
	    .identity = &c->qe_identity,
	    .qe_isvsvn = sgx_report_of(q->qe_report).isvsvn,
	};
	struct tcb_result result;
	struct td_report td;

	if (q->tee == EEDCAP_TDX) {
		td = td_report_of(q);
		in.svn = td.svn;
		in.svn2 = td.svn2;
	}
	if (!tcb_evaluate(&result, &in, &v->checks, e)
	    || !verdict_set_tcb(v, &result, &c->tcb_info, &c->qe_identity, e)
	    || !shortfalls_find(&v->shortfalls, &in, &result.launch, e))
		return false;
	return checked(&v->checks, CHECK_TCB_NOT_REVOKED, v->status != EEDCAP_REVOKED)
	       || err_set(e, ERR_TCB, REASON_TCB_REVOKED, "TCB is revoked");
}

/* -- the whole -- */

static void
describe(struct eedcap_verdict *v, const struct eedcap_collateral *c, const struct pck *pck)
{
	v->platform = pck->platform;
	v->valid = c->valid;
	window_narrow(&v->valid, pck->valid);
	window_narrow(&v->valid, pck->issuer.valid);
	window_narrow(&v->valid, pck->issuer.root_valid);
	v->evaluation_number = eedcap_collateral_evaluation_number(c);
	if (c->tcb_info.doc.odd_body || c->qe_identity.doc.odd_body)
		verdict_warn(v, "collateral came with members of no known meaning");
}

/* Everything that makes the quote authentic under this collateral at this time. */
static MUST_CHECK bool
check_authentic(struct eedcap_verdict *v, struct verifier *vf, const struct eedcap_collateral *c,
    int64_t now, const struct eedcap_policy *policy, struct err *e)
{
	struct checks *k = &v->checks;
	struct pck pck;

	if (memcmp(c->root_key, vf->root_key, EC_POINT_SIZE) != 0)
		return err_set(e, ERR_USAGE, REASON_ROOT_DIFFERS,
		    "the collateral was checked under another root");
	checks_merge(k, &c->checks);
	(void)checked(k, CHECK_QUOTE_FORMAT, true);
	if (!authenticity_known(&pck, vf, v->quote, k)
	    && !authenticity_check(&pck, vf, v->quote, c, k, e))
		return false;
	describe(v, c, &pck);
	return checked(k, CHECK_PCK_CA_REVOCATION, check_pck_ca(c, &pck, e))
	       && checked(k, CHECK_PCK_CRL_SIGNATURE, check_pck_crl(c, vf, &pck, e))
	       && checked(k, CHECK_PCK_REVOCATION, check_pck(c, &pck, e))
	       && check_documents(v, c, &pck, e)
	       && check_dates(v, c, &pck, now, policy && policy->flags & EEDCAP_ALLOW_EXPIRED, e);
}

static void
judge(struct eedcap_verdict *v, struct eedcap_context *ctx, const struct eedcap_collateral *c,
    int64_t now, const struct eedcap_policy *policy, struct err *e)
{
	struct verifier vf;

	if (!policy_known(policy, e) || !verifier_begin(&vf, ctx, e))
		return;
	if (v->own_quote)
		verifier_digest(&vf, v->quote->q.signed_part, span_of("", 0), v->own_quote->digest);
	v->authentic = check_authentic(v, &vf, c, now, policy, e);
	verifier_end(&vf, e);
	v->authentic &= e->code == ERR_NONE;
	v->accepted = v->authentic && evaluate_tcb(v, c, e) && policy_check(v, policy, e);
}

static void
conclude(struct eedcap_verdict *v, const struct err *e)
{
	if (e->code == ERR_NOMEM)
		checks_forget_failures(&v->checks);
	error_export(&v->error, e);
}

struct eedcap_verdict *
eedcap_judge(struct eedcap_context *ctx, const struct eedcap_quote *q,
    const struct eedcap_collateral *c, int64_t now_s, const struct eedcap_policy *policy)
{
	struct eedcap_verdict *v = calloc(1, sizeof *v);
	struct err e = {0};

	if (!v)
		return NULL;
	v->quote = q;
	judge(v, ctx, c, now_s, policy, &e);
	conclude(v, &e);
	return v;
}

struct eedcap_verdict *
eedcap_verify(struct eedcap_context *ctx, const void *quote, size_t n,
    const struct eedcap_collateral *c, int64_t now_s, const struct eedcap_policy *policy)
{
	struct eedcap_verdict *v = calloc(1, sizeof *v);
	struct err e = {0};

	if (!v)
		return NULL;
	v->own_quote = quote_new(span_of(quote, n), &e);
	v->quote = v->own_quote;
	if (v->quote)
		judge(v, ctx, c, now_s, policy, &e);
	else
		(void)checked(&v->checks, CHECK_QUOTE_FORMAT, false);
	conclude(v, &e);
	return v;
}

struct eedcap_quote *
eedcap_authenticate(struct eedcap_context *ctx, const void *quote, size_t n, int64_t now_s,
    struct eedcap_error *err)
{
	struct err e = {0};
	struct eedcap_quote *q = quote_new(span_of(quote, n), &e);
	struct checks checks = {0};
	struct verifier vf;

	if (q && verifier_begin(&vf, ctx, &e)) {
		verifier_digest(&vf, q->q.signed_part, span_of("", 0), q->digest);
		q->authentic = authenticity_check(&q->pck, &vf, q, NULL, &checks, &e)
			       && check_pck_dates(&q->pck, now_s, &e);
		memcpy(q->root_key, vf.root_key, sizeof q->root_key);
		verifier_end(&vf, &e);
	}
	if (e.code != ERR_NONE) {
		eedcap_quote_free(q);
		q = NULL;
	}
	error_export(err, &e);
	return q;
}
