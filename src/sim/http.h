/* http.h - the simulator's answers over HTTP: gathers a request, asks service.h, keeps what is to
 * be kept, waits where a fault says so, writes the answer. Owns the exchanges that run; borrows
 * everything it is given, which must outlive the server. */
#ifndef SIM_HTTP_H
#define SIM_HTTP_H

#include "net/http_server.h"
#include "os/env.h"
#include "sim/service.h"

struct sim_http {
	struct sim *sim;
	const char *state_dir;
	struct env *env;
	struct net_loop *loop;
};

/* What http_server_open takes as ops, with a struct sim_http as its context. */
extern const struct http_server_ops sim_http_ops;

#endif
