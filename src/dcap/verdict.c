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
compare_advisories(const void *pa, const void *pb)
{
	const struct advisory *a = pa, *b = pb;

	return strcmp(a->id, b->id);
}

static void
add_advisories(struct eedcap_verdict *v, const struct json_doc *doc, const struct level *level,
    enum eedcap_part part)
{
	const struct json_node *list = level ? level->advisories : NULL, *c;

	if (!list)
		return;
	for (c = json_first(doc, list); c; c = json_next(doc, list, c)) {
		struct advisory *one = &v->advisories[v->n_advisories];

		if (!json_cstr(c, one->id, sizeof one->id))
			continue; /* cannot be: the document was refused otherwise */
		one->parts = 1u << part;
		v->n_advisories++;
	}
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

	qsort(v->advisories, v->n_advisories, sizeof *v->advisories, compare_advisories);
	for (size_t i = 0; i < v->n_advisories; i++) {
		if (i > 0 && strcmp(v->advisories[i].id, v->advisories[kept - 1].id) == 0)
			v->advisories[kept - 1].parts |= v->advisories[i].parts;
		else
			v->advisories[kept++] = v->advisories[i];
	}
	v->n_advisories = kept;
}

bool
verdict_set_tcb(struct eedcap_verdict *v, const struct tcb_result *r, const struct tcb_info *ti,
    const struct qe_identity *qi, struct err *e)
{
	const struct {
		const struct level *level;
		const struct json_doc *doc;
	} parts[EEDCAP_PARTS] = {
	    [EEDCAP_PLATFORM] = {r->launch.platform, &ti->doc.json},
	    [EEDCAP_QE] = {r->launch.qe, &qi->doc.json},
	    [EEDCAP_MODULE] = {r->launch.module, &ti->doc.json},
	    [EEDCAP_CURRENT_PLATFORM] = {r->current.platform, &ti->doc.json},
	    [EEDCAP_CURRENT_MODULE] = {r->current.module, &ti->doc.json},
	};
	size_t n = 0;

	for (size_t i = 0; i < EEDCAP_PARTS; i++)
		n += count_of(parts[i].level);
	v->advisories = calloc(n ? n : 1, sizeof *v->advisories);
	if (!v->advisories)
		return err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "advisories");
	for (size_t i = 0; i < EEDCAP_PARTS; i++) {
		if (!parts[i].level)
			continue;
		add_advisories(v, parts[i].doc, parts[i].level, (enum eedcap_part)i);
		v->part[i].status = parts[i].level->status;
		v->part[i].date = parts[i].level->date;
	}
	sort_unique(v);
	v->status = r->status;
	v->current_status = r->current.status;
	v->tcb_date = r->launch.date;
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
	eedcap_quote_free(v->own_quote);
	free(v->advisories);
	free(v->shortfalls.v);
	free(v);
}

bool
eedcap_verdict_accepted(const struct eedcap_verdict *v)
{
	return v->accepted;
}

bool
eedcap_verdict_in_time(const struct eedcap_verdict *v)
{
	return v->authentic && v->in_time;
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
eedcap_verdict_current_status(const struct eedcap_verdict *v)
{
	return v->current_status;
}

/* The i-th advisory id that is of one of these parts. */
static const char *
advisory_of(const struct eedcap_verdict *v, uint32_t parts, size_t i)
{
	for (size_t k = 0; k < v->n_advisories; k++)
		if (v->advisories[k].parts & parts && i-- == 0)
			return v->advisories[k].id;
	return NULL;
}

const char *
eedcap_verdict_advisory(const struct eedcap_verdict *v, size_t i)
{
	return advisory_of(v, 1u << EEDCAP_PLATFORM | 1u << EEDCAP_QE | 1u << EEDCAP_MODULE, i);
}

const char *
eedcap_verdict_level_advisory(const struct eedcap_verdict *v, enum eedcap_part part, size_t i)
{
	return (size_t)part < EEDCAP_PARTS ? advisory_of(v, 1u << part, i) : NULL;
}

bool
eedcap_verdict_level(const struct eedcap_verdict *v, enum eedcap_part part,
    enum eedcap_status *status, int64_t *date)
{
	if ((size_t)part >= EEDCAP_PARTS || v->part[part].status == EEDCAP_STATUS_NONE)
		return false;
	*status = v->part[part].status;
	*date = v->part[part].date;
	return true;
}

int64_t
eedcap_verdict_tcb_date(const struct eedcap_verdict *v)
{
	return v->tcb_date;
}

int64_t
eedcap_verdict_outdated_since(const struct eedcap_verdict *v)
{
	return v->shortfalls.outdated_since;
}

bool
eedcap_verdict_shortfall(const struct eedcap_verdict *v, size_t i, struct eedcap_shortfall *out)
{
	if (i >= v->shortfalls.n)
		return false;
	*out = v->shortfalls.v[i];
	return true;
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
