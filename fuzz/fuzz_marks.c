/* Any bytes as a file of marks: what is taken is written as it was read. */
#include <stdlib.h>

#include "collateral/marks.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static struct marks a, b;

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct err e = {0};
	struct buf out;

	a.n = 0;
	if (!marks_read(&a, span_of(p, n), "intel", &e)) {
		if (a.n != 0 || e.code == ERR_NONE)
			abort();
		return 0;
	}
	if (a.n > MARKS_MAX)
		abort();
	buf_init(&out, MARKS_FILE_MAX);
	marks_write(&a, "intel", &out);
	if (!buf_ok(&out) || !marks_read(&b, buf_span(&out), "intel", &e) || b.n != a.n
	    || memcmp(a.row, b.row, a.n * sizeof a.row[0]) != 0)
		abort();
	buf_fini(&out);
	return 0;
}
