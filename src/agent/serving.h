/* serving.h - what serves the requests of one tunnel: version 1's messages (jobs.h) or version 2's
 * HTTP/2 streams (tunnel/h2_server.h), behind one set of calls. Made when the tunnel is admitted,
 * for then it is known which. Owns the requests and their deferred sending; sends through its
 * owner, the tunnel. */
#ifndef AGENT_SERVING_H
#define AGENT_SERVING_H

#include "agent/backend.h"
#include "tunnel/h2.h"
#include "wire/message.h"

struct serving;

struct serving_ops {
	/* As jobs_opts.send. */
	bool (*text)(void *ctx, struct span text, bool now);
	/* Queue one binary message; false: the queue is full now. */
	bool (*binary)(void *ctx, struct span message);
	/* The control plane broke version 2, or memory was short: the tunnel must end. Once. */
	void (*broken)(void *ctx, const struct err *why);
};

struct serving_opts {
	struct net_loop *loop;
	struct backend *backend; /* must outlive the serving, as share */
	struct budget_share *share;
	unsigned version; /* 1 or 2 */
	struct h2_opts h2;
	const struct serving_ops *ops;
	void *ctx;
};

MUST_CHECK struct serving *serving_new(const struct serving_opts *o, struct err *e);

/* What came: a MSG_PROXY_REQUEST, a binary message, the text h2_end. Of the other version they are
 * ignored, or broken. */
void serving_on_request(struct serving *s, const struct msg *m);
void serving_on_binary(struct serving *s, struct span message);
void serving_on_h2_end(struct serving *s);

/* The tunnel takes more. */
void serving_flush(struct serving *s);

/* Take no more requests, where the version can say so (GOAWAY); those that came go on. */
void serving_leave(struct serving *s);

/* Requests that came and are not answered yet. */
size_t serving_in_flight(const struct serving *s);

unsigned serving_version(const struct serving *s);

/* The tunnel is gone: give up every request; nothing is sent any more. Takes NULL. */
void serving_free(struct serving *s);

#endif
