/* visit.h - one request on its way through the front: between an http_req and an exchange. Lives
 * from a request's arrival to its on_close, holds at most one read of body bytes that have no
 * credit yet. For front.c only. */
#ifndef FRONT_VISIT_H
#define FRONT_VISIT_H

#include "front/front.h"

struct front {
	struct net_loop *loop;
	struct env *env;
	struct front_opts o;
	struct front_ops ops;
	void *ctx;
	struct http_server *server; /* NULL once it has closed */
	size_t visits;
	struct front_figures figures;
	bool closing;
	/* For request ids and traces, which need not be secret: a system call for many. */
	uint8_t random[2048];
	size_t random_n; /* not used yet */
	struct net_defer gone;
};

/* What a visit begins with. */
struct visit_start {
	const char *app;
	struct span target; /* as it goes on */
	struct span host; /* the visitor's */
	bool trusted; /* the peer's forwarding fields are believed */
};

/* Begin: opens the exchange, or answers why not. */
void visit_begin(struct front *f, struct http_req *r, const struct visit_start *s);

/* Answer a refusal in the proxy's form, and log it. app, id NULL: not known. False, with nothing
 * logged, where nobody is there to be answered. believed: as access_log_refused. */
bool visit_refuse(struct front *f, struct http_req *r, bool believed, const char *app,
    const char *id, const struct err *why);

/* A visit has ended: the front may be, too. */
void front_visit_ended(struct front *f);

#endif
