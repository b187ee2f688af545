/* Any bytes as a quote: laid out or refused, and where laid out every field can be read. */
#include "eedcap.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static volatile uint8_t sink;

static void
touch(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sink ^= p[i];
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct eedcap_platform platform;
	struct eedcap_error e;
	struct eedcap_quote *q = eedcap_quote_inspect(data, n, &e);
	const char *name;
	const uint8_t *p;
	size_t len;

	if (!q) {
		if (e.kind == EEDCAP_OK)
			abort();
		return 0;
	}
	for (size_t i = 0; eedcap_quote_register_at(q, i, &name, &p, &len); i++)
		touch(p, len);
	for (size_t i = 0; eedcap_quote_field_at(q, i, &name, &p, &len); i++)
		touch(p, len);
	touch(eedcap_quote_report_data(q), 64);
	if (eedcap_quote_trailing(q) >= n)
		abort();
	(void)eedcap_quote_platform(q, &platform, &e);
	eedcap_quote_free(q);
	/* Intel's key signed none of these. */
	q = eedcap_authenticate(NULL, data, n, 1790000000, &e);
	eedcap_quote_free(q);
	return 0;
}
