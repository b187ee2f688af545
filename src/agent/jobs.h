/* jobs.h - the requests that one tunnel carries in version 1, from the message that brings one to
 * the message that answers it. Owns them until their answers are sent, or the tunnel is gone. What
 * they may hold is a control plane's share of the backend's budget. */
#ifndef AGENT_JOBS_H
#define AGENT_JOBS_H

#include "agent/backend.h"
#include "tunnel/v1.h"

struct jobs;

struct jobs_opts {
	struct backend *backend; /* must outlive the jobs, as share */
	struct budget_share *share;
	/* Queue one text message for the control plane. False: not now, jobs_flush will come; with
	 * `now` it goes out whatever waits before it. */
	bool (*send)(void *ctx, struct span text, bool now);
	void *ctx;
};

MUST_CHECK struct jobs *jobs_new(const struct jobs_opts *o, struct err *e);

/* Serve a MSG_PROXY_REQUEST; the answer, or the error, goes to send, perhaps before this returns. */
void jobs_request(struct jobs *b, const struct msg *m);

/* Send answers that waited. */
void jobs_flush(struct jobs *b);

/* Requests that came and are not answered yet. */
size_t jobs_in_flight(const struct jobs *b);

/* The tunnel is gone: give up every request; nothing of them is sent any more. Takes NULL. */
void jobs_free(struct jobs *b);

#endif
