#include "store/memory_impl.h"

#include "base/limits.h"

/* --- evidence: rows whose bytes are one block, which their record begins --- */

static int
order_of(const struct evidence_row *row, const char *app_name, const char *agent_id)
{
	int cmp = strcmp(row->app_name, app_name);

	return cmp ? cmp : strcmp(row->agent_id, agent_id);
}

static struct span
move_to(uint8_t **at, struct span s)
{
	struct span moved = span_of(*at, s.n);

	if (s.n)
		memcpy(*at, s.p, s.n);
	*at += s.n;
	return moved;
}

/* First, with chain_rows, since they alone can fail. */
bool
memory_copy_evidence(struct memory *m, const struct store_change *c, size_t n, struct err *e)
{
	if (!rows_reserve(&m->arrived, n, e) || !rows_reserve(&m->evidence, n, e))
		return false;
	for (size_t i = 0; i < n; i++) {
		struct evidence_row row = c[i].u.evidence;
		uint8_t *block;

		if (c[i].op != STORE_PUT_EVIDENCE)
			continue;
		block = malloc(row.record.n + row.quote.n + row.collateral.n + row.allowlist.n + 1);
		if (!block)
			return err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "evidence");
		row.record = move_to(&block, row.record);
		row.quote = move_to(&block, row.quote);
		row.collateral = move_to(&block, row.collateral);
		row.allowlist = move_to(&block, row.allowlist);
		rows_add(&m->arrived, &row);
	}
	return true;
}

void
memory_free_evidence(struct rows *r)
{
	for (size_t i = 0; i < r->n; i++)
		free((void *)(uintptr_t)((struct evidence_row *)rows_at(r, i))->record.p);
	r->n = 0;
}

static void
drop_evidence(struct memory *m, size_t i)
{
	free((void *)(uintptr_t)((struct evidence_row *)rows_at(&m->evidence, i))->record.p);
	rows_drop(&m->evidence, i);
}

/* Rows stand in their order. */
void
memory_put_evidence(struct memory *m)
{
	struct evidence_row row, *at;
	size_t i = 0;

	memcpy(&row, rows_at(&m->arrived, 0), sizeof row);
	rows_drop(&m->arrived, 0);
	while (
	    i < m->evidence.n && order_of(rows_at(&m->evidence, i), row.app_name, row.agent_id) < 0)
		i++;
	if (i < m->evidence.n
	    && order_of(rows_at(&m->evidence, i), row.app_name, row.agent_id) == 0)
		drop_evidence(m, i);
	at = rows_at(&m->evidence, i);
	memmove(at + 1, at, (m->evidence.n - i) * sizeof *at);
	*at = row;
	m->evidence.n++;
}

void
memory_delete_evidence(struct memory *m, const struct evidence_row *gone)
{
	for (size_t i = 0; i < m->evidence.n; i++) {
		const struct evidence_row *row = rows_at(&m->evidence, i);

		if (order_of(row, gone->app_name, gone->agent_id) == 0
		    && row->session == gone->session) {
			drop_evidence(m, i);
			return;
		}
	}
}

void
memory_delete_evidence_of(struct memory *m, const char *app_name)
{
	for (size_t i = m->evidence.n; i-- > 0;)
		if (strcmp(((struct evidence_row *)rows_at(&m->evidence, i))->app_name, app_name)
		    == 0)
			drop_evidence(m, i);
}

/* --- lists --- */

static const struct pin_row *
pin_of_list(const struct memory *m, const struct list_row *list)
{
	const struct pin_row *latest = NULL;

	for (size_t i = 0; i < m->pins.n; i++) {
		const struct pin_row *pin = rows_at(&m->pins, i);

		if (memcmp(pin->sha256, list->sha256, ATTEST_DIGEST) == 0
		    && (!latest || pin->used_at > latest->used_at))
			latest = pin;
	}
	return latest;
}

struct list_row *
memory_find_list(const struct memory *m, const uint8_t sha256[static ATTEST_DIGEST])
{
	for (size_t i = 0; i < m->lists.n; i++) {
		struct list_row *row = rows_at(&m->lists, i);

		if (memcmp(row->sha256, sha256, ATTEST_DIGEST) == 0)
			return row;
	}
	return NULL;
}

static void
drop_list(struct memory *m, size_t i)
{
	free((void *)(uintptr_t)((struct list_row *)rows_at(&m->lists, i))->bytes.p);
	rows_drop(&m->lists, i);
}

/* Those that no pin names, and of the others the ones used longest ago while there are too many. */
void
memory_trim_lists(struct memory *m)
{
	for (;;) {
		size_t sum = 0, oldest = 0;
		int64_t at = INT64_MAX;

		for (size_t i = m->lists.n; i-- > 0;) {
			const struct list_row *row = rows_at(&m->lists, i);
			const struct pin_row *pin = pin_of_list(m, row);

			if (!pin) {
				drop_list(m, i);
				oldest = oldest > i ? oldest - 1 : oldest;
				continue;
			}
			sum += row->bytes.n;
			if (pin->used_at < at) {
				at = pin->used_at;
				oldest = i;
			}
		}
		if (sum <= LIMIT_PINNED_LISTS)
			return;
		drop_list(m, oldest);
	}
}

/* Among the first, since it can fail. */
bool
memory_copy_lists(struct memory *m, const struct store_change *c, size_t n, struct err *e)
{
	if (!rows_reserve(&m->arrived_lists, n, e) || !rows_reserve(&m->lists, n, e))
		return false;
	for (size_t i = 0; i < n; i++) {
		struct list_row row = c[i].u.list;
		uint8_t *block;

		if (c[i].op != STORE_PUT_LIST)
			continue;
		block = malloc(row.bytes.n + 1);
		if (!block)
			return err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "list");
		row.bytes = move_to(&block, row.bytes);
		rows_add(&m->arrived_lists, &row);
	}
	return true;
}

void
memory_free_lists(struct rows *r)
{
	for (size_t i = 0; i < r->n; i++)
		free((void *)(uintptr_t)((struct list_row *)rows_at(r, i))->bytes.p);
	r->n = 0;
}

void
memory_put_list(struct memory *m)
{
	struct list_row row;

	memcpy(&row, rows_at(&m->arrived_lists, 0), sizeof row);
	rows_drop(&m->arrived_lists, 0);
	if (memory_find_list(m, row.sha256))
		free((void *)(uintptr_t)row.bytes.p);
	else
		rows_add(&m->lists, &row);
	memory_trim_lists(m);
}
