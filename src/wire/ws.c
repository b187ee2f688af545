#include "wire/ws.h"

#include "base/base64.h"
#include "base/swar.h"
#include "base/utf8.h"
#include <openssl/evp.h>
#include <stdlib.h>

void
ws_decoder_init(struct ws_decoder *d, enum ws_role role, uint64_t max_message)
{
	memset(d, 0, sizeof *d);
	d->role = role;
	d->max = max_message;
	d->head_need = 2;
}

void
ws_decoder_fini(struct ws_decoder *d)
{
	free(d->control);
	d->control = NULL;
}

static enum step
refuse(struct err *e, enum reason reason, const char *why)
{
	err_set(e, ERR_MALFORMED, reason, "%s", why);
	err_show(e, "%s", why);
	return STEP_BAD;
}

static bool
is_control(unsigned op)
{
	return op >= WS_CLOSE;
}

/* -- UTF-8 in pieces (RFC 3629): need, and the bounds of the next byte -- */

static bool
utf8_lead(struct ws_decoder *d, uint8_t c)
{
	d->utf8_low = 0x80;
	d->utf8_high = 0xbf;
	if (c >= 0xc2 && c <= 0xdf) {
		d->utf8_need = 1;
	} else if (c >= 0xe0 && c <= 0xef) {
		d->utf8_need = 2;
		if (c == 0xe0)
			d->utf8_low = 0xa0; /* overlong */
		if (c == 0xed)
			d->utf8_high = 0x9f; /* surrogates */
	} else if (c >= 0xf0 && c <= 0xf4) {
		d->utf8_need = 3;
		if (c == 0xf0)
			d->utf8_low = 0x90;
		if (c == 0xf4)
			d->utf8_high = 0x8f; /* above U+10FFFF */
	} else {
		return false;
	}
	return true;
}

static bool
utf8_feed(struct ws_decoder *d, struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (!d->utf8_need)
			i += utf8_ascii_run(span_from(s, i));
		if (i == s.n)
			break;
		uint8_t c = s.p[i];

		if (d->utf8_need) {
			if (c < d->utf8_low || c > d->utf8_high)
				return false;
			d->utf8_need--;
			d->utf8_low = 0x80;
			d->utf8_high = 0xbf;
		} else if (c >= 0x80 && !utf8_lead(d, c)) {
			return false;
		}
	}
	return true;
}

static bool
utf8_whole(struct span s)
{
	struct ws_decoder d = {0};

	return utf8_feed(&d, s) && !d.utf8_need;
}

/* -- frame heads (section 5.2) -- */

static enum step
judge_first(struct ws_decoder *d, uint8_t c, struct err *e)
{
	unsigned op = c & 0x0f;

	if (c & 0x70)
		return refuse(e, REASON_PROTOCOL_ERROR, "reserved bit without an extension");
	if (op > WS_PONG || (op > WS_BINARY && op < WS_CLOSE))
		return refuse(e, REASON_PROTOCOL_ERROR, "unknown opcode");
	if (is_control(op) && !(c & 0x80))
		return refuse(e, REASON_PROTOCOL_ERROR, "fragmented control frame");
	if (op == WS_CONTINUATION && !d->message_op)
		return refuse(e, REASON_PROTOCOL_ERROR, "continuation of nothing");
	if ((op == WS_TEXT || op == WS_BINARY) && d->message_op)
		return refuse(e, REASON_PROTOCOL_ERROR, "new message inside a fragmented one");
	return STEP_MORE;
}

static enum step
judge_second(struct ws_decoder *d, uint8_t c, struct err *e)
{
	bool masked = c & 0x80;
	unsigned n = c & 0x7f;

	if (masked != (d->role == WS_SERVER))
		return refuse(e, REASON_PROTOCOL_ERROR,
		    masked ? "masked frame from a server" : "unmasked frame from a client");
	if (n > WS_CONTROL_MAX && is_control(d->head[0] & 0x0f))
		return refuse(e, REASON_PROTOCOL_ERROR, "control frame over 125 bytes");
	d->head_need = (uint8_t)(2 + (n == 126 ? 2 : n == 127 ? 8 : 0) + (masked ? 4 : 0));
	return STEP_MORE;
}

static uint64_t
head_length(const struct ws_decoder *d)
{
	unsigned n = d->head[1] & 0x7f, bytes = n == 126 ? 2 : n == 127 ? 8 : 0;
	uint64_t v = 0;

	if (!bytes)
		return n;
	for (unsigned i = 0; i < bytes; i++)
		v = v << 8 | d->head[2 + i];
	return v;
}

/* The head is whole: judge its length and go into the payload. */
static enum step
begin_payload(struct ws_decoder *d, struct err *e)
{
	unsigned n7 = d->head[1] & 0x7f;

	d->left = head_length(d);
	/* Section 5.2: the shortest form must be used; the top bit must be 0. */
	if ((n7 == 126 && d->left < 126) || (n7 == 127 && d->left < 65536))
		return refuse(e, REASON_PROTOCOL_ERROR, "length not in its shortest form");
	if (d->left >> 63)
		return refuse(e, REASON_PROTOCOL_ERROR, "length with its top bit set");
	d->op = d->head[0] & 0x0f;
	d->fin = d->head[0] & 0x80;
	if (d->role == WS_SERVER)
		memcpy(d->mask, d->head + d->head_need - 4, 4);
	d->mask_at = 0;
	d->head_n = 0;
	d->head_need = 2;
	d->in_payload = true;
	if (is_control(d->op)) {
		d->control_n = 0;
		return STEP_DONE;
	}
	if (d->op != WS_CONTINUATION) {
		d->message_op = d->op;
		d->message_n = 0;
		d->utf8_need = 0;
	}
	if (d->left > d->max || d->message_n > d->max - d->left)
		return refuse(e, REASON_MESSAGE_TOO_BIG, "message too big");
	d->message_n += d->left;
	return STEP_DONE;
}

/* STEP_DONE: the head is whole and in_payload is set. */
static enum step
feed_head(struct ws_decoder *d, const uint8_t *in, size_t n, size_t *used, struct err *e)
{
	while (*used < n) {
		enum step step = STEP_MORE;
		uint8_t c = in[(*used)++];

		if (d->closed)
			return refuse(e, REASON_PROTOCOL_ERROR, "frame after close");
		d->head[d->head_n++] = c;
		if (d->head_n == 1)
			step = judge_first(d, c, e);
		else if (d->head_n == 2)
			step = judge_second(d, c, e);
		if (step == STEP_BAD)
			return step;
		if (d->head_n == d->head_need && d->head_n >= 2)
			return begin_payload(d, e);
	}
	return STEP_MORE;
}

/* -- payload -- */

/* Mask or unmask (section 5.3) n bytes of `from` into `to`, which may be the same place; `at` says
 * how much of the frame's payload stood before them. */
static void
apply_mask(uint8_t *to, const uint8_t *from, size_t n, const uint8_t mask[static 4], unsigned at)
{
	uint8_t turned[8];
	uint64_t word;
	size_t i = 0;

	for (unsigned k = 0; k < 8; k++)
		turned[k] = mask[(at + k) & 3];
	word = swar_load(turned);
	for (; n - i >= 8; i += 8)
		swar_store(to + i, swar_load(from + i) ^ word);
	for (; i < n; i++)
		to[i] = from[i] ^ turned[i & 7];
}

static void
unmask(struct ws_decoder *d, uint8_t *p, size_t n)
{
	if (d->role != WS_SERVER)
		return;
	apply_mask(p, p, n, d->mask, d->mask_at);
	d->mask_at = (uint8_t)((d->mask_at + n) & 3);
}

bool
ws_close_code_ok(unsigned code)
{
	return (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006)
	       || (code >= 3000 && code <= 4999);
}

static enum step
finish_control(struct ws_decoder *d, struct span p, struct ws_event *ev, struct err *e)
{
	*ev = (struct ws_event){.op = (enum ws_opcode)d->op, .data = p, .end = true};
	if (d->op != WS_CLOSE)
		return STEP_DONE;
	d->closed = true;
	if (!p.n) {
		ev->code = 1005;
		return STEP_DONE;
	}
	if (p.n == 1)
		return refuse(e, REASON_PROTOCOL_ERROR, "close frame of one byte");
	ev->code = (uint16_t)(p.p[0] << 8 | p.p[1]);
	ev->data = span_from(p, 2);
	if (!ws_close_code_ok(ev->code))
		return refuse(e, REASON_PROTOCOL_ERROR, "close code that may not be sent");
	if (!utf8_whole(ev->data))
		return refuse(e, REASON_INVALID_UTF8, "close text is not UTF-8");
	return STEP_DONE;
}

/* Most come whole, and need no place of their own. */
static enum step
feed_control(struct ws_decoder *d, struct span piece, struct ws_event *ev, struct err *e)
{
	if (d->left && !d->control && !(d->control = malloc(WS_CONTROL_MAX))) {
		(void)err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "control frame");
		return STEP_BAD;
	}
	if (d->left || d->control_n) {
		if (piece.n)
			memcpy(d->control + d->control_n, piece.p, piece.n);
		d->control_n = (uint8_t)(d->control_n + piece.n);
		piece = span_of(d->control, d->control_n);
	}
	if (d->left)
		return STEP_MORE;
	d->in_payload = false;
	return finish_control(d, piece, ev, e);
}

static enum step
feed_data(struct ws_decoder *d, struct span piece, struct ws_event *ev, struct err *e)
{
	bool end = d->fin && !d->left;

	if (d->message_op == WS_TEXT && (!utf8_feed(d, piece) || (end && d->utf8_need)))
		return refuse(e, REASON_INVALID_UTF8, "text is not UTF-8");
	if (!d->left)
		d->in_payload = false;
	*ev = (struct ws_event){.op = (enum ws_opcode)d->message_op, .data = piece, .end = end};
	if (end)
		d->message_op = 0;
	/* An empty fragment in the middle tells nobody anything. */
	return piece.n || end ? STEP_DONE : STEP_MORE;
}

enum step
ws_decode(
    struct ws_decoder *d, uint8_t *in, size_t n, size_t *used, struct ws_event *ev, struct err *e)
{
	enum step step = STEP_MORE;

	*used = 0;
	while (step == STEP_MORE && (*used < n || d->in_payload)) {
		struct span piece;
		size_t take;

		if (!d->in_payload) {
			step = feed_head(d, in, n, used, e);
			if (step != STEP_DONE)
				return step;
		}
		take = d->left < n - *used ? (size_t)d->left : n - *used;
		if (!take && d->left)
			return STEP_MORE;
		unmask(d, in + *used, take);
		piece = span_of(in + *used, take);
		*used += take;
		d->left -= take;
		step = is_control(d->op) ? feed_control(d, piece, ev, e)
					 : feed_data(d, piece, ev, e);
	}
	return step;
}

/* -- encoding -- */

void
ws_encode(struct buf *out, enum ws_opcode op, bool fin, struct span payload, const uint8_t *mask)
{
	uint8_t *p;
	uint8_t masked = mask ? 0x80 : 0;

	buf_add_u8(out, (uint8_t)((fin ? 0x80 : 0) | op));
	if (payload.n <= 125) {
		buf_add_u8(out, (uint8_t)(masked | payload.n));
	} else if (payload.n <= 0xffff) {
		buf_add_u8(out, masked | 126);
		buf_add_be(out, payload.n, 2);
	} else {
		buf_add_u8(out, masked | 127);
		buf_add_be(out, payload.n, 8);
	}
	if (mask)
		buf_add(out, span_of(mask, 4));
	p = payload.n ? buf_grow(out, payload.n) : NULL;
	if (!p)
		return;
	if (mask)
		apply_mask(p, payload.p, payload.n, mask, 0);
	else
		memcpy(p, payload.p, payload.n);
	buf_grow_commit(out, payload.n);
}

void
ws_encode_close(struct buf *out, uint16_t code, struct span text, const uint8_t *mask)
{
	uint8_t payload[WS_CONTROL_MAX];
	size_t n = text.n < sizeof payload - 2 ? text.n : sizeof payload - 2;

	if (!code || code == 1005) {
		ws_encode(out, WS_CLOSE, true, span_of(NULL, 0), mask);
		return;
	}
	/* A cut must not fall inside a character: the peer would refuse the frame. */
	while (n && !utf8_whole(span_first(text, n)))
		n--;
	payload[0] = (uint8_t)(code >> 8);
	payload[1] = (uint8_t)code;
	if (n)
		memcpy(payload + 2, text.p, n);
	ws_encode(out, WS_CLOSE, true, span_of(payload, n + 2), mask);
}

/* -- the opening handshake's two values (section 4.2) -- */

bool
ws_key_ok(struct span key)
{
	struct buf raw;
	bool ok;

	if (key.n != 24)
		return false;
	buf_init(&raw, 18);
	ok = base64_decode(key, &raw) && raw.n == 16;
	buf_fini(&raw);
	return ok;
}

bool
ws_accept(struct span key, char dst[static WS_ACCEPT_MAX])
{
	static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	uint8_t text[24 + sizeof guid - 1], digest[EVP_MAX_MD_SIZE];
	struct buf out;
	bool ok;

	dst[0] = '\0';
	if (key.n != 24)
		return false;
	memcpy(text, key.p, 24);
	memcpy(text + 24, guid, sizeof guid - 1);
	if (EVP_Digest(text, sizeof text, digest, NULL, EVP_sha1(), NULL) != 1)
		return false;
	buf_init(&out, WS_ACCEPT_MAX);
	base64_encode(span_of(digest, 20), &out);
	ok = buf_ok(&out) && span_cstr(buf_span(&out), dst, WS_ACCEPT_MAX);
	buf_fini(&out);
	return ok;
}
