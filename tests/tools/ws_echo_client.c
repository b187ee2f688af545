/* ws_echo_client: the product's own WebSocket client as the thing under test of a fuzzing server, in
 * the manner of public suites: asks how many cases there are, plays each by echoing whatever comes,
 * and asks for the reports to be written.
 * usage: ws_echo_client ws://HOST:PORT [AGENT]      (AGENT: the name in the reports) */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "net/ws_conn.h"

#define MESSAGE_MAX ((size_t)64 * 1024 * 1024)

struct runner {
	struct net_loop *loop;
	const char *server, *agent;
	unsigned long cases, at; /* at 0: the count; behind the last: the reports */
	bool failed;
};

static void next(struct runner *r);

static bool
is_case(const struct runner *r)
{
	return r->at > 0 && r->at <= r->cases;
}

static void
on_text(struct ws_conn *w, struct span text, void *ctx)
{
	struct runner *r = ctx;
	char number[24];

	if (is_case(r))
		(void)ws_conn_send_text(w, text);
	else if (r->at == 0 && span_cstr(text, number, sizeof number))
		r->cases = strtoul(number, NULL, 10);
}

static void
on_binary(struct ws_conn *w, struct span bytes, void *ctx)
{
	if (is_case(ctx))
		(void)ws_conn_send_binary(w, bytes);
}

static void
on_close(struct ws_conn *w, uint16_t code, struct span reason, const struct err *why, void *ctx)
{
	struct runner *r = ctx;

	if (r->at == 0 && r->cases == 0) {
		fprintf(stderr, "ws_echo_client: no cases: %s\n", why ? why->detail : "closed");
		r->failed = true;
		return;
	}
	if (r->at > r->cases)
		return; /* the reports are asked for: that was all */
	r->at++;
	next(r);
}

static const struct ws_conn_ops ops = {
    .on_text = on_text, .on_binary = on_binary, .on_close = on_close};

static void
next(struct runner *r)
{
	static const struct ws_conn_opts o = {.max_message = MESSAGE_MAX};
	struct ws_dial d = {.user_agent = r->agent};
	struct ws_conn *w;
	struct err e = {0};
	char url[1024];

	if (r->at == 0)
		snprintf(url, sizeof url, "%s/getCaseCount", r->server);
	else if (is_case(r))
		snprintf(
		    url, sizeof url, "%s/runCase?case=%lu&agent=%s", r->server, r->at, r->agent);
	else
		snprintf(url, sizeof url, "%s/updateReports?agent=%s", r->server, r->agent);
	d.url = url;
	w = ws_conn_dial(r->loop, &d, &o, &ops, r, &e);
	if (w) {
		ws_conn_set_queue(w, 256 * 1024, 4 * MESSAGE_MAX);
		return;
	}
	fprintf(stderr, "ws_echo_client: %s: %s\n", url, e.detail);
	r->failed = true;
}

int
main(int argc, char **argv)
{
	struct runner r = {
	    .server = argc > 1 ? argv[1] : "", .agent = argc > 2 ? argv[2] : "easy-enclave"};
	struct err e = {0};

	if (argc < 2 || argc > 3) {
		fprintf(stderr, "usage: %s ws://HOST:PORT [AGENT]\n", argv[0]);
		return 1;
	}
	r.loop = net_loop_new(&e);
	if (!r.loop) {
		fprintf(stderr, "%s: %s\n", argv[0], e.detail);
		return 1;
	}
	next(&r);
	net_loop_run(r.loop);
	net_loop_free(r.loop);
	printf("%lu cases\n", r.cases);
	return r.failed;
}
