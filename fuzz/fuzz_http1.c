/* Any bytes as a request and its body, and as a response, whole and in two pieces: both readings
 * must agree, and nothing may be read out of bounds. */
#include "wire/http1.h"

#include <stdlib.h>

static enum step
parse(const uint8_t *p, size_t n, size_t cut, bool response, struct http_head *h, size_t *used)
{
	struct http1_scan s = {0};
	struct err e = {0};
	enum step step = STEP_MORE;
	size_t steps[] = {cut, n};

	for (int i = cut < n ? 0 : 1; i < 2 && step == STEP_MORE; i++)
		step = response ? http1_response(&s, span_of(p, steps[i]), false, h, used, &e)
				: http1_request(&s, span_of(p, steps[i]), h, used, &e);
	return step;
}

static void
drain(const struct http_head *h, struct span in)
{
	struct http1_body b;
	struct err e = {0};
	enum step step = STEP_MORE;

	http1_body_init(&b, h->framing, h->length);
	while (step == STEP_MORE && in.n) {
		struct span data;
		size_t used;

		step = http1_body_feed(&b, in, &used, &data, &e);
		if (used > in.n || data.n > used)
			abort();
		in = span_from(in, used);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static struct http_head a, b;
	size_t used_a = 0, used_b = 0;

	for (int response = 0; response < 2; response++) {
		enum step whole = parse(p, n, n, response, &a, &used_a);
		enum step split = parse(p, n, n / 2, response, &b, &used_b);

		if (whole != split || (whole == STEP_DONE && used_a != used_b))
			abort();
		if (whole == STEP_DONE)
			drain(&a, span_from(span_of(p, n), used_a));
	}
	return 0;
}
