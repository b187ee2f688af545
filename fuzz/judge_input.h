/* judge_input.h - the input of fuzz_judge, for the target and for its mutator: policy flags (1 byte),
 * accepted statuses (2), time (8), root key (65), length of the quote (4), quote, collateral; numbers
 * little-endian. */
#ifndef FUZZ_JUDGE_INPUT_H
#define FUZZ_JUDGE_INPUT_H

#include "base/rd.h"
#include "eedcap.h"

struct judge_input {
	struct span head; /* flags, statuses, time */
	uint8_t flags;
	uint16_t accept;
	int64_t now_s;
	struct span root, quote, json;
};

static inline bool
judge_input_read(struct judge_input *in, struct span data)
{
	struct rd r = rd_of(data);

	in->head = span_first(data, 11);
	in->flags = rd_u8(&r);
	in->accept = rd_u16le(&r);
	in->now_s = (int64_t)rd_u64le(&r);
	in->root = rd_span(&r, EEDCAP_ROOT_KEY_SIZE);
	in->quote = rd_span(&r, rd_u32le(&r));
	in->json = rd_span(&r, rd_left(&r));
	return !r.bad;
}

#endif
