#include "control/api.h"
#include "control/audit.h"
#include "control/forecast.h"
#include "control/listing.h"
#include "control/tunnel_endpoint.h"
#include "control/view.h"

#include <stdlib.h>

/* A listed app is below 2 KiB, advisories included. */
#define LIST_BYTES (4u * 1024 * 1024)

static bool
list_one(void *ctx, const struct resolve *app)
{
	struct listing *l = ctx;

	if (!listing_add(l, app->row.name))
		return false;
	view_write_members(&l->w, app);
	jw_end_object(&l->w);
	return true;
}

void
apps_list(struct control *c, struct http_req *r)
{
	struct listing l;

	if (!listing_begin(&l, r, "apps", LIST_BYTES))
		return;
	(void)registry_each(c->registry, l.after, l.limit + 1, control_now(c), list_one, &l);
	listing_end(&l, registry_count(c->registry));
}

static bool
read_app(struct http_req *r, struct span app, char name[static ATTEST_APP_MAX + 1])
{
	struct err e = {0};

	if (msg_app_name_ok(app) && span_cstr(app, name, ATTEST_APP_MAX + 1))
		return true;
	(void)err_set(&e, ERR_NOTFOUND, REASON_UNKNOWN_APP, "no app's name");
	api_refuse(r, &e, NULL, NULL);
	return false;
}

static void
unknown(struct http_req *r)
{
	struct err e = {0};

	(void)err_set(&e, ERR_NOTFOUND, REASON_UNKNOWN_APP, "not registered");
	api_refuse(r, &e, NULL, NULL);
}

static void
write_tunnel(struct jw *w, const struct tunnel *t)
{
	struct h2_stats flow = carriage_stats(t);

	jw_object(w, NULL);
	jw_str(w, "agent_id", t->session.id->agent_id);
	jw_str(w, "release_tag", t->session.id->release_tag);
	jw_str(w, "peer", t->peer);
	jw_str(w, "state", session_state_name(t->session.state));
	jw_bool(w, "attested", t->replica != NULL);
	jw_bool(w, "channel_bound", t->channel != NULL);
	jw_int(w, "tunnel_version", t->carriage.version);
	jw_int(w, "in_flight", (int64_t)flow.streams);
	jw_int(w, "body_bytes_unconsumed", (int64_t)flow.unconsumed);
	jw_int(w, "body_bytes_queued", (int64_t)flow.queued);
	jw_end_object(w);
}

void
apps_get(struct control *c, struct http_req *r, struct span app)
{
	char name[ATTEST_APP_MAX + 1];
	struct resolve a;
	struct buf b;
	struct jw w;

	if (!read_app(r, app, name))
		return;
	if (!registry_resolve(c->registry, app, control_now(c), &a)) {
		unknown(r);
		return;
	}
	buf_init(&b, LIST_BYTES);
	w = jw_of(&b);
	jw_object(&w, NULL);
	view_write_members(&w, &a);
	jw_str(&w, "trust_root", c->custom_root ? "custom" : "intel");
	jw_array(&w, "tunnels");
	for (const struct tunnel *t = c->tunnels; t; t = t->next)
		if (strcmp(t->session.id->app_name, name) == 0)
			write_tunnel(&w, t);
	jw_end_array(&w);
	forecast_write(c, &w, name);
	jw_end_object(&w);
	api_answer(r, 200, "application/json", &b);
	buf_fini(&b);
}

void
apps_attest(struct control *c, struct http_req *r, struct span app)
{
	char name[ATTEST_APP_MAX + 1];
	struct resolve a;
	struct err e = {0};
	int64_t n = 0;
	struct buf b;
	struct jw w;

	if (!read_app(r, app, name))
		return;
	if (!registry_resolve(c->registry, app, control_now(c), &a)) {
		unknown(r);
		return;
	}
	/* What an answer earns could not be written any more. */
	if (c->draining) {
		(void)err_set(&e, ERR_NOT_NOW, REASON_DRAINING, "stopping");
		api_refuse(r, &e, NULL, NULL);
		return;
	}
	for (struct tunnel *t = c->tunnels; t; t = t->next) {
		if (!t->replica || strcmp(t->session.id->app_name, name) != 0)
			continue;
		tunnel_challenge(t, WHY_ADMIN);
		n++;
	}
	audit_add_act(c, "attest_asked", name, r);
	buf_init(&b, 1024);
	w = jw_of(&b);
	jw_object(&w, NULL);
	jw_str(&w, "app_name", name);
	jw_int(&w, "challenged", n);
	jw_end_object(&w);
	api_answer(r, 202, "application/json", &b);
	buf_fini(&b);
}

/* A removal waits for the disk. Whoever asks for the same meanwhile is told what came of it. */
struct asker {
	struct http_req *r; /* NULL: left */
	struct asker *next;
};

struct removal {
	struct control *c;
	struct asker *askers;
	struct removal *next;
	char name[ATTEST_APP_MAX + 1];
};

static void
asker_left(struct http_req *r, const struct err *why, void *ctx)
{
	((struct asker *)ctx)->r = NULL;
}

static const struct http_req_ops asker_ops = {.on_close = asker_left};

static bool
removal_join(struct removal *m, struct http_req *r)
{
	struct asker *k = calloc(1, sizeof *k);

	if (!k)
		return false;
	*k = (struct asker){.r = r, .next = m->askers};
	m->askers = k;
	http_req_set_ops(r, &asker_ops, k);
	return true;
}

/* Out of the list; all who asked are answered. */
static void
removal_end(struct removal *m, const struct err *why)
{
	struct removal **at = &m->c->removals;

	while (*at != m)
		at = &(*at)->next;
	*at = m->next;
	for (struct asker *k = m->askers, *next; k; k = next) {
		next = k->next;
		if (k->r) {
			http_req_set_ops(k->r, NULL, NULL);
			if (why)
				api_refuse(k->r, why, NULL, NULL);
			else
				api_answer(k->r, 204, NULL, NULL);
		}
		free(k);
	}
	free(m);
}

static void
ignore(void *ctx, void *session)
{
}

static void
removed(void *ctx, const struct err *why)
{
	struct removal *m = ctx;
	struct control *c = m->c;
	struct err e = {0};

	if (why)
		log_failure(&c->env->log, LOG_ERROR, "remove_failed", why, "app", m->name, NULL);
	if (why || !registry_delete(c->registry, m->name, ignore, NULL, &e)) {
		removal_end(m, why ? why : &e);
		return;
	}
	log_event(&c->env->log, LOG_INFO, "app_removed", "app", m->name, NULL);
	/* Those that are still being judged go too: they asked for a name that was free to them. */
	for (struct tunnel *t = c->tunnels; t; t = t->next)
		if (strcmp(t->session.id->app_name, m->name) == 0)
			tunnel_event(t, SESSION_EV_REMOVED);
	removal_end(m, NULL);
}

static struct removal *
removal_of(const struct control *c, const char *name)
{
	struct removal *m = c->removals;

	while (m && strcmp(m->name, name) != 0)
		m = m->next;
	return m;
}

bool
apps_is_going(const struct control *c, const char *name)
{
	return removal_of(c, name) != NULL;
}

static void
removal_begin(struct control *c, struct http_req *r, const char *name, const struct app_row *row)
{
	struct removal *m = calloc(1, sizeof *m);
	struct store_change ch[2];
	struct err e = {0};

	if (!m || !removal_join(m, r)) {
		free(m);
		(void)err_set(&e, ERR_NOMEM, REASON_NO_MEMORY, "removal");
		api_refuse(r, &e, NULL, NULL);
		return;
	}
	m->c = c;
	m->next = c->removals;
	c->removals = m;
	control_copy(m->name, sizeof m->name, name);
	memset(ch, 0, sizeof ch);
	ch[0].op = STORE_DELETE_APP;
	ch[0].u.app = *row;
	ch[1].op = STORE_ADD_AUDIT;
	audit_fill_act(c, &ch[1].u.audit, "removed", m->name, r);
	if (!control_submit(c, ch, 2, removed, m, &e))
		removal_end(m, &e);
}

void
apps_delete(struct control *c, struct http_req *r, struct span app)
{
	char name[ATTEST_APP_MAX + 1];
	struct removal *m;
	struct resolve a;
	struct err e = {0};

	if (!read_app(r, app, name))
		return;
	m = removal_of(c, name);
	if (m && !removal_join(m, r)) {
		(void)err_set(&e, ERR_NOMEM, REASON_NO_MEMORY, "removal");
		api_refuse(r, &e, NULL, NULL);
	} else if (!m && !registry_resolve(c->registry, app, control_now(c), &a)) {
		unknown(r);
	} else if (!m) {
		removal_begin(c, r, name, &a.row);
	}
}
