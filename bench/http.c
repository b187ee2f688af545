/* bench_http: what one small request costs net/. `serve` answers every request with two bytes;
 * `ask` sends COUNT requests, one after another, and prints microseconds for each. Run either under
 * `strace -c -f` to count system calls.
 * usage: bench_http serve PORT | bench_http ask PORT COUNT [fresh]      fresh: without a pool */
#include "bench.h"

#include <signal.h>
#include <string.h>

#include "net/http_client.h"
#include "net/http_server.h"

struct asker {
	struct net_loop *loop;
	struct http_exchange_opts o;
	unsigned long left;
};

static void
stop(struct net_loop *l, int signo, void *ctx)
{
	net_loop_stop(l);
}

static void
on_request(struct http_server *s, struct http_req *r, void *ctx)
{
	http_respond_full(r, 200, "text/plain", NULL, 0, span_str("ok"));
}

static void
serve(struct net_loop *l, uint16_t port)
{
	static const struct http_server_ops ops = {.on_request = on_request};
	struct http_server_opts o = {.listen = {.address = "127.0.0.1", .port = port}};
	struct err e = {0};

	if (!http_server_open(l, &o, &ops, NULL, &e)
	    || !net_loop_on_signal(l, SIGTERM, stop, NULL, &e))
		die(e.detail);
	net_loop_run(l);
}

static void ask(struct asker *a);

static void
on_head(struct http_exchange *x, const struct http_head *h, void *ctx)
{
	if (h->status != 200)
		die("not 200");
}

static void
on_body(struct http_exchange *x, struct span piece, void *ctx)
{
}

static void
on_close(struct http_exchange *x, const struct err *why, void *ctx)
{
	struct asker *a = ctx;

	if (why->code != ERR_NONE)
		die(why->detail);
	if (--a->left > 0)
		ask(a);
	else
		net_loop_stop(a->loop);
}

static void
ask(struct asker *a)
{
	static const struct http_exchange_ops ops = {
	    .on_head = on_head, .on_body = on_body, .on_close = on_close};
	struct err e = {0};

	if (!http_exchange_start(a->loop, &a->o, &ops, a, &e))
		die(e.detail);
}

static void
ask_all(struct net_loop *l, uint16_t port, unsigned long count, bool fresh)
{
	struct http_field host = {span_str("Host"), span_str("localhost")};
	struct http_pool_opts po = {.dial = {.host = "127.0.0.1", .port = port}};
	struct err e = {0};
	struct http_pool *pool = http_pool_new(l, &po, &e);
	struct asker a = {.loop = l,
	    .o = {.dial = po.dial,
		.pool = fresh ? NULL : pool,
		.method = span_str("GET"),
		.target = span_str("/"),
		.fields = &host,
		.n_fields = 1},
	    .left = count};
	double begun = now_s();

	if (!pool)
		die(e.detail);
	ask(&a);
	net_loop_run(l);
	printf("%lu requests, %.1f us each, %lu connections\n", count,
	    (now_s() - begun) * 1e6 / (double)count, fresh ? count : http_pool_dialled(pool));
	http_pool_free(pool);
}

int
main(int argc, char **argv)
{
	struct err e = {0};
	struct net_loop *l = net_loop_new(&e);
	uint16_t port = argc > 2 ? (uint16_t)strtoul(argv[2], NULL, 10) : 0;
	unsigned long count = argc > 3 ? strtoul(argv[3], NULL, 10) : 0;

	if (!l || !port)
		die("serve PORT | ask PORT COUNT [fresh]");
	if (strcmp(argv[1], "serve") == 0)
		serve(l, port);
	else if (count > 0)
		ask_all(l, port, count, argc > 4 && strcmp(argv[4], "fresh") == 0);
	net_loop_free(l);
	return 0;
}
