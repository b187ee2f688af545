/* world.h - what the tests of the collateral client share: a service that answers well until a test
 * bends it, and one platform. Include it in one test file. */
#ifndef COLLATERAL_WORLD_H
#define COLLATERAL_WORLD_H

#include "net/fetch_fake.h"

#include "collateral/collateral.h"
#include "collateral/verifier_fake.h"

#define BASE "http://pccs:8081"
#define SGX  BASE "/sgx/certification/v4"
#define TDX  BASE "/tdx/certification/v4"

#define PCK_URL  SGX "/pckcrl?ca=platform&encoding=der"
#define TCB_URL  TDX "/tcb?fmspc=00a0b0c0d0e0"
#define QE_URL   TDX "/qe/identity"
#define ROOT_URL SGX "/rootcacrl"

#define T0 1000000 /* now, when a test begins */

enum { PCK, TCB, QE, ROOT };

/* What the service answers; tests bend a copy. */
static const struct fake_answer good[] = {
    [PCK] = {PCK_URL, 200, "sgx-pck-crl-issuer-chain: A%2Bb+%0A", "platform 999000 9000000"},
    [TCB] = {TCB_URL, 200, "sgx-tcb-info-issuer-chain: old\ntcb-info-issuer-chain: new",
	"tcb 999000 9000000 17"},
    [QE] = {QE_URL, 200, "sgx-qe-identity-issuer-chain: older", "tdx 999000 9000000 17"},
    [ROOT] = {ROOT_URL, 200, NULL, "root 999000 9000000"},
};

static struct fake_answer now_good[4];

static const struct collateral_key KEY = {
    .fmspc = {0, 0xa0, 0xb0, 0xc0, 0xd0, 0xe0}, .ca = EEDCAP_CA_PLATFORM, .tee = EEDCAP_TDX};

struct got {
	int calls;
	struct collateral *col;
	char reason[ERR_TOKEN_MAX];
	enum err_code code;
};

static void
on_done(struct collateral *col, const struct err *why, void *ctx)
{
	struct got *g = ctx;

	g->calls++;
	g->col = col;
	assert_true((col == NULL) != (why == NULL));
	if (why) {
		err_token(why, g->reason);
		g->code = why->code;
	}
}

static int
setup(void **state)
{
	memset(&cap, 0, sizeof cap);
	memset(&fake, 0, sizeof fake);
	memcpy(cap.fmspc, KEY.fmspc, 6);
	cap.tee = EEDCAP_TDX;
	fake.now_s = T0;
	fake.now_ms = 5000000;
	memcpy(now_good, good, sizeof good);
	fake_begin(now_good, 4);
	return 0;
}

/* What was taken is given back. */
__attribute__((unused)) static int
teardown(void **state)
{
	return cap.alive || fake.timers || fake.pending;
}

static struct collateral_client *
client_at(const char *url, const char *dir)
{
	struct collateral_opts o = {.url = url, .dir = dir};
	struct err e = {0};
	struct collateral_client *c = collateral_client_new(NULL, NULL, &fake_env, &o, &e);

	assert_non_null(c);
	return c;
}

__attribute__((unused)) static struct collateral_client *
client(const char *url)
{
	return client_at(url, NULL);
}

__attribute__((unused)) static struct got
get(struct collateral_client *c, const struct collateral_key *k)
{
	struct got g = {0};
	struct err e = {0};

	assert_non_null(collateral_get(c, k, on_done, &g, &e));
	assert_int_equal(g.calls, 0);
	fake_run();
	assert_int_equal(g.calls, 1);
	return g;
}

__attribute__((unused)) static struct collateral_figures
figures(const struct collateral_client *c)
{
	struct collateral_figures f;

	collateral_figures(c, &f);
	return f;
}

__attribute__((unused)) static struct collateral_state
state_of(const struct collateral_client *c)
{
	struct collateral_state s;

	assert_true(collateral_at(c, 0, &s));
	return s;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
