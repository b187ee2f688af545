/* Every case of tests/strict, cut in two at every byte: what becomes of it, and how it is read, may
 * not depend on how it arrives. */
#include "base/test.h"

#include "wire/http1.h"
#include "wire/http1_cases.h"

#include <stdlib.h>

/* Cases above it are cut at some bytes only. */
#define EVERY_CUT 1000

/* One connection, read as a server or a client would. */
struct reader {
	bool response, to_head;
	bool in_body, over;
	struct http1_scan scan;
	struct http1_body body;
	struct http_head head;
	size_t at; /* bytes used */
	char verdict[16];
	size_t n;
	struct buf seen; /* all that was read, to compare by */
};

static void
judge(struct reader *r, char c)
{
	assert_true(r->n < sizeof r->verdict - 1);
	r->verdict[r->n++] = c;
}

static void
see_head(struct reader *r)
{
	const struct http_head *h = &r->head;

	buf_printf(&r->seen, "\n%d.%u %d %d %llu %d |", h->status, h->minor, h->keep_alive,
	    h->framing, (unsigned long long)h->length, h->expect_continue);
	buf_add(&r->seen, h->method);
	buf_add_str(&r->seen, "|");
	buf_add(&r->seen, h->target);
	buf_add_str(&r->seen, "|");
	buf_add(&r->seen, h->host);
	for (size_t i = 0; i < h->n; i++) {
		buf_add_str(&r->seen, "\n");
		buf_add(&r->seen, h->fields[i].name);
		buf_add_str(&r->seen, "|");
		buf_add(&r->seen, h->fields[i].value);
	}
	buf_add_str(&r->seen, "\n");
}

/* Read a head from `in`, all that has come of it. False: nothing more can be read now. */
static bool
read_head(struct reader *r, struct span in)
{
	struct err e = {0};
	size_t used;
	enum step step = r->response ? http1_response(&r->scan, in, r->to_head, &r->head, &used, &e)
				     : http1_request(&r->scan, in, &r->head, &used, &e);

	if (step == STEP_BAD) {
		judge(r, 'R');
		r->over = true;
	}
	if (step != STEP_DONE)
		return false;
	r->at += used;
	memset(&r->scan, 0, sizeof r->scan);
	see_head(r);
	if (r->response && r->head.status == 101) {
		judge(r, 'R');
		r->over = true;
	} else if (!r->response || r->head.status >= 200) {
		http1_body_init(&r->body, r->head.framing, r->head.length);
		http1_body_heed(&r->body, &r->head);
		r->in_body = true;
	}
	return true;
}

/* The body is over, in whatever way. */
static void
end_body(struct reader *r)
{
	const struct fields *t = r->body.trailers;

	for (size_t i = 0; t && i < t->n; i++) {
		buf_add_str(&r->seen, "\ntrailer|");
		buf_add(&r->seen, fields_at(t, i).name);
		buf_add_str(&r->seen, "|");
		buf_add(&r->seen, fields_at(t, i).value);
	}
	http1_body_fini(&r->body);
	r->in_body = false;
}

static bool
read_body(struct reader *r, struct span in)
{
	struct err e = {0};
	struct span data;
	size_t used;
	enum step step = http1_body_feed(&r->body, in, &used, &data, &e);

	r->at += used;
	buf_add(&r->seen, data);
	if (step == STEP_MORE)
		return data.n > 0;
	if (step == STEP_BAD)
		judge(r, r->response ? 'C' : 'R');
	else
		judge(r, r->response ? 'P' : 'A');
	r->over = step == STEP_BAD || r->response || !r->head.keep_alive;
	end_body(r);
	return true;
}

/* Read on: the first `n` bytes of the connection are there. The spans of an earlier call may be gone,
 * so they are fed from memory of just that size. */
static void
read_on(struct reader *r, struct span all, size_t n)
{
	uint8_t *copy = malloc(n ? n : 1);
	bool more = true;

	assert_non_null(copy);
	if (n)
		memcpy(copy, all.p, n);
	while (!r->over && more && (r->at < n || (r->in_body && r->body.framing != HTTP_CHUNKED))) {
		struct span in = span_of(copy + r->at, n - r->at);

		more = r->in_body ? read_body(r, in) : read_head(r, in);
	}
	free(copy);
}

static void
read_end(struct reader *r, size_t n)
{
	if (r->over)
		return;
	if (!r->response && (r->in_body || r->at < n || !n))
		judge(r, 'W');
	else if (r->response && !r->in_body)
		judge(r, 'R');
	else if (r->response)
		judge(r, http1_body_ends_at_close(&r->body) ? 'P' : 'C');
	if (r->in_body)
		end_body(r);
}

/* Read `all` in pieces of `piece` bytes, the first one of `first`. */
static void
read_pieces(struct reader *r, const struct strict_case *c, bool response, struct span all,
    size_t first, size_t piece)
{
	memset(r, 0, sizeof *r);
	r->response = response;
	r->to_head = c->to_head;
	buf_init(&r->seen, 8u << 20);
	for (size_t n = first; n < all.n; n += piece)
		read_on(r, all, n);
	read_on(r, all, all.n);
	read_end(r, all.n);
	assert_true(buf_ok(&r->seen));
}

static size_t
next_cut(size_t cut, size_t n)
{
	if (n <= EVERY_CUT || (n < 100000 && (cut < 100 || cut + 100 > n)))
		return cut + 1;
	return cut + n / 40;
}

/* What was right so far does not become wrong by being cut: a prefix of what is accepted may only
 * lack something. */
static void
check_prefix(const struct strict_case *c, const struct reader *whole, struct span all, size_t cut)
{
	struct reader r;

	read_pieces(&r, c, false, span_first(all, cut), cut, 1);
	if (!strchr(whole->verdict, 'R') && strchr(r.verdict, 'R'))
		fail_msg("%s: refused at byte %zu", c->id, cut);
	if (strlen(r.verdict) > strlen(whole->verdict))
		fail_msg("%s: the first %zu bytes are %s", c->id, cut, r.verdict);
	buf_fini(&r.seen);
}

static void
check_case(const struct strict_case *c, bool response)
{
	struct reader whole, r;
	struct buf text;
	struct span all;

	buf_init(&text, 8u << 20);
	for (size_t i = 0; i < STRICT_PIECES; i++)
		for (size_t k = 0; k < c->pieces[i].times; k++)
			buf_add(&text, span_of(c->pieces[i].text, c->pieces[i].n));
	all = buf_span(&text);
	read_pieces(&whole, c, response, all, all.n, 1);
	if (strcmp(c->verdict, "E") != 0 && strcmp(c->verdict, whole.verdict) != 0)
		fail_msg("%s: %s, not %s", c->id, whole.verdict, c->verdict);
	for (size_t cut = 0; cut < all.n; cut = next_cut(cut, all.n)) {
		read_pieces(&r, c, response, all, cut, all.n);
		if (strcmp(r.verdict, whole.verdict) != 0
		    || !span_eq(buf_span(&r.seen), buf_span(&whole.seen)))
			fail_msg("%s: cut at byte %zu: %s", c->id, cut, r.verdict);
		buf_fini(&r.seen);
		if (!response)
			check_prefix(c, &whole, all, cut);
	}
	if (all.n <= EVERY_CUT) {
		read_pieces(&r, c, response, all, 1, 1);
		if (strcmp(r.verdict, whole.verdict) != 0)
			fail_msg("%s: byte by byte: %s", c->id, r.verdict);
		buf_fini(&r.seen);
	}
	buf_fini(&whole.seen);
	buf_fini(&text);
}

static void
reads_requests_at_every_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof strict_requests / sizeof *strict_requests; i++)
		check_case(&strict_requests[i], false);
}

static void
reads_responses_at_every_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof strict_responses / sizeof *strict_responses; i++)
		check_case(&strict_responses[i], true);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_requests_at_every_cut),
	    cmocka_unit_test(reads_responses_at_every_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
