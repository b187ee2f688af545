#include "core/policy.h"

#include <string.h>

#include "base/hex.h"

static MUST_CHECK bool
tcb_accepted(enum tcb_status s, uint32_t accept, const char *whose, struct err *e)
{
	if (s < TCB_REVOKED && (accept & TCB_BIT(s)))
		return true;
	return err_set_arg(e, ERR_TCB, REASON_TCB_STATUS_REJECTED, tcb_status_name(s),
	    "not among the statuses that the %s accepts", whose);
}

static MUST_CHECK bool
tee_ok(const struct network *net, enum tee tee, bool debug, struct err *e)
{
	if (tee != TEE_TDX && !net->allow_sgx)
		return err_set(
		    e, ERR_POLICY, REASON_TEE_NOT_ALLOWED, "%s takes TDX only", net->name);
	if (debug && !net->allow_debug)
		return err_set(e, ERR_POLICY, REASON_DEBUG_TD, "%s takes no debug TD", net->name);
	return true;
}

/* --- TCB --- */

/* What a status would be if the part that was overtaken were not. */
static enum tcb_status
without_outdated(enum tcb_status s)
{
	switch (s) {
	case TCB_OUT_OF_DATE:
	case TCB_TD_RELAUNCH_ADVISED:
		return TCB_UP_TO_DATE;
	case TCB_OUT_OF_DATE_CONFIGURATION_NEEDED:
	case TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED:
		return TCB_CONFIGURATION_NEEDED;
	default:
		return TCB_UNKNOWN;
	}
}

int64_t
policy_grace_end(const struct network *net, const struct quote_view *q)
{
	enum tcb_status s = without_outdated(q->tcb);

	if (net->tcb.grace_days == 0 || q->verdict.outdated_since <= 0 || s == TCB_UNKNOWN
	    || !(net->tcb_accept & TCB_BIT(s)))
		return 0;
	return q->verdict.outdated_since + (int64_t)net->tcb.grace_days * 86400;
}

/* An id of `list` that is on `other` where `want`, or is not where it is not; empty: there is none. */
static struct span
first_advisory(const char *list, const char *other, bool want)
{
	while (*list) {
		size_t n = strcspn(list, ",");

		if (advisory_list_has(other, span_of(list, n)) == want)
			return span_of(list, n);
		list += n + (list[n] == ',');
	}
	return span_of(NULL, 0);
}

/* A status without advisories says nothing that could be accepted. */
static bool
advisories_accepted(const struct network *net, const struct quote_view *q)
{
	const char *list = q->verdict.advisories;

	return q->tcb < TCB_REVOKED && list && list[0]
	       && first_advisory(list, net->tcb.advisories_accept, false).n == 0;
}

static bool
accepted_for_good(const struct network *net, const struct quote_view *q)
{
	return (q->tcb < TCB_REVOKED && (net->tcb_accept & TCB_BIT(q->tcb)))
	       || advisories_accepted(net, q);
}

int64_t
policy_leans_until(const struct network *net, const struct quote_view *q)
{
	return accepted_for_good(net, q) ? 0 : policy_grace_end(net, q);
}

static MUST_CHECK bool
status_ok(const struct network *net, const struct quote_view *q, struct err *e)
{
	int64_t end = policy_grace_end(net, q);

	if (q->verdict.judged_at < end || accepted_for_good(net, q))
		return true;
	if (end)
		return err_set_arg(e, ERR_TCB, REASON_TCB_STATUS_REJECTED, tcb_status_name(q->tcb),
		    "the network's grace of %u days is over", net->tcb.grace_days);
	return tcb_accepted(q->tcb, net->tcb_accept, "network", e);
}

static MUST_CHECK bool
tcb_ok(const struct network *net, const struct quote_view *q, struct err *e)
{
	const struct tcb_rules *r = &net->tcb;
	const struct quote_verdict *v = &q->verdict;
	struct span denied = first_advisory(
	    v->advisories ? v->advisories : "", r->advisories_deny, true);
	char id[32] = "";

	if (!status_ok(net, q, e))
		return false;
	if (denied.n && span_cstr(denied, id, sizeof id))
		return err_set_arg(e, ERR_TCB, REASON_ADVISORY_DENIED, id,
		    "%s denies an advisory of this TCB", net->name);
	if (v->evaluation_number < r->min_evaluation_number) {
		err_show(e, "evaluation number %u, %s asks for %u", v->evaluation_number, net->name,
		    r->min_evaluation_number);
		return err_set(e, ERR_POLICY, REASON_COLLATERAL_OUTDATED,
		    "evaluation number %u, %s asks for %u", v->evaluation_number, net->name,
		    r->min_evaluation_number);
	}
	return v->tcb_date >= r->min_date
	       || err_set(e, ERR_TCB, REASON_TCB_DATE,
		   "the TCB is from before the date that %s "
		   "asks for",
		   net->name);
}

/* --- platforms --- */

static bool
is_listed(const struct platform_list *l, const struct quote_verdict *v)
{
	return platform_list_has(l, PLATFORM_FMSPC, v->fmspc)
	       || platform_list_has(l, PLATFORM_PPID_SHA256, v->ppid_sha256)
	       || (v->has_piid && platform_list_has(l, PLATFORM_PIID, v->piid));
}

/* The log has it as a list would: whoever wants to change the list can copy it. */
static bool
refuse_platform(const struct quote_verdict *v, enum reason r, struct err *e)
{
	char fmspc[13], piid[33] = "-", ppid[65];

	if (v->has_piid)
		(void)hex_encode(span_of(v->piid, sizeof v->piid), piid);
	return err_set(e, ERR_POLICY, r, "fmspc=%s piid=%s ppid_sha256=%s",
	    hex_encode(span_of(v->fmspc, sizeof v->fmspc), fmspc), piid,
	    hex_encode(span_of(v->ppid_sha256, sizeof v->ppid_sha256), ppid));
}

static MUST_CHECK bool
platform_ok(const struct network *net, const struct quote_verdict *v, struct err *e)
{
	if (!net->lists_platforms && net->deny.n == 0)
		return true;
	if (v->has_platform && is_listed(&net->deny, v))
		return refuse_platform(v, REASON_PLATFORM_DENIED, e);
	if (v->has_platform && (!net->lists_platforms || is_listed(&net->allow, v)))
		return true;
	return refuse_platform(v, REASON_PLATFORM_NOT_ALLOWED, e);
}

bool
policy_judge_quote(const struct network *net, const struct quote_view *q, struct err *e)
{
	return tee_ok(net, q->tee, q->debug, e) && tcb_ok(net, q, e)
	       && platform_ok(net, &q->verdict, e);
}

/* --- repositories --- */

static bool
is_of(const struct network_source *s, struct span repo, int64_t repo_id)
{
	struct span name = span_str(s->name);
	size_t slash = strcspn(s->name, "/");

	if (slash == name.n) /* an owner */
		return repo.n > slash && repo.p[slash] == '/'
		       && span_ieq(span_first(repo, slash), name);
	return span_ieq(repo, name) && (s->repo_id == 0 || repo_id == 0 || s->repo_id == repo_id);
}

bool
policy_judge_repo(const struct network *net, const char *repo, int64_t repo_id, struct err *e)
{
	if (net->source_n == 0)
		return true;
	for (size_t i = 0; i < net->source_n; i++)
		if (is_of(&net->sources[i], span_str(repo), repo_id))
			return true;
	return err_set(e, ERR_POLICY, REASON_REPO_NOT_ALLOWED,
	    "%s is none of the repositories and owners of %s", repo, net->name);
}

bool
policy_judge_release(const struct network *net, bool immutable, struct err *e)
{
	return !net->immutable_releases || immutable
	       || err_set(e, ERR_POLICY, REASON_RELEASE_MUTABLE,
		   "%s takes releases only that nobody can change", net->name);
}

/* --- what an admission keeps --- */

/* What the status alone does not decide is left to the judge of the quote. */
static MUST_CHECK bool
kept_tcb_ok(const struct network *net, enum tcb_status tcb, struct err *e)
{
	bool more = (net->tcb.grace_days && without_outdated(tcb) != TCB_UNKNOWN)
		    || net->tcb.advisories_accept[0];

	return (more && tcb < TCB_REVOKED) || tcb_accepted(tcb, net->tcb_accept, "network", e);
}

/* Else the host that starts a genuine VM could point its agent at another control plane, trust
 * another CA, or let it serve somebody else's backend. */
static const char *
config_fault(const struct json_doc *doc, const struct json_node *claims, const char *audience,
    bool channel_bound)
{
	const struct json_node *c = json_get(doc, claims, "agent_config");
	const struct json_node *backend = json_get(doc, c, "backend");

	if (!c || c->type != JSON_OBJECT)
		return "is not claimed";
	if (!json_is(json_get(doc, c, "control"), audience))
		return "names another control plane";
	if (!json_is(json_get(doc, c, "ca"), "system") && !channel_bound)
		return "trusts a CA of its own";
	if (!json_is(backend, "loopback") && !json_is(backend, "unix"))
		return "has its backend outside the VM";
	return NULL;
}

static MUST_CHECK bool
sealed_ok(const struct network *net, const struct admission *a, struct err *e)
{
	if (!net->sealed_only)
		return true;
	if (!a->claims_sealed)
		return err_set(
		    e, ERR_POLICY, REASON_SEALED_REQUIRED, "the claim sealed is not true");
	if (a->debug)
		return err_set(e, ERR_POLICY, REASON_SEALED_REQUIRED, "a debug TD is never sealed");
	return true;
}

bool
policy_judge_admission(const struct network *net, const struct admission *a, struct err *e)
{
	if (!tee_ok(net, a->tee, a->debug, e) || !kept_tcb_ok(net, a->tcb, e))
		return false;
	/* A networks file cannot say both; a struct network can. */
	if (a->unbound && (!net->legacy_agents || net->sealed_only))
		return err_set(e, ERR_POLICY, REASON_FRESHNESS_MISSING,
		    "%s takes no quote without a nonce", net->name);
	if (!sealed_ok(net, a, e))
		return false;
	if ((net->sealed_only || net->needs_pins) && !a->measured)
		return err_set(e, ERR_POLICY, REASON_ALLOWLIST_UNMEASURED,
		    "entry %zu lacks mrtd, rtmr1 or rtmr2", a->entry);
	if (!net->sealed_only || !a->config_fault)
		return true;
	err_set(e, ERR_POLICY, REASON_AGENT_CONFIG_REJECTED, "agent_config %s", a->config_fault);
	return err_show(e, "agent_config %s", a->config_fault);
}

bool
policy_judge_list(const struct admission *a, enum tcb_status tcb, struct err *e)
{
	return tcb_accepted(tcb, a->list_accept, "allowlist", e);
}

bool
policy_judge(const struct network *net, const struct quote_view *q, const struct json_doc *doc,
    const struct json_node *claims, const struct allowlist_match *m, const char *audience,
    bool channel_bound, struct admission *out, struct err *e)
{
	const struct json_node *sealed = json_get(doc, claims, "sealed");
	bool claimed = sealed && sealed->type == JSON_TRUE;
	struct admission a = {.sealed = claimed && m->pins_boot && !q->debug,
	    .measured = m->pins_boot,
	    .entry = m->entry,
	    .tcb = q->tcb,
	    .list_accept = (uint16_t)m->tcb_accept,
	    .tee = q->tee,
	    .debug = q->debug,
	    .unbound = q->bound_claims != NULL,
	    .claims_sealed = claimed};

	if (a.unbound)
		a.config_fault = "is not bound by the quote";
	else if (!m->pins_agent_config)
		a.config_fault = config_fault(doc, claims, audience, channel_bound);
	if (!policy_judge_quote(net, q, e) || !policy_judge_list(&a, q->tcb, e)
	    || !policy_judge_admission(net, &a, e))
		return false;
	*out = a;
	return true;
}
