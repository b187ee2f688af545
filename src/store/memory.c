#include "store/memory_impl.h"

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

static void
drop_app(struct memory *m, const char *name)
{
	for (size_t i = 0; i < m->apps.n; i++) {
		const struct app_row *row = rows_at(&m->apps, i);

		if (strcmp(row->name, name) == 0) {
			rows_drop(&m->apps, i);
			return;
		}
	}
}

static void
drop_pin(struct memory *m, const struct pin_row *pin)
{
	for (size_t i = 0; i < m->pins.n; i++) {
		const struct pin_row *row = rows_at(&m->pins, i);

		if (strcmp(row->repo, pin->repo) == 0
		    && strcmp(row->release_tag, pin->release_tag) == 0) {
			rows_drop(&m->pins, i);
			return;
		}
	}
}

static void
drop_ban(struct memory *m, const char *name)
{
	for (size_t i = 0; i < m->bans.n; i++) {
		const struct ban_row *row = rows_at(&m->bans, i);

		if (strcmp(row->name, name) == 0) {
			rows_drop(&m->bans, i);
			return;
		}
	}
}

static void
apply(struct memory *m, const struct store_change *c)
{
	switch (c->op) {
	case STORE_PUT_APP:
		drop_app(m, c->u.app.name);
		rows_add(&m->apps, &c->u.app);
		break;
	case STORE_DELETE_APP:
		drop_app(m, c->u.app.name);
		memory_delete_evidence_of(m, c->u.app.name);
		break;
	case STORE_PUT_PIN:
		drop_pin(m, &c->u.pin);
		rows_add(&m->pins, &c->u.pin);
		memory_trim_lists(m);
		break;
	case STORE_DELETE_PIN:
		drop_pin(m, &c->u.pin);
		memory_trim_lists(m);
		break;
	case STORE_PUT_LIST:
		memory_put_list(m);
		break;
	case STORE_PUT_BAN:
		drop_ban(m, c->u.ban.name);
		rows_add(&m->bans, &c->u.ban);
		break;
	case STORE_LIFT_BAN:
		drop_ban(m, c->u.ban.name);
		break;
	case STORE_PUT_EVIDENCE:
		memory_put_evidence(m);
		break;
	case STORE_DELETE_EVIDENCE:
		memory_delete_evidence(m, &c->u.evidence);
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
		rows_add(&m->audit, &c[i].u.audit);
		if (!audit_chain_add(&m->chain, rows_at(&m->audit, m->audit.n - 1), e)) {
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
		if (!to->app(to->ctx, rows_at(&m->apps, i), e))
			return false;
	for (size_t i = 0; to->pin && i < m->pins.n; i++)
		if (!to->pin(to->ctx, rows_at(&m->pins, i), e))
			return false;
	for (size_t i = 0; to->ban && i < m->bans.n; i++)
		if (!to->ban(to->ctx, rows_at(&m->bans, i), e))
			return false;
	for (size_t i = 0, n = 0; to->audit && i < m->audit.n && n < to->audit_max; i++) {
		const struct audit_row *row = rows_at(&m->audit, m->audit.n - 1 - i);

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
	if (!rows_reserve(&m->apps, n, e) || !rows_reserve(&m->pins, n, e)
	    || !rows_reserve(&m->bans, n, e) || !rows_reserve(&m->audit, n, e)
	    || !rows_reserve(&m->finished, 1, e) || !memory_copy_evidence(m, c, n, e)
	    || !memory_copy_lists(m, c, n, e) || !chain_rows(m, c, n, e)) {
		memory_free_evidence(&m->arrived);
		memory_free_lists(&m->arrived_lists);
		return false;
	}
	for (size_t i = 0; i < n; i++)
		apply(m, &c[i]);
	rows_add(&m->finished, &(struct finished){.done = done, .ctx = ctx});
	m->wake(m->wake_ctx);
	return true;
}

static bool
memory_read_audit(
    struct store *st, const struct audit_query *q, store_rows_fn *done, void *ctx, struct err *e)
{
	struct memory *m = (struct memory *)st;

	if (m->closing || !rows_reserve(&m->finished, 1, e))
		return err_set(e, ERR_NOT_NOW, REASON_STORE_FAILED, "closing");
	rows_add(&m->finished, &(struct finished){.rows = done, .query = *q, .ctx = ctx});
	m->wake(m->wake_ctx);
	return true;
}

static bool
memory_read_evidence(struct store *st, const struct evidence_query *q, store_evidence_fn *done,
    void *ctx, struct err *e)
{
	struct memory *m = (struct memory *)st;

	if (m->closing || !rows_reserve(&m->finished, 1, e))
		return err_set(e, ERR_NOT_NOW, REASON_STORE_FAILED, "closing");
	rows_add(&m->finished, &(struct finished){.evidence = done, .which = *q, .ctx = ctx});
	m->wake(m->wake_ctx);
	return true;
}

static bool
memory_read_list(struct store *st, const uint8_t sha256[static ATTEST_DIGEST], store_list_fn *done,
    void *ctx, struct err *e)
{
	struct memory *m = (struct memory *)st;
	struct finished f = {.list = done, .ctx = ctx};

	if (m->closing || !rows_reserve(&m->finished, 1, e))
		return err_set(e, ERR_NOT_NOW, REASON_STORE_FAILED, "closing");
	memcpy(f.sha256, sha256, sizeof f.sha256);
	rows_add(&m->finished, &f);
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
		const struct audit_row *row = rows_at(&m->audit, i);

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
		const struct evidence_row *row = rows_at(&m->evidence, i);

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
	const struct list_row *row = memory_find_list(m, f->sha256);

	f->list(f->ctx, row ? row->bytes : span_of(NULL, 0), NULL);
}

/* A done may submit again: what it adds is run too. */
static void
memory_poll(struct store *st)
{
	struct memory *m = (struct memory *)st;

	while (m->finished.n > 0) {
		struct finished f;

		memcpy(&f, rows_at(&m->finished, 0), sizeof f);
		rows_drop(&m->finished, 0);
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
	memory_free_evidence(&m->evidence);
	free(m->evidence.p);
	free(m->arrived.p);
	memory_free_lists(&m->lists);
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
