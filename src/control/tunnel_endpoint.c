#include "control/tunnel_endpoint.h"

#include "base/hex.h"
#include "control/attest.h"
#include "control/evidence.h"
#include "core/names.h"
#include "wire/problem.h"

#include <stdlib.h>

/* Until a tunnel has said that it speaks version 2 (WS_PING_EVERY_MS): an agent of the seed's kind
 * answers pings only between requests, so that the deadline is the challenge's. */
#define PING_EVERY_MS 15000
/* Two of the largest messages may wait for a slow agent. */
#define QUEUE_HIGH (256u * 1024)
#define QUEUE_MAX  (2u * LIMIT_TEXT_ATTESTED)

/* Everything that a registration can be refused for before a challenge is spent on it. */
static bool
may_register(struct tunnel *t, const struct attest_identity *id, struct err *e)
{
	const struct network *net = NULL;

	return attest_identity_check(id, e) && names_check(id->app_name, e)
	       && networks_get(&t->c->nets, id->network, &net, e)
	       && registry_may_register(t->c->registry, id, 0, env_now_s(t->c->env), e);
}

/* What a tunnel speaks is said once, with its first register. */
static bool
take_version(struct tunnel *t, unsigned version, struct err *e)
{
	if (t->carriage.version)
		return t->carriage.version == version
		       || err_set(e, ERR_MALFORMED, REASON_INVALID_FIELD,
			   "tunnel_version was %u before", t->carriage.version);
	t->carriage.version = version;
	if (version == 2)
		ws_conn_set_ping(t->ws, WS_PING_EVERY_MS, WS_PING_DEADLINE_MS);
	return true;
}

/* A session keeps what its first register says; later ones are only compared. */
static bool
keep_identity(struct tunnel *t, struct session_input *in, struct err *e)
{
	if (t->session.state != SESSION_NEW)
		return true;
	free(t->identity);
	t->identity = attest_identity_copy(in->id);
	in->id = t->identity;
	return t->identity || err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "tunnel's identity");
}

static void
on_register(struct tunnel *t, const struct msg_register *m)
{
	struct session_input in = {.ev = SESSION_EV_REGISTER};
	struct attest_identity id = {m->repo, m->release_tag, m->app_name, m->network, m->agent_id};
	struct err e = {0};

	if (!take_version(t, m->tunnel_version, &e)) {
		tunnel_refuse(t, &e);
		return;
	}
	if (!may_register(t, &id, &e)) {
		if (!t->session.id->app_name[0])
			control_refused(t->c, &id, t->peer, &e, NULL);
		in.ev = reason_ws(e.reason) ? SESSION_EV_FATAL : SESSION_EV_SOFT;
		in.err = &e;
		tunnel_step(t, &in);
		return;
	}
	in.id = &id;
	if (keep_identity(t, &in, &e))
		tunnel_step(t, &in);
	else
		tunnel_refuse(t, &e);
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
		tunnel_refuse(t, &e);
		return;
	}
	switch (m.type) {
	case MSG_REGISTER:
		on_register(t, &m.u.reg);
		break;
	case MSG_ATTEST_RESPONSE:
		in.ev = SESSION_EV_ANSWER;
		tunnel_step_with(t, &in, text);
		break;
	case MSG_HEALTH:
		in.ev = SESSION_EV_HEALTH;
		in.pass = m.u.health.pass;
		tunnel_step(t, &in);
		break;
	case MSG_PROXY_RESPONSE:
		carriage_on_response(t, &m);
		break;
	case MSG_EVIDENCE_RESPONSE:
		fresh_on_response(t, &m, text);
		break;
	case MSG_H2_END:
		carriage_on_h2_end(t);
		break;
	default:
		break;
	}
	msg_fini(&m);
}

static void
on_binary(struct ws_conn *w, struct span bytes, void *ctx)
{
	carriage_on_binary(ctx, bytes);
}

static void
on_drain(struct ws_conn *w, void *ctx)
{
	carriage_on_drain(ctx);
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
	tunnel_leave(t, &e, false);
	carriage_fini(t, &e);
	net_timer_stop(&t->due);
	if (!t->attested)
		c->unattested_n--;
	if (t->next)
		t->next->prev = t->prev;
	*(t->prev ? &t->prev->next : &c->tunnels) = t->next;
	c->tunnel_n--;
	free(t->identity);
	free(t->channel);
	free(t->forecast);
	free(t);
}

static const struct ws_conn_ops ops = {
    .on_text = on_text, .on_binary = on_binary, .on_drain = on_drain, .on_close = on_close};

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
	t->channel = malloc(2 * sizeof exporter + 1);
	if (!t->channel)
		return err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "tunnel's channel");
	hex_encode(span_of(exporter, sizeof exporter), t->channel);
	return true;
}

static struct tunnel *
tunnel_new(struct control *c, const char *client, struct err *e)
{
	size_t n = strlen(client) + 1;
	struct tunnel *t = calloc(1, sizeof *t + n);

	if (!t) {
		(void)err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "tunnel");
		return NULL;
	}
	t->c = c;
	t->id = ++c->last_id;
	memcpy(t->peer, client, n);
	return t;
}

void
tunnel_accept(struct control *c, struct http_req *r)
{
	struct ws_conn_opts o = {.max_message = LIMIT_TEXT_UNATTESTED,
	    .ping_every_ms = PING_EVERY_MS,
	    .ping_deadline_ms = (uint64_t)c->set->attest_deadline_sec * 1000,
	    .peer_timeout_ms = (uint64_t)c->set->attest_deadline_sec * 1000};
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
		tunnel_refuse(t, &e);
	else
		net_timer_start(
		    c->loop, &t->due, SESSION_REGISTER_TIMEOUT_S * 1000, tunnel_on_due, t);
}

void
tunnel_warn(struct tunnel *t)
{
	struct err e = {.reason = REASON_REGISTRATION_EXPIRING};
	struct resolve r;

	(void)registry_resolve(
	    t->c->registry, span_str(t->session.id->app_name), control_now(t->c), &r);
	tunnel_say(t, "warning", &e, r.row.expires_at);
}

void
tunnels_warn_of_drain(struct control *c)
{
	struct err e = {.reason = REASON_DRAINING};

	for (struct tunnel *t = c->tunnels; t; t = t->next)
		tunnel_say(t, "warning", &e, 0);
}
