#include "tunnel/h2_conn.h"

/* A queue that has run empty keeps no more than this. */
#define QUEUE_KEPT 4096
/* Body bytes of a DATA frame that is one message with its head. */
#define DATA_MAX (LIMIT_H2_MESSAGE - 9)

/* Whatever others hold, a stream may have so much under way, each way: the least of a crowd moves,
 * too, and a thousand of them are a quarter of a tunnel's window. */
#define SHARE_MIN 4096u
/* What a window grows from, since most streams idle or are short; it doubles while it is used up within
 * a second, which is faster than a second's round trip takes. */
#define GROWN_FIRST 32768u
#define GROW_MS     1000u
#define SHRINK_MS   4000u

static size_t
least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Nobody has been asked whether there is room when a request comes. */
size_t
h2_window_first(const struct h2_opts *o)
{
	return least(SHARE_MIN, o->stream_window);
}

static void
promise(struct h2_stream *s)
{
	size_t now = s->owed;

	if (s->window > 0 && !s->remote_ended)
		now += (size_t)s->window;
	s->conn->promised = s->conn->promised - s->promised + now;
	s->promised = now;
}

/* What one of many may have of a pool. Those who stall hold what they have for ever: if each could
 * hold all that it may, some tens would hold everything, and with it everybody. So each gets an
 * eighth of what the others leave. */
static size_t
share(size_t pool, size_t others, size_t most)
{
	size_t mine = others < pool ? (pool - others) / 8 : 0;

	mine = mine > SHARE_MIN ? mine : SHARE_MIN;
	return mine < most ? mine : most;
}

/* A quarter of the tunnel's window, and SHARE_MIN for each of a thousand, stay below the half at which
 * the connection's window is kept back. */
static size_t
window_share(const struct h2_stream *s)
{
	const struct h2_conn *c = s->conn;

	return share(c->o.tunnel_window / 4, c->promised - s->promised, s->grown);
}

static size_t
queue_share(const struct h2_stream *s)
{
	const struct h2_conn *c = s->conn;

	return share(c->o.tunnel_window / 2, c->ahead - s->ahead, LIMIT_H2_SEND_AHEAD);
}

static void
set_ahead(struct h2_stream *s, size_t ahead)
{
	s->conn->ahead = s->conn->ahead - s->ahead + ahead;
	s->ahead = ahead;
}

void
h2_stream_init(struct h2_stream *s, struct h2_conn *c, void *owner, size_t window)
{
	*s = (struct h2_stream){.conn = c,
	    .role = c->role,
	    .owner = owner,
	    .at = c->last,
	    .window = (int64_t)window,
	    .grown = least(GROWN_FIRST, c->o.stream_window),
	    .fresh_ms = c->leaked_ms};
	/* Twice: what was sent is dropped only now and then. */
	buf_init(&s->queue, 2 * LIMIT_H2_SEND_AHEAD);
	*c->last = s;
	c->last = &s->next;
	c->n++;
	promise(s);
}

static void
consume(struct h2_conn *c, size_t n)
{
	(void)h2_conn_ok(c, nghttp2_session_consume_connection(c->ng, n), "consume");
}

static void
set_owed(struct h2_stream *s, size_t owed)
{
	struct h2_conn *c = s->conn;

	c->unconsumed = c->unconsumed - s->owed + owed;
	s->owed = owed;
	promise(s);
	if (!c->withheld || c->unconsumed > c->o.tunnel_window / 2)
		return;
	consume(c, c->withheld);
	c->withheld = 0;
	h2_conn_wake(c);
}

static void
due_unlink(struct h2_stream *s)
{
	if (!s->due_at)
		return;
	*s->due_at = s->due_next;
	if (s->due_next)
		s->due_next->due_at = s->due_at;
	else
		s->conn->due_last = s->due_at;
	s->due_at = NULL;
}

static void
detach(struct h2_stream *s, uint32_t code)
{
	struct h2_conn *c = s->conn;

	if (!s->id)
		return;
	(void)nghttp2_session_set_stream_user_data(c->ng, s->id, NULL);
	if (s->local_ended && s->remote_ended)
		return;
	h2_conn_reset(c, s->id, code);
}

void
h2_stream_drop(struct h2_stream *s, uint32_t code)
{
	struct h2_conn *c = s->conn;

	if (!c)
		return;
	detach(s, code);
	s->window = 0;
	set_owed(s, 0);
	c->queued -= h2_stream_queued(s);
	set_ahead(s, 0);
	due_unlink(s);
	*s->at = s->next;
	if (s->next)
		s->next->at = s->at;
	else
		c->last = s->at;
	c->n--;
	/* What it had queued may have kept others from their credit. */
	if (c->due && c->ng)
		h2_conn_wake(c);
	buf_fini(&s->queue);
	h2_fields_free(s->trailers);
	s->conn = NULL;
	if (s->busy)
		s->dead = true;
	else
		c->role->free(s);
}

bool
h2_stream_leave(struct h2_stream *s)
{
	bool dead = s->dead;

	if (--s->busy == 0 && dead)
		s->role->free(s);
	return !dead;
}

/* -- what comes -- */

void
h2_stream_owe(struct h2_stream *s, size_t left, size_t held)
{
	size_t most = s->conn->o.stream_window;

	left = left < most ? left : most;
	s->peak = s->peak > left ? s->peak : left;
	set_owed(s, held + s->peak - left);
}

/* The connection's window is half of the tunnel's: what is withheld fits the other half. */
void
h2_conn_arrived(struct h2_conn *c, size_t n)
{
	if (c->unconsumed <= c->o.tunnel_window / 2)
		consume(c, n);
	else
		c->withheld += n;
}

void
h2_stream_came_whole(struct h2_stream *s)
{
	s->remote_ended = true;
	promise(s);
}

void
h2_stream_came(struct h2_stream *s, size_t n)
{
	uint64_t now = s->conn->leaked_ms, took = now - s->fresh_ms;
	size_t most = s->conn->o.stream_window;

	s->window -= (int64_t)n;
	s->fresh += n;
	if (s->fresh < s->grown)
		return;
	if (took < GROW_MS)
		s->grown = least(2 * s->grown, most);
	else if (took > SHRINK_MS && s->grown >= 2 * GROWN_FIRST)
		s->grown /= 2;
	s->fresh = 0;
	s->fresh_ms = now;
}

void
h2_stream_update(struct h2_stream *s)
{
	struct h2_conn *c = s->conn;
	size_t most = window_share(s), room = s->owed < most ? most - s->owed : 0;
	int64_t target = (int64_t)(s->credit < room ? s->credit : room);

	/* A frame for each half of the window, not for each grant. */
	if (!s->open || s->remote_ended || target <= s->window || s->window > target / 2)
		return;
	(void)h2_conn_ok(c,
	    nghttp2_submit_window_update(
		c->ng, NGHTTP2_FLAG_NONE, s->id, (int32_t)(target - s->window)),
	    "WINDOW_UPDATE");
	s->window = target;
	promise(s);
	h2_conn_wake(c);
}

/* -- what goes -- */

static bool
submit_trailers(struct h2_stream *s)
{
	struct h2_block b;

	h2_block_trailers(&b, s->trailers);
	return h2_conn_ok(
	    s->conn, nghttp2_submit_trailer(s->conn->ng, s->id, b.v, b.n), "trailers");
}

/* Say how long the next DATA frame is; its bytes are copied once, into the message. */
static ssize_t
read_body(nghttp2_session *ng, int32_t id, uint8_t *buf, size_t length, uint32_t *flags,
    nghttp2_data_source *source, void *user)
{
	struct h2_stream *s = nghttp2_session_get_stream_user_data(ng, id);
	struct h2_conn *c = user;
	size_t n;

	if (c->full)
		return NGHTTP2_ERR_PAUSE;
	if (!s)
		return NGHTTP2_ERR_DEFERRED;
	n = h2_stream_queued(s);
	if (!n && !s->finished) {
		s->deferred = true;
		return NGHTTP2_ERR_DEFERRED;
	}
	*flags |= NGHTTP2_DATA_FLAG_NO_COPY;
	if (n > DATA_MAX || n > length)
		return (ssize_t)(length < DATA_MAX ? length : DATA_MAX);
	if (s->finished)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	if (s->finished && s->trailers) {
		*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
		if (!submit_trailers(s))
			return NGHTTP2_ERR_CALLBACK_FAILURE;
	}
	return (ssize_t)n;
}

nghttp2_data_provider
h2_stream_source(void)
{
	return (nghttp2_data_provider){.read_callback = read_body};
}

static void
resume(struct h2_stream *s)
{
	struct h2_conn *c = s->conn;

	if (s->deferred)
		(void)h2_conn_ok(c, nghttp2_session_resume_data(c->ng, s->id), "resume");
	s->deferred = false;
	h2_conn_wake(c);
}

bool
h2_stream_body(struct h2_stream *s, struct span data)
{
	if (s->finished || data.n > s->ahead - h2_stream_queued(s))
		return false;
	if (s->sent >= LIMIT_H2_SEND_AHEAD) {
		buf_drop(&s->queue, s->sent);
		s->sent = 0;
	}
	buf_add(&s->queue, data);
	if (!buf_ok(&s->queue))
		return false;
	s->conn->queued += data.n;
	resume(s);
	return true;
}

/* An end without a byte needs no window (RFC 9113 section 6.9), but nghttp2 sends no DATA without
 * one: a reader who granted just what there was would wait for ever. Trailers need none, and there
 * may be none in them. */
static bool
ends_in_trailers(const struct h2_stream *s)
{
	nghttp2_session *ng = s->conn->ng;

	return s->open && !h2_stream_queued(s)
	       && (s->trailers || nghttp2_session_get_remote_window_size(ng) <= 0
		   || nghttp2_session_get_stream_remote_window_size(ng, s->id) <= 0);
}

bool
h2_stream_finish(struct h2_stream *s, const struct fields *trailers)
{
	struct err e = {0};

	if (trailers)
		s->trailers = h2_trailers_of(trailers, &e);
	if (e.code != ERR_NONE)
		return false;
	s->finished = true;
	if (!ends_in_trailers(s))
		resume(s);
	else if (submit_trailers(s))
		h2_conn_wake(s->conn);
	return true;
}

void
h2_stream_due(struct h2_stream *s)
{
	struct h2_conn *c = s->conn;

	if (s->due_at || s->finished)
		return;
	s->due_next = NULL;
	s->due_at = c->due_last;
	*c->due_last = s;
	c->due_last = &s->due_next;
}

/* More credit, where there is some to give. */
static size_t
more_ahead(struct h2_stream *s)
{
	size_t most = queue_share(s), n = most > s->ahead ? most - s->ahead : 0;

	set_ahead(s, s->ahead + n);
	return n;
}

size_t
h2_stream_ahead(struct h2_stream *s)
{
	return more_ahead(s);
}

void
h2_stream_pop(struct h2_stream *s, size_t n)
{
	s->sent += n;
	s->conn->queued -= n;
	set_ahead(s, s->ahead - n);
	s->moved = true;
	if (s->sent == s->queue.n) {
		s->sent = 0;
		if (s->queue.cap > QUEUE_KEPT)
			buf_fini(&s->queue);
		else
			buf_clear(&s->queue);
	}
	h2_stream_due(s);
}

bool
h2_conn_give(struct h2_conn *c)
{
	bool any = false;

	while (c->due && !c->failed) {
		struct h2_stream *s = c->due;
		size_t n;

		due_unlink(s);
		n = s->finished ? 0 : more_ahead(s);
		if (!n)
			continue;
		any = true;
		c->role->credit(s, n);
	}
	return any;
}
