#include "base/base64.h"
#include "mint/cert.h"

#define COLUMNS 64
#define PADDING 40000u

/* How lines of base64 end. */
static const char *
line_end(enum mint_chain_form form)
{
	switch (form) {
	case MINT_CHAIN_CRLF:
		return "\r\n";
	case MINT_CHAIN_ONE_LINE:
		return "";
	case MINT_CHAIN_BLANKS:
		return " \t\n";
	default:
		return "\n";
	}
}

void
mint_pem_write(struct span der, const char *label, enum mint_chain_form form, struct buf *out)
{
	const char *end = form == MINT_CHAIN_CRLF ? "\r\n" : "\n";
	struct buf text;

	buf_init(&text, out->max);
	base64_encode(der, &text);
	if (buf_ok(&text) && form == MINT_CHAIN_BAD_BASE64)
		text.p[text.n / 2] = '*';
	buf_printf(out, "-----BEGIN %s-----%s", label, end);
	for (size_t at = 0; at < text.n; at += COLUMNS) {
		buf_add(out, span_first(span_from(buf_span(&text), at), COLUMNS));
		buf_add_str(out, line_end(form));
	}
	if (form == MINT_CHAIN_ONE_LINE)
		buf_add_str(out, end);
	buf_printf(out, "-----END %s-----%s", label, end);
	out->failed |= !buf_ok(&text);
	buf_fini(&text);
}

/* What stands behind the i-th certificate. */
static void
put_between(const struct mint_chain *c, size_t i, struct buf *out)
{
	bool last = i + 1 == c->n;

	if (c->form == MINT_CHAIN_TEXT)
		buf_add_str(out, "and this is the next one, or the end\n");
	if (c->form == MINT_CHAIN_NUL_INSIDE && i == 0)
		buf_add_u8(out, 0);
	if (c->form == MINT_CHAIN_NO_END && last && out->n > 10)
		out->n -= 10;
	if (last && (c->form == MINT_CHAIN_NUL || c->form == MINT_CHAIN_TWO_NULS))
		buf_add_u8(out, 0);
	if (last && c->form == MINT_CHAIN_TWO_NULS)
		buf_add_u8(out, 0);
	for (unsigned k = 0; last && c->form == MINT_CHAIN_PADDED && k < PADDING; k++)
		buf_add_u8(out, ' ');
}

void
mint_chain_write(const struct mint_chain *c, struct buf *out)
{
	struct buf der;

	if (c->form == MINT_CHAIN_EMPTY)
		return;
	if (c->form == MINT_CHAIN_TEXT)
		buf_add_str(out, "subject=/CN=the first certificate\n");
	buf_init(&der, out->max);
	for (size_t i = 0; i < c->n; i++) {
		buf_clear(&der);
		mint_cert_write(c->cert[i], &der);
		mint_pem_write(buf_span(&der), "CERTIFICATE", c->form, out);
		put_between(c, i, out);
		out->failed |= !buf_ok(&der);
	}
	buf_fini(&der);
}
