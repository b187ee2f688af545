#include "control/standing.h"

#include "control/sweep.h"
#include "control/tunnel_endpoint.h"
#include "core/policy.h"

struct standing
standing_of(
    const struct network *net, const struct quote_view *v, const struct eedcap_verdict *verdict)
{
	struct standing s = {.until_s = eedcap_verdict_earliest_expiry(verdict)};
	int64_t grace = policy_leans_until(net, v);

	if (grace && grace <= s.until_s)
		s = (struct standing){grace - 1, true};
	return s;
}

void
standing_renew(struct tunnel *t, struct standing s)
{
	struct control *c = t->c;
	struct registry_now now = control_now(c);
	struct lease lease = t->session.lease;

	t->standing = s;
	lease_cap(&lease, now.ms, s.until_s + 1 - now.s);
	registry_lease(c->registry, t->replica, lease, now);
	sweep_note_end(c, s.until_s + 1);
}

static void
end(struct tunnel *t)
{
	struct session_input in = {.ev = SESSION_EV_FATAL};
	struct err e = {0};

	if (t->standing.by_grace)
		(void)err_set_arg(&e, ERR_TCB, REASON_TCB_STATUS_REJECTED,
		    tcb_status_name(t->earned.tcb), "the network's grace is over");
	else
		(void)err_set(
		    &e, ERR_EXPIRED, REASON_EVIDENCE_EXPIRED, "what it was verified by has ended");
	in.err = &e;
	tunnel_step(t, &in);
}

void
standing_look(struct control *c)
{
	int64_t now = env_now_s(c->env);

	for (struct tunnel *t = c->tunnels; t; t = t->next)
		if (t->replica && now > t->standing.until_s)
			end(t);
}

int64_t
standing_next_end(const struct control *c)
{
	int64_t first = INT64_MAX;

	for (const struct tunnel *t = c->tunnels; t; t = t->next)
		if (t->replica && t->standing.until_s < first)
			first = t->standing.until_s;
	return first == INT64_MAX ? first : first + 1;
}
