/* http_script.h - for the tests of the HTTP client: a backend that follows a script, so that it can
 * answer early, twice, wrongly, or end when it should not; and an exchange that notes what it is
 * told. */
#ifndef NET_HTTP_SCRIPT_H
#define NET_HTTP_SCRIPT_H

#include <stdio.h>

#include "base/test.h"
#include "net/http_client.h"
#include "net/listener.h"

/* What the backend does on a connection: for the i-th request's head it says answers[i], then
 * goes on reading, or ends or resets the connection. */
struct script {
	const char *answers[4];
	char then; /* behind the last answer: 0, 'e'nd, 'r'eset */
	int late_ms; /* before the first answer */
	bool once; /* reads no more than the first bytes */
};

struct world;

struct peer {
	struct world *w;
	struct stream *s;
	const struct script *script;
	struct net_timer late;
	struct buf got;
	int heads, seen;
};

struct world {
	struct net_loop *l;
	struct listener *listener;
	struct http_pool *pool;
	struct peer peers[8];
	const struct script *scripts; /* one a connection */
	int connections;
	struct http_exchange *x;
	struct http_exchange_opts o;
	struct net_timer stop, act;
	int heads, interims, ends, closes, drains, status;
	struct buf got;
	char trailers[100], interim_fields[100];
	size_t to_write;
	uint64_t pause_ms;
	struct err why, e;
	bool timed_out;
};

/* -- the backend -- */

static inline void
peer_reset(void *ctx)
{
	struct peer *p = ctx;

	stream_reset(p->s, NULL);
}

static inline void
peer_answer(void *ctx)
{
	struct peer *p = ctx;

	while (p->s && p->seen > p->heads) {
		const char *answer = p->script->answers[p->heads++];

		if (answer)
			stream_write(p->s, span_str(answer));
		if (p->heads < 4 && p->script->answers[p->heads])
			continue;
		if (p->script->then == 'e')
			stream_finish(p->s);
		if (p->script->then == 'r')
			net_timer_start(p->w->l, &p->late, 10, peer_reset, p);
	}
}

static inline void
peer_read(struct stream *s, struct span bytes, void *ctx)
{
	struct peer *p = ctx;
	const char *at;

	buf_add(&p->got, bytes);
	p->seen = 0;
	for (at = buf_cstr(&p->got); (at = strstr(at, "\r\n\r\n")); at += 4)
		p->seen++;
	if (p->script->once)
		stream_pause(s);
	if (p->script->late_ms && p->heads == 0)
		net_timer_start(p->w->l, &p->late, (uint64_t)p->script->late_ms, peer_answer, p);
	else
		peer_answer(p);
}

static inline void
peer_close(struct stream *s, const struct err *why, void *ctx)
{
	struct peer *p = ctx;

	net_timer_stop(&p->late);
	p->s = NULL;
}

static const struct stream_ops peer_ops = {.on_read = peer_read, .on_close = peer_close};

static inline void
on_accept(struct listener *l, struct stream *s, void *ctx)
{
	struct world *w = ctx;
	struct peer *p = &w->peers[w->connections];

	assert_true(w->connections < 8);
	p->w = w;
	p->s = s;
	p->script = &w->scripts[w->connections++];
	buf_init(&p->got, 64u << 20);
	stream_set_ops(s, &peer_ops, p);
	stream_resume(s);
}

static const struct listener_ops listener_ops = {.on_accept = on_accept};

/* -- the exchange -- */

static inline void
note(char *dst, size_t size, const struct fields *f)
{
	struct buf b;

	buf_init(&b, size - 1);
	for (size_t i = 0; f && i < f->n; i++) {
		buf_add(&b, fields_at(f, i).name);
		buf_add_str(&b, "=");
		buf_add(&b, fields_at(f, i).value);
		buf_add_str(&b, ";");
	}
	snprintf(dst, size, "%s", buf_cstr(&b));
	buf_fini(&b);
}

static inline void
on_head(struct http_exchange *x, const struct http_head *h, void *ctx)
{
	struct world *w = ctx;

	w->heads++;
	w->status = h->status;
}

static inline void
on_interim(struct http_exchange *x, const struct http_head *h, void *ctx)
{
	struct world *w = ctx;

	assert_int_equal(w->heads, 0);
	w->interims++;
	for (size_t i = 0; i < h->n; i++)
		snprintf(w->interim_fields, sizeof w->interim_fields, "%.*s",
		    (int)h->fields[i].value.n, (const char *)h->fields[i].value.p);
}

static inline void
on_body(struct http_exchange *x, struct span piece, void *ctx)
{
	buf_add(&((struct world *)ctx)->got, piece);
}

static inline void
on_end(struct http_exchange *x, void *ctx)
{
	struct world *w = ctx;

	w->ends++;
	note(w->trailers, sizeof w->trailers, http_exchange_trailers(x));
}

static inline void
write_more(struct http_exchange *x, void *ctx)
{
	static uint8_t block[10000];
	struct world *w = ctx;

	memset(block, 'b', sizeof block);
	w->drains++;
	while (w->to_write > 0 && !http_exchange_is_full(x)) {
		size_t n = w->to_write < sizeof block ? w->to_write : sizeof block;

		if (!http_exchange_write(x, span_of(block, n)))
			return;
		w->to_write -= n;
		if (w->to_write == 0)
			http_exchange_end(x);
	}
}

static inline void
on_close(struct http_exchange *x, const struct err *why, void *ctx)
{
	struct world *w = ctx;

	w->closes++;
	w->why = *why;
	w->x = NULL;
	net_loop_stop(w->l);
}

static const struct http_exchange_ops ops = {.on_head = on_head,
    .on_interim = on_interim,
    .on_body = on_body,
    .on_end = on_end,
    .on_drain = write_more,
    .on_close = on_close};

static inline void
time_out(void *ctx)
{
	struct world *w = ctx;

	w->timed_out = true;
	net_loop_stop(w->l);
}

static inline void
resume(void *ctx)
{
	http_exchange_resume(((struct world *)ctx)->x);
}

static inline void
stop_loop(void *ctx)
{
	net_loop_stop(ctx);
}

static inline void
init(struct world *w, const struct script *scripts)
{
	static const struct http_field host = {
	    {(const uint8_t *)"Host", 4}, {(const uint8_t *)"a", 1}};
	struct listener_opts lo = {.address = "127.0.0.1"};
	struct http_pool_opts po = {.dial = {.host = "127.0.0.1"}, .idle_ms = 200};

	memset(w, 0, sizeof *w);
	buf_init(&w->got, 64u << 20);
	w->scripts = scripts;
	w->l = net_loop_new(&w->e);
	w->listener = listener_open(w->l, &lo, &listener_ops, w, &w->e);
	assert_non_null(w->listener);
	po.dial.port = listener_port(w->listener);
	w->pool = http_pool_new(w->l, &po, &w->e);
	w->o = (struct http_exchange_opts){.pool = w->pool,
	    .method = span_str("GET"),
	    .target = span_str("/"),
	    .fields = &host,
	    .n_fields = 1,
	    .first_byte_ms = 1000,
	    .idle_ms = 100};
	net_timer_start(w->l, &w->stop, 4000, time_out, w);
}

static inline void
fini(struct world *w)
{
	assert_false(w->timed_out);
	http_pool_free(w->pool);
	net_loop_free(w->l);
	buf_fini(&w->got);
	for (int i = 0; i < w->connections; i++)
		buf_fini(&w->peers[i].got);
}

static inline void
rest(struct world *w, uint64_t ms)
{
	net_timer_start(w->l, &w->act, ms, stop_loop, w->l);
	net_loop_run(w->l);
}

/* Run one exchange to its end; gives the reason of its end. */
static inline enum reason
run(struct world *w)
{
	buf_clear(&w->got);
	w->heads = w->interims = w->ends = w->closes = w->drains = w->status = 0;
	w->x = http_exchange_start(w->l, &w->o, &ops, w, &w->e);
	assert_non_null(w->x);
	assert_int_equal(w->closes, 0);
	if (w->to_write)
		write_more(w->x, w);
	if (w->pause_ms) {
		http_exchange_pause(w->x);
		net_timer_start(w->l, &w->act, w->pause_ms, resume, w);
	}
	net_loop_run(w->l);
	assert_int_equal(w->closes, 1);
	assert_int_equal(w->ends, w->why.code == ERR_NONE);
	return w->why.reason;
}

static inline size_t
count(struct world *w, int peer, const char *needle)
{
	const char *p = buf_cstr(&w->peers[peer].got);
	size_t n = 0;

	for (; (p = strstr(p, needle)); p += strlen(needle))
		n++;
	return n;
}

#define OK    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define OK204 "HTTP/1.1 204 No Content\r\n\r\n"

#endif
