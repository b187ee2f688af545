/* h2_bent.h - for tests: one end of a tunnel that is fed by hand, and breaches of HTTP/2 that either end
 * must not bear. A test file includes it once. */
#ifndef TUNNEL_H2_BENT_H
#define TUNNEL_H2_BENT_H

#include "tunnel/h2_frames.h"
#include "tunnel/h2_pair.h"

#define REQUEST   ":method=GET&:scheme=http&:authority=a&:path=/"
#define WHOLE     (FLAG_END_HEADERS | FLAG_END_STREAM)
#define NOT_WHOLE FLAG_END_HEADERS

/* One end alone, that is fed by hand. */
struct rig {
	struct pair *p;
	struct asker a;
	struct buf in;
};

static inline void
feed(struct rig *r, bool client)
{
	struct pair *p = r->p;
	struct err e = {0};

	if (client) {
		note(h2_client_recv(p->client, buf_span(&r->in), p->now, &e), &p->client_broke, &e,
		    &p->client_err);
		p->up.woken = true;
	} else {
		note(h2_server_recv(p->server, buf_span(&r->in), p->now, &e), &p->server_broke, &e,
		    &p->server_err);
		p->down.woken = true;
	}
	buf_clear(&r->in);
	pair_flush(p);
}

static inline void
rig_fini(struct rig *r)
{
	buf_fini(&r->in);
	pair_free(r->p);
	asker_fini(&r->a);
}

/* -- breaches -- */

static inline void
repeat(struct buf *b, int n, uint8_t type, unsigned flags, uint32_t id, size_t size)
{
	static const uint8_t zeros[64];

	for (int i = 0; i < n; i++)
		frame(b, type, flags, id, span_of(zeros, size));
}

static inline void
too_long(struct buf *b)
{
	buf_add_be(b, 16385, 3);
	buf_add_be(b, 0, 6);
}

static inline void
push(struct buf *b)
{
	frame_u(b, F_PUSH_PROMISE, FLAG_END_HEADERS, 1, 2, 4);
}

static inline void
data_on_0(struct buf *b)
{
	frame(b, F_DATA, 0, 0, span_str("x"));
}

static inline void
data_on_idle(struct buf *b)
{
	frame(b, F_DATA, 0, 3, span_str("x"));
}

static inline void
update_by_0(struct buf *b)
{
	frame_u(b, F_WINDOW_UPDATE, 0, 0, 0, 4);
}

static inline void
update_overflow(struct buf *b)
{
	frame_u(b, F_WINDOW_UPDATE, 0, 0, 0x7fffffff, 4);
}

static inline void
update_idle(struct buf *b)
{
	frame_u(b, F_WINDOW_UPDATE, 0, 3, 1, 4);
}

static inline void
bad_push_setting(struct buf *b)
{
	frame_setting(b, 2, 2);
}

static inline void
bad_window_setting(struct buf *b)
{
	frame_setting(b, 4, 0x80000000u);
}

static inline void
bad_frame_setting(struct buf *b)
{
	frame_setting(b, 5, 1);
}

static inline void
short_settings(struct buf *b)
{
	frame(b, F_SETTINGS, 0, 0, span_str("short"));
}

static inline void
loaded_ack(struct buf *b)
{
	frame(b, F_SETTINGS, FLAG_ACK, 0, span_str("loaded"));
}

static inline void
settings_on_stream(struct buf *b)
{
	frame(b, F_SETTINGS, 0, 1, span_of(NULL, 0));
}

static inline void
many_settings(struct buf *b)
{
	uint8_t p[6 * (LIMIT_H2_SETTINGS + 1)] = {0};

	frame(b, F_SETTINGS, 0, 0, span_of(p, sizeof p));
}

static inline void
continuation_alone(struct buf *b)
{
	frame(b, F_CONTINUATION, FLAG_END_HEADERS, 1, span_str("\x88"));
}

static inline void
headers_interrupted(struct buf *b)
{
	frame(b, F_HEADERS, 0, 1, span_str("\x88"));
	frame_u(b, F_PING, 0, 0, 0, 8);
}

static inline void
continuations(struct buf *b)
{
	frame(b, F_HEADERS, 0, 1, span_str("\x88"));
	repeat(b, 10, F_CONTINUATION, 0, 1, 0);
}

static inline void
reset_idle(struct buf *b)
{
	frame_u(b, F_RST_STREAM, 0, 3, 8, 4);
}

static inline void
reset_0(struct buf *b)
{
	frame_u(b, F_RST_STREAM, 0, 0, 8, 4);
}

static inline void
ping_short(struct buf *b)
{
	frame_u(b, F_PING, 0, 0, 8, 7);
}

static inline void
ping_on_stream(struct buf *b)
{
	frame_u(b, F_PING, 0, 1, 8, 8);
}

static inline void
goaway_with_code(struct buf *b)
{
	frame_u(b, F_GOAWAY, 0, 0, 1, 8);
}

static inline void
goaway_on_stream(struct buf *b)
{
	frame_u(b, F_GOAWAY, 0, 1, 0, 8);
}

static inline void
bad_index(struct buf *b)
{
	frame(b, F_HEADERS, WHOLE, 1, span_str("\xff\x7f"));
}

static inline void
pings(struct buf *b)
{
	repeat(b, LIMIT_H2_NOISE + 10, F_PING, FLAG_ACK, 0, 8);
}

static inline void
settings(struct buf *b)
{
	repeat(b, LIMIT_H2_ACKS + 10, F_SETTINGS, 0, 0, 0);
}

static inline void
priorities(struct buf *b)
{
	for (int i = 0; i < (int)LIMIT_H2_NOISE + 10; i++)
		frame(b, F_PRIORITY, 0, 1, span_of("\0\0\0\0\1", 5));
}

static inline void
updates(struct buf *b)
{
	for (int i = 0; i < (int)LIMIT_H2_NOISE + 10; i++)
		frame_u(b, F_WINDOW_UPDATE, 0, 0, 1, 4);
}

#endif
