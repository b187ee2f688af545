#include "control/attest.h"
#include "control/server.h"

#include "control/api.h"
#include "control/audit.h"
#include "control/certificate.h"
#include "control/forecast.h"
#include "control/relay.h"
#include "control/rejudge.h"
#include "control/reload.h"
#include "control/resolve.h"
#include "control/stop.h"
#include "control/sweep.h"
#include "os/daemon.h"
#include "os/file.h"
#include "store/sqlite.h"
#include "wire/url.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#define ROOT_CA_MAX 65536
/* A predecessor that was told to stop lets go of the registry at once, but may be told late. */
#define LOCK_WAIT_MS 10000

/* --- start --- */

static bool
load_root(const struct control *c, uint8_t key[static EEDCAP_ROOT_KEY_SIZE], struct err *e)
{
	struct eedcap_error d = {0};
	struct err read = {0};
	struct buf b;
	bool ok;

	buf_init(&b, ROOT_CA_MAX);
	ok = file_read(c->set->dcap_root_ca, ROOT_CA_MAX, &b, &read);
	if (!ok)
		(void)err_set(
		    e, ERR_USAGE, REASON_BAD_SETTING, "EE_DCAP_ROOT_CA: %.120s", read.detail);
	else if (!eedcap_root_key(b.p, b.n, key, &d))
		ok = err_set(e, ERR_USAGE, REASON_BAD_SETTING, "EE_DCAP_ROOT_CA: %s", d.detail);
	buf_fini(&b);
	return ok;
}

static bool
open_verifier(struct control *c, struct err *e)
{
	struct eedcap_error d = {0};

	c->custom_root = c->set->dcap_root_ca != NULL;
	if (c->custom_root && !load_root(c, c->root_key, e))
		return false;
	c->dcap = eedcap_context_new(
	    c->custom_root ? c->root_key : NULL, LIMIT_PLATFORMS_KNOWN, &d);
	return c->dcap || err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "verifier: %s", d.detail);
}

static bool
add_audience(struct control *c, struct span text, struct err *e)
{
	char origin[URL_ORIGIN_MAX];
	struct url u;
	size_t n = c->audience_n;

	if (!url_parse(&u, text, e))
		return false;
	url_origin(&u, origin);
	if (n == CONTROL_AUDIENCES
	    || !span_cstr(span_str(origin), c->audience_text[n], sizeof c->audience_text[n]))
		return err_set(e, ERR_USAGE, REASON_BAD_SETTING,
		    "EE_PUBLIC_URL: more than %d origins, or one too long", CONTROL_AUDIENCES);
	c->audiences[n] = c->audience_text[n];
	c->audience_n++;
	return true;
}

/* Never taken from a request: what a quote is bound to is the operator's word. */
static bool
set_audiences(struct control *c, struct err *e)
{
	static const char *const local[] = {"127.0.0.1", "localhost", "[::1]"};
	struct span rest = span_str(c->set->public_url), one;
	char text[64];

	if (c->set->public_url) {
		while (list_next(&rest, &one))
			if (one.n && !add_audience(c, one, e))
				return false;
		return true;
	}
	for (size_t i = 0; i < sizeof local / sizeof local[0]; i++) {
		(void)snprintf(
		    text, sizeof text, "http://%s:%u", local[i], http_server_port(c->http));
		if (!add_audience(c, span_str(text), e))
			return false;
	}
	return true;
}

static void
on_wake(void *ctx)
{
	struct control *c = ctx;

	if (!c->store)
		return;
	store_poll(c->store);
	events_look(c);
}

static void
wake_from_store(void *ctx)
{
	wake_send(ctx);
}

static bool
load_app(void *ctx, const struct app_row *row, struct err *e)
{
	return registry_load_app(((struct control *)ctx)->registry, row, e);
}

static bool
load_ban(void *ctx, const struct ban_row *row, struct err *e)
{
	return registry_ban(((struct control *)ctx)->registry, row, e);
}

static bool
load_pin(void *ctx, const struct pin_row *row, struct err *e)
{
	return registry_load_pin(((struct control *)ctx)->registry, row, e);
}

/* The registry is one process's. With sockets that were handed over another may be on its way out:
 * visitors wait in the meantime, and are not refused. */
static bool
open_store(struct control *c, struct err *e)
{
	uint64_t until = env_now_ms(c->env) + LOCK_WAIT_MS;

	while (!store_sqlite_open(&c->store, c->set->db_path, wake_from_store, c->wake, e)) {
		if (e->code != ERR_NOT_NOW || !c->handed_over || env_now_ms(c->env) >= until)
			return false;
		err_clear(e);
	}
	return true;
}

static bool
open_registry(struct control *c, struct err *e)
{
	struct store_loader to = {.app = load_app, .pin = load_pin, .ban = load_ban, .ctx = c};

	c->registry_set = (struct registry_settings){.ttl_s = c->set->registration_ttl_days * 86400,
	    .quarantine_s = c->set->name_quarantine_days * 86400,
	    .slow_start_s = (uint32_t)c->set->slow_start_sec,
	    .warn_s = c->set->registration_warn_days * 86400,
	    .health_timeout_s = (uint32_t)c->set->health_timeout_sec};
	c->wake = wake_new(c->loop, on_wake, c, e);
	return c->wake && reload_read_networks(c->set, &c->nets, e)
	       && registry_new(&c->registry, &c->registry_set, &c->nets, e) && open_store(c, e)
	       && store_load(c->store, &to, e);
}

/* A PCCS is often installed with a certificate of its own. */
static bool
open_service(struct control *c, struct err *e)
{
	if (!c->set->pccs_ca)
		return true;
	if (!reload_check_service_ca(c->set, e))
		return false;
	c->pccs_fetcher = fetcher_new(c->loop, c->set->pccs_ca, e);
	return c->pccs_fetcher != NULL;
}

static bool
may_look(void *ctx, const char *client, struct span repo)
{
	struct control *c = ctx;

	return lookups_take(c->lookups, client, repo, env_now_ms(c->env));
}

/* By then a fleet that was here before is here again. */
#define FIRST_FORECAST_MS (10u * 60 * 1000)

/* Nothing of the early edition goes to the disk: no lease depends on it, and its numbers are above
 * those that count. */
static bool
open_early(struct control *c, struct err *e)
{
	struct collateral_opts o = {.url = c->set->pccs_url,
	    .service = c->pccs_fetcher,
	    .dcap = c->dcap,
	    .timeout_s = (uint32_t)c->set->collateral_timeout_sec,
	    .refresh_s = (uint32_t)c->set->collateral_refresh_sec,
	    .early = true};

	c->early = collateral_client_new(c->loop, c->fetcher, c->env, &o, e);
	if (c->early)
		forecast_want(c, FIRST_FORECAST_MS);
	return c->early != NULL;
}

static bool
open_clients(struct control *c, struct err *e)
{
	struct collateral_opts col = {.url = c->set->pccs_url,
	    .dir = c->set->collateral_dir,
	    .root_key = c->custom_root ? c->root_key : NULL,
	    .dcap = c->dcap,
	    .timeout_s = (uint32_t)c->set->collateral_timeout_sec,
	    .refresh_s = (uint32_t)c->set->collateral_refresh_sec,
	    .warn_days = (uint32_t)c->set->collateral_warn_days,
	    .early = strcmp(c->set->tcb_update, "early") == 0,
	    .log = &c->env->log,
	    .changed = rejudge_on_collateral,
	    .changed_ctx = c};
	struct release_opts rel = {.api_url = c->set->github_api_url,
	    .token = c->set->github_token,
	    .owners = c->set->github_owners,
	    .asset = c->set->allowlist_asset,
	    .asset_origins = c->set->github_asset_origins,
	    .may_look = may_look,
	    .may_look_ctx = c};

	c->fetcher = fetcher_new(c->loop, NULL, e);
	if (!c->fetcher || !open_service(c, e))
		return false;
	col.service = c->pccs_fetcher;
	c->collateral = collateral_client_new(c->loop, c->fetcher, c->env, &col, e);
	if (!c->collateral)
		return false;
	if (!col.early && strcmp(c->set->tcb_forecast, "on") == 0 && !open_early(c, e))
		return false;
	c->release = release_client_new(c->loop, c->fetcher, c->env, &rel, e);
	return c->release != NULL;
}

static uint32_t
descriptors(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) != 0 || r.rlim_cur == RLIM_INFINITY)
		return 65536;
	return r.rlim_cur > 1u << 24 ? 1u << 24 : (uint32_t)r.rlim_cur;
}

/* A drained listener frees itself with its last connection. */
static void
on_http_gone(struct http_server *server, void *ctx)
{
	((struct control *)ctx)->http = NULL;
}

static void
on_front_gone(void *ctx)
{
	((struct control *)ctx)->front = NULL;
}

static const struct http_server_ops http_ops = {
    .on_request = api_on_request, .on_refused = api_on_refused, .on_close = on_http_gone};

/* One of another name would be held open, with visitors waiting at it for ever. */
static bool
take_sockets(struct control *c, struct err *e)
{
	if (!activation_take(&c->sockets, e))
		return false;
	for (size_t i = 0; i < c->sockets.n; i++) {
		const char *name = c->sockets.sockets[i].name;

		if (strcmp(name, "control") == 0 || strcmp(name, "proxy") == 0)
			continue;
		(void)err_set(e, ERR_USAGE, REASON_LISTEN_FAILED,
		    "socket handed over as %.60s: must be control or proxy", name);
		return err_show(e, ACTIVATION_TODO);
	}
	for (size_t i = 1; i < c->sockets.n; i++)
		for (size_t k = 0; k < i; k++)
			if (strcmp(c->sockets.sockets[i].name, c->sockets.sockets[k].name) == 0) {
				(void)err_set(e, ERR_USAGE, REASON_LISTEN_FAILED,
				    "more than one socket handed over as %.60s",
				    c->sockets.sockets[i].name);
				return err_show(e, ACTIVATION_TODO);
			}
	c->handed_over = c->sockets.n > 0;
	return true;
}

static bool
open_http(struct control *c, struct err *e)
{
	uint32_t n = descriptors();
	struct http_server_opts o = {.listen = {.address = c->set->control_bind,
					 .port = c->set->control_port,
					 .inherited = activation_claim(&c->sockets, "control"),
					 /* The rest is for fetches, visitors and the database. */
					 .max_streams = n - n / 32}};

	if (c->set->tls_cert) {
		c->tls = tls_ctx_server(c->set->tls_cert, c->set->tls_key, e);
		if (!c->tls)
			return false;
		o.listen.tls = c->tls;
	}
	c->unattested_max = n / 10 < 16 ? 16 : n / 10;
	c->http = http_server_open(c->loop, &o, &http_ops, c, e);
	return c->http != NULL;
}

static struct exchange *
open_exchange(void *ctx, struct span app, const struct exchange_request *rq,
    const struct exchange_events *events, void *events_ctx, struct err *e)
{
	return relay_open(ctx, app, rq, events, events_ctx, e);
}

static const struct front_ops front_ops = {.open = open_exchange, .on_close = on_front_gone};

static bool
open_front(struct control *c, struct err *e)
{
	struct front_opts o = {.name = CONTROL_NAME,
	    .bind = c->set->proxy_bind,
	    .port = c->set->proxy_port,
	    .inherited = activation_claim(&c->sockets, "proxy"),
	    .rules = {c->set->proxy_domain, c->set->proxy_trusted},
	    .timeout_ms = (uint64_t)c->set->proxy_timeout_sec * 1000,
	    .proxy_protocol_from = c->set->proxy_protocol_from,
	    .access_log = strcmp(c->set->access_log, "on") == 0,
	    .token = c->set->proxy_token};

	c->front = front_open(c->loop, c->env, &o, &front_ops, c, e);
	return c->front != NULL;
}

static bool
open_gate(struct control *c, struct err *e)
{
	uint8_t key[16];
	uint32_t rate = (uint32_t)c->set->admission_rate;
	uint32_t fresh = (uint32_t)c->set->evidence_rate;

	env_random(c->env, key, sizeof key);
	c->resolves = resolve_cache_new(e);
	c->lists = c->resolves ? lists_new(e) : NULL;
	if (!c->lists)
		return false;
	c->gate = gate_new(rate, rate * 10, key);
	c->reads = gate_new(10 * fresh, 50 * fresh, key);
	c->quotes = gate_new(fresh, 5 * fresh, key);
	c->lookups = lookups_new((uint32_t)c->set->lookup_rate, key);
	admin_rule_init(&c->admin, c->set->admin_token, c->set->public_url);
	c->session_set = (struct session_settings){
	    .interval_s = (uint32_t)c->set->attest_interval_sec,
	    .deadline_s = (uint32_t)c->set->attest_deadline_sec,
	    .verify_s = (uint32_t)c->set->verify_timeout_sec};
	return (c->gate && c->reads && c->quotes && c->lookups && control_limit_refusals(c, key))
	       || err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "gate");
}

/* --- while it runs --- */

static bool
open_signals(struct control *c, struct err *e)
{
	return net_loop_on_signal(c->loop, SIGTERM, stop_on_signal, c, e)
	       && net_loop_on_signal(c->loop, SIGINT, stop_on_signal, c, e)
	       && net_loop_on_signal(c->loop, SIGHUP, reload_on_signal, c, e);
}

static void
announce(const struct control *c)
{
	struct log *log = &c->env->log;
	struct log_line b;

	log_begin(&b, "started");
	log_str(&b, "version", CONTROL_VERSION);
	log_str(&b, "bind", c->set->control_bind);
	log_int(&b, "port", http_server_port(c->http));
	log_int(&b, "proxy_port", front_port(c->front));
	log_str(&b, "audience", c->audiences[0]);
	log_str(&b, "db", c->set->db_path);
	log_int(&b, "apps", (int64_t)registry_count(c->registry));
	log_int(&b, "tunnels_unattested_max", (int64_t)c->unattested_max);
	log_end(log, LOG_INFO, &b);
	if (c->custom_root)
		log_event(log, LOG_WARN, "custom_trust_root", "file", c->set->dcap_root_ca, "hint",
		    "QUOTES ARE NOT CHECKED AGAINST INTEL'S ROOT; attested proves nothing about "
		    "real hardware. Unset EE_DCAP_ROOT_CA outside of simulations",
		    NULL);
	if (!c->admin.has_token)
		log_event(log, LOG_WARN, "no_admin_token", "hint",
		    c->admin.public_is_local
			? "admin routes and dashboard answer to this machine only, and to every "
			  "program on it; set EE_ADMIN_TOKEN"
			: "admin routes and dashboard answer to nobody; set EE_ADMIN_TOKEN",
		    NULL);
	reload_announce(c);
	if (!c->set->public_url)
		log_event(log, LOG_WARN, "no_public_url", "hint",
		    "agents can attest over loopback only; set EE_PUBLIC_URL to the origin that "
		    "they dial",
		    NULL);
}

static bool
start(struct control *c, struct err *e)
{
	if (!take_sockets(c, e))
		return false;
	c->loop = net_loop_new(e);
	if (!c->loop || !open_gate(c, e) || !open_verifier(c, e) || !open_signals(c, e)
	    || !open_registry(c, e) || !open_clients(c, e) || !open_http(c, e)
	    || !set_audiences(c, e) || !open_front(c, e) || !audit_begin(c, e))
		return false;
	sweep_begin(c);
	certificate_look(c);
	return true;
}

int
server_run(const struct settings *set, struct env *env)
{
	struct control *c = calloc(1, sizeof *c);
	struct err e = {0};
	int rc = 1;

	if (!c) {
		log_event(&env->log, LOG_ERROR, "no_memory", NULL);
		return rc;
	}
	c->set = set;
	c->env = env;
	daemon_prepare(&env->log);
	if (start(c, &e)) {
		announce(c);
		daemon_notify("READY=1");
		net_loop_run(c->loop);
		rc = 0;
	} else {
		log_failure(&env->log, LOG_ERROR, "cannot_start", &e, "hint",
		    e.shown[0] ? e.shown : reason_todo(e.reason), NULL);
	}
	stop_now(c);
	if (rc == 0)
		log_event(&env->log, LOG_INFO, "stopped", NULL);
	free(c);
	return rc;
}
