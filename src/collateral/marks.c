#include "collateral/marks.h"

#include "base/jcs.h"
#include "base/json.h"

#define VERSION 1

/* -- looking -- */

static struct mark
higher(struct mark a, struct mark b)
{
	return (struct mark){
	    a.issued > b.issued ? a.issued : b.issued, a.number > b.number ? a.number : b.number};
}

/* The index of a platform's row, or m->n. */
static size_t
find(const struct marks *m, const struct collateral_key *k)
{
	size_t i = 0;

	while (i < m->n && !key_same(&m->row[i].key, k))
		i++;
	return i;
}

struct mark
marks_of_platform(const struct marks *m, const struct collateral_key *k, enum eedcap_item i)
{
	size_t at = find(m, k);

	return at < m->n ? m->row[at].item[i] : (struct mark){0, 0};
}

static bool
shares(const struct collateral_key *a, const struct collateral_key *b, enum eedcap_item i)
{
	switch (i) {
	case EEDCAP_ROOT_CA_CRL:
		return true;
	case EEDCAP_PCK_CRL:
		return a->ca == b->ca;
	case EEDCAP_QE_IDENTITY:
		return a->tee == b->tee;
	case EEDCAP_TCB_INFO:
		break;
	}
	return a->tee == b->tee && memcmp(a->fmspc, b->fmspc, sizeof a->fmspc) == 0;
}

struct mark
marks_of_item(const struct marks *m, const struct collateral_key *k, enum eedcap_item i)
{
	struct mark top = {0, 0};

	for (size_t n = 0; n < m->n; n++)
		if (shares(&m->row[n].key, k, i))
			top = higher(top, m->row[n].item[i]);
	return top;
}

bool
mark_is_above(const struct mark *m, const struct eedcap_item_facts *f)
{
	return f->issued < m->issued || f->evaluation_number < m->number;
}

/* -- raising -- */

static void
drop(struct marks *m, size_t i)
{
	m->n--;
	memmove(&m->row[i], &m->row[i + 1], (m->n - i) * sizeof m->row[0]);
}

bool
marks_raise(struct marks *m, const struct collateral_key *k, const struct eedcap_collateral *c,
    int64_t now_s)
{
	size_t old = find(m, k);
	bool known = old < m->n, changed = !known;
	struct marks_row row = {.key = *k};

	row.key.root_crl_url[0] = '\0';
	for (int i = 0; i < EEDCAP_ITEMS; i++) {
		struct mark was = known ? m->row[old].item[i] : (struct mark){0, 0};
		struct eedcap_item_facts f;

		eedcap_collateral_item(c, (enum eedcap_item)i, &f);
		row.item[i] = f.issued > now_s
				  ? was
				  : higher(was, (struct mark){f.issued, f.evaluation_number});
		changed = changed || row.item[i].issued != was.issued
			  || row.item[i].number != was.number;
	}
	if (!changed)
		return false;
	if (known)
		drop(m, old);
	else if (m->n == MARKS_MAX)
		drop(m, 0);
	m->row[m->n++] = row;
	return true;
}

/* -- as a file -- */

void
marks_write(const struct marks *m, const char *root, struct buf *out)
{
	struct jw w = jw_of(out);
	char name[KEY_NAME_MAX];

	jw_object(&w, NULL);
	jw_int(&w, "version", VERSION);
	jw_str(&w, "root", root);
	jw_array(&w, "marks");
	for (size_t i = 0; i < m->n; i++) {
		jw_object(&w, NULL);
		jw_str(&w, "platform", key_name(&m->row[i].key, name));
		for (int n = 0; n < EEDCAP_ITEMS; n++) {
			jw_object(&w, item_name((enum eedcap_item)n));
			jw_int(&w, "issued", m->row[i].item[n].issued);
			jw_int(&w, "number", m->row[i].item[n].number);
			jw_end_object(&w);
		}
		jw_end_object(&w);
	}
	jw_end_array(&w);
	jw_end_object(&w);
}

static bool
bad(struct err *e, const char *what)
{
	return err_set(e, ERR_MALFORMED, REASON_COLLATERAL_MARKS, "marks: %s", what);
}

static bool
get_int(const struct json_doc *doc, const struct json_node *obj, const char *name, int64_t max,
    int64_t *out)
{
	const struct json_node *v = json_get(doc, obj, name);

	return v && json_int(v, 0, max, out);
}

static bool
read_row(struct marks *m, const struct json_doc *doc, const struct json_node *obj)
{
	const struct json_node *v = json_get(doc, obj, "platform");
	struct marks_row row = {0};
	char name[KEY_NAME_MAX];

	if (!v || json_has_dup(obj) || !json_cstr(v, name, sizeof name)
	    || !key_read(span_str(name), &row.key) || find(m, &row.key) < m->n || m->n == MARKS_MAX)
		return false;
	for (int i = 0; i < EEDCAP_ITEMS; i++) {
		const struct json_node *item = json_get(doc, obj, item_name((enum eedcap_item)i));
		int64_t number = 0;

		/* Year 9999: what dates can say. */
		if (!item || item->type != JSON_OBJECT || json_has_dup(item)
		    || !get_int(doc, item, "issued", 253402300799, &row.item[i].issued)
		    || !get_int(doc, item, "number", UINT32_MAX, &number))
			return false;
		row.item[i].number = (uint32_t)number;
	}
	m->row[m->n++] = row;
	return true;
}

static bool
read_rows(struct marks *m, const struct json_doc *doc, const char *root, struct err *e)
{
	const struct json_node *top = json_top(doc), *rows;
	int64_t version;

	if (top->type != JSON_OBJECT || json_has_dup(top)
	    || !get_int(doc, top, "version", VERSION, &version) || version != VERSION)
		return bad(e, "not an object of version 1");
	if (!json_is(json_get(doc, top, "root"), root))
		return bad(e, "they hold for another trusted root");
	rows = json_get(doc, top, "marks");
	if (!rows || rows->type != JSON_ARRAY)
		return bad(e, "no array of marks");
	for (const struct json_node *r = json_first(doc, rows); r; r = json_next(doc, rows, r))
		if (r->type != JSON_OBJECT || !read_row(m, doc, r))
			return bad(e, "a row is malformed, repeated or one too many");
	return true;
}

bool
marks_read(struct marks *m, struct span text, const char *root, struct err *e)
{
	static const struct json_limits lim = {4, 32 * MARKS_MAX};
	struct marks fresh = {.n = 0};
	struct json_doc doc;
	struct err why = {0};
	bool ok;

	if (!json_parse(&doc, text, lim, &why))
		return why.code == ERR_NOMEM ? err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "marks")
					     : bad(e, why.detail);
	ok = read_rows(&fresh, &doc, root, e);
	json_free(&doc);
	if (ok)
		*m = fresh;
	return ok;
}
