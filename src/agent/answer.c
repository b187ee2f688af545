#include "agent/answer.h"

#include <stdio.h>

#include "base/hex.h"
#include "base/limits.h"

/* The quoting service may be busy or restarting; until the deadline it is worth asking again. */
#define RETRY_MS 2000u

static void quote_start(struct answer *a);
static void next_quote(struct answer *a);

static void
on_retry(void *ctx)
{
	quote_start(ctx);
}

static void
quote_failed(struct answer *a, const struct err *e)
{
	uint64_t now_ms = net_loop_now_ms(a->loop);
	bool again = now_ms + RETRY_MS < a->deadline_ms;

	log_failure(a->log, LOG_ERROR, "quote_failed", e, "hint", e->shown[0] ? e->shown : NULL,
	    "next", again ? "asking again in 2 s" : "the challenge stays unanswered", NULL);
	if (again)
		net_timer_start(a->loop, &a->retry, RETRY_MS, on_retry, a);
	else
		a->open = false;
}

static MUST_CHECK bool
report_data_make(const struct answer *a, enum attest_purpose purpose,
    uint8_t out[static ATTEST_REPORT_DATA], struct err *e)
{
	bool evidence = purpose == ATTEST_FOR_EVIDENCE;
	struct attest_binding b = {.purpose = purpose,
	    .id = a->id,
	    .audience = a->control->origin,
	    .channel = evidence ? a->evidence.channel : a->channel};

	memcpy(b.nonce, evidence ? a->evidence.nonce : a->nonce, sizeof b.nonce);
	return attest_report_data(
	    &a->control->claims_doc, json_top(&a->control->claims_doc), &b, out, e);
}

static void
send_answer(struct answer *a, struct span quote)
{
	uint8_t report_data[ATTEST_REPORT_DATA];
	struct err e = {0};
	struct buf text;
	struct log_line line;

	buf_init(&text, LIMIT_TEXT_UNATTESTED);
	if (!report_data_make(a, ATTEST_FOR_ADMISSION, report_data, &e)) {
		quote_failed(a, &e);
		return;
	}
	msg_write_attest_response(&text, a->nonce_text, quote,
	    span_of(report_data, sizeof report_data), buf_span(&a->control->claims));
	if (!buf_ok(&text)) {
		err_set(&e, ERR_LIMIT, REASON_MESSAGE_TOO_BIG, "quote and claims are too large");
		quote_failed(a, &e);
	} else if (a->send(a->ctx, buf_span(&text))) {
		log_begin(&line, "answered");
		log_int(&line, "quote_bytes", (int64_t)quote.n);
		log_int(&line, "ms", (int64_t)(net_loop_now_ms(a->loop) - a->begun_ms));
		log_end(a->log, LOG_INFO, &line);
	}
	a->open = false;
	buf_fini(&text);
}

/* A quote for a challenge that is void by now is thrown away, and the one that waits is begun. */
static void
on_quote(struct span quote, const struct err *e, void *ctx)
{
	struct answer *a = ctx;
	uint64_t asked = a->asked;

	a->asked = 0;
	if (a->open && asked == a->serial && e)
		quote_failed(a, e);
	else if (a->open && asked == a->serial)
		send_answer(a, quote);
	next_quote(a);
}

static void
quote_start(struct answer *a)
{
	struct provider_reply reply = {on_quote, a};
	uint8_t report_data[ATTEST_REPORT_DATA];
	struct err e = {0};

	if (!a->open || a->asked || a->evidence.asked)
		return;
	if (report_data_make(a, ATTEST_FOR_ADMISSION, report_data, &e)
	    && provider_ask(a->provider, report_data, reply, &e))
		a->asked = a->serial;
	else
		quote_failed(a, &e);
}

/* --- evidence --- */

static void
evidence_close(struct answer *a)
{
	if (!a->evidence.open)
		return;
	a->evidence.open = false;
	budget_give_request(a->share);
}

static void
send_error(struct answer *a, const char *request_id, enum reason why)
{
	struct buf text;

	buf_init(&text, 1024);
	msg_write_evidence_error(&text, request_id, reason_token(why));
	if (buf_ok(&text))
		(void)a->send(a->ctx, buf_span(&text));
	buf_fini(&text);
}

static void
evidence_failed(struct answer *a, const struct err *e)
{
	log_failure(
	    a->log, LOG_ERROR, "evidence_failed", e, "hint", e->shown[0] ? e->shown : NULL, NULL);
	send_error(a, a->evidence.request_id, REASON_EVIDENCE_FAILED);
	evidence_close(a);
}

static void
send_evidence(struct answer *a, struct span quote)
{
	uint8_t report_data[ATTEST_REPORT_DATA];
	struct err e = {0};
	struct buf text;

	buf_init(&text, LIMIT_TEXT_UNATTESTED);
	if (report_data_make(a, ATTEST_FOR_EVIDENCE, report_data, &e)) {
		msg_write_evidence_response(&text, a->evidence.request_id, quote,
		    span_of(report_data, sizeof report_data), buf_span(&a->control->claims));
		if (!buf_ok(&text))
			err_set(&e, ERR_LIMIT, REASON_MESSAGE_TOO_BIG,
			    "quote and claims are too large");
	}
	if (e.code != ERR_NONE) {
		evidence_failed(a, &e);
	} else {
		if (a->send(a->ctx, buf_span(&text)))
			log_event(
			    a->log, LOG_INFO, "evidence_made", "control", a->control->origin, NULL);
		evidence_close(a);
	}
	buf_fini(&text);
}

static void
on_evidence_quote(struct span quote, const struct err *e, void *ctx)
{
	struct answer *a = ctx;
	bool mine = a->evidence.open && a->evidence.asked == a->evidence.serial;

	a->evidence.asked = 0;
	if (mine && e)
		evidence_failed(a, e);
	else if (mine)
		send_evidence(a, quote);
	next_quote(a);
}

static void
evidence_start(struct answer *a)
{
	struct provider_reply reply = {on_evidence_quote, a};
	uint8_t report_data[ATTEST_REPORT_DATA];
	struct err e = {0};

	if (net_loop_now_ms(a->loop) >= a->evidence.deadline_ms)
		err_set(&e, ERR_EXPIRED, REASON_EVIDENCE_TIMEOUT, "challenges came first");
	else if (report_data_make(a, ATTEST_FOR_EVIDENCE, report_data, &e)
		 && provider_ask(a->provider, report_data, reply, &e))
		a->evidence.asked = a->evidence.serial;
	if (e.code != ERR_NONE)
		evidence_failed(a, &e);
}

/* The provider is idle: a challenge first, whose retry has its own time. */
static void
next_quote(struct answer *a)
{
	if (a->asked || a->evidence.asked)
		return;
	if (a->open && !net_timer_is_running(&a->retry))
		quote_start(a);
	if (!a->asked && a->evidence.open)
		evidence_start(a);
}

void
answer_evidence_begin(struct answer *a, const struct msg_evidence_request *m, const char *channel)
{
	struct answer_evidence *v = &a->evidence;
	uint8_t nonce[ATTEST_NONCE];

	if (!hex_decode(span_str(m->nonce), nonce, sizeof nonce)) {
		send_error(a, m->request_id, REASON_INVALID_FIELD);
		return;
	}
	if (v->open || !budget_take_request(a->share)) {
		send_error(a, m->request_id, REASON_AGENT_BUSY);
		return;
	}
	v->open = true;
	v->serial++;
	memcpy(v->nonce, nonce, sizeof v->nonce);
	(void)snprintf(v->request_id, sizeof v->request_id, "%s", m->request_id);
	(void)snprintf(v->channel, sizeof v->channel, "%s", channel);
	v->deadline_ms = net_loop_now_ms(a->loop)
			 + (uint64_t)(m->deadline_s > 0 ? m->deadline_s : 1) * 1000;
	next_quote(a);
}

/* --- challenges --- */

bool
answer_begin(
    struct answer *a, const struct msg_attest_request *m, const char *channel, struct err *e)
{
	if (!hex_decode(span_str(m->nonce), a->nonce, sizeof a->nonce))
		return err_set(e, ERR_MALFORMED, REASON_INVALID_FIELD,
		    "the control plane's nonce is not the hex of 32 bytes");
	net_timer_stop(&a->retry);
	(void)snprintf(a->nonce_text, sizeof a->nonce_text, "%s", m->nonce);
	(void)snprintf(a->channel, sizeof a->channel, "%s", channel);
	a->begun_ms = net_loop_now_ms(a->loop);
	a->deadline_ms = a->begun_ms + (uint64_t)(m->deadline_s > 0 ? m->deadline_s : 1) * 1000;
	a->open = true;
	a->serial++;
	quote_start(a);
	return true;
}

void
answer_drop(struct answer *a)
{
	net_timer_stop(&a->retry);
	a->open = false;
	evidence_close(a);
}
