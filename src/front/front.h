/* front.h - the raw proxy: any method and path in, the app found by Host (choose.h), an exchange
 * opened through a callback, its answer out. Used by ee-control (the callback knows registry and
 * tunnels) and by ee-proxy (upstream.h). Cleans fields in both directions, answers refusals as
 * {"allowed":false,"reason":...} with Proxy-Status, and cuts an answer that did not come whole.
 * Never holds a body: credit goes from the reader to the sender. Everything runs on the loop.
 *
 * In ee-control the same front serves /v1/forward/{app}/{path} of the API's listener, which is
 * where ee-proxy sends its visitors' requests: front_forward. */
#ifndef FRONT_FRONT_H
#define FRONT_FRONT_H

#include "front/choose.h"
#include "net/http_server.h"
#include "os/env.h"
#include "tunnel/exchange.h"
#include "wire/prom.h"

/* Fields between ee-proxy and ee-control; like all X-EE-* they never reach a backend. */
#define FRONT_TOKEN_FIELD "X-EE-Proxy-Token"
#define FRONT_HOST_FIELD  "X-EE-Host" /* the visitor's Host */

struct front;

struct front_opts {
	const char *name; /* this hop in Via and Proxy-Status: "ee-control", "ee-proxy" */
	const char *bind; /* EE_PROXY_BIND */
	uint16_t port; /* EE_PROXY_PORT; 0: the system chooses */
	int inherited; /* a socket that listens, in place of both; 0: none */
	struct choose_rules rules;
	uint64_t timeout_ms; /* to the answer's head */
	const char *proxy_protocol_from; /* EE_PROXY_PROTOCOL_FROM; NULL: nobody */
	bool access_log; /* EE_ACCESS_LOG */
	const char *token; /* EE_PROXY_TOKEN for front_forward; NULL: loopback callers only */
};

/* Of the requests that have ended, since the start. */
struct front_figures {
	uint64_t status
	    [6]; /* answered, by the first digit of the status; [0]: ended without an answer */
	uint64_t refused[REASON_COUNT]; /* by us, not by the app */
	struct prom_times first_byte; /* from the head of the request to that of the answer */
	struct prom_times whole; /* to the end */
};

struct front_ops {
	/* Open an exchange with a replica of the app, or give NULL and the reason (UNKNOWN_APP,
	 * NO_TUNNEL, DRAINING, ...). Same rules as v1_open. */
	struct exchange *(*open)(void *ctx, struct span app, const struct exchange_request *rq,
	    const struct exchange_events *events, void *events_ctx, struct err *e);
	/* The end, after front_close and the last request. May be NULL. */
	void (*on_close)(void *ctx);
};

/* Listen. Strings in o and the env must outlive the front. NULL, and e set (LISTEN_FAILED, ...),
 * where it cannot. */
MUST_CHECK struct front *front_open(struct net_loop *l, struct env *env, const struct front_opts *o,
    const struct front_ops *ops, void *ctx, struct err *e);

uint16_t front_port(const struct front *f);

/* Take no new connections; requests that run go on. */
void front_drain(struct front *f);

/* Say whether no request runs. */
bool front_is_idle(const struct front *f);

const struct front_figures *front_figures(const struct front *f);

/* Drain, and abort what runs. The front frees itself when its last request (front_forward's too)
 * has ended; on_close comes then, once, from the loop. Takes NULL. */
void front_close(struct front *f);

/* Serve one request of /v1/forward/{app}/{path}, which came in on another http_server: `rest` is
 * the path from its slash on, without the query, which is taken from the request. Any method.
 * Judges the caller itself: the token in X-EE-Proxy-Token, or without a token set, a loopback
 * peer; so the route needs no further check. Always answers. */
void front_forward(struct front *f, struct http_req *r, struct span app, struct span rest);

#endif
