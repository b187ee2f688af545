#include "agent/agent.h"

#include <stdio.h>
#include <stdlib.h>

#include "agent/answer.h"
#include "agent/backend.h"
#include "agent/health.h"
#include "agent/jobs.h"
#include "agent/reconnect.h"
#include "agent/sim.h"
#include "agent/tsm.h"
#include "base/hex.h"
#include "base/limits.h"
#include "net/ws_conn.h"
#include "os/daemon.h"

#define USER_AGENT "ee-agent"
/* A control plane that neither admits nor refuses within this does neither later: its own times
 * are 30 s for the answer and 60 for its verification. */
#define ADMIT_MS 180000u
/* A control plane that refused closes the tunnel; this long it may take. */
#define FAREWELL_MS 5000u
/* One answer of version 1 may be on its way while one more message waits behind it. */
#define QUEUE_HIGH (256u * 1024)
#define QUEUE_MAX  (2u * LIMIT_TEXT_ATTESTED)
/* A warning asks for one renewal; a control plane that repeats it does not get a storm. */
#define RENEW_EVERY_MS 60000u

struct agent {
	struct net_loop *loop;
	const struct agent_config *c;
	struct env *env;
	struct tls_ctx *tls; /* NULL for ws:// */
	struct backend backend;
	struct budget_share share;
	struct jobs *jobs;
	struct health *health;
	struct answer answer;
	struct reconnect reconnect;
	struct ws_conn *ws; /* NULL between connections */
	struct net_timer dial, admit;
	bool attested, stopping, replaced;
	uint64_t renewed_ms;
	void (*stopped)(void *ctx);
	void *ctx;
};

static void dial(void *ctx);

/* -- sending -- */

static bool
send_text(struct agent *a, struct span text)
{
	return a->ws && ws_conn_is_open(a->ws) && ws_conn_send_text(a->ws, text);
}

static bool
send_answer(void *ctx, struct span text)
{
	return send_text(ctx, text);
}

/* Long answers wait until the queue is short, so that a health word or a challenge's answer never
 * stands behind more than one of them. */
static bool
send_response(void *ctx, struct span text, bool now)
{
	struct agent *a = ctx;

	if (!a->ws || !ws_conn_is_open(a->ws) || (!now && ws_conn_is_full(a->ws)))
		return false;
	return ws_conn_send_text(a->ws, text);
}

static void
send_register(struct agent *a)
{
	const struct attest_identity *id = &a->c->id;
	struct msg_register m = {.tunnel_version = 1};
	struct buf text;

	(void)snprintf(m.repo, sizeof m.repo, "%s", id->repo);
	(void)snprintf(m.release_tag, sizeof m.release_tag, "%s", id->release_tag);
	(void)snprintf(m.app_name, sizeof m.app_name, "%s", id->app_name);
	(void)snprintf(m.network, sizeof m.network, "%s", id->network);
	(void)snprintf(m.agent_id, sizeof m.agent_id, "%s", id->agent_id);
	buf_init(&text, 8192);
	msg_write_register(&text, &m);
	if (buf_ok(&text))
		(void)send_text(a, buf_span(&text));
	buf_fini(&text);
}

/* -- health -- */

static void
on_health(void *ctx, bool pass)
{
	struct agent *a = ctx;
	struct buf text;

	if (!a->attested)
		return;
	buf_init(&text, 256);
	msg_write_health(&text, pass);
	if (buf_ok(&text))
		(void)send_text(a, buf_span(&text));
	buf_fini(&text);
}

/* -- what the control plane says -- */

static void
on_challenge(struct agent *a, const struct msg_attest_request *m)
{
	uint8_t exporter[TLS_EXPORTER_SIZE];
	char channel[2 * TLS_EXPORTER_SIZE + 1] = "";
	struct log_line line;
	struct err e = {0};

	log_begin(&line, "challenged");
	log_str(&line, "why", m->reason);
	log_int(&line, "deadline_s", m->deadline_s);
	log_str(&line, "channel", m->channel ? "tls-exporter" : "none");
	log_end(&a->env->log, LOG_INFO, &line);
	/* Without an exporter the quote binds no channel, and the control plane says so. */
	if (m->channel && ws_conn_tls_exporter(a->ws, exporter))
		hex_encode(span_of(exporter, sizeof exporter), channel);
	else if (m->channel)
		log_event(&a->env->log, LOG_WARN, "no_channel_binding", "hint",
		    "the control plane ends TLS elsewhere: it needs EE_TUNNEL_CHANNEL=none", NULL);
	if (!answer_begin(&a->answer, m, channel, &e))
		log_failure(&a->env->log, LOG_ERROR, "challenge_refused", &e, NULL);
}

static void
on_attested(struct agent *a, const struct msg_status *m)
{
	bool first = !a->attested;

	net_timer_stop(&a->admit);
	reconnect_note_attested(&a->reconnect, net_loop_now_ms(a->loop));
	a->attested = true;
	log_event(&a->env->log, LOG_INFO, "attested", "app", a->c->id.app_name, "network",
	    a->c->id.network, "detail", m->detail[0] ? m->detail : NULL, NULL);
	daemon_notify("STATUS=attested");
	if (first) {
		ws_conn_set_max(a->ws, LIMIT_TEXT_ATTESTED);
		if (health_state(a->health) != READINESS_UNKNOWN)
			on_health(a, health_state(a->health) == READINESS_PASS);
	}
}

static void
on_expiring(struct agent *a, const struct msg_status *m)
{
	uint64_t now_ms = net_loop_now_ms(a->loop);
	bool renew = !a->renewed_ms || now_ms - a->renewed_ms >= RENEW_EVERY_MS;

	log_event(&a->env->log, LOG_WARN, "registration_expiring", "expires_at",
	    m->expires_at[0] ? m->expires_at : NULL, "next",
	    renew ? "registering again" : "registered again a moment ago", NULL);
	if (!renew)
		return;
	a->renewed_ms = now_ms;
	send_register(a);
}

static void
on_no_farewell(void *ctx)
{
	struct agent *a = ctx;

	ws_conn_close(a->ws, 1000, span_of(NULL, 0));
}

/* After a refusal that the table of reasons calls fatal the control plane closes; where its close
 * does not come, this side does it. */
static void
on_refused(struct agent *a, const struct msg_status *m)
{
	enum reason r = reason_find(m->reason, strlen(m->reason));
	enum reason cause = reason_find(m->cause, strlen(m->cause));
	enum reason fine = m->cause[0] && cause != REASON_COUNT ? cause : r;
	bool fatal = r != REASON_COUNT && reason_ws(r) != 0;

	log_event(&a->env->log, LOG_ERROR, "refused", "reason", m->reason, "cause",
	    m->cause[0] ? m->cause : NULL, "detail", m->detail[0] ? m->detail : NULL, "hint",
	    fine != REASON_COUNT ? reason_todo(fine) : NULL, NULL);
	a->replaced = a->replaced || r == REASON_REPLACED;
	if (fatal)
		net_timer_start(a->loop, &a->admit, FAREWELL_MS, on_no_farewell, a);
}

static void
on_status(struct agent *a, const struct msg_status *m)
{
	if (span_is(span_str(m->state), "invalid"))
		on_refused(a, m);
	else if (span_is(span_str(m->reason), "attested"))
		on_attested(a, m);
	else if (span_is(span_str(m->reason), "registration_expiring"))
		on_expiring(a, m);
	else
		log_event(&a->env->log, LOG_INFO, "status", "state", m->state, "reason", m->reason,
		    "detail", m->detail[0] ? m->detail : NULL, NULL);
}

static void
on_text(struct ws_conn *w, struct span text, void *ctx)
{
	struct agent *a = ctx;
	struct err e = {0};
	struct msg m;

	/* A newer control plane may say what this agent does not know: note it and go on. */
	if (!msg_parse(&m, text, MSG_FROM_CONTROL, &e)) {
		log_failure(&a->env->log, LOG_WARN, "message_ignored", &e, NULL);
		return;
	}
	if (m.type == MSG_ATTEST_REQUEST)
		on_challenge(a, &m.u.attest_request);
	else if (m.type == MSG_STATUS)
		on_status(a, &m.u.status);
	else if (m.type == MSG_PROXY_REQUEST && a->attested)
		jobs_request(a->jobs, &m);
	msg_fini(&m);
}

static void
on_binary(struct ws_conn *w, struct span bytes, void *ctx)
{
	static const char why[] = "protocol_error";

	/* Binary messages belong to version 2, which this agent has not asked for. */
	ws_conn_close(w, 1003, span_str(why));
}

/* -- connecting -- */

static void
on_open(struct ws_conn *w, void *ctx)
{
	struct agent *a = ctx;

	log_event(&a->env->log, LOG_INFO, "connected", "control", a->c->origin, "peer",
	    ws_conn_peer(w), NULL);
	ws_conn_set_queue(w, QUEUE_HIGH, QUEUE_MAX);
	send_register(a);
	log_event(&a->env->log, LOG_INFO, "registered", "app", a->c->id.app_name, "repo",
	    a->c->id.repo, "tag", a->c->id.release_tag, "network", a->c->id.network, "agent",
	    a->c->id.agent_id, NULL);
	daemon_notify("STATUS=connected, waiting to be attested");
}

static void
on_drain(struct ws_conn *w, void *ctx)
{
	struct agent *a = ctx;

	jobs_flush(a->jobs);
}

static void
reconnect(struct agent *a)
{
	struct log_line line;
	uint64_t random, ms;

	env_random(a->env, &random, sizeof random);
	ms = reconnect_next(&a->reconnect, net_loop_now_ms(a->loop), random,
	    a->replaced ? RECONNECT_REPLACED_MS : 0);
	log_begin(&line, "reconnecting");
	log_int(&line, "in_ms", (int64_t)ms);
	if (a->replaced)
		log_str(&line, "why", "a newer tunnel of this agent took over");
	log_end(&a->env->log, LOG_INFO, &line);
	a->replaced = false;
	daemon_notify("STATUS=not connected");
	net_timer_start(a->loop, &a->dial, ms, dial, a);
}

static void
on_close(struct ws_conn *w, uint16_t code, struct span reason, const struct err *why, void *ctx)
{
	struct agent *a = ctx;
	struct log_line line;

	log_begin(&line, "disconnected");
	log_int(&line, "code", code);
	if (reason.n)
		log_span(&line, "said", reason);
	if (why && why->code != ERR_NONE)
		log_err(&line, why);
	log_end(&a->env->log, a->stopping ? LOG_INFO : LOG_WARN, &line);
	a->replaced = a->replaced || span_is(reason, "replaced");
	a->ws = NULL;
	a->attested = false;
	net_timer_stop(&a->admit);
	answer_drop(&a->answer);
	jobs_free(a->jobs);
	a->jobs = NULL;
	if (a->stopping)
		a->stopped(a->ctx);
	else
		reconnect(a);
}

static const struct ws_conn_ops ws_ops = {on_open, on_text, on_binary, on_drain, on_close};

static void
on_admit_timeout(void *ctx)
{
	struct agent *a = ctx;
	struct err e = {0};

	err_set(&e, ERR_EXPIRED, REASON_ATTESTATION_TIMEOUT,
	    "the control plane neither admitted nor refused this agent");
	ws_conn_abort(a->ws, &e);
}

static void
dial(void *ctx)
{
	struct agent *a = ctx;
	/* With the defaults of ws_conn.h a dead control plane is found within ten seconds, and the
	 * pings come more often than any NAT forgets. */
	struct ws_conn_opts o = {
	    .max_message = LIMIT_TEXT_UNATTESTED, .ping_every_ms = WS_PING_EVERY_MS};
	struct ws_dial d = {.url = a->c->s->control_ws, .tls = a->tls, .user_agent = USER_AGENT};
	struct jobs_opts j = {&a->backend, &a->share, send_response, a};
	struct err e = {0};

	a->renewed_ms = 0;
	a->jobs = jobs_new(&j, &e);
	a->ws = a->jobs ? ws_conn_dial(a->loop, &d, &o, &ws_ops, a, &e) : NULL;
	if (a->ws) {
		net_timer_start(a->loop, &a->admit, ADMIT_MS, on_admit_timeout, a);
		return;
	}
	jobs_free(a->jobs);
	a->jobs = NULL;
	log_failure(&a->env->log, LOG_WARN, "dial_failed", &e, NULL);
	reconnect(a);
}

/* -- life -- */

static MUST_CHECK bool
make_parts(struct agent *a, struct err *e)
{
	const struct settings *s = a->c->s;
	struct backend_opts b = {.address = &a->c->backend,
	    .host = s->backend_host,
	    .timeout_ms = (uint64_t)s->backend_timeout_sec * 1000,
	    .shares = 1};
	struct health_opts h = {.address = &a->c->backend,
	    .host = s->backend_host,
	    .path = s->health_path,
	    .timeout_ms = (uint64_t)s->health_probe_sec * 1000,
	    .rules = {(unsigned)s->health_failures, (unsigned)s->health_successes,
		(uint64_t)s->start_grace_sec * 1000, (uint64_t)s->health_interval_sec * 1000},
	    .backend = s->backend_url,
	    .log = &a->env->log,
	    .say = on_health,
	    .ctx = a};

	a->answer = (struct answer){
	    .c = a->c, .loop = a->loop, .log = &a->env->log, .send = send_answer, .ctx = a};
	if (url_is_tls(&a->c->control) && !(a->tls = tls_ctx_client(s->control_ca, e)))
		return false;
	a->answer.provider = a->c->sim_url ? sim_provider(a->loop, a->c->sim_url, e)
					   : tsm_provider(a->loop, NULL, e);
	if (!a->answer.provider)
		return false;
	if (!backend_init(&a->backend, a->loop, &b, e))
		return false;
	budget_join(&a->backend.budget, &a->share);
	a->health = health_new(a->loop, &h, e);
	return a->health != NULL;
}

struct agent *
agent_new(struct net_loop *l, const struct agent_config *c, struct env *env,
    void (*stopped)(void *ctx), void *ctx, struct err *e)
{
	struct agent *a = calloc(1, sizeof *a);

	if (!a) {
		err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "no memory for the agent");
		return NULL;
	}
	a->loop = l;
	a->c = c;
	a->env = env;
	a->stopped = stopped;
	a->ctx = ctx;
	reconnect_init(&a->reconnect);
	if (!make_parts(a, e)) {
		agent_free(a);
		return NULL;
	}
	net_timer_start(l, &a->dial, 0, dial, a);
	return a;
}

void
agent_stop(struct agent *a)
{
	if (a->stopping)
		return;
	a->stopping = true;
	net_timer_stop(&a->dial);
	net_timer_stop(&a->admit);
	if (!a->ws)
		a->stopped(a->ctx);
	else if (ws_conn_is_open(a->ws))
		ws_conn_close(a->ws, 1001, span_str("going away"));
	else
		ws_conn_abort(a->ws, NULL);
}

void
agent_free(struct agent *a)
{
	if (!a)
		return;
	net_timer_stop(&a->dial);
	net_timer_stop(&a->admit);
	answer_drop(&a->answer);
	health_free(a->health);
	jobs_free(a->jobs);
	backend_fini(&a->backend);
	provider_close(a->answer.provider);
	tls_ctx_free(a->tls);
	free(a);
}
