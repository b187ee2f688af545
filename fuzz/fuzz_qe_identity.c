/* Any bytes as a QE identity. What is taken has levels, highest first and none twice. */
#include <stdlib.h>

#include "dcap/qe_identity.h"
#include "fuzz_document.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct qe_identity qi = {0};
	struct err e = {0};

	if (!load_document(&qi.doc, &qe_identity_kind, span_of(data, n)))
		return 0;
	if (qe_identity_read(&qi, &e)) {
		if (qi.levels.n == 0)
			abort();
		for (size_t i = 1; i < qi.levels.n; i++)
			if (qi.levels.v[i - 1].isvsvn <= qi.levels.v[i].isvsvn)
				abort();
	} else if (e.code == ERR_NONE) {
		abort();
	}
	qe_identity_fini(&qi);
	return 0;
}
