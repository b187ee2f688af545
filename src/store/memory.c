#include "store/memory.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

/* What has been submitted and not yet polled. */
struct finished {
	store_done_fn *done;
	store_rows_fn *rows; /* of a read, with its query */
	struct audit_query query;
	store_evidence_fn *evidence;
	struct evidence_query which;
	store_list_fn *list;
	uint8_t sha256[ATTEST_DIGEST];
	void *ctx;
};

/* A growing array of rows of one size. */
struct rows {
	unsigned char *p;
	size_t n, cap, size;
};

struct memory {
	struct store head; /* first */
	store_wake_fn *wake;
	void *wake_ctx;
	struct rows apps, pins, bans, audit, evidence, lists, finished;
	struct rows arrived, arrived_lists; /* of one submit, copied */
	struct audit_chain chain;
	bool closing;
};

static void *
row_at(const struct rows *r, size_t i)
{
	return r->p + i * r->size;
}

/* Room for n more, so that the rows of one submit go in all or none. */
static MUST_CHECK bool
reserve(struct rows *r, size_t n, struct err *e)
{
	size_t cap = r->cap ? r->cap : 16;
	unsigned char *more;

	while (cap - r->n < n)
		cap *= 2;
	if (cap == r->cap)
		return true;
	more = realloc(r->p, cap * r->size);
	if (!more)
		return err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "memory store");
	r->p = more;
	r->cap = cap;
	return true;
}

static void
add(struct rows *r, const void *row)
{
	memcpy(row_at(r, r->n++), row, r->size);
}

static void
drop(struct rows *r, size_t i)
{
	r->n--;
	memmove(row_at(r, i), row_at(r, i + 1), (r->n - i) * r->size);
}

static void
drop_app(struct memory *m, const char *name)
{
	for (size_t i = 0; i < m->apps.n; i++) {
		const struct app_row *row = row_at(&m->apps, i);

		if (strcmp(row->name, name) == 0) {
			drop(&m->apps, i);
			return;
		}
	}
}

static void
drop_pin(struct memory *m, const struct pin_row *pin)
{
	for (size_t i = 0; i < m->pins.n; i++) {
		const struct pin_row *row = row_at(&m->pins, i);

		if (strcmp(row->repo, pin->repo) == 0
		    && strcmp(row->release_tag, pin->release_tag) == 0) {
			drop(&m->pins, i);
			return;
		}
	}
}

static void
drop_ban(struct memory *m, const char *name)
{
	for (size_t i = 0; i < m->bans.n; i++) {
		const struct ban_row *row = row_at(&m->bans, i);

		if (strcmp(row->name, name) == 0) {
			drop(&m->bans, i);
			return;
		}
	}
}

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
static MUST_CHECK bool
copy_evidence(struct memory *m, const struct store_change *c, size_t n, struct err *e)
{
	if (!reserve(&m->arrived, n, e) || !reserve(&m->evidence, n, e))
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
		add(&m->arrived, &row);
	}
	return true;
}

static void
free_evidence(struct rows *r)
{
	for (size_t i = 0; i < r->n; i++)
		free((void *)(uintptr_t)((struct evidence_row *)row_at(r, i))->record.p);
	r->n = 0;
}

static void
drop_evidence(struct memory *m, size_t i)
{
	free((void *)(uintptr_t)((struct evidence_row *)row_at(&m->evidence, i))->record.p);
	drop(&m->evidence, i);
}

/* Rows stand in their order. */
static void
put_evidence(struct memory *m)
{
	struct evidence_row row, *at;
	size_t i = 0;

	memcpy(&row, row_at(&m->arrived, 0), sizeof row);
	drop(&m->arrived, 0);
	while (
	    i < m->evidence.n && order_of(row_at(&m->evidence, i), row.app_name, row.agent_id) < 0)
		i++;
	if (i < m->evidence.n && order_of(row_at(&m->evidence, i), row.app_name, row.agent_id) == 0)
		drop_evidence(m, i);
	at = row_at(&m->evidence, i);
	memmove(at + 1, at, (m->evidence.n - i) * sizeof *at);
	*at = row;
	m->evidence.n++;
}

static void
delete_evidence(struct memory *m, const struct evidence_row *gone)
{
	for (size_t i = 0; i < m->evidence.n; i++) {
		const struct evidence_row *row = row_at(&m->evidence, i);

		if (order_of(row, gone->app_name, gone->agent_id) == 0
		    && row->session == gone->session) {
			drop_evidence(m, i);
			return;
		}
	}
}

static void
delete_evidence_of(struct memory *m, const char *app_name)
{
	for (size_t i = m->evidence.n; i-- > 0;)
		if (strcmp(((struct evidence_row *)row_at(&m->evidence, i))->app_name, app_name)
		    == 0)
			drop_evidence(m, i);
}

/* --- lists --- */

static const struct pin_row *
pin_of_list(const struct memory *m, const struct list_row *list)
{
	const struct pin_row *latest = NULL;

	for (size_t i = 0; i < m->pins.n; i++) {
		const struct pin_row *pin = row_at(&m->pins, i);

		if (memcmp(pin->sha256, list->sha256, ATTEST_DIGEST) == 0
		    && (!latest || pin->used_at > latest->used_at))
			latest = pin;
	}
	return latest;
}

static struct list_row *
find_list(const struct memory *m, const uint8_t sha256[static ATTEST_DIGEST])
{
	for (size_t i = 0; i < m->lists.n; i++) {
		struct list_row *row = row_at(&m->lists, i);

		if (memcmp(row->sha256, sha256, ATTEST_DIGEST) == 0)
			return row;
	}
	return NULL;
}

static void
drop_list(struct memory *m, size_t i)
{
	free((void *)(uintptr_t)((struct list_row *)row_at(&m->lists, i))->bytes.p);
	drop(&m->lists, i);
}

/* Those that no pin names, and of the others the ones used longest ago while there are too many. */
static void
trim_lists(struct memory *m)
{
	for (;;) {
		size_t sum = 0, oldest = 0;
		int64_t at = INT64_MAX;

		for (size_t i = m->lists.n; i-- > 0;) {
			const struct list_row *row = row_at(&m->lists, i);
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
static MUST_CHECK bool
copy_lists(struct memory *m, const struct store_change *c, size_t n, struct err *e)
{
	if (!reserve(&m->arrived_lists, n, e) || !reserve(&m->lists, n, e))
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
		add(&m->arrived_lists, &row);
	}
	return true;
}

static void
free_lists(struct rows *r)
{
	for (size_t i = 0; i < r->n; i++)
		free((void *)(uintptr_t)((struct list_row *)row_at(r, i))->bytes.p);
	r->n = 0;
}

static void
put_list(struct memory *m)
{
	struct list_row row;

	memcpy(&row, row_at(&m->arrived_lists, 0), sizeof row);
	drop(&m->arrived_lists, 0);
	if (find_list(m, row.sha256))
		free((void *)(uintptr_t)row.bytes.p);
	else
		add(&m->lists, &row);
	trim_lists(m);
}

static void
apply(struct memory *m, const struct store_change *c)
{
	switch (c->op) {
	case STORE_PUT_APP:
		drop_app(m, c->u.app.name);
		add(&m->apps, &c->u.app);
		break;
	case STORE_DELETE_APP:
		drop_app(m, c->u.app.name);
		delete_evidence_of(m, c->u.app.name);
		break;
	case STORE_PUT_PIN:
		drop_pin(m, &c->u.pin);
		add(&m->pins, &c->u.pin);
		trim_lists(m);
		break;
	case STORE_DELETE_PIN:
		drop_pin(m, &c->u.pin);
		trim_lists(m);
		break;
	case STORE_PUT_LIST:
		put_list(m);
		break;
	case STORE_PUT_BAN:
		drop_ban(m, c->u.ban.name);
		add(&m->bans, &c->u.ban);
		break;
	case STORE_LIFT_BAN:
		drop_ban(m, c->u.ban.name);
		break;
	case STORE_PUT_EVIDENCE:
		put_evidence(m);
		break;
	case STORE_DELETE_EVIDENCE:
		delete_evidence(m, &c->u.evidence);
		break;
	case STORE_ADD_AUDIT:
		break; /* chain_rows did it */
	}
}

/* First, since it alone can fail. */
static MUST_CHECK bool
chain_rows(struct memory *m, const struct store_change *c, size_t n, struct err *e)
{
	struct audit_chain was = m->chain;
	size_t before = m->audit.n;

	for (size_t i = 0; i < n; i++) {
		if (c[i].op != STORE_ADD_AUDIT)
			continue;
		add(&m->audit, &c[i].u.audit);
		if (!audit_chain_add(&m->chain, row_at(&m->audit, m->audit.n - 1), e)) {
			m->audit.n = before;
			m->chain = was;
			return false;
		}
	}
	return true;
}

static bool
memory_load(struct store *st, const struct store_loader *to, struct err *e)
{
	const struct memory *m = (const struct memory *)st;

	for (size_t i = 0; to->app && i < m->apps.n; i++)
		if (!to->app(to->ctx, row_at(&m->apps, i), e))
			return false;
	for (size_t i = 0; to->pin && i < m->pins.n; i++)
		if (!to->pin(to->ctx, row_at(&m->pins, i), e))
			return false;
	for (size_t i = 0; to->ban && i < m->bans.n; i++)
		if (!to->ban(to->ctx, row_at(&m->bans, i), e))
			return false;
	for (size_t i = 0, n = 0; to->audit && i < m->audit.n && n < to->audit_max; i++) {
		const struct audit_row *row = row_at(&m->audit, m->audit.n - 1 - i);

		if (to->audit_event && strcmp(to->audit_event, row->event) != 0)
			continue;
		n++;
		if (!to->audit(to->ctx, row, e))
			return false;
	}
	return true;
}

static bool
memory_submit(struct store *st, const struct store_change *c, size_t n, store_done_fn *done,
    void *ctx, struct err *e)
{
	struct memory *m = (struct memory *)st;

	if (m->closing)
		return err_set(e, ERR_NOT_NOW, REASON_STORE_FAILED, "closing");
	if (!reserve(&m->apps, n, e) || !reserve(&m->pins, n, e) || !reserve(&m->bans, n, e)
	    || !reserve(&m->audit, n, e) || !reserve(&m->finished, 1, e)
	    || !copy_evidence(m, c, n, e) || !copy_lists(m, c, n, e) || !chain_rows(m, c, n, e)) {
		free_evidence(&m->arrived);
		free_lists(&m->arrived_lists);
		return false;
	}
	for (size_t i = 0; i < n; i++)
		apply(m, &c[i]);
	add(&m->finished, &(struct finished){.done = done, .ctx = ctx});
	m->wake(m->wake_ctx);
	return true;
}

static bool
memory_read_audit(
    struct store *st, const struct audit_query *q, store_rows_fn *done, void *ctx, struct err *e)
{
	struct memory *m = (struct memory *)st;

	if (m->closing || !reserve(&m->finished, 1, e))
		return err_set(e, ERR_NOT_NOW, REASON_STORE_FAILED, "closing");
	add(&m->finished, &(struct finished){.rows = done, .query = *q, .ctx = ctx});
	m->wake(m->wake_ctx);
	return true;
}

static bool
memory_read_evidence(struct store *st, const struct evidence_query *q, store_evidence_fn *done,
    void *ctx, struct err *e)
{
	struct memory *m = (struct memory *)st;

	if (m->closing || !reserve(&m->finished, 1, e))
		return err_set(e, ERR_NOT_NOW, REASON_STORE_FAILED, "closing");
	add(&m->finished, &(struct finished){.evidence = done, .which = *q, .ctx = ctx});
	m->wake(m->wake_ctx);
	return true;
}

static bool
memory_read_list(struct store *st, const uint8_t sha256[static ATTEST_DIGEST], store_list_fn *done,
    void *ctx, struct err *e)
{
	struct memory *m = (struct memory *)st;
	struct finished f = {.list = done, .ctx = ctx};

	if (m->closing || !reserve(&m->finished, 1, e))
		return err_set(e, ERR_NOT_NOW, REASON_STORE_FAILED, "closing");
	memcpy(f.sha256, sha256, sizeof f.sha256);
	add(&m->finished, &f);
	m->wake(m->wake_ctx);
	return true;
}

static bool
memory_copy(struct store *st, const char *path, store_done_fn *done, void *ctx, struct err *e)
{
	return err_set(e, ERR_UNSUPPORTED, REASON_STORE_FAILED, "%.80s: no file to copy", path);
}

static struct audit_chain
memory_audit_head(struct store *st)
{
	return ((struct memory *)st)->chain;
}

static void
hand_rows(const struct memory *m, const struct finished *f)
{
	struct audit_row *rows = calloc(f->query.limit, sizeof *rows);
	struct err e = {0};
	size_t n = 0;

	if (!rows) {
		(void)err_set(&e, ERR_NOMEM, REASON_NO_MEMORY, "rows");
		f->rows(f->ctx, NULL, 0, &e);
		return;
	}
	for (size_t i = 0; i < m->audit.n && n < f->query.limit; i++) {
		const struct audit_row *row = row_at(&m->audit, i);

		if (row->seq > f->query.after
		    && (!f->query.app_name[0] || strcmp(f->query.app_name, row->app_name) == 0))
			rows[n++] = *row;
	}
	f->rows(f->ctx, rows, n, NULL);
	free(rows);
}

static bool
is_asked_for(const struct evidence_row *row, const struct evidence_query *q)
{
	int cmp = strcmp(row->agent_id, q->agent_id);

	return strcmp(row->app_name, q->app_name) == 0 && (q->alone ? cmp == 0 : cmp > 0);
}

static void
hand_evidence(const struct memory *m, const struct finished *f)
{
	const struct evidence_row *first = NULL;
	size_t n = 0, bytes = 0;
	bool more = false;

	for (size_t i = 0; i < m->evidence.n && !more; i++) {
		const struct evidence_row *row = row_at(&m->evidence, i);

		if (!is_asked_for(row, &f->which))
			continue;
		more = n == f->which.limit || (n && bytes > STORE_EVIDENCE_BYTES);
		if (more)
			break;
		first = first ? first : row;
		n++;
		bytes += row->record.n + row->quote.n + row->collateral.n + row->allowlist.n;
	}
	f->evidence(f->ctx, first, n, more, NULL);
}

static void
hand_list(const struct memory *m, const struct finished *f)
{
	const struct list_row *row = find_list(m, f->sha256);

	f->list(f->ctx, row ? row->bytes : span_of(NULL, 0), NULL);
}

/* A done may submit again: what it adds is run too. */
static void
memory_poll(struct store *st)
{
	struct memory *m = (struct memory *)st;

	while (m->finished.n > 0) {
		struct finished f;

		memcpy(&f, row_at(&m->finished, 0), sizeof f);
		drop(&m->finished, 0);
		if (f.rows)
			hand_rows(m, &f);
		else if (f.evidence)
			hand_evidence(m, &f);
		else if (f.list)
			hand_list(m, &f);
		else if (f.done)
			f.done(f.ctx, NULL);
	}
}

static void
memory_close(struct store *st)
{
	struct memory *m = (struct memory *)st;

	m->closing = true;
	memory_poll(st);
	free(m->apps.p);
	free(m->pins.p);
	free(m->bans.p);
	free(m->audit.p);
	free_evidence(&m->evidence);
	free(m->evidence.p);
	free(m->arrived.p);
	free_lists(&m->lists);
	free(m->lists.p);
	free(m->arrived_lists.p);
	free(m->finished.p);
	free(m);
}

static const struct store_ops ops = {.load = memory_load,
    .submit = memory_submit,
    .read_audit = memory_read_audit,
    .read_evidence = memory_read_evidence,
    .read_list = memory_read_list,
    .copy = memory_copy,
    .audit_head = memory_audit_head,
    .poll = memory_poll,
    .close = memory_close};

bool
store_memory_open(struct store **out, store_wake_fn *wake, void *wake_ctx, struct err *e)
{
	struct memory *m = calloc(1, sizeof *m);

	*out = NULL;
	if (!m)
		return err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "memory store");
	m->head.ops = &ops;
	m->wake = wake;
	m->wake_ctx = wake_ctx;
	m->apps.size = sizeof(struct app_row);
	m->pins.size = sizeof(struct pin_row);
	m->bans.size = sizeof(struct ban_row);
	m->audit.size = sizeof(struct audit_row);
	m->evidence.size = m->arrived.size = sizeof(struct evidence_row);
	m->lists.size = m->arrived_lists.size = sizeof(struct list_row);
	m->finished.size = sizeof(struct finished);
	*out = &m->head;
	return true;
}
