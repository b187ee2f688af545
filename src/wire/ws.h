/* ws.h - WebSocket framing (RFC 6455), both roles, without I/O. Owns the position inside the
 * current frame, the fragment state and a control frame that comes in pieces, never data bytes:
 * those are unmasked where they lie, in the caller's buffer, and handed on as spans of it. Refuses
 * a frame at the first byte that makes it illegal. No extension is spoken. */
#ifndef WIRE_WS_H
#define WIRE_WS_H

#include "base/buf.h"
#include "base/err.h"
#include "wire/step.h"

enum ws_opcode {
	WS_CONTINUATION = 0x0,
	WS_TEXT = 0x1,
	WS_BINARY = 0x2,
	WS_CLOSE = 0x8,
	WS_PING = 0x9,
	WS_PONG = 0xa
};

enum ws_role {
	WS_SERVER, /* peers mask (section 5.1), we do not */
	WS_CLIENT
};

#define WS_CONTROL_MAX 125

/* Something that arrived. */
struct ws_event {
	enum ws_opcode op; /* never WS_CONTINUATION: a fragment has its message's opcode */
	struct span data; /* borrowed: of the fed buffer, or of the decoder; until the next call */
	bool end; /* the message (not only its frame) is whole with this piece */
	uint16_t code; /* WS_CLOSE: its status code, 1005 where none was sent; data is the text */
};

struct ws_decoder {
	enum ws_role role;
	uint64_t max; /* bytes a message may have; the caller may change it between messages */
	uint64_t message_n; /* of the message so far, this frame's announced length included */
	uint64_t left; /* of the current frame's payload */
	uint8_t head[14], head_n, head_need;
	uint8_t mask[4], mask_at;
	uint8_t op; /* of the current frame */
	bool fin, in_payload;
	uint8_t message_op; /* 0 outside a fragmented message */
	bool closed; /* a close frame came: nothing may follow */
	uint8_t utf8_need, utf8_low, utf8_high;
	uint8_t control_n;
	uint8_t *control; /* WS_CONTROL_MAX bytes, once a control frame has come in pieces */
};

/* Start as one of the roles, with a ceiling for a message. */
void ws_decoder_init(struct ws_decoder *d, enum ws_role role, uint64_t max_message);
void ws_decoder_fini(struct ws_decoder *d);

/* Take from the n bytes at `in`, unmasking in place; *used says how many. STEP_DONE: *ev holds an
 * event; call again with the rest. STEP_MORE: all was used and there is no event. STEP_BAD:
 * PROTOCOL_ERROR, INVALID_UTF8, MESSAGE_TOO_BIG or NO_MEMORY, whose reason_ws is the code to close
 * with. */
MUST_CHECK enum step ws_decode(
    struct ws_decoder *d, uint8_t *in, size_t n, size_t *used, struct ws_event *ev, struct err *e);

/* Append a frame. mask: 4 random bytes for a client, NULL for a server. */
void ws_encode(
    struct buf *out, enum ws_opcode op, bool fin, struct span payload, const uint8_t *mask);

/* Append a close frame; the text is cut to what fits. code 0 or 1005 sends none. */
void ws_encode_close(struct buf *out, uint16_t code, struct span text, const uint8_t *mask);

/* Say whether a close code may stand in a frame (section 7.4). */
bool ws_close_code_ok(unsigned code);

/* Say whether a Sec-WebSocket-Key is the base64 of 16 bytes. */
bool ws_key_ok(struct span key);

/* Write the Sec-WebSocket-Accept value for a key (section 4.2.2) with a NUL. False when libcrypto
 * has no SHA-1. */
#define WS_ACCEPT_MAX 29
MUST_CHECK bool ws_accept(struct span key, char dst[static WS_ACCEPT_MAX]);

#endif
