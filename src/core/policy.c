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

bool
policy_judge_quote(const struct network *net, const struct quote_view *q, struct err *e)
{
	if (q->tee != TEE_TDX && !net->allow_sgx)
		return err_set(
		    e, ERR_POLICY, REASON_TEE_NOT_ALLOWED, "%s takes TDX only", net->name);
	if (q->debug && !net->allow_debug)
		return err_set(e, ERR_POLICY, REASON_DEBUG_TD, "%s takes no debug TD", net->name);
	return tcb_accepted(q->tcb, net->tcb_accept, "network", e);
}

/* Else the host that starts a genuine VM could point its agent at another control plane, trust
 * another CA, or let it serve somebody else's backend. */
static MUST_CHECK bool
agent_config_ok(const struct json_doc *doc, const struct json_node *claims, const char *audience,
    bool channel_bound, struct err *e)
{
	const struct json_node *c = json_get(doc, claims, "agent_config");
	const struct json_node *backend = json_get(doc, c, "backend");
	const char *wrong = NULL;

	if (!c || c->type != JSON_OBJECT)
		wrong = "is not claimed";
	else if (!json_is(json_get(doc, c, "control"), audience))
		wrong = "names another control plane";
	else if (!json_is(json_get(doc, c, "ca"), "system") && !channel_bound)
		wrong = "trusts a CA of its own";
	else if (!json_is(backend, "loopback") && !json_is(backend, "unix"))
		wrong = "has its backend outside the VM";
	if (!wrong)
		return true;
	err_set(e, ERR_POLICY, REASON_AGENT_CONFIG_REJECTED, "agent_config %s", wrong);
	return err_show(e, "agent_config %s", wrong);
}

static MUST_CHECK bool
sealed_ok(const struct network *net, bool claimed, const struct quote_view *q, struct err *e)
{
	if (!net->sealed_only)
		return true;
	if (!claimed)
		return err_set(
		    e, ERR_POLICY, REASON_SEALED_REQUIRED, "the claim sealed is not true");
	if (q->debug)
		return err_set(e, ERR_POLICY, REASON_SEALED_REQUIRED, "a debug TD is never sealed");
	return true;
}

bool
policy_judge(const struct network *net, const struct quote_view *q, const struct json_doc *doc,
    const struct json_node *claims, const struct allowlist_match *m, const char *audience,
    bool channel_bound, struct admission *out, struct err *e)
{
	const struct json_node *sealed = json_get(doc, claims, "sealed");
	bool claimed = sealed && sealed->type == JSON_TRUE;

	if (!policy_judge_quote(net, q, e) || !tcb_accepted(q->tcb, m->tcb_accept, "allowlist", e)
	    || !sealed_ok(net, claimed, q, e))
		return false;
	if ((net->sealed_only || net->needs_pins) && !m->pins_boot)
		return err_set(e, ERR_POLICY, REASON_ALLOWLIST_UNMEASURED,
		    "entry %zu lacks mrtd, rtmr1 or rtmr2", m->entry);
	if (net->sealed_only && !m->pins_agent_config
	    && !agent_config_ok(doc, claims, audience, channel_bound, e))
		return false;
	*out = (struct admission){
	    .sealed = claimed && m->pins_boot && !q->debug,
	    .measured = m->pins_boot,
	    .entry = m->entry,
	    .tcb = q->tcb,
	};
	return true;
}
