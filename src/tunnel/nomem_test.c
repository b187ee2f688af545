/* Each allocation of a request's way through version 1 fails once, then all from it on: nothing
 * crashes or leaks, and the asker hears an end in every case. Linked with --wrap. */
#include "base/nomem.h"

#include "tunnel/v1.h"

/* The asker and the wire, without allocations of their own. */
struct world {
	char sent[4096];
	size_t sent_n;
	int heads, ends, resets;
	size_t body_n;
	struct err why;
};

static void
on_send(void *ctx, struct span text)
{
	struct world *w = ctx;

	assert_true(text.n <= sizeof w->sent);
	memcpy(w->sent, text.p, text.n);
	w->sent_n = text.n;
}

static void
on_head(void *ctx, int status, const struct fields *f)
{
	struct world *w = ctx;

	assert_int_equal(status, 200);
	assert_true(span_is(fields_get(f, "a"), "b"));
	w->heads++;
}

static void
on_body(void *ctx, struct span data)
{
	struct world *w = ctx;

	w->body_n += data.n;
}

static void
on_end(void *ctx, const struct fields *trailers)
{
	struct world *w = ctx;

	w->ends++;
}

static void
on_reset(void *ctx, const struct err *why)
{
	struct world *w = ctx;

	w->resets++;
	w->why = *why;
}

static void
on_credit(void *ctx, size_t n)
{
	(void)ctx;
	(void)n;
}

static const struct exchange_events events = {
    .head = on_head, .body = on_body, .end = on_end, .reset = on_reset, .credit = on_credit};

/* The agent's side: what was sent is read, and answered into `out`. */
static bool
agent_answers(const struct world *w, struct buf *out, struct err *e)
{
	static const struct http_field f[] = {
	    {{(const uint8_t *)"A", 1}, {(const uint8_t *)"b", 1}}};
	struct v1_request r;
	struct msg m;
	bool ok;

	if (!msg_parse(&m, span_of(w->sent, w->sent_n), MSG_FROM_CONTROL, e))
		return false;
	ok = v1_request_read(&r, &m, e);
	if (ok) {
		assert_true(span_is(buf_span(&r.body), "hello"));
		v1_response_write(out, r.request_id, 200, f, 1, false, span_str("world"));
		ok = buf_ok(out) || err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "answer");
	}
	v1_request_fini(&r);
	msg_fini(&m);
	return ok;
}

static struct exchange *
open_exchange(struct v1 *v, struct world *w, struct err *e)
{
	struct fields f;
	struct exchange_request rq = {.request_id = "r1",
	    .method = span_str("POST"),
	    .target = span_str("/x"),
	    .fields = &f,
	    .has_body = true,
	    .timeout_ms = 1000};
	struct exchange *x = NULL;

	fields_init(&f);
	fields_add_str(&f, "Host", "a");
	if (fields_ok(&f))
		x = v1_open(v, &rq, &events, w, 0, e);
	else
		err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "fields");
	fields_fini(&f);
	return x;
}

static bool
exchange_on(struct v1 *v, struct world *w, struct buf *out, struct err *e)
{
	struct exchange *x = open_exchange(v, w, e);
	struct msg m;

	if (!x)
		return false;
	exchange_credit(x, 100);
	exchange_body(x, span_str("hello"));
	if (!w->resets)
		exchange_end(x, NULL);
	if (w->resets) {
		*e = w->why;
		return false;
	}
	if (!agent_answers(w, out, e) || !msg_parse(&m, buf_span(out), MSG_FROM_AGENT, e))
		return false;
	v1_on_response(v, &m);
	msg_fini(&m);
	assert_int_equal(w->resets + w->ends, 1);
	assert_int_equal(v1_in_flight(v), 0);
	*e = w->why;
	return w->ends && w->heads && w->body_n == 5;
}

static bool
whole_exchange(struct err *e)
{
	struct err gone = {0};
	struct world w = {0};
	struct v1 *v = v1_new(on_send, &w);
	struct buf out;
	bool ok;

	if (!v)
		return err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "table");
	buf_init(&out, 4096);
	ok = exchange_on(v, &w, &out, e);
	buf_fini(&out);
	err_set(&gone, ERR_IO, REASON_TUNNEL_LOST, "test");
	v1_free(v, &gone);
	return ok;
}

static bool
run(void *ctx)
{
	struct err e = {0};
	bool ok = whole_exchange(&e);

	assert_true(ok || e.code != ERR_NONE);
	return ok;
}

static void
survives_every_failed_allocation(void **state)
{
	assert_true(nomem_each(run, NULL, 1000) > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(survives_every_failed_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
