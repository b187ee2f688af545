#include "dcap/pem.h"

#include <stdio.h>

#include "base/base64.h"

static bool
is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

void
pem_squeeze(struct span text, struct buf *out)
{
	size_t from = 0;

	for (size_t i = 0; i < text.n; i++)
		if (is_blank(text.p[i])) {
			buf_add(out, span_from(span_first(text, i), from));
			from = i + 1;
		}
	buf_add(out, span_from(text, from));
}

enum pem_step
pem_next(struct span *text, const char *label, struct buf *out)
{
	char begin[48], end[48];
	struct span rest, body;
	struct buf squeezed;
	size_t at;
	bool ok;

	snprintf(begin, sizeof begin, "-----BEGIN %s-----", label);
	snprintf(end, sizeof end, "-----END %s-----", label);
	at = span_find(*text, begin);
	if (at == text->n)
		return PEM_END;
	rest = span_from(*text, at + strlen(begin));
	at = span_find(rest, end);
	if (at == rest.n)
		return PEM_BAD;
	body = span_first(rest, at);
	buf_init(&squeezed, body.n ? body.n : 1);
	pem_squeeze(body, &squeezed);
	ok = squeezed.n > 0 && buf_ok(&squeezed) && base64_decode(buf_span(&squeezed), out);
	if (squeezed.starved)
		out->failed = out->starved = true;
	buf_fini(&squeezed);
	*text = span_from(rest, at + strlen(end));
	return ok ? PEM_FOUND : PEM_BAD;
}
