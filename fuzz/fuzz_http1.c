/* Any bytes as a request and its body, and as a response, whole and in two pieces: both readings
 * must agree, trailers included, and nothing may be read out of bounds. */
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

/* Decode a body fed in pieces; what came out of it goes to `out`, trailers behind the data. */
static enum step
drain(const struct http_head *h, struct span in, size_t piece, struct buf *out)
{
	struct http1_body b;
	struct err e = {0};
	enum step step = STEP_MORE;

	http1_body_init(&b, h->framing, h->length);
	http1_body_heed(&b, h);
	while (step == STEP_MORE && in.n) {
		struct span data;
		size_t used;

		step = http1_body_feed(&b, span_first(in, piece), &used, &data, &e);
		if (used > in.n || used > piece || data.n > used)
			abort();
		buf_add(out, data);
		in = span_from(in, used);
	}
	if (step == STEP_DONE && b.trailers) {
		for (size_t i = 0; i < b.trailers->n; i++)
			if (!headers_is_trailer(fields_at(b.trailers, i).name))
				abort();
		http1_write_last_chunk(out, b.trailers);
	}
	http1_body_fini(&b);
	return step;
}

static void
drain_both_ways(const struct http_head *h, struct span in)
{
	struct buf whole, split;

	buf_init(&whole, in.n + LIMIT_HEAD * 2);
	buf_init(&split, in.n + LIMIT_HEAD * 2);
	if (drain(h, in, in.n, &whole) != drain(h, in, 3, &split)
	    || !span_eq(buf_span(&whole), buf_span(&split)))
		abort();
	buf_fini(&whole);
	buf_fini(&split);
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
			drain_both_ways(&a, span_from(span_of(p, n), used_a));
	}
	return 0;
}
