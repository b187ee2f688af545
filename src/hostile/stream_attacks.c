/* Attacks of an agent that is attested, in version 2: frames of HTTP/2, made by hand. */
#include "hostile/conn.h"
#include "hostile/hand.h"
#include "hostile/scenario.h"

#include <stdio.h>

enum { DATA, HEADERS, SETTINGS = 4, PUSH_PROMISE, PING, WINDOW_UPDATE = 8, CONTINUATION };
enum { END_STREAM = 1, ACK = 1, END_HEADERS = 4 };

#define PREFACE_SIZE 24
#define FRAME_HEAD   9

static void
frame(struct buf *b, uint8_t type, uint8_t flags, uint32_t stream, struct span payload)
{
	buf_add_be(b, payload.n, 3);
	buf_add_u8(b, type);
	buf_add_u8(b, flags);
	buf_add_be(b, stream, 4);
	buf_add(b, payload);
}

/* An integer of HPACK (RFC 7541 section 5.1) with a prefix of 7 bits. */
static void
number(struct buf *b, size_t n)
{
	if (n < 127) {
		buf_add_u8(b, (uint8_t)n);
		return;
	}
	buf_add_u8(b, 127);
	for (n -= 127; n >= 128; n /= 128)
		buf_add_u8(b, (uint8_t)(n % 128 + 128));
	buf_add_u8(b, (uint8_t)n);
}

/* A field as a literal that is never indexed, without Huffman's code: any byte can stand in it. */
static void
field(struct buf *b, const char *name, struct span value)
{
	buf_add_u8(b, 0x10);
	number(b, strlen(name));
	buf_add_str(b, name);
	number(b, value.n);
	buf_add(b, value);
}

/* Send what is in b in messages that are small enough, and forget it. */
static void
flush(struct hand *h, struct buf *b)
{
	for (size_t at = 0; h->ws && at < b->n; at += 16384)
		(void)ws_conn_send_binary(h->ws, span_between(buf_span(b), at, at + 16384));
	buf_clear(b);
}

/* Say whether a head has come on stream 1. */
static bool
has_request(void *ctx)
{
	const struct hand *h = ctx;
	struct span in = span_from(buf_span(&h->binary), PREFACE_SIZE);

	while (in.n >= FRAME_HEAD) {
		size_t n = (size_t)in.p[0] << 16 | (size_t)in.p[1] << 8 | in.p[2];

		if (in.p[3] == HEADERS)
			return true;
		in = span_from(in, FRAME_HEAD + n);
	}
	return !h->ws;
}

/* A visitor asks an agent of version 2; b begins with the agent's own preface. */
static struct conn *
asked(struct kit *k, struct hand **agent, struct buf *b)
{
	struct hand *h = scenario_has_proxy(k) ? hand_serve(k, "a", 2) : NULL;
	char text[300];
	struct conn *c;

	buf_init(b, CONN_IN_MAX);
	*agent = h;
	if (!h)
		return NULL;
	if (!scenario_is_allowed(k, h)) {
		(void)kit_cannot(k, "attested and not allowed");
		return NULL;
	}
	c = conn_open(k, &k->proxy);
	(void)snprintf(text, sizeof text, "GET /a HTTP/1.1\r\nHost: %s.%s\r\n\r\n", h->id.app_name,
	    k->o->domain);
	if (!c || !conn_send(c, span_str(text)))
		return NULL;
	frame(b, SETTINGS, 0, 0, span_of(NULL, 0));
	frame(b, SETTINGS, ACK, 0, span_of(NULL, 0));
	if (kit_wait(k, has_request, h, k->o->patience_ms) && h->ws)
		return c;
	(void)kit_cannot(k, "no request comes as a stream: version 2 is not spoken");
	return NULL;
}

/* Answer with a head of 200 and one more field. */
static void
head(struct buf *b, uint32_t stream, uint8_t flags, const char *name, const char *value)
{
	struct buf block;

	buf_init(&block, 1u << 16);
	buf_add_u8(&block, 0x88); /* :status 200 */
	if (name)
		field(&block, name, span_str(value));
	frame(b, HEADERS, flags, stream, buf_span(&block));
	buf_fini(&block);
}

/* What was sent must not reach the visitor; the mark is in it. */
static void
unseen(struct kit *k, struct hand *h, struct conn *c, struct buf *b, const char *mark)
{
	struct conn_answer a;
	char line[100];

	flush(h, b);
	(void)conn_answer(c, &a);
	if (conn_has(c, mark))
		(void)kit_broken(k, "the visitor gets it: %s", conn_first_line(c, line));
	else if (scenario_was_answered(k, c))
		(void)kit_held(k, "the visitor gets %s", conn_first_line(c, line));
}

/* What was sent must end the tunnel. */
static void
ends(struct kit *k, struct hand *h, struct buf *b)
{
	flush(h, b);
	if (hand_ended(h, k->o->patience_ms))
		(void)kit_held(k, "closed %u %s", (unsigned)h->code, h->why);
	else
		(void)kit_broken(k, "the tunnel goes on");
}

static void
splitting(struct kit *k)
{
	struct hand *h;
	struct buf b;
	struct conn *c = asked(k, &h, &b);

	if (c) {
		head(&b, 1, END_HEADERS | END_STREAM, "x-a", "b\r\nx-evil: 1");
		unseen(k, h, c, &b, "x-evil");
	}
	buf_fini(&b);
}

static void
beyond_length(struct kit *k)
{
	struct hand *h;
	struct buf b;
	struct conn *c = asked(k, &h, &b);

	if (c) {
		head(&b, 1, END_HEADERS, "content-length", "2");
		frame(&b, DATA, END_STREAM, 1, span_str("okevil"));
		unseen(k, h, c, &b, "evil");
	}
	buf_fini(&b);
}

static void
header_bomb(struct kit *k)
{
	static char much[15000];
	struct hand *h;
	struct buf b, block;
	struct conn *c = asked(k, &h, &b);

	memset(much, 'a', sizeof much);
	buf_init(&block, 1u << 16);
	if (c) {
		head(&b, 1, END_STREAM, "x-evil", "1");
		for (int i = 0; i < 64; i++) {
			buf_clear(&block);
			field(&block, "x-a", span_of(much, sizeof much));
			frame(&b, CONTINUATION, i == 63 ? END_HEADERS : 0, 1, buf_span(&block));
		}
		unseen(k, h, c, &b, "x-evil");
	}
	buf_fini(&block);
	buf_fini(&b);
}

/* Heads of 103 without end, then the answer. */
static void
interim_flood(struct kit *k)
{
	static const uint8_t early[] = "\x08\x03"
				       "103"; /* :status by its index, 103 */
	struct hand *h;
	struct buf b;
	struct conn *c = asked(k, &h, &b);
	struct conn_answer a;
	size_t n = 0;

	if (c) {
		for (int i = 0; i < 200; i++)
			frame(&b, HEADERS, END_HEADERS, 1, span_of(early, sizeof early - 1));
		head(&b, 1, END_HEADERS | END_STREAM, NULL, NULL);
		flush(h, &b);
		(void)conn_answer(c, &a);
		for (struct span in = buf_span(&c->in); in.n; in = span_from(in, 1))
			n += span_starts(in, "HTTP/1.1 103");
		if (n > 100)
			(void)kit_broken(k, "%zu interim answers reach the visitor", n);
		else if (scenario_was_answered(k, c))
			(void)kit_held(k, "%zu interim answers, then %d", n, a.status);
	}
	buf_fini(&b);
}

static void
other_stream(struct kit *k)
{
	struct hand *h;
	struct buf b;

	if (asked(k, &h, &b)) {
		head(&b, 99, END_HEADERS, "x-evil", "1");
		frame(&b, DATA, END_STREAM, 99, span_str("evil"));
		ends(k, h, &b);
	}
	buf_fini(&b);
}

static void
push(struct kit *k)
{
	struct hand *h;
	struct buf b;

	if (asked(k, &h, &b)) {
		frame(&b, PUSH_PROMISE, END_HEADERS, 1, span_of("\0\0\0\2\x82\x86\x84", 7));
		ends(k, h, &b);
	}
	buf_fini(&b);
}

static void
window_overflow(struct kit *k)
{
	struct hand *h;
	struct buf b;

	if (asked(k, &h, &b)) {
		for (int i = 0; i < 2; i++)
			frame(&b, WINDOW_UPDATE, 0, 0, span_of("\x7f\xff\xff\xff", 4));
		ends(k, h, &b);
	}
	buf_fini(&b);
}

static void
window_flood(struct kit *k)
{
	struct hand *h;
	struct buf b;

	if (asked(k, &h, &b)) {
		for (int i = 0; i < 20000; i++)
			frame(&b, WINDOW_UPDATE, 0, 1, span_of("\0\0\0\1", 4));
		ends(k, h, &b);
	}
	buf_fini(&b);
}

static void
ping_flood(struct kit *k)
{
	struct hand *h;
	struct buf b;

	if (asked(k, &h, &b)) {
		for (int i = 0; i < 20000; i++)
			frame(&b, PING, 0, 0, span_of("evilping", 8));
		ends(k, h, &b);
	}
	buf_fini(&b);
}

/* More than the reader has granted. */
static void
above_credit(struct kit *k)
{
	static char much[16000];
	struct hand *h;
	struct buf b;

	memset(much, 'a', sizeof much);
	if (asked(k, &h, &b)) {
		head(&b, 1, END_HEADERS, NULL, NULL);
		for (int i = 0; i < 200; i++)
			frame(&b, DATA, 0, 1, span_of(much, sizeof much));
		ends(k, h, &b);
	}
	buf_fini(&b);
}

const struct scenario scenario_streams[] = {
    {"stream-splitting", "8", "put lines into a field of an HTTP/2 head", splitting},
    {"stream-beyond-length", "8", "send more of a body than its length says", beyond_length},
    {"stream-header-bomb", "17", "send a head of a megabyte in CONTINUATION frames", header_bomb},
    {"stream-interim-flood", "17", "send interim answers without end", interim_flood},
    {"stream-other", "17", "answer on a stream that was never opened", other_stream},
    {"stream-push", "17", "promise streams to a peer that takes none", push},
    {"stream-window-overflow", "17", "grant a window beyond what windows hold", window_overflow},
    {"stream-window-flood", "17", "grant a window byte by byte", window_flood},
    {"stream-ping-flood", "16", "ask for acknowledgements without end", ping_flood},
    {"stream-above-credit", "16", "send more than was granted", above_credit},
    {NULL, NULL, NULL, NULL}};
