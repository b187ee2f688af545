/* tunnel_endpoint.h - agents' tunnels: turns WebSocket messages into session events
 * (tunnel_endpoint.c), and what the session says into messages, registry changes and closes
 * (tunnel_acts.c). Owns each tunnel from the upgrade to
 * the end of its connection. Judges no evidence (attest.h) and no state (core/session.h). */
#ifndef CONTROL_TUNNEL_ENDPOINT_H
#define CONTROL_TUNNEL_ENDPOINT_H

#include "control/carriage.h"
#include "control/control.h"
#include "control/standing.h"
#include "wire/message.h"

struct attempt;
struct fresh;

/* What the registry's sweep found for a tunnel, until it is told. */
enum tunnel_swept { TUNNEL_FRESH, TUNNEL_EXPIRING, TUNNEL_EXPIRED };

struct tunnel {
	struct control *c;
	uint64_t id; /* never used twice, so that a late answer finds this tunnel or none */
	struct ws_conn *ws;
	struct session session;
	struct attest_identity *identity; /* the session's, from the first register on */
	struct carriage carriage;
	struct replica *replica; /* while it is in the registry */
	struct standing standing; /* of the last verdict; counts with a replica */
	struct admission earned; /* of the last admission: what a change of rules is judged by */
	struct attempt *attempt; /* the verification that runs, else NULL */
	struct net_timer due; /* the session's next deadline */
	char *channel; /* hex of the TLS exporter; NULL: none */
	uint64_t last_byte_ms; /* when a visitor's request or answer last passed; 0: never */
	uint64_t admitted_n; /* how often it was admitted: tells a contest that it answered */
	bool attested; /* once: it does not count as a stranger's any more */
	bool pending; /* shown as such in the registry */
	enum tunnel_swept swept;
	struct fresh *fresh; /* who asks for fresh evidence; the first is asked for */
	uint64_t fresh_ms; /* when its rate of fresh evidence is used up to */
	bool gone; /* the connection has ended */
	char *forecast; /* JSON: what a coming TCB makes of it; NULL: nothing worse */
	struct tunnel *next, *prev;
	char peer[];
};

/* Answer GET /v1/tunnel: 101, or a refusal. */
void tunnel_accept(struct control *c, struct http_req *r);

/* Step the session and do what it says. `in` needs `ev` and what belongs to it; time and a nonce
 * are filled in. The tunnel is still there afterwards. */
void tunnel_step(struct tunnel *t, struct session_input *in);
void tunnel_event(struct tunnel *t, enum session_event ev);
void tunnel_challenge(struct tunnel *t, enum session_why why);

/* The same with the message that the session may hand on: SESSION_EV_ANSWER's. */
void tunnel_step_with(struct tunnel *t, struct session_input *in, struct span message);

/* The session's deadline is there; of its timer only. */
void tunnel_on_due(void *ctx);

/* A message of the agent's is refused: counted, answered, and after too many, or where the reason
 * has a close code, the tunnel ends. */
void tunnel_refuse(struct tunnel *t, const struct err *e);

/* Out of the registry: requests in flight end with the reason. `invalid`: its re-attestation
 * failed or was missed. */
void tunnel_leave(struct tunnel *t, const struct err *why, bool invalid);

/* Send a status. expires_at_s: the registration's end, 0 for none. */
void tunnel_say(struct tunnel *t, const char *state, const struct err *e, int64_t expires_at_s);

/* Send status warning registration_expiring. */
void tunnel_warn(struct tunnel *t);

/* Tell every agent that the control plane stops and a successor waits at its address: the agent may
 * dial that one now. */
void tunnels_warn_of_drain(struct control *c);

#endif
