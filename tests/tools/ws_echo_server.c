/* ws_echo_server: the product's own HTTP upgrade and WebSocket code behind the simplest of handlers,
 * so that public conformance suites can be pointed at it. Echoes every message, text as text and
 * binary as binary, on `/`.
 * usage: ws_echo_server PORT      (0: the system chooses; the port is printed) */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "net/http_server.h"

/* Suites send messages of 16 MiB, whole and in fragments. */
#define MESSAGE_MAX ((size_t)64 * 1024 * 1024)

static void
on_text(struct ws_conn *w, struct span text, void *ctx)
{
	(void)ws_conn_send_text(w, text);
}

static void
on_binary(struct ws_conn *w, struct span bytes, void *ctx)
{
	(void)ws_conn_send_binary(w, bytes);
}

static void
on_close(struct ws_conn *w, uint16_t code, struct span reason, const struct err *why, void *ctx)
{
}

static const struct ws_conn_ops ws_ops = {
    .on_text = on_text, .on_binary = on_binary, .on_close = on_close};

static void
on_request(struct http_server *s, struct http_req *r, void *ctx)
{
	static const struct ws_conn_opts o = {.max_message = MESSAGE_MAX};
	struct ws_conn *w;
	struct err e = {0};

	if (!span_is(http_req_path(r), "/")) {
		(void)http_respond_full(r, 404, NULL, NULL, 0, span_of(NULL, 0));
		return;
	}
	w = http_upgrade_ws(r, &o, &ws_ops, NULL, &e);
	if (w)
		ws_conn_set_queue(w, 256 * 1024, 4 * MESSAGE_MAX);
	else
		(void)http_respond_full(
		    r, reason_http(e.reason), "text/plain", NULL, 0, span_str(e.detail));
}

static const struct http_server_ops http_ops = {.on_request = on_request};

static void
on_signal(struct net_loop *l, int signo, void *ctx)
{
	net_loop_stop(l);
}

int
main(int argc, char **argv)
{
	struct http_server_opts o = {.listen = {.address = "127.0.0.1", .max_streams = 1024}};
	struct http_server *s;
	struct net_loop *l;
	struct err e = {0};

	if (argc != 2) {
		fprintf(stderr, "usage: %s PORT\n", argv[0]);
		return 1;
	}
	o.listen.port = (uint16_t)strtoul(argv[1], NULL, 10);
	l = net_loop_new(&e);
	s = l ? http_server_open(l, &o, &http_ops, NULL, &e) : NULL;
	if (!s || !net_loop_on_signal(l, SIGTERM, on_signal, NULL, &e)
	    || !net_loop_on_signal(l, SIGINT, on_signal, NULL, &e)) {
		fprintf(stderr, "%s: %s\n", argv[0], e.detail);
		net_loop_free(l);
		return 1;
	}
	printf("%u\n", http_server_port(s));
	fflush(stdout);
	net_loop_run(l);
	net_loop_free(l);
	return 0;
}
