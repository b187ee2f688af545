/* fresh.c - evidence that a replica makes now. One request at a time goes to a replica, some wait
 * behind it; what the agent answers is verified before a visitor sees it. */
#include "control/evidence.h"

#include "base/hex.h"
#include "control/api.h"
#include "control/attest.h"
#include "control/tunnel_endpoint.h"

#include <stdio.h>
#include <stdlib.h>

#define BODY_MAX    4096
#define WAITING_MAX 4 /* behind the one that is asked for */
#define BURST       5

/* One POST. Once the agent was asked it outlives its request, so that whoever asks and leaves asks
 * the agent no more often than who stays. */
struct fresh {
	struct control *c;
	struct http_req *r; /* NULL: who asked has left */
	struct tunnel *t; /* NULL before there is one */
	struct fresh *next; /* in the tunnel's list */
	bool asked;
	char request_id[32];
	uint8_t nonce[ATTEST_NONCE];
	char app[ATTEST_APP_MAX + 1];
	char agent_id[ATTEST_AGENT_ID_MAX + 1]; /* of the replica that it must be, or "" */
	struct net_timer due;
	struct attempt *attempt; /* judges the answer */
};

static void ask_agent(struct fresh *f);

/* --- the list of a tunnel --- */

static void
unlink_from_tunnel(struct fresh *f)
{
	struct fresh **at = &f->t->fresh;

	while (*at != f)
		at = &(*at)->next;
	*at = f->next;
}

static size_t
count(const struct tunnel *t)
{
	size_t n = 0;

	for (const struct fresh *f = t->fresh; f; f = f->next)
		n++;
	return n;
}

/* Off the list, and free. What was attempted has ended, or is cancelled by the caller. */
static void
let_go(struct fresh *f)
{
	net_timer_stop(&f->due);
	if (f->r)
		http_req_set_ops(f->r, NULL, NULL);
	if (f->t)
		unlink_from_tunnel(f);
	free(f);
}

static void
refuse(struct fresh *f, const struct err *e)
{
	struct http_req *r = f->r;

	let_go(f);
	if (r)
		api_refuse(r, e, NULL, NULL);
}

/* The one that was asked for is over: the next. */
static void
go_on(struct tunnel *t)
{
	if (t->fresh && !t->fresh->asked)
		ask_agent(t->fresh);
}

static void
end(struct fresh *f, const struct err *e)
{
	struct tunnel *t = f->t;
	bool was_asked = f->asked;

	attest_cancel(f->attempt);
	f->attempt = NULL;
	refuse(f, e);
	if (was_asked)
		go_on(t);
}

static void
on_due(void *ctx)
{
	struct fresh *f = ctx;
	struct err e = {0};

	if (f->attempt) {
		(void)err_set(&e, ERR_EXPIRED, REASON_EVIDENCE_TIMEOUT, "while it was verified");
		(void)err_show(&e, "the answer came, and was not verified in time");
	} else {
		(void)err_set(&e, ERR_EXPIRED, REASON_EVIDENCE_TIMEOUT, "no answer");
	}
	end(f, &e);
}

static void
mind_time(struct fresh *f, int64_t seconds)
{
	net_timer_start(f->c->loop, &f->due, (uint64_t)seconds * 1000, on_due, f);
}

/* --- the agent's answer --- */

/* What is wrong with the agent is not the visitor's, and what is wrong with a service is not the
 * agent's. */
static void
judged(void *ctx, const struct evidence_row *row, const struct err *why)
{
	struct fresh *f = ctx;
	struct tunnel *t = f->t;
	struct err e = {0};
	char token[ERR_TOKEN_MAX];

	f->attempt = NULL;
	if (row) {
		struct http_req *r = f->r;
		struct control *c = f->c;

		let_go(f);
		if (r)
			evidence_answer(c, r, row->app_name, row, 1, NULL);
	} else if (why->code == ERR_IO || why->code == ERR_NOT_NOW || why->code == ERR_NOMEM) {
		refuse(f, why);
	} else {
		log_failure(&f->c->env->log, LOG_WARN, "evidence_refused", why, "app",
		    t->session.id->app_name, "agent", t->session.id->agent_id, NULL);
		(void)err_show(&e, "what the agent made does not hold: %s", err_token(why, token));
		(void)err_set(&e, ERR_UNTRUSTED, REASON_EVIDENCE_FAILED, "%s", why->detail);
		refuse(f, &e);
	}
	go_on(t);
}

static void
refused_by_agent(struct fresh *f, const char *word)
{
	enum reason r = reason_find(word, strlen(word));
	struct err e = {0};

	if (r == REASON_AGENT_BUSY) {
		(void)err_set(&e, ERR_NOT_NOW, r, "the agent says so");
	} else {
		if (r != REASON_COUNT)
			(void)err_show(&e, "the agent says %s", reason_token(r));
		(void)err_set(&e, ERR_IO, REASON_EVIDENCE_FAILED, "the agent says %.40s", word);
	}
	end(f, &e);
}

/* An answer that nobody waits for any more is left alone, as one of a request that was given up. */
void
fresh_on_response(struct tunnel *t, const struct msg *m, struct span text)
{
	const struct msg_evidence_response *a = &m->u.evidence_response;
	struct fresh *f = t->fresh;
	struct err e = {0};

	if (!f || !f->asked || f->attempt || strcmp(f->request_id, a->request_id) != 0)
		return;
	if (a->error[0]) {
		refused_by_agent(f, a->error);
		return;
	}
	f->attempt = attest_start_evidence(t, text, f->nonce, judged, f);
	if (!f->attempt) {
		(void)err_set(&e, ERR_NOMEM, REASON_NO_MEMORY, "evidence");
		end(f, &e);
		return;
	}
	mind_time(f, f->c->set->verify_timeout_sec);
}

void
fresh_drop(struct tunnel *t)
{
	struct err e = {0};

	(void)err_set(&e, ERR_IO, REASON_TUNNEL_LOST, "while evidence was asked for");
	while (t->fresh) {
		attest_cancel(t->fresh->attempt);
		refuse(t->fresh, &e);
	}
}

/* --- asking --- */

static void
ask_agent(struct fresh *f)
{
	struct msg_evidence_request m = {.deadline_s = f->c->set->attest_deadline_sec};
	struct buf b;

	f->asked = true;
	(void)snprintf(
	    f->request_id, sizeof f->request_id, "%llu", (unsigned long long)++f->c->last_id);
	control_copy(m.request_id, sizeof m.request_id, f->request_id);
	hex_encode(span_of(f->nonce, sizeof f->nonce), m.nonce);
	/* The deadline is met when the answer arrives; checking it has a time of its own. */
	mind_time(f, f->c->set->attest_deadline_sec);
	buf_init(&b, 1024);
	msg_write_evidence_request(&b, &m);
	if (buf_ok(&b) && !f->t->gone)
		(void)ws_conn_send_text(f->t->ws, buf_span(&b));
	buf_fini(&b);
}

/* Which replica: the one that is named, else the one that the fewest ask. */
struct choice {
	const struct fresh *f;
	struct tunnel *best;
	size_t n;
	bool some; /* there was one, of a version that cannot */
};

static void
consider(void *ctx, void *session)
{
	struct choice *k = ctx;
	struct tunnel *t = session;
	size_t n = count(t);

	if (!t->replica || t->gone || !session_may_carry(&t->session, env_now_ms(t->c->env))
	    || (k->f->agent_id[0] && strcmp(k->f->agent_id, t->session.id->agent_id) != 0))
		return;
	k->some = true;
	if (t->carriage.version == 2
	    && (!k->best || n < k->n || (n == k->n && t->fresh_ms < k->best->fresh_ms))) {
		k->best = t;
		k->n = n;
	}
}

static MUST_CHECK bool
choose(struct fresh *f, struct err *e)
{
	struct choice k = {.f = f};

	if (!registry_each_session(f->c->registry, f->app, consider, &k))
		return err_set(e, ERR_NOTFOUND, REASON_UNKNOWN_APP, "no such app");
	if (!k.some) {
		(void)err_show(e, "no replica that was asked for is attested");
		return err_set(e, ERR_NOT_NOW, REASON_NO_TUNNEL, "nobody to ask");
	}
	if (!k.best)
		return err_set(e, ERR_UNSUPPORTED, REASON_EVIDENCE_UNSUPPORTED, "version 1");
	f->t = k.best;
	return true;
}

/* As many a second as the setting says, some at once. */
static MUST_CHECK bool
within_rate(struct tunnel *t, struct err *e)
{
	uint64_t step = 1000 / (uint64_t)t->c->set->evidence_rate;
	uint64_t now = env_now_ms(t->c->env);
	uint64_t from = t->fresh_ms > now ? t->fresh_ms : now;

	if (from - now > (BURST - 1) * step || count(t) > WAITING_MAX) {
		(void)err_show(e, "others ask this replica at its rate");
		return err_set(e, ERR_LIMIT, REASON_RATE_LIMITED, "of one replica");
	}
	t->fresh_ms = from + step;
	return true;
}

static MUST_CHECK bool
enter(struct fresh *f, struct err *e)
{
	struct fresh **at;

	if (f->c->draining)
		return err_set(e, ERR_NOT_NOW, REASON_DRAINING, "stopping");
	if (!choose(f, e))
		return false;
	if (!within_rate(f->t, e)) {
		f->t = NULL;
		return false;
	}
	for (at = &f->t->fresh; *at; at = &(*at)->next)
		;
	*at = f;
	if (f->t->fresh == f)
		ask_agent(f);
	else
		mind_time(f, f->c->set->attest_deadline_sec);
	return true;
}

/* --- the visitor's request --- */

static MUST_CHECK bool
bad(const char *what, struct err *e)
{
	(void)err_show(e, "%s", what);
	return err_set(e, ERR_MALFORMED, REASON_BAD_REQUEST, "%s", what);
}

static MUST_CHECK bool
read_body(struct fresh *f, struct span text, struct err *e)
{
	struct json_doc doc;
	const struct json_node *top, *nonce, *agent;
	bool ok;

	if (!json_parse(&doc, text, (struct json_limits){2, 64}, &(struct err){0}))
		return bad("the body is no JSON", e);
	top = json_top(&doc);
	nonce = json_get(&doc, top, "nonce");
	agent = json_get(&doc, top, "agent_id");
	if (top->type != JSON_OBJECT || json_has_dup(top))
		ok = bad("the body is no JSON object, or has a member twice", e);
	else if (!nonce || nonce->type != JSON_STRING
		 || !hex_decode(nonce->text, f->nonce, sizeof f->nonce))
		ok = bad("nonce is not the hex of 32 bytes", e);
	else
		ok = !agent
		     || (json_cstr(agent, f->agent_id, sizeof f->agent_id)
			 && attest_agent_id_ok(span_str(f->agent_id)))
		     || bad("agent_id is no agent's id", e);
	json_free(&doc);
	return ok;
}

static void
got_body(struct http_req *r, const struct err *why, struct span text, void *ctx)
{
	struct fresh *f = ctx;
	struct err e = {0};

	if (why)
		refuse(f, why);
	else if (!read_body(f, text, &e) || !enter(f, &e))
		refuse(f, &e);
}

/* The agent's work goes on, and counts, until its end. */
static void
on_left(struct http_req *r, const struct err *why, void *ctx)
{
	struct fresh *f = ctx;

	f->r = NULL;
	if (!f->asked)
		let_go(f);
}

static const struct http_req_ops ops = {.on_close = on_left};

void
fresh_ask(struct control *c, struct http_req *r, struct span app)
{
	char client[CONTROL_PEER_MAX];
	struct fresh *f = NULL;
	struct err e = {0};

	if (!gate_take(c->quotes, control_client(c, r, client), env_now_ms(c->env)))
		(void)err_set(&e, ERR_LIMIT, REASON_RATE_LIMITED, "above the rate for an address");
	else if (!msg_app_name_ok(app))
		(void)err_set(&e, ERR_NOTFOUND, REASON_UNKNOWN_APP, "no app's name");
	else if (!(f = calloc(1, sizeof *f)))
		(void)err_set(&e, ERR_NOMEM, REASON_NO_MEMORY, "evidence");
	if (!f) {
		api_refuse(r, &e, NULL, NULL);
		return;
	}
	f->c = c;
	f->r = r;
	(void)span_cstr(app, f->app, sizeof f->app);
	http_req_set_ops(r, &ops, f);
	http_req_collect(r, BODY_MAX, got_body, f);
}
