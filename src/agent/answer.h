/* answer.h - answers a control plane's challenges: report data for the nonce, a quote for it, the
 * message back. Runs beside whatever the backend does, so that no slow request delays it. One
 * quote is made at a time; a newer challenge takes the place of one that waits. Requests for
 * evidence are answered too, behind every challenge, one at a time and within the budget of all
 * requests; their quotes are made in a domain of their own and admit nobody. */
#ifndef AGENT_ANSWER_H
#define AGENT_ANSWER_H

#include "agent/budget.h"
#include "agent/config.h"
#include "agent/provider.h"
#include "net/loop.h"
#include "wire/message.h"

struct answer {
	const struct attest_identity *id;
	const struct agent_control *control;
	struct net_loop *loop;
	struct log *log;
	struct provider *provider;
	struct budget_share *share;
	bool (*send)(void *ctx, struct span text);
	void *ctx;
	/* The challenge that is open, if any. */
	bool open;
	char nonce_text[MSG_NONCE_MAX];
	uint8_t nonce[ATTEST_NONCE];
	char channel[ATTEST_CHANNEL_MAX + 1];
	uint64_t begun_ms, deadline_ms;
	uint64_t serial; /* counts challenges */
	uint64_t asked; /* the serial that the provider works for; 0: it is idle */
	struct net_timer retry;
	struct answer_evidence {
		bool open;
		char request_id[MSG_REQUEST_ID_MAX];
		uint8_t nonce[ATTEST_NONCE];
		char channel[ATTEST_CHANNEL_MAX + 1];
		uint64_t deadline_ms;
		uint64_t serial, asked; /* as above */
	} evidence;
};

/* An evidence_request came. It is answered, if only by an error: agent_busy where one is open or the
 * budget has no room. */
void answer_evidence_begin(
    struct answer *a, const struct msg_evidence_request *m, const char *channel);

/* A challenge came. channel is the hex of the TLS exporter, or "". Refusals: INVALID_FIELD (a
 * nonce that is none). */
MUST_CHECK bool answer_begin(
    struct answer *a, const struct msg_attest_request *m, const char *channel, struct err *e);

/* The tunnel is gone: the open challenge is void. */
void answer_drop(struct answer *a);

#endif
