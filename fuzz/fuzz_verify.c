/* Any bytes as a whole verification: root key (65), length of the quote (4, little-endian), quote,
 * collateral. Whatever is accepted must be authentic; asked again, of a context that remembers or by
 * the long way round, the answer must be the same. */
#include <stdlib.h>

#include "base/rd.h"
#include "eedcap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
check(const struct eedcap_verdict *v)
{
	bool ok = eedcap_verdict_error(v)->kind == EEDCAP_OK;
	struct eedcap_check c;

	if (eedcap_verdict_accepted(v) != ok)
		abort();
	if (ok && (!eedcap_verdict_authentic(v) || !eedcap_verdict_quote(v)))
		abort();
	for (size_t i = 0; ok && eedcap_verdict_check_at(v, i, &c); i++)
		if (c.result == EEDCAP_NOT_REACHED || c.result == EEDCAP_FAILED)
			abort();
}

static void
same(const struct eedcap_verdict *a, const struct eedcap_verdict *b)
{
	if (strcmp(eedcap_verdict_error(a)->reason, eedcap_verdict_error(b)->reason) != 0
	    || eedcap_verdict_status(a) != eedcap_verdict_status(b))
		abort();
}

static void
verify(struct eedcap_context *ctx, struct span quote, const struct eedcap_collateral *c)
{
	struct eedcap_policy any = {.accept = EEDCAP_ACCEPT_ANY};
	int64_t now = eedcap_collateral_expiry(c);
	struct eedcap_verdict *v = eedcap_verify(ctx, quote.p, quote.n, c, now, &any);
	struct eedcap_verdict *again = eedcap_verify(ctx, quote.p, quote.n, c, now, &any);
	struct eedcap_error e;
	struct eedcap_quote *q = eedcap_authenticate(ctx, quote.p, quote.n, now, &e);

	if (!v || !again)
		abort();
	check(v);
	same(v, again);
	if (q) {
		struct eedcap_verdict *judged = eedcap_judge(ctx, q, c, now, &any);

		if (!judged)
			abort();
		same(v, judged);
		eedcap_verdict_free(judged);
	}
	eedcap_quote_free(q);
	eedcap_verdict_free(v);
	eedcap_verdict_free(again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct rd r = rd_of(span_of(data, n));
	struct span root = rd_span(&r, EEDCAP_ROOT_KEY_SIZE);
	struct span quote = rd_span(&r, rd_u32le(&r)), json = rd_span(&r, rd_left(&r));
	struct eedcap_context *ctx;
	struct eedcap_collateral *c;
	struct eedcap_error e;

	if (r.bad)
		return 0;
	ctx = eedcap_context_new(root.p, 2, &e);
	if (!ctx)
		return 0;
	c = eedcap_collateral_parse(ctx, json.p, json.n, &e);
	if (c)
		verify(ctx, quote, c);
	eedcap_collateral_free(c);
	eedcap_context_free(ctx);
	return 0;
}
