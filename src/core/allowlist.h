/* allowlist.h - a release's allowlist: which registers and claims an agent may show. Owns a copy
 * of the asset's bytes and their parse. Compares registers with the quote's own bytes, every
 * other key with the claims, and never reads absence as permission: an empty list, or one empty
 * alternative, refuses everything. Fetches nothing. The caller frees with allowlist_free. */
#ifndef CORE_ALLOWLIST_H
#define CORE_ALLOWLIST_H

#include "base/err.h"
#include "base/json.h"
#include "core/quote_view.h"

struct allowlist;

struct allowlist_match {
	size_t entry; /* index of the alternative that matched */
	bool pins_boot; /* it pins mrtd, rtmr1 and rtmr2, none of them all zero */
	bool pins_agent_config;
	uint32_t tcb_accept; /* TCB_BITs that the list accepts; all of them where it does not say */
};

/* Parse an asset. REASON_ALLOWLIST_MISSING, _INVALID (with what and where in `shown`), or
 * _RELEASE_MISMATCH where it names another release than `release_tag` (NULL: for tools, any). */
MUST_CHECK bool allowlist_parse(
    struct allowlist **out, struct span asset, const char *release_tag, struct err *e);
void allowlist_free(struct allowlist *al);

/* How many alternatives the list holds. */
size_t allowlist_count(const struct allowlist *al);

/* Compare. One alternative must match whole. Otherwise REASON_MEASUREMENT_MISMATCH with the key of
 * the alternative that came closest, or REASON_REPORT_DATA_MISMATCH. What was expected stands in
 * `detail`, and in `shown` too unless `secret` (a private repo's list). */
MUST_CHECK bool allowlist_compare(const struct allowlist *al, const struct quote_view *q,
    const struct json_doc *doc, const struct json_node *claims, bool secret,
    struct allowlist_match *out, struct err *e);

#endif
