#include "net/http_pool.h"

#include <stdlib.h>
#include <string.h>

#define MAX_IDLE 16u
#define IDLE_MS  4000u

/* A connection that idles. */
struct idler {
	struct http_pool *pool; /* NULL: the pool is gone */
	struct idler *newer, *older;
	struct stream *stream;
	struct net_timer timer;
};

struct http_pool {
	struct net_loop *loop;
	struct stream_dial dial; /* strings: the two behind it */
	char *host, *path;
	struct idler *newest, *oldest;
	size_t idle, held; /* held: by exchanges, and once by the owner */
	uint32_t max_idle;
	uint64_t idle_ms, reused, dialled;
	bool freed;
};

struct http_pool *
http_pool_new(struct net_loop *l, const struct http_pool_opts *o, struct err *e)
{
	struct http_pool *p = calloc(1, sizeof *p);
	char *host = o->dial.host ? strdup(o->dial.host) : NULL;
	char *path = o->dial.unix_path ? strdup(o->dial.unix_path) : NULL;

	if (!p || (o->dial.host && !host) || (o->dial.unix_path && !path)) {
		free(p);
		free(host);
		free(path);
		err_set(e, ERR_NOMEM, REASON_NO_MEMORY, "pool");
		return NULL;
	}
	p->loop = l;
	p->held = 1;
	p->max_idle = o->max_idle ? o->max_idle : MAX_IDLE;
	p->idle_ms = o->idle_ms ? o->idle_ms : IDLE_MS;
	p->dial = o->dial;
	p->dial.host = p->host = host;
	p->dial.unix_path = p->path = path;
	return p;
}

void
http_pool_hold(struct http_pool *p)
{
	p->held++;
}

void
http_pool_drop(struct http_pool *p)
{
	if (--p->held > 0)
		return;
	free(p->host);
	free(p->path);
	free(p);
}

/* Take a connection off the list; what is left of it is the caller's. */
static void
unlink_idler(struct idler *i)
{
	struct http_pool *p = i->pool;

	net_timer_stop(&i->timer);
	if (i->newer)
		i->newer->older = i->older;
	else
		p->newest = i->older;
	if (i->older)
		i->older->newer = i->newer;
	else
		p->oldest = i->newer;
	p->idle--;
	i->pool = NULL;
}

/* Nothing is expected of an idle connection: whatever happens ends it. */
static void
end_idler(struct idler *i)
{
	if (i->pool)
		unlink_idler(i);
	stream_close(i->stream, NULL);
}

static void
on_read(struct stream *s, struct span bytes, void *ctx)
{
	end_idler(ctx);
}

static void
on_eof(struct stream *s, void *ctx)
{
	end_idler(ctx);
}

static void
on_close(struct stream *s, const struct err *why, void *ctx)
{
	struct idler *i = ctx;

	if (i->pool)
		unlink_idler(i);
	free(i);
}

static const struct stream_ops idle_ops = {
    .on_read = on_read, .on_eof = on_eof, .on_close = on_close};

static void
on_idle_over(void *ctx)
{
	end_idler(ctx);
}

void
http_pool_free(struct http_pool *p)
{
	if (!p || p->freed)
		return;
	p->freed = true;
	while (p->newest)
		end_idler(p->newest);
	http_pool_drop(p);
}

struct stream *
http_pool_take(struct http_pool *p, bool surely, const struct stream_ops *ops, void *ctx)
{
	while (p->newest) {
		struct idler *i = p->newest;
		struct stream *s = i->stream;

		if (!stream_is_writable(s) || (surely && stream_is_stale(s))) {
			end_idler(i);
			continue;
		}
		unlink_idler(i);
		free(i);
		stream_set_ops(s, ops, ctx);
		p->reused++;
		return s;
	}
	return NULL;
}

struct stream *
http_pool_dial(struct http_pool *p, const struct stream_ops *ops, void *ctx, struct err *e)
{
	p->dialled++;
	return stream_connect(p->loop, &p->dial, ops, ctx, e);
}

static void
ignore_read(struct stream *s, struct span bytes, void *ctx)
{
}

static void
ignore_close(struct stream *s, const struct err *why, void *ctx)
{
}

void
http_pool_give(struct http_pool *p, struct stream *s)
{
	static const struct stream_ops nobody = {.on_read = ignore_read, .on_close = ignore_close};
	struct idler *i = p->freed ? NULL : calloc(1, sizeof *i);

	if (!i) {
		stream_set_ops(s, &nobody, NULL);
		stream_close(s, NULL);
		return;
	}
	*i = (struct idler){.pool = p, .stream = s, .older = p->newest};
	if (i->older)
		i->older->newer = i;
	else
		p->oldest = i;
	p->newest = i;
	p->idle++;
	stream_set_ops(s, &idle_ops, i);
	stream_set_read_max(s, 0);
	stream_resume(s);
	net_timer_start(p->loop, &i->timer, p->idle_ms, on_idle_over, i);
	if (p->idle > p->max_idle)
		end_idler(p->oldest);
}

size_t
http_pool_idle(const struct http_pool *p)
{
	return p->idle;
}

uint64_t
http_pool_reused(const struct http_pool *p)
{
	return p->reused;
}

uint64_t
http_pool_dialled(const struct http_pool *p)
{
	return p->dialled;
}
