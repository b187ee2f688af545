/* Any bytes as frames to either role, whole and byte by byte: both must end the same way. */
#include "wire/ws.h"

#include <stdlib.h>

static enum step
run(const uint8_t *p, size_t n, enum ws_role role, size_t piece, size_t *bytes)
{
	struct ws_decoder d;
	struct err e = {0};
	uint8_t *copy = malloc(n + 1);
	enum step step = STEP_MORE;
	size_t at = 0;

	if (!copy)
		abort();
	memcpy(copy, p, n);
	*bytes = 0;
	ws_decoder_init(&d, role, 4096);
	while (at < n && step != STEP_BAD) {
		size_t end = n - at < piece ? n : at + piece;

		while (at < end && step != STEP_BAD) {
			struct ws_event ev;
			size_t used;

			step = ws_decode(&d, copy + at, end - at, &used, &ev, &e);
			at += used;
			if (at > end)
				abort();
			if (step == STEP_DONE)
				*bytes += ev.data.n;
		}
	}
	ws_decoder_fini(&d);
	free(copy);
	return step;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	size_t a, b;

	for (int role = WS_SERVER; role <= WS_CLIENT; role++) {
		enum step whole = run(p, n, (enum ws_role)role, n ? n : 1, &a);
		enum step split = run(p, n, (enum ws_role)role, 1, &b);

		if ((whole == STEP_BAD) != (split == STEP_BAD))
			abort();
		/* In pieces, bytes before the one that is refused may have come out already. */
		if (whole != STEP_BAD && a != b)
			abort();
	}
	return 0;
}
