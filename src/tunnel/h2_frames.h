/* h2_frames.h - for tests and fuzz targets: HTTP/2 frames written by hand, right or bent. */
#ifndef TUNNEL_H2_FRAMES_H
#define TUNNEL_H2_FRAMES_H

#include "base/buf.h"

enum {
	F_DATA,
	F_HEADERS,
	F_PRIORITY,
	F_RST_STREAM,
	F_SETTINGS,
	F_PUSH_PROMISE,
	F_PING,
	F_GOAWAY,
	F_WINDOW_UPDATE,
	F_CONTINUATION
};

#define FLAG_END_STREAM  0x1u
#define FLAG_ACK         0x1u
#define FLAG_END_HEADERS 0x4u
#define FLAG_PADDED      0x8u

#define FRAMES_MAGIC "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

static inline void
frame(struct buf *b, uint8_t type, unsigned flags, uint32_t id, struct span payload)
{
	buf_add_be(b, payload.n, 3);
	buf_add_u8(b, type);
	buf_add_u8(b, (uint8_t)flags);
	buf_add_be(b, id, 4);
	buf_add(b, payload);
}

/* A frame whose payload is one number of n bytes. */
static inline void
frame_u(struct buf *b, uint8_t type, unsigned flags, uint32_t id, uint64_t v, size_t n)
{
	struct buf p;

	buf_init(&p, 8);
	buf_add_be(&p, v, n);
	frame(b, type, flags, id, buf_span(&p));
	buf_fini(&p);
}

static inline void
hpack_string(struct buf *b, struct span s)
{
	if (s.n < 127) {
		buf_add_u8(b, (uint8_t)s.n);
	} else {
		size_t n = s.n - 127;

		buf_add_u8(b, 127);
		for (; n >= 128; n >>= 7)
			buf_add_u8(b, (uint8_t)(0x80 | (n & 0x7f)));
		buf_add_u8(b, (uint8_t)n);
	}
	buf_add(b, s);
}

/* Literal, never indexed (RFC 7541 section 6.2.3). */
static inline void
hpack_field(struct buf *b, struct span name, struct span value)
{
	buf_add_u8(b, 0x10);
	hpack_string(b, name);
	hpack_string(b, value);
}

/* "name=value&name=value"; a name may begin with ':'. */
static inline void
hpack_fields(struct buf *b, const char *text)
{
	struct span left = span_str(text);

	while (left.n) {
		struct span one = span_first(left, span_find(left, "&"));
		size_t eq = span_find(one, "=");

		hpack_field(b, span_first(one, eq), span_from(one, eq + 1));
		left = span_from(left, one.n + 1);
	}
}

static inline void
frame_headers(struct buf *b, unsigned flags, uint32_t id, const char *fields)
{
	struct buf p;

	buf_init(&p, 65536);
	hpack_fields(&p, fields);
	frame(b, F_HEADERS, flags, id, buf_span(&p));
	buf_fini(&p);
}

/* One setting. */
static inline void
frame_setting(struct buf *b, unsigned id, uint32_t value)
{
	frame_u(b, F_SETTINGS, 0, 0, (uint64_t)id << 32 | value, 6);
}

#endif
