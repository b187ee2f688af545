#include "core/policy.h"

#include <string.h>

static MUST_CHECK bool
tcb_accepted(enum tcb_status s, uint32_t accept, const char *whose, struct err *e)
{
	if (s < TCB_REVOKED && (accept & TCB_BIT(s)))
		return true;
	return err_set_arg(e, ERR_TCB, REASON_TCB_STATUS_REJECTED, tcb_status_name(s),
	    "not among the statuses that the %s accepts", whose);
}

static MUST_CHECK bool
tee_ok(const struct network *net, enum tee tee, bool debug, enum tcb_status tcb, struct err *e)
{
	if (tee != TEE_TDX && !net->allow_sgx)
		return err_set(
		    e, ERR_POLICY, REASON_TEE_NOT_ALLOWED, "%s takes TDX only", net->name);
	if (debug && !net->allow_debug)
		return err_set(e, ERR_POLICY, REASON_DEBUG_TD, "%s takes no debug TD", net->name);
	return tcb_accepted(tcb, net->tcb_accept, "network", e);
}

bool
policy_judge_quote(const struct network *net, const struct quote_view *q, struct err *e)
{
	return tee_ok(net, q->tee, q->debug, q->tcb, e);
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
	if (!tee_ok(net, a->tee, a->debug, a->tcb, e))
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
	    .tee = q->tee,
	    .debug = q->debug,
	    .unbound = q->bound_claims != NULL,
	    .claims_sealed = claimed};

	if (a.unbound)
		a.config_fault = "is not bound by the quote";
	else if (!m->pins_agent_config)
		a.config_fault = config_fault(doc, claims, audience, channel_bound);
	if (!policy_judge_quote(net, q, e) || !tcb_accepted(q->tcb, m->tcb_accept, "allowlist", e)
	    || !policy_judge_admission(net, &a, e))
		return false;
	*out = a;
	return true;
}
