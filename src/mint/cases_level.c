/* TCB levels: which one matches, in which order they are asked. */
#include "mint/row.h"

#include <stdio.h>

#define OLD_ADVISORIES "INTEL-SA-91001,INTEL-SA-91002"

/* -- each component alone -- */

static void
component(struct mint_world *w, const struct mint_row *row)
{
	mint_world_set_component(w, (unsigned)row->a, w->sgx.component[row->a] + (int32_t)row->b);
}

static void
tdx_component(struct mint_world *w, const struct mint_row *row)
{
	for (size_t i = 0; i < w->tcb_info.n_levels; i++)
		w->tcb_info.level[i].tdx[row->a] = (uint8_t)(9 - 3 * i);
	w->quote.body[MINT_TD_SVN + row->a] = 8;
}

static MUST_CHECK bool
run_components(struct mint_run *r, struct err *e)
{
	char name[64], what[128];

	for (int i = 0; i < 16; i++) {
		struct mint_row row = {name, what, i % 2 ? MINT_TDX4 : MINT_SGX3,
		    .status = "OutOfDate", .advisories = OLD_ADVISORIES,
		    .tcb_date = "2025-08-13T00:00:00Z", .bend = component, .a = i, .b = -1};

		snprintf(name, sizeof name, "comp%02d-minus1", i);
		snprintf(what, sizeof what, "component %d one below the first level", i);
		if (!mint_run_row(r, &row, e))
			return false;
	}
	/* 0 and 1 are the module's version, judged by its own levels */
	for (int i = 2; i < 16; i++) {
		struct mint_row row = {name, what, MINT_TDX4, .status = "OutOfDate",
		    .advisories = OLD_ADVISORIES, .bend = tdx_component, .a = i};

		snprintf(name, sizeof name, "tdxcomp%02d-minus1", i);
		snprintf(what, sizeof what, "TDX component %d one below the first level", i);
		if (!mint_run_row(r, &row, e))
			return false;
	}
	return true;
}

static void
all_components(struct mint_world *w, const struct mint_row *row)
{
	for (unsigned i = 0; i < 16; i++)
		mint_world_set_component(w, i, (int32_t)row->a);
}

/* Components above all levels but for the last, which is below all: no comparison of the whole as
 * one number or text may call that enough. */
static void
last_zero(struct mint_world *w, const struct mint_row *row)
{
	all_components(w, row);
	mint_world_set_component(w, 15, 0);
}

static void
pcesvn(struct mint_world *w, const struct mint_row *row)
{
	w->sgx.pcesvn = (int32_t)row->a;
}

/* TDX components 0 and 1 of the first level above what the TD has, under a major version. */
static void
skipped(struct mint_world *w, const struct mint_row *row)
{
	w->tcb_info.level[0].tdx[row->a] = 200;
}

static void
loader_low(struct mint_world *w, const struct mint_row *row)
{
	w->quote.body[MINT_TD_SVN + 2] = 2;
}

static const struct mint_row reach[] = {
    {"comps-all-255", "all components 255 (02 02 00 ff in DER)", MINT_SGX3, .bend = all_components,
	.a = 255},
    {"comps-128", "all components 128 (02 02 00 80)", MINT_SGX3, .bend = all_components, .a = 128},
    {"comps-127", "all components 127 (02 01 7f)", MINT_SGX3, .bend = all_components, .a = 127},
    {"comps-1", "all components 1: the last level", MINT_SGX3,
	.status = "OutOfDateConfigurationNeeded", .advisories = "INTEL-SA-91003",
	.tcb_date = "2024-02-14T00:00:00Z", .bend = all_components, .a = 1},
    {"comps-below-all", "all components 0: below all levels", MINT_SGX3, REASON_TCB_NOT_SUPPORTED,
	.bend = all_components, .a = 0},
    {"comps-below-all-tdx", "the same of a TD", MINT_TDX5_TD15, REASON_TCB_NOT_SUPPORTED,
	.bend = all_components, .a = 0},
    {"comps-last-zero", "all components 255 but the last, which is 0", MINT_SGX3,
	REASON_TCB_NOT_SUPPORTED, .bend = last_zero, .a = 255},
    {"pcesvn-minus1", "PCESVN one below the first level", MINT_SGX3, .status = "OutOfDate",
	.advisories = OLD_ADVISORIES, .bend = pcesvn, .a = 12},
    {"pcesvn-256", "PCESVN 256: its low byte is 0", MINT_SGX3, .bend = pcesvn, .a = 256},
    {"pcesvn-65535", "PCESVN 65535 (02 03 00 ff ff)", MINT_SGX3, .bend = pcesvn, .a = 65535},
    {"pcesvn-last", "PCESVN of the last level", MINT_TDX4, .status = "OutOfDateConfigurationNeeded",
	.advisories = "INTEL-SA-91003", .bend = pcesvn, .a = 5},
    {"pcesvn-below-all", "PCESVN below all levels", MINT_SGX3, REASON_TCB_NOT_SUPPORTED,
	.bend = pcesvn, .a = 4},
    {"tdxcomp00-skipped", "TDX component 0 of the level above the TD's: not compared", MINT_TDX4,
	.bend = skipped, .a = 0},
    {"tdxcomp01-skipped", "TDX component 1 likewise", MINT_TDX5_TD15, .bend = skipped, .a = 1},
    {"tdxcomp02-below-all", "TDX component 2 below all levels", MINT_TDX4, REASON_TCB_NOT_SUPPORTED,
	.bend = loader_low},
};

/* -- the order of levels -- */

static void
ascending(struct mint_world *w, const struct mint_row *row)
{
	w->tcb_info.ascending = true;
}

static void
ascending_old(struct mint_world *w, const struct mint_row *row)
{
	ascending(w, row);
	w->sgx.pcesvn = 12;
}

/* Two levels that both match: the higher, asked first, is the worse one. */
static void
worse_first(struct mint_world *w, const struct mint_row *row)
{
	w->tcb_info.level[0].is = (struct mint_judgement){
	    "2025-11-12T00:00:00Z", "OutOfDate", "INTEL-SA-94010"};
	w->tcb_info.level[1].is = (struct mint_judgement){"2026-11-11T00:00:00Z", "UpToDate", NULL};
}

/* Two levels of the same SGX components; PCESVN is what orders them. The lower stands first. */
static void
tie_pcesvn(struct mint_world *w, const struct mint_row *row)
{
	struct mint_level *l = w->tcb_info.level;

	l[1] = l[0];
	l[0].pcesvn = 12;
	l[0].is = (struct mint_judgement){"2025-11-12T00:00:00Z", "OutOfDate", "INTEL-SA-94011"};
}

/* Of the same SGX components and PCESVN; TDX components order them. */
static void
tie_tdx(struct mint_world *w, const struct mint_row *row)
{
	struct mint_level *l = w->tcb_info.level;

	l[1] = l[0];
	l[0].tdx[2] = 8;
	l[0].is = (struct mint_judgement){"2025-11-12T00:00:00Z", "OutOfDate", "INTEL-SA-94012"};
}

/* Components go before PCESVN: [20..] with 11 before [19..] with 13, published the other way. */
static void
components_first(struct mint_world *w, const struct mint_row *row)
{
	struct mint_level *l = w->tcb_info.level;

	l[1] = l[0];
	l[0].sgx[0] = 19;
	l[0].is = (struct mint_judgement){"2025-11-12T00:00:00Z", "OutOfDate", "INTEL-SA-94013"};
	l[1].pcesvn = 11;
}

/* The first components go before the last ones. */
static void
lexicographic(struct mint_world *w, const struct mint_row *row)
{
	struct mint_level *l = w->tcb_info.level;

	l[1] = l[0];
	l[0].sgx[0] = 19;
	l[0].is = (struct mint_judgement){"2025-11-12T00:00:00Z", "OutOfDate", "INTEL-SA-94014"};
	memset(l[1].sgx + 1, 0, 15);
}

static void
duplicate(struct mint_world *w, const struct mint_row *row)
{
	struct mint_level *l = w->tcb_info.level;

	l[1] = l[0];
	l[1].is.status = "OutOfDate";
}

/* Apart from one another among the published levels. */
static void
duplicate_apart(struct mint_world *w, const struct mint_row *row)
{
	struct mint_level *l = w->tcb_info.level;

	l[3] = l[0];
	w->tcb_info.n_levels = 4;
}

static void
one_level(struct mint_world *w, const struct mint_row *row)
{
	w->tcb_info.n_levels = 1;
}

static const struct mint_row order[] = {
    {"levels-unsorted", "levels published lowest first", MINT_SGX3, .bend = ascending},
    {"levels-unsorted-tdx", "the same for a TD", MINT_TDX5_TD15, .bend = ascending},
    {"levels-unsorted-old", "the same for an older platform", MINT_SGX3, .status = "OutOfDate",
	.advisories = OLD_ADVISORIES, .bend = ascending_old},
    {"levels-first-match-not-best", "the first level that matches is the worse", MINT_SGX3,
	.status = "OutOfDate", .advisories = "INTEL-SA-94010", .tcb_date = "2025-11-12T00:00:00Z",
	.bend = worse_first},
    {"levels-sort-tie-pcesvn", "components tie, PCESVN decides; the lower published first",
	MINT_SGX3, .bend = tie_pcesvn},
    {"levels-sort-tie-tdx", "PCESVN ties too, TDX components decide", MINT_TDX4, .bend = tie_tdx},
    {"levels-sort-components-first", "components go before PCESVN", MINT_SGX3,
	.bend = components_first},
    {"levels-sort-lexicographic", "the first component goes before all others", MINT_SGX3,
	.bend = lexicographic},
    {"levels-duplicate", "two levels of the same SVNs and different status", MINT_SGX3,
	REASON_TCB_INFO_MALFORMED, .bend = duplicate},
    {"levels-duplicate-tdx", "the same for a TD", MINT_TDX4, REASON_TCB_INFO_MALFORMED,
	.bend = duplicate},
    {"levels-duplicate-apart", "two equal levels, others between them", MINT_SGX3,
	REASON_TCB_INFO_MALFORMED, .bend = duplicate_apart},
    {"levels-one", "one level alone", MINT_SGX3, .bend = one_level},
};

/* -- advisories -- */

static void
advisories(struct mint_world *w, const struct mint_row *row)
{
	w->tcb_info.advisories = (unsigned)row->a;
}

/* 40 ids, 00 to 39. */
#define IDS(d)                                                                                     \
	"INTEL-SA-950" d "0,INTEL-SA-950" d "1,INTEL-SA-950" d "2,INTEL-SA-950" d                  \
	"3,INTEL-SA-950" d "4,INTEL-SA-950" d "5,INTEL-SA-950" d "6,INTEL-SA-950" d                \
	"7,INTEL-SA-950" d "8,INTEL-SA-950" d "9"

static const struct mint_row many[] = {
    {"ti-adv-40", "40 advisories in the level that matches", MINT_SGX3,
	.advisories = IDS("0") "," IDS("1") "," IDS("2") "," IDS("3"), .bend = advisories, .a = 40},
};

bool
mint_cases_level(struct mint_run *r, struct err *e)
{
	return run_components(r, e) && MINT_RUN_TABLE(r, reach, e) && MINT_RUN_TABLE(r, order, e)
	       && MINT_RUN_TABLE(r, many, e);
}
