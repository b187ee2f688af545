/* A world becomes bytes. */
#include "base/jcs.h"
#include "mint/world.h"

#define PART_MAX ((size_t)4 * 1024 * 1024)

static void
put_tail(const struct mint_world *w, struct buf *out)
{
	const struct mint_tail *t = &w->tail;
	uint32_t pcesvn = (uint32_t)w->sgx.pcesvn + t->other_pcesvn;
	uint8_t cpusvn[16];
	size_t from = out->n;

	memcpy(cpusvn, w->sgx.cpusvn, sizeof cpusvn);
	cpusvn[15] = (uint8_t)(cpusvn[15] + t->other_cpusvn);
	for (size_t i = 0; i < t->id_size; i++)
		buf_add_u8(out, 0xa1);
	buf_add(out, span_of(cpusvn, sizeof cpusvn));
	if (t->swapped_pcesvn)
		buf_add_be(out, pcesvn, 2);
	else
		buf_add_le(out, pcesvn, 2);
	buf_add_u8(out, w->sgx.pceid[0]);
	buf_add_u8(out, (uint8_t)(w->sgx.pceid[1] + t->other_pceid));
	for (int i = 0; i < t->grow; i++)
		buf_add_u8(out, 0);
	if (t->grow < 0 && out->n - from >= (size_t)-t->grow)
		out->n -= (size_t)-t->grow;
}

static void
put_cert_data(const struct mint_world *w, struct buf *out)
{
	struct mint_chain alone = {.cert = {&w->leaf}, .n = 1, .form = w->pck_chain.form};

	switch (w->cert_data) {
	case MINT_DATA_CHAIN:
		mint_chain_write(&w->pck_chain, out);
		break;
	case MINT_DATA_OTHER_LEAF:
		alone.cert[0] = &w->other_leaf;
		mint_chain_write(&alone, out);
		break;
	case MINT_DATA_LEAF:
		mint_chain_write(&alone, out);
		break;
	case MINT_DATA_TAIL:
		put_tail(w, out);
		break;
	}
}

static bool
is_omitted(const struct mint_world *w, const char *name)
{
	return w->omit && strcmp(w->omit, name) == 0;
}

static void
put_part(const struct mint_world *w, struct jw *j, const char *name, struct buf *part)
{
	if (!is_omitted(w, name))
		jw_span(j, name, buf_span(part));
	j->out->failed |= !buf_ok(part);
	buf_clear(part);
}

static void
put_signature(const struct mint_world *w, struct jw *j, const char *name,
    const struct mint_doc_signing *s, struct span text)
{
	struct mint_key by = *s->by;
	char hex[2 * 64 + 1];
	uint8_t sig[64];

	if (is_omitted(w, name))
		return;
	if (s->text) {
		jw_str(j, name, s->text);
		return;
	}
	if (!mint_sign(&by, s->kind, text, sig)) {
		j->out->failed = true;
		return;
	}
	for (size_t i = 0; i < sizeof sig; i++)
		for (size_t k = 0; k < 2; k++)
			hex[2 * i + k] = (s->upper
					      ? "0123456789ABCDEF"
					      : "0123456789abcdef")[k ? sig[i] & 15 : sig[i] >> 4];
	jw_span(j, name, span_of(hex, sizeof hex - 1));
}

/* Sign and append a document; the part is empty afterwards. */
static void
put_document(const struct mint_world *w, struct jw *j, const char *name, const char *sig_name,
    const struct mint_doc_signing *s, struct buf *part)
{
	put_signature(w, j, sig_name, s, buf_span(part));
	put_part(w, j, name, part);
}

static MUST_CHECK bool
put_collateral(const struct mint_world *w, struct buf *part, struct buf *out)
{
	struct jw j = jw_of(out);

	jw_object(&j, NULL);
	mint_chain_write(&w->crl_chain, part);
	put_part(w, &j, "pck_crl_issuer_chain", part);
	mint_crl_write(&w->root_crl, part);
	put_part(w, &j, "root_ca_crl", part);
	mint_crl_write(&w->pck_crl, part);
	put_part(w, &j, "pck_crl", part);
	mint_chain_write(&w->tcb_chain, part);
	put_part(w, &j, "tcb_info_issuer_chain", part);
	if (!mint_tcb_info_write(&w->tcb_info, part))
		return false;
	put_document(w, &j, "tcb_info", "tcb_info_signature", &w->tcb_info_signing, part);
	mint_chain_write(&w->qe_chain, part);
	put_part(w, &j, "qe_identity_issuer_chain", part);
	if (!mint_qe_identity_write(&w->qe_identity, part))
		return false;
	put_document(w, &j, "qe_identity", "qe_identity_signature", &w->qe_identity_signing, part);
	if (w->beside.n > 0) {
		mint_chain_write(&w->beside, part);
		put_part(w, &j, "pck_certificate_chain", part);
	}
	jw_end_object(&j);
	return mint_edit_text(w->edit, out);
}

bool
mint_world_build(
    const struct mint_world *w, struct buf *quote, struct buf *collateral, struct err *e)
{
	struct buf part;
	bool ok, found;

	buf_init(&part, PART_MAX);
	put_cert_data(w, &part);
	ok = buf_ok(&part) && mint_quote_write(&w->quote, buf_span(&part), quote);
	buf_clear(&part);
	found = put_collateral(w, &part, collateral);
	buf_fini(&part);
	if (!found)
		return err_set(e, ERR_USAGE, REASON_INTERNAL, "an edit found nothing to change");
	return (ok && buf_ok(quote) && buf_ok(collateral))
	       || err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "quote and collateral");
}
