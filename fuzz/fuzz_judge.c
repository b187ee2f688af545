/* Any bytes as a whole verification, all signatures taken to hold (ecdsa_any.c): what is left is
 * everything that is parsed, compared and evaluated. An accepted quote was accepted for a reason
 * that every check gives. */
#include <stdlib.h>

#include "judge_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
check(const struct eedcap_verdict *v, const struct eedcap_policy *p)
{
	enum eedcap_status status = eedcap_verdict_status(v);
	uint32_t accept = p->accept ? p->accept : EEDCAP_ACCEPT(EEDCAP_UP_TO_DATE);
	struct eedcap_check c;

	if (eedcap_verdict_accepted(v) != (eedcap_verdict_error(v)->kind == EEDCAP_OK))
		abort();
	if (!eedcap_verdict_accepted(v))
		return;
	if (status == EEDCAP_STATUS_NONE || status == EEDCAP_REVOKED
	    || !(accept & EEDCAP_ACCEPT(status)))
		abort();
	if (!eedcap_verdict_in_time(v) && !(p->flags & EEDCAP_ALLOW_EXPIRED))
		abort();
	for (size_t i = 0; eedcap_verdict_check_at(v, i, &c); i++)
		if (c.result == EEDCAP_NOT_REACHED || c.result == EEDCAP_FAILED)
			abort();
	for (size_t i = 1; eedcap_verdict_advisory(v, i); i++)
		if (strcmp(eedcap_verdict_advisory(v, i - 1), eedcap_verdict_advisory(v, i)) >= 0)
			abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct eedcap_policy policy = {0};
	struct eedcap_collateral *c;
	struct eedcap_context *ctx;
	struct eedcap_verdict *v;
	struct judge_input in;
	struct eedcap_error e;

	if (!judge_input_read(&in, span_of(data, n)))
		return 0;
	ctx = eedcap_context_new(in.root.p, 1, &e);
	if (!ctx)
		return 0;
	policy.flags = in.flags;
	policy.accept = in.accept;
	c = eedcap_collateral_parse(ctx, in.json.p, in.json.n, &e);
	if (c) {
		v = eedcap_verify(ctx, in.quote.p, in.quote.n, c, in.now_s, &policy);
		if (!v)
			abort();
		check(v, &policy);
		eedcap_verdict_free(v);
	}
	eedcap_collateral_free(c);
	eedcap_context_free(ctx);
	return 0;
}
