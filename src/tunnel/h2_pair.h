/* h2_pair.h - for tests: both ends of a tunnel of version 2 in one program, joined by two pipes
 * that hand on any run of bytes, an asker for the one end and a backend for the other. What each is
 * told is written down as text: "<status name=value" heads, "|bytes", "." the end, "!reason" a
 * reset, "+n" credit. A test file includes it once. */
#ifndef TUNNEL_H2_PAIR_H
#define TUNNEL_H2_PAIR_H

#include "base/test.h"

#include "tunnel/h2_client.h"
#include "tunnel/h2_server.h"

#define PAIR_MAX 4096 /* askers and backends at once */

struct pair;

/* One direction: bytes, and where among them the text h2_end stands. */
struct pipe {
	struct buf bytes;
	size_t room; /* the queue is full from here on */
	size_t end_at; /* SIZE_MAX: there is none */
	bool was_full, woken;
	size_t messages, largest;
	uint64_t total;
};

struct asker {
	struct pair *p;
	struct exchange *x; /* NULL when it is over */
	struct buf told;
	size_t credit; /* to send */
	size_t granted; /* and not used by the answer */
	size_t got; /* body bytes */
	enum reason why; /* of the reset */
	bool ended;
	bool tell_credit, count_only; /* what is written down */
	size_t regrant; /* for each body event */
	void (*on_head)(struct asker *a, int status);
	void (*on_body)(struct asker *a, struct span data);
	void (*on_reset)(struct asker *a);
	void *ctx; /* the test's */
};

struct backend {
	struct exchange x; /* first */
	struct pair *p;
	struct buf told;
	size_t credit; /* of the answer's body */
	size_t granted; /* of the request's, and not used */
	size_t got;
	bool over, reset, ended; /* the request is whole */
	bool count_only;
	void *ctx; /* the test's */
	size_t regrant;
	void (*on_body)(struct backend *b, struct span data);
};

struct pair {
	struct h2_client *client;
	struct h2_server *server;
	struct pipe up, down; /* to the agent, to the control plane */
	struct err client_err, server_err;
	bool client_broke, server_broke, draining;
	struct backend *backs[PAIR_MAX];
	size_t n_backs;
	uint64_t now;
	/* what the backend does with the next request */
	size_t send_credit;
	enum reason refuse;
	bool waits;
	bool split; /* hand on in pieces of random sizes */
	void (*on_back)(struct backend *b, const struct exchange_request *rq);
	void *ctx; /* the test's */
	uint32_t seed;
};

static uint32_t
pair_random(struct pair *p, uint32_t below)
{
	p->seed = p->seed * 1664525u + 1013904223u;
	return (uint32_t)((uint64_t)(p->seed >> 8) * below >> 24);
}

/* -- the asker -- */

static void
write_fields(struct buf *told, const struct fields *f)
{
	for (size_t i = 0; f && i < f->n; i++) {
		struct http_field h = fields_at(f, i);

		buf_printf(told, " %.*s=%.*s", (int)h.name.n, (const char *)h.name.p,
		    (int)h.value.n, (const char *)h.value.p);
	}
}

static void
asker_head(void *ctx, int status, const struct fields *f)
{
	struct asker *a = ctx;

	assert_non_null(a->x);
	buf_printf(&a->told, "<%d", status);
	write_fields(&a->told, f);
	if (a->on_head)
		a->on_head(a, status);
}

static void
asker_interim(void *ctx, int status, const struct fields *f)
{
	struct asker *a = ctx;

	buf_printf(&a->told, "~%d", status);
	write_fields(&a->told, f);
}

static void
asker_body(void *ctx, struct span data)
{
	struct asker *a = ctx;

	assert_non_null(a->x);
	assert_true(data.n > 0 && data.n <= a->granted);
	a->granted -= data.n;
	a->got += data.n;
	if (!a->count_only) {
		buf_add_str(&a->told, "|");
		buf_add(&a->told, data);
	}
	if (a->on_body)
		a->on_body(a, data);
	else if (a->regrant) {
		a->granted += a->regrant;
		exchange_credit(a->x, a->regrant);
	}
}

static void
asker_end(void *ctx, const struct fields *trailers)
{
	struct asker *a = ctx;

	assert_non_null(a->x);
	a->x = NULL;
	a->ended = true;
	write_fields(&a->told, trailers);
	buf_add_str(&a->told, ".");
}

static void
asker_reset(void *ctx, const struct err *why)
{
	struct asker *a = ctx;

	assert_non_null(a->x);
	a->x = NULL;
	a->why = why->reason;
	buf_printf(&a->told, "!%s", reason_token(why->reason));
	if (a->on_reset)
		a->on_reset(a);
}

static void
asker_credit(void *ctx, size_t n)
{
	struct asker *a = ctx;

	assert_non_null(a->x);
	a->credit += n;
	if (a->tell_credit)
		buf_printf(&a->told, "+%zu", n);
}

static const struct exchange_events asker_events = {
    asker_head, asker_interim, asker_body, asker_end, asker_reset, asker_credit};

static inline void
asker_init(struct asker *a, struct pair *p)
{
	memset(a, 0, sizeof *a);
	a->p = p;
	buf_init(&a->told, 64u << 20);
}

static inline void
asker_fini(struct asker *a)
{
	buf_fini(&a->told);
}

static inline bool
asker_open(struct asker *a, const struct exchange_request *rq, struct err *e)
{
	a->x = h2_client_open(a->p->client, rq, &asker_events, a, a->p->now, e);
	a->credit = a->x ? a->x->send_credit : 0;
	return a->x != NULL;
}

/* Open with Host: a. */
static inline void
ask(struct asker *a, const char *method, const char *target, bool has_body)
{
	struct fields f;
	struct exchange_request rq = {.request_id = "r",
	    .method = span_str(method),
	    .target = span_str(target),
	    .fields = &f,
	    .has_body = has_body,
	    .timeout_ms = 15000};
	struct err e = {0};

	fields_init(&f);
	fields_add_str(&f, "Host", "a");
	if (!asker_open(a, &rq, &e))
		fail_msg("%s: %s", reason_token(e.reason), e.detail);
	fields_fini(&f);
}

static inline void
asker_grant(struct asker *a, size_t n)
{
	a->granted += n;
	exchange_credit(a->x, n);
}

static inline void
asker_send(struct asker *a, struct span data)
{
	assert_true(data.n <= a->credit);
	a->credit -= data.n;
	exchange_body(a->x, data);
}

static inline void
asker_leave(struct asker *a)
{
	struct exchange *x = a->x;

	a->x = NULL;
	exchange_reset(x);
}

/* -- the backend: a carrier -- */

static void
back_body(struct exchange *x, struct span data)
{
	struct backend *b = (struct backend *)x;

	assert_false(b->over);
	assert_true(data.n > 0 && data.n <= b->granted);
	b->granted -= data.n;
	b->got += data.n;
	if (!b->count_only) {
		buf_add_str(&b->told, "|");
		buf_add(&b->told, data);
	}
	if (b->on_body)
		b->on_body(b, data);
	else if (b->regrant) {
		b->granted += b->regrant;
		b->x.events->credit(b->x.ctx, b->regrant);
	}
}

static void
back_end(struct exchange *x, const struct fields *trailers)
{
	struct backend *b = (struct backend *)x;

	assert_false(b->over);
	b->ended = true;
	write_fields(&b->told, trailers);
	buf_add_str(&b->told, ".");
}

static void
back_reset(struct exchange *x)
{
	struct backend *b = (struct backend *)x;

	assert_false(b->over);
	b->over = b->reset = true;
	buf_add_str(&b->told, "!");
}

static void
back_credit(struct exchange *x, size_t n)
{
	((struct backend *)x)->credit += n;
}

static const struct exchange_ops back_ops = {back_body, back_end, back_reset, back_credit};

static struct exchange *
back_open(void *ctx, const struct exchange_request *rq, const struct exchange_events *events,
    void *events_ctx, struct err *e)
{
	struct pair *p = ctx;
	struct backend *b;

	if (p->refuse) {
		err_set(e, ERR_IO, p->refuse, "as asked");
		return NULL;
	}
	assert_true(p->n_backs < PAIR_MAX);
	b = calloc(1, sizeof *b);
	if (!b) {
		err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "backend");
		return NULL;
	}
	b->x = (struct exchange){.ops = &back_ops,
	    .events = events,
	    .ctx = events_ctx,
	    .send_credit = p->send_credit,
	    .waits = p->waits};
	b->p = p;
	b->granted = p->send_credit;
	buf_init(&b->told, 64u << 20);
	buf_printf(&b->told, "%.*s %.*s", (int)rq->method.n, (const char *)rq->method.p,
	    (int)rq->target.n, (const char *)rq->target.p);
	write_fields(&b->told, rq->fields);
	if (rq->upgrade)
		buf_add_str(&b->told, " UPGRADE");
	if (rq->expect_continue)
		buf_add_str(&b->told, " EXPECT");
	if (rq->body_length)
		buf_printf(&b->told, " #%llu", (unsigned long long)rq->body_length);
	if (!rq->has_body)
		buf_add_str(&b->told, " -");
	p->backs[p->n_backs++] = b;
	if (p->on_back)
		p->on_back(b, rq);
	return &b->x;
}

static inline struct backend *
pair_back(struct pair *p, size_t i)
{
	assert_true(i < p->n_backs);
	return p->backs[i];
}

/* fields: "name=value name=value", or NULL. */
static inline void
back_head(struct backend *b, int status, const char *fields)
{
	struct fields f;
	char text[1024], *save = NULL;

	assert_false(b->over);
	fields_init(&f);
	assert_true(span_cstr(span_str(fields ? fields : ""), text, sizeof text));
	for (char *w = strtok_r(text, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
		char *eq = strchr(w, '=');

		fields_add(&f, span_of(w, (size_t)(eq - w)), span_str(eq + 1));
	}
	assert_true(fields_ok(&f));
	if (status < 200)
		b->x.events->interim(b->x.ctx, status, &f);
	else
		b->x.events->head(b->x.ctx, status, &f);
	fields_fini(&f);
}

static inline void
back_send(struct backend *b, struct span data)
{
	assert_false(b->over);
	assert_true(data.n <= b->credit);
	b->credit -= data.n;
	b->x.events->body(b->x.ctx, data);
}

static inline void
back_finish(struct backend *b)
{
	assert_false(b->over);
	b->over = true;
	b->x.events->end(b->x.ctx, NULL);
}

static inline void
back_fail(struct backend *b, enum reason r)
{
	struct err e = {0};

	err_set(&e, ERR_IO, r, "as asked");
	b->over = true;
	b->x.events->reset(b->x.ctx, &e);
}

/* -- the tunnel -- */

static bool
pipe_send(struct pipe *q, struct span message)
{
	assert_true(message.n > 0 && message.n <= LIMIT_H2_MESSAGE);
	assert_int_equal(q->end_at, SIZE_MAX);
	buf_add(&q->bytes, message);
	q->messages++;
	q->total += message.n;
	q->largest = message.n > q->largest ? message.n : q->largest;
	q->was_full = q->bytes.n >= q->room;
	return !q->was_full;
}

static bool
up_send(void *ctx, struct span message)
{
	return pipe_send(&((struct pair *)ctx)->up, message);
}

static bool
down_send(void *ctx, struct span message)
{
	return pipe_send(&((struct pair *)ctx)->down, message);
}

static void
up_end(void *ctx)
{
	struct pair *p = ctx;

	assert_int_equal(p->up.end_at, SIZE_MAX);
	p->up.end_at = p->up.bytes.n;
}

static void
up_wake(void *ctx)
{
	((struct pair *)ctx)->up.woken = true;
}

static void
down_wake(void *ctx)
{
	((struct pair *)ctx)->down.woken = true;
}

static void
up_draining(void *ctx)
{
	((struct pair *)ctx)->draining = true;
}

static const struct h2_client_ops up_ops = {up_send, up_end, up_wake, up_draining};
static const struct h2_server_ops down_ops = {down_send, down_wake, back_open};

static inline void
pipe_init(struct pipe *q)
{
	buf_init(&q->bytes, 256u << 20);
	q->room = SIZE_MAX;
	q->end_at = SIZE_MAX;
}

static inline struct pair *
pair_new(const struct h2_opts *control, const struct h2_opts *agent)
{
	struct pair *p = calloc(1, sizeof *p);

	assert_non_null(p);
	pipe_init(&p->up);
	pipe_init(&p->down);
	p->now = 1000;
	p->seed = 1;
	p->send_credit = LIMIT_H2_STREAM_WINDOW;
	p->client = h2_client_new(control, &up_ops, p);
	p->server = h2_server_new(agent, &down_ops, p);
	return p;
}

/* Let go of backends that are over; the test may look at them until then. */
static inline void
pair_sweep(struct pair *p)
{
	size_t kept = 0;

	for (size_t i = 0; i < p->n_backs; i++) {
		if (!p->backs[i]->over) {
			p->backs[kept++] = p->backs[i];
			continue;
		}
		buf_fini(&p->backs[i]->told);
		free(p->backs[i]);
	}
	p->n_backs = kept;
}

static inline void
pair_free(struct pair *p)
{
	struct err gone = {0};

	err_set(&gone, ERR_IO, REASON_TUNNEL_LOST, "test");
	h2_client_free(p->client, &gone);
	h2_server_free(p->server);
	for (size_t i = 0; i < p->n_backs; i++)
		assert_true(p->backs[i]->over);
	pair_sweep(p);
	buf_fini(&p->up.bytes);
	buf_fini(&p->down.bytes);
	free(p);
}

static inline void
note(bool ok, bool *broke, const struct err *e, struct err *to)
{
	if (ok)
		return;
	assert_false(*broke);
	*broke = true;
	*to = *e;
}

static inline void
pair_flush(struct pair *p)
{
	struct err e = {0};

	if (p->up.woken) {
		p->up.woken = false;
		note(h2_client_flush(p->client, &e), &p->client_broke, &e, &p->client_err);
	}
	if (p->down.woken) {
		p->down.woken = false;
		note(h2_server_flush(p->server, &e), &p->server_broke, &e, &p->server_err);
	}
}

/* How many bytes to hand on at once. */
static inline size_t
pair_piece(struct pair *p, const struct pipe *q, size_t most)
{
	size_t n = q->end_at < q->bytes.n ? q->end_at : q->bytes.n;

	n = n < most ? n : most;
	if (p->split && n > 1)
		n = 1 + pair_random(p, pair_random(p, 2) ? (uint32_t)n : 20 < n ? 20 : (uint32_t)n);
	return n;
}

static inline bool
deliver_up(struct pair *p, size_t most)
{
	struct err e = {0};
	size_t n = pair_piece(p, &p->up, most);

	if (n) {
		note(h2_server_recv(p->server, span_first(buf_span(&p->up.bytes), n), p->now, &e),
		    &p->server_broke, &e, &p->server_err);
		buf_drop(&p->up.bytes, n);
		p->up.end_at -= p->up.end_at == SIZE_MAX ? 0 : n;
	}
	if (p->up.was_full && p->up.bytes.n < p->up.room) {
		p->up.was_full = false;
		p->up.woken = true; /* the owner's on_drain */
	}
	if (p->up.end_at == 0) {
		p->up.end_at = SIZE_MAX;
		if (h2_server_end(p->server, &e))
			p->down.end_at = p->down.bytes.n;
		else if (!p->server_broke)
			note(false, &p->server_broke, &e, &p->server_err);
		return true;
	}
	return n > 0;
}

static inline bool
deliver_down(struct pair *p, size_t most)
{
	struct err e = {0};
	size_t n = pair_piece(p, &p->down, most);

	if (n) {
		note(h2_client_recv(p->client, span_first(buf_span(&p->down.bytes), n), p->now, &e),
		    &p->client_broke, &e, &p->client_err);
		buf_drop(&p->down.bytes, n);
		p->down.end_at -= p->down.end_at == SIZE_MAX ? 0 : n;
	}
	if (p->down.was_full && p->down.bytes.n < p->down.room) {
		p->down.was_full = false;
		p->down.woken = true;
	}
	if (p->down.end_at == 0) {
		p->down.end_at = SIZE_MAX;
		note(h2_client_end(p->client, p->now, &e), &p->client_broke, &e, &p->client_err);
		return true;
	}
	return n > 0;
}

/* Hand everything on until nothing moves. */
static inline void
pair_run(struct pair *p)
{
	bool moved = true;

	while (moved) {
		pair_flush(p);
		moved = deliver_up(p, SIZE_MAX);
		pair_flush(p);
		moved = deliver_down(p, SIZE_MAX) || moved;
		moved = moved || p->up.woken || p->down.woken;
	}
}

/* Let time pass in ticks. */
static inline void
pair_wait(struct pair *p, uint64_t ms)
{
	struct err e = {0};

	for (uint64_t end = p->now + ms; p->now < end;) {
		p->now += 250;
		if (h2_client_wants_tick(p->client))
			note(h2_client_tick(p->client, p->now, &e), &p->client_broke, &e,
			    &p->client_err);
		pair_run(p);
	}
}

/* Nothing is in flight, nothing is counted, nothing broke. */
static inline void
pair_expect_quiet(struct pair *p)
{
	struct h2_stats a = h2_client_stats(p->client), b = h2_server_stats(p->server);

	if (p->client_broke || p->server_broke)
		fail_msg("broke: %s / %s", p->client_err.detail, p->server_err.detail);
	assert_int_equal(a.streams + a.waiting + a.unconsumed + a.queued, 0);
	assert_int_equal(b.streams + b.waiting + b.unconsumed + b.queued, 0);
}

static inline void
expect_told(const struct buf *told, const char *want)
{
	if (!span_is(buf_span(told), want))
		fail_msg("told: %.*s\nnot:  %s", (int)told->n, (const char *)told->p, want);
}

#endif
