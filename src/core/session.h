/* session.h - the states of one tunnel, as one table of (state, event, next state, action);
 * session_step is the one function that moves, and the table alone says where to. What an event
 * means in the light of clock and identity is said by a list of rules in front of it. Both can be
 * read (session_row, session_rule), so that tests/model checks the table that runs.
 * Owns the outstanding nonce and the lease; never sockets, clocks or randomness:
 * what to do comes back as actions, and the caller does them in order. A nonce serves one
 * challenge and is gone from here once an answer took it, whatever comes of that answer. */
#ifndef CORE_SESSION_H
#define CORE_SESSION_H

#include "attest/attest.h"
#include "core/lease.h"

#define SESSION_REGISTER_TIMEOUT_S 10
#define SESSION_SOFT_ERRORS_MAX    8 /* the ninth closes */

enum session_state {
	SESSION_NEW, /* connected, nothing said */
	SESSION_CHALLENGED, /* registered; a challenge is out */
	SESSION_VERIFYING, /* answered; the verdict is pending */
	SESSION_ATTESTED, /* holds a lease */
	SESSION_RECHALLENGED, /* holds a lease; a challenge is out */
	SESSION_REVERIFYING, /* holds a lease; a verdict is pending */
	SESSION_CLOSED,
	SESSION_STATE_COUNT
};

enum session_event {
	SESSION_EV_REGISTER, /* in.id, in.nonce */
	SESSION_EV_ANSWER, /* attest_response arrived, well-formed */
	SESSION_EV_VERIFIED, /* in.attempt; raise it after the store's commit */
	SESSION_EV_REFUSED, /* in.attempt, in.err */
	SESSION_EV_CHALLENGE, /* in.nonce, in.why: an admin or the policy asks */
	SESSION_EV_TIMER, /* in.nonce: session_due_ms has passed */
	SESSION_EV_HEALTH, /* in.pass */
	SESSION_EV_SOFT, /* in.err: a message refused without ending the tunnel */
	SESSION_EV_FATAL, /* in.err: a frame or message that breaks the protocol */
	SESSION_EV_REPLACED, /* a newer tunnel of this agent is attested */
	SESSION_EV_EXPIRED, /* the registration ended */
	SESSION_EV_REMOVED, /* an admin removed the app */
	SESSION_EV_BANNED, /* an admin banned its name */
	SESSION_EV_DRAIN, /* the control plane stops */
	SESSION_EV_GONE, /* the connection is lost */
	SESSION_EVENT_COUNT,
	/* What session_step makes of those above, by its rules; never raised from outside. */
	SESSION_EV_LEASE_OVER = SESSION_EVENT_COUNT, /* trust has ended by the clock */
	SESSION_EV_OTHER_IDENTITY, /* a register that names another agent or app */
	SESSION_EV_TOO_MANY, /* the peer erred once too often */
	SESSION_EV_NOTHING, /* too early, or of an attempt that is over */
	SESSION_EVENTS_ALL
};

enum session_why { WHY_REGISTER, WHY_PERIODIC, WHY_ADMIN, WHY_POLICY };

enum session_do {
	SESSION_DO_CHALLENGE, /* send attest_request: nonce, why, deadline_s */
	SESSION_DO_VERIFY, /* judge the answer with this nonce; report with `attempt` */
	SESSION_DO_ADMIT, /* send status ok attested, route to it; `renew`: a register asked for it */
	SESSION_DO_HEALTH, /* note `pass` in the registry */
	SESSION_DO_STATUS, /* send status with `err`, stay open */
	SESSION_DO_UNROUTE, /* take it out of routing, reset its streams with `err` */
	SESSION_DO_CLOSE /* send status with `err` (not where it is gone), close with `ws_code` */
};

struct session_action {
	enum session_do kind;
	enum session_why why;
	uint32_t deadline_s;
	uint8_t nonce[ATTEST_NONCE];
	uint32_t attempt;
	bool renew;
	bool pass;
	int ws_code; /* 0: say nothing, the peer is gone */
	struct err err;
};

#define SESSION_ACTIONS_MAX 4
struct session_actions {
	struct session_action v[SESSION_ACTIONS_MAX];
	size_t n;
};

struct session_settings {
	uint32_t interval_s; /* EE_ATTEST_INTERVAL_SEC */
	uint32_t deadline_s; /* EE_ATTEST_DEADLINE_SEC */
	uint32_t verify_s; /* EE_VERIFY_TIMEOUT_SEC */
};

struct session {
	enum session_state state;
	const struct session_settings *set;
	const struct attest_identity
	    *id; /* in.id of the register that began it; empty texts before */
	uint8_t nonce[ATTEST_NONCE];
	bool nonce_live;
	enum session_why why;
	bool renew; /* the challenge or verification that runs came of a register */
	bool register_again; /* a register came while a verdict was pending */
	uint64_t due_ms; /* when SESSION_EV_TIMER is next due */
	uint64_t admitted_ms;
	uint32_t attempt;
	unsigned soft_errors;
	struct lease lease;
};

struct session_input {
	enum session_event ev;
	uint64_t now_ms;
	const struct attest_identity *id; /* of a new session: to outlive it */
	const uint8_t *nonce; /* 32 fresh random bytes */
	uint32_t random; /* fresh: moves the next challenge; 0 leaves it at the interval's end */
	uint32_t attempt;
	enum session_why why;
	bool pass;
	const struct err *err;
};

/* Begin, at the moment that the upgrade was answered. `set` must outlive the session. */
void session_init(struct session *s, const struct session_settings *set, uint64_t now_ms);

/* Take one event; fill `out` with what to do, in order. An event that the state's row does not
 * know moves nothing and does nothing. */
void session_step(struct session *s, const struct session_input *in, struct session_actions *out);

/* When SESSION_EV_TIMER is due next; UINT64_MAX for never. */
uint64_t session_due_ms(const struct session *s);

/* Say whether bytes of visitors may pass now. Ask at every request and as long streams run. */
bool session_may_carry(const struct session *s, uint64_t now_ms);

/* The i-th row of the table, and the i-th rule; false past the last. */
struct session_row_view {
	enum session_state from;
	enum session_event on;
	enum session_state to;
	const char *action;
	bool fault; /* the peer's error: counted, and one too many is SESSION_EV_TOO_MANY */
};
bool session_row(size_t i, struct session_row_view *out);

/* Rules are tried in order, and the first that holds renames the event. */
struct session_rule_view {
	enum session_event on; /* SESSION_EVENTS_ALL: every event but SESSION_EV_GONE */
	const char *when;
	enum session_event becomes;
};
bool session_rule(size_t i, struct session_rule_view *out);

const char *session_state_name(enum session_state st);
const char *session_event_name(enum session_event ev);
/* `register`, `periodic`, `admin`, `policy`: attest_request's `reason`. */
const char *session_why_name(enum session_why why);

#endif
