#include "control/evidence.h"

#include "control/api.h"
#include "control/audit.h"
#include "control/tunnel_endpoint.h"

#include <stdlib.h>

#define PAGE_DEFAULT 16
/* Of all visitors together: a page is some megabytes, and commits wait for what is read. */
#define READING_MAX 32
/* What an HTTP answer's queue takes at once. */
#define ANSWER_MAX (3500u * 1024)

static void
on_forgotten(void *ctx, const struct err *why)
{
	struct control *c = ctx;

	if (why)
		log_failure(&c->env->log, LOG_ERROR, "evidence_stays", why, NULL);
}

/* What stays because the registry is closed goes when it is opened again. */
void
evidence_forget(struct control *c, const struct attest_identity *id, uint64_t session)
{
	struct store_change change = {.op = STORE_DELETE_EVIDENCE};
	struct err e = {0};

	control_copy(change.u.evidence.app_name, sizeof change.u.evidence.app_name, id->app_name);
	control_copy(change.u.evidence.agent_id, sizeof change.u.evidence.agent_id, id->agent_id);
	change.u.evidence.session = session;
	if (c->store && !control_submit(c, &change, 1, on_forgotten, c, &e))
		on_forgotten(c, &e);
}

void
evidence_answer(struct control *c, struct http_req *r, const char *app_name,
    const struct evidence_row *rows, size_t n, const char *next)
{
	struct buf b;

	buf_init(&b, ANSWER_MAX);
	evidence_write(&b, app_name, c->custom_root, rows, n, next);
	if (buf_ok(&b)) {
		api_answer(r, 200, "application/json", &b);
	} else {
		struct err e = {0};

		(void)err_show(&e, "the evidence of these replicas is larger than one answer");
		(void)err_set(
		    &e, ERR_LIMIT, REASON_INTERNAL, "evidence above %u bytes", ANSWER_MAX);
		api_refuse(r, &e, NULL, NULL);
	}
	buf_fini(&b);
}

/* A read waits for the disk; who asked may have left by then. */
struct asked {
	struct control *c;
	struct http_req *r;
	struct evidence_query q;
};

static void
asker_left(struct http_req *r, const struct err *why, void *ctx)
{
	((struct asked *)ctx)->r = NULL;
}

static const struct http_req_ops ops = {.on_close = asker_left};

/* Of the rows that were read, those of replicas that are here: the disk may be behind. */
struct present {
	const struct evidence_row *rows;
	size_t n;
	bool here[STORE_EVIDENCE_MAX];
};

static void
mark_present(void *ctx, void *session)
{
	struct present *p = ctx;
	const struct tunnel *t = session;

	for (size_t i = 0; i < p->n; i++)
		p->here[i] = p->here[i] || p->rows[i].session == t->id;
}

static void
answer(struct asked *a, const struct evidence_row *rows, size_t n, bool more)
{
	struct present p = {.rows = rows, .n = n};
	struct evidence_row *kept = malloc((n + 1) * sizeof *kept);
	struct err e = {0};
	size_t k = 0;

	if (!kept) {
		(void)err_set(&e, ERR_NOMEM, REASON_NO_MEMORY, "evidence");
		api_refuse(a->r, &e, NULL, NULL);
		return;
	}
	(void)registry_each_session(a->c->registry, a->q.app_name, mark_present, &p);
	for (size_t i = 0; i < n; i++)
		if (p.here[i])
			kept[k++] = rows[i];
	if (k || more) {
		evidence_answer(
		    a->c, a->r, a->q.app_name, kept, k, more ? rows[n - 1].agent_id : NULL);
	} else {
		(void)err_show(&e, "no replica that was asked for is attested");
		(void)err_set(&e, ERR_NOT_NOW, REASON_NO_TUNNEL, "no evidence");
		api_refuse(a->r, &e, NULL, NULL);
	}
	free(kept);
}

static void
got_rows(void *ctx, const struct evidence_row *rows, size_t n, bool more, const struct err *why)
{
	struct asked *a = ctx;

	a->c->reading--;
	if (a->r) {
		http_req_set_ops(a->r, NULL, NULL);
		if (why)
			api_refuse(a->r, why, NULL, NULL);
		else
			answer(a, rows, n, more);
	}
	free(a);
}

static MUST_CHECK bool
bad(const char *what, struct err *e)
{
	(void)err_show(e, "%s", what);
	return err_set(e, ERR_MALFORMED, REASON_BAD_REQUEST, "%s", what);
}

static MUST_CHECK bool
read_query(struct http_req *r, struct evidence_query *q, struct err *e)
{
	const char *name = api_query_has(r, "agent_id") ? "agent_id" : "after";
	uint64_t limit = PAGE_DEFAULT;
	char text[24];

	q->alone = api_query_has(r, "agent_id");
	if (q->alone && api_query_has(r, "after"))
		return bad("agent_id and after exclude each other", e);
	if (api_query_has(r, name)
	    && (!api_query(r, name, q->agent_id, sizeof q->agent_id)
		|| !attest_agent_id_ok(span_str(q->agent_id))))
		return bad("agent_id and after are an agent's id", e);
	if (api_query_has(r, "limit")
	    && (!api_query(r, "limit", text, sizeof text)
		|| !audit_read_number(span_str(text), &limit)))
		limit = 0;
	q->limit = (size_t)limit;
	return (limit >= 1 && limit <= STORE_EVIDENCE_MAX)
	       || bad("limit is a number from 1 to 64", e);
}

static MUST_CHECK bool
is_known(struct control *c, struct span app, struct err *e)
{
	struct resolve found;

	if (msg_app_name_ok(app) && registry_resolve(c->registry, app, control_now(c), &found))
		return true;
	return err_set(e, ERR_NOTFOUND, REASON_UNKNOWN_APP, "no such app");
}

void
evidence_get(struct control *c, struct http_req *r, struct span app)
{
	char client[CONTROL_PEER_MAX];
	struct asked *a = NULL;
	struct err e = {0};

	if (!gate_take(c->reads, control_client(c, r, client), env_now_ms(c->env)))
		(void)err_set(&e, ERR_LIMIT, REASON_RATE_LIMITED, "above the rate for an address");
	else if (c->reading >= READING_MAX)
		(void)err_set(
		    &e, ERR_LIMIT, REASON_RATE_LIMITED, "%u pages are being read", c->reading);
	else if (!c->store)
		(void)err_set(&e, ERR_NOT_NOW, REASON_DRAINING, "the registry is closed");
	else if (is_known(c, app, &e)) {
		a = calloc(1, sizeof *a);
		if (!a)
			(void)err_set(&e, ERR_NOMEM, REASON_NO_MEMORY, "evidence");
	}
	if (!a) {
		api_refuse(r, &e, NULL, NULL);
		return;
	}
	a->c = c;
	a->r = r;
	(void)span_cstr(app, a->q.app_name, sizeof a->q.app_name);
	http_req_set_ops(r, &ops, a);
	if (read_query(r, &a->q, &e) && store_read_evidence(c->store, &a->q, got_rows, a, &e)) {
		c->reading++;
		return;
	}
	http_req_set_ops(r, NULL, NULL);
	api_refuse(r, &e, NULL, NULL);
	free(a);
}
