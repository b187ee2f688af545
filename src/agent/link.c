#include "agent/link_impl.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"

#define USER_AGENT "ee-agent"
/* A control plane that neither admits nor refuses within this does neither later: its own times
 * are 30 s for the answer and 60 for its verification. */
#define ADMIT_MS 180000u
/* One answer of version 1 may be on its way while one more message waits behind it. */
#define QUEUE_HIGH (256u * 1024)
#define QUEUE_MAX  (2u * LIMIT_TEXT_ATTESTED)
/* Between the word that we leave and the leave: requests that are on their way meanwhile are still
 * answered, if only by a refusal that lets another replica be asked. Twice a long round trip. */
#define LEAVE_MIN_MS 500u
/* So often it is looked at whether all requests are done. */
#define LOOK_MS 25u

static void dial(void *ctx);

/* -- sending -- */

bool
link_send_text(struct link *l, struct span text)
{
	return l->ws && ws_conn_is_open(l->ws) && ws_conn_send_text(l->ws, text);
}

static bool
send_answer(void *ctx, struct span text)
{
	return link_send_text(ctx, text);
}

void
link_send_register(struct link *l)
{
	const struct attest_identity *id = &l->o.config->id;
	struct msg_register m = {.tunnel_version = (unsigned)l->o.config->s->tunnel_version};
	struct buf text;

	(void)snprintf(m.repo, sizeof m.repo, "%s", id->repo);
	(void)snprintf(m.release_tag, sizeof m.release_tag, "%s", id->release_tag);
	(void)snprintf(m.app_name, sizeof m.app_name, "%s", id->app_name);
	(void)snprintf(m.network, sizeof m.network, "%s", id->network);
	(void)snprintf(m.agent_id, sizeof m.agent_id, "%s", id->agent_id);
	buf_init(&text, 8192);
	msg_write_register(&text, &m);
	if (buf_ok(&text))
		(void)link_send_text(l, buf_span(&text));
	buf_fini(&text);
}

static void
send_health(struct link *l, bool pass)
{
	struct buf text;

	buf_init(&text, 256);
	msg_write_health(&text, pass);
	if (buf_ok(&text))
		(void)link_send_text(l, buf_span(&text));
	buf_fini(&text);
}

/* Who leaves has said that it is not well, and does not take it back. */
void
link_say_health(struct link *l, bool pass)
{
	if (l->attested && !l->leaving)
		send_health(l, pass);
}

/* -- serving -- */

/* Long answers wait until the queue is short, so that a health word or a challenge's answer never
 * stands behind more than one of them. */
static bool
serve_text(void *ctx, struct span text, bool now)
{
	struct link *l = ctx;

	if (!l->ws || (!now && ws_conn_is_full(l->ws)))
		return false;
	return link_send_text(l, text);
}

static bool
serve_binary(void *ctx, struct span message)
{
	struct link *l = ctx;

	if (!l->ws || !ws_conn_is_open(l->ws))
		return true;
	(void)ws_conn_send_binary(l->ws, message);
	return !ws_conn_is_full(l->ws);
}

void
link_refuse(struct link *l, const struct err *why)
{
	const char *token = reason_token(why->reason);

	log_failure(
	    &l->o.env->log, LOG_ERROR, "tunnel_broken", why, "control", l->o.control->origin, NULL);
	if (l->ws)
		ws_conn_close(l->ws,
		    (uint16_t)(reason_ws(why->reason) ? reason_ws(why->reason) : 1011),
		    span_str(token));
}

static void
serve_broken(void *ctx, const struct err *why)
{
	link_refuse(ctx, why);
}

static const struct serving_ops serving_ops = {serve_text, serve_binary, serve_broken};

void
link_serve(struct link *l, unsigned version)
{
	const struct settings *s = l->o.config->s;
	struct serving_opts o = {.loop = l->o.loop,
	    .backend = l->o.backend,
	    .share = l->o.share,
	    .version = version,
	    .h2 = {.stream_window = (size_t)s->tunnel_stream_window,
		.tunnel_window = (size_t)s->tunnel_window,
		.max_streams = (size_t)s->tunnel_streams},
	    .ops = &serving_ops,
	    .ctx = l};
	struct err e = {0};

	l->serving = serving_new(&o, &e);
	if (!l->serving)
		link_refuse(l, &e);
	else if (version == 1)
		ws_conn_set_max(l->ws, LIMIT_TEXT_ATTESTED);
}

/* -- the connection -- */

static void
on_open(struct ws_conn *w, void *ctx)
{
	struct link *l = ctx;
	const struct attest_identity *id = &l->o.config->id;

	log_event(&l->o.env->log, LOG_INFO, "connected", "control", l->o.control->origin, "peer",
	    ws_conn_peer(w), NULL);
	ws_conn_set_queue(w, QUEUE_HIGH, QUEUE_MAX);
	link_send_register(l);
	log_event(&l->o.env->log, LOG_INFO, "registered", "app", id->app_name, "repo", id->repo,
	    "tag", id->release_tag, "network", id->network, "agent", id->agent_id, "control",
	    l->o.control->origin, NULL);
}

static void
on_text(struct ws_conn *w, struct span text, void *ctx)
{
	link_hear_text(ctx, text);
}

static void
on_binary(struct ws_conn *w, struct span bytes, void *ctx)
{
	link_hear_binary(ctx, bytes);
}

static void
on_drain(struct ws_conn *w, void *ctx)
{
	struct link *l = ctx;

	if (l->serving)
		serving_flush(l->serving);
}

static void
reconnect(struct link *l)
{
	struct log_line line;
	uint64_t random, ms;

	env_random(l->o.env, &random, sizeof random);
	ms = reconnect_next(&l->reconnect, net_loop_now_ms(l->o.loop), random,
	    l->replaced ? RECONNECT_REPLACED_MS : l->wait_ms);
	log_begin(&line, "reconnecting");
	log_int(&line, "in_ms", (int64_t)ms);
	log_str(&line, "control", l->o.control->origin);
	if (l->replaced)
		log_str(&line, "why", "a newer tunnel of this agent took over");
	log_end(&l->o.env->log, LOG_INFO, &line);
	l->replaced = false;
	l->wait_ms = 0;
	net_timer_start(l->o.loop, &l->dial, ms, dial, l);
}

/* The tunnel is gone: what hung on it goes, too. */
static void
forget_tunnel(struct link *l)
{
	l->ws = NULL;
	l->attested = false;
	l->draining = false;
	net_timer_stop(&l->admit);
	net_timer_stop(&l->look);
	answer_drop(&l->answer);
	serving_free(l->serving);
	l->serving = NULL;
}

static void
on_close(struct ws_conn *w, uint16_t code, struct span reason, const struct err *why, void *ctx)
{
	struct link *l = ctx;
	struct log_line line;

	log_begin(&line, "disconnected");
	log_int(&line, "code", code);
	log_str(&line, "control", l->o.control->origin);
	if (reason.n)
		log_span(&line, "said", reason);
	if (why && why->code != ERR_NONE)
		log_err(&line, why);
	log_end(&l->o.env->log, l->leaving ? LOG_INFO : LOG_WARN, &line);
	l->replaced = l->replaced || span_is(reason, "replaced");
	if (span_is(reason, "draining"))
		reconnect_note_leave(&l->reconnect);
	forget_tunnel(l);
	if (!l->leaving && !l->retired)
		reconnect(l);
	l->o.changed(l->o.ctx);
}

static const struct ws_conn_ops ws_ops = {on_open, on_text, on_binary, on_drain, on_close};

static void
on_admit_timeout(void *ctx)
{
	struct link *l = ctx;
	struct err e = {0};

	err_set(&e, ERR_EXPIRED, REASON_ATTESTATION_TIMEOUT,
	    "the control plane neither admitted nor refused this agent");
	ws_conn_abort(l->ws, &e);
}

static void
dial(void *ctx)
{
	struct link *l = ctx;
	/* With the defaults of ws_conn.h a dead control plane is found within ten seconds, and the
	 * pings come more often than any NAT forgets. */
	struct ws_conn_opts o = {
	    .max_message = LIMIT_TEXT_UNATTESTED, .ping_every_ms = WS_PING_EVERY_MS};
	struct ws_dial d = {.url = l->o.control->ws, .user_agent = USER_AGENT};
	struct err e = {0};

	if (url_is_tls(&l->o.control->url))
		d.tls = l->o.tls;
	l->renewed_ms = 0;
	l->ws = ws_conn_dial(l->o.loop, &d, &o, &ws_ops, l, &e);
	if (l->ws) {
		net_timer_start(l->o.loop, &l->admit, ADMIT_MS, on_admit_timeout, l);
		return;
	}
	log_failure(
	    &l->o.env->log, LOG_WARN, "dial_failed", &e, "control", l->o.control->origin, NULL);
	reconnect(l);
}

/* -- life -- */

struct link *
link_new(const struct link_opts *o, struct provider *provider, struct err *e)
{
	struct link *l = calloc(1, sizeof *l);

	if (!l) {
		err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "no memory for a link");
		provider_close(provider);
		return NULL;
	}
	l->o = *o;
	l->answer = (struct answer){.id = &o->config->id,
	    .control = o->control,
	    .loop = o->loop,
	    .log = &o->env->log,
	    .provider = provider,
	    .share = o->share,
	    .send = send_answer,
	    .ctx = l};
	reconnect_init(&l->reconnect);
	net_timer_start(o->loop, &l->dial, o->dial_in_ms, dial, l);
	return l;
}

/* -- leaving -- */

static void
go(struct link *l)
{
	net_timer_stop(&l->look);
	if (ws_conn_is_open(l->ws))
		ws_conn_close(l->ws, 1001, span_str("going away"));
	else
		ws_conn_abort(l->ws, NULL);
}

static void
on_look(void *ctx)
{
	struct link *l = ctx;
	uint64_t now_ms = net_loop_now_ms(l->o.loop);
	size_t n = l->serving ? serving_in_flight(l->serving) : 0;
	struct log_line line;

	if (now_ms < l->leave_until_ms && (n || now_ms < l->leave_from_ms))
		return;
	if (n) {
		log_begin(&line, "requests_cut");
		log_int(&line, "requests", (int64_t)n);
		log_str(&line, "control", l->o.control->origin);
		log_end(&l->o.env->log, LOG_WARN, &line);
	}
	go(l);
}

/* Every control plane sends no more requests to a backend that is not well, and cuts none; version 2
 * has GOAWAY besides, which says which of those under way were taken. */
void
link_leave(struct link *l, uint64_t grace_ms)
{
	uint64_t now_ms = net_loop_now_ms(l->o.loop);

	if (l->leaving)
		return;
	net_timer_stop(&l->dial);
	net_timer_stop(&l->admit);
	if (l->attested && l->serving && grace_ms) {
		link_say_health(l, false);
		serving_leave(l->serving);
		l->leave_from_ms = now_ms + LEAVE_MIN_MS;
		l->leave_until_ms = now_ms + grace_ms;
		net_timer_repeat(l->o.loop, &l->look, LOOK_MS, on_look, l);
	} else if (l->ws) {
		go(l);
	}
	l->leaving = true;
}

bool
link_is_attested(const struct link *l)
{
	return l->attested;
}

bool
link_is_draining(const struct link *l)
{
	return l->draining;
}

void
link_retire(struct link *l)
{
	net_timer_stop(&l->dial);
	l->retired = true;
}

bool
link_is_over(const struct link *l)
{
	return (l->leaving || l->retired) && !l->ws;
}

static void
nobody_hears(struct ws_conn *w, struct span bytes, void *ctx)
{
}

static void
nobody_minds(struct ws_conn *w, uint16_t code, struct span reason, const struct err *why, void *ctx)
{
}

/* A connection outlives its owner until the loop has closed it. */
static const struct ws_conn_ops orphan_ops = {
    .on_text = nobody_hears, .on_binary = nobody_hears, .on_close = nobody_minds};

void
link_free(struct link *l)
{
	struct ws_conn *w;

	if (!l)
		return;
	w = l->ws;
	net_timer_stop(&l->dial);
	forget_tunnel(l);
	if (w) {
		ws_conn_set_ops(w, &orphan_ops, NULL);
		ws_conn_abort(w, NULL);
	}
	provider_close(l->answer.provider);
	free(l);
}
