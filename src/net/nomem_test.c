/* Each allocation of a request's way through client, pool and server fails once, then all from it
 * on: nothing crashes or leaks, and every exchange ends. Linked with --wrap. */
#include "base/nomem.h"

#include "net/http_client.h"
#include "net/http_server.h"

struct world {
	struct net_loop *l;
	struct http_server *server;
	struct http_pool *pool;
	struct http_exchange *x;
	struct net_timer stop;
	int step; /* exchanges begun */
	int whole, closes, interims;
	size_t echoed;
	bool upgraded, trailed, late;
};

/* -- the server: echoes bodies and trailers, and upgrades -- */

static void
echo(struct http_req *r, struct span piece, void *ctx)
{
	(void)http_respond_body(r, piece);
}

static void
echo_end(struct http_req *r, void *ctx)
{
	if (http_req_head(r)->upgrade && !http_req_is_answered(r))
		return; /* of the request; the upgrade follows */
	http_respond_end_with(r, http_req_trailers(r));
}

static const struct http_req_ops echo_ops = {.on_body = echo, .on_end = echo_end};

static void
on_request(struct http_server *s, struct http_req *r, void *ctx)
{
	struct http_field link = {span_str("Link"), span_str("</a>")};
	struct err e = {0};

	http_req_set_ops(r, &echo_ops, ctx);
	if (http_req_head(r)->upgrade) {
		if (!http_upgrade_raw(r, NULL, 0, &e))
			http_req_abort(r, &e);
		return;
	}
	(void)http_respond_interim(r, 100, NULL, 0);
	(void)http_respond_interim(r, 103, &link, 1);
	if (!http_respond_head(r, 200, NULL, 0, HTTP_LENGTH_UNKNOWN))
		http_req_abort(r, NULL);
}

static void
on_server_close(struct http_server *s, void *ctx)
{
	((struct world *)ctx)->server = NULL;
}

static const struct http_server_ops server_ops = {
    .on_request = on_request, .on_close = on_server_close};

/* -- the client: two bodies with trailers on one connection, then an upgrade -- */

static void next(struct world *w);

static void
on_head(struct http_exchange *x, const struct http_head *h, void *ctx)
{
	struct world *w = ctx;

	if (h->status != 101)
		return;
	w->upgraded = true;
	(void)http_exchange_write(x, span_str("raw"));
	http_exchange_end(x);
}

static void
on_body(struct http_exchange *x, struct span piece, void *ctx)
{
	((struct world *)ctx)->echoed += piece.n;
}

static void
on_interim(struct http_exchange *x, const struct http_head *h, void *ctx)
{
	((struct world *)ctx)->interims++;
}

static void
on_end(struct http_exchange *x, void *ctx)
{
	struct world *w = ctx;
	const struct fields *t = http_exchange_trailers(x);

	w->trailed = w->trailed || (t && fields_get(t, "x-sum").p);
}

static void
on_close(struct http_exchange *x, const struct err *why, void *ctx)
{
	struct world *w = ctx;

	w->closes++;
	w->x = NULL;
	w->whole += why->code == ERR_NONE;
	next(w);
}

static const struct http_exchange_ops ops = {.on_head = on_head,
    .on_body = on_body,
    .on_end = on_end,
    .on_interim = on_interim,
    .on_close = on_close};

static void
send_body(struct http_exchange *x)
{
	struct fields t;

	fields_init(&t);
	fields_add_str(&t, "X-Sum", "7");
	(void)http_exchange_write(x, span_str("some"));
	(void)http_exchange_write(x, span_str("thing"));
	http_exchange_end_with(x, &t);
	fields_fini(&t);
}

static void
next(struct world *w)
{
	struct http_field host = {span_str("Host"), span_str("a")};
	struct http_exchange_opts o = {.pool = w->pool,
	    .target = span_str("/"),
	    .fields = &host,
	    .n_fields = 1,
	    .takes_trailers = true,
	    .expect_ms = 20,
	    .idle_ms = 100,
	    .first_byte_ms = 100};
	struct err e = {0};

	if (w->step == 3) {
		net_loop_stop(w->l);
		return;
	}
	o.upgrade = w->step++ == 2;
	o.method = span_str(o.upgrade ? "GET" : "POST");
	o.body_length = o.upgrade ? 0 : HTTP_LENGTH_UNKNOWN;
	o.expect_continue = !o.upgrade;
	w->x = http_exchange_start(w->l, &o, &ops, w, &e);
	if (!w->x) {
		assert_int_not_equal(e.code, ERR_NONE);
		net_loop_stop(w->l);
	} else if (!o.upgrade) {
		send_body(w->x);
	}
}

static void
too_late(void *ctx)
{
	struct world *w = ctx;

	w->late = true;
	net_loop_stop(w->l);
}

static bool
three_requests(void *ctx)
{
	struct http_server_opts so = {.listen = {.address = "127.0.0.1"}, .leave_expect = true};
	struct http_pool_opts po = {.dial = {.host = "127.0.0.1"}};
	struct world w = {0};
	struct err e = {0};
	bool ok = false;

	w.l = net_loop_new(&e);
	if (!w.l)
		return false;
	w.server = http_server_open(w.l, &so, &server_ops, &w, &e);
	if (w.server) {
		po.dial.port = http_server_port(w.server);
		w.pool = http_pool_new(w.l, &po, &e);
	}
	if (w.pool) {
		net_timer_start(w.l, &w.stop, 2000, too_late, &w);
		next(&w);
		if (w.x)
			net_loop_run(w.l);
		assert_false(w.late);
		ok = w.whole == 3 && w.upgraded && w.trailed && w.echoed == 2 * 9 + 3
		     && w.interims == 4 && http_pool_reused(w.pool) == 2;
	} else {
		assert_int_not_equal(e.code, ERR_NONE);
	}
	http_pool_free(w.pool);
	net_loop_free(w.l);
	assert_null(w.x);
	assert_null(w.server);
	return ok;
}

static void
survives_want_of_memory(void **state)
{
	assert_true(three_requests(NULL));
	assert_true(nomem_each(three_requests, NULL, 2000) > 20);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(survives_want_of_memory)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
