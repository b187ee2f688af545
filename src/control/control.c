#include "control/control.h"

#include "base/ip.h"
#include "control/audit.h"

#include <stdio.h>
#include <stdlib.h>

struct registry_now
control_now(const struct control *c)
{
	return (struct registry_now){env_now_s(c->env), env_now_ms(c->env)};
}

bool
control_may_log(struct control *c)
{
	uint64_t now = env_now_ms(c->env);

	if (now - c->quiet_ms >= 1000) {
		if (c->quiet_dropped) {
			struct log_line b;

			log_begin(&b, "lines_left_out");
			log_int(&b, "count", (int64_t)c->quiet_dropped);
			log_end(&c->env->log, LOG_WARN, &b);
		}
		c->quiet_ms = now;
		c->quiet_n = 0;
		c->quiet_dropped = 0;
	}
	if (c->quiet_n >= CONTROL_QUIET_RATE) {
		c->quiet_dropped++;
		return false;
	}
	c->quiet_n++;
	return true;
}

void
control_copy(char *dst, size_t size, const char *src)
{
	(void)snprintf(dst, size, "%s", src ? src : "");
}

/* Whose change it is, until the disk has spoken. */
struct submitted {
	struct control *c;
	store_done_fn *done;
	void *ctx;
};

/* Every write's outcome is the word on the disk, /ready's too. */
static void
on_written(void *ctx, const struct err *why)
{
	struct submitted s = *(struct submitted *)ctx;

	free(ctx);
	s.c->store_broken = why != NULL;
	if (s.done)
		s.done(s.ctx, why);
}

bool
control_submit(struct control *c, const struct store_change *v, size_t n, store_done_fn *done,
    void *ctx, struct err *e)
{
	struct submitted *s;

	if (!c->store)
		return err_set(e, ERR_NOT_NOW, REASON_DRAINING, "the registry is closed");
	s = malloc(sizeof *s);
	if (!s)
		return err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "change");
	*s = (struct submitted){c, done, ctx};
	if (store_submit(c->store, v, n, on_written, s, e))
		return true;
	free(s);
	return false;
}

void
control_close_store(struct control *c)
{
	struct store *st = c->store;

	/* The last commits' callbacks run meanwhile, and may ask for more. */
	c->store = NULL;
	store_close(st);
}

/* A machine that is genuine and not let in may go on trying for ever, from many addresses: of each
 * ROWS_AT_ONCE rows, then one a ROW_COSTS_S, of all together ALL_TIMES as many, and the rest by their
 * number. The gates' seconds are of ROW_COSTS_S. */
#define ROWS_AT_ONCE 60
#define ROW_COSTS_S  60
#define ALL_TIMES    10

bool
control_limit_refusals(struct control *c, const uint8_t key[static 16])
{
	c->refusal_rows = gate_new(1, ROWS_AT_ONCE, key);
	c->all_refusal_rows = gate_new(ALL_TIMES, ALL_TIMES * ROWS_AT_ONCE, key);
	return c->refusal_rows && c->all_refusal_rows;
}

static bool
may_have_row(struct control *c, const char *peer)
{
	uint64_t now = env_now_ms(c->env) / ROW_COSTS_S;

	return gate_take(c->refusal_rows, peer, now) && gate_take(c->all_refusal_rows, "", now);
}

void
control_refused(struct control *c, const struct attest_identity *id, const char *peer,
    const struct err *why, const struct audit_note *proven)
{
	struct refusal *r = &c->refusals[c->refused_n++ % CONTROL_REFUSALS];
	char token[ERR_TOKEN_MAX];
	const char *cause = err_cause(why);

	c->counts.refused[why->reason]++;
	(void)err_token(why, token);
	r->at_s = env_now_s(c->env);
	control_copy(r->app_name, sizeof r->app_name, id->app_name);
	control_copy(r->agent_id, sizeof r->agent_id, id->agent_id);
	control_copy(r->repo, sizeof r->repo, id->repo);
	control_copy(r->reason, sizeof r->reason, token);
	control_copy(r->detail, sizeof r->detail, why->detail[0] ? why->detail : why->shown);
	if (!proven)
		c->strangers_n++;
	if (proven || control_may_log(c))
		log_failure(&c->env->log, LOG_WARN, "refused", why, "app", id->app_name, "agent",
		    id->agent_id, "repo", id->repo, "network", id->network, "peer", peer, "cause",
		    cause, NULL);
	if (proven && !may_have_row(c, peer)) {
		c->untold_n++;
	} else if (proven) {
		struct audit_note n = *proven;

		n.event = n.verdict = "refused";
		n.id = id;
		n.reason = token;
		n.detail = r->detail;
		audit_add(c, &n);
	}
}

const char *
control_client(const struct control *c, const struct http_req *r, char dst[static CONTROL_PEER_MAX])
{
	struct span trusted = span_str(c->set->trusted_proxies);
	struct span list = http_req_field(r, "X-Forwarded-For");
	uint8_t ip[16];

	control_copy(dst, CONTROL_PEER_MAX, http_req_peer(r));
	while (list.n && ip_parse(span_str(dst), ip) && ip_list_has(trusted, ip)) {
		size_t at = list.n;

		while (at && list.p[at - 1] != ',')
			at--;
		struct span one = span_from(list, at);

		list = span_first(list, at ? at - 1 : 0);
		while (one.n && (one.p[0] == ' ' || one.p[0] == '\t'))
			one = span_from(one, 1);
		while (one.n && (one.p[one.n - 1] == ' ' || one.p[one.n - 1] == '\t'))
			one = span_first(one, one.n - 1);
		/* What is no address ends the walk: the proxy before it is all that is known. */
		if (!ip_parse(one, ip) || !span_cstr(one, dst, CONTROL_PEER_MAX))
			break;
	}
	return dst;
}
