#include "control/api.h"
#include "control/attest_impl.h"
#include "control/audit.h"
#include "control/rejudge.h"
#include "control/reload.h"
#include "control/sweep.h"

#include <stdio.h>

/* An older tunnel that must prove itself is looked at this often. */
#define CONTEST_MS 200

void
verdict_join_advisories(const struct eedcap_verdict *v, char dst[static ROW_ADVISORIES_MAX])
{
	struct buf b;
	const char *one;

	buf_init(&b, ROW_ADVISORIES_MAX - 1);
	for (size_t i = 0; (one = eedcap_verdict_advisory(v, i)); i++) {
		if (b.n + 1 + strlen(one) >= ROW_ADVISORIES_MAX)
			break;
		buf_printf(&b, "%s%s", i ? "," : "", one);
	}
	if (!span_cstr(buf_span(&b), dst, ROW_ADVISORIES_MAX))
		dst[0] = '\0';
	buf_fini(&b);
}

static bool
fill_admission(struct attempt *a, struct err *e)
{
	const struct eedcap_platform *p = eedcap_verdict_platform(a->verdict);
	const struct session_settings *set = &a->c->session_set;
	struct registry_admission *out = &a->admission;

	*out = (struct registry_admission){.id = a->id,
	    .repo_id = a->repo_id,
	    .session = a->t,
	    .renew = a->t->session.renew,
	    .sealed = a->earned.sealed,
	    .unbound = a->earned.unbound,
	    .tcb_status = tcb_status_name(a->earned.tcb),
	    .advisories = a->advisories,
	    .replica = a->t->replica};
	lease_grant(
	    &out->lease, env_now_ms(a->c->env), set->interval_s, set->deadline_s, set->verify_s);
	lease_cap(
	    &out->lease, env_now_ms(a->c->env), a->standing.until_s + 1 - env_now_s(a->c->env));
	/* A copied quote names its owner's platform: not enough to take over an agent's tunnel. */
	if (p && !a->earned.unbound)
		memcpy(out->platform, a->ppid_sha256, sizeof out->platform);
	return true;
}

bool
attempt_evidence(struct attempt *a, struct evidence_row *row, struct err *e)
{
	struct evidence v = {.id = *a->id,
	    .bound = !a->offline.unbound,
	    .purpose = a->asked.purpose,
	    .claims = (a->done ? a->msg.u.evidence_response.proof.measurements
			       : a->msg.u.attest_response.proof.measurements)
			  ->text,
	    .net = a->net,
	    .secret = a->secret,
	    .verified_at = a->now_s,
	    .custom_root = a->c->custom_root,
	    .sealed = a->earned.sealed,
	    .tcb = a->earned.tcb};

	memcpy(v.nonce, a->asked.nonce, sizeof v.nonce);
	control_copy(v.audience, sizeof v.audience, a->offline.audience);
	memcpy(v.channel, a->channel, sizeof v.channel);
	memcpy(v.collateral_sha256, a->col->sha256, ATTEST_DIGEST);
	memcpy(v.allowlist_sha256, a->allowlist_sha256, ATTEST_DIGEST);
	memcpy(v.advisories, a->advisories, sizeof v.advisories);
	buf_clear(&a->record);
	evidence_write_record(&a->record, &v);
	*row = (struct evidence_row){.session = a->t->id,
	    .record = buf_span(&a->record),
	    .quote = buf_span(&a->quote),
	    .collateral = buf_span(&a->col->bundle),
	    .allowlist = a->secret ? span_of(NULL, 0) : buf_span(&a->list->bytes)};
	control_copy(row->app_name, sizeof row->app_name, a->id->app_name);
	control_copy(row->agent_id, sizeof row->agent_id, a->id->agent_id);
	memcpy(row->collateral_sha256, a->col->sha256, ATTEST_DIGEST);
	memcpy(row->allowlist_sha256, a->allowlist_sha256, ATTEST_DIGEST);
	return buf_ok(&a->record) || err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "evidence");
}

static void
undo(struct attempt *a)
{
	registry_unclaim(a->c->registry, &a->claim);
}

/* The agent went while the disk was at it: the trail told of its admission, and tells of its end. */
static void
note_left(struct attempt *a)
{
	struct err e = {0};

	if (a->admission.replica)
		return; /* its tunnel told of that */
	evidence_forget(a->c, a->id, a->session);
	(void)err_set(&e, ERR_IO, REASON_TUNNEL_LOST, "before it served");
	audit_lease_end(a->c, a->id, &e);
}

/* The change is on disk, so it may be told: into routing first, then the word to the agent. */
static void
committed(void *ctx, const struct err *why)
{
	struct attempt *a = ctx;
	struct tunnel *t = a->t;
	void *replaced = NULL;
	bool changed; /* the rules, while the disk was at it */
	struct control *c = a->c;
	uint64_t collateral_age = a->collateral_age;
	struct err e = {0};

	if (a->tells_pin)
		registry_pin_told(a->c->registry, a->id->repo, a->id->release_tag, !why);
	a->tells_pin = false;
	if (why)
		undo(a);
	if (!why && !t)
		note_left(a);
	if (!attempt_come_back(a))
		return;
	a->admission.replica = t->replica;
	if (why) {
		attempt_refuse(a, why);
		return;
	}
	if (!registry_attach(
		a->c->registry, &a->admission, control_now(a->c), &t->replica, &replaced, &e)) {
		if (!t->replica) {
			audit_lease_end(a->c, a->id, &e);
			evidence_forget(a->c, a->id, t->id);
		}
		attempt_refuse(a, &e);
		return;
	}
	t->earned = a->earned;
	t->standing = a->standing;
	sweep_note_end(c, a->standing.until_s + 1);
	c->counts.attested++;
	changed = a->nets_age != a->c->nets_age;
	attempt_finish(a, SESSION_EV_VERIFIED, NULL);
	if (changed)
		reload_judge(t);
	/* A pass may have gone by while this was on its way. */
	if (changed || collateral_age != c->collateral_age)
		rejudge_want(c, changed);
	if (replaced && replaced != t)
		tunnel_event(replaced, SESSION_EV_REPLACED);
}

/* The advisories as far as they fit. */
static void
fill_admitted(const struct attempt *a, struct audit_row *row)
{
	char detail[ROW_DETAIL_MAX + 1];
	struct audit_note n = {.event = a->t->admitted_n ? "reattested" : "attested",
	    .id = a->id,
	    .verdict = "accepted",
	    .reason = reason_token(REASON_ATTESTED),
	    .detail = detail,
	    .quote_sha256 = eedcap_quote_digest(a->q),
	    .allowlist_sha256 = a->allowlist_sha256};

	(void)snprintf(detail, sizeof detail, "tcb=%s freshness=%s%s%.150s",
	    a->admission.tcb_status, a->earned.unbound ? "none" : "bound",
	    a->advisories[0] ? " advisories=" : "", a->advisories);
	audit_fill(a->c, row, &n);
}

/* When this process stops, the registry is closed before the last requests have ended: the lease
 * under which they run stands until its end, which the session minds. */
static void
refuse_unwritten(struct attempt *a, const struct err *e)
{
	if (a->c->draining && a->t->session.state == SESSION_REVERIFYING)
		return;
	attempt_refuse(a, e);
}

static void
commit(struct attempt *a)
{
	struct pin_new pin = {.repo = a->id->repo,
	    .release_tag = a->id->release_tag,
	    .sha256 = a->allowlist_sha256,
	    .repo_id = a->repo_id,
	    .secret = a->secret,
	    .immutable = a->immutable};
	struct store_change ch[6];
	size_t n = 0;
	struct err e = {0};

	memset(ch, 0, sizeof ch);
	a->session = a->t->id;
	ch[n].op = STORE_PUT_EVIDENCE;
	if (!attempt_evidence(a, &ch[n++].u.evidence, &e)) {
		undo(a);
		attempt_refuse(a, &e);
		return;
	}
	ch[n].op = STORE_PUT_APP;
	ch[n++].u.app = a->claim.row;
	/* With every commit: the one that pinned first may have failed to reach the disk. */
	ch[n].op = STORE_PUT_PIN;
	if (!registry_pin_put(a->c->registry, &pin, env_now_s(a->c->env), &ch[n].u.pin, &e)) {
		undo(a);
		attempt_refuse(a, &e);
		return;
	}
	n++;
	ch[n].op = STORE_PUT_LIST;
	memcpy(ch[n].u.list.sha256, a->allowlist_sha256, ATTEST_DIGEST);
	ch[n++].u.list.bytes = buf_span(&a->list->bytes);
	a->tells_pin = registry_pin_tell(a->c->registry, a->id->repo, a->id->release_tag);
	if (a->tells_pin) {
		ch[n].op = STORE_ADD_AUDIT;
		audit_fill(a->c, &ch[n++].u.audit,
		    &(struct audit_note){
			.event = "pinned", .id = a->id, .allowlist_sha256 = a->allowlist_sha256});
	}
	ch[n].op = STORE_ADD_AUDIT;
	fill_admitted(a, &ch[n++].u.audit);
	a->busy = true;
	if (!control_submit(a->c, ch, n, committed, a, &e)) {
		a->busy = false;
		if (a->tells_pin)
			registry_pin_told(a->c->registry, a->id->repo, a->id->release_tag, false);
		undo(a);
		refuse_unwritten(a, &e);
	}
}

/* Another platform serves under this agent id. It is challenged; whoever is there and answers
 * right keeps the id. */
static void
contest(struct attempt *a, struct tunnel *older)
{
	struct err e = {0};

	if (a->older_id == older->id && older->admitted_n > a->older_admitted_n) {
		(void)err_set(&e, ERR_NOT_NOW, REASON_AGENT_ID_TAKEN, "the older tunnel answered");
		attempt_refuse(a, &e);
		return;
	}
	if (a->older_id != older->id) {
		a->older_id = older->id;
		a->older_admitted_n = older->admitted_n;
	}
	if (older->session.state == SESSION_ATTESTED)
		tunnel_challenge(older, WHY_POLICY);
	net_timer_start(a->c->loop, &a->again, CONTEST_MS, attempt_claim, a);
}

void
attempt_claim(void *ctx)
{
	struct attempt *a = ctx;
	struct err e = {0};

	if (apps_is_going(a->c, a->id->app_name)) {
		(void)err_set(&e, ERR_POLICY, REASON_ADMIN_REMOVED, "an admin removes the app");
		attempt_refuse(a, &e);
		return;
	}
	if (!fill_admission(a, &e)
	    || !registry_claim(a->c->registry, &a->admission, control_now(a->c), &a->claim, &e)) {
		attempt_refuse(a, &e);
		return;
	}
	if (a->claim.outcome == REGISTRY_CONTESTED)
		contest(a, a->claim.older);
	else
		commit(a);
}
