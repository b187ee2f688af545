#include "mint/doc.h"
#include "base/jcs.h"
#include "base/rfc3339.h"

#include <stdio.h>

static void
put_date(struct jw *w, const char *name, int64_t s)
{
	char text[RFC3339_SIZE];

	jw_str(w, name, rfc3339_write(s, text));
}

/* Intel writes hex in upper case. */
static void
put_hex(struct jw *w, const char *name, const uint8_t *p, size_t n)
{
	char text[2 * 48 + 1];

	for (size_t i = 0; i < n && i < 48; i++)
		snprintf(text + 2 * i, 3, "%02X", p[i]);
	jw_str(w, name, text);
}

static void
put_judgement(struct jw *w, const struct mint_judgement *is, unsigned more)
{
	const char *p = is->advisories;

	jw_str(w, "tcbDate", is->date);
	jw_str(w, "tcbStatus", is->status);
	if (!p && !more)
		return;
	jw_array(w, "advisoryIDs");
	while (p && *p) {
		size_t n = strcspn(p, ",");

		jw_span(w, NULL, span_of(p, n));
		p += n + (p[n] == ',');
	}
	for (unsigned i = 0; i < more; i++) {
		char id[32];

		snprintf(id, sizeof id, "INTEL-SA-%05u", 95000 + i);
		jw_str(w, NULL, id);
	}
	jw_end_array(w);
}

static void
put_isv_levels(struct jw *w, const struct mint_isv_levels *l)
{
	jw_array(w, "tcbLevels");
	for (size_t i = 0; i < l->n; i++) {
		const struct mint_isv_level *v = &l->v[l->ascending ? l->n - 1 - i : i];

		jw_object(w, NULL);
		jw_object(w, "tcb");
		jw_int(w, "isvsvn", v->svn);
		jw_end_object(w);
		put_judgement(w, &v->is, 0);
		jw_end_object(w);
	}
	jw_end_array(w);
}

static void
put_components(struct jw *w, const char *name, const uint8_t *svn)
{
	jw_array(w, name);
	for (size_t i = 0; i < 16; i++) {
		jw_object(w, NULL);
		jw_int(w, "svn", svn[i]);
		jw_end_object(w);
	}
	jw_end_array(w);
}

/* As version 2 has them. */
static void
put_flat_components(struct jw *w, const uint8_t *svn)
{
	char name[24];

	for (unsigned i = 0; i < 16; i++) {
		snprintf(name, sizeof name, "sgxtcbcomp%02usvn", i + 1);
		jw_int(w, name, svn[i]);
	}
}

static void
put_level(struct jw *w, const struct mint_tcb_info *t, const struct mint_level *l, unsigned more)
{
	jw_object(w, NULL);
	jw_object(w, "tcb");
	if (t->version == 2)
		put_flat_components(w, l->sgx);
	else
		put_components(w, "sgxtcbcomponents", l->sgx);
	jw_int(w, "pcesvn", l->pcesvn);
	if (t->tdx)
		put_components(w, "tdxtcbcomponents", l->tdx);
	jw_end_object(w);
	put_judgement(w, &l->is, more);
	jw_end_object(w);
}

static void
put_fillers(struct jw *w, const struct mint_tcb_info *t)
{
	struct mint_level l = {.is = {"2026-11-11T00:00:00Z", "UpToDate", NULL}};

	memset(l.sgx, 255, sizeof l.sgx);
	for (unsigned i = 0; i < t->fillers; i++) {
		l.pcesvn = (uint16_t)(UINT16_MAX - i);
		put_level(w, t, &l, 0);
	}
}

static void
put_levels(struct jw *w, const struct mint_tcb_info *t)
{
	jw_array(w, "tcbLevels");
	put_fillers(w, t);
	for (size_t i = 0; i < t->n_levels; i++) {
		size_t k = t->ascending ? t->n_levels - 1 - i : i;

		put_level(w, t, &t->level[k], k == 0 ? t->advisories : 0);
	}
	jw_end_array(w);
}

static void
put_module(struct jw *w, const struct mint_module *m)
{
	put_hex(w, "mrsigner", m->mrsigner, sizeof m->mrsigner);
	put_hex(w, "attributes", m->attributes, sizeof m->attributes);
	put_hex(w, "attributesMask", m->mask, sizeof m->mask);
}

static void
put_modules(struct jw *w, const struct mint_tcb_info *t)
{
	jw_object(w, "tdxModule");
	put_module(w, &t->module);
	jw_end_object(w);
	if (t->no_identities)
		return;
	jw_array(w, "tdxModuleIdentities");
	for (size_t i = 0; i < t->n_identities; i++) {
		jw_object(w, NULL);
		jw_str(w, "id", t->identity[i].id);
		put_module(w, &t->identity[i]);
		put_isv_levels(w, &t->identity[i].levels);
		jw_end_object(w);
	}
	jw_end_array(w);
}

static void
put_deep(struct jw *w, unsigned depth, struct buf *scratch)
{
	buf_clear(scratch);
	for (unsigned i = 0; i < depth; i++)
		buf_add_u8(scratch, '[');
	for (unsigned i = 0; i < depth; i++)
		buf_add_u8(scratch, ']');
	jw_raw(w, "unknown", buf_span(scratch));
}

bool
mint_tcb_info_write(const struct mint_tcb_info *t, struct buf *out)
{
	struct jw w = jw_of(out);
	struct buf scratch;

	jw_object(&w, NULL);
	if (t->id)
		jw_str(&w, "id", t->id);
	jw_int(&w, "version", t->version);
	put_date(&w, "issueDate", t->issued_s);
	put_date(&w, "nextUpdate", t->next_s);
	jw_str(&w, "fmspc", t->fmspc);
	jw_str(&w, "pceId", t->pceid);
	jw_int(&w, "tcbType", 0);
	jw_int(&w, "tcbEvaluationDataNumber", t->number);
	if (t->depth) {
		buf_init(&scratch, (size_t)2 * t->depth);
		put_deep(&w, t->depth, &scratch);
		out->failed |= !buf_ok(&scratch);
		buf_fini(&scratch);
	}
	if (t->tdx)
		put_modules(&w, t);
	put_levels(&w, t);
	jw_end_object(&w);
	return mint_edit_text(t->edit, out);
}

bool
mint_qe_identity_write(const struct mint_qe_identity *q, struct buf *out)
{
	struct jw w = jw_of(out);

	jw_object(&w, NULL);
	jw_str(&w, "id", q->id);
	jw_int(&w, "version", 2);
	put_date(&w, "issueDate", q->issued_s);
	put_date(&w, "nextUpdate", q->next_s);
	jw_int(&w, "tcbEvaluationDataNumber", q->number);
	put_hex(&w, "miscselect", q->miscselect, sizeof q->miscselect);
	put_hex(&w, "miscselectMask", q->miscselect_mask, sizeof q->miscselect_mask);
	put_hex(&w, "attributes", q->attributes, sizeof q->attributes);
	put_hex(&w, "attributesMask", q->attributes_mask, sizeof q->attributes_mask);
	put_hex(&w, "mrsigner", q->mrsigner, sizeof q->mrsigner);
	jw_int(&w, "isvprodid", q->prodid);
	put_isv_levels(&w, &q->levels);
	jw_end_object(&w);
	return mint_edit_text(q->edit, out);
}

static bool
edit_once(const struct mint_edit *edit, struct buf *text)
{
	size_t n = strlen(edit->from), at = 0;
	struct buf out;

	while (at + n <= text->n && memcmp(text->p + at, edit->from, n) != 0)
		at++;
	if (at + n > text->n)
		return false;
	buf_init(&out, text->max);
	buf_add(&out, span_first(buf_span(text), at));
	buf_add_str(&out, edit->to);
	buf_add(&out, span_from(buf_span(text), at + n));
	buf_fini(text);
	*text = out; /* with its failure, where there was one */
	return true;
}

bool
mint_edit_text(const struct mint_edit edit[static MINT_EDITS], struct buf *text)
{
	for (size_t i = 0; i < MINT_EDITS; i++)
		if (edit[i].from && buf_ok(text) && !edit_once(&edit[i], text))
			return false;
	return true;
}
