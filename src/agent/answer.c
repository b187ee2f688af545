#include "agent/answer.h"

#include <stdio.h>

#include "base/hex.h"
#include "base/limits.h"

/* The quoting service may be busy or restarting; until the deadline it is worth asking again. */
#define RETRY_MS 2000u

static void quote_start(struct answer *a);

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
report_data_make(const struct answer *a, uint8_t out[static ATTEST_REPORT_DATA], struct err *e)
{
	struct attest_binding b = {
	    .id = a->id, .audience = a->control->origin, .channel = a->channel};

	memcpy(b.nonce, a->nonce, sizeof b.nonce);
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
	if (!report_data_make(a, report_data, &e)) {
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
	if (!a->open)
		return;
	if (asked != a->serial)
		quote_start(a);
	else if (e)
		quote_failed(a, e);
	else
		send_answer(a, quote);
}

static void
quote_start(struct answer *a)
{
	struct provider_reply reply = {on_quote, a};
	uint8_t report_data[ATTEST_REPORT_DATA];
	struct err e = {0};

	if (!a->open || a->asked)
		return;
	if (report_data_make(a, report_data, &e)
	    && provider_ask(a->provider, report_data, reply, &e))
		a->asked = a->serial;
	else
		quote_failed(a, &e);
}

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
}
