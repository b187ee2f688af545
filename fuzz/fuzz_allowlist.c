/* Any bytes as an allowlist asset, compared with one fixed quote and claims. What is taken must
 * pin something: the fixed answer shows nothing, so that it must never match. */
#include <stdlib.h>

#include "core/allowlist.h"
#include "core/allowlist_review.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void
count(void *ctx, const struct review_line *line)
{
	*(size_t *)ctx += line->text[0] != '\0';
}

/* Whoever reads a list for its author takes what the control plane takes, and finds no difference in
 * what is the same. */
static void
review(struct span list)
{
	size_t lines = 0;
	struct err e = {0};

	if (!allowlist_check(list, "v0.1.3", count, &lines, &e) && e.code != ERR_LIMIT)
		abort();
	lines = 0;
	if (e.code == ERR_NONE && (!allowlist_diff(list, list, count, &lines, &e) || lines > 0))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const struct quote_view q;
	struct allowlist *al;
	struct allowlist_match m;
	struct json_doc claims;
	struct err e = {0};

	if (!allowlist_parse(&al, span_of(p, n), "v0.1.3", &e))
		return 0;
	if (!json_parse(&claims, span_str("{}"), (struct json_limits){.depth = 1, .nodes = 1}, &e))
		abort();
	if (allowlist_compare(al, &q, &claims, json_top(&claims), false, &m, &e))
		abort();
	json_free(&claims);
	allowlist_free(al);
	review(span_of(p, n));
	return 0;
}
