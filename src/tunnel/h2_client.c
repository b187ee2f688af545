#include "tunnel/h2_client.h"

#include <assert.h>
#include <stdlib.h>

#include "tunnel/h2_call.h"

static void
enter(struct h2_client *c)
{
	c->depth++;
}

/* Those that are there now; an asker may open others from inside. */
static void
fail_all(struct h2_client *c, const struct err *why)
{
	for (size_t n = c->conn.n; n && c->conn.first; n--)
		h2_call_fail(c->conn.first->owner, why, NGHTTP2_CANCEL);
}

/* No more of this tunnel. */
static void
break_off(struct h2_client *c, const struct err *why)
{
	struct err lost = {0};

	err_set(&lost, ERR_IO, REASON_TUNNEL_LOST, "%s", why->detail);
	c->state = H2_BROKEN;
	h2_conn_end(&c->conn);
	fail_all(c, &lost);
}

static void
leave(struct h2_client *c)
{
	if (--c->depth || !c->doomed)
		return;
	h2_conn_end(&c->conn);
	free(c);
}

/* The end of each call that may have found a breach. */
static bool
settle(struct h2_client *c, struct err *e)
{
	bool ok = c->doomed || c->state == H2_BROKEN || !c->conn.failed;

	if (!ok) {
		*e = c->conn.live->why;
		break_off(c, e);
	}
	leave(c);
	return ok;
}

/* The peer broke the tunnel's own rules. */
static bool
refuse(struct h2_client *c, enum reason r, const char *detail, struct err *e)
{
	err_set(e, ERR_MALFORMED, r, "%s", detail);
	break_off(c, e);
	leave(c);
	return false;
}

void
h2_client_reset_all(struct h2_client *c, const struct err *why)
{
	enter(c);
	fail_all(c, why);
	leave(c);
}

void
h2_client_free(struct h2_client *c, const struct err *why)
{
	if (!c || c->doomed)
		return;
	/* From inside an event: nothing more may reach the owner, who is free to go. */
	c->doomed = c->draining = c->conn.failed = true;
	h2_client_reset_all(c, why);
}

/* -- beginning -- */

static bool
can_start(const struct h2_client *c, bool upgrade)
{
	if (c->state != H2_NO_SESSION && c->state != H2_UP)
		return false;
	if (c->opened >= c->conn.o.max_requests)
		return false;
	/* RFC 8441 section 3: only after the server has said that it takes them. */
	return !upgrade || c->conn.settled;
}

static bool
session_need(struct h2_client *c, struct err *e)
{
	if (c->state == H2_UP)
		return true;
	if (!h2_conn_begin(&c->conn, e))
		return false;
	c->state = H2_UP;
	return true;
}

/* Begin what waits, oldest first. */
static void
start_waiting(struct h2_client *c)
{
	struct h2_stream *s = c->conn.first;

	while (s && c->waiting) {
		struct h2_call *call = s->owner;
		struct err e = {0};

		s = s->next;
		if (!call->held || !can_start(c, call->upgrade))
			continue;
		if (call->upgrade && !c->upgrades)
			err_set(&e, ERR_UNSUPPORTED, REASON_UPGRADE_NOT_CARRIED,
			    "the agent's HTTP/2 does not take them");
		else if (h2_call_start_held(call, &e))
			continue;
		h2_call_fail(call, &e, NGHTTP2_CANCEL);
		/* The asker may have reset others of the list: begin anew. */
		s = c->conn.first;
	}
}

static void
on_settings(struct h2_conn *conn)
{
	struct h2_client *c = conn->owner;

	c->upgrades = nghttp2_session_get_remote_settings(
			  conn->ng, NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL)
		      == 1;
	start_waiting(c);
}

/* The agent takes no new streams: what has not begun is told so; nghttp2 tells those that it did
 * not come to. */
static void
on_goaway(struct h2_conn *conn)
{
	struct h2_client *c = conn->owner;
	struct h2_stream *s = conn->first;

	if (!c->leaving && c->ops->draining)
		c->ops->draining(c->ctx);
	c->leaving = true;
	while (s && c->waiting) {
		struct h2_call *call = s->owner;

		s = s->next;
		if (!call->held)
			continue;
		h2_call_fail_as(
		    call, ERR_NOT_NOW, REASON_AGENT_DRAINING, "not begun", NGHTTP2_CANCEL);
		s = conn->first;
	}
}

static bool
to_owner(struct h2_conn *conn, struct span message)
{
	struct h2_client *c = conn->owner;

	return !c->doomed && c->ops->send(c->ctx, message);
}

static void
wake_owner(struct h2_conn *conn)
{
	struct h2_client *c = conn->owner;

	if (!c->doomed)
		c->ops->wake(c->ctx);
}

static const struct h2_role role = {.head = h2_call_on_head,
    .body = h2_call_on_body,
    .end = h2_call_on_end,
    .closed = h2_call_on_closed,
    .credit = h2_call_on_credit,
    .free = h2_call_free,
    .settings = on_settings,
    .goaway = on_goaway,
    .send = to_owner,
    .wake = wake_owner};

struct h2_client *
h2_client_new(const struct h2_opts *o, const struct h2_client_ops *ops, void *ctx)
{
	struct h2_client *c = calloc(1, sizeof *c);

	if (!c)
		return NULL;
	h2_conn_init(&c->conn, &role, c, o);
	c->ops = ops;
	c->ctx = ctx;
	return c;
}

static size_t
most_streams(const struct h2_client *c)
{
	size_t ours = c->conn.o.max_streams, theirs = ours;

	if (c->state == H2_UP && c->conn.settled)
		theirs = nghttp2_session_get_remote_settings(
		    c->conn.ng, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
	return ours < theirs ? ours : theirs;
}

static bool
may_open(const struct h2_client *c, const struct exchange_request *rq, struct err *e)
{
	if (c->state == H2_BROKEN || c->conn.failed)
		return err_set(e, ERR_IO, REASON_TUNNEL_LOST, "the HTTP/2 session broke");
	if (c->draining)
		return err_set(e, ERR_NOT_NOW, REASON_DRAINING, "stopping");
	if (c->leaving)
		return err_set(e, ERR_NOT_NOW, REASON_AGENT_DRAINING, "the agent said GOAWAY");
	if (c->conn.n >= most_streams(c))
		return err_set(e, ERR_LIMIT, REASON_AGENT_BUSY, "%zu exchanges", c->conn.n);
	/* Requests that came and left while the agent did not read. */
	if (h2_conn_backlog(&c->conn) > 2 * c->conn.o.max_streams)
		return err_set(e, ERR_LIMIT, REASON_AGENT_BUSY, "the tunnel is stuck");
	if (rq->upgrade && c->state == H2_UP && c->conn.settled && !c->upgrades)
		return err_set(e, ERR_UNSUPPORTED, REASON_UPGRADE_NOT_CARRIED,
		    "the agent's HTTP/2 does not take them");
	return true;
}

/* Begin it, or keep it until it can begin. */
static bool
call_begin(struct h2_call *call, const struct exchange_request *rq, const struct h2_block *b,
    struct err *e)
{
	struct h2_client *c = call->c;

	/* An upgrade waits for settings: there must be a session that they can come on. */
	if ((c->state == H2_NO_SESSION || c->state == H2_UP) && !session_need(c, e))
		return false;
	if (can_start(c, rq->upgrade)) {
		call->x.send_credit = call->has_body ? h2_stream_ahead(&call->s) : 0;
		return h2_call_start(call, b, e);
	}
	return h2_call_hold(call, rq, e);
}

struct exchange *
h2_client_open(struct h2_client *c, const struct exchange_request *rq,
    const struct exchange_events *events, void *ctx, uint64_t now_ms, struct err *e)
{
	struct h2_block b;
	struct h2_call *call;

	h2_conn_at(&c->conn, now_ms);
	if (!may_open(c, rq, e) || !h2_block_request(&b, rq, c->conn.o.head_max, e))
		return NULL;
	call = h2_call_new(c, rq);
	if (!call) {
		err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "exchange");
		return NULL;
	}
	if (!call_begin(call, rq, &b, e)) {
		h2_call_drop(call, NGHTTP2_CANCEL);
		return NULL;
	}
	call->x.events = events;
	call->x.ctx = ctx;
	if (!rq->has_body && call->timeout_ms)
		call->deadline_ms = now_ms + call->timeout_ms;
	c->idle = false;
	return &call->x;
}

/* -- the owner's calls -- */

bool
h2_client_recv(struct h2_client *c, struct span message, uint64_t now_ms, struct err *e)
{
	assert(!c->depth);
	if (c->state == H2_BROKEN || c->state == H2_ENDING)
		return true; /* what is on its way while a session ends is of the old one */
	enter(c);
	h2_conn_at(&c->conn, now_ms);
	if (c->state != H2_UP)
		return refuse(c, REASON_PROTOCOL_ERROR, "HTTP/2 bytes without a session", e);
	h2_conn_recv(&c->conn, message);
	return settle(c, e);
}

bool
h2_client_flush(struct h2_client *c, struct err *e)
{
	if (c->depth) {
		c->conn.woken = false;
		return true;
	}
	enter(c);
	h2_conn_flush(&c->conn);
	return settle(c, e);
}

bool
h2_client_end(struct h2_client *c, uint64_t now_ms, struct err *e)
{
	struct err why = {0};

	assert(!c->depth);
	if (c->state == H2_BROKEN)
		return true;
	enter(c);
	h2_conn_at(&c->conn, now_ms);
	if (c->state != H2_ENDING)
		return refuse(c, REASON_PROTOCOL_ERROR, "h2_end that nobody asked for", e);
	c->state = H2_NO_SESSION;
	if (c->waiting && !session_need(c, &why))
		fail_all(c, &why);
	start_waiting(c);
	return settle(c, e);
}

/* -- time -- */

/* Say whether it is the agent's turn. Where the asker has more to send and the agent took what
 * there is, it is the asker's. */
static bool
agent_owes(const struct h2_call *call)
{
	if (call->answered || !call->timeout_ms)
		return false;
	/* Nothing is sent of an upgrade before its answer. */
	return call->held || !call->has_body || call->upgrade || call->ended || call->x.waits
	       || h2_stream_queued(&call->s);
}

static bool
overdue(struct h2_call *call, uint64_t now_ms)
{
	bool owes = agent_owes(call);

	if (!owes || call->s.moved)
		call->deadline_ms = 0;
	call->s.moved = false;
	if (!owes)
		return false;
	if (!call->deadline_ms)
		call->deadline_ms = now_ms + call->timeout_ms;
	return now_ms >= call->deadline_ms;
}

static void
reset_overdue(struct h2_client *c, uint64_t now_ms)
{
	struct h2_stream *s = c->conn.first;

	while (s) {
		struct h2_call *call = s->owner;

		s = s->next;
		if (!overdue(call, now_ms))
			continue;
		h2_call_fail_as(
		    call, ERR_IO, REASON_PROXY_TIMEOUT, "no answer in time", NGHTTP2_CANCEL);
		s = c->conn.first;
	}
}

/* Stream ids are used up and some streams do not end: those who wait would wait for ever. */
static void
reset_last(struct h2_client *c)
{
	struct h2_stream *s = c->conn.first;

	while (s) {
		struct h2_call *call = s->owner;

		s = s->next;
		if (call->held)
			continue;
		h2_call_fail_as(
		    call, ERR_IO, REASON_TUNNEL_LOST, "the session is used up", NGHTTP2_CANCEL);
		s = c->conn.first;
	}
}

static void
end_session(struct h2_client *c, uint64_t now_ms)
{
	if (nghttp2_session_want_write(c->conn.ng) && !c->conn.full)
		h2_conn_flush(&c->conn);
	if (c->conn.full || c->conn.failed || nghttp2_session_want_write(c->conn.ng)
	    || c->conn.n > c->waiting)
		return;
	if (!h2_conn_ok(&c->conn, nghttp2_session_terminate_session(c->conn.ng, NGHTTP2_NO_ERROR),
		"GOAWAY"))
		return;
	h2_conn_flush(&c->conn);
	if (c->conn.failed)
		return;
	h2_conn_end(&c->conn);
	c->state = H2_ENDING;
	c->opened = 0;
	c->idle = c->worn = false;
	c->echo_due_ms = now_ms + c->conn.o.echo_ms;
	c->ops->send_end(c->ctx);
}

static void
mind_session(struct h2_client *c, uint64_t now_ms)
{
	bool idle = c->conn.n == 0, worn = c->opened >= c->conn.o.max_requests;

	if ((worn && !c->worn) || (idle && !c->idle))
		c->since_ms = now_ms;
	c->worn = worn;
	c->idle = idle;
	if ((worn && c->conn.n == c->waiting)
	    || (idle && now_ms - c->since_ms >= c->conn.o.idle_ms))
		end_session(c, now_ms);
	else if (worn && now_ms - c->since_ms >= c->conn.o.idle_ms)
		reset_last(c);
}

bool
h2_client_tick(struct h2_client *c, uint64_t now_ms, struct err *e)
{
	assert(!c->depth);
	if (c->state == H2_BROKEN)
		return true;
	enter(c);
	h2_conn_at(&c->conn, now_ms);
	reset_overdue(c, now_ms);
	if (c->state == H2_ENDING && now_ms >= c->echo_due_ms)
		return refuse(c, REASON_PEER_IDLE, "no echo of h2_end", e);
	if (c->state == H2_UP && !c->conn.failed)
		mind_session(c, now_ms);
	return settle(c, e);
}

bool
h2_client_wants_tick(const struct h2_client *c)
{
	return c->state != H2_BROKEN && (c->state != H2_NO_SESSION || c->conn.n);
}

void
h2_client_drain(struct h2_client *c)
{
	c->draining = true;
}

size_t
h2_client_in_flight(const struct h2_client *c)
{
	return c->conn.n;
}

struct h2_stats
h2_client_stats(const struct h2_client *c)
{
	return (struct h2_stats){.streams = c->conn.n,
	    .waiting = c->waiting,
	    .unconsumed = c->conn.unconsumed,
	    .queued = c->conn.queued};
}
