#include "dcap/policy.h"

/* TD attribute bits. The lowest eight are "TD under debug": any of them opens the TD. */
#define TD_DEBUG           (UINT64_C(1) << 0)
#define TD_UNDER_DEBUG     UINT64_C(0xff)
#define TD_SEPT_VE_DISABLE (UINT64_C(1) << 28)
#define TD_MIGRATABLE      (UINT64_C(1) << 29)
/* ICSSD 16, LASS 27, SEPT_VE_DISABLE 28, MIGRATABLE 29, PKS 30, KL 31, TPA 62, PERFMON 63 */
#define TD_DEFINED UINT64_C(0xc0000000f8010000)

#define SGX_DEBUG 0x02 /* ATTRIBUTES, first byte */

/* One thing that a policy may or may not tolerate. */
struct matter {
	enum check check;
	bool holds; /* it is as it should be */
	bool tolerated;
	enum reason reason;
	const char *refusal, *warning;
};

static MUST_CHECK bool
judge(struct eedcap_verdict *v, const struct matter *m, struct err *e)
{
	if (!m->holds && m->tolerated) {
		check_tolerated(&v->checks, m->check);
		verdict_warn(v, m->warning);
		return true;
	}
	(void)checked(&v->checks, m->check, m->holds);
	return m->holds || err_set(e, ERR_POLICY, m->reason, "%s", m->refusal);
}

static bool
is_zero(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i])
			return false;
	return true;
}

static MUST_CHECK bool
check_td(struct eedcap_verdict *v, uint32_t flags, struct err *e)
{
	struct td_report td = td_report_of(&v->quote->q);
	uint64_t odd = td.attributes & ~TD_DEBUG & (TD_UNDER_DEBUG | ~TD_DEFINED);
	const struct matter matters[] = {
	    {CHECK_DEBUG, !(td.attributes & TD_DEBUG), flags & EEDCAP_ALLOW_DEBUG, REASON_DEBUG_TD,
		"TD has DEBUG set", "debug TD: it keeps no secret"},
	    {CHECK_ATTRIBUTES, odd == 0, flags & EEDCAP_ALLOW_OTHER_ATTRIBUTES,
		REASON_TD_ATTRIBUTES, "undefined or untrusted attribute bits",
		"undefined or untrusted attribute bits are set"},
	    {CHECK_MIGRATABLE, !(td.attributes & TD_MIGRATABLE), !(flags & EEDCAP_DENY_MIGRATABLE),
		REASON_TD_ATTRIBUTES, "MIGRATABLE", "TD may be migrated to another platform"},
	    {CHECK_SERVICE_TD, is_zero(td.mrservicetd), !(flags & EEDCAP_DENY_SERVICE_TD),
		REASON_TD_ATTRIBUTES, "a service TD is bound", "a service TD is bound"},
	    {CHECK_SEPT_VE, td.attributes & TD_SEPT_VE_DISABLE,
		!(flags & EEDCAP_REQUIRE_SEPT_VE_DISABLE), REASON_TD_ATTRIBUTES,
		"SEPT_VE_DISABLE is not set", "SEPT_VE_DISABLE is not set"},
	};

	for (size_t i = 0; i < sizeof matters / sizeof matters[0]; i++) {
		if (matters[i].check == CHECK_SERVICE_TD && td.mrservicetd.n == 0)
			check_not_applicable(&v->checks, CHECK_SERVICE_TD); /* before 1.5 */
		else if (!judge(v, &matters[i], e))
			return false;
	}
	return true;
}

static MUST_CHECK bool
check_sgx(struct eedcap_verdict *v, uint32_t flags, struct err *e)
{
	static const enum check of_tds[] = {
	    CHECK_ATTRIBUTES, CHECK_MIGRATABLE, CHECK_SERVICE_TD, CHECK_SEPT_VE};
	uint8_t attributes = sgx_report_of(v->quote->q.body).attributes[0];
	struct matter debug = {CHECK_DEBUG, !(attributes & SGX_DEBUG), flags & EEDCAP_ALLOW_DEBUG,
	    REASON_DEBUG_ENCLAVE, "enclave has DEBUG set", "debug enclave: it keeps no secret"};

	for (size_t i = 0; i < sizeof of_tds / sizeof of_tds[0]; i++)
		check_not_applicable(&v->checks, of_tds[i]);
	return judge(v, &debug, e);
}

static MUST_CHECK bool
check_evaluation_number(struct eedcap_verdict *v, const struct eedcap_policy *p, struct err *e)
{
	return v->evaluation_number >= p->min_evaluation_number
	       || err_set(e, ERR_POLICY, REASON_COLLATERAL_OUTDATED,
		   "evaluation number %u, at least %u wanted", v->evaluation_number,
		   p->min_evaluation_number);
}

static MUST_CHECK bool
check_tcb_date(struct eedcap_verdict *v, const struct eedcap_policy *p, struct err *e)
{
	return p->min_tcb_date == 0 || v->tcb_date >= p->min_tcb_date
	       || err_set(e, ERR_TCB, REASON_TCB_DATE, "the TCB date is below the floor");
}

static MUST_CHECK bool
check_status(struct eedcap_verdict *v, const struct eedcap_policy *p, struct err *e)
{
	uint32_t accept = p->accept ? p->accept : EEDCAP_ACCEPT(EEDCAP_UP_TO_DATE);

	return accept & EEDCAP_ACCEPT_ANY & EEDCAP_ACCEPT(v->status)
	       || err_set(
		   e, ERR_TCB, REASON_TCB_STATUS_REJECTED, "%s", eedcap_status_name(v->status));
}

#define FLAGS_KNOWN                                                                                \
	(EEDCAP_ALLOW_DEBUG | EEDCAP_ALLOW_OTHER_ATTRIBUTES | EEDCAP_DENY_MIGRATABLE               \
	    | EEDCAP_DENY_SERVICE_TD | EEDCAP_REQUIRE_SEPT_VE_DISABLE | EEDCAP_DENY_TRAILING       \
	    | EEDCAP_ALLOW_EXPIRED)

bool
policy_known(const struct eedcap_policy *policy, struct err *e)
{
	uint32_t odd_flags = policy ? policy->flags & ~FLAGS_KNOWN : 0;
	uint32_t odd_statuses =
	    policy ? policy->accept & ~(EEDCAP_ACCEPT_ANY | EEDCAP_ACCEPT(EEDCAP_REVOKED)) : 0;

	return (!odd_flags && !odd_statuses)
	       || err_set(e, ERR_USAGE, REASON_BAD_SETTING,
		   "policy with unknown flags %#x, statuses %#x", odd_flags, odd_statuses);
}

bool
policy_check(struct eedcap_verdict *v, const struct eedcap_policy *policy, struct err *e)
{
	static const struct eedcap_policy strict;
	const struct eedcap_policy *p = policy ? policy : &strict;
	struct matter trailing = {CHECK_TRAILING, v->quote->q.trailing == 0,
	    !(p->flags & EEDCAP_DENY_TRAILING), REASON_TRAILING_BYTES, "bytes behind the quote",
	    "unsigned bytes behind the quote"};

	if (!judge(v, &trailing, e))
		return false;
	if (v->quote->q.tee == EEDCAP_TDX ? !check_td(v, p->flags, e) : !check_sgx(v, p->flags, e))
		return false;
	return checked(&v->checks, CHECK_EVALUATION_NUMBER, check_evaluation_number(v, p, e))
	       && checked(&v->checks, CHECK_TCB_DATE, check_tcb_date(v, p, e))
	       && checked(&v->checks, CHECK_TCB_STATUS, check_status(v, p, e));
}
