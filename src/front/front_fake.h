/* front_fake.h - for the tests of the front: a front whose carrier is a fake that does what a
 * request's path says and writes down what it is told, and a raw client that plays a script of
 * steps, one after another. */
#ifndef FRONT_FRONT_FAKE_H
#define FRONT_FRONT_FAKE_H

#include "base/test.h"
#include "front/front.h"
#include "net/stream.h"
#include <stdio.h>

/* Send, then wait until the answer so far holds `until`. NULL: nothing to send; until the end. */
struct client_step {
	const char *send, *until;
};

struct fake {
	struct net_loop *l;
	struct env env;
	struct front *front;
	struct buf lines; /* of the log */
	/* The replica. */
	struct exchange x;
	struct exchange *live; /* NULL: none, or over */
	struct net_defer act;
	struct net_timer later;
	char path[64];
	struct buf heard; /* what the asker did */
	size_t credit, got_body;
	bool waits, no_credit;
	/* The client. */
	struct stream *client;
	const struct client_step *step;
	struct span before; /* what goes out before the first step */
	struct buf got;
	bool reset, timed_out;
	struct net_timer stop;
};

static inline void
fake_line(void *ctx, enum log_level level, struct span line)
{
	struct fake *w = ctx;

	(void)level;
	buf_add(&w->lines, line);
	buf_add_str(&w->lines, "\n");
}

/* -- the replica -- */

static inline void
fake_hear_fields(struct fake *w, const struct fields *f)
{
	for (size_t i = 0; f && i < f->n; i++)
		buf_printf(&w->heard, " %.*s=%.*s", (int)fields_at(f, i).name.n,
		    (const char *)fields_at(f, i).name.p, (int)fields_at(f, i).value.n,
		    (const char *)fields_at(f, i).value.p);
}

static inline void
fake_head(struct fake *w, int status, const char *name, const char *value)
{
	struct fields f;

	fields_init(&f);
	if (name)
		fields_add_str(&f, name, value);
	w->live->events->head(w->live->ctx, status, &f);
	fields_fini(&f);
}

static inline void
fake_interim(struct fake *w, int status, const char *name, const char *value)
{
	struct fields f;

	fields_init(&f);
	if (name)
		fields_add_str(&f, name, value);
	w->live->events->interim(w->live->ctx, status, &f);
	fields_fini(&f);
}

static inline void
fake_say(struct fake *w, const char *text)
{
	if (w->live)
		w->live->events->body(w->live->ctx, span_str(text));
}

static inline void
fake_end(struct fake *w, const char *name, const char *value)
{
	struct exchange *x = w->live;
	struct fields f;

	if (!x)
		return;
	w->live = NULL;
	fields_init(&f);
	if (name)
		fields_add_str(&f, name, value);
	x->events->end(x->ctx, name ? &f : NULL);
	fields_fini(&f);
}

static inline void
fake_reset(struct fake *w, enum reason reason)
{
	struct exchange *x = w->live;
	struct err e = {0};

	if (!x)
		return;
	w->live = NULL;
	err_set(&e, ERR_IO, reason, "test");
	x->events->reset(x->ctx, &e);
}

static inline bool
fake_path(const struct fake *w, const char *path)
{
	return strcmp(w->path, path) == 0;
}

/* By the path, once after open and, for some, again when the request's body is whole. */
void fake_act(struct fake *w);
void fake_on_end(struct fake *w);
void fake_on_body(struct fake *w, struct span data);

static inline void
fake_x_body(struct exchange *x, struct span data)
{
	struct fake *w = (struct fake *)(void *)((char *)x - offsetof(struct fake, x));

	w->got_body += data.n;
	if (w->got_body < 1000) {
		buf_add_str(&w->heard, "[");
		buf_add(&w->heard, data);
		buf_add_str(&w->heard, "]");
	}
	fake_on_body(w, data);
	if (w->live && !w->no_credit)
		x->events->credit(x->ctx, data.n);
}

static inline void
fake_x_end(struct exchange *x, const struct fields *trailers)
{
	struct fake *w = (struct fake *)(void *)((char *)x - offsetof(struct fake, x));

	buf_add_str(&w->heard, "|end");
	fake_hear_fields(w, trailers);
	fake_on_end(w);
}

static inline void
fake_x_reset(struct exchange *x)
{
	struct fake *w = (struct fake *)(void *)((char *)x - offsetof(struct fake, x));

	buf_add_str(&w->heard, "|reset");
	w->live = NULL;
}

static inline void
fake_x_credit(struct exchange *x, size_t n)
{
	struct fake *w = (struct fake *)(void *)((char *)x - offsetof(struct fake, x));

	w->credit += n;
}

static const struct exchange_ops fake_x_ops = {
    fake_x_body, fake_x_end, fake_x_reset, fake_x_credit};

static inline void
fake_acts(void *ctx)
{
	struct fake *w = ctx;

	if (w->live)
		fake_act(w);
}

static inline struct exchange *
fake_open(void *ctx, struct span app, const struct exchange_request *rq,
    const struct exchange_events *events, void *events_ctx, struct err *e)
{
	struct fake *w = ctx;

	if (!span_is(app, "myapp")) {
		err_set(e, ERR_NOTFOUND, REASON_NO_TUNNEL, "test");
		return NULL;
	}
	assert_null(w->live);
	assert_true(span_cstr(rq->target, w->path, sizeof w->path));
	buf_clear(&w->heard);
	buf_printf(&w->heard, "%s%s%s", rq->has_body ? "b" : "", rq->upgrade ? "u" : "",
	    rq->expect_continue ? "e" : "");
	fake_hear_fields(w, rq->fields);
	buf_add_str(&w->heard, "|");
	w->x = (struct exchange){&fake_x_ops, events, events_ctx, 8,
	    rq->expect_continue && strncmp(w->path, "/deaf", 5) != 0};
	if (rq->upgrade)
		w->x.send_credit = 0;
	w->live = &w->x;
	w->credit = w->got_body = 0;
	net_defer_call(w->l, &w->act, fake_acts, w);
	return &w->x;
}

/* -- the client -- */

static inline void
fake_next_step(struct fake *w)
{
	while (w->step->until && strstr(buf_cstr(&w->got), w->step->until)) {
		w->step++;
		if (w->step->send)
			stream_write(w->client, span_str(w->step->send));
	}
}

static inline void
fake_client_open(struct stream *s, void *ctx)
{
	struct fake *w = ctx;

	if (w->before.n)
		stream_write(s, w->before);
	stream_write(s, span_str(w->step->send));
}

static inline void
fake_client_read(struct stream *s, struct span bytes, void *ctx)
{
	struct fake *w = ctx;

	(void)s;
	buf_add(&w->got, bytes);
	fake_next_step(w);
}

static inline void
fake_client_close(struct stream *s, const struct err *why, void *ctx)
{
	struct fake *w = ctx;

	(void)s;
	w->reset = why->code != ERR_NONE;
	w->client = NULL;
	net_loop_stop(w->l);
}

static const struct stream_ops fake_client_ops = {
    .on_open = fake_client_open, .on_read = fake_client_read, .on_close = fake_client_close};

static inline void
fake_too_late(void *ctx)
{
	struct fake *w = ctx;

	w->timed_out = true;
	net_loop_stop(w->l);
}

static inline void
fake_settled(void *ctx)
{
	net_loop_stop(((struct fake *)ctx)->l);
}

/* Play a script on a port until the connection ends; give all that came back. */
static inline const char *
fake_play_on(struct fake *w, uint16_t port, const struct client_step *steps)
{
	struct stream_dial d = {.host = "127.0.0.1", .port = port};
	struct err e = {0};

	buf_clear(&w->got);
	buf_clear(&w->lines);
	w->step = steps;
	w->reset = false;
	w->client = stream_connect(w->l, &d, &fake_client_ops, w, &e);
	assert_non_null(w->client);
	net_timer_start(w->l, &w->stop, 10000, fake_too_late, w);
	net_loop_run(w->l);
	if (w->timed_out)
		fail_msg("stuck at: %.600s", buf_cstr(&w->got));
	/* What the front does when its side of the connection has ended, too. */
	net_timer_start(w->l, &w->stop, 20, fake_settled, w);
	net_loop_run(w->l);
	net_timer_stop(&w->stop);
	return buf_cstr(&w->got);
}

static inline const char *
fake_play(struct fake *w, const struct client_step *steps)
{
	return fake_play_on(w, front_port(w->front), steps);
}

static inline const char *
fake_ask(struct fake *w, const char *text)
{
	struct client_step steps[] = {{text, NULL}};

	return fake_play(w, steps);
}

static inline void
fake_init(struct fake *w, const struct front_opts *more)
{
	static const struct front_ops ops = {fake_open, NULL};
	struct front_opts o = more ? *more : (struct front_opts){0};
	struct err e = {0};

	memset(w, 0, sizeof *w);
	env_init(&w->env, LOG_INFO);
	w->env.log.write = fake_line;
	w->env.log.ctx = w;
	w->env.log.wall_ms = w->env.wall_ms;
	buf_init(&w->lines, 1 << 20);
	buf_init(&w->heard, 1 << 20);
	buf_init(&w->got, 16 << 20);
	w->l = net_loop_new(&e);
	assert_non_null(w->l);
	o.name = "ee-test";
	o.bind = "127.0.0.1";
	o.timeout_ms = 1000;
	w->front = front_open(w->l, &w->env, &o, &ops, w, &e);
	assert_non_null(w->front);
}

static inline void
fake_fini(struct fake *w)
{
	assert_true(front_is_idle(w->front));
	front_close(w->front);
	net_timer_stop(&w->later);
	net_loop_free(w->l);
	buf_fini(&w->lines);
	buf_fini(&w->heard);
	buf_fini(&w->got);
}

static inline void
has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("no %s in: %.900s", part, text);
}

static inline void
lacks(const char *text, const char *part)
{
	if (strstr(text, part))
		fail_msg("%s in: %.900s", part, text);
}

#define FAKE_END "Connection: close\r\n\r\n"

#endif
