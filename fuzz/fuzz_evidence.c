/* Any bytes as an evidence document; what is read is checked against a quote that binds nothing of
 * it, with and without a nonce. */
#include "core/evidence_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const uint8_t data[64], nonce[ATTEST_NONCE];
	struct quote_view q = {.report_data = span_of(data, sizeof data)};
	struct err e = {0};
	struct evidence_demands d = {.quote = &q, .advisories = "", .refused = &e};
	struct evidence_report r;
	struct evidence_file f;

	if (!evidence_read(&f, span_of(p, n), &e))
		return 0;
	for (size_t i = 0; i < f.n; i++) {
		d.nonce = i % 2 ? nonce : NULL;
		evidence_check(&f, &f.items[i], &d, &r);
		if (evidence_fault(&r) == EVIDENCE_STEPS)
			__builtin_trap(); /* zeros bind no claims */
	}
	evidence_file_free(&f);
	return 0;
}
