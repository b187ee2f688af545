#include "dcap/pem.h"

#include <stdio.h>

#include "base/base64.h"

/* Give the offset of the first `needle` in s, or s.n. */
static size_t
find(struct span s, const char *needle)
{
	size_t n = strlen(needle);

	for (size_t i = 0; i + n <= s.n; i++)
		if (s.p[i] == (uint8_t)needle[0] && memcmp(s.p + i, needle, n) == 0)
			return i;
	return s.n;
}

void
pem_squeeze(struct span text, struct buf *out)
{
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] != ' ' && text.p[i] != '\t' && text.p[i] != '\r' && text.p[i] != '\n')
			buf_add_u8(out, text.p[i]);
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
	at = find(*text, begin);
	if (at == text->n)
		return PEM_END;
	rest = span_from(*text, at + strlen(begin));
	at = find(rest, end);
	if (at == rest.n)
		return PEM_BAD;
	body = span_first(rest, at);
	buf_init(&squeezed, body.n ? body.n : 1);
	pem_squeeze(body, &squeezed);
	ok = squeezed.n > 0 && buf_ok(&squeezed) && base64_decode(buf_span(&squeezed), out);
	buf_fini(&squeezed);
	*text = span_from(rest, at + strlen(end));
	return ok ? PEM_FOUND : PEM_BAD;
}
