/* bench_rate: what a small request takes at a fixed rate. Sends RATE requests a second for SECONDS,
 * each at its own time whether or not those before it were answered (so that a stall counts for
 * everybody who would have come during it), and prints the 50th and 99th percentile and the
 * longest, in microseconds.
 * usage: bench_rate PORT HOST RATE SECONDS [TARGET] */
#include "bench.h"

#include "net/http_client.h"

struct shot {
	struct run *run;
	double due_s;
};

struct run {
	struct net_loop *loop;
	struct http_exchange_opts o;
	struct net_timer tick;
	struct shot *shots;
	float *took_us;
	size_t n, sent, over;
	double begun_s, every_s;
};

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
	struct shot *s = ctx;
	struct run *r = s->run;

	if (why->code != ERR_NONE)
		die(why->detail);
	r->took_us[r->over++] = (float)((now_s() - s->due_s) * 1e6);
	if (r->over == r->n)
		net_loop_stop(r->loop);
}

static const struct http_exchange_ops ops = {
    .on_head = on_head, .on_body = on_body, .on_close = on_close};

/* All that are due by now; a tick is a millisecond, and each of its requests counts from the tick,
 * since the loop's clock is no finer. */
static void
on_tick(void *ctx)
{
	struct run *r = ctx;
	double now = now_s();
	struct err e = {0};

	while (r->sent < r->n && r->begun_s + (double)r->sent * r->every_s <= now) {
		struct shot *s = &r->shots[r->sent];
		double due = r->begun_s + (double)r->sent * r->every_s;

		*s = (struct shot){r, now - due < 0.0015 ? now : due};
		r->sent++;
		if (!http_exchange_start(r->loop, &r->o, &ops, s, &e))
			die(e.detail);
	}
	if (r->sent == r->n)
		net_timer_stop(&r->tick);
}

static int
by_size(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

static void
report(struct run *r)
{
	qsort(r->took_us, r->n, sizeof *r->took_us, by_size);
	printf("p50 %.0f p99 %.0f max %.0f\n", (double)r->took_us[r->n / 2],
	    (double)r->took_us[r->n * 99 / 100], (double)r->took_us[r->n - 1]);
}

int
main(int argc, char **argv)
{
	struct err e = {0};
	struct http_field host = {span_str("Host"), span_str(argc > 2 ? argv[2] : "")};
	struct http_pool_opts po = {.dial = {.host = "127.0.0.1"}, .max_idle = 512};
	struct run r = {.loop = net_loop_new(&e)};
	long rate = argc > 3 ? strtol(argv[3], NULL, 10) : 0;
	long seconds = argc > 4 ? strtol(argv[4], NULL, 10) : 0;

	if (!r.loop || rate < 1 || seconds < 1)
		die("PORT HOST RATE SECONDS [TARGET]");
	po.dial.port = (uint16_t)strtoul(argv[1], NULL, 10);
	r.o = (struct http_exchange_opts){.pool = http_pool_new(r.loop, &po, &e),
	    .method = span_str("GET"),
	    .target = span_str(argc > 5 ? argv[5] : "/"),
	    .fields = &host,
	    .n_fields = 1};
	r.n = (size_t)rate * (size_t)seconds;
	r.every_s = 1.0 / (double)rate;
	r.shots = calloc(r.n, sizeof *r.shots);
	r.took_us = calloc(r.n, sizeof *r.took_us);
	if (!r.o.pool || !r.shots || !r.took_us)
		die("no memory");
	r.begun_s = now_s();
	net_timer_repeat(r.loop, &r.tick, 1, on_tick, &r);
	net_loop_run(r.loop);
	report(&r);
	http_pool_free(r.o.pool);
	net_loop_free(r.loop);
	free(r.shots);
	free(r.took_us);
	return 0;
}
