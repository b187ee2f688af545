#include "dcap/authenticity.h"

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

/* The chain that came with the collateral was checked with it. */
static MUST_CHECK bool
use_chain_beside(struct pck *pck, const struct quote *q, const struct eedcap_collateral *c,
    struct checks *checks, struct err *e)
{
	*pck = c->pck;
	pck_passed(checks);
	return checked(checks, CHECK_PCK_CHAIN,
	    q->cert_type == CERT_LEAF ? pck_is_leaf(pck, q->cert, e)
				      : check_tail(q, &pck->platform, e));
}

static MUST_CHECK bool
check_chain(struct pck *pck, struct verifier *vf, const struct quote *q,
    const struct eedcap_collateral *c, struct checks *checks, struct err *e)
{
	if (q->cert_type == CERT_CHAIN)
		return pck_check(pck, vf, q->cert, checks, e);
	if (c && c->has_pck_chain)
		return use_chain_beside(pck, q, c, checks, e);
	return checked(checks, CHECK_PCK_CHAIN,
	    err_set(e, ERR_UNTRUSTED, REASON_NO_PCK_CERTIFICATE,
		"certification data type %u holds no chain", q->cert_type));
}

/* -- the quoting enclave and its quote -- */

static MUST_CHECK bool
check_qe_signature(struct verifier *vf, const struct quote *q, const struct pck *pck, struct err *e)
{
	uint8_t digest[SHA256_SIZE];

	verifier_digest(vf, q->qe_report, span_of("", 0), digest);
	return verifier_holds_once(vf, pck->key, digest, q->qe_signature.p)
	       || err_set(e, ERR_UNTRUSTED, REASON_QE_REPORT_SIGNATURE,
		   "QE report is not signed by the PCK key");
}

static MUST_CHECK bool
check_qe_data(struct verifier *vf, const struct quote *q, struct err *e)
{
	static const uint8_t zero[32];
	const uint8_t *data = sgx_report_of(q->qe_report).report_data;
	uint8_t digest[SHA256_SIZE];

	verifier_digest(vf, q->key, q->qe_auth, digest);
	if (memcmp(digest, data, sizeof digest) != 0)
		return err_set(e, ERR_UNTRUSTED, REASON_QE_REPORT_DATA,
		    "QE report does not bind the attestation key");
	/* Intel's QE leaves the other half zero; nothing else has a meaning there. */
	if (memcmp(data + sizeof digest, zero, sizeof zero) != 0)
		return err_set(e, ERR_UNTRUSTED, REASON_QE_REPORT_DATA,
		    "second half of the QE's report data is not zero");
	return true;
}

/* What names the fact that a QE report is signed by a PCK key and binds an attestation key: all
 * three, the signature and the authentication data, field by field as they were read and not as they
 * lie in the quote, where the same bytes can be cut in two ways. All but the last have one length. */
#define QE_FACT_SIZE (1 + EC_POINT_SIZE + 64 + 384 + 64)
static void
name_qe(const struct quote *q, const struct pck *pck, uint8_t out[static QE_FACT_SIZE])
{
	*out++ = 'Q'; /* the facts of signatures begin with a point, hence with 4 */
	memcpy(out, pck->key, EC_POINT_SIZE);
	memcpy(out + EC_POINT_SIZE, q->key.p, 64);
	memcpy(out + EC_POINT_SIZE + 64, q->qe_report.p, 384);
	memcpy(out + EC_POINT_SIZE + 64 + 384, q->qe_signature.p, 64);
}

/* Report and binding, for ever true once they hold: every quote of one QE has them again. */
static MUST_CHECK bool
check_qe(struct verifier *vf, const struct quote *q, const struct pck *pck, struct checks *checks,
    struct err *e)
{
	uint8_t name[SHA256_SIZE], fact[QE_FACT_SIZE];

	name_qe(q, pck, fact);
	if (verifier_knows(vf, span_of(fact, sizeof fact), q->qe_auth, name)) {
		vf->stats.signatures_known++;
		(void)checked(checks, CHECK_QE_REPORT_SIGNATURE, true);
		return checked(checks, CHECK_QE_REPORT_DATA, true);
	}
	if (!checked(checks, CHECK_QE_REPORT_SIGNATURE, check_qe_signature(vf, q, pck, e))
	    || !checked(checks, CHECK_QE_REPORT_DATA, check_qe_data(vf, q, e)))
		return false;
	verifier_remember(vf, name);
	return true;
}

static MUST_CHECK bool
check_quote_signature(struct verifier *vf, const struct eedcap_quote *q, struct err *e)
{
	uint8_t key[EC_POINT_SIZE] = {4};

	memcpy(key + 1, q->q.key.p, 64);
	return verifier_holds_once(vf, key, q->digest, q->q.signature.p)
	       || err_set(e, ERR_UNTRUSTED, REASON_QUOTE_SIGNATURE,
		   "quote is not signed by the attestation key");
}

bool
authenticity_check(struct pck *pck, struct verifier *vf, const struct eedcap_quote *q,
    const struct eedcap_collateral *c, struct checks *checks, struct err *e)
{
	return check_chain(pck, vf, &q->q, c, checks, e) && check_qe(vf, &q->q, pck, checks, e)
	       && checked(checks, CHECK_QUOTE_SIGNATURE, check_quote_signature(vf, q, e));
}

bool
authenticity_known(
    struct pck *pck, const struct verifier *vf, const struct eedcap_quote *q, struct checks *checks)
{
	static const enum check more[] = {
	    CHECK_QE_REPORT_SIGNATURE, CHECK_QE_REPORT_DATA, CHECK_QUOTE_SIGNATURE};

	if (!q->authentic || memcmp(q->root_key, vf->root_key, EC_POINT_SIZE) != 0)
		return false;
	pck_passed(checks);
	for (size_t i = 0; i < sizeof more / sizeof more[0]; i++)
		(void)checked(checks, more[i], true);
	*pck = q->pck;
	return true;
}
