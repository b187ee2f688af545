/* Flow control, order and size of what goes out: both ends together. */
#include "tunnel/h2_pair.h"

static uint8_t zeros[1u << 20];

static size_t
least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Let a backend send as much as it may, up to n bytes in all. */
static size_t
pour(struct backend *b, size_t n)
{
	size_t sent = 0;

	while (!b->over && b->credit && sent < n) {
		struct span piece = span_of(zeros, least(least(b->credit, n - sent), 30000));

		sent += piece.n;
		back_send(b, piece);
	}
	return sent;
}

static struct backend *
begin(struct pair *p, struct asker *a)
{
	asker_init(a, p);
	a->count_only = true;
	ask(a, "GET", "/", false);
	pair_run(p);
	back_head(pair_back(p, p->n_backs - 1), 200, NULL);
	return pair_back(p, p->n_backs - 1);
}

/* Not a byte more than was granted comes; what the backend may send ahead is bounded. */
static void
keeps_to_credit(void **state)
{
	static const size_t grants[] = {1, 1, 2, 100, 16384, 65536, 300000, 1};
	struct pair *p = pair_new(NULL, NULL);
	struct asker a;
	struct backend *b = begin(p, &a);
	size_t granted = 0, poured = 0;

	for (int i = 0; i < 40; i++) {
		poured += pour(b, SIZE_MAX);
		pair_run(p);
	}
	assert_int_equal(a.got, 0);
	assert_int_equal(poured, LIMIT_H2_SEND_AHEAD);
	for (size_t i = 0; i < sizeof grants / sizeof *grants; i++) {
		granted += grants[i];
		asker_grant(&a, grants[i]);
		for (int k = 0; k < 40; k++) {
			poured += pour(b, SIZE_MAX);
			pair_run(p);
		}
		assert_int_equal(a.got, granted);
		assert_int_equal(poured, granted + LIMIT_H2_SEND_AHEAD);
		assert_int_equal(h2_server_stats(p->server).queued, LIMIT_H2_SEND_AHEAD);
	}
	/* All of it at once, by one who does not count. */
	a.granted += SIZE_MAX / 2;
	exchange_credit(a.x, SIZE_MAX);
	exchange_credit(a.x, SIZE_MAX);
	for (int k = 0; k < 100; k++) {
		poured += pour(b, 1 << 20);
		pair_run(p);
	}
	assert_int_equal(a.got, poured);
	back_finish(b);
	pair_run(p);
	assert_true(a.ended);
	pair_expect_quiet(p);
	asker_fini(&a);
	pair_free(p);
}

/* The whole answer in exactly the credit: no more is needed for its end. */
static void
ends_without_a_window(void **state)
{
	struct pair *p = pair_new(NULL, NULL);
	struct asker a;
	struct backend *b = begin(p, &a);

	asker_grant(&a, 5);
	back_send(b, span_str("whole"));
	pair_run(p);
	assert_int_equal(a.got, 5);
	back_finish(b);
	pair_run(p);
	assert_true(a.ended);
	pair_expect_quiet(p);
	asker_fini(&a);
	pair_free(p);
}

/* A request's body stops where the backend stops reading, and goes on with it. */
static void
holds_back_uploads(void **state)
{
	const size_t window = LIMIT_H2_STREAM_WINDOW;
	struct pair *p = pair_new(NULL, NULL);
	struct asker a;
	struct backend *b;
	size_t sent = 0;

	asker_init(&a, p);
	p->send_credit = 1000;
	ask(&a, "PUT", "/", true);
	for (int i = 0; i < 100; i++) {
		while (a.credit) {
			size_t n = least(a.credit, 50000);

			asker_send(&a, span_of(zeros, n));
			sent += n;
		}
		pair_run(p);
	}
	b = pair_back(p, 0);
	assert_int_equal(b->got, 1000);
	/* What a window has grown to, of which the backend has 1000 and grants no more; one queue on
	 * our side. */
	assert_in_range(h2_server_stats(p->server).unconsumed, 32768, window);
	assert_int_equal(sent, h2_server_stats(p->server).unconsumed + LIMIT_H2_SEND_AHEAD);
	assert_int_equal(h2_client_stats(p->client).queued, LIMIT_H2_SEND_AHEAD);
	exchange_end(a.x, NULL);
	b->granted += 500000;
	b->x.events->credit(b->x.ctx, 500000);
	pair_run(p);
	assert_int_equal(b->got, sent);
	assert_int_equal(b->told.p[b->told.n - 1], '.');
	back_head(b, 200, NULL);
	back_finish(b);
	pair_run(p);
	assert_true(a.ended);
	pair_expect_quiet(p);
	asker_fini(&a);
	pair_free(p);
}

/* One reader who stopped costs its neighbours nothing. */
static void
passes_stalled_neighbours(void **state)
{
	struct pair *p = pair_new(NULL, NULL);
	struct asker stalled, a;
	struct backend *b = begin(p, &stalled), *c;
	size_t stood;

	asker_grant(&stalled, LIMIT_H2_STREAM_WINDOW);
	for (int i = 0; i < 100; i++) {
		pour(b, SIZE_MAX);
		pair_run(p);
	}
	assert_in_range(stalled.got, 32768, LIMIT_H2_STREAM_WINDOW);
	stood = stalled.got;
	c = begin(p, &a);
	a.regrant = 0;
	asker_grant(&a, 100000);
	for (int i = 0; i < 1000; i++) {
		pour(c, SIZE_MAX);
		pair_run(p);
		if (a.granted < 50000)
			asker_grant(&a, 100000);
	}
	assert_true(a.got > 20u << 20);
	assert_int_equal(stalled.got, stood);
	asker_leave(&stalled);
	asker_leave(&a);
	pair_run(p);
	pair_expect_quiet(p);
	asker_fini(&stalled);
	asker_fini(&a);
	pair_free(p);
}

/* However many readers stall, one who reads gets all that he asks for. */
static void
lets_others_past_a_crowd(void **state)
{
	enum { N = 150 };
	struct h2_opts o = {.tunnel_window = 4u << 20};
	struct pair *p = pair_new(&o, NULL);
	static struct asker a[N], reader;
	static struct backend *b[N];
	struct backend *c;

	for (int i = 0; i < N; i++) {
		b[i] = begin(p, &a[i]);
		asker_grant(&a[i], LIMIT_H2_STREAM_WINDOW);
	}
	for (int round = 0; round < 100; round++) {
		for (int i = 0; i < N; i++)
			pour(b[i], SIZE_MAX);
		pair_run(p);
	}
	assert_true(h2_client_stats(p->client).unconsumed <= o.tunnel_window / 2);
	c = begin(p, &reader);
	reader.regrant = LIMIT_H2_MESSAGE;
	asker_grant(&reader, 100000);
	for (int i = 0; i < 4000; i++) {
		pour(c, SIZE_MAX);
		pair_run(p);
	}
	assert_in_range(reader.got, 4u << 20, SIZE_MAX);
	asker_leave(&reader);
	for (int i = 0; i < N; i++)
		asker_leave(&a[i]);
	pair_run(p);
	pair_expect_quiet(p);
	asker_fini(&reader);
	for (int i = 0; i < N; i++)
		asker_fini(&a[i]);
	pair_free(p);
}

/* Streams that are there and say nothing leave the others their windows, both ways. */
static void
idle_streams_hold_nothing(void **state)
{
	enum { N = 60 };
	struct pair *p = pair_new(NULL, NULL);
	static struct asker idle[N], reader, up;
	struct backend *b, *c;

	for (int i = 0; i < N; i++) {
		(void)begin(p, &idle[i]);
		asker_grant(&idle[i], LIMIT_H2_STREAM_WINDOW);
	}
	pair_run(p);
	b = begin(p, &reader);
	reader.regrant = LIMIT_H2_MESSAGE;
	asker_grant(&reader, LIMIT_H2_STREAM_WINDOW);
	p->send_credit = LIMIT_H2_STREAM_WINDOW;
	asker_init(&up, p);
	ask(&up, "PUT", "/", true);
	pair_run(p);
	c = pair_back(p, p->n_backs - 1);
	c->count_only = true;
	c->regrant = LIMIT_H2_MESSAGE;
	for (int i = 0; i < 100; i++) {
		pour(b, SIZE_MAX);
		if (up.credit)
			asker_send(&up, span_of(zeros, up.credit));
		pair_run(p);
	}
	/* A hundred round trips, of which all but the first ones move a queue whole. */
	assert_in_range(reader.got, 90 * LIMIT_H2_SEND_AHEAD, SIZE_MAX);
	assert_in_range(c->got, 90 * LIMIT_H2_SEND_AHEAD, SIZE_MAX);
	for (int i = 0; i < N; i++)
		asker_leave(&idle[i]);
	asker_leave(&reader);
	asker_leave(&up);
	pair_run(p);
	pair_expect_quiet(p);
	for (int i = 0; i < N; i++)
		asker_fini(&idle[i]);
	asker_fini(&reader);
	asker_fini(&up);
	pair_free(p);
}

/* Bodies that wait for ever to be taken leave room for the next one. */
static void
lets_uploads_past_a_crowd(void **state)
{
	enum { N = 300 };
	struct h2_opts o = {.tunnel_window = 4u << 20};
	struct pair *p = pair_new(&o, &o);
	static struct asker a[N], late;
	struct backend *c;

	p->send_credit = 0;
	for (int i = 0; i < N; i++) {
		asker_init(&a[i], p);
		ask(&a[i], "PUT", "/", true);
	}
	for (int round = 0; round < 50; round++) {
		for (int i = 0; i < N; i++)
			if (a[i].credit)
				asker_send(&a[i], span_of(zeros, a[i].credit));
		pair_run(p);
	}
	assert_in_range(h2_client_stats(p->client).queued, 1, o.tunnel_window);
	p->send_credit = LIMIT_H2_STREAM_WINDOW;
	asker_init(&late, p);
	ask(&late, "PUT", "/", true);
	assert_in_range(late.credit, 10, SIZE_MAX);
	asker_send(&late, span_of(zeros, 10));
	exchange_end(late.x, NULL);
	pair_run(p);
	c = pair_back(p, p->n_backs - 1);
	assert_int_equal(c->got, 10);
	back_head(c, 204, NULL);
	back_finish(c);
	pair_run(p);
	assert_true(late.ended);
	for (int i = 0; i < N; i++)
		asker_leave(&a[i]);
	pair_run(p);
	pair_expect_quiet(p);
	for (int i = 0; i < N; i++)
		asker_fini(&a[i]);
	asker_fini(&late);
	pair_free(p);
}

/* Many stalled readers: half of the tunnel's window is the ceiling, and it opens again. */
static void
bounds_what_is_not_consumed(void **state)
{
	enum { N = 40 };
	struct h2_opts o = {.tunnel_window = 1u << 20};
	struct pair *p = pair_new(&o, NULL);
	struct asker a[N];
	struct backend *b[N];
	size_t most = 0;

	for (int i = 0; i < N; i++) {
		b[i] = begin(p, &a[i]);
		asker_grant(&a[i], LIMIT_H2_STREAM_WINDOW);
	}
	for (int round = 0; round < 100; round++) {
		for (int i = 0; i < N; i++)
			pour(b[i], SIZE_MAX);
		pair_run(p);
		most = h2_client_stats(p->client).unconsumed;
		assert_true(most <= o.tunnel_window);
	}
	assert_in_range(most, o.tunnel_window / 4, o.tunnel_window / 2);
	/* Everyone reads again: all that was poured arrives. */
	for (int i = 0; i < N; i++)
		b[i]->x.events->end(b[i]->x.ctx, NULL), b[i]->over = true;
	for (int round = 0; round < 200; round++) {
		for (int i = 0; i < N; i++)
			if (a[i].x)
				asker_grant(&a[i], 10000);
		pair_run(p);
		assert_true(h2_client_stats(p->client).unconsumed <= o.tunnel_window);
	}
	for (int i = 0; i < N; i++) {
		assert_true(a[i].ended);
		asker_fini(&a[i]);
	}
	pair_expect_quiet(p);
	pair_free(p);
}

/* Who grants much at once and never again holds nobody up, not even himself. */
static void
takes_large_grants(void **state)
{
	struct h2_opts o = {.tunnel_window = 1u << 18};
	struct pair *p = pair_new(&o, &o);
	struct asker a, up;
	struct backend *b = begin(p, &a), *c;
	size_t sent = 0;

	asker_grant(&a, 1u << 30);
	p->send_credit = 1u << 30;
	asker_init(&up, p);
	ask(&up, "PUT", "/", true);
	pair_run(p);
	c = pair_back(p, 1);
	c->count_only = true;
	for (int i = 0; i < 4000; i++) {
		pour(b, SIZE_MAX);
		sent += up.credit;
		asker_send(&up, span_of(zeros, up.credit));
		pair_run(p);
	}
	assert_true(a.got > 10u << 20);
	assert_true(c->got > 10u << 20);
	back_finish(b);
	exchange_end(up.x, NULL);
	pair_run(p);
	assert_int_equal(c->got, sent);
	back_head(c, 200, NULL);
	back_finish(c);
	pair_run(p);
	assert_true(a.ended && up.ended);
	pair_expect_quiet(p);
	asker_fini(&a);
	asker_fini(&up);
	pair_free(p);
}

/* The same the other way: bodies that the backend does not read. */
static void
bounds_uploads_of_a_tunnel(void **state)
{
	enum { N = 40 };
	struct h2_opts o = {.tunnel_window = 1u << 20};
	struct pair *p = pair_new(NULL, &o);
	struct asker a[N];

	p->send_credit = 0;
	for (int i = 0; i < N; i++) {
		asker_init(&a[i], p);
		ask(&a[i], "PUT", "/", true);
	}
	for (int round = 0; round < 50; round++) {
		for (int i = 0; i < N; i++)
			if (a[i].credit)
				asker_send(&a[i], span_of(zeros, a[i].credit));
		pair_run(p);
		assert_true(h2_server_stats(p->server).unconsumed <= o.tunnel_window);
	}
	assert_in_range(
	    h2_server_stats(p->server).unconsumed, o.tunnel_window / 4, o.tunnel_window / 2);
	for (int i = 0; i < N; i++) {
		back_fail(pair_back(p, (size_t)i), REASON_BACKEND_UNREACHABLE);
		pair_run(p);
	}
	for (int i = 0; i < N; i++) {
		assert_int_equal(a[i].why, REASON_BACKEND_UNREACHABLE);
		asker_fini(&a[i]);
	}
	pair_expect_quiet(p);
	pair_free(p);
}

/* A tunnel that is slow itself: what waits for it is bounded, and new requests get a little. */
static void
bounds_what_is_queued(void **state)
{
	enum { N = 40 };
	struct h2_opts o = {.tunnel_window = 1u << 20};
	struct pair *p = pair_new(&o, NULL);
	struct asker a[N];
	size_t sent = 0, done = 0;

	p->up.room = 1; /* full after each message, and nothing is handed on */
	for (int i = 0; i < N; i++) {
		asker_init(&a[i], p);
		ask(&a[i], "PUT", "/", true);
		sent += a[i].credit;
		if (a[i].credit)
			asker_send(&a[i], span_of(zeros, a[i].credit));
		pair_flush(p);
	}
	assert_in_range(h2_client_stats(p->client).queued, 1u << 19, 1u << 20);
	/* It moves: everyone gets credit. */
	for (int i = 0; i < N; i++)
		exchange_credit(a[i].x, 10);
	pair_run(p);
	for (int i = 0; i < N; i++) {
		assert_true(a[i].credit > 0);
		exchange_end(a[i].x, NULL);
	}
	pair_run(p);
	for (size_t i = 0; i < N; i++) {
		done += pair_back(p, i)->got;
		back_head(pair_back(p, i), 200, NULL);
		back_finish(pair_back(p, i));
	}
	assert_int_equal(done, sent);
	pair_run(p);
	for (int i = 0; i < N; i++) {
		assert_true(a[i].ended);
		asker_fini(&a[i]);
	}
	pair_expect_quiet(p);
	pair_free(p);
}

/* Credit that was kept back comes, with what is sent, when those who had queued so much are gone. */
static void
gives_what_was_kept_back(void **state)
{
	enum { N = 30 };
	struct h2_opts o = {.tunnel_window = 1u << 17};
	struct pair *p = pair_new(&o, NULL);
	struct asker a[N];
	size_t first = 0;

	p->up.room = 1;
	for (int i = 0; i < N; i++) {
		asker_init(&a[i], p);
		ask(&a[i], "PUT", "/", true);
		first = i ? first : a[0].credit;
		if (i < N - 1 && a[i].credit)
			asker_send(&a[i], span_of(zeros, a[i].credit));
	}
	assert_int_equal(first, (1u << 16) / 8);
	assert_int_equal(a[N - 1].credit, 4096);
	pair_run(p);
	p->up.room = SIZE_MAX;
	for (int i = 0; i < N - 1; i++)
		asker_leave(&a[i]);
	pair_run(p);
	asker_send(&a[N - 1], span_of(zeros, 4096));
	pair_run(p);
	assert_int_equal(a[N - 1].credit, (1u << 16) / 8);
	asker_leave(&a[N - 1]);
	pair_run(p);
	pair_expect_quiet(p);
	for (int i = 0; i < N; i++)
		asker_fini(&a[i]);
	pair_free(p);
}

/* Where a frame of the bytes ends. */
static size_t
frame_size(struct span bytes)
{
	return 9 + ((size_t)bytes.p[0] << 16 | (size_t)bytes.p[1] << 8 | bytes.p[2]);
}

/* Let a stream's window grow to what it may be; gives what was sent for that. */
static size_t
warm_up(struct pair *p, struct asker *a, struct backend *b)
{
	size_t sent = 0, regrant = a->regrant;

	a->regrant = LIMIT_H2_MESSAGE;
	a->count_only = true;
	for (int i = 0; i < 40; i++) {
		sent += pour(b, SIZE_MAX);
		pair_run(p);
	}
	a->regrant = regrant;
	return sent;
}

/* Small frames share a message; a body's frame is one message. */
static void
fills_messages(void **state)
{
	enum { N = 50 };
	struct pair *p = pair_new(NULL, NULL);
	struct asker a[N];
	struct backend *b;
	struct span bytes;

	for (int i = 0; i < N; i++) {
		asker_init(&a[i], p);
		ask(&a[i], "GET", "/", false);
		asker_grant(&a[i], 1000000);
	}
	pair_flush(p);
	assert_int_equal(p->up.messages, 1);
	pair_run(p);
	p->down.messages = 0;
	for (size_t i = 0; i < N; i++) {
		back_head(pair_back(p, i), 200, NULL);
		if (i) {
			back_send(pair_back(p, i), span_str("small"));
			back_finish(pair_back(p, i));
		}
	}
	pair_flush(p);
	assert_int_equal(p->down.messages, 1);
	pair_run(p);
	b = pair_back(p, 0);
	warm_up(p, &a[0], b);
	p->down.messages = p->down.largest = 0;
	back_send(b, span_of(zeros, LIMIT_H2_SEND_AHEAD));
	pair_flush(p);
	/* Six full messages, and the rest with the window updates. */
	assert_int_equal(p->down.messages, 7);
	assert_int_equal(p->down.largest, LIMIT_H2_MESSAGE);
	bytes = buf_span(&p->down.bytes);
	for (size_t at = 0; at < bytes.n;) {
		size_t n = frame_size(span_from(bytes, at));

		assert_true(n <= LIMIT_H2_MESSAGE);
		at += n;
		assert_true(at <= bytes.n);
	}
	pair_run(p);
	back_finish(b);
	pair_run(p);
	for (int i = 0; i < N; i++) {
		assert_true(a[i].ended);
		asker_fini(&a[i]);
	}
	pair_expect_quiet(p);
	pair_free(p);
}

/* An owner whose queue is full gets at most one message more, and the rest when it asks. */
static void
stops_when_full(void **state)
{
	struct pair *p = pair_new(NULL, NULL);
	struct asker a;
	struct backend *b = begin(p, &a);
	size_t poured, may;

	asker_grant(&a, LIMIT_H2_STREAM_WINDOW);
	poured = warm_up(p, &a, b);
	/* He grants no more: what he has granted above a window is not the carrier's concern. */
	pair_run(p);
	may = a.got + a.granted;
	p->down.room = 1;
	poured += pour(b, SIZE_MAX);
	for (int i = 0; i < 10; i++) {
		size_t before = p->down.messages;

		p->down.woken = true;
		pair_flush(p);
		assert_in_range(p->down.messages - before, 1, 2);
		if (p->down.messages - before == 0)
			break;
		poured += pour(b, SIZE_MAX);
	}
	pair_run(p);
	for (int i = 0; i < 100; i++) {
		poured += pour(b, SIZE_MAX);
		pair_run(p);
	}
	assert_int_equal(a.got, may);
	assert_int_equal(poured, may + LIMIT_H2_SEND_AHEAD);
	asker_leave(&a);
	pair_run(p);
	pair_expect_quiet(p);
	asker_fini(&a);
	pair_free(p);
}

/* Three who always have more to send, and one with little: it goes at once, they share. */
static void
serves_all_alike(void **state)
{
	enum { N = 3 };
	struct pair *p = pair_new(NULL, NULL);
	struct asker a[N], small;
	struct backend *b[N], *c;
	size_t before;

	for (int i = 0; i < N; i++) {
		b[i] = begin(p, &a[i]);
		a[i].regrant = 0;
		asker_grant(&a[i], 1u << 30);
	}
	pair_run(p);
	p->down.room = 1; /* a message at a time */
	for (int round = 0; round < 300; round++) {
		for (int i = 0; i < N; i++)
			pour(b[i], SIZE_MAX);
		pair_flush(p);
		deliver_down(p, SIZE_MAX);
		pair_flush(p);
		deliver_up(p, SIZE_MAX);
	}
	for (int i = 0; i < N; i++)
		assert_in_range(a[i].got, a[0].got / 10 * 9, a[0].got / 10 * 11);
	/* The small one, among queues that are full. */
	asker_init(&small, p);
	ask(&small, "GET", "/", false);
	asker_grant(&small, 100);
	pair_flush(p);
	deliver_up(p, SIZE_MAX);
	c = pair_back(p, N);
	before = p->down.messages;
	back_head(c, 200, NULL);
	back_send(c, span_str("small"));
	back_finish(c);
	for (int round = 0; small.x && round < 100; round++) {
		for (int i = 0; i < N; i++)
			pour(b[i], SIZE_MAX);
		pair_flush(p);
		deliver_down(p, SIZE_MAX);
		pair_flush(p);
		deliver_up(p, SIZE_MAX);
	}
	assert_true(small.ended);
	assert_true(p->down.messages - before <= 2 * (N + 1));
	for (int i = 0; i < N; i++) {
		asker_leave(&a[i]);
		asker_fini(&a[i]);
	}
	p->down.room = SIZE_MAX;
	pair_run(p);
	pair_expect_quiet(p);
	asker_fini(&small);
	pair_free(p);
}

/* Windows smaller than HTTP/2's first one, which holds until settings have come. */
static void
works_with_small_windows(void **state)
{
	struct h2_opts o = {.stream_window = 5000, .tunnel_window = 1u << 17};
	struct pair *p = pair_new(&o, &o);
	struct asker a;
	struct backend *b;
	size_t sent = 0;

	p->send_credit = 100;
	asker_init(&a, p);
	ask(&a, "PUT", "/", true);
	for (int i = 0; i < 10 && a.credit; i++) {
		sent += a.credit;
		asker_send(&a, span_of(zeros, a.credit));
		pair_flush(p);
	}
	pair_run(p);
	b = pair_back(p, 0);
	for (int i = 0; i < 3000; i++) {
		b->granted += 100;
		b->x.events->credit(b->x.ctx, 100);
		pair_run(p);
		if (sent < 200000 && a.credit) {
			sent += a.credit;
			asker_send(&a, span_of(zeros, a.credit));
		}
		assert_true(h2_server_stats(p->server).unconsumed <= 65535 + 100);
	}
	exchange_end(a.x, NULL);
	pair_run(p);
	assert_int_equal(b->got, sent);
	back_head(b, 200, NULL);
	back_finish(b);
	pair_run(p);
	assert_true(a.ended);
	pair_expect_quiet(p);
	asker_fini(&a);
	pair_free(p);
}

/* The backend resets while it is handed a piece of what was held. */
static void
fail_in_body(struct backend *b, struct span data)
{
	back_fail(b, REASON_PEER_LOST);
	assert_int_equal(data.p[data.n - 1], 0);
}

static void
survives_resets_inside_bodies(void **state)
{
	for (size_t credit = 0; credit <= 10; credit += 10) {
		struct pair *p = pair_new(NULL, NULL);
		struct asker a;
		struct backend *b;

		asker_init(&a, p);
		p->send_credit = credit;
		ask(&a, "PUT", "/", true);
		pair_run(p);
		b = pair_back(p, 0);
		b->on_body = fail_in_body;
		asker_send(&a, span_of(zeros, 100));
		pair_run(p);
		if (!credit) {
			b->granted += 10;
			b->x.events->credit(b->x.ctx, 10);
			pair_run(p);
		}
		assert_int_equal(a.why, REASON_INVALID_PROXY_RESPONSE);
		pair_expect_quiet(p);
		asker_fini(&a);
		pair_free(p);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(keeps_to_credit),
	    cmocka_unit_test(ends_without_a_window),
	    cmocka_unit_test(holds_back_uploads),
	    cmocka_unit_test(passes_stalled_neighbours),
	    cmocka_unit_test(lets_others_past_a_crowd),
	    cmocka_unit_test(idle_streams_hold_nothing),
	    cmocka_unit_test(lets_uploads_past_a_crowd),
	    cmocka_unit_test(bounds_what_is_not_consumed),
	    cmocka_unit_test(takes_large_grants),
	    cmocka_unit_test(bounds_uploads_of_a_tunnel),
	    cmocka_unit_test(bounds_what_is_queued),
	    cmocka_unit_test(gives_what_was_kept_back),
	    cmocka_unit_test(fills_messages),
	    cmocka_unit_test(stops_when_full),
	    cmocka_unit_test(serves_all_alike),
	    cmocka_unit_test(works_with_small_windows),
	    cmocka_unit_test(survives_resets_inside_bodies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
