#include "control/api.h"
#include "control/audit.h"
#include "control/listing.h"
#include "control/tunnel_endpoint.h"

#include "base/rfc3339.h"
#include <stdlib.h>

#define LIST_BYTES (256u * 1024) /* of a page: 1,000 names at most */

/* What waits for the disk; who asked may have left by then. */
struct banning {
	struct control *c;
	struct http_req *r;
	struct ban_row row;
	bool lift;
};

static void
asker_left(struct http_req *r, const struct err *why, void *ctx)
{
	((struct banning *)ctx)->r = NULL;
}

static const struct http_req_ops banning_ops = {.on_close = asker_left};

/* In force: also for those who are still being judged. */
static bool
apply(struct banning *b, struct err *e)
{
	struct control *c = b->c;

	if (b->lift) {
		(void)registry_unban(c->registry, b->row.name);
		return true;
	}
	if (!registry_ban(c->registry, &b->row, e))
		return false;
	for (struct tunnel *t = c->tunnels; t; t = t->next)
		if (strcmp(t->session.id->app_name, b->row.name) == 0)
			tunnel_event(t, SESSION_EV_BANNED);
	return true;
}

static void
written(void *ctx, const struct err *why)
{
	struct banning *b = ctx;
	struct log *log = &b->c->env->log;
	const char *event = b->lift ? "ban_lifted" : "app_banned";
	struct err e = {0};

	if (b->r)
		http_req_set_ops(b->r, NULL, NULL);
	if (why)
		e = *why;
	if (!why && apply(b, &e))
		log_event(log, LOG_INFO, event, "app", b->row.name, NULL);
	else
		log_failure(log, LOG_ERROR, "ban_failed", &e, "app", b->row.name, NULL);
	if (b->r && e.code == ERR_NONE)
		api_answer(b->r, 204, NULL, NULL);
	else if (b->r)
		api_refuse(b->r, &e, NULL, NULL);
	free(b);
}

static bool
submit(struct banning *b, struct err *e)
{
	struct store_change ch[2];

	memset(ch, 0, sizeof ch);
	ch[0].op = b->lift ? STORE_LIFT_BAN : STORE_PUT_BAN;
	ch[0].u.ban = b->row;
	ch[1].op = STORE_ADD_AUDIT;
	audit_fill_act(b->c, &ch[1].u.audit, b->lift ? "ban_lifted" : "banned", b->row.name, b->r);
	return control_submit(b->c, ch, 2, written, b, e);
}

static void
change(struct control *c, struct http_req *r, struct span app, bool lift)
{
	struct banning *b = calloc(1, sizeof *b);
	struct err e = {0};

	if (!b) {
		(void)err_set(&e, ERR_NOMEM, REASON_NO_MEMORY, "ban");
	} else if (!msg_app_name_ok(app) || !span_cstr(app, b->row.name, sizeof b->row.name)) {
		(void)err_set(&e, ERR_NOTFOUND, REASON_UNKNOWN_APP, "no app's name");
	} else if (lift && !registry_is_banned(c->registry, b->row.name)) {
		(void)err_set(&e, ERR_NOTFOUND, REASON_UNKNOWN_APP, "not banned");
	} else {
		b->c = c;
		b->r = r;
		b->lift = lift;
		b->row.banned_at = env_now_s(c->env);
		http_req_set_ops(r, &banning_ops, b);
		if (submit(b, &e))
			return;
		http_req_set_ops(r, NULL, NULL);
	}
	api_refuse(r, &e, NULL, NULL);
	free(b);
}

static bool
list_one(void *ctx, const struct ban_row *row)
{
	struct listing *l = ctx;
	char text[RFC3339_SIZE];

	if (!listing_add(l, row->name))
		return false;
	jw_str(&l->w, "app_name", row->name);
	jw_str(&l->w, "banned_at", rfc3339_write(row->banned_at, text));
	jw_end_object(&l->w);
	return true;
}

void
bans_list(struct control *c, struct http_req *r)
{
	struct listing l;

	if (!listing_begin(&l, r, "bans", LIST_BYTES))
		return;
	registry_each_ban(c->registry, l.after, l.limit + 1, list_one, &l);
	listing_end(&l, registry_ban_count(c->registry));
}

void
apps_ban(struct control *c, struct http_req *r, struct span app)
{
	change(c, r, app, false);
}

void
apps_unban(struct control *c, struct http_req *r, struct span app)
{
	change(c, r, app, true);
}
