#include "dcap/tcb.h"

bool
tcb_check_module(const struct tcb_info *info, const struct td_report *td, struct err *e)
{
	static const uint8_t zero[8];
	const struct tdx_module *m = &info->module;
	int major = td->svn[1];

	if (major > 0) {
		const struct tdx_module_identity *id = tcb_info_identity(info, major);

		if (!id)
			return err_set(e, ERR_UNTRUSTED, REASON_TDX_MODULE_MISMATCH,
			    "no identity TDX_%02X in the TCB info", (unsigned)major);
		m = &id->module;
	}
	if (memcmp(td->mrsignerseam, m->mrsigner, sizeof m->mrsigner) != 0)
		return err_set(e, ERR_UNTRUSTED, REASON_TDX_MODULE_MISMATCH, "mrsignerseam");
	for (size_t i = 0; i < sizeof m->attributes; i++)
		if ((td->seamattributes[i] & m->mask[i]) != m->attributes[i])
			return err_set(
			    e, ERR_UNTRUSTED, REASON_TDX_MODULE_MISMATCH, "seamattributes");
	/* Intel's verifier demands zero whatever the document says; the stricter of both counts. */
	if (memcmp(td->seamattributes, zero, sizeof zero) != 0)
		return err_set(
		    e, ERR_UNTRUSTED, REASON_TDX_MODULE_MISMATCH, "seamattributes are not zero");
	return true;
}

static bool
all_reach(const uint8_t have[static 16], const uint8_t need[static 16], size_t from)
{
	for (size_t i = from; i < 16; i++)
		if (have[i] < need[i])
			return false;
	return true;
}

/* The first level, highest first, that the platform reaches in every component. */
static MUST_CHECK bool
match_platform(
    const struct tcb_input *in, const uint8_t *svn, const struct level **out, struct err *e)
{
	/* Components 0 and 1 are the module's version, judged by its own levels where its major
	 * version is not 0. */
	size_t from = svn && svn[1] > 0 ? 2 : 0;

	for (size_t i = 0; i < in->info->n_levels; i++) {
		const struct tcb_level *l = &in->info->levels[i];

		if (all_reach(in->platform->components, l->sgx, 0)
		    && in->platform->pcesvn >= l->pcesvn
		    && (!svn || all_reach(svn, l->tdx, from))) {
			*out = &l->level;
			return true;
		}
	}
	return err_set(e, ERR_TCB, REASON_TCB_NOT_SUPPORTED, "no platform TCB level matches");
}

static MUST_CHECK bool
match_module(
    const struct tcb_info *info, const uint8_t *svn, const struct level **out, struct err *e)
{
	const struct tdx_module_identity *id;

	*out = NULL;
	if (!svn || svn[1] == 0)
		return true;
	id = tcb_info_identity(info, svn[1]);
	if (!id)
		return err_set(e, ERR_TCB, REASON_TCB_NOT_SUPPORTED,
		    "no identity TDX_%02X in the TCB info", svn[1]);
	*out = isv_levels_match(&id->levels, svn[0]);
	if (!*out)
		return err_set(
		    e, ERR_TCB, REASON_TCB_NOT_SUPPORTED, "no TDX module TCB level matches");
	if (!(STATUSES_OF_ENCLAVE & EEDCAP_ACCEPT((*out)->status)))
		return err_set(e, ERR_TCB, REASON_TCB_NOT_SUPPORTED,
		    "TDX module level with status %s", eedcap_status_name((*out)->status));
	return true;
}

/* What an outdated QE or module makes of the platform's status. */
static enum eedcap_status
outdated(enum eedcap_status platform)
{
	switch (platform) {
	case EEDCAP_CONFIGURATION_NEEDED:
	case EEDCAP_CONFIGURATION_AND_SW_HARDENING_NEEDED:
	case EEDCAP_OUT_OF_DATE_CONFIGURATION_NEEDED:
		return EEDCAP_OUT_OF_DATE_CONFIGURATION_NEEDED;
	case EEDCAP_REVOKED:
		return EEDCAP_REVOKED;
	default:
		return EEDCAP_OUT_OF_DATE;
	}
}

static enum eedcap_status
converge(const struct level *platform, const struct level *qe, const struct level *module)
{
	const struct level *parts[] = {qe, module};
	enum eedcap_status s = platform->status;

	for (size_t i = 0; i < 2; i++) {
		if (!parts[i])
			continue;
		if (parts[i]->status == EEDCAP_REVOKED)
			s = EEDCAP_REVOKED;
		else if (parts[i]->status == EEDCAP_OUT_OF_DATE)
			s = outdated(s);
	}
	return s;
}

static MUST_CHECK bool
match_qe(const struct tcb_input *in, const struct level **out, struct err *e)
{
	*out = isv_levels_match(&in->identity->levels, in->qe_isvsvn);
	return *out || err_set(e, ERR_TCB, REASON_TCB_NOT_SUPPORTED, "no QE TCB level matches");
}

static void
conclude(struct tcb_levels *l)
{
	l->status = converge(l->platform, l->qe, l->module);
	l->date = l->platform->date;
	if (l->qe->date < l->date)
		l->date = l->qe->date;
	if (l->module && l->module->date < l->date)
		l->date = l->module->date;
}

static bool
needs_configuration(enum eedcap_status s)
{
	return s == EEDCAP_CONFIGURATION_NEEDED
	       || s == EEDCAP_CONFIGURATION_AND_SW_HARDENING_NEEDED;
}

/* A TD that was built under an outdated TCB, on a platform that has been updated since, gets well
 * by being launched again. */
static enum eedcap_status
relaunch(enum eedcap_status launch, enum eedcap_status current)
{
	bool cured = current == EEDCAP_UP_TO_DATE || current == EEDCAP_SW_HARDENING_NEEDED
		     || needs_configuration(current);

	/* Cannot be with an honest module; Intel's verifier would report the launch status. */
	if (current == EEDCAP_REVOKED)
		return EEDCAP_REVOKED;
	if (!cured)
		return launch;
	if (launch == EEDCAP_OUT_OF_DATE)
		return needs_configuration(current)
			   ? EEDCAP_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED
			   : EEDCAP_TD_RELAUNCH_ADVISED;
	if (launch == EEDCAP_OUT_OF_DATE_CONFIGURATION_NEEDED)
		return EEDCAP_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED;
	return launch;
}

/* The levels of the TD as it was built. */
static MUST_CHECK bool
evaluate_launch(
    struct tcb_levels *l, const struct tcb_input *in, struct checks *checks, struct err *e)
{
	if (!checked(checks, CHECK_TCB_PLATFORM, match_platform(in, in->svn, &l->platform, e))
	    || !checked(checks, CHECK_TCB_MODULE, match_module(in->info, in->svn, &l->module, e))
	    || !checked(checks, CHECK_TCB_QE, match_qe(in, &l->qe, e)))
		return false;
	if (!l->module)
		check_not_applicable(checks, CHECK_TCB_MODULE);
	conclude(l);
	return true;
}

/* The levels of what runs now: the QE's is the same. */
static MUST_CHECK bool
evaluate_current(struct tcb_levels *l, const struct tcb_input *in, const struct level *qe,
    struct checks *checks, struct err *e)
{
	if (!in->svn2) {
		check_not_applicable(checks, CHECK_TCB_CURRENT);
		return true;
	}
	l->qe = qe;
	if (!checked(checks, CHECK_TCB_CURRENT,
		match_platform(in, in->svn2, &l->platform, e)
		    && match_module(in->info, in->svn2, &l->module, e)))
		return false;
	conclude(l);
	return true;
}

bool
tcb_evaluate(
    struct tcb_result *out, const struct tcb_input *in, struct checks *checks, struct err *e)
{
	struct tcb_result r = {0};

	if (!evaluate_launch(&r.launch, in, checks, e)
	    || !evaluate_current(&r.current, in, r.launch.qe, checks, e))
		return false;
	r.status = in->svn2 ? relaunch(r.launch.status, r.current.status) : r.launch.status;
	*out = r;
	return true;
}
