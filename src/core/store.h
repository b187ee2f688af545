/* store.h - the registry's disk, behind one interface. Changes are submitted without blocking and
 * come back through `done`, which runs inside store_poll on the caller's thread; `wake` (given at
 * open) may run on any thread and only says that store_poll has work (uv_async_send). A change
 * whose `done` says ok is on disk. Rows go in by value. Evidence is of the replicas of one process:
 * a store opens without any. The owner calls store_close. */
#ifndef CORE_STORE_H
#define CORE_STORE_H

#include "core/audit.h"

enum store_op {
	STORE_PUT_APP,
	STORE_DELETE_APP, /* app.name; its evidence goes, too */
	STORE_PUT_PIN,
	STORE_DELETE_PIN, /* pin.repo, pin.release_tag */
	STORE_PUT_LIST, /* behind its pin; kept as long as a pin names it, and there is room */
	STORE_PUT_BAN,
	STORE_LIFT_BAN, /* ban.name */
	STORE_PUT_EVIDENCE, /* in place of the same app's and agent's */
	STORE_DELETE_EVIDENCE, /* evidence.app_name, .agent_id, .session */
	STORE_ADD_AUDIT /* behind the last row; the store sets its place in the chain */
};

struct store_change {
	enum store_op op;
	union {
		struct app_row app;
		struct pin_row pin;
		struct list_row list; /* what it borrows stays until `done` */
		struct ban_row ban;
		struct evidence_row evidence; /* what it borrows stays until `done` */
		struct audit_row audit;
	} u;
};

/* e is NULL when the change is on disk, else says why it is not. */
typedef void store_done_fn(void *ctx, const struct err *e);
typedef void store_wake_fn(void *ctx);

/* Which rows of the audit trail, in their order. */
struct audit_query {
	uint64_t after; /* seq above this */
	size_t limit; /* 1 to STORE_ROWS_MAX */
	char app_name[ATTEST_APP_MAX + 1]; /* "": any */
};
#define STORE_ROWS_MAX 1000

/* The rows are valid until it returns; e as in store_done_fn. */
typedef void store_rows_fn(void *ctx, const struct audit_row *rows, size_t n, const struct err *e);

/* Which evidence of an app, by agent_id. */
struct evidence_query {
	char app_name[ATTEST_APP_MAX + 1];
	char agent_id[ATTEST_AGENT_ID_MAX + 1]; /* rows behind this one; or it alone */
	bool alone;
	size_t limit; /* 1 to STORE_EVIDENCE_MAX */
};
#define STORE_EVIDENCE_MAX 64
/* Rows end where they hold more than this together, but for the first. */
#define STORE_EVIDENCE_BYTES (1024u * 1024)

/* The rows are valid until it returns; `more`: others follow; e as in store_done_fn. */
typedef void store_evidence_fn(
    void *ctx, const struct evidence_row *rows, size_t n, bool more, const struct err *e);

/* The list of a digest, valid until it returns; p is NULL where none is kept; e as in
 * store_done_fn. */
typedef void store_list_fn(void *ctx, struct span bytes, const struct err *e);

/* Where store_load hands its rows. Returning false (with e) stops the load. */
struct store_loader {
	bool (*app)(void *ctx, const struct app_row *row, struct err *e);
	bool (*pin)(void *ctx, const struct pin_row *row, struct err *e);
	bool (*ban)(void *ctx, const struct ban_row *row, struct err *e);
	bool (*audit)(void *ctx, const struct audit_row *row, struct err *e); /* newest first */
	size_t audit_max;
	const char *audit_event; /* NULL: of any event */
	void *ctx;
};

struct store;
struct store_ops {
	bool (*load)(struct store *st, const struct store_loader *to, struct err *e);
	bool (*submit)(struct store *st, const struct store_change *c, size_t n,
	    store_done_fn *done, void *ctx, struct err *e);
	bool (*read_audit)(struct store *st, const struct audit_query *q, store_rows_fn *done,
	    void *ctx, struct err *e);
	bool (*read_evidence)(struct store *st, const struct evidence_query *q,
	    store_evidence_fn *done, void *ctx, struct err *e);
	bool (*read_list)(struct store *st, const uint8_t sha256[static ATTEST_DIGEST],
	    store_list_fn *done, void *ctx, struct err *e);
	bool (*copy)(
	    struct store *st, const char *path, store_done_fn *done, void *ctx, struct err *e);
	struct audit_chain (*audit_head)(struct store *st);
	void (*poll)(struct store *st);
	void (*close)(struct store *st);
};
/* The head of each backend's own struct. */
struct store {
	const struct store_ops *ops;
};

/* Hand every row that is on disk to the loader. Blocks: for start-up. Callbacks may be NULL. */
static inline MUST_CHECK bool
store_load(struct store *st, const struct store_loader *to, struct err *e)
{
	return st->ops->load(st, to, e);
}

/* Queue n changes as one transaction: all or none. `done` may be NULL. False when nothing was
 * queued; then `done` is not called. */
static inline MUST_CHECK bool
store_submit(struct store *st, const struct store_change *c, size_t n, store_done_fn *done,
    void *ctx, struct err *e)
{
	return st->ops->submit(st, c, n, done, ctx, e);
}

/* Read rows of the audit trail, of what was submitted before at least; `done` comes by store_poll.
 * False when nothing was queued. */
static inline MUST_CHECK bool
store_read_audit(
    struct store *st, const struct audit_query *q, store_rows_fn *done, void *ctx, struct err *e)
{
	return st->ops->read_audit(st, q, done, ctx, e);
}

/* The same for evidence. */
static inline MUST_CHECK bool
store_read_evidence(struct store *st, const struct evidence_query *q, store_evidence_fn *done,
    void *ctx, struct err *e)
{
	return st->ops->read_evidence(st, q, done, ctx, e);
}

/* The same for a pin's list. */
static inline MUST_CHECK bool
store_read_list(struct store *st, const uint8_t sha256[static ATTEST_DIGEST], store_list_fn *done,
    void *ctx, struct err *e)
{
	return st->ops->read_list(st, sha256, done, ctx, e);
}

/* Make a consistent copy of everything in a new file (mode 0600), while changes go on; of that
 * name only what is left of a copy that was cut short is replaced, anything else is refused and stays.
 * One at a time: ERR_NOT_NOW. After a failure nothing of the copy is there. */
static inline MUST_CHECK bool
store_copy(struct store *st, const char *path, store_done_fn *done, void *ctx, struct err *e)
{
	return st->ops->copy(st, path, done, ctx, e);
}

/* The last row of the audit trail that is on disk. */
static inline struct audit_chain
store_audit_head(struct store *st)
{
	return st->ops->audit_head(st);
}

/* Run the `done` of everything that has finished. */
static inline void
store_poll(struct store *st)
{
	st->ops->poll(st);
}

/* Write what is queued, run what `done`s are left, free. NULL is taken. `wake` may still run while
 * this does, and a `done` that it runs can submit no more. */
static inline void
store_close(struct store *st)
{
	if (st)
		st->ops->close(st);
}

#endif
