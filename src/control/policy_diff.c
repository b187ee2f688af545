/* policy_diff.c - POST /v1/policy/diff: who of the live fleet a networks file would refuse, and why,
 * before it is put in force. The same pass that judges after a reload, by other rules; nothing
 * changes. One at a time. */
#include "control/api.h"
#include "control/rejudge.h"

#include <stdlib.h>

/* Of those that would be refused, this many are listed; all are counted. */
#define LISTED_MAX   10000
#define ANSWER_BYTES (16u * 1024 * 1024)

struct policy_diff {
	struct control *c;
	struct http_req *r; /* NULL: who asked has left */
	struct networks nets;
	struct rejudge *pass;
	struct buf list;
	struct jw w;
	uint64_t judged, refused, unjudged;
};

static void
diff_free(struct policy_diff *d)
{
	if (d->c->diff == d)
		d->c->diff = NULL;
	rejudge_cancel(d->pass);
	networks_free(&d->nets);
	buf_fini(&d->list);
	free(d);
}

static void
write_one(struct policy_diff *d, const struct tunnel *t, const struct err *why, bool judged)
{
	const struct attest_identity *id = t->session.id;
	char token[ERR_TOKEN_MAX];

	if (d->refused + d->unjudged > LISTED_MAX)
		return;
	jw_object(&d->w, NULL);
	jw_str(&d->w, "app_name", id->app_name);
	jw_str(&d->w, "agent_id", id->agent_id);
	jw_str(&d->w, "network", id->network);
	jw_str(&d->w, "repo", id->repo);
	jw_bool(&d->w, "judged", judged);
	jw_str(&d->w, "reason", err_token(why, token));
	jw_str(&d->w, "detail", why->detail);
	jw_end_object(&d->w);
}

static void
on_one(void *ctx, struct tunnel *t, const struct quote_view *v,
    const struct eedcap_verdict *verdict, const struct err *why)
{
	struct policy_diff *d = ctx;
	bool judged = !why || (why->code != ERR_IO && why->code != ERR_NOMEM);

	d->judged += judged;
	if (!why)
		return;
	d->refused += judged;
	d->unjudged += !judged;
	write_one(d, t, why, judged);
}

static void
answer(struct policy_diff *d)
{
	struct jw w;
	struct buf b;

	jw_end_array(&d->w);
	buf_init(&b, ANSWER_BYTES + 4096);
	w = jw_of(&b);
	jw_object(&w, NULL);
	jw_hex(&w, "networks_sha256", span_of(d->nets.text_sha256, sizeof d->nets.text_sha256));
	jw_int(&w, "judged", (int64_t)d->judged);
	jw_int(&w, "kept", (int64_t)(d->judged - d->refused));
	jw_int(&w, "refused", (int64_t)d->refused);
	jw_int(&w, "unjudged", (int64_t)d->unjudged);
	jw_bool(&w, "listed_all", d->refused + d->unjudged <= LISTED_MAX);
	jw_raw(&w, "list", buf_span(&d->list));
	jw_end_object(&w);
	b.failed = b.failed || !buf_ok(&d->list);
	api_answer(d->r, 200, "application/json", &b);
	buf_fini(&b);
}

static void
on_end(void *ctx, const struct err *why)
{
	struct policy_diff *d = ctx;

	d->pass = NULL;
	if (d->r) {
		http_req_set_ops(d->r, NULL, NULL);
		if (why)
			api_refuse(d->r, why, NULL, NULL);
		else
			answer(d);
	}
	diff_free(d);
}

static void
asker_left(struct http_req *r, const struct err *why, void *ctx)
{
	struct policy_diff *d = ctx;

	d->r = NULL;
	diff_free(d);
}

static const struct http_req_ops ops = {.on_close = asker_left};

static void
got_body(struct http_req *r, const struct err *why, struct span text, void *ctx)
{
	struct policy_diff *d = ctx;
	struct rejudge_ops pass = {on_one, on_end, d};
	struct err e = {0};

	if (why)
		e = *why;
	else if (networks_parse(&d->nets, text, &e))
		d->pass = rejudge_start(d->c, &d->nets, NULL, &pass, &e);
	if (d->pass)
		return;
	/* The file is the caller's: what is wrong with it is his request's fault. */
	if (e.reason == REASON_BAD_SETTING) {
		struct err bad = {0};

		(void)err_show(&bad, "%s", e.shown[0] ? e.shown : e.detail);
		(void)err_set(&bad, ERR_MALFORMED, REASON_BAD_REQUEST, "%s", e.detail);
		e = bad;
	}
	http_req_set_ops(r, NULL, NULL);
	api_refuse(r, &e, NULL, NULL);
	diff_free(d);
}

void
policy_diff(struct control *c, struct http_req *r)
{
	struct policy_diff *d = NULL;
	struct err e = {0};

	if (c->diff)
		(void)err_set(&e, ERR_NOT_NOW, REASON_POLICY_DIFF_RUNNING, "another is being made");
	else if (!c->store)
		(void)err_set(&e, ERR_NOT_NOW, REASON_DRAINING, "the registry is closed");
	else if (!(d = calloc(1, sizeof *d)))
		(void)err_set(&e, ERR_NOMEM, REASON_NO_MEMORY, "policy diff");
	if (!d) {
		api_refuse(r, &e, NULL, NULL);
		return;
	}
	d->c = c;
	d->r = r;
	c->diff = d;
	buf_init(&d->list, ANSWER_BYTES);
	d->w = jw_of(&d->list);
	jw_array(&d->w, NULL);
	http_req_set_ops(r, &ops, d);
	http_req_collect(r, LIMIT_NETWORKS_FILE, got_body, d);
}

/* Who asked hears of it by the registry's end, or is cut off with its connection. */
void
policy_diff_close(struct control *c)
{
	struct policy_diff *d = c->diff;

	if (!d)
		return;
	if (d->r)
		http_req_set_ops(d->r, NULL, NULL);
	diff_free(d);
}
