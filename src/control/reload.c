#include "control/reload.h"

#include "control/audit.h"
#include "control/certificate.h"
#include "control/forecast.h"
#include "control/rejudge.h"
#include "core/policy.h"
#include "os/file.h"

/* --- reading --- */

bool
reload_read_networks(const struct settings *set, struct networks *out, struct err *e)
{
	const char *path = set->networks_file;
	struct err why = {0};
	struct buf b;
	bool ok;

	if (!path) {
		networks_default(out);
		return true;
	}
	buf_init(&b, LIMIT_NETWORKS_FILE);
	ok = file_read(path, LIMIT_NETWORKS_FILE, &b, &why)
	     && networks_parse(out, buf_span(&b), &why);
	buf_fini(&b);
	if (ok)
		return true;
	if (why.code == ERR_NOMEM)
		return err_set(e, why.code, why.reason, "EE_NETWORKS_FILE");
	/* What is wrong counts for more than the end of a long path. */
	err_set(e, ERR_USAGE, REASON_BAD_SETTING, "EE_NETWORKS_FILE: %.140s", why.detail);
	return err_show(e, "EE_NETWORKS_FILE: %.140s", why.shown[0] ? why.shown : why.detail);
}

/* Tried, since the fetcher would tell only at its first request. */
bool
reload_check_service_ca(const struct settings *set, struct err *e)
{
	struct err why = {0};
	struct tls_ctx *tls;

	if (!set->pccs_ca)
		return true;
	tls = tls_ctx_client(set->pccs_ca, &why);
	tls_ctx_free(tls);
	if (tls)
		return true;
	(void)err_set(e, ERR_USAGE, REASON_BAD_SETTING, "EE_PCCS_CA: %.130s", why.detail);
	return err_show(e, "EE_PCCS_CA: %.130s", why.detail);
}

bool
reload_check(const struct settings *set, struct err *e)
{
	struct tls_ctx *tls = NULL;
	struct networks nets;

	if (!reload_read_networks(set, &nets, e) || !reload_check_service_ca(set, e))
		return false;
	networks_free(&nets);
	if (!set->tls_cert)
		return true;
	tls = tls_ctx_server(set->tls_cert, set->tls_key, e);
	tls_ctx_free(tls);
	return tls || err_show(e, "EE_TLS_CERT, EE_TLS_KEY: %.130s", e->detail);
}

void
reload_announce(const struct control *c)
{
	for (size_t i = 0; i < c->nets.n; i++) {
		const struct network *n = &c->nets.v[i];

		if (n->legacy_agents)
			log_event(&c->env->log, LOG_WARN, "legacy_agents", "network", n->name,
			    "hint",
			    "quotes without a nonce are taken: whoever has a copy of one can show "
			    "it; freshness is none",
			    NULL);
		if (n->allow_debug)
			log_event(&c->env->log, LOG_WARN, "debug_allowed", "network", n->name,
			    "hint", "the host of a debug TD reads and changes its memory", NULL);
	}
}

/* --- judging again --- */

void
reload_judge(struct tunnel *t)
{
	const struct attest_identity *id = t->session.id;
	const struct network *net = networks_find(&t->c->nets, id->network);
	struct session_input in = {.ev = SESSION_EV_FATAL};
	struct err why = {0}, e = {0};
	char token[ERR_TOKEN_MAX];

	if (t->session.state == SESSION_NEW || t->session.state == SESSION_CLOSED)
		return;
	if (!net)
		(void)err_set(&why, ERR_POLICY, REASON_INVALID_NETWORK, "not served any more");
	else if (!t->replica
		 || (policy_judge_repo(net, id->repo, 0, &why)
		     && policy_judge_release(net, t->earned.immutable, &why)
		     && policy_judge_admission(net, &t->earned, &why)))
		return;
	(void)err_token(&why, token);
	(void)err_set(&e, ERR_POLICY, REASON_POLICY, "%s: %s", token, why.detail);
	(void)err_show(&e, "the rules of %s have changed: %s", id->network, token);
	in.err = &e;
	tunnel_step(t, &in);
}

/* --- SIGHUP --- */

/* By then collateral that was asked for anew has come, as a rule. */
#define FORECAST_MS 2000

static void
failed(struct control *c, const char *what, const struct err *e)
{
	log_failure(&c->env->log, LOG_ERROR, "reload_failed", e, "what", what, "hint",
	    "what was there before goes on", NULL);
}

static void
reload_networks(struct control *c)
{
	struct networks nets;
	struct log_line b;
	struct err e = {0};
	size_t before = c->tunnel_n;
	bool same;

	if (!c->set->networks_file)
		return;
	if (!reload_read_networks(c->set, &nets, &e)) {
		failed(c, "EE_NETWORKS_FILE", &e);
		return;
	}
	same = memcmp(c->nets.text_sha256, nets.text_sha256, sizeof nets.text_sha256) == 0;
	networks_free(&c->nets);
	c->nets = nets;
	c->nets_age++;
	for (struct tunnel *t = c->tunnels; t; t = t->next)
		reload_judge(t);
	log_begin(&b, "networks_reloaded");
	log_int(&b, "networks", (int64_t)c->nets.n);
	log_int(&b, "tunnels_judged", (int64_t)before);
	log_end(&c->env->log, LOG_INFO, &b);
	audit_policy(c);
	reload_announce(c);
	rejudge_want(c, !same);
}

static void
reload_tls(struct control *c)
{
	struct err e = {0};

	if (!c->tls)
		return;
	if (!tls_ctx_reload(c->tls, c->set->tls_cert, c->set->tls_key, &e)) {
		failed(c, "EE_TLS_CERT", &e);
		return;
	}
	log_event(&c->env->log, LOG_INFO, "certificate_reloaded", "file", c->set->tls_cert, NULL);
	c->certificate_told_s = 0;
	certificate_look(c);
}

void
reload_on_signal(struct net_loop *l, int signo, void *ctx)
{
	struct control *c = ctx;

	if (c->draining)
		return;
	reload_networks(c);
	reload_tls(c);
	collateral_client_reload(c->collateral);
	if (c->early)
		collateral_client_reload(c->early);
	forecast_want(c, FORECAST_MS);
}
