/* ready.c - GET /ready: whether tunnels are taken; with ?verbose, each thing that the control plane
 * leans on. Collateral that ends soon is told of and makes nothing unready: what is held is good to
 * its last second. */
#include "control/api.h"
#include "control/certificate.h"

#include "base/jcs.h"
#include "base/rfc3339.h"

#define BODY_MAX (256u * 1024)
#define DAY_S    86400

static void
put_time(struct jw *w, const char *name, int64_t at)
{
	char text[RFC3339_SIZE];

	if (at > 0)
		jw_str(w, name, rfc3339_write(at, text));
	else
		jw_null(w, name);
}

static void
put_check(struct jw *w, const char *name, bool ok, enum reason why)
{
	jw_object(w, NULL);
	jw_str(w, "name", name);
	jw_bool(w, "ok", ok);
	if (!ok)
		jw_str(w, "reason", reason_token(why));
	jw_end_object(w);
}

static void
put_item(struct jw *w, const struct collateral_item_state *i, int64_t now)
{
	jw_object(w, NULL);
	jw_str(w, "item", i->name);
	put_time(w, "issued", i->issued);
	put_time(w, "expires", i->expiry);
	if (i->expiry)
		jw_int(w, "days_left", (i->expiry - now) / DAY_S);
	if (i->number)
		jw_int(w, "evaluation_number", i->number);
	if (i->refused[0])
		jw_str(w, "not_renewed", i->refused);
	jw_end_object(w);
}

static void
put_platform(struct jw *w, const struct collateral_state *s, int64_t now)
{
	jw_object(w, NULL);
	jw_str(w, "platform", s->name);
	jw_bool(w, "aging", s->aging);
	jw_bool(w, "expired", s->expired);
	jw_array(w, "items");
	for (size_t i = 0; i < EEDCAP_ITEMS; i++)
		put_item(w, &s->item[i], now);
	jw_end_array(w);
	jw_end_object(w);
}

static void
put_figures(struct jw *w, const struct collateral_figures *f)
{
	jw_object(w, "figures");
	jw_int(w, "entries", (int64_t)f->entries);
	jw_int(w, "bytes", (int64_t)f->bytes);
	jw_int(w, "aging", (int64_t)f->aging);
	jw_int(w, "failing", (int64_t)f->failing);
	jw_int(w, "expired", (int64_t)f->expired);
	jw_int(w, "requests", (int64_t)f->requests);
	jw_int(w, "renewals", (int64_t)f->renewals);
	jw_int(w, "renewals_failed", (int64_t)f->renewals_failed);
	jw_int(w, "answered_held", (int64_t)f->answered_held);
	jw_int(w, "loaded", (int64_t)f->loaded);
	jw_int(w, "load_refused", (int64_t)f->load_refused);
	jw_int(w, "saved", (int64_t)f->saved);
	jw_int(w, "save_failed", (int64_t)f->save_failed);
	jw_end_object(w);
}

/* Only what is not as it should be is listed, so that the answer stays short. */
static void
put_collateral(struct jw *w, const struct control *c)
{
	int64_t now = env_now_s(c->env);
	struct collateral_figures f;
	struct collateral_state s;

	collateral_figures(c->collateral, &f);
	jw_object(w, NULL);
	jw_str(w, "name", "collateral");
	jw_bool(w, "ok", f.aging == 0);
	if (f.aging)
		jw_str(w, "reason", reason_token(REASON_COLLATERAL_AGING));
	put_time(w, "next_expiry", f.next_expiry);
	jw_array(w, "platforms");
	for (size_t i = 0; collateral_at(c->collateral, i, &s); i++)
		if (s.aging || s.failing)
			put_platform(w, &s, now);
	jw_end_array(w);
	put_figures(w, &f);
	jw_end_object(w);
}

static void
put_certificate(struct jw *w, const struct control *c)
{
	bool aging = certificate_is_aging(c);

	jw_object(w, NULL);
	jw_str(w, "name", "certificate");
	jw_bool(w, "ok", !aging);
	if (aging)
		jw_str(w, "reason", reason_token(REASON_CERTIFICATE_AGING));
	put_time(w, "expires", tls_ctx_expiry(c->tls));
	jw_end_object(w);
}

void
ready_answer(struct control *c, struct http_req *r)
{
	enum reason why = c->draining       ? REASON_DRAINING
			  : c->store_broken ? REASON_STORE_FAILED
					    : REASON_OK;
	struct buf b;
	struct jw w;

	buf_init(&b, BODY_MAX);
	w = jw_of(&b);
	jw_object(&w, NULL);
	jw_bool(&w, "ready", why == REASON_OK);
	if (why != REASON_OK)
		jw_str(&w, "reason", reason_token(why));
	if (span_is(http_req_query(r), "verbose") || api_query_has(r, "verbose")) {
		jw_array(&w, "checks");
		put_check(&w, "process", !c->draining, REASON_DRAINING);
		put_check(&w, "registry", !c->store_broken, REASON_STORE_FAILED);
		put_collateral(&w, c);
		if (c->tls)
			put_certificate(&w, c);
		jw_end_array(&w);
	}
	jw_end_object(&w);
	api_answer(r, why == REASON_OK ? 200 : 503, "application/json", &b);
	buf_fini(&b);
}
