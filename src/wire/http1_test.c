#include "base/test.h"

#include "wire/http1.h"
#include <stdio.h>

static enum step
request(const char *text, size_t n, struct http_head *h, size_t *used, struct err *e)
{
	struct http1_scan s = {0};

	memset(e, 0, sizeof *e);
	return http1_request(&s, span_of(text, n), h, used, e);
}

static enum step
response(const char *text, bool to_head, struct http_head *h)
{
	struct http1_scan s = {0};
	struct err e = {0};
	size_t used;

	return http1_response(&s, span_str(text), to_head, h, &used, &e);
}

#define H "Host: a.example\r\n"

static const char *const good[] = {
    "GET / HTTP/1.1\r\n" H "\r\n",
    "\r\nGET / HTTP/1.1\r\n" H "\r\n",
    "GET /a?b=c|d&e=%20 HTTP/1.1\r\nhost:a.example:8080\r\nX-Empty:\r\n\r\n",
    "GET / HTTP/1.0\r\n\r\n",
    "POST /x HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\n",
    "POST /x HTTP/1.1\r\n" H "Transfer-Encoding: Chunked\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\n" H "\r\n",
    "CONNECT a.example:443 HTTP/1.1\r\n" H "\r\n",
    "GET http://a.example/x HTTP/1.1\r\n" H "\r\n",
    "GET http://a.example HTTP/1.1\r\n" H "\r\n",
    "GET / HTTP/1.1\r\n" H "X: a\tb \xc3\xa9\r\n\r\n",
    "M-SEARCH / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
};

static const char *const bad[] = {
    /* lines */
    "GET / HTTP/1.1\n" H "\r\n",
    "GET / HTTP/1.1\r\nHost: a.example\n\r\n",
    "GET / HTTP/1.1\rX\n" H "\r\n",
    "GET / HTTP/1.1\r\n" H "X: a\rb\r\n\r\n",
    "GET / HTTP/1.1\r\n" H " folded\r\n\r\n",
    "GET / HTTP/1.1\r\n Host: a.example\r\n\r\n",
    "GET / HTTP/1.1\r\n" H "\tX: y\r\n\r\n",
    "\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n",
    " GET / HTTP/1.1\r\n" H "\r\n",
    /* request line */
    "GET  / HTTP/1.1\r\n" H "\r\n",
    "GET / HTTP/1.1 \r\n" H "\r\n",
    "GET /\r\n" H "\r\n",
    "GET / a HTTP/1.1\r\n" H "\r\n",
    "GET\t/\tHTTP/1.1\r\n" H "\r\n",
    "G(T / HTTP/1.1\r\n" H "\r\n",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA / HTTP/1.1\r\n" H "\r\n",
    "GET x HTTP/1.1\r\n" H "\r\n",
    "GET /# HTTP/1.1\r\n" H "\r\n",
    "GET /\xc3\xa9 HTTP/1.1\r\n" H "\r\n",
    "GET * HTTP/1.1\r\n" H "\r\n",
    "GET http://u@a.example/ HTTP/1.1\r\nHost: u@a.example\r\n\r\n",
    "GET http://b.example/ HTTP/1.1\r\n" H "\r\n",
    "GET http://a.example?x HTTP/1.1\r\n" H "\r\n",
    "GET ftp://a.example/ HTTP/1.1\r\n" H "\r\n",
    "CONNECT / HTTP/1.1\r\n" H "\r\n",
    "GET / HTTP/1.2\r\n" H "\r\n",
    "GET / HTTP/2.0\r\n" H "\r\n",
    "GET / http/1.1\r\n" H "\r\n",
    "GET / HTTP/1.10\r\n" H "\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "\x16\x03\x01\x02",
    /* fields */
    "GET / HTTP/1.1\r\n" H "X : y\r\n\r\n",
    "GET / HTTP/1.1\r\n" H "X\r\n\r\n",
    "GET / HTTP/1.1\r\n" H ": y\r\n\r\n",
    "GET / HTTP/1.1\r\n" H "X\xc3: y\r\n\r\n",
    "GET / HTTP/1.1\r\n" H "X: \x01\r\n\r\n",
    "GET / HTTP/1.1\r\n" H "X: \x7f\r\n\r\n",
    /* Host */
    "GET / HTTP/1.1\r\n\r\n",
    "GET / HTTP/1.1\r\n" H H "\r\n",
    "GET / HTTP/1.0\r\n" H H "\r\n",
    "GET / HTTP/1.1\r\nHost:\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a:\r\n\r\n",
    /* framing */
    "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 5\r\n\r\n",
    "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
    "POST / HTTP/1.1\r\n" H "Content-Length: 5, 5\r\n\r\n",
    "POST / HTTP/1.1\r\n" H "Content-Length: +5\r\n\r\n",
    "POST / HTTP/1.1\r\n" H "Content-Length: -5\r\n\r\n",
    "POST / HTTP/1.1\r\n" H "Content-Length: 0x5\r\n\r\n",
    "POST / HTTP/1.1\r\n" H "Content-Length:\r\n\r\n",
    "POST / HTTP/1.1\r\n" H "Content-Length: 18446744073709551621\r\n\r\n",
    "POST / HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n",
    "POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n",
    "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked, chunked\r\n\r\n",
    "POST / HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n\r\n",
    "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
    "POST / HTTP/1.1\r\n" H "Transfer-Encoding: \x0b"
    "chunked\r\n\r\n",
    "POST / HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n",
};

static void
accepts_good_requests(void **state)
{
	struct http_head h;
	struct err e;
	size_t used;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		size_t n = strlen(good[i]);

		if (request(good[i], n, &h, &used, &e) != STEP_DONE || used != n)
			fail_msg("refused: %s: %s", good[i], e.detail);
		for (size_t k = 0; k < n; k++)
			assert_int_equal(request(good[i], k, &h, &used, &e), STEP_MORE);
	}
}

static void
refuses_bad_requests(void **state)
{
	static const char nul[] = "GET /\0 HTTP/1.1\r\n" H "\r\n";
	struct http_head h;
	struct err e;
	size_t used;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		if (request(bad[i], strlen(bad[i]), &h, &used, &e) != STEP_BAD)
			fail_msg("accepted: %s", bad[i]);
		assert_int_equal(e.reason, REASON_BAD_REQUEST);
	}
	assert_int_equal(request(nul, sizeof nul - 1, &h, &used, &e), STEP_BAD);
}

static void
splits_absolute_form(void **state)
{
	static const struct {
		const char *text, *target;
	} cases[] = {
	    {"GET http://a.example HTTP/1.1\r\n" H "\r\n", "/"},
	    {"GET http://a.example/x?y HTTP/1.1\r\n" H "\r\n", "/x?y"},
	    {"OPTIONS http://a.example/ HTTP/1.1\r\n" H "\r\n", "/"},
	    {"OPTIONS http://a.example HTTP/1.1\r\n" H "\r\n", "*"},
	};
	struct http_head h;
	struct err e;
	size_t used;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_int_equal(
		    request(cases[i].text, strlen(cases[i].text), &h, &used, &e), STEP_DONE);
		if (!span_is(h.target, cases[i].target))
			fail_msg("not %s: %s", cases[i].target, cases[i].text);
		assert_true(span_is(h.host, "a.example"));
	}
}

static void
feeds_at_every_split(void **state)
{
	const char *text = good[2];
	size_t n = strlen(text);

	(void)state;
	for (size_t cut = 0; cut <= n; cut++) {
		struct http1_scan s = {0};
		struct http_head h;
		struct err e = {0};
		size_t used;

		if (cut < n)
			assert_int_equal(
			    http1_request(&s, span_of(text, cut), &h, &used, &e), STEP_MORE);
		assert_int_equal(http1_request(&s, span_of(text, n), &h, &used, &e), STEP_DONE);
		assert_true(span_is(h.method, "GET"));
		assert_true(span_is(h.target, "/a?b=c|d&e=%20"));
		assert_true(span_is(h.host, "a.example:8080"));
		assert_int_equal(h.n, 2);
		assert_true(http_head_get(&h, "x-empty").p != NULL);
		assert_true(http_head_get(&h, "x-none").p == NULL);
	}
}

static void
survives_byte_flips(void **state)
{
	char text[256];
	struct http_head h;
	struct err e;
	size_t used;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		for (size_t k = 0; k < strlen(good[i]); k++)
			for (unsigned c = 0; c < 256; c++) {
				size_t n = strlen(good[i]);

				memcpy(text, good[i], n);
				text[k] = (char)c;
				(void)request(text, n, &h, &used, &e);
			}
}

/* As it would be with a peer that sends one byte at a time. */
static enum step
byte_by_byte(const char *text, size_t n, struct http_head *h, size_t *used, struct err *e)
{
	struct http1_scan s = {0};
	enum step step = STEP_MORE;

	*e = (struct err){0};
	for (size_t k = 1; k <= n && step == STEP_MORE; k++)
		step = http1_request(&s, span_of(text, k), h, used, e);
	return step;
}

/* What is plain is passed over eight bytes at once; each byte at each place must be seen all the same. */
static void
scans_alike_in_any_pieces(void **state)
{
	char text[256];
	struct http_head h;
	struct err whole, pieces;
	size_t n = strlen(good[2]), used_whole, used_pieces;

	(void)state;
	memcpy(text, good[2], n);
	for (size_t k = 0; k < n; k++) {
		for (unsigned c = 0; c < 256; c++) {
			enum step step;

			text[k] = (char)c;
			step = request(text, n, &h, &used_whole, &whole);
			assert_int_equal(byte_by_byte(text, n, &h, &used_pieces, &pieces), step);
			assert_int_equal(used_whole, used_pieces);
			assert_string_equal(whole.detail, pieces.detail);
		}
		text[k] = good[2][k];
	}
}

static void
judges_connections(void **state)
{
	struct http_head h;
	struct err e;
	size_t used;
	static const char put[] = "PUT / HTTP/1.1\r\n" H
				  "Expect: 100-Continue\r\nContent-Length: 1\r\n\r\n";
	static const struct {
		const char *text;
		bool keep;
	} cases[] = {
	    {"GET / HTTP/1.1\r\n" H "\r\n", true},
	    {"GET / HTTP/1.1\r\n" H "Connection: x, Close\r\n\r\n", false},
	    {"GET / HTTP/1.0\r\n\r\n", false},
	    {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true},
	    {"GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_int_equal(
		    request(cases[i].text, strlen(cases[i].text), &h, &used, &e), STEP_DONE);
		assert_int_equal(h.keep_alive, cases[i].keep);
	}
	assert_int_equal(request(put, strlen(put), &h, &used, &e), STEP_DONE);
	assert_true(h.expect_continue);
	assert_int_equal(h.framing, HTTP_LENGTH);
	assert_int_equal(h.length, 1);
}

static void
holds_the_limits(void **state)
{
	static char text[LIMIT_HEAD * 2];
	struct http_head h;
	struct err e;
	size_t used, n;

	(void)state;
	n = (size_t)snprintf(text, sizeof text, "GET / HTTP/1.1\r\n" H);
	for (int i = 0; i < LIMIT_HEAD_FIELDS - 1; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "X: y\r\n");
	memcpy(text + n, "\r\n", 2);
	assert_int_equal(request(text, n + 2, &h, &used, &e), STEP_DONE);
	memcpy(text + n, "X: y\r\n\r\n", 8);
	assert_int_equal(request(text, n + 8, &h, &used, &e), STEP_BAD);
	assert_int_equal(e.reason, REASON_HEADER_TOO_BIG);
	memset(text + n, 'a', sizeof text - n);
	assert_int_equal(request(text, LIMIT_HEAD, &h, &used, &e), STEP_MORE);
	assert_int_equal(request(text, LIMIT_HEAD + 1, &h, &used, &e), STEP_BAD);
	assert_int_equal(e.reason, REASON_HEADER_TOO_BIG);
	memset(text, 'a', sizeof text);
	memcpy(text, "GET /", 5);
	assert_int_equal(request(text, LIMIT_HEAD + 1, &h, &used, &e), STEP_BAD);
	assert_int_equal(reason_http(e.reason), 414);
}

static void
reads_responses(void **state)
{
	struct http_head h;
	static const struct {
		const char *text;
		bool to_head;
		enum step step;
		enum http_framing framing;
	} cases[] = {
	    {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", false, STEP_DONE, HTTP_LENGTH},
	    {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", true, STEP_DONE, HTTP_NO_BODY},
	    {"HTTP/1.1 200\r\n\r\n", false, STEP_DONE, HTTP_UNTIL_CLOSE},
	    {"HTTP/1.0 200 \r\n\r\n", false, STEP_DONE, HTTP_UNTIL_CLOSE},
	    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false, STEP_DONE,
		HTTP_CHUNKED},
	    {"HTTP/1.1 304 x\r\nContent-Length: 3\r\n\r\n", false, STEP_DONE, HTTP_NO_BODY},
	    {"HTTP/1.1 204 x\r\nContent-Length: 0\r\n\r\n", false, STEP_DONE, HTTP_NO_BODY},
	    {"HTTP/1.1 100 Continue\r\n\r\n", false, STEP_DONE, HTTP_NO_BODY},
	    {"HTTP/1.1 204 x\r\nContent-Length: 1\r\n\r\n", false, STEP_BAD, 0},
	    {"HTTP/1.1 101 x\r\nTransfer-Encoding: chunked\r\n\r\n", false, STEP_BAD, 0},
	    {"HTTP/1.1 20 OK\r\n\r\n", false, STEP_BAD, 0},
	    {"HTTP/1.1 2000 OK\r\n\r\n", false, STEP_BAD, 0},
	    {"HTTP/1.1 099 OK\r\n\r\n", false, STEP_BAD, 0},
	    {"HTTP/1.1 600 OK\r\n\r\n", false, STEP_BAD, 0},
	    {"HTTP/1.1  200 OK\r\n\r\n", false, STEP_BAD, 0},
	    {"\r\nHTTP/1.1 200 OK\r\n\r\n", false, STEP_BAD, 0},
	    {"HTTP/2 200 OK\r\n\r\n", false, STEP_BAD, 0},
	    {"ICY 200 OK\r\n\r\n", false, STEP_BAD, 0},
	    {"HTTP/1.1 200 OK\nContent-Length: 3\n\n", false, STEP_BAD, 0},
	    {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n", false, STEP_BAD,
		0},
	    {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false, STEP_BAD, 0},
	    {"HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n", false, STEP_BAD, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		if (response(cases[i].text, cases[i].to_head, &h) != cases[i].step)
			fail_msg("%s", cases[i].text);
		if (cases[i].step == STEP_DONE)
			assert_int_equal(h.framing, cases[i].framing);
	}
}

/* -- bodies -- */

/* Feed text in pieces of at most `piece`; gather the data. Gives the last step and *used. */
static enum step
decode(const char *text, size_t piece, struct buf *out, size_t *used)
{
	struct http1_body b;
	struct err e = {0};
	size_t n = strlen(text);
	enum step step = STEP_MORE;

	http1_body_init(&b, HTTP_CHUNKED, 0);
	*used = 0;
	buf_clear(out);
	while (step == STEP_MORE && *used < n) {
		struct span in = span_of(text + *used, n - *used < piece ? n - *used : piece);
		struct span data;
		size_t k;

		step = http1_body_feed(&b, in, &k, &data, &e);
		buf_add(out, data);
		*used += k;
		if (step == STEP_MORE)
			assert_true(k > 0);
	}
	http1_body_fini(&b);
	return step;
}

static void
decodes_chunks(void **state)
{
	static const char *const texts[] = {
	    "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
	    "05;a=b;c=\"d\\\"\r\";e\r\nhello\r\n6\r\n world\r\n000\r\nX: y\r\nZ:\r\n\r\n",
	    "b;ext\r\nhello world\r\n0;x=y\r\n\r\n",
	    "B\r\nhello world\r\n0\r\n\r\n",
	};
	struct buf out;
	size_t used;

	(void)state;
	buf_init(&out, 1000);
	for (size_t i = 0; i < 4; i++)
		for (size_t piece = 1; piece < 60; piece++) {
			/* The second one has a CR inside a quoted value. */
			enum step want = i == 1 ? STEP_BAD : STEP_DONE;

			assert_int_equal(decode(texts[i], piece, &out, &used), want);
			if (want == STEP_BAD)
				continue;
			assert_int_equal(used, strlen(texts[i]));
			assert_true(span_is(buf_span(&out), "hello world"));
		}
	assert_int_equal(
	    decode("1;a=b;c=\"d\\\"\";e\r\nx\r\n0\r\nA: b\r\n\r\nGET", 100, &out, &used),
	    STEP_DONE);
	assert_int_equal(used, strlen("1;a=b;c=\"d\\\"\";e\r\nx\r\n0\r\nA: b\r\n\r\n"));
	buf_fini(&out);
}

static void
refuses_bad_chunks(void **state)
{
	static const char *const texts[] = {"\r\n", "g\r\n", "-1\r\n", "+1\r\n", "0x1\r\n",
	    " 1\r\n", "1 \r\n", "1\n", "1\r\r", "1;\r\n", "1;a=\r\n", "1; a\r\n", "1;a =b\r\n",
	    "1;a\n", "1;a=\"b\r\n", "1;a=\"b\"c\r\n", "1\r\nab", "1\r\na\n", "1\r\na\r\r",
	    "1000000000000000\r\n", "0\r\nX\r\n", "0\r\n X: y\r\n", "0\r\nX : y\r\n", "0\r\nX: y\n",
	    "0\r\n\r\r", "0\r\n: y\r\n", "0\r\nX: \x01\r\n"};
	struct buf out;
	size_t used;

	(void)state;
	buf_init(&out, 1000);
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		for (size_t piece = 1; piece < 4; piece++)
			if (decode(texts[i], piece, &out, &used) != STEP_BAD)
				fail_msg("accepted: %s", texts[i]);
	buf_fini(&out);
}

static void
bounds_chunk_overhead(void **state)
{
	struct http1_body b;
	struct err e = {0};
	struct span data;
	size_t used, n = 0;
	enum step step = STEP_MORE;

	(void)state;
	http1_body_init(&b, HTTP_CHUNKED, 0);
	while (step == STEP_MORE && n < 100000) {
		struct span in = span_str("1;aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\nx\r\n");

		for (; in.n && step == STEP_MORE; in = span_from(in, used))
			step = http1_body_feed(&b, in, &used, &data, &e);
		n++;
	}
	assert_int_equal(step, STEP_BAD);
	http1_body_fini(&b);
}

/* Feed a body of no bytes and these trailer lines in pieces; gives the last step. */
static enum step
trail(struct http1_body *b, const char *lines, size_t piece, struct err *e)
{
	struct span in, data;
	struct buf text;
	enum step step = STEP_MORE;
	size_t used;

	memset(e, 0, sizeof *e);
	buf_init(&text, 1u << 20);
	buf_add_str(&text, "0\r\n");
	buf_add_str(&text, lines);
	buf_add_str(&text, "\r\nGET");
	http1_body_init(b, HTTP_CHUNKED, 0);
	for (in = buf_span(&text); in.n && step == STEP_MORE; in = span_from(in, used))
		step = http1_body_feed(b, span_first(in, piece), &used, &data, e);
	if (step == STEP_DONE)
		assert_true(in.n <= 3);
	buf_fini(&text);
	return step;
}

static void
hands_trailers_out(void **state)
{
	struct http1_body b;
	struct err e;

	(void)state;
	for (size_t piece = 1; piece < 80; piece++) {
		assert_int_equal(
		    trail(&b, "Grpc-Status: 0\r\nX-Empty:\r\nx-sum:  a b\t\r\n", piece, &e),
		    STEP_DONE);
		assert_int_equal(b.trailers->n, 3);
		assert_true(span_is(fields_get(b.trailers, "grpc-status"), "0"));
		assert_true(span_is(fields_get(b.trailers, "x-empty"), ""));
		assert_true(span_is(fields_get(b.trailers, "X-Sum"), "a b"));
		http1_body_fini(&b);
	}
	assert_int_equal(trail(&b, "", 100, &e), STEP_DONE);
	assert_null(b.trailers);
	http1_body_fini(&b);
}

/* RFC 9110 section 6.5.1: what frames is refused, what else has no place there is dropped. */
static void
keeps_heads_out_of_trailers(void **state)
{
	static const char *const dropped =
	    "Host: b\r\nAuthorization: Basic eA==\r\nCookie: a=b\r\nSet-Cookie: a=b\r\n"
	    "Connection: close\r\nUpgrade: websocket\r\nTE: trailers\r\nTrailer: X\r\n"
	    "Content-Type: text/html\r\nContent-Encoding: gzip\r\nIf-None-Match: *\r\n"
	    "Cache-Control: no-store\r\nExpect: 100-continue\r\nLocation: /\r\n"
	    "X-EE-App: b\r\nx_ee_app: b\r\nX-Forwarded-For: 127.0.0.1\r\nForwarded: for=x\r\n"
	    "X-Real-IP: ::1\r\nX-Request-Id: 7\r\nVia: 1.1 x\r\n";
	static const char *const refused[] = {"Content-Length: 0\r\n",
	    "X: y\r\ncontent-length: 5\r\n", "Transfer-Encoding: chunked\r\n"};
	struct http1_body b;
	struct err e;

	(void)state;
	assert_int_equal(trail(&b, dropped, 7, &e), STEP_DONE);
	assert_null(b.trailers);
	http1_body_fini(&b);
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		assert_int_equal(trail(&b, refused[i], 3, &e), STEP_BAD);
		assert_int_equal(e.reason, REASON_BAD_REQUEST);
		assert_string_equal(e.detail, "framing field in a trailer");
		http1_body_fini(&b);
	}
}

static void
bounds_trailers(void **state)
{
	struct http1_body b;
	struct buf lines;
	struct err e;

	(void)state;
	buf_init(&lines, 1u << 20);
	for (int i = 0; i < LIMIT_HEAD_FIELDS; i++)
		buf_printf(&lines, "X-%d: y\r\n", i);
	assert_int_equal(trail(&b, buf_cstr(&lines), 100, &e), STEP_DONE);
	assert_int_equal(b.trailers->n, LIMIT_HEAD_FIELDS);
	http1_body_fini(&b);
	buf_add_str(&lines, "X-more: y\r\n");
	assert_int_equal(trail(&b, buf_cstr(&lines), 100, &e), STEP_BAD);
	http1_body_fini(&b);
	/* one line, and dropped lines, count all the same */
	for (int dropped = 0; dropped < 2; dropped++) {
		buf_clear(&lines);
		while (lines.n < LIMIT_HEAD)
			buf_add_str(&lines, dropped ? "Host: y\r\n" : lines.n ? "aaaaaaaa" : "X:");
		buf_add_str(&lines, "\r\n");
		assert_int_equal(trail(&b, buf_cstr(&lines), 1000, &e), STEP_BAD);
		http1_body_fini(&b);
	}
	buf_fini(&lines);
}

static void
knows_upgrades(void **state)
{
	static const char te[] = "GET / HTTP/1.1\r\n" H "TE: deflate, Trailers\r\n\r\n";
	static const struct {
		const char *text;
		bool upgrade;
	} rows[] = {
	    {"GET / HTTP/1.1\r\n" H "Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n\r\n",
		true},
	    {"GET / HTTP/1.1\r\n" H "Connection: upgrade\r\nUpgrade: h2c, websocket\r\n"
	     "Content-Length: 0\r\n\r\n",
		true},
	    {"GET / HTTP/1.1\r\n" H "Upgrade: websocket\r\n\r\n", false},
	    {"GET / HTTP/1.1\r\n" H "Connection: Upgrade\r\n\r\n", false},
	    {"GET / HTTP/1.1\r\n" H "Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n", false},
	    {"GET / HTTP/1.0\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", false},
	    {"POST / HTTP/1.1\r\n" H "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n", false},
	    {"GET / HTTP/1.1\r\n" H "Connection: Upgrade\r\nUpgrade: websocket\r\n"
	     "Content-Length: 1\r\n\r\n",
		false},
	    {"GET / HTTP/1.1\r\n" H "Connection: Upgrade\r\nUpgrade: websocket\r\n"
	     "Transfer-Encoding: chunked\r\n\r\n",
		false},
	};
	struct http_head h;
	struct err e;
	size_t used;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_int_equal(
		    request(rows[i].text, strlen(rows[i].text), &h, &used, &e), STEP_DONE);
		assert_int_equal(h.upgrade, rows[i].upgrade);
		assert_false(h.takes_trailers);
	}
	assert_int_equal(response("HTTP/1.1 101 x\r\nConnection: Upgrade\r\n"
				  "Upgrade: websocket\r\n\r\n",
			     false, &h),
	    STEP_DONE);
	assert_true(h.upgrade);
	assert_int_equal(
	    response("HTTP/1.1 101 x\r\nUpgrade: websocket\r\n\r\n", false, &h), STEP_DONE);
	assert_false(h.upgrade);
	assert_int_equal(response("HTTP/1.1 200 x\r\nConnection: Upgrade\r\n"
				  "Upgrade: websocket\r\n\r\n",
			     false, &h),
	    STEP_DONE);
	assert_false(h.upgrade);
	assert_int_equal(request(te, strlen(te), &h, &used, &e), STEP_DONE);
	assert_true(h.takes_trailers);
}

static void
decodes_lengths(void **state)
{
	struct http1_body b;
	struct err e = {0};
	struct span data;
	size_t used;

	(void)state;
	http1_body_init(&b, HTTP_LENGTH, 5);
	assert_int_equal(http1_body_feed(&b, span_str("hel"), &used, &data, &e), STEP_MORE);
	assert_false(http1_body_ends_at_close(&b));
	assert_int_equal(http1_body_feed(&b, span_str("loGET"), &used, &data, &e), STEP_DONE);
	assert_int_equal(used, 2);
	assert_true(span_is(data, "lo"));
	http1_body_init(&b, HTTP_NO_BODY, 0);
	assert_int_equal(http1_body_feed(&b, span_str("x"), &used, &data, &e), STEP_DONE);
	assert_int_equal(used, 0);
	http1_body_init(&b, HTTP_UNTIL_CLOSE, 0);
	assert_int_equal(http1_body_feed(&b, span_str("x"), &used, &data, &e), STEP_MORE);
	assert_int_equal(used, 1);
	assert_true(http1_body_ends_at_close(&b));
}

static void
writes_nothing_that_splits(void **state)
{
	struct fields trailers;
	struct buf out;

	(void)state;
	buf_init(&out, 1000);
	http1_write_status_line(&out, 200);
	http1_write_field(&out, "X", span_str("y"));
	http1_write_end(&out);
	http1_write_chunk(&out, span_str("hello"));
	http1_write_chunk(&out, span_str(""));
	http1_write_last_chunk(&out, NULL);
	assert_true(
	    span_is(buf_span(&out), "HTTP/1.1 200 OK\r\nX: y\r\n\r\n5\r\nhello\r\n0\r\n\r\n"));
	buf_clear(&out);
	fields_init(&trailers);
	fields_add_str(&trailers, "Grpc-Status", "0");
	fields_add_str(&trailers, "Content-Length", "5");
	http1_write_last_chunk(&out, &trailers);
	fields_fini(&trailers);
	assert_true(span_is(buf_span(&out), "0\r\nGrpc-Status: 0\r\n\r\n"));
	buf_clear(&out);
	http1_write_field(&out, "X", span_str("y\r\nEvil: 1"));
	assert_false(buf_ok(&out));
	buf_clear(&out);
	http1_write_field(&out, "X: y\r\nEvil", span_str("1"));
	assert_false(buf_ok(&out));
	buf_clear(&out);
	http1_write_request_line(&out, span_str("GET"), span_str("/ HTTP/1.1\r\nX: "));
	assert_false(buf_ok(&out));
	buf_clear(&out);
	http1_write_request_line(&out, span_str("GET"), span_str("/x"));
	assert_true(span_is(buf_span(&out), "GET /x HTTP/1.1\r\n"));
	buf_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(accepts_good_requests),
	    cmocka_unit_test(refuses_bad_requests),
	    cmocka_unit_test(splits_absolute_form),
	    cmocka_unit_test(feeds_at_every_split),
	    cmocka_unit_test(scans_alike_in_any_pieces),
	    cmocka_unit_test(survives_byte_flips),
	    cmocka_unit_test(judges_connections),
	    cmocka_unit_test(holds_the_limits),
	    cmocka_unit_test(reads_responses),
	    cmocka_unit_test(decodes_chunks),
	    cmocka_unit_test(refuses_bad_chunks),
	    cmocka_unit_test(bounds_chunk_overhead),
	    cmocka_unit_test(hands_trailers_out),
	    cmocka_unit_test(keeps_heads_out_of_trailers),
	    cmocka_unit_test(bounds_trailers),
	    cmocka_unit_test(knows_upgrades),
	    cmocka_unit_test(decodes_lengths),
	    cmocka_unit_test(writes_nothing_that_splits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
