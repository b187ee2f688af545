#include "control/audit.h"

#include "base/hex.h"
#include "control/api.h"
#include "wire/message.h"

#include <stdio.h>
#include <stdlib.h>

#define LIST_DEFAULT 100
/* Of a policy in a line of the log, where quotes take two bytes. */
#define POLICY_PART 800
/* A thousand rows of the common size; no more is read at once for less common ones. */
#define LIST_BYTES (16u * 1024 * 1024)

void
audit_fill(const struct control *c, struct audit_row *row, const struct audit_note *n)
{
	const struct attest_identity *id = n->id;

	memset(row, 0, sizeof *row);
	row->at = env_now_s(c->env);
	control_copy(row->event, sizeof row->event, n->event);
	control_copy(row->app_name, sizeof row->app_name, id ? id->app_name : n->app_name);
	control_copy(row->agent_id, sizeof row->agent_id, id ? id->agent_id : NULL);
	control_copy(row->repo, sizeof row->repo, id ? id->repo : NULL);
	control_copy(row->release_tag, sizeof row->release_tag, id ? id->release_tag : NULL);
	control_copy(row->network, sizeof row->network, id ? id->network : NULL);
	control_copy(row->verdict, sizeof row->verdict, n->verdict);
	control_copy(row->reason, sizeof row->reason, n->reason);
	control_copy(row->detail, sizeof row->detail, n->detail);
	if (n->quote_sha256)
		memcpy(row->quote_sha256, n->quote_sha256, sizeof row->quote_sha256);
	if (n->allowlist_sha256)
		memcpy(row->allowlist_sha256, n->allowlist_sha256, sizeof row->allowlist_sha256);
}

static void
on_added(void *ctx, const struct err *why)
{
	struct control *c = ctx;

	if (why)
		log_failure(&c->env->log, LOG_ERROR, "audit_failed", why, NULL);
}

static void
add(struct control *c, const struct store_change *change)
{
	struct err e = {0};

	if (c->store && !control_submit(c, change, 1, on_added, c, &e))
		on_added(c, &e);
}

void
audit_add(struct control *c, const struct audit_note *n)
{
	struct store_change change = {.op = STORE_ADD_AUDIT};

	audit_fill(c, &change.u.audit, n);
	add(c, &change);
}

void
audit_untold(struct control *c)
{
	char detail[64];

	if (!c->untold_n)
		return;
	(void)snprintf(detail, sizeof detail, "count=%llu", (unsigned long long)c->untold_n);
	c->untold_n = 0;
	audit_add(c, &(struct audit_note){.event = "refused_untold", .detail = detail});
}

void
audit_lease_end(struct control *c, const struct attest_identity *id, const struct err *why)
{
	char token[ERR_TOKEN_MAX];

	c->counts.leases_ended[why->reason]++;
	audit_add(c, &(struct audit_note){.event = "lease_ended",
			 .id = id,
			 .reason = err_token(why, token),
			 .detail = why->detail});
}

void
audit_fill_act(const struct control *c, struct audit_row *row, const char *event,
    const char *app_name, struct http_req *r)
{
	char peer[CONTROL_PEER_MAX], detail[CONTROL_PEER_MAX + 32];
	struct audit_note n = {.event = event, .app_name = app_name, .detail = detail};

	(void)snprintf(detail, sizeof detail, "by an admin, from %s", control_client(c, r, peer));
	audit_fill(c, row, &n);
}

void
audit_add_act(struct control *c, const char *event, const char *app_name, struct http_req *r)
{
	struct store_change change = {.op = STORE_ADD_AUDIT};

	audit_fill_act(c, &change.u.audit, event, app_name, r);
	add(c, &change);
}

/* --- this process --- */

/* Everything by which an agent is judged that is not the agent's. */
static void
write_policy(const struct control *c, struct buf *out)
{
	const struct settings *set = c->set;
	struct jw w = jw_of(out);

	jw_object(&w, NULL);
	jw_str(&w, "allowlist_asset", set->allowlist_asset);
	jw_int(&w, "attest_deadline_sec", set->attest_deadline_sec);
	jw_int(&w, "attest_interval_sec", set->attest_interval_sec);
	jw_array(&w, "audiences");
	for (size_t i = 0; i < c->audience_n; i++)
		jw_str(&w, NULL, c->audiences[i]);
	jw_end_array(&w);
	jw_str(&w, "github_api_url", set->github_api_url);
	jw_array(&w, "networks");
	for (size_t i = 0; i < c->nets.n; i++) {
		const struct network *net = &c->nets.v[i];

		jw_object(&w, NULL);
		jw_bool(&w, "allow_debug", net->allow_debug);
		jw_bool(&w, "allow_sgx", net->allow_sgx);
		jw_bool(&w, "legacy_agents", net->legacy_agents);
		jw_str(&w, "name", net->name);
		jw_bool(&w, "needs_pins", net->needs_pins);
		jw_bool(&w, "sealed_only", net->sealed_only);
		jw_int(&w, "tcb_accept", net->tcb_accept);
		jw_end_object(&w);
	}
	jw_end_array(&w);
	jw_hex(&w, "networks_sha256", span_of(c->nets.text_sha256, sizeof c->nets.text_sha256));
	jw_int(&w, "registration_ttl_days", set->registration_ttl_days);
	if (c->custom_root)
		jw_hex(&w, "root_key", span_of(c->root_key, sizeof c->root_key));
	else
		jw_str(&w, "root_key", "intel");
	jw_str(&w, "tunnel_channel", set->tunnel_channel);
	jw_int(&w, "verify_timeout_sec", set->verify_timeout_sec);
	jw_end_object(&w);
}

/* A line holds two kilobytes: whoever repeats the digest puts the parts together. */
static void
log_policy(const struct control *c, struct span text)
{
	int64_t part = 0, parts = (int64_t)((text.n + POLICY_PART - 1) / POLICY_PART);
	struct log_line b;

	for (; text.n; text = span_from(text, span_first(text, POLICY_PART).n)) {
		log_begin(&b, "policy");
		log_int(&b, "part", ++part);
		log_int(&b, "of", parts);
		log_span(&b, "json", span_first(text, POLICY_PART));
		log_end(&c->env->log, LOG_INFO, &b);
	}
}

static MUST_CHECK bool
policy_detail(const struct control *c, char dst[static ROW_DETAIL_MAX + 1], struct err *e)
{
	uint8_t digest[ATTEST_DIGEST];
	char hex[2 * ATTEST_DIGEST + 1];
	struct buf b;
	bool ok;

	buf_init(&b, 65536);
	write_policy(c, &b);
	ok = buf_ok(&b) || err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "policy");
	ok = ok && attest_sha256(buf_span(&b), digest, e);
	if (ok) {
		log_policy(c, buf_span(&b));
		(void)snprintf(dst, ROW_DETAIL_MAX + 1, "sha256=%s trust_root=%s",
		    hex_encode(span_of(digest, sizeof digest), hex),
		    c->custom_root ? "custom" : "intel");
	}
	buf_fini(&b);
	return ok;
}

static bool
take_detail(void *ctx, const struct audit_row *row, struct err *e)
{
	memcpy(ctx, row->detail, sizeof row->detail);
	return true;
}

/* Told once the disk has it; else with the next reload, or start. */
static void
on_policy(void *ctx, const struct err *why)
{
	struct control *c = ctx;

	on_added(c, why);
	if (!why)
		memcpy(c->policy, c->policy_sent, sizeof c->policy);
}

void
audit_policy(struct control *c)
{
	struct store_change change = {.op = STORE_ADD_AUDIT};
	char now[ROW_DETAIL_MAX + 1];
	struct audit_note n = {.event = "policy", .detail = now};
	struct err e = {0};

	if (!policy_detail(c, now, &e)) {
		log_failure(&c->env->log, LOG_ERROR, "audit_failed", &e, NULL);
		return;
	}
	if (strcmp(c->policy, now) == 0)
		return;
	control_copy(c->policy_sent, sizeof c->policy_sent, now);
	audit_fill(c, &change.u.audit, &n);
	if (c->store && !control_submit(c, &change, 1, on_policy, c, &e))
		on_added(c, &e);
}

bool
audit_begin(struct control *c, struct err *e)
{
	struct store_loader to = {
	    .audit = take_detail, .audit_max = 1, .audit_event = "policy", .ctx = c->policy};
	struct audit_note started = {.event = "started", .detail = "version " CONTROL_VERSION};

	if (!store_load(c->store, &to, e))
		return false;
	audit_add(c, &started);
	audit_policy(c);
	return true;
}

void
audit_end(struct control *c)
{
	audit_untold(c);
	struct audit_note n = {.event = "stopped"};

	audit_add(c, &n);
}

/* --- GET /v1/audit --- */

bool
audit_read_number(struct span text, uint64_t *v)
{
	if (text.n == 0 || text.n > 18)
		return false;
	*v = 0;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return false;
		*v = *v * 10 + (uint64_t)(text.p[i] - '0');
	}
	return true;
}

/* A page waits for the disk; who asked may have left by then. */
struct page_of_rows {
	struct control *c;
	struct http_req *r;
	struct audit_query q;
};

static void
asker_left(struct http_req *r, const struct err *why, void *ctx)
{
	((struct page_of_rows *)ctx)->r = NULL;
}

static const struct http_req_ops page_ops = {.on_close = asker_left};

static void
answer_page(struct page_of_rows *p, const struct audit_row *rows, size_t n)
{
	struct audit_chain head;
	char text[AUDIT_HEAD_MAX];
	struct buf b, one;
	struct jw w;

	head = store_audit_head(p->c->store);
	buf_init(&b, LIST_BYTES);
	buf_init(&one, AUDIT_ROW_MAX);
	w = jw_of(&b);
	jw_object(&w, NULL);
	jw_array(&w, "rows");
	for (size_t i = 0; i < n; i++) {
		buf_clear(&one);
		audit_row_write_whole(&rows[i], &one);
		jw_raw(&w, NULL, buf_span(&one));
	}
	jw_end_array(&w);
	if (n == p->q.limit)
		jw_int(&w, "next", (int64_t)rows[n - 1].seq);
	else
		jw_null(&w, "next");
	jw_str(&w, "head", audit_head_write(&head, text));
	jw_end_object(&w);
	api_answer(p->r, 200, "application/json", &b);
	buf_fini(&one);
	buf_fini(&b);
}

static void
got_page(void *ctx, const struct audit_row *rows, size_t n, const struct err *why)
{
	struct page_of_rows *p = ctx;
	struct err e = {0};

	if (p->r) {
		http_req_set_ops(p->r, NULL, NULL);
		/* Without a registry there is no head to go with the rows. */
		if (!why && !p->c->store) {
			(void)err_set(&e, ERR_NOT_NOW, REASON_DRAINING, "the registry is closed");
			why = &e;
		}
		if (why)
			api_refuse(p->r, why, NULL, NULL);
		else
			answer_page(p, rows, n);
	}
	free(p);
}

/* A member that is there must be one that is taken. */
static MUST_CHECK bool
read_number(struct http_req *r, const char *name, uint64_t *v, struct err *e)
{
	char text[24];

	if (!api_query_has(r, name)
	    || (api_query(r, name, text, sizeof text) && audit_read_number(span_str(text), v)))
		return true;
	(void)err_show(e, "%s is a number", name);
	return err_set(e, ERR_MALFORMED, REASON_BAD_REQUEST, "%s", name);
}

static MUST_CHECK bool
read_query(struct http_req *r, struct audit_query *q, struct err *e)
{
	uint64_t limit = LIST_DEFAULT;

	if (!read_number(r, "after", &q->after, e) || !read_number(r, "limit", &limit, e))
		return false;
	if (limit < 1 || limit > STORE_ROWS_MAX) {
		(void)err_show(e, "limit is a number from 1 to %d", STORE_ROWS_MAX);
		return err_set(e, ERR_MALFORMED, REASON_BAD_REQUEST, "limit");
	}
	q->limit = (size_t)limit;
	if (!api_query_has(r, "app"))
		return true;
	if (api_query(r, "app", q->app_name, sizeof q->app_name)
	    && msg_app_name_ok(span_str(q->app_name)))
		return true;
	(void)err_show(e, "app is an app's name");
	return err_set(e, ERR_MALFORMED, REASON_BAD_REQUEST, "app");
}

void
audit_list(struct control *c, struct http_req *r)
{
	struct page_of_rows *p = calloc(1, sizeof *p);
	struct err e = {0};
	bool ok = p || err_set(&e, ERR_NOMEM, REASON_NO_MEMORY, "page");

	ok = ok && read_query(r, &p->q, &e);
	if (ok && !c->store)
		ok = err_set(&e, ERR_NOT_NOW, REASON_DRAINING, "the registry is closed");
	if (ok) {
		p->c = c;
		p->r = r;
		http_req_set_ops(r, &page_ops, p);
		if (store_read_audit(c->store, &p->q, got_page, p, &e))
			return;
		http_req_set_ops(r, NULL, NULL);
	}
	api_refuse(r, &e, NULL, NULL);
	free(p);
}
