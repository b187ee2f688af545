/* sim_collateral_test.c - the collateral client on a real loop, with workers, sockets, a folder and
 * real signatures, against the simulated service in the same process. Runs under TSan too. */
#include "base/test.h"
#include "collateral/collateral.h"
#include "os/test_folder.h"
#include "sim/http.h"

#include <stdio.h>
#include <unistd.h>

static const uint8_t seed[SIM_SEED_SIZE] = {11};

struct world {
	struct net_loop *loop;
	struct env env;
	struct sim sim;
	struct sim_http http;
	struct http_server *server;
	struct fetcher *fetcher;
	struct eedcap_context *dcap;
	uint8_t root[EEDCAP_ROOT_KEY_SIZE];
	char dir[64];
	struct collateral_client *client;
	struct net_timer look;
	bool (*is_so)(struct world *w);
	int calls;
	char reason[ERR_TOKEN_MAX];
};

static int
setup(void **state)
{
	static struct world w;
	struct http_server_opts opts = {.listen = {.address = "127.0.0.1"}};
	struct eedcap_error why;
	struct err e = {0};
	struct buf pem;
	char url[200];

	memset(&w, 0, sizeof w);
	env_init(&w.env, LOG_ERROR);
	w.loop = net_loop_new(&e);
	assert_non_null(w.loop);
	w.http = (struct sim_http){&w.sim, "/nonexistent", &w.env, w.loop};
	w.server = http_server_open(w.loop, &opts, &sim_http_ops, &w.http, &e);
	assert_non_null(w.server);
	snprintf(url, sizeof url, "http://127.0.0.1:%u", (unsigned)http_server_port(w.server));
	assert_true(sim_init(&w.sim, seed, url, env_now_s(&w.env), &e));
	buf_init(&pem, 16384);
	assert_true(sim_pki_chain_pem(&w.sim.platform.pki, SIM_ROOT, &pem, &e));
	assert_true(eedcap_root_key(pem.p, pem.n, w.root, &why));
	buf_fini(&pem);
	w.dcap = eedcap_context_new(w.root, 8, &why);
	w.fetcher = fetcher_new(w.loop, NULL, &e);
	assert_true(w.dcap && w.fetcher);
	snprintf(w.dir, sizeof w.dir, "/tmp/sim_collateral_test.%ld", (long)getpid());
	wipe_folder(w.dir);
	*state = &w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	net_timer_stop(&w->look);
	collateral_client_free(w->client);
	fetcher_close(w->fetcher);
	http_server_close(w->server);
	net_loop_free(w->loop);
	eedcap_context_free(w->dcap);
	sim_fini(&w->sim);
	wipe_folder(w->dir);
	return 0;
}

static void
make_client(struct world *w)
{
	struct collateral_opts o = {.url = w->sim.base_url,
	    .dir = w->dir,
	    .root_key = w->root,
	    .dcap = w->dcap,
	    .timeout_s = 10,
	    .refresh_s = 1};
	struct err e = {0};

	collateral_client_free(w->client);
	w->client = collateral_client_new(w->loop, w->fetcher, &w->env, &o, &e);
	assert_non_null(w->client);
}

static void
look(void *ctx)
{
	struct world *w = ctx;

	if (w->is_so(w))
		net_loop_stop(w->loop);
}

static void
too_late(void *ctx)
{
	fail_msg("waited in vain");
}

static void
run_until(struct world *w, bool (*is_so)(struct world *w))
{
	struct net_timer end = {.loop = NULL};

	w->is_so = is_so;
	net_timer_start(w->loop, &end, 60000, too_late, w);
	net_timer_repeat(w->loop, &w->look, 5, look, w);
	net_loop_run(w->loop);
	net_timer_stop(&w->look);
	net_timer_stop(&end);
}

static void
on_done(struct collateral *col, const struct err *why, void *ctx)
{
	struct world *w = ctx;

	w->calls++;
	snprintf(w->reason, sizeof w->reason, "ok");
	if (!col)
		(void)err_token(why, w->reason);
}

static bool
was_called(struct world *w)
{
	return w->calls > 0;
}

static const char *
get(struct world *w)
{
	struct collateral_key k = {
	    .fmspc = {0xee, 0x51}, .ca = EEDCAP_CA_PLATFORM, .tee = EEDCAP_TDX};
	struct err e = {0};

	w->calls = 0;
	assert_non_null(collateral_get(w->client, &k, on_done, w, &e));
	run_until(w, was_called);
	return w->reason;
}

static bool
is_saved(struct world *w)
{
	struct collateral_figures f;

	collateral_figures(w->client, &f);
	return f.saved > 0;
}

static bool
is_forged(struct world *w)
{
	struct collateral_state s;

	return collateral_at(w->client, 0, &s)
	       && strcmp(s.item[EEDCAP_TCB_INFO].refused, "tcb_info_signature") == 0
	       && s.item[EEDCAP_PCK_CRL].refused[0] == '\0';
}

static void
a_restart_finds_what_was_kept(void **state)
{
	struct world *w = *state;
	struct collateral_figures f;

	make_client(w);
	assert_string_equal(get(w), "ok");
	run_until(w, is_saved);
	w->sim.fault[SIM_PCS].status = 503;
	make_client(w);
	assert_string_equal(get(w), "ok");
	collateral_figures(w->client, &f);
	assert_int_equal(f.loaded, 1);
}

static void
one_bad_item_is_kept_out(void **state)
{
	struct world *w = *state;

	make_client(w);
	assert_string_equal(get(w), "ok");
	w->sim.fault[SIM_PCS] = (struct sim_fault){
	    .bend = SIM_FORGED, .some = true, .item = SIM_ITEM_TCB};
	run_until(w, is_forged);
	assert_string_equal(get(w), "ok");
}

static void
on_end(void *ctx)
{
	net_loop_stop(ctx);
}

/* Clients come and go while their requests, readings and writings are under way. */
static void
jobs_come_home_to_nobody(void **state)
{
	struct world *w = *state;
	struct collateral_key k = {
	    .fmspc = {0xee, 0x51}, .ca = EEDCAP_CA_PLATFORM, .tee = EEDCAP_TDX};

	for (unsigned i = 0; i < 40; i++) {
		struct net_timer end = {.loop = NULL};
		struct err e = {0};

		make_client(w);
		assert_non_null(collateral_get(w->client, &k, on_done, w, &e));
		net_timer_start(w->loop, &end, i / 2, on_end, w->loop);
		net_loop_run(w->loop);
		net_timer_stop(&end);
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(a_restart_finds_what_was_kept),
	    T(one_bad_item_is_kept_out),
	    T(jobs_come_home_to_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
