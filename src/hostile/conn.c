#include "hostile/conn.h"

#include <stdio.h>
#include <stdlib.h>

static void
on_open(struct stream *s, void *ctx)
{
	struct conn *c = ctx;

	(void)s;
	c->open = true;
	kit_wake(c->k);
}

static void
on_read(struct stream *s, struct span bytes, void *ctx)
{
	struct conn *c = ctx;

	buf_add(&c->in, bytes);
	if (!buf_ok(&c->in))
		stream_close(s, NULL);
	kit_wake(c->k);
}

static void
on_close(struct stream *s, const struct err *why, void *ctx)
{
	struct conn *c = ctx;

	(void)s;
	c->s = NULL;
	c->why = *why;
	kit_wake(c->k);
}

static const struct stream_ops ops = {.on_open = on_open, .on_read = on_read, .on_close = on_close};

struct conn *
conn_dial(struct kit *k, const struct url *to)
{
	struct conn *c = calloc(1, sizeof *c);
	struct stream_dial d = {.host = to->host.name,
	    .port = to->host.port,
	    .tls = url_is_tls(to) ? k->tls : NULL,
	    .timeout_ms = k->o->patience_ms};

	if (!c)
		return NULL;
	c->k = k;
	buf_init(&c->in, CONN_IN_MAX);
	c->s = stream_connect(k->loop, &d, &ops, c, &c->why);
	if (c->s)
		stream_set_queue(c->s, CONN_IN_MAX, CONN_IN_MAX);
	c->next = k->conns;
	k->conns = c;
	return c;
}

static bool
is_settled(void *ctx)
{
	const struct conn *c = ctx;

	return c->open || !c->s;
}

struct conn *
conn_open(struct kit *k, const struct url *to)
{
	struct conn *c = conn_dial(k, to);

	if (c && c->s)
		(void)kit_wait(k, is_settled, c, k->o->patience_ms);
	if (c && c->s && c->open)
		return c;
	(void)kit_cannot(k, "%s:%u cannot be reached: %s", to->host.name, (unsigned)to->host.port,
	    c ? c->why.detail : "no memory");
	return NULL;
}

bool
conn_send(struct conn *c, struct span bytes)
{
	return c->s && stream_write(c->s, bytes);
}

bool
span_has(struct span s, const char *text)
{
	size_t n = strlen(text);

	for (size_t i = 0; n <= s.n && i <= s.n - n; i++)
		if (span_iis(span_between(s, i, i + n), text))
			return true;
	return false;
}

bool
conn_has(const struct conn *c, const char *text)
{
	return span_has(buf_span(&c->in), text);
}

/* The value of Content-Length, -1 where there is none, -2 where it is no number; enough for answers that the kit looks at as a person would. */
static long
length_of(struct span head)
{
	char text[24], *end = NULL;
	long n;

	for (size_t i = 0; i + 16 < head.n; i++) {
		struct span line = span_from(head, i);

		if (!span_iis(span_first(line, 16), "\ncontent-length:"))
			continue;
		line = span_from(line, 16);
		line = span_first(line, span_find(line, "\r"));
		while (line.n && line.p[0] == ' ')
			line = span_from(line, 1);
		n = span_cstr(line, text, sizeof text) ? strtol(text, &end, 10) : -1;
		return n < 0 || !end || *end || end == text ? -2 : n;
	}
	return -1;
}

static size_t
skip_interim(struct span in)
{
	size_t at = 0;

	for (;;) {
		struct span rest = span_from(in, at);
		size_t end = span_find(rest, "\r\n\r\n");

		if (end == rest.n || rest.n < 12 || rest.p[9] != '1'
		    || span_starts(span_from(rest, 9), "101"))
			return at;
		at += end + 4;
	}
}

void
conn_look(const struct conn *c, struct conn_answer *a)
{
	struct span in = buf_span(&c->in);
	size_t end;
	char status[4];

	memset(a, 0, sizeof *a);
	a->length = -1;
	in = span_from(in, skip_interim(in));
	end = span_find(in, "\r\n\r\n");
	if (in.n < 12 || !span_starts(in, "HTTP/1."))
		return;
	(void)span_cstr(span_between(in, 9, 12), status, sizeof status);
	a->status = (int)strtol(status, NULL, 10);
	a->head = span_first(in, end);
	if (end == in.n)
		return;
	a->body = span_from(in, end + 4);
	a->length = length_of(a->head);
	if (a->status == 204 || a->status == 304 || a->status == 101)
		a->whole = true;
	else if (span_has(a->head, "\ntransfer-encoding:"))
		a->whole = span_starts(a->body, "0\r\n\r\n")
			   || span_find(a->body, "\r\n0\r\n\r\n") < a->body.n;
	else if (a->length >= 0)
		a->whole = a->body.n >= (size_t)a->length;
	else
		a->whole = c->s == NULL;
}

static bool
is_answered(void *ctx)
{
	const struct conn *c = ctx;
	struct conn_answer a;

	conn_look(c, &a);
	return a.whole || !c->s;
}

bool
conn_answer(struct conn *c, struct conn_answer *a)
{
	(void)kit_wait(c->k, is_answered, c, c->k->o->patience_ms);
	conn_look(c, a);
	return a->status != 0;
}

struct conn *
conn_ask(struct kit *k, const struct url *to, struct span bytes, struct conn_answer *a)
{
	struct conn *c = conn_open(k, to);

	memset(a, 0, sizeof *a);
	if (c && conn_send(c, bytes))
		(void)conn_answer(c, a);
	return c;
}

const char *
conn_first_line(const struct conn *c, char dst[static 100])
{
	size_t n = 0;

	for (size_t i = 0; i < c->in.n && n < 99 && c->in.p[i] != '\r' && c->in.p[i] != '\n'; i++)
		dst[n++] = c->in.p[i] >= 0x20 && c->in.p[i] < 0x7f ? (char)c->in.p[i] : '?';
	dst[n] = '\0';
	return n ? dst : c->s ? "no answer" : "closed";
}

void
conn_close(struct conn *c)
{
	if (c->s)
		stream_close(c->s, NULL);
}

void
conn_free_all(struct kit *k)
{
	while (k->conns) {
		struct conn *c = k->conns;

		k->conns = c->next;
		buf_fini(&c->in);
		free(c);
	}
}
