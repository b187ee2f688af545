/* The procedure: which checks, in which order. Each check itself stands with what it checks. */
#include <stdlib.h>

#include "dcap/collateral.h"
#include "dcap/ecdsa.h"
#include "dcap/error.h"
#include "dcap/pck.h"
#include "dcap/quote.h"
#include "dcap/verdict.h"

/* TD attribute bits. The lowest eight are "TD under debug": any of them opens the TD. */
#define TD_DEBUG           (UINT64_C(1) << 0)
#define TD_UNDER_DEBUG     UINT64_C(0xff)
#define TD_SEPT_VE_DISABLE (UINT64_C(1) << 28)
#define TD_MIGRATABLE      (UINT64_C(1) << 29)
/* ICSSD 16, LASS 27, SEPT_VE_DISABLE 28, MIGRATABLE 29, PKS 30, KL 31, TPA 62, PERFMON 63 */
#define TD_DEFINED UINT64_C(0xc0000000f8010000)

#define SGX_DEBUG 0x02 /* ATTRIBUTES, first byte */

static MUST_CHECK bool
check_qe_report(const struct quote *q, const struct cert *leaf, struct err *e)
{
	static const uint8_t zero[32];
	struct sgx_report report = sgx_report_of(q->qe_report);
	uint8_t digest[32];

	if (!ecdsa_holds_raw(leaf->key, q->qe_report, q->qe_signature.p))
		return err_set(e, ERR_UNTRUSTED, REASON_QE_REPORT_SIGNATURE,
		    "QE report is not signed by the PCK key");
	if (!sha256_of(q->key, q->qe_auth, digest))
		return err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "digest");
	if (memcmp(digest, report.report_data, 32) != 0)
		return err_set(e, ERR_UNTRUSTED, REASON_QE_REPORT_DATA,
		    "QE report does not bind the attestation key");
	/* Intel's QE leaves the other half zero; nothing else has a meaning there. */
	if (memcmp(report.report_data + 32, zero, sizeof zero) != 0)
		return err_set(e, ERR_UNTRUSTED, REASON_QE_REPORT_DATA,
		    "second half of the QE's report data is not zero");
	return true;
}

static MUST_CHECK bool
check_quote_signature(const struct quote *q, struct err *e)
{
	uint8_t key[EC_POINT_SIZE] = {4};

	memcpy(key + 1, q->key.p, 64);
	if (!ecdsa_holds_raw(key, q->signed_part, q->signature.p))
		return err_set(e, ERR_UNTRUSTED, REASON_QUOTE_SIGNATURE,
		    "quote is not signed by the attestation key");
	return true;
}

/* -- the PCK chain: inside the quote, or beside the collateral -- */

/* Types 1 to 3 name the PCK certificate by the TCB that it stands for. */
static MUST_CHECK bool
check_tail(const struct quote *q, const struct eedcap_platform *p, struct err *e)
{
	static const size_t id_size[] = {0, 16, 256, 384};
	struct rd r = rd_of(q->cert);
	struct span cpusvn, pceid;
	uint16_t pcesvn;

	rd_skip(&r, id_size[q->cert_type]);
	cpusvn = rd_span(&r, 16);
	pcesvn = rd_u16le(&r);
	pceid = rd_span(&r, 2);
	if (!rd_end(&r))
		return err_set(e, ERR_MALFORMED, REASON_QUOTE_LENGTHS,
		    "certification data type %u of %zu bytes", q->cert_type, q->cert.n);
	if (memcmp(cpusvn.p, p->cpusvn, 16) != 0 || pcesvn != p->pcesvn
	    || memcmp(pceid.p, p->pceid, 2) != 0)
		return err_set(e, ERR_UNTRUSTED, REASON_CERT_CHAIN,
		    "the PCK certificate beside the quote is of another TCB");
	return true;
}

static MUST_CHECK bool
check_leaf_data(const struct quote *q, const struct pck *pck, struct err *e)
{
	struct chain leaf;
	bool same;

	if (!pck_chain_parse(&leaf, q->cert, e))
		return false;
	same = leaf.n == 1 && span_eq(leaf.cert[0].der, pck->leaf->der);
	chain_fini(&leaf);
	return same
	       || err_set(e, ERR_UNTRUSTED, REASON_CERT_CHAIN,
		   "the chain beside the quote is of another leaf");
}

/* On success the caller calls chain_fini. c may be NULL: then only the quote's own chain counts. */
static MUST_CHECK bool
read_chain(struct chain *ch, struct pck *pck, const struct quote *q,
    const struct eedcap_collateral *c, struct err *e)
{
	struct span text = q->cert;
	bool beside = q->cert_type != CERT_CHAIN;

	if (beside && (!c || !c->has_pck_chain))
		return err_set(e, ERR_UNSUPPORTED, REASON_NO_PCK_CERTIFICATE,
		    "certification data type %u holds no chain", q->cert_type);
	if (beside)
		text = buf_span(&c->pck_chain_pem);
	if (!pck_chain_parse(ch, text, e))
		return false;
	if (!pck_read(pck, ch, e)
	    || (beside && q->cert_type <= CERT_PPID_RSA3072 && !check_tail(q, &pck->platform, e))
	    || (beside && q->cert_type == CERT_LEAF && !check_leaf_data(q, pck, e))) {
		chain_fini(ch);
		return false;
	}
	return true;
}

/* -- revocation and the documents' fit -- */

static MUST_CHECK bool
check_revocation(const struct eedcap_collateral *c, const struct pck *pck, struct err *e)
{
	bool known = c->pck_crl_checked
		     && memcmp(c->known.v[0]->key, pck->ca->key, EC_POINT_SIZE) == 0;

	if (!span_eq(c->root_crl.issuer, pck->root->subject))
		return err_set(
		    e, ERR_UNTRUSTED, REASON_CRL_ISSUER, "root CRL is not of the quote's root");
	if (crl_holds(&c->root_crl, pck->ca->serial))
		return err_set(
		    e, ERR_UNTRUSTED, REASON_PCK_CA_REVOKED, "\"%s\"", pck->ca->subject_cn);
	if (!crl_check_issuer(&c->pck_crl, pck->ca, known, e))
		return false;
	if (crl_holds(&c->pck_crl, pck->leaf->serial))
		return err_set(e, ERR_UNTRUSTED, REASON_PCK_REVOKED, "PCK certificate is revoked");
	return true;
}

static MUST_CHECK bool
check_documents(
    const struct quote *q, const struct eedcap_collateral *c, const struct pck *pck, struct err *e)
{
	const struct tcb_info *ti = &c->tcb_info;
	struct sgx_report qe = sgx_report_of(q->qe_report);
	struct td_report td;

	if ((uint32_t)ti->tee != q->tee)
		return err_set(
		    e, ERR_UNTRUSTED, REASON_TCB_INFO_MISMATCH, "TCB info is of another TEE");
	if (memcmp(ti->fmspc, pck->platform.fmspc, sizeof ti->fmspc) != 0)
		return err_set(e, ERR_UNTRUSTED, REASON_TCB_INFO_MISMATCH, "fmspc");
	if (memcmp(ti->pceid, pck->platform.pceid, sizeof ti->pceid) != 0)
		return err_set(e, ERR_UNTRUSTED, REASON_TCB_INFO_MISMATCH, "pceId");
	if (q->tee == EEDCAP_TDX) {
		td = td_report_of(q);
		if (!tcb_check_module(ti, &td, e))
			return false;
	}
	return qe_identity_check(&c->qe_identity, &qe, (enum eedcap_tee)q->tee, e);
}

static MUST_CHECK bool
check_times(const struct eedcap_collateral *c, const struct pck *pck, int64_t now, struct err *e)
{
	return pck_check_time(pck, now, e) && collateral_check_time(c, now, e);
}

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
	if (!tcb_evaluate(&result, &in, e)
	    || !verdict_set_tcb(v, &result, &c->tcb_info, &c->qe_identity, e))
		return false;
	if (v->status == EEDCAP_REVOKED)
		return err_set(e, ERR_TCB, REASON_TCB_REVOKED, "TCB is revoked");
	return true;
}

/* -- policy -- */

static bool
attribute(struct err *e, const char *what)
{
	return err_set(e, ERR_POLICY, REASON_TD_ATTRIBUTES, "%s", what);
}

static MUST_CHECK bool
check_td(struct eedcap_verdict *v, uint32_t flags, struct err *e)
{
	struct td_report td = td_report_of(&v->quote->q);
	bool serviced = false;

	for (size_t i = 0; i < td.mrservicetd.n; i++)
		serviced |= td.mrservicetd.p[i] != 0;
	if (td.attributes & TD_DEBUG) {
		if (!(flags & EEDCAP_ALLOW_DEBUG))
			return err_set(e, ERR_POLICY, REASON_DEBUG_TD, "TD has DEBUG set");
		verdict_warn(v, "debug TD: it keeps no secret");
	}
	if (td.attributes & ~TD_DEBUG & (TD_UNDER_DEBUG | ~TD_DEFINED)
	    && !(flags & EEDCAP_ALLOW_OTHER_ATTRIBUTES))
		return attribute(e, "undefined or untrusted attribute bits");
	if (td.attributes & TD_MIGRATABLE) {
		if (flags & EEDCAP_DENY_MIGRATABLE)
			return attribute(e, "MIGRATABLE");
		verdict_warn(v, "TD may be migrated to another platform");
	}
	if (serviced) {
		if (flags & EEDCAP_DENY_SERVICE_TD)
			return attribute(e, "a service TD is bound");
		verdict_warn(v, "a service TD is bound");
	}
	if (!(td.attributes & TD_SEPT_VE_DISABLE) && flags & EEDCAP_REQUIRE_SEPT_VE_DISABLE)
		return attribute(e, "SEPT_VE_DISABLE is not set");
	return true;
}

static MUST_CHECK bool
check_sgx(struct eedcap_verdict *v, uint32_t flags, struct err *e)
{
	if (sgx_report_of(v->quote->q.body).attributes[0] & SGX_DEBUG) {
		if (!(flags & EEDCAP_ALLOW_DEBUG))
			return err_set(
			    e, ERR_POLICY, REASON_DEBUG_ENCLAVE, "enclave has DEBUG set");
		verdict_warn(v, "debug enclave: it keeps no secret");
	}
	return true;
}

static MUST_CHECK bool
check_policy(struct eedcap_verdict *v, const struct eedcap_policy *policy, struct err *e)
{
	static const struct eedcap_policy strict;
	const struct eedcap_policy *p = policy ? policy : &strict;
	uint32_t accept = p->accept ? p->accept : EEDCAP_ACCEPT(EEDCAP_UP_TO_DATE);

	if (v->quote->q.trailing > 0) {
		if (p->flags & EEDCAP_DENY_TRAILING)
			return err_set(e, ERR_POLICY, REASON_TRAILING_BYTES,
			    "%zu bytes behind the quote", v->quote->q.trailing);
		verdict_warn(v, "unsigned bytes behind the quote");
	}
	if (v->quote->q.tee == EEDCAP_TDX ? !check_td(v, p->flags, e) : !check_sgx(v, p->flags, e))
		return false;
	if (v->evaluation_number < p->min_evaluation_number)
		return err_set(e, ERR_POLICY, REASON_COLLATERAL_OUTDATED,
		    "evaluation number %u, at least %u wanted", v->evaluation_number,
		    p->min_evaluation_number);
	if (!(accept & EEDCAP_ACCEPT(v->status)))
		return err_set(
		    e, ERR_TCB, REASON_TCB_STATUS_REJECTED, "%s", eedcap_status_name(v->status));
	return true;
}

/* -- the whole -- */

/* Everything that makes the quote authentic. */
static MUST_CHECK bool
authenticate(
    struct eedcap_verdict *v, const struct eedcap_collateral *c, int64_t now, struct err *e)
{
	const struct quote *q = &v->quote->q;
	struct chain chain;
	struct pck pck;
	bool ok;

	if (!read_chain(&chain, &pck, q, c, e))
		return false;
	v->platform = pck.platform;
	v->valid = c->valid;
	window_narrow(&v->valid, pck.leaf->valid);
	window_narrow(&v->valid, pck.ca->valid);
	window_narrow(&v->valid, pck.root->valid);
	v->evaluation_number = eedcap_collateral_evaluation_number(c);

	ok = pck_check(&pck, c->root_key, &c->known, e) && check_revocation(c, &pck, e)
	     && check_documents(q, c, &pck, e) && check_qe_report(q, pck.leaf, e)
	     && check_quote_signature(q, e) && check_times(c, &pck, now, e);
	chain_fini(&chain);
	return ok;
}

struct eedcap_verdict *
eedcap_verify(const void *quote, size_t n, const struct eedcap_collateral *c, int64_t now_s,
    const struct eedcap_policy *policy)
{
	struct eedcap_verdict *v = calloc(1, sizeof *v);
	struct err e = {0};

	if (!v)
		return NULL;
	v->quote = quote_new(span_of(quote, n), &e);
	if (v->quote) {
		v->authentic = authenticate(v, c, now_s, &e);
		v->accepted = v->authentic && evaluate_tcb(v, c, &e) && check_policy(v, policy, &e);
	}
	error_export(&v->error, &e);
	return v;
}

static MUST_CHECK bool
verify_offline(const struct quote *q, const uint8_t *root_key, int64_t now, struct err *e)
{
	struct chain chain;
	struct pck pck;
	bool ok;

	if (!read_chain(&chain, &pck, q, NULL, e))
		return false;
	ok = pck_check_time(&pck, now, e) && pck_check(&pck, root_key_or_intel(root_key), NULL, e)
	     && check_qe_report(q, pck.leaf, e) && check_quote_signature(q, e);
	chain_fini(&chain);
	return ok;
}

struct eedcap_quote *
eedcap_verify_offline(
    const void *quote, size_t n, const uint8_t *root_key, int64_t now_s, struct eedcap_error *err)
{
	struct err e = {0};
	struct eedcap_quote *q = quote_new(span_of(quote, n), &e);

	if (q && !verify_offline(&q->q, root_key, now_s, &e)) {
		eedcap_quote_free(q);
		q = NULL;
	}
	error_export(err, &e);
	return q;
}

struct eedcap_quote *
eedcap_quote_inspect(const void *quote, size_t n, struct eedcap_error *err)
{
	struct err e = {0};
	struct eedcap_quote *q = quote_new(span_of(quote, n), &e);

	error_export(err, &e);
	return q;
}

bool
eedcap_quote_platform(
    const struct eedcap_quote *q, struct eedcap_platform *out, struct eedcap_error *err)
{
	struct err e = {0};
	struct chain chain;
	bool ok = false;

	if (q->q.cert_type != CERT_CHAIN && q->q.cert_type != CERT_LEAF) {
		err_set(&e, ERR_UNSUPPORTED, REASON_NO_PCK_CERTIFICATE,
		    "certification data type %u holds no certificate", q->q.cert_type);
	} else if (pck_chain_parse(&chain, q->q.cert, &e)) {
		ok = pck_read_leaf(out, &chain, &e);
		chain_fini(&chain);
	}
	error_export(err, &e);
	return ok;
}

bool
eedcap_root_key(
    const void *cert, size_t n, uint8_t key[EEDCAP_ROOT_KEY_SIZE], struct eedcap_error *err)
{
	struct err e = {0};
	struct chain chain;
	bool ok = false;

	if (chain_parse(&chain, span_of(cert, n), "root CA", &e)) {
		ok = chain.n == 1 ? cert_check_root(&chain.cert[0], chain.cert[0].key, &e)
				  : err_set(&e, ERR_MALFORMED, REASON_CERT_CHAIN,
				      "root CA: %zu certificates, not 1", chain.n);
		if (ok)
			memcpy(key, chain.cert[0].key, EEDCAP_ROOT_KEY_SIZE);
		chain_fini(&chain);
	}
	error_export(err, &e);
	return ok;
}
