#include "dcap/verdict.h"

#include <stdlib.h>

static const char *const names[] = {
    [EEDCAP_UP_TO_DATE] = "UpToDate",
    [EEDCAP_SW_HARDENING_NEEDED] = "SWHardeningNeeded",
    [EEDCAP_CONFIGURATION_NEEDED] = "ConfigurationNeeded",
    [EEDCAP_CONFIGURATION_AND_SW_HARDENING_NEEDED] = "ConfigurationAndSWHardeningNeeded",
    [EEDCAP_OUT_OF_DATE] = "OutOfDate",
    [EEDCAP_OUT_OF_DATE_CONFIGURATION_NEEDED] = "OutOfDateConfigurationNeeded",
    [EEDCAP_TD_RELAUNCH_ADVISED] = "TDRelaunchAdvised",
    [EEDCAP_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED] = "TDRelaunchAdvisedConfigurationNeeded",
    [EEDCAP_REVOKED] = "Revoked",
};
#define NAMES (sizeof names / sizeof names[0])

const char *
eedcap_status_name(enum eedcap_status s)
{
	return (size_t)s < NAMES ? names[s] : NULL;
}

enum eedcap_status
eedcap_status_find(const char *name)
{
	for (size_t i = 1; i < NAMES; i++)
		if (strcmp(names[i], name) == 0)
			return (enum eedcap_status)i;
	return EEDCAP_STATUS_NONE;
}

static int
compare_ids(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void
add_advisories(struct eedcap_verdict *v, const struct json_doc *doc, const struct level *level)
{
	const struct json_node *list = level ? level->advisories : NULL, *c;

	if (!list)
		return;
	for (c = json_first(doc, list); c; c = json_next(doc, list, c))
		if (json_cstr(c, v->advisories[v->n_advisories], ADVISORY_MAX))
			v->n_advisories++;
}

static size_t
count_of(const struct level *level)
{
	return level && level->advisories ? level->advisories->count : 0;
}

static void
sort_unique(struct eedcap_verdict *v)
{
	size_t kept = 0;

	if (v->n_advisories == 0)
		return;
	qsort(v->advisories, v->n_advisories, ADVISORY_MAX, compare_ids);
	for (size_t i = 0; i < v->n_advisories; i++) {
		if (i > 0 && strcmp(v->advisories[i], v->advisories[kept - 1]) == 0)
			continue;
		memmove(v->advisories[kept++], v->advisories[i], ADVISORY_MAX);
	}
	v->n_advisories = kept;
}

bool
verdict_set_tcb(struct eedcap_verdict *v, const struct tcb_result *r, const struct tcb_info *ti,
    const struct qe_identity *qi, struct err *e)
{
	size_t n = count_of(r->platform) + count_of(r->qe) + count_of(r->module);

	v->advisories = calloc(n ? n : 1, ADVISORY_MAX);
	if (!v->advisories)
		return err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "advisories");
	add_advisories(v, &ti->doc.json, r->platform);
	add_advisories(v, &qi->doc.json, r->qe);
	add_advisories(v, &ti->doc.json, r->module);
	sort_unique(v);
	v->status = r->status;
	v->platform_status = r->platform->status;
	v->qe_status = r->qe->status;
	v->module_status = r->module ? r->module->status : EEDCAP_STATUS_NONE;
	v->current_status = r->current;
	v->tcb_date = r->date;
	return true;
}

void
verdict_warn(struct eedcap_verdict *v, const char *text)
{
	if (v->n_warnings < WARNINGS_MAX)
		v->warnings[v->n_warnings++] = text;
}

void
eedcap_verdict_free(struct eedcap_verdict *v)
{
	if (!v)
		return;
	eedcap_quote_free(v->quote);
	free(v->advisories);
	free(v);
}

bool
eedcap_verdict_accepted(const struct eedcap_verdict *v)
{
	return v->accepted;
}

bool
eedcap_verdict_authentic(const struct eedcap_verdict *v)
{
	return v->authentic;
}

const struct eedcap_error *
eedcap_verdict_error(const struct eedcap_verdict *v)
{
	return &v->error;
}

enum eedcap_status
eedcap_verdict_status(const struct eedcap_verdict *v)
{
	return v->status;
}

enum eedcap_status
eedcap_verdict_platform_status(const struct eedcap_verdict *v)
{
	return v->platform_status;
}

enum eedcap_status
eedcap_verdict_qe_status(const struct eedcap_verdict *v)
{
	return v->qe_status;
}

enum eedcap_status
eedcap_verdict_module_status(const struct eedcap_verdict *v)
{
	return v->module_status;
}

enum eedcap_status
eedcap_verdict_current_status(const struct eedcap_verdict *v)
{
	return v->current_status;
}

const char *
eedcap_verdict_advisory(const struct eedcap_verdict *v, size_t i)
{
	return i < v->n_advisories ? v->advisories[i] : NULL;
}

int64_t
eedcap_verdict_tcb_date(const struct eedcap_verdict *v)
{
	return v->tcb_date;
}

uint32_t
eedcap_verdict_evaluation_number(const struct eedcap_verdict *v)
{
	return v->evaluation_number;
}

int64_t
eedcap_verdict_earliest_expiry(const struct eedcap_verdict *v)
{
	return v->valid.end;
}

int64_t
eedcap_verdict_latest_start(const struct eedcap_verdict *v)
{
	return v->valid.start;
}

const struct eedcap_quote *
eedcap_verdict_quote(const struct eedcap_verdict *v)
{
	return v->authentic ? v->quote : NULL;
}

const struct eedcap_platform *
eedcap_verdict_platform(const struct eedcap_verdict *v)
{
	return v->authentic ? &v->platform : NULL;
}

const char *
eedcap_verdict_warning(const struct eedcap_verdict *v, size_t i)
{
	return i < v->n_warnings ? v->warnings[i] : NULL;
}
