#include "dcap/shortfall.h"

#include <stdio.h>
#include <stdlib.h>

/* Sixteen SGX and sixteen TDX components, PCESVN, QE, module. */
#define SHORTFALLS_MAX 35

struct finding {
	struct eedcap_shortfall v[SHORTFALLS_MAX];
	size_t n;
	int64_t since;
};

static struct eedcap_shortfall *
add(struct finding *f, enum eedcap_part part, const char *what, unsigned index, uint32_t have,
    uint32_t need)
{
	struct eedcap_shortfall *s = &f->v[f->n++];

	*s = (struct eedcap_shortfall){
	    .part = part, .what = what, .index = index, .have = have, .need = need};
	return s;
}

/* Where Intel's document says what a component stands for. */
static void
name_component(struct eedcap_shortfall *s, const struct tcb_info *ti, const struct json_node *tcb,
    const char *list)
{
	const struct json_doc *doc = &ti->doc.json;
	const struct json_node *all = json_get(doc, tcb, list), *c;
	char category[32] = "", type[32] = "";
	unsigned i = 0;

	if (!all)
		return; /* version 2 names none */
	for (c = json_first(doc, all); c && i < s->index; c = json_next(doc, all, c))
		i++;
	if (!c || !json_cstr(json_get(doc, c, "category"), category, sizeof category))
		category[0] = '\0';
	if (!c || !json_cstr(json_get(doc, c, "type"), type, sizeof type))
		type[0] = '\0';
	(void)snprintf(
	    s->of, sizeof s->of, "%s%s%s", category, category[0] && type[0] ? ": " : "", type);
}

static void
compare_components(struct finding *f, const struct tcb_info *ti, const struct tcb_level *want,
    bool tdx, const uint8_t have[static 16], unsigned from)
{
	const uint8_t *need = tdx ? want->tdx : want->sgx;

	for (unsigned i = from; i < 16; i++)
		if (have[i] < need[i])
			name_component(
			    add(f, EEDCAP_PLATFORM, tdx ? "tdx_component" : "sgx_component", i,
				have[i], need[i]),
			    ti, want->tcb, tdx ? "tdxtcbcomponents" : "sgxtcbcomponents");
}

/* A level was overtaken when the first of those above it came that has a later date. */
static void
note_date(const struct level *have, int64_t above, int64_t *first)
{
	if (have->status != EEDCAP_OUT_OF_DATE
	    && have->status != EEDCAP_OUT_OF_DATE_CONFIGURATION_NEEDED)
		return;
	if (above > have->date && (*first == 0 || above < *first))
		*first = above;
}

/* Of several parts that are out of date, the one that is so for longest; of one whose date cannot
 * be told, nothing can. */
static void
note_part(struct finding *f, const struct level *have, int64_t first)
{
	if (have->status != EEDCAP_OUT_OF_DATE
	    && have->status != EEDCAP_OUT_OF_DATE_CONFIGURATION_NEEDED)
		return;
	if (first == 0)
		f->since = INT64_MIN;
	else if (f->since == 0 || first < f->since)
		f->since = first;
}

static void
look_at_platform(struct finding *f, const struct tcb_input *in, const struct level *have)
{
	const struct tcb_info *ti = in->info;
	const struct tcb_level *want = &ti->levels[0];
	unsigned from = in->svn && in->svn[1] > 0 ? 2 : 0;
	int64_t first = 0;

	for (size_t i = 0; i < ti->n_levels && &ti->levels[i].level != have; i++) {
		note_date(have, ti->levels[i].level.date, &first);
		if (ti->levels[i].level.status == EEDCAP_UP_TO_DATE)
			want = &ti->levels[i];
	}
	note_part(f, have, first);
	if (have->status == EEDCAP_UP_TO_DATE)
		return;
	compare_components(f, ti, want, false, in->platform->components, 0);
	if (in->platform->pcesvn < want->pcesvn)
		add(f, EEDCAP_PLATFORM, "pcesvn", 0, in->platform->pcesvn, want->pcesvn);
	if (in->svn)
		compare_components(f, ti, want, true, in->svn, from);
}

static void
look_at_isv(struct finding *f, enum eedcap_part part, const struct isv_levels *all,
    const struct level *have, uint32_t svn, const char *of)
{
	const struct isv_level *want = &all->v[0];
	struct eedcap_shortfall *s;
	int64_t first = 0;

	for (size_t i = 0; i < all->n && &all->v[i].level != have; i++) {
		note_date(have, all->v[i].level.date, &first);
		if (all->v[i].level.status == EEDCAP_UP_TO_DATE)
			want = &all->v[i];
	}
	note_part(f, have, first);
	if (have->status == EEDCAP_UP_TO_DATE || svn >= want->isvsvn)
		return;
	s = add(f, part, "isvsvn", 0, svn, want->isvsvn);
	(void)snprintf(s->of, sizeof s->of, "%s", of);
}

bool
shortfalls_find(struct shortfalls *out, const struct tcb_input *in, const struct tcb_levels *launch,
    struct err *e)
{
	struct finding f = {.n = 0};
	char name[16];

	look_at_platform(&f, in, launch->platform);
	if (launch->module) {
		(void)snprintf(name, sizeof name, "TDX_%02X", in->svn[1]);
		look_at_isv(&f, EEDCAP_MODULE, &tcb_info_identity(in->info, in->svn[1])->levels,
		    launch->module, in->svn[0], name);
	}
	look_at_isv(&f, EEDCAP_QE, &in->identity->levels, launch->qe, in->qe_isvsvn, "QE");
	*out = (struct shortfalls){.outdated_since = f.since > 0 ? f.since : 0};
	if (f.n == 0)
		return true;
	out->v = calloc(f.n, sizeof *out->v);
	if (!out->v)
		return err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "shortfalls");
	memcpy(out->v, f.v, f.n * sizeof *out->v);
	out->n = f.n;
	return true;
}
