/* http1_read - says how wire/http1 reads bytes, for tests that hold it against another reader. Each
 * record on standard input is a kind, a length (4 bytes, big-endian) and so many bytes: 'Q', all
 * that a client sent on one connection; 'R', all that a server answered to a GET; 'H', to a HEAD. A
 * line of JSON comes back for each: the messages, names and values in hex, and what ended it. */
#include <stdio.h>
#include <stdlib.h>

#include "base/jcs.h"
#include "wire/http1.h"

#define RECORD_MAX (8u << 20)

static void
write_field(struct jw *w, struct http_field f)
{
	jw_hex(w, NULL, f.name);
	jw_hex(w, NULL, f.value);
}

static void
write_fields(struct jw *w, const struct http_head *h)
{
	jw_array(w, "fields");
	for (size_t i = 0; i < h->n; i++)
		write_field(w, h->fields[i]);
	jw_end_array(w);
}

static void
write_trailers(struct jw *w, const struct fields *f)
{
	jw_array(w, "trailers");
	for (size_t i = 0; f && i < f->n; i++)
		write_field(w, fields_at(f, i));
	jw_end_array(w);
}

static void
write_head(struct jw *w, const struct http_head *h)
{
	jw_int(w, "minor", h->minor);
	jw_int(w, "status", h->status);
	jw_bool(w, "keep", h->keep_alive);
	jw_hex(w, "method", h->method);
	jw_hex(w, "target", h->target);
	jw_hex(w, "host", h->host);
	write_fields(w, h);
}

/* Read a body off `in`. STEP_MORE: it is not whole. */
static enum step
read_body(struct jw *w, const struct http_head *h, struct span *in, bool response, struct err *e)
{
	struct http1_body b;
	struct span data;
	struct buf body;
	enum step step;
	size_t used;

	buf_init(&body, RECORD_MAX);
	http1_body_init(&b, h->framing, h->length);
	http1_body_heed(&b, h);
	do {
		step = http1_body_feed(&b, *in, &used, &data, e);
		*in = span_from(*in, used);
		buf_add(&body, data);
	} while (step == STEP_MORE && data.n > 0);
	if (step == STEP_MORE && response && http1_body_ends_at_close(&b))
		step = STEP_DONE;
	jw_hex(w, "body", buf_span(&body));
	write_trailers(w, b.trailers);
	http1_body_fini(&b);
	buf_fini(&body);
	return step;
}

/* Read one message off `in`; *last: no other may follow. */
static enum step
read_message(struct jw *w, char kind, struct span *in, bool *last, struct err *e)
{
	struct http1_scan scan = {0};
	struct http_head h;
	size_t used;
	enum step step = kind == 'Q' ? http1_request(&scan, *in, &h, &used, e)
				     : http1_response(&scan, *in, kind == 'H', &h, &used, e);

	if (step != STEP_DONE)
		return step;
	*in = span_from(*in, used);
	jw_object(w, NULL);
	write_head(w, &h);
	step = read_body(w, &h, in, kind != 'Q', e);
	jw_bool(w, "whole", step == STEP_DONE);
	jw_end_object(w);
	*last = kind == 'Q' ? !h.keep_alive : h.status >= 200 || h.status == 101;
	return step;
}

static void
answer(struct buf *out, char kind, struct span in)
{
	struct jw w = jw_of(out);
	enum step step = in.n ? STEP_DONE : STEP_MORE;
	bool last = false;
	struct err e = {0};

	jw_object(&w, NULL);
	jw_array(&w, "messages");
	while (in.n && step == STEP_DONE && !last)
		step = read_message(&w, kind, &in, &last, &e);
	jw_end_array(&w);
	jw_str(&w, "end", step == STEP_DONE ? "end" : step == STEP_MORE ? "more" : "bad");
	jw_str(&w, "why", e.detail);
	jw_end_object(&w);
	buf_add_str(out, "\n");
}

/* Read n bytes into memory of just that size, so that a read behind them shows. */
static uint8_t *
read_bytes(size_t n)
{
	uint8_t *p = n <= RECORD_MAX ? malloc(n ? n : 1) : NULL;

	if (p && fread(p, 1, n, stdin) == n)
		return p;
	free(p);
	return NULL;
}

int
main(void)
{
	uint8_t head[5];

	while (fread(head, 1, sizeof head, stdin) == sizeof head) {
		size_t n = (size_t)head[1] << 24 | (size_t)head[2] << 16 | (size_t)head[3] << 8
			   | (size_t)head[4];
		uint8_t *bytes = read_bytes(n);
		struct buf out;
		bool ok;

		if (!bytes)
			return 1;
		buf_init(&out, 4 * RECORD_MAX);
		answer(&out, (char)head[0], span_of(bytes, n));
		ok = buf_ok(&out) && fwrite(out.p, 1, out.n, stdout) == out.n;
		buf_fini(&out);
		free(bytes);
		if (!ok || fflush(stdout) != 0)
			return 1;
	}
	return 0;
}
