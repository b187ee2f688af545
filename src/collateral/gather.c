#include "collateral/gather.h"

#include "base/hex.h"
#include "net/worker.h"
#include "wire/url.h"

#include <stdio.h>
#include <stdlib.h>

#define INTEL_PCS      "https://api.trustedservices.intel.com"
#define INTEL_ROOT_CRL "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der"
#define API_PATH       "/sgx/certification/v4"

/* The headers that bring an item's issuer chain: version 4's name and the older one that caches
 * still send. Where both come, the newer counts. */
static const struct {
	const char *name, *old_name;
} chains[EEDCAP_ITEMS] = {
    [EEDCAP_ROOT_CA_CRL] = {NULL, NULL},
    [EEDCAP_PCK_CRL] = {"SGX-PCK-CRL-Issuer-Chain", NULL},
    [EEDCAP_TCB_INFO] = {"TCB-Info-Issuer-Chain", "SGX-TCB-Info-Issuer-Chain"},
    [EEDCAP_QE_IDENTITY] = {"SGX-Enclave-Identity-Issuer-Chain", "SGX-QE-Identity-Issuer-Chain"},
};

struct errand {
	struct gather *gather;
	enum eedcap_item item;
	struct flight_wait wait;
	bool ended;
};

struct gather {
	struct gather_plan *plan; /* NULL once cancelled while a worker has it */
	struct collateral *held; /* a reference, or NULL */
	struct errand errands[EEDCAP_ITEMS];
	bool asked_cdp; /* the root CRL was asked for at its distribution point */
	bool working;
	struct net_defer defer;
	struct compose made;
	void (*done)(struct compose *made, void *ctx);
	void *ctx;
};

/* -- where from -- */

static bool
ends_with(struct span s, const char *tail)
{
	size_t n = strlen(tail);

	return s.n >= n && span_is(span_from(s, s.n - n), tail);
}

bool
gather_plan_base(struct gather_plan *p, const char *url, struct err *e)
{
	struct span s = span_str(url ? url : INTEL_PCS);

	p->has_root_crl = url != NULL;
	while (s.n > 0 && s.p[s.n - 1] == '/')
		s.n--;
	if (ends_with(s, API_PATH))
		s.n -= strlen(API_PATH);
	if (memchr(s.p, '?', s.n) || !span_cstr(s, p->base, sizeof p->base))
		return err_set_arg(e, ERR_USAGE, REASON_BAD_SETTING, "EE_PCCS_URL",
		    "an origin, or a URL down to " API_PATH "/");
	return true;
}

/* `standard` is what services take where nothing is said. */
static void
item_url(const struct gather *g, enum eedcap_item item, char url[static FLIGHT_URL_MAX])
{
	const struct collateral_key *k = &g->made.key;
	const char *base = g->plan->base, *tee = k->tee == EEDCAP_TDX ? "tdx" : "sgx";
	char fmspc[13];

	switch (item) {
	case EEDCAP_PCK_CRL:
		snprintf(url, FLIGHT_URL_MAX, "%s" API_PATH "/pckcrl?ca=%s&encoding=der", base,
		    k->ca == EEDCAP_CA_PLATFORM ? "platform" : "processor");
		break;
	case EEDCAP_TCB_INFO:
		snprintf(url, FLIGHT_URL_MAX, "%s/%s/certification/v4/tcb?fmspc=%s%s", base, tee,
		    hex_encode(span_of(k->fmspc, 6), fmspc), g->plan->early ? "&update=early" : "");
		break;
	case EEDCAP_QE_IDENTITY:
		snprintf(url, FLIGHT_URL_MAX, "%s/%s/certification/v4/qe/identity%s", base, tee,
		    g->plan->early ? "?update=early" : "");
		break;
	case EEDCAP_ROOT_CA_CRL:
		if (g->plan->has_root_crl && !g->asked_cdp)
			snprintf(url, FLIGHT_URL_MAX, "%s" API_PATH "/rootcacrl", base);
		else
			snprintf(url, FLIGHT_URL_MAX, "%s",
			    k->root_crl_url[0] ? k->root_crl_url : INTEL_ROOT_CRL);
		break;
	}
}

/* -- life -- */

static void
leave_all(struct gather *g)
{
	for (int i = 0; i < EEDCAP_ITEMS; i++)
		flight_leave(&g->errands[i].wait);
}

static void
gather_free(struct gather *g)
{
	leave_all(g);
	net_defer_stop(&g->defer);
	compose_fini(&g->made);
	collateral_unref(g->held);
	free(g);
}

void
gather_cancel(struct gather *g)
{
	/* A worker's job cannot be called back: it comes home to nobody. */
	if (g->working)
		g->plan = NULL;
	else
		gather_free(g);
}

static void
finish(void *ctx)
{
	struct gather *g = ctx;

	g->done(&g->made, g->ctx);
	gather_free(g);
}

/* Nothing is held and an item cannot be had: the rest is of no use. */
static void
give_up(struct gather *g, const char *why)
{
	leave_all(g);
	snprintf(g->made.why, sizeof g->made.why, "%s", why);
	snprintf(g->made.detail, sizeof g->made.detail, "%s", why);
	net_defer_call(g->plan->loop, &g->defer, finish, g);
}

/* -- reading, on a worker -- */

static void
read_all(void *job)
{
	compose_run(&((struct gather *)job)->made);
}

static void
on_read(void *job, bool ran)
{
	struct gather *g = job;

	g->working = false;
	if (g->plan == NULL) {
		gather_free(g);
		return;
	}
	if (!ran) {
		give_up(g, "stopping");
		return;
	}
	finish(g);
}

static void
start_reading(struct gather *g)
{
	const struct gather_plan *p = g->plan;
	struct err e = {0};

	g->made.dcap = p->dcap;
	g->made.now_s = env_now_s(p->env);
	for (int i = 0; i < EEDCAP_ITEMS; i++)
		g->made.floor[i] = marks_of_item(p->marks, &g->made.key, (enum eedcap_item)i);
	g->working = worker_run(p->loop, read_all, on_read, g, &e);
	if (g->working)
		return;
	for (int i = 0; i < EEDCAP_ITEMS; i++)
		compose_refuse(&g->made, (enum eedcap_item)i, "no_worker");
	give_up(g, "no_worker");
}

/* -- asking -- */

static void on_answer(const struct fetch_result *r, const char *what, void *ctx);

static bool
ask(struct errand *x, char what[static 24])
{
	struct gather *g = x->gather;
	struct gather_plan *p = g->plan;
	bool elsewhere = x->item == EEDCAP_ROOT_CA_CRL && (!p->has_root_crl || g->asked_cdp);
	char url[FLIGHT_URL_MAX];

	item_url(g, x->item, url);
	return flight_ask(elsewhere ? &p->root_crl : &p->service, url, parts_max(x->item), &x->wait,
	    on_answer, x, what);
}

/* Percent-encoded PEM. `+` stays `+`: this is no form, and caches leave base64's characters as
 * they are. */
static const char *
take(struct errand *x, const struct fetch_result *r)
{
	struct part *t = &x->gather->made.fresh.item[x->item];
	struct span s;

	buf_add(&t->body, r->body);
	if (!buf_ok(&t->body))
		return "too_big";
	if (chains[x->item].name) {
		s = fetch_header(r, chains[x->item].name);
		if (s.n == 0 && chains[x->item].old_name)
			s = fetch_header(r, chains[x->item].old_name);
		if (s.n == 0)
			return "no_chain";
		if (!url_decode(s, &t->chain))
			return "bad_chain";
	}
	t->there = true;
	return NULL;
}

static bool
all_ended(const struct gather *g)
{
	for (int i = 0; i < EEDCAP_ITEMS; i++)
		if (!g->errands[i].ended)
			return false;
	return true;
}

/* An errand has ended, well (NULL) or not. */
static void
end_errand(struct errand *x, const char *what)
{
	struct gather *g = x->gather;
	char why[64];

	x->ended = true;
	if (what) {
		compose_refuse(&g->made, x->item, what);
		if (g->held == NULL) {
			snprintf(why, sizeof why, "%s_%s", item_name(x->item), what);
			give_up(g, why);
			return;
		}
	}
	if (all_ended(g))
		start_reading(g);
}

/* A cache that looks like Intel's PCS has no route for the root CRL: then it is where the root
 * certificate says. */
static bool
is_elsewhere(const struct errand *x, const char *what)
{
	const struct gather *g = x->gather;

	return x->item == EEDCAP_ROOT_CA_CRL && what && strcmp(what, "http_404") == 0
	       && g->plan->has_root_crl && !g->asked_cdp && g->made.key.root_crl_url[0] != '\0';
}

static void
on_answer(const struct fetch_result *r, const char *what, void *ctx)
{
	struct errand *x = ctx;
	char word[24];

	if (is_elsewhere(x, what)) {
		x->gather->asked_cdp = true;
		if (!ask(x, word))
			end_errand(x, word);
		return;
	}
	end_errand(x, r ? take(x, r) : what);
}

static void
set_off(void *ctx)
{
	struct gather *g = ctx;
	char what[EEDCAP_ITEMS][24] = {{0}};

	for (int i = 0; i < EEDCAP_ITEMS; i++)
		if (!ask(&g->errands[i], what[i]) && g->held == NULL) {
			end_errand(&g->errands[i], what[i]);
			return;
		}
	for (int i = 0; i < EEDCAP_ITEMS; i++)
		if (what[i][0] != '\0')
			end_errand(&g->errands[i], what[i]);
}

struct gather *
gather_start(struct gather_plan *p, const struct collateral_key *k, struct collateral *held,
    void (*done)(struct compose *made, void *ctx), void *ctx)
{
	struct gather *g = calloc(1, sizeof *g);

	if (g == NULL)
		return NULL;
	compose_init(&g->made);
	g->plan = p;
	g->made.key = *k;
	g->done = done;
	g->ctx = ctx;
	if (held) {
		g->held = collateral_ref(held);
		g->made.held = buf_span(&held->bundle);
	}
	for (unsigned i = 0; i < EEDCAP_ITEMS; i++) {
		g->errands[i].gather = g;
		g->errands[i].item = (enum eedcap_item)i;
	}
	net_defer_call(p->loop, &g->defer, set_off, g);
	return g;
}
