#include "control/rejudge.h"

#include "control/attest_impl.h"
#include "core/policy.h"
#include "core/quote_eedcap.h"

#include <stdlib.h>

#define NAMES_AT_ONCE 32
#define ROWS_AT_ONCE  8

/* A row of evidence, as far as it is judged by. */
struct kept {
	struct tunnel *t;
	uint64_t session, admitted_n;
	struct buf quote;
};

struct rejudge {
	struct control *c;
	const struct networks *nets;
	struct collateral_client *from;
	struct rejudge_ops ops;
	bool busy, cancelled; /* the pool or the store holds this */
	struct net_defer next;
	struct collateral_wait *wait;

	char names[NAMES_AT_ONCE][ATTEST_APP_MAX + 1]; /* apps with somebody connected */
	char last[ATTEST_APP_MAX + 1]; /* the last that was looked at */
	size_t name_n, name_i;
	bool no_more_names, more_rows;
	struct evidence_query q;
	struct kept rows[ROWS_AT_ONCE];
	size_t row_n, row_i;

	/* Of the row that is judged. */
	int64_t now_s;
	struct eedcap_quote *quote;
	struct eedcap_error dcap;
	struct eedcap_platform platform;
};

static void on_next(void *ctx);

static void
go_on(struct rejudge *p)
{
	net_defer_call(p->c->loop, &p->next, on_next, p);
}

static void
drop_rows(struct rejudge *p)
{
	for (size_t i = 0; i < p->row_n; i++)
		buf_fini(&p->rows[i].quote);
	p->row_n = p->row_i = 0;
}

static void
drop_quote(struct rejudge *p)
{
	eedcap_quote_free(p->quote);
	p->quote = NULL;
}

static void
pass_free(struct rejudge *p)
{
	net_defer_stop(&p->next);
	if (p->wait)
		collateral_cancel(p->wait);
	drop_quote(p);
	drop_rows(p);
	free(p);
}

void
rejudge_cancel(struct rejudge *p)
{
	if (!p)
		return;
	p->cancelled = true;
	if (!p->busy)
		pass_free(p);
}

static MUST_CHECK bool
come_back(struct rejudge *p)
{
	p->busy = false;
	if (!p->cancelled)
		return true;
	pass_free(p);
	return false;
}

static void
end(struct rejudge *p, const struct err *why)
{
	struct rejudge_ops ops = p->ops;
	struct err e = {0};

	if (why)
		e = *why;
	pass_free(p);
	ops.on_end(ops.ctx, why ? &e : NULL);
}

/* --- one replica --- */

struct seeking {
	uint64_t session;
	struct tunnel *found;
};

static void
match_session(void *ctx, void *session)
{
	struct seeking *s = ctx;
	struct tunnel *t = session;

	if (t->id == s->session)
		s->found = t;
}

/* The row's tunnel, while it serves by the admission that wrote the row. */
static struct tunnel *
tunnel_of(struct rejudge *p, const struct kept *k)
{
	struct seeking s = {.session = k->session};

	(void)registry_each_session(p->c->registry, p->q.app_name, match_session, &s);
	if (!s.found || !s.found->replica || s.found->gone)
		return NULL;
	return k->admitted_n && s.found->admitted_n != k->admitted_n ? NULL : s.found;
}

static void
tell(struct rejudge *p, struct tunnel *t, const struct quote_view *v,
    const struct eedcap_verdict *verdict, const struct err *why)
{
	p->busy = true;
	p->ops.on_one(p->ops.ctx, t, v, verdict, why);
	if (!come_back(p))
		return;
	p->row_i++;
	drop_quote(p);
	go_on(p);
}

/* By everything that an admission is judged by, but what cannot have changed: the quote binds what it
 * binds, and the allowlist fitted it. Another list that an admin accepted since counts from the next
 * attestation on. */
static MUST_CHECK bool
meets_rules(struct rejudge *p, struct tunnel *t, const struct quote_view *view, struct err *e)
{
	const struct attest_identity *id = t->session.id;
	const struct networks *nets = p->nets ? p->nets : &p->c->nets;
	const struct network *net = networks_find(nets, id->network);
	struct admission a = t->earned;
	struct resolve app;

	if (!net)
		return err_set(e, ERR_POLICY, REASON_INVALID_NETWORK, "not served any more");
	(void)registry_resolve(p->c->registry, span_str(id->app_name), control_now(p->c), &app);
	a.tcb = view->tcb;
	return policy_judge_repo(net, id->repo, app.row.repo_id, e)
	       && policy_judge_release(net, a.immutable, e) && policy_judge_quote(net, view, e)
	       && policy_judge_list(&a, view->tcb, e) && policy_judge_admission(net, &a, e);
}

static void
judge(struct rejudge *p, struct tunnel *t, const struct collateral *col)
{
	static const struct eedcap_policy policy = QUOTE_POLICY;
	struct eedcap_verdict *v = eedcap_judge(
	    p->c->dcap, p->quote, col->handle, p->now_s, &policy);
	char advisories[ROW_ADVISORIES_MAX];
	uint8_t ppid_sha256[ATTEST_DIGEST];
	struct quote_view view;
	struct err e = {0};
	bool ok = false;

	if (!v)
		(void)err_set(&e, ERR_NOMEM, REASON_NO_MEMORY, "verdict");
	else if (!eedcap_verdict_accepted(v))
		(void)quote_refused(eedcap_verdict_error(v), &e);
	else if (attest_sha256(
		     span_of(p->platform.ppid, sizeof p->platform.ppid), ppid_sha256, &e)) {
		verdict_join_advisories(v, advisories);
		quote_view_of_verdict(&view, v, p->now_s, advisories, ppid_sha256);
		ok = meets_rules(p, t, &view, &e);
	}
	tell(p, t, v && eedcap_verdict_accepted(v) ? &view : NULL, v, ok ? NULL : &e);
	eedcap_verdict_free(v);
}

static void
got_collateral(struct collateral *col, const struct err *why, void *ctx)
{
	struct rejudge *p = ctx;
	struct tunnel *t = tunnel_of(p, &p->rows[p->row_i]);

	p->wait = NULL;
	if (!t) {
		p->row_i++;
		drop_quote(p);
		go_on(p);
	} else if (!col) {
		tell(p, t, NULL, NULL, why);
	} else {
		judge(p, t, col);
	}
}

static void
work_quote(void *job)
{
	struct rejudge *p = job;
	const struct buf *b = &p->rows[p->row_i].quote;

	p->quote = eedcap_authenticate(p->c->dcap, b->p, b->n, p->now_s, &p->dcap);
	if (p->quote && !eedcap_quote_platform(p->quote, &p->platform, &p->dcap))
		drop_quote(p);
}

static void
done_quote(void *job, bool ran)
{
	struct rejudge *p = job;
	struct collateral_key k = {0};
	struct tunnel *t;
	struct err e = {0};

	if (!come_back(p))
		return;
	if (!ran) {
		(void)err_set(&e, ERR_NOT_NOW, REASON_DRAINING, "stopping");
		end(p, &e);
		return;
	}
	t = tunnel_of(p, &p->rows[p->row_i]);
	if (!t) {
		p->row_i++;
		drop_quote(p);
		go_on(p);
		return;
	}
	if (p->quote) {
		k = (struct collateral_key){
		    .ca = p->platform.ca, .tee = eedcap_quote_tee(p->quote)};
		memcpy(k.fmspc, p->platform.fmspc, sizeof k.fmspc);
		memcpy(k.root_crl_url, p->platform.root_crl_url, sizeof k.root_crl_url);
		p->wait = collateral_get(
		    p->from ? p->from : p->c->collateral, &k, got_collateral, p, &e);
		if (p->wait)
			return;
	} else {
		(void)quote_refused(&p->dcap, &e);
	}
	tell(p, t, NULL, NULL, &e);
}

/* --- rows --- */

static void
keep_row(struct rejudge *p, const struct evidence_row *row)
{
	struct kept *k = &p->rows[p->row_n];
	struct tunnel *t;

	*k = (struct kept){.session = row->session};
	t = tunnel_of(p, k);
	if (!t)
		return; /* left, and the disk is behind */
	k->admitted_n = t->admitted_n;
	buf_init(&k->quote, LIMIT_QUOTE);
	buf_add(&k->quote, row->quote);
	p->row_n++;
}

static void
got_rows(void *ctx, const struct evidence_row *rows, size_t n, bool more, const struct err *why)
{
	struct rejudge *p = ctx;

	if (!come_back(p))
		return;
	if (why) {
		end(p, why);
		return;
	}
	drop_rows(p);
	for (size_t i = 0; i < n && i < ROWS_AT_ONCE; i++)
		keep_row(p, &rows[i]);
	p->more_rows = more && n;
	if (p->more_rows)
		control_copy(p->q.agent_id, sizeof p->q.agent_id, rows[n - 1].agent_id);
	go_on(p);
}

static bool
keep_name(void *ctx, const struct resolve *app)
{
	struct rejudge *p = ctx;

	memcpy(p->last, app->row.name, sizeof p->last);
	if (app->ws_connected)
		memcpy(p->names[p->name_n++], app->row.name, sizeof p->names[0]);
	return true;
}

static void
next_names(struct rejudge *p)
{
	char after[ATTEST_APP_MAX + 1];

	memcpy(after, p->last, sizeof after);
	p->name_n = p->name_i = 0;
	p->no_more_names = registry_each(p->c->registry, after, NAMES_AT_ONCE, control_now(p->c),
			       keep_name, p)
			   < NAMES_AT_ONCE;
}

static void
read_rows(struct rejudge *p)
{
	struct err e = {0};

	p->busy = true;
	if (p->c->store && store_read_evidence(p->c->store, &p->q, got_rows, p, &e))
		return;
	p->busy = false;
	if (!p->c->store)
		(void)err_set(&e, ERR_NOT_NOW, REASON_DRAINING, "the registry is closed");
	end(p, &e);
}

static void
judge_row(struct rejudge *p)
{
	struct err e = {0};

	p->now_s = env_now_s(p->c->env);
	p->busy = true;
	if (worker_run(p->c->loop, work_quote, done_quote, p, &e))
		return;
	p->busy = false;
	end(p, &e);
}

static void
on_next(void *ctx)
{
	struct rejudge *p = ctx;

	if (p->row_i < p->row_n) {
		judge_row(p);
	} else if (p->more_rows) {
		read_rows(p);
	} else if (p->name_i < p->name_n) {
		p->q = (struct evidence_query){.limit = ROWS_AT_ONCE};
		memcpy(p->q.app_name, p->names[p->name_i++], sizeof p->q.app_name);
		read_rows(p);
	} else if (!p->no_more_names) {
		next_names(p);
		go_on(p);
	} else {
		end(p, NULL);
	}
}

struct rejudge *
rejudge_start(struct control *c, const struct networks *nets, struct collateral_client *from,
    const struct rejudge_ops *ops, struct err *e)
{
	struct rejudge *p = calloc(1, sizeof *p);

	if (!p) {
		(void)err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "pass");
		return NULL;
	}
	p->c = c;
	p->nets = nets;
	p->from = from;
	p->ops = *ops;
	go_on(p);
	return p;
}
