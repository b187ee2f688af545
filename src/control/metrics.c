/* metrics.c - GET /metrics: the control plane's figures in Prometheus' text format. Nothing is labelled
 * by an app, an agent or an address: their number has no bound, and names are nobody else's business. */
#include "control/api.h"
#include "control/tunnel_endpoint.h"

#include "wire/prom.h"

#define BODY_MAX (1024u * 1024)

static void
gauge(struct buf *b, const char *name, int64_t v, const char *help)
{
	prom_family(b, name, PROM_GAUGE, help);
	prom_sample(b, name, v, NULL);
}

static void
counter(struct buf *b, const char *name, uint64_t v, const char *help)
{
	prom_family(b, name, PROM_COUNTER, help);
	prom_sample(b, name, (int64_t)v, NULL);
}

/* By reason, those that have occurred. */
static void
by_reason(struct buf *b, const char *name, const uint64_t n[static REASON_COUNT], const char *help)
{
	prom_family(b, name, PROM_COUNTER, help);
	for (unsigned i = 0; i < REASON_COUNT; i++)
		if (n[i])
			prom_sample(
			    b, name, (int64_t)n[i], "reason", reason_token((enum reason)i), NULL);
}

static void
put_process(struct buf *b, const struct control *c)
{
	prom_family(b, "ee_build_info", PROM_GAUGE, "The version that runs.");
	prom_sample(b, "ee_build_info", 1, "version", CONTROL_VERSION, "trust_root",
	    c->custom_root ? "custom" : "intel", NULL);
	gauge(b, "ee_ready", !c->draining && !c->store_broken, "Whether tunnels are taken.");
	gauge(b, "ee_store_failed", c->store_broken,
	    "Whether the registry cannot be written to the disk.");
	if (c->tls)
		gauge(b, "ee_certificate_expiry_timestamp_seconds", tls_ctx_expiry(c->tls),
		    "When the certificate that is served ends.");
}

static void
put_fleet(struct buf *b, const struct control *c)
{
	const struct control_counts *n = &c->counts;

	gauge(b, "ee_tunnels", (int64_t)c->tunnel_n, "Tunnels that are open.");
	gauge(b, "ee_tunnels_unattested", (int64_t)c->unattested_n,
	    "Tunnels whose agents have not proven themselves yet.");
	gauge(b, "ee_apps", (int64_t)registry_count(c->registry), "Names that are registered.");
	gauge(b, "ee_bans", (int64_t)registry_ban_count(c->registry), "Names that are banned.");
	prom_family(b, "ee_attestations_total", PROM_COUNTER,
	    "Attempts at attestation that ended, by result and reason.");
	prom_sample(b, "ee_attestations_total", (int64_t)n->attested, "result", "accepted",
	    "reason", reason_token(REASON_ATTESTED), NULL);
	for (unsigned i = 0; i < REASON_COUNT; i++)
		if (n->refused[i])
			prom_sample(b, "ee_attestations_total", (int64_t)n->refused[i], "result",
			    "refused", "reason", reason_token((enum reason)i), NULL);
	prom_histogram(b, "ee_attestation_seconds", &n->attestations,
	    "From an answer to a challenge to the verdict, waits for services and the disk "
	    "included.");
	by_reason(b, "ee_leases_ended_total", n->leases_ended,
	    "Leases of admitted agents that ended, by reason.");
}

static void
put_visits(struct buf *b, const struct front_figures *f)
{
	static const char *const codes[6] = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};

	prom_family(b, "ee_visits_total", PROM_COUNTER,
	    "Requests of visitors that ended, by the answer's status; none: without an answer.");
	for (size_t i = 0; i < 6; i++)
		prom_sample(b, "ee_visits_total", (int64_t)f->status[i], "code", codes[i], NULL);
	by_reason(b, "ee_visits_refused_total", f->refused,
	    "Requests of visitors that the control plane answered in the app's place, by reason.");
	prom_histogram(b, "ee_visit_first_byte_seconds", &f->first_byte,
	    "From a request's head to its answer's head.");
	prom_histogram(b, "ee_visit_seconds", &f->whole, "From a request's head to its end.");
}

/* Those that want attention, by name; the others are counted only. */
static void
put_aging(struct buf *b, const struct control *c)
{
	struct collateral_state s;

	prom_family(b, "ee_collateral_item_expiry_timestamp_seconds", PROM_GAUGE,
	    "When an item ends whose platform's collateral ends soon or was not renewed.");
	for (size_t i = 0; collateral_at(c->collateral, i, &s); i++)
		for (size_t k = 0; (s.aging || s.failing) && k < EEDCAP_ITEMS; k++)
			if (s.item[k].expiry)
				prom_sample(b, "ee_collateral_item_expiry_timestamp_seconds",
				    s.item[k].expiry, "platform", s.name, "item", s.item[k].name,
				    NULL);
}

static void
put_collateral(struct buf *b, const struct control *c)
{
	struct collateral_figures f;

	collateral_figures(c->collateral, &f);
	gauge(b, "ee_collateral_platforms", (int64_t)f.entries,
	    "Kinds of platform that collateral is held of.");
	gauge(b, "ee_collateral_bytes", (int64_t)f.bytes, "Memory that it takes.");
	gauge(b, "ee_collateral_aging", (int64_t)f.aging,
	    "Platforms whose collateral ends within the days that are warned of.");
	gauge(b, "ee_collateral_failing", (int64_t)f.failing,
	    "Platforms whose collateral was not renewed whole at the last try.");
	gauge(b, "ee_collateral_expired", (int64_t)f.expired,
	    "Platforms whose collateral has ended: their agents are refused.");
	if (f.next_expiry)
		gauge(b, "ee_collateral_next_expiry_timestamp_seconds", f.next_expiry,
		    "When the first item of all ends, unless it is renewed.");
	put_aging(b, c);
	counter(
	    b, "ee_collateral_requests_total", f.requests, "Requests to the collateral service.");
	counter(b, "ee_collateral_renewals_total", f.renewals, "Rounds of renewal.");
	counter(b, "ee_collateral_renewals_failed_total", f.renewals_failed,
	    "Rounds of renewal that did not renew all.");
	counter(b, "ee_collateral_save_failed_total", f.save_failed,
	    "Documents that could not be kept on the disk.");
}

static void
put_releases(struct buf *b, const struct control *c)
{
	struct release_figures f;

	release_figures(c->release, &f);
	gauge(b, "ee_releases", (int64_t)f.entries, "Releases that are known of.");
	counter(b, "ee_release_lookups_total", f.lookups, "Releases looked up at GitHub.");
	counter(b, "ee_release_lookups_failed_total", f.lookups_failed,
	    "Lookups that brought no allowlist.");
	gauge(b, "ee_release_limited_seconds", f.limited_s,
	    "So long GitHub is left alone, because it said so; 0: it takes requests.");
}

/* What Intel's early edition will make of the fleet. */
static void
put_forecast(struct buf *b, const struct control *c)
{
	if (!c->early || !c->forecast.made_s)
		return;
	gauge(b, "ee_tcb_forecast_timestamp_seconds", c->forecast.made_s,
	    "When the fleet was last judged by Intel's early edition.");
	gauge(b, "ee_tcb_forecast_evaluation_number", c->forecast.last.number,
	    "The highest evaluation number of that edition.");
	gauge(b, "ee_tcb_forecast_worse", (int64_t)c->forecast.last.worse,
	    "Replicas whose TCB status will be worse under it.");
	gauge(b, "ee_tcb_forecast_refused", (int64_t)c->forecast.last.refused,
	    "Replicas that their network's policy will refuse under it.");
	gauge(b, "ee_tcb_forecast_unjudged", (int64_t)c->forecast.last.unjudged,
	    "Replicas that could not be judged by it.");
}

void
metrics_answer(struct control *c, struct http_req *r)
{
	struct buf b;

	buf_init(&b, BODY_MAX);
	put_process(&b, c);
	put_fleet(&b, c);
	if (c->front)
		put_visits(&b, front_figures(c->front));
	put_collateral(&b, c);
	put_releases(&b, c);
	put_forecast(&b, c);
	api_answer(r, 200, PROM_CONTENT_TYPE, &b);
	buf_fini(&b);
}
