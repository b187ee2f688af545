#include "base/test.h"

#include "wire/ws.h"

/* What a stream of frames said, in one line: T"hello"! is a whole text message, lower case a part. */
static enum step
run(enum ws_role role, uint64_t max, const void *bytes, size_t n, size_t piece, struct buf *said,
    struct err *e)
{
	struct ws_decoder d;
	uint8_t *copy = malloc(n ? n : 1);
	size_t at = 0;
	enum step step = STEP_MORE;

	memcpy(copy, bytes, n);
	memset(e, 0, sizeof *e);
	buf_clear(said);
	ws_decoder_init(&d, role, max);
	while (at < n && step != STEP_BAD) {
		size_t end = n - at < piece ? n : at + piece;

		while (at < end && step != STEP_BAD) {
			struct ws_event ev;
			size_t used;

			step = ws_decode(&d, copy + at, end - at, &used, &ev, e);
			at += used;
			if (step != STEP_DONE)
				continue;
			if (ev.op >= WS_CLOSE)
				buf_printf(said, "<%u %u>", (unsigned)ev.op, (unsigned)ev.code);
			buf_add(said, ev.data);
			if (ev.end)
				buf_add_str(said, "|");
		}
	}
	ws_decoder_fini(&d);
	free(copy);
	return step;
}

static void
speaks_with_itself(void **state)
{
	static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};
	struct buf out, said;
	struct err e;
	char big[70000];

	(void)state;
	memset(big, 'x', sizeof big);
	buf_init(&out, 200000);
	buf_init(&said, 200000);
	for (int masked = 0; masked < 2; masked++) {
		const uint8_t *m = masked ? mask : NULL;

		buf_clear(&out);
		ws_encode(&out, WS_TEXT, true, span_str("Hello"), m);
		ws_encode(&out, WS_TEXT, false, span_str("gr\xc3"), m);
		ws_encode(&out, WS_PING, true, span_str("p"), m);
		ws_encode(&out, WS_CONTINUATION, true, span_str("\xbc\xc3\x9f"), m);
		ws_encode(&out, WS_BINARY, true, span_str(""), m);
		ws_encode(&out, WS_BINARY, true, span_of(big, 200), m);
		ws_encode_close(&out, 1000, span_str("bye"), m);
		for (size_t piece = 1; piece < 40; piece++) {
			assert_int_equal(run(masked ? WS_SERVER : WS_CLIENT, 1000, out.p, out.n,
					     piece, &said, &e),
			    STEP_DONE);
			buf_drop(&said, 0);
			assert_true(span_starts(buf_span(&said), "Hello|gr\xc3<9 0>p|"));
		}
	}
	buf_clear(&out);
	ws_encode(&out, WS_BINARY, true, span_of(big, sizeof big), mask);
	assert_int_equal(run(WS_SERVER, sizeof big, out.p, out.n, out.n, &said, &e), STEP_DONE);
	assert_int_equal(said.n, sizeof big + 1);
	assert_int_equal(run(WS_SERVER, sizeof big - 1, out.p, out.n, out.n, &said, &e), STEP_BAD);
	assert_int_equal(e.reason, REASON_MESSAGE_TOO_BIG);
	buf_fini(&out);
	buf_fini(&said);
}

/* The mask goes on by words: it must fit however a payload is cut. */
static void
masks_at_every_cut(void **state)
{
	static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};
	uint8_t text[43];
	struct buf out, said;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof text; i++)
		text[i] = (uint8_t)(i * 37 + 11);
	buf_init(&out, 100);
	buf_init(&said, 100);
	for (size_t n = 0; n <= sizeof text; n++) {
		buf_clear(&out);
		ws_encode(&out, WS_BINARY, true, span_of(text, n), mask);
		assert_int_equal(out.n, 6 + n);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(out.p[6 + i], text[i] ^ mask[i % 4]);
		for (size_t piece = 1; piece <= out.n; piece++) {
			assert_int_equal(
			    run(WS_SERVER, 100, out.p, out.n, piece, &said, &e), STEP_DONE);
			assert_int_equal(said.n, n + 1);
			if (n)
				assert_memory_equal(said.p, text, n);
		}
	}
	buf_fini(&out);
	buf_fini(&said);
}

#define BYTES(s) s, sizeof(s) - 1

static void
refuses_illegal_frames(void **state)
{
	static const struct {
		const char *p;
		size_t n;
		enum reason reason;
	} cases[] = {
	    {BYTES("\x91"), REASON_PROTOCOL_ERROR}, /* RSV3 */
	    {BYTES("\xc1"), REASON_PROTOCOL_ERROR}, /* RSV1 */
	    {BYTES("\x83"), REASON_PROTOCOL_ERROR}, {BYTES("\x8b"), REASON_PROTOCOL_ERROR},
	    {BYTES("\x09"), REASON_PROTOCOL_ERROR}, /* fragmented ping */
	    {BYTES("\x80"), REASON_PROTOCOL_ERROR}, /* continuation of nothing */
	    {BYTES("\x01\x00\x81"), REASON_PROTOCOL_ERROR},
	    {BYTES("\x81\x80"), REASON_PROTOCOL_ERROR}, /* masked, to a client */
	    {BYTES("\x89\x7e"), REASON_PROTOCOL_ERROR},
	    {BYTES("\x82\x7e\x00\x7d"), REASON_PROTOCOL_ERROR},
	    {BYTES("\x82\x7f\x00\x00\x00\x00\x00\x00\xff\xff"), REASON_PROTOCOL_ERROR},
	    {BYTES("\x82\x7f\x80\x00\x00\x00\x00\x00\xff\xff"), REASON_PROTOCOL_ERROR},
	    {BYTES("\x82\x7f\x00\x00\x00\x00\x40\x00\x00\x00"), REASON_MESSAGE_TOO_BIG},
	    {BYTES("\x02\x7e\x03\x00"), REASON_OK}, /* 768 of 1000: fine */
	    {BYTES("\x88\x01\x03"), REASON_PROTOCOL_ERROR},
	    {BYTES("\x88\x02\x03\xed"), REASON_PROTOCOL_ERROR}, /* 1005 */
	    {BYTES("\x88\x02\x03\xe7"), REASON_PROTOCOL_ERROR}, /* 999 */
	    {BYTES("\x88\x02\x13\x88"), REASON_PROTOCOL_ERROR}, /* 5000 */
	    {BYTES("\x88\x04\x03\xe8\xc3\x28"), REASON_INVALID_UTF8},
	    {BYTES("\x88\x00\x81"), REASON_PROTOCOL_ERROR}, /* frame after close */
	    {BYTES("\x81\x01\xff"), REASON_INVALID_UTF8},
	    {BYTES("\x81\x02\xc3\x28"), REASON_INVALID_UTF8},
	    {BYTES("\x81\x01\xc3"), REASON_INVALID_UTF8}, /* ends inside a character */
	    {BYTES("\x81\x02\xc0\x80"), REASON_INVALID_UTF8}, /* overlong */
	    {BYTES("\x81\x03\xed\xa0\x80"), REASON_INVALID_UTF8}, /* surrogate */
	    {BYTES("\x81\x04\xf4\x90\x80\x80"), REASON_INVALID_UTF8},
	    {BYTES("\x81\x03\xe0\x80\x80"), REASON_INVALID_UTF8},
	    {BYTES("\x01\x01\xc3\x80\x01\x28"), REASON_INVALID_UTF8}, /* across fragments */
	};
	struct buf said;
	struct err e;

	(void)state;
	buf_init(&said, 2000);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (size_t piece = 1; piece < 12; piece++) {
			enum step step = run(
			    WS_CLIENT, 1000, cases[i].p, cases[i].n, piece, &said, &e);

			if ((step == STEP_BAD) != (cases[i].reason != REASON_OK)
			    || (step == STEP_BAD && e.reason != cases[i].reason))
				fail_msg("case %zu piece %zu: %s", i, piece, e.detail);
		}
	assert_int_equal(run(WS_SERVER, 1000, BYTES("\x81\x00"), 9, &said, &e), STEP_BAD);
	buf_fini(&said);
}

static void
sums_fragments(void **state)
{
	struct buf said;
	struct err e;

	(void)state;
	buf_init(&said, 2000);
	assert_int_equal(run(WS_CLIENT, 4,
			     BYTES("\x01\x02"
				   "ab\x00\x02"
				   "cd\x80\x00"),
			     99, &said, &e),
	    STEP_DONE);
	assert_true(span_is(buf_span(&said), "abcd|"));
	assert_int_equal(run(WS_CLIENT, 4,
			     BYTES("\x01\x02"
				   "ab\x80\x03"),
			     99, &said, &e),
	    STEP_BAD);
	assert_int_equal(e.reason, REASON_MESSAGE_TOO_BIG);
	buf_fini(&said);
}

static void
makes_the_handshake(void **state)
{
	char accept[WS_ACCEPT_MAX];

	(void)state;
	/* RFC 6455 section 1.3. */
	assert_true(ws_key_ok(span_str("dGhlIHNhbXBsZSBub25jZQ==")));
	assert_true(ws_accept(span_str("dGhlIHNhbXBsZSBub25jZQ=="), accept));
	assert_string_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
	assert_false(ws_key_ok(span_str("dGhlIHNhbXBsZSBub25jZQ=")));
	assert_false(ws_key_ok(span_str("dGhlIHNhbXBsZSBub25jZQAA")));
	assert_false(ws_key_ok(span_str("")));
	assert_false(ws_accept(span_str("x"), accept));
}

static void
cuts_close_text_between_characters(void **state)
{
	struct buf out, said;
	struct err e;
	char text[200];

	(void)state;
	buf_init(&out, 400);
	buf_init(&said, 400);
	memset(text, 'a', sizeof text);
	memcpy(text + 122, "\xc3\xbc", 2);
	ws_encode_close(&out, 1008, span_of(text, sizeof text), NULL);
	assert_int_equal(run(WS_CLIENT, 10, out.p, out.n, 999, &said, &e), STEP_DONE);
	assert_int_equal(out.n, 2 + 2 + 122);
	buf_clear(&out);
	ws_encode_close(&out, 0, span_str("x"), NULL);
	assert_int_equal(run(WS_CLIENT, 10, out.p, out.n, 999, &said, &e), STEP_DONE);
	assert_true(span_is(buf_span(&said), "<8 1005>|"));
	buf_fini(&out);
	buf_fini(&said);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(speaks_with_itself),
	    cmocka_unit_test(masks_at_every_cut),
	    cmocka_unit_test(refuses_illegal_frames),
	    cmocka_unit_test(sums_fragments),
	    cmocka_unit_test(makes_the_handshake),
	    cmocka_unit_test(cuts_close_text_between_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
