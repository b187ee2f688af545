/* h2_input.h - how the two HTTP/2 targets read their input: as steps, each an opcode and its
 * arguments. The low half of the opcodes are bytes for the session, raw or as a frame whose length
 * is right, so that what is found lies behind framing; the rest are what the own side does. */
#ifndef FUZZ_H2_INPUT_H
#define FUZZ_H2_INPUT_H

#include <stdlib.h>

#include "tunnel/h2_frames.h"

struct input {
	const uint8_t *p;
	size_t n;
};

static inline unsigned
take(struct input *in)
{
	if (!in->n)
		return 0;
	in->n--;
	return *in->p++;
}

static inline struct span
take_span(struct input *in, size_t n)
{
	struct span s = span_of(in->p, n < in->n ? n : in->n);

	in->p += s.n;
	in->n -= s.n;
	return s;
}

/* Opcodes 0 to 7: bytes that came. */
static inline void
take_bytes(struct input *in, unsigned op, struct buf *out)
{
	unsigned type, flags, id;

	buf_clear(out);
	if (op < 3) {
		buf_add(out, take_span(in, take(in) * 4));
		return;
	}
	type = take(in) % 11;
	flags = take(in);
	id = take(in);
	if (op == 7) {
		/* A number as payload: resets, window updates. */
		frame_u(out, (uint8_t)type, flags, id, (uint64_t)take(in) << 8 | take(in), 4);
		return;
	}
	frame(out, (uint8_t)type, flags, id, take_span(in, take(in)));
}

static inline void
must(bool ok)
{
	if (!ok)
		abort();
}

#endif
