/* page.h - the dashboard: one HTML page, made on the server, that needs no script and loads
 * nothing. Apps with trouble stand first, each with its state in a word, why, and what to do.
 * Every string from outside is escaped on its way into the page. Keeps nothing. */
#ifndef CONTROL_DASHBOARD_PAGE_H
#define CONTROL_DASHBOARD_PAGE_H

#include "base/buf.h"
#include "core/registry.h"

/* What goes beside the page: nothing may be loaded, run or framed. The style is named by its
 * digest, so that not even an injected style would count. */
#define PAGE_CSP_MAX 256
const char *page_csp(char dst[static PAGE_CSP_MAX]);

/* An attempt that was refused, of an app that need not exist. */
struct page_refusal {
	int64_t at_s;
	const char *app_name, *agent_id, *repo;
	const char *reason; /* token */
	const char *detail;
};

struct page_about {
	int64_t now_s;
	bool custom_root; /* the trusted root is not Intel's */
	bool open_admin; /* no admin token is set */
	bool draining;
	size_t tunnels, unattested;
	uint32_t coming; /* evaluation number of Intel's early edition */
	uint64_t coming_worse,
	    coming_refused; /* replicas that it makes worse, and that it refuses */
	const char *version;
};

/* A page is begun, gets its apps in any order, then its refusals, and is written whole: page_begin
 * makes it, page_free frees it. */
struct page;
MUST_CHECK struct page *page_new(const struct page_about *about);
void page_add_app(struct page *p, const struct resolve *app);
void page_add_refusal(struct page *p, const struct page_refusal *r);
void page_write(struct page *p, struct buf *out);
void page_free(struct page *p);

/* The state of an app in one word: Attested, Attesting, Refused, Stale, Offline. */
const char *page_state(const struct resolve *app);

/* Append text for HTML: `&`, `<`, `>`, quotes as references; control bytes as U+FFFD. */
void page_escape(struct buf *out, const char *text);

#endif
