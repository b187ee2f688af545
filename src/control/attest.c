#include "control/attest_impl.h"
#include "control/audit.h"

#include "base/base64.h"
#include "base/hex.h"
#include "core/appraisal.h"
#include "core/policy.h"
#include "core/quote_eedcap.h"

#include <stdlib.h>

/* A service that is out is asked again this often while a lease stands. */
#define RETRY_MS 10000

static void fetch_collateral(void *ctx);
static void fetch_allowlist(void *ctx);

static void
attempt_free(struct attempt *a)
{
	net_defer_stop(&a->begin);
	net_timer_stop(&a->again);
	if (a->col_wait)
		collateral_cancel(a->col_wait);
	if (a->rel_wait)
		release_cancel(a->rel_wait);
	collateral_unref(a->col);
	list_unref(a->list);
	eedcap_verdict_free(a->verdict);
	eedcap_quote_free(a->q);
	if (a->has_msg)
		msg_fini(&a->msg);
	buf_fini(&a->text);
	buf_fini(&a->quote);
	free(a->id);
	buf_fini(&a->record);
	free(a);
}

void
attest_cancel(struct attempt *a)
{
	if (!a)
		return;
	a->t = NULL;
	if (!a->busy)
		attempt_free(a);
}

void
attempt_finish(struct attempt *a, enum session_event ev, const struct err *e)
{
	struct session_input in = {.ev = ev, .attempt = a->number, .err = e};
	struct tunnel *t = a->t;

	if (a->done) {
		a->done(a->done_ctx, NULL, e);
		attempt_free(a);
		return;
	}
	prom_times_add(&a->c->counts.attestations, env_now_ms(a->c->env) - a->begun_ms);
	t->attempt = NULL;
	attempt_free(a);
	tunnel_step(t, &in);
}

static void
note_refusal(const struct attempt *a, const struct err *e)
{
	struct audit_note digests = {.quote_sha256 = a->q ? eedcap_quote_digest(a->q) : NULL,
	    .allowlist_sha256 = a->allowlist_sha256};

	control_refused(a->c, a->id, a->t->peer, e, a->proven ? &digests : NULL);
}

void
attest_late(const struct attempt *a, const struct err *why)
{
	if (a && a->proven)
		note_refusal(a, why);
}

void
attempt_refuse(struct attempt *a, const struct err *e)
{
	if (!a->done)
		note_refusal(a, e);
	attempt_finish(a, SESSION_EV_REFUSED, e);
}

/* A service is out. Under a lease that stands the answer is judged when the service is back; the
 * lease's end is the session's business. */
static void
refuse_or_wait(struct attempt *a, const struct err *e, void (*retry)(void *ctx))
{
	if (e->code == ERR_IO && !a->done && a->t->session.state == SESSION_REVERIFYING) {
		if (control_may_log(a->c))
			log_failure(&a->c->env->log, LOG_WARN, "attestation_waits", e, "app",
			    a->id->app_name, "agent", a->id->agent_id, NULL);
		net_timer_start(a->c->loop, &a->again, RETRY_MS, retry, a);
		return;
	}
	attempt_refuse(a, e);
}

/* --- offline --- */

static const struct msg_proof *
proof_of(const struct attempt *a)
{
	return a->done ? &a->msg.u.evidence_response.proof : &a->msg.u.attest_response.proof;
}

/* Fresh evidence names its nonce in the quote alone. */
static struct appraisal_answer
answer_of(const struct attempt *a)
{
	const struct msg_proof *m = proof_of(a);

	return (struct appraisal_answer){
	    span_str(a->done ? a->nonce_text : a->msg.u.attest_response.nonce), m->report_data,
	    &a->msg.doc, m->measurements};
}

/* What costs no signature comes first: a stranger with yesterday's answer is turned away here. Of
 * the attempt's own parts alone, as it runs in a worker. */
static bool
read_answer(struct attempt *a, struct err *e)
{
	struct appraisal_answer answer;
	struct quote_view view;
	uint8_t nonce[ATTEST_NONCE];
	struct eedcap_quote *q;
	bool ok;

	if (!msg_parse(&a->msg, buf_span(&a->text), MSG_FROM_AGENT, e))
		return false;
	a->has_msg = true;
	/* Against our own copy, and before a byte of the quote is looked at. */
	if (!hex_decode(answer_of(a).nonce, nonce, sizeof nonce)
	    || memcmp(nonce, a->asked.nonce, sizeof nonce) != 0)
		return err_set(e, ERR_UNTRUSTED, REASON_NONCE_MISMATCH, "not this challenge's");
	if (!base64_decode(proof_of(a)->quote, &a->quote))
		return err_set(e, ERR_MALFORMED, REASON_DCAP_VERIFICATION_FAILED,
		    "the quote is no base64, or above %u bytes", LIMIT_QUOTE);
	q = eedcap_quote_inspect(a->quote.p, a->quote.n, &a->dcap);
	if (!q)
		return quote_refused(&a->dcap, e);
	quote_view_of(&view, q, EEDCAP_STATUS_NONE);
	answer = answer_of(a);
	ok = appraise_offline(&a->asked, &answer, &view, &a->offline, e);
	eedcap_quote_free(q);
	return ok;
}

static void
work_offline(void *job)
{
	struct attempt *a = job;

	a->readable = read_answer(a, &a->why);
	if (a->readable)
		a->q = eedcap_authenticate(a->c->dcap, a->quote.p, a->quote.n, a->now_s, &a->dcap);
}

bool
attempt_come_back(struct attempt *a)
{
	a->busy = false;
	if (a->t)
		return true;
	attempt_free(a);
	return false;
}

static void
done_offline(void *job, bool ran)
{
	struct attempt *a = job;
	struct err e = {0};

	if (!attempt_come_back(a))
		return;
	if (!ran) {
		(void)err_set(&e, ERR_NOT_NOW, REASON_DRAINING, "stopping");
		attempt_finish(a, SESSION_EV_REFUSED, &e);
		return;
	}
	if (a->readable && (!a->q || !eedcap_quote_platform(a->q, &a->platform, &a->dcap)))
		a->readable = quote_refused(&a->dcap, &a->why);
	if (!a->readable) {
		e = a->why;
		attempt_refuse(a, &e);
		return;
	}
	a->proven = true;
	fetch_collateral(a);
}

static void
begin(void *ctx)
{
	struct attempt *a = ctx;
	struct err e = {0};

	a->now_s = env_now_s(a->c->env);
	a->busy = true;
	if (!worker_run(a->c->loop, work_offline, done_offline, a, &e)) {
		a->busy = false;
		attempt_refuse(a, &e);
	}
}

static struct attempt *
attempt_new(struct tunnel *t, struct span message, const uint8_t nonce[static ATTEST_NONCE])
{
	struct attempt *a = calloc(1, sizeof *a);

	if (!a)
		return NULL;
	a->c = t->c;
	a->t = t;
	a->begun_ms = env_now_ms(t->c->env);
	a->id = attest_identity_copy(t->session.id);
	control_copy(a->channel, sizeof a->channel, t->channel);
	memcpy(a->asked.nonce, nonce, sizeof a->asked.nonce);
	a->asked.id = a->id;
	a->asked.channel = a->channel;
	a->asked.audiences = t->c->audiences;
	a->asked.audience_n = t->c->audience_n;
	hex_encode(span_of(nonce, ATTEST_NONCE), a->nonce_text);
	buf_init(&a->text, LIMIT_TEXT_ATTESTED);
	buf_init(&a->quote, LIMIT_QUOTE);
	buf_init(&a->record, LIMIT_TEXT_UNATTESTED);
	buf_add(&a->text, message);
	if (!a->id || !buf_ok(&a->text)) {
		attempt_free(a);
		return NULL;
	}
	net_defer_call(a->c->loop, &a->begin, begin, a);
	return a;
}

struct attempt *
attest_start(struct tunnel *t, struct span message, const uint8_t nonce[static ATTEST_NONCE],
    uint32_t number)
{
	const struct network *net = networks_find(&t->c->nets, t->session.id->network);
	struct attempt *a = attempt_new(t, message, nonce);

	if (!a)
		return NULL;
	a->number = number;
	/* Version 1 is what the first agents speak; a tunnel of version 2 binds a nonce. */
	a->asked.legacy = net && net->legacy_agents && t->carriage.version == 1;
	return a;
}

struct attempt *
attest_start_evidence(struct tunnel *t, struct span message,
    const uint8_t nonce[static ATTEST_NONCE], attest_evidence_fn *done, void *ctx)
{
	struct attempt *a = attempt_new(t, message, nonce);

	if (!a)
		return NULL;
	a->asked.purpose = ATTEST_FOR_EVIDENCE;
	a->done = done;
	a->done_ctx = ctx;
	return a;
}

/* --- collateral and allowlist --- */

static void
got_collateral(struct collateral *col, const struct err *why, void *ctx)
{
	struct attempt *a = ctx;

	a->col_wait = NULL;
	if (!col) {
		refuse_or_wait(a, why, fetch_collateral);
		return;
	}
	a->col = collateral_ref(col);
	a->collateral_age = a->c->collateral_age;
	fetch_allowlist(a);
}

static void
fetch_collateral(void *ctx)
{
	struct attempt *a = ctx;
	struct collateral_key k = {.ca = a->platform.ca, .tee = eedcap_quote_tee(a->q)};
	struct err e = {0};

	memcpy(k.fmspc, a->platform.fmspc, sizeof k.fmspc);
	memcpy(k.root_crl_url, a->platform.root_crl_url, sizeof k.root_crl_url);
	a->col_wait = collateral_get(a->c->collateral, &k, got_collateral, a, &e);
	if (!a->col_wait)
		attempt_refuse(a, &e);
}

static bool
attempt_view(struct attempt *a, struct quote_view *view, struct err *e)
{
	const struct eedcap_platform *p = eedcap_verdict_platform(a->verdict);

	verdict_join_advisories(a->verdict, a->advisories);
	if (p && !attest_sha256(span_of(p->ppid, sizeof p->ppid), a->ppid_sha256, e))
		return false;
	quote_view_of_verdict(view, a->verdict, a->now_s, a->advisories, p ? a->ppid_sha256 : NULL);
	return true;
}

/* On the loop: the signatures of quote and collateral were verified by workers, and what is left, to
 * compare one with the other, costs less than handing it to one. */
static bool
judge(struct attempt *a, struct err *e)
{
	static const struct eedcap_policy policy = QUOTE_POLICY;
	struct appraisal_answer answer = answer_of(a);
	const struct network *net = networks_find(&a->c->nets, a->id->network);
	struct quote_view view;

	if (!net)
		return err_set(e, ERR_POLICY, REASON_POLICY, "the network is not served any more");
	a->nets_age = a->c->nets_age;
	a->verdict = eedcap_judge(a->c->dcap, a->q, a->col->handle, a->now_s, &policy);
	/* For the record, which tells of no list. */
	a->net = *net;
	a->net.sources = NULL;
	a->net.allow.v = a->net.deny.v = NULL;
	a->net.source_n = a->net.allow.n = a->net.deny.n = 0;
	if (!a->verdict)
		return err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "verdict");
	if (!eedcap_verdict_accepted(a->verdict))
		return quote_refused(eedcap_verdict_error(a->verdict), e);
	if (!policy_judge_repo(net, a->id->repo, a->repo_id, e)
	    || !policy_judge_release(net, a->immutable, e) || !attempt_view(a, &view, e))
		return false;
	if (!appraise_full(net, &a->asked, &answer, &a->offline, &view, a->list->said, a->secret,
		&a->earned, e))
		return false;
	a->earned.immutable = a->immutable;
	a->standing = standing_of(net, &view, a->verdict);
	return true;
}

static void
hand_evidence(struct attempt *a)
{
	struct evidence_row row;
	struct err e = {0};

	if (!attempt_evidence(a, &row, &e)) {
		attempt_refuse(a, &e);
		return;
	}
	a->done(a->done_ctx, &row, NULL);
	attempt_free(a);
}

static void
conclude(struct attempt *a)
{
	struct err e = {0};

	if (!judge(a, &e))
		attempt_refuse(a, &e);
	else if (a->done)
		hand_evidence(a);
	else
		attempt_claim(a);
}

static bool
take_allowlist(struct attempt *a, const struct release_asset *r, struct err *e)
{
	bool known;

	a->repo_id = r->repo_id;
	a->secret = r->is_private;
	a->immutable = r->immutable;
	memcpy(a->allowlist_sha256, r->sha256, sizeof a->allowlist_sha256);
	if (!registry_pin_check(
		a->c->registry, a->id->repo, a->id->release_tag, r->sha256, &known, e))
		return false;
	a->list = lists_read(a->c->lists, r, a->id->release_tag, e);
	return a->list != NULL;
}

static void
got_allowlist(const struct release_asset *r, const struct err *why, void *ctx)
{
	struct attempt *a = ctx;
	struct err e = {0};

	a->rel_wait = NULL;
	if (!r) {
		refuse_or_wait(a, why, fetch_allowlist);
		return;
	}
	if (!take_allowlist(a, r, &e)) {
		attempt_refuse(a, &e);
		return;
	}
	/* The services may have let us wait long: the verdict is of now. */
	a->now_s = env_now_s(a->c->env);
	conclude(a);
}

static void
ask_release(struct attempt *a)
{
	const struct pin_row *pin = registry_pin_find(
	    a->c->registry, a->id->repo, a->id->release_tag);
	struct release_ask q = {.repo = span_str(a->id->repo),
	    .tag = span_str(a->id->release_tag),
	    .client = a->t->peer,
	    .pin = pin ? pin->sha256 : NULL,
	    .hurry = a->done || a->t->session.state == SESSION_REVERIFYING};
	struct err e = {0};

	a->rel_wait = release_get(a->c->release, &q, got_allowlist, a, &e);
	if (!a->rel_wait)
		attempt_refuse(a, &e);
}

/* The disk's bytes count where they are those that were pinned, and no admin has accepted others
 * meanwhile. */
static void
remember(struct attempt *a, struct span bytes)
{
	const struct pin_row *pin = registry_pin_find(
	    a->c->registry, a->id->repo, a->id->release_tag);
	struct release_asset kept = {.bytes = bytes};
	struct err ignored = {0};

	if (!bytes.p || !pin || !attest_sha256(bytes, kept.sha256, &ignored)
	    || memcmp(kept.sha256, pin->sha256, sizeof kept.sha256) != 0)
		return;
	kept.repo_id = pin->repo_id;
	kept.is_private = pin->secret;
	kept.immutable = pin->immutable;
	release_remember(a->c->release, span_str(a->id->repo), span_str(a->id->release_tag), &kept);
}

static void
got_kept(void *ctx, struct span bytes, const struct err *why)
{
	struct attempt *a = ctx;

	if (!attempt_come_back(a))
		return;
	if (why && control_may_log(a->c))
		log_failure(&a->c->env->log, LOG_WARN, "pinned_list_unreadable", why, "repo",
		    a->id->repo, "tag", a->id->release_tag, NULL);
	remember(a, bytes);
	ask_release(a);
}

/* What was pinned is on disk, so that a start needs no GitHub. */
static void
fetch_allowlist(void *ctx)
{
	struct attempt *a = ctx;
	const struct pin_row *pin = registry_pin_find(
	    a->c->registry, a->id->repo, a->id->release_tag);
	struct err ignored = {0};

	if (!a->looked && pin && pin->repo_id && a->c->store
	    && release_is_unknown(
		a->c->release, span_str(a->id->repo), span_str(a->id->release_tag))) {
		a->looked = true;
		a->busy = true;
		if (store_read_list(a->c->store, pin->sha256, got_kept, a, &ignored))
			return;
		a->busy = false;
	}
	ask_release(a);
}
