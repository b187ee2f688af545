#include "control/audit.h"

#include "control/api.h"

#include <stdio.h>
#include <stdlib.h>

#define BEAT_MS     15000
#define READERS_MAX 32
/* Read at once for one reader. */
#define PAGE 64

/* The disk is the queue: a reader that is behind holds a number, and no rows. */
struct events_reader {
	struct control *c;
	struct http_req *r; /* NULL: it has left */
	struct events_reader *next, *prev;
	struct net_timer beat;
	uint64_t last; /* seq of the last row that was sent */
	bool reading; /* the store has a read for it */
	bool full; /* its queue was full at the last beat */
	bool ended;
};

static void look(struct events_reader *v);

static void
let_go(struct events_reader *v)
{
	if (!v->r && !v->reading)
		free(v);
}

static void
on_left(struct http_req *r, const struct err *why, void *ctx)
{
	struct events_reader *v = ctx;

	net_timer_stop(&v->beat);
	if (v->prev)
		v->prev->next = v->next;
	else
		v->c->readers = v->next;
	if (v->next)
		v->next->prev = v->prev;
	v->c->reader_n--;
	v->r = NULL;
	let_go(v);
}

static void
on_drain(struct http_req *r, void *ctx)
{
	struct events_reader *v = ctx;

	v->full = false;
	look(v);
}

static const struct http_req_ops reader_ops = {.on_drain = on_drain, .on_close = on_left};

static void
cut(struct events_reader *v, const char *why)
{
	struct err e = {0};

	v->ended = true;
	(void)err_set(&e, ERR_LIMIT, REASON_QUEUE_FULL, "%s", why);
	log_failure(&v->c->env->log, LOG_INFO, "events_cut", &e, "peer", http_req_peer(v->r), NULL);
	http_req_abort(v->r, &e);
}

/* A comment, so that what stands between knows that the stream lives. */
static void
on_beat(void *ctx)
{
	struct events_reader *v = ctx;

	if (v->ended)
		return;
	if (http_respond_is_full(v->r) && v->full)
		cut(v, "it has read nothing between two heartbeats");
	else if (http_respond_is_full(v->r))
		v->full = true;
	else if (!http_respond_body(v->r, span_str(":\n\n")))
		cut(v, "its queue is full");
}

static bool
send_row(struct events_reader *v, const struct audit_row *row)
{
	struct buf b;
	bool ok;

	buf_init(&b, AUDIT_ROW_MAX + 64);
	buf_printf(&b, "id: %llu\ndata: ", (unsigned long long)row->seq);
	audit_row_write_whole(row, &b); /* one line: JSON escapes line ends */
	buf_add_str(&b, "\n\n");
	ok = buf_ok(&b) && http_respond_body(v->r, buf_span(&b));
	buf_fini(&b);
	v->last = row->seq;
	return ok;
}

static void
got_rows(void *ctx, const struct audit_row *rows, size_t n, const struct err *why)
{
	struct events_reader *v = ctx;

	v->reading = false;
	if (!v->r || v->ended) {
		let_go(v);
		return;
	}
	if (why) {
		cut(v, "the trail cannot be read");
		return;
	}
	for (size_t i = 0; i < n; i++)
		if (!send_row(v, &rows[i])) {
			cut(v, "its queue is full");
			return;
		}
	look(v);
}

/* Ask for what is new, where there is room for it. */
static void
look(struct events_reader *v)
{
	struct audit_query q = {.after = v->last, .limit = PAGE};
	struct err e = {0};

	if (v->reading || v->ended || !v->c->store || http_respond_is_full(v->r)
	    || store_audit_head(v->c->store).seq <= v->last)
		return;
	v->reading = store_read_audit(v->c->store, &q, got_rows, v, &e);
	if (!v->reading)
		cut(v, "the trail cannot be read");
}

void
events_look(struct control *c)
{
	for (struct events_reader *v = c->readers, *next; v; v = next) {
		next = v->next;
		look(v);
	}
}

void
events_end(struct control *c)
{
	for (struct events_reader *v = c->readers; v; v = v->next) {
		v->ended = true;
		http_respond_end(v->r);
	}
}

/* Where to go on: behind the row that the reader has, or with what comes. */
static MUST_CHECK bool
read_start(struct control *c, struct http_req *r, uint64_t *last, struct err *e)
{
	struct span id = http_req_field(r, "Last-Event-ID");
	char after[24];
	uint64_t head = store_audit_head(c->store).seq;
	bool ok = true;

	*last = head;
	if (id.n)
		ok = audit_read_number(id, last);
	else if (api_query_has(r, "after"))
		ok = api_query(r, "after", after, sizeof after)
		     && audit_read_number(span_str(after), last);
	if (!ok)
		(void)err_show(e, "Last-Event-ID, or after, is the number of a row");
	else if (*last > head)
		(void)err_show(
		    e, "the trail ends before that row: at %llu", (unsigned long long)head);
	else
		return true;
	return err_set(e, ERR_MALFORMED, REASON_BAD_REQUEST, "no such row");
}

static bool
send_head(struct http_req *r)
{
	struct http_field f[API_SECURITY + 2];
	size_t n = api_security(f);

	f[n++] = (struct http_field){span_str("Content-Type"), span_str("text/event-stream")};
	f[n++] = (struct http_field){span_str("X-Accel-Buffering"), span_str("no")};
	return http_respond_head(r, 200, f, n, HTTP_LENGTH_UNKNOWN)
	       && http_respond_body(r, span_str(": the audit trail\nretry: 3000\n\n"));
}

static MUST_CHECK bool
may_read(const struct control *c, struct err *e)
{
	if (!c->store)
		return err_set(e, ERR_NOT_NOW, REASON_DRAINING, "the registry is closed");
	if (c->reader_n >= READERS_MAX)
		return err_set(
		    e, ERR_LIMIT, REASON_RATE_LIMITED, "%d readers of events", READERS_MAX);
	return true;
}

void
events_open(struct control *c, struct http_req *r)
{
	struct events_reader *v = NULL;
	uint64_t last = 0;
	struct err e = {0};

	if (may_read(c, &e) && read_start(c, r, &last, &e)) {
		v = calloc(1, sizeof *v);
		if (!v)
			(void)err_set(&e, ERR_NOMEM, REASON_NO_MEMORY, "reader");
	}
	if (!v) {
		api_refuse(r, &e, NULL, NULL);
		return;
	}
	v->c = c;
	v->r = r;
	v->last = last;
	v->next = c->readers;
	if (v->next)
		v->next->prev = v;
	c->readers = v;
	c->reader_n++;
	http_req_set_ops(r, &reader_ops, v);
	net_timer_repeat(c->loop, &v->beat, BEAT_MS, on_beat, v);
	if (!send_head(r))
		cut(v, "it has left");
	else if (span_is(http_req_method(r), "HEAD")) {
		v->ended = true;
		http_respond_end(r);
	} else
		look(v);
}
