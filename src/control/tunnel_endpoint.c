#include "control/tunnel_endpoint.h"

#include "base/hex.h"
#include "control/attest.h"
#include "control/view.h"
#include "wire/problem.h"

#include <stdlib.h>

/* Dead peers are found within this and the deadline; an agent of the seed's kind answers pings
 * only between requests, so the deadline is the challenge's. */
#define PING_EVERY_MS 15000
/* Two of the largest messages may wait for a slow agent. */
#define QUEUE_HIGH (256u * 1024)
#define QUEUE_MAX  (2u * LIMIT_TEXT_ATTESTED)

static void
send_text(struct tunnel *t, const struct buf *b)
{
	if (buf_ok(b) && !t->gone)
		(void)ws_conn_send_text(t->ws, buf_span(b));
}

static void
send_v1(void *ctx, struct span text)
{
	struct tunnel *t = ctx;

	if (!t->gone)
		(void)ws_conn_send_text(t->ws, text);
}

static void
send_status(struct tunnel *t, const char *state, const struct err *e, int64_t expires_at_s)
{
	char time[VIEW_TIME_MAX];
	struct msg_status m;
	struct buf b;

	memset(&m, 0, sizeof m);
	msg_status_of(&m, state, e);
	if (expires_at_s)
		(void)span_cstr(
		    span_str(view_time(expires_at_s, time)), m.expires_at, sizeof m.expires_at);
	if (strcmp(state, "ok") == 0)
		m.tunnel_version = 1;
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
	registry_pending(t->c->registry, t->session.id.app_name, pending ? 1 : -1);
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
	m.channel = t->channel[0] != '\0';
	if (!t->attested)
		set_pending(t, true);
	log_event(&t->c->env->log, LOG_DEBUG, "challenged", "app", t->session.id.app_name, "agent",
	    t->session.id.agent_id, "why", m.reason, NULL);
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
	struct span app = span_str(t->session.id.app_name);

	set_pending(t, false);
	if (!t->attested) {
		t->attested = true;
		t->c->unattested_n--;
		ws_conn_set_max(t->ws, LIMIT_TEXT_ATTESTED);
	}
	t->admitted_n++;
	(void)registry_resolve(t->c->registry, app, control_now(t->c), &r);
	log_event(&t->c->env->log, LOG_INFO, "attested", "app", t->session.id.app_name, "agent",
	    t->session.id.agent_id, "repo", t->session.id.repo, "release",
	    t->session.id.release_tag, "network", t->session.id.network, "tcb", r.tcb_status,
	    "peer", t->peer, NULL);
	send_status(t, "ok", &ok, r.row.expires_at);
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
		v1_reset_all(t->v1, why);
		return;
	}
	(void)err_set(&lost, ERR_IO, REASON_TUNNEL_LOST, "%s", err_token(why, token));
	v1_reset_all(t->v1, &lost);
}

/* Out of the registry: requests in flight end with the reason first, so that none is counted on a
 * replica that is gone. */
static void
leave(struct tunnel *t, const struct err *why, bool invalid)
{
	struct replica *p = t->replica;

	reset_requests(t, why);
	t->replica = NULL;
	if (p)
		registry_detach(t->c->registry, p, invalid);
	attest_cancel(t->attempt);
	t->attempt = NULL;
	set_pending(t, false);
}

static void
do_close(struct tunnel *t, const struct session_action *a, enum session_event ev)
{
	bool failed = ev == SESSION_EV_REFUSED || ev == SESSION_EV_TIMER;
	char token[ERR_TOKEN_MAX];

	/* A refusal has had its line. */
	if (ev != SESSION_EV_REFUSED && (t->attested || control_may_log(t->c)))
		log_failure(&t->c->env->log, LOG_INFO, "tunnel_closed", &a->err, "app",
		    t->session.id.app_name, "agent", t->session.id.agent_id, "peer", t->peer, NULL);
	leave(t, &a->err, failed && t->attested);
	if (a->ws_code == 0 || t->gone)
		return;
	if (a->err.reason != REASON_DRAINING)
		send_status(t, "invalid", &a->err, 0);
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
		send_status(t, "invalid", &a->err, 0);
		break;
	case SESSION_DO_UNROUTE:
		if (t->replica)
			registry_unroute(t->c->registry, t->replica);
		reset_requests(t, &a->err);
		break;
	case SESSION_DO_CLOSE:
		do_close(t, a, ev);
		break;
	}
}

static void
on_due(void *ctx)
{
	struct tunnel *t = ctx;

	if (t->session.state == SESSION_ATTESTED
	    && env_now_ms(t->c->env) < session_due_ms(&t->session))
		tunnel_challenge(t, WHY_PERIODIC);
	else
		tunnel_event(t, SESSION_EV_TIMER);
}

/* Re-attestations come up to a tenth of the interval early, so that a thousand agents that
 * connected in one second do not answer in one second for ever. */
static uint64_t
jitter_ms(const struct tunnel *t)
{
	uint32_t random;

	if (t->session.state != SESSION_ATTESTED || t->session.register_again)
		return 0;
	env_random(t->c->env, &random, sizeof random);
	return (uint64_t)t->c->session_set.interval_s * 100 * (random & 0xffff) >> 16;
}

static void
step(struct tunnel *t, struct session_input *in, struct span message)
{
	uint8_t nonce[ATTEST_NONCE];
	struct session_actions todo;
	uint64_t now = env_now_ms(t->c->env), due;

	env_random(t->c->env, nonce, sizeof nonce);
	in->now_ms = now;
	in->nonce = nonce;
	session_step(&t->session, in, &todo);
	for (size_t i = 0; i < todo.n; i++)
		act(t, &todo.v[i], in->ev, message);
	due = session_due_ms(&t->session);
	if (due == UINT64_MAX || t->gone) {
		net_timer_stop(&t->due);
	} else if (todo.n || !net_timer_is_running(&t->due)) {
		uint64_t wait = due > now ? due - now : 0, early = jitter_ms(t);

		net_timer_start(t->c->loop, &t->due, wait > early ? wait - early : wait, on_due, t);
	}
}

void
tunnel_step(struct tunnel *t, struct session_input *in)
{
	step(t, in, span_of(NULL, 0));
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

static void
refuse_message(struct tunnel *t, const struct err *e)
{
	struct session_input in = {.err = e};

	in.ev = reason_ws(e->reason) ? SESSION_EV_FATAL : SESSION_EV_SOFT;
	if (!t->attested)
		control_refused(t->c, &t->session.id, t->peer, e, false);
	tunnel_step(t, &in);
}

/* Everything that a registration can be refused for before a challenge is spent on it. */
static bool
may_register(struct tunnel *t, const struct attest_identity *id, struct err *e)
{
	const struct network *net = NULL;

	return attest_identity_check(id, e) && networks_get(&t->c->nets, id->network, &net, e)
	       && registry_may_register(t->c->registry, id, 0, env_now_s(t->c->env), e);
}

static void
on_register(struct tunnel *t, const struct msg_register *m)
{
	struct session_input in = {.ev = SESSION_EV_REGISTER};
	struct attest_identity id;
	struct err e = {0};

	memset(&id, 0, sizeof id);
	if (!span_cstr(span_str(m->repo), id.repo, sizeof id.repo)
	    || !span_cstr(span_str(m->release_tag), id.release_tag, sizeof id.release_tag)
	    || !span_cstr(span_str(m->app_name), id.app_name, sizeof id.app_name)
	    || !span_cstr(span_str(m->network), id.network, sizeof id.network)
	    || !span_cstr(span_str(m->agent_id), id.agent_id, sizeof id.agent_id)) {
		(void)err_set(&e, ERR_MALFORMED, REASON_INVALID_FIELD, "too long");
		refuse_message(t, &e);
		return;
	}
	if (!may_register(t, &id, &e)) {
		if (!t->session.id.app_name[0])
			control_refused(t->c, &id, t->peer, &e, false);
		in.ev = reason_ws(e.reason) ? SESSION_EV_FATAL : SESSION_EV_SOFT;
		in.err = &e;
		tunnel_step(t, &in);
		return;
	}
	in.id = &id;
	tunnel_step(t, &in);
}

static void
on_text(struct ws_conn *w, struct span text, void *ctx)
{
	struct tunnel *t = ctx;
	struct session_input in = {0};
	struct err e = {0};
	struct msg m;

	if (t->session.state == SESSION_CLOSED)
		return;
	if (!msg_parse(&m, text, MSG_FROM_AGENT, &e)) {
		refuse_message(t, &e);
		return;
	}
	switch (m.type) {
	case MSG_REGISTER:
		on_register(t, &m.u.reg);
		break;
	case MSG_ATTEST_RESPONSE:
		in.ev = SESSION_EV_ANSWER;
		step(t, &in, text);
		break;
	case MSG_HEALTH:
		in.ev = SESSION_EV_HEALTH;
		in.pass = m.u.health.pass;
		tunnel_step(t, &in);
		break;
	case MSG_PROXY_RESPONSE:
		if (t->attested)
			v1_on_response(t->v1, &m);
		break;
	default:
		break;
	}
	msg_fini(&m);
}

/* Version 1 has no binary messages. */
static void
on_binary(struct ws_conn *w, struct span bytes, void *ctx)
{
	struct err e = {0};

	(void)err_set(&e, ERR_MALFORMED, REASON_PROTOCOL_ERROR, "binary message in version 1");
	refuse_message(ctx, &e);
}

static void
on_close(struct ws_conn *w, uint16_t code, struct span reason, const struct err *why, void *ctx)
{
	struct tunnel *t = ctx;
	struct control *c = t->c;
	struct err e = {0};

	t->gone = true;
	if (why && why->code != ERR_NONE && t->session.state != SESSION_CLOSED
	    && control_may_log(c))
		log_failure(&c->env->log, LOG_INFO, "connection_lost", why, "peer", t->peer, NULL);
	tunnel_event(t, SESSION_EV_GONE);
	(void)err_set(&e, ERR_IO, REASON_TUNNEL_LOST, "close code %u", code);
	leave(t, &e, false);
	v1_free(t->v1, &e);
	net_timer_stop(&t->due);
	net_timer_stop(&t->overdue);
	net_defer_stop(&t->flush);
	if (!t->attested)
		c->unattested_n--;
	if (t->next)
		t->next->prev = t->prev;
	*(t->prev ? &t->prev->next : &c->tunnels) = t->next;
	c->tunnel_n--;
	free(t);
}

static const struct ws_conn_ops ops = {
    .on_text = on_text, .on_binary = on_binary, .on_close = on_close};

static void
refuse(struct http_req *r, const struct err *e)
{
	struct http_field more[3] = {{span_str("Cache-Control"), span_str("no-store")}};
	size_t n = 1;
	struct buf b;

	if (problem_retry_after(e))
		more[n++] = (struct http_field){span_str("Retry-After"), span_str("5")};
	/* RFC 9110 section 15.5.22. */
	if (e->reason == REASON_UPGRADE_REQUIRED)
		more[n++] = (struct http_field){span_str("Upgrade"), span_str("websocket")};
	buf_init(&b, 8192);
	problem_write(&b, e, span_of(NULL, 0));
	(void)http_respond_full(
	    r, reason_http(e->reason), PROBLEM_CONTENT_TYPE, more, n, buf_span(&b));
	buf_fini(&b);
}

static bool
may_open(struct control *c, const char *client, struct err *e)
{
	if (c->draining)
		return err_set(e, ERR_NOT_NOW, REASON_DRAINING, "stopping");
	if (!gate_take(c->gate, client, env_now_ms(c->env)))
		return err_set(e, ERR_LIMIT, REASON_RATE_LIMITED, "above the rate for an address");
	/* No single address may take the places of all. */
	size_t mine = 0;

	if (c->unattested_n > c->unattested_max / 4)
		for (const struct tunnel *t = c->tunnels; t; t = t->next)
			mine += !t->attested && strcmp(t->peer, client) == 0;
	if (mine > c->unattested_max / 4)
		return err_set(e, ERR_LIMIT, REASON_RATE_LIMITED,
		    "%zu tunnels of this address are not attested", mine);
	if (c->unattested_n >= c->unattested_max)
		return err_set(e, ERR_LIMIT, REASON_RATE_LIMITED, "%zu tunnels are not attested",
		    c->unattested_n);
	return true;
}

/* RFC 9266: what quotes are tied to where this process ends TLS itself. */
static bool
bind_channel(struct tunnel *t, struct err *e)
{
	uint8_t exporter[TLS_EXPORTER_SIZE];

	if (!ws_conn_is_tls(t->ws) || strcmp(t->c->set->tunnel_channel, "none") == 0)
		return true;
	if (!ws_conn_tls_exporter(t->ws, exporter))
		return err_set(e, ERR_UNSUPPORTED, REASON_PROTOCOL_ERROR, "TLS has no exporter");
	hex_encode(span_of(exporter, sizeof exporter), t->channel);
	return true;
}

static struct tunnel *
tunnel_new(struct control *c, const char *client, struct err *e)
{
	struct tunnel *t = calloc(1, sizeof *t);

	if (t)
		t->v1 = v1_new(send_v1, t);
	if (!t || !t->v1) {
		free(t);
		(void)err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "tunnel");
		return NULL;
	}
	t->c = c;
	t->id = ++c->last_id;
	(void)span_cstr(span_str(client), t->peer, sizeof t->peer);
	return t;
}

void
tunnel_accept(struct control *c, struct http_req *r)
{
	struct ws_conn_opts o = {.max_message = LIMIT_TEXT_UNATTESTED,
	    .ping_every_ms = PING_EVERY_MS,
	    .ping_deadline_ms = (uint64_t)c->set->attest_deadline_sec * 1000};
	char client[CONTROL_PEER_MAX];
	struct tunnel *t = NULL;
	struct err e = {0};

	(void)control_client(c, r, client);
	if (may_open(c, client, &e))
		t = tunnel_new(c, client, &e);
	if (t)
		t->ws = http_upgrade_ws(r, &o, &ops, t, &e);
	if (!t || !t->ws) {
		if (control_may_log(c))
			log_failure(
			    &c->env->log, LOG_WARN, "tunnel_refused", &e, "peer", client, NULL);
		if (t)
			v1_free(t->v1, &e);
		free(t);
		refuse(r, &e);
		return;
	}
	t->next = c->tunnels;
	if (t->next)
		t->next->prev = t;
	c->tunnels = t;
	c->tunnel_n++;
	c->unattested_n++;
	ws_conn_set_queue(t->ws, QUEUE_HIGH, QUEUE_MAX);
	session_init(&t->session, &c->session_set, env_now_ms(c->env));
	if (!bind_channel(t, &e))
		refuse_message(t, &e);
	else
		net_timer_start(c->loop, &t->due, SESSION_REGISTER_TIMEOUT_S * 1000, on_due, t);
}

void
tunnel_warn(struct tunnel *t)
{
	struct err e = {.reason = REASON_REGISTRATION_EXPIRING};
	struct resolve r;

	(void)registry_resolve(
	    t->c->registry, span_str(t->session.id.app_name), control_now(t->c), &r);
	send_status(t, "warning", &e, r.row.expires_at);
}

void
tunnels_drain(struct control *c)
{
	struct err e = {.reason = REASON_DRAINING};

	for (struct tunnel *t = c->tunnels; t; t = t->next) {
		send_status(t, "warning", &e, 0);
		if (v1_in_flight(t->v1) == 0)
			tunnel_event(t, SESSION_EV_DRAIN);
	}
}
