#include "control/dashboard/page.h"

#include "base/base64.h"
#include "base/rfc3339.h"

#include <openssl/sha.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* More rows than a person reads; the API has the rest. */
#define APPS_MAX     1000
#define REFUSALS_MAX 50

static const char style[] =
    ":root{color-scheme:light dark;--bad:#a4161a;--warn:#7a4d00;--good:#1b6535;--line:#8884}"
    "@media(prefers-color-scheme:dark){:root{--bad:#ff9a93;--warn:#f2c063;--good:#7fd89b}}"
    "body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:76rem;padding:1rem}"
    "h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}"
    ".wide{overflow-x:auto}table{border-collapse:collapse;width:100%}"
    "th,td{text-align:left;vertical-align:top;padding:.5rem .75rem .5rem 0;"
    "border-bottom:1px solid var(--line)}"
    ".Refused,.Offline{color:var(--bad);font-weight:600}"
    ".Stale,.Attesting{color:var(--warn);font-weight:600}"
    ".Attested{color:var(--good);font-weight:600}"
    ".banner{border:2px solid var(--bad);padding:.5rem 1rem;margin:1rem 0}"
    "small{display:block}code{font-size:.9em;overflow-wrap:anywhere}";

struct page {
	struct page_about about;
	struct resolve *apps;
	size_t n, room, unseen;
	struct buf refusals;
	size_t n_refusals;
};

const char *
page_csp(char dst[static PAGE_CSP_MAX])
{
	uint8_t digest[SHA256_DIGEST_LENGTH];
	struct buf b;

	SHA256((const uint8_t *)style, sizeof style - 1, digest);
	buf_init(&b, PAGE_CSP_MAX);
	base64_encode(span_of(digest, sizeof digest), &b);
	(void)snprintf(dst, PAGE_CSP_MAX,
	    "default-src 'none'; style-src 'sha256-%s'; base-uri 'none'; form-action 'none'; "
	    "frame-ancestors 'none'",
	    buf_cstr(&b));
	buf_fini(&b);
	return dst;
}

void
page_escape(struct buf *out, const char *text)
{
	for (const char *c = text ? text : ""; *c; c++) {
		switch (*c) {
		case '&':
			buf_add_str(out, "&amp;");
			break;
		case '<':
			buf_add_str(out, "&lt;");
			break;
		case '>':
			buf_add_str(out, "&gt;");
			break;
		case '"':
			buf_add_str(out, "&quot;");
			break;
		case '\'':
			buf_add_str(out, "&#39;");
			break;
		default:
			if ((unsigned char)*c < 0x20 || *c == 0x7f)
				buf_add_str(out, "\xef\xbf\xbd");
			else
				buf_add_u8(out, (uint8_t)*c);
		}
	}
}

const char *
page_state(const struct resolve *app)
{
	if (app->allowed)
		return "Attested";
	if (strcmp(app->attestation_status, "pending") == 0)
		return "Attesting";
	if (strcmp(app->attestation_status, "invalid") == 0)
		return "Refused";
	if (!app->ws_connected)
		return "Offline";
	if (app->reason == REASON_SEALED_REQUIRED)
		return "Refused";
	return "Stale";
}

/* Trouble first. */
static int
rank(const struct resolve *app)
{
	static const char *const order[] = {"Refused", "Offline", "Stale", "Attesting", "Attested"};
	const char *state = page_state(app);
	int i = 0;

	while (i < 4 && strcmp(order[i], state) != 0)
		i++;
	return i;
}

static int
by_trouble(const void *a, const void *b)
{
	const struct resolve *x = a, *y = b;
	int d = rank(x) - rank(y);

	return d ? d : strcmp(x->row.name, y->row.name);
}

struct page *
page_new(const struct page_about *about)
{
	struct page *p = calloc(1, sizeof *p);

	if (!p)
		return NULL;
	p->about = *about;
	buf_init(&p->refusals, 256 * 1024);
	return p;
}

void
page_free(struct page *p)
{
	if (!p)
		return;
	buf_fini(&p->refusals);
	free(p->apps);
	free(p);
}

void
page_add_app(struct page *p, const struct resolve *app)
{
	if (p->n == p->room) {
		size_t room = p->room ? p->room * 2 : 16;
		struct resolve *more = p->n < APPS_MAX ? realloc(p->apps, room * sizeof *more)
						       : NULL;

		if (!more) {
			p->unseen++;
			return;
		}
		p->apps = more;
		p->room = room;
	}
	p->apps[p->n++] = *app;
}

static void
write_ago(struct buf *out, int64_t at_s, int64_t now_s)
{
	int64_t d = now_s > at_s ? now_s - at_s : 0;
	char text[RFC3339_SIZE];

	if (!at_s) {
		buf_add_str(out, "never");
		return;
	}
	buf_printf(out, "<time datetime=\"%s\">", rfc3339_write(at_s, text));
	if (d < 120)
		buf_printf(out, "%" PRId64 " s ago", d);
	else if (d < 7200)
		buf_printf(out, "%" PRId64 " min ago", d / 60);
	else if (d < 172800)
		buf_printf(out, "%" PRId64 " h ago", d / 3600);
	else
		buf_printf(out, "%" PRId64 " days ago", d / 86400);
	buf_add_str(out, "</time>");
}

void
page_add_refusal(struct page *p, const struct page_refusal *r)
{
	struct buf *out = &p->refusals;
	enum reason row = reason_find(r->reason, strlen(r->reason));

	if (p->n_refusals >= REFUSALS_MAX)
		return;
	p->n_refusals++;
	buf_add_str(out, "<tr><td>");
	write_ago(out, r->at_s, p->about.now_s);
	buf_add_str(out, "</td><td>");
	page_escape(out, r->app_name);
	buf_add_str(out, "<small>");
	page_escape(out, r->repo);
	buf_add_str(out, "</small></td><td>");
	page_escape(out, r->agent_id);
	buf_add_str(out, "</td><td><code>");
	page_escape(out, r->reason);
	buf_add_str(out, "</code>");
	if (r->detail && r->detail[0]) {
		buf_add_str(out, "<small>");
		page_escape(out, r->detail);
		buf_add_str(out, "</small>");
	}
	buf_add_str(out, "</td><td>");
	if (row != REASON_COUNT)
		page_escape(out, reason_todo(row));
	buf_add_str(out, "</td></tr>\n");
}

static void
write_why(struct buf *out, const struct resolve *a)
{
	if (a->allowed) {
		buf_add_str(out, "<td>Requests pass.</td><td>");
		if (strcmp(a->registration_state, "warning") == 0)
			page_escape(out, "The registration ends soon; the agent registers again.");
		else
			buf_add_str(out, "Nothing.");
		buf_add_str(out, "</td>");
		return;
	}
	buf_add_str(out, "<td>");
	page_escape(out, reason_what(a->reason));
	buf_add_str(out, "<small><code>");
	page_escape(out, reason_token(a->reason));
	buf_add_str(out, "</code></small></td><td>");
	page_escape(out, reason_todo(a->reason));
	buf_add_str(out, "</td>");
}

static void
write_app(const struct page *p, struct buf *out, const struct resolve *a)
{
	const char *state = page_state(a);

	buf_add_str(out, "<tr><th scope=\"row\">");
	page_escape(out, a->row.name);
	buf_add_str(out, "<small>");
	page_escape(out, a->row.repo);
	buf_add_str(out, " ");
	page_escape(out, a->release_tag);
	buf_add_str(out, "</small><small>");
	page_escape(out, a->row.network);
	buf_add_str(out, a->sealed ? ", sealed" : ", not sealed");
	buf_printf(out, "</small></th><td class=\"%s\">%s</td>", state, state);
	write_why(out, a);
	buf_add_str(out, "<td>");
	write_ago(out, a->last_attested_at, p->about.now_s);
	if (a->ws_connected && a->freshness && strcmp(a->freshness, "none") == 0)
		buf_add_str(out, "<small>freshness not proven</small>");
	buf_add_str(out, "</td><td>");
	page_escape(out, a->tcb_status[0] ? a->tcb_status : "unknown");
	if (a->advisories[0]) {
		buf_add_str(out, "<small>");
		page_escape(out, a->advisories);
		buf_add_str(out, "</small>");
	}
	buf_printf(out, "</td><td>%zu of %zu serving<small>%zu in flight</small></td></tr>\n",
	    a->replicas_serving, a->replicas, a->in_flight);
}

static void
write_banners(const struct page *p, struct buf *out)
{
	if (p->about.custom_root)
		buf_add_str(out, "<p class=\"banner\"><strong>Custom trust root.</strong> Quotes "
				 "are checked against "
				 "the root in EE_DCAP_ROOT_CA, not against Intel&#39;s. "
				 "&ldquo;Attested&rdquo; here "
				 "proves nothing about real hardware.</p>\n");
	if (p->about.open_admin)
		buf_add_str(out,
		    "<p class=\"banner\"><strong>No admin token.</strong> EE_ADMIN_TOKEN is not "
		    "set: "
		    "every program on this machine may administer this control plane.</p>\n");
	if (p->about.coming_worse)
		buf_printf(out,
		    "<p class=\"banner\"><strong>A TCB recovery is coming.</strong> Under "
		    "evaluation "
		    "%u the TCB status of %" PRIu64 " replicas changes, and %" PRIu64
		    " will be refused. GET /v1/apps/APP says what each lacks (tcb_forecast).</p>\n",
		    p->about.coming, p->about.coming_worse, p->about.coming_refused);
	if (p->about.draining)
		buf_add_str(out, "<p class=\"banner\"><strong>Stopping.</strong> New tunnels are "
				 "not taken.</p>\n");
}

static void
write_apps(const struct page *p, struct buf *out)
{
	buf_add_str(out, "<h2>Apps</h2>\n");
	if (p->n == 0) {
		buf_add_str(out, "<p>No app is registered yet. Start an agent.</p>\n");
		return;
	}
	buf_add_str(out, "<div class=\"wide\"><table><thead><tr><th scope=\"col\">App</th>"
			 "<th scope=\"col\">State</th><th scope=\"col\">Why</th><th "
			 "scope=\"col\">What to do</th>"
			 "<th scope=\"col\">Last quote</th><th scope=\"col\">TCB status</th>"
			 "<th scope=\"col\">Replicas</th></tr></thead><tbody>\n");
	for (size_t i = 0; i < p->n; i++)
		write_app(p, out, &p->apps[i]);
	buf_add_str(out, "</tbody></table></div>\n");
	if (p->unseen)
		buf_printf(out, "<p>%zu more are not shown; see GET /v1/apps.</p>\n", p->unseen);
}

void
page_write(struct page *p, struct buf *out)
{
	char now[RFC3339_SIZE];

	if (p->n)
		qsort(p->apps, p->n, sizeof p->apps[0], by_trouble);
	buf_add_str(out,
	    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	    "<title>Easy Enclave control plane</title>\n<style>");
	buf_add_str(out, style);
	buf_add_str(
	    out, "</style>\n</head>\n<body>\n<main>\n<h1>Easy Enclave control plane</h1>\n");
	write_banners(p, out);
	buf_printf(out, "<p>%zu tunnels, %zu of them not attested. As of %s. Version %s.</p>\n",
	    p->about.tunnels, p->about.unattested, rfc3339_write(p->about.now_s, now),
	    p->about.version);
	write_apps(p, out);
	if (p->n_refusals && buf_ok(&p->refusals)) {
		buf_add_str(out, "<h2>Refused of late</h2>\n<p>What an agent said of itself before "
				 "it was refused is "
				 "not proven.</p>\n<div class=\"wide\"><table><thead><tr><th "
				 "scope=\"col\">When</th>"
				 "<th scope=\"col\">App</th><th scope=\"col\">Agent</th><th "
				 "scope=\"col\">Why</th>"
				 "<th scope=\"col\">What to do</th></tr></thead><tbody>\n");
		buf_add(out, buf_span(&p->refusals));
		buf_add_str(out, "</tbody></table></div>\n");
	}
	buf_add_str(out, "</main>\n</body>\n</html>\n");
}
