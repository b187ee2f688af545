/* How statuses converge: platform, QE and module; launch and current TCB. Every combination. The
 * tables are the rules themselves, written out; nothing is computed from a smaller rule. */
#include "mint/row.h"

#include <stdio.h>

enum status { UTD, SWH, CFG, CSW, OOD, OODC, REV, STATUSES };
enum part { P_UTD, P_OOD, P_REV, PARTS };

static const char *const short_names[STATUSES] = {"UTD", "SWH", "CFG", "CSW", "OOD", "OODC", "REV"};
static const char *const full_names[STATUSES] = {"UpToDate", "SWHardeningNeeded",
    "ConfigurationNeeded", "ConfigurationAndSWHardeningNeeded", "OutOfDate",
    "OutOfDateConfigurationNeeded", "Revoked"};

/* One level a status; the higher the SVN, the better. */
static const struct {
	uint8_t svn;
	const char *date, *advisories;
} ladder[STATUSES] = {
    [UTD] = {70, "2026-11-11T00:00:00Z", NULL},
    [SWH] = {60, "2026-08-12T00:00:00Z", "INTEL-SA-90001"},
    [CFG] = {50, "2026-05-13T00:00:00Z", "INTEL-SA-90002"},
    [CSW] = {40, "2026-02-11T00:00:00Z", "INTEL-SA-90003"},
    [OOD] = {30, "2025-08-13T00:00:00Z", "INTEL-SA-90004"},
    [OODC] = {20, "2024-11-13T00:00:00Z", "INTEL-SA-90005"},
    [REV] = {10, "2022-11-09T00:00:00Z", "INTEL-SA-90006"},
};

/* QE and module: what SVN reaches which of the three levels of a world. */
static const char *const part_names[PARTS] = {"UTD", "OOD", "REV"};
static const uint8_t qe_svn[PARTS] = {8, 6, 1}, module_svn[PARTS] = {5, 3, 1};
static const char *const part_dates[PARTS] = {
    "2026-11-11T00:00:00Z", "2025-02-12T00:00:00Z", "2023-08-09T00:00:00Z"};

/* Platform status and the worse of QE and module. */
static const enum status converged[STATUSES][PARTS] = {
    [UTD] = {UTD, OOD, REV},
    [SWH] = {SWH, OOD, REV},
    [CFG] = {CFG, OODC, REV},
    [CSW] = {CSW, OODC, REV},
    [OOD] = {OOD, OOD, REV},
    [OODC] = {OODC, OODC, REV},
    [REV] = {REV, REV, REV},
};

/* -- what a world of the ladder looks like -- */

/* Levels that differ in SGX component 0, or in TDX component 2 alone. */
static void
set_ladder(struct mint_world *w, bool by_tdx)
{
	struct mint_tcb_info *t = &w->tcb_info;
	struct mint_level last = t->level[2];

	for (size_t i = 0; i < STATUSES; i++) {
		t->level[i] = last;
		if (by_tdx)
			t->level[i].tdx[2] = ladder[i].svn;
		else
			t->level[i].sgx[0] = ladder[i].svn;
		t->level[i].is = (struct mint_judgement){
		    ladder[i].date, full_names[i], ladder[i].advisories};
	}
	t->n_levels = STATUSES;
}

/* a: platform, b: QE, c: module, each by its index. */
static void
bend_status(struct mint_world *w, const struct mint_row *row)
{
	bool tdx = mint_kind_info(row->kind)->tdx;

	set_ladder(w, false);
	mint_world_set_component(w, 0, ladder[row->a].svn);
	w->quote.qe_report[MINT_SGX_ISVSVN] = qe_svn[row->b];
	if (tdx)
		w->quote.body[MINT_TD_SVN] = module_svn[row->c];
}

static const char *
earlier(const char *a, const char *b)
{
	return strcmp(a, b) < 0 ? a : b;
}

/* Write the advisories of the three parts, in the order of their numbers. */
static void
join(char *dst, size_t size, enum status p, enum part qe, enum part module)
{
	const char *parts[] = {ladder[p].advisories, qe == P_OOD ? "INTEL-SA-92001" : NULL,
	    module == P_OOD ? "INTEL-SA-93001" : NULL};

	dst[0] = '\0';
	for (size_t i = 0, at = 0; i < 3; i++)
		if (parts[i])
			at += (size_t)snprintf(
			    dst + at, size - at, "%s%s", at ? "," : "", parts[i]);
}

static MUST_CHECK bool
run_status(struct mint_run *r, enum mint_kind kind, enum status p, enum part qe, enum part module,
    struct err *e)
{
	bool tdx = mint_kind_info(kind)->tdx;
	enum status s = converged[p][qe > module ? qe : module];
	char name[64], what[160], advisories[128];
	struct mint_row row = {.name = name,
	    .what = what,
	    .kind = kind,
	    .reason = s == REV ? REASON_TCB_REVOKED : REASON_OK,
	    .status = full_names[s],
	    .advisories = advisories,
	    .tcb_date = earlier(
		earlier(ladder[p].date, part_dates[qe]), part_dates[tdx ? module : P_UTD]),
	    .bend = bend_status,
	    .a = p,
	    .b = qe,
	    .c = module};

	join(advisories, sizeof advisories, p, qe, module);
	if (tdx)
		snprintf(name, sizeof name, "status-tdx-%s-mod%s-qe%s", short_names[p],
		    part_names[module], part_names[qe]);
	else
		snprintf(name, sizeof name, "status-sgx-%s-qe%s", short_names[p], part_names[qe]);
	snprintf(what, sizeof what, "platform %s, QE %s%s%s", full_names[p], part_names[qe],
	    tdx ? ", module " : "", tdx ? part_names[module] : "");
	if (s == REV)
		row.tcb_date = NULL;
	return mint_run_row(r, &row, e);
}

static MUST_CHECK bool
run_statuses(struct mint_run *r, struct err *e)
{
	/* Formats take turns: the rule is the same in all of them. */
	static const enum mint_kind sgx[] = {MINT_SGX3, MINT_SGX4, MINT_SGX5};
	static const enum mint_kind tdx[] = {MINT_TDX4, MINT_TDX5_TD10};
	unsigned turn = 0;

	for (int p = 0; p < STATUSES; p++)
		for (int qe = 0; qe < PARTS; qe++) {
			if (!run_status(
				r, sgx[turn++ % 3], (enum status)p, (enum part)qe, P_UTD, e))
				return false;
			for (int m = 0; m < PARTS; m++)
				if (!run_status(r, tdx[turn++ % 2], (enum status)p, (enum part)qe,
					(enum part)m, e))
					return false;
		}
	return true;
}

/* -- launch and current -- */

/* The two statuses that only a relaunch gives. */
enum { TDRA = STATUSES, TDRAC };
static const char *const advised[] = {"TDRelaunchAdvised", "TDRelaunchAdvisedConfigurationNeeded"};

/* Launch status down, current status across. A current TCB that is revoked is Revoked, whatever the
 * launch was; apart from that, only a launch out of date that the current TCB cures is changed. */
static const int relaunched[STATUSES][STATUSES] = {
    /*         UTD    SWH    CFG    CSW    OOD   OODC  REV */
    [UTD] = {UTD, UTD, UTD, UTD, UTD, UTD, REV},
    [SWH] = {SWH, SWH, SWH, SWH, SWH, SWH, REV},
    [CFG] = {CFG, CFG, CFG, CFG, CFG, CFG, REV},
    [CSW] = {CSW, CSW, CSW, CSW, CSW, CSW, REV},
    [OOD] = {TDRA, TDRA, TDRAC, TDRAC, OOD, OOD, REV},
    [OODC] = {TDRAC, TDRAC, TDRAC, TDRAC, OODC, OODC, REV},
    [REV] = {REV, REV, REV, REV, REV, REV, REV},
};

static void
bend_relaunch(struct mint_world *w, const struct mint_row *row)
{
	set_ladder(w, true);
	w->quote.body[MINT_TD_SVN + 2] = ladder[row->a].svn;
	w->quote.body[MINT_TD_SVN2 + 2] = ladder[row->b].svn;
}

static MUST_CHECK bool
run_relaunch(struct mint_run *r, struct err *e)
{
	char name[64], what[160];

	for (int launch = 0; launch < STATUSES; launch++)
		for (int now = 0; now < STATUSES; now++) {
			int s = relaunched[launch][now];
			struct mint_row row = {.name = name,
			    .what = what,
			    .kind = MINT_TDX5_TD15,
			    .reason = s == REV ? REASON_TCB_REVOKED : REASON_OK,
			    .status = s >= TDRA ? advised[s - TDRA] : full_names[s],
			    .advisories = ladder[launch].advisories,
			    .tcb_date = s == REV ? NULL : ladder[launch].date,
			    .bend = bend_relaunch,
			    .a = launch,
			    .b = now};

			snprintf(name, sizeof name, "relaunch-%s-%s", short_names[launch],
			    short_names[now]);
			snprintf(what, sizeof what, "launched under platform %s, now %s",
			    full_names[launch], full_names[now]);
			if (!mint_run_row(r, &row, e))
				return false;
		}
	return true;
}

/* -- the same by way of module and QE -- */

/* a, b: major version and SVN of the current module; c: the QE's SVN. The launch module is 1.3. */
static void
bend_module(struct mint_world *w, const struct mint_row *row)
{
	w->quote.body[MINT_TD_SVN] = 3;
	w->quote.body[MINT_TD_SVN2] = (uint8_t)row->b;
	w->quote.body[MINT_TD_SVN2 + 1] = (uint8_t)row->a;
	w->quote.qe_report[MINT_SGX_ISVSVN] = (uint8_t)row->c;
}

/* The launch module is up to date, TEE_TCB_SVN2 is the row's. */
static void
bend_current(struct mint_world *w, const struct mint_row *row)
{
	w->quote.body[MINT_TD_SVN2] = (uint8_t)row->b;
	w->quote.body[MINT_TD_SVN2 + 1] = (uint8_t)row->a;
	w->quote.body[MINT_TD_SVN2 + 2] = (uint8_t)row->c;
}

#define CURED(name, what, kind, fn, major, svn, last)                                              \
	{                                                                                          \
		name, what, kind, .status = "TDRelaunchAdvised", .advisories = "INTEL-SA-93001",   \
				  .tcb_date = "2025-02-12T00:00:00Z", .bend = fn, .a = major,      \
				  .b = svn, .c = last                                              \
	}

static const struct mint_row modules[] = {
    CURED("relaunch-module", "launch module out of date, current one not", MINT_TDX5_TD15,
	bend_module, 1, 5, 8),
    CURED(
	"relaunch-module-ex", "the same with body type 4", MINT_TDX5_TD15EX, bend_module, 1, 5, 8),
    CURED("relaunch-module-other-major", "launch under TDX_01, current under TDX_03",
	MINT_TDX5_TD15, bend_module, 3, 5, 8),
    {"relaunch-module-still-old", "launch and current module out of date", MINT_TDX5_TD15,
	.status = "OutOfDate", .advisories = "INTEL-SA-93001", .bend = bend_module, .a = 1, .b = 4,
	.c = 8},
    {"relaunch-module-td10", "TD 1.0 in format 5 has no current TCB", MINT_TDX5_TD10,
	.status = "OutOfDate", .advisories = "INTEL-SA-93001", .bend = bend_module, .a = 1, .b = 5,
	.c = 8},
    {"relaunch-qe-outofdate", "current module cured, QE out of date: both are OutOfDate",
	MINT_TDX5_TD15, .status = "OutOfDate", .advisories = "INTEL-SA-92001,INTEL-SA-93001",
	.bend = bend_module, .a = 1, .b = 5, .c = 6},
    {"relaunch-qe-revoked", "QE revoked", MINT_TDX5_TD15, REASON_TCB_REVOKED, .bend = bend_module,
	.a = 1, .b = 5, .c = 1},
    {"relaunch-module-revoked", "current module revoked", MINT_TDX5_TD15, REASON_TCB_REVOKED,
	.bend = bend_module, .a = 1, .b = 1, .c = 8},
    {"relaunch-current-module-unknown", "current module of a major version without identity",
	MINT_TDX5_TD15, REASON_TCB_NOT_SUPPORTED, .bend = bend_current, .a = 9, .b = 5, .c = 9},
    {"relaunch-current-too-low", "TEE_TCB_SVN2 below every level", MINT_TDX5_TD15,
	REASON_TCB_NOT_SUPPORTED, .bend = bend_current, .a = 1, .b = 5, .c = 1},
    {"relaunch-current-module-too-low", "current module's SVN below every level", MINT_TDX5_TD15,
	REASON_TCB_NOT_SUPPORTED, .bend = bend_current, .a = 1, .b = 0, .c = 9},
    {"relaunch-current-older", "TEE_TCB_SVN2 below TEE_TCB_SVN: the launch status stands",
	MINT_TDX5_TD15, .bend = bend_current, .a = 1, .b = 3, .c = 7},
    {"relaunch-current-major-0", "current module of major version 0: TDX components are compared",
	MINT_TDX5_TD15, .bend = bend_current, .a = 0, .b = 5, .c = 9},
};

bool
mint_cases_matrix(struct mint_run *r, struct err *e)
{
	return run_statuses(r, e) && run_relaunch(r, e) && MINT_RUN_TABLE(r, modules, e);
}
