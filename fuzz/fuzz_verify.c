/* Any bytes as a whole verification: root key (65), length of the quote (4, little-endian), quote,
 * collateral. Whatever is accepted must be authentic, and must be accepted when asked again. */
#include <stdlib.h>

#include "base/rd.h"
#include "eedcap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
verify(struct span quote, const struct eedcap_collateral *c)
{
	struct eedcap_policy any = {.accept = EEDCAP_ACCEPT_ANY};
	int64_t now = eedcap_collateral_expiry(c);
	struct eedcap_verdict *v = eedcap_verify(quote.p, quote.n, c, now, &any);
	struct eedcap_verdict *again = eedcap_verify(quote.p, quote.n, c, now, &any);

	if (!v || !again)
		abort();
	if (eedcap_verdict_accepted(v) != eedcap_verdict_accepted(again))
		abort();
	if (eedcap_verdict_accepted(v)
	    && (!eedcap_verdict_authentic(v) || !eedcap_verdict_quote(v)))
		abort();
	if (eedcap_verdict_accepted(v) != (eedcap_verdict_error(v)->kind == EEDCAP_OK))
		abort();
	eedcap_verdict_free(v);
	eedcap_verdict_free(again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct rd r = rd_of(span_of(data, n));
	struct span root = rd_span(&r, EEDCAP_ROOT_KEY_SIZE);
	struct span quote = rd_span(&r, rd_u32le(&r)), json = rd_span(&r, rd_left(&r));
	struct eedcap_collateral *c;
	struct eedcap_error e;

	if (r.bad)
		return 0;
	c = eedcap_collateral_parse(json.p, json.n, root.p, &e);
	if (!c)
		return 0;
	verify(quote, c);
	eedcap_collateral_free(c);
	return 0;
}
