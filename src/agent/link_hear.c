#include "agent/link_impl.h"

#include "base/hex.h"

/* A control plane that refused closes the tunnel; this long it may take. */
#define FAREWELL_MS 5000u
/* A warning asks for one renewal; a control plane that repeats it does not get a storm. */
#define RENEW_EVERY_MS 60000u

static struct log *
log_of(struct link *l)
{
	return &l->o.env->log;
}

#define CHANNEL_SIZE (2 * TLS_EXPORTER_SIZE + 1)

/* Of the connection as it is; false, with "", where TLS has no exporter. */
static bool
channel_of(struct link *l, char dst[static CHANNEL_SIZE])
{
	uint8_t exporter[TLS_EXPORTER_SIZE];

	dst[0] = '\0';
	if (!ws_conn_tls_exporter(l->ws, exporter))
		return false;
	hex_encode(span_of(exporter, sizeof exporter), dst);
	return true;
}

static void
on_challenge(struct link *l, const struct msg_attest_request *m)
{
	char channel[CHANNEL_SIZE] = "";
	struct log_line line;
	struct err e = {0};

	log_begin(&line, "challenged");
	log_str(&line, "why", m->reason);
	log_int(&line, "deadline_s", m->deadline_s);
	log_str(&line, "channel", m->channel ? "tls-exporter" : "none");
	log_str(&line, "control", l->o.control->origin);
	log_end(log_of(l), LOG_INFO, &line);
	/* Without an exporter the quote binds no channel, and the control plane says so. */
	l->binds_channel = m->channel;
	if (m->channel && !channel_of(l, channel))
		log_event(log_of(l), LOG_WARN, "no_channel_binding", "hint",
		    "the control plane ends TLS elsewhere: it needs EE_TUNNEL_CHANNEL=none", NULL);
	if (!answer_begin(&l->answer, m, channel, &e))
		log_failure(log_of(l), LOG_ERROR, "challenge_refused", &e, NULL);
}

/* Evidence binds what the last challenge asked to be bound. An agent that is not attested has nothing
 * to show, and one that speaks version 1 has not said that it can. */
static void
on_evidence_request(struct link *l, const struct msg_evidence_request *m)
{
	char channel[CHANNEL_SIZE] = "";

	if (!l->attested || !l->serving || serving_version(l->serving) != 2)
		return;
	if (l->binds_channel)
		(void)channel_of(l, channel);
	answer_evidence_begin(&l->answer, m, channel);
}

/* The tunnel's version is settled by the first word of admission: what was offered, where the
 * control plane says it too; version 1, which everybody speaks, where it does not. */
static void
on_attested(struct link *l, const struct msg_status *m)
{
	bool first = !l->attested, two = m->tunnel_version >= 2;
	enum readiness_state health = health_state(l->o.health);

	net_timer_stop(&l->admit);
	reconnect_note_attested(&l->reconnect, net_loop_now_ms(l->o.loop));
	l->attested = true;
	if (first)
		link_serve(l, two && l->o.config->s->tunnel_version == 2 ? 2 : 1);
	if (!l->serving)
		return;
	log_event(log_of(l), LOG_INFO, "attested", "app", l->o.config->id.app_name, "network",
	    l->o.config->id.network, "control", l->o.control->origin, "tunnel_version",
	    serving_version(l->serving) == 2 ? "2" : "1", "detail", m->detail[0] ? m->detail : NULL,
	    NULL);
	if (!first)
		return;
	if (health != READINESS_UNKNOWN)
		link_say_health(l, health == READINESS_PASS);
	l->o.changed(l->o.ctx);
}

static void
on_expiring(struct link *l, const struct msg_status *m)
{
	uint64_t now_ms = net_loop_now_ms(l->o.loop);
	bool renew = !l->renewed_ms || now_ms - l->renewed_ms >= RENEW_EVERY_MS;

	log_event(log_of(l), LOG_WARN, "registration_expiring", "expires_at",
	    m->expires_at[0] ? m->expires_at : NULL, "control", l->o.control->origin, "next",
	    renew ? "registering again" : "registered again a moment ago", NULL);
	if (!renew)
		return;
	l->renewed_ms = now_ms;
	link_send_register(l);
}

/* Requests that were sent here are still answered here. */
static void
on_draining(struct link *l)
{
	log_event(log_of(l), LOG_INFO, "control_draining", "control", l->o.control->origin, NULL);
	l->draining = true;
	l->o.changed(l->o.ctx);
}

static void
on_no_farewell(void *ctx)
{
	struct link *l = ctx;

	ws_conn_close(l->ws, 1000, span_of(NULL, 0));
}

/* After a refusal that the table of reasons calls fatal the control plane closes; where its close
 * does not come, this side does it. */
static void
on_refused(struct link *l, const struct msg_status *m)
{
	enum reason r = reason_find(m->reason, strlen(m->reason));
	enum reason cause = reason_find(m->cause, strlen(m->cause));
	enum reason fine = m->cause[0] && cause != REASON_COUNT ? cause : r;
	bool fatal = r != REASON_COUNT && reason_ws(r) != 0;

	log_event(log_of(l), LOG_ERROR, "refused", "reason", m->reason, "cause",
	    m->cause[0] ? m->cause : NULL, "detail", m->detail[0] ? m->detail : NULL, "control",
	    l->o.control->origin, "hint", fine != REASON_COUNT ? reason_todo(fine) : NULL, NULL);
	l->replaced = l->replaced || r == REASON_REPLACED;
	l->wait_ms = 1000
		     * (uint64_t)(m->retry_after_s < RECONNECT_TOLD_MAX_S ? m->retry_after_s
									  : RECONNECT_TOLD_MAX_S);
	if (fatal)
		net_timer_start(l->o.loop, &l->admit, FAREWELL_MS, on_no_farewell, l);
}

static void
on_status(struct link *l, const struct msg_status *m)
{
	if (span_is(span_str(m->state), "invalid"))
		on_refused(l, m);
	else if (span_is(span_str(m->reason), "attested"))
		on_attested(l, m);
	else if (span_is(span_str(m->reason), "registration_expiring"))
		on_expiring(l, m);
	else if (span_is(span_str(m->reason), "draining"))
		on_draining(l);
	else
		log_event(log_of(l), LOG_INFO, "status", "state", m->state, "reason", m->reason,
		    "control", l->o.control->origin, "detail", m->detail[0] ? m->detail : NULL,
		    NULL);
}

void
link_hear_text(struct link *l, struct span text)
{
	struct err e = {0};
	struct msg m;

	/* A newer control plane may say what this agent does not know: note it and go on. */
	if (!msg_parse(&m, text, MSG_FROM_CONTROL, &e)) {
		log_failure(log_of(l), LOG_WARN, "message_ignored", &e, NULL);
		return;
	}
	if (m.type == MSG_ATTEST_REQUEST)
		on_challenge(l, &m.u.attest_request);
	else if (m.type == MSG_EVIDENCE_REQUEST)
		on_evidence_request(l, &m.u.evidence_request);
	else if (m.type == MSG_STATUS)
		on_status(l, &m.u.status);
	else if (m.type == MSG_PROXY_REQUEST && l->serving)
		serving_on_request(l->serving, &m);
	else if (m.type == MSG_H2_END && l->serving)
		serving_on_h2_end(l->serving);
	msg_fini(&m);
}

void
link_hear_binary(struct link *l, struct span bytes)
{
	struct err e = {0};

	if (l->serving) {
		serving_on_binary(l->serving, bytes);
		return;
	}
	err_set(&e, ERR_MALFORMED, REASON_PROTOCOL_ERROR, "binary message before admission");
	link_refuse(l, &e);
}
