#include "dcap/tcb_info.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/hex.h"

const struct document_kind tcb_info_kind = {
    "TCB info", "tcbInfo", REASON_TCB_INFO_MALFORMED, REASON_TCB_INFO_SIGNATURE};

/* Version 3: an array of 16 objects with an svn each. */
static MUST_CHECK bool
read_components(const struct document *d, const struct json_node *tcb, const char *name,
    uint8_t out[static 16], struct err *e)
{
	const struct json_node *list, *c;
	size_t i = 0;
	int64_t svn;

	if (!document_get(d, tcb, name, JSON_ARRAY, &list, e))
		return false;
	if (list->count != 16)
		return document_bad(d, e, "%s has %u entries", name, list->count);
	for (c = json_first(&d->json, list); c; c = json_next(&d->json, list, c)) {
		if (c->type != JSON_OBJECT || json_has_dup(c))
			return document_bad(d, e, "%s has a bad entry", name);
		if (!document_int(d, c, "svn", 0, UINT8_MAX, &svn, e))
			return false;
		out[i++] = (uint8_t)svn;
	}
	return true;
}

/* Version 2: sixteen members. */
static MUST_CHECK bool
read_flat_components(
    const struct document *d, const struct json_node *tcb, uint8_t out[static 16], struct err *e)
{
	char name[24];
	int64_t svn;

	for (unsigned i = 0; i < 16; i++) {
		snprintf(name, sizeof name, "sgxtcbcomp%02usvn", i + 1);
		if (!document_int(d, tcb, name, 0, UINT8_MAX, &svn, e))
			return false;
		out[i] = (uint8_t)svn;
	}
	return true;
}

static MUST_CHECK bool
read_level(
    const struct tcb_info *ti, const struct json_node *node, struct tcb_level *out, struct err *e)
{
	const struct document *d = &ti->doc;
	const struct json_node *tcb;
	int64_t pcesvn;

	if (node->type != JSON_OBJECT || json_has_dup(node))
		return document_bad(d, e, "a level is no object without repeated members");
	if (!document_get(d, node, "tcb", JSON_OBJECT, &tcb, e)
	    || !document_int(d, tcb, "pcesvn", 0, UINT16_MAX, &pcesvn, e))
		return false;
	out->pcesvn = (uint16_t)pcesvn;
	out->tcb = tcb;
	if (d->version == 2) {
		if (!read_flat_components(d, tcb, out->sgx, e))
			return false;
	} else if (!read_components(d, tcb, "sgxtcbcomponents", out->sgx, e)) {
		return false;
	}
	if (ti->tee == EEDCAP_TDX && !read_components(d, tcb, "tdxtcbcomponents", out->tdx, e))
		return false;
	return document_level(d, node, STATUSES_OF_PLATFORM, &out->level, e);
}

/* Highest first: SGX components, then PCESVN, then TDX components, byte strings as such. */
static int
compare_levels(const void *pa, const void *pb)
{
	const struct tcb_level *a = pa, *b = pb;
	int by = memcmp(b->sgx, a->sgx, sizeof a->sgx);

	if (by == 0)
		by = (a->pcesvn < b->pcesvn) - (a->pcesvn > b->pcesvn);
	return by ? by : memcmp(b->tdx, a->tdx, sizeof a->tdx);
}

static MUST_CHECK bool
read_levels(struct tcb_info *ti, const struct json_node *top, struct err *e)
{
	const struct document *d = &ti->doc;
	const struct json_node *list, *c;

	if (!document_get(d, top, "tcbLevels", JSON_ARRAY, &list, e))
		return false;
	if (list->count == 0)
		return document_bad(d, e, "no levels");
	ti->levels = calloc(list->count, sizeof *ti->levels);
	if (!ti->levels)
		return err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "levels");
	for (c = json_first(&d->json, list); c; c = json_next(&d->json, list, c))
		if (!read_level(ti, c, &ti->levels[ti->n_levels++], e))
			return false;
	qsort(ti->levels, ti->n_levels, sizeof *ti->levels, compare_levels);
	for (size_t i = 1; i < ti->n_levels; i++)
		if (compare_levels(&ti->levels[i], &ti->levels[i - 1]) == 0)
			return document_bad(d, e, "repeated level");
	return true;
}

static MUST_CHECK bool
read_module(
    const struct document *d, const struct json_node *node, struct tdx_module *out, struct err *e)
{
	return document_hex(d, node, "mrsigner", out->mrsigner, sizeof out->mrsigner, e)
	       && document_hex(d, node, "attributes", out->attributes, sizeof out->attributes, e)
	       && document_hex(d, node, "attributesMask", out->mask, sizeof out->mask, e);
}

/* "TDX_" and two hex digits, in any case. */
static int
major_of(const struct json_node *id)
{
	char text[16];
	uint8_t major;

	if (!json_cstr(id, text, sizeof text) || !span_iis(span_first(span_str(text), 4), "tdx_")
	    || !hex_decode(span_from(span_str(text), 4), &major, 1))
		return -1;
	return major;
}

static MUST_CHECK bool
read_identities(struct tcb_info *ti, const struct json_node *top, struct err *e)
{
	const struct document *d = &ti->doc;
	const struct json_node *list, *c, *id;

	if (!json_get(&d->json, top, "tdxModuleIdentities"))
		return true;
	if (!document_get(d, top, "tdxModuleIdentities", JSON_ARRAY, &list, e))
		return false;
	if (list->count == 0)
		return true;
	ti->identities = calloc(list->count, sizeof *ti->identities);
	if (!ti->identities)
		return err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "module identities");
	for (c = json_first(&d->json, list); c; c = json_next(&d->json, list, c)) {
		struct tdx_module_identity *m = &ti->identities[ti->n_identities];

		if (c->type != JSON_OBJECT || json_has_dup(c))
			return document_bad(d, e, "a module identity is no proper object");
		if (!document_get(d, c, "id", JSON_STRING, &id, e)
		    || !read_module(d, c, &m->module, e)
		    || !isv_levels_read(d, c, STATUSES_OF_PLATFORM, UINT8_MAX, &m->levels, e))
			return false;
		m->major = major_of(id);
		if (m->major >= 0 && tcb_info_identity(ti, m->major)) {
			ti->n_identities++; /* so that fini frees its levels */
			return document_bad(d, e, "repeated module identity %d", m->major);
		}
		ti->n_identities++;
	}
	return true;
}

/* Version 3 names its TEE; version 2 is from before TDX. */
static MUST_CHECK bool
read_tee(struct tcb_info *ti, const struct json_node *top, struct err *e)
{
	const struct document *d = &ti->doc;
	const struct json_node *id;

	if (d->version != 2 && d->version != 3)
		return document_bad(d, e, "version %lld", (long long)d->version);
	ti->tee = EEDCAP_SGX;
	if (d->version == 3) {
		if (!document_get(d, top, "id", JSON_STRING, &id, e))
			return false;
		if (json_is(id, "TDX"))
			ti->tee = EEDCAP_TDX;
		else if (!json_is(id, "SGX"))
			return document_bad(d, e, "id is neither SGX nor TDX");
	}
	if (ti->tee == EEDCAP_SGX
	    && (json_get(&d->json, top, "tdxModule")
		|| json_get(&d->json, top, "tdxModuleIdentities")))
		return document_bad(d, e, "SGX document with TDX members");
	return true;
}

bool
tcb_info_read(struct tcb_info *ti, struct err *e)
{
	const struct document *d = &ti->doc;
	const struct json_node *top, *module;
	int64_t type;

	if (!document_read(&ti->doc, e))
		return false;
	top = json_top(&d->json);
	if (!read_tee(ti, top, e) || !document_hex(d, top, "fmspc", ti->fmspc, sizeof ti->fmspc, e)
	    || !document_hex(d, top, "pceId", ti->pceid, sizeof ti->pceid, e)
	    || !document_int(d, top, "tcbType", 0, 0, &type, e))
		return false;
	if (ti->tee == EEDCAP_TDX
	    && (!document_get(d, top, "tdxModule", JSON_OBJECT, &module, e)
		|| !read_module(d, module, &ti->module, e) || !read_identities(ti, top, e)))
		return false;
	return read_levels(ti, top, e);
}

void
tcb_info_fini(struct tcb_info *ti)
{
	for (size_t i = 0; i < ti->n_identities; i++)
		free(ti->identities[i].levels.v);
	free(ti->identities);
	free(ti->levels);
	document_fini(&ti->doc);
}

const struct tdx_module_identity *
tcb_info_identity(const struct tcb_info *ti, int major)
{
	for (size_t i = 0; i < ti->n_identities; i++)
		if (ti->identities[i].major == major)
			return &ti->identities[i];
	return NULL;
}
