/* ws_ping.c - whether the peer of a WebSocket is still there. A ping goes out every ping_every_ms,
 * whatever else is sent, and any byte that comes after it is an answer. With the answer the next
 * ping is set, so from the moment a peer falls silent the longest wait is one interval and one
 * deadline.
 *
 * The deadline runs in slices. One does not count while the ping is still on its way to the peer's
 * system and that system goes on acknowledging what was sent before it: behind megabytes on a slow
 * link a ping needs its time. A machine that is gone acknowledges nothing; a frozen program's
 * machine acknowledges the ping, and then nothing comes.
 *
 * While reading is paused, an answer waits in the system and is seen by its length. Where so much
 * waits already that the peer may have no room to answer, its silence proves nothing and does not
 * count; what it does not acknowledge still does. */
#include <openssl/rand.h>

#include "net/ws_conn_impl.h"

#define SLICES 5u
/* Every receive buffer takes a pong beside this much. */
#define ROOM_FOR_AN_ANSWER 2048u

/* A random part of ms. */
static uint64_t
random_up_to(uint64_t ms)
{
	uint16_t r = 0;

	(void)RAND_bytes((unsigned char *)&r, sizeof r);
	return ms * r / UINT16_MAX;
}

static void
schedule(struct ws_conn *w, uint64_t at_least, uint64_t spread)
{
	w->pinging = false;
	if (w->state != WS_OPEN)
		return; /* the timer is the closing handshake's */
	if (w->ping_every_ms == 0)
		net_timer_stop(&w->timer);
	else
		net_timer_start(
		    w->loop, &w->timer, at_least + random_up_to(spread), ws_conn_on_timer, w);
}

void
ws_ping_begin(struct ws_conn *w)
{
	/* After a restart thousands of agents come at once: they must not ring at once. */
	schedule(w, w->ping_every_ms - w->ping_every_ms / 2, w->ping_every_ms / 2);
}

void
ws_ping_heard(struct ws_conn *w)
{
	uint64_t tenth = w->ping_every_ms / 10;

	if (w->pinging)
		schedule(w, w->ping_every_ms - tenth / 2, tenth);
}

static void
next_slice(struct ws_conn *w)
{
	net_timer_start(w->loop, &w->timer, w->ping_deadline_ms / SLICES + 1, ws_conn_on_timer, w);
}

/* Say whether a slice without a byte from the peer is held against it. */
static bool
slice_counts(struct ws_conn *w, size_t unread)
{
	uint64_t acked = stream_acked(w->stream), before = w->ping_acked;

	w->ping_acked = acked;
	if (acked < w->ping_end)
		return acked <= before;
	return !w->paused || unread < ROOM_FOR_AN_ANSWER;
}

void
ws_ping_on_timer(struct ws_conn *w)
{
	size_t unread = w->paused ? stream_unread(w->stream) : 0;
	struct err e = {0};

	if (!w->pinging) {
		w->pinging = true;
		w->ping_silent = 0;
		w->ping_unread = unread;
		w->ping_acked = stream_acked(w->stream);
		ws_conn_send_ping(w);
		w->ping_end = stream_written(w->stream);
		next_slice(w);
		return;
	}
	if (w->paused && unread > w->ping_unread) {
		ws_ping_heard(w);
		return;
	}
	if (slice_counts(w, unread) && ++w->ping_silent == SLICES) {
		err_set(&e, ERR_IO, REASON_PEER_IDLE, "no answer to a ping");
		ws_conn_abort(w, &e);
		return;
	}
	next_slice(w);
}
