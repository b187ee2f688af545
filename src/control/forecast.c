#include "control/forecast.h"

#include "control/rejudge.h"
#include "core/policy.h"

#include <stdio.h>
#include <stdlib.h>

#define EVERY_MS ((uint64_t)6 * 3600 * 1000)
#define TEXT_MAX 8192

static const char *
remedy(const struct eedcap_shortfall *s)
{
	return s->part == EEDCAP_MODULE ? "TDX module"
	       : s->part == EEDCAP_QE   ? "quoting enclave"
					: "platform firmware";
}

static void
write_shortfall(struct jw *w, const struct eedcap_shortfall *s)
{
	static const char *const parts[] = {
	    [EEDCAP_PLATFORM] = "platform", [EEDCAP_QE] = "qe", [EEDCAP_MODULE] = "module"};
	bool component = s->part == EEDCAP_PLATFORM && strcmp(s->what, "pcesvn") != 0;
	char text[256], name[96];

	if (component)
		(void)snprintf(name, sizeof name, "%s component %u",
		    s->what[0] == 't' ? "TDX" : "SGX", s->index);
	else if (s->part == EEDCAP_PLATFORM)
		(void)snprintf(name, sizeof name, "PCESVN");
	else
		(void)snprintf(name, sizeof name, "%s ISV SVN", s->of);
	(void)snprintf(text, sizeof text, "%s is %u, needs %u (%s%s%s)", name, s->have, s->need,
	    remedy(s), component && s->of[0] ? ", " : "", component ? s->of : "");
	jw_object(w, NULL);
	jw_str(w, "part", parts[s->part]);
	jw_str(w, "what", s->what);
	if (component)
		jw_int(w, "index", s->index);
	jw_int(w, "have", s->have);
	jw_int(w, "need", s->need);
	jw_str(w, "of", s->of);
	jw_str(w, "text", text);
	jw_end_object(w);
}

static void
keep_text(struct tunnel *t, const struct quote_view *v, const struct eedcap_verdict *verdict,
    const struct err *why)
{
	struct eedcap_shortfall s;
	char token[ERR_TOKEN_MAX];
	struct buf b;
	struct jw w;

	buf_init(&b, TEXT_MAX);
	w = jw_of(&b);
	jw_object(&w, NULL);
	jw_str(&w, "agent_id", t->session.id->agent_id);
	jw_int(&w, "evaluation_number", eedcap_verdict_evaluation_number(verdict));
	jw_str(&w, "tcb_status", v ? tcb_status_name(v->tcb) : NULL);
	jw_str(&w, "reason", why ? err_token(why, token) : NULL);
	jw_array(&w, "shortfalls");
	for (size_t i = 0; eedcap_verdict_shortfall(verdict, i, &s); i++)
		write_shortfall(&w, &s);
	jw_end_array(&w);
	jw_end_object(&w);
	/* Where there is no memory, nothing is told of this one. */
	t->forecast = buf_ok(&b) ? malloc(b.n + 1) : NULL;
	if (t->forecast) {
		memcpy(t->forecast, b.p, b.n);
		t->forecast[b.n] = '\0';
	}
	buf_fini(&b);
}

static void
on_one(void *ctx, struct tunnel *t, const struct quote_view *v,
    const struct eedcap_verdict *verdict, const struct err *why)
{
	struct control *c = ctx;

	if (!verdict || (why && (why->code == ERR_IO || why->code == ERR_NOMEM))) {
		c->forecast.now.unjudged++;
		return;
	}
	c->forecast.now.judged++;
	free(t->forecast);
	t->forecast = NULL;
	if (eedcap_verdict_evaluation_number(verdict) > c->forecast.now.number)
		c->forecast.now.number = eedcap_verdict_evaluation_number(verdict);
	if (!why && v && v->tcb == t->earned.tcb)
		return;
	c->forecast.now.worse++;
	c->forecast.now.refused += why != NULL;
	keep_text(t, v, verdict, why);
}

static void
on_end(void *ctx, const struct err *why)
{
	struct control *c = ctx;
	struct log_line b;

	c->forecast.pass = NULL;
	if (why) {
		if (!c->draining)
			log_failure(&c->env->log, LOG_WARN, "tcb_forecast_failed", why, NULL);
		forecast_want(c, EVERY_MS);
		return;
	}
	c->forecast.last = c->forecast.now;
	c->forecast.made_s = env_now_s(c->env);
	log_begin(&b, "tcb_forecast");
	log_int(&b, "evaluation", c->forecast.last.number);
	log_int(&b, "judged", (int64_t)c->forecast.last.judged);
	log_int(&b, "worse", (int64_t)c->forecast.last.worse);
	log_int(&b, "refused", (int64_t)c->forecast.last.refused);
	log_int(&b, "unjudged", (int64_t)c->forecast.last.unjudged);
	log_end(&c->env->log, c->forecast.last.refused ? LOG_WARN : LOG_INFO, &b);
	forecast_want(c, EVERY_MS);
}

static void
begin(void *ctx)
{
	struct control *c = ctx;
	struct rejudge_ops ops = {on_one, on_end, c};
	struct err e = {0};

	if (c->draining || c->forecast.pass)
		return;
	c->forecast.now = (struct forecast_counts){0};
	c->forecast.pass = rejudge_start(c, NULL, c->early, &ops, &e);
	if (!c->forecast.pass)
		on_end(c, &e);
}

void
forecast_want(struct control *c, uint64_t ms)
{
	uint64_t due = env_now_ms(c->env) + ms;

	if (!c->early || c->draining)
		return;
	if (net_timer_is_running(&c->forecast.timer) && c->forecast.due_ms <= due)
		return;
	c->forecast.due_ms = due;
	net_timer_start(c->loop, &c->forecast.timer, ms, begin, c);
}

void
forecast_close(struct control *c)
{
	net_timer_stop(&c->forecast.timer);
	rejudge_cancel(c->forecast.pass);
	c->forecast.pass = NULL;
}

void
forecast_write(struct control *c, struct jw *w, const char *app_name)
{
	if (!c->forecast.made_s) {
		jw_null(w, "tcb_forecast");
		return;
	}
	jw_array(w, "tcb_forecast");
	for (const struct tunnel *t = c->tunnels; t; t = t->next)
		if (t->forecast && t->replica && strcmp(t->session.id->app_name, app_name) == 0)
			jw_raw(w, NULL, span_str(t->forecast));
	jw_end_array(w);
}
