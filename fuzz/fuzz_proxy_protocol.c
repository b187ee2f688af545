/* Any bytes as a PROXY protocol header: what is asked for is never more than the ceiling, a header
 * read byte by byte is the one read at once, and nothing behind it matters. */
#include "base/limits.h"
#include "wire/proxy_protocol.h"

#include <stdlib.h>

/* Read as the listener does: only what is asked for. */
static enum step
read_slowly(struct span in, struct proxy_header *h, size_t *want)
{
	struct err e = {0};
	enum step step = STEP_MORE;

	for (size_t n = 0; step == STEP_MORE && n <= in.n; n++)
		step = proxy_header_parse(span_first(in, n), h, want, &e);
	return step;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct proxy_header a = {0}, b = {0};
	size_t want_a, want_b;
	struct err e = {0};
	struct span in = span_first(span_of(p, n), LIMIT_PROXY_HEADER + 1);
	enum step step = proxy_header_parse(in, &a, &want_a, &e);

	if (want_a > LIMIT_PROXY_HEADER || (step == STEP_DONE && want_a > n))
		abort();
	if (step == STEP_BAD && e.reason != REASON_BAD_PROXY_HEADER)
		abort();
	if (read_slowly(in, &b, &want_b) != step)
		abort();
	if (step == STEP_DONE
	    && (want_a != want_b || a.source != b.source || memcmp(a.src, b.src, 16)
		|| a.src_port != b.src_port))
		abort();
	return 0;
}
