#include "base/hex.h"
#include "base/rfc3339.h"
#include "control/attest.h"
#include "control/audit.h"
#include "control/evidence.h"
#include "control/sweep.h"
#include "control/tunnel_endpoint.h"

static void
send_text(struct tunnel *t, const struct buf *b)
{
	if (buf_ok(b) && !t->gone)
		(void)ws_conn_send_text(t->ws, buf_span(b));
}

void
tunnel_say(struct tunnel *t, const char *state, const struct err *e, int64_t expires_at_s)
{
	char time[RFC3339_SIZE];
	struct msg_status m;
	struct buf b;

	memset(&m, 0, sizeof m);
	msg_status_of(&m, state, e);
	if (expires_at_s)
		(void)span_cstr(
		    span_str(rfc3339_write(expires_at_s, time)), m.expires_at, sizeof m.expires_at);
	if (strcmp(state, "ok") == 0)
		m.tunnel_version = t->carriage.version;
	buf_init(&b, 4096);
	msg_write_status(&b, &m);
	send_text(t, &b);
	buf_fini(&b);
}

static void
set_pending(struct tunnel *t, bool pending)
{
	if (t->pending == pending)
		return;
	t->pending = pending;
	registry_pending(t->c->registry, t->session.id->app_name, pending ? 1 : -1);
}

static void
do_challenge(struct tunnel *t, const struct session_action *a)
{
	struct msg_attest_request m;
	struct buf b;

	memset(&m, 0, sizeof m);
	hex_encode(span_of(a->nonce, sizeof a->nonce), m.nonce);
	m.deadline_s = a->deadline_s;
	(void)span_cstr(span_str(session_why_name(a->why)), m.reason, sizeof m.reason);
	m.channel = t->channel != NULL;
	if (!t->attested)
		set_pending(t, true);
	log_event(&t->c->env->log, LOG_DEBUG, "challenged", "app", t->session.id->app_name, "agent",
	    t->session.id->agent_id, "why", m.reason, NULL);
	buf_init(&b, 4096);
	msg_write_attest_request(&b, &m);
	send_text(t, &b);
	buf_fini(&b);
}

static void
do_admit(struct tunnel *t)
{
	struct resolve r;
	struct err ok = {.reason = REASON_ATTESTED};
	struct span app = span_str(t->session.id->app_name);

	set_pending(t, false);
	if (!t->attested) {
		t->attested = true;
		t->c->unattested_n--;
		/* Version 1 carries bodies in its texts. */
		if (t->carriage.version == 1)
			ws_conn_set_max(t->ws, LIMIT_TEXT_ATTESTED);
	}
	t->admitted_n++;
	(void)registry_resolve(t->c->registry, app, control_now(t->c), &r);
	log_event(&t->c->env->log, LOG_INFO, "attested", "app", t->session.id->app_name, "agent",
	    t->session.id->agent_id, "repo", t->session.id->repo, "release",
	    t->session.id->release_tag, "network", t->session.id->network, "tcb", r.tcb_status,
	    "freshness", t->earned.unbound ? "none" : "bound", "peer", t->peer, NULL);
	tunnel_say(t, "ok", &ok, r.row.expires_at);
	sweep_note_end(t->c, r.row.expires_at);
}

/* End the requests in flight. That the app is not to be reached any more (403, or 5xx) is for the
 * visitor to know; any other word is about what the agent sent, and he would take it for his own. */
static void
reset_requests(struct tunnel *t, const struct err *why)
{
	struct err lost = {0};
	char token[ERR_TOKEN_MAX];
	int status = reason_http(why->reason);

	if (status == 403 || status >= 500) {
		carriage_reset_all(t, why);
		return;
	}
	(void)err_set(&lost, ERR_IO, REASON_TUNNEL_LOST, "%s", err_token(why, token));
	carriage_reset_all(t, &lost);
}

void
tunnel_leave(struct tunnel *t, const struct err *why, bool invalid)
{
	struct replica *p = t->replica;

	if (p) {
		audit_lease_end(t->c, t->session.id, why);
		evidence_forget(t->c, t->session.id, t->id);
	}
	fresh_drop(t);
	/* Nobody's next request comes here, and none is counted on a replica that is gone. */
	if (p)
		registry_unroute(t->c->registry, p);
	reset_requests(t, why);
	t->replica = NULL;
	if (p)
		registry_detach(t->c->registry, p, invalid);
	attest_cancel(t->attempt);
	t->attempt = NULL;
	set_pending(t, false);
}

/* What its end cut off, and when it last was of use: what one asks of a log the day after. */
static void
log_lease_end(const struct tunnel *t, const struct err *why)
{
	struct control *c = t->c;
	char time[RFC3339_SIZE];
	struct log_line b;

	log_begin(&b, "lease_ended");
	log_err(&b, why);
	log_str(&b, "app", t->session.id->app_name);
	log_str(&b, "agent", t->session.id->agent_id);
	log_int(&b, "streams", (int64_t)carriage_in_flight(t));
	if (t->last_byte_ms) {
		uint64_t ago_ms = env_now_ms(c->env) - t->last_byte_ms;

		log_str(&b, "last_byte",
		    rfc3339_write(env_now_s(c->env) - (int64_t)(ago_ms / 1000), time));
	}
	log_end(&c->env->log, LOG_INFO, &b);
}

static void
do_close(struct tunnel *t, const struct session_action *a, enum session_event ev)
{
	bool failed = ev == SESSION_EV_REFUSED || ev == SESSION_EV_TIMER
		      || a->err.reason == REASON_POLICY;
	char token[ERR_TOKEN_MAX];

	/* A refusal has had its line. */
	if (ev != SESSION_EV_REFUSED && (t->attested || control_may_log(t->c)))
		log_failure(&t->c->env->log, LOG_INFO, "tunnel_closed", &a->err, "app",
		    t->session.id->app_name, "agent", t->session.id->agent_id, "peer", t->peer,
		    NULL);
	if (ev == SESSION_EV_TIMER)
		attest_late(t->attempt, &a->err);
	tunnel_leave(t, &a->err, failed && t->attested);
	if (a->ws_code == 0 || t->gone)
		return;
	if (a->err.reason != REASON_DRAINING)
		tunnel_say(t, "invalid", &a->err, 0);
	ws_conn_close(t->ws, (uint16_t)a->ws_code, span_str(err_wire(&a->err, token)));
}

static void
do_verify(struct tunnel *t, const struct session_action *a, struct span message)
{
	struct session_input in = {.ev = SESSION_EV_REFUSED, .attempt = a->attempt};
	struct err e = {0};

	attest_cancel(t->attempt);
	t->attempt = attest_start(t, message, a->nonce, a->attempt);
	if (t->attempt)
		return;
	(void)err_set(&e, ERR_NOMEM, REASON_NO_MEMORY, "attempt");
	in.err = &e;
	tunnel_step(t, &in);
}

static void
act(struct tunnel *t, const struct session_action *a, enum session_event ev, struct span message)
{
	switch (a->kind) {
	case SESSION_DO_CHALLENGE:
		do_challenge(t, a);
		break;
	case SESSION_DO_VERIFY:
		do_verify(t, a, message);
		break;
	case SESSION_DO_ADMIT:
		do_admit(t);
		break;
	case SESSION_DO_HEALTH:
		if (t->replica)
			registry_health(t->c->registry, t->replica, a->pass, control_now(t->c));
		break;
	case SESSION_DO_STATUS:
		tunnel_say(t, "invalid", &a->err, 0);
		break;
	case SESSION_DO_UNROUTE: /* a close follows, and does it */
		log_lease_end(t, &a->err);
		break;
	case SESSION_DO_CLOSE:
		do_close(t, a, ev);
		break;
	}
}

void
tunnel_on_due(void *ctx)
{
	tunnel_event(ctx, SESSION_EV_TIMER);
}

void
tunnel_step_with(struct tunnel *t, struct session_input *in, struct span message)
{
	struct {
		uint8_t nonce[ATTEST_NONCE];
		uint32_t more;
	} random;
	struct session_actions todo;
	uint64_t now = env_now_ms(t->c->env), due;

	env_random(t->c->env, &random, sizeof random);
	in->now_ms = now;
	in->nonce = random.nonce;
	in->random = random.more;
	session_step(&t->session, in, &todo);
	for (size_t i = 0; i < todo.n; i++)
		act(t, &todo.v[i], in->ev, message);
	due = session_due_ms(&t->session);
	if (due == UINT64_MAX || t->gone) {
		net_timer_stop(&t->due);
	} else if (todo.n || !net_timer_is_running(&t->due)) {
		net_timer_start(t->c->loop, &t->due, due > now ? due - now : 0, tunnel_on_due, t);
	}
}

void
tunnel_step(struct tunnel *t, struct session_input *in)
{
	tunnel_step_with(t, in, span_of(NULL, 0));
}

void
tunnel_event(struct tunnel *t, enum session_event ev)
{
	struct session_input in = {.ev = ev};

	tunnel_step(t, &in);
}

void
tunnel_challenge(struct tunnel *t, enum session_why why)
{
	struct session_input in = {.ev = SESSION_EV_CHALLENGE, .why = why};

	tunnel_step(t, &in);
}

void
tunnel_refuse(struct tunnel *t, const struct err *e)
{
	struct session_input in = {.err = e};

	in.ev = reason_ws(e->reason) ? SESSION_EV_FATAL : SESSION_EV_SOFT;
	if (!t->attested)
		control_refused(t->c, t->session.id, t->peer, e, NULL);
	tunnel_step(t, &in);
}
