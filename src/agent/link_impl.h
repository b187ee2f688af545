/* link_impl.h - the inside of a link, for link.c (the tunnel's life) and link_hear.c (what the
 * control plane says). */
#ifndef AGENT_LINK_IMPL_H
#define AGENT_LINK_IMPL_H

#include "agent/answer.h"
#include "agent/link.h"
#include "agent/reconnect.h"
#include "agent/serving.h"
#include "net/ws_conn.h"

struct link {
	struct link_opts o;
	struct serving *serving; /* NULL before the admission */
	struct answer answer;
	struct reconnect reconnect;
	struct ws_conn *ws; /* NULL between connections */
	struct net_timer dial, admit; /* when to dial; until when to be admitted, or left */
	bool attested, replaced;
	uint64_t wait_ms; /* the control plane said: not before that long */
	bool binds_channel; /* the control plane sees the same TLS connection */
	bool draining; /* its control plane stops and has a successor */
	bool retired; /* another link dials in its place */
	uint64_t renewed_ms;
	/* our own leave */
	struct net_timer look; /* whether all is done */
	bool leaving;
	uint64_t leave_from_ms, leave_until_ms; /* not before, at the latest */
};

/* -- link.c -- */

/* Queue a text message; false where the tunnel is not open. */
bool link_send_text(struct link *l, struct span text);

void link_send_register(struct link *l);

/* Close for what the control plane did wrong, with the reason's code. */
void link_refuse(struct link *l, const struct err *why);

/* Begin to serve, by this version of the tunnel. */
void link_serve(struct link *l, unsigned version);

/* -- link_hear.c -- */

void link_hear_text(struct link *l, struct span text);
void link_hear_binary(struct link *l, struct span bytes);

#endif
