#include "wire/http1.h"

#include <stdlib.h>

/* The chunked coding, byte by byte (RFC 9112 section 7.1). */
enum {
	ST_SIZE,
	ST_EXT, /* behind a ';', before the extension's name */
	ST_EXT_NAME,
	ST_EXT_VALUE, /* behind a '=' */
	ST_EXT_TOKEN,
	ST_EXT_QUOTED,
	ST_EXT_ESCAPED,
	ST_EXT_END, /* behind a quoted value */
	ST_SIZE_LF,
	ST_DATA,
	ST_DATA_CR,
	ST_DATA_LF,
	ST_TRAILER, /* in a trailer line, or at its start */
	ST_TRAILER_LF,
	ST_LAST_LF,
	ST_OVER,
	ST_FAULT
};

/* Sizes above this are no honest chunk, and cannot overflow. */
#define SIZE_DIGITS 15
/* Extensions mean nothing to anybody: a body made of them is an attack (CVE-2023-39326). */
#define OVERHEAD_MAX LIMIT_HEAD

void
http1_body_init(struct http1_body *b, enum http_framing framing, uint64_t length)
{
	memset(b, 0, sizeof *b);
	b->framing = framing;
	b->left = framing == HTTP_LENGTH ? length : 0;
	b->state = ST_SIZE;
	b->fault = "bad chunked coding";
	buf_init(&b->line, LIMIT_HEAD);
	buf_init(&b->options, LIMIT_HEAD);
}

void
http1_body_heed(struct http1_body *b, const struct http_head *h)
{
	for (size_t i = 0; h->framing == HTTP_CHUNKED && i < h->n; i++) {
		if (!span_iis(h->fields[i].name, "connection"))
			continue;
		buf_add(&b->options, h->fields[i].value);
		buf_add_str(&b->options, ",");
	}
}

void
http1_body_fini(struct http1_body *b)
{
	buf_fini(&b->line);
	buf_fini(&b->options);
	if (b->trailers)
		fields_fini(b->trailers);
	free(b->trailers);
	b->trailers = NULL;
}

static int
hex_value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool
is_token_byte(uint8_t c)
{
	return http_token_ok(span_of(&c, 1));
}

/* After a chunk's size or a whole extension: another extension, or the line's end. */
static int
after_size(uint8_t c)
{
	return c == ';' ? ST_EXT : c == '\r' ? ST_SIZE_LF : ST_FAULT;
}

static int
on_size(struct http1_body *b, uint8_t c)
{
	int v = hex_value(c);

	if (v < 0)
		return b->digits ? after_size(c) : ST_FAULT;
	if (b->digits == SIZE_DIGITS)
		return ST_FAULT;
	b->digits++;
	b->left = b->left << 4 | (uint64_t)v;
	return ST_SIZE;
}

static int
on_extension(int state, uint8_t c)
{
	switch (state) {
	case ST_EXT:
		return is_token_byte(c) ? ST_EXT_NAME : ST_FAULT;
	case ST_EXT_NAME:
		return is_token_byte(c) ? ST_EXT_NAME : c == '=' ? ST_EXT_VALUE : after_size(c);
	case ST_EXT_VALUE:
		return c == '"' ? ST_EXT_QUOTED : is_token_byte(c) ? ST_EXT_TOKEN : ST_FAULT;
	case ST_EXT_TOKEN:
		return is_token_byte(c) ? ST_EXT_TOKEN : after_size(c);
	case ST_EXT_QUOTED:
		if (c == '"')
			return ST_EXT_END;
		if (c == '\\')
			return ST_EXT_ESCAPED;
		return (c >= ' ' && c != 0x7f) || c == '\t' ? ST_EXT_QUOTED : ST_FAULT;
	case ST_EXT_ESCAPED:
		return (c >= ' ' && c != 0x7f) || c == '\t' ? ST_EXT_QUOTED : ST_FAULT;
	default:
		return after_size(c);
	}
}

/* A trailer line, byte by byte, so that a bad one is refused when it is seen. */
static int
on_trailer(struct http1_body *b, uint8_t c)
{
	bool ok;

	if (c == '\r')
		return !b->line.n ? ST_LAST_LF : b->named ? ST_TRAILER_LF : ST_FAULT;
	if (b->named) {
		ok = (c >= ' ' && c != 0x7f) || c == '\t';
	} else {
		b->named = c == ':' && b->line.n > 0;
		ok = b->named || is_token_byte(c);
	}
	buf_add_u8(&b->line, c);
	return ok && buf_ok(&b->line) ? ST_TRAILER : ST_FAULT;
}

static int
fault(struct http1_body *b, const char *why)
{
	b->fault = why;
	return ST_FAULT;
}

static bool
may_go_on(const struct http1_body *b, struct span name)
{
	struct http_field connection = {span_str("connection"), buf_span(&b->options)};

	return headers_is_trailer(name) && !headers_is_hop(name, &connection, 1);
}

/* The end of a trailer line: keep the field, or drop it. */
static int
on_trailer_lf(struct http1_body *b, uint8_t c)
{
	struct http_field f;

	if (c != '\n' || http_field_parse(buf_span(&b->line), &f))
		return ST_FAULT;
	if (span_iis(f.name, "content-length") || span_iis(f.name, "transfer-encoding"))
		return fault(b, "framing field in a trailer");
	if (!buf_ok(&b->options))
		return fault(b, "no memory for trailers");
	if (may_go_on(b, f.name)) {
		if (!b->trailers && (b->trailers = malloc(sizeof *b->trailers)))
			fields_init(b->trailers);
		if (!b->trailers)
			return fault(b, "no memory for trailers");
		fields_add(b->trailers, f.name, f.value);
		if (!fields_ok(b->trailers))
			return fault(b, "too many trailers");
	}
	buf_clear(&b->line);
	b->named = false;
	return ST_TRAILER;
}

static int
on_size_lf(struct http1_body *b, uint8_t c)
{
	if (c != '\n')
		return ST_FAULT;
	b->digits = 0;
	return b->left ? ST_DATA : ST_TRAILER;
}

/* One byte that is not data; gives the next state. */
static int
on_byte(struct http1_body *b, uint8_t c)
{
	switch (b->state) {
	case ST_SIZE:
		return on_size(b, c);
	case ST_SIZE_LF:
		return on_size_lf(b, c);
	case ST_DATA_CR:
		return c == '\r' ? ST_DATA_LF : ST_FAULT;
	case ST_DATA_LF:
		return c == '\n' ? ST_SIZE : ST_FAULT;
	case ST_TRAILER:
		return on_trailer(b, c);
	case ST_TRAILER_LF:
		return on_trailer_lf(b, c);
	case ST_LAST_LF:
		return c == '\n' ? ST_OVER : ST_FAULT;
	default:
		return on_extension(b->state, c);
	}
}

static bool
is_overhead(int state)
{
	return state >= ST_EXT && state <= ST_EXT_END
		   ? true
		   : state == ST_TRAILER || state == ST_TRAILER_LF;
}

/* Take a run of data that is `left` bytes long at most. */
static struct span
take_data(struct http1_body *b, struct span in, size_t *used)
{
	struct span rest = span_from(in, *used);
	size_t n = b->left < rest.n ? (size_t)b->left : rest.n;

	b->left -= n;
	*used += n;
	return span_first(rest, n);
}

static enum step
feed_chunked(struct http1_body *b, struct span in, size_t *used, struct span *data, struct err *e)
{
	while (b->state != ST_OVER && b->state != ST_FAULT && *used < in.n) {
		if (b->state == ST_DATA) {
			*data = take_data(b, in, used);
			if (!b->left)
				b->state = ST_DATA_CR;
			return STEP_MORE;
		}
		b->state = (uint8_t)on_byte(b, in.p[*used]);
		++*used;
		if (is_overhead(b->state) && ++b->overhead > OVERHEAD_MAX)
			b->state = ST_FAULT;
	}
	if (b->state == ST_FAULT) {
		err_set(e, ERR_MALFORMED, REASON_BAD_REQUEST, "%s", b->fault);
		err_show(e, "%s", b->fault);
		return STEP_BAD;
	}
	return b->state == ST_OVER ? STEP_DONE : STEP_MORE;
}

enum step
http1_body_feed(
    struct http1_body *b, struct span in, size_t *used, struct span *data, struct err *e)
{
	*used = 0;
	*data = span_of(NULL, 0);
	switch (b->framing) {
	case HTTP_LENGTH:
		*data = take_data(b, in, used);
		return b->left ? STEP_MORE : STEP_DONE;
	case HTTP_CHUNKED:
		return feed_chunked(b, in, used, data, e);
	case HTTP_UNTIL_CLOSE:
		*data = in;
		*used = in.n;
		return STEP_MORE;
	default:
		return STEP_DONE;
	}
}

bool
http1_body_ends_at_close(const struct http1_body *b)
{
	if (b->framing == HTTP_LENGTH)
		return b->left == 0;
	return b->framing != HTTP_CHUNKED || b->state == ST_OVER;
}
