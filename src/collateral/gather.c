#include "collateral/gather.h"

#include "base/hex.h"
#include "base/limits.h"
#include "net/worker.h"
#include "wire/url.h"

#include <stdio.h>
#include <stdlib.h>

#define INTEL_PCS      "https://api.trustedservices.intel.com"
#define INTEL_ROOT_CRL "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der"
#define API_PATH       "/sgx/certification/v4"
#define CHAIN_MAX      (64u * 1024)
#define URL_MAX        (GATHER_BASE_MAX + 128)
#define TIMEOUT_MS     20000u

/* One row an item: its name in reasons, its ceiling, and the headers that bring its issuer chain:
 * version 4's name and the older one that caches still send. Where both come, the newer counts. */
static const struct {
	const char *name;
	size_t max;
	const char *chain, *old_chain;
} items[ITEM_COUNT] = {
    [ITEM_PCK_CRL] = {"pckcrl", LIMIT_CRL, "SGX-PCK-CRL-Issuer-Chain", NULL},
    [ITEM_TCB_INFO] = {"tcb", LIMIT_TCB_INFO, "TCB-Info-Issuer-Chain", "SGX-TCB-Info-Issuer-Chain"},
    [ITEM_QE_IDENTITY] = {"qe", LIMIT_TCB_INFO, "SGX-Enclave-Identity-Issuer-Chain",
	"SGX-QE-Identity-Issuer-Chain"},
    [ITEM_ROOT_CRL] = {"rootcrl", LIMIT_CRL, NULL, NULL},
};

struct part {
	struct gather *gather;
	enum gather_item item;
	struct fetch *fetch;
	bool came;
	struct buf body, chain;
};

struct gather {
	const struct gather_plan *plan; /* NULL once cancelled while a worker has it */
	struct collateral_key key;
	struct part parts[ITEM_COUNT];
	bool asked_cdp; /* the root CRL was asked for at its distribution point */
	bool working;
	struct eedcap_context *dcap;
	struct eedcap_collateral *handle;
	struct eedcap_error refusal;
	void (*done)(struct eedcap_collateral *handle, const struct err *why, void *ctx);
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

static void
item_url(const struct gather *g, enum gather_item item, char url[static URL_MAX])
{
	const char *base = g->plan->base, *tee = g->key.tee == EEDCAP_TDX ? "tdx" : "sgx";
	char fmspc[13];

	switch (item) {
	case ITEM_PCK_CRL:
		snprintf(url, URL_MAX, "%s" API_PATH "/pckcrl?ca=%s&encoding=der", base,
		    g->key.ca == EEDCAP_CA_PLATFORM ? "platform" : "processor");
		break;
	case ITEM_TCB_INFO:
		snprintf(url, URL_MAX, "%s/%s/certification/v4/tcb?fmspc=%s%s", base, tee,
		    hex_encode(span_of(g->key.fmspc, 6), fmspc),
		    g->plan->early ? "&update=early" : "");
		break;
	case ITEM_QE_IDENTITY:
		snprintf(url, URL_MAX, "%s/%s/certification/v4/qe/identity%s", base, tee,
		    g->plan->early ? "?update=early" : "");
		break;
	default:
		if (g->plan->has_root_crl && !g->asked_cdp)
			snprintf(url, URL_MAX, "%s" API_PATH "/rootcacrl", base);
		else
			snprintf(url, URL_MAX, "%s",
			    g->key.root_crl_url[0] ? g->key.root_crl_url : INTEL_ROOT_CRL);
	}
}

/* -- life -- */

static void
gather_free(struct gather *g)
{
	for (int i = 0; i < ITEM_COUNT; i++) {
		if (g->parts[i].fetch)
			fetch_cancel(g->parts[i].fetch);
		buf_fini(&g->parts[i].body);
		buf_fini(&g->parts[i].chain);
	}
	eedcap_collateral_free(g->handle);
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
finish(struct gather *g, const struct err *why)
{
	struct eedcap_collateral *handle = g->handle;

	g->handle = NULL;
	g->done(handle, why, g->ctx);
	gather_free(g);
}

static bool
part_failed(const struct part *p, const char *what, struct err *e)
{
	char arg[48];

	snprintf(arg, sizeof arg, "%s_%s", items[p->item].name, what);
	return err_set_arg(e, ERR_IO, REASON_DCAP_ERROR, arg, "collateral service %s: %s",
	    p->gather->plan->base, arg);
}

/* -- reading, on a worker -- */

static struct eedcap_bytes
bytes_of(const struct buf *b)
{
	return (struct eedcap_bytes){b->p, b->n};
}

static void
read_parts(void *job)
{
	struct gather *g = job;
	const struct part *p = g->parts;
	struct eedcap_collateral_parts parts = {
	    .root_ca_crl = bytes_of(&p[ITEM_ROOT_CRL].body),
	    .pck_crl = bytes_of(&p[ITEM_PCK_CRL].body),
	    .pck_crl_issuer_chain = bytes_of(&p[ITEM_PCK_CRL].chain),
	    .tcb_info = bytes_of(&p[ITEM_TCB_INFO].body),
	    .tcb_info_issuer_chain = bytes_of(&p[ITEM_TCB_INFO].chain),
	    .qe_identity = bytes_of(&p[ITEM_QE_IDENTITY].body),
	    .qe_identity_issuer_chain = bytes_of(&p[ITEM_QE_IDENTITY].chain),
	};

	g->handle = eedcap_collateral_from_parts(g->dcap, &parts, &g->refusal);
}

/* The documents must be those of the platform that was asked for: a cache that mixes them up
 * would otherwise spoil an entry that others use. */
static bool
judge(struct gather *g, bool ran, struct err *e)
{
	const char *what = NULL;

	if (!ran)
		what = "stopping";
	else if (g->handle == NULL)
		what = g->refusal.reason;
	else if (memcmp(eedcap_collateral_fmspc(g->handle), g->key.fmspc, 6) != 0
		 || eedcap_collateral_tee(g->handle) != g->key.tee)
		what = "other_platform";
	if (what == NULL)
		return true;
	eedcap_collateral_free(g->handle);
	g->handle = NULL;
	return err_set_arg(e, ERR_IO, REASON_DCAP_ERROR, what, "collateral service %s: %s",
	    g->plan->base, g->refusal.detail);
}

static void
on_read(void *job, bool ran)
{
	struct gather *g = job;
	struct err e = {0};

	g->working = false;
	if (g->plan == NULL) {
		gather_free(g);
		return;
	}
	finish(g, judge(g, ran, &e) ? NULL : &e);
}

/* -- asking -- */

static void on_answer(const struct fetch_result *r, const struct err *why, void *ctx);

static bool
ask(struct part *p, struct err *e)
{
	struct err why = {0};
	static const char *const headers[] = {"User-Agent: easy-enclave"};
	char url[URL_MAX];
	struct fetch_request q = {.url = url,
	    .headers = headers,
	    .n_headers = 1,
	    .max_body = items[p->item].max,
	    .timeout_ms = TIMEOUT_MS};

	item_url(p->gather, p->item, url);
	p->fetch = fetch_start(p->gather->plan->fetcher, &q, on_answer, p, &why);
	return p->fetch != NULL || part_failed(p, "unreachable", e);
}

/* Percent-encoded PEM. `+` stays `+`: this is no form, and caches leave base64's characters as
 * they are. */
static bool
take_chain(struct part *p, const struct fetch_result *r, struct err *e)
{
	struct span s;

	if (items[p->item].chain == NULL)
		return true;
	s = fetch_header(r, items[p->item].chain);
	if (s.n == 0 && items[p->item].old_chain)
		s = fetch_header(r, items[p->item].old_chain);
	if (s.n == 0)
		return part_failed(p, "no_chain", e);
	if (!url_decode(s, &p->chain))
		return part_failed(p, "bad_chain", e);
	return true;
}

static bool
take_answer(struct part *p, const struct fetch_result *r, const struct err *why, struct err *e)
{
	char what[16];

	if (why)
		return part_failed(p,
		    why->reason == REASON_FETCH_TIMEOUT   ? "timeout"
		    : why->reason == REASON_FETCH_TOO_BIG ? "too_big"
							  : "unreachable",
		    e);
	if (r->status != 200) {
		snprintf(what, sizeof what, "http_%d", r->status);
		return part_failed(p, what, e);
	}
	buf_add(&p->body, r->body);
	if (!buf_ok(&p->body))
		return part_failed(p, "too_big", e);
	return take_chain(p, r, e);
}

static bool
all_came(const struct gather *g)
{
	for (int i = 0; i < ITEM_COUNT; i++)
		if (!g->parts[i].came)
			return false;
	return true;
}

static bool
start_reading(struct gather *g, struct err *e)
{
	struct err why = {0};

	g->working = worker_run(g->plan->loop, read_parts, on_read, g, &why);
	return g->working
	       || err_set_arg(e, ERR_IO, REASON_DCAP_ERROR, "no_worker", "%s", why.detail);
}

static void
on_answer(const struct fetch_result *r, const struct err *why, void *ctx)
{
	struct part *p = ctx;
	struct gather *g = p->gather;
	struct err e = {0};
	bool ok;

	p->fetch = NULL;
	/* A cache that looks like Intel's PCS has no route for the root CRL: then it is where the
	 * root certificate says. */
	if (p->item == ITEM_ROOT_CRL && r && r->status == 404 && g->plan->has_root_crl
	    && !g->asked_cdp && g->key.root_crl_url[0] != '\0') {
		g->asked_cdp = true;
		ok = ask(p, &e);
	} else {
		ok = take_answer(p, r, why, &e);
		p->came = ok;
		if (ok && all_came(g))
			ok = start_reading(g, &e);
	}
	if (!ok)
		finish(g, &e);
}

struct gather *
gather_start(const struct gather_plan *p, const struct collateral_key *k,
    void (*done)(struct eedcap_collateral *handle, const struct err *why, void *ctx), void *ctx,
    struct err *e)
{
	struct gather *g = calloc(1, sizeof *g);

	if (g == NULL) {
		(void)err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "collateral");
		return NULL;
	}
	g->plan = p;
	g->key = *k;
	g->dcap = p->dcap;
	g->done = done;
	g->ctx = ctx;
	for (unsigned i = 0; i < ITEM_COUNT; i++) {
		g->parts[i].gather = g;
		g->parts[i].item = (enum gather_item)i;
		buf_init(&g->parts[i].body, items[i].max);
		buf_init(&g->parts[i].chain, CHAIN_MAX);
	}
	for (unsigned i = 0; i < ITEM_COUNT; i++) {
		if (!ask(&g->parts[i], e)) {
			gather_free(g);
			return NULL;
		}
	}
	return g;
}
